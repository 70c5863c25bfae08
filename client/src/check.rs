//! What an entry has been checked for: two types, one for each word.
//!
//! A [`Logged`] entry is in the tree that the log signed, and its admission record is the one it commits
//! to. A [`Verified`] entry was admitted again here, by the code that the server runs: envelope digest,
//! signatures, the signer's right to say it, statement, and the same admission record byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::admission::{
    self, Admission, AdmissionRecord, Builds, Check, CheckName, CheckResult, Mark, RecordError,
};
use custody_evidence::envelope::{Envelope, EnvelopeError, Said, SaidError};
use custody_evidence::fact::Facts;
use custody_evidence::identity::Identity;
use custody_evidence::statement::Statement;
use custody_evidence::trust::{
    Distrusted, ERASED_KEYS_TYPE, FirstSigned, REDACTION_TYPE, Redacted, TrustState,
};
use custody_log::receipt::VerifiedReceipt;
use custody_log::{ContentDigest, Entry, EnvelopeDigest, LeafIndex, RecordDigest, TreeSize};

use crate::trust::Trust;

/// An entry that is in the log, with its admission record.
#[derive(Debug, Clone)]
pub struct Logged {
    receipt: VerifiedReceipt,
    record: AdmissionRecord,
    record_bytes: Vec<u8>,
    first_signed: FirstSigned,
}

/// An entry whose envelope and admission were checked here.
#[derive(Debug, Clone)]
pub struct Verified {
    logged: Logged,
    envelope: Envelope,
    said: Said<'static>,
    facts: Facts,
    /// The entries that it rests on.
    rests_on: Known,
}

/// An entry that is in the log, and of which a redaction erased all else: envelope, admission record and facts.
#[derive(Debug, Clone)]
pub struct Erased {
    receipt: VerifiedReceipt,
    redacted: Redacted,
}

/// Entries that others may rest on, by the admission records that are believed of them.
pub type Known = BTreeMap<LeafIndex, AdmissionRecord>;

/// Why an entry is not what it should be. All of these are the log's fault, or that of whoever carried the
/// bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The admission record is missing; only a redaction may erase one.
    #[error("entry {index}: its admission record is missing")]
    RecordMissing {
        /// The entry.
        index: LeafIndex,
    },
    /// The admission record is not the one that the entry commits to.
    #[error("entry {index}: its admission record: expected {expected}, found {found}")]
    RecordDigest {
        /// The entry.
        index: LeafIndex,
        /// What the entry says.
        expected: RecordDigest,
        /// The digest of the bytes found.
        found: RecordDigest,
    },
    /// The admission record cannot be read.
    #[error("entry {index}: admission record: {source}")]
    Record {
        /// The entry.
        index: LeafIndex,
        /// Why.
        source: RecordError,
    },
    /// The envelope is not the one that the entry commits to.
    #[error("entry {index}: its envelope: expected {expected}, found {found}")]
    EnvelopeDigest {
        /// The entry.
        index: LeafIndex,
        /// What the entry says.
        expected: EnvelopeDigest,
        /// The digest of the bytes found.
        found: EnvelopeDigest,
    },
    /// The envelope cannot be read.
    #[error("entry {index}: envelope: {source}")]
    Envelope {
        /// The entry.
        index: LeafIndex,
        /// Why.
        source: EnvelopeError,
    },
    /// The envelope says something else than the entry commits to.
    #[error("entry {index}: its content: expected {expected}, found {found}")]
    Content {
        /// The entry.
        index: LeafIndex,
        /// What the entry says.
        expected: ContentDigest,
        /// The digest of what the envelope says.
        found: ContentDigest,
    },
    /// What the envelope says cannot be read.
    #[error("entry {index}: statement: {source}")]
    Statement {
        /// The entry.
        index: LeafIndex,
        /// Why.
        source: SaidError,
    },
    /// The entry is younger than what is known of the log's trust documents.
    #[error("entry {index} lies beyond tree size {known}, up to which the trust documents are known here")]
    UnknownTrust {
        /// The entry.
        index: LeafIndex,
        /// [`Trust::complete_to`].
        known: TreeSize,
    },
    /// The entry names another administrative entry than the newest one before it.
    #[error(
        "entry {index}: the administrative entry before it is {expected}, its `admin` line names {}",
        found.map_or_else(|| "none".to_owned(), |found| found.to_string())
    )]
    WrongAdmin {
        /// The entry.
        index: LeafIndex,
        /// The last administrative entry before it.
        expected: LeafIndex,
        /// What its `admin` line names.
        found: Option<LeafIndex>,
    },
    /// The entry says that it administers the log, and its statement does not, or the other way round.
    #[error(
        "entry {index}: {}",
        if *expected { "its statement administers the log, and it does not say so" }
        else { "it says that it administers the log, and its statement does not" }
    )]
    Administrative {
        /// The entry.
        index: LeafIndex,
        /// What follows from its statement.
        expected: bool,
    },
    /// By the trust document of its time, the entry should never have been admitted.
    #[error("entry {index} should not have been admitted: {refusal}")]
    NotAdmissible {
        /// The entry.
        index: LeafIndex,
        /// Why.
        refusal: Box<admission::Refusal>,
    },
    /// The entry rests on another one, which is not known here.
    #[error(
        "entry {index} is about builds that entry {on} says are its signer's own, and that one is not at hand"
    )]
    RestsOn {
        /// The entry.
        index: LeafIndex,
        /// The one that it rests on.
        on: u64,
    },
    /// Admission gives another record here than the log keeps.
    #[error("entry {index}: its admission record says something else than its envelope: {member}")]
    AdmissionDiffers {
        /// The entry.
        index: LeafIndex,
        /// The first member that differs.
        member: &'static str,
    },
}

impl Logged {
    /// Checks that the admission record is the one that the entry commits to.
    pub fn new(receipt: VerifiedReceipt, record_bytes: Vec<u8>) -> Result<Self, CheckError> {
        let record = record_of(receipt.entry(), &record_bytes)?;
        Ok(Self { receipt, record, record_bytes, first_signed: FirstSigned::new() })
    }

    /// Returns the entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        self.receipt.entry()
    }

    /// Returns the receipt that proves it.
    #[must_use]
    pub const fn receipt(&self) -> &VerifiedReceipt {
        &self.receipt
    }

    /// Returns what was checked at admission.
    #[must_use]
    pub const fn record(&self) -> &AdmissionRecord {
        &self.record
    }

    /// Returns the admission record's exact bytes.
    #[must_use]
    pub fn record_bytes(&self) -> &[u8] {
        &self.record_bytes
    }

    /// Returns for each signer the first entry in which their signature on this content was verified, where that is an earlier one and
    /// was looked for.
    #[must_use]
    pub const fn first_signed(&self) -> &FirstSigned {
        &self.first_signed
    }

    /// Notes that a signer's signature on the same content was verified in an earlier entry.
    pub(crate) fn signed_before(&mut self, signer: Identity, index: LeafIndex) {
        self.first_signed.insert(signer, index);
    }

    /// Checks everything that the log checked when the entry was admitted, under the trust document that held then. `known` has the
    /// entries that it rests on ([`AdmissionRecord::builds`]), verified before. The envelope's bytes are kept without a copy.
    pub fn verify(self, envelope: Vec<u8>, trust: &Trust, known: &Known) -> Result<Verified, CheckError> {
        let index = self.entry().index;
        check_bytes(self.entry(), EnvelopeDigest::of(&envelope))?;
        let envelope =
            Envelope::from_vec(envelope).map_err(|source| CheckError::Envelope { index, source })?;
        let facts = self.admitted(&envelope, trust, known)?.take_facts();
        let said = envelope.said().map_err(|source| CheckError::Statement { index, source })?.into_owned();
        let named = self.record.builds();
        let rests_on = known.iter().filter(|(index, _)| named.contains(&index.get()));
        let rests_on = rests_on.map(|(index, record)| (*index, record.clone())).collect();
        Ok(Verified { logged: self, envelope, said, facts, rests_on })
    }

    /// Checks of an envelope at hand what [`Logged::verify`] does, and keeps and copies nothing of it.
    pub fn check(&self, envelope: &Envelope, trust: &Trust, known: &Known) -> Result<(), CheckError> {
        check_bytes(self.entry(), envelope.digest())?;
        self.admitted(envelope, trust, known).map(drop)
    }

    /// Admits an envelope again whose bytes are those of the entry, and compares all that comes out.
    fn admitted(&self, envelope: &Envelope, trust: &Trust, known: &Known) -> Result<Admission, CheckError> {
        let (entry, index) = (self.entry(), self.entry().index);
        check_content(entry, envelope)?;
        envelope.said().map_err(|source| CheckError::Statement { index, source })?;
        if let Some((expected, found)) = wrong_admin(entry, trust) {
            return Err(CheckError::WrongAdmin { index, expected, found });
        }
        let admission = admit_again(entry, envelope, Some(&self.record), trust, known)?;
        same_admission(entry, &admission, &self.record)?;
        Ok(admission)
    }
}

impl Erased {
    /// Checks that administrators had what this entry held erased. Administrative entries never are.
    pub fn new(receipt: VerifiedReceipt, trust: &Trust) -> Result<Self, CheckError> {
        match trust.redaction_of(receipt.entry()).cloned() {
            Some(redacted) => Ok(Self { receipt, redacted }),
            None => Err(CheckError::RecordMissing { index: receipt.entry().index }),
        }
    }

    /// Returns the entry.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        self.receipt.entry()
    }

    /// Returns the receipt that proves it.
    #[must_use]
    pub const fn receipt(&self) -> &VerifiedReceipt {
        &self.receipt
    }

    /// Returns the redaction.
    #[must_use]
    pub const fn redacted(&self) -> &Redacted {
        &self.redacted
    }
}

/// Reads an admission record, if it is the one that the entry commits to.
pub(crate) fn record_of(entry: &Entry, bytes: &[u8]) -> Result<AdmissionRecord, CheckError> {
    let index = entry.index;
    if bytes.is_empty() {
        return Err(CheckError::RecordMissing { index });
    }
    let found = RecordDigest::of(bytes);
    if found != entry.record.digest {
        return Err(CheckError::RecordDigest { index, expected: entry.record.digest, found });
    }
    AdmissionRecord::decode(bytes).map_err(|source| CheckError::Record { index, source })
}

/// Reads an envelope, if it is the one that the entry commits to, with the content it commits to.
pub(crate) fn envelope_of(entry: &Entry, bytes: &[u8]) -> Result<Envelope, CheckError> {
    let index = entry.index;
    check_bytes(entry, EnvelopeDigest::of(bytes))?;
    let envelope = Envelope::parse(bytes).map_err(|source| CheckError::Envelope { index, source })?;
    check_content(entry, &envelope)?;
    Ok(envelope)
}

/// Checks the digest of an envelope's bytes.
fn check_bytes(entry: &Entry, found: EnvelopeDigest) -> Result<(), CheckError> {
    let (index, expected) = (entry.index, entry.envelope.digest);
    if found == expected { Ok(()) } else { Err(CheckError::EnvelopeDigest { index, expected, found }) }
}

/// Checks what an envelope says.
fn check_content(entry: &Entry, envelope: &Envelope) -> Result<(), CheckError> {
    let (index, expected, found) = (entry.index, entry.content, envelope.content());
    if found == expected { Ok(()) } else { Err(CheckError::Content { index, expected, found }) }
}

/// Returns the administrative entry that this one should name, and the one it does, when they differ. A log must not
/// choose the trust document that it admits under: an old one has keys that were withdrawn since.
fn wrong_admin(entry: &Entry, trust: &Trust) -> Option<(LeafIndex, Option<LeafIndex>)> {
    let expected = trust.before(entry)?.entry.index;
    (entry.admin != Some(expected)).then_some((expected, entry.admin))
}

/// Runs admission under the trust document of its time, as of ledger time. The log ran it a moment earlier, which no
/// verdict but a mark depends on. Without a record, since it was erased, secrets are looked for by the rules of this version.
pub(crate) fn admit_again(
    entry: &Entry,
    envelope: &Envelope,
    record: Option<&AdmissionRecord>,
    trust: &Trust,
    known: &Known,
) -> Result<Admission, CheckError> {
    /// No verdict depends on the salt.
    const SALT: [u8; 32] = [0; 32];
    let (index, time) = (entry.index, entry.time);
    let admission = match trust.before(entry) {
        Some(version) => {
            let builds = builds(entry, envelope, record, &version.state, known)?;
            match record {
                Some(record) => admission::admit_again(&version.state, envelope, &builds, time, record),
                None => admission::admit_knowing(&version.state, envelope, &builds, time, SALT),
            }
        }
        // Entry 0 is the pinned one: its replay in `trust` began with its digest.
        None if trust.holds(entry) => match record {
            Some(record) => admission::admit_first_again(envelope, time, record),
            None => admission::admit_first(envelope, time, SALT),
        },
        None => return Err(CheckError::UnknownTrust { index, known: trust.complete_to() }),
    };
    admission.map_err(|refusal| CheckError::NotAdmissible { index, refusal: Box::new(refusal) })
}

/// Returns what is known of the builds of an entry's subjects from before it. All that its record names must be known.
fn builds(
    entry: &Entry,
    envelope: &Envelope,
    record: Option<&AdmissionRecord>,
    trust: &TrustState,
    known: &Known,
) -> Result<Builds, CheckError> {
    let (index, mut builds) = (entry.index, Builds::default());
    let is_known = |on: u64| on < index.get() && LeafIndex::new(on).is_ok_and(|on| known.contains_key(&on));
    let named = record.map(AdmissionRecord::builds).unwrap_or_default();
    if let Some(on) = named.into_iter().find(|on| !is_known(*on)) {
        return Err(CheckError::RestsOn { index, on });
    }
    if known.is_empty() {
        return Ok(builds);
    }
    let said = envelope.said().map_err(|source| CheckError::Statement { index, source })?;
    let about: BTreeSet<String> = said.usable().iter().flatten().map(ToString::to_string).collect();
    for (before, record) in known.range(..index) {
        builds.add(trust, *before, record, &about);
    }
    Ok(builds)
}

/// Checks that an entry and its admission record say what admission gives here.
pub(crate) fn same_admission(
    entry: &Entry,
    ours: &Admission,
    theirs: &AdmissionRecord,
) -> Result<(), CheckError> {
    let (index, expected) = (entry.index, ours.administrative());
    if expected != entry.administrative {
        return Err(CheckError::Administrative { index, expected });
    }
    match first_difference(ours.record(), theirs) {
        Some(member) => Err(CheckError::AdmissionDiffers { index, member }),
        None => Ok(()),
    }
}

/// Names the first member in which two records differ, of those that follow from envelope and trust document.
/// Not compared are the salt, marks (they depend on the log's clock), and the reader's version. What only a token says is the
/// record's word ([`Verified::check_token`] checks it); a submitter that does not fit the trust document is not believed.
fn first_difference(ours: &AdmissionRecord, theirs: &AdmissionRecord) -> Option<&'static str> {
    let compared = [
        ("media_type", ours.media_type == theirs.media_type),
        ("predicate_type", ours.predicate_type == theirs.predicate_type),
        ("subjects", ours.subjects == theirs.subjects),
        ("signers", ours.signers == theirs.signers),
        ("authority", ours.authority == theirs.authority),
        ("submitter", ours.submitter == theirs.submitter),
        ("binding", ours.binding == theirs.binding),
        ("token", ours.token == theirs.token),
        ("attachments", same_attachments(ours, theirs)),
        ("checks", same_checks(ours, theirs)),
        ("trust", ours.trust == theirs.trust),
    ];
    compared.into_iter().find(|(_, same)| !same).map(|(member, _)| member)
}

/// Whether the same is kept beside the envelope. Beside a redaction the log keeps under which keys it has what it erased, which
/// nobody can compute again; nothing is concluded from it.
fn same_attachments(ours: &AdmissionRecord, theirs: &AdmissionRecord) -> bool {
    if theirs.predicate_type == REDACTION_TYPE {
        return matches!(theirs.attachments.as_slice(), [keys] if keys.media_type == ERASED_KEYS_TYPE);
    }
    ours.attachments == theirs.attachments
}

/// Whether the same checks gave the same results; that of the times is the log's, and must agree with its marks.
fn same_checks(ours: &AdmissionRecord, theirs: &AdmissionRecord) -> bool {
    let marked = theirs.marks.contains(&Mark::FutureTime);
    let time = if marked { CheckResult::Marked } else { CheckResult::Passed };
    let expected = |check: &Check| if check.check == CheckName::Time { time } else { check.result };
    let ours = ours.checks.iter().map(|check| (check.check, expected(check)));
    ours.eq(theirs.checks.iter().map(|check| (check.check, check.result)))
}

impl Verified {
    /// Returns what holds for a logged entry too.
    #[must_use]
    pub const fn logged(&self) -> &Logged {
        &self.logged
    }

    /// Returns the envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Checks who submitted it by the token that is kept beside its admission record: that it is the one that the record
    /// names, holds under the keys of its issuer that the trust document or the log had then, and says what the record says
    /// of the submitter. Who the record's [`AdmissionRecord::token`] calls verified is then verified here.
    pub fn check_token(&self, token: &[u8], trust: &Trust) -> Result<(), CheckError> {
        let (entry, record) = (self.logged.entry(), self.logged.record());
        let index = entry.index;
        let unknown = || CheckError::UnknownTrust { index, known: trust.complete_to() };
        let state = &trust.before(entry).ok_or_else(unknown)?.state;
        let builds = builds(entry, &self.envelope, Some(record), state, &self.rests_on)?;
        let admission =
            admission::admit_again_with(state, &self.envelope, &builds, entry.time, record, token);
        let admission =
            admission.map_err(|refusal| CheckError::NotAdmissible { index, refusal: Box::new(refusal) })?;
        same_admission(entry, &admission, record)
    }

    /// Returns what the envelope says.
    #[must_use]
    pub const fn said(&self) -> &Said<'static> {
        &self.said
    }

    /// Returns the statement; none if a file was signed.
    #[must_use]
    pub const fn statement(&self) -> Option<&Statement<'static>> {
        self.said.statement()
    }

    /// Returns what the statement asserts.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}

/// How far entries are to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Inclusion and admission record.
    Logged,
    /// Envelope and admission too.
    Verified,
}

/// An entry, and how far it was checked.
#[derive(Debug, Clone)]
pub enum Checked {
    /// Inclusion and admission record.
    Logged(Box<Logged>),
    /// Inclusion, and a redaction that erased the rest.
    Redacted(Box<Erased>),
    /// Envelope and admission too.
    Verified(Box<Verified>),
}

impl Checked {
    /// Returns the entry, which is proven at every level.
    #[must_use]
    pub const fn entry(&self) -> &Entry {
        match self {
            Self::Logged(logged) => logged.entry(),
            Self::Redacted(erased) => erased.entry(),
            Self::Verified(verified) => verified.logged().entry(),
        }
    }

    /// Returns what holds at both levels of an entry that is whole; none if it was erased.
    #[must_use]
    pub const fn logged(&self) -> Option<&Logged> {
        match self {
            Self::Logged(logged) => Some(logged),
            Self::Redacted(_) => None,
            Self::Verified(verified) => Some(verified.logged()),
        }
    }

    /// Returns the admission record; none if it was erased.
    #[must_use]
    pub fn record(&self) -> Option<&AdmissionRecord> {
        self.logged().map(Logged::record)
    }

    /// Returns what was verified; none if the entry is logged only, or erased.
    #[must_use]
    pub const fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Logged(_) | Self::Redacted(_) => None,
            Self::Verified(verified) => Some(verified),
        }
    }

    /// Returns the redaction by which nothing but the entry is left; none if it is whole.
    #[must_use]
    pub const fn redacted(&self) -> Option<&Redacted> {
        match self {
            Self::Logged(_) | Self::Verified(_) => None,
            Self::Redacted(erased) => Some(erased.redacted()),
        }
    }

    /// Returns the distrust by which the entry is no evidence, under what administrators said; none if it is evidence. Of an
    /// entry that is only logged it is not known which builder it names; of one that was erased nothing is.
    #[must_use]
    pub fn distrust<'a>(&self, state: &'a TrustState) -> Option<&'a Distrusted> {
        let logged = self.logged()?;
        let facts = self.verified().map(Verified::facts);
        state.distrust_of(logged.record(), facts, logged.entry().index, &logged.first_signed)
    }

    pub(crate) const fn logged_mut(&mut self) -> Option<&mut Logged> {
        match self {
            Self::Logged(logged) => Some(logged),
            Self::Verified(verified) => Some(&mut verified.logged),
            Self::Redacted(_) => None,
        }
    }

    /// Returns the word for how far it was checked.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Logged(_) => "logged",
            Self::Redacted(_) => "redacted",
            Self::Verified(_) => "verified",
        }
    }
}
