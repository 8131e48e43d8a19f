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

/// Each change makes the good file a bad one, whose error names the file and what is wrong.
fn assert_refused(cases: &[(&str, &str, &str)]) {
    for (from, to, said) in cases {
        assert!(GOOD.contains(from), "{from}");
        let error = read(&GOOD.replace(from, to)).expect_err(said);
        assert!(
            error.starts_with("/config.yaml") && error.contains(said),
            "{said}: {error}"
        );
    }
}

#[test]
fn a_key_that_is_unknown_or_missing_is_named_with_the_file() {
    assert_refused(&[
        ("port: 9443", "prot: 9443", "unknown field `prot`"),
        ("agent: {region", "agnet: {region", "unknown field `agnet`"),
        ("level: info", "lvel: info", "unknown field `lvel`"),
        ("region: eu", "regoin: eu", "unknown field `regoin`"),
        ("meshProxies", "meshProxis", "unknown field `meshProxis`"),
        ("mode: self", "mode: selv", "selv"),
        (
            "  namespace: stsidecar-system\n",
            "",
            "missing field `namespace`",
        ),
    ]);
}

#[test]
fn a_value_that_is_not_accepted_is_named_with_its_key() {
    let refused = |key: &str, value: &str, allowed: &str| {
        format!("injector.{key}: \"{value}\" is not accepted: {allowed}")
    };
    let cases = [
        ("port: 9443", "port: 0", refused("port", "0", "1 to 65535")),
        (
            "port: 9443",
            "port: 99999",
            refused("port", "99999", "1 to 65535"),
        ),
        (
            "port: 9443",
            "port: 9912",
            "injector.metricsPort: it is 9912, as injector.port: choose another".to_owned(),
        ),
        (
            "level: info",
            "level: loud",
            refused("log.level", "loud", "off, error"),
        ),
        (
            "format: json",
            "format: xml",
            refused("log.format", "xml", "json or text"),
        ),
        (
            "n: 168h",
            "n: 5h",
            refused("certs.leafDuration", "5h", "at least 48h"),
        ),
        (
            "n: 8760h",
            "n: 72h",
            refused("certs.caDuration", "3days", "longer than"),
        ),
        (
            "n: 8760h",
            "n: soon",
            refused("certs.caDuration", "soon", "a duration"),
        ),
        (
            "release: stsidecar",
            "release: a b",
            refused("release", "a b", ""),
        ),
        (
            "Name: stsidecar-injector\n",
            "Name: ../x\n",
            refused("serviceName", "../x", ""),
        ),
    ];
    for (from, to, said) in &cases {
        assert_refused(&[(from, to, said)]);
    }
}

/// A key that the template ignored would be a setting that does nothing.
#[test]
fn the_template_reads_every_key_that_it_is_given() {
    for key in [
        "agentArchitectures",
        "allowImageOverride",
        "allowedRoleArns",
        "meshProxies",
        "skippedContainers",
        "strictEnvFrom",
        "strictEnvironment",
    ] {
        let without = GOOD.replace("  meshProxies: [istio-proxy]\n", "");
        for wrong in ["{wrong: 1}", "null", ""] {
            let error = read(&format!("{without}  {key}: {wrong}\n")).expect_err(key);
            assert!(error.contains("values: "), "{key}: {wrong}: {error}");
        }
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
