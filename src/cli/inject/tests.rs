//! What is read is what was written: drawn documents go through text and back, streams through
//! their parts.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Map;

use super::*;

/// Texts that YAML would read as something else if they stood without quotes.
const ODD_TEXTS: &[&str] = &[
    "",
    "true",
    "Yes",
    "no",
    "on",
    "y",
    "null",
    "~",
    "0644",
    "0o17",
    "0x1f",
    "1e3",
    "1_000",
    "1:30",
    "12",
    "1.5",
    "-1",
    ".5",
    ".inf",
    "2026-11-22",
    "2026-11-22T00:00:00Z",
    "- a",
    "a: b",
    "a:",
    "#",
    "a #b",
    "'",
    "\"",
    "*a",
    "&a",
    "!t",
    "%d",
    "@x",
    "`x",
    "{",
    "[",
    "<<",
    "=",
    "?",
    "|",
    ">",
    "a\nb",
    "a\nb\n",
    "a\n\nb\n",
    " a\nb",
    "\na",
    "a\n\n",
    "a\n \nb",
    "a\t\nb",
    "\t",
    "a\r\nb",
    "\u{85}",
    "\u{2028}",
    "\u{feff}x",
    "\u{7f}",
    "\u{1f600}",
    "10m",
    "32Mi",
    "$(A),b",
    "--- a",
    "---\na",
    "a\n---\nb",
    "...",
    "a\n...\nb",
];

fn text() -> impl Strategy<Value = String> {
    let odd = proptest::sample::select(ODD_TEXTS);
    prop_oneof![
        odd.prop_map(str::to_owned),
        ".{0,12}",
        "[ -~\n]{0,24}",
        "[a-z0-9 .:/-]{0,12}"
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| (f64::from(eighths) / 8.0).into()),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 5, |inner| {
        let map = proptest::collection::btree_map(text(), inner.clone(), 0..5);
        let map = map.prop_map(|map| map.into_iter().collect::<Map<_, _>>().into());
        prop_oneof![vec(inner, 0..5).prop_map(Value::from), map]
    })
}

fn member(value: &Value) -> Value {
    serde_json::json!({ "k": value })
}

/// As what is added to a block.
fn printed(value: &Value, of_lists: usize) -> String {
    let indent = emit::Indent {
        of_maps: 2,
        of_lists,
    };
    emit::block(value, 0, indent) + "\n"
}

#[test]
fn lines_of_a_text_are_no_ends_of_the_document() {
    for text in ["---\na", "a\n...\nb", "a\n--- x\nb\n"] {
        for value in [member(&text.into()), vec![text].into()] {
            let printed = printed(&value, 0);
            assert_eq!(
                yaml::parse(&printed).ok().flatten(),
                Some(value),
                "{printed}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_added_reads_the_same_in_every_style(value in value()) {
        let value = member(&value);
        let block = printed(&value, 0);
        let styles = [
            emit::Flow { is_json: false, is_wide: true }.value(&value),
            emit::Flow { is_json: true, is_wide: false }.value(&value),
            emit::pretty(&value, "", "\t"),
            printed(&value, 2),
        ];
        prop_assert!(folded::deeper(&block).is_none());
        for text in styles.iter().chain([&block]) {
            let read = yaml::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
            prop_assert_eq!(read, Some(value.clone()), "{}", text);
        }
    }

    #[test]
    fn the_parts_of_a_stream_are_the_stream(
        text in "(---( #c)?\n|[a-c]: 1\n|# c\n|\n|--- x\n|-----\n|  --- \n|[.]{3}\n|\u{feff}|\\{\\}|\\{\n\\} ){0,12}(a: 1)?",
    ) {
        let parts = stream::split(&text);
        let whole: String = parts.iter().map(|part| part.text).collect();
        prop_assert_eq!(&whole, &text);
        let mut before = 0;
        for part in parts {
            prop_assert_eq!(part.line, 1 + text[..before].matches('\n').count(), "{:?}", part);
            before += part.text.len();
        }
    }
}

#[test]
fn texts_are_plain_only_where_every_reader_takes_them_for_texts() {
    for (text, expected) in [
        (
            "registry.example.com/app:1.2",
            "k: registry.example.com/app:1.2\n",
        ),
        ("/var/run/secrets", "k: /var/run/secrets\n"),
        ("32Mi", "k: 32Mi\n"),
        ("sleep 5", "k: sleep 5\n"),
        ("true", "k: \"true\"\n"),
        ("NO", "k: \"NO\"\n"),
        ("1", "k: \"1\"\n"),
        ("1e3", "k: \"1e3\"\n"),
        ("", "k: \"\"\n"),
        ("{\"a\":1}", "k: '{\"a\":1}'\n"),
        ("#!/bin/sh\nset -e\n", "k: |\n  #!/bin/sh\n  set -e\n"),
        ("a\n\n  b", "k: |-\n  a\n\n    b\n"),
    ] {
        assert_eq!(printed(&member(&text.into()), 0), expected);
    }
}

#[test]
fn yaml_is_read_as_kubernetes_does() {
    let read = |text: &str| yaml::parse(text).expect(text).expect("a document");
    assert_eq!(
        read("{mode: 0644, a: yes, b: 'yes', on: off, big: 1e3}"),
        serde_json::json!({
            "mode": 420, "a": true, "b": "yes", "true": false, "big": 1000.0,
        })
    );
    assert_eq!(
        read("{80: 1, 1.50: 1, 0644: 1, 0x10: 1, 1e3: 1, n: 1, 1e6: 1, .00001: 1}"),
        serde_json::json!({
            "80": 1, "1.5": 1, "420": 1, "16": 1, "1000": 1, "false": 1, "1e+06": 1, "1e-05": 1,
        })
    );
    assert_eq!(
        read(
            "- 'one\n two'\n- a:\n  - 'x\n  y'\n  - \"- \\\"z \\\n  z\" # '\n  - tis\n  - &x 'v\n  w'\n"
        ),
        serde_json::json!(["one two", { "a": ["x y", "- \"z z", "tis", "v w"] }])
    );
    assert_eq!(
        read("a: &x [1]\nb: *x\n"),
        serde_json::json!({ "a": [1], "b": [1] })
    );
    assert!(yaml::parse("a: 1\na: 2\n").is_err() && yaml::parse("{\"a\": 1, \"a\": 2}").is_err());
    assert!(yaml::parse("a: .inf\n").is_err());
    assert!(yaml::parse(&"[".repeat(100_000)).is_err());
}

type Row<'a> = ((String, Vec<&'a str>), Vec<&'a str>);

/// The known kinds, those that follow each other with the same places in a row.
fn documented() -> Vec<Row<'static>> {
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in kinds::KNOWN.lines() {
        let (kind, place) = line.split_once('=').expect("a kind and a place");
        match kinds.last_mut() {
            Some((last, places)) if *last == kind => places.push(place),
            _ => kinds.push((kind, vec![place])),
        }
    }
    let mut rows: Vec<Row<'_>> = Vec::new();
    for (kind, places) in kinds {
        let (group, kind) = kind.split_once('/').unwrap_or(("", kind));
        let group = if group.is_empty() {
            "core".to_owned()
        } else {
            code(&[group])
        };
        match rows.last_mut() {
            Some((of, kinds)) if *of == (group.clone(), places.clone()) => kinds.push(kind),
            _ => rows.push(((group, places), vec![kind])),
        }
    }
    rows
}

fn code(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[test]
fn the_documented_kinds_are_those_of_the_table() {
    let page = include_str!("../../../docs/inject.md");
    let table = page
        .split("<!-- kinds: begin -->\n")
        .nth(1)
        .and_then(|rest| rest.split("\n<!-- kinds: end -->").next());
    let mut rows = vec![
        "| API group | kinds | pod templates |".to_owned(),
        "|---|---|---|".to_owned(),
    ];
    for ((group, places), kinds) in documented() {
        rows.push(format!(
            "| {group} | {} | {} |",
            code(&kinds),
            code(&places)
        ));
    }
    assert_eq!(
        table.unwrap_or_default(),
        rows.join("\n"),
        "{}",
        rows.join("\n")
    );
}
