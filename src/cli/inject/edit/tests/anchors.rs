//! Texts that mean something in more than one place.

use serde_json::{Value, json};

use super::changed;
use crate::cli::inject::edit::Refusal;

#[test]
fn a_change_beside_an_anchor_is_made_and_one_in_it_refused_by_name_and_line() {
    let add = |pointer: &'static str| {
        move |document: &mut Value| match document.pointer_mut(pointer) {
            Some(Value::Array(items)) => items.push(json!("x")),
            Some(parent) => parent["new"] = json!("x"),
            None => panic!("{pointer}"),
        }
    };
    for (text, pointer, expected) in [
        (
            "a: &a {b: 1}\nc: {d: *a}\n",
            "/c",
            Ok("a: &a {b: 1}\nc: {d: *a, new: x}\n"),
        ),
        (
            "a: &a\n  b: 1\nc: 2\n",
            "/a",
            Ok("a: &a\n  b: 1\n  new: x\nc: 2\n"),
        ),
        (
            "a: &a {b: 1}\nc:\n  <<: *a\n",
            "/c",
            Ok("a: &a {b: 1}\nc:\n  <<: *a\n  new: x\n"),
        ),
        ("# c\na: &a {b: 1}\nc: *a\n", "/a", Err(("&a", 2))),
        ("a: &a {b: 1}\n# c\nc: *a\n", "/c", Err(("*a", 3))),
        ("a: &a {b: [1]}\nc:\n  <<: *a\n", "/c/b", Err(("<<: *a", 3))),
    ] {
        let expected = expected
            .map(str::to_owned)
            .map_err(|(name, line)| Refusal::Shared {
                name: name.to_owned(),
                line,
            });
        assert_eq!(changed(text, add(pointer)), expected, "{text}");
    }
    // The same change wherever an anchor is used is one change of its text.
    let both = changed("a: &a [1]\nb: *a\n", |document| {
        *document = json!({ "a": [1, 2], "b": [1, 2] });
    });
    assert_eq!(both.as_deref(), Ok("a: &a [1, 2]\nb: *a\n"));
}
