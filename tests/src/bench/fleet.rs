//! A site as it is every day: a thousand nodes, each with one report a second. Errors, processor, memory.

use std::{
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::figure::{Bar, Figure};
use crate::hub::{HubProcess, binaries};

/// Nodes of the fleet that is measured, each with one report a second.
const NODES: u32 = 1000;

/// How long they have to come and settle before it is measured.
const SETTLE: Duration = Duration::from_secs(30);

/// Measures for so many seconds.
///
/// # Errors
/// When the fleet cannot be started, or not all nodes are online.
pub fn run(seconds: u64) -> Result<Vec<Figure>> {
    let data_dir = TempDir::new()?;
    let hub = HubProcess::start(data_dir.path(), &["--registration", "open"])?;
    let empty = hub.usage()?.resident_kib;
    let total = SETTLE.as_secs() + seconds;
    let sim = Command::new(binaries()?.join("iot-sim"))
        .args(["--hub", &hub.tcp.to_string(), "--nodes", &NODES.to_string(), "--rate", "1", "--json"])
        .args(["--no-listen", "--for", &total.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("start iot-sim")?;
    thread::sleep(SETTLE);
    let (before, started) = (hub.usage()?, Instant::now());
    thread::sleep(Duration::from_secs(seconds).saturating_sub(Duration::from_secs(2)));
    let (after, elapsed) = (hub.usage()?, started.elapsed());
    let stats = sim.wait_with_output()?;
    let stats: Value = serde_json::from_slice(&stats.stdout).context("the fleet's summary")?;
    let number = |name: &str| stats[name].as_f64().with_context(|| format!("no {name} in {stats}"));
    let errors = stats["errors"].as_object().map_or(0, serde_json::Map::len);
    let mib = |kib: u64| f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0;
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64() / elapsed.as_secs_f64() * 100.0;
    let rate = number("acknowledged")? / f64::from(u32::try_from(total)?);
    let bad = number("protocol_errors")? + number("given_up")? + f64::from(u32::try_from(errors)?);
    let within = |path| Ok::<_, anyhow::Error>(number_at(&stats, path)? / 1000.0);
    ensure!(number("online")? >= f64::from(NODES), "all nodes are online: {stats}");
    Ok(vec![
        Figure::once("1,000 nodes: reports acknowledged", rate, "a second"),
        Figure::once("1,000 nodes: errors", bad, "").must_be(Bar::AtMost(0.0)),
        Figure::once("1,000 nodes: processor, of one core", cpu, "%").must_be(Bar::AtMost(10.0)),
        Figure::once("1,000 nodes: resident memory", mib(after.resident_kib), "MiB")
            .must_be(Bar::AtMost(50.0)),
        Figure::once("no node: resident memory", mib(empty), "MiB"),
        Figure::once("1,000 nodes: acknowledged within, median", within("/latency/p50_us")?, "ms"),
        Figure::once("1,000 nodes: acknowledged within, 99th percentile", within("/latency/p99_us")?, "ms"),
    ])
}

fn number_at(stats: &Value, path: &str) -> Result<f64> {
    stats.pointer(path).and_then(Value::as_f64).with_context(|| format!("no {path} in {stats}"))
}
