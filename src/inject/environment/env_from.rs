//! What an `envFrom` could bring into a container: any name that its prefix allows, because the
//! `ConfigMaps` and Secrets behind it are read by the kubelet alone.
//!
//! Owns which names those are, and what is said about them. Called by `decide`
//! and `assemble`.

use std::fmt;

use serde_json::Value;

use super::precedence::{FILES, KEYS, PROFILES};
use super::{METADATA, REGIONS, RELATIVE_URI, SdkVariables, TOKEN, WEB_IDENTITY};
use crate::inject::pod::{Container, items, text};
use crate::inject::{Denial, Reason};

/// One entry of an `envFrom`.
struct Source<'a> {
    kind: &'static str,
    name: &'a str,
    prefix: &'a str,
}

impl<'a> Source<'a> {
    fn of(value: &'a Value) -> Self {
        let named = |key: &str| value.get(key).filter(|object| object.is_object());
        let (kind, object) = match (named("configMapRef"), named("secretRef")) {
            (Some(map), _) => ("ConfigMap", Some(map)),
            (None, Some(secret)) => ("Secret", Some(secret)),
            (None, None) => ("an object", None),
        };
        let name = object
            .and_then(|object| text(object, "name"))
            .unwrap_or_default();
        Self {
            kind,
            name,
            prefix: text(value, "prefix").unwrap_or_default(),
        }
    }

    /// The prefix is put before a key, and no key is empty.
    /// <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#Container>
    fn may_bring(&self, variable: &str) -> bool {
        variable
            .strip_prefix(self.prefix)
            .is_some_and(|key| !key.is_empty())
    }
}

impl fmt::Display for Source<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "" => formatter.write_str(self.kind),
            name => write!(formatter, "{} {name}", self.kind),
        }
    }
}

fn sources<'a>(container: &Container<'a>) -> impl Iterator<Item = Source<'a>> + use<'a> {
    items(container.value, "envFrom").map(Source::of)
}

/// Whether the variable may come from an `envFrom`; one of `env` would beat it.
pub(in crate::inject) fn may_bring(container: &Container<'_>, variable: &str) -> bool {
    sources(container).any(|source| source.may_bring(variable))
}

/// Whether it may come from an `envFrom`, and no variable of `env` beats it.
pub(in crate::inject) fn is_open(container: &Container<'_>, variable: &str) -> bool {
    !container.names(variable) && may_bring(container, variable)
}

/// What could come from an `envFrom` and win over the sidecar, as the beginning of a sentence: one
/// of each kind.
fn winners(container: &Container<'_>) -> Option<String> {
    let kinds: [&[&str]; 5] = [
        &KEYS,
        &PROFILES,
        &WEB_IDENTITY,
        &FILES,
        &[RELATIVE_URI, TOKEN],
    ];
    let open = kinds.map(|kind| {
        let mut names = kind.to_vec();
        names.retain(|name| is_open(container, name));
        names
    });
    let first: Vec<&str> = open
        .iter()
        .filter_map(|kind| kind.first().copied())
        .take(3)
        .collect();
    if first.is_empty() {
        return None;
    }
    let (name, from, first) = (
        container.name,
        bringing(container, &open.concat()),
        first.join(", "),
    );
    Some(format!(
        "container {name} has envFrom {from}, which stsidecar does not read: {first} and the like \
         in it win over stsidecar"
    ))
}

/// The objects that could bring one of these variables.
fn bringing(container: &Container<'_>, names: &[&str]) -> String {
    let all: Vec<String> = sources(container)
        .filter(|source| names.iter().any(|name| source.may_bring(name)))
        .map(|source| source.to_string())
        .collect();
    all.join(", ")
}

/// What an author should know about a container's `envFrom`.
pub(in crate::inject) fn warnings(
    container: &Container<'_>,
    variables: &SdkVariables,
) -> Vec<String> {
    let name = container.name;
    let is_written = container.literal(METADATA) == Some("true") && may_bring(container, METADATA);
    let metadata = is_written.then(|| format!("{METADATA}=true is written over its value"));
    let first = match (winners(container), metadata) {
        (Some(winners), Some(metadata)) => Some(format!("{winners}; {metadata}")),
        (None, Some(metadata)) => Some(format!(
            "container {name} has envFrom {}: {metadata}",
            bringing(container, &[METADATA])
        )),
        (winners, None) => winners,
    };
    let region = variables
        .region
        .as_deref()
        .filter(|_| variables.leaves_region(container));
    let region = region.map(|region| {
        let from = bringing(container, &REGIONS);
        format!(
            "container {name} is given no AWS_REGION, which its envFrom {from} may hold; if it \
             does not, set stsidecar.dev/region: {region}"
        )
    });
    first.into_iter().chain(region).collect()
}

/// Refuses a container whose `envFrom` could bring what wins over the sidecar.
pub(in crate::inject) fn check(container: &Container<'_>) -> Result<(), Denial> {
    winners(container).map_or(Ok(()), |winners| {
        let way = "give the envFrom a prefix, or name the variables in env \
                   (injector.strictEnvFrom is true)";
        Err(Denial::new(
            Reason::Environment,
            format!("{winners}; {way}"),
        ))
    })
}
