//! The echo: what no hub can beat. It takes report frames and answers each with an acknowledgement of the
//! hub's size, and looks at nothing but the length.
//!
//! Everything that is ready at one wake-up is one batch. The plain echo answers a connection as soon as it
//! has read it; the durable one appends what has arrived to a file that is allocated before, syncs it once
//! for the whole batch, and answers then.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Seek as _, Write as _},
    net::SocketAddr,
    path::Path,
};

use anyhow::{Context as _, Result};
use iot_proto::{BootId, Correlation, HEADER_LEN, List, ReportAck, RequestId};
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

/// Bytes of the file of the durable echo. It is written from the start again when its end is reached.
const FILE: usize = 64 << 20;

/// Most bytes taken in one read.
const READ: usize = 64 * 1024;

const LISTENER: Token = Token(usize::MAX);

/// An echo that listens.
#[derive(Debug)]
pub struct Echo {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// One acknowledgement.
    answer: Vec<u8>,
    buffer: Box<[u8]>,
    log: Option<Log>,
}

/// One connection: how many bytes of its last frame are still to come, or of the next header are there.
#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    header: Vec<u8>,
    missing: usize,
    unsent: Vec<u8>,
}

/// Where the durable echo puts what has arrived.
#[derive(Debug)]
struct Log {
    file: File,
    at: usize,
    batch: Vec<u8>,
}

impl Echo {
    /// An echo on a free port of the loopback address; one that syncs where it is given a file.
    ///
    /// # Errors
    /// When the port or the file cannot be had.
    pub fn bind(file: Option<&Path>) -> Result<Self> {
        let mut listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let mut answer = Vec::new();
        let ack = ReportAck { boot: BootId(1), stored: 10_000, rejected: List::new(&[])? };
        iot_proto::encode_to_vec(&ack, Correlation::Response(RequestId::FIRST), &mut answer)?;
        Ok(Self {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            answer,
            buffer: vec![0; READ].into(),
            log: file.map(Log::create).transpose()?,
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the operating system does not say so.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers until the process is ended.
    ///
    /// # Errors
    /// When the listener or the file fails; a connection's failure ends only itself.
    pub fn run(mut self) -> Result<()> {
        let mut events = Events::with_capacity(4096);
        let mut batch = Vec::new();
        loop {
            if let Err(error) = self.poll.poll(&mut events, None)
                && error.kind() != ErrorKind::Interrupted
            {
                return Err(error.into());
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(at) => self.take(at, &mut batch),
                }
            }
            if let Some(log) = &mut self.log {
                log.sync()?;
            }
            for at in batch.drain(..) {
                self.send(at);
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        loop {
            let (mut stream, _) = match self.listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("accept"),
            };
            stream.set_nodelay(true)?;
            let at = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            self.poll.registry().register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
            self.connections[at] =
                Some(Connection { stream, header: Vec::new(), missing: 0, unsent: Vec::new() });
        }
    }

    /// Reads what has arrived on a connection, and answers it or puts it into the batch.
    fn take(&mut self, at: usize, batch: &mut Vec<usize>) {
        let Some(connection) = self.connections.get_mut(at).and_then(Option::as_mut) else { return };
        loop {
            match connection.stream.read(&mut self.buffer) {
                Ok(0) => return self.close(at),
                Ok(len) => {
                    let arrived = &self.buffer[..len];
                    for _ in 0..connection.whole_frames(arrived) {
                        connection.unsent.extend_from_slice(&self.answer);
                    }
                    if let Some(log) = &mut self.log {
                        log.batch.extend_from_slice(arrived);
                    }
                    // A short read has taken everything: one more would only say so.
                    if len < READ {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return self.close(at),
            }
        }
        if self.log.is_some() {
            batch.push(at);
        } else {
            self.send(at);
        }
    }

    fn send(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at).and_then(Option::as_mut) else { return };
        if connection.unsent.is_empty() {
            return;
        }
        match connection.stream.write(&connection.unsent) {
            Ok(len) => drop(connection.unsent.drain(..len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.close(at),
        }
    }

    fn close(&mut self, at: usize) {
        if let Some(closed) = self.connections.get_mut(at) {
            *closed = None;
            self.free.push(at);
        }
    }
}

impl Connection {
    /// How many frames have become whole with these bytes.
    fn whole_frames(&mut self, mut arrived: &[u8]) -> usize {
        let mut whole = 0;
        while !arrived.is_empty() {
            if self.missing == 0 {
                let (header, rest) = arrived.split_at((HEADER_LEN - self.header.len()).min(arrived.len()));
                self.header.extend_from_slice(header);
                arrived = rest;
                if self.header.len() == HEADER_LEN {
                    self.missing = usize::from(u16::from_le_bytes([self.header[6], self.header[7]]));
                    self.header.clear();
                    whole += usize::from(self.missing == 0);
                }
            } else {
                let taken = self.missing.min(arrived.len());
                arrived = &arrived[taken..];
                self.missing -= taken;
                whole += usize::from(self.missing == 0);
            }
        }
        whole
    }
}

impl Log {
    fn create(path: &Path) -> Result<Self> {
        let mut file = File::create(path).with_context(|| format!("make {}", path.display()))?;
        let zeros = vec![0; 1 << 20];
        for _ in 0..FILE / zeros.len() {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        file.rewind()?;
        Ok(Self { file, at: 0, batch: Vec::new() })
    }

    /// Puts what has arrived on disk, if anything has.
    fn sync(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        if self.at + self.batch.len() > FILE {
            self.file.rewind()?;
            self.at = 0;
        }
        self.file.write_all(&self.batch)?;
        self.file.sync_data()?;
        self.at += self.batch.len();
        self.batch.clear();
        Ok(())
    }
}
