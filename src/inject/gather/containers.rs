//! Which containers of a pod get credentials.
//!
//! Owns how the pod's lists and the operator's are laid over its containers; a name that the pod
//! has not is refused, as is an ordinary container under the sidecar's name. Called by `gather`.

use serde_json::Value;

use super::PodSettings;
use crate::inject::pod::{Container, LISTS, containers, others};
use crate::inject::template::Template;
use crate::inject::{CONTAINER, Denial, Reason};

/// Which containers get credentials, by name, and which do not.
pub(in crate::inject) struct Choice {
    pub(in crate::inject) chosen: Vec<String>,
    pub(in crate::inject) skipped: Vec<String>,
}

impl Choice {
    pub(super) fn of(
        pod: &Value,
        settings: &PodSettings,
        template: &Template,
    ) -> Result<Self, Denial> {
        check_name(pod)?;
        let names: Vec<&str> = others(pod).map(|container| container.name).collect();
        let with_roles: Vec<&String> = settings
            .container_roles
            .iter()
            .map(|(name, _)| name)
            .collect();
        check_listed("skip-containers", &settings.skip_containers, &names)?;
        check_listed("containers", settings.containers.iter().flatten(), &names)?;
        check_listed("container-roles", with_roles.iter().copied(), &names)?;
        let (chosen, skipped): (Vec<&str>, Vec<&str>) = names
            .iter()
            .partition(|name| is_chosen(name, settings, template));
        if chosen.is_empty() {
            let names = names.join(", ");
            let message =
                format!("no container is left to be given credentials; the pod has {names}");
            return Err(Denial::new(Reason::Containers, message));
        }
        if let Some(name) = with_roles
            .into_iter()
            .find(|name| !chosen.contains(&name.as_str()))
        {
            let chosen = chosen.join(", ");
            let allowed =
                format!("this container is skipped; those that get credentials are {chosen}");
            return Err(Denial::value(
                "annotation stsidecar.dev/container-roles",
                name,
                allowed,
            ));
        }
        Ok(Self {
            chosen: chosen.into_iter().map(str::to_owned).collect(),
            skipped: skipped.into_iter().map(str::to_owned).collect(),
        })
    }

    pub(in crate::inject) fn has(&self, name: &str) -> bool {
        self.chosen.iter().any(|own| own == name)
    }

    /// The chosen containers of the pod as it is now, in starting order.
    pub(in crate::inject) fn containers<'a>(
        &self,
        pod: &'a Value,
    ) -> impl Iterator<Item = Container<'a>> {
        containers(pod)
            .into_iter()
            .filter(|container| self.has(container.name))
    }
}

/// Refuses an application container under our name, which no list could choose.
fn check_name(pod: &Value) -> Result<(), Denial> {
    let is_ours =
        |container: &Container<'_>| container.name == CONTAINER && container.list == LISTS[1];
    if containers(pod).iter().any(is_ours) {
        return Err(Denial::reserved(&format!(
            "the name {CONTAINER} of a container in spec.containers is reserved"
        )));
    }
    Ok(())
}

fn check_listed<'a>(
    key: &str,
    wanted: impl IntoIterator<Item = &'a String>,
    names: &[&str],
) -> Result<(), Denial> {
    match wanted
        .into_iter()
        .find(|name| !names.contains(&name.as_str()))
    {
        None => Ok(()),
        Some(name) => {
            let allowed = format!("the pod has no such container; it has {}", names.join(", "));
            Err(Denial::value(
                &format!("annotation stsidecar.dev/{key}"),
                name,
                allowed,
            ))
        }
    }
}

/// The pod's own list decides alone.
fn is_chosen(name: &str, settings: &PodSettings, template: &Template) -> bool {
    let is_in = |names: &[String]| names.iter().any(|own| own == name);
    match &settings.containers {
        Some(wanted) => is_in(wanted),
        None => !is_in(&settings.skip_containers) && !is_in(&template.injector.skipped_containers),
    }
}
