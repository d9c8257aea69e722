//! [`Dialling`]: which addresses the hub dials by itself. Pure; making the connection is the driver's.
//!
//! A node's address is where its session came from, so it is one that answers. That alone does not make it one
//! to dial: a program on the hub's own machine has an address too.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Which addresses the hub dials by itself, to reach a node that it has admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialling {
    /// Those of other machines.
    Network,
    /// Those of this machine's loopback network too: for demonstrations, tests, and a hub that only this
    /// machine can reach.
    LoopbackToo,
}

/// Who named the address that is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// The hub, which knows the node: the driver sees to it that the address is not the hub's own.
    Hub,
    /// Someone who asked for this very address: it is dialled as it is.
    Asker,
}

impl Dialling {
    /// The address in its plain form, if it may be dialled.
    ///
    /// # Errors
    /// Why it may not, to be read behind "… is not dialled: ".
    pub fn check(self, to: SocketAddr) -> Result<SocketAddr, &'static str> {
        let ip = to.ip().to_canonical();
        if to.port() == 0 {
            return Err("it has no port");
        }
        if ip.is_unspecified() || matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 0) {
            return Err("it is no address of a machine");
        }
        if ip.is_multicast() {
            return Err("it is a multicast address");
        }
        match ip {
            // The range above 240 was never given out; its last address is the broadcast address.
            IpAddr::V4(Ipv4Addr::BROADCAST) => return Err("it is the broadcast address"),
            IpAddr::V4(ip) if ip.octets()[0] >= 240 => return Err("it is no address of a machine"),
            // `::10.0.0.5`, an old way to write IPv4 in IPv6, which some systems still follow.
            IpAddr::V6(ip) if !ip.is_loopback() && ip.segments()[..6] == [0; 6] => {
                return Err("it is no address of a machine");
            }
            IpAddr::V4(_) | IpAddr::V6(_) => {}
        }
        if ip.is_loopback() && self == Self::Network {
            return Err("it is this machine's loopback address, and dial_loopback is not set");
        }
        Ok(SocketAddr::new(ip, to.port()))
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    /// What becomes of an address: with loopback refused, and with loopback allowed.
    fn check(address: &str, network: Result<&str, &str>, loopback_too: Result<&str, &str>) {
        let to: SocketAddr = address.parse().unwrap();
        for (dialling, expected) in [(Dialling::Network, network), (Dialling::LoopbackToo, loopback_too)] {
            let checked = dialling.check(to).map(|to| to.to_string());
            let is_as_expected = match (&checked, expected) {
                (Ok(to), Ok(expected)) => to == expected,
                (Err(why), Err(part)) => why.contains(part),
                _ => false,
            };
            assert!(is_as_expected, "{address}, {dialling:?}: {checked:?}");
        }
    }

    #[test]
    fn machines_are_dialled_in_their_plain_form() {
        for (address, plain) in [
            ("10.0.0.5:1234", "10.0.0.5:1234"),
            ("192.168.137.42:1234", "192.168.137.42:1234"),
            ("169.254.7.7:1234", "169.254.7.7:1234"),
            ("[::ffff:10.0.0.5]:1234", "10.0.0.5:1234"),
            ("[2001:db8::5]:1234", "[2001:db8::5]:1234"),
            ("[fe80::5]:1234", "[fe80::5]:1234"),
        ] {
            check(address, Ok(plain), Ok(plain));
        }
    }

    #[test]
    fn what_is_no_machine_is_never_dialled() {
        for (address, why) in [
            ("0.0.0.0:1234", "no address of a machine"),
            ("0.1.2.3:1234", "no address of a machine"),
            ("240.0.0.1:1234", "no address of a machine"),
            ("255.255.255.255:1234", "broadcast"),
            ("224.0.0.251:1234", "multicast"),
            ("239.255.255.250:1234", "multicast"),
            ("10.0.0.5:0", "no port"),
            ("[::]:1234", "no address of a machine"),
            ("[::10.0.0.5]:1234", "no address of a machine"),
            ("[ff02::1]:1234", "multicast"),
            ("[::ffff:0.0.0.0]:1234", "no address of a machine"),
            ("[::ffff:224.0.0.1]:1234", "multicast"),
            ("[::ffff:255.255.255.255]:1234", "broadcast"),
        ] {
            check(address, Err(why), Err(why));
        }
    }

    #[test]
    fn loopback_is_dialled_where_it_is_allowed_alone() {
        for (address, plain) in [
            ("127.0.0.1:1234", "127.0.0.1:1234"),
            ("127.9.9.9:1234", "127.9.9.9:1234"),
            ("[::1]:1234", "[::1]:1234"),
            ("[::ffff:127.0.0.1]:1234", "127.0.0.1:1234"),
        ] {
            check(address, Err("loopback"), Ok(plain));
        }
    }
}
