//! `caBundle`: which CAs the API server trusts when it calls the webhook.
//!
//! Owns reading it from each webhook of the configuration that calls our Service, and writing it by the webhooks'
//! names, with the record of its CAs beside it. It never decides what should stand in either, and never touches a
//! webhook that is not ours. Called by the driver.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::inspect;
use super::object::{Error, Object};
use super::record::{ANNOTATION, Record};
use crate::time::Wall;

/// What begins the annotations of <https://cert-manager.io/docs/concepts/ca-injector/>.
const CAINJECTOR: &str = "cert-manager.io/inject-";

/// What begins each certificate of a bundle.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

/// What the webhook configuration holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bundle {
    resource_version: Option<String>,
    /// When it was read, by the API server's clock; unknown after a write.
    pub(super) date: Option<Wall>,
    /// Name and CAs of each webhook that calls us; no CAs when caBundle is missing or unreadable.
    webhooks: Vec<(String, Vec<CertificateDer<'static>>)>,
    pub(super) record: Record,
    /// The annotation by which cert-manager's cainjector replaces all of caBundle, again and again.
    pub(super) overwriter: Option<String>,
}

impl Bundle {
    /// What `configuration` says of the webhooks that call `host`; those of others are not ours to write.
    fn of(configuration: &Value, host: &str) -> Self {
        let webhooks = configuration["webhooks"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let calls_us = |webhook: &&Value| {
            let service = &webhook["clientConfig"]["service"];
            let text = |key: &str| service[key].as_str().unwrap_or_default();
            format!("{}.{}.svc", text("name"), text("namespace")) == host
        };
        let authorities = |webhook: &Value| {
            let encoded = webhook["clientConfig"]["caBundle"].as_str()?;
            Some(readable(&STANDARD.decode(encoded).ok()?))
        };
        let named = |webhook: &Value| {
            Some((
                webhook["name"].as_str()?.to_owned(),
                authorities(webhook).unwrap_or_default(),
            ))
        };
        let annotations = &configuration["metadata"]["annotations"];
        let mut keys = annotations
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key);
        Self {
            resource_version: configuration["metadata"]["resourceVersion"]
                .as_str()
                .map(str::to_owned),
            date: None,
            webhooks: webhooks.iter().filter(calls_us).filter_map(named).collect(),
            record: Record::read(annotations[ANNOTATION].as_str()),
            overwriter: keys.find(|key| key.starts_with(CAINJECTOR)).cloned(),
        }
    }

    /// The CAs that every webhook trusts.
    pub(super) fn trusted(&self) -> Vec<CertificateDer<'static>> {
        let Some(((_, first), others)) = self.webhooks.split_first() else {
            return Vec::new();
        };
        let everywhere =
            |ca: &&CertificateDer<'static>| others.iter().all(|(_, cas)| cas.contains(ca));
        first.iter().filter(everywhere).cloned().collect()
    }

    /// The CAs that a webhook trusts, each once.
    pub(super) fn present(&self) -> Vec<CertificateDer<'static>> {
        let mut present: Vec<CertificateDer<'static>> = Vec::new();
        for ca in self.webhooks.iter().flat_map(|(_, cas)| cas) {
            if !present.contains(ca) {
                present.push(ca.clone());
            }
        }
        present
    }

    /// Whether every webhook trusts these and no others.
    pub(super) fn is(&self, wanted: &[CertificateDer<'static>]) -> bool {
        let set = |cas: &[CertificateDer<'static>]| {
            cas.iter().map(|ca| ca.to_vec()).collect::<BTreeSet<_>>()
        };
        let wanted = set(wanted);
        self.webhooks.iter().all(|(_, cas)| set(cas) == wanted)
    }
}

/// The certificates of a bundle, as Go's `AppendCertsFromPEM` takes them: what is no certificate is passed over.
fn readable(bundle: &[u8]) -> Vec<CertificateDer<'static>> {
    let text = String::from_utf8_lossy(bundle);
    let blocks = text
        .split(BEGIN)
        .skip(1)
        .map(|block| format!("{BEGIN}{block}"));
    blocks
        .filter_map(|block| inspect::read_pem(block.as_bytes()).ok())
        .flatten()
        .collect()
}

/// Reads the configuration's webhooks that call `host`, `<service>.<namespace>.svc`. Without one there is no caBundle to
/// judge or to write, as where the whole configuration is missing.
pub(super) async fn read(object: &Object, host: &str) -> Result<Bundle, Error> {
    let (configuration, date) = object.read_dated().await?;
    let bundle = Bundle {
        date,
        ..Bundle::of(&configuration, host)
    };
    if bundle.webhooks.is_empty() {
        Err(Error::Unasked(object.title().to_owned()))
    } else {
        Ok(bundle)
    }
}

/// Writes these CAs into every webhook of `read`, of the same `host`, with the record of them, and hands back what is
/// stored then.
///
/// The patch names the version that was read: if the webhooks were renamed meanwhile, merging by name would
/// otherwise add the old ones again; and what another replica has crossed out of the record meanwhile must hold.
pub(super) async fn write(
    object: &Object,
    host: &str,
    read: &Bundle,
    wanted: &[CertificateDer<'static>],
    record: &Record,
) -> Result<Bundle, Error> {
    let bundle = STANDARD.encode(inspect::to_pem(wanted));
    let webhook =
        |(name, _): &(String, _)| json!({"name": name, "clientConfig": {"caBundle": bundle}});
    let patch = json!({
        "metadata": {"resourceVersion": read.resource_version, "annotations": {ANNOTATION: record.to_text()}},
        "webhooks": read.webhooks.iter().map(webhook).collect::<Vec<_>>(),
    });
    object
        .merge(&patch)
        .await
        .map(|configuration| Bundle::of(&configuration, host))
}
