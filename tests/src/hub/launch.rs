//! Where and in which surroundings a hub is started: ports, address, files, network.

use std::{
    net::{IpAddr, Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result};

use super::binaries;

/// Where a hub listens; 0 where it may choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ports {
    /// For nodes.
    pub tcp: u16,
    /// For its pages and API.
    pub web: u16,
}

impl Ports {
    /// Two that are free, and stay so over restarts: they lie below those that the operating system gives
    /// to connections.
    ///
    /// # Errors
    /// When there are none.
    pub fn fixed() -> Result<Self> {
        let start = 20_000 + u16::try_from(std::process::id() % 10_000)?;
        let mut free = (start..32_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
        let mut next = || free.next().context("no free port below 32000");
        Ok(Self { tcp: next()?, web: next()? })
    }
}

/// What surrounds a hub that is started.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    /// Where it listens.
    pub address: IpAddr,
    /// Most files that it may have open; `None` for as many as this process.
    pub files: Option<u32>,
    /// What is in its log, as `IOT_LOG` says it; `None` for what this process has there.
    pub log: Option<&'static str>,
    /// The process in whose network it runs; `None` for the network of this process.
    pub network: Option<u32>,
}

impl Default for Launch {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), files: None, log: None, network: None }
    }
}

impl Launch {
    /// Runs a program in these surroundings.
    fn command(self, program: &Path) -> Command {
        let network = self.network.map(|id| ["nsenter".to_owned(), format!("--net=/proc/{id}/ns/net")]);
        let files = self.files.map(|files| ["prlimit".to_owned(), format!("--nofile={files}:{files}")]);
        let mut words =
            network.into_iter().chain(files).flat_map(|[name, option]| [name, option, "--".into()]);
        let mut command = match words.next() {
            Some(first) => {
                let mut command = Command::new(first);
                command.args(words).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.envs(self.log.map(|log| ("IOT_LOG", log)));
        command
    }
}

/// Starts the hub with its log on a pipe.
pub(super) fn spawn(launch: Launch, ports: Ports, data_dir: &Path, more: &[&str]) -> Result<Child> {
    let program = binaries()?.join("iot-server");
    let child = launch
        .command(&program)
        .args(["--log-format", "json", "--address", &launch.address.to_string(), "--announce", "no"])
        .args(["--tcp-port", &ports.tcp.to_string(), "--web-port", &ports.web.to_string(), "--data-dir"])
        .arg(data_dir)
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    Ok(child)
}
