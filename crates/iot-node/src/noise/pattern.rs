//! The three handshakes of the wire, as the Noise specification writes them: tokens by message.

/// Which side of a handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Speaks first.
    Initiator,
    /// Answers.
    Responder,
}

/// Which handshake is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// For a session: the initiator knows the responder's key, and tells its own.
    Ik,
    /// For joining with a code: neither side knows anything of the other.
    Xx,
    /// For joining with a secret: both sides know the secret.
    XxPsk0,
}

/// One step in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    E,
    S,
    Ee,
    Es,
    Se,
    Ss,
    Psk,
}

impl Pattern {
    /// The name that both sides begin with.
    pub(super) fn name(self) -> &'static [u8] {
        match self {
            Self::Ik => b"Noise_IK_25519_ChaChaPoly_SHA256",
            Self::Xx => b"Noise_XX_25519_ChaChaPoly_SHA256",
            Self::XxPsk0 => b"Noise_XXpsk0_25519_ChaChaPoly_SHA256",
        }
    }

    /// The messages, the initiator's first, then in turn.
    pub(super) fn messages(self) -> &'static [&'static [Token]] {
        use Token::{E, Ee, Es, Psk, S, Se, Ss};
        match self {
            Self::Ik => &[&[E, Es, S, Ss], &[E, Ee, Se]],
            Self::Xx => &[&[E], &[E, Ee, S, Es], &[S, Se]],
            Self::XxPsk0 => &[&[Psk, E], &[E, Ee, S, Es], &[S, Se]],
        }
    }

    /// Whether the initiator knows the responder's key before it begins.
    pub(super) fn knows_responder(self) -> bool {
        self == Self::Ik
    }

    /// Whether both sides know a secret before they begin.
    pub(super) fn has_psk(self) -> bool {
        self == Self::XxPsk0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_every_handshake_both_sides_prove_their_static_key() {
        for pattern in [Pattern::Ik, Pattern::Xx, Pattern::XxPsk0] {
            let tokens = pattern.messages().concat();
            assert!(tokens.contains(&Token::Se) && tokens.contains(&Token::Es), "{pattern:?}");
            assert_eq!(tokens.contains(&Token::Psk), pattern.has_psk());
            assert_eq!(tokens.iter().filter(|token| **token == Token::E).count(), 2);
        }
    }
}
