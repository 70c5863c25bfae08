//! Strict reading of JSON (RFC 8259) that is signed, or that is ours.
//!
//! Two readers must never see two different things in the same signed bytes. So the text is checked before
//! any of it is used: UTF-8, one value and nothing after it, objects and arrays at most [`MAX_DEPTH`] deep, no
//! member named twice (compared after escapes are resolved), no half of a surrogate pair.
//!
//! The check is one pass without recursion: its stack is a vector of at most [`MAX_DEPTH`] frames.

mod scan;
#[cfg(test)]
mod tests;

use serde::Deserialize;

use crate::secret;
use scan::{Duplicates, Scanner};

/// How deep objects and arrays may be nested; the outermost value is level 1.
pub const MAX_DEPTH: usize = 64;
/// The longest that is said of a value that has another shape than expected, in characters.
pub const PROBLEM_MAX: usize = 300;

/// Why bytes are not the JSON that was expected, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{fault} at line {line} column {column}{}", at_path(.path))]
pub struct JsonError {
    /// What is wrong.
    pub fault: JsonFault,
    /// 1-based.
    pub line: usize,
    /// 1-based, in bytes.
    pub column: usize,
    /// The members that lead there, such as `subject[2].digest`; empty at the top. At most 200 characters.
    pub path: String,
}

/// What is wrong with JSON text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// Not UTF-8.
    #[error("a byte that is not UTF-8")]
    Utf8,
    /// Starts with a byte order mark, which RFC 8259 section 8.1 forbids to write.
    #[error("a byte order mark, which JSON must not start with")]
    ByteOrderMark,
    /// Ends before the value does.
    #[error("the text ends before the value does")]
    Truncated,
    /// A character that cannot stand here.
    #[error("expected {expected}, found {found:?}")]
    Unexpected {
        /// What may stand here.
        expected: &'static str,
        /// The character.
        found: char,
    },
    /// Something follows the value.
    #[error("something follows the value")]
    Trailing,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {max} levels")]
    Depth {
        /// [`MAX_DEPTH`].
        max: usize,
    },
    /// A member that the object already has.
    #[error("the member {name:?} is there twice")]
    Duplicate {
        /// The name with escapes resolved, cut to 80 characters.
        name: String,
    },
    /// A control character inside a string.
    #[error("a control character inside a string")]
    Control,
    /// An escape that JSON does not have, or half of a surrogate pair.
    #[error("an escape that stands for no character")]
    Escape,
    /// A member name by which the JSON library would be made to read a string as JSON.
    #[error("the member name {name:?} is reserved")]
    Reserved {
        /// The name, cut to 80 characters.
        name: String,
    },
    /// Well-formed, but not of the expected shape.
    #[error("{problem}")]
    Shape {
        /// What the typed reader expected and found, at most [`PROBLEM_MAX`] characters.
        problem: String,
    },
}

/// Returns the bytes of a file without the byte order mark that some programs write in front of JSON, above all on Windows. A reader of
/// files may pass over it (RFC 8259 section 8.1); it is no part of a document, and what is signed has none.
#[must_use]
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Checks that the bytes are one strict JSON value with no member named twice.
pub fn check(bytes: &[u8]) -> Result<(), JsonError> {
    Scanner::new(bytes, Duplicates::Refused)?.run().map(drop)
}

/// Like [`check`], but lets an object name a member twice.
///
/// For the outer JSON of envelopes, which is not signed: members that nobody reads may be anything. A member
/// that is read must still be there once: the derived readers refuse it twice.
pub fn check_unsigned(bytes: &[u8]) -> Result<(), JsonError> {
    Scanner::new(bytes, Duplicates::Ignored)?.run().map(drop)
}

/// Reads a value from bytes that pass [`check`].
pub fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    typed(Scanner::new(bytes, Duplicates::Refused)?.run()?)
}

/// Reads a value from bytes that pass [`check_unsigned`].
pub fn from_unsigned_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, JsonError> {
    typed(Scanner::new(bytes, Duplicates::Ignored)?.run()?)
}

/// Reads a value from a part of a text that passes [`check`]: it passes by itself, and is not checked again.
pub(crate) fn from_part<'a, T: Deserialize<'a>>(part: &'a str) -> Result<T, JsonError> {
    typed(part)
}

/// Takes members of these names out of an object that passes [`check`], as the texts of their values: of a document of megabytes the
/// large ones are gone through once. What is no object has none.
pub(crate) fn members<'a>(
    bytes: &'a [u8],
    names: &'static [&'static str],
) -> Result<Vec<Option<&'a str>>, JsonError> {
    Scanner::new(bytes, Duplicates::Refused)?.members(names)
}

fn typed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, JsonError> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line().max(1), error.column().max(1));
        let problem = problem(&error);
        let path = scan::path_at(text.as_bytes(), line, column);
        JsonError { fault: JsonFault::Shape { problem }, line, column, path }
    })
}

/// Says what the library found wrong, without the position that it appends. It quotes the text that it met, of any
/// length and with any characters: what is left is at most [`PROBLEM_MAX`] characters on one line.
pub(crate) fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
    if secret::is_in(problem) {
        return "a value of another type than expected; it is not quoted, since a secret is in it".to_owned();
    }
    let shown = problem.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    match problem.char_indices().nth(PROBLEM_MAX) {
        Some(_) => shown.take(PROBLEM_MAX).chain("...".chars()).collect(),
        None => shown.collect(),
    }
}

fn at_path(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(", in {path}") }
}
