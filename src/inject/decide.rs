//! The second stage: what forbids the injection, and what the sidecar is.
//!
//! Owns the order of the refusals: where the pod runs, what it may assume, what it has under our
//! names, what would win over the sidecar. Each of them is a module. From here on an earlier call's
//! share that would be another now was never there. It changes nothing: `assemble` does. Called by
//! `inject`.

mod allowed_roles;
mod conflicts;
mod document;
mod platform;
mod ports;
mod region;
mod reserved;
mod resources;
mod stale;
mod tokens;

use serde_json::Value;

use super::decision::Declined;
use super::environment::SdkVariables;
use super::gather::Facts;
use super::patch::Draft;
use super::sidecar::Sidecar;
pub(super) use tokens::Tokens;

/// A pod that is injected, and all that is put into it.
pub(super) struct Plan<'a> {
    /// The pod without what an earlier call gave and would be another now, where there is any.
    renewed: Option<Draft>,
    pub(super) sidecar: Sidecar<'a>,
    /// What leads the SDKs of the chosen containers to it.
    pub(super) variables: SdkVariables,
    pub(super) tokens: Tokens,
    /// The configuration that the sidecar is handed over.
    pub(super) document: String,
}

impl Plan<'_> {
    pub(super) fn pod(&self) -> &Value {
        pod(self.sidecar.facts, self.renewed.as_ref())
    }

    /// A copy to work on.
    pub(super) fn draft(&self) -> Draft {
        let renewed = self.renewed.clone();
        renewed.unwrap_or_else(|| Draft::of(self.sidecar.facts.request.pod))
    }
}

fn pod<'a>(facts: &'a Facts<'_>, renewed: Option<&'a Draft>) -> &'a Value {
    renewed.map_or(facts.request.pod, Draft::pod)
}

/// Decides; `draw` makes the tokens of legacy clients.
pub(super) fn plan<'a>(
    facts: &'a Facts<'a>,
    draw: &mut dyn FnMut() -> String,
) -> Result<Plan<'a>, Declined> {
    let renewed = stale::take_back(facts);
    let pod = pod(facts, renewed.as_ref());
    platform::check(pod, facts.template)?;
    allowed_roles::check(facts)?;
    let sidecar = Sidecar {
        facts,
        region: region::of(pod, facts)?,
        resources: resources::of(pod, &facts.settings),
    };
    reserved::check(pod, &sidecar)?;
    ports::check(pod, &facts.settings)?;
    let tokens = tokens::of(pod, facts, draw);
    let variables = SdkVariables::of(&sidecar);
    conflicts::check(pod, facts, &variables, &tokens)?;
    let document = document::of(facts, &tokens)?;
    Ok(Plan {
        renewed,
        sidecar,
        variables,
        tokens,
        document,
    })
}
