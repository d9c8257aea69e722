//! [`SmallDisk`]: a real file system that is soon full, which nobody else on this machine sees.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Error, Result, anyhow, bail, ensure};
use tempfile::TempDir;

/// Begins this program anew in a mount namespace of its own, which goes with it. It only comes back where
/// that cannot be.
pub(super) fn enter_namespace() -> Error {
    let ways = [["--mount", "--map-root-user"].as_slice(), ["--mount"].as_slice()];
    let works = |way: &&&[&str]| {
        let tried = Command::new("unshare").args(**way).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    let Some(way) = ways.iter().find(works) else {
        return anyhow!(
            "this machine allows no mount namespace (unshare --mount): a full disk cannot be shown here"
        );
    };
    let own = match std::env::current_exe().context("where this program lies") {
        Ok(own) => own,
        Err(error) => return error,
    };
    let arguments = std::env::args_os().skip(1);
    let failed = Command::new("unshare").args(*way).arg("--").arg(own).args(arguments).arg("--inside").exec();
    Error::new(failed).context("start anew in a mount namespace")
}

/// A mounted tmpfs of a few MiB. Unmounted when dropped.
#[derive(Debug)]
pub(super) struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// Mounts one of this many MiB.
    ///
    /// # Errors
    /// Where the machine does not allow it.
    pub(super) fn mount(mib: u32) -> Result<Self> {
        let directory = TempDir::new()?;
        let size = format!("size={mib}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(directory.path())
            .status()
            .context("run mount")?;
        ensure!(
            mounted.success(),
            "this machine allows no mount (mount -t tmpfs): a full disk cannot be shown here"
        );
        Ok(Self { directory })
    }

    /// Where the hub keeps its own.
    pub(super) fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Fills it to the last page with a file, which makes room when it is dropped.
    ///
    /// # Errors
    /// Where something else goes wrong than that it is full.
    pub(super) fn fill(&self) -> Result<Ballast> {
        let ballast = Ballast { path: self.directory.path().join("ballast") };
        let mut file: File = OpenOptions::new().create_new(true).append(true).open(&ballast.path)?;
        for block in [vec![7; 65_536], vec![7; 4_096], vec![7; 1]] {
            loop {
                match file.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => bail!("fill the disk: {error}"),
                }
            }
        }
        Ok(ballast)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It goes with the namespace where this fails.
        let _ = Command::new("umount").arg("--lazy").arg(self.directory.path()).status();
    }
}

/// The file that fills the disk.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
}

impl Drop for Ballast {
    fn drop(&mut self) {
        // A proof whose disk stays full fails by itself.
        let _ = fs::remove_file(&self.path);
    }
}
