//! [`HubHandler`]: the hub's own handler. It hands everything to the hub; answers come back as effects.

use core::{future::ready, iter, time::Duration};
use std::{
    hash::{BuildHasher as _, RandomState},
    rc::Rc,
};

use iot_core::{Input, IotError, Limit, SessionId};
use iot_proto::{Close, Correlation, Error, Frame, FrameError, Label, Limits, MessageKind};
use tokio::{task::spawn_local, time::sleep_until};
use tracing::{debug, warn};

use crate::{
    driver::Driver,
    frames::Frames,
    handler::{Context, End, RequestHandler},
    joins::Joins,
    pace::Pace,
};

/// Serves one node's connection.
#[derive(Debug)]
pub struct HubHandler {
    driver: Rc<Driver>,
    pace: Pace,
    /// The connection, from when the hub knows of it until it knows that it has ended.
    known: Option<Context>,
    /// Whether the hub was told which key the peer has proven.
    is_proven: bool,
    /// With which batch of effects all is done that the hub wants because of what the peer has said.
    answered_with: u64,
}

impl HubHandler {
    pub(crate) fn new(driver: Rc<Driver>, pace: Pace) -> Self {
        Self { driver, pace, known: None, is_proven: false, answered_with: 0 }
    }

    /// Hands frames that arrived at the same time to the hub.
    fn receive<'f>(&mut self, context: &Context, frames: impl Iterator<Item = Frame<'f>>) {
        if !self.is_proven
            && let Some((key, hub_key)) = context.proven()
        {
            self.is_proven = true;
            self.driver.apply(Input::SessionProven { session: context.session(), key, hub_key });
        }
        let counted = frames.inspect(|_| self.pace.count());
        self.answered_with = self.driver.received(context.session(), counted);
    }

    /// Says that more is sent than allowed: to the peer, and in the log.
    fn slow_down(&mut self, context: &Context) {
        self.driver.reached(Limit::Messages);
        if !self.pace.is_news() {
            return;
        }
        let error = IotError::TooMany { what: Limit::Messages.what(), limit: self.pace.per_second().into() };
        warn!(peer = %context.peer_addr(), %error, "a session is read more slowly");
        let text = error.to_string();
        // The body is far below the limit of a frame, so there is nothing to report.
        let _ = context.send(&Error::new(error.code(), MessageKind(0), &text), Correlation::OneWay);
    }
}

impl Drop for HubHandler {
    /// A handler that panicked never came to its end, so the hub is told here that the session has ended; in
    /// a task of its own, since nothing of this thread's may fail while it unwinds.
    fn drop(&mut self) {
        if let Some(context) = self.known.take()
            && std::thread::panicking()
        {
            let driver = Rc::clone(&self.driver);
            spawn_local(async move { driver.closed(context.session()) });
        }
    }
}

impl RequestHandler for HubHandler {
    async fn setup(&mut self, context: &Context) {
        debug!(peer = %context.peer_addr(), session = context.session().0, "session opened");
        context.set_frame_limit(Limits::UNTIL_AGREED.frame);
        self.known = Some(context.clone());
        self.driver.opened(context.clone());
    }

    fn joining(&mut self, context: &Context) -> Option<Joins> {
        Some(self.driver.joins(context.session()))
    }

    fn ready(&mut self, context: &Context) -> impl Future<Output = ()> {
        let read_again_at = self.pace.read_again_at(self.driver.heard_at());
        if read_again_at.is_some() {
            self.slow_down(context);
        }
        let waits = read_again_at.is_some() || !self.driver.has_room();
        // Boxed, so that an idle connection does not carry what only a hurried session or a hub that is behind needs.
        let wait = waits.then(|| {
            let driver = Rc::clone(&self.driver);
            Box::pin(async move {
                if let Some(at) = read_again_at {
                    sleep_until(at).await;
                }
                driver.room().await;
            })
        });
        async move {
            if let Some(wait) = wait {
                wait.await;
            }
        }
    }

    // Both are done when they return: a future with nothing to wait for would keep room for its arguments in every connection.

    fn handle(&mut self, context: &Context, frame: Frame<'_>) -> impl Future<Output = ()> {
        self.receive(context, iter::once(frame));
        ready(())
    }

    fn handle_all(&mut self, context: &Context, frames: &mut Frames<'_>) -> impl Future<Output = ()> {
        self.receive(context, frames);
        ready(())
    }

    async fn broken(&mut self, context: &Context, error: FrameError) {
        self.driver.apply(Input::Broken { session: context.session(), error });
    }

    async fn finish(&mut self, context: &Context, end: &End) {
        let session = context.session();
        self.known = None;
        debug!(peer = %context.peer_addr(), session = session.0, ?end, "session ends");
        if let End::Insecure(error) = end {
            self.driver.log_insecure(context.peer_addr(), error);
        }
        if let End::Overflowed { limit } = *end {
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            self.driver.apply(Input::Overflowed { session, limit });
        }
        match end {
            End::Failed(_) => {}
            // It may still read, and what the hub answers to its last messages may wait for the disk.
            End::PeerClosed => self.driver.done(self.answered_with).await,
            // The hub may have more to say than answers.
            End::Broken(_) | End::Overflowed { .. } | End::Insecure(_) | End::Closed | End::Stopping => {
                self.driver.settled().await;
            }
        }
        if let End::Stopping = end {
            let stopping = IotError::Stopping;
            let retry_after_ms = jittered_ms(session, self.driver.retry_after());
            let close = Close {
                code: stopping.code(),
                retry_after_ms,
                detail: Label::clipped("the hub is stopping"),
            };
            // The body is far below the limit of a frame, so there is nothing to report.
            let _ = context.send(&close, Correlation::OneWay);
        } else {
            // Not told when the hub stops: the node has not left, and nothing is to be done about it.
            self.driver.closed(session);
        }
    }
}

/// Some time within `range`, in milliseconds, another one for each session.
fn jittered_ms(session: SessionId, (from, to): (Duration, Duration)) -> u32 {
    let millis = |duration: Duration| u32::try_from(duration.as_millis()).unwrap_or(u32::MAX);
    let width = u64::from(millis(to).saturating_sub(millis(from))).max(1);
    let ahead = RandomState::new().hash_one(session) % width;
    millis(from).saturating_add(u32::try_from(ahead).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On Linux, where hubs have many nodes; sockets are larger elsewhere.
    #[cfg(target_os = "linux")]
    #[test]
    fn an_idle_connection_is_small() {
        use crate::connection::Connection;

        fn size<A, F>(_: impl FnOnce(A) -> F) -> usize {
            size_of::<F>()
        }
        // The size classes of allocators under which they stay; there is one of each for every node that is there.
        assert!(size_of::<Connection>() <= 64, "{} bytes", size_of::<Connection>());
        let serving = size(|(connection, handler): (Box<Connection>, HubHandler)| connection.run(handler));
        assert!(serving <= 224, "{serving} bytes");
        const { assert!(Context::SIZE <= 192) };
    }

    #[test]
    fn nodes_are_asked_back_at_different_times_within_the_range() {
        let range = (Duration::from_secs(1), Duration::from_secs(10));
        let times: Vec<_> = (0..100).map(|session| jittered_ms(SessionId(session), range)).collect();
        assert!(times.iter().all(|time| (1_000..10_000).contains(time)), "{times:?}");
        assert!(times.iter().any(|time| *time != times[0]), "{times:?}");
    }
}
