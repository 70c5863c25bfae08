//! Programs of others, that tests use as their users would: from their published packages, at a pinned version, below
//! `target/tools`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::Value;

use crate::server::copy_folder;
use crate::workspace;

/// A program of others.
#[derive(Debug)]
pub struct Tool {
    name: &'static str,
    version: &'static str,
    source: Source,
    ready: OnceLock<Option<PathBuf>>,
}

/// Where a program is published.
#[derive(Debug, Clone, Copy)]
enum Source {
    /// A Go package, which is built.
    Go(&'static str),
    /// A folder of the sources of a Go module, which nothing is built from.
    GoFiles { module: &'static str, folder: &'static str },
    /// A package of npm that runs on Java. It is used where both are there already: Debian's npm and Java are 360 packages and
    /// 140 MB, more than a minute for one linter, so CI does not install them and what it checks is checked in another way too.
    NpmOnJava,
    /// A Python package, with what it needs.
    Pip,
}

/// cosign: signs and verifies images and files. Built in two to four minutes from nothing.
pub static COSIGN: Tool =
    Tool::new("cosign", "v3.1.3", Source::Go("github.com/sigstore/cosign/v3/cmd/cosign"));

/// crane: a registry in memory, and a client of registries. Built in less than a minute.
pub static CRANE: Tool =
    Tool::new("crane", "v0.22.1", Source::Go("github.com/google/go-containerregistry/cmd/crane"));

/// actionlint: checks workflows of GitHub Actions. Built in a quarter of a minute.
pub static ACTIONLINT: Tool =
    Tool::new("actionlint", "v1.7.12", Source::Go("github.com/rhysd/actionlint/cmd/actionlint"));

/// check-jsonschema: checks YAML and JSON against schemas, with those of GitLab CI in it. A folder for `PYTHONPATH`.
pub static CHECK_JSONSCHEMA: Tool = Tool::new("check-jsonschema", "0.39.0", Source::Pip);

/// npm-groovy-lint: checks Jenkinsfiles.
pub static GROOVY_LINT: Tool = Tool::new("npm-groovy-lint", "15.2.1", Source::NpmOnJava);

/// The definitions of Tekton's resources, with their schemas. A folder; nothing is built.
pub static TEKTON: Tool = Tool::new(
    "tekton-crds",
    "v1.6.0",
    Source::GoFiles { module: "github.com/tektoncd/pipeline", folder: "config/300-crds" },
);

/// Every program that tests use.
pub static ALL: [&Tool; 6] = [&COSIGN, &CRANE, &ACTIONLINT, &CHECK_JSONSCHEMA, &GROOVY_LINT, &TEKTON];

impl Tool {
    const fn new(name: &'static str, version: &'static str, source: Source) -> Self {
        Self { name, version, source, ready: OnceLock::new() }
    }

    /// Returns the path of the program, or of the folder that it is, and makes it first where it is not there yet. None, with a
    /// line that says so, where what makes it is not installed.
    ///
    /// # Panics
    ///
    /// When it cannot be made; and when `CI` is set and a toolchain is missing: a change is not accepted untested. The linter that
    /// needs Java is left out there too.
    pub fn path(&self) -> Option<PathBuf> {
        self.ready.get_or_init(|| self.make()).clone()
    }

    #[expect(
        clippy::print_stdout,
        reason = "who waits for a build is told about it, and a test that is skipped says so"
    )]
    fn make(&self) -> Option<PathBuf> {
        let (name, version) = (self.name, self.version);
        let folder = workspace::root().join("target/tools").join(format!("{name}-{version}"));
        let made = self.source.made(&folder, name);
        if made.exists() {
            println!("{name} {version} is there");
            return Some(made);
        }
        if let Some(missing) = self.source.needs().iter().find(|program| !is_there(program)) {
            let optional = matches!(self.source, Source::NpmOnJava);
            let allowed = optional || std::env::var_os("CI").is_none();
            assert!(allowed, "{name} {version} needs {missing}");
            println!("skipped: needs {name} {version}, and there is no {missing} to make it");
            return None;
        }
        // Made beside its place: what is broken off, or made twice at the same time, leaves no half program.
        let part = folder.with_file_name(format!("{name}-{version}.part-{}", std::process::id()));
        let began = Instant::now();
        self.source.make(name, version, &part);
        assert!(self.source.made(&part, name).exists(), "{name} {version} is not in what was made");
        if std::fs::rename(&part, &folder).is_err() {
            assert!(made.exists(), "{} cannot be moved to its place", part.display());
            std::fs::remove_dir_all(&part).expect("a folder of this process can be removed");
        }
        println!("{name} {version} was made in {} s", began.elapsed().as_secs());
        Some(made)
    }
}

impl Source {
    /// Returns what a test uses of a folder that was made.
    fn made(self, folder: &Path, name: &str) -> PathBuf {
        match self {
            Self::Go(_) => folder.join(name),
            Self::GoFiles { .. } | Self::Pip => folder.to_path_buf(),
            Self::NpmOnJava => folder.join("node_modules/.bin").join(name),
        }
    }

    /// Returns the programs without which it cannot be made or run.
    const fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Go(_) | Self::GoFiles { .. } => &["go"],
            Self::NpmOnJava => &["npm", "node", "java"],
            Self::Pip => &["python3", "pip3"],
        }
    }

    fn make(self, name: &str, version: &str, part: &Path) {
        match self {
            Self::Go(package) => {
                let mut install = Command::new("go");
                // To optimise it, and to note its lines, takes a third of the time that it takes to build; its compiler has memory
                // to spare.
                install.args(["install", "-gcflags=all=-N -l -dwarf=false", "-ldflags=-s -w"]);
                run(install.arg(format!("{package}@{version}")).env("GOBIN", part).env("GOGC", "400"));
            }
            Self::GoFiles { module, folder } => {
                let mut download = Command::new("go");
                download.args(["mod", "download", "-json", &format!("{module}@{version}")]);
                let said: Value = serde_json::from_slice(&run(&mut download)).expect("go prints JSON");
                let sources = said["Dir"].as_str().expect("go says where the module is");
                copy_folder(&Path::new(sources).join(folder), part);
            }
            Self::NpmOnJava => {
                std::fs::create_dir_all(part).expect("a folder can be made");
                let package = format!("{name}@{version}");
                run(Command::new("npm")
                    .args(["install", "--no-audit", "--no-fund", "--prefix"])
                    .arg(part)
                    .arg(package));
            }
            Self::Pip => {
                let package = format!("{name}=={version}");
                let quiet = ["install", "--quiet", "--disable-pip-version-check", "--no-input"];
                run(Command::new("pip3").args(quiet).arg(package).arg("--target").arg(part));
            }
        }
    }
}

/// Whether a program answers: one that is not there cannot be started.
fn is_there(program: &str) -> bool {
    Command::new(program).arg(if program == "go" { "version" } else { "--version" }).output().is_ok()
}

/// Runs a command that must end well, and returns what it printed.
fn run(command: &mut Command) -> Vec<u8> {
    let ended = command.output().expect("it was there a moment ago");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{command:?}: {said}");
    ended.stdout
}
