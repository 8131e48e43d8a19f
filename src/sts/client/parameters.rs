//! How parameters of ours become those of the SDK's builders.
//!
//! Owns the form of each on the wire, and that an absent or empty one is left out. Called by the
//! requests in `calls`; it decides nothing.

use aws_sdk_sts::types::{PolicyDescriptorType, Tag as WireTag};

use crate::assume::{Mfa, PolicyArn, Tag};

pub(super) fn text(parameter: Option<&impl ToString>) -> Option<String> {
    parameter.map(ToString::to_string)
}

pub(super) fn serial_number(mfa: Option<&Mfa>) -> Option<String> {
    mfa.map(|mfa| mfa.serial_number.to_string())
}

pub(super) fn policy_arns(arns: &[PolicyArn]) -> Option<Vec<PolicyDescriptorType>> {
    let described = arns
        .iter()
        .map(|arn| PolicyDescriptorType::builder().arn(arn.as_str()).build());
    non_empty(described.collect())
}

pub(super) fn tags(tags: &[Tag]) -> Option<Vec<WireTag>> {
    let built = tags.iter().map(|tag| {
        let built = WireTag::builder()
            .key(tag.key.as_str())
            .value(tag.value.as_str())
            .build();
        built.expect("key and value are set")
    });
    non_empty(built.collect())
}

/// An empty list is left out: some servers take its bare key for an empty first member.
pub(super) fn non_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
