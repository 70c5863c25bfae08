//! Programs of others, that tests use as their users would: built from their published sources, at a pinned version.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::workspace;

/// A program that is installed with the Go toolchain.
#[derive(Debug)]
pub struct Tool {
    name: &'static str,
    package: &'static str,
    version: &'static str,
    installed: OnceLock<Option<PathBuf>>,
}

/// cosign: makes and verifies Sigstore bundles. Built in two to five minutes from nothing.
pub static COSIGN: Tool = Tool {
    name: "cosign",
    package: "github.com/sigstore/cosign/v3/cmd/cosign",
    version: "v3.1.3",
    installed: OnceLock::new(),
};

impl Tool {
    /// Returns the path of the program, and installs it first where it is not there yet, below the target folder. None, with
    /// a line that says so, where there is no Go toolchain.
    ///
    /// # Panics
    ///
    /// When it cannot be installed; and when `CI` is set and there is no toolchain: a change is not accepted untested.
    pub fn path(&self) -> Option<PathBuf> {
        self.installed.get_or_init(|| self.install()).clone()
    }

    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn install(&self) -> Option<PathBuf> {
        let folder = workspace::root().join("target/tools").join(format!("{}-{}", self.name, self.version));
        let program = folder.join(self.name);
        if program.is_file() {
            return Some(program);
        }
        if Command::new("go").arg("version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "{} needs the Go toolchain", self.name);
            println!(
                "skipped: needs {} {}, and there is no Go toolchain to build it",
                self.name, self.version
            );
            return None;
        }
        let package = format!("{}@{}", self.package, self.version);
        let ended = Command::new("go").args(["install", &package]).env("GOBIN", &folder).output();
        let ended = ended.expect("go runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && program.is_file(), "go install {package}: {said}");
        Some(program)
    }
}
