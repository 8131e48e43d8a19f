//! Taking ports: at once, or as soon as they are free.
//!
//! Owns which failures give way to another address. Only an address that this machine does not have
//! does: another process on a port is reported and waited for, because clients and probes would
//! reach that process. Nothing is accepted here. The composition of agent and injector calls it.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use tokio::time::sleep;

/// Connections that wait in the kernel to be accepted; the kernel caps it at `net.core.somaxconn`
/// (<https://man7.org/linux/man-pages/man2/listen.2.html>).
const BACKLOG: i32 = 1024;
/// Between two tries to take a port.
const RETRY: Duration = Duration::from_secs(1);

/// Why a port was not taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// What was asked for.
    pub address: SocketAddr,
    /// What the kernel said.
    #[source]
    pub source: std::io::Error,
}

impl BindError {
    /// Whether this machine does not have the address, as `[::]` without IPv6 and `[::1]` without a
    /// loopback of that family. Whatever else it is may pass.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(
            Errno::from_io_error(&self.source),
            Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL)
        )
    }
}

/// Takes a port; nothing is accepted before [`serve`](super::serve). With port 0 the listener knows
/// which one it got.
///
/// # Errors
/// When the address does not exist here or the port is in use.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|errno| BindError {
        address,
        source: errno.into(),
    })
}

/// Not std's `TcpListener::bind`, which leaves it to the host whether `[::]` means IPv4 too
/// (`net.ipv6.bindv6only`, <https://docs.kernel.org/networking/ip-sysctl.html>): what asks over
/// IPv4 would be refused, or reach another process.
fn listen(address: SocketAddr) -> Result<TcpListener, Errno> {
    let family = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = socket_with(
        family,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    // A restarted process does not wait for the connections of the one before it (TIME_WAIT,
    // <https://man7.org/linux/man-pages/man7/tcp.7.html>).
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, false)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Takes `address`, or `instead` where this machine does not have it. Whatever else prevents it is
/// reported once and waited for.
pub async fn take(address: SocketAddr, instead: Option<SocketAddr>) -> TcpListener {
    insist(|| match (bind(address), instead) {
        (Err(error), Some(instead)) if error.is_absent() => bind(instead),
        (taken, _) => taken,
    })
    .await
}

/// The same for an address that is left out where this machine does not have it.
pub async fn take_unless_absent(address: SocketAddr) -> Option<TcpListener> {
    insist(|| match bind(address) {
        Err(error) if error.is_absent() => {
            tracing::debug!(%address, cause = %error.source, "not listening");
            Ok(None)
        }
        taken => taken.map(Some),
    })
    .await
}

/// Each second, until it succeeds.
async fn insist<T>(attempt: impl Fn() -> Result<T, BindError>) -> T {
    let mut said = false;
    loop {
        match attempt() {
            Ok(taken) => return taken,
            Err(error) => say_once(&mut said, &error),
        }
        sleep(RETRY).await;
    }
}

fn say_once(said: &mut bool, error: &BindError) {
    if !std::mem::replace(said, true) {
        let cause = error.source.to_string();
        tracing::warn!(address = %error.address, cause, "cannot listen, trying again each second; is another process using the port?");
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;
    use std::pin::Pin;
    use std::process::{Command, Stdio};

    use super::*;

    type Taking = Pin<Box<dyn Future<Output = Option<TcpListener>>>>;

    #[test]
    fn a_taken_port_is_an_error_that_names_it() {
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let address = taken.local_addr().expect("bound");
        let error = bind(address).expect_err("taken");
        assert_eq!(error.to_string(), format!("cannot listen on {address}"));
        assert_eq!(error.source.kind(), std::io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_address_is_absent_when_the_kernel_has_no_such_family_or_address_and_for_nothing_else() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9912));
        let is_absent = |errno: Errno| {
            BindError {
                address,
                source: errno.into(),
            }
            .is_absent()
        };
        assert!(is_absent(Errno::AFNOSUPPORT) && is_absent(Errno::ADDRNOTAVAIL));
        for errno in [
            Errno::ADDRINUSE,
            Errno::ACCESS,
            Errno::PERM,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::INVAL,
        ] {
            assert!(!is_absent(errno), "{errno:?}");
        }
        let other = std::io::Error::other("no errno at all");
        assert!(
            !BindError {
                address,
                source: other
            }
            .is_absent()
        );
    }

    /// Set in the process that has a network of its own.
    const ALONE: &str = "STSIDECAR_TEST_V6ONLY";

    /// A host may prefer it otherwise (`net.ipv6.bindv6only`). Probes over IPv4 would be refused
    /// then, or reach another process on `0.0.0.0`, which blocks no listener of IPv6.
    #[test]
    fn all_addresses_are_those_of_both_families_whatever_the_host_prefers() {
        if std::env::var_os(ALONE).is_some() {
            let listener = bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).expect("a free port");
            assert!(!rustix::net::sockopt::ipv6_v6only(&listener).expect("of IPv6"));
            return;
        }
        let alone = |then: &str| {
            let prefer = format!("echo 1 > /proc/sys/net/ipv6/bindv6only && {then}");
            let mut command = Command::new("unshare");
            command
                .args(["--map-root-user", "--net", "sh", "-c", &prefer])
                .stdout(Stdio::null());
            command
                .arg(std::env::current_exe().expect("this test"))
                .env(ALONE, "1")
                .output()
        };
        if !alone("true").is_ok_and(|output| output.status.success()) {
            println!("not run: a network of its own needs user namespaces, unshare(1) and IPv6");
            return;
        }
        let name =
            "http::bind::tests::all_addresses_are_those_of_both_families_whatever_the_host_prefers";
        let output = alone(&format!("exec \"$0\" --exact {name} --nocapture")).expect("it starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// No host has 192.0.2.1 (RFC 5737).
    #[tokio::test]
    async fn an_absent_address_gives_way_to_the_other_or_to_none() {
        let (absent, here) = (
            SocketAddr::from(([192, 0, 2, 1], 9912)),
            SocketAddr::from(([127, 0, 0, 1], 0)),
        );
        assert!(take_unless_absent(absent).await.is_none());
        assert_eq!(
            take(absent, Some(here))
                .await
                .local_addr()
                .expect("bound")
                .ip(),
            here.ip()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_taken_address_is_waited_for_whether_there_is_another_or_not() {
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let ways: [fn(SocketAddr) -> Taking; 3] = [
            |address| Box::pin(async move { Some(take(address, None).await) }),
            |address| {
                Box::pin(async move { Some(take(address, Some(([127, 0, 0, 1], 0).into())).await) })
            },
            |address| Box::pin(take_unless_absent(address)),
        ];
        for way in ways {
            let holder = bind(here).expect("a free port");
            let address = holder.local_addr().expect("bound");
            let mut taking = way(address);
            assert!(
                tokio::time::timeout(Duration::from_mins(1), &mut taking)
                    .await
                    .is_err()
            );
            drop(holder);
            assert_eq!(
                taking.await.expect("free").local_addr().expect("bound"),
                address
            );
        }
    }

    /// There is no other to fall back to, and the machine may get it.
    #[tokio::test(start_paused = true)]
    async fn the_only_address_is_waited_for_although_it_is_absent() {
        let taking = take(SocketAddr::from(([192, 0, 2, 1], 9912)), None);
        assert!(
            tokio::time::timeout(Duration::from_mins(1), taking)
                .await
                .is_err()
        );
    }
}
