//! Refusals on the wire: a gRPC status for machines that know gRPC, a stable reason word for everything else.
//!
//! The word travels as `google.rpc.ErrorInfo` with the domain `custody`; its metadata carries values that a
//! program may want, such as the size that a server is at. Words are never renamed. Reasons that concern an
//! envelope (`bad_signature`, `unknown_key`, ...) are the words of the admission rules.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::v1::Refused;

const DOMAIN: &str = "custody";

/// Why a server refused, when it is not about an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The server is not yet at `min_size`. Metadata: `size`. Try again.
    Behind,
    /// Bytes on the server's disk are damaged: run `custodyd fsck`.
    Damaged,
    /// A field of the request holds what it must not.
    InvalidField,
    /// The server met a state that it excludes: a bug.
    Internal,
    /// The request names another log. Metadata: `origin`.
    WrongOrigin,
    /// No such entry. Metadata: `size`.
    NoSuchEntry,
    /// The entry has no such attachment.
    NoSuchAttachment,
    /// An identity token that has not ended. Metadata: `after_micros`. Try again after that.
    NotYet,
    /// The keys of the token's issuer are not known, and could not be fetched. Try again.
    IssuerUnreachable,
    /// The token's issuer was asked a moment ago, and did not publish the key that the token names. Metadata: `retry_ms`. Try again
    /// after that: an issuer may just have changed its keys.
    TokenKeyNotSeen,
    /// What was asked for was erased by redaction.
    Redacted,
    /// The server stopped writing after a failed write whose outcome is unknown; it recovers on its own. The
    /// envelope may or may not be recorded: recording it again is safe.
    OutcomeUnknown,
    /// The disk is nearly full; nothing was written.
    DiskFull,
    /// Too much is being asked at once. Try again.
    Busy,
    /// The server cannot write at the moment; nothing was written. Try again.
    NotWriting,
    /// The log was restored from a backup and may lack what was recorded later; nothing was written. An administrator must
    /// bring the newest checkpoint known.
    ReadOnly,
    /// A trust document names a log or freshness key that this server does not hold.
    KeysNotHeld,
    /// The server is shutting down. Try again.
    ShuttingDown,
    /// The envelope is larger than the call takes. Metadata: `max`.
    TooLarge,
    /// What may be read for one question was read, and nothing is known yet. Ask a narrower one.
    TooMuch,
    /// The bytes that came are not those that the header declared.
    DigestMismatch,
    /// The stream's first message is not a header, or a later one is.
    StreamOrder,
    /// An upload stood still for too long. Try again.
    Stalled,
    /// The server's clock cannot be trusted for a new entry; nothing was written.
    ClockUnsteady,
    /// The caller has used up what it may ask in a minute. Metadata: `retry_ms`. Try again after that.
    OverBudget,
    /// The log is read by those with a client certificate only, and none was shown.
    NoCertificate,
    /// The client certificate says nothing: it ended, or no authority that the server knows issued it.
    BadCertificate,
    /// The client certificate names nobody who may read.
    NotAReader,
}

impl Reason {
    /// Every reason, in no order.
    pub const ALL: [Self; 28] = [
        Self::Behind,
        Self::Damaged,
        Self::InvalidField,
        Self::Internal,
        Self::WrongOrigin,
        Self::NoSuchEntry,
        Self::NoSuchAttachment,
        Self::NotYet,
        Self::IssuerUnreachable,
        Self::TokenKeyNotSeen,
        Self::Redacted,
        Self::OutcomeUnknown,
        Self::DiskFull,
        Self::Busy,
        Self::NotWriting,
        Self::ReadOnly,
        Self::KeysNotHeld,
        Self::ShuttingDown,
        Self::TooLarge,
        Self::TooMuch,
        Self::DigestMismatch,
        Self::StreamOrder,
        Self::Stalled,
        Self::ClockUnsteady,
        Self::OverBudget,
        Self::NoCertificate,
        Self::BadCertificate,
        Self::NotAReader,
    ];

    /// Returns the stable word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Behind => "behind",
            Self::Damaged => "damaged",
            Self::InvalidField => "invalid_field",
            Self::Internal => "internal",
            Self::WrongOrigin => "wrong_origin",
            Self::NoSuchEntry => "no_such_entry",
            Self::NoSuchAttachment => "no_such_attachment",
            Self::NotYet => "not_yet",
            Self::IssuerUnreachable => "issuer_unreachable",
            Self::TokenKeyNotSeen => "token_key_not_seen",
            Self::Redacted => "redacted",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::DiskFull => "disk_full",
            Self::Busy => "busy",
            Self::NotWriting => "not_writing",
            Self::ReadOnly => "read_only",
            Self::KeysNotHeld => "keys_not_held",
            Self::ShuttingDown => "shutting_down",
            Self::TooLarge => "too_large",
            Self::TooMuch => "too_much",
            Self::DigestMismatch => "digest_mismatch",
            Self::StreamOrder => "stream_order",
            Self::Stalled => "stalled",
            Self::ClockUnsteady => "clock_unsteady",
            Self::OverBudget => "over_budget",
            Self::NoCertificate => "no_certificate",
            Self::BadCertificate => "bad_certificate",
            Self::NotAReader => "not_a_reader",
        }
    }

    /// Returns the reason that a word stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }

    /// Returns the status code that goes with it.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::Behind
            | Self::NotWriting
            | Self::OutcomeUnknown
            | Self::ShuttingDown
            | Self::Stalled
            | Self::IssuerUnreachable
            | Self::TokenKeyNotSeen
            | Self::ClockUnsteady => Code::Unavailable,
            Self::Damaged => Code::DataLoss,
            Self::InvalidField | Self::TooLarge | Self::DigestMismatch | Self::StreamOrder => {
                Code::InvalidArgument
            }
            Self::Internal => Code::Internal,
            Self::WrongOrigin | Self::KeysNotHeld | Self::ReadOnly | Self::NotYet => Code::FailedPrecondition,
            Self::NoSuchEntry | Self::NoSuchAttachment | Self::Redacted => Code::NotFound,
            Self::DiskFull | Self::Busy | Self::TooMuch | Self::OverBudget => Code::ResourceExhausted,
            Self::NoCertificate | Self::BadCertificate => Code::Unauthenticated,
            Self::NotAReader => Code::PermissionDenied,
        }
    }
}

/// A refusal as it travels: status code, reason word, text for people, values for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    word: String,
    message: String,
    metadata: HashMap<String, String>,
}

impl Refusal {
    /// The value that says after how many milliseconds to try again. It travels as `google.rpc.RetryInfo` too.
    pub const RETRY_MS: &str = "retry_ms";

    /// Makes a refusal that is not about an envelope.
    #[must_use]
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self::with_word(reason.code(), reason.word(), message)
    }

    /// Makes a refusal of an envelope with the word of the admission rule.
    #[must_use]
    pub fn with_word(code: Code, word: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, word: word.into(), message: message.into(), metadata: HashMap::new() }
    }

    /// Adds a value for programs.
    #[must_use]
    pub fn value(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.metadata.insert(key.to_owned(), value.to_string());
        self
    }

    /// Reads a status; none if it does not come from a Custody server (a proxy, or no server at all).
    #[must_use]
    pub fn from_status(status: &Status) -> Option<Self> {
        let info = status.get_details_error_info()?;
        (info.domain == DOMAIN).then(|| Self {
            code: status.code(),
            word: info.reason,
            message: status.message().to_owned(),
            metadata: info.metadata,
        })
    }

    /// Returns the status code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Returns the stable reason word.
    #[must_use]
    pub fn word(&self) -> &str {
        &self.word
    }

    /// Returns the reason, when it is not about an envelope and this version knows it.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Reason::from_word(&self.word)
    }

    /// Returns the text for people. It comes from the other side: escape it before showing it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns after how long to try again, if the server says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.metadata(Self::RETRY_MS)?.parse().ok().map(Duration::from_millis)
    }

    /// Returns one of the values for programs.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }
}

/// Inside the answers of a bulk stream, where one envelope is refused and the stream goes on.
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let Refusal { code, word, message, metadata } = refusal;
        Self { code: code.into(), word, message, values: metadata }
    }
}

/// What came from a server: any code and any text.
impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        let Refused { code, word, message, values } = refused;
        Self { code: Code::from(code), word, message, metadata: values }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let retry = refusal.retry_after();
        let mut details = ErrorDetails::with_error_info(refusal.word, DOMAIN, refusal.metadata);
        if retry.is_some() {
            details.set_retry_info(retry);
        }
        Self::with_error_details(refusal.code, refusal.message, details)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_wire() {
        for reason in Reason::ALL {
            let sent = Refusal::new(reason, "what happened").value("size", 7);
            let received = Refusal::from_status(&sent.clone().into()).unwrap();
            assert_eq!(received, sent);
            assert_eq!(received.reason(), Some(reason));
            assert_eq!(received.metadata("size"), Some("7"));
            assert_eq!(Refusal::from(Refused::from(sent.clone())), sent);
        }
    }

    #[test]
    fn a_delay_travels_as_gracious_clients_expect_it() {
        let refusal = Refusal::new(Reason::OverBudget, "x").value(Refusal::RETRY_MS, 1_500);
        let status = Status::from(refusal);
        let info = status.get_details_retry_info().unwrap();
        assert_eq!(info.retry_delay, Some(Duration::from_millis(1_500)));
        assert_eq!(Refusal::from_status(&status).unwrap().retry_after(), info.retry_delay);
        let without = Status::from(Refusal::new(Reason::Busy, "x"));
        assert!(without.get_details_retry_info().is_none());
    }

    #[test]
    fn a_status_of_another_origin_is_not_a_refusal_of_ours() {
        assert_eq!(Refusal::from_status(&Status::unavailable("proxy")), None);
        let details = ErrorDetails::with_error_info("behind", "example.com", HashMap::new());
        let foreign = Status::with_error_details(Code::Unavailable, "x", details);
        assert_eq!(Refusal::from_status(&foreign), None);
    }
}
