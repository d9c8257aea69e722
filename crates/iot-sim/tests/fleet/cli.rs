//! The program: its summary and its exit code.

use std::process::{Command, Output};

use iot_proto::{Acknowledged, Correlation};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{hub::Hub, sequence};

/// Starts the program for two seconds against a hub.
fn start(hub: &Hub, args: &[&str]) -> JoinHandle<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iot-sim"));
    command.args(["--hub", &hub.address.to_string(), "--for", "2"]).args(args);
    spawn_blocking(move || command.output().expect("the program runs"))
}

#[tokio::test]
async fn the_program_ends_with_a_summary_as_json() {
    let hub = Hub::start().await;
    let output = start(&hub, &["--nodes", "4", "--rate", "10", "--first-address", "127.100.20.1", "--json"]);
    let output = output.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let number = |field: &str| summary[field].as_u64().unwrap();
    assert_eq!((number("nodes"), number("connects"), number("online")), (4, 4, 4));
    assert!(number("acknowledged") > 40, "{summary}");
    assert!(summary["latency"]["p99_us"].as_u64().unwrap() > 0, "{summary}");
}

#[tokio::test]
async fn a_breach_of_the_protocol_fails_the_program() {
    let mut hub = Hub::start().await;
    let program = start(&hub, &["--nodes", "1", "--first-address", "127.100.21.1"]);
    let name = hub.hear(|heard| sequence(&heard.said).map(|_| heard.name.clone())).await;
    hub.send(&name, &Acknowledged, Correlation::OneWay).await;
    let output = program.await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("6 out-of-turn"), "{text}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_the_node() {
    let hub = Hub::start().await;
    let taken = tokio::net::TcpListener::bind("127.100.22.1:1234").await.unwrap();
    let output = start(&hub, &["--nodes", "1", "--first-address", "127.100.22.1"]).await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("climate-1") && text.contains("127.100.22.1"), "{text}");
    drop(taken);
}
