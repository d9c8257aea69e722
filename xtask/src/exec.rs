//! Runs commands in the root of the repository. Each is shown first, exactly as it can be typed again.

use std::{
    env,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process,
};

use anyhow::{Context as _, bail, ensure};
use xshell::Cmd;

use crate::{out, tally::Tally};

/// The root of the repository: the directory above this package.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a package lies in a directory")
}

/// Runs a command to its end with this process's output.
///
/// # Errors
/// When it cannot be started or ends without success.
pub(crate) fn run(cmd: Cmd<'_>) -> anyhow::Result<()> {
    run_with(&[], cmd)
}

/// Runs a command with these variables in its environment.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_with(variables: &[(&str, &str)], cmd: Cmd<'_>) -> anyhow::Result<()> {
    let text = as_typed(variables, &cmd);
    out::command(&text);
    let status = process::Command::from(cmd)
        .envs(variables.iter().copied())
        .status()
        .with_context(|| format!("cannot start `{text}`"))?;
    ensure!(status.success(), "`{text}` ended with {status}");
    Ok(())
}

/// Runs a test runner, passes its output on as it comes, and counts the tests that it tells of.
///
/// # Errors
/// As [`run`], or when no test ran.
pub(crate) fn run_tests(tally: &mut Tally, cmd: Cmd<'_>) -> anyhow::Result<()> {
    let text = as_typed(&[], &cmd);
    let before = tally.passed();
    let status = follow(cmd, |line| {
        out::line(line);
        tally.read(line);
    })?;
    ensure!(status.success(), "`{text}` ended with {status}");
    ensure!(tally.passed() > before, "`{text}` ran no test");
    Ok(())
}

/// Runs a command to its end and shows each line of its output and errors to `see`, as they come.
///
/// # Errors
/// When it cannot be started or read from; how it ended is for the caller to judge.
pub(crate) fn follow(cmd: Cmd<'_>, mut see: impl FnMut(&str)) -> anyhow::Result<process::ExitStatus> {
    let text = as_typed(&[], &cmd);
    out::command(&text);
    let (reader, writer) = io::pipe()?;
    let mut command = process::Command::from(cmd);
    if out::coloured() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start `{text}`"))?;
    drop(command); // it holds the writing end, and the lines below would never end
    for line in BufReader::new(reader).split(b'\n') {
        see(&String::from_utf8_lossy(&line?));
    }
    Ok(child.wait()?)
}

/// Where a program is on this machine's search path.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(&file)).find(|path| path.is_file())
}

/// Finds a cargo subcommand, or says how to install it.
///
/// # Errors
/// When it is not installed.
pub(crate) fn require_cargo_tool(name: &str) -> anyhow::Result<()> {
    if find_program(name).is_none() {
        bail!("{name} is not installed; run `cargo install --locked {name}`");
    }
    Ok(())
}

fn as_typed(variables: &[(&str, &str)], cmd: &Cmd<'_>) -> String {
    let variables = variables.iter().map(|(name, value)| format!("{name}=\"{value}\""));
    variables.chain([cmd.to_string()]).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use xshell::{Shell, cmd};

    use super::*;

    #[test]
    fn a_command_is_shown_as_it_can_be_typed() {
        let sh = Shell::new().unwrap();
        let filter = "not binary(e2e)";
        let shown = as_typed(&[("RUSTDOCFLAGS", "-D warnings")], &cmd!(sh, "cargo doc -E {filter}"));
        assert_eq!(shown, r#"RUSTDOCFLAGS="-D warnings" cargo doc -E "not binary(e2e)""#);
    }

    #[test]
    fn a_command_that_fails_is_named_with_its_status() {
        let sh = Shell::new().unwrap();
        let error = run(cmd!(sh, "cargo no-such-command").quiet().ignore_stderr()).unwrap_err();
        assert!(error.to_string().starts_with("`cargo no-such-command` ended with exit"), "{error}");
    }

    #[test]
    fn a_run_without_a_test_is_a_failure() {
        let sh = Shell::new().unwrap();
        let error = run_tests(&mut Tally::default(), cmd!(sh, "cargo --version")).unwrap_err();
        assert_eq!(error.to_string(), "`cargo --version` ran no test");
    }

    #[test]
    fn only_programs_on_the_search_path_are_found() {
        assert!(find_program("cargo").is_some());
        assert_eq!(find_program("no-such-program"), None);
    }
}
