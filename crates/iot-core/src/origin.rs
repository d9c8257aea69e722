//! [`Origin`]: whom limits count as one peer, where nothing but an address is known of it.

use core::{
    fmt,
    net::{IpAddr, Ipv6Addr},
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
pub struct Origin(IpAddr);

/// The bits of an IPv6 address that name its network.
const NETWORK: u128 = !0 << 64;

impl Origin {
    /// The origin that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() & NETWORK).into()),
        }
    }

    /// The addresses that belong to it, the first and the last.
    pub(crate) fn addresses(self) -> RangeInclusive<IpAddr> {
        let last = match self.0 {
            IpAddr::V4(_) => self.0,
            IpAddr::V6(network) => Ipv6Addr::from_bits(network.to_bits() | !NETWORK).into(),
        };
        self.0..=last
    }
}

impl fmt::Display for Origin {
    /// The address, or the network as `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}
