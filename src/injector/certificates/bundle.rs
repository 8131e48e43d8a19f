//! `caBundle`: which CAs the API server trusts when it calls the webhook.
//!
//! Owns reading it from each webhook of the configuration that calls our Service, and writing it by the webhooks'
//! names. It never decides what should stand in it, and never touches a webhook of somebody else. Called by the driver.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::inspect;
use super::object::{Error, Object};
use crate::time::Wall;

/// What the webhook configuration holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bundle {
    resource_version: Option<String>,
    /// When it was read, by the API server's clock; unknown after a write.
    pub(super) date: Option<Wall>,
    /// Name and CAs of each webhook that calls us; no CAs when caBundle is missing or unreadable.
    webhooks: Vec<(String, Vec<CertificateDer<'static>>)>,
}

impl Bundle {
    /// What `configuration` says of the webhooks that call `host`; those of others are not ours to write.
    fn of(configuration: &Value, host: &str) -> Self {
        let webhooks = configuration["webhooks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let calls_us = |webhook: &&Value| {
            let service = &webhook["clientConfig"]["service"];
            let text = |key: &str| service[key].as_str().unwrap_or_default();
            format!("{}.{}.svc", text("name"), text("namespace")) == host
        };
        let authorities = |webhook: &Value| {
            let encoded = webhook["clientConfig"]["caBundle"].as_str()?;
            inspect::read_pem(&STANDARD.decode(encoded).ok()?).ok()
        };
        let named =
            |webhook: &Value| Some((webhook["name"].as_str()?.to_owned(), authorities(webhook).unwrap_or_default()));
        Self {
            resource_version: configuration["metadata"]["resourceVersion"].as_str().map(str::to_owned),
            date: None,
            webhooks: webhooks.iter().filter(calls_us).filter_map(named).collect(),
        }
    }

    /// The CAs that every webhook trusts.
    pub(super) fn trusted(&self) -> Vec<CertificateDer<'static>> {
        let Some(((_, first), others)) = self.webhooks.split_first() else { return Vec::new() };
        let everywhere = |ca: &&CertificateDer<'static>| others.iter().all(|(_, cas)| cas.contains(ca));
        first.iter().filter(everywhere).cloned().collect()
    }

    /// Whether every webhook trusts these and no others.
    pub(super) fn is(&self, wanted: &[CertificateDer<'static>]) -> bool {
        let set = |cas: &[CertificateDer<'static>]| cas.iter().map(|ca| ca.to_vec()).collect::<BTreeSet<_>>();
        let wanted = set(wanted);
        self.webhooks.iter().all(|(_, cas)| set(cas) == wanted)
    }
}

/// Reads the configuration's webhooks that call `host`, `<service>.<namespace>.svc`.
pub(super) async fn read(object: &Object, host: &str) -> Result<Bundle, Error> {
    object.read_dated().await.map(|(configuration, date)| Bundle { date, ..Bundle::of(&configuration, host) })
}

/// Writes these CAs into every webhook of `read`, of the same `host`, and hands back what is stored then.
///
/// The patch names the version that was read: if the webhooks were renamed meanwhile, merging by name would
/// otherwise add the old ones again.
pub(super) async fn write(
    object: &Object,
    host: &str,
    read: &Bundle,
    wanted: &[CertificateDer<'static>],
) -> Result<Bundle, Error> {
    let bundle = STANDARD.encode(inspect::to_pem(wanted));
    let webhook = |(name, _): &(String, _)| json!({"name": name, "clientConfig": {"caBundle": bundle}});
    let patch = json!({
        "metadata": {"resourceVersion": read.resource_version},
        "webhooks": read.webhooks.iter().map(webhook).collect::<Vec<_>>(),
    });
    object.merge(&patch).await.map(|configuration| Bundle::of(&configuration, host))
}
