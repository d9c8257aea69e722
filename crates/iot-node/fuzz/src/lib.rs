//! What holds for whatever a node hears on an encrypted connection: one property for each fuzz target.
//!
//! The bytes of an input are a script: what is said genuinely, what is changed on its way, said twice, or made up. The
//! hub's side is made from the same handshakes as the node's. `tests/corpus.rs` of `iot-node` includes this file.

mod join;
mod tunnel;

use iot_node::noise::KeyPair;
pub use join::join;
pub use tunnel::tunnel;

/// A script, read byte by byte.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// The next byte; `None` at the end.
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// As many bytes as the next one says, or as are left.
    fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte().unwrap_or(0)).min(self.0.len());
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }

    /// Bytes with one bit turned over, where the next byte says.
    fn flipped(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let at = usize::from(self.byte().unwrap_or(0));
        if let Some(len) = core::num::NonZero::new(bytes.len()) {
            bytes[at % len] ^= 1 << (at % 8);
        }
        bytes
    }
}

fn hub() -> KeyPair {
    KeyPair::from_secret([2; 32])
}

fn node() -> KeyPair {
    KeyPair::from_secret([1; 32])
}
