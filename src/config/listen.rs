//! Addresses to listen on: loopback for credentials, everywhere for health and metrics.
//!
//! Owns the rule that credentials are never offered beyond loopback. It opens no socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::environment::{RawValue, Sources};
use super::error::Error;
use super::file::Document;
use super::setting::{ADMIN_LISTEN, LISTEN};

/// Where the credentials endpoint listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Must be bound.
    pub address: SocketAddr,
    /// Bound as well when it exists: `[::1]` beside `127.0.0.1`, with `localhost:PORT`.
    pub also: Option<SocketAddr>,
}

/// Where the admin surface listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdminListen {
    /// Must be bound, unless there is a fallback.
    pub address: SocketAddr,
    /// Bound instead, when there is no IPv6: `0.0.0.0` for `[::]`.
    pub fallback: Option<SocketAddr>,
}

impl Listen {
    /// Where to ask, in this order.
    #[must_use]
    pub fn reachable(&self) -> Vec<SocketAddr> {
        [Some(self.address), self.also]
            .into_iter()
            .flatten()
            .collect()
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        const ALLOWED: &str =
            "a loopback address and a port, such as localhost:9911, 127.0.0.1:9911 or [::1]:9911";
        if let Some(port) = localhost(text) {
            // Two ports drawn at random would be two endpoints.
            let also = (port != 0).then_some(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
            return Ok(Self {
                address: (Ipv4Addr::LOCALHOST, port).into(),
                also,
            });
        }
        let address: SocketAddr = text.parse().map_err(|_| ALLOWED)?;
        if address.ip().to_canonical().is_loopback() {
            Ok(Self {
                address,
                also: None,
            })
        } else {
            Err(ALLOWED)
        }
    }
}

impl AdminListen {
    /// Where a process of the same pod asks, in this order: any address of ours is also on
    /// loopback.
    #[must_use]
    pub fn reachable(&self) -> Vec<SocketAddr> {
        let port = self.address.port();
        match self.address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => vec![(Ipv4Addr::LOCALHOST, port).into()],
            IpAddr::V6(ip) if ip.is_unspecified() => {
                vec![
                    (Ipv4Addr::LOCALHOST, port).into(),
                    (Ipv6Addr::LOCALHOST, port).into(),
                ]
            }
            _ => vec![self.address],
        }
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(port) = localhost(text) {
            return Ok(Self {
                address: (Ipv4Addr::LOCALHOST, port).into(),
                fallback: None,
            });
        }
        let address: SocketAddr = text.parse().map_err(
            |_| "an address and a port, such as [::]:9912, 0.0.0.0:9912 or localhost:9912",
        )?;
        let everywhere = address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        let fallback =
            everywhere.then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())));
        Ok(Self { address, fallback })
    }
}

/// Whether the guard takes this address as `Host`; the rest of 127.0.0.0/8 it does not.
fn is_vendable(ip: IpAddr) -> bool {
    [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ]
    .contains(&ip.to_canonical())
}

fn localhost(text: &str) -> Option<u16> {
    text.strip_prefix("localhost:")
        .and_then(|port| port.parse().ok())
}

/// The admin surface's address.
pub(super) fn admin(sources: &Sources<'_>, document: &Document) -> Result<AdminListen, Error> {
    value(sources, document, &ADMIN_LISTEN)?.parse(AdminListen::parse)
}

/// Both addresses; they differ in their port, so that neither can shadow the other.
pub(super) fn both(
    sources: &Sources<'_>,
    document: &Document,
    warnings: &mut Vec<String>,
) -> Result<(Listen, AdminListen), Error> {
    let given = value(sources, document, &LISTEN)?;
    let (listen, admin) = (given.parse(Listen::parse)?, admin(sources, document)?);
    let port = listen.address.port();
    if port != 0 && port == admin.address.port() {
        return Err(Error::value(
            given.origin,
            &given.text,
            "adminListen has the same port",
        ));
    }
    if !is_vendable(listen.address.ip()) {
        warnings.push(format!(
            "requests to {} will be refused: the endpoint takes 127.0.0.1, localhost and [::1] as Host, and several \
             SDKs take no other loopback address either",
            listen.address
        ));
    }
    let ip = admin.address.ip().to_canonical();
    if !ip.is_unspecified() && !ip.is_loopback() {
        warnings.push(format!(
            "the admin address {} is neither loopback nor all addresses: status and the startup probe cannot use it",
            admin.address
        ));
    }
    Ok((listen, admin))
}

fn value(
    sources: &Sources<'_>,
    document: &Document,
    setting: &super::Setting,
) -> Result<RawValue, Error> {
    Ok(sources
        .value(setting, document)?
        .expect("both addresses have a default in the table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn credentials_are_offered_on_loopback_only() {
        let both = Listen {
            address: address("127.0.0.1:9911"),
            also: Some(address("[::1]:9911")),
        };
        assert_eq!(Listen::parse("localhost:9911"), Ok(both));
        assert_eq!(
            Listen::parse("localhost:0"),
            Ok(Listen {
                address: address("127.0.0.1:0"),
                also: None
            })
        );
        assert!(Listen::parse("[::1]:1").is_ok() && Listen::parse("127.9.9.9:1").is_ok());
        for bad in [
            "",
            "9911",
            "localhost",
            "0.0.0.0:9911",
            "[::]:9911",
            "10.0.0.1:9911",
            "example.com:9911",
        ] {
            assert!(Listen::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_loopback_only_the_addresses_that_the_guard_takes_as_host_are_without_a_warning() {
        for (listen, warned) in [
            ("127.0.0.1:1", false),
            ("[::1]:1", false),
            ("127.0.0.2:1", true),
        ] {
            let flags = crate::config::Flags::from([("listen", listen)]);
            let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
            let sources = Sources {
                flags: &flags,
                variable: &|_| None,
                read: &read,
            };
            let mut warnings = Vec::new();
            both(&sources, &Document::default(), &mut warnings).expect("loopback");
            assert_eq!(
                warnings.iter().any(|warning| warning.contains("refused")),
                warned,
                "{warnings:?}"
            );
        }
    }

    #[test]
    fn the_admin_surface_is_everywhere_and_asked_over_loopback() {
        let everywhere = AdminListen::parse("[::]:9912").expect("an address");
        assert_eq!(everywhere.fallback, Some(address("0.0.0.0:9912")));
        assert_eq!(
            everywhere.reachable(),
            [address("127.0.0.1:9912"), address("[::1]:9912")]
        );
        let local = AdminListen::parse("localhost:1").expect("an address");
        assert_eq!(
            (local.reachable(), local.fallback),
            (vec![address("127.0.0.1:1")], None)
        );
    }
}
