//! The real hub as a process of its own: started, asked to stop, killed.

mod launch;
mod log;

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use iot_proto::HubKey;

pub use self::launch::{Launch, Ports};
use self::log::Log;
use crate::{
    api::Api,
    bench::cpu::Usage,
    people::{OWNER, seed},
    wait::until,
};

/// How long the hub may take to start, and to stop.
const START: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(10);

/// The hubs that run, by the ids of their processes.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// From now on the hubs that run are killed when this process is told to end.
///
/// # Errors
/// Where the operating system has no thread or no signals to give.
#[cfg(unix)]
pub fn end_with_this_process() -> Result<()> {
    use tokio::{
        runtime,
        signal::unix::{SignalKind, signal},
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(async { signal(SignalKind::terminate()) })?;
    thread::Builder::new().name("end".into()).spawn(move || {
        let mut told = told;
        runtime.block_on(told.recv());
        for id in RUNNING.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // It may just have ended by itself.
            let _ = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        }
        std::process::exit(TERMINATED);
    })?;
    Ok(())
}

/// Nothing is done here where there are no such signals.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn end_with_this_process() -> Result<()> {
    Ok(())
}

/// What a shell tells of a process that was told to end.
#[cfg(unix)]
const TERMINATED: i32 = 143;

/// A running hub. Killed when dropped.
#[derive(Debug)]
pub struct HubProcess {
    child: Child,
    log: Log,
    /// Where nodes connect.
    pub tcp: SocketAddr,
    /// Its pages and API.
    pub api: Api,
}

/// The directory of the binaries that belong to this one.
///
/// # Errors
/// When the operating system does not say where this program lies.
pub fn binaries() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program lies")?;
    Ok(own.parent().map(Path::to_path_buf).unwrap_or_default())
}

/// Writes the configuration file of a hub that is to be started on this directory.
///
/// # Errors
/// When it cannot be written.
pub fn configure(data_dir: &Path, settings: &str) -> Result<()> {
    fs::write(data_dir.join("iot-hub.toml"), settings).context("write the hub's configuration")
}

impl HubProcess {
    /// Starts the hub on free ports of the loopback address, and waits until it serves.
    ///
    /// # Errors
    /// When it cannot be started or does not serve in time.
    pub fn start(data_dir: &Path, more: &[&str]) -> Result<Self> {
        Self::start_on(Ports::default(), data_dir, more)
    }

    /// Starts the hub on these ports of the loopback address, and waits until it serves.
    ///
    /// # Errors
    /// When it cannot be started or does not serve in time.
    pub fn start_on(ports: Ports, data_dir: &Path, more: &[&str]) -> Result<Self> {
        Self::launch(Launch::default(), ports, data_dir, more)
    }

    /// Starts the hub in these surroundings, and waits until it serves.
    ///
    /// # Errors
    /// When it cannot be started or does not serve in time.
    pub fn launch(launch: Launch, ports: Ports, data_dir: &Path, more: &[&str]) -> Result<Self> {
        let mut hub;
        // What is kept in memory is out of reach of the command line.
        if more.contains(&"memory") {
            hub = Self::launch_as_it_is(launch, ports, data_dir, more)?;
            hub.api = hub.api.clone().claimed(OWNER)?;
        } else {
            let token = seed(data_dir)?;
            hub = Self::launch_as_it_is(launch, ports, data_dir, more)?;
            hub.api = hub.api.clone().with_token(&token);
        }
        hub.tcp = hub.announced("tcp_addr")?;
        Ok(hub)
    }

    /// Starts the hub without giving it an owner, and waits until its page is there.
    ///
    /// # Errors
    /// When it cannot be started or does not serve in time.
    pub fn start_as_it_is(ports: Ports, data_dir: &Path, more: &[&str]) -> Result<Self> {
        Self::launch_as_it_is(Launch::default(), ports, data_dir, more)
    }

    /// Starts the hub in these surroundings without giving it an owner, and waits until its page is there.
    ///
    /// # Errors
    /// When it cannot be started or does not serve in time.
    pub fn launch_as_it_is(launch: Launch, ports: Ports, data_dir: &Path, more: &[&str]) -> Result<Self> {
        let mut child = launch::spawn(launch, ports, data_dir, more)?;
        remember(&child);
        let stderr = child.stderr.take().context("the hub's log")?;
        let stdout = child.stdout.take().context("the hub's standard output")?;
        let log = Log::default();
        log.keep(stderr);
        log.keep(stdout);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut hub = Self { child, log, tcp: nowhere, api: Api::new(nowhere) };
        hub.api = Api::new(hub.announced("web_addr")?);
        Ok(hub)
    }

    /// The address that the log tells under this key, as soon as it does.
    ///
    /// # Errors
    /// When it does not in time, or the hub ends.
    pub fn announced(&mut self, key: &str) -> Result<SocketAddr> {
        let (child, log) = (&mut self.child, &self.log);
        until(&format!("the hub's log says {key}"), START, || {
            if let Some(status) = child.try_wait()? {
                bail!("the hub ended at once: {status}: {:?}", log.lines(|_| true));
            }
            Ok(log.find(|line| line.get(key)?.as_str()?.parse::<SocketAddr>().ok()))
        })
    }

    /// Starts the hub on these ports and kills it after a time, whether it serves by then or not.
    ///
    /// # Errors
    /// When it cannot be started, or has ended by itself before.
    pub fn stumble(ports: Ports, data_dir: &Path, more: &[&str], after: Duration) -> Result<()> {
        let mut child = launch::spawn(Launch::default(), ports, data_dir, more)?;
        remember(&child);
        // What it writes into the pipe is short and is not read.
        thread::sleep(after);
        let ended = child.try_wait()?;
        child.kill()?;
        child.wait()?;
        forget(&child);
        ended.map_or(Ok(()), |status| bail!("the hub ended at once: {status}"))
    }

    /// Kills the hub where it stands: it hears nothing of it and can do nothing any more.
    ///
    /// # Errors
    /// When it has ended before.
    pub fn kill(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the hub ended by itself: {status}: {:?}", self.lines_of("ERROR"));
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// The hub's public key, as its log shows it.
    ///
    /// # Errors
    /// When the log does not show it.
    pub fn key(&self) -> Result<HubKey> {
        let key = self.log.find(|line| line.get("key")?.as_str()?.parse().ok());
        key.context("the hub's log shows its key")
    }

    /// How many lines of the log have this text somewhere.
    pub fn logged(&self, text: &str) -> usize {
        self.log.lines(|line| line.to_string().contains(text)).len()
    }

    /// Lines of a level, such as `ERROR`.
    pub fn lines_of(&self, level: &str) -> Vec<String> {
        self.log.lines(|line| line.get("level").is_some_and(|known| known == level))
    }

    /// All that it has written to its standard streams, as it is.
    pub fn written(&self) -> String {
        self.log.text()
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory and processor time used so far.
    ///
    /// # Errors
    /// Where the operating system does not say so.
    pub fn usage(&self) -> Result<Usage> {
        Usage::of(self.id())
    }

    /// Files that the process has open, sockets included.
    ///
    /// # Errors
    /// Where the operating system does not say so.
    pub fn open_files(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Keeps the process from doing anything for a time.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn stand_still(&self, time: Duration) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-STOP", &pid]).status().context("send SIGSTOP")?;
        thread::sleep(time);
        Command::new("kill").args(["-CONT", &pid]).status().context("send SIGCONT")?;
        Ok(())
    }

    /// Asks the hub to stop, as a service manager does, and waits for it.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(self) -> Result<ExitStatus> {
        Ok(self.stop_and_tell()?.0)
    }

    /// As [`stop`](Self::stop), with all that the hub has written to its standard streams.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop_and_tell(mut self) -> Result<(ExitStatus, String)> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().context("send SIGTERM")?;
        let status = until("the hub ends", STOP, || Ok(self.child.try_wait()?))?;
        self.log.finish()?;
        Ok((status, self.written()))
    }
}

impl Drop for HubProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        forget(&self.child);
    }
}

/// The process has begun.
fn remember(child: &Child) {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(child.id());
}

/// The process has ended.
fn forget(child: &Child) {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&child.id());
}
