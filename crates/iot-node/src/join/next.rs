//! What is still to come in a run of joining. What follows from each message is in `join.rs`.
//!
//! ```text
//!   Commitment -> Disclosure -> Word -- answer ----------> Storing
//!                                 \____ matched -> Press -> Storing
//!   Admission -- admitted -------------------------------> Nothing
//!       ^_____ Unshown, on trust
//! ```

use core::fmt;

use iot_proto::Confirm;

/// How the node joins.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// With a secret.
    Secret,
    /// With a code, to which the node adds this nonce.
    Code { nonce: [u8; 32], by: By },
    /// With nothing: it takes the word of whatever hub answers.
    #[cfg(feature = "trust-on-first-use")]
    Trust { nonce: [u8; 32] },
}

/// By what the node knows that the code was typed at its hub.
#[derive(Clone, Copy)]
pub(super) enum By {
    /// The hub says this answer back.
    Answer(u32),
    /// Somebody presses the button.
    Press,
}

/// What comes next.
#[derive(Clone, Copy)]
pub(super) enum Next {
    /// The hub says that the node is admitted.
    Admission,
    /// The hub binds itself to its nonce.
    Commitment { nonce: [u8; 32], by: By },
    /// The hub binds itself to a nonce, which the node has no use for.
    #[cfg(feature = "trust-on-first-use")]
    Unshown { nonce: [u8; 32] },
    /// The hub shows its nonce.
    Disclosure { commitment: [u8; 32], nonce: [u8; 32], by: By },
    /// The hub says that a person has typed the digits.
    Word(By),
    /// The button is pressed.
    Press,
    /// The hub's key is stored, and the hub is told so.
    Storing,
    /// The hub's key is stored, and the hub needs not be told.
    Nothing,
}

impl By {
    /// How the hub calls it.
    pub(super) fn confirm(self) -> Confirm {
        match self {
            Self::Answer(_) => Confirm::Digits,
            Self::Press => Confirm::Button,
        }
    }

    /// What the node shows beside the code.
    pub(super) fn answer(self) -> Option<u32> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Press => None,
        }
    }
}

// Nonces and answers are secret until they are said.
impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => "Secret",
            Self::Code { .. } => "Code",
            #[cfg(feature = "trust-on-first-use")]
            Self::Trust { .. } => "Trust",
        })
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admission => "Admission",
            Self::Commitment { .. } => "Commitment",
            #[cfg(feature = "trust-on-first-use")]
            Self::Unshown { .. } => "Unshown",
            Self::Disclosure { .. } => "Disclosure",
            Self::Word(_) => "Word",
            Self::Press => "Press",
            Self::Storing => "Storing",
            Self::Nothing => "Nothing",
        })
    }
}
