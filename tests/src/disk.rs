//! A disk of its own: an ext4 image on a loop device, for what only a real disk does.
//!
//! It needs the rights to mount, and says why where they are missing. It is unmounted when the value is dropped,
//! whatever happened before.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::server::run;

/// A mounted disk.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

impl Disk {
    /// Makes and mounts a disk of so many megabytes, or returns why that cannot be done here.
    pub fn new(megabytes: u64) -> Result<Self, String> {
        let disk = Self { folder: tempfile::tempdir().map_err(|error| error.to_string())? };
        let image = File::create(disk.image()).map_err(|error| error.to_string())?;
        image.set_len(megabytes << 20).map_err(|error| error.to_string())?;
        std::fs::create_dir(disk.path()).map_err(|error| error.to_string())?;
        // Nothing is kept back for root, who may be the one who runs the tests: a full disk is full.
        let make = ["-q", "-F", "-m", "0"].map(AsRef::as_ref);
        command("mkfs.ext4", &[make.as_slice(), &[disk.image().as_os_str()]].concat())?;
        disk.mount()?;
        Ok(disk)
    }

    /// Returns where it is mounted.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// Stops the file system without writing its log: what was not synced is lost, as when the power fails. Needs
    /// `xfs_io`, which works on ext4.
    pub fn lose_power(&self) -> Result<(), String> {
        let path = self.path();
        command("xfs_io", &["-x".as_ref(), "-c".as_ref(), "shutdown".as_ref(), path.as_os_str()])
    }

    /// Mounts it again after the power was lost. Nobody may use it.
    ///
    /// # Panics
    ///
    /// When it cannot be mounted again.
    pub fn power_on(&self) {
        self.unmount().expect("a disk that nobody uses can be unmounted");
        self.mount().expect("a disk that was mounted before can be mounted");
    }

    /// Lets the file system meet an error that it cannot live with: it becomes read-only, for those who use it too.
    pub fn fail(&self) -> Result<(), String> {
        let path = self.path();
        command("mount", &["-o".as_ref(), "remount,abort".as_ref(), path.as_os_str()])
    }

    /// Returns how many bytes may still be written by everyone.
    ///
    /// # Panics
    ///
    /// When the system does not say.
    #[must_use]
    pub fn available(&self) -> u64 {
        let path = self.path();
        let mut df = Command::new("df");
        df.args(["-B1", "--output=avail"]).arg(&path);
        let said = run(df).stdout;
        said.lines().nth(1).and_then(|line| line.trim().parse().ok()).expect("df says what is free")
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn mount(&self) -> Result<(), String> {
        let (image, path) = (self.image(), self.path());
        command(
            "mount",
            &["-o".as_ref(), "loop,errors=remount-ro".as_ref(), image.as_os_str(), path.as_os_str()],
        )
    }

    /// A process that was killed lets go of its files a moment later.
    fn unmount(&self) -> Result<(), String> {
        let path = self.path();
        let mut result = Ok(());
        for _ in 0..50 {
            result = command("umount", &[path.as_os_str()]);
            if result.is_ok() {
                return result;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        result
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !is_mounted(&self.path()) {
            return;
        }
        if let Err(error) = self.unmount() {
            eprintln!("{error}");
            // Gone from here at once, and from the kernel when its last user is.
            command("umount", &["-l".as_ref(), self.path().as_os_str()]).ok();
        }
    }
}

fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(1).is_some_and(|place| Path::new(place) == path))
}

/// Runs a program; the answer is an error with what it said.
fn command(program: &str, arguments: &[&OsStr]) -> Result<(), String> {
    if Command::new(program).arg("-V").output().is_err() {
        return Err(format!("{program} is not installed"));
    }
    let mut command = Command::new(program);
    command.args(arguments);
    let ended = run(command);
    if ended.code == Some(0) { Ok(()) } else { Err(format!("{program}: {}", ended.stderr.trim())) }
}
