//! `cargo xtask sbom`: writes down which crates the hub is made of, for whoever must know what runs there.
//!
//! The list is a `CycloneDX` file with versions, licences and checksums, from `Cargo.lock`, for all platforms.

use anyhow::{Context as _, ensure};
use serde_json::Value as Json;
use xshell::{Shell, cmd};

use crate::{exec, out};

/// The package whose binary is described, and where it lies.
const PACKAGE: &str = "iot-server";
const MANIFEST: &str = "crates/iot-server/Cargo.toml";

/// Where the file lies in the end.
const DIRECTORY: &str = "target/sbom";

/// Writes the file and says what is in it.
///
/// # Errors
/// When cargo-cyclonedx is not installed, or what it wrote does not tell of the hub and its crates.
pub(crate) fn run(sh: &Shell) -> anyhow::Result<()> {
    exec::require_cargo_tool("cargo-cyclonedx")?;
    let options = ["--format", "json", "--spec-version", "1.5", "--target", "all", "--no-build-deps"];
    exec::run(cmd!(
        sh,
        "cargo cyclonedx --quiet --manifest-path {MANIFEST} {options...} --override-filename {PACKAGE}.cdx"
    ))?;
    // The tool writes one beside each manifest of the workspace.
    let (name, wanted) = (format!("{PACKAGE}.cdx.json"), format!("crates/{PACKAGE}/{PACKAGE}.cdx.json"));
    sh.create_dir(DIRECTORY)?;
    sh.copy_file(&wanted, DIRECTORY)?;
    for written in cmd!(sh, "git ls-files --others --exclude-standard -- */{name}").quiet().read()?.lines() {
        sh.remove_path(written)?;
    }
    let path = format!("{DIRECTORY}/{name}");
    let count = components(&sh.read_file(&path)?)?;
    out::result(&format!("{path}: {count} crates"));
    Ok(())
}

/// How many crates a file tells of.
fn components(text: &str) -> anyhow::Result<usize> {
    let document: Json = serde_json::from_str(text)?;
    let described = &document["metadata"]["component"]["name"];
    ensure!(described == PACKAGE, "the file is of {described}, not of {PACKAGE}");
    let components = document["components"].as_array().context("the file has no components")?;
    let known = components.iter().filter(|component| component["version"].is_string()).count();
    ensure!(known > 0 && known == components.len(), "{known} of {} crates have a version", components.len());
    Ok(known)
}
