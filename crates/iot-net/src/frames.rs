//! [`Frames`]: the frames that have been read at once.

use iot_proto::{Frame, FrameError};

use crate::{handler::Context, socket::Stage};

/// Frames that have been read at once, and so have arrived at the same time as far as anybody can tell.
///
/// Each is looked for when it is asked for, so that what the one before it has changed counts: the largest frame that is
/// taken, and whether the connection goes on.
#[derive(Debug)]
pub struct Frames<'b> {
    context: Context,
    /// What is left, whole frames and the beginning of another, or why it is none.
    rest: Result<&'b [u8], FrameError>,
}

impl<'b> Frames<'b> {
    pub(crate) fn new(context: &Context, bytes: &'b [u8]) -> Self {
        Self { context: context.clone(), rest: Ok(bytes) }
    }

    /// What is left over behind the last whole frame; frames that nobody has asked for are dropped.
    ///
    /// # Errors
    /// Why it is not the beginning of a frame.
    pub(crate) fn end(mut self) -> Result<&'b [u8], FrameError> {
        self.by_ref().for_each(drop);
        self.rest
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Frame<'b>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'b>> {
        let goes_on = self.context.socket().stage() == Stage::Open;
        let bytes = if goes_on { self.rest.ok()? } else { &[] };
        let split = Frame::split(bytes, self.context.frame_limit());
        let used = split.map(|split| split.map_or(0, |(_, used)| used));
        self.rest = used.map(|used| bytes.get(used..).unwrap_or_default());
        split.ok().flatten().map(|(frame, _)| frame)
    }
}

#[cfg(test)]
mod tests {
    use iot_core::SessionId;
    use iot_proto::{Close, Correlation, ErrorCode, Label, MAX_FRAME, Ping};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::socket::Socket;

    async fn context() -> Context {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        Context::new(SessionId(1), stream.peer_addr().unwrap(), Socket::new(stream, 1000))
    }

    /// A short frame, a longer one, and a short one again.
    fn three() -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        iot_proto::encode_to_vec(&Ping, Correlation::OneWay, &mut bytes).unwrap();
        let short = bytes.len();
        let close = Close { code: ErrorCode::OK, retry_after_ms: 0, detail: Label::clipped("later") };
        iot_proto::encode_to_vec(&close, Correlation::OneWay, &mut bytes).unwrap();
        bytes.extend_from_within(..short);
        (bytes, short)
    }

    #[tokio::test]
    async fn what_one_frame_changes_counts_for_the_next() {
        let (context, (bytes, short)) = (context().await, three());
        context.set_frame_limit(short);
        let mut frames = Frames::new(&context, &bytes);
        assert!(frames.next().is_some());
        context.set_frame_limit(MAX_FRAME);
        assert!(frames.next().is_some());
        context.close();
        assert!(frames.next().is_none());
        assert_eq!(frames.end().unwrap(), [0; 0], "nothing more is taken");
    }

    #[tokio::test]
    async fn the_beginning_of_a_frame_is_left_over_and_what_is_none_is_told() {
        let (context, (bytes, short)) = (context().await, three());
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(Frames::new(&context, cut).count(), 2);
        assert_eq!(Frames::new(&context, cut).end().unwrap(), &cut[cut.len() + 1 - short..]);
        context.set_frame_limit(short);
        let mut frames = Frames::new(&context, &bytes);
        assert_eq!(frames.by_ref().count(), 1);
        assert!(matches!(frames.end(), Err(FrameError::TooLong { .. })));
    }
}
