//! What an earlier call gave the application's containers and the pod's affinity, taken back where
//! it would be another now.
//!
//! Owns how it is recognised: by the values that the sidecar beside it was rendered with, and for
//! variables that an author could have written as well, by the status of that injection. What is
//! taken back is given anew, or was of a container that is skipped now. It never touches what an
//! author wrote: no value of theirs is in both places. Called by `decide`.

mod affinity;

use serde_json::{Value, json};

use crate::inject::earlier::{ARCHITECTURES, listed, normal, status};
use crate::inject::environment::proxy::EXCEPTIONS;
use crate::inject::environment::{
    FULL_URI, LOOPBACK, METADATA, REGIONS, STS_ENDPOINTS, SdkVariables, TOKEN, TOKEN_DIRECTORY,
    TOKEN_FILE, env_from,
};
use crate::inject::gather::{Facts, PodSettings};
use crate::inject::patch::Draft;
use crate::inject::pod::{self, Container, items, text};
use crate::inject::sidecar::ENDPOINTS;
use crate::inject::sidecar::{INLINE, literal};

/// The pod without it, if there is any.
pub(super) fn take_back(facts: &Facts<'_>) -> Option<Draft> {
    let pod = facts.request.pod;
    let before = Before::of(pod, facts)?;
    let mut draft: Option<Draft> = None;
    for container in pod::others(pod) {
        let variables = places(&container, "env", |own| before.is_stale(&container, own));
        let mounts = places(&container, "volumeMounts", |own| {
            before.is_moved(&container, own)
        });
        for (key, places) in [("env", variables), ("volumeMounts", mounts)] {
            let list = format!("{}/{key}", container.pointer());
            for at in places.into_iter().rev() {
                draft.get_or_insert_with(|| Draft::of(pod)).take(&list, at);
            }
        }
    }
    let architectures = &before.status[ARCHITECTURES];
    let now = json!(facts.template.injector.agent_architectures);
    if architectures.is_array() && *architectures != now {
        affinity::widen(draft.get_or_insert_with(|| Draft::of(pod)), architectures);
    }
    draft
}

fn places(container: &Container<'_>, key: &str, is_stale: impl Fn(&Value) -> bool) -> Vec<usize> {
    let all = items(container.value, key).enumerate();
    all.filter(|(_, item)| is_stale(item))
        .map(|(at, _)| at)
        .collect()
}

/// What the sidecar that is there was rendered with.
struct Before<'a> {
    /// What it would be rendered from now.
    facts: &'a Facts<'a>,
    port: u16,
    region: Option<String>,
    /// The tokens of legacy clients, with whose they are.
    tokens: Vec<(String, String)>,
    /// What that injection wrote about itself.
    status: Value,
}

impl<'a> Before<'a> {
    fn of(pod: &Value, facts: &'a Facts<'a>) -> Option<Self> {
        let own = pod::own(pod)?;
        let (_, port) = own.literal("STSIDECAR_LISTEN")?.rsplit_once(':')?;
        let document: Value = own
            .literal(INLINE)
            .and_then(|inline| serde_json::from_str(inline).ok())
            .unwrap_or_default();
        let status = status(pod).unwrap_or_default();
        // Others may have given the sidecar another region, as they did to the application's
        // containers.
        let region = text(&status, "region")
            .map(literal)
            .or_else(|| own.literal("AWS_REGION").map(str::to_owned));
        Some(Self {
            facts,
            port: port.parse().ok()?,
            region,
            tokens: items(&document, "clients")
                .filter_map(owned_token)
                .collect(),
            status,
        })
    }

    /// Whether a variable was rendered and would be another now, or none.
    fn is_stale(&self, container: &Container<'_>, variable: &Value) -> bool {
        let (Some(name), Some(value)) = (text(variable, "name"), text(variable, "value")) else {
            return false;
        };
        let settings = &self.facts.settings;
        let is_skipped = self.is_skipped(container);
        if name == TOKEN {
            return self.is_stale_token(container, value);
        }
        if name == FULL_URI && self.port != settings.port {
            return value == SdkVariables::uri_at(self.port);
        }
        if !self.gave("env", container, name) {
            return false;
        }
        match name {
            FULL_URI => is_skipped && value == SdkVariables::uri_at(self.port),
            TOKEN_FILE => is_skipped && value == SdkVariables::token_file(),
            STS_ENDPOINTS => is_skipped && value == "regional",
            METADATA => (is_skipped || settings.ec2_metadata) && value == "true",
            _ if REGIONS.contains(&name) => self.is_stale_region(container, name, value),
            _ if EXCEPTIONS.contains(&name) => value == LOOPBACK && self.is_late(container, name),
            _ => false,
        }
    }

    fn is_skipped(&self, container: &Container<'_>) -> bool {
        !self.facts.choice.has(container.name)
    }

    /// Whether the status lists a variable of a container under `key`.
    fn gave(&self, key: &str, container: &Container<'_>, name: &str) -> bool {
        listed(&self.status[key], container.name)
            .iter()
            .any(|own| own == name)
    }

    /// Over an envFrom that was there it would not have been written, unless the author named the
    /// variable.
    fn is_late(&self, container: &Container<'_>, name: &str) -> bool {
        !self.gave("filled", container, name) && env_from::may_bring(container, name)
    }

    fn is_stale_token(&self, container: &Container<'_>, value: &str) -> bool {
        let owner = self.tokens.iter().find(|(_, token)| token == value);
        owner.is_some_and(|(owner, _)| {
            let is_legacy = self.facts.settings.legacy_clients;
            self.is_skipped(container) || !is_legacy || owner != container.name
        })
    }

    fn is_stale_region(&self, container: &Container<'_>, name: &str, value: &str) -> bool {
        let settings = &self.facts.settings;
        let is_reference = REGIONS
            .iter()
            .any(|other| *other != name && value == format!("$({other})"));
        let is_rendered = self.region.as_deref() == Some(value);
        let is_unknown =
            self.is_late(container, name) && (is_reference || !settings.has_explicit_region);
        (is_reference || is_rendered) && (self.is_skipped(container) || is_unknown)
            || is_rendered && is_another_now(container, value, settings)
    }

    /// Whether a mount is the token's of a container that is skipped now, or had another name when
    /// it was rendered.
    fn is_moved(&self, container: &Container<'_>, mount: &Value) -> bool {
        let whose = text(mount, "subPath").unwrap_or_default();
        let is_ours = text(mount, "name") == Some(ENDPOINTS)
            && text(mount, "mountPath").is_some_and(|path| normal(path) == TOKEN_DIRECTORY)
            && mount["readOnly"] == true;
        // Of a container that is there it would be another's token.
        let is_here = |name: &str| {
            pod::containers(self.facts.request.pod)
                .iter()
                .any(|other| other.name == name)
        };
        let is_own = whose == container.name;
        is_ours && (is_own && self.is_skipped(container) || !is_here(whose))
    }
}

/// A client of the document with its token.
fn owned_token(client: &Value) -> Option<(String, String)> {
    let (name, token) = (text(client, "name")?, text(client, "authorizationToken")?);
    Some((name.to_owned(), token.to_owned()))
}

/// Whether a region that was rendered would be another: the settings', or one that others have
/// written beside it since.
fn is_another_now(container: &Container<'_>, value: &str, settings: &PodSettings) -> bool {
    let is_outvoted = |name: &&str| container.sets(name) && container.literal(name) != Some(value);
    settings
        .region
        .as_ref()
        .is_some_and(|region| literal(region.as_str()) != value)
        || REGIONS.iter().any(is_outvoted)
}
