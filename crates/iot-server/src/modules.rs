//! Reads the folders of `modules/` in the data directory into the catalogue. What is in them is the core's.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use iot_core::catalogue::{Catalogue, KindError};
use thiserror::Error;

/// Folder of module kinds in the data directory.
pub const FOLDER: &str = "modules";

/// Most bytes that are read of one file; the core refuses smaller ones by name.
const MAX_FILE: u64 = 1024 * 1024;

/// Most files that are read of one folder; the core refuses fewer by name.
const MAX_FILES: usize = 256;

/// A folder that was not taken. The others are.
#[derive(Debug, Error)]
pub enum FolderError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file in it is far too large to belong to a module kind.
    #[error("{} has {len} bytes, more than {MAX_FILE}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        len: u64,
    },
    /// It has far too many files.
    #[error("{} has more than {MAX_FILES} files", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// Its definition is not valid.
    #[error("{FOLDER}/{folder}/{error}")]
    Kind {
        /// Name of the folder.
        folder: Box<str>,
        /// File, line and reason.
        error: KindError,
    },
}

/// The built-in kinds and those of the data directory, and the folders that were refused.
pub fn load(data_dir: &Path) -> (Catalogue, Vec<FolderError>) {
    let mut catalogue = Catalogue::built_in();
    let root = data_dir.join(FOLDER);
    let folders = match folders(&root) {
        Ok(folders) => folders,
        Err(source) => return (catalogue, vec![FolderError::Read { path: root, source }]),
    };
    let mut refused = Vec::new();
    for folder in folders {
        let name: Box<str> = folder.file_name().unwrap_or_default().to_string_lossy().into();
        let taken = files(&folder).and_then(|files| {
            let taken = catalogue.add_folder(&name, files);
            taken.map_err(|error| FolderError::Kind { folder: name, error })
        });
        refused.extend(taken.err());
    }
    (catalogue, refused)
}

/// The folders below `root` in order of their names; none where there is no such place.
fn folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// The files of a folder and those below it, by path with `/` between names. Links are not followed:
/// what a kind serves to browsers lies in its own folder.
fn files(folder: &Path) -> Result<BTreeMap<Box<str>, Arc<[u8]>>, FolderError> {
    let mut files = BTreeMap::new();
    let mut open = vec![(folder.to_path_buf(), String::new())];
    while let Some((dir, prefix)) = open.pop() {
        let of_dir = |source| FolderError::Read { path: dir.clone(), source };
        for entry in fs::read_dir(&dir).map_err(of_dir)? {
            let entry = entry.map_err(of_dir)?;
            let path = entry.path();
            let of_file = |source| FolderError::Read { path: path.clone(), source };
            let meta = entry.metadata().map_err(of_file)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if meta.is_dir() {
                open.push((path, format!("{name}/")));
            } else if meta.len() > MAX_FILE {
                return Err(FolderError::TooLarge { path, len: meta.len() });
            } else if meta.is_file() {
                files.insert(name.into(), fs::read(&path).map_err(of_file)?.into());
            }
            if files.len() + open.len() > MAX_FILES {
                return Err(FolderError::TooMany { path: folder.into() });
            }
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "kind = \"lamp\"\nversion = 1\ntitle = \"Lamp\"\nsummary = \"A lamp\"\nicon = \"relay\"\n\
        [[property]]\nchannel = 1\nname = \"on\"\ntitle = \"Output\"\ntype = \"bool\"\n\
        labels = [\"Off\", \"On\"]\naccess = \"read-write\"\n";

    #[test]
    fn a_folder_adds_a_kind_and_a_broken_one_is_named_while_the_others_load() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, text) in [("lamp", GOOD), ("broken", "kind = \"broken\"\nversion = \"one\"\n")] {
            let folder = dir.path().join(FOLDER).join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("module.toml"), text).unwrap();
        }
        let (catalogue, refused) = load(dir.path());
        assert!(catalogue.kind("lamp").is_ok());
        assert!(catalogue.kind("relay").is_ok(), "built-in kinds stay");
        let [refused] = &refused[..] else { panic!("{refused:?}") };
        let text = refused.to_string();
        assert!(text.contains("broken") && text.contains("module.toml:2"), "{text}");
    }

    #[test]
    fn no_folder_is_no_error() {
        let (catalogue, refused) = load(Path::new("/nonexistent"));
        assert!(refused.is_empty() && catalogue.kind("relay").is_ok());
    }

    #[test]
    fn a_folder_that_is_too_large_is_refused_before_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(FOLDER).join("huge");
        fs::create_dir_all(&folder).unwrap();
        fs::File::create(folder.join("film.bin")).unwrap().set_len(MAX_FILE + 1).unwrap();
        let (_, refused) = load(dir.path());
        assert!(matches!(refused[..], [FolderError::TooLarge { .. }]), "{refused:?}");
    }
}
