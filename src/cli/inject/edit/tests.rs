//! Texts before and after an edit, by hand and drawn.

mod anchors;
mod drawn;
mod garbled;

use serde_json::{Value, json};

use super::*;

fn read(text: &str) -> Value {
    yaml::parse(text).expect(text).expect("a document")
}

/// The text after its value was changed.
fn changed(text: &str, change: impl Fn(&mut Value)) -> Result<String, Refusal> {
    let old = read(text);
    let mut new = old.clone();
    change(&mut new);
    edited(text, &old, &new)
}

fn added(text: &str, pointer: &str, value: &Value) -> String {
    let (parent, part) = pointer.rsplit_once('/').expect("a pointer");
    changed(text, |document| {
        let parent = document.pointer_mut(parent).expect("it is there");
        match parent {
            Value::Array(items) => items.insert(part.parse().unwrap_or(items.len()), value.clone()),
            parent => parent[part] = value.clone(),
        }
    })
    .unwrap_or_else(|refusal| panic!("{refusal}\n{text}"))
}

const ENV: &str = r#"[{"name": "A", "value": "1"}]"#;
const ENV_BELOW: &str = r#"{"d": [{"name": "A", "value": "1"}]}"#;

/// A text, what is added to it and where, and the text afterwards.
const FORMS: &[(&str, &str, &str, &str)] = &[
    // Lists at the column of their key, or further to the right; two blanks or four.
    ("a:\n- x\n", "/a/-", "\"w\"", "a:\n- x\n- w\n"),
    (
        "a:\n  - x\n",
        "/b",
        ENV,
        "a:\n  - x\nb:\n  - name: A\n    value: \"1\"\n",
    ),
    (
        "a:\n    b:\n    - x\n",
        "/c",
        ENV_BELOW,
        "a:\n    b:\n    - x\nc:\n    d:\n    - name: A\n      value: \"1\"\n",
    ),
    ("- - a\n  - b\n", "/0/0", "\"x\"", "- - x\n  - a\n  - b\n"),
    ("? a\n: b: 1\n", "/a/c", "2", "? a\n: b: 1\n  c: 2\n"),
    ("? a\n: 1\n", "/b", "2", "? a\n: 1\nb: 2\n"),
    (
        "- &e a: 1\n  b: 2\n",
        "/0/c",
        "3",
        "- &e a: 1\n  b: 2\n  c: 3\n",
    ),
    (
        "x:\n  !!str a: 1\n",
        "/x/b",
        "2",
        "x:\n  !!str a: 1\n  b: 2\n",
    ),
    (
        "a: !!map\n  b: 1\n",
        "/a/c",
        "2",
        "a: !!map\n  b: 1\n  c: 2\n",
    ),
    // Nothing, and empty brackets.
    (
        "a:\nb: 1\n",
        "/a",
        ENV,
        "a:\n- name: A\n  value: \"1\"\nb: 1\n",
    ),
    (
        "a: # c\nb: 1\n",
        "/a",
        "{\"d\": 1}",
        "a: # c\n  d: 1\nb: 1\n",
    ),
    ("a: ~ # c\n", "/a", "[1]", "a: # c\n- 1\n"),
    ("a: {} # c\n", "/a/b", "\"x\"", "a: # c\n  b: x\n"),
    ("a: [ # c\n  ]\n", "/a/-", "\"x\"", "a: [x # c\n  ]\n"),
    (
        "- a: []\n  b: 1\n",
        "/0/a/-",
        "\"x\"",
        "- a:\n  - x\n  b: 1\n",
    ),
    ("a: {b: {}}\n", "/a/b/c", "true", "a: {b: {c: true}}\n"),
    ("{a: }", "/a", "[1]", "{a: [1] }"),
    // Flow style, with the commas and lines that are there.
    (
        "a: {b: 1} # c\n",
        "/a/d",
        "{\"e\": \"x, y\"}",
        "a: {b: 1, d: {e: \"x, y\"}} # c\n",
    ),
    ("a: [1, 2]", "/a/0", "\"x\"", "a: [x, 1, 2]"),
    ("a: [1, 2, ]", "/a/-", "\"x\"", "a: [1, 2, x, ]"),
    (
        "a: [\n  1, # one\n  2  # two\n]\n",
        "/a/-",
        "3",
        "a: [\n  1, # one\n  2,  # two\n  3\n]\n",
    ),
    (
        "a: [\n  1, # one\n  2, # two\n]\n",
        "/a/-",
        "3",
        "a: [\n  1, # one\n  2, # two\n  3,\n]\n",
    ),
    // JSON.
    (
        "{\"a\":[1],\"b\":{}}",
        "/a/-",
        "{\"c\": \"d\"}",
        "{\"a\":[1,{\"c\":\"d\"}],\"b\":{}}",
    ),
    ("{\"a\": 1}", "/b", "[1, 2]", "{\"a\": 1, \"b\": [1, 2]}"),
    (
        "{\n\t\"a\": {\n\t\t\"b\": []\n\t}\n}\n",
        "/a/b",
        "[1]",
        "{\n\t\"a\": {\n\t\t\"b\": [\n\t\t\t1\n\t\t]\n\t}\n}\n",
    ),
    (
        "{\n  \"a\": 1\n}\n",
        "/b",
        "{\"c\": 1}",
        "{\n  \"a\": 1,\n  \"b\": {\n    \"c\": 1\n  }\n}\n",
    ),
    ("--- {a: 1}\n", "/b", "2", "--- {a: 1, b: 2}\n"),
];

#[test]
fn members_and_items_take_the_form_of_their_neighbours() {
    for (text, pointer, value, expected) in FORMS {
        let value = serde_json::from_str(value).expect("JSON");
        assert_eq!(added(text, pointer, &value), *expected, "{text}");
    }
}

/// The same for `x`.
const LINES: &[(&str, &str, &str)] = &[
    // Indented as far as the map, a comment is in it; further to the left it belongs to what
    // follows.
    (
        "a:\n  b: 1 # b\n\n  # of a\n # of c\nc: 1\n",
        "/a/new",
        "a:\n  b: 1 # b\n\n  # of a\n  new: x\n # of c\nc: 1\n",
    ),
    (
        "a:\n- x\n# of b\nb: 1\n",
        "/a/-",
        "a:\n- x\n- x\n# of b\nb: 1\n",
    ),
    (
        "a:\n# of x\n- x # x\n# of y\n- y\n",
        "/a/1",
        "a:\n# of x\n- x # x\n- x\n# of y\n- y\n",
    ),
    (
        "a: # a\n# of v\n- v\n",
        "/a/0",
        "a: # a\n- x\n# of v\n- v\n",
    ),
    ("# of all\n- v\n", "/0", "- x\n# of all\n- v\n"),
    (
        "a: 1\n# the end\n...\n",
        "/new",
        "a: 1\nnew: x\n# the end\n...\n",
    ),
    // Texts of several lines.
    (
        "a:\n  b: |+\n    x\n\nc: 1\n",
        "/a/new",
        "a:\n  b: |+\n    x\n\n  new: x\nc: 1\n",
    ),
    (
        "a:\n  b: |\n    x\n\nc: 1\n",
        "/a/new",
        "a:\n  b: |\n    x\n  new: x\n\nc: 1\n",
    ),
    (
        "a:\n  b: >-\n    x\n  # c\n",
        "/a/new",
        "a:\n  b: >-\n    x\n  # c\n  new: x\n",
    ),
    (
        "a:\n  b: |2\n     x\n     \nc: 1\n",
        "/a/new",
        "a:\n  b: |2\n     x\n     \n  new: x\nc: 1\n",
    ),
    (
        "a:\n  b: x\n    y # z\n",
        "/a/new",
        "a:\n  b: x\n    y # z\n  new: x\n",
    ),
    (
        "a:\n  b: 'x\n\n    # y'\n",
        "/a/new",
        "a:\n  b: 'x\n\n    # y'\n  new: x\n",
    ),
    ("a:\n- 'x\ny'\n", "/a/-", "a:\n- 'x\ny'\n- x\n"),
    // Line ends, and letters of several bytes.
    (
        "ä: ö # ü\r\nb:\r\n- x\r\n",
        "/b/-",
        "ä: ö # ü\r\nb:\r\n- x\r\n- x\r\n",
    ),
    ("a: |\n  x", "/new", "a: |\n  x\nnew: x"),
    ("a:", "/new", "a:\nnew: x"),
];

#[test]
fn new_lines_are_behind_the_value_before_them_and_its_comments() {
    for (text, pointer, expected) in LINES {
        assert_eq!(added(text, pointer, &json!("x")), *expected, "{text}");
    }
}

/// A text, what it has to mean, and the text afterwards.
const CHANGES: &[(&str, &str, &str)] = &[
    ("a: [ # c\n  ]\n", "{\"a\": 1}", "a: 1\n"),
    (
        "a: \"x\" # c\nb: 'y'\n",
        "{\"a\": \"z\", \"b\": \"true\"}",
        "a: \"z\" # c\nb: \"true\"\n",
    ),
    (
        "a: |\n  x\nb: 1\n",
        "{\"a\": \"y\\nz\\n\", \"b\": 1}",
        "a: |\n  y\n  z\nb: 1\n",
    ),
    (
        "a: x # c\n",
        "{\"a\": \"y\\nz\\n\"}",
        "a: \"y\\nz\\n\" # c\n",
    ),
    (
        "a:\n  b: 1\n  c: 2 # c\n# d\n",
        "{\"a\": {\"b\": 1}}",
        "a:\n  b: 1\n# d\n",
    ),
    ("a: 1\nb:\n- 1\n", "{\"b\": [1]}", "b:\n- 1\n"),
    ("- a: 1\n  b: 2\n  c: 3\n", "[{\"c\": 3}]", "- c: 3\n"),
    ("- a: 1\n- b: 2\n", "[{\"b\": 2}]", "- b: 2\n"),
    ("a:\n- 1\nb: 2\n", "{\"a\": [], \"b\": 2}", "a: []\nb: 2\n"),
    ("a: [1, 2, 3]\n", "{\"a\": [1]}", "a: [1]\n"),
    ("a: [1, 2, 3]\n", "{\"a\": [3]}", "a: [3]\n"),
    ("a: {b: 1, c: 2}\n", "{\"a\": {\"d\": 3}}", "a: {d: 3}\n"),
    ("- -1\n- x\n", "[-2, \"x\"]", "- -2\n- x\n"),
    // An item that moves takes its text along: what is between keeps its own.
    (
        "- name: a # a\n- name: b # b\n",
        "[{\"name\": \"b\"}, {\"name\": \"a\"}]",
        "- name: b\n- name: a # a\n",
    ),
];

#[test]
fn what_is_replaced_or_removed_leaves_the_rest() {
    for (text, new, expected) in CHANGES {
        let new = serde_json::from_str(new).expect("JSON");
        let edited = edited(text, &read(text), &new);
        assert_eq!(edited.as_deref(), Ok(*expected), "{text}");
    }
}

#[test]
fn a_merge_below_other_keys_is_refused_by_its_line() {
    for text in [
        "a: [1]\nb:\n  c: 1\n  <<: {c: 2}\n",
        "a: [1]\n\nb:\n- {<<: {c: 2}, d: 1, <<: {e: 1}}\n",
    ] {
        let refusal = changed(text, |document| document["a"] = json!([1, 2]));
        assert_eq!(refusal, Err(Refusal::LateMerge { line: 4 }), "{text}");
    }
    let first = "a: [1]\nb: {<<: {c: 2}, \"<\": 1, '<<': 3}\n";
    assert!(changed(first, |document| document["a"] = json!([1, 2])).is_ok());
}
