//! What is wrong with a log: where, what was expected, what was found, and what to do.

use std::path::PathBuf;

use custody_log::LeafIndex;
use serde::{Deserialize, Serialize};

use crate::check::CheckError;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The entry it is about; none when it is about the tree.
    pub entry: Option<u64>,
    /// What kind of thing.
    pub kind: FindingKind,
    /// What should have been there.
    pub expected: String,
    /// What was there.
    pub found: String,
    /// Files that prove it to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<PathBuf>,
}

/// The kinds of findings, by their stable words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Bytes that are not an entry.
    BadEntry,
    /// An entry that carries another index than that of its place.
    WrongIndex,
    /// The `previous` line does not name the entry before; or entry 0 is not the pinned one.
    BrokenChain,
    /// An entry that is not later than the one before.
    WrongTime,
    /// The `admin` line does not name the newest administrative entry before, or `own` is wrong.
    WrongAdmin,
    /// An administrative entry that the log leaves out when it is asked for all of them.
    WithheldAdmin,
    /// The admission record is not the one that the entry commits to, or cannot be read.
    RecordDiffers,
    /// The envelope is not the one that the entry commits to, or cannot be read, or says something else.
    EnvelopeDiffers,
    /// By the rules that held then, the entry should not have been admitted.
    NotAdmissible,
    /// The admission record says something else than its envelope.
    AdmissionDiffers,
    /// Something is erased that no redaction names.
    Erased,
    /// A redaction erased something, and it is handed out.
    NotErased,
    /// The same content again, and it adds nothing.
    Duplicate,
    /// A tile that the server publishes is not that of the entries.
    TileDiffers,
    /// The entries do not give the root that the log signed.
    RootDiffers,
    /// The log signed two trees that contradict each other.
    Fork,
}

impl FindingKind {
    /// Returns what is wrong, in a few words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::BadEntry => "not an entry",
            Self::WrongIndex => "its index is not that of its place",
            Self::BrokenChain => "the chain is broken",
            Self::WrongTime => "its time does not follow the entry before",
            Self::WrongAdmin => "its admin line is not true",
            Self::WithheldAdmin => "an administrative entry is withheld from those who ask for all of them",
            Self::RecordDiffers => "its admission record is not the one it commits to",
            Self::EnvelopeDiffers => "its envelope is not the one it commits to",
            Self::NotAdmissible => "it should not have been admitted",
            Self::AdmissionDiffers => "its admission record says something else than its envelope",
            Self::Erased => "erased, and no redaction says so",
            Self::NotErased => "a redaction erased it, and it is handed out",
            Self::Duplicate => "the same content was recorded before, and it adds nothing",
            Self::TileDiffers => "a published tile is not that of the entries",
            Self::RootDiffers => "the entries do not give the root that the log signed",
            Self::Fork => "the log was forked",
        }
    }

    /// Returns what to do about it.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::TileDiffers => {
                "if all else is sound the server's copy of the tile is damaged: it makes tiles anew from the journal \
                 when the `tile` directory is removed; otherwise report it to the log's operator"
            }
            Self::RecordDiffers | Self::EnvelopeDiffers | Self::BadEntry => {
                "the server's operator must run `custodyd fsck`; if that finds nothing, the server sends other bytes \
                 than it keeps, and must not be relied on"
            }
            Self::NotErased => {
                "the server keeps or hands out what it was told to erase: report it to the log's operator, who starts the server \
                 anew or runs `custodyd fsck --repair`, which erase it"
            }
            Self::Duplicate => {
                "the log broke its own rule; evidence counts once all the same: report it to the log's operator"
            }
            Self::Fork | Self::RootDiffers => {
                "do not record to this log and do not rely on its answers; show the evidence to its operator and to \
                 others who use it"
            }
            _ => {
                "do not rely on the log's answers about this entry; report it to those who administer the log"
            }
        }
    }
}

impl Finding {
    /// Makes a finding about an entry.
    pub(super) fn of(
        entry: LeafIndex,
        kind: FindingKind,
        expected: impl ToString,
        found: impl ToString,
    ) -> Self {
        Self { entry: Some(entry.get()), ..Self::of_tree(kind, expected, found) }
    }

    /// Makes a finding about the tree.
    #[expect(clippy::needless_pass_by_value, reason = "digests, positions and texts are written alike")]
    pub(super) fn of_tree(kind: FindingKind, expected: impl ToString, found: impl ToString) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { entry: None, kind, expected, found, evidence: Vec::new() }
    }

    /// Makes a finding of what a check refused.
    pub(super) fn of_check(entry: LeafIndex, error: CheckError) -> Self {
        use FindingKind as Kind;
        let none = |found: Option<LeafIndex>| found.map_or_else(|| "none".to_owned(), |f| f.to_string());
        match error {
            CheckError::RecordMissing { .. } => {
                Self::of(entry, Kind::RecordDiffers, "an admission record", "nothing")
            }
            CheckError::RecordDigest { expected, found, .. } => {
                Self::of(entry, Kind::RecordDiffers, expected, found)
            }
            CheckError::Record { source, .. } => {
                Self::of(entry, Kind::RecordDiffers, "an admission record", source)
            }
            CheckError::EnvelopeDigest { expected, found, .. } => {
                Self::of(entry, Kind::EnvelopeDiffers, expected, found)
            }
            CheckError::Envelope { source, .. } => {
                Self::of(entry, Kind::EnvelopeDiffers, "an envelope", source)
            }
            CheckError::Content { expected, found, .. } => Self::of(
                entry,
                Kind::EnvelopeDiffers,
                format!("content {expected}"),
                format!("content {found}"),
            ),
            CheckError::Statement { source, .. } => {
                Self::of(entry, Kind::NotAdmissible, "a statement", source)
            }
            CheckError::UnknownTrust { known, .. } => Self::of(
                entry,
                Kind::WithheldAdmin,
                "the trust documents up to it",
                format!("those up to tree size {known}"),
            ),
            CheckError::WrongAdmin { expected, found, .. } => Self::of(
                entry,
                Kind::WrongAdmin,
                format!("admin {expected}"),
                format!("admin {}", none(found)),
            ),
            CheckError::Administrative { expected, .. } => {
                let own = |own| {
                    if own {
                        "`own`: its statement administers the log"
                    } else {
                        "no `own`: its statement does not administer the log"
                    }
                };
                let says = |own| if own { "`own`" } else { "no `own`" };
                Self::of(entry, Kind::WrongAdmin, own(expected), says(!expected))
            }
            CheckError::NotAdmissible { refusal, .. } => {
                Self::of(entry, Kind::NotAdmissible, "a refusal", format!("an entry, though {refusal}"))
            }
            CheckError::RestsOn { on, .. } => {
                let expected = format!("a provenance at entry {on} that is bound to its job");
                Self::of(entry, Kind::NotAdmissible, expected, "none")
            }
            CheckError::AdmissionDiffers { member, .. } => {
                let expected = format!("the `{member}` that follows from its envelope");
                Self::of(entry, Kind::AdmissionDiffers, expected, "another one")
            }
        }
    }

    /// Returns the sentence that people read.
    #[must_use]
    pub fn message(&self) -> String {
        let place = self.entry.map_or_else(String::new, |entry| format!("entry {entry}: "));
        format!("{place}{}: expected {}, found {}", self.kind.what(), self.expected, self.found)
    }
}
