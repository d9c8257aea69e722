//! Clients that send slowly, read nothing, or open too much: each loses its connection, and nobody else notices.

use std::{io, time::Duration};

use http::StatusCode;
use iot_web::WebConfig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use crate::client::Hub;

/// A limit that a test waits for, and the time after which it is clear that it does not hold.
const BRIEF: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

fn impatient() -> WebConfig {
    WebConfig { head_within: BRIEF, body_within: BRIEF, read_within: BRIEF, ..WebConfig::default() }
}

/// What the server sends until it closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut answer)).await.expect("it is closed in time");
    match read {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn whoever_sends_no_head_in_time_is_closed() {
    let hub = Hub::start_with(impatient()).await;
    for head in ["", "GET / HTTP/1.1\r\nhost: a"] {
        let mut stream = TcpStream::connect(hub.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        until_closed(&mut stream).await;
    }
    let mut kept = TcpStream::connect(hub.address).await.unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", hub.address);
    kept.write_all(request.as_bytes()).await.unwrap();
    let answer = until_closed(&mut kept).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "an idle one is closed too: {answer}");
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_does_not_begin_the_time_anew() {
    let hub = Hub::start_with(impatient()).await;
    let (mut read, mut write) = TcpStream::connect(hub.address).await.unwrap().into_split();
    let begin = Instant::now();
    let drip = async {
        let mut ticks = tokio::time::interval(BRIEF / 6);
        while write.write_all(b"a").await.is_ok() {
            ticks.tick().await;
        }
    };
    let closed = async {
        // It ends in good order or not.
        let _ = read.read_to_end(&mut Vec::new()).await;
    };
    timeout(SOON, async {
        tokio::select! { () = drip => {}, () = closed => {} }
    })
    .await
    .unwrap();
    assert!(begin.elapsed() < 5 * BRIEF, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_refused_in_words() {
    let hub = Hub::start_with(impatient()).await;
    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let head = format!(
        "POST /api/v1/nodes/plain:pump-house/modules/0/properties/on HTTP/1.1\r\nhost: {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        hub.address
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("the body took longer than 0.3 s"), "{answer}");
    assert!(hub.fake.state().asked.is_empty());
}

#[tokio::test]
async fn whoever_asks_and_never_reads_is_cut_off_and_makes_room() {
    let config = WebConfig { max_connections: 1, ..impatient() };
    let hub = Hub::start_with(config).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let stream = socket.connect(hub.address).await.unwrap();
    let request = format!("GET /assets/hub.css HTTP/1.1\r\nhost: {}\r\n\r\n", hub.address);
    let mut write = stream;
    // More answers than the buffers of both ends hold, so that the server has to wait for its reader.
    let flood = async { while write.write_all(request.as_bytes()).await.is_ok() {} };
    timeout(SOON, flood).await.expect("it is cut off");
    let answer = timeout(SOON, hub.get("/healthz")).await.expect("its place is free");
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn one_address_gets_so_many_connections_and_the_others_are_told() {
    let config = WebConfig { max_connections: 5, max_connections_per_address: 2, ..WebConfig::default() };
    let hub = Hub::start_with(config).await;
    let from = async |host: u8| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 6, host], 0).into()).unwrap();
        socket.connect(hub.address).await.unwrap()
    };
    let kept = [from(1).await, from(1).await];
    let mut turned_away = from(1).await;
    let answer = until_closed(&mut turned_away).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("would exceed the limit"), "{answer}");

    let overview =
        timeout(SOON, hub.get("/api/v1/overview")).await.expect("another address is served").json();
    assert_eq!(overview["limits_reached"]["web-connections-per-address"], 1, "{overview}");
    assert_eq!(overview["limits_reached"]["sessions"], 3, "those of the hub are named beside them");

    drop(kept);
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", hub.address);
    let served = async {
        loop {
            let mut again = from(1).await;
            // It may be turned away until the server has seen the others go.
            let _ = again.write_all(request.as_bytes()).await;
            if until_closed(&mut again).await.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    timeout(SOON, served).await.expect("what has ended makes room");
}
