//! The window for joining: opened and closed by people, who also type the digits of nodes.

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::time::Duration;

use iot_proto::{Confirm, Digits, JoinMessage, JoinSecret, Refusal};

use super::{audit::Asker, unverified::mark};
use crate::{
    AdmissionState, Effects, Event, Hub, IotError, JoinTurn, Now, SessionId,
    audit::{Deed, Target},
    deadlines::Timer,
    joining::{Ended, Given, MATCHED_FOR, MAX_SECRETS, MAX_WINDOW_S, PRESSED_WITHIN, Stage, Window},
    registry::NodeNumber,
};

impl Hub {
    /// Lets nodes join for a while, and one of them with this secret.
    ///
    /// # Errors
    /// [`IotError::TooLong`]; [`IotError::Joining`] where a window is open already.
    pub(crate) fn open_window(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        for_s: u32,
        secret: JoinSecret,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        if self.joining.window.is_some() {
            return Err(IotError::Joining { why: "nodes may join already" });
        }
        if for_s > MAX_WINDOW_S {
            let (given_s, limit_s) = (for_s.into(), MAX_WINDOW_S.into());
            return Err(IotError::TooLong { what: "a window for joining", given_s, limit_s });
        }
        let closes = now.instant + Duration::from_secs(for_s.into());
        self.deadlines.set(Timer::Window, closes);
        self.joining.window = Some(Window::new(asker.by, closes, secret));
        self.joining.last = None;
        self.activity.note(now.wall, None, format!("Nodes may join: opened by {}.", asker.by), out);
        opened(asker, format!("for {for_s} s"), out);
        Ok(())
    }

    /// Lets one more node join with a secret.
    ///
    /// # Errors
    /// [`IotError::Joining`] where no window is open, or the secret is there; [`IotError::TooMany`].
    pub(crate) fn add_secret(
        &mut self,
        asker: Asker<'_>,
        secret: JoinSecret,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let window = self.joining.window.as_mut().ok_or(CLOSED)?;
        if window.secret(secret.slot()).is_some() {
            return Err(IotError::Joining { why: "this secret is in the window already" });
        }
        if window.secrets.len() >= MAX_SECRETS {
            let limit = u64::try_from(MAX_SECRETS).unwrap_or(u64::MAX);
            return Err(IotError::TooMany { what: "secrets", limit });
        }
        window.secrets.push(Given { secret, taken: None });
        opened(asker, "one more secret", out);
        Ok(())
    }

    /// Lets no more nodes join.
    ///
    /// # Errors
    /// [`IotError::Joining`] where no window is open.
    pub(crate) fn close_window(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        if self.joining.window.is_none() {
            return Err(CLOSED);
        }
        out.audit(asker, Deed::CloseWindow, target(), "", "");
        self.end_window(now, format!("closed by {}", asker.by), out);
        Ok(())
    }

    /// The time of the window is over.
    pub(crate) fn window_due(&mut self, now: Now, out: &mut Effects) {
        self.end_window(now, "its time was over".into(), out);
    }

    /// Lets the node in that shows these digits, as soon as it has the hub's answer, or somebody has pressed its button.
    ///
    /// # Errors
    /// [`IotError::Joining`] where nobody joins with digits, [`IotError::WrongDigits`], why the node cannot be let in.
    pub(crate) fn enter_digits(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        digits: Digits,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        let window = self.joining.window.as_mut().ok_or(CLOSED)?;
        if let Some(why) = window.no_digits {
            return Err(IotError::Joining { why });
        }
        let Some(session) = self.joining.showing(digits) else {
            let left = self.joining.window.as_mut().map_or(0, Window::wrong_entry);
            if left == 0 {
                self.end_digits(now, out);
            }
            out.publish(Event::Joining);
            return Err(IotError::WrongDigits { left });
        };
        let Some(run) = self.joining.runs.get_mut(&session) else { return Err(CLOSED) };
        let Stage::Shown { key, confirm, .. } = run.stage else { return Err(CLOSED) };
        let number = self.record_of(now, key, AdmissionState::Matched)?;
        if let Some(run) = self.joining.runs.get_mut(&session) {
            run.stage = Stage::Matched { node: number, confirm };
        }
        if let Some(node) = self.registry.get(number) {
            out.records.records.extend(node.record());
            let how = match confirm {
                Confirm::Digits => "joins with digits",
                Confirm::Button => "joins with digits and its button",
            };
            out.audit(asker, Deed::Admit, node.target(), mark(node), how);
        }
        self.deadlines.set(Timer::Matched(number), now.instant + MATCHED_FOR);
        let word = if let Some(answer) = digits.answer {
            self.deadlines.set(Timer::Hello(session), now.instant + self.config.hello_within);
            JoinMessage::Answer(answer)
        } else {
            self.deadlines.set(Timer::Press(session), now.instant + PRESSED_WITHIN);
            JoinMessage::Matched
        };
        out.join(session, JoinTurn::Say(word));
        out.publish(Event::Joining);
        Ok(())
    }

    /// Turns a node away that joins with digits, also while a press of its button is waited for, or with nothing.
    ///
    /// # Errors
    /// [`IotError::Joining`] where it does not join any more.
    pub(crate) fn end_joining(
        &mut self,
        now: Now,
        asker: Asker<'_>,
        session: SessionId,
        out: &mut Effects,
    ) -> Result<(), IotError> {
        match self.joining.runs.get(&session).map(|run| &run.stage) {
            Some(Stage::Asked | Stage::Committed { .. } | Stage::Shown { .. } | Stage::Unverified { .. }) => {
            }
            Some(&Stage::Matched { node, confirm: Confirm::Button }) => {
                self.joining.runs.remove(&session);
                if let Some(node) = self.registry.get(node) {
                    out.audit(asker, Deed::TurnAway, node.target(), node.admission.word(), "");
                }
                self.unmatch(now, node, "it was turned away", out);
            }
            Some(Stage::Named { .. } | Stage::Matched { .. }) | None => {
                return Err(IotError::Joining { why: "this node does not join any more" });
            }
        }
        self.refuse_joining(now, session, Refusal::NOT_JOINING, out);
        Ok(())
    }

    /// Nobody joins with digits any more; secrets go on.
    pub(crate) fn end_digits(&mut self, now: Now, out: &mut Effects) {
        let goes_on = |stage: &Stage| {
            matches!(stage, Stage::Named { .. } | Stage::Unverified { .. } | Stage::Matched { .. })
        };
        self.refuse_all(now, |stage| !goes_on(stage), out);
        if let Some(why) = self.joining.window.as_ref().and_then(|window| window.no_digits) {
            let text = format!("Nobody joins with digits any more: {why}. Use a secret.");
            self.joining.note(now.wall, None, text.clone(), out);
            self.activity.note(now.wall, None, text, out);
        }
    }

    fn end_window(&mut self, now: Now, why: String, out: &mut Effects) {
        self.deadlines.cancel(Timer::Window);
        // What a person has typed already still counts.
        self.refuse_all(now, |stage| !matches!(stage, Stage::Matched { .. }), out);
        let Some(window) = self.joining.window.take() else { return };
        let Window { unfinished, news, .. } = window;
        self.activity.note(now.wall, None, format!("No more nodes may join: {why}."), out);
        self.joining.last = Some(Ended { why: why.into(), at: now.wall, unfinished, news });
        out.publish(Event::Joining);
    }

    fn refuse_all(&mut self, now: Now, which: impl Fn(&Stage) -> bool, out: &mut Effects) {
        let runs = self.joining.runs.iter().filter(|(_, run)| which(&run.stage));
        let runs: Vec<_> = runs.map(|(session, _)| *session).collect();
        for session in runs {
            self.refuse_joining(now, session, Refusal::NOT_JOINING, out);
        }
    }

    /// A node whose digits were typed has not come.
    pub(crate) fn match_lapsed(&mut self, now: Now, number: NodeNumber, out: &mut Effects) {
        self.unmatch(now, number, "it did not come within a day", out);
    }

    /// Forgets a node whose digits were typed, since it does not know its hub. One that was let in meanwhile stays.
    pub(crate) fn unmatch(&mut self, now: Now, number: NodeNumber, why: &str, out: &mut Effects) {
        let matched = self.registry.get(number).filter(|node| node.admission == AdmissionState::Matched);
        let Some(id) = matched.map(|node| node.id.clone()) else { return };
        self.remove(now, number, &id, out);
        let text = format!("{id} is not let in: {why}.");
        self.joining.note(now.wall, None, text.clone(), out);
        self.activity.note(now.wall, None, text, out);
    }
}

/// Nobody may join.
pub(crate) const CLOSED: IotError =
    IotError::Joining { why: "nodes may not join now: open the window first" };

/// Keeps who may join from now on, and tells all who watch.
pub(super) fn opened(asker: Asker<'_>, to: impl Into<Box<str>>, out: &mut Effects) {
    out.audit(asker, Deed::OpenWindow, target(), "", to);
    out.publish(Event::Joining);
}

/// The window as the target of a change.
fn target() -> Target {
    Target { title: "window for joining".into(), ..Target::default() }
}
