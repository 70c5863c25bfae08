//! Programs of others, that tests use as their users would: built from their published sources, at a pinned version.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use crate::workspace;

/// A program that is built with the Go toolchain.
#[derive(Debug)]
pub struct Tool {
    name: &'static str,
    package: &'static str,
    version: &'static str,
    built: OnceLock<Option<PathBuf>>,
}

/// cosign: signs and verifies images and files. Built in two to five minutes from nothing.
pub static COSIGN: Tool = Tool {
    name: "cosign",
    package: "github.com/sigstore/cosign/v3/cmd/cosign",
    version: "v3.1.3",
    built: OnceLock::new(),
};

/// crane: a registry in memory, and a client of registries. Built in less than a minute.
pub static CRANE: Tool = Tool {
    name: "crane",
    package: "github.com/google/go-containerregistry/cmd/crane",
    version: "v0.22.1",
    built: OnceLock::new(),
};

/// Every program that tests use.
pub static ALL: [&Tool; 2] = [&COSIGN, &CRANE];

impl Tool {
    /// Returns the path of the program, and builds it first where it is not there yet, below the target folder. None, with
    /// a line that says so, where there is no Go toolchain.
    ///
    /// # Panics
    ///
    /// When it cannot be built; and when `CI` is set and there is no toolchain: a change is not accepted untested.
    pub fn path(&self) -> Option<PathBuf> {
        self.built.get_or_init(|| self.build()).clone()
    }

    #[expect(
        clippy::print_stdout,
        reason = "who waits for a build is told about it, and a test that is skipped says so"
    )]
    fn build(&self) -> Option<PathBuf> {
        let (name, version) = (self.name, self.version);
        let folder = workspace::root().join("target/tools").join(format!("{name}-{version}"));
        let program = folder.join(name);
        if program.is_file() {
            println!("{name} {version} is there");
            return Some(program);
        }
        if Command::new("go").arg("version").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "{name} {version} needs the Go toolchain");
            println!("skipped: needs {name} {version}, and there is no Go toolchain to build it");
            return None;
        }
        // Built beside its place: a build that is broken off, or another one at the same time, leaves no half program.
        let part = folder.with_file_name(format!("{name}-{version}.part-{}", std::process::id()));
        let package = format!("{}@{version}", self.package);
        let began = Instant::now();
        let ended = Command::new("go").args(["install", &package]).env("GOBIN", &part).output();
        let ended = ended.expect("go runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && part.join(name).is_file(), "go install {package}: {said}");
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::rename(part.join(name), &program).expect("a program can be moved");
        std::fs::remove_dir(&part).expect("an empty folder can be removed");
        println!("{name} {version} was built in {} s", began.elapsed().as_secs());
        Some(program)
    }
}
