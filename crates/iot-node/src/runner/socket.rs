//! The sockets of a runner: how they are opened, and how they are waited for.

use alloc::boxed::Box;
use core::{future::Future, net::SocketAddr, pin::Pin, time::Duration};
use std::io;

use tokio::{
    io::Interest,
    net::{TcpListener, TcpSocket, TcpStream},
    time,
};

use super::Ends;

/// How long it may take to open a connection to the hub.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A connection to the hub that is being opened.
pub(super) type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// A connection, and whether it takes no more bytes for now.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) is_full: bool,
}

impl Socket {
    /// A connection that has just been opened.
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it small frames wait for the acknowledgement of earlier ones; nothing else depends on it.
        let _ = stream.set_nodelay(true);
        Self { stream, is_full: false }
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
