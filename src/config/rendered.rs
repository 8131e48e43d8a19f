//! The chart's values, read as the agents that are rendered from them will read theirs.
//!
//! Owns two checks. Any variable of the agent's can be in `agent.extraEnv`, so the agent's own
//! configuration judges; and its own parser judges the certificates of `agent.awsCaBundle.pem`. A
//! value that comes from elsewhere, or refers to another variable, is not seen here. Called
//! wherever values come in: the injector's configuration and `stsidecar inject --values`.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

use super::error::Error as Refusal;
use super::setting::{
    HTTPS_PROXY, LOG_FORMAT, LOG_LEVEL, REGION, STS_ENDPOINT, STS_TIMEOUT, WAIT_FOR_CREDENTIALS,
};
use super::setting::{USE_DUALSTACK, USE_FIPS};
use super::{Config, Flags, Sources};
use crate::inject::Template;
use crate::inject::template::Error;
use crate::sts::Bundle;

/// What a pod without a variable of its own may read: annotations name an endpoint, and take other
/// values of the chart back to what is not written out.
const OPEN: [&[&str]; 6] = [
    REGION.variables,
    HTTPS_PROXY.names,
    STS_TIMEOUT.variables,
    WAIT_FOR_CREDENTIALS.variables,
    LOG_LEVEL.variables,
    LOG_FORMAT.variables,
];
const ANY_ENDPOINT: &str = "https://sts.example.com";

/// Reads values, the chart's whole file or the part of it that matters.
///
/// # Errors
/// When a key is unknown, or a value is not accepted or would keep agents from starting.
pub fn template(values: Value) -> Result<Template, Error> {
    let template = Template::from_values(values)?;
    if let Some(pem) = template.ca_bundle() {
        Bundle::parse(pem.as_bytes())
            .map_err(|error| Error::Value(format!("agent.awsCaBundle.pem: {error}")))?;
    }
    let sidecar = template.sample().unwrap_or_default();
    let sample = literals(
        sidecar["env"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default(),
    );
    let refused = |which, error| {
        Error::Value(format!(
            "agent.extraEnv: no agent {which} start with it: {error}"
        ))
    };
    load(&sample).map_err(|error| refused("would", error))?;
    let extra = template.extra_env();
    for names in OPEN {
        for name in names {
            let Some(value) = literals(extra).remove(*name) else {
                continue;
            };
            let mut environment = sample.clone();
            let beside = USE_FIPS
                .names
                .iter()
                .chain(USE_DUALSTACK.names)
                .chain(names)
                .chain(STS_ENDPOINT.variables);
            beside.for_each(|other| drop(environment.remove(*other)));
            environment.insert(
                STS_ENDPOINT.variables[0].to_owned(),
                ANY_ENDPOINT.to_owned(),
            );
            environment.insert((*name).to_owned(), value);
            load(&environment).map_err(|error| refused("that reads it would", error))?;
        }
    }
    Ok(template)
}

/// The variables whose values are known here; of several with one name the first, as it is
/// rendered.
fn literals(all: &[Value]) -> BTreeMap<String, String> {
    let known = all.iter().rev().filter_map(|variable| {
        let text = variable["value"].as_str()?.replace("$$", "\0");
        (!text.contains("$(")).then(|| {
            Some((
                variable["name"].as_str()?.to_owned(),
                text.replace('\0', "$"),
            ))
        })?
    });
    known.collect()
}

fn load(environment: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let variable = |name: &str| environment.get(name).cloned();
    let read = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
    Config::load(&Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    })
    .map(drop)
}
