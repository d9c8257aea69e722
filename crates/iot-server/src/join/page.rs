//! [`Page`]: the API of the hub that runs on this machine, over loopback, encrypted where its pages are.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{Request, header, uri::Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    client::conn::http1,
    rt::{Read, Write},
};
use hyper_util::rt::TokioIo;
use iot_server::{CERTIFICATE, Config, PAGE_FILE, config::TlsWord};
use serde_json::Value as Json;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::pinned::believing;

/// Where the hub answers, and as whom it is asked.
pub(super) struct Page {
    host: String,
    token: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Page {
    /// The one of the hub with this data directory.
    pub(super) fn of(config: &Config, token: &str) -> anyhow::Result<Self> {
        let path = config.data_dir.join(PAGE_FILE);
        let url = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let url: Uri = url.trim().parse().with_context(|| format!("{} has no address", path.display()))?;
        let authority = url.authority().context("an address without a host")?;
        let tls = match url.scheme_str() {
            Some("https") => {
                let name = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
                Some((believing(&certificate(config)?)?, name.try_into()?))
            }
            _ => None,
        };
        Ok(Self { host: authority.to_string(), token: token.to_owned(), tls })
    }

    /// What is at this path of the API.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Json> {
        self.ask("GET", path, String::new()).await
    }

    /// What is answered to this document.
    pub(super) async fn post(&self, path: &str, document: &Json) -> anyhow::Result<Json> {
        self.ask("POST", path, document.to_string()).await
    }

    async fn ask(&self, method: &str, path: &str, body: String) -> anyhow::Result<Json> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))?;
        let stream =
            TcpStream::connect(&self.host).await.with_context(|| format!("connect to {}", self.host))?;
        match &self.tls {
            None => answered(TokioIo::new(stream), request).await,
            Some((tls, name)) => {
                let shaken = tls.connect(name.clone(), stream).await;
                let stream =
                    shaken.context("the hub shows another certificate than its file has: restart it")?;
                answered(TokioIo::new(stream), request).await
            }
        }
    }
}

/// Sends a request on a connection of its own, and reads the answer to its end.
async fn answered<S>(stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<Json>
where
    S: Read + Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    connection.abort();
    let document: Json =
        serde_json::from_slice(&body).with_context(|| format!("the hub answered {status}"))?;
    match document["error"]["message"].as_str() {
        Some(message) => bail!("{message}"),
        None if !status.is_success() => bail!("the hub answered {status}"),
        None => Ok(document),
    }
}

/// Where the certificate lies that the hub encrypts its pages with.
fn certificate(config: &Config) -> anyhow::Result<PathBuf> {
    match config.tls {
        TlsWord::Files => config.tls_certificate.clone().context("tls_certificate names no file"),
        TlsWord::Off | TlsWord::SelfSigned => Ok(config.data_dir.join(CERTIFICATE)),
    }
}
