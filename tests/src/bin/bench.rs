//! Measures what the hub promises, against the real binary, and prints it as a table or as JSON.
//!
//! Run by `cargo xtask bench`. Ends without success where a figure falls short of its bar.

use std::{
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use iot_sim::{Fleet, FleetConfig, Plan, Stats};
use iot_tests::{
    hub::{HubProcess, binaries},
    out,
    wait::until,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Measures what the hub promises.
#[derive(Debug, Parser)]
struct Args {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// How long the fleet is measured, in seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Commands that are timed
    #[arg(long, default_value_t = 500)]
    commands: usize,
}

/// Nodes of the fleet that is measured, each with one report a second.
const NODES: u32 = 1000;

/// How long they have to come and settle before it is measured.
const SETTLE: Duration = Duration::from_secs(30);

/// A figure with the bar that it must not exceed.
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    bar: Option<f64>,
}

impl Figure {
    fn holds(&self) -> bool {
        self.bar.is_none_or(|bar| self.value < bar)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let figures = measure(&args);
    match figures {
        Ok(figures) => {
            print(&args, &figures);
            if figures.iter().all(Figure::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            out::line(&format!("not measured: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn print(args: &Args, figures: &[Figure]) {
    if args.json {
        let entry = |figure: &Figure| {
            let entry = json!({ "value": figure.value, "unit": figure.unit, "below": figure.bar });
            (figure.name.to_string(), entry)
        };
        out::line(&Value::Object(figures.iter().map(entry).collect()).to_string());
        return;
    }
    for figure in figures {
        let Figure { name, value, unit, bar } = figure;
        let bar = bar.map_or_else(String::new, |bar| {
            format!("must be below {bar} {unit}: {}", if figure.holds() { "ok" } else { "FAILED" })
        });
        out::line(&format!("{name:<48} {value:>10.3} {unit:<10} {bar}"));
    }
}

fn measure(args: &Args) -> Result<Vec<Figure>> {
    let mut figures = commands(args.commands)?;
    figures.extend(fleet(args.seconds)?);
    figures.extend(keys(args.seconds)?);
    Ok(figures)
}

/// What keys cost the hub: reports and visits of nodes that encrypt, beside those of plain ones.
fn keys(seconds: u64) -> Result<Vec<Figure>> {
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
    Ok(vec![
        Figure { name: "a plain report, processor", value: plain, unit: "µs", bar: None },
        Figure { name: "an encrypted report, processor", value: sealed, unit: "µs", bar: None },
        Figure { name: "encrypted against plain", value: sealed / plain, unit: "times", bar: Some(1.5) },
        Figure { name: "a plain visit, processor", value: plain_visit, unit: "µs", bar: None },
        Figure {
            name: "a handshake, processor",
            value: sealed_visit - plain_visit,
            unit: "µs",
            bar: Some(300.0),
        },
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

/// From the request on the API to the value reported back, beside a request that asks for nothing.
fn commands(count: usize) -> Result<Vec<Figure>> {
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
        Figure { name: "command, API to reported value, median", value: median, unit: "ms", bar: Some(5.0) },
        Figure { name: "command, 99th percentile", value: percentile(&mut took, 99), unit: "ms", bar: None },
        Figure {
            name: "the same over GET /healthz, medians",
            value: median / idle,
            unit: "times",
            bar: None,
        },
    ])
}

/// A thousand nodes with one report a second: errors, processor, memory.
fn fleet(seconds: u64) -> Result<Vec<Figure>> {
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
    ensure!(number("online")? >= f64::from(NODES), "all nodes are online: {stats}");
    Ok(vec![
        Figure { name: "1,000 nodes: reports acknowledged", value: rate, unit: "a second", bar: None },
        Figure { name: "1,000 nodes: errors", value: bad, unit: "", bar: Some(0.5) },
        Figure { name: "1,000 nodes: processor, of one core", value: cpu, unit: "%", bar: Some(10.0) },
        Figure {
            name: "1,000 nodes: resident memory",
            value: mib(after.resident_kib),
            unit: "MiB",
            bar: Some(50.0),
        },
        Figure { name: "no node: resident memory", value: mib(empty), unit: "MiB", bar: None },
        Figure {
            name: "1,000 nodes: acknowledged within, median",
            value: number_at(&stats, "/latency/p50_us")? / 1000.0,
            unit: "ms",
            bar: None,
        },
        Figure {
            name: "1,000 nodes: acknowledged within, 99th percentile",
            value: number_at(&stats, "/latency/p99_us")? / 1000.0,
            unit: "ms",
            bar: None,
        },
    ])
}

fn number_at(stats: &Value, path: &str) -> Result<f64> {
    stats.pointer(path).and_then(Value::as_f64).with_context(|| format!("no {path} in {stats}"))
}

/// A percentile in milliseconds.
fn percentile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
}
