//! Variables that look like a setting and are none: a typo there is otherwise silent.
//!
//! Owns which names may be typos. Many are not: Kubernetes makes a dozen variables of each Service
//! in the namespace, the SDKs have more than the agent reads, and anybody may have their own. It
//! sees names only, never values. Called by `cli` with the names of the process's environment.

use super::setting::{SETTINGS, VARIABLES};
use crate::spelling::{distance, is_same, nearest};

/// What the agent's own variables begin with.
const OWN: &str = "STSIDECAR_";

/// What people add to a name to say what it holds.
const KINDS: [&str; 5] = ["_FILE", "_PATH", "_ADDRESS", "_URL", "_NAME"];

/// One warning for each name that is nearly a setting's, in the order of the names.
#[must_use]
pub fn warnings(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut typos: Vec<_> = names
        .into_iter()
        .filter_map(|name| meant(&name).map(|right| (name, right)))
        .collect();
    typos.sort();
    let warning = |(name, right): &(String, &str)| {
        let name = name.escape_debug();
        format!("{name} is ignored: no setting has this variable; did you mean {right}?")
    };
    typos.iter().map(warning).collect()
}

/// The variable that a name is a typo of.
fn meant(name: &str) -> Option<&'static str> {
    let known = || {
        let of_settings = SETTINGS.iter().flat_map(|setting| setting.variables);
        of_settings
            .chain(VARIABLES.iter().flat_map(|variable| variable.names))
            .copied()
    };
    if known().any(|own| own == name) || is_of_a_service(name) {
        return None;
    }
    let upper = name.to_uppercase().replace(['-', '.'], "_");
    let within = |prefix: &'static str, most: usize| {
        let near = known()
            .filter(move |own| own.starts_with(prefix))
            .map(|own| (distance(&upper, own), own));
        near.min()
            .filter(|(distance, _)| *distance <= most)
            .map(|(_, own)| own)
    };
    match upper.strip_prefix(OWN) {
        Some(rest) => {
            // A setting whose variable has the SDKs' name is looked for under its flag's.
            let flags = SETTINGS
                .iter()
                .map(|setting| (setting.flag, setting.variables[0]));
            let words: Vec<_> = known()
                .filter_map(|own| Some((own.strip_prefix(OWN)?, own)))
                .chain(flags)
                .collect();
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let without_kind = KINDS.iter().find_map(|kind| rest.strip_suffix(kind));
            let exact =
                without_kind.and_then(|rest| all.iter().find(|word| is_same(word, rest)).copied());
            let word = exact.or_else(|| nearest(rest, &all))?;
            words
                .iter()
                .find(|(own, _)| *own == word)
                .map(|(_, variable)| *variable)
        }
        None if upper.starts_with("STS") => within(OWN, 2),
        // Each service of AWS has one, and some differ in one letter.
        None if upper.starts_with("AWS_ENDPOINT_URL_") => None,
        None if upper.starts_with("AWS_") => within("AWS_", 1),
        None => None,
    }
}

/// What Kubernetes makes of a Service: `NAME_SERVICE_HOST`, `NAME_SERVICE_PORT_HTTP`,
/// `NAME_PORT_9911_TCP_ADDR`
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
fn is_of_a_service(name: &str) -> bool {
    let is_link = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.split("_PORT_").skip(1).any(is_link)
}
