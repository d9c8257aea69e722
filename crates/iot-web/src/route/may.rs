//! [`May`]: whom a route is for. Which route is for whom stands in the table beside this.

use core::fmt;

use iot_core::people::Role;

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum May {
    /// Everybody, even before the hub has an owner: what pages are drawn with.
    Always,
    /// Everybody, but only as long as the hub has no owner.
    ToClaim,
    /// Everybody, once the hub has an owner.
    Anyone,
    /// Users with this role or more, and tokens for it.
    Role(Role),
    /// Users with this role or more who are logged in. A token could otherwise make others that outlive it.
    Person(Role),
}

impl fmt::Display for May {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always | Self::Anyone => f.write_str("everybody"),
            Self::ToClaim => f.write_str("whoever claims the hub"),
            Self::Role(role) => write!(f, "{}", Needs(*role)),
            Self::Person(role) => write!(f, "{} who are logged in", Needs(*role)),
        }
    }
}

/// A role and those above it.
struct Needs(Role);

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Role::Viewer => "users of this hub",
            Role::Operator => "operators and admins",
            Role::Admin => "admins",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_a_route_is_for_is_said_in_words() {
        assert_eq!(May::Role(Role::Operator).to_string(), "operators and admins");
        assert_eq!(May::Person(Role::Admin).to_string(), "admins who are logged in");
    }
}
