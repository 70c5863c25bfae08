//! The verification of a bundle, in the order of sigstore/architecture-docs, `client-spec.md`: times, certificate,
//! signature, log, artifact. Every check is made that can be made, so the result says all that is wrong.

#[cfg(test)]
mod tests;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use custody_log::{ContentDigest, Timestamp};
use sha2::{Digest as _, Sha256};

use super::body::{self, BodyError, Held, Verifier};
use super::bundle::{Bundle, Content, LogEntry, Material};
use super::check::{Check, CheckName, Failure, Need, NotChecked, Status};
use super::entry::{self, LogError};
use super::identity::CertificateIdentity;
use super::path::{self, Purpose};
use super::root::TrustedRoot;
use super::signed::{self, Artifact};
use super::signer::{Candidate, KnownKey, Signer};
use super::window::Window;
use super::{certificate::Certificate, sct, timestamp};
use crate::dsse::{Envelope, IN_TOTO};
use crate::key::{HashAlgorithm, KeyError, PublicKey};
use crate::statement::{Statement, StatementError};

/// A time at which the signature was there, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProvenTime {
    /// The time.
    pub time: Timestamp,
    /// Who proves it.
    pub by: TimeSource,
}

/// Who proves a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeSource {
    /// The promise of the log entry at this position of the bundle.
    LogPromise(usize),
    /// The RFC 3161 time stamp at this position of the bundle.
    Timestamp(usize),
}

/// A bundle that was verified. Only [`verify`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedBundle<'a> {
    bundle: &'a Bundle,
    checks: Vec<Check>,
    times: Vec<ProvenTime>,
    signer: Signer,
    content: ContentDigest,
}

/// A bundle that was not verified, with all that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    checks: Vec<Check>,
}

impl<'a> VerifiedBundle<'a> {
    /// Returns the bundle.
    #[must_use]
    pub const fn bundle(&self) -> &'a Bundle {
        self.bundle
    }

    /// Returns every check in the order in which they were made. None failed; some may not have been needed.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Returns the times at which the signature is proven to have been there, earliest first. Empty only for a key that is
    /// trusted at all times.
    #[must_use]
    pub fn times(&self) -> &[ProvenTime] {
        &self.times
    }

    /// Returns who signed.
    #[must_use]
    pub const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Returns the digest of what was said: SHA-256 of the envelope's PAE, of the text that was signed of an image, or of a
    /// text that names the file's digest.
    #[must_use]
    pub const fn content(&self) -> ContentDigest {
        self.content
    }

    /// Returns the envelope that was signed; none for a signature over a file, or of an image.
    #[must_use]
    pub const fn envelope(&self) -> Option<&'a Envelope> {
        match self.bundle.content() {
            Content::Dsse(envelope) => Some(envelope),
            Content::Message(_) | Content::Image(_) => None,
        }
    }

    /// Reads the statement that was signed; none if what was signed is a file, an image, or an envelope of another payload
    /// type than that of in-toto. That a statement is signed does not mean that it can be read.
    #[must_use]
    pub fn statement(&self) -> Option<Result<Statement<'a>, StatementError>> {
        let envelope = self.envelope().filter(|envelope| envelope.payload_type() == IN_TOTO)?;
        Some(Statement::parse(envelope.payload()))
    }
}

impl Unverified {
    /// Returns every check in the order in which they were made.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Returns the first check that stands in the way.
    #[must_use]
    pub fn first(&self) -> Option<&Check> {
        self.checks.iter().find(|check| !check.allows())
    }
}

impl std::error::Error for Unverified {}

/// The most checks that are told as standing in the way: a bundle may hold 64 proofs.
const SHOWN_MAX: usize = 6;

/// Says what stands in the way, first things first.
impl std::fmt::Display for Unverified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bundle is not verified: ")?;
        let blockers: Vec<&Check> = self.checks.iter().filter(|check| !check.allows()).collect();
        for (index, check) in blockers.iter().take(SHOWN_MAX).enumerate() {
            write!(f, "{}{check}", if index == 0 { "" } else { "; " })?;
        }
        match blockers.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Verifies a bundle under a trusted root: without a clock, at the times that the bundle itself proves.
///
/// `keys` are needed for bundles that name a key. What a root does not list is not asked for: without transparency logs no
/// log entry is needed, without certificate logs no timestamp in the certificate. A time of the signing is always needed
/// for a certificate, and for a key that is not trusted at all times.
pub fn verify<'a>(
    bundle: &'a Bundle,
    root: &TrustedRoot,
    keys: &[KnownKey],
    artifact: Artifact<'_>,
) -> Result<VerifiedBundle<'a>, Unverified> {
    let mut run = Run {
        bundle,
        root,
        artifact,
        checks: Vec::new(),
        times: Vec::new(),
        digests: RefCell::default(),
        payload: OnceCell::new(),
    };
    let signature = match signed::signature(bundle.content()) {
        Ok(signature) => signature,
        Err(failure) => {
            run.add(CheckName::Signature, None, Status::Failed(failure), Need::Verified);
            return Err(Unverified { checks: run.checks });
        }
    };
    run.prove_times(signature);
    let signer = match Candidate::of(bundle.material(), keys) {
        Ok(Candidate::Certificate(certificate)) => run.by_certificate(certificate, signature),
        Ok(Candidate::Keys { hint, keys }) => run.by_key(hint, &keys, signature),
        Err(problem) => {
            run.add(CheckName::Certificate, None, Status::Failed(problem.into()), Need::Verified);
            None
        }
    };
    run.check_entries(signer.as_ref(), signature);
    let status = signed::check_artifact(bundle.content(), artifact);
    run.add(CheckName::Artifact, None, status, Need::NotFailed);
    run.finish(signer)
}

struct Run<'a, 'b> {
    bundle: &'a Bundle,
    root: &'b TrustedRoot,
    artifact: Artifact<'b>,
    checks: Vec<Check>,
    times: Vec<ProvenTime>,
    /// What was signed may have 48 MiB, and each of 32 log entries asks for its digest: each is made once.
    digests: RefCell<BTreeMap<HashAlgorithm, Option<Vec<u8>>>>,
    /// SHA-256 of the payload.
    payload: OnceCell<[u8; 32]>,
}

impl<'a> Run<'a, '_> {
    fn add(&mut self, name: CheckName, item: Option<usize>, status: Status, need: Need) {
        self.checks.push(Check { name, item, status, need });
    }

    /// Checks time stamps and promises: all that says when.
    fn prove_times(&mut self, signature: &[u8]) {
        for (item, response) in self.bundle.timestamps.iter().enumerate() {
            let found = timestamp::check(response, signature, &self.root.timestamp_authorities);
            let status = match found {
                Ok(time) => {
                    self.times.push(ProvenTime { time, by: TimeSource::Timestamp(item) });
                    Status::Verified
                }
                Err(stranger) if stranger.is_unknown() => Status::NotChecked(NotChecked::Stranger(stranger)),
                Err(problem) => Status::Failed(problem.into()),
            };
            self.add(CheckName::Timestamp, Some(item), status, Need::Nothing);
        }
        for (item, entry) in self.bundle.entries.iter().enumerate() {
            let status = self.check_promise(item, entry);
            let first = self.bundle.version.is_promised();
            let need = if first && self.root.needs_log() { Need::Verified } else { Need::NotFailed };
            self.add(CheckName::LogPromise, Some(item), status, need);
        }
        self.times.sort_unstable();
    }

    fn check_promise(&mut self, item: usize, entry: &LogEntry) -> Status {
        if !self.root.needs_log() {
            return Status::NotChecked(NotChecked::NotListed);
        }
        let Some(promise) = &entry.promise else {
            return if self.bundle.version.is_promised() {
                Status::Failed(LogError::NoPromise.into())
            } else {
                Status::NotChecked(NotChecked::NotThere)
            };
        };
        let promised = || {
            let (log, key) = entry::log_of(entry, &self.root.logs)?;
            let time = entry::promised(entry, promise, key)?;
            entry::check_windows(log, &[time])?;
            Ok::<_, LogError>(time)
        };
        match promised() {
            Ok(time) => {
                self.times.push(ProvenTime { time, by: TimeSource::LogPromise(item) });
                Status::Verified
            }
            Err(problem) => Status::Failed(problem.into()),
        }
    }

    /// Checks that a time is proven, and answers the times.
    fn need_time(&mut self) -> Vec<Timestamp> {
        let status = match self.times.first() {
            Some(_) => Status::Verified,
            None if self.root.proves_times() => Status::Failed(Failure::NoTime),
            None => Status::NotChecked(NotChecked::NotListed),
        };
        self.add(CheckName::Time, None, status, Need::Verified);
        self.distinct_times()
    }

    /// Returns the proven times, each once, earliest first.
    fn distinct_times(&self) -> Vec<Timestamp> {
        let times: BTreeSet<Timestamp> = self.times.iter().map(|proven| proven.time).collect();
        times.into_iter().collect()
    }

    /// Checks certificate and signature. Returns the signer only if the signature holds.
    fn by_certificate(&mut self, certificate: Certificate, signature: &[u8]) -> Option<Signer> {
        let times = self.need_time();
        let extra = match self.bundle.material() {
            Material::Certificates(chain) => chain.get(1..).unwrap_or_default(),
            Material::PublicKey { .. } => &[],
        };
        let path =
            |time| path::issuer_of(&certificate, extra, &self.root.authorities, Purpose::CodeSigning, time);
        let issuers: Result<BTreeSet<Vec<u8>>, _> = times.into_iter().map(path).collect();
        self.check_issuers(&certificate, issuers);
        let identity = CertificateIdentity::of(&certificate);
        let status = Status::of(identity.as_ref().map_err(Clone::clone));
        self.add(CheckName::Identity, None, status, Need::Verified);
        let status = match certificate.public_key() {
            Ok(key) => signed::check_signature(self.bundle.content(), self.artifact, &key, signature),
            Err(KeyError::Unsupported { algorithm }) => {
                Status::Unsupported { what: format!("{algorithm} keys") }
            }
            Err(problem) => Status::Failed(Failure::Key(problem)),
        };
        let holds = status == Status::Verified;
        self.add(CheckName::Signature, None, status, Need::Verified);
        let identity = identity.ok().filter(|_| holds)?;
        let (certificate, identity) = (Box::new(certificate), Box::new(identity));
        Some(Signer::Certificate { certificate, identity })
    }

    fn check_issuers(
        &mut self,
        certificate: &Certificate,
        issuers: Result<BTreeSet<Vec<u8>>, path::PathError>,
    ) {
        let needs_log = self.root.needs_certificate_log();
        let unproven = Status::NotChecked(NotChecked::BuildsOn { on: CheckName::Time });
        let (path, log) = match issuers {
            // Nothing to check the certificate at: it may have been valid at any time.
            Ok(issuers) if issuers.is_empty() => (unproven.clone(), unproven),
            Ok(_) if !needs_log => (Status::Verified, Status::NotChecked(NotChecked::NotListed)),
            Ok(issuers) => {
                let check = |issuer: &Vec<u8>| sct::check(certificate, issuer, &self.root.ct_logs);
                (Status::Verified, Status::of(issuers.iter().try_for_each(check)))
            }
            Err(problem) => {
                let on = CheckName::Certificate;
                (Status::Failed(problem.into()), Status::NotChecked(NotChecked::BuildsOn { on }))
            }
        };
        self.add(CheckName::Certificate, None, path, Need::Verified);
        let need = if needs_log { Need::Verified } else { Need::NotFailed };
        self.add(CheckName::CertificateLog, None, log, need);
    }

    /// Checks the signature with the known keys, and the window of the one that made it.
    fn by_key(&mut self, hint: &str, keys: &[&KnownKey], signature: &[u8]) -> Option<Signer> {
        let mut status: Option<Status> = None;
        let mut signers: Vec<&KnownKey> = Vec::new();
        for known in keys {
            match signed::check_signature(self.bundle.content(), self.artifact, known.key(), signature) {
                Status::Verified => signers.push(known),
                Status::Failed(_) => {
                    status.get_or_insert(Status::Failed(Failure::NoKey { tried: keys.len() }));
                }
                // That one key cannot be tried says more than that the others did not sign.
                other => status = Some(other),
            }
        }
        if signers.is_empty() {
            let hint = hint.chars().take(200).collect();
            let none = Status::NotChecked(NotChecked::NoKeyGiven { hint });
            self.add(CheckName::Signature, None, status.unwrap_or(none), Need::Verified);
            return None;
        }
        self.add(CheckName::Signature, None, Status::Verified, Need::Verified);
        // One key may be known with several windows, each for another use.
        let always = signers.iter().find(|known| *known.window() == Window::Always);
        if let Some(known) = always {
            self.add(CheckName::KeyWindow, None, Status::Verified, Need::Verified);
            return Some(Signer::Key(Box::new((*known).clone())));
        }
        let times = self.need_time();
        let in_window = |known: &&&KnownKey| times.iter().all(|time| known.window().contains(*time));
        let trusted = signers.iter().find(in_window).or(signers.first())?;
        let outside = times.iter().find(|time| !trusted.window().contains(**time));
        let status = match outside {
            _ if times.is_empty() => Status::NotChecked(NotChecked::BuildsOn { on: CheckName::Time }),
            Some(time) => {
                Status::Failed(Failure::KeyWindow { window: trusted.window().to_string(), time: *time })
            }
            None => Status::Verified,
        };
        self.add(CheckName::KeyWindow, None, status, Need::Verified);
        Some(Signer::Key(Box::new((*trusted).clone())))
    }

    fn check_entries(&mut self, signer: Option<&Signer>, signature: &[u8]) {
        if self.root.needs_log() && self.bundle.entries.is_empty() {
            self.add(CheckName::LogInclusion, None, Status::Failed(Failure::NoEntry), Need::Verified);
        }
        for (item, entry) in self.bundle.entries.iter().enumerate() {
            let (status, need) = self.check_inclusion(entry);
            self.add(CheckName::LogInclusion, Some(item), status, need);
            self.look_for_witnesses(item, entry);
            let status = match signer {
                None => Status::NotChecked(NotChecked::BuildsOn { on: CheckName::Signature }),
                Some(_) if !self.holds(CheckName::Certificate, None) => {
                    Status::NotChecked(NotChecked::BuildsOn { on: CheckName::Certificate })
                }
                Some(signer) => match self.check_body(entry, signer, signature) {
                    // It is of this signing, and nobody vouches that any log has it: whoever sends it may have made it up.
                    Status::Verified if !self.is_logged(item) => {
                        Status::NotChecked(NotChecked::BuildsOn { on: CheckName::LogInclusion })
                    }
                    status => status,
                },
            };
            let need = if self.root.needs_log() { Need::Verified } else { Need::NotFailed };
            self.add(CheckName::LogEntry, Some(item), status, need);
        }
    }

    /// Says whether a witness cosigned the tree that the entry is in, where witnesses are named.
    fn look_for_witnesses(&mut self, item: usize, entry: &LogEntry) {
        let Some(proof) = entry.proof.as_ref().filter(|_| !self.root.witnesses.is_empty()) else { return };
        let status = if entry::is_cosigned(proof, &self.root.witnesses) {
            Status::Verified
        } else {
            Status::NotChecked(NotChecked::NotCosigned)
        };
        self.add(CheckName::LogCosignature, Some(item), status, Need::Nothing);
    }

    /// Whether every check of this name, of this item, holds that was made.
    fn holds(&self, name: CheckName, item: Option<usize>) -> bool {
        let mut of_name = self.checks.iter().filter(|check| check.name == name && check.item == item);
        of_name.all(|check| check.status == Status::Verified)
    }

    /// Whether a trusted log vouches for the entry at this position: by its proof, or by its promise.
    fn is_logged(&self, item: usize) -> bool {
        let by = |name| {
            self.checks.iter().any(|check| {
                check.name == name && check.item == Some(item) && check.status == Status::Verified
            })
        };
        by(CheckName::LogInclusion) || by(CheckName::LogPromise)
    }

    /// Returns what came of the proof, and what the bundle's version needs of it.
    fn check_inclusion(&self, entry: &LogEntry) -> (Status, Need) {
        if !self.root.needs_log() {
            return (Status::NotChecked(NotChecked::NotListed), Need::NotFailed);
        }
        let first = self.bundle.version.is_promised();
        let need = if first { Need::NotFailed } else { Need::Verified };
        let proof = match &entry.proof {
            None if first => return (Status::NotChecked(NotChecked::NotThere), need),
            None => return (Status::Failed(LogError::NoProof.into()), need),
            Some(proof) if proof.checkpoint.is_none() && first => {
                return (Status::NotChecked(NotChecked::NoCheckpoint), need);
            }
            Some(proof) => proof,
        };
        let included = || {
            let (log, key) = entry::log_of(entry, &self.root.logs)?;
            entry::check_windows(log, &self.distinct_times())?;
            entry::included(entry, proof, log, key)
        };
        (Status::of(included()), need)
    }

    fn check_body(&self, entry: &LogEntry, signer: &Signer, signature: &[u8]) -> Status {
        let envelope = match self.bundle.content() {
            Content::Dsse(envelope) => Some(envelope),
            Content::Message(_) | Content::Image(_) => None,
        };
        let hashed = || {
            let payload = envelope.map_or(&[][..], Envelope::payload);
            *self.payload.get_or_init(|| Sha256::digest(payload).into())
        };
        let hashed: &dyn Fn() -> [u8; 32] = &hashed;
        let payload = envelope.map(|_| hashed);
        let payload_type = envelope.map(Envelope::payload_type);
        let verifier = match signer {
            Signer::Certificate { certificate, .. } => Verifier::Certificate(certificate.der()),
            Signer::Key(known) => Verifier::Key(known.key().spki_der()),
        };
        let digest = |algorithm| {
            let mut made = self.digests.borrow_mut();
            let new = || signed::digest(self.bundle.content(), self.artifact, algorithm);
            made.entry(algorithm).or_insert_with(new).clone()
        };
        let held = Held { payload, payload_type, signature, verifier, digest: &digest };
        match body::compare(entry, &held) {
            Ok(()) => Status::Verified,
            Err(BodyError::Unsupported { kind }) => {
                Status::Unsupported { what: format!("log entries of kind {kind:?}") }
            }
            Err(problem) => Status::Failed(Failure::Body(problem)),
        }
    }

    fn finish(self, signer: Option<Signer>) -> Result<VerifiedBundle<'a>, Unverified> {
        let Self { bundle, artifact, checks, times, .. } = self;
        let content = signer.as_ref().and_then(|signer| {
            let key: Option<PublicKey> = match signer {
                Signer::Certificate { certificate, .. } => certificate.public_key().ok(),
                Signer::Key(known) => Some(known.key().clone()),
            };
            signed::content_digest(bundle.content(), artifact, &key?)
        });
        match (signer, content) {
            (Some(signer), Some(content)) if checks.iter().all(Check::allows) => {
                Ok(VerifiedBundle { bundle, checks, times, signer, content })
            }
            _ => Err(Unverified { checks }),
        }
    }
}
