//! The first stage: what is known of a pod before its specification is judged.
//!
//! Owns the order in which it is read: a pod that is left alone is not refused for its settings. It
//! looks at the pod, its ServiceAccount, its Namespace and the chart's values once; the later
//! stages read them from [`Facts`]. Called by `inject`.

mod annotations;
mod containers;
mod hash;
mod opt_in;
mod role;
mod settings;
mod shape;

pub(super) use annotations::Annotations;
pub(super) use containers::Choice;
pub(super) use hash::set;
pub(super) use opt_in::OptIn;
pub(super) use settings::{Amounts, PodSettings};

use super::decision::Declined;
use super::template::Template;
use super::{Request, release};

/// A pod that asks for an injection, and everything that it asks for.
pub(super) struct Facts<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) template: &'a Template,
    pub(super) opt_in: OptIn,
    pub(super) settings: PodSettings,
    pub(super) choice: Choice,
    /// Of everything that decides, for the pod's status and the agent's.
    pub(super) hash: String,
}

/// Reads them; the pod's shape is checked first, since everything else relies on it.
pub(super) fn facts<'a>(
    request: &'a Request<'a>,
    template: &'a Template,
) -> Result<Facts<'a>, Declined> {
    shape::check(request.pod)?;
    let opt_in = OptIn::of(request)?;
    release::check(request.pod, template)?;
    let annotations = annotations::read(request, opt_in)?;
    let settings = PodSettings::of(&annotations, template)?;
    let choice = Choice::of(request.pod, &settings, template)?;
    role::check(&annotations, opt_in, &settings, &choice, template)?;
    let hash = hash::of(&settings, template);
    Ok(Facts {
        request,
        template,
        opt_in,
        settings,
        choice,
        hash,
    })
}
