//! The pod's roles against the operator's list of them.
//!
//! Owns which roles of a pod are compared; the list is `template`'s. It is no barrier, since a pod
//! can call STS by itself. Called by `decide`.

use crate::inject::gather::Facts;
use crate::inject::keys::PREFIX;
use crate::inject::{Denial, Reason};

pub(super) fn check(facts: &Facts<'_>) -> Result<(), Denial> {
    let (settings, template) = (&facts.settings, facts.template);
    let namespace = facts.request.namespace;
    if template.injector.allowed_role_arns.is_empty() {
        return Ok(());
    }
    if settings.config.is_some() {
        let problem =
            "injector.allowedRoleArns limits roles, and those of a ConfigMap cannot be checked";
        let message = format!("annotation {PREFIX}config: {problem}");
        return Err(Denial::new(Reason::RoleNotAllowed, message));
    }
    let mut named = settings
        .role
        .iter()
        .chain(&settings.chain)
        .chain(settings.container_roles.iter().map(|(_, role)| role));
    let Some(role) = named.find(|role| !template.allows_role(namespace, role.as_str())) else {
        return Ok(());
    };
    let allowed: Vec<&str> = template.allowed_roles(namespace).collect();
    let allowed = match allowed.as_slice() {
        [] => "none".to_owned(),
        allowed => allowed.join(", "),
    };
    let message = format!(
        "role {role} is not allowed in namespace {namespace}; allowed are: {allowed} \
         (injector.allowedRoleArns)"
    );
    Err(Denial::new(Reason::RoleNotAllowed, message))
}
