//! The hub beside its peers: the same work for each of them in every repetition, one after the other.
//!
//! Machines differ and change their speed, so that what counts is a ratio within one repetition, and of the
//! ratios the median. The measure is messages for each second of the server's processor: it says what a
//! server can take, whether or not the load kept it busy.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{
    figure::{Bar, Figure},
    load::{Load, listen},
    server::{Peer, Server},
    visits::Visits,
    wire::Script,
};
use crate::out;

/// How long a server works before it is measured.
const WARM: Duration = Duration::from_millis(500);

/// Work that all of them are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// 1,000 connections, one report outstanding on each.
    Thousand,
    /// 100 connections, 16 reports outstanding on each.
    Pipelined,
    /// Connect, report, be acknowledged, close; 64 at a time.
    Visits,
    /// One connection, one report outstanding.
    Lone,
}

/// How it is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How often each server is measured.
    pub repetitions: usize,
    /// For how long, each time.
    pub time: Duration,
    /// Who takes the place of the hub.
    pub hub: Peer,
}

/// A peer, and what the hub must reach beside it.
struct Beside {
    peer: Peer,
    bar: Option<Bar>,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Thousand => "1,000 x 1",
            Self::Pipelined => "100 x 16",
            Self::Visits => "connect, report, close",
            Self::Lone => "lone node",
        }
    }

    fn unit(self) -> &'static str {
        if self == Self::Lone { "µs" } else { "/ core second" }
    }

    fn beside(self) -> Vec<Beside> {
        let peers: &[(Peer, Option<Bar>)] = match self {
            Self::Thousand => &[
                (Peer::Echo, None),
                (Peer::EchoDurable, Some(Bar::AtLeast(0.6))),
                (Peer::Mosquitto, Some(Bar::AtLeast(1.15))),
            ],
            Self::Pipelined => &[
                (Peer::Echo, None),
                (Peer::EchoDurable, Some(Bar::AtLeast(0.6))),
                (Peer::Mosquitto, Some(Bar::AtLeast(8.0))),
            ],
            Self::Visits => {
                &[(Peer::Echo, Some(Bar::AtLeast(0.75))), (Peer::EchoDurable, None), (Peer::Mosquitto, None)]
            }
            Self::Lone => &[(Peer::EchoDurable, Some(Bar::AtMost(1.1))), (Peer::Mosquitto, None)],
        };
        peers.iter().map(|(peer, bar)| Beside { peer: *peer, bar: *bar }).collect()
    }

    /// Messages for each second of the server's processor, or the median time to an acknowledgement.
    fn measure(self, peer: Peer, script: &Script, time: Duration) -> Result<f64> {
        let server = Server::start(peer)?;
        match self {
            Self::Thousand => outstanding(&server, peer, script, (1_000, 1), time),
            Self::Pipelined => outstanding(&server, peer, script, (100, 16), time),
            Self::Visits => {
                let mut visits = Visits::prepare(server.address, peer.wire())?;
                visits.run(WARM)?;
                per_core_second(&server, || visits.run(time))
            }
            Self::Lone => lone(&server, peer, script, time),
        }
    }
}

/// Measures one work, and gives the figures of all peers and the ratios.
///
/// # Errors
/// When a server cannot be started, or does not answer as it should.
pub fn run(work: Work, effort: &Effort) -> Result<Vec<Figure>> {
    let beside = work.beside();
    let peers: Vec<_> = [effort.hub].into_iter().chain(beside.iter().map(|beside| beside.peer)).collect();
    let scripts = peers.iter().map(|peer| peer.wire().script()).collect::<Result<Vec<_>>>()?;
    let mut measured = vec![Vec::new(); peers.len()];
    for repetition in 1..=effort.repetitions {
        for ((peer, script), values) in peers.iter().zip(&scripts).zip(&mut measured) {
            let value = work.measure(*peer, script, effort.time)?;
            let (work, peer) = (work.name(), peer.name());
            out::progress(&format!("{work}, {peer}, {repetition} of {}: {value:.0}", effort.repetitions));
            values.push(value);
        }
    }
    let mut figures = Vec::new();
    for (peer, values) in peers.iter().zip(&measured) {
        figures.push(Figure::median(
            format!("{}: {}", work.name(), peer.name()),
            values.clone(),
            work.unit(),
        ));
    }
    let hub = measured.first().cloned().unwrap_or_default();
    for (beside, values) in beside.iter().zip(measured.iter().skip(1)) {
        let ratios = hub.iter().zip(values).map(|(hub, peer)| hub / peer).collect();
        let name = format!("{}: {} / {}", work.name(), effort.hub.name(), beside.peer.name());
        let figure = Figure::median(name, ratios, "times");
        figures.push(match beside.bar {
            Some(bar) => figure.must_be(bar),
            None => figure,
        });
    }
    Ok(figures)
}

/// Keeps so many reports outstanding on so many connections.
fn outstanding(
    server: &Server,
    peer: Peer,
    script: &Script,
    (connections, window): (usize, usize),
    time: Duration,
) -> Result<f64> {
    let mut load = Load::connect(server.address, peer.wire(), connections)?;
    load.run(script, window, WARM)?;
    per_core_second(server, || load.run(script, window, time))
}

/// What was done, over the processor time that the server spent on it.
fn per_core_second(server: &Server, work: impl FnOnce() -> Result<usize>) -> Result<f64> {
    let before = server.usage()?.cpu;
    let done = work()?;
    let used = server.usage()?.cpu.saturating_sub(before);
    ensure!(!used.is_zero(), "the server used no processor time for {done} messages: measure for longer");
    Ok(f64::from(u32::try_from(done)?) / used.as_secs_f64())
}

/// One node that reports, waits, and reports again: the median of its waits in microseconds.
fn lone(server: &Server, peer: Peer, script: &Script, time: Duration) -> Result<f64> {
    let wire = peer.wire();
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_nodelay(true)?;
    let (greeting, answers) = wire.greeting(0)?;
    stream.write_all(&greeting)?;
    listen(&mut stream, wire, answers)?;
    let (started, mut waits, mut buffer) = (Instant::now(), Vec::new(), [0; 256]);
    while started.elapsed() < WARM + time {
        let sent = Instant::now();
        stream.write_all(script.bytes(waits.len(), waits.len() + 1)?)?;
        let mut heard = 0;
        while wire.answers(&buffer[..heard])?.0 == 0 {
            let len = stream.read(&mut buffer[heard..])?;
            ensure!(len > 0, "the server has ended the connection");
            heard += len;
        }
        waits.push(sent.elapsed());
    }
    waits.sort();
    let median = waits.get(waits.len() / 2).copied().unwrap_or_default();
    Ok(median.as_secs_f64() * 1e6)
}
