//! Which loopback address a simulated node has.
//!
//! All of 127.0.0.0/8 is this machine, so each node can have an address of its own, and its own port 1234
//! there, as on a real network.

use core::net::{IpAddr, Ipv4Addr};

/// Address of the first node.
pub const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 16, 0, 1);

/// The address of node `number`, counted from 0, where `first` is that of node 0.
pub fn node_address(first: Ipv4Addr, number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(first.to_bits().saturating_add(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_of_a_large_fleet_has_its_own_loopback_address() {
        let address = |number| node_address(FIRST_ADDRESS, number);
        assert_eq!(address(0), IpAddr::V4(FIRST_ADDRESS));
        assert_eq!(address(255), IpAddr::V4(Ipv4Addr::new(127, 16, 1, 0)));
        assert!((0..100_000).all(|number| address(number).is_loopback()));
    }
}
