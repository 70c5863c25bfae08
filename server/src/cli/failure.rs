//! How a command ends when it fails.

use std::process::ExitCode;

use serde_json::json;

/// The exit codes of both binaries; scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; nothing wrong was found.
    Yes,
    /// The answer is no: the log is damaged.
    No,
    /// The command line, the configuration or what it names cannot be used.
    Usage,
    /// It could not be found out.
    Unknown,
}

impl Exit {
    /// The word of a failure that has no word of its own.
    const fn code(self) -> &'static str {
        match self {
            Self::Yes | Self::No => "refused",
            Self::Usage => "usage",
            Self::Unknown => "unknown",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unknown => 3,
        })
    }
}

/// What went wrong and what to do about it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    code: &'static str,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Makes a failure; every cause of the error is told.
    pub fn new(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self { exit, code: exit.code(), message, hint: None }
    }

    /// Makes a failure of the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, code: Exit::Usage.code(), message: message.into(), hint: None }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Gives the stable word for machines, where it says more than the exit code.
    #[must_use]
    pub const fn code(mut self, code: &'static str) -> Self {
        self.code = code;
        self
    }

    /// Returns the exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the lines that people read: `error:` and `hint:`.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("error: {}\nhint: {hint}\n", self.message),
            None => format!("error: {}\n", self.message),
        }
    }

    /// Returns the document that `-o json` prints.
    #[must_use]
    pub fn json(&self) -> String {
        let error = json!({ "code": self.code, "message": self.message, "hint": self.hint });
        format!("{}\n", json!({ "error": error }))
    }
}
