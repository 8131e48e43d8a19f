//! Certificates and hosts: a token goes to the right server or stays here.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use stsidecar::failure::Failure;
use stsidecar::sts::{Client, ClientSettings, ConnectorError, Error};

use super::certificates;
use super::{enter, now, settings};

/// What one connection brought.
#[derive(Default)]
pub(super) struct Heard {
    /// The first line before TLS, of a client that takes us for its proxy.
    pub(super) connect: String,
    /// Everything that came decrypted.
    pub(super) plain: String,
}

/// How long a server thinks before it answers CONNECT, and before it begins the handshake.
#[derive(Clone, Copy, Default)]
pub(super) struct Slowness {
    pub(super) tunnel: Duration,
    pub(super) handshake: Duration,
}

/// Serves one connection with this certificate; `answer` goes into `Credentials`' place.
pub(super) struct TlsServer {
    pub(super) port: u16,
    thread: JoinHandle<Heard>,
}

impl TlsServer {
    pub(super) fn start(certificate: &str, behind_connect: bool, assumed: &'static str) -> Self {
        Self::start_slowly(certificate, behind_connect, assumed, Slowness::default())
    }

    pub(super) fn start_slowly(
        certificate: &str,
        behind_connect: bool,
        assumed: &'static str,
        slowness: Slowness,
    ) -> Self {
        let chain =
            CertificateDer::from_pem_file(certificates::file(certificate)).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(certificates::file("server.key")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_no_client_auth();
        let config = builder
            .with_single_cert(vec![chain], key)
            .expect("they belong together");
        Self::with(config, behind_connect, assumed, slowness)
    }

    pub(super) fn serve(config: ServerConfig) -> Self {
        Self::with(config, false, ASSUMED, Slowness::default())
    }

    fn with(
        config: ServerConfig,
        behind_connect: bool,
        assumed: &'static str,
        slowness: Slowness,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let thread = std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            let connect = if behind_connect {
                accept_connect(&stream, slowness.tunnel)
            } else {
                String::new()
            };
            std::thread::sleep(slowness.handshake);
            let session = ServerConnection::new(Arc::new(config)).expect("a valid configuration");
            Heard {
                connect,
                plain: converse(StreamOwned::new(session, stream), assumed),
            }
        });
        Self { port, thread }
    }

    pub(super) fn heard(self) -> Heard {
        self.thread.join().expect("the server does not panic")
    }
}

fn accept_connect(mut stream: &TcpStream, after: Duration) -> String {
    let mut reader = BufReader::new(stream);
    let mut lines = reader
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    let connect = lines.next().unwrap_or_default();
    assert!(lines.count() < 20);
    std::thread::sleep(after);
    stream
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .expect("the client waits for it");
    connect
}

/// One request, one answer; what was read when the handshake fails is nothing.
fn converse(mut stream: StreamOwned<ServerConnection, TcpStream>, assumed: &str) -> String {
    let mut plain = Vec::new();
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(&plain).contains("WebIdentityToken=") {
        match stream.read(&mut chunk) {
            Ok(read) if read > 0 => plain.extend(&chunk[..read]),
            _ => break,
        }
    }
    let xml = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>{assumed}<Credentials>\
         <AccessKeyId>ASIAQWERTYUIOPASDFGH</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
         <SessionToken>token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        xml.len()
    );
    // After a failed handshake the connection is closed.
    let _ = stream
        .write_all(format!("{head}{xml}").as_bytes())
        .and_then(|()| stream.flush());
    String::from_utf8_lossy(&plain).into_owned()
}

pub(super) const ASSUMED: &str =
    "<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/app/x</Arn></AssumedRoleUser>";

pub(super) fn trusting(url: &str, bundle: &str) -> ClientSettings {
    ClientSettings {
        ca_bundle: Some(certificates::file(bundle)),
        ..settings(url)
    }
}

pub(super) async fn refused(certificate: &str, bundle: &str) -> (Failure, Heard) {
    let server = TlsServer::start(certificate, false, ASSUMED);
    let settings = trusting(&format!("https://127.0.0.1:{}", server.port), bundle);
    let failure = enter(&Client::new(&settings, now).expect("a client"))
        .await
        .expect_err("no trust");
    (failure, server.heard())
}

#[tokio::test]
async fn a_server_with_a_certificate_of_the_bundle_is_trusted() {
    let server = TlsServer::start("server.pem", false, ASSUMED);
    let settings = trusting(&format!("https://127.0.0.1:{}", server.port), "ca.pem");
    enter(&Client::new(&settings, now).expect("a client"))
        .await
        .expect("a reply");
    assert!(server.heard().plain.contains("WebIdentityToken=eyJ"));
}

#[tokio::test]
async fn a_byte_order_mark_or_blanks_in_the_bundle_lose_no_certificate() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let bundle = folder.path().join("bundle.pem");
    let [ca, other] = ["ca.pem", "other-ca.pem"]
        .map(|name| std::fs::read(certificates::file(name)).expect("a file"));
    let indented = String::from_utf8(ca.clone())
        .expect("text")
        .replace('\n', "\n  ");
    for content in [
        [b"\xef\xbb\xbf", &ca[..], &other[..]].concat(),
        // What cat makes of two such files.
        [b"\xef\xbb\xbf", &other[..], b"\xef\xbb\xbf", &ca[..]].concat(),
        // Out of a YAML block.
        [b"  ", indented.as_bytes()].concat(),
    ] {
        std::fs::write(&bundle, content).expect("a file of ours");
        let server = TlsServer::start("server.pem", false, ASSUMED);
        let url = format!("https://127.0.0.1:{}", server.port);
        let settings = ClientSettings {
            ca_bundle: Some(bundle.clone()),
            ..settings(&url)
        };
        enter(&Client::new(&settings, now).expect("a client"))
            .await
            .expect("a reply");
        assert!(server.heard().plain.contains("WebIdentityToken=eyJ"));
    }
}

#[test]
fn a_bundle_that_cannot_be_trusted_is_an_error_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ca.pem");
    let try_bundle = |content: &[u8]| {
        File::create(&path)
            .and_then(|mut file| file.write_all(content))
            .expect("a file");
        let settings = ClientSettings {
            ca_bundle: Some(path.clone()),
            ..settings("https://127.0.0.1:1")
        };
        Client::new(&settings, now)
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let good = std::fs::read_to_string(certificates::file("ca.pem")).expect("a certificate");
    let key = std::fs::read_to_string(certificates::file("server.key")).expect("a key");
    let broken =
        "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    let cut = &good[..good.len() / 2];
    for (content, wrong) in [
        ("", "holds no PEM certificate"),
        ("just text", "holds no PEM certificate"),
        (key.as_str(), "holds no PEM certificate"),
        (broken, "PEM block 1"),
        (&format!("{good}{broken}"), "PEM block 2"),
        (cut, "PEM block 1"),
    ] {
        let error = try_bundle(content.as_bytes()).expect_err(wrong);
        assert!(error.contains(wrong) && error.contains("ca.pem"), "{error}");
    }
    try_bundle(format!("# a comment\n{good}\n{good}").as_bytes()).expect("a bundle with a comment");
    let missing = ClientSettings {
        ca_bundle: Some(folder.path().join("none")),
        ..settings("https://127.0.0.1:1")
    };
    let error = Client::new(&missing, now).err();
    assert!(
        matches!(
            error,
            Some(Error::Connector(ConnectorError::Unreadable { .. }))
        ),
        "{error:?}"
    );
    let plain = ClientSettings {
        ca_bundle: Some(folder.path().join("none")),
        ..settings("http://127.0.0.1:1")
    };
    assert!(
        Client::new(&plain, now).is_ok(),
        "plain text needs no roots"
    );
}
