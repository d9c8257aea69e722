//! Who may use the hubs of the suite: one owner, put into the data directory by the hub's own command line before the
//! hub starts, and a token for programs.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, Result, ensure};

use crate::hub::binaries;

/// Name and password of the owner.
pub const OWNER: (&str, &str) = ("ada", "correct horse battery");

/// The tokens by data directory: a hub that starts anew on one takes that of the start before.
static TOKENS: Mutex<BTreeMap<PathBuf, String>> = Mutex::new(BTreeMap::new());

/// Gives the hub of a data directory its owner, unless it has one, and gives a token for everything that an admin may.
///
/// # Errors
/// When the command line refuses.
pub fn seed(data_dir: &Path) -> Result<String> {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = tokens.get(data_dir).filter(|_| data_dir.join("hub.db").exists());
    if let Some(token) = known {
        return Ok(token.clone());
    }
    // A backup that was put there has its owner already.
    if !command(data_dir, &["user", "list"], "")?.lines().any(|line| line.starts_with(OWNER.0)) {
        command(data_dir, &["user", "add", OWNER.0, "--role", "admin"], OWNER.1)?;
    }
    let create = ["token", "create", OWNER.0, "--label", "suite", "--role", "admin"];
    let token = command(data_dir, &create, "")?.trim().to_owned();
    tokens.insert(data_dir.to_owned(), token.clone());
    Ok(token)
}

/// Runs the hub's command line on a data directory, with this on its standard input, and gives what it writes.
///
/// # Errors
/// When it refuses.
pub fn command(data_dir: &Path, arguments: &[&str], input: &str) -> Result<String> {
    let mut child = Command::new(binaries()?.join("iot-server"))
        .args(arguments)
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("start iot-server")?;
    let mut stdin = child.stdin.take().context("its standard input")?;
    // A command that reads nothing may have ended before this.
    let _ = writeln!(stdin, "{input}");
    drop(stdin);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
