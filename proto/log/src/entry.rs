//! The entry: one leaf of the log, at most 512 bytes of fixed-form text.
//!
//! ```text
//! custody/entry/v1
//! index 1042
//! time 2026-11-22T20:31:24.120394Z
//! previous sha256:<64 hex>          (`none` at index 0)
//! admin 987                         (`none` at index 0; ` own` follows if the entry is administrative)
//! envelope sha256:<64 hex> 5312     (bytes as received, and how many)
//! content sha256:<64 hex>           (what was signed)
//! record sha256:<64 hex> 1893       (the admission record, and how many bytes)
//! ```
//!
//! Every line ends in one line feed. There is one encoder and one strict decoder: decode(encode(x)) = x and
//! encode(decode(b)) = b. Anything else is refused, so two different byte strings never mean the same entry.

use std::fmt::Write as _;
use std::str::FromStr;

use crate::digest::{ContentDigest, DigestError, EntryDigest, EnvelopeDigest, RecordDigest};
use crate::position::{LeafIndex, PositionError, decimal};
use crate::time::{Timestamp, TimestampError};

/// One leaf of the log: commits to an envelope, what it says, and how it was admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position in the log.
    pub index: LeafIndex,
    /// Ledger time: larger than that of every entry before, but for a clock repair.
    pub time: Timestamp,
    /// Digest of the entry before; none at index 0 only.
    pub previous: Option<EntryDigest>,
    /// The newest administrative entry before this one; none at index 0 only.
    pub admin: Option<LeafIndex>,
    /// Whether this entry is itself administrative.
    pub administrative: bool,
    /// Digest and length of the envelope.
    pub envelope: Measured<EnvelopeDigest>,
    /// Digest of what was signed.
    pub content: ContentDigest,
    /// Digest and length of the admission record.
    pub record: Measured<RecordDigest>,
}

/// A digest with the length, in bytes, of what it is the digest of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured<D> {
    /// The digest.
    pub digest: D,
    /// Length in bytes.
    pub length: u64,
}

/// Why bytes are not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Longer than any entry can be.
    #[error("an entry is at most {max} bytes, found {found}")]
    TooLong {
        /// [`Entry::MAX_LEN`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not ASCII.
    #[error("an entry is ASCII text, and these bytes are not")]
    NotText,
    /// The first line is not `custody/entry/v1`.
    #[error("expected an entry, whose first line is custody/entry/v1")]
    Version,
    /// A line is missing, misspelt, out of order, or one too many.
    #[error("line {line}: expected {}", or_end(.expected))]
    Line {
        /// 1-based.
        line: usize,
        /// What the line starts with.
        expected: &'static str,
    },
    /// A digest that does not parse.
    #[error("line {line}: {why}")]
    Digest {
        /// 1-based.
        line: usize,
        /// Why.
        why: DigestError,
    },
    /// A number that does not parse.
    #[error("line {line}: {why}")]
    Number {
        /// 1-based.
        line: usize,
        /// Why.
        why: PositionError,
    },
    /// A time that does not parse.
    #[error("line {line}: {why}")]
    Time {
        /// 1-based.
        line: usize,
        /// Why.
        why: TimestampError,
    },
    /// `previous none` anywhere but at index 0, or a digest at index 0.
    #[error(
        "expected `previous none` at index 0 and a digest at every other, found otherwise at index {index}"
    )]
    Previous {
        /// The entry's index.
        index: LeafIndex,
    },
    /// `admin none` anywhere but at index 0: entry 0 is administrative, so there is always one before.
    #[error("expected `admin none` at index 0 and an index at every other, found otherwise at index {index}")]
    NoAdmin {
        /// The entry's index.
        index: LeafIndex,
    },
    /// `admin` does not point before the entry.
    #[error("expected `admin` to name an entry before index {index}, found {admin}")]
    Admin {
        /// The index that `admin` names.
        admin: LeafIndex,
        /// The entry's index.
        index: LeafIndex,
    },
}

const VERSION: &str = "custody/entry/v1";
/// What stands where there is no entry before.
const NONE: &str = "none";

impl Entry {
    /// The longest entry there can be is 467 bytes: 16+1 for the version, 6+19+1 index, 5+27+1 time, 9+71+1
    /// previous, 6+19+4+1 admin, 9+71+1+19+1 envelope, 8+71+1 content, 7+71+1+19+1 record. The limit is the
    /// next power of two, so that any tlog tool can carry it.
    pub const MAX_LEN: usize = 512;

    /// Returns the entry's exact bytes.
    ///
    /// An entry with `previous` or `admin` where there can be none is written as it is; decoding refuses it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::with_capacity(Self::MAX_LEN);
        let written = self.write(&mut text);
        // A string takes all, and there is no time that has no text.
        debug_assert!(written.is_ok(), "an entry is not written whole");
        text.into_bytes()
    }

    /// Decodes exact bytes; refuses whatever [`Entry::encode`] would not have written.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > Self::MAX_LEN {
            return Err(EntryError::TooLong { max: Self::MAX_LEN, found: bytes.len() });
        }
        if !bytes.is_ascii() {
            return Err(EntryError::NotText);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| EntryError::NotText)?;
        let rest = text.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix('\n'));
        let mut lines = Lines { rest: rest.ok_or(EntryError::Version)?, line: 1 };
        let index = lines.next("index ")?.number()?;
        let time = lines.next("time ")?.time()?;
        let previous = lines.next("previous ")?.digest_or_none()?;
        let (admin, administrative) = lines.next("admin ")?.admin()?;
        let envelope = lines.next("envelope ")?.sized()?;
        let content = lines.next("content ")?.digest()?;
        let record = lines.next("record ")?.sized()?;
        lines.end()?;
        Self { index, time, previous, admin, administrative, envelope, content, record }.check_positions()
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Self { index, time, administrative, envelope, content, record, .. } = self;
        let own = if *administrative { " own" } else { "" };
        write!(text, "{VERSION}\nindex {index}\ntime {time}\nprevious ")?;
        match self.previous {
            Some(previous) => write!(text, "{previous}")?,
            None => text.push_str(NONE),
        }
        text.push_str("\nadmin ");
        match self.admin {
            Some(admin) => write!(text, "{admin}")?,
            None => text.push_str(NONE),
        }
        write!(
            text,
            "{own}\nenvelope {} {}\ncontent {content}\nrecord {} {}\n",
            envelope.digest, envelope.length, record.digest, record.length,
        )
    }

    fn check_positions(self) -> Result<Self, EntryError> {
        if self.previous.is_none() != (self.index == LeafIndex::ZERO) {
            return Err(EntryError::Previous { index: self.index });
        }
        match self.admin {
            Some(admin) if admin >= self.index => Err(EntryError::Admin { admin, index: self.index }),
            None if self.index != LeafIndex::ZERO => Err(EntryError::NoAdmin { index: self.index }),
            Some(_) | None => Ok(self),
        }
    }
}

/// The lines that are left, and the number of the last one read.
struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

/// What follows the first word of one line.
struct Value<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self, expected: &'static str) -> Result<Value<'a>, EntryError> {
        self.line += 1;
        let refused = EntryError::Line { line: self.line, expected };
        let (line, rest) = self.rest.split_once('\n').ok_or_else(|| refused.clone())?;
        let text = line.strip_prefix(expected).ok_or(refused)?;
        self.rest = rest;
        Ok(Value { text, line: self.line })
    }

    fn end(&self) -> Result<(), EntryError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(EntryError::Line { line: self.line + 1, expected: "" })
        }
    }
}

impl Value<'_> {
    fn number(&self) -> Result<LeafIndex, EntryError> {
        self.text.parse().map_err(|why| EntryError::Number { line: self.line, why })
    }

    fn time(&self) -> Result<Timestamp, EntryError> {
        self.text.parse().map_err(|why| EntryError::Time { line: self.line, why })
    }

    fn digest<D: FromStr<Err = DigestError>>(&self) -> Result<D, EntryError> {
        self.text.parse().map_err(|why| EntryError::Digest { line: self.line, why })
    }

    fn digest_or_none(&self) -> Result<Option<EntryDigest>, EntryError> {
        if self.text == NONE { Ok(None) } else { self.digest().map(Some) }
    }

    fn admin(&self) -> Result<(Option<LeafIndex>, bool), EntryError> {
        let (text, own) = match self.text.strip_suffix(" own") {
            Some(text) => (text, true),
            None => (self.text, false),
        };
        let admin = if text == NONE { None } else { Some(Value { text, line: self.line }.number()?) };
        Ok((admin, own))
    }

    fn sized<D: FromStr<Err = DigestError>>(&self) -> Result<Measured<D>, EntryError> {
        let (digest, length) = self
            .text
            .split_once(' ')
            .ok_or(EntryError::Line { line: self.line, expected: "sha256:<hex> <length>" })?;
        let digest = Value { text: digest, line: self.line }.digest()?;
        let length = decimal(length)
            .and_then(|length| LeafIndex::new(length).map(LeafIndex::get))
            .map_err(|why| EntryError::Number { line: self.line, why })?;
        Ok(Measured { digest, length })
    }
}

/// Returns what a line should start with, quoted; after the last line there is nothing.
fn or_end(expected: &str) -> String {
    if expected.is_empty() { "no further line".to_owned() } else { format!("{expected:?}") }
}

#[cfg(test)]
mod tests;
