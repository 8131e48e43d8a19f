//! The region that the sidecar calls STS in.
//!
//! Owns where it comes from: the settings, else what the author wrote into a container that gets
//! credentials. Without one there must be an endpoint or a configuration that needs none. Called by
//! `decide`.

use serde_json::Value;

use crate::inject::gather::Facts;
use crate::inject::{Denial, Reason};
use crate::role::Region;

pub(super) fn of(pod: &Value, facts: &Facts<'_>) -> Result<Option<String>, Denial> {
    let settings = &facts.settings;
    let written = || {
        facts.choice.containers(pod).find_map(|container| {
            Region::parse_at(settings.server, container.plain("AWS_REGION")?).ok()
        })
    };
    let region = settings.region.clone().or_else(written);
    if region.is_none() && settings.sts_endpoint.is_none() && settings.config.is_none() {
        let message = "no AWS region: set stsidecar.dev/region or the chart's agent.region";
        return Err(Denial::new(Reason::NoRegion, message.to_owned()));
    }
    Ok(region.map(|region| region.as_str().to_owned()))
}
