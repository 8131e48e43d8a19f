//! What the program says of its certificate's end.

use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::running::page;
use crate::started::{Files, configuration, free_port, local, says};

/// A certificate and its key, in PEM and base64, as a Secret holds them.
fn encoded(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> [String; 2] {
    [certificate.pem(), key.serialize_pem()]
        .map(|text| base64::engine::general_purpose::STANDARD.encode(text))
}

/// A Secret with a CA of 30 days and a leaf of it, of seven days and made a day ago, both for our
/// Service; the webhook configuration with that CA; and when the leaf ends.
fn stored(now: i64) -> (Value, Value, i64) {
    const DAY: i64 = 86_400;
    let at = |seconds: i64| {
        let since = u64::try_from(seconds).expect("after 1970");
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(since)
    };
    let key = || rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    (params.not_before, params.not_after) = (at(now - DAY), at(now + 29 * DAY));
    let (of_ca, of_leaf) = (key(), key());
    let ca = params.self_signed(&of_ca).expect("a CA");
    let name = "stsidecar-injector.stsidecar-system";
    let names = [
        name.to_owned(),
        format!("{name}.svc"),
        format!("{name}.svc.cluster.local"),
    ];
    let mut leaf = rcgen::CertificateParams::new(names).expect("names");
    (leaf.not_before, leaf.not_after) = (at(now - DAY), at(now + 6 * DAY));
    let signed = leaf
        .signed_by(&of_leaf, &rcgen::Issuer::from_params(&params, &of_ca))
        .expect("a leaf");
    let ([ca, ca_key], [leaf, leaf_key]) = (encoded(&ca, &of_ca), encoded(&signed, &of_leaf));
    let service = json!({ "name": "stsidecar-injector", "namespace": "stsidecar-system" });
    let webhook = json!({ "name": "pods.stsidecar.dev", "clientConfig": { "caBundle": ca, "service": service } });
    let data = json!({ "ca.crt": ca, "ca.key": ca_key, "tls.crt": leaf, "tls.key": leaf_key });
    (
        json!({ "data": data }),
        json!({ "webhooks": [webhook] }),
        now + 6 * DAY,
    )
}

/// An operator asks when the certificate ends, an alert when it should have been renewed.
#[tokio::test]
async fn health_says_when_the_certificate_ends_and_metrics_when_it_is_due() {
    let (api, health) = (ApiServer::start().await, local(free_port()));
    let (secret, webhooks, ends) = stored(stsidecar::clock::wall().unix_seconds());
    api.set(
        "GET /api/v1/namespaces/stsidecar-system/secrets/stsidecar-injector-tls",
        200,
        secret,
    );
    let target =
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/stsidecar-injector";
    api.set(&format!("GET {target}"), 200, webhooks);
    let files = Files::new(&api, &configuration(free_port(), health.port()));
    let _child = files.start();
    let day = stsidecar::time::Wall::from_unix_seconds(ends).rfc3339();
    says(health, &format!("[+]certificate ok: ends {day}\n")).await;
    says(health, "readyz check passed\n").await;
    let metrics = page(health, "/metrics").await.expect("an answer").text;
    // The leaf with a third of seven days left at the latest, the CA with a third of thirty.
    let family = "stsidecar_injector_certificate_renewal_timestamp_seconds";
    let due = [
        ("leaf", ends - 7 * 86_400 / 3),
        ("ca", ends + 23 * 86_400 - 10 * 86_400),
    ];
    for (kind, due) in due {
        assert!(
            metrics.contains(&format!("{family}{{kind=\"{kind}\"}} {due}\n")),
            "{kind} {due}: {metrics}"
        );
    }
    assert!(
        metrics.contains("\nstsidecar_injector_ready 1\n"),
        "{metrics}"
    );
}
