//! Deadlines: what happens when nothing happens.

use iot_proto::{Correlation, Ping};

use crate::{
    CommandState, Effects, Hub, IotError, Limit, Now, deadlines::Timer, presence::Change,
    registry::NodeNumber, sessions::Pending, view::PresenceState,
};

impl Hub {
    /// Runs every timer that is due. Most often none is.
    #[inline]
    pub(crate) fn run_due(&mut self, now: Now, out: &mut Effects) {
        while let Some(timer) = self.deadlines.take_due(now.instant) {
            self.ring(now, timer, out);
        }
    }

    fn ring(&mut self, now: Now, timer: Timer, out: &mut Effects) {
        match timer {
            Timer::Hello(session) => {
                self.reached.note(Limit::Hello);
                let limit_s = self.config.hello_within.as_secs();
                let error = IotError::TimedOut { what: Limit::Hello.what(), limit_s };
                self.session_failed(now, session, &error, out);
            }
            Timer::Presence(node) => self.presence_due(now, node, out),
            Timer::Command(command) => self.command_due(now, command, out),
            Timer::Expiry(command) => {
                self.transition(now, command, CommandState::Expired, Some(IotError::Expired), out);
            }
            Timer::Redial(node) => self.pump(now, node, out),
            Timer::Delivery(delivery) => self.delivery_due(now, delivery, out),
            Timer::Window => self.window_due(now, out),
            Timer::Matched(node) => self.match_lapsed(now, node, out),
            Timer::Press(session) => self.press_due(now, session, out),
            Timer::Handshake(session) => self.handshake_due(now, session, out),
            Timer::Answer(ticket) => self.ask_due(now, ticket, out),
        }
    }

    /// Judges a node's silence: an overdue one is asked whether it is there, a lost one loses its session.
    fn presence_due(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        let Some(node) = self.registry.get_mut(number) else { return };
        let change = node.presence.evaluate(now);
        let (is_gone, for_s, session) = (node.presence.is_gone(), node.presence.silent_s(now), node.session);
        self.presence_changed(now, number, change, out);
        let Some(session) = session else { return };
        if is_gone {
            let error = IotError::Silent { for_s };
            self.log_refused(session, error.clone(), out);
            self.end_session(now, session, &error, out);
        } else if change == Change::To(PresenceState::Overdue)
            && let Some(state) = self.sessions.get_mut(session)
        {
            state.requests().forget(Pending::Ping);
            let request = state.requests().begin(Pending::Ping);
            out.send(session, &Ping, Correlation::Request(request));
        }
    }
}
