//! How long a command takes: from the request on the API to the value that the node reports back, beside a
//! request that asks for nothing.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use iot_sim::{Fleet, FleetConfig};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::figure::{Bar, Figure};
use crate::{hub::HubProcess, wait::until};

/// How long the nodes have to come.
const SETTLE: Duration = Duration::from_secs(30);

/// Times so many commands.
///
/// # Errors
/// When the node does not come, or a command is not done.
pub fn run(count: usize) -> Result<Vec<Figure>> {
    let data_dir = TempDir::new()?;
    let hub = HubProcess::start(data_dir.path(), &["--registration", "open"])?;
    let runtime = Runtime::new()?;
    let fleet = runtime.block_on(Fleet::start(FleetConfig::new(hub.tcp, 10)))?;
    let known = fleet.nodes().iter().find(|node| node.modules.contains(&"relay")).context("a relay")?;
    let module = known.modules.iter().position(|kind| *kind == "relay").context("its index")?;
    let (node, module) = (format!("plain:{}", known.name), u8::try_from(module)?);
    until("the node is online", SETTLE, || {
        let node = hub.api.node(&node)?;
        Ok(node.filter(|node| node["presence"]["state"] == "online" && node["modules"][0].is_object()))
    })?;
    let (mut took, mut idle) = (Vec::new(), Vec::new());
    for at in 0..count {
        let started = Instant::now();
        let command = hub.api.set(&node, module, "on", &json!(at % 2 == 0))?;
        took.push(started.elapsed());
        ensure!(command["state"] == "done", "{command}");
        let started = Instant::now();
        hub.api.page("/healthz")?;
        idle.push(started.elapsed());
    }
    runtime.block_on(fleet.stop());
    let (median, idle) = (percentile(&mut took, 50), percentile(&mut idle, 50));
    Ok(vec![
        Figure::once("command, API to reported value, median", median, "ms").must_be(Bar::AtMost(5.0)),
        Figure::once("command, 99th percentile", percentile(&mut took, 99), "ms"),
        Figure::once("the same over GET /healthz, medians", median / idle, "times"),
    ])
}

/// A percentile in milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}
