//! What a user reads, word for word, when a command is refused, finds nothing or gives a note: command line, exit code,
//! stdout and stderr of the real binaries.
//!
//! A golden holds the cases of one command. What differs from run to run has a word: `HOME` is the user's directory,
//! `LOG` the one with the log, `<hex 1>` a digest, `<time>` a time. `CUSTODY_GOLDENS=write` writes the goldens.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use custody_evidence::key::SigningKey;
use custody_tests::binaries::Binaries;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, signed, statement};
use custody_tests::server::{Ended, Ledger, run};
use custody_tests::wire::Caller;
use custody_tests::words::hold;
use serde_json::json;

mod commands;
mod daemon;

/// Where the cases are run.
struct Place {
    home: User,
    ledger: Ledger,
    /// Words that stand for what differs from run to run.
    names: Vec<(String, &'static str)>,
}

impl Place {
    fn new() -> Self {
        let (home, ledger) = (User::new(), Ledger::new(2));
        let names = vec![
            (home.home().display().to_string(), "HOME"),
            (ledger.home().display().to_string(), "LOG"),
            (env!("CARGO_PKG_VERSION").to_owned(), "<version>"),
        ];
        Self { home, ledger, names }
    }

    /// Runs a line as a shell would: `NAME=VALUE` before the program, words in single quotes. `HOME` and the other
    /// names stand for what they are; `HOME=` alone takes the home away.
    fn run(&self, line: &str) -> Ended {
        let mut line = line.to_owned();
        for (value, name) in &self.names {
            line = line.replace(&format!("{{{name}}}"), value);
        }
        let mut words = words(&line).into_iter().peekable();
        let mut variables = vec![("HOME".to_owned(), self.home.home().display().to_string())];
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
            variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        let program = match words.next().as_deref() {
            Some("custody") => Binaries::built().custody(),
            Some("custodyd") => Binaries::built().custodyd(),
            other => panic!("{line}: no program {other:?}"),
        };
        let mut command = Command::new(program);
        command.args(words).env_clear().current_dir(self.home.home());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name);
            } else {
                command.env(name, value);
            }
        }
        run(command)
    }

    /// Holds what each line prints in the golden of this name, and returns the refusals that do not say what to do.
    fn hold(&self, golden: &str, lines: &[&str]) -> Vec<String> {
        let mut text = String::new();
        let mut without_hint = Vec::new();
        for line in lines {
            let ended = self.run(line);
            let printed = |text: &str| stable(text, &self.names);
            let code = ended.code.map_or("none".to_owned(), |code| code.to_string());
            write!(text, "$ {line}\nexit {code}\n").unwrap();
            for (name, found) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
                if !found.is_empty() {
                    writeln!(text, "{name}:\n{}", printed(found).trim_end()).unwrap();
                }
            }
            text.push('\n');
            let told = ["hint: ", "\"hint\":\"", "For more information, try"];
            let refused = ended.stderr.contains("error: ") || ended.stderr.contains("{\"error\"");
            if refused && !told.iter().any(|word| format!("{}{}", ended.stdout, ended.stderr).contains(word))
            {
                without_hint.push((*line).to_owned());
            }
        }
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises/refusals");
        hold(&folder.join(format!("{golden}.txt")), &text);
        without_hint
    }
}

/// Splits a line into words; single quotes hold blanks together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// Puts words where something differs from run to run.
fn stable(text: &str, names: &[(String, &'static str)]) -> String {
    let mut text = text.to_owned();
    for (value, name) in names {
        text = text.replace(value, name);
    }
    let mut found: Vec<String> = Vec::new();
    let mut stable = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some(length) = time(rest) {
            stable.push_str("<time>");
            rest = &rest[length..];
            continue;
        }
        let run = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
        let word = &rest[..run.max(first.len_utf8())];
        let hex = word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex
            && word.len() >= 8
            && word.bytes().any(|b| b.is_ascii_digit())
            && word.bytes().any(|b| b != b'0')
        {
            // The same digest may be cut to its start elsewhere.
            let at =
                found.iter().position(|known| known.starts_with(word) || word.starts_with(known.as_str()));
            let at = at.unwrap_or_else(|| {
                found.push(word.to_owned());
                found.len() - 1
            });
            write!(stable, "<hex {}>", at + 1).unwrap();
        } else {
            stable.push_str(word);
        }
        rest = &rest[word.len()..];
    }
    stable
}

/// Returns the length of the time that a text starts with, such as `2026-07-30T09:00:00Z`, with or without seconds.
fn time(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let form = |at: usize, form: &str| {
        form.bytes().enumerate().all(|(i, expected)| {
            bytes
                .get(at + i)
                .is_some_and(|&b| if expected == b'0' { b.is_ascii_digit() } else { b == expected })
        })
    };
    if !form(0, "0000-00-00T00:00") && !form(0, "0000-00-00 00:00") {
        return None;
    }
    let rest = text[16..].trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.'));
    Some(text.len() - rest.strip_prefix('Z').unwrap_or(rest).len())
}

/// Writes a private key that only its owner can read.
fn private(path: &Path, key: &SigningKey) {
    fs::write(path, key.to_pem().as_bytes()).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
