//! Who may read and write the files of a hub: as they are made, and what the hub says to looser ones.

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::Result;

use crate::{
    hub::{binaries, configure},
    wait::until,
};

/// How long a hub may take to start or to refuse.
const SOON: Duration = Duration::from_secs(20);

/// Every file and directory below a directory, and the directory itself.
///
/// # Errors
/// When one cannot be read.
pub(super) fn all_below(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut all = vec![directory.to_owned()];
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(all_below(&path)?);
        } else {
            all.push(path);
        }
    }
    Ok(all)
}

/// What others than the hub's user can do anything with, in words.
///
/// # Errors
/// When a file cannot be looked at.
pub(super) fn loose(paths: &[PathBuf]) -> Result<Vec<String>> {
    let mut loose = Vec::new();
    for path in paths {
        let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            loose.push(format!("{} has mode {mode:04o}", path.display()));
        }
    }
    Ok(loose)
}

/// Loosens each file that must be the hub's own and the directory, one by one: how often, and for what the hub started
/// all the same or did not say what is wrong.
///
/// # Errors
/// When a file or the hub cannot be had.
pub(super) fn loosened(data_dir: &Path) -> Result<(usize, Vec<String>)> {
    configure(data_dir, "")?;
    fs::set_permissions(data_dir.join("iot-hub.toml"), Permissions::from_mode(0o644))?;
    let cases = [
        ("hub.db", [0o644, 0o640, 0o660, 0o602]),
        ("identity.key", [0o644, 0o640, 0o660, 0o602]),
        ("iot-hub.toml", [0o666, 0o664, 0o646, 0o662]),
        ("", [0o777, 0o770, 0o707, 0o720]),
    ];
    let (mut tried, mut wrong) = (0, Vec::new());
    for (name, modes) in cases {
        let path = if name.is_empty() { data_dir.to_owned() } else { data_dir.join(name) };
        let good = fs::metadata(&path)?.permissions();
        for mode in modes {
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
            tried += 1;
            let said = start(data_dir)?;
            let is_clear = said.as_deref().is_some_and(|said| {
                said.contains(&path.display().to_string()) && said.contains(&format!("{mode:o}"))
            });
            if !is_clear {
                wrong.push(format!("{} with mode {mode:04o}: {said:?}", path.display()));
            }
        }
        fs::set_permissions(&path, good)?;
    }
    if let Some(said) = start(data_dir)? {
        wrong.push(format!("with good modes again: {said}"));
    }
    Ok((tried, wrong))
}

/// Starts the hub: what it says where it refuses, `None` where nodes are served. Its pages are there before that.
fn start(data_dir: &Path) -> Result<Option<String>> {
    let log = data_dir.with_extension("log");
    let mut child = Command::new(binaries()?.join("iot-server"))
        .args([
            "--address",
            "127.0.0.1",
            "--tcp-port",
            "0",
            "--web-port",
            "0",
            "--announce",
            "no",
            "--data-dir",
        ])
        .arg(data_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .spawn()?;
    let refused = until("the hub starts or refuses", SOON, || {
        let ended = child.try_wait()?;
        let said = fs::read_to_string(&log)?;
        Ok(match ended {
            Some(_) => Some(Some(said)),
            None => said.contains("tcp_addr").then_some(None),
        })
    });
    // It has ended already where it refused.
    let _ = child.kill();
    child.wait()?;
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_others_can_read_is_told() {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
        let path = directory.path().join("a");
        fs::write(&path, "").unwrap();
        for (mode, count) in [(0o600, 0), (0o604, 1), (0o640, 1), (0o620, 1)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(loose(&all_below(directory.path()).unwrap()).unwrap().len(), count, "{mode:o}");
        }
    }
}
