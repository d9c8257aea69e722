//! [`Terms`]: on what terms a node is let in that proves nothing, or that nobody has verified. What follows from them is
//! the core's.

use core::net::IpAddr;

use iot_proto::UnixMillis;

use super::Decision;

/// On what terms a node is let in that proves nothing, so that anyone on its network can pose as it, or that nobody has
/// verified, so that it may be another than was meant. All others have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The address at which it is let in, and no other; `None` where that was not laid down yet.
    pub home: Option<IpAddr>,
    /// Who let it in although it could show nothing, why and since when; `None` for one that was compared, or that proves
    /// nothing at all.
    pub unverified: Option<Decision>,
    /// Who permits commands to it, why and since when; `None` where nobody does.
    pub commands: Option<Decision>,
    /// Who else said its name.
    pub stranger: Option<Stranger>,
}

/// Somebody said a node's name at an address that is not its home, and was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Where, the last time.
    pub address: IpAddr,
    /// When, the last time.
    pub at: UnixMillis,
    /// When it was last put into the audit: not each time, because a stranger decides how often.
    pub noted: UnixMillis,
}

impl Terms {
    /// Whether nothing was laid down.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_empty_until_something_is_laid_down() {
        assert!(Terms::default().is_empty());
        let home = Some(IpAddr::from([10, 0, 0, 5]));
        assert!(!Terms { home, ..Terms::default() }.is_empty());
    }
}
