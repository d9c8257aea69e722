//! [`Hub`], the real binary with its log, and commands of it, each on a data directory. What they say is judged elsewhere.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// How long a hub may take for anything.
const SOON: Duration = Duration::from_secs(20);

/// What holds where no argument says something else: free ports of this machine alone.
const QUIETLY: [(&str, &str); 4] =
    [("IOT_ADDRESS", "127.0.0.1"), ("IOT_TCP_PORT", "0"), ("IOT_WEB_PORT", "0"), ("IOT_ANNOUNCE", "no")];

/// The binary with these arguments, on a data directory. What it writes can be read.
pub(crate) fn program(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iot-server"));
    command.envs(QUIETLY).args(arguments).arg("--data-dir").arg(data_dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end, with this on its standard input.
pub(crate) fn run(data_dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = program(data_dir, arguments).spawn().expect("the binary is there");
    // A command that reads nothing may have ended before this.
    let _ = writeln!(child.stdin.take().expect("it was asked for"), "{input}");
    child.wait_with_output().expect("it ends")
}

/// What a command says that has to succeed.
pub(crate) fn said(data_dir: &Path, arguments: &[&str], input: &str) -> String {
    let output = run(data_dir, arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What a command complains of that has to fail.
pub(crate) fn refused(data_dir: &Path, arguments: &[&str]) -> String {
    let output = run(data_dir, arguments, "");
    assert!(!output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("text")
}

/// Gives the hub of a data directory an owner, without whom it serves no node.
pub(crate) fn add_owner(data_dir: &Path) {
    said(data_dir, &["user", "add", "ada", "--role", "admin"], "four words are good");
}

/// A hub that runs. It is killed where a test ends before it.
pub(crate) struct Hub {
    child: Child,
    log: Receiver<String>,
}

impl Hub {
    /// Starts one with these arguments. Its log is JSON unless they say otherwise.
    pub(crate) fn start(data_dir: &Path, arguments: &[&str]) -> Self {
        let mut command = program(data_dir, arguments);
        let command = command.env("IOT_LOG_FORMAT", "json").stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.spawn().expect("the binary is there");
        let lines = BufReader::new(child.stderr.take().expect("it was asked for")).lines();
        let (sender, log) = mpsc::channel();
        // Whoever stops reading a log stops whoever writes it.
        thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        Self { child, log }
    }

    /// The lines of the log up to the first that has this text in it.
    pub(crate) fn until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = self.log.recv_timeout(SOON).unwrap_or_else(|_| panic!("no {text} in {seen:#?}"));
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains(text)) {
                return seen;
            }
        }
    }

    /// What the log says under this key, as soon as it does.
    pub(crate) fn told(&self, key: &str) -> String {
        let [told] = self.told_all([key]);
        told
    }

    /// What the log says under these keys, as soon as it has said it of all, in whatever order.
    pub(crate) fn told_all<const N: usize>(&self, keys: [&str; N]) -> [String; N] {
        let mut told = [const { None }; N];
        while told.contains(&None) {
            let lines = self.until("\":");
            let event: serde_json::Value =
                lines.last().and_then(|line| serde_json::from_str(line).ok()).expect("JSON");
            for (key, told) in keys.iter().zip(&mut told) {
                let says = event[key].as_str().map(str::to_owned);
                *told = told.take().or(says);
            }
        }
        told.map(|told| told.expect("it was told"))
    }

    /// Whether the process that was started still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// Waits until it ends by itself: what the log still says, and whether it has ended well.
    pub(crate) fn ends(&mut self) -> (Vec<String>, bool) {
        (self.log.iter().collect(), self.child.wait().expect("it ends").success())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
