//! Visits: nodes that connect, report once, wait for the acknowledgement and leave, many at a time.
//!
//! Each node has a loopback address of its own, as nodes of a network have, and comes back only when all
//! others have been there.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream as Blocking},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

use super::{
    load::{listen, socket_of},
    wire::Wire,
};

/// Nodes that come in turn.
const NODES: usize = 1_000;

/// Visits that are under way at one time.
const AT_ONCE: usize = 64;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Nodes that are known to a server and come and go.
#[derive(Debug)]
pub struct Visits {
    poll: Poll,
    wire: Wire,
    server: SocketAddr,
    slots: Vec<Option<Visit>>,
    /// Visits begun so far, by which the next node is chosen.
    begun: usize,
}

#[derive(Debug)]
struct Visit {
    stream: TcpStream,
    answers: usize,
    heard: Vec<u8>,
}

impl Visits {
    /// Makes the nodes known to the server.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub fn prepare(server: SocketAddr, wire: Wire) -> Result<Self> {
        for number in 0..NODES {
            let (introduction, answers) = wire.introduction(number)?;
            if answers > 0 {
                let socket = socket_of(number)?;
                socket.connect(&server.into())?;
                let mut stream = Blocking::from(socket);
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(&introduction)?;
                listen(&mut stream, wire, answers)?;
            }
        }
        let slots = (0..AT_ONCE).map(|_| None).collect();
        Ok(Self { poll: Poll::new()?, wire, server, slots, begun: 0 })
    }

    /// Has nodes come and go for a time, and gives how many visits were completed.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub fn run(&mut self, time: Duration) -> Result<usize> {
        let (started, mut completed) = (Instant::now(), 0);
        let mut events = Events::with_capacity(1024);
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_none() {
                self.begin(slot)?;
            }
        }
        while started.elapsed() < time {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            ensure!(!events.is_empty(), "the server has said nothing for {PATIENCE:?}");
            for event in &events {
                let slot = event.token().0;
                let Some(visit) = &mut self.slots[slot] else { continue };
                if visit.hear(self.wire)? {
                    completed += 1;
                    self.slots[slot] = None;
                    self.begin(slot)?;
                }
            }
        }
        Ok(completed)
    }

    fn begin(&mut self, slot: usize) -> Result<()> {
        let (number, round) = (self.begun % NODES, self.begun / NODES);
        self.begun += 1;
        let socket = socket_of(number)?;
        // On the loopback the kernel answers at once, as long as the server's backlog has room.
        socket.connect(&self.server.into()).context("connect to the server")?;
        socket.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(socket.into());
        self.poll.registry().register(&mut stream, Token(slot), Interest::READABLE)?;
        let (bytes, answers) = self.wire.visit(number, u32::try_from(round + 1)?)?;
        let sent = stream.write(&bytes).context("send to the server")?;
        ensure!(sent == bytes.len(), "a new connection takes {sent} of {} bytes", bytes.len());
        self.slots[slot] = Some(Visit { stream, answers, heard: Vec::new() });
        Ok(())
    }
}

impl Visit {
    /// Listens. Whether all has been answered.
    fn hear(&mut self, wire: Wire) -> Result<bool> {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => anyhow::bail!("the server has ended a connection"),
            Ok(len) => self.heard.extend_from_slice(&buffer[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(wire.answers(&self.heard)?.0 >= self.answers)
    }
}
