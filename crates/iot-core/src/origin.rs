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
pub struct Origin(Place);

/// Small, because many are kept, and of words, which are compared without a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// The bits of an IPv4 address.
    Address(u32),
    /// The bits of an IPv6 address that name its network.
    Network([u32; 2]),
}

/// Which address of its origin one is: nothing for IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Host([u32; 2]);

impl Origin {
    /// The origin that an address belongs to.
    pub fn of(address: IpAddr) -> Self {
        Self::split(address).0
    }

    /// The origin that an address belongs to, and which one of it this is.
    pub(crate) fn split(address: IpAddr) -> (Self, Host) {
        match address.to_canonical() {
            IpAddr::V4(address) => (Self(Place::Address(address.to_bits())), Host::FIRST),
            IpAddr::V6(address) => {
                let word = |high: u16, low: u16| u32::from(high) << 16 | u32::from(low);
                let words = |[a, b, c, d]: [u16; 4]| [word(a, b), word(c, d)];
                let [a, b, c, d, host @ ..] = address.segments();
                (Self(Place::Network(words([a, b, c, d]))), Host(words(host)))
            }
        }
    }
}

impl Host {
    pub(crate) const FIRST: Self = Self([0; 2]);
    pub(crate) const LAST: Self = Self([u32::MAX; 2]);
}

impl fmt::Display for Origin {
    /// The address, or the network as `2001:db8::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Address(bits) => write!(f, "{}", Ipv4Addr::from_bits(bits)),
            Place::Network([high, low]) => {
                let first = Ipv6Addr::from_bits(u128::from(high) << 96 | u128::from(low) << 64);
                write!(f, "{first}/64")
            }
        }
    }
}
