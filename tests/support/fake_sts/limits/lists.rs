//! The lists among the parameters: how many members, and what each must be.

use std::collections::{BTreeMap, BTreeSet};

use super::super::judge::Refusal;
use super::{ANYTHING, ARN, Form, TAG_TEXT, refusal, refused, within};

/// The members of a list, in order, each with its fields (a plain member has one without a name).
fn members<'f>(form: &'f Form, list: &str) -> Result<Vec<BTreeMap<&'f str, &'f str>>, Refusal> {
    let mut found: BTreeMap<usize, BTreeMap<&str, &str>> = BTreeMap::new();
    for (key, value) in form {
        let Some(rest) = key
            .strip_prefix(list)
            .and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        let (number, field) = rest.strip_prefix("member.").map_or((None, ""), |rest| {
            let (number, field) = rest.split_once('.').unwrap_or((rest, ""));
            (number.parse().ok(), field)
        });
        let number = number.ok_or((
            400,
            "MalformedInput",
            format!("{key} is not the key of a list's member"),
        ))?;
        found.entry(number).or_default().insert(field, value);
    }
    let is_counted = found.keys().copied().eq(1..=found.len());
    if is_counted {
        Ok(found.into_values().collect())
    } else {
        Err(refusal(list, "members count from 1"))
    }
}

/// The list itself as a parameter is what some SDKs send for an empty one; STS takes it for one
/// empty member.
fn not_empty(form: &Form, list: &str) -> Result<(), Refusal> {
    if form.contains_key(list) {
        refused(list, "Member must not be null")
    } else {
        Ok(())
    }
}

fn field<'f>(
    member: &BTreeMap<&'f str, &'f str>,
    name: &str,
    list: &str,
) -> Result<&'f str, Refusal> {
    member
        .get(name)
        .copied()
        .ok_or_else(|| refusal(list, &format!("{name} must not be null")))
}

pub(super) fn check_policy_arns(form: &Form) -> Result<(), Refusal> {
    not_empty(form, "PolicyArns")?;
    let arns = members(form, "PolicyArns")?;
    if arns.len() > 10 {
        return refused(
            "PolicyArns",
            "Member must have length less than or equal to 10",
        );
    }
    arns.iter().try_for_each(|arn| {
        within(
            "PolicyArns",
            field(arn, "arn", "PolicyArns")?,
            20,
            2048,
            &ARN,
        )
    })
}

pub(super) fn check_tags(form: &Form) -> Result<(), Refusal> {
    not_empty(form, "Tags")?;
    let tags = members(form, "Tags")?;
    if tags.len() > 50 {
        return refused("Tags", "Member must have length less than or equal to 50");
    }
    let mut keys = BTreeSet::new();
    for tag in &tags {
        let key = field(tag, "Key", "Tags")?;
        within("Tags", key, 1, 128, &TAG_TEXT)?;
        within("Tags", field(tag, "Value", "Tags")?, 0, 256, &TAG_TEXT)?;
        if !keys.insert(key.to_lowercase()) {
            let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err((400, "InvalidParameterValue", text.to_owned()));
        }
    }
    Ok(())
}

pub(super) fn check_transitive(form: &Form) -> Result<(), Refusal> {
    not_empty(form, "TransitiveTagKeys")?;
    let keys = members(form, "TransitiveTagKeys")?;
    if keys.len() > 50 {
        return refused(
            "TransitiveTagKeys",
            "Member must have length less than or equal to 50",
        );
    }
    let tags: Vec<String> = tag_keys(form);
    for key in keys {
        let key = field(&key, "", "TransitiveTagKeys")?;
        within("TransitiveTagKeys", key, 1, 128, &TAG_TEXT)?;
        if !tags.contains(&key.to_lowercase()) {
            let text = "The specified transitive tag key must be included in the requested tags.";
            return Err((400, "InvalidParameterValue", text.to_owned()));
        }
    }
    Ok(())
}

/// The keys of the tags of a request, as STS compares them.
pub fn tag_keys(form: &Form) -> Vec<String> {
    let is_key = |key: &str| key.starts_with("Tags.member.") && key.ends_with(".Key");
    form.iter()
        .filter(|(key, _)| is_key(key))
        .map(|(_, value)| value.to_lowercase())
        .collect()
}

pub(super) fn check_contexts(form: &Form) -> Result<(), Refusal> {
    not_empty(form, "ProvidedContexts")?;
    let contexts = members(form, "ProvidedContexts")?;
    if contexts.len() > 5 {
        return refused(
            "ProvidedContexts",
            "Member must have length less than or equal to 5",
        );
    }
    contexts.iter().try_for_each(|context| {
        within(
            "ProviderArn",
            field(context, "ProviderArn", "ProvidedContexts")?,
            20,
            2048,
            &ARN,
        )?;
        let assertion = field(context, "ContextAssertion", "ProvidedContexts")?;
        within("ContextAssertion", assertion, 4, 2048, &ANYTHING)
    })
}

pub(super) fn check_logins(form: &Form) -> Result<(), Refusal> {
    let logins: Vec<_> = form
        .iter()
        .filter_map(|(key, token)| Some((key.strip_prefix("Logins.")?, token)))
        .collect();
    if logins.len() > 10 {
        return refused("Logins", "Member must have length less than or equal to 10");
    }
    logins.into_iter().try_for_each(|(provider, token)| {
        within("Logins", provider, 1, 128, &ANYTHING)?;
        within("Logins", token, 1, 50_000, &ANYTHING)
    })
}
