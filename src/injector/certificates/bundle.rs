//! `caBundle`: which CAs the API server trusts when it calls the webhook.
//!
//! Owns reading it from each webhook of the configuration that calls our Service, and writing it by
//! the webhooks' names, with the record of its CAs beside it. It never decides what either should
//! hold, and never touches a webhook that is not ours. Called by the driver.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use serde_json::{Map, Value, json};

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
    /// When it was read, by the API server's clock.
    pub(super) date: Option<Wall>,
    /// Name and CAs of each webhook that calls us; no CAs when caBundle is missing or unreadable.
    webhooks: Vec<(String, Vec<CertificateDer<'static>>)>,
    pub(super) record: Record,
    /// The annotation by which cert-manager's cainjector replaces all of caBundle, again and again.
    overwriter: Option<String>,
}

impl Bundle {
    /// What `configuration` says of the webhooks that call `host`; those of
    /// others are not ours to write.
    fn of(configuration: &Value, host: &str) -> Self {
        let webhooks = configuration["webhooks"].as_array().into_iter().flatten();
        let ours = webhooks.filter(|webhook| called(webhook) == host);
        let metadata = &configuration["metadata"];
        let annotations = metadata["annotations"].as_object();
        let mut keys = annotations.into_iter().flat_map(Map::keys);
        Self {
            resource_version: metadata["resourceVersion"].as_str().map(str::to_owned),
            date: None,
            webhooks: ours.filter_map(named).collect(),
            record: Record::read(metadata["annotations"][ANNOTATION].as_str()),
            overwriter: keys.find(|key| key.starts_with(CAINJECTOR)).cloned(),
        }
    }

    /// That cainjector will undo what is written here, and how to stop it.
    pub(super) fn overwritten_by(&self) -> Option<String> {
        let annotation = self.overwriter.as_ref()?;
        Some(format!(
            "with {annotation} cainjector overwrites caBundle: remove the annotation"
        ))
    }

    /// The CAs that every webhook trusts.
    pub(super) fn trusted(&self) -> Vec<CertificateDer<'static>> {
        let mut trusted = self.present();
        trusted.retain(|ca| self.webhooks.iter().all(|(_, cas)| cas.contains(ca)));
        trusted
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
        let has = |cas: &[CertificateDer<'_>]| {
            cas.iter().all(|ca| wanted.contains(ca)) && wanted.iter().all(|ca| cas.contains(ca))
        };
        self.webhooks.iter().all(|(_, cas)| has(cas))
    }
}

/// The name under which the API server calls the Service of a webhook.
fn called(webhook: &Value) -> String {
    let service = &webhook["clientConfig"]["service"];
    let text = |key: &str| service[key].as_str().unwrap_or_default();
    format!("{}.{}.svc", text("name"), text("namespace"))
}

/// A webhook's name and CAs.
fn named(webhook: &Value) -> Option<(String, Vec<CertificateDer<'static>>)> {
    let encoded = webhook["clientConfig"]["caBundle"].as_str();
    let bundle = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    let cas = bundle.map(|bundle| readable(&bundle)).unwrap_or_default();
    Some((webhook["name"].as_str()?.to_owned(), cas))
}

/// The certificates of a bundle, as Go's `AppendCertsFromPEM` takes them: what is no
/// certificate is passed over (<https://pkg.go.dev/crypto/x509#CertPool.AppendCertsFromPEM>).
fn readable(bundle: &[u8]) -> Vec<CertificateDer<'static>> {
    let text = String::from_utf8_lossy(bundle);
    let blocks = text.split(BEGIN).skip(1);
    let certificates =
        blocks.filter_map(|block| inspect::read_pem(format!("{BEGIN}{block}").as_bytes()).ok());
    certificates.flatten().collect()
}

/// Reads the configuration's webhooks that call `host`, `<service>.<namespace>.svc`. Without one
/// there is no caBundle to judge or to write, as where the whole configuration is missing.
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

/// Writes these CAs into every webhook of `read`, with the record of them.
///
/// The patch names the version that was read: if the webhooks were renamed meanwhile, merging by
/// name would otherwise add the old ones again; and what another replica has crossed out of the
/// record meanwhile must hold.
pub(super) async fn write(
    object: &Object,
    read: &Bundle,
    wanted: &[CertificateDer<'static>],
    record: &Record,
) -> Result<(), Error> {
    let bundle = STANDARD.encode(inspect::to_pem(wanted));
    let names = read.webhooks.iter().map(|(name, _)| name);
    let webhooks = names.map(|name| json!({"name": name, "clientConfig": {"caBundle": bundle}}));
    let annotations = json!({ANNOTATION: record.to_text()});
    let patch = json!({
        "metadata": {"resourceVersion": read.resource_version, "annotations": annotations},
        "webhooks": webhooks.collect::<Vec<_>>(),
    });
    object.merge(&patch).await
}
