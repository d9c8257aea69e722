//! [`Hashes`]: what tells whether two images are byte for byte the same.

use std::{collections::BTreeMap, sync::Arc};

use sha2::{Digest as _, Sha256};

use crate::prove::disk::Image;

/// A hash of names and contents.
pub(super) type Hash = [u8; 32];

/// Hashes images. Most have a file in common with the image before, which is not hashed again.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    /// By name, the last content and its hash. It is kept, so that no other one can lie at its place.
    last: BTreeMap<String, (Arc<Vec<u8>>, Hash)>,
}

impl Hashes {
    /// The hash of an image.
    pub(super) fn of(&mut self, image: &Image) -> Hash {
        let mut all = Sha256::new();
        for (name, content) in image {
            all.update(name.len().to_le_bytes());
            all.update(name);
            all.update(self.of_file(name, content));
        }
        all.finalize().into()
    }

    fn of_file(&mut self, name: &str, content: &Arc<Vec<u8>>) -> Hash {
        if let Some((last, hash)) = self.last.get(name)
            && Arc::ptr_eq(last, content)
        {
            return *hash;
        }
        let hash = Sha256::digest(content.as_slice()).into();
        self.last.insert(name.to_owned(), (Arc::clone(content), hash));
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, content: &[u8]) -> Image {
        Image::from([(name.into(), Arc::new(content.to_vec()))])
    }

    #[test]
    fn images_have_the_same_hash_only_where_names_and_bytes_are_the_same() {
        let mut hashes = Hashes::default();
        let first = hashes.of(&image("a", b"b"));
        assert_eq!(hashes.of(&image("a", b"b")), first);
        for other in [image("a", b"c"), image("ab", b""), image("b", b"b"), Image::new()] {
            assert_ne!(hashes.of(&other), first);
        }
    }

    #[test]
    fn a_content_that_is_changed_is_hashed_anew() {
        let mut hashes = Hashes::default();
        let mut content = Arc::new(b"b".to_vec());
        let mut hash = |content: &Arc<Vec<u8>>| hashes.of(&Image::from([("a".into(), Arc::clone(content))]));
        let first = hash(&content);
        Arc::make_mut(&mut content).push(0);
        assert_ne!(hash(&content), first);
        Arc::make_mut(&mut content).truncate(1);
        assert_eq!(hash(&content), first);
    }
}
