//! The load: one thread that keeps a number of reports outstanding on each of many connections.
//!
//! Everything it says is prepared, so that it costs far less than any server: it copies bytes and counts
//! answers. It uses no more than one core.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream as Blocking},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use super::wire::{Script, Wire};

/// How long a server may take to answer anything at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that are greeted at one time.
const AT_ONCE: usize = 256;

/// Most bytes taken in one read.
const READ: usize = 64 * 1024;

/// Connections with a server, ready to be used.
#[derive(Debug)]
pub struct Load {
    poll: Poll,
    wire: Wire,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
}

/// One connection.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// Messages that the server may have been sent.
    sent: usize,
    /// Bytes of them that the kernel has not taken.
    behind: usize,
    answered: usize,
    partial: Vec<u8>,
}

impl Load {
    /// Opens connections, and has each of them greet.
    ///
    /// # Errors
    /// When the server does not answer as it should.
    pub fn connect(address: SocketAddr, wire: Wire, count: usize) -> Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(count);
        let mut number = 0;
        while number < count {
            let until = (number + AT_ONCE).min(count);
            for stream in greet(address, wire, number..until)? {
                stream.set_nonblocking(true)?;
                let mut stream = TcpStream::from_std(stream);
                let token = Token(connections.len());
                poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                let partial = Vec::new();
                connections.push(Connection { stream, sent: 0, behind: 0, answered: 0, partial });
            }
            number = until;
        }
        Ok(Self { poll, wire, connections, buffer: vec![0; READ].into() })
    }

    /// Keeps `window` messages outstanding on each connection for a time, and gives how many were answered.
    ///
    /// # Errors
    /// When the server ends a connection, says something else, or falls silent.
    pub fn run(&mut self, script: &Script, window: usize, time: Duration) -> Result<usize> {
        let (started, mut answered) = (Instant::now(), 0);
        let mut events = Events::with_capacity(4096);
        for at in 0..self.connections.len() {
            self.connections[at].fill(script, window)?;
        }
        while started.elapsed() < time {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            ensure!(!events.is_empty(), "the server has said nothing for {PATIENCE:?}");
            for event in &events {
                let connection = &mut self.connections[event.token().0];
                answered += connection.hear(self.wire, &mut self.buffer)?;
                connection.fill(script, window)?;
            }
        }
        Ok(answered)
    }
}

impl Connection {
    /// Counts the answers that have arrived.
    fn hear(&mut self, wire: Wire, buffer: &mut [u8]) -> Result<usize> {
        let before = self.answered;
        loop {
            let kept = self.partial.len();
            buffer[..kept].copy_from_slice(&self.partial);
            let len = match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => anyhow::bail!("the server has ended a connection"),
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            };
            let (answers, used) = wire.answers(&buffer[..kept + len])?;
            self.answered += answers;
            self.partial.clear();
            self.partial.extend_from_slice(&buffer[used..kept + len]);
            if kept + len < buffer.len() {
                break;
            }
        }
        Ok(self.answered - before)
    }

    /// Sends as much as may be outstanding.
    fn fill(&mut self, script: &Script, window: usize) -> Result<()> {
        let until = self.answered + window;
        if until > self.sent {
            self.behind += script.bytes(self.sent, until)?.len();
            self.sent = until;
        }
        if self.behind == 0 {
            return Ok(());
        }
        let all = script.bytes(0, self.sent)?;
        match self.stream.write(&all[all.len() - self.behind..]) {
            Ok(len) => self.behind -= len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Opens connections one after the other, and has them greet together.
fn greet(address: SocketAddr, wire: Wire, numbers: core::ops::Range<usize>) -> Result<Vec<Blocking>> {
    let mut streams = Vec::with_capacity(numbers.len());
    for number in numbers {
        let socket = socket_of(number)?;
        socket.connect(&address.into()).context("connect to the server")?;
        let mut stream = Blocking::from(socket);
        stream.set_read_timeout(Some(PATIENCE))?;
        let (greeting, answers) = wire.greeting(number)?;
        stream.write_all(&greeting)?;
        streams.push((stream, answers));
    }
    let mut greeted = Vec::with_capacity(streams.len());
    for (mut stream, answers) in streams {
        listen(&mut stream, wire, answers)?;
        greeted.push(stream);
    }
    Ok(greeted)
}

/// Waits for so many answers on a connection on which no more are to come.
///
/// # Errors
/// When they do not come, or are others.
pub fn listen(stream: &mut Blocking, wire: Wire, answers: usize) -> Result<()> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while wire.answers(&heard)?.0 < answers {
        let len = stream.read(&mut buffer).context("the answer to a greeting")?;
        ensure!(len > 0, "the server has ended a connection");
        heard.extend_from_slice(&buffer[..len]);
    }
    Ok(())
}

/// A socket with the address of a node: each has one of its own, as nodes of a network have.
///
/// # Errors
/// When the operating system gives no socket.
pub fn socket_of(number: usize) -> Result<Socket> {
    let [high, low] = u16::try_from(number + 1)?.to_be_bytes();
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 9, high, low), 0)).into())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}
