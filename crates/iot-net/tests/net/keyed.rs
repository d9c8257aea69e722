//! [`Keyed`]: the other end of an encrypted connection, with the tunnel that runs on chips.

use core::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::BytesMut;
use iot_net::{FrameCodec, HubIdentity, RawFrame};
use iot_node::{
    noise::KeyPair,
    tunnel::{Keys, Step, Tunnel, TunnelError},
};
use iot_proto::{Body, Correlation, Hello, Identity, RequestId};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::codec::{Decoder, Encoder};

use crate::node::{SOON, bytes, hello};

/// Room for every record.
type AnyTunnel = Tunnel<4_000>;

/// The other end of an encrypted connection.
pub(crate) struct Keyed {
    pub(crate) stream: TcpStream,
    tunnel: Box<AnyTunnel>,
    codec: FrameCodec,
    frames: BytesMut,
    last: u32,
}

/// The hub of all these tests.
pub(crate) fn identity() -> HubIdentity {
    HubIdentity::from_secret([0x42; 32])
}

/// The keys of a node of this hub.
pub(crate) fn keys(node: u8) -> Keys {
    Keys::new(KeyPair::from_secret([node; 32]), identity().public())
}

/// Bytes that no other handshake of this process uses.
pub(crate) fn random() -> [u8; 32] {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let mut random = [0x77; 32];
    random[0] = NEXT.fetch_add(1, Ordering::Relaxed);
    random
}

/// The hello of a node with these keys.
pub(crate) fn keyed_hello(keys: &Keys, capabilities: iot_proto::Capabilities) -> Hello<'static> {
    Hello { identity: Identity::Key(keys.public()), ..hello("unused", capabilities) }
}

/// The first record that a node with these keys sends.
pub(crate) fn first_record(keys: &Keys) -> Vec<u8> {
    AnyTunnel::connect(keys, random()).expect("a genuine key").waiting().to_vec()
}

impl Keyed {
    /// Opens a session.
    pub(crate) async fn connect(hub: SocketAddr, keys: &Keys) -> Result<Self, TunnelError> {
        Self::open(TcpStream::connect(hub).await.expect("the hub listens"), keys).await
    }

    /// Opens a session on a connection.
    pub(crate) async fn open(stream: TcpStream, keys: &Keys) -> Result<Self, TunnelError> {
        Self::on(stream, Box::new(AnyTunnel::connect(keys, random())?)).await
    }

    /// Answers a connection that somebody has opened.
    pub(crate) async fn accept(stream: TcpStream, keys: &Keys) -> Result<Self, TunnelError> {
        Self::on(stream, Box::new(AnyTunnel::accept(keys.clone(), random()))).await
    }

    async fn on(stream: TcpStream, tunnel: Box<AnyTunnel>) -> Result<Self, TunnelError> {
        let (codec, frames) = (FrameCodec::default(), BytesMut::new());
        let mut keyed = Self { stream, tunnel, codec, frames, last: 0 };
        keyed.flush().await;
        loop {
            match keyed.tunnel.advance()? {
                Step::Opened => break,
                Step::Text => panic!("frames before both sides are proven"),
                Step::Nothing if keyed.read().await == 0 => return Err(TunnelError::Over),
                Step::Nothing => {}
            }
        }
        keyed.flush().await;
        Ok(keyed)
    }

    /// The number of the key that the hub has proven.
    pub(crate) fn hub_key(&self) -> u8 {
        self.tunnel.hub_key()
    }

    /// Sends a request and gives the answer to it.
    pub(crate) async fn request<'b, B: Body<'b>>(&mut self, body: &B) -> RawFrame {
        self.last += 1;
        let id = RequestId::new(self.last).expect("not 0");
        self.send(&RawFrame::new(body, Correlation::Request(id)).expect("it fits")).await;
        let answer = self.next().await.expect("an answer");
        assert_eq!(answer.correlation, Correlation::Response(id));
        answer
    }

    /// Sends a frame in a record of its own.
    pub(crate) async fn send(&mut self, frame: &RawFrame) {
        let record = self.seal(frame);
        self.stream.write_all(&record).await.expect("the hub reads");
    }

    /// The record that would be sent next.
    pub(crate) fn seal(&mut self, frame: &RawFrame) -> Vec<u8> {
        self.seal_bytes(&bytes(core::slice::from_ref(frame)))
    }

    /// The record with these bytes in it that would be sent next.
    pub(crate) fn seal_bytes(&mut self, text: &[u8]) -> Vec<u8> {
        assert_eq!(self.tunnel.seal(text), Ok(text.len()));
        let record = self.tunnel.waiting().to_vec();
        self.tunnel.sent(record.len());
        record
    }

    /// The next frame, or `None` where the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<RawFrame> {
        loop {
            if let Some(frame) = self.codec.decode(&mut self.frames).expect("frames") {
                return Some(frame);
            }
            match self.tunnel.advance().expect("genuine records") {
                Step::Text => {
                    let text = self.tunnel.text();
                    self.frames.extend_from_slice(text);
                    let len = text.len();
                    self.tunnel.took(len);
                }
                Step::Opened => panic!("it was open"),
                Step::Nothing if self.read().await == 0 => return None,
                Step::Nothing => {}
            }
        }
    }

    async fn read(&mut self) -> usize {
        let read = timeout(SOON, self.stream.read(self.tunnel.room())).await;
        let len = read.expect("bytes or the end").unwrap_or(0);
        self.tunnel.received(len);
        len
    }

    async fn flush(&mut self) {
        let waiting = self.tunnel.waiting().to_vec();
        // Where the other side has gone already, the next read shows it.
        drop(self.stream.write_all(&waiting).await);
        self.tunnel.sent(waiting.len());
    }
}

/// A frame as it goes into a record.
pub(crate) fn raw<'b, B: Body<'b>>(body: &B) -> Vec<u8> {
    let mut wire = BytesMut::new();
    let frame = RawFrame::new(body, Correlation::OneWay).expect("it fits");
    FrameCodec::default().encode(frame, &mut wire).expect("never fails");
    wire.to_vec()
}
