//! The command line, with a home of its own and none of the variables of whoever runs the tests.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::Binaries;
use crate::schema;
use crate::server::{Ended, run};

/// A user with an own home directory.
#[derive(Debug)]
pub struct User {
    home: TempDir,
    took: Mutex<Vec<Duration>>,
}

impl User {
    /// Makes a user who has not run `custody init`.
    ///
    /// # Panics
    ///
    /// When no temporary folder can be made.
    #[must_use]
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().expect("a temporary folder can be made"), took: Mutex::default() }
    }

    /// Makes a user who ran `custody init` for this server, with this key, and took the pin from the server.
    ///
    /// # Panics
    ///
    /// When `custody init` refuses.
    #[must_use]
    pub fn of(url: &str, pin: &str, key: &Path) -> Self {
        let user = Self::new();
        let key = key.to_str().expect("test paths are UTF-8");
        let ended = user.custody(&["init", "--server", url, "--trust", pin, "--key", key]);
        assert_eq!(ended.code, Some(0), "custody init: {}{}", ended.stdout, ended.stderr);
        user
    }

    /// Returns the user's home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the home directory and returns its path.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// Runs `custody` until it ends.
    pub fn custody<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ended {
        self.custody_in(&[], arguments)
    }

    /// Runs `custody` with these variables of the environment, as a CI job has them, until it ends.
    pub fn custody_in<A: AsRef<OsStr>>(&self, variables: &[(String, String)], arguments: &[A]) -> Ended {
        let mut command = Command::new(Binaries::built().custody());
        command.args(arguments).env_clear().env("HOME", self.home()).current_dir(self.home());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let started = Instant::now();
        let ended = run(command);
        self.took.lock().unwrap_or_else(PoisonError::into_inner).push(started.elapsed());
        let words: Vec<&str> = arguments.iter().filter_map(|word| word.as_ref().to_str()).collect();
        valid(&words, &ended.stdout);
        ended
    }

    /// Returns how long each command took since this was asked last.
    pub fn took(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.took.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Runs `custody -o json` and returns the exit code and the document.
    ///
    /// # Panics
    ///
    /// When the output is not one JSON document.
    pub fn json<A: AsRef<OsStr>>(&self, arguments: &[A]) -> (Option<i32>, Value) {
        let mut all: Vec<&OsStr> = arguments.iter().map(AsRef::as_ref).collect();
        all.extend([OsStr::new("-o"), OsStr::new("json")]);
        let ended = self.custody(&all);
        let document = serde_json::from_str(&ended.stdout)
            .unwrap_or_else(|error| panic!("{all:?}: {error}\n{}{}", ended.stdout, ended.stderr));
        (ended.code, document)
    }
}

/// Whatever a test asks for, what is printed as JSON is as the published schema says: a line, a document.
fn valid(words: &[&str], stdout: &str) {
    if !words.windows(2).any(|pair| pair == ["-o", "json"]) || words.contains(&"--raw") {
        return;
    }
    let Some(definition) = schema::definition(words) else { return };
    for document in stdout.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        if let Err(why) = schema::check(&definition, &document) {
            panic!("{words:?} prints what docs/schema/output-v1.json does not say: {why}\n{document}");
        }
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new()
    }
}
