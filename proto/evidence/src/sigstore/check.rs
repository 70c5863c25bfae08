//! What was checked about a bundle, and what came out. "Failed", "not checked" and "not supported" never look alike.

use custody_log::Timestamp;

use super::body::BodyError;
use super::certificate::CertificateError;
use super::entry::LogError;
use super::identity::IdentityProblem;
use super::path::PathError;
use super::sct::SctError;
use super::timestamp::TimestampProblem;
use crate::dsse::Base64Error;
use crate::key::{KeyError, SignatureError};

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CheckName {
    /// The artifact that the verifier has is the one that was signed, or a subject of the statement.
    Artifact,
    /// A path leads from the signer's certificate to a trusted authority at every proven time.
    Certificate,
    /// A trusted log of certificates vouches that the certificate was issued in public.
    CertificateLog,
    /// The certificate says who its holder is.
    Identity,
    /// The key of a keyed bundle is trusted at every proven time.
    KeyWindow,
    /// A witness that is named cosigned the tree that a log entry is in.
    LogCosignature,
    /// A log entry is of exactly this signing.
    LogEntry,
    /// A log entry is in the tree of a trusted log.
    LogInclusion,
    /// A trusted log promised to take an entry in, at a time.
    LogPromise,
    /// The signature holds.
    Signature,
    /// Some time of the signing is proven.
    Time,
    /// An RFC 3161 time stamp proves a time.
    Timestamp,
}

/// What came out of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Verified,
    /// It does not hold.
    Failed(Failure),
    /// Nobody knows.
    NotChecked(NotChecked),
    /// It is made in a way that is not supported.
    Unsupported {
        /// In what way.
        what: String,
    },
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: CheckName,
    /// Which log entry or time stamp, 0-based; none if there is only one such thing.
    pub item: Option<usize>,
    /// What came out.
    pub status: Status,
    /// What it means for the whole.
    pub need: Need,
}

/// What must come out of a check for the bundle to count as verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// Nothing: one that does not hold counts as absent. Whoever can add a bad one could as well take a good one away.
    Nothing,
    /// That it does not fail.
    NotFailed,
    /// That it holds.
    Verified,
}

/// Why a check does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The signature's base64 cannot be read.
    #[error("the signature is not base64: {0}")]
    Base64(Base64Error),
    /// The key did not make the signature.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// None of the known keys made it.
    #[error("none of the {tried} known keys made the signature")]
    NoKey {
        /// How many were tried.
        tried: usize,
    },
    /// The certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The key in the certificate cannot be used.
    #[error("the key in the certificate: {0}")]
    Key(KeyError),
    /// No path leads to a trusted authority.
    #[error(transparent)]
    Path(#[from] PathError),
    /// No log of certificates vouches for it.
    #[error(transparent)]
    CertificateLog(#[from] SctError),
    /// It does not say who its holder is.
    #[error(transparent)]
    Identity(#[from] IdentityProblem),
    /// The entry is not proven to be in a trusted log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The entry is of another signing.
    #[error("the log entry is of another signing: {0}")]
    Body(BodyError),
    /// The bundle has no log entry, and needs one.
    #[error("the trusted root lists logs, and the bundle has no log entry")]
    NoEntry,
    /// The time stamp proves no time.
    #[error(transparent)]
    Timestamp(#[from] TimestampProblem),
    /// No time is proven.
    #[error("no time of the signing is proven: neither a log's promise nor an RFC 3161 time stamp holds")]
    NoTime,
    /// The key is not trusted at that time.
    #[error("the key is trusted {window}, not at {time}")]
    KeyWindow {
        /// When it is trusted.
        window: String,
        /// The proven time.
        time: Timestamp,
    },
    /// Something else was signed.
    #[error("the artifact is not the one that was signed")]
    OtherArtifact,
    /// What was signed is no statement about artifacts.
    #[error("what was signed is not an in-toto statement, so it is about no artifact")]
    NoStatement,
}

/// Why something was not checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotChecked {
    /// The bundle does not have it, and does not need it.
    #[error("the bundle has none")]
    NotThere,
    /// The root lists nobody to check it with.
    #[error("the trusted root lists nobody to check it with")]
    NotListed,
    /// No line of the checkpoint is by a witness that is named.
    #[error("none of the witnesses that are named cosigned the checkpoint")]
    NotCosigned,
    /// By somebody of whom the root says nothing.
    #[error("{0}")]
    Stranger(TimestampProblem),
    /// The verifier has no artifact.
    #[error("no artifact was given")]
    NoArtifact,
    /// The verifier has the artifact's digest by other algorithms only.
    #[error("the artifact's {algorithm} digest is needed, and was not given")]
    OtherDigest {
        /// The algorithm that is needed.
        algorithm: &'static str,
    },
    /// The signature is over the whole artifact, and only its digest is known.
    #[error("the signature is checked over the whole artifact, and it was not given")]
    NeedsArtifact,
    /// The bundle names a key, and the verifier knows none.
    #[error("the bundle is signed with a key ({hint:?}), and no key was given")]
    NoKeyGiven {
        /// What the bundle says of the key, cut to 200 characters.
        hint: String,
    },
    /// Something that it builds on does not hold.
    #[error("{on} was not verified")]
    BuildsOn {
        /// What it builds on.
        on: CheckName,
    },
    /// A proof without a checkpoint in a bundle that does not need one.
    #[error("the proof has no checkpoint, so it proves nothing; version 0.1 does not need it")]
    NoCheckpoint,
}

impl CheckName {
    /// Returns the name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Certificate => "certificate",
            Self::CertificateLog => "certificate_log",
            Self::Identity => "identity",
            Self::KeyWindow => "key_window",
            Self::LogCosignature => "log_cosignature",
            Self::LogEntry => "log_entry",
            Self::LogInclusion => "log_inclusion",
            Self::LogPromise => "log_promise",
            Self::Signature => "signature",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
        }
    }
}

impl std::fmt::Display for CheckName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Status {
    /// Turns what a check gave into its status.
    pub(super) fn of<T, E: Into<Failure>>(result: Result<T, E>) -> Self {
        match result {
            Ok(_) => Self::Verified,
            Err(problem) => Self::Failed(problem.into()),
        }
    }
}

/// Says what was found: `verified`, or which of the others and why.
impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Verified => f.write_str("verified"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::NotChecked(why) => write!(f, "not checked: {why}"),
            Self::Unsupported { what } => write!(f, "not supported: {what}"),
        }
    }
}

impl Check {
    /// Whether the bundle may count as verified as far as this check goes.
    #[must_use]
    pub const fn allows(&self) -> bool {
        match (&self.status, self.need) {
            (Status::Verified, _) | (_, Need::Nothing) | (Status::NotChecked(_), Need::NotFailed) => true,
            (Status::NotChecked(_) | Status::Failed(_) | Status::Unsupported { .. }, _) => false,
        }
    }
}

/// Writes `<name>[<item>]: <status>`.
impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.item {
            Some(item) => write!(f, "{}[{item}]: {}", self.name, self.status),
            None => write!(f, "{}: {}", self.name, self.status),
        }
    }
}
