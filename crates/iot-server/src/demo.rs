//! `iot-server demo`: a hub with simulated nodes on this machine alone, for a first look.

use core::{net::Ipv4Addr, time::Duration};
use std::process::ExitCode;

use iot_core::config::Registration;
use iot_server::{
    Config, IotServer,
    config::{Announce, StoreKind},
};
use iot_sim::{Fleet, FleetConfig, Plan};

use crate::{
    cli::{DemoOptions, Settings},
    logging, out,
    run::{runtime, stop_signal},
};

/// Of ten nodes two sleep and one keeps no session, so that every way of living is seen.
const SLEEPERS: u8 = 20;
const VISITORS: u8 = 10;

/// Runs a hub that listens on the loopback address and admits everyone, with simulated nodes.
///
/// # Errors
/// What is wrong with the configuration, or why hub or nodes cannot start.
pub(crate) fn demo(settings: Settings, options: &DemoOptions) -> anyhow::Result<ExitCode> {
    logging::start(settings.log_format);
    let config = settings.config(defaults())?;
    let node_port = config.node_port;
    runtime()?.block_on(async {
        let server = IotServer::builder().config(config).start().await?;
        let fleet = Fleet::start(FleetConfig {
            node_port: Some(node_port),
            sleepers: SLEEPERS,
            sleep_for: Duration::from_mins(1),
            visitors: VISITORS,
            visit_every: Duration::from_secs(30),
            plan: Plan { rate: 0.5, late: 2, ..Plan::default() },
            ..FleetConfig::new(server.tcp_addr(), options.nodes)
        })
        .await?;
        out::line(&format!(
            "\n  Open http://{}/ to see the hub with {} simulated nodes. Ctrl-C ends both.\n",
            server.web_addr(),
            options.nodes
        ));
        stop_signal().await?;
        fleet.stop().await;
        server.tear_down().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// A hub that nobody but this machine can reach, on a free port beside any other hub.
fn defaults() -> Config {
    Config {
        name: "Demo".into(),
        store: StoreKind::Memory,
        address: Some(Ipv4Addr::LOCALHOST.into()),
        tcp_port: 0,
        registration: Registration::Open,
        announce: Announce::No,
        ..Config::default()
    }
}
