//! [`TermsWords`]: on what terms a node is let in that proves nothing, in words for its page.

use iot_core::{
    AdmissionState,
    view::{NodeView, Permission},
};

use crate::wording::Words;

/// On what terms a node is let in that proves nothing.
#[derive(Debug)]
pub(super) struct TermsWords {
    pub(super) leave: Leave,
    pub(super) stranger: Option<StrangerWords>,
}

/// Somebody said its name at another address than its own.
#[derive(Debug)]
pub(super) struct StrangerWords {
    pub(super) address: String,
    /// The last time.
    pub(super) at: String,
    /// Its own address.
    pub(super) home: String,
}

/// Whether commands to it are taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// There is nothing to be said: it proves who it is, or it is not let in.
    Unasked,
    /// Nobody is asked, because registration is open.
    Open,
    /// By whose word, since when and why.
    Given(String),
    /// They are not.
    Missing,
}

impl TermsWords {
    pub(super) fn new(node: &NodeView, words: &Words) -> Self {
        let stranger = node.stranger.zip(node.home).map(|(stranger, home)| StrangerWords {
            address: stranger.address.to_string(),
            at: words.time(stranger.at),
            home: home.to_string(),
        });
        Self { leave: Leave::of(node, words), stranger }
    }
}

impl Leave {
    fn of(node: &NodeView, words: &Words) -> Self {
        match node.permission {
            _ if node.admission != AdmissionState::Admitted => Self::Unasked,
            Permission::Needless => Self::Unasked,
            Permission::Open => Self::Open,
            Permission::Missing => Self::Missing,
            Permission::Given => Self::Given(node.permitted.as_ref().map_or_else(String::new, |decision| {
                let why = &decision.why;
                let why = if why.is_empty() { String::new() } else { format!(": “{why}”") };
                format!("by {} since {}{why}", decision.by, words.time(decision.at))
            })),
        }
    }
}
