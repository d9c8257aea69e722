//! Encrypted connections over real sockets: what a node with a key can do, and what nobody else can.
//!
//! Each attack stands beside the same thing done by whom it belongs to, which must go through: a hub that
//! refused everybody would pass no test here.

use core::{net::SocketAddr, time::Duration};
use std::sync::Arc;

use iot_core::{
    CommandState, Dialling, Event, Limit, NodeId, Request,
    catalogue::Catalogue,
    config::{HubConfig, Registration},
    view::Wanted,
};
use iot_net::{HubIdentity, HubServer, Keyring, LINES_PER_PEER, NetConfig, RawFrame, Running};
use iot_node::{
    noise::{Handshake, KeyPair, Parties, Pattern, Role},
    tunnel::{Keys, TunnelError},
};
use iot_proto::{
    Announcement, Capabilities, Correlation, ErrorCode, HubKey, HubMessage, Label, List, MessageKind, Name,
    Offer, Opening, OwnedValue, Ping, Purpose, Refusal, Register, SESSION_MESSAGE, VersionRange,
};
use iot_store::MemoryStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    keyed::{Keyed, first_record, identity, keyed_hello, keys, random, raw},
    node::{BOOT, Node, SOON, relay, report},
};

/// Bytes of the reply to a first record that is genuine.
const REPLY: usize = 68;

/// What is said to whoever has proven nothing.
const NOTHING: [u8; 0] = [];

#[tokio::test]
async fn a_node_with_a_key_says_hello_reports_and_obeys_and_is_known_by_its_id() {
    let hub = start(HubConfig::default().node_port);
    let mine = keys(1);
    let mut node = joined(&hub, &mine, Capabilities::KEEPS_SESSION).await;
    let answer = node.request(&report(1, &relay(true))).await;
    let Ok(HubMessage::ReportAck(ack)) = answer.from_hub() else { panic!("{answer:?}") };
    assert_eq!((ack.boot, ack.stored), (BOOT, 1));
    assert_eq!(reports(&hub, &mine).await, Some(1));
    hub.stop().await;
}

#[tokio::test]
async fn a_node_with_a_key_is_dialled_and_proven_before_it_is_told_anything() {
    let listener = TcpListener::bind("127.0.4.1:0").await.unwrap();
    let hub = start(listener.local_addr().unwrap().port());
    let mut events = hub.handle().subscribe();
    let mine = keys(2);
    visit(&hub, &mine, listener.local_addr().unwrap()).await;
    switch_on(&hub, &mine).await;

    let (stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    let mut node = Keyed::accept(stream, &mine).await.unwrap();
    let dial = node.next().await.unwrap();
    assert_eq!(dial.kind, MessageKind::DIAL);
    let said = keyed_hello(&mine, Capabilities::LISTENS);
    let hello = RawFrame::new(&said, dial.correlation.answer().unwrap()).unwrap();
    node.send(&hello).await;
    assert_eq!(node.next().await.map(|frame| frame.kind), Some(MessageKind::SET));
    let sent = async {
        while !matches!(events.recv().await, Ok(Event::Command { state: CommandState::Sent, .. })) {}
    };
    timeout(SOON, sent).await.unwrap();
    hub.stop().await;
}

#[tokio::test]
async fn an_impostor_at_the_address_of_a_node_gets_116_bytes_and_no_message() {
    let listener = TcpListener::bind("127.0.4.2:0").await.unwrap();
    let hub = start(listener.local_addr().unwrap().port());
    let mine = keys(3);
    visit(&hub, &mine, listener.local_addr().unwrap()).await;
    switch_on(&hub, &mine).await;

    // It answers as well as anybody can who has another key.
    let (mut stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    let mut dial = vec![0; 116];
    stream.read_exact(&mut dial).await.unwrap();
    stream.write_all(&[&[0xE5, 4, 64, 0][..], &[9; 64]].concat()).await.unwrap();
    assert_eq!(rest(stream).await, NOTHING, "nothing follows what nobody else can read");

    // What the hub sent is of no use as a session with the hub either.
    assert_eq!(told(&hub, &dial).await, Refusal::OTHER.encode(), "reflected");
    let (stream, _) = timeout(SOON, listener.accept()).await.unwrap().unwrap();
    let stranger = Keyed::accept(stream, &keys(4)).await;
    assert!(matches!(stranger, Err(TunnelError::Noise(_))), "another key opens nothing");
    hub.stop().await;
}

#[tokio::test]
async fn a_first_record_that_is_not_genuine_is_refused_in_five_bytes() {
    let hub = start(1234);
    let genuine = first_record(&keys(5));
    assert_eq!(reply(&hub, &genuine).await.len(), REPLY, "the control");
    let changed = |at: usize, byte: u8| {
        let mut record = genuine.clone();
        record[at] ^= byte;
        record
    };
    let other = HubIdentity::from_secret([0x43; 32]).public();
    let mut low_order = genuine.clone();
    low_order[8..40].fill(0);
    let attacks = [
        ("versions changed", changed(5, 2)),
        ("key number changed", changed(6, 3)),
        ("ephemeral key changed", changed(8, 1)),
        ("static key changed", changed(50, 1)),
        ("offer changed", changed(100, 1)),
        ("tag changed", changed(115, 1)),
        ("versions that the hub does not speak", [&genuine[..4], &[2, 9], &genuine[6..]].concat()),
        ("low-order point", low_order),
        ("meant for another hub", first_record(&Keys { hub: other, ..keys(5) })),
        ("more than the first record", [genuine.as_slice(), &[0xE5]].concat()),
        ("no handshake", vec![0xE5, 5, 17, 0]),
        ("too long", vec![0xE5, 1, 0xFF, 0xFF]),
    ];
    for (attack, bytes) in attacks {
        assert_eq!(told(&hub, &bytes).await, Refusal::OTHER.encode(), "{attack}");
    }
    let joining = [&[0xE5, 3, 36, 0, 1, 1, 0, 0][..], &[9; 32]].concat();
    assert_eq!(told(&hub, &joining).await, Refusal::NOT_JOINING.encode());
    hub.stop().await;
}

#[tokio::test]
async fn whoever_fails_to_encrypt_or_to_join_again_and_again_fills_no_log() {
    let hub = start(1234);
    let joining = [&[0xE5, 3, 36, 0, 1, 1, 0, 0][..], &[9; 32]].concat();
    let left_out = |view: iot_core::View<'_>| view.overview().limits_reached.get(&Limit::LogLines).copied();
    for round in 0..LINES_PER_PEER {
        let attack = if round.is_multiple_of(2) { &joining[..] } else { &[0xE5, 5, 17, 0] };
        told(&hub, attack).await;
    }
    assert_eq!(hub.handle().read(left_out).await.unwrap(), None, "so many lines a minute are written");
    for attack in [&joining[..], &[0xE5, 5, 17, 0]] {
        told(&hub, attack).await;
    }
    assert_eq!(hub.handle().read(left_out).await.unwrap(), Some(2), "and no more");
    hub.stop().await;
}

#[tokio::test]
async fn a_replayed_handshake_gets_a_reply_and_changes_nothing_for_the_node() {
    let hub = start(1234);
    let mine = keys(6);
    let recorded = first_record(&mine);
    let mut node = joined(&hub, &mine, Capabilities::KEEPS_SESSION).await;
    let first_data = node.seal(&RawFrame::new(&Ping, Correlation::OneWay).unwrap());

    let mut replaying = TcpStream::connect(hub.local_addr()).await.unwrap();
    replaying.write_all(&recorded).await.unwrap();
    replaying.read_exact(&mut [0; REPLY]).await.unwrap();
    replaying.write_all(&first_data).await.unwrap();
    assert_eq!(rest(replaying).await, NOTHING, "data of another session opens nothing");

    node.stream.write_all(&first_data).await.unwrap();
    assert_eq!(node.request(&Ping).await.kind, MessageKind::PONG, "its session goes on");
    assert_eq!(reports(&hub, &mine).await, Some(0));
    hub.stop().await;
}

#[tokio::test]
async fn a_record_changed_repeated_or_left_out_ends_the_session_without_a_word() {
    let hub = start(1234);
    let ping = RawFrame::new(&Ping, Correlation::OneWay).unwrap();
    for (node, attack) in
        [(7, "changed"), (8, "repeated"), (9, "left out"), (10, "plain"), (11, "a frame cut")]
    {
        let mut node = joined(&hub, &keys(node), Capabilities::KEEPS_SESSION).await;
        assert_eq!(node.request(&Ping).await.kind, MessageKind::PONG, "the control");
        let record = node.seal(&ping);
        let bytes = match attack {
            "changed" => [&record[..record.len() - 1], &[record[record.len() - 1] ^ 1]].concat(),
            "repeated" => [record.as_slice(), &record].concat(),
            "left out" => node.seal(&ping),
            "plain" => raw(&Ping),
            _ => [record, cut_frame(&mut node)].concat(),
        };
        node.stream.write_all(&bytes).await.unwrap();
        assert_eq!(rest(node.stream).await, NOTHING, "{attack}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn whoever_begins_to_encrypt_and_does_not_go_on_is_ended() {
    let hub = start(1234);
    let genuine = first_record(&keys(17));
    let mut cut_short = TcpStream::connect(hub.local_addr()).await.unwrap();
    cut_short.write_all(&genuine[..100]).await.unwrap();
    let mut unproven = TcpStream::connect(hub.local_addr()).await.unwrap();
    unproven.write_all(&genuine).await.unwrap();
    unproven.read_exact(&mut [0; REPLY]).await.unwrap();
    assert_eq!(tokio::join!(rest(cut_short), rest(unproven)), (NOTHING.to_vec(), NOTHING.to_vec()));
    hub.stop().await;
}

#[tokio::test]
async fn a_key_is_taken_from_nobody_who_has_not_proven_it() {
    let hub = start(1234);
    let (mine, theirs) = (keys(12), keys(13));
    let _victim = joined(&hub, &theirs, Capabilities::KEEPS_SESSION).await;
    let mut plain = Node::connect(hub.local_addr()).await;
    let answer = plain.request(&keyed_hello(&theirs, Capabilities::KEEPS_SESSION)).await;
    assert_eq!(code(&answer), Some(ErrorCode::UNPROVEN_KEY), "plain for a keyed record");
    let mut other = Keyed::connect(hub.local_addr(), &mine).await.unwrap();
    let answer = other.request(&keyed_hello(&theirs, Capabilities::KEEPS_SESSION)).await;
    assert_eq!(code(&answer), Some(ErrorCode::UNPROVEN_KEY), "with a key of its own");
    let seen = hub.handle().read(|view| view.nodes().len()).await.unwrap();
    assert_eq!(seen, 1, "nobody else is known");
    hub.stop().await;
}

#[tokio::test]
async fn a_node_gives_up_a_hub_that_is_not_its_own() {
    let hub = start(1234);
    let other = Keys { hub: HubIdentity::from_secret([0x43; 32]).public(), ..keys(14) };
    let refused = Keyed::connect(hub.local_addr(), &other).await;
    assert_eq!(refused.err(), Some(TunnelError::Refused(3)));
    assert!(Keyed::connect(hub.local_addr(), &keys(14)).await.is_ok(), "the control");
    hub.stop().await;
}

#[tokio::test]
async fn a_stranger_who_dials_a_node_gets_no_byte() {
    let listener = TcpListener::bind("127.0.4.3:0").await.unwrap();
    let (mine, address) = (keys(15), listener.local_addr().unwrap());
    let stranger = HubIdentity::from_secret([0x43; 32]);
    let own = KeyPair::from_secret(*stranger.secret());
    let session_as_dial = first_record(&Keys::new(own, HubKey(mine.public().0)));
    let attacks = [
        ("another hub", dial_record(&stranger, &mine), Some(TunnelError::WrongHub)),
        ("another node's dial", dial_record(&identity(), &keys(16)), None),
        ("a session as a dial", session_as_dial, None),
        ("a plain frame", raw(&Ping), None),
        ("no first record", vec![0xE5, 4, 64, 0], None),
        ("another protocol", b"GET / HTTP/1.1\r\n\r\n".to_vec(), None),
    ];
    for (attack, bytes, why) in attacks {
        let (answered, heard) = dialled(&listener, address, &mine, &bytes).await;
        assert!(why.is_none() || answered == why, "{attack}: {answered:?}");
        assert!(answered.is_some() && heard.is_empty(), "{attack}: {heard:x?}");
    }
    let (answered, heard) = dialled(&listener, address, &mine, &dial_record(&identity(), &mine)).await;
    assert_eq!((answered, heard.len()), (None, REPLY), "the control");
}

/// Dials a node with these bytes; gives why it did not answer, and what it said.
pub(crate) async fn dialled(
    listener: &TcpListener,
    address: SocketAddr,
    node: &Keys,
    bytes: &[u8],
) -> (Option<TunnelError>, Vec<u8>) {
    let (dialling, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
    let mut dialling = dialling.expect("the node listens");
    dialling.write_all(bytes).await.expect("the node reads");
    dialling.shutdown().await.expect("still connected");
    let answered = Keyed::accept(accepted.expect("a connection").0, node).await.err();
    (answered, rest(dialling).await)
}

/// The first record with which a hub dials a node.
fn dial_record(hub: &HubIdentity, node: &Keys) -> Vec<u8> {
    dial_record_by(hub, 1, node)
}

/// The same, by the hub's key of this number.
pub(crate) fn dial_record_by(hub: &HubIdentity, hub_key: u8, node: &Keys) -> Vec<u8> {
    let own = KeyPair::from_secret(*hub.secret());
    let opening = Opening { purpose: Purpose::Dial, versions: VersionRange::OURS, hub_key };
    let theirs = Some(node.public().0);
    let parties = Parties { pattern: Pattern::Ik, role: Role::Initiator, own: &own, theirs, psk: None };
    let mut handshake = Handshake::new(&parties, opening.prologue().as_ref(), random());
    let mut message = [0; SESSION_MESSAGE];
    handshake.write(&Offer { record: 1024 }.encode(), &mut message).expect("its turn");
    [opening.clear().as_ref(), &message].concat()
}

/// A hub that admits everybody and dials nodes on this port.
pub(crate) fn start(node_port: u16) -> Running {
    start_with(Arc::new(identity().into()), node_port)
}

/// The same, with these keys.
pub(crate) fn start_with(keys: Arc<Keyring>, node_port: u16) -> Running {
    let mut config = NetConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    config.server.identity = Some(keys);
    config.server.drain = Duration::from_millis(100);
    let (registration, dialling) = (Registration::Open, Dialling::LoopbackToo);
    let hub = HubConfig { registration, dialling, node_port, ..HubConfig::default() };
    HubServer::start(config, hub, Arc::new(Catalogue::built_in()), Box::new(MemoryStore::new()))
        .expect("it starts")
}

/// A session in which a node has been welcomed and has registered a relay.
pub(crate) async fn joined(hub: &Running, keys: &Keys, capabilities: Capabilities) -> Keyed {
    let mut node = Keyed::connect(hub.local_addr(), keys).await.expect("both are genuine");
    welcomed(&mut node, keys, capabilities).await;
    node
}

async fn welcomed(node: &mut Keyed, keys: &Keys, capabilities: Capabilities) {
    let answer = node.request(&keyed_hello(keys, capabilities)).await;
    let Ok(HubMessage::Welcome(welcome)) = answer.from_hub() else { panic!("{answer:?}") };
    assert_eq!(welcome.version, VersionRange::OURS.max);
    let kind = Name::new("relay").expect("a name");
    let title = Label::clipped("Pump");
    let modules = [Announcement { index: 0, kind, kind_version: 1, title }];
    let register = Register { total: 1, modules: List::new(&modules).expect("one") };
    assert_eq!(node.request(&register).await.kind, MessageKind::REGISTERED);
}

/// A node that can be dialled at `own` joins, and goes.
pub(crate) async fn visit(hub: &Running, keys: &Keys, own: SocketAddr) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(own.ip(), 0)).expect("an address of loopback");
    let stream = socket.connect(hub.local_addr()).await.expect("the hub listens");
    let mut node = Keyed::open(stream, keys).await.expect("both are genuine");
    welcomed(&mut node, keys, Capabilities::LISTENS).await;
    node.stream.shutdown().await.expect("still connected");
    assert!(node.next().await.is_none());
}

/// Asks for the relay of a node to be switched on.
pub(crate) async fn switch_on(hub: &Running, keys: &Keys) {
    let wanted = Wanted::Set { module: 0, channel: 1, value: OwnedValue::Bool(true) };
    let request = Request::Command { node: id(keys), wanted, expires_in_s: None };
    hub.handle().ask("test", "", request).await.expect("the hub takes it");
}

fn id(keys: &Keys) -> NodeId {
    NodeId::of_key(&keys.public())
}

/// How many reports the hub has of a node; `None` where it is not known.
async fn reports(hub: &Running, keys: &Keys) -> Option<u64> {
    let id = id(keys);
    hub.handle().read(move |view| view.node(&id).ok().map(|node| node.reports)).await.expect("the hub runs")
}

/// Sends bytes on a new connection and gives everything that the hub says before it ends it.
async fn told(hub: &Running, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(hub.local_addr()).await.expect("the hub listens");
    stream.write_all(bytes).await.expect("the hub reads");
    rest(stream).await
}

/// Sends a first record, and gives the reply.
async fn reply(hub: &Running, record: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(hub.local_addr()).await.expect("the hub listens");
    stream.write_all(record).await.expect("the hub reads");
    let mut reply = vec![0; REPLY];
    timeout(SOON, stream.read_exact(&mut reply)).await.expect("in time").expect("a reply");
    reply
}

/// Everything that still comes until the end.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("the connection ends");
    // One that was closed with bytes unread is reset; what came before counts.
    drop(read);
    bytes
}

/// A record that ends in the middle of a frame.
fn cut_frame(node: &mut Keyed) -> Vec<u8> {
    let frame = raw(&report(1, &relay(true)));
    node.seal_bytes(&frame[..frame.len() - 1])
}

fn code(answer: &RawFrame) -> Option<ErrorCode> {
    match answer.from_hub() {
        Ok(HubMessage::Error(error)) => Some(error.code),
        _ => None,
    }
}
