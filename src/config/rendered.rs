//! The chart's values, read as the agents that are rendered from them will read theirs.
//!
//! Owns one check, for `agent.extraEnv`: any variable of the agent's can be in it, so the agent's own configuration
//! judges. A value that comes from elsewhere, or refers to another variable, is not seen here. Called wherever
//! values come in: the injector's configuration and `stsidecar inject --values`.

use std::io;

use serde_json::Value;

use super::{Config, Flags, Sources};
use crate::inject::Template;
use crate::inject::template::Error;

/// Reads values, the chart's whole file or the part of it that matters.
///
/// # Errors
/// When a key is unknown, or a value is not accepted or would keep every agent from starting.
pub fn template(values: Value) -> Result<Template, Error> {
    let template = Template::from_values(values)?;
    let sidecar = template.sample().unwrap_or_default();
    let all = sidecar["env"].as_array().map(Vec::as_slice).unwrap_or_default();
    let variable = |name: &str| {
        let text = all.iter().find(|variable| variable["name"] == name)?["value"].as_str()?;
        let text = text.replace("$$", "\0");
        (!text.contains("$(")).then(|| text.replace('\0', "$"))
    };
    let read = |_: &std::path::Path| Err(io::ErrorKind::NotFound.into());
    match Config::load(&Sources { flags: &Flags::default(), variable: &variable, read: &read }) {
        Ok(_) => Ok(template),
        Err(error) => Err(Error::Value(format!("agent.extraEnv: no agent would start with it: {error}"))),
    }
}
