//! The shape of a pod's required node affinity.
//!
//! Owns the check of all from `spec` to a requirement, which is read and added to later: all of it
//! must have the API's shape. Called by `shape`.

use serde_json::Value;

use super::{check_lists, present, wrong};
use crate::inject::Denial;
use crate::inject::nodes::{EXPRESSIONS, FIELDS, REQUIRED, TERMS};
use crate::inject::pod::items;

pub(super) fn check(spec: &Value) -> Result<(), Denial> {
    let (mut path, mut at) = ("spec".to_owned(), spec);
    for key in ["affinity", "nodeAffinity", REQUIRED] {
        path = format!("{path}.{key}");
        at = match present(at, key) {
            None => return Ok(()),
            Some(map) if map.is_object() => map,
            Some(_) => return Err(wrong(format!("{path} must be a map"))),
        };
    }
    check_lists(at, &path, &[TERMS])?;
    for (number, term) in items(at, TERMS).enumerate() {
        let path = format!("{path}.{TERMS}[{number}]");
        check_lists(term, &path, &[EXPRESSIONS, FIELDS])?;
    }
    Ok(())
}
