//! Makes a [`ModuleKind`] of the files of a folder, or says which file and line is wrong.
//!
//! The rules of the folder are here: its name, how many files, how large, which paths. What stands in
//! `module.toml` is read by `definition`. Reading the disk is up to the caller.

use alloc::{boxed::Box, collections::BTreeMap, format, string::String, sync::Arc};

use iot_proto::Name;

use super::{
    definition::Definition,
    fault::{Fault, KindError},
    kind::{ModuleKind, Origin},
    reader::Misfit,
};

/// Name of the file that defines a kind.
const DEFINITION: &str = "module.toml";
/// Most files in a folder: a definition, a help page, pictures, and room to spare.
const MAX_FILES: usize = 64;
/// Most bytes in a file: all kinds are held in memory.
const MAX_FILE: usize = 256 * 1024;
/// Most bytes in the path of a file.
const MAX_PATH: usize = 256;

/// Checks the files of the folder of this name, by their path in it, and makes a kind of them.
pub(super) fn parse(
    folder: &str,
    origin: Origin,
    files: BTreeMap<Box<str>, Arc<[u8]>>,
) -> Result<ModuleKind, KindError> {
    let refuse = |path: &str, line, reason| KindError { file: place(folder, path), line, reason };
    check_folder(folder, &files).map_err(|(path, fault)| refuse(path, None, fault))?;

    let Some(bytes) = files.get(DEFINITION) else {
        return Err(refuse("", None, Fault::NoFile { file: DEFINITION.into() }));
    };
    let misfit = |at, fault| refuse(DEFINITION, Some(line_of(bytes, at)), fault);
    let text = core::str::from_utf8(bytes).map_err(|error| misfit(error.valid_up_to(), Fault::NotUtf8))?;
    let Definition { version, title, summary, icon, help, properties, actions, events } =
        Definition::read(text, folder, &files).map_err(|Misfit { at, fault }| misfit(at, fault))?;
    let name = folder.into();
    Ok(ModuleKind { name, version, title, summary, icon, origin, properties, actions, events, help, files })
}

fn check_folder<'a>(folder: &str, files: &'a BTreeMap<Box<str>, Arc<[u8]>>) -> Result<(), (&'a str, Fault)> {
    if Name::new(folder).is_err() {
        let text = iot_proto::Label::clipped(folder).as_str().into();
        return Err(("", Fault::Name { key: "the folder's name", text }));
    }
    if files.len() > MAX_FILES {
        return Err(("", Fault::TooManyFiles { files: files.len(), limit: MAX_FILES }));
    }
    for (path, bytes) in files {
        if !stays_inside(path) {
            return Err((path, Fault::Path));
        }
        if bytes.len() > MAX_FILE {
            return Err((path, Fault::FileTooLarge { bytes: bytes.len(), limit: MAX_FILE }));
        }
    }
    Ok(())
}

/// Whether a path names a file below its folder, and the same file on every system.
fn stays_inside(path: &str) -> bool {
    let plain = |c: char| !c.is_control() && c != '\\' && c != ':';
    let step = |step: &str| !matches!(step, "" | "." | "..");
    path.len() <= MAX_PATH && path.chars().all(plain) && path.split('/').all(step)
}

/// Where a file is, from the data directory on, in one line whatever it is called.
fn place(folder: &str, path: &str) -> Box<str> {
    let mut place = format!("modules/{}", shown(folder));
    if !path.is_empty() {
        place.push('/');
        place.push_str(&shown(path));
    }
    place.into()
}

fn shown(path: &str) -> String {
    path.chars().take(MAX_PATH).flat_map(char::escape_debug).collect()
}

/// The line of an offset, counted from 1.
fn line_of(bytes: &[u8], at: usize) -> usize {
    1 + bytes.iter().take(at).filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_1_and_end_with_their_line_feed() {
        let lines = [0, 1, 2, 3, 4, 9].map(|at| line_of(b"a\n\nb", at));
        assert_eq!(lines, [1, 1, 2, 3, 3, 3]);
    }

    #[test]
    fn a_path_is_shown_in_one_line_of_bounded_length() {
        assert_eq!(&*place("a", ""), "modules/a");
        assert_eq!(&*place("a\n", "b\u{1b}"), "modules/a\\n/b\\u{1b}");
        assert_eq!(place("a", &"b".repeat(1000)).len(), "modules/a/".len() + MAX_PATH);
    }
}
