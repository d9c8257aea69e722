//! The servers that are measured, each as a process of its own on the server's core: the hub and its peers.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{
    cpu::{Core, Usage},
    wire::Wire,
};
use crate::{
    hub::{HubProcess, binaries, configure},
    wait::until,
};

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(10);

/// Where Debian has its daemons, which is on no user's search path.
const DAEMONS: &str = "/usr/sbin";

/// Messages that the hub takes a second of one session: more than any here says. What is measured is how fast
/// it can serve, and not where it has set itself a limit.
pub const UNHURRIED: u32 = 10_000_000;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The hub as it is shipped, with its store on disk.
    Hub,
    /// The hub with a handler that wastes time: the planted fault.
    SlowHub,
    /// The echo of report frames.
    Echo,
    /// The same, with what arrived at one wake-up synced before it is answered.
    EchoDurable,
    /// Debian's mosquitto, which syncs nothing.
    Mosquitto,
}

impl Peer {
    /// What it is called in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::SlowHub => "slow hub",
            Self::Echo => "echo",
            Self::EchoDurable => "syncing echo",
            Self::Mosquitto => "mosquitto",
        }
    }

    /// The language that it speaks.
    pub fn wire(self) -> Wire {
        match self {
            Self::Hub | Self::SlowHub => Wire::Hub,
            Self::Echo | Self::EchoDurable => Wire::Frames,
            Self::Mosquitto => Wire::Mqtt,
        }
    }
}

/// A server that runs on the server's core. It is ended when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
    /// Where its files are; kept until it has ended.
    _directory: TempDir,
}

#[derive(Debug)]
enum Process {
    Hub(HubProcess),
    Other(Killed),
}

/// A process that is killed and waited for when this is dropped.
#[derive(Debug)]
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts a server with nothing stored, and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started or does not listen in time.
    pub fn start(peer: Peer) -> Result<Self> {
        let directory = TempDir::new()?;
        let at = directory.path();
        let (address, process) = match peer {
            Peer::Hub => {
                configure(at, &format!("max_messages_per_s = {UNHURRIED}"))?;
                let hub = HubProcess::start(at, &["--registration", "open"])?;
                (hub.tcp, Process::Hub(hub))
            }
            Peer::SlowHub => ours(&["slow-hub".as_ref(), at.as_os_str()])?,
            Peer::Echo => ours(&["echo".as_ref()])?,
            Peer::EchoDurable => ours(&["echo".as_ref(), "--file".as_ref(), at.join("log").as_os_str()])?,
            Peer::Mosquitto => mosquitto(at)?,
        };
        let server = Self { address, process, _directory: directory };
        Core::Server.pin(server.id())?;
        Ok(server)
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// Where the operating system does not say so.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.id())
    }

    fn id(&self) -> u32 {
        match &self.process {
            Process::Hub(hub) => hub.id(),
            Process::Other(child) => child.0.id(),
        }
    }
}

/// Starts a server of the binary `peer`, which prints where it listens.
fn ours(arguments: &[&std::ffi::OsStr]) -> Result<(SocketAddr, Process)> {
    let program = binaries()?.join("peer");
    let mut child = Killed(
        Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", program.display()))?,
    );
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().context("its output")?).read_line(&mut line)?;
    let address = line.trim().parse().with_context(|| format!("where the peer listens: {line:?}"))?;
    Ok((address, Process::Other(child)))
}

fn mosquitto(at: &std::path::Path) -> Result<(SocketAddr, Process)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let settings = at.join("mosquitto.conf");
    fs::write(
        &settings,
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\n\
             max_inflight_messages 1000\nmax_queued_messages 1000000\n"
        ),
    )?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([DAEMONS.into()]);
    let child = Command::new("mosquitto")
        .env("PATH", std::env::join_paths(places)?)
        .arg("-c")
        .arg(&settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start mosquitto, of the package of that name")?;
    let (process, address) = (Process::Other(Killed(child)), SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    until("mosquitto listens", START, || Ok(TcpStream::connect(address).ok()))?;
    Ok((address, process))
}
