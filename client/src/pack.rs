//! The evidence pack: a question, its answer, and everything that proves it, in one file. Whoever has the pin of the log checks it alone.
//!
//! ```text
//! custody/pack/v1
//! answer 812
//! {"format":"custody/pack-answer/v1", ...}
//! trust 10233
//! {"format":"custody/trust-file/v1", ...}
//! receipt 1210
//! c2sp.org/tlog-proof@v1 ...
//! record 1893
//! {"format":"custody/record/v1", ...}
//! envelope 5312
//! {"payload": ...}
//! attachment 1200
//! eyJ...
//! receipt 1210
//! ...
//! end
//! ```
//!
//! Each part is a line with its name and length, its exact bytes, and a line feed. An entry is its receipt, and what is kept beside
//! it: admission record, envelope, attachments, as far as they are there. Entries stand in the order of the log. There is one way to
//! write a pack: the same answer gives the same bytes, and anything else is refused. No part names a file, so none is written
//! anywhere.

mod answer;
mod check;
mod gate;
mod making;
#[cfg(test)]
mod tests;

use custody_evidence::admission::MAX_RECORD;
use custody_evidence::oidc::MAX_TOKEN;
use custody_log::receipt::{Receipt, ReceiptError};
use custody_log::{Entry, LeafIndex};
use custody_wire::limits::ENVELOPE_BYTES_MAX;

use crate::trust::{TrustFile, TrustFileError};

pub use answer::{Answer, AnswerError, PackedEdge, PackedNode};
pub use check::{CheckedEntry, CheckedPack, EntryProblem, Held, check, evidence, missing};
pub use gate::{circumstances, gather};
pub use making::{Making, MakingError};

/// The first line of a pack, with its line feed.
pub const MAGIC: &[u8] = b"custody/pack/v1\n";

/// The last line of a pack.
const END: &[u8] = b"end\n";

/// The largest pack: 256 MiB, as much as a client holds of checked entries. It is read whole, and written entry by entry.
pub const PACK_BYTES_MAX: u64 = 256 << 20;

/// The most entries of a pack: 4,096, twice the edges of a trace.
pub const PACK_ENTRIES_MAX: usize = 4_096;

/// The largest answer: 16 MiB, so 2,048 edges between nodes of 2 KiB have room twice.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The largest trust file, as anywhere.
const TRUST_BYTES_MAX: u64 = crate::memory::FILE_BYTES_MAX;

/// The largest receipt: an entry of 512 bytes, 63 hashes, and a checkpoint with the lines of a hundred witnesses are below it.
const RECEIPT_BYTES_MAX: usize = 64 << 10;

/// The most attachments of an entry: a token, a timestamp, the keys of a redaction, and room.
const ATTACHMENTS_MAX: usize = 16;

/// A pack that is well formed, and that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    answer_bytes: Vec<u8>,
    trust_bytes: Vec<u8>,
    answer: Answer,
    trust: TrustFile,
    entries: Vec<PackedEntry>,
}

/// One entry with what is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedEntry {
    /// Entry, inclusion proof and checkpoint.
    pub receipt: Receipt,
    /// The admission record; none where it was erased.
    pub record: Option<Vec<u8>>,
    /// The envelope; none where it was erased, or is not in the pack.
    pub envelope: Option<Vec<u8>>,
    /// The bytes that the admission record names, as far as the log gives them out.
    pub attachments: Vec<Vec<u8>>,
}

/// Why bytes are no pack. Each names the place: the offset of the part's line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// The first line is another one.
    #[error("a pack begins with the line custody/pack/v1")]
    Magic,
    /// A line that is no name and length, or not the one that comes here.
    #[error("at byte {at}: expected {expected}, found {found:?}")]
    Line {
        /// Where the line begins.
        at: usize,
        /// The names that may stand here.
        expected: &'static str,
        /// The line, cut to 80 characters.
        found: String,
    },
    /// A part is longer than it may be.
    #[error("at byte {at}: a {name} has at most {max} bytes, found {found}")]
    TooLarge {
        /// Where its line begins.
        at: usize,
        /// The part.
        name: &'static str,
        /// The limit.
        max: u64,
        /// The length.
        found: u64,
    },
    /// The file ends within a part, or a part is not followed by a line feed.
    #[error("at byte {at}: the {name} of {length} bytes does not end where it should")]
    Cut {
        /// Where its line begins.
        at: usize,
        /// The part.
        name: &'static str,
        /// The length that it should have.
        length: u64,
    },
    /// Bytes behind the end.
    #[error("at byte {at}: bytes behind the end of the pack")]
    Trailing {
        /// Where they begin.
        at: usize,
    },
    /// More entries, or attachments of one, than there may be.
    #[error("at byte {at}: more than {max} {what}")]
    TooMany {
        /// Where the one too many begins.
        at: usize,
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Entries in another order than that of the log, or one twice.
    #[error("at byte {at}: entry {found} stands behind entry {before}")]
    Order {
        /// Where its receipt begins.
        at: usize,
        /// The entry before.
        before: LeafIndex,
        /// The entry.
        found: LeafIndex,
    },
    /// A receipt that is none.
    #[error("at byte {at}: the receipt: {source}")]
    Receipt {
        /// Where its line begins.
        at: usize,
        /// Why.
        source: ReceiptError,
    },
    /// The answer cannot be read.
    #[error("the answer: {0}")]
    Answer(#[from] AnswerError),
    /// The trust file cannot be read.
    #[error("the trust file in it: {0}")]
    Trust(#[from] TrustFileError),
}

impl Pack {
    /// Returns the question and its answer.
    #[must_use]
    pub const fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Returns all administrative entries of the log.
    #[must_use]
    pub const fn trust(&self) -> &TrustFile {
        &self.trust
    }

    /// Returns the entries, in the order of the log.
    #[must_use]
    pub fn entries(&self) -> &[PackedEntry] {
        &self.entries
    }

    /// Returns the bytes of the file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = head(&self.answer_bytes, &self.trust_bytes);
        for entry in &self.entries {
            entry.encode_to(&mut bytes);
        }
        bytes.extend_from_slice(END);
        bytes
    }

    /// Reads a pack: `encode` of what is returned gives these bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, PackError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length > PACK_BYTES_MAX {
            return Err(PackError::TooLarge { at: 0, name: "pack", max: PACK_BYTES_MAX, found: length });
        }
        let mut reader = Reader::of(bytes)?;
        let (answer_bytes, trust_bytes) = reader.head()?;
        let (answer_bytes, trust_bytes) = (answer_bytes.to_vec(), trust_bytes.to_vec());
        let mut entries = Vec::new();
        while let Some(entry) = reader.entry(entries.last())? {
            if entries.len() == PACK_ENTRIES_MAX {
                let what = "entries";
                return Err(PackError::TooMany { at: reader.at, what, max: PACK_ENTRIES_MAX });
            }
            entries.push(entry);
        }
        let (answer, trust) = (Answer::decode(&answer_bytes)?, TrustFile::decode(&trust_bytes)?);
        Ok(Self { answer_bytes, trust_bytes, answer, trust, entries })
    }
}

impl PackedEntry {
    /// Returns the entry, which is not proven before its receipt is verified.
    #[must_use]
    pub fn unverified(&self) -> &Entry {
        self.receipt.unverified_entry()
    }

    fn index(&self) -> LeafIndex {
        self.unverified().index
    }

    fn encode_to(&self, bytes: &mut Vec<u8>) {
        part(bytes, Name::Receipt, &self.receipt.encode());
        if let Some(record) = &self.record {
            part(bytes, Name::Record, record);
        }
        if let Some(envelope) = &self.envelope {
            part(bytes, Name::Envelope, envelope);
        }
        for attachment in &self.attachments {
            part(bytes, Name::Attachment, attachment);
        }
    }
}

/// All that stands before the entries.
fn head(answer: &[u8], trust: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    part(&mut bytes, Name::Answer, answer);
    part(&mut bytes, Name::Trust, trust);
    bytes
}

fn part(bytes: &mut Vec<u8>, name: Name, content: &[u8]) {
    bytes.extend_from_slice(format!("{} {}\n", name.as_str(), content.len()).as_bytes());
    bytes.extend_from_slice(content);
    bytes.push(b'\n');
}

/// The parts of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Answer,
    Attachment,
    Envelope,
    Receipt,
    Record,
    Trust,
}

impl Name {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Attachment => "attachment",
            Self::Envelope => "envelope",
            Self::Receipt => "receipt",
            Self::Record => "record",
            Self::Trust => "trust",
        }
    }

    fn max(self) -> u64 {
        let max = match self {
            Self::Answer => ANSWER_BYTES_MAX,
            Self::Attachment => MAX_TOKEN,
            Self::Receipt => RECEIPT_BYTES_MAX,
            Self::Record => MAX_RECORD,
            Self::Envelope => return ENVELOPE_BYTES_MAX,
            Self::Trust => return TRUST_BYTES_MAX,
        };
        u64::try_from(max).unwrap_or(u64::MAX)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, PackError> {
        Ok(Self { rest: bytes.strip_prefix(MAGIC).ok_or(PackError::Magic)?, at: MAGIC.len() })
    }

    /// Reads the answer and the trust file.
    fn head(&mut self) -> Result<(&'a [u8], &'a [u8]), PackError> {
        Ok((self.one(Name::Answer)?, self.one(Name::Trust)?))
    }

    fn one(&mut self, name: Name) -> Result<&'a [u8], PackError> {
        let at = self.at;
        let found = self.line();
        self.part(name)?.ok_or_else(|| PackError::Line { at, expected: name.as_str(), found })
    }

    /// Reads the next entry; none at the end of the pack.
    fn entry(&mut self, before: Option<&PackedEntry>) -> Result<Option<PackedEntry>, PackError> {
        let at = self.at;
        let Some(receipt) = self.part(Name::Receipt)? else { return self.end().map(|()| None) };
        let receipt = Receipt::decode(receipt).map_err(|source| PackError::Receipt { at, source })?;
        let found = receipt.unverified_entry().index;
        if let Some(before) = before.map(PackedEntry::index).filter(|before| *before >= found) {
            return Err(PackError::Order { at, before, found });
        }
        let record = self.part(Name::Record)?.map(<[u8]>::to_vec);
        let envelope = match record {
            Some(_) => self.part(Name::Envelope)?.map(<[u8]>::to_vec),
            None => None,
        };
        let mut attachments = Vec::new();
        while envelope.is_some() {
            let at = self.at;
            let Some(attachment) = self.part(Name::Attachment)? else { break };
            if attachments.len() == ATTACHMENTS_MAX {
                return Err(PackError::TooMany { at, what: "attachments", max: ATTACHMENTS_MAX });
            }
            attachments.push(attachment.to_vec());
        }
        Ok(Some(PackedEntry { receipt, record, envelope, attachments }))
    }

    fn end(&mut self) -> Result<(), PackError> {
        let expected = "receipt, record, envelope, attachment or end, in this order";
        let found = self.line();
        let rest = self.rest.strip_prefix(END);
        let rest = rest.ok_or(PackError::Line { at: self.at, expected, found })?;
        match rest {
            [] => Ok(()),
            _ => Err(PackError::Trailing { at: self.at.saturating_add(END.len()) }),
        }
    }

    /// Reads a part if it is the next one.
    fn part(&mut self, name: Name) -> Result<Option<&'a [u8]>, PackError> {
        let (at, word) = (self.at, name.as_str());
        let Some(rest) = self.rest.strip_prefix(word.as_bytes()).and_then(|rest| rest.strip_prefix(b" "))
        else {
            return Ok(None);
        };
        let malformed =
            || PackError::Line { at, expected: "a name, a blank and a length", found: self.line() };
        // A length of more digits fits no file.
        let digits = rest.iter().take(20).position(|byte| *byte == b'\n').ok_or_else(malformed)?;
        let (digits, content) = rest.split_at(digits);
        let canonical = matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.iter().all(u8::is_ascii_digit);
        let length =
            std::str::from_utf8(digits).ok().filter(|_| canonical).and_then(|digits| digits.parse().ok());
        let length: u64 = length.ok_or_else(malformed)?;
        if length > name.max() {
            return Err(PackError::TooLarge { at, name: word, max: name.max(), found: length });
        }
        let cut = || PackError::Cut { at, name: word, length };
        let content = content.get(1..).ok_or_else(cut)?;
        let (part, rest) = usize::try_from(length)
            .ok()
            .and_then(|length| content.split_at_checked(length))
            .ok_or_else(cut)?;
        let rest = rest.strip_prefix(b"\n").ok_or_else(cut)?;
        self.at = self.at.saturating_add(self.rest.len().saturating_sub(rest.len()));
        self.rest = rest;
        Ok(Some(part))
    }

    /// The line that stands here, as far as a person wants to see it.
    fn line(&self) -> String {
        let line = self.rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        String::from_utf8_lossy(line.get(..line.len().min(80)).unwrap_or_default()).into_owned()
    }
}
