//! A core for the server and one for the load, and what a process has used of them.

use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result, ensure};

/// What a process may run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Core {
    /// The core of the server that is measured.
    Server,
    /// The core of the load.
    Load,
    /// Both.
    Any,
}

impl Core {
    /// Keeps all threads of a process, and those that they start, on this core.
    ///
    /// # Errors
    /// When `taskset` is not there, or the machine has one core.
    pub fn pin(self, process: u32) -> Result<()> {
        let list = match self {
            Self::Server => "0",
            Self::Load => "1",
            Self::Any => "0,1",
        };
        let process = process.to_string();
        let pinned = Command::new("taskset").args(["-a", "-c", "-p", list, &process]).output();
        let pinned = pinned.context("start taskset, of the package util-linux")?;
        let why = String::from_utf8_lossy(&pinned.stderr);
        ensure!(pinned.status.success(), "taskset cannot keep process {process} on core {list}: {why}");
        Ok(())
    }
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Resident memory in KiB.
    pub resident_kib: u64,
    /// Processor time, user and system.
    pub cpu: Duration,
}

impl Usage {
    /// What a process has used so far.
    ///
    /// # Errors
    /// Where the operating system does not say so.
    pub fn of(process: u32) -> Result<Self> {
        let proc = PathBuf::from(format!("/proc/{process}"));
        let status = fs::read_to_string(proc.join("status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|line| line.split_whitespace().next()?.parse().ok()).context("VmRSS")?;
        // Fields 14 and 15 behind the name in brackets: user and system time in ticks of 10 ms.
        let stat = fs::read_to_string(proc.join("stat"))?;
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).context("stat");
        Ok(Self { resident_kib: kib, cpu: Duration::from_millis((ticks(11)? + ticks(12)?) * 10) })
    }
}
