//! The window in which nodes join: opened by a person, for some minutes, in memory only. Owns secrets, counts and
//! who joins; what is said and kept is in `flow/window.rs` and `flow/join.rs`.
//!
//! ```text
//!   Asked -- key proven --> Committed -- nonce --> Shown -- digits typed --> Matched -- stored --> admitted
//!        \__ with a secret: admitted at once              (the node stores the key on the answer, or a press)
//! ```
//!
//! Whoever stands between a node and the hub must guess, and has one guess in each pair of runs, since an honest nonce
//! comes when they are bound already. So the hub counts how many nonces it shows, not how many connections there are.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec::Vec};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use iot_proto::{Confirm, Digits, JoinSecret, NodeKey, PRESS_WITHIN, UnixMillis};

use crate::{
    Effects, Event, Instant, NodeId, Now, Origin, SessionId, registry::Node, registry::NodeNumber,
    view::Notice,
};

/// Longest time for which a window can be opened, in seconds.
pub const MAX_WINDOW_S: u32 = 15 * 60;

/// Most secrets in a window.
pub const MAX_SECRETS: usize = 16;

/// Nodes that may join with digits at one time.
pub const MAX_JOINING: usize = 8;

/// Nodes that can show nothing and wait for an admin at one time.
pub const MAX_UNVERIFIED: usize = 4;

/// Nonces that the hub shows in a window, and to one address.
const MAX_SHOWN: u32 = 10;
const MAX_SHOWN_TO_ONE: u32 = 3;

/// Entries of digits that no node shows, after which nobody joins with digits any more.
const MAX_WRONG: u32 = 3;

/// What is remembered of a window, so that a person sees it.
const MAX_NEWS: usize = 16;

/// How long a node whose digits were typed may take to show that it knows its hub.
pub(crate) const MATCHED_FOR: Duration = Duration::from_hours(24);

/// How long the hub waits for a press: as long as the node, and a little for what it says then.
pub(crate) const PRESSED_WITHIN: Duration = PRESS_WITHIN.saturating_add(Duration::from_secs(30));

/// Who joins, and in which window.
#[derive(Debug, Default)]
pub(crate) struct Joining {
    pub(crate) window: Option<Window>,
    pub(crate) runs: BTreeMap<SessionId, Run>,
    /// What became of the last window.
    pub(crate) last: Option<Ended>,
}

/// An open window.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) opened_by: Box<str>,
    pub(crate) closes: Instant,
    pub(crate) secrets: Vec<Given>,
    /// Why nobody joins with digits any more.
    pub(crate) no_digits: Option<&'static str>,
    /// Whether an admin lets nodes ask that can show nothing.
    pub(crate) takes_unverified: bool,
    shown: u32,
    shown_to: BTreeMap<Origin, u32>,
    wrong: u32,
    /// Runs with digits that were broken off.
    pub(crate) unfinished: u32,
    pub(crate) news: Vec<Notice>,
}

/// A secret that lets one node in.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) secret: JoinSecret,
    /// The node that it has let in.
    pub(crate) taken: Option<NodeId>,
}

/// A window that is closed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) why: Box<str>,
    pub(crate) at: UnixMillis,
    pub(crate) unfinished: u32,
    pub(crate) news: Vec<Notice>,
}

/// A connection on which a node joins.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) peer: SocketAddr,
    pub(crate) since: UnixMillis,
    pub(crate) stage: Stage,
}

/// How far a run has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// It has named this secret.
    Named { slot: [u8; 4] },
    /// It has asked to join with digits.
    Asked,
    /// The hub has bound itself to its nonce.
    Committed { key: NodeKey, transcript: [u8; 32], nonce: [u8; 32] },
    /// The hub has shown its nonce, and the node shows digits that begin with this code.
    Shown { key: NodeKey, code: u32, confirm: Confirm },
    /// It can show nothing, and waits for an admin.
    Unverified { key: NodeKey },
    /// A person has typed the digits. Where the node has a button, somebody has yet to press it.
    Matched { node: NodeNumber, confirm: Confirm },
}

impl Window {
    /// A window that has just been opened.
    pub(crate) fn new(opened_by: &str, closes: Instant, secret: JoinSecret) -> Self {
        Self {
            opened_by: opened_by.into(),
            closes,
            secrets: [Given { secret, taken: None }].into(),
            no_digits: None,
            takes_unverified: false,
            shown: 0,
            shown_to: BTreeMap::new(),
            wrong: 0,
            unfinished: 0,
            news: Vec::new(),
        }
    }

    /// The secret of this number.
    pub(crate) fn secret(&mut self, slot: [u8; 4]) -> Option<&mut Given> {
        self.secrets.iter_mut().find(|given| given.secret.slot() == slot)
    }

    /// Counts that the hub shows its nonce to a node at this address.
    ///
    /// # Errors
    /// Why it must not.
    pub(crate) fn show(&mut self, to: IpAddr) -> Result<(), &'static str> {
        if let Some(why) = self.no_digits {
            return Err(why);
        }
        let to_one = self.shown_to.entry(Origin::of(to)).or_default();
        if *to_one >= MAX_SHOWN_TO_ONE {
            return Err("an address has seen three codes");
        }
        if self.shown >= MAX_SHOWN {
            return Err(self.no_digits.insert("ten codes were shown and none was typed"));
        }
        *to_one += 1;
        self.shown += 1;
        Ok(())
    }

    /// Counts an entry that fits no node; how many more there may be.
    pub(crate) fn wrong_entry(&mut self) -> u32 {
        self.wrong += 1;
        if self.wrong >= MAX_WRONG {
            self.no_digits = Some("digits that no node shows were typed three times");
        }
        MAX_WRONG.saturating_sub(self.wrong)
    }
}

impl Joining {
    /// Whether one more node may join with digits.
    pub(crate) fn takes_digits(&self) -> bool {
        let waiting = self.runs.values().filter(|run| !matches!(run.stage, Stage::Named { .. })).count();
        waiting < MAX_JOINING && self.window.as_ref().is_some_and(|window| window.no_digits.is_none())
    }

    /// Takes note of something that a person should see, in the open window or the last one.
    pub(crate) fn note(&mut self, at: UnixMillis, node: Option<NodeId>, text: String, out: &mut Effects) {
        let of_window = self.window.as_mut().map(|window| &mut window.news);
        let Some(news) = of_window.or_else(|| self.last.as_mut().map(|last| &mut last.news)) else { return };
        if news.len() == MAX_NEWS {
            news.remove(0);
        }
        news.push(Notice { at, node, text: text.into() });
        out.publish(Event::Joining);
    }

    /// Whether one more node may ask that can show nothing.
    pub(crate) fn takes_unverified(&self) -> bool {
        let waiting = self.runs.values().filter(|run| matches!(run.stage, Stage::Unverified { .. })).count();
        waiting < MAX_UNVERIFIED && self.window.as_ref().is_some_and(|window| window.takes_unverified)
    }

    /// The connection of the one node that shows these digits.
    pub(crate) fn showing(&self, digits: Digits) -> Option<SessionId> {
        let shows = |run: &Run| match run.stage {
            Stage::Shown { code, confirm, .. } => code == digits.code && confirm == digits.confirm(),
            Stage::Named { .. }
            | Stage::Asked
            | Stage::Committed { .. }
            | Stage::Unverified { .. }
            | Stage::Matched { .. } => false,
        };
        let mut all = self.runs.iter().filter(|(_, run)| shows(run)).map(|(session, _)| *session);
        let found = all.next()?;
        all.next().is_none().then_some(found)
    }
}

/// How long a stored node whose digits were typed may still take. It has been known since then.
pub(crate) fn lapses_in(now: Now, node: &Node) -> Duration {
    let passed = u64::try_from(now.wall.0.saturating_sub(node.first_seen.0)).unwrap_or(0);
    MATCHED_FOR.saturating_sub(Duration::from_millis(passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window::new("Ada", Instant(1), JoinSecret::new([1; 16]))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn the_eleventh_code_of_a_window_and_the_fourth_of_an_address_are_not_shown() {
        let mut window = window();
        for at in 0..9 {
            assert_eq!(window.show(address(at / 3)), Ok(()));
        }
        assert!(window.show(address(0)).is_err() && window.no_digits.is_none());
        assert_eq!(window.show(address(3)), Ok(()));
        assert!(window.show(address(4)).is_err() && window.no_digits.is_some());
    }

    #[test]
    fn whoever_has_an_ipv6_network_counts_once() {
        let mut window = window();
        let within = |last| IpAddr::from([0x2001, 0xDB8, 0, 1, 0, 0, 0, last]);
        for last in 0..3 {
            assert_eq!(window.show(within(last)), Ok(()));
        }
        assert!(window.show(within(9)).is_err());
        assert_eq!(window.show(IpAddr::from([0x2001, 0xDB8, 0, 2, 0, 0, 0, 9])), Ok(()));
    }

    #[test]
    fn the_third_wrong_entry_ends_joining_with_digits() {
        let mut window = window();
        assert_eq!([window.wrong_entry(), window.wrong_entry()], [2, 1]);
        assert_eq!(window.no_digits, None);
        assert_eq!(window.wrong_entry(), 0);
        assert!(window.show(address(1)).is_err());
    }
}
