//! [`HubHandle`]: how pages, bridges and programs speak with a hub that runs on its own thread.

use core::net::IpAddr;

use iot_core::{Answer, Event, IotError, Request, View};
use iot_proto::{Body, Correlation, HEADER_LEN, UnixMillis};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::executor::AnswerSender;

/// Something that is asked of the driver.
pub(crate) enum Call {
    Ask { by: Box<str>, why: Box<str>, request: Request, answer: AnswerSender },
    Read(Box<dyn FnOnce(View<'_>) + Send>),
}

/// The store does not take what it is given, or does not answer: nothing is acknowledged until it does again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusing {
    /// What is wrong, and what to do.
    pub why: Box<str>,
    /// Since when.
    pub since: UnixMillis,
}

/// Asks a running hub, reads it and watches it. Cheap to clone, and usable from any thread; once the hub
/// has stopped, every question is answered with [`IotError::Stopping`].
#[derive(Clone, Debug)]
pub struct HubHandle {
    calls: mpsc::Sender<Call>,
    events: broadcast::WeakSender<Event>,
    refusing: watch::Receiver<Option<Refusing>>,
    names: watch::Receiver<Vec<Box<str>>>,
}

impl HubHandle {
    pub(crate) fn new(
        calls: mpsc::Sender<Call>,
        events: broadcast::WeakSender<Event>,
        refusing: watch::Receiver<Option<Refusing>>,
        names: watch::Receiver<Vec<Box<str>>>,
    ) -> Self {
        Self { calls, events, refusing, names }
    }

    /// Whether the hub got this host name on a network where another machine has [`HOST_NAME`](crate::HOST_NAME). Names are
    /// in lower case, without a dot at the end.
    pub fn is_announced_as(&self, name: &str) -> bool {
        self.names.borrow().iter().any(|known| **known == *name)
    }

    /// Whether the store refuses what it is given, and every change of that.
    pub fn refusing(&self) -> watch::Receiver<Option<Refusing>> {
        self.refusing.clone()
    }

    /// Asks the hub to do something, in the name of `by`, and says `why`, which may be empty. The answer comes when
    /// what it says is on disk.
    ///
    /// # Errors
    /// Why it was not done; [`IotError::Stopping`] once the hub stops.
    pub async fn ask(&self, by: &str, why: &str, request: Request) -> Result<Answer, IotError> {
        let (answer, answered) = oneshot::channel();
        let call = Call::Ask { by: by.into(), why: why.into(), request, answer };
        self.calls.send(call).await.map_err(|_| IotError::Stopping)?;
        answered.await.unwrap_or(Err(IotError::Stopping))
    }

    /// Lets `read` look at the hub. It runs on the hub's thread, so it copies what it needs and leaves.
    ///
    /// # Errors
    /// [`IotError::Stopping`] once the hub stops.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(View<'_>) -> T + Send + 'static,
    ) -> Result<T, IotError> {
        let (answer, answered) = oneshot::channel();
        let call = Call::Read(Box::new(move |view| {
            // Who asked may have gone away.
            let _ = answer.send(read(view));
        }));
        self.calls.send(call).await.map_err(|_| IotError::Stopping)?;
        answered.await.map_err(|_| IotError::Stopping)
    }

    /// Watches what happens from now on. Whoever falls behind by more than
    /// [`NetConfig::max_events`](crate::NetConfig::max_events) is told how many events it missed; once the
    /// hub has stopped the receiver is closed.
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.upgrade().map_or_else(|| broadcast::channel(1).1, |events| events.subscribe())
    }

    /// Sends one message to the node at `address`: on its session if it has one, else by dialling `port`.
    /// The answer is the node's response. The address is the caller's own word: none of what the hub asks of
    /// addresses that it dials by itself (see [`Dialling`](iot_core::Dialling)) is asked of it.
    ///
    /// # Errors
    /// Why there is none: unreachable, no answer, refused by the node; [`IotError::TooMany`] for a body
    /// that fits no frame; [`IotError::Stopping`] once the hub stops.
    pub async fn send_message<'b, B: Body<'b>>(
        &self,
        message: &B,
        address: IpAddr,
        port: u16,
    ) -> Result<Answer, IotError> {
        let mut body = Vec::new();
        let limit = u64::try_from(iot_proto::MAX_BODY).unwrap_or(u64::MAX);
        iot_proto::encode_to_vec(message, Correlation::OneWay, &mut body)
            .map_err(|_| IotError::TooMany { what: "bytes of a message", limit })?;
        body.drain(..HEADER_LEN);
        self.ask("send_message", "", Request::Send { address, port, kind: B::KIND, body }).await
    }
}
