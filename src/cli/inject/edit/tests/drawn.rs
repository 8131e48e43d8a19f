//! Documents as authors write them, in every style, with comments: whatever is changed, the text
//! means it, and what is not touched is still there.

mod author;

use serde_json::{Map, Value, json};

use super::super::align::name;
use super::super::*;
use author::Author;

const DOCUMENTS: u64 = 4_000;
const TEXTS: [&str; 10] = [
    "plain",
    "true",
    "two words",
    "größer",
    "# none",
    "it's",
    "a: b",
    "1\n2\n",
    "ä\n\n  # b\n\n",
    "",
];

fn value(draw: &mut fastrand::Rng, depth: usize) -> Value {
    match draw.u8(..if depth == 0 { 4 } else { 9 }) {
        0 => Value::Null,
        1 => draw.bool().into(),
        2 => draw.i32(..).into(),
        3 => TEXTS[draw.usize(..TEXTS.len())].into(),
        4 | 5 => (0..draw.usize(..4))
            .map(|_| value(draw, depth - 1))
            .collect(),
        _ => map(draw, depth - 1).into(),
    }
}

fn map(draw: &mut fastrand::Rng, depth: usize) -> Map<String, Value> {
    let count = draw.usize(..4);
    (0..count)
        .map(|_| (key(draw), value(draw, depth)))
        .collect()
}

fn key(draw: &mut fastrand::Rng) -> String {
    ["name", "env", "größe", "a.b/c", "k1", "k2", "k3"][draw.usize(..7)].to_owned()
}

/// Adds to a value somewhere, or sets what is nothing; takes something away when `removes`.
fn change(draw: &mut fastrand::Rng, value: &mut Value, removes: bool) {
    let goes_deeper = draw.u8(..4) > 0;
    match value {
        Value::Object(map) if goes_deeper && !map.is_empty() => {
            let at = draw.usize(..map.len());
            let (key, inner) = map.iter_mut().nth(at).expect("it is there");
            // Items of lists are known by their names.
            if key != "name" {
                change(draw, inner, removes);
            }
        }
        Value::Array(items) if goes_deeper && !items.is_empty() => {
            let at = draw.usize(..items.len());
            change(draw, &mut items[at], removes);
        }
        Value::Object(map) if removes && !map.is_empty() => {
            let key = map.keys().nth(draw.usize(..map.len())).cloned();
            map.remove(&key.expect("it is there"));
        }
        Value::Array(items) if removes && !items.is_empty() => {
            items.remove(draw.usize(..items.len()));
        }
        Value::Object(map) => {
            let key = format!("new{}", draw.u8(..));
            map.insert(key, self::value(draw, 3));
        }
        Value::Array(items) => {
            let are_named = items.iter().all(|item| name(item).is_some());
            let at = draw.usize(if are_named { 0 } else { items.len() }..=items.len());
            items.insert(
                at,
                json!({ "name": format!("new{}", draw.u32(..)), "value": self::value(draw, 2) }),
            );
        }
        Value::Null => *value = self::value(draw, 3),
        _ if removes => *value = self::value(draw, 3),
        _ => {}
    }
}

/// The first of these that is not among the others, in their order.
fn lost<'t>(
    parts: impl Iterator<Item = &'t str>,
    among: impl Iterator<Item = &'t str>,
) -> Option<&'t str> {
    let mut among = among;
    let mut parts = parts;
    parts.find(|part| !among.any(|other| other == *part))
}

/// Whether nothing can be added to what this line holds: it is neither in brackets nor nothing.
fn is_whole(line: &str) -> bool {
    let own = line.split(" #").next().unwrap_or_default().trim_end();
    let is_empty = own.is_empty() || own.ends_with([':', '-']) || own.ends_with("null");
    !is_empty
        && !own.starts_with(&" ".repeat(9)) | own.starts_with(&" ".repeat(10))
        && !own.contains(['{', '[', ']', '}', ','])
}

fn comments(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter_map(|line| line.find("# c").map(|at| &line[at..]))
}

#[test]
fn drawn_documents_mean_what_was_wanted_and_keep_the_rest() {
    for seed in 0..DOCUMENTS {
        let mut draw = fastrand::Rng::with_seed(seed);
        let old: Value = loop {
            let map = map(&mut draw, 4);
            if !map.is_empty() {
                break map.into();
            }
        };
        let newline = ["\n", "\r\n"][draw.usize(..2)];
        let mut text = Author::write(&old, seed).replace('\n', newline);
        let keeps = text.contains("|+");
        if draw.bool() && !keeps {
            text.truncate(text.trim_end().len());
        }
        assert_eq!(
            yaml::parse(&text).expect(&text),
            Some(old.clone()),
            "seed {seed}:\n{text}"
        );
        let removes = draw.u8(..3) == 0;
        let mut new = old.clone();
        for _ in 0..draw.u8(1..5) {
            change(&mut draw, &mut new, removes);
        }
        let edited = edited(&text, &old, &new)
            .unwrap_or_else(|refusal| panic!("seed {seed}: {refusal}: {new}\n{text}"));
        assert_eq!(
            yaml::parse(&edited).expect(&edited),
            Some(new),
            "seed {seed}:\n{text}\n{edited}"
        );
        if !removes {
            let context = || format!("seed {seed}:\n{text}\n---\n{edited}");
            assert_eq!(
                lost(comments(&text), comments(&edited)),
                None,
                "{}",
                context()
            );
            let own = text.lines().filter(|line| is_whole(line));
            assert_eq!(lost(own, edited.lines()), None, "{}", context());
            assert_eq!(
                text.ends_with('\n'),
                edited.ends_with('\n'),
                "{}",
                context()
            );
        }
    }
}
