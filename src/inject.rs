//! Injection decided: a raw pod, the objects around it and the chart's values in; a minimal JSON
//! patch, a skip or a denial out.
//!
//! ```text
//! Request, Template -- gather ---> Facts       who asks, by which settings, for which containers
//!             Facts -- decide ---> Plan        what the pod must not have, what the sidecar is
//!              Plan -- assemble -> Injection   the JSON patch, and what the author should know
//!    gather, decide ------------> Skip, Denial the two answers that end the way early
//! ```
//!
//! Owns the order of the three stages. It is pure and names no Kubernetes client; the only chance
//! in it is drawn by its caller. A second call on its own result changes nothing, and completes
//! what other injectors added in between. Called by the webhook and by `stsidecar inject`.

mod assemble;
mod decide;
mod decision;
mod denial;
mod earlier;
mod environment;
mod gather;
pub mod keys;
mod nodes;
pub mod patch;
mod pattern;
mod pod;
mod quantity;
mod release;
mod resources;
mod sidecar;
pub mod template;

use serde_json::Value;

use decision::Declined;
pub use decision::{Decision, Injection, Skip};
pub use denial::{Denial, Reason};
pub use patch::Operation;
pub use release::injecting_release;
pub use template::Template;

/// The name of the container that is added.
pub const CONTAINER: &str = "stsidecar";

/// A pod that is about to be created, and what surrounds it. It is not printed: a pod can hold
/// tokens.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The raw pod; a template's `metadata` and `spec` are enough.
    pub pod: &'a Value,
    /// Where it is created; the pod's own metadata may not say.
    pub namespace: &'a str,
    /// Its ServiceAccount as it is now; none when there is none.
    pub account: Option<&'a Value>,
    /// Its Namespace as it is now.
    pub namespace_object: Option<&'a Value>,
    /// Whether a pod that says nothing is taken as one that asks: so does `stsidecar inject`.
    pub asked_by_caller: bool,
    /// The role of a pod for which neither its annotations nor its ServiceAccount name one.
    pub fallback_role: Option<&'a str>,
}

/// The name of the ServiceAccount that a pod runs as, which the caller reads.
#[must_use]
pub fn service_account_name(pod: &Value) -> &str {
    ["serviceAccountName", "serviceAccount"]
        .into_iter()
        .filter_map(|key| pod::text(&pod["spec"], key))
        .find(|name| !name.is_empty())
        .unwrap_or("default")
}

/// Decides what is to happen to a pod. `draw` makes random text of 32 or more letters and digits,
/// for legacy clients only.
pub fn decide(
    request: &Request<'_>,
    template: &Template,
    draw: &mut dyn FnMut() -> String,
) -> Decision {
    inject(request, template, draw).into()
}

fn inject(
    request: &Request<'_>,
    template: &Template,
    draw: &mut dyn FnMut() -> String,
) -> Result<Injection, Declined> {
    let facts = gather::facts(request, template)?;
    let plan = decide::plan(&facts, draw)?;
    Ok(assemble::injection(&plan))
}
