//! Which addresses the hub takes where nobody said so, and why. What was given is never replaced.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{io, net::TcpListener};

use socket2::SockRef;

use crate::config::TlsWord;

/// Address of a Windows machine on its own hotspot, where nodes of the original system looked for the hub.
const HOTSPOT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 137, 1));

/// Connections to the pages that wait until they are taken, as many as to the port of nodes. Where there is no room the
/// kernel forgets a connection that its other end takes for open, and that nobody ever closes.
const BACKLOG: i32 = 1024;

/// Ports of the web where nobody said otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsualPorts {
    /// Where people look who name no port.
    pub(crate) first: u16,
    /// Where that is not permitted or taken.
    pub(crate) otherwise: u16,
}

impl UsualPorts {
    /// Those of plain or encrypted pages.
    pub(crate) const fn of(tls: TlsWord) -> Self {
        match tls {
            TlsWord::Off => Self { first: 80, otherwise: 8080 },
            TlsWord::SelfSigned | TlsWord::Files => Self { first: 443, otherwise: 8443 },
        }
    }
}

/// Where to listen: as given, else on the hotspot's address where this machine has it, else everywhere.
pub(crate) fn choose_address(given: Option<IpAddr>) -> (IpAddr, &'static str) {
    match given {
        Some(address) => (address, "as configured"),
        // Only an address of this machine can be bound.
        None if TcpListener::bind((HOTSPOT, 0)).is_ok() => (HOTSPOT, "an interface of this machine has it"),
        None => (Ipv4Addr::UNSPECIFIED.into(), "no interface has 192.168.137.1, so all are used"),
    }
}

/// Opens the listener of the pages: on the given port, else on a usual one. Gives the refusal of the first of these
/// where it is the other.
///
/// # Errors
/// What the operating system says of the given port, or of the last that was tried.
pub(crate) fn bind_web(
    address: IpAddr,
    given: Option<u16>,
    usual: UsualPorts,
) -> io::Result<(TcpListener, Option<io::Error>)> {
    let bind = |port| {
        let listener = TcpListener::bind(SocketAddr::new(address, port))?;
        SockRef::from(&listener).listen(BACKLOG)?;
        Ok(listener)
    };
    let Some(port) = given else {
        return match bind(usual.first) {
            Ok(listener) => Ok((listener, None)),
            Err(refused) => bind(usual.otherwise).map(|listener| (listener, Some(refused))),
        };
    };
    bind(port).map(|listener| (listener, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const PLAIN: UsualPorts = UsualPorts::of(TlsWord::Off);

    #[test]
    fn what_was_given_is_never_replaced() {
        assert_eq!(choose_address(Some(LOCAL)).0, LOCAL);
        let (taken, _) = bind_web(LOCAL, Some(0), PLAIN).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(bind_web(LOCAL, Some(port), PLAIN).is_err());
    }

    /// Nobody takes these connections, so the kernel has to keep all of them.
    #[test]
    fn many_connections_to_the_pages_wait_until_they_are_taken() {
        let (listener, _) = bind_web(LOCAL, Some(0), PLAIN).unwrap();
        let address = listener.local_addr().unwrap();
        let within = core::time::Duration::from_secs(5);
        let waiting: Vec<_> = (0..400)
            .map(|number| {
                std::net::TcpStream::connect_timeout(&address, within)
                    .unwrap_or_else(|error| panic!("connection {number}: {error}"))
            })
            .collect();
        for _ in &waiting {
            listener.set_nonblocking(true).unwrap();
            listener.accept().expect("the kernel has kept it");
        }
    }

    #[test]
    fn without_an_address_it_is_the_hotspot_or_all() {
        let (address, why) = choose_address(None);
        assert!(address == HOTSPOT || address.is_unspecified(), "{why}");
    }

    #[test]
    fn without_a_port_it_is_a_usual_one_and_the_reason_is_known() {
        // Which of the two is free depends on the machine; both taken is an error, not another port.
        for (tls, first, otherwise) in [(TlsWord::Off, 80, 8080), (TlsWord::Files, 443, 8443)] {
            if let Ok((listener, refused)) = bind_web(LOCAL, None, UsualPorts::of(tls)) {
                let port = listener.local_addr().unwrap().port();
                assert_eq!(port, if refused.is_some() { otherwise } else { first });
            }
        }
    }
}
