//! What a caller is told for each error of the layers below, and with which word.

use std::path::Path;
use std::sync::Arc;

use custody_evidence::dsse::EnvelopeError;
use custody_evidence::fact::{NodeKind, Package, TermError};
use custody_log::{CheckpointError, EntryError, LeafIndex, TreeSize};
use custody_tests::every;
use custody_tests::words::hold;

use super::*;
use crate::clock::ClockError;
use crate::journal::DamageKind;
use crate::ledger::LedgerError;

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

fn told<E>(title: &str, listed: Vec<(&str, E)>, refusal: impl Fn(&E) -> Refusal) -> String {
    let each = |(variant, error): (&str, E)| {
        let refusal = refusal(&error);
        format!("{title}::{variant}: {}: {}\n", refusal.word(), refusal.message())
    };
    listed.into_iter().map(each).collect::<String>() + "\n"
}

fn record_errors() -> Vec<(&'static str, RecordError)> {
    let (issuer, retry) = (|| "https://token.example".to_owned(), Duration::from_mins(1));
    every!(RecordError {
        Refused(custody_evidence::admission::Refusal::NoSubject),
        Clock(ClockError::Jumped { by_seconds: 3600 }),
        Journal(Refused::Empty),
        OutcomeUnknown,
        Damaged(Arc::new(ReadError::Beyond { index: index(7), size: size(7) })),
        DamagedRecord {
            index: index(7),
            source: Arc::new(custody_evidence::admission::RecordError::Format { found: "x".to_owned() }),
        },
        Index(Arc::new(IndexError::Empty)),
        FirstUse(Arc::new(FirstUseError::Record {
            index: index(7),
            source: custody_evidence::admission::RecordError::Format { found: "x".to_owned() },
        })),
        NoRandomness,
        NotWriting,
        Busy,
        IssuerUnreachable { issuer: issuer(), why: "nothing came within 5 s".to_owned(), retry },
        KeyNotSeen { issuer: issuer(), retry },
        KeysAwaited { issuer: issuer(), retry },
        KeysMoved,
        KeysNotHeld { role: "freshness" },
        IndexBehind(crate::admission::Behind { lag: 70_000 }),
        Internal,
        ReadOnly,
        ShuttingDown,
    })
}

#[test]
fn every_error_is_told_in_these_words() {
    let refused = every!(Refused {
        DiskFull { available: 1024, needed: 4096, reserve: 1 << 28 },
        Empty,
        TooLarge { bytes: (64 << 20) + 1, max: 64 << 20 },
        RecordTooLarge { index: index(7), bytes: (1 << 20) + 1, max: 1 << 20 },
        Position { entries: 1, first: index(7), size: size(8), expected: size(8) },
        Entry { index: index(7), kind: DamageKind::Row },
    });
    let read_errors = every!(ReadError {
        Beyond { index: index(7), size: size(7) },
        Redacted { index: index(7), by: index(9) },
        Damaged(Box::new(crate::journal::Damage {
            file: "00000000000000000000.segment".into(),
            offset: 4096,
            entry: index(7),
            kind: DamageKind::Row,
        })),
        Io { path: "00000000000000000000.segment".into(), source: std::io::ErrorKind::Other.into() },
    });
    let queries = every!(QueryError {
        Word("found".parse::<NodeKind>().unwrap_err()),
        Value(TermError::Commit { found: "found".to_owned() }),
        Node { found: "a\nb".to_owned() },
        Package(Package::parse("pkg:npm/axios@^1.14").unwrap_err()),
        Beyond { asked: size(8), committed: size(7) },
        Behind { asked: size(8), indexed_to: size(7) },
        TooMuch { entries: 1000, bytes: 64 << 20 },
        Abandoned,
        Index(IndexError::Empty),
    });
    let chain = every!(LedgerError {
        Journal(crate::journal::OpenError::Missing { dir: "/srv/custody".into() }),
        Read(ReadError::Beyond { index: index(7), size: size(7) }),
        Entry { index: index(7), source: EntryError::Version },
        Envelope { index: index(7), source: EnvelopeError::NoSignature },
        Trust(custody_evidence::trust::TrustError::NoPredicate),
        WrongKey(crate::publish::WrongKey {
            role: "log",
            expected: "example.com/test+80949bf5+AYqI".to_owned(),
            found: "example.com/test+9be5d3c6+AYqJ".to_owned(),
        }),
        Checkpoint(CheckpointError::Lines),
        Tree(TreeError::Proof(custody_log::ProofError::FromEmptyTree)),
        Publish(crate::publish::PublishError::Note(CheckpointError::Lines)),
        Index(IndexError::Empty),
        IndexAhead { size: size(7), index: size(8) },
        Clock(ClockError::Jumped { by_seconds: 3600 }),
        View(crate::journal::ViewError::NoCheckpoint { dir: "/srv/custody".into() }),
        Keep(crate::journal::JournalFault {
            doing: "write",
            path: "checkpoint-a".into(),
            source: std::io::ErrorKind::Other.into(),
        }),
        Erase(crate::journal::JournalFault {
            doing: "erase",
            path: "00000000000000000000.segment".into(),
            source: std::io::ErrorKind::Other.into(),
        }),
        Newest(crate::newest::NewestError::NothingNew { path: "kept".into(), size: size(7) }),
        Empty,
    });
    let trees = every!(TreeError {
        Tile { path: "tile/0/000".into(), source: std::io::ErrorKind::Other.into() },
        Journal(ReadError::Beyond { index: index(7), size: size(7) }),
        Root {
            expected: custody_log::RootHash::from_bytes([1; 32]),
            computed: custody_log::RootHash::from_bytes([2; 32]),
        },
        Receipt(custody_log::ReceiptError::Version),
        Proof(custody_log::ProofError::FromEmptyTree),
    });
    let text = [
        told("RecordError", record_errors(), record),
        told("RecordError::Journal", refused, journal),
        told("ReadError", read_errors, read),
        told("QueryError", queries, query),
        told("LedgerError", chain, ledger),
        told("TreeError", trees, tree),
    ];
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transport/status/words.txt");
    hold(&golden, &text.concat());
}

#[test]
fn an_index_that_heals_itself_is_tried_again_and_any_other_fault_is_one_of_ours() {
    let dir = || Path::new("/srv/custody/index").to_owned();
    let soon =
        || [IndexError::Healing, IndexError::Shut { path: dir() }, IndexError::Panicked { path: dir() }];
    for (asked, recorded) in soon().into_iter().zip(soon()) {
        assert_eq!(query(&QueryError::Index(asked)).word(), "behind");
        assert_eq!(record(&RecordError::Index(Arc::new(recorded))).word(), "not_writing");
    }
    let gap = || IndexError::Gap { expected: index(7), found: index(8) };
    assert_eq!(query(&QueryError::Index(gap())).word(), "internal");
    assert_eq!(record(&RecordError::Index(Arc::new(gap()))).word(), "internal");
}
