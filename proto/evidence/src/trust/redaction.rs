//! Redaction: what an entry holds is erased, and its content is never recorded again.
//!
//! It is the predicate of an administrative statement, signed by a threshold of the role `rules`. It names the entry by index and
//! digest, so that it says what it says in one log only, and the content, since the same content may be in other entries:
//! all of them lose their envelopes, admission records and facts. Entries, chain and tree stay, and so do all proofs.
//! Administrative entries are never erased.
//!
//! The JSON is drawn in `docs/format.md`, "Redaction".

use custody_log::{ContentDigest, Entry, EntryDigest, LeafIndex};
use serde::{Deserialize, Serialize};

use super::check;
use super::distrust::REASON_MAX;
use super::error::TrustError;
use super::text;
use crate::digest_set::Digest;
use crate::dsse::{Envelope, IN_TOTO};
use crate::json;
use crate::object::Object;
use crate::statement::{Statement, StatementBuilder};

/// The predicate type.
pub const REDACTION_TYPE: &str = "urn:custody:redaction:v1";

/// The value of the member `format`.
pub const REDACTION_FORMAT: &str = "custody/redaction/v1";

/// The media type of the attachment that a redaction's admission record names: under which keys of the index the erased entries
/// are found.
pub const ERASED_KEYS_TYPE: &str = "application/vnd.custody.erased-keys.v1";

/// What an administrator says of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redaction {
    /// The entry.
    pub index: LeafIndex,
    /// The digest of its bytes.
    pub entry: EntryDigest,
    /// Its content: every entry with it is erased, and none is recorded again.
    pub content: ContentDigest,
    /// Why.
    pub reason: String,
}

/// A redaction, and the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redacted {
    /// What was said.
    pub redaction: Redaction,
    /// The entry.
    pub by: LeafIndex,
}

#[derive(Debug, Serialize, Deserialize)]
struct Members {
    format: String,
    #[serde(default)]
    crit: Vec<String>,
    index: u64,
    #[serde(with = "text")]
    entry: EntryDigest,
    #[serde(with = "text")]
    content: ContentDigest,
    reason: String,
}

impl Redaction {
    /// Says that what this entry holds is to be erased; the bytes are the entry's own.
    #[must_use]
    pub fn of(entry: &Entry, bytes: &[u8], reason: String) -> Self {
        Self { index: entry.index, entry: EntryDigest::of(bytes), content: entry.content, reason }
    }

    /// Reads a statement of redaction: one subject, which is the entry.
    pub fn from_statement(statement: &Statement<'_>) -> Result<Self, TrustError> {
        let predicate = statement.predicate_bytes().ok_or(TrustError::NoPredicate)?;
        let Object(members): Object<Members> = json::from_slice(predicate)?;
        if members.format != REDACTION_FORMAT {
            return Err(TrustError::Format { found: members.format.chars().take(80).collect() });
        }
        check::crit_of(&members.crit, &["format", "crit", "index", "entry", "content", "reason"])?;
        if members.reason.trim().is_empty() || members.reason.len() > REASON_MAX {
            return Err(TrustError::Reason { max: REASON_MAX, found: members.reason.len() });
        }
        let Members { index, entry, content, reason, .. } = members;
        let index = LeafIndex::new(index).map_err(|_| TrustError::NoSuchEntry { found: index })?;
        let redaction = Self { index, entry, content, reason };
        let (name, digest) = redaction.subject();
        match statement.subjects() {
            [subject] if subject.name() == Some(&name) && subject.digests().contains(&digest) => {
                Ok(redaction)
            }
            _ => Err(TrustError::Subject { origin: name, expected: digest }),
        }
    }

    /// Reads the redaction in an envelope that is in a log as an administrative entry; none if it holds none. Its signatures are
    /// not looked at: the log let it in.
    #[must_use]
    pub fn in_envelope(bytes: &[u8]) -> Option<Self> {
        let envelope = Envelope::parse(bytes).ok().filter(|envelope| envelope.payload_type() == IN_TOTO)?;
        let statement = Statement::parse(envelope.payload()).ok()?;
        (statement.predicate_type() == REDACTION_TYPE)
            .then(|| Self::from_statement(&statement).ok())
            .flatten()
    }

    /// Checks that the entry is the one that is meant, and may be erased.
    pub fn check(&self, entry: &Entry, bytes: &[u8]) -> Result<(), TrustError> {
        let index = self.index;
        let found = EntryDigest::of(bytes);
        if found != self.entry {
            return Err(TrustError::OtherEntry { index, expected: found, found: self.entry });
        }
        if entry.content != self.content {
            return Err(TrustError::OtherContent { index, expected: entry.content, found: self.content });
        }
        if entry.administrative {
            return Err(TrustError::NeverErased { index });
        }
        Ok(())
    }

    /// Returns the statement to sign; the same redaction gives the same bytes.
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        let members = Members {
            format: REDACTION_FORMAT.to_owned(),
            crit: Vec::new(),
            index: self.index.get(),
            entry: self.entry,
            content: self.content,
            reason: self.reason.clone(),
        };
        let (name, digest) = self.subject();
        let predicate = serde_json::to_vec(&members).expect("texts and numbers are always JSON");
        StatementBuilder::new(REDACTION_TYPE)
            .subject(&name, [digest])
            .predicate(&predicate)
            .expect("texts and numbers make a statement")
    }

    /// Returns name and digest of the statement's one subject: the entry.
    fn subject(&self) -> (String, Digest) {
        (format!("index:{}", self.index), Digest::sha256(*self.entry.as_bytes()))
    }
}
