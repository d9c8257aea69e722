//! [`Connection`]: one connection from its first byte to its last, encrypted or not. Whether there is room for it
//! is decided in `places.rs`, and what its requests are answered in `guard.rs`.

use std::{io, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::Watcher,
    service::TowerToHyperService,
};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::{Backend, Tls, WebConfig, guard, patient::Patient, web::Web};

/// What a connection needs to be served.
pub(crate) struct Connection<B> {
    /// What answers its requests.
    pub(crate) web: Web<B>,
    /// Encrypts it.
    pub(crate) tls: Option<Tls>,
    /// Handshake and head must each have come by then.
    pub(crate) head_within: Duration,
    /// The peer must take something by then.
    pub(crate) read_within: Duration,
    /// Lets an answer under way end when the server stops.
    pub(crate) watcher: Watcher,
}

/// Why a connection ended before its time.
#[derive(Debug, Error)]
pub(crate) enum EndedEarly {
    #[error("no TLS handshake within {0:?}")]
    Slow(Duration),
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    #[error(transparent)]
    Http(hyper::Error),
}

impl<B: Backend> Connection<B> {
    /// The connections of a server with this configuration.
    pub(crate) fn new(web: Web<B>, config: &WebConfig, watcher: Watcher) -> Self {
        let WebConfig { head_within, read_within, .. } = *config;
        Self { web, tls: config.tls.clone(), head_within, read_within, watcher }
    }

    /// Serves the connection until either side ends it.
    ///
    /// # Errors
    /// [`EndedEarly`], for the log: the peer has been told what can be told.
    pub(crate) async fn serve(mut self, stream: TcpStream) -> Result<(), EndedEarly> {
        // Beneath the encryption, where each byte counts that the peer takes.
        let stream = Patient::new(stream, self.read_within);
        let Some(tls) = self.tls.take() else { return self.speak(stream).await };
        let mut stopping = self.web.stopping.clone();
        let shaken = tokio::select! {
            shaken = timeout(self.head_within, tls.accept(stream)) => shaken,
            // Nobody waits for an answer yet.
            _ = stopping.changed() => return Ok(()),
        };
        let stream = shaken.map_err(|_| EndedEarly::Slow(self.head_within))?;
        self.speak(stream.map_err(EndedEarly::Handshake)?).await
    }

    /// Answers the requests that come over `stream`.
    async fn speak<S>(self, stream: S) -> Result<(), EndedEarly>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_within)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(guard::guarded(self.web)));
        self.watcher.watch(connection).await.map_err(EndedEarly::Http)
    }
}
