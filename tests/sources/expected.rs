//! Comparing what was asked with what the case says, field by field.

use std::collections::BTreeMap;

use serde_json::Value;

use super::case::{Expected, Signer};
use super::stage::Stage;
use super::support::fake_sts::Call;

/// The first calls against the case's, in their order.
pub fn first_calls(stage: &Stage<'_>, calls: &[Call]) -> Result<(), String> {
    let expected = &stage.case.calls;
    if calls.len() < expected.len() {
        let made: Vec<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
        return Err(format!(
            "{} calls instead of {}: {made:?}",
            calls.len(),
            expected.len()
        ));
    }
    (0..expected.len()).try_for_each(|at| compare(stage, at, &calls[at]))
}

/// Every call against the one of the case that it repeats.
pub fn every_call(stage: &Stage<'_>, calls: &[Call]) -> Result<(), String> {
    calls.iter().try_for_each(|call| {
        let like = |expected: &&Expected| {
            expected.operation == call.operation
                && expected.form.get("RoleArn") == call.form.get("RoleArn")
        };
        let at = stage.case.calls.iter().position(|expected| like(&expected));
        let at = at.ok_or_else(|| {
            format!(
                "a call the case does not have: {} {:?}",
                call.operation, call.form
            )
        })?;
        compare(stage, at, call)
    })
}

fn compare(stage: &Stage<'_>, at: usize, call: &Call) -> Result<(), String> {
    let expected = &stage.case.calls[at];
    let said = |what: &str, found: &str, meant: &str| {
        Err(format!("call {at}: {what} is {found}, not {meant}"))
    };
    if call.operation != expected.operation {
        return said("the operation", &call.operation, &expected.operation);
    }
    let found = call.parameters();
    let meant: BTreeMap<&str, String> = expected
        .form
        .iter()
        .map(|(key, value)| (key.as_str(), stage.meant(value)))
        .collect();
    for (key, meant) in &meant {
        match found.get(key) {
            None => return Err(format!("call {at}: {key} is missing, meant {meant}")),
            Some(found) if meant == "code" => {
                if found.len() != 6 || !found.bytes().all(|byte| byte.is_ascii_digit()) {
                    return said(key, found, "six digits");
                }
            }
            Some(found) if found != meant => return said(key, found, meant),
            Some(_) => {}
        }
    }
    if let Some(more) = found.keys().find(|key| !meant.contains_key(*key)) {
        return Err(format!(
            "call {at}: {more} was not to be sent: {}",
            found[more]
        ));
    }
    signer(stage, at, call)
}

fn signer(stage: &Stage<'_>, at: usize, call: &Call) -> Result<(), String> {
    let expected = &stage.case.calls[at].signer;
    match (expected, call.signer()) {
        (Signer::Nobody, None) => Ok(()),
        (Signer::User(id), Some(signer)) if id == signer => Ok(()),
        (Signer::Previous, Some(signer)) => {
            let previous = &stage.case.calls[at - 1];
            let issued = stage
                .sts
                .issued(signer)
                .ok_or_else(|| format!("call {at}: signed by {signer}, never issued"))?;
            let is_it = issued.operation == previous.operation
                && previous
                    .form
                    .get("RoleArn")
                    .is_none_or(|role| issued.role_arn.as_ref() == Some(role));
            if is_it {
                Ok(())
            } else {
                Err(format!("call {at}: signed by a session of {issued:?}"))
            }
        }
        (_, signer) => Err(format!("call {at}: signed by {signer:?}, not {expected:?}")),
    }
}

/// Whether `found` has all of `meant`: objects by their keys, lists member by member.
pub fn contains(found: &Value, meant: &Value, path: &str) -> Result<(), String> {
    match (found, meant) {
        (Value::Object(found), Value::Object(meant)) => {
            meant.iter().try_for_each(|(key, meant)| {
                let path = format!("{path}.{key}");
                contains(found.get(key).unwrap_or(&Value::Null), meant, &path)
            })
        }
        (Value::Array(found), Value::Array(meant)) if found.len() == meant.len() => {
            let members = found.iter().zip(meant).enumerate();
            members.into_iter().try_for_each(|(at, (found, meant))| {
                contains(found, meant, &format!("{path}[{at}]"))
            })
        }
        (found, meant) if found == meant => Ok(()),
        (found, meant) => Err(format!("{path} is {found}, not {meant}")),
    }
}
