//! The program `iot-sim`: a fleet from the command line, and a summary at the end.

use core::{
    error::Error,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use iot_proto::{DIAL_PORT, HUB_PORT, HubKey};
use iot_sim::{FIRST_ADDRESS, Fleet, FleetConfig, Invitation, Plan, Search, Stats, Way, discover, join_hub};

/// Simulates nodes that connect to a hub, report and obey.
///
/// Examples:
///   iot-sim --nodes 100
///   iot-sim --hub 127.0.0.1:5070 --nodes 1000 --rate 1 --for 60 --json
///   iot-sim --discover --nodes 5 --sleep 40 --loss 5
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Address and port of the hub
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, HUB_PORT)), conflicts_with = "discover")]
    hub: SocketAddr,
    /// Find the hub by DNS-SD
    #[arg(long)]
    discover: bool,
    /// Look for the hub on this interface only; may be given more than once
    #[arg(long, requires = "discover")]
    interface: Vec<String>,
    /// Take only the hub that announces itself under this name
    #[arg(long, requires = "discover", value_name = "NAME")]
    hub_name: Option<String>,
    /// How many nodes
    #[arg(long, default_value_t = 10)]
    nodes: u32,
    /// Reports a second and node
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// Percentage of nodes that sleep between reports
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    sleep: u8,
    /// How long they sleep, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    sleep_for: u64,
    /// Percentage of reports that are lost before they are sent, so that the hub sees a gap
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    loss: u8,
    /// Percentage of reports that are held back and sent later
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    late: u8,
    /// Crashes a minute and node: no goodbye, and a new boot id afterwards
    #[arg(long, default_value_t = 0.0, value_name = "RATE")]
    crash: f64,
    /// Percentage of nodes that keep no session: they connect, report and close
    #[arg(long, default_value_t = 0, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(..=100))]
    no_session: u8,
    /// Time between two visits of such a node, in seconds
    #[arg(long, default_value_t = 10, value_name = "SECONDS")]
    visit_every: u64,
    /// The hub's key, as its log shows it: the nodes have keys and encrypt. Without it they are plain
    #[arg(long, value_name = "KEY")]
    hub_key: Option<HubKey>,
    #[command(flatten)]
    joining: JoinArgs,
    /// Address of the first node; the others follow. Default for a hub on this machine: 127.16.0.1
    #[arg(long, value_name = "ADDRESS")]
    first_address: Option<Ipv4Addr>,
    /// Port on which each node listens on its own address
    #[arg(long, default_value_t = DIAL_PORT)]
    node_port: u16,
    /// Nodes do not listen
    #[arg(long)]
    no_listen: bool,
    /// Names, values and faults follow from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop after so many seconds; otherwise on Ctrl-C
    #[arg(long = "for", value_name = "SECONDS")]
    duration: Option<u64>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

/// How a node comes to know its hub.
#[derive(Debug, clap::Args)]
struct JoinArgs {
    /// Join a hub with the secret, or the whole invitation, that its page shows; then run one node that has joined
    #[arg(long, value_name = "SECRET", conflicts_with_all = ["hub_key", "join_code", "join_button"])]
    join: Option<Invitation>,
    /// Join a hub with twelve digits to be typed into its page; then run one node that has joined
    #[arg(long, conflicts_with_all = ["hub_key", "join_button"])]
    join_code: bool,
    /// Join a hub with six digits to be typed into its page, and the Enter key as the button that the page asks for;
    /// then run one node that has joined
    #[arg(long, conflicts_with = "hub_key")]
    join_button: bool,
    /// Join whatever hub answers, as a node that can show nothing, without knowing which hub it is; then run one node
    /// that has joined unverified
    #[cfg(feature = "trust-on-first-use")]
    #[arg(long, conflicts_with_all = ["hub_key", "join", "join_code", "join_button"])]
    join_unverified: bool,
}

impl JoinArgs {
    /// How to join, where that is wanted.
    fn way(&self) -> Option<Way> {
        #[cfg(feature = "trust-on-first-use")]
        if self.join_unverified {
            return Some(Way::Unverified);
        }
        match &self.join {
            Some(invitation) => Some(Way::Secret(invitation.secret.clone())),
            None if self.join_code => Some(Way::Code),
            None => self.join_button.then_some(Way::Button),
        }
    }
}

/// How long to look for a hub.
const DISCOVER_LIMIT: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(stats) if stats.protocol_errors == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            // Where standard error is closed, no one can be told.
            let _ = writeln!(io::stderr(), "iot-sim: {}", chain(&*error));
            ExitCode::from(2)
        }
    }
}

async fn run(args: Args) -> Result<Stats, Box<dyn Error>> {
    let hub = if args.discover {
        let (name, interfaces) = (args.hub_name.clone(), args.interface.clone());
        discover(&Search { name, interfaces, limit: DISCOVER_LIMIT }).await?
    } else {
        args.hub
    };
    let hub = args.joining.join.as_ref().and_then(|invitation| invitation.hub).unwrap_or(hub);
    let joined = match args.joining.way() {
        Some(way) => Some(join_hub(hub, &way).await?),
        None => None,
    };
    let json = args.json;
    let duration = args.duration.map(Duration::from_secs);
    let mut config = config(&args, hub);
    if let Some((own, key)) = joined {
        (config.own, config.hub_key, config.nodes) = (Some(own), Some(key), 1);
    }
    let listening = match config.node_port {
        Some(port) => format!("and listen on port {port}"),
        None => "and do not listen".to_owned(),
    };
    writeln!(io::stderr(), "{} nodes connect to {hub} {listening}; Ctrl-C stops them", config.nodes)?;
    let fleet = Fleet::start(config).await?;
    tokio::select! {
        () = wait(duration) => {}
        result = tokio::signal::ctrl_c() => result?,
    }
    // Nodes say goodbye at the end, so whether they were online is asked before.
    let online = fleet.stats().online;
    let stats = Stats { online, ..fleet.stop().await };
    let mut out = io::stdout();
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&stats)?)?;
    } else {
        write!(out, "{stats}")?;
    }
    Ok(stats)
}

fn config(args: &Args, hub: SocketAddr) -> FleetConfig {
    // A hub elsewhere cannot be reached from a loopback address.
    let first_address = args.first_address.or_else(|| hub.ip().is_loopback().then_some(FIRST_ADDRESS));
    let listens = !args.no_listen && first_address.is_some();
    FleetConfig {
        seed: args.seed,
        hub_key: args.hub_key,
        first_address,
        node_port: listens.then_some(args.node_port),
        sleepers: args.sleep,
        sleep_for: Duration::from_secs(args.sleep_for),
        visitors: args.no_session,
        visit_every: Duration::from_secs(args.visit_every),
        plan: Plan { rate: args.rate, loss: args.loss, late: args.late, crashes: args.crash },
        ..FleetConfig::new(hub, args.nodes)
    }
}

async fn wait(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => core::future::pending().await,
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
