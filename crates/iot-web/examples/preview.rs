//! Serves the pages with a made-up hub behind them, to look at: `cargo run -p iot-web --example preview -- 8080`.
//!
//! Values move every two seconds, and accepted commands are done after two. `open` shows a hub that admits every
//! node, `unclaimed` one that nobody owns. Ada, Olga and Vera log in with the password that it prints.

#[path = "../tests/fake/mod.rs"]
mod fake;

use std::time::Duration;

use fake::{Fake, PASSWORD, id, value};
use iot_proto::OwnedValue;
use iot_web::{Backend, WebConfig, serve};
use tokio::{net::TcpListener, time};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080);
    let said = |word: &str| std::env::args().any(|argument| argument == word);
    let fake = if said("unclaimed") { Fake::unclaimed() } else { Fake::new() };
    tell();
    if said("open") {
        fake.open_registration();
    }
    tokio::spawn(live(fake.clone()));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let shutdown = async {
        // Without a signal handler the process simply ends.
        let _ = tokio::signal::ctrl_c().await;
    };
    serve(listener, fake, WebConfig::default(), shutdown).await.map_err(std::io::Error::other)
}

/// Says how to get in.
#[expect(clippy::print_stdout, reason = "this is what whoever looks has to know")]
fn tell() {
    println!("ada, olga and vera log in with: {PASSWORD}");
}

/// Lets values move and commands be done.
async fn live(fake: Fake) {
    let mut ticks = time::interval(Duration::from_secs(2));
    let mut turn = 0.0;
    loop {
        ticks.tick().await;
        turn += 0.1;
        for command in fake.accepted() {
            fake.finish(command);
        }
        let node = fake.node(&id("north-bay-1")).await;
        for module in node.iter().flat_map(|node| &node.modules) {
            let first = module
                .properties
                .first()
                .map(|view| (view.property.channel, value(&view.property.value, turn)));
            if let Some((channel, value @ (OwnedValue::Float(_) | OwnedValue::Int(_)))) = first {
                fake.report(&id("north-bay-1"), module.index, channel, value);
            }
        }
    }
}
