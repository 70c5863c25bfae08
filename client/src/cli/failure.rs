//! How a command ends: exit codes, and what the user reads when it failed.

use std::borrow::Cow;
use std::process::ExitCode;

use serde_json::json;

/// The exit code, which is the authority for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, verified, allowed, found.
    Yes,
    /// 1: refused, not verified, denied.
    No,
    /// 2: usage or configuration error.
    Usage,
    /// 3: could not find out: unreachable, timed out, indeterminate.
    Unknown,
    /// 4: nothing is known about what was asked.
    NoRecord,
    /// 70: our bug.
    Bug,
}

/// How a command that printed its result ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    Yes,
    /// Exit code 1: the result printed is a no.
    No,
    /// Exit code 3: the result printed is that it could not be found out.
    Unknown,
    /// Exit code 4: the result printed is that there is no record.
    NoRecord,
}

/// Why a command failed: what the user reads, and what a script gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// The stable word for machines.
    pub(crate) code: Cow<'static, str>,
    /// What happened: expected and found are both named.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl Exit {
    /// Returns the number that the process ends with.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
            Self::NoRecord => 4,
            Self::Bug => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Yes => Self::Yes,
            Outcome::No => Self::No,
            Outcome::Unknown => Self::Unknown,
            Outcome::NoRecord => Self::NoRecord,
        }
    }
}

impl Failure {
    /// The answer is no: refused or not verified (exit 1).
    pub(crate) fn no(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Exit::No, code, message)
    }

    /// Wrong flags, files or settings (exit 2).
    pub(crate) fn usage(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, message)
    }

    /// A file or folder that a result should be written to, and cannot be.
    pub(crate) fn unwritable(why: impl Into<String>) -> Self {
        Self::usage("unwritable", why)
            .hint("name a place that this user may write, in a directory that exists")
    }

    /// It could not be found out (exit 3).
    pub(crate) fn unknown(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::new(Exit::Unknown, code, message)
    }

    /// Nothing is known about what was asked (exit 4).
    pub(crate) fn no_record(message: impl Into<String>) -> Self {
        Self::new(Exit::NoRecord, "no_record", message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub(crate) fn prefixed(mut self, prefix: &str) -> Self {
        self.message = format!("{prefix}: {}", self.message);
        self
    }

    /// Returns the two lines that people read.
    pub(crate) fn text(&self) -> String {
        let message = super::output::escape(&self.message);
        match &self.hint {
            Some(hint) => format!("error: {message}\nhint: {}\n", super::output::escape(hint)),
            None => format!("error: {message}\n"),
        }
    }

    /// Returns the document that `-o json` prints.
    pub(crate) fn json(&self) -> String {
        let error = json!({ "code": self.code, "message": self.message, "hint": self.hint });
        format!("{}\n", json!({ "error": error }))
    }

    fn new(exit: Exit, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { exit, code: code.into(), message: message.into(), hint: None }
    }
}

/// Makes every panic say that it is our bug and how to report it.
pub(crate) fn report_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        default(panic);
        anstream::eprintln!(
            "error: this is a bug in custody {version}, and what was asked has no answer\n\
             hint: report it at {repository}/issues with the lines above and the command; \
             RUST_BACKTRACE=1 adds detail",
            version = env!("CARGO_PKG_VERSION"),
            repository = env!("CARGO_PKG_REPOSITORY"),
        );
    }));
}

/// Reports that the program could not even start its threads.
pub(crate) fn without_runtime(error: &std::io::Error) -> Exit {
    anstream::eprint!("{}", Failure::unknown("no_threads", format!("cannot start threads: {error}")).text());
    Exit::Unknown
}
