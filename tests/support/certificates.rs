//! Certificates of the TLS tests, made anew in each run and thrown away with it.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

static FOLDER: OnceLock<TempDir> = OnceLock::new();

/// A file of the set: `ca.pem` signed the others, except `other-ca.pem` and what that signed;
/// `server.key` belongs to all of them.
///
/// `server.pem` is for 127.0.0.1, localhost, an endpoint of AWS and the injector's Service; so is
/// `other-server.pem`, which `other-ca.pem` signed. Like `server.pem` but for one thing are
/// `elsewhere.pem` (for another host), `expired.pem` (until 2021), `future.pem` (from 2119 on) and
/// `client-only.pem` (not for servers). Signed by themselves are `self-signed-ca.pem` (with
/// CA:TRUE, as `openssl req -x509` makes them), `self-signed-leaf.pem` (without), and with CA:TRUE
/// `self-signed-elsewhere.pem` and `self-signed-expired.pem`; `self-signed-again.pem` is like the
/// first of them, of the same name and key.
pub(crate) fn file(name: &str) -> PathBuf {
    FOLDER.get_or_init(make).path().join(name)
}

const HERE: [&str; 4] = [
    "127.0.0.1",
    "localhost",
    "sts.eu-central-1.amazonaws.com",
    "stsidecar-injector.stsidecar-system.svc",
];

fn make() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (ca, issuer) = authority("stsidecar test authority");
    let (other, other_issuer) = authority("another test authority");
    let key = KeyPair::generate().expect("ring makes keys");
    let signed = |params: CertificateParams, issuer| {
        params
            .signed_by(&key, issuer)
            .expect("the authority signs")
            .pem()
    };
    let of_itself =
        |params: CertificateParams| params.self_signed(&key).expect("it signs itself").pem();
    let mut client_only = leaf(&HERE, 2020, 2120);
    client_only.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let with_ca = |hosts: &[&str], until| {
        let mut params = leaf(hosts, 2020, until);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let written = [
        ("ca.pem", ca),
        ("other-ca.pem", other),
        ("server.pem", signed(leaf(&HERE, 2020, 2120), &issuer)),
        (
            "other-server.pem",
            signed(leaf(&HERE, 2020, 2120), &other_issuer),
        ),
        (
            "elsewhere.pem",
            signed(leaf(&["elsewhere.example"], 2020, 2120), &issuer),
        ),
        ("expired.pem", signed(leaf(&HERE, 2020, 2021), &issuer)),
        ("future.pem", signed(leaf(&HERE, 2119, 2120), &issuer)),
        ("client-only.pem", signed(client_only, &issuer)),
        ("self-signed-ca.pem", of_itself(with_ca(&HERE, 2120))),
        ("self-signed-again.pem", of_itself(with_ca(&HERE, 2119))),
        ("self-signed-leaf.pem", of_itself(leaf(&HERE, 2020, 2120))),
        (
            "self-signed-elsewhere.pem",
            of_itself(with_ca(&["elsewhere.example"], 2120)),
        ),
        ("self-signed-expired.pem", of_itself(with_ca(&HERE, 2021))),
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

fn leaf(hosts: &[&str], from: i32, until: i32) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(hosts).expect("hosts are text");
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    params
}
