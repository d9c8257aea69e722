//! [`Dialler`]: whose turn it is to be dialled, and [`deliver`], one connection to a node.
//!
//! A bounded number of connections is open at one time, at most one of them to any address; the others
//! wait, also bounded, in the order in which they came. When to try again is decided in the core.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::UdpSocket,
    sync::Arc,
};

use bytes::BytesMut;
use iot_core::{DeliveryId, NamedBy};
use iot_proto::NodeKey;
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
    noise::HubIdentity,
    secure::{Dialled, SecureError},
};

/// One delivery: where to dial, and what to send first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: DeliveryId,
    pub(crate) to: SocketAddr,
    pub(crate) named_by: NamedBy,
    /// The key that whoever is there must prove before it is sent anything.
    pub(crate) key: Option<NodeKey>,
    /// The number of the hub's key with which the hub proves itself.
    pub(crate) hub_key: u8,
    pub(crate) frames: Vec<u8>,
}

/// The deliveries that are under way or wait for their turn.
#[derive(Debug)]
pub(crate) struct Dialler {
    config: DialConfig,
    connect_within: Duration,
    waiting: VecDeque<Delivery>,
    under_way: BTreeMap<DeliveryId, UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    to: SocketAddr,
    task: AbortHandle,
}

impl Dialler {
    pub(crate) fn new(config: DialConfig, connect_within: Duration) -> Self {
        Self { config, connect_within, waiting: VecDeque::new(), under_way: BTreeMap::new() }
    }

    /// How long making a connection and giving it the frames may take.
    pub(crate) fn connect_within(&self) -> Duration {
        self.connect_within
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

    /// Whether a delivery waits for its turn.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.waiting.is_empty()
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
    identity: Option<Arc<HubIdentity>>,
    connect_within: Duration,
    mut on_frame: impl FnMut(&RawFrame),
) -> Box<str> {
    if delivery.named_by == NamedBy::Hub && is_own(delivery.to) {
        return "the address is the hub's own".into();
    }
    let mut line = match timeout(connect_within, connect(delivery, identity)).await {
        Ok(Ok(line)) => line,
        Ok(Err(error)) => return error.to_string().into(),
        Err(_) => return format!("no connection within {} s", connect_within.as_secs_f32()).into(),
    };
    let mut codec = FrameCodec::default();
    let mut bytes = BytesMut::new();
    loop {
        match next_frame(&mut line, &mut codec, &mut bytes).await {
            Ok(Some(frame)) => on_frame(&frame),
            Ok(None) => return "the node closed the connection".into(),
            Err(error) => return error.to_string().into(),
        }
    }
}

/// Whether an address is one of this machine, other than loopback, about which the core decides. Nothing is
/// sent: the operating system says from where it would send.
fn is_own(to: SocketAddr) -> bool {
    if to.ip().is_loopback() {
        return false;
    }
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(to)?;
        socket.local_addr()
    });
    // Where nothing can be sent there, nothing will be.
    from.is_ok_and(|from| from.ip() == to.ip())
}

/// A connection to a node, encrypted where the node has a key.
struct Line {
    stream: TcpStream,
    secured: Option<Dialled>,
}

async fn connect(delivery: &Delivery, identity: Option<Arc<HubIdentity>>) -> io::Result<Line> {
    let mut stream = TcpStream::connect(delivery.to).await?;
    stream.set_nodelay(true)?;
    let Some(key) = delivery.key else {
        stream.write_all(&delivery.frames).await?;
        return Ok(Line { stream, secured: None });
    };
    let identity = identity.ok_or_else(|| io::Error::other(SecureError::NoIdentity))?;
    let secured = Dialled::open(&mut stream, (identity, delivery.hub_key), key).await?;
    stream.write_all(&secured.seal(&delivery.frames)?).await?;
    Ok(Line { stream, secured: Some(secured) })
}

/// The next frame; `None` where the peer has closed its side.
async fn next_frame(
    line: &mut Line,
    codec: &mut FrameCodec,
    bytes: &mut BytesMut,
) -> Result<Option<RawFrame>, CodecError> {
    loop {
        if let Some(frame) = codec.decode(bytes)? {
            return Ok(Some(frame));
        }
        let read = match &mut line.secured {
            Some(secured) => secured.read(&mut line.stream, bytes).await?,
            None => line.stream.read_buf(bytes).await?,
        };
        if read == 0 {
            return codec.decode_eof(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::future::pending;

    use iot_proto::{Correlation, Ping, Pong, RequestId};
    use socket2::{Domain, Socket, Type};
    use tokio::net::TcpListener;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn frames_are_sent_and_answers_handed_on_until_the_node_ends_the_connection() {
        let node = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let request = frame(&Ping, Correlation::Request(RequestId::FIRST));
        let delivery = Delivery { frames: request.clone(), ..delivery(1, node.local_addr().unwrap()) };
        let mut answers = Vec::new();
        let serve = async {
            let (mut stream, _) = node.accept().await.unwrap();
            let mut read = vec![0; request.len()];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(read, request);
            let pong = frame(&Pong { time: None }, Correlation::Response(RequestId::FIRST));
            stream.write_all(&[pong.clone(), pong].concat()).await.unwrap();
        };
        let (why, ()) =
            tokio::join!(deliver(&delivery, None, WITHIN, |frame| answers.push(frame.correlation)), serve);
        assert_eq!(&*why, "the node closed the connection");
        assert_eq!(answers, [Correlation::Response(RequestId::FIRST); 2]);
    }

    #[tokio::test]
    async fn nobody_listening_is_said_in_the_words_of_the_network() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let why = deliver(&delivery(1, address), None, WITHIN, |frame| panic!("{frame:?}")).await;
        assert!(why.contains("refused"), "{why}");
    }

    #[tokio::test]
    async fn a_node_that_does_not_take_the_connection_costs_no_more_than_the_deadline() {
        let full = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        full.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        full.listen(0).unwrap();
        let address = full.local_addr().unwrap().as_socket().unwrap();
        // Connections that nobody accepts, until the kernel answers no more.
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = timeout(WITHIN, TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        let why = deliver(&delivery(1, address), None, WITHIN, |frame| panic!("{frame:?}")).await;
        assert_eq!(&*why, "no connection within 0.2 s");
    }

    #[test]
    fn another_machine_is_not_this_one() {
        assert!(!is_own("192.0.2.1:1234".parse().unwrap()));
        assert!(!is_own("127.0.0.1:1234".parse().unwrap()), "the core decides about loopback");
    }

    #[tokio::test]
    async fn the_hub_does_not_dial_an_address_of_its_own_machine_unless_someone_asks_for_it() {
        // Whichever address this machine would send from; it has none where it has no network.
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let Ok(()) = socket.connect("192.0.2.1:9") else { return };
        let ip = socket.local_addr().unwrap().ip();
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let own = listener.local_addr().unwrap();
        drop(listener);
        let why = deliver(&delivery(1, own), None, WITHIN, |frame| panic!("{frame:?}")).await;
        assert_eq!(&*why, "the address is the hub's own");
        let asked = Delivery { named_by: NamedBy::Asker, ..delivery(2, own) };
        let why = deliver(&asked, None, WITHIN, |frame| panic!("{frame:?}")).await;
        assert!(why.contains("refused"), "{why}");
    }

    #[tokio::test]
    async fn bytes_that_are_no_frame_end_the_delivery_with_the_reason() {
        let node = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let delivery = delivery(1, node.local_addr().unwrap());
        let serve = async {
            let (mut stream, _) = node.accept().await.unwrap();
            stream.write_all(b"220 smtp").await.unwrap();
        };
        let (why, ()) = tokio::join!(deliver(&delivery, None, WITHIN, |frame| panic!("{frame:?}")), serve);
        assert_eq!(&*why, "byte 0x32 does not begin a frame");
    }

    #[tokio::test]
    async fn one_connection_to_an_address_and_a_bounded_number_in_all() {
        let config = DialConfig { max_dials: 2, max_waiting: 5 };
        let mut dialler = Dialler::new(config, WITHIN);
        for (id, host) in [(1, 1), (2, 1), (3, 2), (4, 3), (5, 1)] {
            dialler.queue(delivery(id, host_address(host))).unwrap();
        }
        assert_eq!(
            dialler.queue(delivery(6, host_address(4))).unwrap_err().as_ref(),
            "5 other deliveries wait for their turn"
        );

        assert_eq!(begin(&mut dialler), Some(1));
        assert_eq!(begin(&mut dialler), Some(3), "2 waits for the end of 1, which has the same address");
        assert_eq!(begin(&mut dialler), None, "no more than two");
        dialler.end(DeliveryId(3));
        assert_eq!(begin(&mut dialler), Some(4));
        dialler.end(DeliveryId(2));
        dialler.end(DeliveryId(1));
        assert_eq!(begin(&mut dialler), Some(5), "2 is no longer wanted");
        assert!(dialler.is_under_way(DeliveryId(5)) && !dialler.is_under_way(DeliveryId(1)));
    }

    /// Starts the next delivery and gives its number.
    fn begin(dialler: &mut Dialler) -> Option<u64> {
        let delivery = dialler.next()?;
        dialler.started(delivery.id, delivery.to, tokio::spawn(pending::<()>()).abort_handle());
        Some(delivery.id.0)
    }

    fn delivery(id: u64, to: SocketAddr) -> Delivery {
        Delivery { id: DeliveryId(id), to, named_by: NamedBy::Hub, key: None, hub_key: 1, frames: Vec::new() }
    }

    fn host_address(host: u8) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, host], 1234))
    }

    fn frame<'b, B: iot_proto::Body<'b>>(body: &B, correlation: Correlation) -> Vec<u8> {
        let mut wire = Vec::new();
        iot_proto::encode_to_vec(body, correlation, &mut wire).unwrap();
        wire
    }
}
