//! `dial`: whom the hub dials, whatever is said to it: judged by every packet that leaves it in a network of its own.
//!
//! Admitted nodes come and go, each from an address of its own, and are wanted to do something all the time. Beside
//! them come strangers, each from another address, which name a third party in every way that the wire has.
//! The hub may dial the admitted nodes where they were last, seldom enough, and nobody else.

mod network;
mod seen;
mod watch;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use iot_proto::{Capabilities, Dial, Hello, Identity, Label, Name, UnixMillis, VersionRange};
use serde_json::json;
use tempfile::TempDir;

use self::{
    network::{BROADCAST, HUB, Network, address},
    seen::{Allowed, Figures},
};
use super::frame::Frame;
use crate::{
    api::Api,
    hand_node::{HandNode, hello},
    hub::{HubProcess, Launch, Ports, configure},
};

/// How many come, and how long.
#[derive(Debug, Args)]
pub struct Options {
    /// Strangers, each at an address of its own and with a third party's address in all it says
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    forged: u16,
    /// How many seconds admitted nodes come and go while all of them are wanted
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    #[command(flatten)]
    frame: Frame<Plant>,
    /// Set where the proof is in a network of its own
    #[arg(long, hide = true)]
    part: Option<Part>,
}

/// A fault that the proof must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Plant {
    /// The hub is allowed to dial its own machine's loopback address
    Loopback,
    /// Whatever address a stranger names is dialled from the hub's machine
    Gullible,
}

/// Which process of a run this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// All nodes, and the judgement
    Network,
    /// Who watches the hub's network
    Watch,
}

/// Addresses of admitted nodes. Two nodes live at each, and on one of two somebody listens who never answers.
const ADDRESSES: u8 = 10;

/// Block of the subnet in which they are when they are admitted, and the one where they are from then on.
const FORMER: u8 = 2;
const PRESENT: u8 = 1;

/// Blocks in which the strangers are, and those whom they name, from here on.
const STRANGERS: u8 = 16;
const NAMED: u8 = 120;

/// Strangers in a block.
const IN_BLOCK: u16 = 250;

/// Nodes on the hub's own machine, which it must not dial.
const ON_HUB: [(&str, IpAddr); 2] = [("dial-own", HUB), ("dial-loopback", IpAddr::V4(Ipv4Addr::LOCALHOST))];

/// Where nodes are dialled.
const NODE_PORT: u16 = 1234;

/// Where the hub listens. Nobody else is in its network.
const PORTS: Ports = Ports { tcp: 5070, web: 8080 };

/// Speaks for everybody, prints whom the hub dialled, and judges it.
///
/// # Errors
/// When the machine allows no network of its own, the hub does not start, or a promise was broken; with a planted
/// fault, when it was not found.
pub fn run(options: &Options) -> Result<()> {
    match options.part {
        None => network::run_in_namespace(),
        Some(Part::Watch) => watch::watch(),
        Some(Part::Network) => prove(options),
    }
}

fn prove(options: &Options) -> Result<()> {
    let figures = dial(options)?;
    options.frame.conclude(
        "dial",
        figures.to_findings(),
        |plant| match plant {
            Plant::Loopback => figures.others.contains(&SocketAddr::from((Ipv4Addr::LOCALHOST, NODE_PORT))),
            Plant::Gullible => figures.others.len() == usize::from(options.forged),
        },
        "nobody was dialled but admitted nodes, each where it was last, and seldom enough",
    )
}

fn dial(options: &Options) -> Result<Figures> {
    let mut network = Network::make()?;
    let data_dir = TempDir::new()?;
    let launch = Launch { address: HUB, network: Some(network.watcher.id()), ..Launch::default() };
    let first = HubProcess::launch(launch, PORTS, data_dir.path(), &["--registration", "open"])?;
    all_visit(&mut network, FORMER, first.tcp)?;
    ensure!(first.stop()?.success(), "the hub has not stopped in good order");

    let port = NODE_PORT.to_string();
    let arguments = ["--registration", "approve", "--node-port", &port];
    if options.frame.plant == Some(Plant::Loopback) {
        configure(data_dir.path(), "dial_loopback = \"yes\"\n")?;
    }
    let hub = HubProcess::launch(launch, PORTS, data_dir.path(), &arguments)?;
    permit_all(&hub.api)?;
    all_visit(&mut network, PRESENT, hub.tcp)?;
    listen()?;
    for number in 0..options.forged {
        forge(&hub, number)?;
        if options.frame.plant == Some(Plant::Gullible) {
            network.watcher.dial(SocketAddr::new(nth(NAMED, number)?, NODE_PORT))?;
        }
    }
    // The kernel takes no connection from there, and so gives nothing to dial.
    let from_everybody = HandNode::connect_from(BROADCAST, hub.tcp, Duration::from_secs(1));
    ensure!(from_everybody.is_err(), "a connection came from the broadcast address");

    let wanted = come_and_go(&hub, Duration::from_secs(options.seconds))?;
    let tcp = hub.tcp;
    ensure!(hub.stop()?.success(), "the hub has not stopped in good order");
    let attempts = network.watcher.attempts()?;
    let hosts = (1..=ADDRESSES).map(|host| address(PRESENT, host)).collect();
    let allowed = Allowed { hosts, port: NODE_PORT, hub: tcp };
    Ok(Figures::of(options.forged, wanted, &allowed, &attempts))
}

/// The admitted nodes, by name and the host of a block in which they live.
fn admitted() -> impl Iterator<Item = (String, u8)> {
    (1..=ADDRESSES).flat_map(|host| ["a", "b"].map(|which| (format!("dial-{host}{which}"), host)))
}

/// An address for each stranger, and for each one that is named.
fn nth(block: u8, number: u16) -> Result<IpAddr> {
    let (high, low) = (u8::try_from(number / IN_BLOCK)?, u8::try_from(number % IN_BLOCK)?);
    Ok(address(block + high, low + 1))
}

/// All admitted nodes are in session once, those on the hub's machine too.
fn all_visit(network: &mut Network, block: u8, hub: SocketAddr) -> Result<()> {
    admitted().try_for_each(|(name, host)| visit(address(block, host), hub, &name))?;
    ON_HUB.iter().try_for_each(|(name, from)| network.watcher.visit(name, *from, hub))
}

/// The admitted nodes prove nothing: an admin permits commands to them, and accepts where they are now.
fn permit_all(api: &Api) -> Result<()> {
    let moved = admitted().map(|(name, host)| (name, address(PRESENT, host)));
    for (name, address) in moved.chain(ON_HUB.map(|(name, from)| (name.to_owned(), from))) {
        for (act, body) in [("permit", json!({})), ("address", json!({ "address": address }))] {
            let (status, answer) = api.post(&format!("/nodes/plain:{name}/{act}"), &body)?;
            ensure!(status == 200, "{act} of {name}: {status}: {answer}");
        }
    }
    Ok(())
}

/// How long a connection within this machine may take.
const CONNECT: Duration = Duration::from_secs(5);

/// A node that may, comes, says what it can do, and goes.
fn visit(from: IpAddr, hub: SocketAddr, name: &str) -> Result<()> {
    let mut node = HandNode::connect_from(from, hub, CONNECT)?;
    node.send(&hello(name, 1, 60, Capabilities::LISTENS)?, true)?;
    node.next()?;
    node.register("relay", 1, "Dialled relay")?;
    Ok(())
}

/// Somebody takes connections at every other address of an admitted node, and ends them without a word.
fn listen() -> Result<()> {
    for host in (1..=ADDRESSES).step_by(2) {
        let listener = TcpListener::bind((address(PRESENT, host), NODE_PORT))?;
        thread::spawn(move || listener.incoming().for_each(drop));
    }
    Ok(())
}

/// A stranger comes and names a third party.
fn forge(hub: &HubProcess, number: u16) -> Result<()> {
    let named = SocketAddr::new(nth(NAMED, number)?, NODE_PORT).to_string();
    let mut node = HandNode::connect_from(nth(STRANGERS, number)?, hub.tcp, CONNECT)?;
    let name = format!("forged-{number}");
    let said = hello(&name, 1, 60, Capabilities::LISTENS)?;
    let text = Label::clipped(&named);
    match number % 4 {
        0 => {
            node.send(&Hello { board: text, firmware: text, firmware_version: text, ..said }, true)?;
            node.next()?;
            // Whether it is refused or waits: it may not be dialled.
            want(&hub.api, &name)?;
        }
        1 => {
            node.raw(format!("CONNECT {named} HTTP/1.1\r\nHost: {named}\r\n\r\n").as_bytes())?;
            // The hub may answer, or have closed the connection.
            let _ = node.next();
        }
        2 => {
            // What only a hub says, in the name of an admitted node.
            let to = Identity::Name(Name::new("dial-1a")?);
            node.send(&Dial { versions: VersionRange::OURS, to, time: UnixMillis(1) }, true)?;
            let _ = node.next();
        }
        _ => {
            node.send(&said, true)?;
            node.next()?;
            // Where too many wait already, it was sent away.
            let _ = node.register("relay", 1, &named);
        }
    }
    Ok(())
}

/// Admitted nodes come and go, and all of them are wanted. Gives how many commands were taken.
fn come_and_go(hub: &HubProcess, time: Duration) -> Result<u64> {
    let (began, mut taken) = (Instant::now(), 0);
    while began.elapsed() < time {
        for (name, host) in admitted() {
            taken += u64::from(want(&hub.api, &name)?);
            visit(address(PRESENT, host), hub.tcp, &name)?;
            taken += u64::from(want(&hub.api, &name)?);
        }
        for (name, _) in ON_HUB {
            taken += u64::from(want(&hub.api, name)?);
        }
    }
    Ok(taken)
}

/// Wants something of a node; whether that was taken.
fn want(api: &Api, name: &str) -> Result<bool> {
    let path = format!("/nodes/plain:{name}/modules/0/properties/on");
    Ok(api.post(&path, &json!({ "value": true }))?.0 == 202)
}
