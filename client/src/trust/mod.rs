//! What the client believes of a log, and why: the pin, and the administrative entries replayed from it.
//!
//! Nothing here takes the server's word. Entry 0 is known by its digest; every later trust document is
//! signed by the threshold of the one before; the newest entry of a signed tree says which administrative
//! entry is the newest, so none can be withheld.

mod file;

use custody_evidence::dsse::{Envelope, EnvelopeError};
use custody_evidence::trust::{Redacted, Timeline, TrustError, TrustState};
use custody_log::note::VerifierKey;
use custody_log::receipt::{Receipt, ReceiptError, VerifiedReceipt};
use custody_log::{
    ContentDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, RecordDigest, Timestamp, TreeSize,
};

use crate::pin::Pin;

pub use file::{AdminEntry, TrustFile, TrustFileError};

/// The trust of one log, verified from entry 0 on. Only [`Trust::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Trust {
    file: TrustFile,
    versions: Vec<Version>,
    newest: VerifiedReceipt,
}

/// What holds after one administrative entry: a trust document, a distrust, a permission or a redaction.
#[derive(Debug, Clone)]
pub struct Version {
    /// The entry.
    pub entry: Entry,
    /// The envelope, whose signatures met the thresholds of the roles that it needs.
    pub envelope: Envelope,
    /// What holds from this entry on.
    pub state: TrustState,
}

/// Why a log's administrative entries are not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// There is no entry at all.
    #[error("there is no entry 0")]
    Empty,
    /// Entry 0 is another than the pinned one.
    #[error("entry 0: expected the pinned {expected}, found {found}")]
    Genesis {
        /// The pin's digest.
        expected: EntryDigest,
        /// The digest of the entry found.
        found: EntryDigest,
    },
    /// An entry does not say that it is administrative.
    #[error("entry {index} is not administrative")]
    NotAdministrative {
        /// The entry.
        index: LeafIndex,
    },
    /// An administrative entry is missing between two others.
    #[error(
        "entry {index} comes after administrative entry {}, found {} before it",
        or_none(.expected.as_ref()), or_none(.found.as_ref())
    )]
    Gap {
        /// The entry.
        index: LeafIndex,
        /// What its `admin` line names.
        expected: Option<LeafIndex>,
        /// The entry that was given before it.
        found: Option<LeafIndex>,
    },
    /// The newest entry names a later administrative entry than the last one given.
    #[error(
        "administrative entry {expected} is withheld: entry {witness} names it, the last one given is {found}"
    )]
    Withheld {
        /// The entry that names it.
        witness: LeafIndex,
        /// The administrative entry it names.
        expected: LeafIndex,
        /// The last one given.
        found: LeafIndex,
    },
    /// The entry given as the newest is not the last one of its tree, so later ones may be administrative.
    #[error("the newest entry given is {index}, which is not the last one of the tree of size {size}")]
    NotNewest {
        /// The entry given.
        index: LeafIndex,
        /// The size of the tree that its receipt is for.
        size: TreeSize,
    },
    /// The envelope's bytes are not those that the entry commits to.
    #[error("entry {index}: its envelope: expected {expected}, found {found}")]
    Envelope {
        /// The entry.
        index: LeafIndex,
        /// What the entry says.
        expected: EnvelopeDigest,
        /// What was given.
        found: EnvelopeDigest,
    },
    /// The content is not what the entry commits to.
    #[error("entry {index}: its content: expected {expected}, found {found}")]
    Content {
        /// The entry.
        index: LeafIndex,
        /// What the entry says.
        expected: ContentDigest,
        /// What was given.
        found: ContentDigest,
    },
    /// The admission record's bytes are not those that the entry commits to.
    #[error("entry {index}: its admission record: expected {expected}, found {found}")]
    Record {
        /// The entry.
        index: LeafIndex,
        /// What the entry says.
        expected: RecordDigest,
        /// What was given.
        found: RecordDigest,
    },
    /// The envelope is none.
    #[error("entry {index}: {source}")]
    NotAnEnvelope {
        /// The entry.
        index: LeafIndex,
        /// Why.
        source: EnvelopeError,
    },
    /// The trust document does not follow from the one before.
    #[error("entry {index}: {source}")]
    Trust {
        /// The entry.
        index: LeafIndex,
        /// Why.
        source: TrustError,
    },
    /// The entry is not in the log.
    #[error("entry {index}: {source}")]
    Receipt {
        /// The entry.
        index: LeafIndex,
        /// Why.
        source: ReceiptError,
    },
}

impl Trust {
    /// Replays all administrative entries from the pin on.
    ///
    /// The order matters: signatures first, which need nothing but the pin; then the receipts, under the log
    /// keys of the newest version, so a key that was withdrawn proves nothing any more.
    pub fn verify(file: TrustFile) -> Result<Self, ReplayError> {
        let mut versions: Vec<Version> = Vec::new();
        for admin in &file.entries {
            let version = next_version(&file.pin, versions.last(), admin)?;
            versions.push(version);
        }
        let last = versions.last().ok_or(ReplayError::Empty)?;
        for admin in &file.entries {
            verify_receipt(&file.pin, last, &admin.receipt)?;
        }
        let newest = verify_newest(&file.pin, last, &file.newest)?;
        Ok(Self { file, versions, newest })
    }

    /// Extends what is known to a larger tree, in which no administrative entry is newer: `newest` is the
    /// receipt of its last entry, which says so.
    pub fn extended_to(&self, newest: Receipt) -> Result<Self, ReplayError> {
        let verified = verify_newest(self.pin(), self.current(), &newest)?;
        let file = TrustFile { newest, ..self.file.clone() };
        Ok(Self { file, versions: self.versions.clone(), newest: verified })
    }

    /// Returns the pin.
    #[must_use]
    pub const fn pin(&self) -> &Pin {
        &self.file.pin
    }

    /// Returns the trust file that was verified.
    #[must_use]
    pub const fn file(&self) -> &TrustFile {
        &self.file
    }

    /// Returns what held after each administrative entry, oldest first; there is at least one.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// Returns what holds now.
    ///
    /// # Panics
    ///
    /// Never: [`Trust::verify`] refuses an empty chain.
    #[must_use]
    pub fn current(&self) -> &Version {
        self.versions.last().expect("verify refuses an empty chain")
    }

    /// Returns what held when an entry was admitted: the last version before it, whatever its `admin` line
    /// says. None for entry 0, and for an entry beyond [`Trust::complete_to`], before which there may be versions
    /// that are not known here.
    #[must_use]
    pub fn before(&self, entry: &Entry) -> Option<&Version> {
        let known = self.complete_to().contains(entry.index);
        self.versions.iter().rev().find(|version| known && version.entry.index < entry.index)
    }

    /// Returns what holds as of a tree size: what administrators said in it, and nothing later.
    #[must_use]
    pub fn as_of(&self, size: TreeSize) -> &Version {
        let known = self.versions.iter().rev().find(|version| size.contains(version.entry.index));
        known.or(self.versions.first()).unwrap_or_else(|| self.current())
    }

    /// Whether this entry repairs the clock: it alone may step back in time.
    #[must_use]
    pub fn repairs_clock(&self, entry: &Entry) -> bool {
        entry.administrative
            && self.holds(entry)
            && self.current().state.repairs_clock(entry.index, entry.time)
    }

    /// Returns the time by which an entry is looked up in a tree: its own, unless a clock repair stepped back over it.
    #[must_use]
    pub fn looked_up_by(&self, entry: &Entry, tree: TreeSize) -> Timestamp {
        let repairs = self.current().state.clock_repairs();
        let repairs = self.versions.iter().filter(|version| repairs.contains(&version.entry.index));
        let timeline = Timeline::of(repairs.map(|version| (version.entry.index, version.entry.time)));
        timeline.looked_up_by(entry.index, entry.time, tree)
    }

    /// Returns the redaction that erased what this entry held, as far as redactions are known here. Administrative entries are never
    /// erased.
    #[must_use]
    pub fn redaction_of(&self, entry: &Entry) -> Option<&Redacted> {
        let said = self.current().state.redacted(&entry.content)?;
        (!entry.administrative && entry.index < said.by).then_some(said)
    }

    /// Whether this entry is one of the versions replayed here.
    #[must_use]
    pub fn holds(&self, entry: &Entry) -> bool {
        self.versions.iter().any(|version| version.entry == *entry)
    }

    /// Returns the size up to which it is known that no administrative entry is missing.
    #[must_use]
    pub fn complete_to(&self) -> TreeSize {
        self.newest.entry().index.size_through()
    }

    /// Returns the receipt of the newest entry known.
    #[must_use]
    pub const fn newest(&self) -> &VerifiedReceipt {
        &self.newest
    }

    /// Returns the keys that may sign for the log at a size.
    #[must_use]
    pub fn log_keys_at(&self, size: TreeSize) -> Vec<VerifierKey> {
        self.current().state.log_keys_at(size)
    }
}

/// Returns the newest administrative entry up to and with this one.
#[must_use]
pub fn newest_admin(entry: &Entry) -> Option<LeafIndex> {
    if entry.administrative { Some(entry.index) } else { entry.admin }
}

fn verify_receipt(pin: &Pin, last: &Version, receipt: &Receipt) -> Result<VerifiedReceipt, ReplayError> {
    let index = receipt.unverified_entry().index;
    let keys = last.state.log_keys_at(receipt.signed_checkpoint().unverified().size());
    receipt.verify(&pin.origin, &keys).map_err(|source| ReplayError::Receipt { index, source })
}

/// Checks that the receipt is for the last entry of its tree, and that `last` is the newest administrative entry
/// of that tree. An earlier entry would say nothing about those after it, however new its checkpoint is.
fn verify_newest(pin: &Pin, last: &Version, receipt: &Receipt) -> Result<VerifiedReceipt, ReplayError> {
    let newest = verify_receipt(pin, last, receipt)?;
    let (index, size) = (newest.entry().index, newest.checkpoint().checkpoint().size());
    if index.size_through() != size {
        return Err(ReplayError::NotNewest { index, size });
    }
    match newest_admin(newest.entry()) {
        Some(named) if named != last.entry.index => {
            Err(ReplayError::Withheld { witness: index, expected: named, found: last.entry.index })
        }
        Some(_) | None => Ok(newest),
    }
}

fn next_version(pin: &Pin, before: Option<&Version>, admin: &AdminEntry) -> Result<Version, ReplayError> {
    let entry = admin.receipt.unverified_entry().clone();
    let index = entry.index;
    let found = before.map(|version| version.entry.index);
    if !entry.administrative {
        return Err(ReplayError::NotAdministrative { index });
    }
    if entry.admin != found {
        return Err(ReplayError::Gap { index, expected: entry.admin, found });
    }
    let envelope = envelope_of(&entry, &admin.envelope)?;
    let record = RecordDigest::of(&admin.record);
    if record != entry.record.digest {
        return Err(ReplayError::Record { index, expected: entry.record.digest, found: record });
    }
    let state = if let Some(version) = before {
        version.state.next(&envelope, index)
    } else {
        check_genesis(pin, &admin.receipt)?;
        TrustState::first(&envelope, &pin.origin)
    };
    let state = state.map_err(|source| ReplayError::Trust { index, source })?;
    Ok(Version { entry, envelope, state })
}

fn check_genesis(pin: &Pin, receipt: &Receipt) -> Result<(), ReplayError> {
    // Encoding gives back the exact bytes that were decoded.
    let found = EntryDigest::of(&receipt.unverified_entry().encode());
    if found == pin.genesis { Ok(()) } else { Err(ReplayError::Genesis { expected: pin.genesis, found }) }
}

fn envelope_of(entry: &Entry, bytes: &[u8]) -> Result<Envelope, ReplayError> {
    let index = entry.index;
    let found = EnvelopeDigest::of(bytes);
    if found != entry.envelope.digest {
        return Err(ReplayError::Envelope { index, expected: entry.envelope.digest, found });
    }
    let envelope = Envelope::parse(bytes).map_err(|source| ReplayError::NotAnEnvelope { index, source })?;
    let content = envelope.content();
    if content != entry.content {
        return Err(ReplayError::Content { index, expected: entry.content, found: content });
    }
    Ok(envelope)
}

fn or_none(index: Option<&LeafIndex>) -> String {
    index.map_or_else(|| "none".to_owned(), ToString::to_string)
}
