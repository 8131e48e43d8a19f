//! Texts made of what YAML is made of, in no order.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Refusal, edited};
use super::yaml;

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the parsers make of it: an edit ends, and says what was wanted or is refused.
    #[test]
    fn no_text_is_edited_into_another_meaning(text in "([-?:,{}\\[\\]#&*!|>'\"%\n\t ä-][ \n]?|a: |- |b\n|&x |\\*x|<<: |\\| ?\n  ){0,14}") {
        if let Ok(Some(old)) = yaml::parse(&text) {
            let same = edited(&text, &old, &old);
            let is_late_merge = matches!(same, Err(Refusal::LateMerge { .. }));
            prop_assert!(same.as_ref() == Ok(&text) || is_late_merge, "{:?}", same);
            for new in changes(&old) {
                if let Ok(edited) = edited(&text, &old, &new) {
                    prop_assert_eq!(yaml::parse(&edited).ok().flatten(), Some(new), "{}", edited);
                }
            }
        }
    }
}

/// The value with something added at each place, and with each part left out.
fn changes(old: &Value) -> Vec<Value> {
    match old {
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, inner)| {
                let put = |value: Value| {
                    let mut new = map.clone();
                    new.insert(key.clone(), value);
                    Value::from(new)
                };
                let mut less = map.clone();
                less.remove(key);
                let more = changes(inner).into_iter().map(put);
                more.chain([less.into()]).collect::<Vec<_>>()
            })
            .chain([{
                let mut new = map.clone();
                new.insert("new".to_owned(), json!(["x"]));
                new.into()
            }])
            .collect(),
        Value::Array(items) => (0..=items.len())
            .map(|at| {
                let mut new = items.clone();
                new.insert(at, json!({ "new": "x" }));
                new.into()
            })
            .collect(),
        _ => vec![json!({ "new": [1] }), json!("x")],
    }
}
