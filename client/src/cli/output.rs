//! What the user sees: results on stdout, everything else on stderr.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use anstream::AutoStream;
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables and trees for people; they may change.
    #[value(aliases = ["table", "tree"])]
    Text,
    /// One JSON document, or one object a line for streams.
    Json,
    /// A summary for the page of a CI job; of `gate` alone.
    Markdown,
    /// A report that CI systems show; of `gate` and `policy test` alone.
    Junit,
    /// Annotations of GitHub Actions; of `gate` alone.
    Github,
    /// A graph for Graphviz, of trace and impact.
    Dot,
    /// A graph for Mermaid, of trace and impact.
    Mermaid,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where a command prints to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    quiet: bool,
    color: Color,
}

impl Output {
    /// Makes an output.
    pub(crate) const fn new(format: Format, quiet: bool, color: Color) -> Self {
        Self { format, quiet, color }
    }

    /// Returns how results are printed.
    pub(crate) const fn format(self) -> Format {
        self.format
    }

    /// Whether results are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Whether the user can be asked: both stdin and stderr are a terminal.
    pub(crate) fn can_ask() -> bool {
        std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Prints results for people. The text is written as it is, with its own line ends; styles are removed
    /// where there is no terminal. What came from outside must have gone through [`escape`].
    pub(crate) fn print(self, text: impl AsRef<str>) -> Result<(), Failure> {
        let mut out = AutoStream::new(std::io::stdout().lock(), self.choice());
        written(out.write_all(text.as_ref().as_bytes()).and_then(|()| out.flush()))
    }

    /// Prints one JSON document on one line.
    pub(crate) fn print_json(self, document: &impl Serialize) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(document).map_err(|error| {
            Failure::unknown("output", format!("cannot write the result as JSON: {error}"))
        })?;
        line.push(b'\n');
        self.print_bytes(&line)
    }

    /// Prints one line of a stream, a JSON document. Returns whether somebody still reads it: a stream has no other end.
    pub(crate) fn print_line(self, document: &impl Serialize) -> Result<bool, Failure> {
        let line = serde_json::to_string(document).map_err(|error| {
            Failure::unknown("output", format!("cannot write the result as JSON: {error}"))
        })?;
        self.print_text(&format!("{line}\n"))
    }

    /// Prints a part of a stream for people, as [`Self::print`]. Returns whether somebody still reads it.
    pub(crate) fn print_text(self, text: &str) -> Result<bool, Failure> {
        let mut out = AutoStream::new(std::io::stdout().lock(), self.choice());
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
            result => written(result).map(|()| true),
        }
    }

    /// Prints exact bytes.
    #[expect(clippy::unused_self, reason = "all printing goes through the output that a command was given")]
    pub(crate) fn print_bytes(self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        written(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Says something on stderr that is not a result; not with `--quiet`.
    pub(crate) fn note(self, text: impl AsRef<str>) {
        if !self.quiet {
            self.stderr(&format!("{}\n", escape(text.as_ref())));
        }
    }

    /// Warns on stderr, with `--quiet` too.
    pub(crate) fn warn(self, text: impl AsRef<str>) {
        self.stderr(&format!("warning: {}\n", escape(text.as_ref())));
    }

    /// Reports a failure: `error:` and `hint:` on stderr, or the JSON document on stdout.
    pub(crate) fn fail(self, failure: &Failure) {
        if self.is_json() {
            let mut out = std::io::stdout().lock();
            // Nothing is left to tell it to when this fails; the exit code still says it.
            drop(out.write_all(failure.json().as_bytes()).and_then(|()| out.flush()));
        } else {
            self.stderr(&failure.text());
        }
    }

    /// Shows what a question is about, with `--quiet` too, asks it on stderr, and reads one line; true for `y` or `yes`
    /// only. The caller asked [`Self::can_ask`].
    pub(crate) fn ask(self, about: &str, question: &str) -> bool {
        self.stderr(&format!("{}\n{} [y/N] ", escape(about), escape(question)));
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }

    /// Returns a progress bar over `total` bytes; invisible with `--quiet`, `-o json` or without a terminal.
    pub(crate) fn bytes_bar(self, what: &str, total: u64) -> ProgressBar {
        self.bar(what, Some(total), "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}")
    }

    /// Returns a progress bar over `total` things; invisible with `--quiet`, `-o json` or without a terminal.
    pub(crate) fn count_bar(self, what: &str, total: u64) -> ProgressBar {
        self.bar(what, Some(total), "{msg} [{bar:30}] {pos}/{len} {eta}")
    }

    /// Returns a progress bar over `total` things that shows how fast they are done; invisible as the others.
    pub(crate) fn rate_bar(self, what: &str, total: u64) -> ProgressBar {
        self.bar(what, Some(total), "{msg} [{bar:30}] {pos}/{len} {per_sec} {eta}")
    }

    /// Returns a count of things of which nobody knows how many there are; invisible as the others.
    pub(crate) fn open_count(self, what: &str) -> ProgressBar {
        self.bar(what, None, "{msg} {pos} {elapsed}")
    }

    fn bar(self, what: &str, total: Option<u64>, template: &str) -> ProgressBar {
        let hidden = self.quiet || self.is_json() || !std::io::stderr().is_terminal();
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(total, target).with_message(what.to_owned());
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    fn stderr(self, text: &str) {
        let mut out = AutoStream::new(std::io::stderr().lock(), self.choice());
        drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
    }

    fn choice(self) -> anstream::ColorChoice {
        match self.color {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
    }
}

/// Returns a number with the word for what is counted: `1 entry`, `2 entries`.
pub(crate) fn counted(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// Makes text from outside safe for a terminal: control characters other than the line end, and those that
/// reorder or hide text, are written as `\u{1b}`. Otherwise a statement could clear the screen, or make a
/// refusal look like a yes.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !(c.is_control() || deceives(c)) {
            safe.push(c);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", c.escape_unicode());
        }
    }
    safe
}

/// As [`escape`], with line ends escaped too: for a field in a table.
pub(crate) fn escape_line(text: &str) -> String {
    escape(text).replace('\n', "\\n")
}

/// Bidirectional controls, zero-width characters, line and paragraph separators, tags, and letters that look like a
/// space: the empty pattern of Braille, and the fillers of Hangul.
fn deceives(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A reader that went away (`custody find | head`) has seen what it wanted; every other failure to write
/// means that the result did not arrive.
fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::unknown("output", format!("cannot write the result: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{counted, escape, escape_line};

    #[test]
    fn one_is_not_several() {
        let entries = [0, 1, 2].map(|number| counted(number, "entry", "entries"));
        assert_eq!(entries, ["0 entries", "1 entry", "2 entries"]);
    }

    #[test]
    fn escapes_what_moves_the_cursor_or_reorders_text() {
        assert_eq!(escape("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("a\rb\u{9b}c\u{7f}"), "a\\u{d}b\\u{9b}c\\u{7f}");
        assert_eq!(escape("x\u{202e}y\u{2066}z\u{200b}"), "x\\u{202e}y\\u{2066}z\\u{200b}");
        assert_eq!(
            escape("a\u{2800}b\u{3164}c\u{115f}d\u{1160}e\u{ffa0}"),
            "a\\u{2800}b\\u{3164}c\\u{115f}d\\u{1160}e\\u{ffa0}"
        );
        assert_eq!(escape("two\nlines"), "two\nlines");
        assert_eq!(escape_line("two\nlines\t"), "two\\nlines\\u{9}");
        assert_eq!(escape("plain text, and umlauts: \u{fc}"), "plain text, and umlauts: \u{fc}");
    }
}
