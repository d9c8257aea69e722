//! [`Origin`]: whom limits count as one peer, where nothing but an address is known of it.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
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
pub struct Origin {
    /// The bits of an IPv4 address, or those of an IPv6 address that name its network. They come first and are one word,
    /// because they tell nearly all apart.
    bits: u64,
    /// Whether it is a network.
    is_network: bool,
}

/// Which address of its origin one is: nothing for IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Host(u64);

impl Origin {
    /// The origin that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        Self::split(address).0
    }

    /// The origin that an address belongs to, and which one of it this is.
    pub(crate) fn split(address: IpAddr) -> (Self, Host) {
        match address.to_canonical() {
            IpAddr::V4(address) => (Self { bits: address.to_bits().into(), is_network: false }, Host::FIRST),
            IpAddr::V6(address) => {
                let low = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
                let (network, host) = (low(address.to_bits() >> 64), low(address.to_bits()));
                (Self { bits: network, is_network: true }, Host(host))
            }
        }
    }
}

impl Host {
    pub(crate) const FIRST: Self = Self(0);
    pub(crate) const LAST: Self = Self(u64::MAX);
}

impl fmt::Display for Origin {
    /// The address, or the network as `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_network {
            write!(f, "{}/64", Ipv6Addr::from_bits(u128::from(self.bits) << 64))
        } else {
            write!(f, "{}", Ipv4Addr::from_bits(u32::try_from(self.bits).unwrap_or_default()))
        }
    }
}
