//! Every setting of one injection, from the first of pod, ServiceAccount, Namespace and chart that has it.
//!
//! Owns the precedence and what each value may be; an error names the key, the object, the value and what is
//! allowed. It never looks at containers. Built once for each pod, by `inject`.

mod chart;
mod hash;
mod together;
mod values;

use std::fmt::Display;

use serde_json::{Map, Value};

use super::keys::{PREFIX, Place};
use super::quantity::{self, Quantity};
use super::template::Template;
use super::{Denial, Reason};
use crate::assume::AttemptTimeout;
use crate::role::{Region, RoleArn, Server};
pub use hash::SettingsHash;
pub(super) use hash::set;
pub(super) use values::boolean;
use values::{
    audience, container_role, endpoint, expiration, log_format, log_level, name, object_name,
    policies, port, server, session_duration, session_name,
};

/// Annotations of the objects that can set something, and the chart's values.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) pod: Option<&'a Map<String, Value>>,
    pub(super) account: Option<&'a Map<String, Value>>,
    pub(super) namespace: Option<&'a Map<String, Value>>,
    /// The names of the last two, for messages.
    pub(super) account_name: &'a str,
    pub(super) namespace_name: &'a str,
    /// What a pod without a role of its own is given by whoever calls.
    pub(super) fallback_role: Option<&'a str>,
}

/// A value that somebody wrote.
pub(super) struct Given<'a> {
    pub(super) origin: String,
    pub(super) text: &'a str,
}

impl<'a> Given<'a> {
    /// Without the blanks and line ends around it, which YAML's block scalars leave and the agent takes off its
    /// variables too.
    pub(super) fn new(origin: String, text: &'a str) -> Self {
        Self {
            origin,
            text: text.trim_ascii(),
        }
    }

    pub(super) fn read<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Denial> {
        parse(self.text).map_err(|allowed| Denial::value(&self.origin, self.text, allowed))
    }

    fn boolean(&self) -> Result<bool, Denial> {
        self.read(boolean)
    }
}

impl<'a> Sources<'a> {
    /// A pod's own annotation.
    pub(super) fn pod(&self, name: &str) -> Option<Given<'a>> {
        let key = format!("{PREFIX}{name}");
        let text = self.pod?.get(&key)?.as_str()?;
        Some(Given::new(format!("annotation {key}"), text))
    }

    /// The first object that has the annotation: pod, ServiceAccount under both prefixes, Namespace.
    pub(super) fn any(&self, name: &str) -> Option<Given<'a>> {
        let of = |place: Place, own: &str, key: String, map: Option<&'a Map<String, Value>>| {
            let text = map?.get(&key)?.as_str()?;
            Some(Given::new(
                format!("{} {own}: annotation {key}", place.name()),
                text,
            ))
        };
        let key = format!("{PREFIX}{name}");
        let eks = format!("eks.amazonaws.com/{name}");
        let has_eks = matches!(name, "role-arn" | "audience" | "token-expiration");
        self.pod(name)
            .or_else(|| of(Place::Account, self.account_name, key.clone(), self.account))
            .or_else(|| {
                of(
                    Place::Account,
                    self.account_name,
                    eks,
                    self.account.filter(|_| has_eks),
                )
            })
            .or_else(|| {
                of(
                    Place::Namespace,
                    self.namespace_name,
                    key,
                    self.namespace.filter(|_| name != "role-arn"),
                )
            })
    }

    /// Whether the pod, its ServiceAccount or the caller names a role or where roles stand.
    pub(super) fn names_a_role(&self) -> bool {
        let own = ["container-roles", "role-chain", "config"];
        self.any("role-arn").is_some()
            || self.fallback_role.is_some()
            || own.iter().any(|name| self.pod(name).is_some())
    }
}

/// Limits and requests, each as the text of a quantity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) cpu: Option<String>,
    pub(super) memory: Option<String>,
}

/// One pod's settings; what may be absent is optional.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub(super) struct Settings {
    pub(super) role: Option<RoleArn>,
    /// Whether the role is the caller's, so that no other call would find it.
    pub(super) has_callers_role: bool,
    pub(super) chain: Vec<RoleArn>,
    pub(super) container_roles: Vec<(String, RoleArn)>,
    pub(super) config: Option<String>,
    pub(super) region: Option<Region>,
    /// Whether an annotation names the region; the chart's is only a default.
    pub(super) has_explicit_region: bool,
    pub(super) sts_endpoint: Option<String>,
    pub(super) sts_timeout: AttemptTimeout,
    /// Whose STS the agent will ask, as far as can be known here.
    pub(super) server: Server,
    pub(super) audience: String,
    pub(super) token_expiration: u64,
    pub(super) session_name: Option<String>,
    pub(super) session_duration: String,
    pub(super) policy_arns: Vec<String>,
    pub(super) containers: Option<Vec<String>>,
    pub(super) skip_containers: Vec<String>,
    pub(super) port: u16,
    pub(super) metrics_port: u16,
    pub(super) log_level: String,
    pub(super) log_format: String,
    pub(super) requests: Amounts,
    pub(super) limits: Amounts,
    pub(super) image: String,
    pub(super) legacy_clients: bool,
    pub(super) wait_for_credentials: bool,
    /// Whether the pod leaves its Services while nothing is vended.
    pub(super) readiness_probe: bool,
    /// Whether SDKs of the containers may ask the instance metadata service.
    pub(super) ec2_metadata: bool,
}

impl Settings {
    pub(super) fn of(sources: &Sources<'_>, template: &Template) -> Result<Self, Denial> {
        let agent = &template.agent;
        let text =
            |name: &str, default: Option<(String, String)>| Text::of(sources.any(name), default);
        let insecure = template.allows_insecure_sts();
        let sts_endpoint = text("sts-endpoint", chart("stsEndpoint", &agent.sts_endpoint))
            .url(|text| endpoint(text, insecure))?;
        let token_expiration = number("tokenExpirationSeconds", agent.token_expiration_seconds);
        let config = sources
            .pod("config")
            .map(|given| given.read(object_name))
            .transpose()?;
        let server = asked_server(
            sts_endpoint.as_deref().or(template.extra_endpoint()),
            config.is_some(),
        );
        let settings = Self {
            role: role(sources, server)?,
            has_callers_role: sources.any("role-arn").is_none() && sources.fallback_role.is_some(),
            chain: list(sources.pod("role-chain"), |text| {
                RoleArn::parse_at(server, text).map_err(|error| error.to_string())
            })?,
            container_roles: list(sources.pod("container-roles"), |text| {
                container_role(server, text)
            })?,
            config,
            region: text("region", chart("region", &agent.region))
                .parse(|text| Region::parse_at(server, text))?,
            has_explicit_region: sources.any("region").is_some(),
            sts_endpoint,
            server,
            sts_timeout: text("sts-timeout", chart("stsTimeout", &agent.sts_timeout))
                .required("agent.stsTimeout", AttemptTimeout::parse)?,
            audience: text("audience", chart("audience", &agent.audience))
                .required("agent.audience", audience)?,
            token_expiration: text("token-expiration", Some(token_expiration))
                .required("agent.tokenExpirationSeconds", expiration)?,
            session_name: sources
                .pod("session-name")
                .map(|given| given.read(session_name))
                .transpose()?,
            session_duration: text(
                "session-duration",
                chart("sessionDuration", &agent.session_duration),
            )
            .required("agent.sessionDuration", session_duration)?,
            policy_arns: policy_arns(sources, server)?,
            containers: sources
                .pod("containers")
                .map(|given| list(Some(given), name))
                .transpose()?,
            skip_containers: list(sources.pod("skip-containers"), name)?,
            port: Text::of(
                sources.pod("port"),
                Some(number("credentialsPort", agent.credentials_port)),
            )
            .required("agent.credentialsPort", port)?,
            metrics_port: Text::of(
                sources.pod("metrics-port"),
                Some(number("metrics.port", agent.metrics.port)),
            )
            .required("agent.metrics.port", port)?,
            log_level: text("log-level", chart("log.level", &agent.log.level))
                .required("agent.log.level", log_level)?,
            log_format: text("log-format", chart("log.format", &agent.log.format))
                .required("agent.log.format", log_format)?,
            requests: amounts(sources, template, "request")?,
            limits: amounts(sources, template, "limit")?,
            image: image(sources, template)?,
            legacy_clients: flag(sources, "legacy-clients", agent.legacy_clients)?,
            wait_for_credentials: flag(
                sources,
                "wait-for-credentials",
                agent.wait_for_credentials,
            )?,
            readiness_probe: flag(sources, "readiness-probe", agent.readiness_probe.enabled)?,
            ec2_metadata: flag(sources, "ec2-metadata", agent.ec2_metadata)?,
        };
        together::check(&settings, sources, template)?;
        Ok(settings)
    }
}

/// A text of the chart and what it is called there; an empty one says nothing.
fn chart(key: &str, text: &str) -> Option<(String, String)> {
    let text = text.trim_ascii();
    (!text.is_empty()).then(|| (format!("agent.{key}"), text.to_owned()))
}

/// Whose STS the agent will ask: its endpoint's. A configuration of the author's own may name one, so its agent judges.
fn asked_server(endpoint: Option<&str>, has_own_config: bool) -> Server {
    if endpoint.is_none() && has_own_config {
        Server::Other
    } else {
        server(endpoint)
    }
}

/// A value and its origin, from an annotation or from the chart.
struct Text(Option<(String, String)>);

impl Text {
    fn of(given: Option<Given<'_>>, default: Option<(String, String)>) -> Self {
        Self(
            given
                .map(|given| (given.origin, given.text.to_owned()))
                .or(default),
        )
    }

    fn parse<T, E: Display>(
        self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Denial> {
        self.0
            .map(|(origin, text)| {
                Given {
                    origin,
                    text: &text,
                }
                .read(parse)
            })
            .transpose()
    }

    /// No denial repeats a password or a query of it.
    fn url<T, E: Display>(
        self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Denial> {
        let refused = |origin: &str, text: &str, allowed| Denial::url(origin, text, allowed);
        self.0
            .map(|(origin, text)| parse(&text).map_err(|allowed| refused(&origin, &text, allowed)))
            .transpose()
    }

    fn required<T, E: Display>(
        self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Denial> {
        Self(self.0.or_else(|| Some((key.to_owned(), String::new()))))
            .parse(parse)
            .map(|read| read.expect("just made"))
    }
}

fn number(key: &str, value: u64) -> (String, String) {
    (format!("agent.{key}"), value.to_string())
}

fn flag(sources: &Sources<'_>, name: &str, default: bool) -> Result<bool, Denial> {
    sources
        .any(name)
        .map_or(Ok(default), |given| given.boolean())
}

fn list<T>(
    given: Option<Given<'_>>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, Denial> {
    let Some(given) = given else {
        return Ok(Vec::new());
    };
    let items = given
        .text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items
        .map(|text| {
            Given {
                origin: given.origin.clone(),
                text,
            }
            .read(&parse)
        })
        .collect()
}

fn role(sources: &Sources<'_>, server: Server) -> Result<Option<RoleArn>, Denial> {
    let fallback = || {
        sources
            .fallback_role
            .map(|text| Given::new("--role-arn".to_owned(), text))
    };
    sources
        .any("role-arn")
        .or_else(fallback)
        .map(|given| given.read(|text| RoleArn::parse_at(server, text)))
        .transpose()
}

fn policy_arns(sources: &Sources<'_>, server: Server) -> Result<Vec<String>, Denial> {
    let Some(given) = sources.pod("session-policy-arns") else {
        return Ok(Vec::new());
    };
    let texts: Vec<&str> = given
        .text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect();
    given.read(|_| policies(server, &texts))
}

fn image(sources: &Sources<'_>, template: &Template) -> Result<String, Denial> {
    let Some(given) = sources.any("image") else {
        return Ok(template.image());
    };
    if !template.injector.allow_image_override {
        let problem = "images are chosen by the chart; set its injector.allowImageOverride to allow this annotation";
        return Err(Denial::new(
            Reason::BadValue,
            format!("{}: {problem}", given.origin),
        ));
    }
    given.read(|text| {
        let sound = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if sound {
            Ok(text.to_owned())
        } else {
            Err("an image reference")
        }
    })
}

/// `cpu-request` and so on over the chart's `agent.resources`.
fn amounts(sources: &Sources<'_>, template: &Template, kind: &str) -> Result<Amounts, Denial> {
    let resources = &template.agent.resources;
    let chart = if kind == "limit" {
        &resources.limits
    } else {
        &resources.requests
    };
    let one = |what: &str, chart: Option<&Value>| {
        let default = chart.filter(|value| !value.is_null()).map(|value| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (format!("agent.resources.{kind}s.{what}"), text)
        });
        Text::of(sources.any(&format!("{what}-{kind}")), default).parse(|text| {
            Quantity::parse(text)
                .map(|_| text.to_owned())
                .ok_or(quantity::ALLOWED)
        })
    };
    Ok(Amounts {
        cpu: one("cpu", chart.cpu.as_ref())?,
        memory: one("memory", chart.memory.as_ref())?,
    })
}
