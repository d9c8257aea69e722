//! [`HubHandler`]: the hub's own handler. It hands everything to the hub; answers come back as effects.

use core::time::Duration;
use std::{
    hash::{BuildHasher as _, RandomState},
    rc::Rc,
};

use iot_core::{Input, IotError, SessionId};
use iot_proto::{Close, Correlation, Frame, FrameError, Label, Limits, NodeKey};
use tracing::debug;

use crate::{
    driver::Driver,
    handler::{Context, End, RequestHandler},
    joins::Joins,
};

/// Serves one node's connection.
#[derive(Debug)]
pub struct HubHandler {
    driver: Rc<Driver>,
    /// The key that the hub was told of.
    proven: Option<NodeKey>,
}

impl HubHandler {
    pub(crate) fn new(driver: Rc<Driver>) -> Self {
        Self { driver, proven: None }
    }
}

impl RequestHandler for HubHandler {
    async fn setup(&mut self, context: &Context) {
        debug!(peer = %context.peer_addr(), session = context.session().0, "session opened");
        context.set_frame_limit(Limits::UNTIL_AGREED.frame);
        self.driver.opened(context.clone());
    }

    fn joining(&mut self, context: &Context) -> Option<Joins> {
        Some(self.driver.joins(context.session()))
    }

    async fn ready(&mut self, _: &Context) {
        self.driver.room().await;
    }

    async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
        if let Some(key) = context.proven_key()
            && self.proven.replace(key).is_none()
        {
            self.driver.apply(Input::SessionProven { session: context.session(), key });
        }
        self.driver.apply(Input::Received { session: context.session(), frame });
    }

    async fn broken(&mut self, context: &Context, error: FrameError) {
        self.driver.apply(Input::Broken { session: context.session(), error });
    }

    async fn finish(&mut self, context: &Context, end: &End) {
        let session = context.session();
        debug!(peer = %context.peer_addr(), session = session.0, ?end, "session ends");
        if let End::Overflowed { limit } = *end {
            let limit = u64::try_from(limit).unwrap_or(u64::MAX);
            self.driver.apply(Input::Overflowed { session, limit });
        }
        if !matches!(end, End::Failed(_)) {
            // What the hub has to say about the last messages may still wait for the disk.
            self.driver.settled().await;
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

    #[test]
    fn nodes_are_asked_back_at_different_times_within_the_range() {
        let range = (Duration::from_secs(1), Duration::from_secs(10));
        let times: Vec<_> = (0..100).map(|session| jittered_ms(SessionId(session), range)).collect();
        assert!(times.iter().all(|time| (1_000..10_000).contains(time)), "{times:?}");
        assert!(times.iter().any(|time| *time != times[0]), "{times:?}");
    }
}
