//! The real binaries, built from these sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::workspace;

/// Where the binaries are.
#[derive(Debug)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Returns the binaries, and builds them first where they are missing or older than the sources, or those in the
    /// folder that `CUSTODY_BINARIES` names.
    ///
    /// A test of one crate cannot ask cargo for the binaries of another, so this calls cargo itself, with the
    /// profile and target folder that the running test was built in. Cargo's own lock keeps two tests from building
    /// at once, and nothing is built again when nothing changed.
    ///
    /// # Panics
    ///
    /// When they cannot be built: cargo has then said why.
    pub fn built() -> &'static Self {
        static BUILT: OnceLock<Binaries> = OnceLock::new();
        BUILT.get_or_init(|| {
            // Measured again and again, the same binaries: whoever names a folder has built them.
            if let Some(folder) = std::env::var_os("CUSTODY_BINARIES") {
                return Self { folder: folder.into() };
            }
            let folder = profile_folder();
            build(&folder);
            Self { folder }
        })
    }

    /// Returns the path of `custodyd`.
    #[must_use]
    pub fn custodyd(&self) -> PathBuf {
        self.folder.join("custodyd")
    }

    /// Returns the path of `custody`.
    #[must_use]
    pub fn custody(&self) -> PathBuf {
        self.folder.join("custody")
    }

    /// Returns the path of the tour for newcomers, built as a newcomer builds it: it builds the other binaries itself.
    ///
    /// # Panics
    ///
    /// When it cannot be built.
    #[must_use]
    pub fn quickstart() -> PathBuf {
        let folder = profile_folder();
        build(&folder);
        folder.join("quickstart")
    }
}

/// The running test is `<target>/<profile>/deps/<name>-<hash>`, the load generator `<target>/<profile>/load`.
fn profile_folder() -> PathBuf {
    let running = std::env::current_exe().expect("the running test has a path");
    let folder = running.parent().expect("a program is in a folder");
    let profile = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    profile.expect("a test is built two folders below its target folder").to_path_buf()
}

fn build(folder: &Path) {
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = folder.parent().expect("a profile is a folder of the target folder");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // All of the workspace: with fewer packages cargo would choose other features for shared dependencies, and
    // build those twice.
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--workspace", "--bins", "--profile", profile])
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace::root())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "cargo build of the binaries failed");
}
