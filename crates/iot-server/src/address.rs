//! Which addresses the hub takes where nobody said so, and why. What was given is never replaced.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::{io, net::TcpListener};

/// Address of a Windows machine on its own hotspot, where nodes of the original system looked for the hub.
const HOTSPOT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 137, 1));

/// Port of the web where nobody said otherwise.
const WEB_PORT: u16 = 80;

/// Port of the web where 80 is not permitted or taken.
const WEB_PORT_OTHERWISE: u16 = 8080;

/// Where to listen: as given, else on the hotspot's address where this machine has it, else everywhere.
pub(crate) fn choose_address(given: Option<IpAddr>) -> (IpAddr, &'static str) {
    match given {
        Some(address) => (address, "as configured"),
        // Only an address of this machine can be bound.
        None if TcpListener::bind((HOTSPOT, 0)).is_ok() => (HOTSPOT, "an interface of this machine has it"),
        None => (Ipv4Addr::UNSPECIFIED.into(), "no interface has 192.168.137.1, so all are used"),
    }
}

/// Opens the listener of the pages: on the given port, else on 80, else on 8080. Gives the refusal of 80
/// where it is not the first choice.
///
/// # Errors
/// What the operating system says of the given port, or of the last that was tried.
pub(crate) fn bind_web(address: IpAddr, given: Option<u16>) -> io::Result<(TcpListener, Option<io::Error>)> {
    let bind = |port| TcpListener::bind(SocketAddr::new(address, port));
    let Some(port) = given else {
        return match bind(WEB_PORT) {
            Ok(listener) => Ok((listener, None)),
            Err(refused) => bind(WEB_PORT_OTHERWISE).map(|listener| (listener, Some(refused))),
        };
    };
    bind(port).map(|listener| (listener, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn what_was_given_is_never_replaced() {
        assert_eq!(choose_address(Some(LOCAL)).0, LOCAL);
        let (taken, _) = bind_web(LOCAL, Some(0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(bind_web(LOCAL, Some(port)).is_err());
    }

    #[test]
    fn without_an_address_it_is_the_hotspot_or_all() {
        let (address, why) = choose_address(None);
        assert!(address == HOTSPOT || address.is_unspecified(), "{why}");
    }

    #[test]
    fn without_a_port_it_is_80_or_8080_and_the_reason_is_known() {
        // Which of the two is free depends on the machine; both taken is an error, not another port.
        if let Ok((listener, refused)) = bind_web(LOCAL, None) {
            let port = listener.local_addr().unwrap().port();
            assert_eq!(port, if refused.is_some() { 8080 } else { 80 });
        }
    }
}
