//! What an earlier call gave the application's containers and the pod's affinity, taken back where it would be another
//! now.
//!
//! Owns how it is recognised: by the values that the sidecar beside it was rendered with, and for variables that an
//! author could have written as well, by the status of that injection. What is taken back is given anew, or was of a
//! container that is skipped now. It never touches what an author wrote: no value of theirs is in both places.

use serde_json::{Value, json};

use super::{normal, status};
use crate::inject::CONTAINER;
use crate::inject::environment::proxy::EXCEPTIONS;
use crate::inject::environment::{
    ENDPOINTS, FULL_URI, LOOPBACK, METADATA, REGIONS, STS_ENDPOINTS, Surroundings, TOKEN,
    TOKEN_DIRECTORY, TOKEN_FILE, env_from,
};
use crate::inject::handover::INLINE;
use crate::inject::nodes;
use crate::inject::patch::Draft;
use crate::inject::pod::{self, Choice, Container, items, text};
use crate::inject::settings::Settings;
use crate::inject::sidecar::literal;
use crate::inject::status::{ARCHITECTURES, listed};
use crate::inject::template::Template;

/// The pod without it, if there is any.
pub(in crate::inject) fn take_back(
    pod: &Value,
    settings: &Settings,
    template: &Template,
    choice: &Choice,
) -> Option<Draft> {
    let before = Before::of(pod)?;
    let mut draft: Option<Draft> = None;
    for container in pod::containers(pod)
        .into_iter()
        .filter(|container| container.name != CONTAINER)
    {
        let stale: [(&str, Vec<usize>); 2] = [
            (
                "env",
                places(container.value, "env", |own| {
                    before.is_stale(&container, own, settings, choice)
                }),
            ),
            (
                "volumeMounts",
                places(container.value, "volumeMounts", |own| {
                    before.is_moved(&container, own, choice)
                }),
            ),
        ];
        for (key, places) in stale {
            let list = format!("{}/{key}", container.pointer());
            for at in places.into_iter().rev() {
                draft.get_or_insert_with(|| Draft::of(pod)).take(&list, at);
            }
        }
    }
    let architectures = &before.status[ARCHITECTURES];
    if architectures.is_array() && *architectures != json!(template.injector.agent_architectures) {
        nodes::widen(draft.get_or_insert_with(|| Draft::of(pod)), architectures);
    }
    draft
}

fn places(container: &Value, key: &str, is_stale: impl Fn(&Value) -> bool) -> Vec<usize> {
    items(container, key)
        .enumerate()
        .filter(|(_, item)| is_stale(item))
        .map(|(at, _)| at)
        .collect()
}

/// What the sidecar that is there was rendered with.
struct Before {
    port: u16,
    region: Option<String>,
    /// The tokens of legacy clients, with whose they are.
    tokens: Vec<(String, String)>,
    /// What that injection wrote about itself.
    status: Value,
    /// Of the pod as it is.
    names: Vec<String>,
}

impl Before {
    fn of(pod: &Value) -> Option<Self> {
        let own = pod::own(pod)?;
        let port = own
            .literal("STSIDECAR_LISTEN")
            .and_then(|listen| listen.rsplit_once(':')?.1.parse().ok());
        let document: Value = own
            .literal(INLINE)
            .and_then(|inline| serde_json::from_str(inline).ok())
            .unwrap_or_default();
        let token = |client: &Value| {
            Some((
                text(client, "name")?.to_owned(),
                text(client, "authorizationToken")?.to_owned(),
            ))
        };
        let status = status(pod).unwrap_or_default();
        // Others may have given the sidecar another region, as they did to the application's containers.
        let region = text(&status, "region")
            .map(literal)
            .or_else(|| own.literal("AWS_REGION").map(str::to_owned));
        Some(Self {
            port: port?,
            region,
            tokens: items(&document, "clients").filter_map(token).collect(),
            status,
            names: pod::containers(pod)
                .iter()
                .map(|container| container.name.to_owned())
                .collect(),
        })
    }

    /// Whether a variable was rendered and would be another now, or none.
    fn is_stale(
        &self,
        container: &Container<'_>,
        variable: &Value,
        settings: &Settings,
        choice: &Choice,
    ) -> bool {
        let (Some(name), Some(value)) = (text(variable, "name"), text(variable, "value")) else {
            return false;
        };
        let is_skipped = !choice.has(container.name);
        let is_in = |key: &str| {
            listed(&self.status[key], container.name)
                .iter()
                .any(|own| own == name)
        };
        let is_listed = || is_in("env");
        // Over an envFrom that was there it would not have been written, unless the author named the variable.
        let is_late = || !is_in("filled") && env_from::may_bring(container, name);
        match name {
            FULL_URI => {
                let is_moved = self.port != settings.port;
                value == Surroundings::uri_at(self.port) && (is_moved || is_skipped && is_listed())
            }
            TOKEN_FILE => is_skipped && is_listed() && value == Surroundings::token_file(),
            TOKEN => {
                let owner = self
                    .tokens
                    .iter()
                    .find(|(_, token)| token == value)
                    .map(|(owner, _)| owner);
                owner.is_some_and(|owner| {
                    is_skipped || !settings.legacy_clients || owner != container.name
                })
            }
            _ if REGIONS.contains(&name) && is_listed() => {
                let is_reference = REGIONS
                    .iter()
                    .any(|other| *other != name && value == format!("$({other})"));
                let is_rendered = self.region.as_deref() == Some(value);
                let is_unknown = is_late() && (is_reference || !settings.has_explicit_region);
                (is_reference || is_rendered) && (is_skipped || is_unknown)
                    || is_rendered && is_another_now(container, value, settings)
            }
            STS_ENDPOINTS => is_skipped && is_listed() && value == "regional",
            METADATA => (is_skipped || settings.ec2_metadata) && is_listed() && value == "true",
            _ if EXCEPTIONS.contains(&name) => is_listed() && value == LOOPBACK && is_late(),
            _ => false,
        }
    }

    /// Whether a mount is the token's of a container that is skipped now, or had another name when it was rendered.
    fn is_moved(&self, container: &Container<'_>, mount: &Value, choice: &Choice) -> bool {
        let whose = text(mount, "subPath").unwrap_or_default();
        let is_ours = text(mount, "name") == Some(ENDPOINTS)
            && text(mount, "mountPath").is_some_and(|path| normal(path) == TOKEN_DIRECTORY)
            && mount["readOnly"] == true;
        let is_own = whose == container.name;
        // Of a container that is there it would be another's token.
        is_ours
            && (is_own && !choice.has(container.name)
                || !self.names.iter().any(|name| name == whose))
    }
}

/// Whether a region that was rendered would be another: the settings', or one that others have written beside it since.
fn is_another_now(container: &Container<'_>, value: &str, settings: &Settings) -> bool {
    let is_outvoted = |name: &&str| container.sets(name) && container.literal(name) != Some(value);
    settings
        .region
        .as_ref()
        .is_some_and(|region| literal(region.as_str()) != value)
        || REGIONS.iter().any(is_outvoted)
}
