//! [`Network`]: a network that this machine has beside its own, with the hub at one end and all nodes at the other.
//!
//! The prover runs in a network namespace in which every address of the subnet is its own, so that a node can come
//! from any of them; the hub and who watches it run in another. Both go with the processes in them.

use std::{
    net::{IpAddr, Ipv4Addr},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use super::watch::Watcher;

/// The hub's address.
pub(super) const HUB: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));

/// The last address of the subnet, which means everybody in it.
pub(super) const BROADCAST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 255, 255));

/// How the nodes' end is made; every address is local there but the hub's.
const NODES_END: [&str; 6] = [
    "link set lo up",
    "link add nodes type veth peer name hub",
    "link set nodes up",
    "address add 10.77.255.254/32 dev nodes",
    "route add local 10.77.0.0/16 dev lo",
    "route add 10.77.0.1/32 dev nodes table local",
];

/// How the hub's end is made. All nodes lie behind one gateway, or the kernel's list of neighbours would be too short.
const HUB_END: [&str; 6] = [
    "link set lo up",
    "link set hub up",
    "address add 10.77.0.1/32 dev hub",
    "route add 10.77.255.254/32 dev hub",
    "route add 10.77.0.0/16 via 10.77.255.254",
    "route add broadcast 10.77.255.255 dev hub table local",
];

/// An address of the subnet by its last two bytes.
pub(super) fn address(block: u8, host: u8) -> IpAddr {
    Ipv4Addr::new(10, 77, block, host).into()
}

/// Runs this program anew in a network namespace of its own, which goes with it.
///
/// # Errors
/// Where that cannot be, or the run falls short; it has said itself of what.
pub(super) fn run_in_namespace() -> Result<()> {
    let tried = Command::new("unshare").args(["--net", "true"]).stderr(Stdio::null()).status();
    ensure!(
        tried.is_ok_and(|status| status.success()),
        "this machine allows no network namespace (unshare --net, as root): who is dialled cannot be shown here"
    );
    let inside = anew("network")?.status().context("run unshare")?;
    ensure!(inside.success(), "the run in a network namespace fell short");
    Ok(())
}

/// This program with the same words and a part to play, in a new network namespace.
///
/// # Errors
/// When the operating system does not say where this program lies.
pub(super) fn anew(part: &str) -> Result<Command> {
    let own = std::env::current_exe().context("where this program lies")?;
    let words = std::env::args_os().skip(1).take_while(|word| word != "--part");
    let mut command = Command::new("unshare");
    command.args(["--net", "--"]).arg(own).args(words).args(["--part", part]);
    Ok(command)
}

/// The hub's namespace, with who watches it.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) watcher: Watcher,
}

impl Network {
    /// Makes both ends, and begins to watch.
    ///
    /// # Errors
    /// Where the machine does not allow it, or lacks `ip`.
    pub(super) fn make() -> Result<Self> {
        let watcher = Watcher::start()?;
        let hubs = watcher.id().to_string();
        NODES_END.iter().try_for_each(|words| run("ip", &[], words))?;
        run("ip", &[], &format!("link set hub netns {hubs}"))?;
        HUB_END.iter().try_for_each(|words| run("nsenter", &["--net", "--target", &hubs, "ip"], words))?;
        Ok(Self { watcher })
    }
}

fn run(program: &str, first: &[&str], words: &str) -> Result<()> {
    let ended = Command::new(program).args(first).args(words.split(' ')).status();
    let ended = ended.with_context(|| format!("run {program}, which makes the network"))?;
    ensure!(ended.success(), "this machine allows no such network (ip {words}): {ended}");
    Ok(())
}
