//! The folders of `kinds/`, embedded: the module kinds that every hub knows.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc};

/// One embedded folder.
pub(super) struct Embedded {
    /// Its name.
    pub(super) folder: &'static str,
    files: [(&'static str, &'static [u8]); 2],
}

impl Embedded {
    /// The folder's files by path.
    pub(super) fn files(&self) -> BTreeMap<Box<str>, Arc<[u8]>> {
        self.files.iter().map(|(path, bytes)| (Box::from(*path), Arc::from(*bytes))).collect()
    }
}

macro_rules! embedded {
    ($($folder:literal),+ $(,)?) => {
        /// All embedded folders.
        pub(super) const EMBEDDED: &[Embedded] = &[$(Embedded {
            folder: $folder,
            files: [
                ("module.toml", include_bytes!(concat!("../../kinds/", $folder, "/module.toml"))),
                ("help.md", include_bytes!(concat!("../../kinds/", $folder, "/help.md"))),
            ],
        }),+];
    };
}

embedded![
    "contact",
    "cover",
    "dimmer",
    "humidity",
    "motion",
    "power-meter",
    "pressure",
    "relay",
    "rgb-light",
    "servo",
    "switch-input",
    "temperature",
    "text-display",
];
