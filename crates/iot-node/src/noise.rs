//! Noise on a chip: handshakes that prove who the other side is, and what is encrypted afterwards.
//!
//! `Noise_…_25519_ChaChaPoly_SHA256`, revision 34, for the three patterns that the wire uses, in both roles,
//! without an allocator. The primitives come from well-kept libraries; here is only the order in
//! which they are used. A handshake ends at the first error and cannot be tried again, a result of X25519 that is all
//! zero is an error, and every key is wiped when it is dropped. Records and sockets are left to others.
//!
//! Random numbers come from the caller: each handshake takes 32 bytes that are used nowhere else, ever.
//!
//! ```
//! use iot_node::noise::{Handshake, KeyPair, Parties, Pattern, Role};
//!
//! # fn random() -> [u8; 32] {
//! #     use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
//! #     static NEXT: AtomicU8 = AtomicU8::new(1);
//! #     [NEXT.fetch_add(1, Relaxed); 32]
//! # }
//! # fn main() -> Result<(), Box<dyn core::error::Error>> {
//! let (node, hub) = (KeyPair::from_secret(random()), KeyPair::from_secret(random()));
//! let parties = |role, own, theirs| Parties { pattern: Pattern::Ik, role, own, theirs, psk: None };
//! let mut node_side = Handshake::new(&parties(Role::Initiator, &node, Some(hub.public())), b"demo", random());
//! let mut hub_side = Handshake::new(&parties(Role::Responder, &hub, None), b"demo", random());
//!
//! let (mut wire, mut said) = ([0; 128], [0; 16]);
//! let len = node_side.write(b"an offer", &mut wire)?;
//! let heard = hub_side.read(&wire[..len], &mut said)?;
//! assert_eq!(&said[..heard], b"an offer");
//! assert_eq!(hub_side.theirs(), Some(node.public()), "the hub knows who it is");
//!
//! let len = hub_side.write(b"", &mut wire)?;
//! node_side.read(&wire[..len], &mut said)?;
//! let (mut node_side, mut hub_side) = (node_side.finish()?, hub_side.finish()?);
//!
//! let mut secret = *b"it is 21.5 here";
//! let tag = node_side.seal(&mut secret)?;
//! assert_ne!(&secret, b"it is 21.5 here");
//! hub_side.open(&mut secret, &tag)?;
//! assert_eq!(&secret, b"it is 21.5 here");
//! # Ok(())
//! # }
//! ```

mod cipher;
mod handshake;
mod key;
mod pattern;
mod symmetric;
mod transport;

use thiserror::Error;

pub use handshake::{Handshake, Parties};
pub use key::KeyPair;
pub use pattern::{Pattern, Role};
pub use transport::{REKEY_EVERY, Transport};

/// Bytes by which what is encrypted is longer.
pub const TAG_LEN: usize = iot_proto::TAG_LEN;

/// A handshake or an encrypted connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// Something was encrypted with another key, changed, repeated, left out or taken out of order.
    #[error("what came was not said by the other side, or not now")]
    Forged,
    /// A public key leads to the same result whatever the secret is.
    #[error("the other side's key is none")]
    WeakKey,
    /// A message is longer or shorter than this one can be.
    #[error("a message of {len} bytes does not fit here")]
    Length {
        /// Its bytes.
        len: usize,
    },
    /// The other side's turn, no step left, or steps left where the handshake was to end.
    #[error("this is not the next step of the handshake")]
    OutOfTurn,
    /// An error came before; nothing of the handshake or connection is left.
    #[error("it has failed before")]
    Over,
}
