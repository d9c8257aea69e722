//! [`Mark`] and [`TermsWords`]: what is to be said of a node that proves nothing, or that nobody has verified, and on what
//! terms it is let in.

use iot_core::{
    AdmissionState,
    store::Decision,
    view::{CommandView, NodeView, Permission},
};

use crate::wording::Words;

/// What stands beside the name of a node of which nobody knows that it is the one that was meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) word: &'static str,
    pub(super) why: &'static str,
    /// What can be done to it and in its name.
    pub(super) risk: &'static str,
    /// What whoever permits commands should know.
    pub(super) warning: &'static str,
}

impl Mark {
    const UNPROVEN: Self = Self {
        word: "unproven",
        why: "It has no key: anyone on its network can pose as it.",
        risk: "This node proves nothing: anyone on its network can read what it is told to do, forge it, and answer in \
               its name.",
        warning: "Anyone on its network can read and forge them, from now on and at any time.",
    };

    const UNVERIFIED: Self = Self {
        word: "unverified",
        why: "Nothing was compared when it joined: it may be another node than was meant.",
        risk: "Nothing was compared when this node joined: it may be another than was meant, or somebody may be in between, \
               who reads what it is told to do, forges it, and answers in its name.",
        warning: "Whoever was in between when it joined can read and forge them as long as it is unverified.",
    };

    /// The mark of a node; `None` where it was compared, or has a key that people can compare.
    pub(super) fn of(node: &NodeView) -> Option<Self> {
        let unverified = node.is_unverified().then_some(Self::UNVERIFIED);
        if node.is_unproven() { Some(Self::UNPROVEN) } else { unverified }
    }

    /// The mark of the node that a command is for, known or not any more.
    pub(super) fn of_target(command: &CommandView) -> Option<Self> {
        let unverified = command.is_node_unverified.then_some(Self::UNVERIFIED);
        if command.node.is_plain() { Some(Self::UNPROVEN) } else { unverified }
    }
}

/// On what terms a node is let in that proves nothing, or that nobody has verified.
#[derive(Debug)]
pub(super) struct TermsWords {
    pub(super) leave: Leave,
    /// By whose word it was let in unverified, since when and why.
    pub(super) unverified: Option<String>,
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
        let unverified = node.unverified.as_ref().map(|decision| by_word(decision, words));
        Self { leave: Leave::of(node, words), unverified, stranger }
    }
}

/// Whose word it was, since when and why.
fn by_word(decision: &Decision, words: &Words) -> String {
    let Decision { by, why, at } = decision;
    let why = if why.is_empty() { String::new() } else { format!(": “{why}”") };
    format!("by {by} since {}{why}", words.time(*at))
}

impl Leave {
    fn of(node: &NodeView, words: &Words) -> Self {
        match node.permission {
            _ if node.admission != AdmissionState::Admitted => Self::Unasked,
            Permission::Needless => Self::Unasked,
            Permission::Open => Self::Open,
            Permission::Missing => Self::Missing,
            Permission::Given => {
                let decision = node.permitted.as_ref();
                Self::Given(decision.map_or_else(String::new, |decision| by_word(decision, words)))
            }
        }
    }
}
