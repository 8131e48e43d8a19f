//! Whether each container that gets credentials has a role.
//!
//! Owns what happens without one: a pod that asks is refused, unless the operator's STS derives the
//! role from the token; a pod of a namespace that asks is left alone. It never judges a role.
//! Called by `gather`.

use super::{Annotations, Choice, OptIn, PodSettings};
use crate::inject::decision::{Declined, Skip};
use crate::inject::keys::PREFIX;
use crate::inject::template::Template;
use crate::inject::{Denial, Reason};

pub(super) fn check(
    annotations: &Annotations<'_>,
    opt_in: OptIn,
    settings: &PodSettings,
    choice: &Choice,
    template: &Template,
) -> Result<(), Declined> {
    let Some(container) = lacking(settings, choice) else {
        return Ok(());
    };
    let account = annotations.account_name;
    let message = format!(
        "no role for container {container}: annotate ServiceAccount {account} or the pod with \
         {PREFIX}role-arn (or eks.amazonaws.com/role-arn on the ServiceAccount)"
    );
    match opt_in {
        OptIn::Namespace => Err(Skip::because("no_role", message).into()),
        OptIn::Explicit if template.agent.allow_no_role => Ok(()),
        OptIn::Explicit => {
            let message = format!(
                "{message}; for an STS that derives the role, set the chart's agent.allowNoRole"
            );
            Err(Denial::new(Reason::NoRole, message).into())
        }
    }
}

/// The first container for which neither it nor the pod names a role or a ConfigMap with roles.
fn lacking<'a>(settings: &PodSettings, choice: &'a Choice) -> Option<&'a str> {
    if settings.role.is_some() || settings.config.is_some() {
        return None;
    }
    let mut names = choice.chosen.iter().map(String::as_str);
    names.find(|name| settings.role_of(name).is_none())
}
