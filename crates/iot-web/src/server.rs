//! [`serve`]: takes connections, at most so many, and ends in good order. What is answered is the handler's.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use iot_core::{Limit, Origin, Reached};
use jiff::tz::TimeZone;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    Backend, WebConfig, guard,
    host::Hosts,
    patient::Patient,
    places::{Place, Places},
    web::Web,
};

/// Answers that are under way when the server stops may take this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// Pause after the operating system could not give a connection, such as when files have run out.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// So often at most the log says how many connections were turned away.
const TURNED_AWAY_EVERY: Duration = Duration::from_mins(1);

/// What a connection is told whose address has enough of them.
const ENOUGH: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 77\r\nconnection: close\r\nretry-after: 10\r\n\r\n\
    connections of one address to the pages would exceed the limit: close others\n";

/// Answers requests on `listener` until `shutdown` completes, then lets answers under way end.
///
/// Live feeds are ended at once; everything else has five seconds.
pub async fn serve<B: Backend>(
    listener: TcpListener,
    backend: B,
    config: WebConfig,
    shutdown: impl Future<Output = ()>,
) {
    let (stop, stopping) = watch::channel(());
    let machine = gethostname::gethostname();
    let hosts = Hosts::new(&machine.to_string_lossy(), config.hosts.iter().map(AsRef::as_ref));
    let (zone, reached) = (TimeZone::system(), Reached::default());
    let mut acceptor = Acceptor {
        listener,
        places: Places::new(config.max_connections, config.max_connections_per_address),
        reached: reached.clone(),
        trouble: Trouble::None,
        turned_away: (0, None),
    };
    let web = Web {
        backend,
        zone,
        hosts: Arc::new(hosts),
        stopping,
        peer: None,
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
        let service = guard::guarded(Web { peer: Some(peer.ip()), ..web.clone() });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(config.head_within)
            .serve_connection(
                TokioIo::new(Patient::new(stream, config.read_within)),
                TowerToHyperService::new(service),
            );
        let connection = connections.watch(connection);
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection to the web server ended early");
            }
            drop(place);
        });
    }
    drop((acceptor, stop));
    if timeout(DRAIN_WITHIN, connections.shutdown()).await.is_err() {
        tracing::warn!("answers of the web server were cut off: they took longer than {DRAIN_WITHIN:?}");
    }
    tasks.shutdown().await;
}

/// Takes connections, as far as there is room.
struct Acceptor {
    listener: TcpListener,
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
    /// The next connection for which there is room.
    async fn accept(&mut self) -> (TcpStream, SocketAddr, Place) {
        loop {
            if self.places.are_taken() && self.trouble != Trouble::Full {
                self.trouble = Trouble::Full;
                self.reached.note(Limit::WebConnections);
                tracing::warn!("as many connections to the pages as allowed: new ones wait");
            }
            let Some(one) = self.places.one().await else { continue };
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    let was_failing = self.trouble == Trouble::Failing;
                    if was_failing || !self.places.are_taken() {
                        self.trouble = Trouble::None;
                    }
                    if was_failing {
                        tracing::info!("the web server accepts connections again");
                    }
                    match self.places.take(one, Origin::of(peer.ip())) {
                        Some(place) => return (stream, peer, place),
                        None => self.turn_away(&stream, peer),
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

    /// Tells a connection whose address has enough of them, as far as that goes without waiting for it.
    fn turn_away(&mut self, stream: &TcpStream, peer: SocketAddr) {
        self.reached.note(Limit::WebConnectionsPerAddress);
        let (count, told) = &mut self.turned_away;
        *count += 1;
        if told.is_none_or(|told| told.elapsed() >= TURNED_AWAY_EVERY) {
            tracing::warn!(%peer, count, "turned away: as many connections of one address to the pages as allowed");
            self.turned_away = (0, Some(Instant::now()));
        }
        // Whoever does not get it sees that the connection is closed.
        let _ = stream.try_write(ENOUGH);
    }
}
