//! What holds for the environment that a container really has, whatever its `ConfigMaps` and
//! Secrets hold: the sidecar is found, nothing that was there is lost, and what would win over the
//! sidecar was said.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::case::Case;
use crate::effective::{Environment, ReferencedObjects, environment};

pub(crate) const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
pub(crate) const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(crate) const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
pub(crate) const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
pub(crate) const METADATA: &str = "AWS_EC2_METADATA_DISABLED";
pub(crate) const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
const PROXIES: [&str; 3] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY"];
/// What SDKs follow before they ask the sidecar.
pub(crate) const WINNERS: [&str; 10] = [
    RELATIVE_URI,
    TOKEN,
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AMAZON_ACCESS_KEY_ID",
];
const LOOPBACK: &str = "127.0.0.1";

/// Every object holds these variables, under whatever prefix it is read; optional keys are there or
/// missing.
#[derive(Debug)]
pub(crate) struct SameObjects {
    pub(crate) variables: BTreeMap<&'static str, &'static str>,
    pub(crate) optional: bool,
}

impl ReferencedObjects for SameObjects {
    fn all(&self, _: &str, _: &str, prefix: &str) -> Vec<(String, String)> {
        let keys = self
            .variables
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value)));
        keys.filter(|(key, _)| !key.is_empty())
            .map(|(key, value)| (key.to_owned(), (*value).to_owned()))
            .collect()
    }

    fn one(&self, _: &str, _: &str, _: &str, optional: bool) -> Option<String> {
        (!optional || self.optional).then(|| "elsewhere".to_owned())
    }
}

pub(crate) fn objects_with(variables: &[(&'static str, &'static str)]) -> SameObjects {
    SameObjects {
        variables: variables.iter().copied().collect(),
        optional: false,
    }
}

/// Nothing, everything, and each variable alone.
fn possible_contents() -> Vec<SameObjects> {
    let others = [
        FULL_URI,
        TOKEN_FILE,
        METADATA,
        "AWS_STS_REGIONAL_ENDPOINTS",
        "OTHER",
    ];
    let all = WINNERS
        .iter()
        .chain(&others)
        .chain(&REGIONS)
        .chain(&EXCEPTIONS)
        .chain(&PROXIES)
        .copied();
    let all: Vec<(&str, &str)> = all.map(|name| (name, "theirs")).collect();
    let mut contents: Vec<SameObjects> = all.iter().map(|one| objects_with(&[*one])).collect();
    contents.extend(
        EXCEPTIONS.map(|name| objects_with(&[(name, "theirs"), ("HTTP_PROXY", "http://proxy")])),
    );
    contents.push(objects_with(&[]));
    contents.push(SameObjects {
        optional: true,
        ..objects_with(&all)
    });
    contents
}

/// One container that gets credentials, before and after.
struct Judged<'a> {
    name: &'a str,
    before: &'a Value,
    after: &'a Value,
    token: Option<&'a str>,
    port: &'a str,
    has_explicit_region: bool,
    warnings: &'a [String],
    place: String,
}

/// Panics where a container's environment is not what it must be.
pub(crate) fn hold(case: &Case, after: &Value, warnings: &[String], place: &str) {
    let inits = after["spec"]["initContainers"]
        .as_array()
        .expect("init containers");
    let sidecar = inits
        .iter()
        .find(|container| container["name"] == "stsidecar")
        .expect("the sidecar");
    let own = environment(sidecar, &objects_with(&[])).expect("it starts");
    let document: Value = serde_json::from_str(&own["STSIDECAR_CONFIG_INLINE"]).expect("JSON");
    let objects = [
        Some(&case.pod),
        case.account.as_ref(),
        case.namespace.as_ref(),
    ];
    let has_explicit_region = objects.into_iter().flatten().any(|object| {
        object["metadata"]["annotations"]
            .get("stsidecar.dev/region")
            .is_some()
    });
    for client in document["clients"].as_array().expect("clients") {
        let name = client["name"].as_str().expect("a name");
        Judged {
            name,
            before: named(&case.pod, name),
            after: named(after, name),
            token: client["authorizationToken"].as_str(),
            port: own["STSIDECAR_LISTEN"].rsplit(':').next().expect("a port"),
            has_explicit_region,
            warnings,
            place: format!("{place}: container {name}"),
        }
        .judge();
    }
}

pub(crate) fn named<'a>(pod: &'a Value, name: &str) -> &'a Value {
    let all = ["initContainers", "containers"]
        .iter()
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    all.into_iter()
        .find(|container| container["name"] == name)
        .expect("a container of the pod")
}

fn is_set(all: &Environment, name: &str) -> bool {
    all.get(name)
        .is_some_and(|value| !value.is_empty() && value != "/dev/null")
}

impl Judged<'_> {
    fn judge(&self) {
        for objects in possible_contents() {
            let place = format!("{}, where {objects:?}", self.place);
            let (was, is) = (
                environment(self.before, &objects),
                environment(self.after, &objects),
            );
            let Some(was) = was else {
                assert_eq!(is, None, "{place}");
                continue;
            };
            let is = is.unwrap_or_else(|| panic!("{place}: it would not start"));
            self.finds_the_sidecar(&is, &place);
            self.keeps_what_was_there(&was, &is, &place);
            self.keeps_the_region(&was, &is, &place);
            self.stays_off_the_proxy(&was, &is, &place);
            for winner in WINNERS.into_iter().filter(|winner| is_set(&is, winner)) {
                let ours = winner == TOKEN && is.get(TOKEN).map(String::as_str) == self.token;
                assert!(
                    ours || self.was_said(winner),
                    "{place}: {winner} wins silently: {:?}",
                    self.warnings
                );
            }
        }
    }

    fn in_env(&self, name: &str) -> Option<&Value> {
        self.before["env"]
            .as_array()?
            .iter()
            .rfind(|variable| variable["name"] == name)
    }

    /// Whether a warning names the variable of `env`, or else where the variable may come from.
    fn was_said(&self, name: &str) -> bool {
        let about = format!("container {} ", self.name);
        let word = if self.in_env(name).is_some() {
            name
        } else {
            "envFrom"
        };
        self.warnings
            .iter()
            .any(|warning| warning.contains(&about) && warning.contains(word))
    }

    fn finds_the_sidecar(&self, is: &Environment, place: &str) {
        assert_eq!(
            is[FULL_URI],
            format!("http://127.0.0.1:{}/v1/credentials", self.port),
            "{place}"
        );
        assert_eq!(
            is[TOKEN_FILE], "/var/run/secrets/stsidecar.dev/endpoint/token",
            "{place}"
        );
        for name in [TOKEN, RELATIVE_URI] {
            let empty = is.get(name).is_some_and(String::is_empty);
            assert!(
                !empty,
                "{place}: {name} is empty, which some SDKs take for a value"
            );
        }
    }

    fn keeps_what_was_there(&self, was: &Environment, is: &Environment, place: &str) {
        let ours = [
            FULL_URI,
            TOKEN_FILE,
            TOKEN,
            "AWS_STS_REGIONAL_ENDPOINTS",
            METADATA,
        ];
        for name in is.keys().filter(|name| !was.contains_key(*name)) {
            let known = ours
                .iter()
                .chain(&REGIONS)
                .chain(&EXCEPTIONS)
                .any(|own| own == name);
            assert!(known, "{place}: {name} is added");
        }
        let given = [FULL_URI, TOKEN_FILE, TOKEN]
            .iter()
            .chain(&REGIONS)
            .chain(&EXCEPTIONS);
        let given: Vec<&str> = given.copied().collect();
        for (name, value) in was
            .iter()
            .filter(|(name, _)| !given.contains(&name.as_str()))
        {
            // It keeps SDKs from the node's role when the sidecar does not answer, so it is written
            // and said.
            let said =
                name == METADATA && self.in_env(METADATA).is_none() && self.was_said(METADATA);
            assert!(
                said || is[name] == *value,
                "{place}: {name} was {value:?} and is {:?}",
                is[name]
            );
        }
    }

    fn keeps_the_region(&self, was: &Environment, is: &Environment, place: &str) {
        let there: Vec<&String> = REGIONS
            .iter()
            .filter_map(|name| was.get(*name))
            .filter(|own| !own.is_empty())
            .collect();
        for name in REGIONS {
            let Some(value) = is.get(name) else { continue };
            let overwritten = self.has_explicit_region && self.in_env(name).is_none();
            if overwritten {
                continue;
            }
            match was.get(name).filter(|own| !own.is_empty()) {
                Some(own) => assert_eq!(value, own, "{place}: {name}"),
                None if value.is_empty() => {}
                None => {
                    let is_given =
                        (self.has_explicit_region || there.is_empty()) && !value.contains("$(");
                    let agrees = there.contains(&value) || is_given;
                    assert!(agrees, "{place}: {name} is {value:?} beside {there:?}");
                }
            }
        }
    }

    /// Some clients look for the name in capitals first, some for the other; each takes what it
    /// finds first.
    fn stays_off_the_proxy(&self, was: &Environment, is: &Environment, place: &str) {
        let is_referred = |name: &&str| {
            self.in_env(name)
                .is_some_and(|own| own["valueFrom"].is_object())
        };
        let elsewhere = EXCEPTIONS.iter().find(|name| is_referred(name));
        for order in [EXCEPTIONS, ["no_proxy", "NO_PROXY"]] {
            let hosts = |all: &Environment| -> Vec<String> {
                let value = order
                    .iter()
                    .filter_map(|name| all.get(*name))
                    .find(|value| !value.is_empty());
                value.map_or(Vec::new(), |value| {
                    value
                        .split(',')
                        .map(|host| host.trim().to_owned())
                        .collect()
                })
            };
            let (before, after) = (hosts(was), hosts(is));
            for host in before.iter().filter(|host| !host.is_empty()) {
                assert!(
                    after.contains(host),
                    "{place}: {host:?} of {before:?} is lost in {after:?}"
                );
            }
            let proxy = PROXIES.iter().find(|name| is_set(is, name));
            let bypasses = after.iter().any(|host| host == LOOPBACK || host == "*");
            let said = elsewhere.is_some_and(|name| self.was_said(name));
            assert!(
                proxy.is_none() || bypasses || said,
                "{place}: {proxy:?} takes the token: {after:?}"
            );
        }
    }
}
