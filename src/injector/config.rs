//! The injector's configuration file, as the chart's ConfigMap holds it.
//!
//! Owns its shape: closed, so that a mistyped key is an error at start and not a setting that does
//! nothing. The text is read once. What describes the sidecar goes to `inject` as it is written;
//! values that need the cluster are judged where they are used.

mod certs;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value, json};

use crate::config::{Error, rendered};
use crate::inject::Template;
use crate::{redact, telemetry, text};
use certs::Certs;

pub use certs::{Durations, Mode};

/// Everything that an operator configures.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is injected, and on which conditions.
    pub template: Template,
    /// What the template was made of: two configurations with the same values inject the same.
    pub values: Value,
    /// The namespace that the injector runs in.
    pub namespace: String,
    /// The Service by which the API server reaches it.
    pub service_name: String,
    /// The name of the `MutatingWebhookConfiguration`.
    pub webhook_configuration: String,
    /// Namespaces that never reach the webhook.
    pub excluded_namespaces: Vec<String>,
    /// The webhook's port.
    pub port: u16,
    /// The port of health and metrics.
    pub metrics_port: u16,
    /// What is logged.
    pub log: telemetry::LogSettings,
    /// Where the webhook's certificate comes from.
    pub certificates: Mode,
    /// The Secret that holds it.
    pub secret_name: String,
    /// The authorities of the clients that may call the webhook; nothing when all may.
    pub client_ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default = "nothing")]
    image: Value,
    #[serde(default = "nothing")]
    agent: Value,
    injector: Injector,
}

/// The section as it is written; it serializes to what the template reads of it.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Injector {
    namespace: String,
    /// Without it, no other injector can distinguish the pods of this one from its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<String>,
    #[serde(skip_serializing)]
    service_name: String,
    #[serde(skip_serializing)]
    webhook_configuration: String,
    #[serde(skip_serializing, default)]
    excluded_namespaces: Vec<String>,
    #[serde(skip_serializing)]
    port: u64,
    #[serde(skip_serializing)]
    metrics_port: u64,
    #[serde(skip_serializing, default)]
    log: Log,
    #[serde(skip_serializing)]
    certs: Certs,
    #[serde(skip_serializing)]
    client_ca_file: Option<String>,
    #[serde(default, skip_serializing_if = "Written::is_absent")]
    agent_architectures: Written,
    #[serde(default, skip_serializing_if = "Written::is_absent")]
    allow_image_override: Written,
    #[serde(default, skip_serializing_if = "Written::is_absent")]
    allowed_role_arns: Written,
    #[serde(default, skip_serializing_if = "Written::is_absent")]
    mesh_proxies: Written,
    #[serde(default, skip_serializing_if = "Written::is_absent")]
    skipped_containers: Written,
    #[serde(default, skip_serializing_if = "Written::is_absent")]
    strict_env_from: Written,
    #[serde(default, skip_serializing_if = "Written::is_absent")]
    strict_environment: Written,
}

/// What an absent section holds.
fn nothing() -> Value {
    Value::Object(Map::new())
}

/// What the template reads and judges, a null too: `Option` would take it for an absent key.
#[derive(Default, Serialize)]
#[serde(transparent)]
struct Written(Option<Value>);

impl Written {
    fn is_absent(&self) -> bool {
        self.0.is_none()
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(|value| Self(Some(value)))
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    level: Option<String>,
    format: Option<String>,
}

impl Config {
    /// Reads the file's content; `path` names it in errors.
    ///
    /// # Errors
    /// When it is not YAML, a key is unknown or missing, or a value is not accepted; each is named.
    pub fn read(path: &Path, content: &[u8]) -> Result<Self, Error> {
        let origin = path.display();
        let text = text::utf8(content).map_err(|error| Error::setting(&origin, error))?;
        let Document {
            image,
            agent,
            injector,
        } = parse(&origin, text)?;
        let values = json!({ "image": image, "agent": agent, "injector": injector });
        let template = rendered::template(values.clone());
        let template = template.map_err(|error| Error::setting(&origin, error))?;
        injector.check_names(&origin)?;
        let [port, metrics_port] = injector.ports(&origin)?;
        let client_ca_file = injector.client_ca_file.map(|path| absolute(&origin, path));
        Ok(Self {
            template,
            values,
            client_ca_file: client_ca_file.transpose()?,
            log: injector.log.settings(&origin)?,
            certificates: injector.certs.mode(&origin)?,
            secret_name: injector.certs.secret_name,
            namespace: injector.namespace,
            service_name: injector.service_name,
            webhook_configuration: injector.webhook_configuration,
            excluded_namespaces: injector.excluded_namespaces,
            port,
            metrics_port,
        })
    }
}

impl Injector {
    fn check_names(&self, origin: &impl Display) -> Result<(), Error> {
        let release = self.release.as_ref().unwrap_or(&self.namespace);
        let names = [
            ("namespace", &self.namespace),
            ("release", release),
            ("serviceName", &self.service_name),
            ("webhookConfiguration", &self.webhook_configuration),
            ("certs.secretName", &self.certs.secret_name),
        ];
        let allowed = "the name of an object: lower-case letters, digits, - and .";
        match names.iter().find(|(_, name)| !is_object_name(name)) {
            None => Ok(()),
            Some((key, name)) => Err(Error::value(
                format!("{origin}: injector.{key}"),
                name,
                allowed,
            )),
        }
    }

    /// The webhook's port, and that of health and metrics.
    fn ports(&self, origin: &impl Display) -> Result<[u16; 2], Error> {
        let port = port(origin, "port", self.port)?;
        let metrics_port = self::port(origin, "metricsPort", self.metrics_port)?;
        if port == metrics_port {
            let problem = format!("it is {port}, as injector.port: choose another");
            return Err(Error::setting(
                format!("{origin}: injector.metricsPort"),
                problem,
            ));
        }
        Ok([port, metrics_port])
    }
}

impl Log {
    fn settings(&self, origin: &impl Display) -> Result<telemetry::LogSettings, Error> {
        let key = |key| format!("{origin}: injector.log.{key}");
        let format = self.format.as_deref().map(|text| {
            let parsed = telemetry::Format::parse(text);
            parsed.map_err(|allowed| Error::value(key("format"), text, allowed))
        });
        let filter = self.level.as_deref().map(|text| {
            let parsed = telemetry::Filter::parse(text);
            parsed.map_err(|allowed| Error::value(key("level"), text, allowed))
        });
        Ok(telemetry::LogSettings {
            format: format.transpose()?,
            filter: filter.transpose()?.unwrap_or_default(),
        })
    }
}

fn port(origin: &impl Display, key: &str, port: u64) -> Result<u16, Error> {
    let key = format!("{origin}: injector.{key}");
    let given = u16::try_from(port).ok().filter(|port| *port > 0);
    given.ok_or_else(|| Error::value(key, &port.to_string(), "1 to 65535"))
}

fn absolute(origin: &impl Display, path: String) -> Result<PathBuf, Error> {
    if Path::new(&path).is_absolute() {
        return Ok(path.into());
    }
    let key = format!("{origin}: injector.clientCaFile");
    Err(Error::value(key, &path, "an absolute path"))
}

/// Errors name line and column.
fn parse<'de, T: Deserialize<'de>>(origin: &impl Display, text: &'de str) -> Result<T, Error> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        Error::setting(origin, redact::parser_message(&message))
    })
}

/// Whether a text can be the name of an object or a namespace, and so a part of an API path: a DNS
/// subdomain (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/>).
#[must_use]
pub(super) fn is_object_name(text: &str) -> bool {
    let inside = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || b"-.".contains(&c);
    let ends = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= 253
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().copied().all(inside)
}

#[cfg(test)]
mod tests;
