//! What a user reads for each error of the library: exit code, `error:` and `hint:`, word for word.

mod answers;
mod files;
mod keyless;
mod local;

use std::path::{Path, PathBuf};

use custody_client::connection::{AddressError, CallError};
use custody_client::ledger::RecordError;
use custody_client::memory::MemoryError;
use custody_client::pin::PinError;
use custody_client::tls::{Shown, TlsFileError, TlsRefusal};
use custody_client::trust::TrustFileError;
use custody_evidence::admission::Addition;
use custody_log::{ContentDigest, EnvelopeDigest, LeafIndex, RecordDigest, TreeSize};
use custody_tests::every;
use custody_tests::words::hold;

use super::*;

/// Holds texts in the golden of this name.
fn golden(name: &str, found: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/explain");
    hold(&folder.join(format!("{name}.txt")), found);
}

/// Returns the whole text of each failure, below its variant, exit code and word; each says what to do.
fn texts<E>(title: &str, listed: Vec<(&str, E)>, failure: impl Fn(E) -> Failure) -> String {
    let each = |(variant, error): (&str, E)| {
        let failure = failure(error);
        assert!(failure.hint.is_some(), "{title}::{variant} says what to do: {failure:?}");
        format!(
            "# {title}::{variant}, exit {}, {}\n{}\n",
            failure.exit.number(),
            failure.code,
            failure.text()
        )
    };
    listed.into_iter().map(each).collect()
}

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

fn envelope(text: &str) -> EnvelopeDigest {
    EnvelopeDigest::of(text.as_bytes())
}

fn content(text: &str) -> ContentDigest {
    ContentDigest::of(text.as_bytes())
}

fn record(text: &str) -> RecordDigest {
    RecordDigest::of(text.as_bytes())
}

fn denied() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::PermissionDenied, "Permission denied (os error 13)")
}

/// What a user reads for each reason word of a server, and for files of ours that were damaged.
#[test]
fn every_reason_and_every_damaged_file_has_its_words() {
    let mut failures: Vec<Failure> = Reason::ALL
        .into_iter()
        .map(|reason| CallError::Refused(Box::new(Refusal::new(reason, "what the server said"))).into())
        .collect();
    let path = || PathBuf::from("state/trust.json");
    let damaged = [
        TrustFileError::Format { found: "custody/other/v1".to_owned() },
        TrustFileError::Critical { name: "quorum".to_owned() },
    ];
    let damaged = damaged.map(|source| LedgerError::TrustFile { path: path(), source: Box::new(source) });
    failures.extend(damaged.map(Failure::from));
    failures.push(LedgerError::Memory(MemoryError::Read { path: path(), why: denied() }).into());
    failures.push(LedgerError::Memory(MemoryError::Write { path: path(), why: denied() }).into());
    let each = |failure: &Failure| {
        assert!(failure.hint.is_some(), "{failure:?}");
        format!("exit {:?}\n{}\n{}\n\n", failure.exit, failure.text().trim_end(), failure.json().trim_end())
    };
    golden("words", &failures.iter().map(each).collect::<String>());
}

#[test]
fn every_call_that_fails_has_its_words() {
    let server = || "http://127.0.0.1:4600".to_owned();
    let address = every!(AddressError {
        Form { found: "localhost".to_owned() },
        Scheme { scheme: "ftp".to_owned(), found: "ftp://example.com".to_owned() },
        Tls(TlsFileError::NoSystemRoots { why: "none were found".to_owned() }),
    });
    let pem = || PathBuf::from("custody/ca.crt");
    let files = every!(TlsFileError {
        Read { path: pem(), why: "No such file or directory (os error 2)".to_owned() },
        Content { path: pem(), expected: "a certificate", found: "none".to_owned() },
        Key { cert: "own.crt".into(), key: "own.key".into(), why: "keys may not be consistent".to_owned() },
        NoSystemRoots { why: "none were found".to_owned() },
    });
    let shown = || {
        let time = |text| custody_log::Timestamp::parse_rfc3339(text).unwrap();
        Box::new(Shown {
            names: vec!["custody.example.com".to_owned(), "10.0.0.7".to_owned()],
            issuer: "CN=Example CA".to_owned(),
            not_before: time("2026-08-20T14:00:00Z"),
            not_after: time("2026-11-20T14:00:00Z"),
        })
    };
    let refusals = every!(TlsRefusal {
        Name { expected: "ledger.example.com".to_owned(), found: shown() },
        Issuer { expected: "an authority that this system trusts".to_owned(), found: shown() },
        Time { now: custody_log::Timestamp::parse_rfc3339("2026-11-21T00:00:00Z").unwrap(), found: shown() },
        Certificate { why: "UnsupportedCertVersion".to_owned() },
        NotTls { why: "received corrupt message of type InvalidContentType".to_owned() },
        NoHttp2,
        SpeaksTls,
        Ended { why: "received fatal alert: HandshakeFailure".to_owned() },
    });
    let refusals = refusals
        .into_iter()
        .map(|(name, why)| (name, CallError::Tls { server: "https://ledger.example.com".to_owned(), why }));
    let call = every!(CallError {
        Refused(Box::new(Refusal::with_word(
            tonic::Code::InvalidArgument,
            "newer_word",
            "what a newer server said"
        ))),
        Unreachable { server: server(), why: "Connection refused (os error 111)".to_owned() },
        Tls { server: "https://ledger.example.com".to_owned(), why: TlsRefusal::NoHttp2 },
        TimedOut { server: server(), after: std::time::Duration::from_secs(30) },
        TooMany(custody_wire::convert::FieldError::TooMany { field: "edges", max: 2_048, found: 2_049 }),
        Foreign {
            server: server(),
            code: tonic::Code::Unimplemented,
            why: "404 Not Found".to_owned(),
        },
    });
    let recorded = every!(RecordError {
        TooLarge { max: 64 << 20, found: (64 << 20) + 1 },
        Refused { word: "no_subject".to_owned(), message: "the statement has no subject".to_owned() },
        Ledger(LedgerError::NotAsked { entry: index(7), condition: "environment prod".to_owned() }),
        OtherEnvelope { sent: envelope("a"), found: envelope("b") },
        OtherContent { sent: content("a"), found: content("b") },
        NotADuplicate {
            index: index(7),
            adds: Addition::Signer(custody_evidence::key::KeyId::from_bytes([1; 32]).into()),
        },
    });
    let pin = every!(PinOfError {
        Address(AddressError::Form { found: "localhost".to_owned() }),
        Call(CallError::TimedOut { server: server(), after: std::time::Duration::from_secs(30) }),
        Pin(PinError::Form { found: "found".to_owned() }),
    });
    let text = [
        texts("AddressError", address, Failure::from),
        texts("CallError", call, Failure::from),
        texts("TlsRefusal", refusals.collect(), Failure::from),
        texts("TlsFileError", files, |error| AddressError::Tls(error).into()),
        texts("RecordError", recorded, Failure::from),
        texts("PinOfError", pin, Failure::from),
    ];
    golden("calls", &text.concat());
}
