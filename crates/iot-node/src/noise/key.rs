//! Key pairs of X25519: made from random bytes, used for agreement, wiped when dropped.

use core::fmt;

use x25519_dalek::{PublicKey, SharedSecret, StaticSecret, X25519_BASEPOINT_BYTES};

use super::NoiseError;

/// A secret key and the public key that belongs to it. It is wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct KeyPair {
    secret: StaticSecret,
    public: PublicKey,
}

impl KeyPair {
    /// The pair of these 32 bytes, which must have come from a good random generator.
    pub fn from_secret(secret: [u8; 32]) -> Self {
        let secret = StaticSecret::from(secret);
        // The ladder, not the tables for the base point: they would be most of the flash of all this.
        let public = secret.diffie_hellman(&PublicKey::from(X25519_BASEPOINT_BYTES));
        let public = PublicKey::from(public.to_bytes());
        Self { secret, public }
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.public.to_bytes()
    }

    /// The secret bytes, for whoever keeps them. They leave this type nowhere else.
    pub fn secret(&self) -> &[u8; 32] {
        self.secret.as_bytes()
    }

    /// What both sides and nobody else can compute.
    ///
    /// # Errors
    /// [`NoiseError::WeakKey`] where the result would not depend on this secret.
    pub(super) fn agree(&self, theirs: &[u8; 32]) -> Result<SharedSecret, NoiseError> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(*theirs));
        if shared.was_contributory() { Ok(shared) } else { Err(NoiseError::WeakKey) }
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let shown = std::format!("{:?}", KeyPair::from_secret([0x5A; 32]));
        assert_eq!(shown, "KeyPair { .. }");
    }

    #[test]
    fn a_point_of_low_order_is_no_key() {
        // The seven that https://cr.yp.to/ecdh.html lists, as little-endian bytes.
        let from_hex = |hex: &str| {
            let mut bytes = [0; 32];
            for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
                *byte = u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            }
            bytes
        };
        let own = KeyPair::from_secret([7; 32]);
        for point in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            assert_eq!(own.agree(&from_hex(point)).err(), Some(NoiseError::WeakKey), "{point}");
        }
        assert!(own.agree(&KeyPair::from_secret([8; 32]).public()).is_ok());
    }
}
