//! Every error of the layers below, as a refusal. The detail of a fault of ours goes to the log, not to the caller.

use std::time::Duration;

use custody_log::TreeSize;
use custody_wire::convert::FieldError;
use custody_wire::{Reason, Refusal};
use tonic::Code;

use crate::admission::SpoolError;
use crate::first_uses::FirstUseError;
use crate::index::IndexError;
use crate::journal::{ReadError, Refused};
use crate::ledger::LedgerError;
use crate::publish::TreeError;
use crate::query::QueryError;
use crate::sequencer::RecordError;

/// A field of the request.
#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
pub(super) fn field(error: FieldError) -> Refusal {
    Refusal::new(Reason::InvalidField, error.to_string())
}

/// An envelope that was not recorded.
pub(super) fn record(error: &RecordError) -> Refusal {
    match error {
        RecordError::Refused(refused) => {
            let code = if refused.is_about_rights() { Code::PermissionDenied } else { Code::InvalidArgument };
            Refusal::with_word(code, refused.word(), refused.to_string())
        }
        RecordError::Clock(error) => Refusal::new(Reason::ClockUnsteady, error.to_string()),
        RecordError::Journal(refused) => journal(refused),
        RecordError::Busy | RecordError::IndexBehind(_) | RecordError::KeysMoved => {
            Refusal::new(Reason::Busy, error.to_string())
        }
        RecordError::OutcomeUnknown => Refusal::new(Reason::OutcomeUnknown, error.to_string()),
        RecordError::Damaged(error) => read(error),
        RecordError::DamagedRecord { .. } => damaged(error),
        RecordError::Index(error) => index(error),
        RecordError::FirstUse(error) => match error.as_ref() {
            FirstUseError::Read(error) => read(error),
            FirstUseError::Entry { .. } | FirstUseError::Record { .. } => damaged(error),
        },
        RecordError::NoRandomness | RecordError::Internal => fault(error),
        RecordError::NotWriting => Refusal::new(Reason::NotWriting, error.to_string()),
        RecordError::KeysNotHeld { .. } => Refusal::new(Reason::KeysNotHeld, error.to_string()),
        RecordError::IssuerUnreachable { retry, .. } => later(Reason::IssuerUnreachable, error, *retry),
        RecordError::KeyNotSeen { retry, .. } => later(Reason::TokenKeyNotSeen, error, *retry),
        RecordError::KeysAwaited { retry, .. } => later(Reason::Busy, error, *retry),
        RecordError::ReadOnly => Refusal::new(Reason::ReadOnly, error.to_string()),
        RecordError::ShuttingDown => Refusal::new(Reason::ShuttingDown, error.to_string()),
    }
}

/// What may be another answer then. A second at least: a look at the keys of an issuer may be under way.
fn later(reason: Reason, error: &RecordError, retry: Duration) -> Refusal {
    Refusal::new(reason, error.to_string()).value(Refusal::RETRY_MS, retry.as_millis().max(1_000))
}

/// An upload that cannot be kept.
pub(super) fn spool(error: &SpoolError) -> Refusal {
    match error {
        SpoolError::DiskLow(_) => Refusal::new(Reason::DiskFull, error.to_string()),
        SpoolError::File { .. } => fault(error),
        SpoolError::TooMany { .. } | SpoolError::TooFew { .. } => {
            Refusal::new(Reason::DigestMismatch, error.to_string())
        }
    }
}

/// Something that cannot be read.
pub(super) fn read(error: &ReadError) -> Refusal {
    match error {
        ReadError::Beyond { size, .. } => {
            Refusal::new(Reason::NoSuchEntry, error.to_string()).value("size", size)
        }
        ReadError::Redacted { by, .. } => {
            Refusal::new(Reason::Redacted, error.to_string()).value("redaction", by)
        }
        ReadError::Damaged(_) => damaged(error),
        ReadError::Io { .. } => fault(error),
    }
}

/// A proof that cannot be made.
pub(super) fn tree(error: &TreeError) -> Refusal {
    match error {
        TreeError::Journal(error) => read(error),
        TreeError::Tile { .. } => fault(error),
        TreeError::Root { .. } | TreeError::Receipt(_) | TreeError::Proof(_) => damaged(error),
    }
}

/// The administrative chain that cannot be read.
pub(super) fn ledger(error: &LedgerError) -> Refusal {
    match error {
        LedgerError::Read(error) => read(error),
        LedgerError::Entry { .. } | LedgerError::Envelope { .. } => damaged(error),
        LedgerError::Journal(_)
        | LedgerError::Trust(_)
        | LedgerError::WrongKey(_)
        | LedgerError::Checkpoint(_)
        | LedgerError::Tree(_)
        | LedgerError::Publish(_)
        | LedgerError::Keep(_)
        | LedgerError::Erase(_)
        | LedgerError::View(_)
        | LedgerError::Newest(_)
        | LedgerError::Index(_)
        | LedgerError::IndexAhead { .. }
        | LedgerError::Clock(_)
        | LedgerError::Empty => fault(error),
    }
}

/// A question without an answer.
pub(super) fn query(error: &QueryError) -> Refusal {
    match error {
        QueryError::Word(_) | QueryError::Value(_) | QueryError::Node { .. } | QueryError::Package(_) => {
            Refusal::new(Reason::InvalidField, error.to_string())
        }
        QueryError::Beyond { committed, .. } => {
            Refusal::new(Reason::Behind, error.to_string()).value("size", committed)
        }
        QueryError::Behind { indexed_to, .. } => {
            Refusal::new(Reason::Behind, error.to_string()).value("size", indexed_to)
        }
        QueryError::TooMuch { .. } => Refusal::new(Reason::TooMuch, error.to_string()),
        // Nobody reads it.
        QueryError::Abandoned => Refusal::with_word(Code::Cancelled, "abandoned", error.to_string()),
        QueryError::Index(error) if error.is_healed_soon() => {
            Refusal::new(Reason::Behind, error.to_string()).value("size", TreeSize::ZERO)
        }
        QueryError::Index(error) => fault(error),
    }
}

fn journal(refused: &Refused) -> Refusal {
    match refused {
        Refused::DiskFull { .. } => Refusal::new(Reason::DiskFull, refused.to_string()),
        Refused::TooLarge { .. } | Refused::RecordTooLarge { .. } => {
            Refusal::new(Reason::TooLarge, refused.to_string())
        }
        Refused::Empty | Refused::Position { .. } | Refused::Entry { .. } => fault(refused),
    }
}

/// Nothing was written; where the index heals itself, sending it again soon is right. The index itself says in the log what it
/// is at, and not once for each that asks meanwhile.
fn index(error: &IndexError) -> Refusal {
    if error.is_healed_soon() {
        return Refusal::new(Reason::NotWriting, error.to_string());
    }
    fault(error)
}

/// Bytes on disk that are not what was written.
pub(super) fn damaged(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(error = %chain(error), "damage on disk: custodyd fsck names all of it");
    Refusal::new(Reason::Damaged, "bytes on the server's disk are damaged; its log says where")
}

fn fault(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(error = %chain(error), "a request failed");
    Refusal::new(Reason::Internal, "the server could not do it; its log says why")
}

fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
