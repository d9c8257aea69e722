//! A gate before lists of nodes: who asks for one while it is shut waits there and is counted. Tests shut it and open
//! it; it is open at first.

use tokio::sync::watch;

/// The gate.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    /// Whether nobody goes through.
    pub(crate) is_shut: watch::Sender<bool>,
    /// How many wait before it.
    pub(crate) waiting: watch::Sender<usize>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { is_shut: watch::Sender::new(false), waiting: watch::Sender::new(0) }
    }
}

impl Lists {
    /// Goes through, once it is open.
    pub(super) async fn pass(&self) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        let mut is_shut = self.is_shut.subscribe();
        // It is there for as long as whoever waits before it.
        drop(is_shut.wait_for(|is_shut| !is_shut).await);
        self.waiting.send_modify(|waiting| *waiting -= 1);
    }
}
