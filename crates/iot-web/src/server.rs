//! [`serve`]: takes connections, at most so many, and ends in good order. What is answered is the handler's.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use iot_core::IotError;
use jiff::tz::TimeZone;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Backend, Transport,
    door::{CookieRule, Door},
    guard,
    host::Hosts,
    web::Web,
};

/// Most connections at one time. Further ones wait in the operating system's queue.
const MAX_CONNECTIONS: usize = 256;

/// A request's head must have come by then, and a connection that is kept open must be used by then.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Answers that are under way when the server stops may take this long.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// Pause after the operating system could not give a connection, such as when files have run out.
const AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(100);

/// How the web server behaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebConfig {
    /// Host names under which the hub may be addressed, beside IP addresses, `localhost` and the name of
    /// this machine, alone and with `.local`.
    pub hosts: Vec<Box<str>>,
    /// How pages travel: cookies of logins are sent over nothing less.
    pub transport: Transport,
}

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
    let zone = TimeZone::system();
    let port = listener.local_addr().map_or(0, |address| address.port());
    let door = Door::new(backend.people(), CookieRule::new(port, config.transport))?;
    let (hosts, door) = (Arc::new(hosts), Arc::new(door));
    let web = Web { backend, zone, hosts, stopping, peer: None, door, who: None };
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = GracefulShutdown::new();
    let mut tasks = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            Some(_) = tasks.join_next() => continue,
            () = &mut shutdown => break,
        };
        let Some((stream, peer, permit)) = accepted else {
            sleep(AFTER_FAILED_ACCEPT).await;
            continue;
        };
        let service = guard::guarded(Web { peer: Some(peer.ip()), ..web.clone() });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = connections.watch(connection);
        tasks.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection to the web server ended early");
            }
            drop(permit);
        });
    }
    drop((listener, stop));
    if timeout(DRAIN_WITHIN, connections.shutdown()).await.is_err() {
        tracing::warn!("answers of the web server were cut off: they took longer than {DRAIN_WITHIN:?}");
    }
    tasks.shutdown().await;
    Ok(())
}

/// The next connection, once there is room for it; `None` where the operating system could not give one.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(%error, "the web server could not accept a connection");
            None
        }
    }
}
