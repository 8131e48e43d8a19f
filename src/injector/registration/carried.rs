//! A configuration that the registration carries, against the one that this
//! injector was started with.
//!
//! Owns what of it counts here: all of what is injected, but never the agent of another build. It
//! never keeps or publishes anything. Called by the driver when the annotation changes.

use std::path::Path;

use serde_json::{Value, json};

use super::ANNOTATION;
use crate::inject::Template;
use crate::injector::config::Config;

/// What a carried configuration is to this injector.
#[derive(Debug)]
pub(super) enum Carried {
    /// In effect from now on; whether the file says the same.
    Taken {
        template: Box<Template>,
        is_the_files: bool,
    },
    /// It names the image of another build and cannot be read here, as with a key
    /// that only that build knows.
    OfAnotherBuild(String),
    /// It cannot be read, or is not ours.
    Refused(String),
}

/// Reads `text` as the file is read. Its ports, logs and certificates are for the pods that
/// the chart starts with them.
pub(super) fn read(text: &str, own: &Config) -> Carried {
    match Config::read(Path::new(ANNOTATION), text.as_bytes()) {
        Err(error) if build(text).is_some_and(|build| !build.is_of_build(&own.template)) => {
            Carried::OfAnotherBuild(error.to_string())
        }
        Err(error) => Carried::Refused(error.to_string()),
        Ok(found)
            if (&found.namespace, &found.service_name) != (&own.namespace, &own.service_name) =>
        {
            let Config {
                namespace,
                service_name,
                ..
            } = &found;
            let problem = format!(
                "it is for Service {namespace}/{service_name}: keep two releases from using one \
                 name"
            );
            Carried::Refused(format!("{ANNOTATION}: {problem}"))
        }
        Ok(Config {
            template, values, ..
        }) => {
            let is_the_files = values == own.values;
            // An injector writes flags and probes that its own agent has: one of another build may
            // lack them, and would never start.
            let template = if template.is_of_build(&own.template) {
                template
            } else {
                template.with_image_of(&own.template)
            };
            Carried::Taken {
                template: Box::new(template),
                is_the_files,
            }
        }
    }
}

/// Of a configuration whose other keys may be unknown, the image.
fn build(text: &str) -> Option<Template> {
    let values: Value = serde_json::from_str(text).ok()?;
    Template::from_values(json!({ "image": values["image"] })).ok()
}
