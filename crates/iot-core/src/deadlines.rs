//! Every timer of the hub, each with its reason, in order of time. Owns when; what then happens is the flows'.

use alloc::collections::{BTreeMap, BTreeSet};

use iot_proto::CommandId;

use crate::{DeliveryId, Instant, SessionId, Ticket, registry::NodeNumber};

/// When the hub wants a [`Tick`](crate::Input::Tick), and for which reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Why.
    pub reason: DeadlineReason,
}

/// Why the hub wants a [`Tick`](crate::Input::Tick), for logs and traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineReason {
    /// A new connection has not said hello.
    Hello,
    /// A node's presence changes if it stays silent, or it is asked whether it is there.
    Presence,
    /// A command waits for an answer, for another try, or for its end.
    Command,
    /// A dialled node has not answered.
    Delivery,
    /// A message sent for someone waits for its answer.
    Answer,
    /// The window for joining closes, or a node that was compared has not come or was not pressed.
    Joining,
    /// A session makes a new handshake.
    Handshake,
}

/// What a timer is for; each has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Hello(SessionId),
    Presence(NodeNumber),
    /// The step that a command is in must be over.
    Command(CommandId),
    /// A command must be over.
    Expiry(CommandId),
    /// The node may be dialled again.
    Redial(NodeNumber),
    Delivery(DeliveryId),
    Answer(Ticket),
    /// The window for joining closes.
    Window,
    /// A node whose digits were typed must have come.
    Matched(NodeNumber),
    /// A node must have said that its button was pressed.
    Press(SessionId),
    /// A session is as old as it may get.
    Handshake(SessionId),
}

impl Timer {
    fn reason(self) -> DeadlineReason {
        match self {
            Self::Hello(_) => DeadlineReason::Hello,
            Self::Presence(_) => DeadlineReason::Presence,
            Self::Command(_) | Self::Expiry(_) | Self::Redial(_) => DeadlineReason::Command,
            Self::Delivery(_) => DeadlineReason::Delivery,
            Self::Answer(_) => DeadlineReason::Answer,
            Self::Window | Self::Matched(_) | Self::Press(_) => DeadlineReason::Joining,
            Self::Handshake(_) => DeadlineReason::Handshake,
        }
    }
}

/// All timers. Setting, cancelling and taking one are O(log n).
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// Apart and small, because every node has one.
    presence: Timers<NodeNumber>,
    /// Apart, because every connection begins with one.
    hello: Timers<SessionId>,
    others: Timers<Timer>,
    /// The first of all, at hand because every input asks for it twice.
    first: Option<(Instant, Timer)>,
}

/// Timers of one sort.
#[derive(Debug)]
struct Timers<T> {
    by_time: BTreeSet<(Instant, T)>,
    by_timer: BTreeMap<T, Instant>,
    /// The first of `by_time`.
    first: Option<(Instant, T)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_timer: BTreeMap::new(), first: None }
    }
}

impl<T: Copy + Ord> Timers<T> {
    /// Sets a timer. Tells whether another one is the first now, or at another time.
    fn set(&mut self, timer: T, at: Instant) -> bool {
        if let Some(before) = self.by_timer.insert(timer, at) {
            self.by_time.remove(&(before, timer));
        }
        self.by_time.insert((at, timer));
        self.note_first()
    }

    /// Forgets a timer. Tells whether another one is the first now.
    fn cancel(&mut self, timer: T) -> bool {
        let Some(at) = self.by_timer.remove(&timer) else { return false };
        self.by_time.remove(&(at, timer));
        self.note_first()
    }

    fn note_first(&mut self) -> bool {
        let before = core::mem::replace(&mut self.first, self.by_time.first().copied());
        before != self.first
    }
}

impl Deadlines {
    /// Sets a timer, in place of an earlier setting.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        let is_news = if let Timer::Presence(node) = timer {
            self.presence.set(node, at)
        } else if let Timer::Hello(session) = timer {
            self.hello.set(session, at)
        } else {
            self.others.set(timer, at)
        };
        self.note_first(is_news);
    }

    /// Forgets a timer.
    pub(crate) fn cancel(&mut self, timer: Timer) {
        let is_news = if let Timer::Presence(node) = timer {
            self.presence.cancel(node)
        } else if let Timer::Hello(session) = timer {
            self.hello.cancel(session)
        } else {
            self.others.cancel(timer)
        };
        self.note_first(is_news);
    }

    /// When a timer is due, if it is set.
    pub(crate) fn get(&self, timer: Timer) -> Option<Instant> {
        let at = if let Timer::Presence(node) = timer {
            self.presence.by_timer.get(&node)
        } else if let Timer::Hello(session) = timer {
            self.hello.by_timer.get(&session)
        } else {
            self.others.by_timer.get(&timer)
        };
        at.copied()
    }

    /// Takes the earliest timer that is due.
    #[inline]
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (_, timer) = self.first.filter(|(at, _)| *at <= now)?;
        self.cancel(timer);
        Some(timer)
    }

    /// The earliest deadline.
    #[inline]
    pub(crate) fn next(&self) -> Option<Deadline> {
        self.first.map(|(at, timer)| Deadline { at, reason: timer.reason() })
    }

    /// Keeps the earliest timer at hand, where the first of its sort is another one; of those at one time the order is fixed.
    fn note_first(&mut self, is_news: bool) {
        if is_news {
            let presence = self.presence.first.map(|(at, node)| (at, Timer::Presence(node)));
            let hello = self.hello.first.map(|(at, session)| (at, Timer::Hello(session)));
            self.first = [presence, hello, self.others.first].into_iter().flatten().min();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_set_once_and_taken_in_order() {
        let mut deadlines = Deadlines::default();
        let (a, b) = (Timer::Answer(Ticket(1)), Timer::Hello(SessionId(2)));
        deadlines.set(a, Instant(10));
        deadlines.set(b, Instant(20));
        deadlines.set(a, Instant(30));
        assert_eq!(deadlines.next(), Some(Deadline { at: Instant(20), reason: DeadlineReason::Hello }));
        assert_eq!(deadlines.take_due(Instant(19)), None);
        assert_eq!(deadlines.take_due(Instant(30)), Some(b));
        assert_eq!(deadlines.take_due(Instant(30)), Some(a));
        assert_eq!(deadlines.take_due(Instant(30)), None);
    }
}
