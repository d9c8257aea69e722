//! [`Wreck`]: what is on disk when the power fails.
//!
//! What was synced is there. Of what was not, any of it may be: each write, each sector of 512 bytes of a write,
//! each change of a length, each name that was made or removed. A sector holds one of the contents that it was
//! given, never a mixture. A file that has grown by bytes that were lost has zeros or junk there.

use std::{collections::BTreeMap, sync::Arc};

use super::{Change, Image, put};
use crate::prove::chance::Chance;

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// The disk while its log is played, change after change.
#[derive(Debug)]
pub(crate) struct Wreck<'a> {
    names: BTreeMap<String, usize>,
    files: BTreeMap<usize, Arc<Vec<u8>>>,
    /// By file, in order.
    unsynced: BTreeMap<usize, Vec<&'a Change>>,
    /// Names made and removed, in order.
    renamed: Vec<&'a Change>,
}

/// How much of what was not synced is on disk.
#[derive(Clone, Copy)]
enum Luck {
    /// Each sector by itself.
    Sectors,
    /// Each write whole, one in so many lost.
    Writes(u64),
    /// So many of the first, and the next one torn.
    First(u64),
}

impl<'a> Wreck<'a> {
    /// The disk as it was when the files were loaded.
    pub(crate) fn new(image: &Image) -> Self {
        let mut new = Self {
            names: BTreeMap::new(),
            files: BTreeMap::new(),
            unsynced: BTreeMap::new(),
            renamed: Vec::new(),
        };
        for ((name, content), inode) in image.iter().zip(0..) {
            new.names.insert(name.clone(), inode);
            new.files.insert(inode, Arc::clone(content));
        }
        new
    }

    /// The next change has been made.
    pub(crate) fn advance(&mut self, change: &'a Change) {
        match change {
            Change::Create { inode, .. } => {
                self.files.insert(*inode, Arc::default());
                self.renamed.push(change);
            }
            Change::Delete { .. } => self.renamed.push(change),
            Change::Write { inode, .. } | Change::Cut { inode, .. } => {
                self.unsynced.entry(*inode).or_default().push(change);
            }
            Change::Sync { inode } => self.sync(*inode),
            Change::Lost { inode } => drop(self.unsynced.remove(inode)),
            Change::Promised(_) | Change::Offered(_) => {}
        }
    }

    fn sync(&mut self, inode: usize) {
        for change in self.unsynced.remove(&inode).unwrap_or_default() {
            if let Some(file) = self.files.get_mut(&inode) {
                apply(Arc::make_mut(file), change);
            }
        }
        let made = |change: &&Change| matches!(change, Change::Create { inode: made, .. } if *made == inode);
        if let Some(at) = self.renamed.iter().position(made) {
            // What was done to this name before is settled with it.
            for change in self.renamed.drain(..=at).collect::<Vec<_>>() {
                rename(&mut self.names, change);
            }
        }
    }

    /// What is on disk if the power fails now.
    pub(crate) fn image(&self, chance: &mut Chance) -> Image {
        let mut names = self.names.clone();
        let keeps = chance.below(4);
        for change in &self.renamed {
            if chance.below(4) < keeps {
                rename(&mut names, change);
            }
        }
        let mut image = Image::new();
        for (name, inode) in names {
            let mut file = self.files.get(&inode).cloned().unwrap_or_default();
            if let Some(unsynced) = self.unsynced.get(&inode) {
                ruin(Arc::make_mut(&mut file), unsynced, chance);
            }
            image.insert(name, file);
        }
        image
    }
}

fn rename(names: &mut BTreeMap<String, usize>, change: &Change) {
    if let Change::Create { name, inode } = change {
        names.insert(name.clone(), *inode);
    } else if let Change::Delete { name } = change {
        names.remove(name);
    }
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    if let Change::Write { offset, data, .. } = change {
        put(file, *offset, data);
    } else if let Change::Cut { len, .. } = change {
        file.truncate(*len);
    }
}

/// Does some of what was not synced.
fn ruin(file: &mut Vec<u8>, unsynced: &[&Change], draw: &mut Chance) {
    let count = u64::try_from(unsynced.len()).unwrap_or(u64::MAX);
    let luck = match draw.below(5) {
        0 | 1 => Luck::Sectors,
        2 => Luck::Writes(2 + draw.below(8)),
        _ => Luck::First(draw.below(count + 1)),
    };
    let before = file.len();
    let mut length = before;
    for (change, number) in unsynced.iter().zip(0_u64..) {
        if let Change::Write { offset, data, .. } = change {
            length = length.max(offset + data.len());
        } else if let Change::Cut { len, .. } = change {
            length = *len;
        }
        match luck {
            Luck::First(whole) if number > whole => break,
            Luck::First(whole) if number < whole => apply(file, change),
            Luck::First(_) | Luck::Sectors => tear(file, change, draw),
            Luck::Writes(lost) if draw.one_in(lost) => {}
            Luck::Writes(_) => apply(file, change),
        }
    }
    match draw.below(8) {
        0 => file.resize(length.max(file.len()), 0),
        1 => file.resize(length.max(file.len()), 0xA5),
        2 => file.truncate(before),
        _ => {}
    }
}

/// Does some sectors of a write, or a change of length or not.
fn tear(file: &mut Vec<u8>, change: &Change, draw: &mut Chance) {
    let Change::Write { offset, data, .. } = change else {
        if draw.one_in(2) {
            apply(file, change);
        }
        return;
    };
    let mut from = 0;
    while from < data.len() {
        let to = ((offset + from) / SECTOR * SECTOR + SECTOR - offset).min(data.len());
        if draw.one_in(2) {
            put(file, offset + from, &data[from..to]);
        }
        from = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(offset: usize, byte: u8) -> Change {
        Change::Write { inode: 0, offset, data: vec![byte; 2 * SECTOR].into() }
    }

    #[test]
    fn what_was_synced_is_there_and_of_the_rest_any_sectors() {
        let base = Image::from([("a".to_owned(), Arc::default())]);
        let log = [write(0, 1), Change::Sync { inode: 0 }, write(2 * SECTOR, 2), write(0, 3)];
        let mut wreck = Wreck::new(&base);
        for change in &log {
            wreck.advance(change);
        }
        let mut chance = Chance::new(1, 1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let file = &wreck.image(&mut chance)["a"];
            assert!(
                file[..2 * SECTOR]
                    .chunks(SECTOR)
                    .all(|sector| sector == [1; SECTOR] || sector == [3; SECTOR])
            );
            seen.insert(file.chunks(SECTOR).map(|sector| sector[0]).collect::<Vec<_>>());
        }
        assert!(
            seen.contains(&vec![1, 1])
                && seen.contains(&vec![3, 3, 2, 2])
                && seen.contains(&vec![3, 1, 0, 2])
        );
    }

    #[test]
    fn a_name_is_on_disk_once_its_file_was_synced_and_what_failed_to_sync_never_is() {
        let log = [
            Change::Create { name: "b".into(), inode: 0 },
            write(0, 7),
            Change::Lost { inode: 0 },
            Change::Sync { inode: 0 },
        ];
        let mut wreck = Wreck::new(&Image::new());
        let mut chance = Chance::new(1, 1);
        for change in &log[..2] {
            wreck.advance(change);
        }
        assert!((0..100).any(|_| wreck.image(&mut chance).is_empty()));
        for change in &log[2..] {
            wreck.advance(change);
        }
        assert!((0..100).all(|_| wreck.image(&mut chance) == Image::from([("b".into(), Arc::default())])));
    }
}
