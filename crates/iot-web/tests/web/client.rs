//! A server on a free port and a small client for it.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use iot_web::{WebConfig, serve};
use serde_json::Value as Json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::fake::Fake;

/// A running server with its made-up hub.
pub(crate) struct Hub {
    pub(crate) fake: Fake,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::start_with(WebConfig::default()).await
    }

    pub(crate) async fn start_with(config: WebConfig) -> Self {
        let fake = Fake::new();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has one");
        let (stop, stopped) = oneshot::channel();
        let config = WebConfig { hosts: vec!["hub.example".into()], ..config };
        let shutdown = async move { stopped.await.unwrap_or_default() };
        let served = tokio::spawn(serve(listener, fake.clone(), config, shutdown));
        Self { fake, address, stop, served }
    }

    /// Ends the server and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.stop.send(()).expect("the server runs");
        self.served.await.expect("the server did not panic");
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), "").await
    }

    /// Posts a form as a browser does.
    pub(crate) async fn form(&self, path: &str, body: &str) -> Answer {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, format!("http://{}", self.address));
        self.send(request, body).await
    }

    /// Posts JSON as a script does.
    pub(crate) async fn json(&self, path: &str, body: &str) -> Answer {
        self.send(Request::post(path).header(header::CONTENT_TYPE, "application/json"), body).await
    }

    pub(crate) async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let (head, body) = self.open(request, body).await.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Answer { status: head.status, headers: head.headers, text }
    }

    /// Sends a request and gives the answer before its body has come.
    pub(crate) async fn open(&self, request: http::request::Builder, body: &str) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.expect("the server listens");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        let has_host = request.headers_ref().is_some_and(|headers| headers.contains_key(header::HOST));
        let request = if has_host { request } else { request.header(header::HOST, self.address.to_string()) };
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        let request = request.body(body).expect("a valid request");
        sender.send_request(request).await.expect("an answer")
    }
}
