//! Variables that SDKs would follow instead of the sidecar.
//!
//! Owns which of them refuse a pod that asks, and leave alone one that only its namespace opted in,
//! and what the operator's strictness adds. What is only worth a warning is `assemble::warnings`'s.
//! Called by `decide`.

use serde_json::Value;

use super::Tokens;
use crate::inject::decision::{Declined, Skip};
use crate::inject::environment::{
    FULL_URI, RELATIVE_URI, SdkVariables, TOKEN, TOKEN_FILE, WEB_IDENTITY, env_from, precedence,
};
use crate::inject::gather::{Facts, OptIn};
use crate::inject::pod::Container;
use crate::inject::template::Injector;
use crate::inject::{Denial, Reason};

/// Refuses what the operator does not want; then what would win, by who asked for the injection.
pub(super) fn check(
    pod: &Value,
    facts: &Facts<'_>,
    variables: &SdkVariables,
    tokens: &Tokens,
) -> Result<(), Declined> {
    for container in facts.choice.containers(pod) {
        check_strictly(pod, &container, &facts.template.injector)?;
    }
    let mut chosen = facts.choice.containers(pod);
    let winner =
        chosen.find_map(|container| winner(&container, variables, tokens.of(container.name)));
    match (winner, facts.opt_in) {
        (None, _) => Ok(()),
        (Some(message), OptIn::Explicit) => Err(Denial::new(Reason::Environment, message).into()),
        (Some(message), OptIn::Namespace) => Err(Skip::because("conflict", message).into()),
    }
}

/// Refuses what SDKs follow, or could, before they ask the sidecar, as far as the operator wants
/// that.
fn check_strictly(
    pod: &Value,
    container: &Container<'_>,
    injector: &Injector,
) -> Result<(), Denial> {
    if injector.strict_environment
        && let Some(finding) = precedence::findings(pod, container).into_iter().next()
    {
        let message = format!("{finding} (injector.strictEnvironment is true)");
        return Err(Denial::new(Reason::Environment, message));
    }
    if injector.strict_env_from {
        env_from::check(container)?;
    }
    Ok(())
}

/// A variable of this container that the SDKs would follow instead of the sidecar, with what to do.
/// The order of the default chains:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>. The label is
/// that of <https://github.com/aws/amazon-eks-pod-identity-webhook>.
fn winner(
    container: &Container<'_>,
    variables: &SdkVariables,
    token: Option<&str>,
) -> Option<String> {
    let name = container.name;
    if let Some(variable) = WEB_IDENTITY
        .into_iter()
        .find(|variable| container.sets(variable))
    {
        return Some(format!(
            "container {name} sets {variable}, which would win over stsidecar; remove it, or on \
             EKS label the pod eks.amazonaws.com/skip-pod-identity-webhook: \"true\""
        ));
    }
    if let Some(variable) = unfillable(container, token) {
        let empty = if container.sets(variable) {
            ""
        } else {
            " to an empty text"
        };
        return Some(format!(
            "container {name} sets {variable}{empty}, which SDKs follow instead of stsidecar; \
             remove it"
        ));
    }
    let own = [
        (FULL_URI, Some(variables.uri())),
        (TOKEN_FILE, Some(SdkVariables::token_file())),
        (TOKEN, token.map(str::to_owned)),
    ];
    let (variable, _) = own.into_iter().find(|(variable, value)| {
        let is_ours = value.is_some() && container.literal(variable) == value.as_deref();
        container.sets(variable) && !is_ours
    })?;
    Some(format!(
        "container {name} sets {variable} itself, which would win over stsidecar; remove it"
    ))
}

/// A variable that nothing can be written over: botocore, Ruby, Swift and Rust take an empty
/// relative URI for one, and the SDKs for Java, which prefer the variable to the file, an empty
/// token.
fn unfillable(container: &Container<'_>, token: Option<&str>) -> Option<&'static str> {
    if container.names(RELATIVE_URI) {
        return Some(RELATIVE_URI);
    }
    (container.names(TOKEN) && token.is_none() && !container.sets(TOKEN)).then_some(TOKEN)
}
