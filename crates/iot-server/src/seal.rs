//! The hub's keys under a passphrase: how a backup holds them. Where they lie there is `iot-store`'s, what they are for
//! is `identity.rs`'s.
//!
//! ```text
//! bytes 0      version: 1, or 2 for a hub that has or had more keys than its first one
//!       1-16   salt, random
//!       17-    version 1: the key; version 2: all that count, as `key_text.rs` writes them
//!              and the tag: ChaCha20-Poly1305 under Argon2id(passphrase, salt)
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
use iot_net::{HubIdentity, KeySet};
use iot_store::SealedKey;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    key_text,
    private::{self, PrivateError},
};

/// The first byte of what is sealed so: one key alone, or the text of several.
const ONE_KEY: u8 = 1;
const SEVERAL: u8 = 2;

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

/// Seals the keys of a hub.
///
/// # Errors
/// [`SealError::Failed`].
pub fn seal(keys: &KeySet, passphrase: &Passphrase) -> Result<SealedKey, SealError> {
    let hub = keys.id.to_string();
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| SealError::Failed(error.to_string()))?;
    let one = &keys.current.identity;
    let (version, mut secret) = if *keys == KeySet::first((**one).clone()) {
        (ONE_KEY, Zeroizing::new(one.secret().to_vec()))
    } else {
        (SEVERAL, Zeroizing::new(key_text::text(keys).as_bytes().to_vec()))
    };
    let tag = cipher(passphrase, &salt)?
        .encrypt_inout_detached(&Nonce::default(), &associated(&hub), secret.as_mut_slice().into())
        .map_err(|error| SealError::Failed(error.to_string()))?;
    let sealed = [&[version], salt.as_slice(), secret.as_slice(), tag.as_slice()].concat();
    Ok(SealedKey { hub: hub.into(), sealed: sealed.into() })
}

/// Opens what [`seal`] has made.
///
/// # Errors
/// [`SealError`].
pub fn open(key: &SealedKey, passphrase: &Passphrase) -> Result<KeySet, SealError> {
    let (&version, rest) = key.sealed.split_first().ok_or(SealError::Unknown(None))?;
    if version != ONE_KEY && version != SEVERAL {
        return Err(SealError::Unknown(Some(version)));
    }
    let (salt, rest) = rest.split_first_chunk::<16>().ok_or(SealError::WrongPassphrase)?;
    let (secret, tag) = rest.split_last_chunk::<16>().ok_or(SealError::WrongPassphrase)?;
    let tag = Tag::from(*tag);
    let mut secret = Zeroizing::new(secret.to_vec());
    cipher(passphrase, salt)?
        .decrypt_inout_detached(&Nonce::default(), &associated(&key.hub), secret.as_mut_slice().into(), &tag)
        .map_err(|_| SealError::WrongPassphrase)?;
    let keys = match version {
        ONE_KEY => <[u8; 32]>::try_from(secret.as_slice())
            .ok()
            .map(|secret| KeySet::first(HubIdentity::from_secret(secret))),
        _ => std::str::from_utf8(&secret).ok().and_then(key_text::parse),
    };
    // Authenticated already; keys that were sealed under another id by somebody who knows the passphrase are not taken.
    keys.filter(|keys| keys.id.to_string() == *key.hub).ok_or(SealError::WrongPassphrase)
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

    fn hub() -> KeySet {
        KeySet::first(HubIdentity::from_secret([7; 32]))
    }

    #[test]
    fn all_keys_that_count_come_back_and_the_hub_stays_the_one_of_its_first_key() {
        let next = HubIdentity::from_secret([8; 32]);
        let announced = hub().announcing(next, None, iot_core::UnixMillis(5)).unwrap();
        let changed = announced.changed(iot_core::UnixMillis(6)).unwrap();
        let right = words("four words are good");
        for keys in [announced, changed] {
            let sealed = seal(&keys, &right).unwrap();
            assert_eq!((&*sealed.hub, sealed.sealed[0]), (hub().id.to_string().as_str(), 2));
            assert_eq!(open(&sealed, &right), Ok(keys));
            let mut as_one = sealed.clone();
            as_one.sealed[0] = 1;
            assert_eq!(open(&as_one, &right), Err(SealError::WrongPassphrase), "it is no single key");
        }
    }

    fn words(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    #[test]
    fn a_key_comes_back_under_its_passphrase_and_under_no_other() {
        let (hub, right) = (hub(), words("four words are good"));
        let sealed = seal(&hub, &right).unwrap();
        assert_eq!(*sealed.hub, hub.id.to_string());
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
        let (hub, right) = (hub(), words("four words are good"));
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
        newer.sealed[0] = 3;
        assert_eq!(open(&newer, &right), Err(SealError::Unknown(Some(3))));
    }
}
