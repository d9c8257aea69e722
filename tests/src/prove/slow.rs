//! `slow`: thousands of slow connections on each port of the real binary, beside good nodes and pages.
//!
//! Each slow connection takes as little time of the hub as it can and holds on to what it has: it is silent, comes
//! byte by byte, or does not read. Another one follows as soon as it was closed. Good nodes and whoever opens pages
//! must not notice, and no slow connection may last.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    runtime::Builder,
    task::LocalSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    findings::{Findings, millis},
    frame::Frame,
    site::{Fared, Site, Visitor, Visits},
};
use crate::hub::Launch;

/// How to be slow.
#[derive(Debug, Args)]
pub struct Options {
    /// How many seconds
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// Good nodes, each with a report a second
    #[arg(long, default_value_t = 1_000)]
    nodes: u32,
    /// Slow connections on each port, at the same time
    #[arg(long, default_value_t = 4_000)]
    connections: u16,
    #[command(flatten)]
    frame: Frame<Plant>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub is stopped for a while, as one that has run into a lock: nobody is served or closed
    Stopped,
}

/// Good nodes are acknowledged within this, 99 of 100 times, and pages come within it.
const WITHIN: Duration = Duration::from_millis(250);

/// A slow connection is closed by then.
const CLOSED_WITHIN: Duration = Duration::from_secs(15);

/// How long the planted fault lasts: longer than a slow connection may.
const STOPPED_FOR: Duration = Duration::from_secs(17);

/// Slow connections of one address: fewer than one address may have.
const PER_ADDRESS: u16 = 20;

/// Pause between two bytes.
const DRIP: Duration = Duration::from_secs(1);

/// A pause before the next connection: whoever comes at once each time is no slow peer but a storm, which `flood` is.
const AGAIN: Duration = Duration::from_secs(2);

/// Pause between two connections when all of them begin, so that the operating system drops none of them.
const APART: Duration = Duration::from_millis(1);

/// What is said byte by byte to the port for nodes: the beginning of a hello that never ends.
const HELLO: [u8; 64] = {
    let mut bytes = [0; 64];
    (bytes[0], bytes[1], bytes[4], bytes[6]) = (0xC1, 1, 1, 200);
    bytes
};

/// What a run counted.
struct Figures {
    good: Fared,
    visits: Visits,
    nodes: Port,
    pages: Port,
    limits: Value,
}

/// What became of the slow connections of one port.
#[derive(Debug, Default)]
struct Port {
    opened: u64,
    closed: u64,
    /// How long the longest has lasted, those that are still open included.
    longest: Duration,
}

/// Is slow as planned, prints what was found, and judges it.
///
/// # Errors
/// When the hub does not start, or a promise was broken; with a planted fault, when it was not found.
pub fn run(options: &Options) -> Result<()> {
    let figures = slow(options)?;
    let longest = figures.nodes.longest;
    options.frame.conclude(
        "slow",
        figures.into_findings(),
        |Plant::Stopped| longest > CLOSED_WITHIN,
        "every slow connection was closed, and nobody else noticed",
    )
}

fn slow(options: &Options) -> Result<Figures> {
    let site = Site::open(options.nodes, Launch::default(), "", &["--registration", "approve"])?;
    let mark = site.mark()?;
    let visitor = Visitor::start(&site.hub.api);
    let nodes = Crowd::start(2, site.hub.tcp, options.connections, &NODE_HABITS)?;
    let pages = Crowd::start(3, site.hub.api.address(), options.connections, &PAGE_HABITS)?;
    let time = Duration::from_secs(options.seconds);
    match options.frame.plant {
        None => thread::sleep(time),
        Some(Plant::Stopped) => {
            thread::sleep(time / 2);
            site.hub.stand_still(STOPPED_FOR)?;
        }
    }
    let good = site.since(&mark);
    let (nodes, pages) = (nodes.end()?, pages.end()?);
    let visits = visitor.end()?;
    let limits = site.hub.api.get("/overview")?["limits_reached"].clone();
    site.close()?;
    Ok(Figures { good, visits, nodes, pages, limits })
}

impl Figures {
    fn breaches(&self) -> Vec<String> {
        let mut breaches = self.good.breaches(WITHIN);
        breaches.extend(self.visits.breaches(WITHIN));
        for (what, port) in [("nodes", &self.nodes), ("pages", &self.pages)] {
            if port.longest > CLOSED_WITHIN {
                breaches
                    .push(format!("a slow connection to the port of {what} has lasted {:?}", port.longest));
            }
            if port.closed == 0 {
                breaches.push(format!("no slow connection to the port of {what} was closed"));
            }
        }
        breaches
    }

    fn into_findings(self) -> Findings {
        let mut findings = Findings::default();
        self.breaches().into_iter().for_each(|what| findings.breach(what));
        findings.tell("good", self.good.to_json());
        findings.tell("visits", self.visits.to_json());
        findings.tell("slow", json!({ "nodes": self.nodes.to_json(), "pages": self.pages.to_json() }));
        findings.tell("limits_reached", self.limits);
        findings
    }
}

impl Port {
    fn to_json(&self) -> Value {
        json!({ "opened": self.opened, "closed": self.closed, "longest_ms": millis(self.longest) })
    }
}

/// How a connection is slow.
#[derive(Clone, Copy, Debug)]
enum Habit {
    /// It says nothing.
    Silent,
    /// It says this, and nothing more.
    Stops(&'static [u8]),
    /// It says this byte by byte, over and over.
    Drips(&'static [u8]),
    /// It says this once, and then that byte by byte.
    DripsAfter(&'static [u8], &'static [u8]),
}

const NODE_HABITS: [Habit; 3] = [Habit::Silent, Habit::Stops(HELLO.split_at(20).0), Habit::Drips(&HELLO)];

const PAGE_HABITS: [Habit; 5] = [
    Habit::Silent,
    Habit::Stops(b"GET / HTTP/1.1\r\nhost: 127"),
    Habit::Drips(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\n"),
    Habit::DripsAfter(
        b"POST /api/v1/backup HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
          content-length: 1000\r\n\r\n",
        b"{}",
    ),
    Habit::Stops(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"),
];

/// Slow connections to one port.
#[derive(Debug)]
struct Crowd {
    stop: CancellationToken,
    thread: JoinHandle<()>,
    lives: Arc<Lives>,
}

#[derive(Debug, Default)]
struct Lives {
    opened: AtomicU64,
    closed: AtomicU64,
    longest: Mutex<Duration>,
}

impl Crowd {
    /// Opens so many connections, from addresses of this network, and keeps their number.
    fn start(network: u8, to: SocketAddr, count: u16, habits: &'static [Habit]) -> Result<Self> {
        let (stop, lives) = (CancellationToken::new(), Arc::new(Lives::default()));
        let (stopped, counted) = (stop.clone(), Arc::clone(&lives));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("slow".into()).spawn(move || {
            let local = LocalSet::new();
            for (number, habit) in (0..count).zip(habits.iter().cycle()) {
                let [high, low] = (number / PER_ADDRESS + 1).to_be_bytes();
                let from = IpAddr::V4(Ipv4Addr::new(127, network, high, low));
                let slow = again_and_again(from, to, *habit, Arc::clone(&counted), stopped.clone());
                local.spawn_local(async move {
                    tokio::time::sleep(APART * number.into()).await;
                    slow.await;
                });
            }
            runtime.block_on(local);
        })?;
        Ok(Self { stop, thread, lives })
    }

    /// Ends all of them.
    fn end(self) -> Result<Port> {
        self.stop.cancel();
        self.thread.join().ok().context("the slow connections have panicked")?;
        let longest = *self.lives.longest.lock().unwrap_or_else(PoisonError::into_inner);
        let [opened, closed] =
            [&self.lives.opened, &self.lives.closed].map(|counter| counter.load(Ordering::Relaxed));
        Ok(Port { opened, closed, longest })
    }
}

async fn again_and_again(
    from: IpAddr,
    to: SocketAddr,
    habit: Habit,
    lives: Arc<Lives>,
    stop: CancellationToken,
) {
    while !stop.is_cancelled() {
        let Ok(mut stream) = connect(from, to).await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        let began = Instant::now();
        lives.opened.fetch_add(1, Ordering::Relaxed);
        let was_closed = stop.run_until_cancelled(hold_on(&mut stream, habit)).await.is_some();
        lives.closed.fetch_add(u64::from(was_closed), Ordering::Relaxed);
        let lasted = began.elapsed();
        {
            let mut longest = lives.longest.lock().unwrap_or_else(PoisonError::into_inner);
            *longest = lasted.max(*longest);
        }
        stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
    }
}

async fn connect(from: IpAddr, to: SocketAddr) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // Without the state that a closed connection leaves behind: there soon would be no port left.
    socket.set_zero_linger()?;
    socket.bind(SocketAddr::new(from, 0))?;
    Ok(socket.connect(to).await?)
}

/// Keeps a connection for as long as the hub lets it.
async fn hold_on(stream: &mut TcpStream, habit: Habit) {
    let (mut read, mut write) = stream.split();
    let closed = async {
        let mut buffer = [0; 1024];
        while let Ok(1..) = read.read(&mut buffer).await {}
    };
    let say = async {
        let (first, then) = match habit {
            Habit::Silent => ([].as_slice(), [].as_slice()),
            Habit::Stops(first) => (first, [].as_slice()),
            Habit::Drips(then) => ([].as_slice(), then),
            Habit::DripsAfter(first, then) => (first, then),
        };
        let mut goes_on = write.write_all(first).await.is_ok();
        for byte in then.iter().cycle() {
            goes_on = goes_on && write.write_all(&[*byte]).await.is_ok();
            if !goes_on {
                break;
            }
            tokio::time::sleep(DRIP).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! { () = closed => {}, () = say => {} }
}
