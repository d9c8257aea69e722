//! `iot-server demo`: a hub with simulated nodes on this machine alone, for a first look.

use core::{net::Ipv4Addr, time::Duration};
use std::process::ExitCode;

use iot_core::config::Registration;
use iot_server::{
    Config, IotServer, Restores,
    config::{Announce, StoreKind},
};
use iot_sim::{Fleet, FleetConfig, Plan};
use iot_web::Secret;
use tokio::time::{sleep, timeout};

use crate::{
    cli::{DemoOptions, Settings},
    logging, out,
    run::{runtime, until_stopped},
};

/// Of ten nodes two sleep and one keeps no session, so that every way of living is seen.
const SLEEPERS: u8 = 20;
const VISITORS: u8 = 10;

/// Who looks at it, with a password of so many digits that ends with it.
const USER: &str = "demo";
const PASSWORD: usize = 16;

/// So long at most the nodes may take to come before it is said how to enter.
const COME_WITHIN: Duration = Duration::from_secs(2);

/// Runs a hub that listens on the loopback address and admits everyone, with simulated nodes.
///
/// # Errors
/// What is wrong with the configuration, or why hub or nodes cannot start.
pub(crate) fn demo(settings: Settings, options: &DemoOptions) -> anyhow::Result<ExitCode> {
    logging::start(settings.log_format);
    let config = settings.config(defaults())?;
    let node_port = config.node_port;
    runtime()?.block_on(async {
        let password: String = Secret::for_login()?.text.chars().take(PASSWORD).collect();
        // What is kept has an owner of its own, or is claimed on the page.
        let is_kept = config.store == StoreKind::Disk;
        let restores = Restores::default();
        let builder = IotServer::builder().config(config.clone()).restores(&restores);
        let builder = if is_kept { builder } else { builder.owner(USER, &password) };
        let server = builder.start().await?;
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
        // Each node that comes has its lines in the log; how to enter stands below them.
        let _ = timeout(COME_WITHIN, all_have_come(&fleet)).await;
        let enter = if is_kept {
            "Log in there, or claim the hub; nodes wait until somebody has.".to_owned()
        } else {
            format!("Log in as {USER} with the password {password}")
        };
        out::line(&format!(
            "\n  Open {} to see the hub with {} simulated nodes. Ctrl-C ends both.\n  {enter}\n",
            server.web_url(),
            options.nodes
        ));
        let server = until_stopped(server, config, &restores).await?;
        fleet.stop().await;
        server.tear_down().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// Waits until the hub has welcomed every node.
async fn all_have_come(fleet: &Fleet) {
    while fleet.stats().connects < fleet.stats().nodes {
        sleep(Duration::from_millis(20)).await;
    }
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
