//! [`Origin`]: whom limits count as one peer, where nothing but an address is known of it.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

/// Where connections come from, for counting: one IPv4 address, or one IPv6 network of 64 bits, since a
/// single device may take any address of its network.
///
/// ```
/// use iot_core::Origin;
///
/// let origin = |text: &str| Origin::of(text.parse().expect("an address"));
/// assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:2"));
/// assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
/// assert_eq!(origin("::ffff:10.0.0.5"), origin("10.0.0.5"));
/// assert_ne!(origin("10.0.0.6"), origin("10.0.0.5"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Place);

/// Small, because many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Address(Ipv4Addr),
    /// The bits of an IPv6 address that name its network.
    Network([u8; 8]),
}

impl Origin {
    /// The origin that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(Place::Address(address)),
            IpAddr::V6(address) => {
                let network = address.octets().first_chunk().copied().unwrap_or_default();
                Self(Place::Network(network))
            }
        }
    }

    /// The addresses that belong to it, the first and the last.
    pub(crate) fn addresses(self) -> RangeInclusive<IpAddr> {
        match self.0 {
            Place::Address(address) => address.into()..=address.into(),
            Place::Network(network) => {
                let first = first_of(network);
                first.into()..=Ipv6Addr::from_bits(first.to_bits() | u128::from(u64::MAX)).into()
            }
        }
    }
}

/// The first address of a network.
fn first_of(network: [u8; 8]) -> Ipv6Addr {
    Ipv6Addr::from_bits(u128::from(u64::from_be_bytes(network)) << 64)
}

impl fmt::Display for Origin {
    /// The address, or the network as `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Address(address) => write!(f, "{address}"),
            Place::Network(network) => write!(f, "{}/64", first_of(network)),
        }
    }
}
