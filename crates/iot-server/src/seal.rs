//! The hub's key under a passphrase: how a backup holds it. Where it lies there is `iot-store`'s, what the key is for
//! is `identity.rs`'s.
//!
//! ```text
//! bytes 0      version: 1
//!       1-16   salt, random
//!       17-64  the key with its tag: ChaCha20-Poly1305 under Argon2id(passphrase, salt)
//! ```
//!
//! Argon2id takes 64 MiB, 3 passes and 4 lanes, the second choice of RFC 9106: some 0.2 s here, and as much for each
//! guess of whoever finds a backup. A salt is used once, so the key that follows from it is too, and the nonce is zero.
//! The hub's id is authenticated with the key, so that a backup cannot name another hub than it holds.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag, aead::AeadInOut as _};
use iot_core::people::{Passphrase, PeopleError};
use iot_net::HubIdentity;
use iot_store::SealedKey;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::private::{self, PrivateError};

/// The first byte of what is sealed so.
const VERSION: u8 = 1;

/// Memory in KiB, passes and lanes.
const MEMORY: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;

/// Bytes of a passphrase's line that are read.
const LONGEST_LINE: u64 = 4_096;

/// What is authenticated, before the hub's id.
const LABEL: &[u8] = b"iot1/backup-key";

/// Why a key cannot be sealed, or not be had back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// It was sealed under another passphrase, or was changed since.
    #[error("the passphrase is not the one under which the hub's key was put into this backup")]
    WrongPassphrase,
    /// A newer hub has sealed it.
    #[error(
        "the hub's key was put into this backup in a way of a newer hub ({0:?}): restore it with that one"
    )]
    Unknown(Option<u8>),
    /// There is no memory for it, or there are no random bytes.
    #[error("the hub's key cannot be put under a passphrase here: {0}")]
    Failed(String),
}

/// Why a file gives no passphrase.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PassphraseFileError {
    /// Others can read or write it.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// It cannot be read.
    #[error("cannot read the passphrase in {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Its first line is none.
    #[error("in {}: {why}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        why: PeopleError,
    },
}

/// The passphrase in the first line of a file, which nobody else may read.
///
/// # Errors
/// [`PassphraseFileError`].
pub fn passphrase_of(path: &Path) -> Result<Passphrase, PassphraseFileError> {
    private::check_secret(path)?;
    let failed = |source| PassphraseFileError::Io { path: path.into(), source };
    let mut line = Zeroizing::new(String::new());
    // A passphrase that is longer than it may be is refused for that, however long its line is.
    let file = File::open(path).map_err(failed)?.take(LONGEST_LINE);
    BufReader::new(file).read_line(&mut line).map_err(failed)?;
    let words = Passphrase::new(line.trim_end_matches(['\r', '\n']));
    words.map_err(|why| PassphraseFileError::Refused { path: path.into(), why })
}

/// Seals the key of a hub.
///
/// # Errors
/// [`SealError::Failed`].
pub fn seal(identity: &HubIdentity, passphrase: &Passphrase) -> Result<SealedKey, SealError> {
    let hub = identity.public().id().to_string();
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| SealError::Failed(error.to_string()))?;
    let mut key = Zeroizing::new(*identity.secret());
    let tag = cipher(passphrase, &salt)?
        .encrypt_inout_detached(&Nonce::default(), &associated(&hub), key.as_mut_slice().into())
        .map_err(|error| SealError::Failed(error.to_string()))?;
    let sealed = [&[VERSION], salt.as_slice(), key.as_slice(), tag.as_slice()].concat();
    Ok(SealedKey { hub: hub.into(), sealed: sealed.into() })
}

/// Opens what [`seal`] has made.
///
/// # Errors
/// [`SealError`].
pub fn open(key: &SealedKey, passphrase: &Passphrase) -> Result<HubIdentity, SealError> {
    let (&version, rest) = key.sealed.split_first().ok_or(SealError::Unknown(None))?;
    if version != VERSION {
        return Err(SealError::Unknown(Some(version)));
    }
    let (salt, rest) = rest.split_first_chunk::<16>().ok_or(SealError::WrongPassphrase)?;
    let (secret, tag) = rest.split_first_chunk::<32>().ok_or(SealError::WrongPassphrase)?;
    let tag = Tag::try_from(tag).map_err(|_| SealError::WrongPassphrase)?;
    let mut secret = Zeroizing::new(*secret);
    cipher(passphrase, salt)?
        .decrypt_inout_detached(&Nonce::default(), &associated(&key.hub), secret.as_mut_slice().into(), &tag)
        .map_err(|_| SealError::WrongPassphrase)?;
    let identity = HubIdentity::from_secret(*secret);
    // Authenticated already; a key that was sealed under another id by somebody who knows the passphrase is not taken.
    let is_its_own = identity.public().id().to_string() == *key.hub;
    if is_its_own { Ok(identity) } else { Err(SealError::WrongPassphrase) }
}

fn cipher(passphrase: &Passphrase, salt: &[u8; 16]) -> Result<ChaCha20Poly1305, SealError> {
    let failed = |error: argon2::Error| SealError::Failed(error.to_string());
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(failed)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(failed)?;
    Ok(ChaCha20Poly1305::new(&(*key).into()))
}

fn associated(hub: &str) -> Vec<u8> {
    [LABEL, &[0], hub.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    #[test]
    fn a_key_comes_back_under_its_passphrase_and_under_no_other() {
        let (hub, right) = (HubIdentity::from_secret([7; 32]), words("four words are good"));
        let sealed = seal(&hub, &right).unwrap();
        assert_eq!(*sealed.hub, hub.public().id().to_string());
        assert_eq!(open(&sealed, &right), Ok(hub.clone()));
        assert_eq!(open(&sealed, &words("four words are gooe")), Err(SealError::WrongPassphrase));
        assert!(!sealed.sealed.windows(8).any(|part| part == &[7; 8][..]), "the key is nowhere in it");
        assert_ne!(seal(&hub, &right).unwrap().sealed, sealed.sealed, "each has a salt of its own");
    }

    #[test]
    #[cfg(unix)]
    fn a_passphrase_comes_from_the_first_line_of_a_file_that_nobody_else_can_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passphrase");
        let write = |text: &str, mode| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        write("four words are good\r\nand a note\n", 0o600);
        assert_eq!(passphrase_of(&path).unwrap().as_bytes(), b"four words are good");
        write("too short\n", 0o600);
        let refused = passphrase_of(&path).unwrap_err().to_string();
        assert!(refused.contains("9 characters") && !refused.contains("short"), "{refused}");
        write("four words are good\n", 0o640);
        assert!(matches!(passphrase_of(&path), Err(PassphraseFileError::Private(_))));
    }

    #[test]
    fn whatever_was_changed_since_is_refused() {
        let (hub, right) = (HubIdentity::from_secret([7; 32]), words("four words are good"));
        let sealed = seal(&hub, &right).unwrap();
        assert_eq!(sealed.sealed.len(), 65);
        for at in [1, 16, 17, 48, 49, 64] {
            let mut changed = sealed.clone();
            changed.sealed[at] ^= 1;
            assert_eq!(open(&changed, &right), Err(SealError::WrongPassphrase), "byte {at}");
        }
        let other = HubIdentity::from_secret([8; 32]).public().id().to_string();
        let renamed = SealedKey { hub: other.into(), ..sealed.clone() };
        assert_eq!(open(&renamed, &right), Err(SealError::WrongPassphrase));
        let cut = SealedKey { sealed: sealed.sealed[..64].into(), ..sealed.clone() };
        assert_eq!(open(&cut, &right), Err(SealError::WrongPassphrase));
        let mut newer = sealed.clone();
        newer.sealed[0] = 2;
        assert_eq!(open(&newer, &right), Err(SealError::Unknown(Some(2))));
    }
}
