//! [`Dialler`]: whose turn it is to be dialled, and [`deliver`], one connection to a node.
//!
//! A bounded number of connections is open at one time, at most one of them to any address; the others
//! wait, also bounded, in the order in which they came. When to try again is decided in the core.

use core::{net::SocketAddr, time::Duration};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
};

use bytes::BytesMut;
use iot_core::DeliveryId;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::AbortHandle,
    time::timeout,
};
use tokio_util::codec::Decoder as _;

use crate::{
    codec::{CodecError, FrameCodec, RawFrame},
    config::DialConfig,
};

/// One delivery: where to dial, and what to send first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: DeliveryId,
    pub(crate) to: SocketAddr,
    pub(crate) frames: Vec<u8>,
}

/// The deliveries that are under way or wait for their turn.
#[derive(Debug)]
pub(crate) struct Dialler {
    config: DialConfig,
    waiting: VecDeque<Delivery>,
    under_way: BTreeMap<DeliveryId, UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    to: SocketAddr,
    task: AbortHandle,
}

impl Dialler {
    pub(crate) fn new(config: DialConfig) -> Self {
        Self { config, waiting: VecDeque::new(), under_way: BTreeMap::new() }
    }

    /// How long making a connection and giving it the frames may take.
    pub(crate) fn connect_within(&self) -> Duration {
        self.config.connect_within
    }

    /// Queues a delivery; says why where it cannot.
    pub(crate) fn queue(&mut self, delivery: Delivery) -> Result<(), Box<str>> {
        let limit = self.config.max_waiting;
        if self.waiting.len() >= limit {
            return Err(format!("{limit} other deliveries wait for their turn").into());
        }
        self.waiting.push_back(delivery);
        Ok(())
    }

    /// The next delivery whose turn has come; the caller starts it and says so.
    pub(crate) fn next(&mut self) -> Option<Delivery> {
        if self.under_way.len() >= self.config.max_dials {
            return None;
        }
        let busy = |to| self.under_way.values().any(|under_way| under_way.to == to);
        let at = self.waiting.iter().position(|delivery| !busy(delivery.to))?;
        self.waiting.remove(at)
    }

    /// The task of a delivery has been started.
    pub(crate) fn started(&mut self, id: DeliveryId, to: SocketAddr, task: AbortHandle) {
        self.under_way.insert(id, UnderWay { to, task });
    }

    /// Whether the delivery's connection is still wanted.
    pub(crate) fn is_under_way(&self, id: DeliveryId) -> bool {
        self.under_way.contains_key(&id)
    }

    /// The delivery is no longer wanted, or has ended: its connection is closed.
    pub(crate) fn end(&mut self, id: DeliveryId) {
        if let Some(under_way) = self.under_way.remove(&id) {
            under_way.task.abort();
        } else {
            self.waiting.retain(|delivery| delivery.id != id);
        }
    }

    /// Ends all deliveries.
    pub(crate) fn end_all(&mut self) {
        self.waiting.clear();
        for under_way in core::mem::take(&mut self.under_way).into_values() {
            under_way.task.abort();
        }
    }
}

/// Dials a node, sends it the frames, and hands on what it answers until it ends the connection or the
/// task is ended from here. Gives what the network says about the end.
pub(crate) async fn deliver(
    delivery: &Delivery,
    connect_within: Duration,
    mut on_frame: impl FnMut(&RawFrame),
) -> Box<str> {
    let mut stream = match timeout(connect_within, connect(delivery)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return error.to_string().into(),
        Err(_) => return format!("no connection within {} s", connect_within.as_secs_f32()).into(),
    };
    let mut codec = FrameCodec::default();
    let mut bytes = BytesMut::new();
    loop {
        match next_frame(&mut stream, &mut codec, &mut bytes).await {
            Ok(Some(frame)) => on_frame(&frame),
            Ok(None) => return "the node closed the connection".into(),
            Err(error) => return error.to_string().into(),
        }
    }
}

async fn connect(delivery: &Delivery) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(delivery.to).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&delivery.frames).await?;
    Ok(stream)
}

/// The next frame; `None` where the peer has closed its side.
async fn next_frame(
    stream: &mut TcpStream,
    codec: &mut FrameCodec,
    bytes: &mut BytesMut,
) -> Result<Option<RawFrame>, CodecError> {
    loop {
        if let Some(frame) = codec.decode(bytes)? {
            return Ok(Some(frame));
        }
        if stream.read_buf(bytes).await? == 0 {
            return codec.decode_eof(bytes);
        }
    }
}
