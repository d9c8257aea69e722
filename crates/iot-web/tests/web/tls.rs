//! Encrypted pages: who shakes hands is served as elsewhere, and who does not costs one connection for a moment.

use std::{io, sync::Arc, time::Duration};

use iot_web::{Tls, WebConfig};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
        version::{TLS12, TLS13},
    },
};

use crate::{client::Hub, fake::PASSWORD};

/// A limit that a test waits for, and the time after which it is clear that it does not hold.
const BRIEF: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

/// A hub with encrypted pages, and its certificate.
async fn encrypted(config: WebConfig) -> (Hub, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".into()]).expect("a name");
    let tls = Tls::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes()).expect("a pair");
    (Hub::start_with(WebConfig { tls: Some(tls), ..config }).await, cert.der().clone())
}

/// Shakes hands as a browser does that believes this certificate alone.
async fn shake(
    hub: &Hub,
    certificate: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[version]).expect("the provider knows it");
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    let stream = TcpStream::connect(hub.address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::from(hub.address.ip()), stream).await
}

/// Sends a request and gives the answer.
async fn ask(mut stream: TlsStream<TcpStream>, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("the hub reads");
    let mut answer = String::new();
    timeout(SOON, stream.read_to_string(&mut answer)).await.expect("in time").expect("ended in good order");
    answer
}

fn log_in(hub: &Hub, origin: &str) -> String {
    let (host, body) = (hub.address, format!("name=ada&password={PASSWORD}"));
    format!(
        "POST /login HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// What comes of this on a bare connection until the hub closes it.
async fn bare(hub: &Hub, begin: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(hub.address).await.expect("it listens");
    stream.write_all(begin).await.expect("it is still open");
    let mut answer = Vec::new();
    match timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it is closed in time") {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    answer
}

#[tokio::test]
async fn whoever_logs_in_over_tls_gets_a_cookie_that_travels_over_nothing_less() {
    let (hub, certificate) = encrypted(WebConfig::default()).await;
    for version in [&TLS12, &TLS13] {
        let stream = shake(&hub, &certificate, version).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = ask(stream, &log_in(&hub, &format!("https://{}", hub.address))).await;
        assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
        let cookie = answer.lines().find(|line| line.starts_with("set-cookie")).expect("a cookie");
        assert!(cookie.contains("HttpOnly") && cookie.ends_with("; Secure"), "{cookie}");
        assert!(
            !answer.contains("strict-transport-security"),
            "nobody could go back to plain pages: {answer}"
        );
    }
    let stream = shake(&hub, &certificate, &TLS13).await.unwrap();
    let answer = ask(stream, &log_in(&hub, "https://evil.example")).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "another site's page is refused as elsewhere: {answer}");
}

#[tokio::test]
async fn a_hub_with_another_certificate_is_not_believed() {
    let (hub, _) = encrypted(WebConfig::default()).await;
    let (_, of_another) = encrypted(WebConfig::default()).await;
    assert!(shake(&hub, &of_another, &TLS13).await.is_err());
}

#[tokio::test]
async fn whoever_speaks_plain_http_is_told_nothing() {
    let (hub, _) = encrypted(WebConfig::default()).await;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", hub.address);
    let answer = bare(&hub, request.as_bytes()).await;
    assert!(answer.len() < 16 && !answer.starts_with(b"HTTP"), "an alert at most: {answer:?}");
}

#[tokio::test]
async fn whoever_does_not_shake_hands_in_time_is_closed_and_gives_its_place_back() {
    let config = WebConfig { head_within: BRIEF, max_connections_per_address: 2, ..WebConfig::default() };
    let (hub, certificate) = encrypted(config).await;
    // Nothing, half a head of a record, and a record whose content does not come.
    for begin in [&b""[..], b"\x16\x03", b"\x16\x03\x01\x02\x00\x01"].repeat(2) {
        let began = Instant::now();
        assert_eq!(bare(&hub, begin).await, b"");
        assert!(began.elapsed() >= BRIEF, "it had a place: whoever has none is closed at once");
    }
    assert!(shake(&hub, &certificate, &TLS13).await.is_ok());
}

#[tokio::test]
async fn a_handshake_under_way_takes_a_place_and_holds_up_no_stop() {
    let config = WebConfig {
        head_within: 3 * SOON,
        max_connections: 2,
        max_connections_per_address: 1,
        ..WebConfig::default()
    };
    let (hub, certificate) = encrypted(config).await;
    let slow = TcpStream::connect(hub.address).await.unwrap();
    assert_eq!(bare(&hub, b"").await, b"", "a second one of this address is closed without a word");
    assert!(shake(&hub, &certificate, &TLS13).await.is_err());
    // Less than what an answer under way may take.
    timeout(Duration::from_secs(4), hub.stop()).await.expect("nobody waits for an answer");
    drop(slow);
}
