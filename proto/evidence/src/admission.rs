//! Whether an envelope may enter the log, and what was checked.
//!
//! [`admit`] is pure: clock and salt come in, so a client can run the same rules over the same bytes and compare.
//! The rules, the record and the reason words are in `docs/format.md`, "Admission record".

mod builds;
mod bundle;
mod claims;
mod job;
mod mark;
mod proof;
mod record;
mod refusal;
mod rights;
mod screening;
mod signers;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeSet;

use custody_log::{ContentDigest, LeafIndex, Timestamp};

use crate::dsse;
use crate::envelope::{Envelope, Said};
use crate::fact::{self, Facts};
use crate::oidc::Credential;
use crate::statement::Statement;
use crate::trust::{
    ALLOW_TYPE, CLOCK_REPAIR_TYPE, DISTRUST_TYPE, Distrust, JWKS_TYPE, POLICY_TYPE, PREDICATE_TYPE,
    REDACTION_TYPE, RoleName, TrustError, TrustState, is_administrative, is_said_once,
};
pub use builds::{BUILDS_MAX, Build, Builds, RepositoryKey, SourceRepository};
pub use claims::SubmitterClaims;
pub use mark::{Mark, UnknownMark};
pub use proof::{BundleCheck, BundleCheckResult, BundleProof, ProvenAt};
pub use record::{
    Addition, AdmissionRecord, Attachment, Binding, Check, CheckName, CheckResult, MAX_RECORD, RECORD_FORMAT,
    RecordError, Salt, Signer, SignerStatus, TrustReference,
};
pub use refusal::{Refusal, RuleSummary, WORDS};
use rights::Asked;
use screening::Screening;
use signers::Signed;
use token::Caller;
pub use token::{BoundBy, TOKEN_MEDIA_TYPE, TokenCheck, TokenProof};

/// How far ahead of the ledger's clock a claimed time may be without a mark: 10 minutes.
pub const CLOCK_SKEW_MICROS: i64 = 10 * 60 * 1_000_000;

/// How far ahead of the ledger's clock a claimed time may be at all: 24 hours.
pub const FUTURE_MICROS: i64 = 24 * 60 * 60 * 1_000_000;

/// An envelope that may enter the log, and the record of why. Only [`admit`] and [`admit_first`] make one.
#[derive(Debug, Clone)]
pub struct Admission {
    record: AdmissionRecord,
    record_bytes: Vec<u8>,
    content: ContentDigest,
    facts: Facts,
}

impl Admission {
    /// Returns what was checked.
    #[must_use]
    pub const fn record(&self) -> &AdmissionRecord {
        &self.record
    }

    /// Returns the record's bytes as they are kept.
    #[must_use]
    pub fn record_bytes(&self) -> &[u8] {
        &self.record_bytes
    }

    /// Gives up the rest and returns the record's bytes.
    #[must_use]
    pub fn into_record_bytes(self) -> Vec<u8> {
        self.record_bytes
    }

    /// Takes the facts of the statement out, and leaves none: they can be much larger than the statement, so whoever
    /// lets an admission wait takes them first.
    #[must_use]
    pub fn take_facts(&mut self) -> Facts {
        std::mem::take(&mut self.facts)
    }

    /// Returns the digest of what was signed.
    #[must_use]
    pub const fn content(&self) -> ContentDigest {
        self.content
    }

    /// Whether the entry administers the ledger.
    #[must_use]
    pub fn administrative(&self) -> bool {
        is_administrative(&self.record.predicate_type)
    }

    /// Whether it can be true once only, so that saying it again is no new entry.
    #[must_use]
    pub fn is_said_once(&self) -> bool {
        is_said_once(&self.record.predicate_type)
    }

    /// Names bytes that are to be kept beside the envelope. Who admits a statement alone cannot know them: they say where the log
    /// has what a redaction erases.
    pub fn with_attachment(mut self, attachment: Attachment) -> Result<Self, Refusal> {
        self.record.attachments.push(attachment);
        self.record_bytes = self.record.encode();
        check_length(&self.record_bytes)?;
        Ok(self)
    }
}

/// Admits an envelope under the trust that holds, or says why not.
///
/// The envelope was parsed, so its size, base64 and number of signatures are checked. In this order: its content was not
/// redacted; no secret is in it
/// ([`crate::secret`]); the payload is an in-toto statement with at least one subject, each with a usable digest, or a file was signed; a signature holds, of a
/// bundle under a trusted root; who made it may record this type about these subjects (an administrative type: the role's
/// threshold is met); no claimed time lies too far ahead.
///
/// Of a log without any builds: see [`admit_knowing`].
pub fn admit(
    trust: &TrustState,
    envelope: &Envelope,
    now: Timestamp,
    salt: [u8; 32],
) -> Result<Admission, Refusal> {
    admit_knowing(trust, envelope, &Builds::default(), now, salt)
}

/// The same, with what the log has recorded of builds of the subjects; needed only where
/// [`crate::trust::TrustDocument::asks_for_builds`].
pub fn admit_knowing(
    trust: &TrustState,
    envelope: &Envelope,
    builds: &Builds,
    now: Timestamp,
    salt: [u8; 32],
) -> Result<Admission, Refusal> {
    check_redacted(trust, envelope)?;
    let screening = Screening::of(envelope, trust)?;
    admit_screened(trust, envelope, builds, screening, None, now, salt)
}

/// Admits an envelope of a caller who shows an identity token: what [`admit_knowing`] does, and before the signatures are looked
/// at, the token is verified ([`crate::oidc`]). The key that it is shown for must have signed the envelope, and then counts by the
/// writer rules for the token's identity.
///
/// Whether the token belongs to another key, where its audience does not say, is not known here: see [`BoundBy::FirstUse`].
pub fn admit_as(
    trust: &TrustState,
    envelope: &Envelope,
    credential: &Credential,
    builds: &Builds,
    now: Timestamp,
    salt: [u8; 32],
) -> Result<Admission, Refusal> {
    check_redacted(trust, envelope)?;
    let screening = Screening::of(envelope, trust)?;
    let caller = Caller::of(trust, credential, now)?;
    admit_screened(trust, envelope, builds, screening, Some(&caller), now, salt)
}

/// Admits an envelope that is in a log, as its admission record says.
///
/// It is what [`admit_knowing`] does if the record names the same version of the secret screen. What another version found cannot
/// be found again: then the record's own result for secrets is taken over. Of who showed a token the record's word is taken too, as
/// far as only the token says it; [`admit_again_with`] checks the token. Nothing else of the record is believed. `builds` are those
/// of the entries that the record says it rests on ([`AdmissionRecord::builds`]), or all that the log had before.
pub fn admit_again(
    trust: &TrustState,
    envelope: &Envelope,
    builds: &Builds,
    now: Timestamp,
    record: &AdmissionRecord,
) -> Result<Admission, Refusal> {
    again(trust, envelope, builds, now, record, None)
}

/// The same with the token that is kept beside the record, which is verified with the keys that the trust document or the log has
/// of its issuer. `now` is the ledger time of the entry.
pub fn admit_again_with(
    trust: &TrustState,
    envelope: &Envelope,
    builds: &Builds,
    now: Timestamp,
    record: &AdmissionRecord,
    token: &[u8],
) -> Result<Admission, Refusal> {
    again(trust, envelope, builds, now, record, Some(token))
}

fn again(
    trust: &TrustState,
    envelope: &Envelope,
    builds: &Builds,
    now: Timestamp,
    record: &AdmissionRecord,
    token: Option<&[u8]>,
) -> Result<Admission, Refusal> {
    check_redacted(trust, envelope)?;
    let screening = Screening::again(record, || Screening::of(envelope, trust))?;
    let caller = Caller::again(trust, record, token, now)?;
    admit_screened(trust, envelope, builds, screening, caller.as_ref(), now, *record.salt.as_bytes())
}

/// Admits an envelope whose content is in a log already, with this admission record, to see what it would add.
///
/// No secrets are looked for: what it says is recorded, and nothing of the envelope is if it adds nothing. An administrator may allow
/// no more what was allowed then, and a client has rules of its own version.
pub fn admit_duplicate(
    trust: &TrustState,
    envelope: &Envelope,
    builds: &Builds,
    now: Timestamp,
    record: &AdmissionRecord,
) -> Result<Admission, Refusal> {
    check_redacted(trust, envelope)?;
    let screening = Screening::as_recorded(record);
    admit_screened(trust, envelope, builds, screening, None, now, *record.salt.as_bytes())
}

/// The same for a caller who shows an identity token.
pub fn admit_duplicate_as(
    trust: &TrustState,
    envelope: &Envelope,
    credential: &Credential,
    builds: &Builds,
    now: Timestamp,
    record: &AdmissionRecord,
) -> Result<Admission, Refusal> {
    check_redacted(trust, envelope)?;
    let caller = Caller::of(trust, credential, now)?;
    let screening = Screening::as_recorded(record);
    admit_screened(trust, envelope, builds, screening, Some(&caller), now, *record.salt.as_bytes())
}

/// What was erased stays erased: its content is known by its digest alone.
fn check_redacted(trust: &TrustState, envelope: &Envelope) -> Result<(), Refusal> {
    trust.redacted(&envelope.content()).map_or(Ok(()), |said| Err(Refusal::Redacted { index: said.by }))
}

fn admit_screened(
    trust: &TrustState,
    envelope: &Envelope,
    builds: &Builds,
    screening: Screening,
    caller: Option<&Caller>,
    now: Timestamp,
    salt: [u8; 32],
) -> Result<Admission, Refusal> {
    let said = said_in(envelope)?;
    let reference = TrustReference { index: trust.index().get(), version: trust.document().version() };
    let predicate_type = said.predicate_type();
    let signed = if is_administrative(predicate_type) {
        if let Some(caller) = caller {
            return Err(Refusal::TokenNotBound { key: caller.key.id() });
        }
        let envelope = plain(envelope, predicate_type)?;
        Signed::by_roles(of_administrators(trust, envelope, predicate_type, now)?)
    } else {
        signers::of_writers(envelope, &Asked::new(&said, builds), trust, caller)?
    };
    finish(envelope, &said, signed, reference, screening, caller, now, salt)
}

/// Returns the signers of an administrative statement that follows from the trust there is.
fn of_administrators(
    trust: &TrustState,
    envelope: &dsse::Envelope,
    predicate_type: &str,
    now: Timestamp,
) -> Result<Vec<Signer>, Refusal> {
    let supported = [
        PREDICATE_TYPE,
        DISTRUST_TYPE,
        ALLOW_TYPE,
        REDACTION_TYPE,
        POLICY_TYPE,
        CLOCK_REPAIR_TYPE,
        JWKS_TYPE,
    ];
    if !supported.contains(&predicate_type) {
        return Err(Refusal::NotYetSupported { predicate_type: predicate_type.to_owned() });
    }
    // Where it will stand is not known yet; the sequencer asks again with the index. A trust document may change the log keys
    // from there on, so it is asked about the first place there is; a distrust or redaction may name any entry before its own.
    if predicate_type == PREDICATE_TYPE {
        let next = trust.next(envelope, trust.newest().next())?;
        check_expiry(&next, now)?;
        return Ok(signers::of_trust_document(envelope, &[trust.document(), next.document()]));
    }
    if predicate_type == JWKS_TYPE {
        // The log key that signs the trees to come; where another is to follow and is not held yet, the one of now.
        trust.next(envelope, LeafIndex::LAST).or_else(|_| trust.next(envelope, trust.newest().next()))?;
        return Ok(signers::of_log(envelope, trust.document()));
    }
    trust.next(envelope, LeafIndex::LAST)?;
    let said = Statement::parse(envelope.payload()).ok();
    let distrust = said.filter(|said| said.predicate_type() == DISTRUST_TYPE);
    let distrust = distrust.and_then(|said| Distrust::from_statement(&said).ok());
    let role = distrust.map_or(RoleName::Rules, |said| said.role());
    Ok(signers::of_role(envelope, trust.document(), role))
}

/// Admits entry 0: the first trust document, signed by its own root role and the log key.
pub fn admit_first(envelope: &Envelope, now: Timestamp, salt: [u8; 32]) -> Result<Admission, Refusal> {
    admit_first_screened(envelope, Screening::of_first(envelope)?, now, salt)
}

/// Admits entry 0 as its admission record says, like [`admit_again`].
pub fn admit_first_again(
    envelope: &Envelope,
    now: Timestamp,
    record: &AdmissionRecord,
) -> Result<Admission, Refusal> {
    let screening = Screening::again(record, || Screening::of_first(envelope))?;
    admit_first_screened(envelope, screening, now, *record.salt.as_bytes())
}

fn admit_first_screened(
    envelope: &Envelope,
    screening: Screening,
    now: Timestamp,
    salt: [u8; 32],
) -> Result<Admission, Refusal> {
    let said = said_in(envelope)?;
    let first = plain(envelope, said.predicate_type())?;
    let state = TrustState::first_of_any(first)?;
    check_expiry(&state, now)?;
    let signers = signers::of_trust_document(first, &[state.document()]);
    let reference = TrustReference { index: LeafIndex::ZERO.get(), version: state.document().version() };
    finish(envelope, &said, Signed::by_roles(signers), reference, screening, None, now, salt)
}

fn said_in(envelope: &Envelope) -> Result<Said<'_>, Refusal> {
    let said = envelope.said()?;
    let Some(statement) = said.statement() else { return Ok(said) };
    if statement.subjects().is_empty() {
        return Err(Refusal::NoSubject);
    }
    if let Some(subject) = statement.subject_without_usable_digest() {
        let digests = statement.subjects().get(subject).map(|subject| subject.digests().clone());
        let found =
            digests.unwrap_or_default().into_iter().map(|digest| digest.algorithm().to_owned()).collect();
        return Err(Refusal::NoUsableDigest { subject, found });
    }
    Ok(said)
}

/// Roles are keys, and thresholds count them: nothing but a DSSE envelope administers.
fn plain<'a>(envelope: &'a Envelope, predicate_type: &str) -> Result<&'a dsse::Envelope, Refusal> {
    envelope.dsse().ok_or_else(|| Refusal::Administration { predicate_type: predicate_type.to_owned() })
}

fn check_expiry(state: &TrustState, now: Timestamp) -> Result<(), TrustError> {
    if state.expired(now) {
        return Err(TrustError::Expired { expires: state.document().members().expires, now });
    }
    Ok(())
}

#[allow(
    clippy::too_many_arguments,
    reason = "each is one member of the record, or decides some; a struct would be named and read once"
)]
fn finish(
    envelope: &Envelope,
    said: &Said<'_>,
    signed: Signed,
    trust: TrustReference,
    screening: Screening,
    caller: Option<&Caller>,
    now: Timestamp,
    salt: [u8; 32],
) -> Result<Admission, Refusal> {
    let facts = said.facts();
    let mut marks = check_times(&facts, now)?;
    marks.extend(screening.marks);
    let subjects: BTreeSet<String> = said.digests().iter().map(ToString::to_string).collect();
    let Signed { signers, authority, binding } = signed;
    let record = AdmissionRecord {
        salt: Salt::from_bytes(salt),
        media_type: envelope.media_type().to_owned(),
        predicate_type: said.predicate_type().to_owned(),
        subjects: subjects.into_iter().collect(),
        signers,
        submitter: caller.map(|caller| caller.claims.clone()),
        binding,
        token: caller.map(|caller| caller.proof.clone()),
        authority,
        checks: Check::all(&marks, binding, screening.result),
        trust,
        reader: fact::READER_VERSION.to_owned(),
        screen: screening.version,
        attachments: caller.map(|caller| caller.attachment.clone()).into_iter().collect(),
        marks,
    };
    let record_bytes = record.encode();
    check_length(&record_bytes)?;
    Ok(Admission { record, record_bytes, content: envelope.content(), facts })
}

fn check_length(record: &[u8]) -> Result<(), Refusal> {
    if record.len() > MAX_RECORD {
        return Err(Refusal::RecordTooLarge { max: MAX_RECORD, found: record.len() });
    }
    Ok(())
}

fn check_times(facts: &Facts, now: Timestamp) -> Result<Vec<Mark>, Refusal> {
    let latest = now.plus_micros(FUTURE_MICROS);
    if let Some((path, claimed)) = facts.times.iter().find(|(_, claimed)| *claimed > latest) {
        return Err(Refusal::FutureTime { path: path.clone(), claimed: *claimed, now });
    }
    let unmarked = now.plus_micros(CLOCK_SKEW_MICROS);
    let ahead = facts.times.iter().any(|(_, claimed)| *claimed > unmarked);
    Ok(if ahead { vec![Mark::FutureTime] } else { Vec::new() })
}
