//! The birth of a log: its keys, its first trust document, entry 0.
//!
//! A log key exists before its log, and the log exists only when entry 0 is on disk. Nothing here is done by
//! serving: `custodyd run` never makes a log.

use std::path::Path;

use custody_evidence::admission::{self, Admission, Refusal};
use custody_evidence::dsse::{Envelope, EnvelopeError, IN_TOTO};
use custody_evidence::key::{PublicKey, SigningKey};
use custody_evidence::trust::{
    Predecessor, TrustDocument, TrustError, TrustMembers, TrustState, WriterRule, statement_of,
};
use custody_log::{
    Entry, EntryDigest, Frontier, LeafIndex, Measured, NodeHash, Origin, RecordDigest, Timestamp, TreeSize,
};

use crate::clock::{Clock, ClockError};
use crate::journal::{self, CreateError, OpenOptions, Staged};
use crate::publish::{LogKeys, WrongKey};

/// How long the first trust document holds: 365 days. Administrators sign a next version before.
pub const VALIDITY_DAYS: i64 = 365;

/// The file in which `custodyd init` leaves a trust document that administrators must still sign.
pub const UNSIGNED_FILE: &str = "trust-1.json";

/// The file in which `custodyd run --dev` leaves its key.
pub const DEV_KEY_FILE: &str = "dev.key";

/// Names that may lie in the data directory before the log does.
const BESIDE: [&str; 2] = [UNSIGNED_FILE, DEV_KEY_FILE];

/// Whether a directory holds a log.
#[must_use]
pub fn holds_log(dir: &Path) -> bool {
    dir.join("journal").is_dir()
}

/// Who administers a new log and who writes to it.
#[derive(Debug, Clone)]
pub struct Founders {
    /// Keys of all three roles.
    pub administrators: Vec<PublicKey>,
    /// How many of them must sign.
    pub threshold: usize,
    /// Keys that may record everything but administration.
    pub writers: Vec<PublicKey>,
    /// The log that this one continues, where that one can no longer be written.
    pub predecessor: Option<Predecessor>,
}

/// Why no log was made.
#[derive(Debug, thiserror::Error)]
pub enum GenesisError {
    /// The trust document.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The envelope of the trust document.
    #[error("the trust document's envelope: {0}")]
    Envelope(#[from] EnvelopeError),
    /// The rules refuse it as entry 0.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The trust document names other keys than the key files hold.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
    /// The clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The journal.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes for the admission record")]
    Random,
}

/// Makes the first trust document of a log.
pub fn first_document(
    origin: &Origin,
    keys: &LogKeys,
    founders: &Founders,
    now: Timestamp,
) -> Result<TrustDocument, TrustError> {
    let expires = now.plus_micros(VALIDITY_DAYS * 24 * 3600 * 1_000_000);
    let mut members = TrustMembers::first(
        origin.clone(),
        keys.log.verifier(),
        keys.freshness.verifier(),
        &founders.administrators,
        founders.threshold,
        expires,
    );
    for (number, key) in (1..).zip(&founders.writers) {
        members.add_key(key);
        members.writers.push(WriterRule::anything(&format!("writer-{number}"), key.id()));
    }
    members.predecessor.clone_from(&founders.predecessor);
    TrustDocument::new(members)
}

/// Signs the first trust document: by the log key, so that nobody can make a log under a key they do not hold,
/// and by the administrators whose keys are at hand.
pub fn sign_document(
    document: &TrustDocument,
    keys: &LogKeys,
    administrators: &[SigningKey],
) -> Result<Envelope, EnvelopeError> {
    let signers: Vec<&SigningKey> = administrators.iter().chain([&keys.statements]).collect();
    Envelope::sign(IN_TOTO, &statement_of(document), &signers)
}

/// Makes the log whose entry 0 is this signed trust document. Returns the digest of entry 0, which clients pin.
pub fn create(
    dir: &Path,
    envelope: &Envelope,
    keys: &LogKeys,
    clock: &dyn Clock,
    options: &OpenOptions,
) -> Result<(Origin, EntryDigest), GenesisError> {
    let trust = TrustState::first_of_any(envelope)?;
    keys.verifiers().check(&trust, TreeSize::ZERO)?;
    let now = clock.read()?.wall;
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|_| GenesisError::Random)?;
    let admission = admission::admit_first(&envelope.clone().into(), now, salt)?;
    let entry = first_entry(envelope, &admission, now).encode();
    let mut tree = Frontier::empty();
    tree.append(NodeHash::leaf(&entry));
    let digest = EntryDigest::of(&entry);
    let (record, envelope) = (admission.record_bytes().to_vec(), envelope.bytes().to_vec());
    let staged = Staged { entry, record, envelope, attachments: Vec::new(), erased: false };
    journal::create(dir, &staged, tree.root(), &BESIDE, options)?;
    Ok((trust.document().origin().clone(), digest))
}

fn first_entry(envelope: &Envelope, admission: &Admission, now: Timestamp) -> Entry {
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let record = admission.record_bytes();
    Entry {
        index: LeafIndex::ZERO,
        time: now,
        previous: None,
        admin: None,
        administrative: true,
        envelope: Measured { digest: envelope.digest(), length: length(envelope.bytes()) },
        content: admission.content(),
        record: Measured { digest: RecordDigest::of(record), length: length(record) },
    }
}
