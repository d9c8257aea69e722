//! Deadlines: what happens when nothing happens.

use iot_proto::{Correlation, Ping};

use crate::{
    CommandState, Effects, Hub, IotError, Now,
    deadlines::Timer,
    presence::Change,
    registry::NodeNumber,
    sessions::Pending,
    view::{PresenceReason, PresenceState},
};

impl Hub {
    /// Runs every timer that is due.
    pub(crate) fn run_due(&mut self, now: Now, out: &mut Effects) {
        while let Some(timer) = self.deadlines.take_due(now.instant) {
            match timer {
                Timer::Hello(session) => {
                    let limit_s = self.config.hello_within.as_secs();
                    let error = IotError::TimedOut { what: "hello", limit_s };
                    self.session_failed(now, session, &error, out);
                }
                Timer::Presence(node) => self.presence_due(now, node, out),
                Timer::Command(command) => self.command_due(now, command, out),
                Timer::Expiry(command) => {
                    self.transition(now, command, CommandState::Expired, Some(IotError::Expired), out);
                }
                Timer::Redial(node) => self.pump(now, node, out),
                Timer::Delivery(delivery) => {
                    let limit_s = self.config.answer_within.as_secs();
                    self.end_delivery(now, delivery, Some(&IotError::NoAnswer { limit_s }), out);
                }
                Timer::Answer(ticket) => self.ask_due(ticket, out),
            }
        }
    }

    /// Judges a node's silence: an overdue one is asked whether it is there, a lost one loses its session.
    fn presence_due(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        let Some(node) = self.registry.get_mut(number) else { return };
        let change = node.presence.evaluate(now);
        let session = node.session;
        self.presence_changed(now, number, change, out);
        match (change, session) {
            (Change::To(PresenceState::Overdue), Some(session)) => {
                if let Some(state) = self.sessions.get_mut(session) {
                    let request = state.requests().begin(Pending::Ping);
                    out.send(session, &Ping, Correlation::Request(request));
                }
            }
            (Change::To(PresenceState::Lost), Some(session)) => {
                let reason = self.registry.get(number).map(|node| node.presence.view(now).reason);
                let for_s = match reason {
                    Some(PresenceReason::Silent { for_s }) => for_s,
                    _ => 0,
                };
                let error = IotError::Silent { for_s };
                self.log_refused(session, error.clone(), out);
                self.end_session(now, session, &error, out);
            }
            _ => {}
        }
    }
}
