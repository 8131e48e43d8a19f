//! Configuration files: the chart's own, and mistyped ones.

use std::time::Duration;

use super::*;

const GOOD: &str = "
image: {registry: ghcr.io, repository: a/b, tag: '1', digest: '', pullPolicy: IfNotPresent}
agent: {region: eu-central-1}
injector:
  namespace: stsidecar-system
  release: stsidecar
  serviceName: stsidecar-injector
  webhookConfiguration: stsidecar-injector
  port: 9443
  metricsPort: 9912
  log: {level: info, format: json}
  certs: {mode: self, secretName: stsidecar-injector-tls, caDuration: 8760h, leafDuration: 168h}
  excludedNamespaces: [kube-system]
  meshProxies: [istio-proxy]
";

fn read(text: &str) -> Result<Config, String> {
    Config::read(Path::new("/config.yaml"), text.as_bytes()).map_err(|error| error.to_string())
}

#[test]
fn the_manifests_own_configuration_is_accepted() {
    let manifests = include_str!("../../../deploy/stsidecar.yaml");
    let text = manifests
        .split("  config.yaml: |\n")
        .nth(1)
        .expect("the ConfigMap");
    let block: Vec<&str> = text
        .lines()
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .collect();
    let config = read(&block.join("\n")).expect("the chart's defaults");
    assert_eq!((config.port, config.metrics_port), (9443, 9912));
    assert_eq!(config.namespace, "stsidecar-system");
    assert_eq!(
        config.template.release().as_deref(),
        Some("stsidecar-system/stsidecar")
    );
    let (authority, leaf) = (Duration::from_hours(8760), Duration::from_hours(168));
    assert_eq!(
        config.certificates,
        Mode::SelfSigned(Durations { authority, leaf })
    );
    assert_eq!(config.secret_name, "stsidecar-injector-tls");
    assert!(
        config
            .excluded_namespaces
            .contains(&"stsidecar-system".to_owned())
    );
}

#[test]
fn every_mode_is_read() {
    let own = Mode::CertManager { renew_before: None };
    for (mode, expected) in [("certManager", own), ("external", Mode::External)] {
        let config = read(&GOOD.replace("mode: self", &format!("mode: {mode}"))).expect(mode);
        assert_eq!(config.certificates, expected);
    }
}

#[test]
fn when_cert_manager_renews_comes_with_the_chart() {
    let with = |value: &str| {
        GOOD.replace(
            "mode: self",
            &format!("mode: certManager, renewBefore: {value}"),
        )
    };
    let renew_before = Some(Duration::from_hours(720));
    assert_eq!(
        read(&with("720h")).expect("a duration").certificates,
        Mode::CertManager { renew_before }
    );
    let error = read(&with("soon")).expect_err("no duration");
    assert!(
        error.contains("injector.certs.renewBefore: \"soon\" is not accepted: a duration"),
        "{error}"
    );
}

#[test]
fn who_may_call_the_webhook_is_an_authority_in_a_file() {
    let with = |path: &str| {
        GOOD.replace(
            "  port: 9443\n",
            &format!("  port: 9443\n  clientCaFile: {path}\n"),
        )
    };
    read(&with("/etc/stsidecar-injector/client-ca/ca.crt")).expect("a path");
    for path in ["''", "ca.crt"] {
        let error = read(&with(path)).expect_err(path);
        assert!(
            error.contains("injector.clientCaFile") && error.contains("an absolute path"),
            "{error}"
        );
    }
}

#[test]
fn what_is_wrong_is_named_with_the_file() {
    for (from, to, said) in [
        ("port: 9443", "prot: 9443", "unknown field `prot`"),
        ("agent: {region", "agnet: {region", "unknown field `agnet`"),
        ("level: info", "lvel: info", "unknown field `lvel`"),
        ("region: eu", "regoin: eu", "unknown field `regoin`"),
        ("mode: self", "mode: selv", "selv"),
        (
            "port: 9443",
            "port: 0",
            "injector.port: \"0\" is not accepted: 1 to 65535",
        ),
        (
            "port: 9443",
            "port: 99999",
            "injector.port: \"99999\" is not accepted: 1 to 65535",
        ),
        (
            "port: 9443",
            "port: 9912",
            "injector.metricsPort: it is 9912, as injector.port: choose another",
        ),
        (
            "level: info",
            "level: loud",
            "injector.log.level: \"loud\" is not accepted: off, error",
        ),
        (
            "format: json",
            "format: xml",
            "injector.log.format: \"xml\" is not accepted: json or text",
        ),
        (
            "leafDuration: 168h",
            "leafDuration: 5h",
            "injector.certs.leafDuration: \"5h\" is not accepted: at least 48h",
        ),
        (
            "caDuration: 8760h",
            "caDuration: 72h",
            "injector.certs.caDuration: \"3days\" is not accepted: longer than",
        ),
        (
            "caDuration: 8760h",
            "caDuration: soon",
            "injector.certs.caDuration: \"soon\" is not accepted: a duration",
        ),
        (
            "release: stsidecar",
            "release: a b",
            "injector.release: \"a b\" is not accepted",
        ),
        (
            "serviceName: stsidecar-injector",
            "serviceName: ../x",
            "injector.serviceName: \"../x\" is not accepted",
        ),
        (
            "  namespace: stsidecar-system\n",
            "",
            "missing field `namespace`",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let error = read(&GOOD.replace(from, to)).expect_err(said);
        assert!(
            error.starts_with("/config.yaml") && error.contains(said),
            "{said}: {error}"
        );
    }
}

#[test]
fn names_that_could_lead_elsewhere_are_none() {
    for good in ["default", "a", "a-b.c", "0"] {
        assert!(is_object_name(good), "{good}");
    }
    for bad in [
        "",
        "..",
        "a/b",
        "a/../b",
        "-a",
        "a.",
        "A",
        "a?b",
        "a%2f",
        &"a".repeat(254),
    ] {
        assert!(!is_object_name(bad), "{bad}");
    }
}

#[test]
fn a_byte_order_mark_in_front_is_ignored() {
    assert_eq!(
        read(&format!("\u{feff}{}", GOOD.trim_start()))
            .expect("the same")
            .port,
        9443
    );
}
