//! Certificates of the TLS tests, made anew in each run and thrown away with it.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use tempfile::TempDir;

static FOLDER: OnceLock<TempDir> = OnceLock::new();

/// A file of the set: `ca.pem` signed the others, except `other-ca.pem`; `server.key` belongs to all of them.
///
/// `server.pem` is for 127.0.0.1, localhost, an endpoint of AWS and the injector's Service, `elsewhere.pem` for another host,
/// `expired.pem` like `server.pem` but until 2021.
pub(crate) fn file(name: &str) -> PathBuf {
    FOLDER.get_or_init(make).path().join(name)
}

fn make() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (ca, issuer) = authority("stsidecar test authority");
    let (other, _) = authority("another test authority");
    let key = KeyPair::generate().expect("ring makes keys");
    let service = "stsidecar-injector.stsidecar-system.svc";
    let here = ["127.0.0.1", "localhost", "sts.eu-central-1.amazonaws.com", service];
    let written = [
        ("ca.pem", ca),
        ("other-ca.pem", other),
        ("server.pem", leaf(&here, 2120, &key, &issuer)),
        ("elsewhere.pem", leaf(&["elsewhere.example"], 2120, &key, &issuer)),
        ("expired.pem", leaf(&here, 2021, &key, &issuer)),
        ("server.key", key.serialize_pem()),
    ];
    for (name, text) in written {
        fs::write(folder.path().join(name), text).expect("a file of ours");
    }
    folder
}

fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate().expect("ring makes keys");
    let certificate = params.self_signed(&key).expect("it signs itself");
    (certificate.pem(), Issuer::new(params, key))
}

fn leaf(hosts: &[&str], until: i32, key: &KeyPair, issuer: &Issuer<'static, KeyPair>) -> String {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).expect("hosts are text");
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
    params.signed_by(key, issuer).expect("the authority signs").pem()
}
