//! [`Site`]: a hub with good nodes and somebody who opens its pages: those who must not notice hostile peers.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use iot_sim::{Fleet, FleetConfig, Stats};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::findings::millis;
use crate::{
    api::Api,
    hub::{HubProcess, Launch, Ports, configure},
    wait::until,
};

/// How long all nodes have to come online.
const SETTLE: Duration = Duration::from_secs(90);

/// A hub is warm that has held no more than so much more for so long.
const WARM: Duration = Duration::from_secs(10);
const WARM_KIB: u64 = 512;

/// Pause of the visitor between two pages.
const BETWEEN_PAGES: Duration = Duration::from_millis(100);

/// What the visitor opens: a page that lists nodes, and the word of the hub on itself.
const PAGES: [&str; 2] = ["/", "/healthz"];

/// A hub with good nodes that are online.
#[derive(Debug)]
pub(super) struct Site {
    /// The hub.
    pub(super) hub: HubProcess,
    nodes: u32,
    runtime: Runtime,
    fleet: Fleet,
    data_dir: TempDir,
}

/// How the nodes were at some moment.
#[derive(Debug)]
pub(super) struct Mark {
    stats: Stats,
    resident_kib: u64,
    at: Instant,
}

/// How the good nodes fared since a moment.
#[derive(Debug, Default)]
pub(super) struct Fared {
    /// Sessions that have ended, and attempts that failed.
    pub(super) dropped: u64,
    /// Reports that were acknowledged, of those that a report a second makes.
    pub(super) acknowledged: u64,
    pub(super) expected: u64,
    /// From report to acknowledgement.
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl Site {
    /// Starts a hub, has so many nodes join it, and starts it again with these settings: what is known by
    /// then is admitted, and whoever comes later has to wait.
    ///
    /// # Errors
    /// When the hub does not start, or not all nodes come online.
    pub(super) fn open(nodes: u32, launch: Launch, settings: &str, arguments: &[&str]) -> Result<Self> {
        let data_dir = TempDir::new()?;
        let ports = Ports::fixed()?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let first = HubProcess::start_on(ports, data_dir.path(), &["--registration", "open"])?;
        let joining = runtime.block_on(Fleet::start(FleetConfig::new(first.tcp, nodes)))?;
        await_online(&joining, nodes)?;
        until("all modules are registered", SETTLE, || {
            let modules: usize = joining.nodes().iter().map(|node| node.modules.len()).sum();
            Ok((first.api.get("/overview")?["modules"] == modules).then_some(()))
        })?;
        runtime.block_on(joining.stop());
        ensure!(first.stop()?.success(), "the hub has not stopped in good order");

        configure(data_dir.path(), settings)?;
        let hub = HubProcess::launch(launch, ports, data_dir.path(), arguments)?;
        let fleet = runtime.block_on(Fleet::start(FleetConfig::new(hub.tcp, nodes)))?;
        await_online(&fleet, nodes)?;
        Ok(Self { hub, nodes, runtime, fleet, data_dir })
    }

    /// Where the hub keeps what is its own.
    pub(super) fn data_dir(&self) -> &Path {
        self.data_dir.path()
    }

    /// The names of its nodes.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fleet.nodes().iter().map(|node| node.name.as_str())
    }

    /// Lets the hub come to what it holds for good nodes and somebody who opens pages: caches fill, and what reports
    /// need is laid out, in its first half minute. What it holds then is compared with.
    ///
    /// # Errors
    /// When the hub has ended, or holds more and more.
    pub(super) fn warm(&self) -> Result<()> {
        let visitor = Visitor::start(&self.hub.api);
        let (mut most, mut since) = (self.hub.usage()?.resident_kib, Instant::now());
        until("the hub holds no more and more", SETTLE, || {
            let now = self.hub.usage()?.resident_kib;
            if now > most + WARM_KIB {
                (most, since) = (now, Instant::now());
            }
            Ok((since.elapsed() >= WARM).then_some(()))
        })?;
        visitor.end().map(|_| ())
    }

    /// How it is now.
    ///
    /// # Errors
    /// When the hub has ended.
    pub(super) fn mark(&self) -> Result<Mark> {
        let resident_kib = self.hub.usage()?.resident_kib;
        Ok(Mark { stats: self.fleet.stats(), resident_kib, at: Instant::now() })
    }

    /// Sessions of good nodes that have ended so far.
    pub(super) fn ends(&self) -> u64 {
        self.fleet.stats().disconnects.values().sum()
    }

    /// How the good nodes fared since then.
    pub(super) fn since(&self, mark: &Mark) -> Fared {
        let stats = self.fleet.stats();
        let ends = |stats: &Stats| stats.disconnects.values().sum::<u64>();
        let latency = stats.latency.since(&mark.stats.latency);
        Fared {
            dropped: ends(&stats) - ends(&mark.stats),
            acknowledged: stats.acknowledged - mark.stats.acknowledged,
            expected: u64::from(self.nodes) * mark.at.elapsed().as_secs(),
            p50: Duration::from_micros(latency.p50_us),
            p99: Duration::from_micros(latency.p99_us),
        }
    }

    /// Ends the nodes and the hub.
    ///
    /// # Errors
    /// When the hub does not stop in time, or says that it has failed.
    pub(super) fn close(self) -> Result<()> {
        self.runtime.block_on(self.fleet.stop());
        ensure!(self.hub.stop()?.success(), "the hub has not stopped in good order");
        Ok(())
    }
}

impl Mark {
    /// Resident memory of the hub then, in KiB.
    pub(super) fn resident_kib(&self) -> u64 {
        self.resident_kib
    }
}

impl Fared {
    /// What of it breaks the promise that good nodes notice nothing.
    pub(super) fn breaches(&self, p99_at_most: Duration) -> Vec<String> {
        let mut breaches = Vec::new();
        if self.dropped > 0 {
            breaches.push(format!("{} sessions of good nodes have ended", self.dropped));
        }
        if self.p99 > p99_at_most {
            breaches.push(format!("acknowledged within {:?}, 99th percentile", self.p99));
        }
        // One in a hundred may be on its way or have been drawn late.
        if self.acknowledged * 100 < self.expected * 95 {
            breaches.push(format!("{} of {} reports were acknowledged", self.acknowledged, self.expected));
        }
        breaches
    }

    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "dropped": self.dropped,
            "acknowledged": self.acknowledged,
            "expected": self.expected,
            "p50_ms": millis(self.p50),
            "p99_ms": millis(self.p99),
        })
    }
}

fn await_online(fleet: &Fleet, nodes: u32) -> Result<()> {
    until(
        "all good nodes are online",
        SETTLE,
        || Ok((fleet.stats().online == u64::from(nodes)).then_some(())),
    )
}

/// Somebody who opens pages all the time, each on a connection of its own.
#[derive(Debug)]
pub(super) struct Visitor {
    over: Arc<AtomicBool>,
    visits: Arc<Mutex<Visits>>,
    thread: Option<JoinHandle<()>>,
}

/// What a visitor saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Visits {
    took: Vec<Duration>,
    /// What went wrong, in words.
    failed: Vec<String>,
}

impl Visitor {
    /// Begins to open the pages of a hub.
    pub(super) fn start(api: &Api) -> Self {
        let (over, visits) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Visits::default())));
        let (api, is_over, seen) = (api.clone(), Arc::clone(&over), Arc::clone(&visits));
        let thread = thread::spawn(move || {
            for path in PAGES.into_iter().cycle() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let asked = Instant::now();
                let answer = api.apart().page(path);
                let took = asked.elapsed();
                let mut visits = seen.lock().unwrap_or_else(PoisonError::into_inner);
                visits.took.push(took);
                match answer {
                    Ok((200, _)) => {}
                    Ok((status, _)) => visits.failed.push(format!("{path}: {status}")),
                    Err(error) => visits.failed.push(format!("{path}: {error:#}")),
                }
                drop(visits);
                thread::sleep(BETWEEN_PAGES);
            }
        });
        Self { over, visits, thread: Some(thread) }
    }

    /// Ends it, and gives what it saw.
    ///
    /// # Errors
    /// When it has panicked.
    pub(super) fn end(mut self) -> Result<Visits> {
        self.over.store(true, Ordering::SeqCst);
        let thread = self.thread.take().context("it ends once")?;
        ensure!(thread.join().is_ok(), "the visitor has panicked");
        Ok(self.visits.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Visits {
    /// What of it breaks the promise that the pages stay as they are.
    pub(super) fn breaches(&self, p99_at_most: Duration) -> Vec<String> {
        let mut breaches = Vec::new();
        if let Some(first) = self.failed.first() {
            breaches.push(format!("{} pages were not served; {first}", self.failed.len()));
        }
        let p99 = self.percentile(99);
        if p99 > p99_at_most {
            breaches.push(format!("pages came within {p99:?}, 99th percentile"));
        }
        if self.took.is_empty() {
            breaches.push("no page was opened".into());
        }
        breaches
    }

    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "visits": self.took.len(),
            "failed": self.failed.len(),
            "p50_ms": millis(self.percentile(50)),
            "p99_ms": millis(self.percentile(99)),
            "most_ms": millis(self.percentile(100)),
        })
    }

    fn percentile(&self, percent: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        let at = (took.len() * percent).div_ceil(100).saturating_sub(1);
        took.get(at).copied().unwrap_or_default()
    }
}
