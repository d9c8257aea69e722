//! [`HangingDisk`]: a real file system in a file, which stands still when it is told to: whoever writes waits.

use std::{
    borrow::BorrowMut,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

/// Seconds after which the file system goes on by itself, whatever became of the proof: a process that waits for it cannot
/// even be killed.
const AT_MOST_S: &str = "90";

/// A mounted file system of some MiB. Unmounted when dropped.
#[derive(Debug)]
pub(super) struct HangingDisk {
    directory: TempDir,
}

/// For as long as this is there the file system stands still.
#[derive(Debug)]
pub(super) struct Hang<'a> {
    disk: &'a HangingDisk,
    end: Child,
}

impl HangingDisk {
    /// Mounts one of this many MiB.
    ///
    /// # Errors
    /// Where the machine does not allow it: that takes root, and a free loop device.
    pub(super) fn mount(mib: u64) -> Result<Self> {
        let directory = TempDir::new()?;
        let disk = Self { directory };
        let image = disk.directory.path().join("image");
        File::create(&image)?.set_len(mib * 1024 * 1024)?;
        run(Command::new("mkfs.ext4").arg("-q").arg(&image))?;
        fs::create_dir(disk.data_dir())?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(disk.data_dir())).context(
            "this machine allows no mount (mount -o loop): a disk that hangs cannot be shown here",
        )?;
        Ok(disk)
    }

    /// Where the hub keeps its own.
    pub(super) fn data_dir(&self) -> PathBuf {
        self.directory.path().join("mounted")
    }

    /// Lets it stand still until what is given back is dropped.
    ///
    /// # Errors
    /// Where the machine does not allow it.
    pub(super) fn hang(&self) -> Result<Hang<'_>> {
        let script = format!("sleep {AT_MOST_S}; exec fsfreeze -u \"$0\"");
        let end = Command::new("setsid")
            .args(["sh", "-c", &script])
            .arg(self.data_dir())
            .stderr(Stdio::null())
            .spawn()
            .context("run setsid")?;
        run(freeze("-f", &self.data_dir()))?;
        Ok(Hang { disk: self, end })
    }
}

impl Drop for Hang<'_> {
    fn drop(&mut self) {
        // Where that fails, the other one does it.
        if run(freeze("-u", &self.disk.data_dir())).is_ok() {
            let _ = self.end.kill().and_then(|()| self.end.wait());
        }
    }
}

impl Drop for HangingDisk {
    fn drop(&mut self) {
        // It goes with the namespace where this fails.
        let _ = Command::new("umount").arg("--lazy").arg(self.data_dir()).status();
    }
}

fn freeze(what: &str, directory: &Path) -> Command {
    let mut command = Command::new("fsfreeze");
    command.arg(what).arg(directory);
    command
}

fn run(mut command: impl BorrowMut<Command>) -> Result<()> {
    let command = command.borrow_mut();
    let status = command.status().with_context(|| format!("run {command:?}"))?;
    ensure!(status.success(), "{command:?} fell short");
    Ok(())
}
