//! [`TcpServer`]: accepts connections, gives each a handler, and ends them in good order.
//!
//! What a connection does is in `connection.rs`, what is done with its messages in its
//! [`RequestHandler`]; which are open is known in `open.rs`. This file owns the listener.

use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use std::{io, net::TcpListener as StdListener, rc::Rc};

use iot_core::{Limit, Origin, Reached, SessionId};
use socket2::{Domain, Protocol, SockRef, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::LocalSet,
    time::{Instant, sleep},
};
use tracing::{info, warn};

use crate::{
    config::ServerConfig,
    connection::Connection,
    handler::{Context, RequestHandler},
    open::Open,
    socket::Socket,
};

/// Shortest and longest pause after a connection could not be accepted.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// So often at most the log says how many connections were turned away.
const TURNED_AWAY_EVERY: Duration = Duration::from_mins(1);

/// A TCP server that speaks frames: many connections at once, on one thread.
///
/// ```
/// use iot_net::{Context, RequestHandler, TcpServer};
/// use iot_proto::{Correlation, Frame, MessageKind, Ping, Pong, RequestId};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// /// Answers every ping.
/// struct Echo;
///
/// impl RequestHandler for Echo {
///     async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
///         if frame.kind == MessageKind::PING {
///             context.reply(&Pong { time: None }, frame.correlation).expect("a pong fits");
///             context.close();
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = TcpServer::bind("127.0.0.1:0".parse()?)?;
/// let address = server.local_addr();
///
/// let node = async {
///     let mut wire = Vec::new();
///     iot_proto::encode_to_vec(&Ping, Correlation::Request(RequestId::FIRST), &mut wire)?;
///     let mut stream = tokio::net::TcpStream::connect(address).await?;
///     stream.write_all(&wire).await?;
///     wire.clear();
///     stream.read_to_end(&mut wire).await?;
///     let (frame, _) = Frame::split(&wire, 1024)?.expect("a whole frame");
///     assert_eq!(frame.kind, MessageKind::PONG);
///     Ok::<_, Box<dyn std::error::Error>>(())
/// };
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let (served, answered) = tokio::join!(
///     server.serve(|| Echo, async { drop(stopped.await) }),
///     async { let result = node.await; drop(stop); result },
/// );
/// served?;
/// answered
/// # }
/// ```
#[derive(Debug)]
pub struct TcpServer {
    listener: StdListener,
    address: SocketAddr,
    config: ServerConfig,
    reached: Reached,
}

impl TcpServer {
    /// Listens on `address`, with the default limits; port 0 takes a free one. From here on connections
    /// wait in the backlog until they are served.
    ///
    /// # Errors
    /// What the operating system says: the address is taken, not one of this machine, or not permitted.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::bind_with(address, ServerConfig::default())
    }

    /// As [`bind`](Self::bind), with these limits.
    ///
    /// # Errors
    /// As [`bind`](Self::bind).
    pub fn bind_with(address: SocketAddr, config: ServerConfig) -> io::Result<Self> {
        let server = Self::reserve(address, config)?;
        server.listen()?;
        Ok(server)
    }

    /// Takes the address and refuses connections, until [`listen`](Self::listen) is called.
    pub(crate) fn reserve(address: SocketAddr, config: ServerConfig) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // On Windows the same option would let another process take the port away.
        #[cfg(not(windows))]
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // All addresses means those of IPv4 too, on every operating system.
            socket.set_only_v6(false)?;
        }
        socket.set_nonblocking(true)?;
        // Answers are small, and are sent at once: a connection that is accepted has this from here.
        #[cfg(not(windows))]
        socket.set_tcp_nodelay(true)?;
        socket.bind(&address.into())?;
        let listener = StdListener::from(socket);
        let address = listener.local_addr()?;
        Ok(Self { listener, address, config, reached: Reached::default() })
    }

    /// Counts there how often its limits are reached.
    pub(crate) fn count_in(self, reached: Reached) -> Self {
        Self { reached, ..self }
    }

    /// From here on connections wait in the backlog until they are served.
    pub(crate) fn listen(&self) -> io::Result<()> {
        SockRef::from(&self.listener).listen(self.config.backlog.into())
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves connections until `shutdown` is ready, with a handler from `handlers` for each. Then no
    /// more are accepted, every handler finishes, what waits is sent, and all connections are closed
    /// within [`ServerConfig::drain`].
    ///
    /// The future stays on its thread; it needs a tokio runtime with IO and time.
    ///
    /// # Errors
    /// Where the listener cannot be given to the runtime. A connection's failure ends only itself.
    pub async fn serve<H: RequestHandler + 'static>(
        self,
        handlers: impl FnMut() -> H,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        LocalSet::new().run_until(self.serve_in_local_set(handlers, shutdown)).await
    }

    /// As [`serve`](Self::serve), in a `LocalSet` that the caller runs.
    pub(crate) async fn serve_in_local_set<H: RequestHandler + 'static>(
        self,
        handlers: impl FnMut() -> H,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let open = Rc::new(Open::new(&self.config));
        let drain = self.config.drain;
        let mut acceptor = Acceptor {
            config: self.config,
            open: Rc::clone(&open),
            last: SessionId(0),
            reached: self.reached,
            turned_away: (0, None),
        };
        tokio::select! {
            biased;
            () = shutdown => {}
            () = acceptor.accept(&listener, handlers) => {}
        }
        drop(listener);
        open.end(drain).await;
        Ok(())
    }
}

/// What it takes to accept a connection.
struct Acceptor {
    config: ServerConfig,
    open: Rc<Open>,
    last: SessionId,
    reached: Reached,
    /// How many connections were turned away since the log last spoke of it, and when that was.
    turned_away: (usize, Option<Instant>),
}

impl Acceptor {
    /// Accepts connections for ever. A connection is accepted only when there is room for it.
    async fn accept<H: RequestHandler + 'static>(
        &mut self,
        listener: &TcpListener,
        mut handlers: impl FnMut() -> H,
    ) {
        let mut back_off = BACK_OFF.0;
        let mut was_full = false;
        loop {
            let is_full = self.open.is_full();
            if is_full && !was_full {
                self.reached.note(Limit::Connections);
                warn!(limit = self.config.max_connections, "as many connections as allowed: new ones wait");
            }
            was_full = is_full;
            self.open.room().await;
            match listener.accept().await {
                Ok((stream, peer)) => {
                    if back_off != BACK_OFF.0 {
                        info!("connections are accepted again");
                    }
                    back_off = BACK_OFF.0;
                    if !self.open.count_in(Origin::of(peer.ip())) {
                        self.turn_away(peer);
                        continue;
                    }
                    let connection = Box::new(self.connection(stream, peer));
                    self.open.spawn(connection.run(handlers()));
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if back_off == BACK_OFF.0 {
                        warn!(%error, "cannot accept connections; too many open files? They wait until it can");
                    }
                    sleep(back_off).await;
                    back_off = (back_off * 2).min(BACK_OFF.1);
                }
            }
        }
    }

    /// A connection was closed without a word. The log says so once a minute.
    fn turn_away(&mut self, peer: SocketAddr) {
        self.reached.note(Limit::ConnectionsPerAddress);
        let (count, told) = &mut self.turned_away;
        *count += 1;
        if told.is_none_or(|told| told.elapsed() >= TURNED_AWAY_EVERY) {
            let limit = self.config.max_connections_per_address;
            warn!(%peer, count, limit, "turned away: as many connections of one address as allowed");
            self.turned_away = (0, Some(Instant::now()));
        }
    }

    fn connection(&mut self, stream: TcpStream, peer: SocketAddr) -> Connection {
        // Nobody promises there that a connection has it from the listener.
        #[cfg(windows)]
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "answers may be delayed: no TCP_NODELAY");
        }
        self.last = SessionId(self.last.0 + 1);
        let socket = Socket::new(stream, self.config.outbox_limit);
        let context = Context::new(self.last, plain_address(peer), socket);
        let place = self.open.place(context.clone());
        Connection::new(context, self.config.identity.clone(), place)
    }
}

/// The address as people write it: IPv4 also where it came through an IPv6 socket.
fn plain_address(peer: SocketAddr) -> SocketAddr {
    match peer.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, peer.port())),
        IpAddr::V6(_) => peer,
    }
}

#[cfg(all(test, not(windows)))]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn what_is_answered_on_an_accepted_connection_is_sent_at_once() {
        let server = TcpServer::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let _node = TcpStream::connect(server.local_addr()).unwrap();
        server.listener.set_nonblocking(false).unwrap();
        let (accepted, _) = server.listener.accept().unwrap();
        assert!(accepted.nodelay().unwrap());
    }
}
