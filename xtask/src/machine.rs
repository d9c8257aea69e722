//! Sets a fresh machine up for the checks: components and targets of the toolchain, programs from Debian.
//!
//! What is there already is left alone. What may not be installed from here is named with the exact command
//! that does it.

use std::path::Path;

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use crate::{exec, out};

/// The targets that the checks build for, beside this machine's own.
const TARGETS: &[&str] = &["thumbv6m-none-eabi", "thumbv7em-none-eabi", "x86_64-pc-windows-gnu"];

/// The cargo subcommands that come as components of the toolchain.
const COMPONENTS: &[(&str, &str)] = &[("rustfmt", "fmt"), ("clippy", "clippy")];

/// A program that the checks start, and what brings it.
struct Program {
    name: &'static str,
    packages: &'static [&'static str],
    purpose: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "chromium",
        packages: &["chromium", "fonts-liberation"],
        purpose: "to look at the pages as people see them",
    },
    Program {
        name: "chromedriver",
        packages: &["chromium-driver"],
        purpose: "to drive the browser as people do",
    },
    Program {
        name: "x86_64-w64-mingw32-gcc",
        packages: &["gcc-mingw-w64-x86-64"],
        purpose: "to compile SQLite for the check for Windows",
    },
    Program { name: "cc", packages: &["gcc", "libc6-dev"], purpose: "to compile SQLite" },
    Program { name: "sqlite3", packages: &["sqlite3"], purpose: "to look into the store as people do" },
    Program { name: "python3", packages: &["python3"], purpose: "to run the example node in Python" },
];

/// What `cargo xtask bench` starts beside the hub. The checks do without.
const PEERS: &[Program] = &[
    Program { name: "mosquitto", packages: &["mosquitto"], purpose: "as a peer of the hub" },
    Program { name: "taskset", packages: &["util-linux"], purpose: "to give server and load a core each" },
];

/// Where Debian has its daemons, which is on no user's search path.
const DAEMONS: &str = "/usr/sbin";

/// How Debian packages can be installed by whoever runs this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Apt {
    /// As root.
    Directly,
    /// By sudo, which asks for no password.
    Sudo,
    /// Not from here: a person must.
    NotAllowed,
}

/// Installs what the checks need and this machine lacks.
///
/// # Errors
/// When something is missing that may not or cannot be installed; the text has the command that does it.
pub(crate) fn prepare(sh: &Shell) -> Result<()> {
    prepare_toolchain(sh)?;
    prepare_programs(sh, PROGRAMS)
}

/// Installs what is measured beside the hub and what this machine lacks of it.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn prepare_peers(sh: &Shell) -> Result<()> {
    prepare_programs(sh, PEERS)
}

fn prepare_toolchain(sh: &Shell) -> Result<()> {
    let mut missing = Vec::new();
    for (component, subcommand) in COMPONENTS {
        if cmd!(sh, "cargo {subcommand} --version").quiet().ignore_stderr().read().is_err() {
            missing.push(["component", "add", component]);
        }
    }
    for target in TARGETS {
        let directory = cmd!(sh, "rustc --print target-libdir --target {target}").quiet().read()?;
        if !Path::new(&directory).is_dir() {
            missing.push(["target", "add", target]);
        }
    }
    if missing.is_empty() {
        out::line("the toolchain has all components and targets");
    }
    for words in missing {
        if exec::find_program("rustup").is_none() {
            bail!("a part of the Rust toolchain is missing; run `rustup {}`", words.join(" "));
        }
        exec::run(cmd!(sh, "rustup {words...}"))?;
    }
    Ok(())
}

fn prepare_programs(sh: &Shell, programs: &[Program]) -> Result<()> {
    let is_daemon = |name| Path::new(DAEMONS).join(name).is_file();
    let is_there = |name| exec::find_program(name).is_some() || is_daemon(name);
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(program.name)).collect();
    if missing.is_empty() {
        out::line("all programs are installed");
        return Ok(());
    }
    for program in &missing {
        out::line(&format!("{} is missing; it is needed {}", program.name, program.purpose));
    }
    let packages: Vec<_> = missing.iter().flat_map(|program| program.packages).copied().collect();
    let apt = apt(sh);
    if apt == Apt::NotAllowed {
        bail!("install what is missing; on Debian run `{}`", install_line(&packages));
    }
    let sudo: &[&str] = if apt == Apt::Sudo { &["sudo", "-n"] } else { &[] };
    let update = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "update", "-q"];
    let install =
        ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy", "--no-install-recommends"];
    for words in [[sudo, &update].concat(), [sudo, &install, &packages].concat()] {
        let (program, arguments) = words.split_first().expect("a command has a program");
        exec::run(cmd!(sh, "{program} {arguments...}"))?;
    }
    Ok(())
}

fn apt(sh: &Shell) -> Apt {
    let says = |cmd: xshell::Cmd<'_>| cmd.quiet().ignore_stderr().read().ok();
    if exec::find_program("apt-get").is_none() {
        Apt::NotAllowed
    } else if says(cmd!(sh, "id -u")).is_some_and(|user| user == "0") {
        Apt::Directly
    } else if says(cmd!(sh, "sudo -n true")).is_some() {
        Apt::Sudo
    } else {
        Apt::NotAllowed
    }
}

fn install_line(packages: &[&str]) -> String {
    format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {}", packages.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_install_line_names_every_package() {
        let line = install_line(&["chromium", "python3"]);
        assert!(line.ends_with("apt-get install -y --no-install-recommends chromium python3"), "{line}");
    }
}
