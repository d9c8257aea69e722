//! [`serve`]: takes connections, at most so many, and ends in good order. What is answered is the handler's.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::server::graceful::GracefulShutdown;
use iot_core::{IotError, Limit, Origin, Reached};
use jiff::tz::TimeZone;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    Backend, WebConfig,
    connection::Connection,
    door::{CookieRule, Door, Transport},
    host::Hosts,
    places::{Place, Places, Room},
    web::{NODE_LISTS, Web},
};

/// Answers that are under way when the server stops may take this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// Pause after the operating system could not give a connection, such as when files have run out.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// So often at most the log says how many connections were turned away.
const TURNED_AWAY_EVERY: Duration = Duration::from_mins(1);

/// What a connection is told for which there is no room.
const ENOUGH: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 60\r\nconnection: close\r\nretry-after: 10\r\n\r\n\
    connections to the pages would exceed the limit: try later.\n";

/// Answers requests on `listener` until `shutdown` completes, then lets answers under way end.
///
/// Live feeds are ended at once; everything else has five seconds.
///
/// # Errors
/// [`IotError::NotStored`] where the store does not tell who may use the hub.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: B,
    config: WebConfig,
    shutdown: impl Future<Output = ()>,
) -> Result<(), IotError> {
    let (stop, stopping) = watch::channel(());
    let machine = gethostname::gethostname();
    let hosts = Hosts::new(&machine.to_string_lossy(), config.hosts.iter().map(AsRef::as_ref));
    let (zone, reached) = (TimeZone::system(), Reached::default());
    let port = listener.local_addr().map_or(0, |address| address.port());
    let transport = if config.tls.is_some() { Transport::Encrypted } else { Transport::Plain };
    let door = Door::new(backend.people(), config.people_within, CookieRule::new(port, transport))?;
    let mut acceptor = Acceptor::new(listener, &config, transport, reached.clone());
    let web = Web {
        backend,
        zone,
        hosts: Arc::new(hosts),
        stopping,
        peer: None,
        door: Arc::new(door),
        who: None,
        place: None,
        lists: Arc::new(Semaphore::new(NODE_LISTS)),
        reached,
        body_within: config.body_within,
    };
    let connections = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let (stream, peer, place) = tokio::select! {
            accepted = acceptor.accept() => accepted,
            Some(_) = tasks.join_next() => continue,
            () = &mut shutdown => break,
        };
        let place = Arc::new(place);
        let web = Web { peer: Some(peer.ip()), place: Some(Arc::clone(&place)), ..web.clone() };
        let connection = Connection::new(web, &config, connections.watcher());
        tasks.spawn(async move {
            let ended = tokio::select! {
                ended = connection.serve(stream) => ended,
                () = place.gone() => Ok(()),
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "a connection to the web server ended early");
            }
        });
    }
    drop((acceptor, stop));
    if timeout(DRAIN_WITHIN, connections.shutdown()).await.is_err() {
        tracing::warn!("answers of the web server were cut off: they took longer than {DRAIN_WITHIN:?}");
    }
    tasks.shutdown().await;
    Ok(())
}

/// Takes connections, as far as there is room.
struct Acceptor {
    listener: TcpListener,
    transport: Transport,
    places: Places,
    reached: Reached,
    trouble: Trouble,
    /// How many connections were turned away since the log last spoke of it, and when that was.
    turned_away: (usize, Option<Instant>),
}

/// Why connections wait, so that the log has a line when that begins and not for each of them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Full,
    Failing,
}

impl Acceptor {
    fn new(listener: TcpListener, config: &WebConfig, transport: Transport, reached: Reached) -> Self {
        let places = Places::new(config.max_connections, config.max_connections_per_address);
        Self { listener, transport, places, reached, trouble: Trouble::None, turned_away: (0, None) }
    }

    /// The next connection for which there is room.
    async fn accept(&mut self) -> (TcpStream, SocketAddr, Place) {
        loop {
            self.places.settled().await;
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if self.trouble == Trouble::Failing {
                        self.trouble = Trouble::None;
                        tracing::info!("the web server accepts connections again");
                    }
                    match self.places.take(Origin::of(peer.ip())) {
                        Ok((place, room)) => {
                            self.note(room);
                            return (stream, peer, place);
                        }
                        Err(limit) => self.turn_away(&stream, peer, limit),
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if self.trouble != Trouble::Failing {
                        tracing::warn!(%error, "the web server cannot accept connections; too many open files?");
                    }
                    self.trouble = Trouble::Failing;
                    sleep(AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    }

    /// Where room came from: the log has a line when it runs out, and not for each connection.
    fn note(&mut self, room: Room) {
        if room == Room::Made {
            self.reached.note(Limit::WebConnections);
            if self.trouble != Trouble::Full {
                tracing::warn!(
                    "as many connections to the pages as allowed: those that wait longest are closed"
                );
            }
            self.trouble = Trouble::Full;
        } else {
            self.trouble = Trouble::None;
        }
    }

    /// Tells a connection for which there is no room, as far as that goes without waiting for it.
    fn turn_away(&mut self, stream: &TcpStream, peer: SocketAddr, limit: Limit) {
        self.reached.note(limit);
        let (count, told) = &mut self.turned_away;
        *count += 1;
        if told.is_none_or(|told| told.elapsed() >= TURNED_AWAY_EVERY) {
            tracing::warn!(%peer, count, limit = limit.what(), "turned away: as many as allowed");
            self.turned_away = (0, Some(Instant::now()));
        }
        match self.transport {
            // Whoever does not get it sees that the connection is closed.
            Transport::Plain => drop(stream.try_write(ENOUGH)),
            // Words would have to be encrypted, which takes a handshake, and so room.
            Transport::Encrypted => {}
        }
    }
}
