//! The sockets of a runner: how they are opened, and how they are waited for.

use alloc::boxed::Box;
use core::{future::Future, net::SocketAddr, pin::Pin, time::Duration};
use std::io;

use iot_proto::{RECORD_HEADER_LEN, TAG_LEN};
use tokio::{
    io::Interest,
    net::{TcpListener, TcpSocket, TcpStream},
    time,
};

use super::Ends;
use crate::{
    Connection, Instant,
    tunnel::{Keys, Tunnel},
};

/// How long it may take to open a connection to the hub.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A connection to the hub that is being opened.
pub(super) type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// How long the other side of an encrypted connection may take to prove who it is.
pub const PROOF_LIMIT: Duration = Duration::from_secs(10);

/// Memory for the largest record with the largest frame of a [`HostNode`](super::HostNode).
const RECORD: usize = RECORD_HEADER_LEN + 1024 + TAG_LEN;

/// A connection, and whether it takes no more bytes for now.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) is_full: bool,
    /// What encrypts it; `None` on a plain connection.
    pub(super) tunnel: Option<Box<Tunnel<RECORD>>>,
    /// By when the other side must have proven itself; `None` once it has, or need not.
    pub(super) prove_by: Option<Instant>,
}

impl Socket {
    /// A connection that has just been opened.
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it small frames wait for the acknowledgement of earlier ones; nothing else depends on it.
        let _ = stream.set_nodelay(true);
        Self { stream, is_full: false, tunnel: None, prove_by: None }
    }

    /// A connection that has just been opened, and that is to be encrypted.
    pub(super) fn encrypted(
        stream: TcpStream,
        connection: Connection,
        keys: &Keys,
        now: Instant,
    ) -> io::Result<Self> {
        let mut random = [0; 32];
        getrandom::fill(&mut random)?;
        let tunnel = match connection {
            Connection::Own => Tunnel::connect(keys, random).map_err(io::Error::other)?,
            Connection::Dialled => Tunnel::accept(keys.clone(), random),
        };
        let prove_by = Some(now.after(PROOF_LIMIT));
        Ok(Self { tunnel: Some(Box::new(tunnel)), prove_by, ..Self::new(stream) })
    }

    /// Reads once into the tunnel; whether bytes came.
    pub(super) fn read_records(&mut self) -> io::Result<bool> {
        self.is_full = false;
        let Some(tunnel) = &mut self.tunnel else { return Ok(false) };
        let room = tunnel.room();
        if room.is_empty() {
            return Ok(false);
        }
        match self.stream.try_read(room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                tunnel.received(len);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether bytes wait that are not the node's any more.
    pub(super) fn has_waiting(&self) -> bool {
        self.tunnel.as_ref().is_some_and(|tunnel| !tunnel.waiting().is_empty())
    }

    /// Writes what the system takes; gives how many bytes of `frames` are on their way.
    pub(super) fn write(&mut self, frames: &[u8]) -> io::Result<usize> {
        let Some(tunnel) = &mut self.tunnel else {
            return try_write(&self.stream, &mut self.is_full, frames);
        };
        let sealed = tunnel.seal(frames).map_err(io::Error::other)?;
        while !self.is_full && !tunnel.waiting().is_empty() {
            let written = try_write(&self.stream, &mut self.is_full, tunnel.waiting())?;
            tunnel.sent(written);
        }
        Ok(sealed)
    }
}

fn try_write(stream: &TcpStream, is_full: &mut bool, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            *is_full = true;
            Ok(0)
        }
        written => written,
    }
}

/// Listens there.
pub(super) fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = if at.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A node that starts anew must not wait for connections of its former life to be forgotten.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(4)
}

/// Begins to open a connection to the hub.
pub(super) fn open(ends: Ends) -> Connecting {
    Box::pin(async move {
        let socket = if ends.hub.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = ends.from {
            socket.bind(from)?;
        }
        time::timeout(CONNECT_LIMIT, socket.connect(ends.hub)).await?
    })
}

/// Waits for a connection that is being opened, for ever where there is none.
pub(super) async fn connect(connecting: &mut Option<Connecting>) -> io::Result<TcpStream> {
    match connecting {
        Some(connecting) => connecting.await,
        None => core::future::pending().await,
    }
}

/// Waits for a connection of the hub, for ever where the node does not listen.
pub(super) async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => core::future::pending().await,
    }
}

/// Waits until there is something to read that the node has room for, or room to write what waits.
pub(super) async fn ready(socket: Option<&Socket>, room: usize) {
    let interest = match socket {
        Some(socket) if socket.is_full && room > 0 => Interest::READABLE | Interest::WRITABLE,
        Some(socket) if socket.is_full => Interest::WRITABLE,
        Some(_) if room > 0 => Interest::READABLE,
        _ => return core::future::pending().await,
    };
    if let Some(socket) = socket {
        // A failed wait shows itself in the read or write that follows.
        let _ = socket.stream.ready(interest).await;
    }
}
