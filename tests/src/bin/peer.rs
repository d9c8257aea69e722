//! The servers beside which the hub is measured, each as a process of its own: started by
//! `cargo xtask bench`. Prints where it listens and serves until it is ended.

use std::{
    hint::black_box,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Parser;
use iot_core::{
    catalogue::Catalogue,
    config::{HubConfig, Registration},
};
use iot_net::{Context, End, HubHandler, HubServer, NetConfig, RequestHandler};
use iot_proto::{Frame, FrameError};
use iot_store::SqliteStore;
use iot_tests::{
    bench::{echo::Echo, server::UNHURRIED},
    out,
};

/// What the slow hub wastes on each frame.
const WASTED: Duration = Duration::from_micros(50);

/// A peer of the hub
#[derive(Debug, Parser)]
enum Peer {
    /// Answers each report frame with an acknowledgement, and looks at nothing but the length
    Echo {
        /// Sync what arrived at one wake-up to this file before it is answered
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// The hub with a handler that wastes time: the control of the measurement
    SlowHub {
        /// Where its store lies
        data_dir: PathBuf,
    },
}

/// The hub's own handler, slowed down.
struct Slow(HubHandler);

impl RequestHandler for Slow {
    async fn setup(&mut self, context: &Context) {
        self.0.setup(context).await;
    }

    async fn ready(&mut self, context: &Context) {
        self.0.ready(context).await;
    }

    async fn handle(&mut self, context: &Context, frame: Frame<'_>) {
        let started = Instant::now();
        while black_box(started.elapsed()) < WASTED {}
        self.0.handle(context, frame).await;
    }

    async fn broken(&mut self, context: &Context, error: FrameError) {
        self.0.broken(context, error).await;
    }

    async fn finish(&mut self, context: &Context, end: &End) {
        self.0.finish(context, end).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    match Peer::parse() {
        Peer::Echo { file } => {
            let echo = Echo::bind(file.as_deref())?;
            out::line(&echo.address()?.to_string());
            echo.run()
        }
        Peer::SlowHub { data_dir } => {
            let (store, _history) = SqliteStore::open(&data_dir.join("hub.db"))?;
            let hub = HubConfig { registration: Registration::Open, ..HubConfig::default() };
            let mut net = NetConfig::new("127.0.0.1:0".parse()?);
            net.max_messages_per_s = UNHURRIED;
            let catalogue = Arc::new(Catalogue::built_in());
            let running = HubServer::start_with(net, hub, catalogue, Box::new(store), Slow)?;
            out::line(&running.local_addr().to_string());
            running.ended().await;
            Ok(())
        }
    }
}
