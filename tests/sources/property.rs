//! Whatever the configuration takes, STS takes; whatever it refuses is wrong, and the message names
//! the key.
//!
//! `CONFIGURATIONS` says how many profiles are drawn (100,000 take a minute and a half of two busy
//! processors), `CONFIGURATION_SEED` replays one.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use stsidecar::assume::{DurationSetting, Hop, Restriction, Role, SessionDuration, Tag};
use stsidecar::config::{Config, Flags, Sources};

use super::arbitrary::{POLICY_FILE, profile};
use super::support::fake_sts::judge::take_chain;
use super::support::fake_sts::limits::Form;

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// The steps of a profile, or the refusal.
fn steps(profile: &Value) -> Result<Vec<Arc<Hop>>, String> {
    let document = json!({"region": "eu-central-1", "profiles": {"default": profile}}).to_string();
    let variable = |name: &str| (name == "STSIDECAR_CONFIG_INLINE").then(|| document.clone());
    let read = |path: &Path| match path.to_str() {
        Some(POLICY_FILE) => Ok(POLICY.as_bytes().to_vec()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let loaded = Config::load(&Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    });
    loaded
        .map(|loaded| loaded.config.profiles[0].steps.clone())
        .map_err(|error| error.to_string())
}

/// The parameters of a request under the names of STS's reference: written a second time, not taken
/// from `src/`.
#[derive(Default)]
struct Request(Form);

impl Request {
    fn set(&mut self, name: &str, value: Option<impl Display>) {
        self.0
            .extend(value.map(|value| (name.to_owned(), value.to_string())));
    }

    fn duration(&mut self, duration: DurationSetting) {
        let asked = match duration {
            DurationSetting::Fixed(asked) => asked,
            DurationSetting::Longest => SessionDuration::HOUR,
        };
        self.set("DurationSeconds", Some(asked.seconds()));
    }

    fn restriction(
        &mut self,
        Restriction {
            policy,
            policy_arns,
            ..
        }: Restriction<'_>,
    ) {
        self.set("Policy", policy);
        for (at, arn) in policy_arns.iter().enumerate() {
            self.set(&format!("PolicyArns.member.{}.arn", at + 1), Some(arn));
        }
    }

    fn tags(&mut self, tags: &[Tag]) {
        for (at, tag) in tags.iter().enumerate() {
            self.set(&format!("Tags.member.{}.Key", at + 1), Some(&tag.key));
            self.set(&format!("Tags.member.{}.Value", at + 1), Some(&tag.value));
        }
    }

    fn hop(&mut self, step: &Role) {
        self.set("RoleArn", Some(&step.role_arn));
        self.duration(step.duration);
        self.tags(&step.tags);
        for (at, key) in step.transitive_tag_keys.iter().enumerate() {
            self.set(&format!("TransitiveTagKeys.member.{}", at + 1), Some(key));
        }
        self.set("ExternalId", step.external_id.as_ref());
        self.set("SourceIdentity", step.source_identity.as_ref());
        self.mfa(step.mfa.as_ref());
        for (at, context) in step.provided_contexts.iter().enumerate() {
            let key = |field: &str| format!("ProvidedContexts.member.{}.{field}", at + 1);
            self.set(&key("ProviderArn"), Some(&context.provider_arn));
            self.set(&key("ContextAssertion"), Some("assertion"));
        }
    }

    fn mfa(&mut self, mfa: Option<&stsidecar::assume::Mfa>) {
        self.set("SerialNumber", mfa.map(|mfa| &mfa.serial_number));
        self.set("TokenCode", mfa.map(|_| "123456"));
    }
}

fn request(step: &Hop) -> (&'static str, Form) {
    let mut request = Request::default();
    let name = step
        .session_name()
        .map(|name| name.fill("shop", "checkout-7d4b9c-x2x4q"));
    request.set("RoleSessionName", name.map(|name| name.as_str().to_owned()));
    if let Some(restriction) = step.restriction() {
        request.restriction(restriction);
    }
    match step {
        Hop::WebIdentity(step) => {
            request.set("RoleArn", step.role_arn.as_ref());
            request.set("WebIdentityToken", Some("header.payload.signature"));
            request.set("ProviderId", step.provider_id.as_ref());
            request.duration(step.duration);
        }
        Hop::Saml(step) => {
            request.set("RoleArn", Some(&step.role_arn));
            request.set("PrincipalArn", Some(&step.principal_arn));
            request.set("SAMLAssertion", Some("PHNhbWw+"));
            request.duration(step.duration);
        }
        Hop::SessionToken(step) => {
            request.set("DurationSeconds", Some(step.duration.get().seconds()));
            request.mfa(step.mfa.as_ref());
        }
        Hop::FederationToken(step) => {
            request.set("Name", Some(&step.name));
            request.set("DurationSeconds", Some(step.duration.get().seconds()));
            request.tags(&step.tags);
        }
        Hop::Cognito(step) => {
            // What GetId takes is checked by its own call in the table.
            request.set("IdentityId", Some(&step.identity_pool_id));
            request.set("CustomRoleArn", step.custom_role_arn.as_ref());
            let login = step
                .login
                .as_ref()
                .map_or("oidc.example.org", |login| login.as_str());
            request.set(&format!("Logins.{login}"), Some("header.payload.signature"));
        }
        Hop::Role(step) => request.hop(step),
    }
    (step.operation(), request.0)
}

/// Whether the profile of a seed was accepted; what is wrong with the answer, otherwise.
fn judge(seed: u64) -> Result<bool, String> {
    let (profile, odd) = profile(seed);
    let fault = |what: String| {
        Err(format!(
            "seed {seed}: {what}\n  wrong on purpose: {odd:?}\n  {profile}"
        ))
    };
    match steps(&profile) {
        Ok(steps) => {
            let requests: Vec<_> = steps.iter().map(|step| request(step)).collect();
            match take_chain(&requests) {
                Ok(()) => Ok(true),
                Err(refusal) => fault(format!("accepted, but STS refuses: {refusal:?}")),
            }
        }
        Err(message) if odd.is_empty() => fault(format!("nothing is wrong, but: {message}")),
        Err(message) if odd.iter().any(|key| message.contains(key)) => Ok(false),
        Err(message) => fault(format!("the message names no wrong key: {message}")),
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().expect("a whole number"))
}

#[test]
fn a_random_configuration_is_taken_by_sts_or_refused_by_the_name_of_its_key() {
    if let Some(seed) = setting("CONFIGURATION_SEED") {
        println!("{:?}", judge(seed));
        return;
    }
    let count = setting("CONFIGURATIONS").unwrap_or(25_000);
    let accepted = AtomicU64::new(0);
    let faults: Vec<String> = std::thread::scope(|threads| {
        let worker = |first: u64| {
            let accepted = &accepted;
            threads.spawn(move || {
                let mut faults = Vec::new();
                for seed in (first..count).step_by(2) {
                    match judge(seed) {
                        Ok(taken) => _ = accepted.fetch_add(u64::from(taken), Ordering::Relaxed),
                        Err(fault) => faults.push(fault),
                    }
                }
                faults
            })
        };
        let workers = [worker(0), worker(1)];
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no panic"))
            .collect()
    });
    let accepted = accepted.into_inner();
    println!(
        "{count} configurations: {accepted} accepted by the agent and by STS, {} refused by name",
        count - accepted
    );
    assert!(
        faults.is_empty(),
        "{} faults, such as:\n{}",
        faults.len(),
        faults[..faults.len().min(12)].join("\n")
    );
    assert!(
        accepted > count / 4 && accepted < count * 9 / 10,
        "too few of one kind to prove anything"
    );
}
