//! The window for joining, as pages and the API show it.

use alloc::{boxed::Box, vec::Vec};
use core::net::SocketAddr;

use iot_proto::{Confirm, JoinSecret, NodeKey, UnixMillis};

use super::{Notice, View};
use crate::{
    NodeId, SessionId,
    deadlines::Timer,
    joining::{Run, Stage, Window},
};

/// Whether nodes may join, and who does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoiningView {
    /// The open window; `None` where nodes may not join.
    pub window: Option<WindowView>,
    /// The nodes whose digits were typed and whose button is to be pressed now, also when the window has closed since.
    pub pressing: Vec<PressingView>,
    /// What became of the last window; `None` while one is open, and since the hub started.
    pub last: Option<EndedView>,
}

/// The open window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowView {
    /// Who opened it.
    pub opened_by: Box<str>,
    /// When it closes.
    pub closes: UnixMillis,
    /// Its secrets, in the order in which they were given.
    pub secrets: Vec<SecretView>,
    /// Why nobody joins with digits any more; `None` where nodes may.
    pub no_digits: Option<&'static str>,
    /// The nodes that show digits, in the order in which they came.
    pub showing: Vec<ShowingView>,
    /// The nodes that can show nothing and wait for an admin; `None` where no admin lets such nodes ask.
    pub unverified: Option<Vec<RunView>>,
    /// How many showed digits and went away.
    pub unfinished: u32,
    /// What happened, the newest last.
    pub news: Vec<Notice>,
}

/// A secret that lets one node in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretView {
    /// The secret: for the person at the page, and nowhere else.
    pub secret: JoinSecret,
    /// The node that it has let in.
    pub taken: Option<NodeId>,
}

/// A node that shows digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShowingView {
    /// Who it is.
    pub run: RunView,
    /// How it confirms, as whoever is at its address says: in twelve digits, or in six with a button.
    pub confirm: Confirm,
}

/// A node that joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunView {
    /// Its connection.
    pub session: SessionId,
    /// Its id.
    pub node: NodeId,
    /// Where it is.
    pub peer: SocketAddr,
    /// Since when it joins.
    pub since: UnixMillis,
}

/// A node whose button is to be pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PressingView {
    /// Its connection.
    pub session: SessionId,
    /// Its id.
    pub node: NodeId,
    /// Where it is.
    pub peer: SocketAddr,
    /// Until when a press is waited for.
    pub until: UnixMillis,
}

/// A window that is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedView {
    /// Why.
    pub why: Box<str>,
    /// Since when.
    pub at: UnixMillis,
    /// How many showed digits and went away.
    pub unfinished: u32,
    /// What happened, the newest last.
    pub news: Vec<Notice>,
}

impl View<'_> {
    /// Whether nodes may join, and who does.
    pub fn joining(&self) -> JoiningView {
        let joining = &self.hub.joining;
        let showing = joining.runs.iter().filter_map(|(session, run)| showing(*session, run));
        let pressing = joining.runs.iter().filter_map(|(session, run)| self.pressing(*session, run));
        JoiningView {
            pressing: pressing.collect(),
            window: joining.window.as_ref().map(|window| self.window(window, showing.collect())),
            last: joining.last.as_ref().map(|last| EndedView {
                why: last.why.clone(),
                at: last.at,
                unfinished: last.unfinished,
                news: last.news.clone(),
            }),
        }
    }

    fn pressing(&self, session: SessionId, run: &Run) -> Option<PressingView> {
        let Stage::Matched { node, confirm: Confirm::Button } = run.stage else { return None };
        let until = self.hub.deadlines.get(Timer::Press(session))?;
        let node = self.hub.registry.get(node)?.id.clone();
        Some(PressingView { session, node, peer: run.peer, until: self.now.wall_at(until) })
    }

    fn window(&self, window: &Window, showing: Vec<ShowingView>) -> WindowView {
        let secret = |given: &crate::joining::Given| SecretView {
            secret: given.secret.clone(),
            taken: given.taken.clone(),
        };
        WindowView {
            opened_by: window.opened_by.clone(),
            closes: self.now.wall_at(window.closes),
            secrets: window.secrets.iter().map(secret).collect(),
            no_digits: window.no_digits,
            showing,
            unverified: window.takes_unverified.then(|| {
                let runs = self.hub.joining.runs.iter();
                runs.filter_map(|(session, run)| unverified(*session, run)).collect()
            }),
            unfinished: window.unfinished,
            news: window.news.clone(),
        }
    }
}

fn unverified(session: SessionId, run: &Run) -> Option<RunView> {
    let Stage::Unverified { key } = &run.stage else { return None };
    Some(RunView::new(session, key, run))
}

fn showing(session: SessionId, run: &Run) -> Option<ShowingView> {
    let Stage::Shown { key, confirm, .. } = &run.stage else { return None };
    Some(ShowingView { run: RunView::new(session, key, run), confirm: *confirm })
}

impl RunView {
    fn new(session: SessionId, key: &NodeKey, run: &Run) -> Self {
        Self { session, node: NodeId::of_key(key), peer: run.peer, since: run.since }
    }
}
