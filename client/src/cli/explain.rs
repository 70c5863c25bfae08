//! What the library refuses, in the words of the command line: exit code, stable word, message, hint.

use std::borrow::Cow;
use std::path::PathBuf;

use custody_client::check::CheckError;
use custody_client::connection::{AddressError, CallError};
use custody_client::ledger::{LedgerError, PinOfError, RecordError};
use custody_client::memory::MemoryError;
use custody_client::tls::{TlsFileError, TlsRefusal};
use custody_client::trust::{ReplayError, TrustFileError};
use custody_wire::{Reason, Refusal};

use super::failure::Failure;

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        let message = error.to_string();
        match error {
            LedgerError::Address(error) => error.into(),
            LedgerError::Call(error) => error.into(),
            LedgerError::Replay(error) => error.into(),
            LedgerError::Memory(error) => error.into(),
            LedgerError::Behind { .. } => Self::unknown("behind", message).hint(BEHIND),
            LedgerError::NoSuchTree { .. } => {
                Self::usage("no_such_tree", message).hint("leave out --at for the newest tree, or give a smaller size")
            }
            LedgerError::Rollback { evidence, .. } => {
                Self::no("rollback", message).hint(evidence_hint(&evidence))
            }
            LedgerError::Fork { evidence, .. } => Self::no("fork", message).hint(evidence_hint(&evidence)),
            LedgerError::Checkpoint(_) => Self::no("bad_checkpoint", message).hint(
                "the server does not hold the key of the pinned log: check --server and --trust, then ask the log's \
                 operator",
            ),
            LedgerError::Protocol(_) => Self::no("not_verified", message).hint(NOT_BELIEVED),
            LedgerError::Check(error) => Self::from(error).prefixed("the server sent an entry that is not to be believed"),
            LedgerError::ForgedEdge { .. } => Self::no("forged_edge", message).hint(NOT_BELIEVED),
            LedgerError::NotRedacted { .. } => Self::no("not_redacted", message).hint(NOT_BELIEVED),
            LedgerError::NotShown { .. } => Self::no("not_shown", message).hint(NOT_BELIEVED),
            LedgerError::UnrelatedEdge { .. } => Self::no("unrelated_edge", message).hint(NOT_BELIEVED),
            LedgerError::NotAsked { .. } | LedgerError::OtherNode { .. } => Self::no("not_asked", message).hint(NOT_BELIEVED),
            LedgerError::Unsearched { below } => Self::unknown("unsearched", message).hint(format!(
                "nothing is known of those entries; `custody find` with the same conditions and --next {below} goes on there"
            )),
            LedgerError::TooMuch { .. } => Self::unknown("too_much", message).hint(
                "ask for fewer at once: a smaller --limit and --next with find, --depth with trace; `--verify logged` takes less",
            ),
            LedgerError::TrustFile { source, .. } if matches!(*source, TrustFileError::Critical { .. }) => {
                Self::usage("trust_file", message).hint(NEWER_CUSTODY)
            }
            LedgerError::TrustFile { path, .. } => {
                let hint = format!("move {} away: it is fetched again, and verified from the pin on", path.display());
                Self::usage("trust_file", message).hint(hint)
            }
            LedgerError::Remembered { path, .. } => {
                let hint = format!(
                    "find out what changed {}; without it, a rollback of the log before now is not noticed",
                    path.display()
                );
                Self::usage("remembered_checkpoint", message).hint(hint)
            }
        }
    }
}

const NEWER_CUSTODY: &str = "a newer custody wrote the file: install that one, or a newer one";

const BEHIND: &str = "try again, or give a longer --timeout; a server that stays behind was perhaps restored from an old backup, and lacks \
     what was recorded since: do not record to it before its operator has looked into that";

const NOT_BELIEVED: &str = "nothing of the answer was used; report it to the log's operator";

fn evidence_hint(evidence: &[PathBuf]) -> String {
    let stop = "do not record to this log and do not rely on its answers";
    match evidence {
        [one, two] => format!(
            "{stop}; the two signed checkpoints that prove it are {} and {}: show them to its operator and to others \
             who use it",
            one.display(),
            two.display()
        ),
        _ => format!("{stop}; the two signed checkpoints that prove it could not be saved"),
    }
}

impl From<CheckError> for Failure {
    fn from(error: CheckError) -> Self {
        let hint = match &error {
            CheckError::UnknownTrust { .. } => {
                "the trust file is older than the entry: run an online command, or `custody trust show --out FILE`, to \
                 bring it up to date"
            }
            CheckError::WrongAdmin { .. } => {
                "the log chose another trust document than the one that held; report it to those who administer it"
            }
            CheckError::RecordMissing { .. } => {
                "only a redaction may erase it; report it to the log's operator"
            }
            _ => "nothing of the entry was used; report it to the log's operator",
        };
        Self::no("not_verified", error.to_string()).hint(hint)
    }
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let message = format!("the log's administrative entries are not to be believed: {error}");
        match error {
            ReplayError::Genesis { .. } => Self::no("wrong_log", message).hint(
                "this is another log than the pinned one; if it was made anew on purpose, pin it with `custody init`",
            ),
            ReplayError::Withheld { .. } | ReplayError::NotNewest { .. } => Self::no("admin_withheld", message).hint(
                "the server hides a trust document or a distrust; do not rely on its answers, and report it to the \
                 log's operator",
            ),
            _ => Self::no("bad_trust_chain", message).hint(NOT_BELIEVED),
        }
    }
}

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Self {
        let hint = match &error {
            AddressError::Form { .. } => {
                "write the scheme, the host and the port: --server https://custody.example.com:4600"
            }
            AddressError::Scheme { .. } => {
                "use https://; http:// is for this machine, and for a network that is private: every answer is verified, but \
                 nothing hides what is sent"
            }
            AddressError::Tls(error) => return tls_file(error),
        };
        Self::usage("bad_address", error.to_string()).hint(hint)
    }
}

fn tls_file(error: &TlsFileError) -> Failure {
    let hint = match error {
        TlsFileError::Read { .. } => {
            "check --ca, --client-cert and --client-key, and that this user may read the files"
        }
        TlsFileError::Content { .. } => {
            "name files in PEM with --ca, --client-cert and --client-key: -----BEGIN CERTIFICATE-----, or -----BEGIN \
             PRIVATE KEY-----"
        }
        TlsFileError::Key { .. } => "name a certificate and its own key: --client-cert, --client-key",
        TlsFileError::NoSystemRoots { .. } => {
            "install the certificates of your system (often the package ca-certificates), or name a file with --ca"
        }
    };
    Failure::usage("bad_tls_file", error.to_string()).hint(hint)
}

/// A server that is not spoken to: nothing is known about what was asked.
fn no_tls(why: &TlsRefusal, message: String) -> Failure {
    let hint = match why {
        TlsRefusal::Name { .. } => "check --server: use a name that the certificate holds for",
        TlsRefusal::Issuer { .. } => "name the authority that issues the server's certificate with --ca FILE",
        TlsRefusal::Time { .. } => "the log's operator must renew it; or this machine's clock is wrong",
        TlsRefusal::Certificate { .. } => {
            "show this to the log's operator: the certificate must be issued anew"
        }
        TlsRefusal::NotTls { .. } => {
            "check --server: http:// if the server is on this machine, else its operator must set up TLS"
        }
        TlsRefusal::NoHttp2 => "check --server: a proxy, or another service, may stand at this address",
        TlsRefusal::SpeaksTls => "write https:// in the address",
        TlsRefusal::Ended { .. } => "the server's log says why",
    };
    Failure::unknown("no_tls", message).hint(hint)
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let message = error.to_string();
        match error {
            CallError::Refused(refusal) => refused(&refusal),
            CallError::Unreachable { .. } => Self::unknown("unreachable", message)
                .hint("check --server and that custodyd runs there; nothing is known about what was asked"),
            CallError::Tls { ref why, .. } => no_tls(why, message),
            CallError::TimedOut { .. } => Self::unknown("timed_out", message)
                .hint("try again, or give a longer --timeout; recording again is safe"),
            CallError::TooMany(_) => Self::no("not_verified", message).hint(NOT_BELIEVED),
            CallError::Foreign { .. } => Self::unknown("not_custody", message)
                .hint("check --server: a proxy, or another service, may stand at this address"),
        }
    }
}

fn refused(refusal: &Refusal) -> Failure {
    let message = format!("the server refused: {}", refusal.message());
    let word = stable_word(refusal.word());
    let Some(reason) = refusal.reason() else {
        return Failure::no(word, message)
            .hint("a newer server gives this reason: a newer custody may explain it");
    };
    match reason {
        Reason::NoSuchEntry => Failure::no_record(message).hint("`custody find` lists the entries there are"),
        Reason::Redacted => {
            Failure::no(word, message).hint("what the entry held was erased; the entry and its proofs stay")
        }
        Reason::WrongOrigin => Failure::usage(word, message)
            .hint("the server keeps another log than the pinned one: check --server and --trust"),
        Reason::InvalidField => Failure::usage(word, message).hint(
            "correct what was asked for; if it is right, server and client may be of different versions",
        ),
        Reason::TooMuch => Failure::usage(word, message).hint("name more of what is meant"),
        Reason::TooLarge => Failure::no(word, message)
            .hint("split it into several statements, or name large documents by their digest"),
        Reason::KeysNotHeld => Failure::no(word, message)
            .hint("start the server with the new keys first; changing them while it runs is not possible"),
        Reason::Damaged => {
            Failure::unknown(word, message).hint("the server's operator must run `custodyd fsck`")
        }
        Reason::DiskFull => {
            Failure::unknown(word, message).hint("nothing was recorded; the server's disk is full")
        }
        Reason::ReadOnly => Failure::unknown(word, message).hint(
            "nothing was recorded; reading works. The log's administrator must bring what was recorded after the backup, or \
             show that nothing was (custodyd run --checkpoint); then record again",
        ),
        Reason::OutcomeUnknown => Failure::unknown(word, message)
            .hint("it may or may not be recorded; recording it again is safe and gives the same entry"),
        Reason::Behind => Failure::unknown(word, message).hint(BEHIND),
        Reason::OverBudget => Failure::unknown(word, message)
            .hint("wait, ask for less at once, or ask the log's operator for more (custodyd run --calls-per-minute)"),
        Reason::NoCertificate => Failure::unknown(word, message)
            .hint("give your certificate and its key: --client-cert FILE --client-key FILE"),
        Reason::BadCertificate => Failure::unknown(word, message)
            .hint("give a certificate that this log's operator issues: --client-cert FILE --client-key FILE"),
        Reason::NotAReader => Failure::unknown(word, message)
            .hint("ask the log's operator to add this identity to the list of readers"),
        Reason::NoSuchAttachment => {
            Failure::no_record(message).hint("`custody show` lists what the admission record names")
        }
        Reason::NotYet => Failure::unknown(word, message)
            .hint("an identity token is shown when it has ended: ask again after that time"),
        Reason::IssuerUnreachable => Failure::unknown(word, message).hint(
            "nothing was recorded; recording again is safe. If it stays so, the log's operator must look at its way to the issuer",
        ),
        Reason::TokenKeyNotSeen => Failure::unknown(word, message).hint(
            "nothing was recorded; recording again in a minute is safe: an issuer that has just changed its keys is asked again. If it stays \
             so, another issuer made the token",
        ),
        Reason::Busy
        | Reason::NotWriting
        | Reason::ShuttingDown
        | Reason::Stalled
        | Reason::ClockUnsteady
        | Reason::DigestMismatch
        | Reason::StreamOrder
        | Reason::Internal => Failure::unknown(word, message).hint("try again; recording again is safe"),
    }
}

/// Returns a word from the wire if it has the form of one.
fn stable_word(word: &str) -> Cow<'static, str> {
    let fits = !word.is_empty()
        && word.len() <= 64
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if fits { Cow::Owned(word.to_owned()) } else { Cow::Borrowed("refused") }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Self {
        let message = error.to_string();
        match error {
            RecordError::Ledger(LedgerError::Unsearched { .. }) => Self::unknown("unsearched", message).hint(
                "nothing is known of those entries; recording again is safe, and gives the same answer until the search ends",
            ),
            RecordError::Ledger(error) => error.into(),
            RecordError::Refused { word, .. } => {
                let hint = format!("nothing was recorded; {}", after_refusal(&word));
                Self::no(stable_word(&word), message).hint(hint)
            }
            RecordError::TooLarge { .. } => Self::no("too_large", message)
                .hint("split it into several statements, or name large documents by their digest"),
            RecordError::NotADuplicate { .. } => Self::no("not_a_duplicate", message)
                .hint("the signature is not known to be recorded; report it to the log's operator"),
            RecordError::OtherEnvelope { .. } | RecordError::OtherContent { .. } => {
                Self::no("wrong_receipt", message).hint(
                    "it is not known whether the envelope was recorded; report it to the log's operator",
                )
            }
        }
    }
}

/// Returns what can be done when admission refuses with this word.
fn after_refusal(word: &str) -> &'static str {
    match word {
        "token_issuer" => {
            "an administrator of the log adds an issuer: custody trust propose --add-issuer URL"
        }
        "token_audience" => {
            "let custody ask for the token itself, or let the job's definition ask for the audience that `custody trust show` \
             names"
        }
        "token_expired" => "run the step again: the CI system gives a new token",
        "token_not_yet" => "a clock is wrong, the log's or the CI system's: tell the log's operator",
        "token_reused" => {
            "all commands of one job sign with the key that the first one kept: give them one --state-dir; if this job did not \
             use the token before, somebody else did, and has it"
        }
        "token_key_unknown" | "token_signature" => {
            "the issuer may have changed its keys a moment ago: run the step again in a minute"
        }
        "token_trigger" => {
            "record from a job that runs after the merge: a push to the branch, a tag or a release"
        }
        "token_algorithm" | "token_lifetime" | "token_claim" => {
            "`custody trust show` says what this log asks of the issuer's tokens"
        }
        "identity_not_allowed" => {
            "`custody trust show` lists who may record what; an administrator adds a rule: custody trust propose --add-identity \
             NAME=ISSUER --claim CLAIM=VALUE"
        }
        _ => "`custody inspect FILE` says what an envelope holds",
    }
}

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Self {
        Self::usage("state_dir", error.to_string())
            .hint("give a directory that can be read and written with --state-dir DIR or CUSTODY_STATE_DIR")
    }
}

impl From<TrustFileError> for Failure {
    fn from(error: TrustFileError) -> Self {
        let hint = match error {
            TrustFileError::Critical { .. } => NEWER_CUSTODY,
            _ => "`custody trust show --out FILE` writes one",
        };
        Self::usage("trust_file", error.to_string()).hint(hint)
    }
}

impl From<PinOfError> for Failure {
    fn from(error: PinOfError) -> Self {
        let message = error.to_string();
        match error {
            PinOfError::Address(error) => error.into(),
            PinOfError::Call(error) => error.into(),
            PinOfError::Pin(_) => Self::no("not_verified", message).hint(
                "nothing was pinned; check --server: the log's operator knows its address, and must look into it if this \
                 is the right one",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
