//! What an operator reads when a log cannot be made, served or found sound: every variant, word for word.

use std::path::{Path, PathBuf};

use custody_evidence::dsse::EnvelopeError;
use custody_evidence::trust::TrustError;
use custody_log::{
    BlobDigest, CheckpointError, EntryDigest, EntryError, EnvelopeDigest, LeafIndex, RecordDigest, RootHash,
    SecretKeyError, Timestamp, TimestampError, TreeSize,
};
use custody_tests::every;
use custody_tests::words::hold;
use custody_wire::certificate::CertificateError;

use super::*;
use crate::cli::fsck;
use crate::index::SourceError;
use crate::journal::{ChainError, Damage, DamageKind, FsckReport, JournalFault, UnfinishedTail};
use crate::publish::WrongKey;
use crate::transport::{ReadersError, TlsFileError};

/// Returns the whole text of each failure, below its exit code and variant; each says what to do.
fn texts(title: &str, listed: Vec<(&str, Failure)>) -> String {
    let each = |(variant, failure): (&str, Failure)| {
        assert!(failure.text().contains("\nhint: "), "{title}::{variant} says what to do: {failure:?}");
        let document: serde_json::Value = serde_json::from_str(&failure.json()).unwrap();
        let code = document["error"]["code"].as_str().unwrap();
        format!("# {title}::{variant}, exit {:?}, {code}\n{}\n", failure.exit(), failure.text())
    };
    listed.into_iter().map(each).collect()
}

fn explained<E: Into<Failure>>(title: &str, listed: Vec<(&'static str, E)>) -> String {
    texts(title, listed.into_iter().map(|(variant, error)| (variant, error.into())).collect())
}

fn golden(name: &str, found: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/explain/goldens");
    hold(&folder.join(format!("{name}.txt")), found);
}

fn data() -> PathBuf {
    "/srv/custody".into()
}

fn segment() -> PathBuf {
    "/srv/custody/journal/segments/00000000000000000000.segment".into()
}

fn why() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "Permission denied (os error 13)")
}

fn fault() -> JournalFault {
    JournalFault { doing: "read", path: segment(), source: why() }
}

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

fn root(byte: u8) -> RootHash {
    RootHash::from_bytes([byte; 32])
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn damage(kind: DamageKind) -> Box<Damage> {
    Box::new(Damage { file: segment(), offset: 4096, entry: index(7), kind })
}

fn wrong_key() -> WrongKey {
    WrongKey {
        role: "log",
        expected: "example.com/test+80949bf5+AYqI".to_owned(),
        found: "example.com/test+9be5d3c6+AYqJ".to_owned(),
    }
}

fn directory() -> Vec<(&'static str, DirectoryError)> {
    every!(DirectoryError {
        Locked { dir: data() },
        ReadOnly { path: data(), source: why() },
        Disk(fault()),
    })
}

fn clock() -> Vec<(&'static str, ClockError)> {
    every!(ClockError {
        Impossible(TimestampError::Range { found: -1 }),
        Trails { now: time("2026-11-20T14:00:00.000000Z"), last: time("2026-11-21T14:00:00.000000Z") },
        Jumped { by_seconds: 3600 },
    })
}

#[test]
fn every_fault_of_settings_and_keys_has_its_words() {
    let toml = || Box::new(toml::from_str::<toml::Table>("lisen = ").unwrap_err());
    let config = every!(ConfigError {
        File { path: "/etc/custodyd.toml".into(), source: why() },
        Content { path: "/etc/custodyd.toml".into(), source: toml() },
        Variable {
            name: "CUSTODYD_LISTEN",
            expected: "an address like 127.0.0.1:4600",
            found: "4600".to_owned(),
        },
        NoData,
        Without { given: "tls-cert", missing: "tls-key" },
        Plaintext { listen: "0.0.0.0:4600".parse().unwrap() },
    });
    let pem = || PathBuf::from("/etc/custody/tls.crt");
    let tls = every!(TlsFileError {
        Read { path: pem(), source: why() },
        TooLarge { path: pem() },
        Pem { path: pem(), expected: "a certificate", why: "that does not end: the file may be half written".to_owned() },
        Nothing { path: pem(), expected: "a certificate" },
        Certificate {
            path: pem(),
            source: CertificateError::Name { found: "a b".to_owned() },
        },
        Expired {
            path: pem(),
            subject: "dns:custody.example.com".to_owned(),
            not_after: time("2026-11-20T14:00:00.000000Z"),
        },
        Key {
            cert: pem(),
            key: "/etc/custody/tls.key".into(),
            why: rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch),
        },
        Authority { path: pem(), why: "UnknownIssuer".to_owned() },
        Clock(ClockError::Impossible(TimestampError::Range { found: -1 })),
        Readers {
            path: "/etc/custody/readers".into(),
            source: ReadersError::Star { line: 2, found: "uri:*".to_owned() },
        },
    });
    let key = || PathBuf::from("/srv/custody.log-key");
    let keys = every!(KeyFileError {
        File { path: key(), source: io::Error::new(io::ErrorKind::NotFound, "No such file") },
        File { path: key(), source: why() },
        InsideData { path: "/srv/custody/log-key".into() },
        Open { path: key(), mode: 0o644 },
        Content { path: key(), expected: "log key", why: SecretKeyError::Form },
        Random,
    });
    let address = "127.0.0.1:4600".parse().unwrap();
    let listening = vec![
        ("AddrInUse", bind(address, &io::ErrorKind::AddrInUse.into())),
        ("AddrNotAvailable", bind(address, &io::ErrorKind::AddrNotAvailable.into())),
    ];
    let text = [
        explained("ConfigError", config),
        explained("KeyFileError", keys),
        explained("ClockError", clock()),
        explained("TlsFileError", tls),
        texts("listening", listening),
    ];
    golden("settings", &text.concat());
}

#[test]
fn every_reason_not_to_make_a_log_has_its_words() {
    let genesis = every!(GenesisError {
        Trust(TrustError::NoPredicate),
        Trust(TrustError::Root {
            whose: "the new",
            source: Box::new(custody_evidence::trust::QuorumError {
                needed: 2,
                people: 0,
                signed: [].into(),
                verdicts: Vec::new(),
            }),
        }),
        Envelope(EnvelopeError::NoSignature),
        Refused(custody_evidence::admission::Refusal::NoSubject),
        WrongKey(wrong_key()),
        Clock(ClockError::Impossible(TimestampError::Range { found: -1 })),
        Create(CreateError::Exists { dir: data() }),
        Random,
    });
    let create = every!(CreateError {
        Exists { dir: data() },
        Foreign { dir: data(), found: "photo.jpg".to_owned() },
        Refused(Refused::DiskFull { available: 1024, needed: 4096, reserve: 1 << 28 }),
        Refused(Refused::Empty),
        Directory(DirectoryError::Locked { dir: data() }),
    });
    let in_directory = directory().into_iter().map(|(name, error)| (name, CreateError::Directory(error)));
    let text = [
        explained("GenesisError", genesis),
        explained("CreateError", create),
        explained("CreateError::Directory", in_directory.collect()),
    ];
    golden("make", &text.concat());
}

#[test]
fn every_reason_not_to_serve_a_log_has_its_words() {
    let opened = |title: &str, listed: Vec<(&'static str, LedgerError)>| {
        texts(title, listed.into_iter().map(|(name, error)| (name, open(&error, &data()))).collect())
    };
    let open = every!(OpenError {
        Missing { dir: data() },
        Empty { dir: data() },
        Foreign { dir: data(), found: "photo.jpg".to_owned() },
        Directory(DirectoryError::Locked { dir: data() }),
        MissingSegment { dir: data(), segment: segment(), damage: damage(DamageKind::Slots) },
        NewerVersion { path: segment(), found: 2, supported: 1 },
        OtherLog { dir: data(), damage: damage(DamageKind::Slots) },
        Damaged { dir: data(), damage: damage(DamageKind::Row) },
        Restored { dir: data() },
    });
    let in_directory = directory().into_iter().map(|(name, error)| (name, OpenError::Directory(error)));
    let read = every!(ReadError {
        Beyond { index: index(7), size: size(7) },
        Redacted { index: index(7), by: index(9) },
        Damaged(damage(DamageKind::Row)),
        Io { path: segment(), source: why() },
    });
    let ledger = every!(LedgerError {
        Journal(OpenError::Missing { dir: data() }),
        Read(ReadError::Beyond { index: index(7), size: size(7) }),
        Entry { index: index(7), source: EntryError::Version },
        Envelope { index: index(7), source: EnvelopeError::NoSignature },
        Trust(TrustError::NoPredicate),
        WrongKey(wrong_key()),
        Checkpoint(CheckpointError::Lines),
        Tree(TreeError::Root { expected: root(1), computed: root(2) }),
        Publish(PublishError::Shrunk { signed: size(8), size: size(7) }),
        Index(IndexError::Empty),
        IndexAhead { size: size(7), index: size(8) },
        Clock(ClockError::Jumped { by_seconds: 3600 }),
        View(ViewError::NoCheckpoint { dir: data() }),
        Keep(fault()),
        Erase(fault()),
        Newest(NewestError::NothingNew { path: "kept".into(), size: size(7) }),
        Empty,
    });
    let publish = every!(PublishError {
        Shrunk { signed: size(8), size: size(7) },
        Fork { size: size(7), signed: root(1), computed: root(2) },
        Tree(TreeError::Root { expected: root(1), computed: root(2) }),
        NotHeld { size: size(7), expected: "example.com/test+80949bf5+AYqI".to_owned() },
        Note(CheckpointError::Lines),
    });
    let tree = every!(TreeError {
        Tile { path: "/srv/custody/tile/0/000".into(), source: why() },
        Journal(ReadError::Damaged(damage(DamageKind::Row))),
        Root { expected: root(1), computed: root(2) },
        Receipt(custody_log::ReceiptError::Version),
        Proof(custody_log::ProofError::FromEmptyTree),
    });
    let service = vec![
        ("Sequencer", Failure::from(ServiceError::Sequencer { why: "it panicked".to_owned() })),
        ("LeftBehind", Failure::from(ServiceError::LeftBehind { hands: 1, bytes: 268_435_456 })),
    ];
    let text = [
        opened("OpenError", open.into_iter().map(|(name, error)| (name, error.into())).collect()),
        opened("OpenError::Directory", in_directory.map(|(name, error)| (name, error.into())).collect()),
        opened("ReadError", read.into_iter().map(|(name, error)| (name, error.into())).collect()),
        opened("LedgerError", ledger),
        opened("PublishError", publish.into_iter().map(|(name, error)| (name, error.into())).collect()),
        opened("TreeError", tree.into_iter().map(|(name, error)| (name, error.into())).collect()),
        opened("IndexError", indexes().into_iter().map(|(name, error)| (name, error.into())).collect()),
        texts("ServiceError", service),
    ];
    golden("serve", &text.concat());
}

fn indexes() -> Vec<(&'static str, IndexError)> {
    let dir = || PathBuf::from("/srv/custody/index");
    every!(IndexError {
        File { path: dir(), source: why() },
        InUse { path: dir() },
        Database(sled::Error::Unsupported("a newer file".to_owned())),
        Shut { path: dir() },
        Unopened { path: dir() },
        Panicked { path: dir() },
        Stuck { path: dir() },
        Unclosed { path: dir() },
        Unexpected,
        Source(SourceError { index: index(7), source: Box::new(why()) }),
        Entry { index: index(7), source: EntryError::Version },
        Gap { expected: index(7), found: index(8) },
        Healing,
        Empty,
        Beyond { index: index(7), size: size(7) },
    })
}

#[test]
fn every_kind_of_damage_has_its_words() {
    let kinds = every!(DamageKind {
        Truncated { expected: 4096, found: 1024 },
        Start { expected: "a segment", found: "504b0304".to_owned() },
        Version { what: "the segment", found: 2, supported: 1 },
        Checksum { what: "the frame", expected: 1, found: 2 },
        Row,
        Number { what: "the first entry", expected: 7, found: 8 },
        Entry(EntryError::Version),
        Chain(ChainError::Index { expected: index(7), found: index(8) }),
        Record { expected: RecordDigest::of(b"a"), found: RecordDigest::of(b"b") },
        Envelope { expected: EnvelopeDigest::of(b"a"), found: EnvelopeDigest::of(b"b") },
        Attachment { expected: BlobDigest::of(b"a"), found: BlobDigest::of(b"b") },
        NotErased { by: index(9) },
        BlobMissing { expected: EnvelopeDigest::of(b"a") },
        Root { what: "the footer", size: size(7), expected: root(1), found: root(2) },
        FrameBehind { next: 8192 },
        Shorter { what: "the kept checkpoint", expected: size(8), found: size(7) },
        NotSealed,
        Gap { expected: index(7), found: index(8) },
        OtherLog { expected: EntryDigest::of(b"a"), found: EntryDigest::of(b"b") },
        Slots,
    });
    let chain = every!(ChainError {
        Index { expected: index(7), found: index(8) },
        Previous { expected: Some(EntryDigest::of(b"a")), found: None },
        Time {
            previous: time("2026-11-21T14:00:00.000000Z"),
            found: time("2026-11-20T14:00:00.000000Z"),
        },
        Admin { expected: Some(index(7)), found: None },
        NotAlone { found: 2 },
    });
    let mut findings: Vec<Damage> = kinds.into_iter().map(|(_, kind)| *damage(kind)).collect();
    findings.extend(chain.into_iter().map(|(_, why)| *damage(DamageKind::Chain(why))));
    let report = |findings: Vec<Damage>, unfinished| FsckReport {
        entries: 7,
        bytes: 65536,
        segments: 1,
        sound: (size(7), root(1)),
        findings,
        unfinished,
    };
    let tail = UnfinishedTail {
        segment: segment(),
        offset: 61440,
        bytes: 512,
        damage: *damage(DamageKind::Truncated { expected: 4096, found: 512 }),
    };
    let fsck_errors = every!(FsckError {
        Missing { dir: data() },
        NoJournal { dir: data() },
        Manifest(journal::ManifestError::Content {
            path: "manifest.json".into(),
            why: "the member \"size\"".to_owned(),
        }),
        Disk(fault()),
    });
    let one = findings.first().cloned().into_iter().collect();
    let text = [
        fsck::text(&report(Vec::new(), None), &|_| "what repairs it".to_owned()),
        fsck::text(&report(one, Some(tail)), &|_| "what repairs it".to_owned()),
        fsck::text(&report(findings, None), &|_| "what repairs it".to_owned()),
        explained("FsckError", fsck_errors),
    ];
    golden("fsck", &text.join("\n"));
}
