//! [`Log`]: what a hub writes to its standard streams, kept as it comes.

use std::{
    io::{BufRead as _, BufReader, Read},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::{Result, ensure};
use serde_json::Value;

/// The log of one hub, which is read until the hub has ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    written: Arc<Mutex<Written>>,
}

/// What has been written so far: as it is, and each line as JSON; a line that is none is a string there.
#[derive(Debug, Default)]
struct Written {
    text: String,
    lines: Vec<Value>,
    /// Who reads it.
    readers: Vec<JoinHandle<()>>,
}

impl Log {
    /// Keeps each line of a stream as it is written.
    pub(super) fn keep(&self, stream: impl Read + Send + 'static) {
        let log = self.clone();
        let reader = thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut written = log.lock();
                written.text.push_str(&line);
                written.text.push('\n');
                written.lines.push(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        self.lock().readers.push(reader);
    }

    /// Waits until all that was written is kept: the hub has ended.
    pub(super) fn finish(&self) -> Result<()> {
        let readers = mem::take(&mut self.lock().readers);
        for reader in readers {
            ensure!(reader.join().is_ok(), "a reader of the log has panicked");
        }
        Ok(())
    }

    /// The first of the lines from which something can be read.
    pub(super) fn find<T>(&self, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
        self.lock().lines.iter().find_map(read)
    }

    /// Lines that fit.
    pub(super) fn lines(&self, fits: impl Fn(&Value) -> bool) -> Vec<String> {
        self.lock().lines.iter().filter(|line| fits(line)).map(Value::to_string).collect()
    }

    /// All of it, as it is.
    pub(super) fn text(&self) -> String {
        self.lock().text.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
