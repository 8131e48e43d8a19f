//! The chart's `injector` values that injection needs: which containers are left out, what is
//! refused, which roles the pods of a namespace may name.
//!
//! Owns their defaults, and what `allowedRoleArns` allows. That list is no barrier, since a pod can
//! call STS by itself, and it never sees roles of a ConfigMap. Asked by `decide` for each pod, and
//! by the injector's `check` for its own.

use serde::Deserialize;

use super::Template;
use crate::inject::pattern::matches;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::inject) struct Injector {
    /// Where the release is, and its name; empty where no release injects.
    pub(in crate::inject) namespace: String,
    pub(in crate::inject) release: String,
    pub(in crate::inject) mesh_proxies: Vec<String>,
    pub(in crate::inject) skipped_containers: Vec<String>,
    pub(in crate::inject) strict_environment: bool,
    pub(in crate::inject) strict_env_from: bool,
    pub(in crate::inject) allow_image_override: bool,
    pub(in crate::inject) allowed_role_arns: Vec<AllowedRoles>,
    pub(in crate::inject) agent_architectures: Vec<String>,
}

impl Default for Injector {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self {
            namespace: String::new(),
            release: String::new(),
            mesh_proxies: names(&["istio-proxy", "linkerd-proxy", "kuma-sidecar"]),
            skipped_containers: names(&[
                "istio-proxy",
                "istio-init",
                "istio-validation",
                "linkerd-proxy",
                "linkerd-init",
                "linkerd-network-validator",
                "kuma-sidecar",
                "kuma-init",
                "kuma-validation",
                "vault-agent",
                "vault-agent-init",
            ]),
            strict_environment: false,
            strict_env_from: false,
            allow_image_override: false,
            allowed_role_arns: Vec::new(),
            agent_architectures: names(&["amd64"]),
        }
    }
}

/// Which roles the pods of some namespaces may name; both lists hold patterns with `*` and `?`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::inject) struct AllowedRoles {
    namespaces: Vec<String>,
    role_arns: Vec<String>,
}

impl Template {
    /// Whether a pod of `namespace` may name `role`: always, where the operator made no list.
    #[must_use]
    pub fn allows_role(&self, namespace: &str, role: &str) -> bool {
        let is_open = self.injector.allowed_role_arns.is_empty();
        is_open
            || self
                .allowed_roles(namespace)
                .any(|pattern| matches(pattern, role))
    }

    /// The patterns of roles that the operator's list has for a namespace.
    pub(in crate::inject) fn allowed_roles(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let rules = self.injector.allowed_role_arns.iter();
        let here = rules.filter(move |rule| {
            rule.namespaces
                .iter()
                .any(|pattern| matches(pattern, namespace))
        });
        here.flat_map(|rule| rule.role_arns.iter().map(String::as_str))
    }
}
