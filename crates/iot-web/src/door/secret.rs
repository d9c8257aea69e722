//! Secrets: random ones that are kept as their SHA-256, and passwords that are kept as Argon2id.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash,
};
use iot_core::people::{ClaimCode, SecretHash};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Memory in KiB, passes and lanes of a hash: the least that OWASP takes, some 30 ms on a small computer.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How a token begins, so that people and scanners of leaked secrets know it when they see one.
const TOKEN: &str = "iothub_";

/// A secret of 256 bits that nobody can guess, as text and as it is kept. The text is shown or sent once.
#[derive(Clone)]
pub struct Secret {
    /// What its owner gets.
    pub text: String,
    /// What is kept.
    pub hash: SecretHash,
}

impl core::fmt::Debug for Secret {
    /// Tells nothing of it.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The operating system has no random numbers to give, or no memory for a hash.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SecretError(String);

impl Secret {
    /// A secret for the cookie of a login.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn for_login() -> Result<Self, SecretError> {
        Self::new("")
    }

    /// A token for a program.
    ///
    /// # Errors
    /// [`SecretError`].
    pub fn for_token() -> Result<Self, SecretError> {
        Self::new(TOKEN)
    }

    fn new(prefix: &str) -> Result<Self, SecretError> {
        use core::fmt::Write as _;
        let mut text = prefix.to_owned();
        for byte in random::<32>()? {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let hash = hash(&text);
        Ok(Self { text, hash })
    }
}

/// What is kept of a secret. All of its bits are random, so that no slow hash is needed.
pub(crate) fn hash(text: &str) -> SecretHash {
    SecretHash(Sha256::digest(text.as_bytes()).into())
}

/// A code for whoever claims the hub.
pub(crate) fn claim_code() -> Result<ClaimCode, SecretError> {
    Ok(ClaimCode::new(random()?))
}

fn random<const N: usize>() -> Result<[u8; N], SecretError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| SecretError(format!("no random numbers are to be had: {error}")))?;
    Ok(bytes)
}

/// What is kept of a password: Argon2id with 19 MiB, 2 passes and a salt of its own, as a PHC string. It takes some
/// 30 ms of a processor.
///
/// # Errors
/// [`SecretError`].
pub fn hash_password(password: &str) -> Result<Box<str>, SecretError> {
    let failed =
        |error: &dyn core::fmt::Display| SecretError(format!("the password cannot be kept: {error}"));
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(|error| failed(&error))?;
    let function = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let kept: PasswordHash = function.hash_password(password.as_bytes()).map_err(|error| failed(&error))?;
    Ok(kept.to_string().into())
}

/// Whether this is the password that was kept so. Takes as long where there is none to compare with.
pub(crate) fn is_password(password: &str, kept: Option<&str>) -> bool {
    // A hash of the same cost that no password has: every digit of it is the same.
    const NONE: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let Ok(parsed) = PasswordHash::new(kept.unwrap_or(NONE)) else { return false };
    let is_right = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
    is_right && kept.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other_one_is() {
        let kept = hash_password("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_password("correct horse", Some(&kept)));
        assert!(!is_password("correct horsf", Some(&kept)) && !is_password("", Some(&kept)));
        assert!(!is_password("correct horse", None) && !is_password("correct horse", Some("nonsense")));
        assert_ne!(hash_password("correct horse").unwrap(), kept, "each has a salt of its own");
    }

    #[test]
    fn a_secret_has_256_bits_and_shows_nothing_of_itself() {
        let (one, other) = (Secret::for_token().unwrap(), Secret::for_login().unwrap());
        assert_eq!((one.text.len(), other.text.len()), (TOKEN.len() + 64, 64));
        assert_eq!(hash(&one.text), one.hash);
        assert_ne!(one.hash, other.hash);
        assert!(!format!("{one:?}").contains(&one.text));
    }
}
