//! The injector's configuration file, as the chart's ConfigMap holds it.
//!
//! Owns its shape: closed, so that a mistyped key is an error at start and not a setting that does nothing. What
//! describes the sidecar is read by `inject`; values that need the cluster are judged where they are used.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::certificates::Mode;
use crate::config::{Error, rendered};
use crate::inject::Template;
use crate::{shown, telemetry, text};

/// Everything that the injector is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// What is injected, and on which conditions.
    pub template: Template,
    /// All of it as it was written: whether two say the same.
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
    pub log: telemetry::Settings,
    /// Where the webhook's certificate comes from.
    pub certificates: Mode,
    /// The Secret that holds it.
    pub secret_name: String,
    /// The authorities of the clients that may call the webhook; nothing when all may.
    pub client_ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "both are read by the template; here their keys are allowed"
)]
struct Document {
    #[serde(default)]
    image: Value,
    #[serde(default)]
    agent: Value,
    injector: Injector,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "the last seven are read by the template; here their keys are allowed"
)]
struct Injector {
    namespace: String,
    /// The template reads it too; an injector without a name is none that another could tell from itself.
    release: Option<String>,
    service_name: String,
    webhook_configuration: String,
    #[serde(default)]
    excluded_namespaces: Vec<String>,
    port: u64,
    metrics_port: u64,
    #[serde(default)]
    log: Log,
    certs: Certs,
    client_ca_file: Option<String>,
    #[serde(default)]
    allow_image_override: Value,
    #[serde(default)]
    allowed_role_arns: Value,
    #[serde(default)]
    strict_environment: Value,
    #[serde(default)]
    strict_env_from: Value,
    #[serde(default)]
    mesh_proxies: Value,
    #[serde(default)]
    skipped_containers: Value,
    #[serde(default)]
    agent_architectures: Value,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Log {
    level: Option<String>,
    format: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Certs {
    mode: ModeName,
    secret_name: String,
    ca_duration: Option<String>,
    leaf_duration: Option<String>,
    renew_before: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ModeName {
    #[serde(rename = "self")]
    Own,
    CertManager,
    External,
}

/// The chart's defaults.
const CA_DURATION: Duration = Duration::from_hours(8760);
const LEAF_DURATION: Duration = Duration::from_hours(168);
/// It is renewed with a day left at the latest, which leaves time to mend what keeps it from being renewed.
const SHORTEST_LEAF: Duration = Duration::from_hours(48);

impl Config {
    /// Reads the file's content; `path` names it in errors.
    ///
    /// # Errors
    /// When it is not YAML, a key is unknown or missing, or a value is not accepted; each is named.
    pub fn read(path: &Path, content: &[u8]) -> Result<Self, Error> {
        let origin = path.display();
        let text = text::utf8(content).map_err(|error| Error::setting(&origin, error))?;
        let Document { injector, .. } = parse(&origin, text)?;
        let values: Value = parse(&origin, text)?;
        let template =
            rendered::template(values.clone()).map_err(|error| Error::setting(&origin, error))?;
        let Injector {
            namespace,
            service_name,
            webhook_configuration,
            excluded_namespaces,
            port,
            metrics_port,
            ..
        } = injector;
        let release = injector.release.as_ref().unwrap_or(&namespace);
        for (key, value) in [
            ("namespace", &namespace),
            ("release", release),
            ("serviceName", &service_name),
            ("webhookConfiguration", &webhook_configuration),
            ("certs.secretName", &injector.certs.secret_name),
        ] {
            if !is_object_name(value) {
                let key = format!("{origin}: injector.{key}");
                return Err(Error::value(
                    key,
                    value,
                    "the name of an object: lower-case letters, digits, - and .",
                ));
            }
        }
        let port = read_port(&origin, "port", port)?;
        let metrics_port = read_port(&origin, "metricsPort", metrics_port)?;
        if port == metrics_port {
            let problem = format!("it is {port}, as injector.port: choose another");
            return Err(Error::setting(
                format!("{origin}: injector.metricsPort"),
                problem,
            ));
        }
        let client_ca_file = injector
            .client_ca_file
            .map(|path| absolute(&origin, path))
            .transpose()?;
        let log = log(&origin.to_string(), injector.log)?;
        let secret_name = injector.certs.secret_name.clone();
        let certificates = certificates(&origin.to_string(), injector.certs)?;
        Ok(Self {
            template,
            values,
            namespace,
            service_name,
            webhook_configuration,
            excluded_namespaces,
            port,
            metrics_port,
            log,
            certificates,
            secret_name,
            client_ca_file,
        })
    }
}

fn read_port(origin: &impl std::fmt::Display, key: &str, port: u64) -> Result<u16, Error> {
    let given = u16::try_from(port).ok().filter(|port| *port > 0);
    given.ok_or_else(|| {
        Error::value(
            format!("{origin}: injector.{key}"),
            &port.to_string(),
            "1 to 65535",
        )
    })
}

fn absolute(origin: &impl std::fmt::Display, path: String) -> Result<PathBuf, Error> {
    if Path::new(&path).is_absolute() {
        return Ok(path.into());
    }
    Err(Error::value(
        format!("{origin}: injector.clientCaFile"),
        &path,
        "an absolute path",
    ))
}

/// Errors tell line and column.
fn parse<'de, T: Deserialize<'de>>(
    origin: &impl std::fmt::Display,
    text: &'de str,
) -> Result<T, Error> {
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        Error::setting(origin, shown::parser_message(&message))
    })
}

fn log(origin: &str, log: Log) -> Result<telemetry::Settings, Error> {
    let format = log.format.map(|text| {
        telemetry::Format::parse(&text).map_err(|allowed| {
            Error::value(format!("{origin}: injector.log.format"), &text, allowed)
        })
    });
    let filter = log.level.map(|text| {
        telemetry::Filter::parse(&text).map_err(|allowed| {
            Error::value(format!("{origin}: injector.log.level"), &text, allowed)
        })
    });
    Ok(telemetry::Settings {
        format: format.transpose()?,
        filter: filter.transpose()?.unwrap_or_default(),
    })
}

fn certificates(origin: &str, certs: Certs) -> Result<Mode, Error> {
    let parse = |key: &str, text: String| {
        humantime::parse_duration(&text).map_err(|_| {
            Error::value(
                format!("{origin}: injector.certs.{key}"),
                &text,
                "a duration such as 168h",
            )
        })
    };
    let read = |key: &str, text: Option<String>| text.map(|text| parse(key, text)).transpose();
    let ca_duration = read("caDuration", certs.ca_duration)?.unwrap_or(CA_DURATION);
    let leaf_duration = read("leafDuration", certs.leaf_duration)?.unwrap_or(LEAF_DURATION);
    let renew_before = read("renewBefore", certs.renew_before)?;
    let shown = |duration| humantime::format_duration(duration).to_string();
    if leaf_duration < SHORTEST_LEAF {
        let key = format!("{origin}: injector.certs.leafDuration");
        return Err(Error::value(key, &shown(leaf_duration), "at least 48h"));
    }
    if ca_duration <= leaf_duration {
        let key = format!("{origin}: injector.certs.caDuration");
        return Err(Error::value(
            key,
            &shown(ca_duration),
            "longer than leafDuration",
        ));
    }
    Ok(match certs.mode {
        ModeName::Own => Mode::SelfSigned {
            ca_duration,
            leaf_duration,
        },
        ModeName::CertManager => Mode::CertManager { renew_before },
        ModeName::External => Mode::External,
    })
}

/// Whether a text can be the name of an object or a namespace (a DNS subdomain), and so a part of an API path.
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
