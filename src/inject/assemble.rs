//! The third stage: the sidecar and each container's share put into the pod, as a JSON patch.
//!
//! Owns the order of the changes; each is aimed at the result of those before. It refuses nothing:
//! all that forbids an injection was decided before. A pod that lacks nothing is left as it is,
//! without a warning. Called by `inject`.

mod affinity;
mod containers;
mod eviction;
mod mesh;
mod pull_secrets;
mod resources;
mod sidecar;
mod status;
mod volumes;
mod warnings;

use super::Injection;
use super::decide::Plan;

pub(super) fn injection(plan: &Plan<'_>) -> Injection {
    let (request, template) = (plan.sidecar.facts.request, plan.sidecar.facts.template);
    let mut draft = plan.draft();
    let given = containers::give(&mut draft, plan);
    volumes::renew(&mut draft, &plan.sidecar);
    sidecar::place(&mut draft, &plan.sidecar, &plan.document);
    resources::refit(&mut draft);
    eviction::allow(&mut draft, &plan.sidecar);
    let is_narrowed = affinity::narrow(&mut draft, &template.injector.agent_architectures);
    status::write(&mut draft, &plan.sidecar, &given, is_narrowed);
    let left_out = pull_secrets::add(&mut draft, request, template);
    let warnings = if draft.is_untouched() {
        Vec::new()
    } else {
        warnings::of(draft.pod(), plan, left_out)
    };
    Injection {
        operations: draft.into_operations(),
        warnings,
    }
}
