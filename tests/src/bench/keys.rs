//! What keys cost the hub: reports and visits of nodes that encrypt, beside those of plain ones, as processor
//! time of the hub.

use std::{thread, time::Duration};

use anyhow::Result;
use iot_sim::{Fleet, FleetConfig, Plan, Stats};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::figure::{Bar, Figure};
use crate::{hub::HubProcess, wait::until};

/// How long the nodes have to come.
const SETTLE: Duration = Duration::from_secs(30);

/// Measures each of the four for so many seconds.
///
/// # Errors
/// When a fleet cannot be started or does not come.
pub fn run(seconds: u64) -> Result<Vec<Figure>> {
    let data_dir = TempDir::new()?;
    let hub = HubProcess::start(data_dir.path(), &["--registration", "open"])?;
    let at_rate = |rate| Plan { rate, ..Plan::default() };
    let reporting = || FleetConfig { plan: at_rate(20.0), ..FleetConfig::new(hub.tcp, 200) };
    let visit_every = Duration::from_secs(1);
    let visiting =
        || FleetConfig { plan: at_rate(0.1), visitors: 100, visit_every, ..FleetConfig::new(hub.tcp, 300) };
    let hub_key = Some(hub.key()?);
    let report = |stats: &Stats| stats.acknowledged;
    let visit = |stats: &Stats| stats.connects;
    let plain = cost(&hub, reporting(), report, seconds)?;
    let sealed = cost(&hub, FleetConfig { hub_key, ..reporting() }, report, seconds)?;
    let plain_visit = cost(&hub, visiting(), visit, seconds)?;
    let sealed_visit = cost(&hub, FleetConfig { hub_key, ..visiting() }, visit, seconds)?;
    let handshake = sealed_visit - plain_visit;
    Ok(vec![
        Figure::once("a plain report: processor", plain, "µs"),
        Figure::once("an encrypted report: processor", sealed, "µs"),
        Figure::once("an encrypted report over a plain one: processor", sealed / plain, "times")
            .must_be(Bar::AtMost(1.5)),
        Figure::once("a plain visit: processor", plain_visit, "µs"),
        Figure::once("a handshake: processor", handshake, "µs").must_be(Bar::AtMost(300.0)),
    ])
}

/// Processor time that the hub spends on each of what is counted, in microseconds.
fn cost(hub: &HubProcess, config: FleetConfig, count: fn(&Stats) -> u64, seconds: u64) -> Result<f64> {
    let runtime = Runtime::new()?;
    let nodes = u64::from(config.nodes);
    let fleet = runtime.block_on(Fleet::start(config))?;
    until("every node has come", SETTLE, || Ok((count(&fleet.stats()) > 2 * nodes).then_some(())))?;
    let (cpu, counted) = (hub.usage()?.cpu, count(&fleet.stats()));
    thread::sleep(Duration::from_secs(seconds));
    let (cpu, counted) = (hub.usage()?.cpu.saturating_sub(cpu), count(&fleet.stats()) - counted);
    runtime.block_on(fleet.stop());
    Ok(cpu.as_secs_f64() * 1e6 / f64::from(u32::try_from(counted)?))
}
