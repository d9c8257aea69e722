//! The way through the whole system, once, for real: the real binary, real sockets, a fleet and nodes by hand.
//!
//! Each step says what it saw. A step that fails does not end the walk: those after it show whether the
//! fault stays where it is.

mod admission;
mod backup;
mod commands;
mod encrypted;
mod faults;
mod hub_key;
mod joining;
mod lost;
mod pages;
mod python;
mod replace;
mod reports;
mod restart;
mod restore;
mod sent;
mod stop;

use std::{fmt, net::Ipv4Addr, path::Path, time::Instant};

use anyhow::{Context as _, Result};
use iot_sim::{Fleet, FleetConfig, Plan, SimNode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    browser::Browser,
    hub::{HubProcess, configure},
    out,
};

/// Simulated nodes on the walk.
pub const NODES: u32 = PLAIN + KEYED;

/// Those that are plain, of which people let in few, and those with keys.
const PLAIN: u32 = 18;
const KEYED: u32 = 32;

/// Port on which nodes are dialled: none that a hub in use would have.
pub const NODE_PORT: u16 = 12_340;

/// Percentage of nodes that keep no session and are dialled.
const VISITORS: u8 = 10;

/// What the steps share.
#[derive(Debug)]
pub struct Walk {
    /// The hub; gone once it was stopped.
    pub hub: Option<HubProcess>,
    /// The simulated nodes that are plain.
    pub fleet: Fleet,
    /// Those with keys.
    pub keyed: Fleet,
    /// On which the fleet lives.
    pub runtime: Runtime,
    /// A node that falls silent at the start, and is looked at towards the end.
    quiet: Option<lost::Quiet>,
    /// A browser, once a step has needed one.
    browser: Option<Browser>,
    /// What the hub knew before it was stopped.
    noted: Option<Value>,
    /// The hub's data directory.
    data_dir: TempDir,
}

impl Walk {
    /// The hub.
    ///
    /// # Errors
    /// When it has been stopped.
    pub fn hub(&self) -> Result<&HubProcess> {
        self.hub.as_ref().context("the hub has been stopped")
    }

    /// All simulated nodes, the plain ones first.
    pub fn nodes(&self) -> impl Iterator<Item = &SimNode> {
        self.fleet.nodes().iter().chain(self.keyed.nodes())
    }
}

/// A step: what it is called, and how it goes.
type Step = (&'static str, fn(&mut Walk) -> Result<String>);

const STEPS: &[Step] = &[
    ("hello", admission::hello),
    ("node falls silent", lost::fall_silent),
    ("nothing of a waiting node is kept", admission::nothing_is_kept),
    ("approval", admission::approval),
    ("registration", admission::registration),
    ("plain node at another address", admission::fixed_address),
    ("unsupported kind", admission::unsupported_kind),
    ("kind of a user's folder", admission::user_kind),
    ("report: page and API show it", reports::shown),
    ("live feed", reports::live),
    ("duplicate report", reports::duplicate),
    ("commands need leave", commands::need_leave),
    ("command over the session", commands::over_session),
    ("command by a form, without script", commands::by_form),
    ("command by dialling", commands::by_dialling),
    ("command to a simulated visitor", commands::to_visitor),
    ("command out of range", commands::out_of_range),
    ("duplicate command", commands::duplicate),
    ("page is live in a browser", pages::live),
    ("switch in a browser", pages::switch),
    ("pages fit, console silent", pages::fit),
    ("unknown message kind", faults::unknown_kind),
    ("malformed message", faults::malformed),
    ("broken frame", faults::broken_frame),
    ("frame that is too long", faults::too_long),
    ("nothing leaks", faults::nothing_leaks),
    ("others did not notice", faults::others_did_not_notice),
    ("node in Python", python::node),
    ("nodes with keys", encrypted::fleet),
    ("encrypted session in Python", encrypted::python),
    ("joining with a button", joining::with_button),
    ("joining with nothing: unverified", joining::with_nothing),
    ("the hub changes its key", hub_key::changed),
    ("node lost and back", lost::lost_and_back),
    ("new board in the place of an old one, in a browser", replace::in_browser),
    ("backup by a form, downloaded", backup::by_form),
    ("damaged backup is refused", restore::damaged_is_refused),
    ("backup sent in a browser", sent::in_browser),
    ("backup restored in a browser, hub goes on", restore::in_browser),
    ("what has to outlive a restart", restart::note),
    ("graceful stop", stop::graceful),
    ("restart: everything is there", restart::after_stop),
    ("killed: all that was acknowledged is there", restart::after_kill),
    ("all is lost, restored from a backup", backup::restored),
];

/// One step that was walked.
#[derive(Debug)]
struct Walked {
    name: &'static str,
    seconds: f64,
    result: Result<String>,
}

impl fmt::Display for Walked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, seconds, result } = self;
        match result {
            Ok(seen) => write!(f, "ok      {seconds:>6.2} s  {name:<42} {seen}"),
            Err(error) => write!(f, "FAILED  {seconds:>6.2} s  {name:<42} {error:#}"),
        }
    }
}

/// Starts hub and fleet, walks all steps, and prints the table of what was seen. Gives how many failed.
///
/// # Errors
/// When hub or fleet cannot be started.
pub fn walk() -> Result<usize> {
    let data_dir = TempDir::new()?;
    admission::lay_out_user_kind(data_dir.path())?;
    let hub = start_hub(data_dir.path())?;
    let runtime = Runtime::new()?;
    let config = |nodes| FleetConfig {
        node_port: Some(NODE_PORT),
        visitors: VISITORS,
        plan: Plan::default(),
        ..FleetConfig::new(hub.tcp, nodes)
    };
    let plain = config(PLAIN);
    let with_keys = FleetConfig {
        hub_key: Some(hub.key()?),
        seed: 93,
        first_address: Some(Ipv4Addr::new(127, 20, 0, 1)),
        ..config(KEYED)
    };
    let fleet = runtime.block_on(Fleet::start(plain))?;
    let keyed = runtime.block_on(Fleet::start(with_keys))?;
    let mut walk =
        Walk { hub: Some(hub), fleet, keyed, runtime, quiet: None, browser: None, noted: None, data_dir };
    let mut walked = Vec::new();
    for (name, step) in STEPS {
        let started = Instant::now();
        let result = step(&mut walk);
        let step = Walked { name, seconds: started.elapsed().as_secs_f64(), result };
        out::line(&step.to_string());
        walked.push(step);
    }
    let failed = walked.iter().filter(|step| step.result.is_err()).count();
    out::line(&format!("\nwalk: {} passed, {failed} failed", walked.len() - failed));
    walk.runtime.block_on(walk.keyed.stop());
    walk.runtime.block_on(walk.fleet.stop());
    Ok(failed)
}

/// The hub of the walk, on what it finds in the data directory.
///
/// # Errors
/// When it cannot be started.
fn start_hub(data_dir: &Path) -> Result<HubProcess> {
    let port = NODE_PORT.to_string();
    // A node that says so much that its keys change would otherwise be read slowly.
    configure(data_dir, "max_messages_per_s = 1000000")?;
    HubProcess::start(data_dir, &["--node-port", &port, "--registration", "approve"])
}

/// A field of an answer, by path such as `/presence/state`.
///
/// # Errors
/// When it is not there.
pub fn field<'a>(answer: &'a Value, path: &str) -> Result<&'a Value> {
    answer.pointer(path).with_context(|| format!("no {path} in {answer}"))
}
