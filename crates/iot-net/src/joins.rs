//! [`Joins`]: the way between a connection on which a node joins and the hub, which decides.

use core::task::{Context, Poll};
use std::rc::Rc;

use iot_core::{Input, JoinNews, JoinTurn, SessionId};
use iot_proto::Refusal;
use tokio::sync::mpsc;

use crate::driver::Driver;

/// What a connection tells the hub while a node joins, and what the hub wants said. One handler makes one: see
/// [`RequestHandler::joining`](crate::RequestHandler::joining).
#[derive(Debug)]
pub struct Joins {
    driver: Rc<Driver>,
    session: SessionId,
    turns: mpsc::UnboundedReceiver<JoinTurn>,
}

impl Joins {
    /// The way of this session. The hub has few things to say to it, and never waits.
    pub(crate) fn new(
        driver: Rc<Driver>,
        session: SessionId,
        turns: mpsc::UnboundedReceiver<JoinTurn>,
    ) -> Self {
        Self { driver, session, turns }
    }

    /// Tells the hub how far the node has come.
    pub(crate) fn tell(&self, news: JoinNews) {
        self.driver.apply(Input::Joining { session: self.session, news });
    }

    /// What the hub wants next.
    pub(crate) fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<JoinTurn> {
        self.turns.poll_recv(cx).map(|turn| turn.unwrap_or(JoinTurn::Refuse(Refusal::BUSY)))
    }
}
