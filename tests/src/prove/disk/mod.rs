//! [`Disk`]: files in memory that SQLite takes for a disk, so that a proof can cut its power and make it fail.
//!
//! It owns what a running process sees of its files, and writes down each change of them. What of that has
//! reached the disk when the power fails is drawn by `crash.rs`; how SQLite reaches it is `vfs.rs`. It decides
//! nothing about what must be found afterwards.
//!
//! A disk lives on one thread: each thread has one, and SQLite's connections to it are used in turn.

mod crash;
mod fault;
mod shared;
mod vfs;

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use iot_store::{OpenError, SqliteDisk, SqliteHistory, SqliteLimits, SqliteStore};

pub(crate) use self::{
    crash::Wreck,
    fault::{Fault, Span, Trouble},
};
use self::{shared::Locks, vfs::Beneath};

/// Disks that SQLite was given.
static DISKS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The one of this thread: what a store calls beside SQLite has to find it.
    static DISK: OnceCell<Disk> = const { OnceCell::new() };
}

/// The file of the store.
const FILE: &str = "/hub.db";

/// Pages in the log before it is copied into the file: few, so that this happens often.
const CHECKPOINT: u32 = 24;

/// Names and contents of files. What is not changed is not copied.
pub(crate) type Image = BTreeMap<String, Arc<Vec<u8>>>;

/// A change of the files, or a word of the proof between two of them.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Create {
        name: String,
        inode: usize,
    },
    Delete {
        name: String,
    },
    Write {
        inode: usize,
        offset: usize,
        data: Box<[u8]>,
    },
    /// The file is now so long.
    Cut {
        inode: usize,
        len: usize,
    },
    /// All changes of the file so far are on disk, and so is its name.
    Sync {
        inode: usize,
    },
    /// A sync failed: changes of the file so far that are not on disk never will be.
    Lost {
        inode: usize,
    },
    /// From here on this many batches are promised.
    Promised(usize),
    /// From here on this many batches may be found.
    Offered(usize),
}

/// The disk beneath the stores of this thread.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    /// As SQLite knows it.
    name: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: Vec<Arc<Vec<u8>>>,
    names: BTreeMap<String, usize>,
    log: Vec<Change>,
    locks: Locks,
    /// Operations so far.
    operations: u64,
    trouble: Trouble,
    /// Handles given out so far.
    handles: u64,
}

impl Disk {
    /// The disk of this thread, which is put beneath SQLite once: SQLite never gives one back.
    ///
    /// # Errors
    /// Where SQLite does not take it.
    pub(crate) fn new() -> anyhow::Result<Self> {
        if let Some(disk) = Self::of_thread() {
            return Ok(disk);
        }
        let number = DISKS.fetch_add(1, Ordering::Relaxed);
        let name: &'static str = Box::leak(format!("iot-proof-{number}").into());
        let disk = Self { name, state: Arc::default() };
        disk.clear();
        sqlite_vfs::register(name, Beneath(disk.clone()), false)?;
        Ok(DISK.with(|kept| kept.get_or_init(|| disk).clone()))
    }

    /// The disk that this thread has put beneath SQLite.
    fn of_thread() -> Option<Self> {
        DISK.with(|disk| disk.get().cloned())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the place of everything that was there; all of it is on disk. Nothing may be open.
    pub(crate) fn load(&self, image: &Image) {
        let mut state = self.state();
        let handles = state.handles;
        *state = State { handles, ..State::default() };
        for (name, content) in image {
            let inode = state.files.len();
            state.names.insert(name.clone(), inode);
            state.files.push(Arc::clone(content));
        }
    }

    /// An empty file, as the store makes it before SQLite opens it.
    pub(crate) fn clear(&self) {
        self.load(&Image::from([(FILE.to_owned(), Arc::default())]));
    }

    /// What running processes see.
    pub(crate) fn image(&self) -> Image {
        let state = self.state();
        state.names.iter().map(|(name, inode)| (name.clone(), Arc::clone(&state.files[*inode]))).collect()
    }

    /// Notes what the proof knows at this point.
    pub(crate) fn note(&self, change: Change) {
        self.state().log.push(change);
    }

    /// All changes since the files were loaded.
    pub(crate) fn log(&self) -> Vec<Change> {
        self.state().log.clone()
    }

    /// Operations of SQLite so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// What goes wrong from here on.
    pub(crate) fn plan(&self, trouble: Trouble) {
        self.state().trouble = trouble;
    }

    /// Whether anything may still go wrong.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.state().trouble.is_planned()
    }

    /// Opens the store on it.
    ///
    /// # Errors
    /// As [`SqliteStore::open_with`].
    pub(crate) fn open(&self, limits: SqliteLimits) -> Result<(SqliteStore, SqliteHistory), OpenError> {
        let disk = SqliteDisk {
            vfs: Some(self.name),
            renew: vfs::renew,
            size: vfs::size,
            lengthen: vfs::lengthen,
            checkpoint: CHECKPOINT,
        };
        SqliteStore::open_on(disk, Path::new(FILE), limits)
    }

    /// Ends a store as the end of its process would: nothing more of it reaches the files.
    pub(crate) fn kill(&self, store: (SqliteStore, SqliteHistory)) {
        self.plan(Trouble::default().dead());
        drop(store);
        self.plan(Trouble::default());
    }
}

impl State {
    /// Counts an operation.
    fn begin(&mut self) -> Result<Option<Fault>, io::Error> {
        self.operations += 1;
        self.trouble.at(self.operations)
    }

    /// Counts an operation that is done whole or not at all.
    fn begin_whole(&mut self) -> Result<(), io::Error> {
        match self.begin()? {
            None | Some(Fault::Hidden) => Ok(()),
            Some(Fault::Refused | Fault::Halved) => Err(fault::failure()),
        }
    }

    fn create(&mut self, name: &str) -> usize {
        let inode = self.files.len();
        self.files.push(Arc::default());
        self.names.insert(name.to_owned(), inode);
        self.log.push(Change::Create { name: name.to_owned(), inode });
        inode
    }

    fn delete(&mut self, name: &str) -> Result<(), io::Error> {
        self.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        self.log.push(Change::Delete { name: name.to_owned() });
        Ok(())
    }

    fn write(&mut self, inode: usize, offset: usize, data: &[u8]) {
        put(Arc::make_mut(&mut self.files[inode]), offset, data);
        self.log.push(Change::Write { inode, offset, data: data.into() });
    }

    fn cut(&mut self, inode: usize, len: usize) {
        Arc::make_mut(&mut self.files[inode]).truncate(len);
        self.log.push(Change::Cut { inode, len });
    }
}

/// Writes into a file, which grows where it must.
fn put(file: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[offset..end].copy_from_slice(data);
}
