//! The errors of trust documents.

use std::collections::BTreeSet;

use custody_evidence::dsse::ThresholdError;
use custody_evidence::json::{JsonError, JsonFault};
use custody_evidence::key::{KeyError, KeyId};
use custody_evidence::sigstore::TrustedRootError;
use custody_evidence::statement::StatementError;
use custody_evidence::trust::{QuorumError, RoleName, TrustError, WindowError};
use custody_log::{BlobDigest, ContentDigest, EntryDigest, LeafIndex, Timestamp, TreeSize};
use custody_tests::every;
use custody_tests::words::lines;

fn size(number: u64) -> TreeSize {
    TreeSize::new(number).unwrap()
}

fn index(number: u64) -> LeafIndex {
    LeafIndex::new(number).unwrap()
}

fn key(byte: u8) -> KeyId {
    KeyId::from_bytes([byte; 32])
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn too_few_people() -> QuorumError {
    QuorumError { needed: 2, people: 1, signed: BTreeSet::from([key(1), key(2)]), verdicts: Vec::new() }
}

fn too_few() -> ThresholdError {
    ThresholdError { needed: 2, signed: BTreeSet::from([key(1)]), verdicts: Vec::new() }
}

#[test]
#[allow(clippy::too_many_lines, reason = "one line a variant, and all of them are in one list")]
fn every_error_of_a_trust_document_has_its_words() {
    let json = JsonError {
        fault: JsonFault::Duplicate { name: "keys".to_owned() },
        line: 1,
        column: 7,
        path: "predicate.keys".to_owned(),
    };
    let found = || "found".to_owned();
    let vkey = || "example.com/test+80949bf5+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c".to_owned();
    let trust = every!(TrustError {
        Json(json),
        Format { found: found() },
        UnknownCritical { name: "quorum".to_owned() },
        Statement(StatementError::NoType),
        PayloadType { found: "text/plain".to_owned() },
        PredicateType { found: "urn:example".to_owned() },
        NoPredicate,
        Subject {
            origin: "example.com/test".to_owned(),
            expected: custody_evidence::Digest::sha256_of(b"document"),
        },
        Origin { expected: "example.com/test".to_owned(), found: "example.com/other".to_owned() },
        VersionZero,
        Version { expected: 3, found: 2 },
        Index { before: index(7), found: index(7) },
        TooMany { list: "writers", max: 64, found: 65 },
        KeyBase64 { key: key(1) },
        Key { key: key(1), source: KeyError::Pem },
        KeyIdMismatch { named: key(1), computed: key(2) },
        UnknownKey { place: "roles.root".to_owned(), key: key(1) },
        DuplicateKey { place: "roles.root".to_owned(), key: key(1) },
        ThresholdRange { role: RoleName::Root, threshold: 3, keys: 2, people: 1 },
        BoundNotCritical { rule: "ci".to_owned() },
        TooManyRoleKeys { role: RoleName::Root, max: 16, found: 17 },
        Windows(WindowError::None),
        WindowsPast { from: size(7), size: size(8) },
        KeyType { list: "log_keys", vkey: vkey(), expected: 1 },
        KeyName { vkey: vkey(), origin: "example.com/other".to_owned() },
        KeyReused { list: "freshness_keys", vkey: vkey() },
        Name { place: "people[1]".to_owned(), found: String::new() },
        TwoPeople { identity: key(1).into(), second: "bob".to_owned() },
        EmptyRule { rule: "ci".to_owned(), member: "predicates" },
        Administrative { rule: "ci".to_owned(), found: "urn:custody:trust:v1".to_owned() },
        RootBase64 { name: "sigstore".to_owned() },
        RootDigest {
            name: "sigstore".to_owned(),
            expected: BlobDigest::of(b"expected"),
            found: BlobDigest::of(b"found"),
        },
        TrustedRoot { name: "sigstore".to_owned(), source: Box::new(TrustedRootError::Empty) },
        RootKey { place: "trusted_roots[0].keys[1]".to_owned(), hint: String::new() },
        PatternIssuer { rule: "ci".to_owned(), found: found() },
        UnknownRoot { rule: "ci".to_owned(), found: found() },
        UnknownClaim { rule: "ci".to_owned(), found: "repository".to_owned() },
        ClaimValue {
            rule: "ci".to_owned(),
            claim: "source_repository_uri".to_owned(),
            found: "https://github.com/acme*".to_owned(),
        },
        OpenRule { rule: "ci".to_owned(), issuer: "https://token.example".to_owned() },
        WindowLost { rule: "npm".to_owned(), key: key(1) },
        Issuer { position: 1, member: "url", expected: "an https:// URL" },
        KeysOfStranger { found: "https://token.example".to_owned() },
        KeysNotNew {
            issuer: "https://token.example".to_owned(),
            before: time("2026-11-20T14:00:00.000000Z"),
            found: time("2026-11-20T13:00:00.000000Z"),
        },
        NotByLog { source: Box::new(too_few()) },
        Target { kind: "run".to_owned(), id: "4711".to_owned() },
        Reason { max: 1024, found: 0 },
        Since { found: 1042 },
        Follows { expected: Some(index(7)), found: None },
        Narrower { by: index(7), since: index(5), found: index(8) },
        Alone { max: 1_024 },
        NotDistrusted { target: custody_evidence::trust::Target::Signer(key(1).into()) },
        Finding { rule: "a rule".to_owned() },
        UnknownAdministration { found: "urn:custody:quorum:v1".to_owned() },
        PolicyName { found: "my policy".to_owned() },
        PolicyLength { max: 262_144, found: 0 },
        PolicyVersion { name: "release".to_owned(), expected: 3, found: 2 },
        RepairPlace { found: 1042 },
        RepairTime {
            now: "2026-11-20T13:00:00.000000Z".parse().unwrap(),
            not_before: "2026-11-20T14:00:00.000000Z".parse().unwrap(),
        },
        ClockRight {
            now: "2026-11-20T14:00:00.000000Z".parse().unwrap(),
            last: "2026-11-20T13:59:59.000000Z".parse().unwrap(),
        },
        NoSuchEntry { found: 1042 },
        OtherEntry {
            index: "7".parse().unwrap(),
            expected: EntryDigest::of(b"here"),
            found: EntryDigest::of(b"there"),
        },
        OtherContent {
            index: "7".parse().unwrap(),
            expected: ContentDigest::of(b"here"),
            found: ContentDigest::of(b"there"),
        },
        NeverErased { index: "7".parse().unwrap() },
        ErasedAlready { index: "7".parse().unwrap(), by: "9".parse().unwrap() },
        Role { role: RoleName::Responder, source: Box::new(too_few_people()) },
        Root { whose: "the new", source: Box::new(too_few_people()) },
        LogKey { vkey: vkey(), source: Box::new(too_few()) },
        Expired { expires: time("2026-11-20T14:00:00.000000Z"), now: time("2026-11-21T14:00:00.000000Z") },
        Missing,
    });
    let window = every!(WindowError {
        None,
        Start { found: size(1) },
        Empty { position: 1, from: size(7), until: size(7) },
        Order { position: 1, from: size(7), before: size(8) },
        NoOverlap { position: 1, from: size(8), until: size(7) },
        NoEnd { position: 0 },
        End { position: 1, until: size(7) },
        Three { position: 2, from: size(7) },
        Twice { position: 1 },
    });
    super::hold("trust", &[lines("TrustError", &trust), lines("WindowError", &window)].concat());
}
