//! [`Beside`]: genuine nodes that report all the time beside the attacks, and do what people want.

use core::mem;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Result, anyhow};
use serde_json::json;

use super::genuine::Genuine;
use crate::{api::Api, prove::findings::Seen};

/// Pause between two reports of one node.
const PAUSE: Duration = Duration::from_millis(50);

/// Genuine nodes at work, in a thread of their own.
#[derive(Debug)]
pub(super) struct Beside {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Fared>,
    pub(super) ids: Vec<String>,
}

/// How they fared.
#[derive(Debug, Default)]
pub(super) struct Fared {
    pub(super) nodes: Vec<Genuine>,
    /// Those whose session has ended.
    pub(super) dropped: Vec<Genuine>,
    pub(super) seen: Seen,
}

impl Beside {
    /// Begins to report as these nodes.
    pub(super) fn start(nodes: Vec<Genuine>) -> Self {
        let (over, ids) =
            (Arc::new(AtomicBool::new(false)), nodes.iter().map(|node| node.id.clone()).collect());
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut fared = Fared { nodes, ..Fared::default() };
            while !is_over.load(Ordering::SeqCst) {
                fared.report();
                thread::sleep(PAUSE);
            }
            fared
        });
        Self { over, thread, ids }
    }

    /// A person wants something of one of them, and waits until it is done.
    pub(super) fn want(&self, api: &Api, turn: usize, seen: &mut Seen) -> Result<()> {
        let Some(id) = self.ids.get(turn % self.ids.len().max(1)) else { return Ok(()) };
        let command = api.set(id, 0, "text", &json!(format!("shown {turn}")))?;
        if command["state"] != "done" {
            seen.tell(format!("a genuine node did not do what was wanted: {command}"));
        }
        Ok(())
    }

    /// Ends them.
    pub(super) fn end(self) -> Result<Fared> {
        self.over.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| anyhow!("who reports has panicked"))
    }
}

impl Fared {
    /// Each of them reports once. Whoever was dropped is out.
    fn report(&mut self) {
        for mut node in mem::take(&mut self.nodes) {
            match node.report() {
                Ok(()) => self.nodes.push(node),
                Err(why) => {
                    self.seen.tell(format!("{} was dropped: {why:#}", node.id));
                    self.dropped.push(node);
                }
            }
        }
    }
}
