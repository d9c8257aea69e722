//! [`SmallDisk`]: a real file system that is soon full, which nobody else on this machine sees.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

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
        ballast.grow()?;
        Ok(ballast)
    }

    /// Fills it until so many bytes are left.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub(super) fn fill_but(&self, bytes: u64) -> Result<Ballast> {
        let ballast = self.fill()?;
        let file = OpenOptions::new().write(true).open(&ballast.path)?;
        file.set_len(file.metadata()?.len().saturating_sub(bytes))?;
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

impl Ballast {
    /// Takes all the room that there is by now.
    ///
    /// # Errors
    /// Where something else goes wrong than that the disk is full.
    pub(super) fn grow(&self) -> Result<()> {
        let mut file: File = OpenOptions::new().create(true).append(true).open(&self.path)?;
        for block in [vec![7; 65_536], vec![7; 4_096], vec![7; 1]] {
            loop {
                match file.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => bail!("fill the disk: {error}"),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        // A proof whose disk stays full fails by itself.
        let _ = fs::remove_file(&self.path);
    }
}
