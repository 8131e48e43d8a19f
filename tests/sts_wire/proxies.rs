//! The way through a proxy: what it sees, what it is blamed for, and what goes past it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use stsidecar::failure::Class;
use stsidecar::role::Region;
use stsidecar::sts::{Client, ClientSettings, Proxy};

use super::certificates;
use super::tls::{ASSUMED, Slowness, TlsServer, trusting};
use super::{enter, now};

fn through(proxy: &TlsServer) -> Proxy {
    let url = format!("http://user:secret@127.0.0.1:{}", proxy.port)
        .parse()
        .expect("a URL");
    Proxy {
        url,
        no_proxy: String::new(),
    }
}

#[tokio::test]
async fn aws_is_reached_through_a_proxy_that_sees_no_plain_text() {
    for (assumed, outcome) in [
        (ASSUMED, None),
        ("", Some((Class::BadReply, "InvalidReply"))),
    ] {
        let server = TlsServer::start("server.pem", true, assumed);
        let result = enter(&Client::new(&behind(through(&server)), now).expect("a client")).await;
        let failed = result
            .err()
            .map(|failure| (failure.class, failure.code.to_string()));
        assert_eq!(
            failed,
            outcome.map(|(class, code)| (class, code.to_owned())),
            "AWS always names the role"
        );
        let heard = server.heard();
        assert_eq!(
            heard.connect,
            "CONNECT sts.eu-central-1.amazonaws.com:443 HTTP/1.1"
        );
        assert!(
            heard
                .plain
                .to_lowercase()
                .contains("host: sts.eu-central-1.amazonaws.com"),
            "{}",
            heard.plain
        );
    }
}

fn behind(proxy: Proxy) -> ClientSettings {
    ClientSettings {
        region: Region::parse("eu-central-1").ok(),
        ca_bundle: Some(certificates::file("ca.pem")),
        proxy: Some(proxy),
        ..ClientSettings::default()
    }
}

#[tokio::test]
async fn a_slow_tunnel_and_a_slow_handshake_have_the_whole_attempt() {
    let slow = Duration::from_millis(1300);
    for slowness in [
        Slowness {
            tunnel: slow,
            ..Slowness::default()
        },
        Slowness {
            handshake: slow,
            ..Slowness::default()
        },
        Slowness {
            tunnel: slow / 2,
            handshake: slow / 2,
        },
    ] {
        let server = TlsServer::start_slowly("server.pem", true, ASSUMED, slowness);
        let client = Client::new(&behind(through(&server)), now).expect("a client");
        enter(&client).await.expect("1.3 s of 3 s");
        server.heard();
    }
}

#[tokio::test]
async fn a_tunnel_and_a_handshake_that_never_come_end_with_the_attempt_and_have_names_of_their_own()
{
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = silent.local_addr().expect("an address");
    let url = format!("http://{address}").parse().expect("a URL");
    let tunnel = behind(Proxy {
        url,
        no_proxy: String::new(),
    });
    let handshake = trusting(&format!("https://{address}"), "ca.pem");
    for (settings, what) in [(tunnel, "proxy"), (handshake, "TLS")] {
        let failure = enter(&Client::new(&settings, now).expect("a client"))
            .await
            .expect_err("silence");
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::Transient, "ConnectTimeout"),
            "{failure:?}"
        );
        for part in [what, "within 3s", "sts-timeout"] {
            assert!(
                failure.message.contains(part),
                "{part}: {}",
                failure.message
            );
        }
    }
}

#[tokio::test]
async fn what_the_proxy_does_is_not_said_of_sts() {
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let url = format!("http://user:canary@{closed}")
        .parse()
        .expect("a URL");
    let client = Client::new(
        &behind(Proxy {
            url,
            no_proxy: String::new(),
        }),
        now,
    )
    .expect("a client");
    let failure = enter(&client).await.expect_err("a closed port");
    assert_eq!(failure.code.text(), "ConnectionRefused", "{failure:?}");
    assert!(
        failure.message.contains(&format!("proxy {closed}")),
        "{}",
        failure.message
    );
    assert!(!format!("{failure:?}").contains("canary"), "{failure:?}");
}

#[tokio::test]
async fn loopback_and_no_proxy_hosts_go_past_the_proxy() {
    let proxy = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    proxy
        .set_nonblocking(true)
        .expect("a listener can be set non-blocking");
    let url = format!("http://{}", proxy.local_addr().expect("an address"))
        .parse()
        .expect("a URL");
    let proxy_settings = Some(Proxy {
        url,
        no_proxy: "0.0.0.0".to_owned(),
    });
    let server = TlsServer::start("server.pem", false, ASSUMED);
    let loopback = trusting(&format!("https://127.0.0.1:{}", server.port), "ca.pem");
    let loopback = ClientSettings {
        proxy: proxy_settings.clone(),
        ..loopback
    };
    enter(&Client::new(&loopback, now).expect("a client"))
        .await
        .expect("a reply");
    server.heard();
    let named = ClientSettings {
        proxy: proxy_settings,
        ..trusting("https://0.0.0.0:1", "ca.pem")
    };
    let failure = enter(&Client::new(&named, now).expect("a client"))
        .await
        .expect_err("a closed port");
    assert_eq!(failure.code.text(), "ConnectionRefused", "{failure:?}");
    assert!(proxy.accept().is_err(), "the proxy was used");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_a_failure_to_connect() {
    let proxy = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let url = format!("http://{}", proxy.local_addr().expect("an address"))
        .parse()
        .expect("a URL");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = proxy.accept().expect("a client");
        let mut head = [0; 1024];
        let read = stream.read(&mut head).expect("a request");
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            .expect("the client waits");
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let proxy = Some(Proxy {
        url,
        no_proxy: String::new(),
    });
    let settings = ClientSettings {
        proxy,
        ..trusting("https://sts.example.invalid", "ca.pem")
    };
    let failure = enter(&Client::new(&settings, now).expect("a client"))
        .await
        .expect_err("refused");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Transient, "Unreachable"),
        "{failure:?}"
    );
    assert!(!server.join().expect("no panic").contains("eyJ"));
}
