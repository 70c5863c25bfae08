//! Where the tour plays: the binaries, the folder, and how commands and their output are shown.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, io};

use anstyle::{AnsiColor, Style};

use crate::sbom::SbomError;

const TITLE: Style = AnsiColor::Cyan.on_default().bold();
const TYPED: Style = Style::new().bold();
const QUIET: Style = Style::new().dimmed();

/// Marks a folder as made by the tour, so that no other folder is ever emptied.
const MARK: &str = "made-by-quickstart";

/// Why the tour stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TourError {
    /// A file or folder that could not be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program that could not be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A step that did not end as it must.
    #[error("`{command}` ended with {found}, expected {expected}")]
    Ended {
        /// What was typed.
        command: String,
        /// The exit code that belongs here.
        expected: i32,
        /// How it ended.
        found: String,
    },
    /// A question to another program that failed.
    #[error("`{command}` ended with {found}: {said}")]
    Asked {
        /// What was run.
        command: String,
        /// What it printed on standard error.
        said: String,
        /// How it ended.
        found: String,
    },
    /// The server did not print its `custody init` line in time.
    #[error("custodyd did not come up; its log: {}", log.display())]
    Silent {
        /// What it printed.
        log: PathBuf,
    },
    /// Something that must be in the output of a program is not there.
    #[error("`{command}` did not print {wanted}")]
    Missing {
        /// What was typed.
        command: String,
        /// What was looked for.
        wanted: String,
    },
    /// The bytes to break are not in the data directory.
    #[error("no file below {} holds the envelope to break", folder.display())]
    NothingToBreak {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The folder of the tour holds something else.
    #[error("{} exists and was not made by this tour", folder.display())]
    Foreign {
        /// The folder.
        folder: PathBuf,
    },
    /// No SBOM could be made.
    #[error(transparent)]
    Sbom(#[from] SbomError),
    /// A program printed JSON that is none.
    #[error("`{command}` printed no JSON: {source}")]
    Json {
        /// What was typed.
        command: String,
        /// Why.
        source: serde_json::Error,
    },
}

impl TourError {
    /// Returns what to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Start { program, .. } if program == "git" => Some("install git: apt-get install git"),
            Self::Foreign { .. } => Some("move it away, and run the tour again"),
            Self::Ended { .. } | Self::Missing { .. } => Some("the lines above say why"),
            _ => None,
        }
    }
}

/// Prints a headline.
pub(crate) fn title(text: &str) {
    anstream::println!("\n{TITLE}{text}{TITLE:#}");
}

/// Prints a remark.
pub(crate) fn remark(text: &str) {
    anstream::println!("{QUIET}# {text}{QUIET:#}");
}

/// Prints what would be typed.
pub(crate) fn show(typed: &str) {
    anstream::println!("{TYPED}$ {typed}{TYPED:#}");
}

/// The folder of the tour, the sources, and the binaries.
#[derive(Debug)]
pub(crate) struct Stage {
    sources: PathBuf,
    folder: PathBuf,
    binaries: PathBuf,
    /// Where commands run: a git working copy.
    place: PathBuf,
}

impl Stage {
    /// Builds the binaries where they are not built yet, and makes an empty folder: the one that is given, or
    /// `quickstart` in cargo's target folder.
    pub(crate) fn set(folder: Option<PathBuf>) -> Result<Self, TourError> {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/")).to_path_buf();
        let this = std::env::current_exe()
            .map_err(|source| TourError::Start { program: "this tour".into(), source })?;
        let binaries = this.parent().unwrap_or(Path::new("/")).to_path_buf();
        let target = binaries.parent().unwrap_or(Path::new("/")).to_path_buf();
        let folder = folder.unwrap_or_else(|| target.join("quickstart"));
        let folder =
            std::path::absolute(&folder).map_err(|source| TourError::File { path: folder, source })?;
        let mut stage = Self { place: sources.clone(), sources, folder, binaries };
        stage.build(&target)?;
        stage.make_folder()?;
        if stage.ask("git rev-parse --verify --quiet HEAD").is_err() {
            stage.place = stage.stand_in()?;
        }
        Ok(stage)
    }

    /// Returns the folder of the sources.
    pub(crate) fn sources(&self) -> &Path {
        &self.sources
    }

    /// Returns the path of something in the tour's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the path of a binary of Custody.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.binaries.join(name)
    }

    /// Returns how a path in the tour's folder is typed: from where commands run.
    pub(crate) fn typed(&self, name: &str) -> String {
        let path = self.file(name);
        path.strip_prefix(&self.place).unwrap_or(&path).display().to_string()
    }

    /// Runs a command of Custody, shows it and its output (remarks first, then results), and returns what it printed. `typed` is split at blanks.
    pub(crate) fn run(&self, typed: &str) -> Result<String, TourError> {
        self.run_expecting(typed, 0)
    }

    /// Does the same with a command whose exit code belongs to be another.
    pub(crate) fn run_expecting(&self, typed: &str, expected: i32) -> Result<String, TourError> {
        show(typed);
        let output = self.output(typed)?;
        let both = [output.stderr, output.stdout].concat();
        let said = String::from_utf8_lossy(&both).into_owned();
        for line in said.lines() {
            anstream::println!("{line}");
        }
        match output.status.code() {
            Some(code) if code == expected => Ok(said),
            _ => Err(TourError::Ended {
                command: typed.to_owned(),
                expected,
                found: output.status.to_string(),
            }),
        }
    }

    /// Runs a command without showing it, and returns its exact standard output.
    pub(crate) fn ask(&self, typed: &str) -> Result<Vec<u8>, TourError> {
        let output = self.output(typed)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(TourError::Asked {
            command: typed.to_owned(),
            said: said.trim().to_owned(),
            found: output.status.to_string(),
        })
    }

    /// Returns a command that runs in the working copy, with the settings of the tour and no others: neither those of
    /// the user nor those of a CI job that runs the tour.
    pub(crate) fn command(&self, typed: &str) -> Command {
        let mut words = words(typed);
        let program = if words.is_empty() { String::new() } else { words.remove(0) };
        let path = match program.as_str() {
            "custody" | "custodyd" => self.binary(&program),
            other => PathBuf::from(other),
        };
        let mut command = Command::new(path);
        command.args(words).current_dir(&self.place).env_clear();
        for name in ["PATH", "HOME", "USER", "TERM", "NO_COLOR", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if program == "custody" {
            command.envs(self.settings());
        }
        command
    }

    /// Returns the variables that make `custody` use the tour's folder.
    pub(crate) fn settings(&self) -> [(&'static str, OsString); 2] {
        [
            ("CUSTODY_CONFIG", self.file("config.toml").into()),
            ("CUSTODY_STATE_DIR", self.file("state").into()),
        ]
    }

    fn output(&self, typed: &str) -> Result<Output, TourError> {
        let program = words(typed).into_iter().next().unwrap_or_default();
        self.command(typed).output().map_err(|source| TourError::Start { program, source })
    }

    fn build(&self, target: &Path) -> Result<(), TourError> {
        let profile = match self.binaries.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(name) => name,
        };
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args(["build", "--locked", "--workspace", "--bins", "--profile", profile, "--target-dir"])
            .arg(target)
            .current_dir(&self.sources)
            .status()
            .map_err(|source| TourError::Start { program: "cargo".into(), source })?;
        if status.success() {
            return Ok(());
        }
        Err(TourError::Ended { command: "cargo build".into(), expected: 0, found: status.to_string() })
    }

    /// Sources that were downloaded without git have no commit that could be recorded: a small repository stands in.
    fn stand_in(&self) -> Result<PathBuf, TourError> {
        remark("these sources are not a git clone: a repository with README.md alone stands in for it");
        let place = self.file("stand-in");
        let failed = |source| TourError::File { path: place.clone(), source };
        fs::create_dir_all(&place).map_err(failed)?;
        fs::copy(self.sources.join("README.md"), place.join("README.md")).map_err(failed)?;
        let git = format!(
            "git -C '{}' -c user.name=quickstart -c user.email=quickstart@example.com",
            place.display()
        );
        for step in
            ["init --quiet --initial-branch=main", "add README.md", "commit --quiet --message 'Stand in'"]
        {
            self.ask(&format!("{git} {step}"))?;
        }
        Ok(place)
    }

    /// The folder is emptied at the start, not at the end: what the tour made is there to look at.
    fn make_folder(&self) -> Result<(), TourError> {
        let failed = |source| TourError::File { path: self.folder.clone(), source };
        if self.folder.exists() {
            if !self.file(MARK).exists() {
                return Err(TourError::Foreign { folder: self.folder.clone() });
            }
            fs::remove_dir_all(&self.folder).map_err(failed)?;
        }
        fs::create_dir_all(&self.folder).map_err(failed)?;
        fs::write(self.file(MARK), "").map_err(failed)
    }
}

/// Cuts a typed line into words as a shell does with blanks and single or double quotes; no more is needed here.
fn words(typed: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in typed.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn cuts_lines_as_a_shell_does() {
        assert_eq!(words("a  'b c' --x=\"d e\"f ''"), ["a", "b c", "--x=d ef", ""]);
        assert!(words("  ").is_empty());
    }
}
