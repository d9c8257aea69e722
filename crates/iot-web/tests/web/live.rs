//! The live feed: what happens in the hub arrives, at the page as at the API.

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use iot_core::{CommandState, Event, view::Notice};
use iot_proto::{CommandId, Finite, OwnedValue};
use serde_json::{Value as Json, json};

use crate::{
    client::Hub,
    fake::{self, id},
};

/// Reads the feed until an event has come, and gives its name and data. Comments are passed over.
async fn next(feed: &mut Incoming) -> (String, Json) {
    loop {
        let frame = feed.frame().await.expect("the feed goes on").expect("in order");
        let text = String::from_utf8(frame.into_data().expect("data").to_vec()).expect("text");
        assert!(text.ends_with("\n\n"), "one event is one frame");
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        if let (Some(event), Some(data)) = (field("event:"), field("data:")) {
            assert!(field("id:").is_some(), "{text}");
            return (event.to_owned(), serde_json::from_str(data).expect("JSON"));
        }
    }
}

#[tokio::test]
async fn every_event_arrives_in_order() {
    let hub = Hub::start().await;
    for path in ["/events", "/api/v1/events"] {
        let answer = hub.open(Request::get(path), "").await;
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut feed = answer.into_body();
        let number = OwnedValue::Float(Finite::new(23.5).unwrap());
        hub.fake.report(&id("north-bay-1"), 0, 1, number);
        hub.fake.publish(Event::Node { node: id("well") });
        hub.fake.publish(Event::Modules { node: id("well") });
        hub.fake.publish(Event::Gone { node: id("well") });
        let command = CommandId([1; 16]);
        hub.fake.publish(Event::Command { id: command, node: id("pump-house"), state: CommandState::Done });
        hub.fake.publish(Event::Notice(Notice { at: fake::now(), node: None, text: "two\nlines".into() }));

        let (name, reading) = next(&mut feed).await;
        assert_eq!(name, "reading");
        assert_eq!(
            (&reading["node"], &reading["module"], &reading["channel"]),
            (&json!("plain:north-bay-1"), &json!(0), &json!(1))
        );
        assert_eq!(
            (&reading["name"], &reading["value"], &reading["text"]),
            (&json!("temperature"), &json!(23.5), &json!("23.5\u{a0}°C"))
        );
        assert_eq!(next(&mut feed).await, ("node".into(), json!({ "node": "plain:well" })));
        assert_eq!(next(&mut feed).await, ("modules".into(), json!({ "node": "plain:well" })));
        assert_eq!(next(&mut feed).await, ("gone".into(), json!({ "node": "plain:well" })));
        let (name, data) = next(&mut feed).await;
        assert_eq!(
            (&*name, &data["state"], &data["id"]),
            ("command", &json!("done"), &json!(command.to_string()))
        );
        let (name, data) = next(&mut feed).await;
        assert_eq!((&*name, &data["text"]), ("notice", &json!("two\nlines")));
    }
}

#[tokio::test]
async fn a_reader_that_missed_events_is_told_to_look() {
    let hub = Hub::start().await;
    let back = Request::get("/events").header("last-event-id", "7");
    let mut feed = hub.open(back, "").await.into_body();
    assert_eq!(next(&mut feed).await.0, "resync", "whoever comes back");

    let mut feed = hub.open(Request::get("/events"), "").await.into_body();
    // More than the hub keeps for one reader, at once.
    for _ in 0..200 {
        hub.fake.publish(Event::Node { node: id("well") });
    }
    while next(&mut feed).await.0 != "resync" {}
}

#[tokio::test]
async fn a_page_shows_what_the_node_reported_after_the_command_was_done() {
    let hub = Hub::start().await;
    let page = "/nodes/plain:north-bay-1/modules/3";
    assert!(hub.get(page).await.text.contains("aria-checked=\"false\""));
    let mut feed = hub.open(Request::get("/events"), "").await.into_body();
    let answer = hub.form(&format!("{page}/properties/1"), "value=true").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(next(&mut feed).await.0, "command");
    let pencil = hub.get(page).await.text;
    assert!(pencil.contains("aria-checked=\"false\" data-want=\"on\""), "the thumb waits for the node");
    let command = hub.fake.accepted().first().copied().unwrap();
    hub.fake.finish(command);
    assert_eq!(next(&mut feed).await.0, "reading");
    assert_eq!(next(&mut feed).await.0, "command");
    let ink = hub.get(page).await.text;
    assert!(ink.contains("aria-checked=\"true\"") && !ink.contains("data-want"), "now it is ink");
}
