//! [`Locks`]: what SQLite's connections to one file share: locks on the file, and the index of its log.
//!
//! The index is lost with the process, as it is on a real machine.

use std::{collections::BTreeMap, ops::Range};

use sqlite_vfs::{
    LockKind,
    wip::{WalIndex, WalIndexLock},
};

use super::Disk;

/// Bytes of a region of the index.
const REGION: usize = 32_768;

/// Locks by file and handle, and the index by file.
#[derive(Debug, Default)]
pub(super) struct Locks {
    files: BTreeMap<usize, BTreeMap<u64, LockKind>>,
    slots: BTreeMap<(usize, u8), BTreeMap<u64, WalIndexLock>>,
    regions: BTreeMap<(usize, u32), Region>,
    /// Changes of regions so far.
    changes: u64,
}

/// A region of an index, and which change was its last.
#[derive(Debug)]
struct Region {
    bytes: Vec<u8>,
    change: u64,
}

impl Locks {
    /// Takes, raises or lowers the lock of a handle. False where others are in the way.
    pub(super) fn lock(&mut self, inode: usize, handle: u64, wanted: LockKind) -> bool {
        let of = self.files.entry(inode).or_default();
        let mut others = of.iter().filter(|(other, _)| **other != handle).map(|(_, kind)| rank(*kind));
        let highest = others.by_ref().max().unwrap_or(0);
        let free = match wanted {
            LockKind::None => true,
            LockKind::Shared => highest < rank(LockKind::Pending),
            LockKind::Reserved => highest < rank(LockKind::Reserved),
            LockKind::Pending | LockKind::Exclusive => highest == 0,
        };
        if free {
            of.insert(handle, wanted);
        }
        free
    }

    /// The lock of a handle.
    pub(super) fn of(&self, inode: usize, handle: u64) -> LockKind {
        let of = self.files.get(&inode).and_then(|of| of.get(&handle));
        of.copied().unwrap_or(LockKind::None)
    }

    /// Whether any handle is about to write.
    pub(super) fn is_reserved(&self, inode: usize) -> bool {
        let mut of = self.files.get(&inode).into_iter().flat_map(BTreeMap::values);
        of.any(|kind| rank(*kind) >= rank(LockKind::Reserved))
    }

    /// A handle is closed.
    pub(super) fn release(&mut self, inode: usize, handle: u64) {
        if let Some(of) = self.files.get_mut(&inode) {
            of.remove(&handle);
        }
        for of in self.slots.values_mut() {
            of.remove(&handle);
        }
    }
}

fn rank(kind: LockKind) -> u8 {
    match kind {
        LockKind::None => 0,
        LockKind::Shared => 1,
        LockKind::Reserved => 2,
        LockKind::Pending => 3,
        LockKind::Exclusive => 4,
    }
}

/// The index of a log, as one handle sees it.
#[derive(Debug)]
pub(crate) struct Index {
    disk: Disk,
    inode: usize,
    handle: u64,
    /// By region, up to which change this handle has it. SQLite asks for all of them at each lock.
    seen: BTreeMap<u32, u64>,
}

impl Index {
    /// The one of a file, for this handle of it.
    pub(super) fn new(disk: Disk, inode: usize, handle: u64) -> Self {
        Self { disk, inode, handle, seen: BTreeMap::new() }
    }
}

impl WalIndex for Index {
    fn map(&mut self, region: u32) -> Result<[u8; REGION], std::io::Error> {
        let mut state = self.disk.state();
        state.begin_whole()?;
        let kept = state.locks.regions.entry((self.inode, region));
        let kept = kept.or_insert_with(|| Region { bytes: vec![0; REGION], change: 0 });
        self.seen.insert(region, kept.change);
        kept.bytes.as_slice().try_into().map_err(std::io::Error::other)
    }

    fn lock(&mut self, slots: Range<u8>, wanted: WalIndexLock) -> Result<bool, std::io::Error> {
        let mut state = self.disk.state();
        let others = |kind: fn(WalIndexLock) -> bool| {
            let of = slots.clone().filter_map(|slot| state.locks.slots.get(&(self.inode, slot)));
            of.flatten().any(|(handle, lock)| *handle != self.handle && kind(*lock))
        };
        let is_taken = match wanted {
            WalIndexLock::None => false,
            WalIndexLock::Shared => others(|lock| lock == WalIndexLock::Exclusive),
            WalIndexLock::Exclusive => others(|lock| lock != WalIndexLock::None),
        };
        if !is_taken {
            for slot in slots {
                state.locks.slots.entry((self.inode, slot)).or_default().insert(self.handle, wanted);
            }
        }
        Ok(!is_taken)
    }

    fn delete(self) -> Result<(), std::io::Error> {
        self.disk.state().locks.regions.retain(|(inode, _), _| *inode != self.inode);
        Ok(())
    }

    fn pull(&mut self, region: u32, data: &mut [u8; REGION]) -> Result<(), std::io::Error> {
        if let Some(kept) = self.disk.state().locks.regions.get(&(self.inode, region))
            && self.seen.insert(region, kept.change) != Some(kept.change)
        {
            data.copy_from_slice(&kept.bytes);
        }
        Ok(())
    }

    fn push(&mut self, region: u32, data: &[u8; REGION]) -> Result<(), std::io::Error> {
        let mut state = self.disk.state();
        let locks = &mut state.locks;
        locks.changes += 1;
        let region_now = Region { bytes: data.to_vec(), change: locks.changes };
        locks.regions.insert((self.inode, region), region_now);
        self.seen.insert(region, locks.changes);
        Ok(())
    }
}
