//! What decides whose credentials a profile has, as one text: its digest is kept beside saved
//! credentials, which another configuration never vends.
//!
//! Owns what counts: every step as the configuration describes it, the policies' own texts, and
//! where STS is. How STS is reached (a proxy, a CA bundle, time-outs) does not: the credentials are
//! the same. The form is stored: `tests/fixtures/fingerprint.jsonl` has it for every source, and no
//! `Debug` is in it. `agent` and the simulator call it.

use serde_json::json;

use crate::assume::{Policy, Profile};
use crate::config::described_step;
use crate::sts::{ClientSettings, Endpoint};

/// Changes with every change of the form or of what a value means. An agent that finds credentials
/// saved under another one asks STS at its start instead of vending them.
const VERSION: u32 = 2;

/// The text. It may hold an external id: it is hashed, and never shown.
#[must_use]
pub fn fingerprint(profile: &Profile, sts: &ClientSettings) -> String {
    let ClientSettings {
        region,
        endpoint,
        cognito_endpoint,
        fips,
        dualstack,
        ca_bundle: _,
        has_mounted_roots: _,
        timeout: _,
        proxy: _,
    } = sts;
    let steps = profile.steps.iter();
    // A policy is described by its length; here its text counts.
    let policies = steps
        .clone()
        .map(|step| step.restriction()?.policy.map(Policy::as_str));
    let described = json!({
        "version": VERSION,
        "steps": steps.map(|step| described_step(step)).collect::<Vec<_>>(),
        "policies": policies.collect::<Vec<_>>(),
        "region": region,
        "endpoint": endpoint.as_ref().map(Endpoint::url),
        "cognitoEndpoint": cognito_endpoint.as_ref().map(Endpoint::url),
        "fips": fips,
        "dualstack": dualstack,
    });
    described.to_string()
}

#[cfg(test)]
mod tests;
