//! The last things that happened, as people read them. Bounded; for a page, not for the record.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use iot_proto::UnixMillis;

use crate::{Effects, Event, NodeId, view::Notice};

/// Sentences remembered.
const REMEMBERED: usize = 200;

/// The last things that happened, newest last.
#[derive(Debug, Default)]
pub(crate) struct Activity(VecDeque<Notice>);

impl Activity {
    /// Takes note of something and tells observers.
    pub(crate) fn note(
        &mut self,
        at: UnixMillis,
        node: Option<&NodeId>,
        text: impl Into<Box<str>>,
        out: &mut Effects,
    ) {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        let notice = Notice { at, node: node.cloned(), text: text.into() };
        self.0.push_back(notice.clone());
        out.publish(Event::Notice(notice));
    }

    /// The newest `limit` sentences, newest first.
    pub(crate) fn newest(&self, limit: usize) -> Vec<Notice> {
        self.0.iter().rev().take(limit).cloned().collect()
    }
}
