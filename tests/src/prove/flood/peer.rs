//! [`Flood`]: hostile peers, each at an address of its own, as fast as one thread can be.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use iot_proto::{
    Announcement, Capabilities, Correlation, Label, List, MAX_MODULES, Name, Ping, Register, RequestId,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    runtime::Builder,
    task::LocalSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{hand_node::hello, prove::chance::Chance};

/// Bytes of one burst: what is written at once.
const BURST: usize = 16 * 1024;

/// A connection on which nothing moves any more is given up, and another one is made.
const STUCK: Duration = Duration::from_secs(20);

/// A pause where the operating system or the hub gives no connection.
const REFUSED: Duration = Duration::from_millis(5);

/// A header that promises the longest frame that the field can name.
const OVERSIZED: [u8; 12] = [0xC1, 1, 0, 0, 1, 0, 0xFF, 0xFF, 1, 0, 0, 0];

/// What a peer does, over and over.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// Connects and sends what is no protocol.
    Junk,
    /// Says hello, then sends requests at line rate and reads what is answered.
    LineRate,
    /// The same, and reads nothing.
    Deaf,
    /// Connects and promises a frame that is too long, with its bytes.
    Oversized,
    /// Connects and is gone.
    ComeAndGo,
    /// Connects, says hello under one name, and is gone.
    HelloStorm,
    /// Connects, says hello under a name that nobody has had, and registers as many modules as there may be.
    Strangers,
    /// Sends junk to the pages.
    PageJunk,
    /// Opens pages as fast as they come.
    PageStorm,
}

const HABITS: [Habit; 9] = [
    Habit::Junk,
    Habit::LineRate,
    Habit::Deaf,
    Habit::Oversized,
    Habit::ComeAndGo,
    Habit::HelloStorm,
    Habit::Strangers,
    Habit::PageJunk,
    Habit::PageStorm,
];

/// What the peers did.
#[derive(Debug, Default)]
struct Deeds {
    connections: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_heard: AtomicU64,
}

/// Hostile peers at work.
#[derive(Debug)]
pub(super) struct Flood {
    stop: CancellationToken,
    thread: JoinHandle<Result<()>>,
    deeds: Arc<Deeds>,
    peers: u8,
}

impl Flood {
    /// Lets so many peers loose. Where there are names, they come under these.
    ///
    /// # Errors
    /// Where the operating system has no thread to give.
    pub(super) fn start(hub: SocketAddr, pages: SocketAddr, peers: u8, names: Vec<String>) -> Result<Self> {
        let (stop, deeds, names) = (CancellationToken::new(), Arc::new(Deeds::default()), Arc::new(names));
        let (stopped, counted) = (stop.clone(), Arc::clone(&deeds));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("flood".into()).spawn(move || {
            let local = LocalSet::new();
            for number in 0..peers {
                let (deeds, names) = (Arc::clone(&counted), Arc::clone(&names));
                let chance = Chance::new(1, number.into());
                let habit = HABITS[usize::from(number) % HABITS.len()];
                let peer = Peer { number, habit, hub, pages, names, chance, deeds, count: 0 };
                local.spawn_local(stopped.clone().run_until_cancelled_owned(peer.live()));
            }
            runtime.block_on(local);
            Ok(())
        })?;
        Ok(Self { stop, thread, deeds, peers })
    }

    /// Ends all peers without a word, and gives what they did.
    ///
    /// # Errors
    /// When they have failed by themselves.
    pub(super) fn end(self) -> Result<Value> {
        self.stop.cancel();
        let ended = self.thread.join();
        ended.ok().context("the flood has panicked")??;
        let [connections, sent, heard] =
            [&self.deeds.connections, &self.deeds.bytes_sent, &self.deeds.bytes_heard]
                .map(|counter| counter.load(Ordering::Relaxed));
        ensure!(connections > 0, "no hostile peer has reached the hub");
        Ok(json!({
            "peers": self.peers,
            "connections": connections,
            "sent_mib": sent / 1024 / 1024,
            "heard_mib": heard / 1024 / 1024,
        }))
    }
}

/// One hostile peer.
struct Peer {
    number: u8,
    habit: Habit,
    hub: SocketAddr,
    pages: SocketAddr,
    names: Arc<Vec<String>>,
    chance: Chance,
    deeds: Arc<Deeds>,
    /// Connections so far.
    count: u64,
}

impl Peer {
    /// Does it until it is stopped.
    async fn live(mut self) {
        loop {
            let Ok(stream) = self.connect().await else {
                tokio::time::sleep(REFUSED).await;
                continue;
            };
            self.count += 1;
            self.deeds.connections.fetch_add(1, Ordering::Relaxed);
            // Whatever ends the connection, the next one follows.
            let _ = self.act(stream).await;
        }
    }

    async fn connect(&self) -> Result<TcpStream> {
        let to = match self.habit {
            Habit::PageJunk | Habit::PageStorm => self.pages,
            Habit::Junk
            | Habit::LineRate
            | Habit::Deaf
            | Habit::Oversized
            | Habit::ComeAndGo
            | Habit::HelloStorm
            | Habit::Strangers => self.hub,
        };
        let socket = TcpSocket::new_v4()?;
        // Without the state that a closed connection leaves behind: the peer soon would have no port left.
        socket.set_zero_linger()?;
        socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 1, self.number + 1)), 0))?;
        Ok(timeout(STUCK, socket.connect(to)).await??)
    }

    async fn act(&mut self, mut stream: TcpStream) -> Result<()> {
        match self.habit {
            Habit::ComeAndGo => Ok(()),
            Habit::Junk | Habit::PageJunk => {
                let junk = self.junk();
                self.pour(stream, &junk).await
            }
            Habit::Oversized => {
                let bytes = [OVERSIZED.as_slice(), &[0; BURST]].concat();
                self.pour(stream, &bytes).await
            }
            Habit::LineRate => {
                let greeting = self.greeting("line-rate")?;
                self.write(&mut stream, &greeting).await?;
                let (mut read, write) = stream.into_split();
                let deeds = Arc::clone(&self.deeds);
                let hear = async {
                    let mut buffer = vec![0; BURST];
                    while let Ok(len @ 1..) = read.read(&mut buffer).await {
                        deeds.bytes_heard.fetch_add(u64::try_from(len).unwrap_or(0), Ordering::Relaxed);
                    }
                };
                let pings = pings()?;
                tokio::select! { () = hear => Ok(()), poured = self.pour(write, &pings) => poured }
            }
            Habit::Deaf => {
                let greeting = self.greeting("deaf")?;
                self.write(&mut stream, &greeting).await?;
                self.pour(stream, &pings()?).await
            }
            Habit::HelloStorm => {
                let greeting = self.greeting("storm")?;
                self.write(&mut stream, &greeting).await?;
                if self.chance.one_in(2) { self.hear(&mut stream).await } else { Ok(()) }
            }
            Habit::Strangers => {
                let mut bytes = self.greeting(&format!("stranger-{}", self.count))?;
                register(&mut bytes)?;
                self.write(&mut stream, &bytes).await?;
                self.hear(&mut stream).await
            }
            Habit::PageStorm => {
                let request = format!("GET /nodes HTTP/1.1\r\nhost: {}\r\n\r\n", self.pages);
                loop {
                    self.write(&mut stream, request.as_bytes()).await?;
                    self.hear(&mut stream).await?;
                }
            }
        }
    }

    /// Writes the same bytes until the hub takes no more.
    async fn pour(&self, mut stream: impl tokio::io::AsyncWrite + Unpin, bytes: &[u8]) -> Result<()> {
        loop {
            self.write(&mut stream, bytes).await?;
        }
    }

    async fn write(&self, mut stream: impl tokio::io::AsyncWrite + Unpin, bytes: &[u8]) -> Result<()> {
        timeout(STUCK, stream.write_all(bytes)).await??;
        self.deeds.bytes_sent.fetch_add(u64::try_from(bytes.len())?, Ordering::Relaxed);
        Ok(())
    }

    /// Takes what has been answered.
    async fn hear(&self, stream: &mut TcpStream) -> Result<()> {
        let mut buffer = vec![0; BURST];
        let len = timeout(STUCK, stream.read(&mut buffer)).await??;
        ensure!(len > 0, "the hub has closed the connection");
        self.deeds.bytes_heard.fetch_add(u64::try_from(len)?, Ordering::Relaxed);
        Ok(())
    }

    /// A hello, under its own name or that of a good node.
    fn greeting(&mut self, name: &str) -> Result<Vec<u8>> {
        let own = format!("{name}-{}", self.number);
        let count = u64::try_from(self.names.len())?;
        let at = usize::try_from(self.chance.below(count))?;
        let name = self.names.get(at).unwrap_or(&own);
        let mut bytes = Vec::new();
        let hello = hello(name, 1, 60, Capabilities::KEEPS_SESSION)?;
        iot_proto::encode_to_vec(&hello, Correlation::Request(RequestId::FIRST), &mut bytes)?;
        Ok(bytes)
    }

    fn junk(&mut self) -> Vec<u8> {
        let mut junk: Vec<u8> =
            (0..BURST).map(|_| u8::try_from(self.chance.below(256)).unwrap_or(0)).collect();
        // Half of it begins like a frame, so that it comes further than the first byte.
        if self.chance.one_in(2) {
            junk[..2].copy_from_slice(&[0xC1, 1]);
        }
        junk
    }
}

/// As many requests as one burst has room for.
fn pings() -> Result<Vec<u8>> {
    let (mut bytes, mut request) = (Vec::with_capacity(BURST), RequestId::FIRST);
    while bytes.len() < BURST - 64 {
        request = request.next();
        iot_proto::encode_to_vec(&Ping, Correlation::Request(request), &mut bytes)?;
    }
    Ok(bytes)
}

/// As many modules as a node may have.
fn register(bytes: &mut Vec<u8>) -> Result<()> {
    let kind = Name::new("temperature")?;
    let title = Label::clipped("hostile");
    let modules: Vec<_> =
        (0..MAX_MODULES).map(|index| Announcement { index, kind, kind_version: 1, title }).collect();
    let register = Register { total: MAX_MODULES, modules: List::new(&modules)? };
    Ok(iot_proto::encode_to_vec(&register, Correlation::Request(RequestId::FIRST.next()), bytes)?)
}
