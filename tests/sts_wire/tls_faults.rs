//! What an operator reads when TLS fails: the fault in plain words, and what to do about it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use stsidecar::failure::{Class, Failure};
use stsidecar::sts::Client;

use super::certificates;
use super::tls::{ASSUMED, TlsServer, refused, trusting};
use super::{enter, now, settings};

/// Whether a text is without names of a library's types, such as `UnknownIssuer`.
fn is_plain(text: &str) -> bool {
    let is_a_name = |word: &str| {
        let pairs = word.chars().zip(word.chars().skip(1));
        pairs
            .into_iter()
            .any(|(one, next)| one.is_lowercase() && next.is_uppercase())
    };
    !text.split(|c: char| !c.is_alphanumeric()).any(is_a_name)
}

fn assert_says(failure: &Failure, parts: &[&str]) {
    assert_eq!(failure.class, Class::Transient, "{failure:?}");
    assert!(is_plain(&failure.message), "{}", failure.message);
    for part in parts {
        assert!(
            failure.message.contains(part),
            "{part:?} is not in {:?}",
            failure.message
        );
    }
    assert!(failure.is_unanswered(), "{failure:?}");
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_words_and_its_fix_and_gets_no_byte_of_the_token() {
    for (certificate, bundle, words, fix) in [
        (
            "server.pem",
            "other-ca.pem",
            &["signed by no CA of", "AWS_CA_BUNDLE"][..],
            "AWS_CA_BUNDLE",
        ),
        (
            "elsewhere.pem",
            "ca.pem",
            &["not for 127.0.0.1", "elsewhere.example"],
            "host",
        ),
        (
            "expired.pem",
            "ca.pem",
            &["expired", "2021-01-01T00:00:00Z"],
            "renew",
        ),
        (
            "future.pem",
            "ca.pem",
            &["not valid before", "2119-01-01T00:00:00Z", "clock"],
            "clock",
        ),
        ("client-only.pem", "ca.pem", &["not for servers"], "issue"),
        (
            "self-signed-ca.pem",
            "ca.pem",
            &["self-signed", "AWS_CA_BUNDLE"],
            "AWS_CA_BUNDLE",
        ),
        (
            "self-signed-leaf.pem",
            "ca.pem",
            &["self-signed", "AWS_CA_BUNDLE"],
            "AWS_CA_BUNDLE",
        ),
        (
            "self-signed-again.pem",
            "self-signed-ca.pem",
            &["self-signed", "AWS_CA_BUNDLE"],
            "AWS_CA_BUNDLE",
        ),
        (
            "self-signed-elsewhere.pem",
            "self-signed-elsewhere.pem",
            &["not for 127.0.0.1", "elsewhere.example"],
            "host",
        ),
        (
            "self-signed-expired.pem",
            "self-signed-expired.pem",
            &["expired"],
            "renew",
        ),
    ] {
        let (failure, heard) = refused(certificate, bundle).await;
        assert_says(&failure, words);
        assert!(
            failure.message.contains("127.0.0.1:"),
            "{}",
            failure.message
        );
        assert!(
            failure.hint().contains(fix),
            "{certificate}: {}",
            failure.hint()
        );
        assert_eq!(heard.plain, "", "{certificate}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_in_the_bundle_itself_is_trusted() {
    // `openssl req -x509` makes a certificate with CA:TRUE, and many servers are given it as it is.
    for certificate in ["self-signed-ca.pem", "self-signed-leaf.pem", "server.pem"] {
        let server = TlsServer::start(certificate, false, ASSUMED);
        let settings = trusting(&format!("https://127.0.0.1:{}", server.port), certificate);
        enter(&Client::new(&settings, now).expect("a client"))
            .await
            .expect(certificate);
        assert!(
            server.heard().plain.contains("WebIdentityToken=eyJ"),
            "{certificate}"
        );
    }
}

#[tokio::test]
async fn whoever_has_the_certificate_without_its_key_gets_nothing() {
    let chain = CertificateDer::from_pem_file(certificates::file("self-signed-ca.pem"))
        .expect("a certificate");
    let key = rcgen::KeyPair::generate()
        .expect("ring makes keys")
        .serialize_der();
    let key = rustls::crypto::ring::sign::any_supported_type(&PrivateKeyDer::Pkcs8(key.into()))
        .expect("a key");
    let resolver = SingleCertAndKey::from(CertifiedKey::new(vec![chain], key));
    let server = TlsServer::serve(
        builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver)),
    );
    let settings = trusting(
        &format!("https://127.0.0.1:{}", server.port),
        "self-signed-ca.pem",
    );
    let failure = enter(&Client::new(&settings, now).expect("a client"))
        .await
        .expect_err("another key");
    assert_says(&failure, &["signature"]);
    assert_eq!(server.heard().plain, "");
}

fn builder() -> rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    builder.expect("ring speaks TLS 1.2 and 1.3")
}

#[tokio::test]
async fn a_demand_for_a_client_certificate_is_told_as_one() {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificates::file("ca.pem")).expect("a CA"))
        .expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .expect("a verifier");
    let chain =
        CertificateDer::from_pem_file(certificates::file("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(certificates::file("server.key")).expect("a key");
    let config = builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![chain], key);
    let server = TlsServer::serve(config.expect("they belong together"));
    let settings = trusting(&format!("https://127.0.0.1:{}", server.port), "ca.pem");
    let failure = enter(&Client::new(&settings, now).expect("a client"))
        .await
        .expect_err("no client certificate");
    assert_says(&failure, &["client certificate"]);
    assert!(
        failure.hint().contains("client certificate"),
        "{}",
        failure.hint()
    );
    server.heard();
}

/// Answers the first bytes of a client with these and closes, once the client has read them.
async fn answered_with(scheme: &str, answer: Vec<u8>) -> Failure {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut heard = vec![0; 16 * 1024];
        let read = stream.read(&mut heard).expect("a greeting");
        stream.write_all(&answer).expect("the client is there");
        let _ = stream.shutdown(std::net::Shutdown::Write);
        heard.truncate(read);
        let _ = stream.read_to_end(&mut heard);
        heard
    });
    let url = format!("{scheme}://127.0.0.1:{port}");
    let settings = if scheme == "https" {
        trusting(&url, "ca.pem")
    } else {
        settings(&url)
    };
    let failure = enter(&Client::new(&settings, now).expect("a client"))
        .await
        .expect_err("no STS");
    let heard = server.join().expect("no panic");
    assert!(
        scheme == "http" || !String::from_utf8_lossy(&heard).contains("eyJ"),
        "the token left in plain text"
    );
    failure
}

/// A fatal alert of TLS 1.2 or 1.3.
fn alert(description: u8) -> Vec<u8> {
    vec![0x15, 3, 3, 0, 2, 2, description]
}

#[tokio::test]
async fn what_a_server_answers_instead_of_a_handshake_is_told_with_its_fix() {
    for (answer, words) in [
        (
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "does not speak TLS",
        ),
        (b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(), "does not speak TLS"),
        (alert(70), "TLS 1.2"),
        (alert(40), "cipher"),
        (alert(71), "cipher"),
        (alert(112), "server name"),
        (alert(116), "client certificate"),
        (alert(42), "client certificate"),
        (alert(80), "alert 80"),
        (vec![0x16, 3, 3, 0, 4, 0xff, 0, 0, 0], "TLS"),
    ] {
        assert_says(&answered_with("https", answer).await, &[words]);
    }
}

#[tokio::test]
async fn tls_on_a_port_that_is_asked_in_plain_text_is_told_as_such() {
    let failure = answered_with("http", alert(50)).await;
    assert_says(&failure, &["https://"]);
    assert!(failure.hint().contains("https://"), "{}", failure.hint());
}
