//! The disk as SQLite sees it: opens, reads, writes, syncs, truncations and deletions reach `mod.rs` from here.
//!
//! What SQLite's own Unix layer promises is promised here too: the first sync of a log or journal puts its name
//! on disk, the deletion of one does not, and a write leaves bytes around it alone.

use std::{
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

use sqlite_vfs::{DatabaseHandle, LockKind, OpenAccess, OpenOptions, Vfs};

use super::{Change, Disk, Fault, fault::failure, shared::Index};

/// What SQLite is given.
#[derive(Debug)]
pub(super) struct Beneath(pub(super) Disk);

/// An open file.
#[derive(Debug)]
pub(super) struct Handle {
    disk: Disk,
    inode: usize,
    number: u64,
}

impl Vfs for Beneath {
    type Handle = Handle;

    fn open(&self, name: &str, options: OpenOptions) -> Result<Handle, io::Error> {
        let mut state = self.0.state();
        state.begin_whole()?;
        let may_create = matches!(options.access, OpenAccess::Create | OpenAccess::CreateNew);
        let inode = match state.names.get(name) {
            Some(inode) => *inode,
            None if may_create => state.create(name),
            None => return Err(ErrorKind::NotFound.into()),
        };
        state.handles += 1;
        Ok(Handle { disk: self.0.clone(), inode, number: state.handles })
    }

    fn delete(&self, name: &str) -> Result<(), io::Error> {
        let mut state = self.0.state();
        let fault = state.begin()?;
        state.delete(name)?;
        done(fault)
    }

    fn exists(&self, name: &str) -> Result<bool, io::Error> {
        let mut state = self.0.state();
        state.begin_whole()?;
        // SQLite's Unix layer takes an empty file for one that is not there.
        Ok(state.names.get(name).is_some_and(|inode| !state.files[*inode].is_empty()))
    }

    fn temporary_name(&self) -> String {
        "/temporary".into()
    }

    fn random(&self, buffer: &mut [i8]) {
        // SQLite asks the operating system's layer for the numbers that it draws.
        buffer.fill(0);
    }

    fn sleep(&self, duration: Duration) -> Duration {
        // Nobody else could make progress meanwhile: there is one thread.
        duration
    }
}

impl DatabaseHandle for Handle {
    type WalIndex = Index;

    fn size(&self) -> Result<u64, io::Error> {
        let mut state = self.disk.state();
        state.begin_whole()?;
        Ok(state.files[self.inode].len().try_into().unwrap_or(u64::MAX))
    }

    fn read_exact_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<(), io::Error> {
        let mut state = self.disk.state();
        state.begin_whole()?;
        let file = &state.files[self.inode];
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(file.len());
        let found = (file.len() - from).min(buffer.len());
        buffer[..found].copy_from_slice(&file[from..from + found]);
        if found == buffer.len() {
            return Ok(());
        }
        buffer[found..].fill(0);
        Err(ErrorKind::UnexpectedEof.into())
    }

    fn write_all_at(&mut self, data: &[u8], offset: u64) -> Result<(), io::Error> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut state = self.disk.state();
        match state.begin()? {
            None => state.write(self.inode, offset, data),
            Some(Fault::Hidden) => {}
            Some(Fault::Halved | Fault::Refused) => {
                state.write(self.inode, offset, &data[..data.len() / 2]);
                return Err(failure());
            }
        }
        Ok(())
    }

    fn sync(&mut self, _data_only: bool) -> Result<(), io::Error> {
        let mut state = self.disk.state();
        let inode = self.inode;
        match state.begin() {
            Ok(None | Some(Fault::Hidden)) => {
                if !state.trouble.drops_sync() {
                    state.log.push(Change::Sync { inode });
                }
                Ok(())
            }
            Ok(Some(Fault::Halved | Fault::Refused)) | Err(_) => {
                // The kernel forgets what it could not write: it is still read, and no later sync writes it.
                state.log.push(Change::Lost { inode });
                Err(failure())
            }
        }
    }

    fn set_len(&mut self, len: u64) -> Result<(), io::Error> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mut state = self.disk.state();
        // A length beyond the end is SQLite's hint that the file will grow, to which its Unix layer does nothing.
        if len >= state.files[self.inode].len() {
            return Ok(());
        }
        let fault = state.begin()?;
        state.cut(self.inode, len);
        done(fault)
    }

    fn lock(&mut self, wanted: LockKind) -> Result<bool, io::Error> {
        Ok(self.disk.state().locks.lock(self.inode, self.number, wanted))
    }

    fn reserved(&mut self) -> Result<bool, io::Error> {
        Ok(self.disk.state().locks.is_reserved(self.inode))
    }

    fn current_lock(&self) -> Result<LockKind, io::Error> {
        Ok(self.disk.state().locks.of(self.inode, self.number))
    }

    fn wal_index(&self, _readonly: bool) -> Result<Index, io::Error> {
        Ok(Index::new(self.disk.clone(), self.inode, self.number))
    }
}

/// Bytes of a file; 0 where there is none.
pub(super) fn size(path: &Path) -> u64 {
    let Some(disk) = Disk::of_thread() else { return 0 };
    let state = disk.state();
    let inode = state.names.get(&*path.to_string_lossy());
    inode.map_or(0, |inode| state.files[*inode].len().try_into().unwrap_or(u64::MAX))
}

/// As the store's own does on the disk of the machine.
pub(super) fn renew(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let Some(disk) = Disk::of_thread() else { return Ok(bytes) };
    let name = path.to_string_lossy();
    for (name, length) in [(name.to_string(), 4_096), (format!("{name}-wal"), u64::MAX)] {
        bytes.clear();
        let Some(mut handle) = handle(&disk, &name)? else { continue };
        let length = handle.size()?.min(length);
        bytes.resize(usize::try_from(length).unwrap_or(0), 0);
        handle.read_exact_at(&mut bytes, 0)?;
        handle.write_all_at(&bytes, 0)?;
        handle.sync(false)?;
    }
    Ok(bytes)
}

/// As the store's own does on the disk of the machine.
pub(super) fn lengthen(path: &Path, length: u64) -> io::Result<()> {
    let Some(disk) = Disk::of_thread() else { return Ok(()) };
    let mut handle = handle(&disk, &path.to_string_lossy())?.ok_or(ErrorKind::NotFound)?;
    let before = handle.size()?;
    let zeros = vec![0; usize::try_from(length.saturating_sub(before)).unwrap_or(0)];
    let written = handle.write_all_at(&zeros, before).and_then(|()| handle.sync(false));
    if written.is_err() {
        handle.set_len(before)?;
    }
    written
}

/// Opens a file that is there.
fn handle(disk: &Disk, name: &str) -> io::Result<Option<Handle>> {
    let mut state = disk.state();
    state.begin_whole()?;
    let Some(inode) = state.names.get(name).copied() else { return Ok(None) };
    state.handles += 1;
    Ok(Some(Handle { disk: disk.clone(), inode, number: state.handles }))
}

/// What is said of an operation that was done.
fn done(fault: Option<Fault>) -> Result<(), io::Error> {
    if fault.is_none_or(|fault| fault == Fault::Hidden) { Ok(()) } else { Err(failure()) }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.disk.state().locks.release(self.inode, self.number);
    }
}
