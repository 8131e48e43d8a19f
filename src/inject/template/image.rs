//! The chart's `image`: one for the injector and the agents that it adds.
//!
//! Owns its shape, its reference, and which two of them are one build. It never pulls or judges
//! one. Used by `template`.

use serde::Deserialize;

use crate::version;

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Image {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
    pub(super) pull_policy: String,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            registry: "ghcr.io".to_owned(),
            repository: "stsidecar/stsidecar".to_owned(),
            tag: String::new(),
            digest: String::new(),
            pull_policy: "IfNotPresent".to_owned(),
        }
    }
}

impl Image {
    /// From `mirror` unless that is empty.
    pub(super) fn reference(&self, mirror: &str) -> String {
        let Self {
            registry,
            repository,
            ..
        } = self;
        let registry = [mirror, registry].into_iter().find(|name| !name.is_empty());
        let name = registry.map_or_else(
            || repository.clone(),
            |registry| format!("{registry}/{repository}"),
        );
        match self.build() {
            (tag, "") => format!("{name}:{tag}"),
            (_, digest) => format!("{name}@{digest}"),
        }
    }

    /// Tag and digest; the default tag is this version.
    pub(super) fn build(&self) -> (&str, &str) {
        let is_default = self.tag.is_empty() && self.digest.is_empty();
        (
            if is_default {
                version::VERSION
            } else {
                &self.tag
            },
            &self.digest,
        )
    }

    pub(super) fn pull_policy(&self) -> &str {
        &self.pull_policy
    }
}
