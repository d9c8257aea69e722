//! What the server refuses before any handler sees it.

use std::sync::Arc;

use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use iot_core::people::Role;
use iot_web::NODE_LISTS;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::client::Hub;

const SWITCH: &str = "/nodes/plain:pump-house/modules/0/properties/1";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_page_of_another_site_cannot_switch_anything() {
    let hub = Hub::start().await;
    for (name, value) in
        [("origin", "http://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")]
    {
        for path in [SWITCH.to_owned(), format!("/api/v1{SWITCH}")] {
            let request = Request::post(&path).header(header::CONTENT_TYPE, FORM).header(name, value);
            let answer = hub.send(request, "value=true").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {name}: {value}");
            assert!(answer.text.contains("page of another site"), "{}", answer.text);
        }
    }
    assert!(hub.fake.state().asked.is_empty());
}

#[tokio::test]
async fn the_own_page_and_scripts_can() {
    let hub = Hub::start().await;
    assert_eq!(hub.form(SWITCH, "value=true").await.status, StatusCode::SEE_OTHER);
    let script = hub.json(&format!("/api/v1{SWITCH}"), r#"{"value": true}"#).await;
    assert_eq!(script.status, StatusCode::ACCEPTED, "{}", script.text);
}

#[tokio::test]
async fn lists_of_nodes_wait_for_their_turn_and_all_are_answered() {
    let hub = Arc::new(Hub::start().await);
    hub.fake.lists.is_shut.send_replace(true);
    let mut asked = JoinSet::new();
    for _ in 0..3 * NODE_LISTS {
        let hub = Arc::clone(&hub);
        asked.spawn(async move { hub.get("/api/v1/nodes").await.status });
    }
    let mut waiting = hub.fake.lists.waiting.subscribe();
    waiting.wait_for(|waiting| *waiting == NODE_LISTS).await.expect("so many are being made");
    // Others are served meanwhile, and by then whoever could go further has.
    for _ in 0..20 {
        assert_eq!(hub.get("/healthz").await.status, StatusCode::OK);
    }
    assert_eq!(*waiting.borrow(), NODE_LISTS, "the others wait");
    hub.fake.lists.is_shut.send_replace(false);
    assert!(asked.join_all().await.into_iter().all(|status| status == StatusCode::OK));
}

#[tokio::test]
async fn a_host_name_that_is_not_the_hubs_is_misdirected() {
    let hub = Hub::start().await;
    for (host, status) in [
        ("localhost", 200),
        ("IoT-hub-2.local.", 200),
        ("iot-hub-3.local", 421),
        ("hub.example", 200),
        ("192.168.137.1", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
    ] {
        for path in ["/", "/api/v1/nodes", "/static/hub.css", "/events"] {
            let answer = hub.open(Request::get(path).header(header::HOST, host), "").await;
            assert_eq!(answer.status().as_u16(), status, "{host} {path}");
        }
    }
    let refused = hub.send(Request::get("/").header(header::HOST, "evil.example"), "").await;
    assert!(refused.text.contains("not known under the name"));
    assert!(!refused.header("content-security-policy").is_empty());
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_announced_or_not() {
    let hub = Hub::start().await;
    let long = "x".repeat(70_000);
    let announced = hub.form(SWITCH, &long).await;
    assert_eq!(announced.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(announced.text.contains("65536 bytes"));
    let api = hub.json(&format!("/api/v1{SWITCH}"), &long).await;
    assert_eq!(api.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(api.json()["error"]["message"].as_str().unwrap().contains("65536 bytes"));

    let mut stream = TcpStream::connect(hub.address).await.unwrap();
    let head = format!(
        "POST {SWITCH} HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\ncontent-type: {FORM}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        hub.token(Role::Admin),
        long.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");
    assert!(hub.fake.state().asked.is_empty());
}

#[tokio::test]
async fn a_method_or_type_that_does_not_fit_is_named() {
    let hub = Hub::start().await;
    let answer = hub.send(Request::delete("/nodes/plain:well"), "").await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
    let answer = hub.get(SWITCH).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    let text = Request::post(SWITCH).header(header::CONTENT_TYPE, "text/plain");
    let text = text.header(header::AUTHORIZATION, hub.token(Role::Operator));
    assert_eq!(hub.send(text, "value=true").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn the_server_ends_when_told_to_although_someone_listens() {
    let hub = Hub::start().await;
    let mut feed = hub.open(Request::get("/events"), "").await;
    hub.stop().await;
    while let Some(frame) = feed.frame().await {
        assert!(frame.is_ok(), "the feed ends in order");
    }
}

#[tokio::test]
async fn a_handler_that_breaks_costs_one_answer_and_not_the_server() {
    let hub = Hub::start().await;
    hub.fake.state().broken = true;
    let page = hub.get("/").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.text.contains("Something went wrong inside the hub."), "{}", page.text);
    let api = hub.get("/api/v1/nodes").await;
    assert_eq!(
        (api.status, &api.json()["error"]["name"]),
        (StatusCode::INTERNAL_SERVER_ERROR, &"refused".into())
    );
    hub.fake.state().broken = false;
    assert_eq!(hub.get("/").await.status, StatusCode::OK);
}
