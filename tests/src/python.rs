//! Python with libraries from the Python Package Index, in a place of its own beside what is built. It is set up where it
//! is missing.
//!
//! Versions are pinned, so that a run of today is one of tomorrow. What the libraries are for is said where they are used.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::hub::binaries;

/// The directory of the programs of a Python that has these libraries, as `pip install` names them. The place is
/// called by `name`.
///
/// # Errors
/// When there is no `python3`, or the libraries cannot be had.
pub fn with(name: &str, libraries: &[&str]) -> Result<PathBuf> {
    let place = binaries()?.join("..").join(format!("python-{name}"));
    let (programs, list) = (place.join("bin"), place.join("libraries.txt"));
    let wanted = libraries.join("\n");
    // It is written last: what was set up in part is set up again.
    if fs::read_to_string(&list).is_ok_and(|had| had == wanted) {
        return Ok(programs);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
    run(Command::new(programs.join("python3")).args(["-m", "pip", "install", "-q"]).args(libraries))?;
    fs::write(&list, wanted).with_context(|| format!("write {}", list.display()))?;
    Ok(programs)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
