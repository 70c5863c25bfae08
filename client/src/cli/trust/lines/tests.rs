use std::collections::BTreeMap;

use custody_evidence::key::SigningKey;
use custody_evidence::oidc::{IssuerKind, KeySet, TokenAlgorithm};
use custody_evidence::trust::{Authority, Predecessor, Successor};
use custody_log::note::{Cosigner, NoteSigner};
use custody_log::{BlobDigest, RootHash, TreeSize};

use super::*;

const ORIGIN: &str = "example.com/log";

/// A root that lists one log, whose key is none.
const ROOT: &[u8] = br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{"publicKey":{"rawBytes":"AA=="},"logId":{"keyId":"AA=="}}]}"#;

fn other_root() -> Vec<u8> {
    [ROOT, b"\n"].concat()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn id(seed: u8) -> KeyId {
    key(seed).id()
}

fn size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap()
}

fn cosigner(seed: u8) -> custody_log::VerifierKey {
    Cosigner::from_seed(ORIGIN.parse().unwrap(), [seed; 32]).verifier()
}

fn log_vkey(seed: u8) -> custody_log::VerifierKey {
    NoteSigner::from_seed(ORIGIN.parse().unwrap(), [seed; 32]).verifier()
}

fn key_set() -> KeySet {
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    KeySet::read(format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#).as_bytes()).unwrap()
}

/// Something in every list, so that each can lose, change and get an item.
fn full() -> TrustMembers {
    let administrators: Vec<_> = (1..=3).map(|seed| key(seed).public().clone()).collect();
    let expires = "2027-01-01T00:00:00.000000Z".parse().unwrap();
    let mut members = TrustMembers::first(
        ORIGIN.parse().unwrap(),
        log_vkey(100),
        cosigner(101),
        &administrators,
        2,
        expires,
    );
    for seed in 4..=6 {
        members.add_key(key(seed).public());
    }
    members.writers.push(WriterRule::anything("ci", id(4)));
    members.people.push(Person {
        name: "alice".to_owned(),
        keys: vec![id(1)],
        identities: vec!["https://id.example#alice".parse().unwrap()],
    });
    members.issuers.push(Issuer { audience: Some("log".to_owned()), ..Issuer::new("https://id.example") });
    members.trusted_roots.push(TrustedRoot::new("sigstore", ROOT).unwrap());
    members.witnesses.push(cosigner(110));
    members.predecessor = Some(Predecessor {
        origin: "example.com/old".parse().unwrap(),
        size: size(7),
        root: RootHash::empty(),
    });
    members
}

fn document(members: TrustMembers) -> TrustDocument {
    TrustDocument::new(members).unwrap()
}

type Change = Box<dyn FnOnce(&mut TrustMembers)>;

/// Makes each change, and looks for each of these parts among the lines.
fn assert_shown(cases: Vec<(Change, Vec<String>)>) {
    for (change, expected) in cases {
        let found = changed(change);
        for part in expected {
            assert!(found.contains(&part), "{part:?} is not in:\n{found}");
        }
    }
}

fn key_text(seed: u8) -> String {
    format!("key:{}", id(seed))
}

fn changed(change: impl FnOnce(&mut TrustMembers)) -> String {
    let mut members = full();
    change(&mut members);
    changes(&document(full()), &document(members)).join("\n")
}

#[test]
fn a_change_of_what_the_log_is_is_shown_with_what_was_and_what_will_be() {
    assert_shown(vec![
        (Box::new(|m| m.crit.push("roles".to_owned())), vec!["+ requires roles".to_owned()]),
        (
            Box::new(|m| m.expires = "2028-02-02T00:00:00.000000Z".parse().unwrap()),
            vec!["expires: 2027-01-01T00:00:00.000000Z -> 2028-02-02T00:00:00.000000Z".to_owned()],
        ),
        (
            Box::new(|m| {
                m.log_keys[0].until_size = Some(size(90));
                m.log_keys.push(LogKey { vkey: log_vkey(102), from_size: size(80), until_size: None });
            }),
            vec![
                format!("- log key {}  from tree size 0 on", log_vkey(100)),
                format!("+ log key {}  from tree size 0 until 90", log_vkey(100)),
                format!("+ log key {}  from tree size 80 on", log_vkey(102)),
            ],
        ),
        (
            Box::new(|m| m.freshness_keys = vec![cosigner(103)]),
            vec![format!("- freshness {}", cosigner(101)), format!("+ freshness {}", cosigner(103))],
        ),
        (
            Box::new(|m| m.witnesses = vec![cosigner(111)]),
            vec![format!("- witness {}", cosigner(110)), format!("+ witness {}", cosigner(111))],
        ),
        (
            Box::new(|m| m.predecessor.as_mut().unwrap().size = size(8)),
            vec![
                format!("- continues example.com/old from size 7, {}", RootHash::empty()),
                format!("+ continues example.com/old from size 8, {}", RootHash::empty()),
            ],
        ),
        (
            Box::new(|m| m.successor = Some(Successor { origin: "example.com/new".parse().unwrap() })),
            vec!["+ continued by example.com/new".to_owned()],
        ),
    ]);
}

#[test]
fn a_change_of_an_issuer_is_shown_whatever_it_is_of() {
    assert_shown(vec![
        (Box::new(|m| m.issuers[0].audience = None), vec!["audience of the job's key".to_owned()]),
        (Box::new(|m| m.issuers[0].kind = Some(IssuerKind::GitLab)), vec!["of the kind gitlab".to_owned()]),
        (
            Box::new(|m| m.issuers[0].jwks_url = Some("https://id.example/k".to_owned())),
            vec!["keys at https://id.example/k".to_owned()],
        ),
        (Box::new(|m| m.issuers[0].jwks = Some(key_set())), vec!["keys pinned: 1 (sha256:".to_owned()]),
        (
            Box::new(|m| m.issuers[0].algorithms = vec![TokenAlgorithm::EdDsa]),
            vec![", RS256, ".to_owned(), ", EdDSA, ".to_owned()],
        ),
        (
            Box::new(|m| m.issuers[0].longest_lifetime_seconds = 60),
            vec!["at most 3600 s".to_owned(), "at most 60 s".to_owned()],
        ),
        (
            Box::new(|m| m.issuers[0].required_claims = [("owner".to_owned(), vec!["7".to_owned()])].into()),
            vec![", owner=7".to_owned()],
        ),
    ]);
}

#[test]
fn a_change_of_who_may_do_what_is_shown_with_what_was_and_what_will_be() {
    assert_shown(vec![
        (Box::new(|m| m.roles.root.threshold = 3), vec!["root: 2 of ".to_owned(), " -> 3 of ".to_owned()]),
        (
            Box::new(|m| m.roles.rules.keys[2] = id(5)),
            vec!["rules: 2 of ".to_owned(), key_text(3), format!("{} {}", key_text(2), key_text(5))],
        ),
        (
            Box::new(|m| m.roles.responder.threshold = 2),
            vec!["responder: 1 of ".to_owned(), "-> 2 of".to_owned()],
        ),
        (
            Box::new(|m| m.writers[0].keys = vec![id(6)]),
            vec![
                format!("- writer ci  *  about anything, own  {}", key_text(4)),
                format!("+ writer ci  *  about anything, own  {}", key_text(6)),
            ],
        ),
        (
            Box::new(|m| m.writers[0].authority = Authority::Imported),
            vec![", own  ".to_owned(), ", imported  ".to_owned()],
        ),
        (
            Box::new(|m| {
                let claims =
                    BTreeMap::from([("token_subject".to_owned(), vec!["1".to_owned(), "2".to_owned()])]);
                let (issuer, roots) = ("https://id.example".to_owned(), vec!["sigstore".to_owned()]);
                m.writers[0].identities = vec![IdentityPattern { issuer, roots, claims }];
            }),
            vec![
                format!("- writer ci  *  about anything, own  {}\n", key_text(4)),
                format!("{} https://id.example#{{token_subject=1|2}} under sigstore", key_text(4)),
            ],
        ),
        (
            Box::new(|m| m.people[0].keys = vec![id(2)]),
            vec![
                format!("- person alice  {} https://id.example#alice", key_text(1)),
                format!("+ person alice  {} https://id.example#alice", key_text(2)),
            ],
        ),
        (
            Box::new(|m| m.people[0].identities = vec!["https://id.example#mallory".parse().unwrap()]),
            vec!["https://id.example#alice".to_owned(), "https://id.example#mallory".to_owned()],
        ),
        (
            Box::new(|m| m.issuers[0].url = "https://id.evil".to_owned()),
            vec![
                "- issuer https://id.example  audience log, RS256, at most 3600 s".to_owned(),
                "+ issuer https://id.evil  audience log, RS256, at most 3600 s".to_owned(),
            ],
        ),
        (
            Box::new(|m| m.issuers[0].audience = Some("any".to_owned())),
            vec!["audience log".to_owned(), "audience any".to_owned()],
        ),
        (
            Box::new(|m| m.trusted_roots[0] = TrustedRoot::new("sigstore", &other_root()).unwrap()),
            vec![
                format!("- roots sigstore  {}", BlobDigest::of(ROOT)),
                format!("+ roots sigstore  {}", BlobDigest::of(&other_root())),
            ],
        ),
        (
            Box::new(|m| {
                m.trusted_roots[0].keys = vec![RootKey {
                    hint: "SHA256:npm".to_owned(),
                    key: id(5),
                    from: "2022-12-01T00:00:00.000000Z".parse().unwrap(),
                    until: None,
                }];
            }),
            vec![
                format!("- roots sigstore  {}", BlobDigest::of(ROOT)),
                format!("  SHA256:npm is {} from 2022-12-01T00:00:00.000000Z on", key_text(5)),
            ],
        ),
        (
            Box::new(|m| {
                m.writers.push(WriterRule::anything("second", id(5)));
                m.writers.swap(0, 1);
            }),
            vec![format!("+ writer second  *  about anything, own  {}", key_text(5))],
        ),
    ]);
    assert_eq!(changed(|_| {}), "");
}

#[test]
fn a_key_that_may_do_nothing_is_shown_all_the_same() {
    let found = changed(|members| {
        members.add_key(key(9).public());
    });
    assert_eq!(found, format!("+ key {}", key_text(9)));
}

#[test]
fn an_order_that_decides_nothing_is_shown_all_the_same() {
    let found = changed(|members| members.roles.root.keys.swap(0, 1));
    assert!(found.starts_with("root: 2 of ") && !found.contains('\n'), "{found}");
    let mut members = full();
    members.writers.push(WriterRule::anything("second", id(5)));
    let before = document(members.clone());
    members.writers.swap(0, 1);
    let found = changes(&before, &document(members)).join("\n");
    assert!(found.starts_with("writer: the same in another order"), "{found}");
}

#[test]
fn a_key_that_another_line_names_has_no_line_of_its_own() {
    let found = changed(|members| {
        let added = members.add_key(key(9).public());
        members.writers.push(WriterRule::anything("second", added));
    });
    assert_eq!(found, format!("+ writer second  *  about anything, own  key:{}", id(9)));
}

#[test]
fn no_text_of_a_document_reads_like_another_line_or_another_part_of_its_own() {
    let found = changed(|members| {
        members.issuers[0].audience = Some("log, EdDSA".to_owned());
        members.people[0].name = "alice  key:00".to_owned();
        members.writers[0].predicates = vec!["x  about anything, own".to_owned()];
        members.trusted_roots[0].name = "a\u{202e}b".to_owned();
    });
    let issuer = found.lines().find(|line| line.starts_with("+ issuer")).unwrap();
    assert_eq!(issuer, r#"+ issuer https://id.example  audience "log, EdDSA", RS256, at most 3600 s"#);
    assert!(found.contains(r#"+ person "alice  key:00"  key:"#), "{found}");
    assert!(found.contains(r#"+ writer ci  "x  about anything, own"  about anything, own  key:"#), "{found}");
    assert!(found.contains("+ roots \"a\\u{202e}b\"  sha256:"), "{found}");
}

/// Each pair would read alike if one of them were not quoted.
#[test]
fn no_two_documents_read_alike() {
    let with = |claims: &[(&str, &[&str])], issuer: &str| {
        let values = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        let claims = claims.iter().map(|(name, texts)| (name.to_string(), values(texts))).collect();
        let pattern = IdentityPattern { issuer: issuer.to_owned(), roots: Vec::new(), claims };
        identities(&pattern)
    };
    let under = |roots: &[&str]| {
        let roots = roots.iter().map(ToString::to_string).collect();
        let pattern =
            IdentityPattern { issuer: "https://id.example".to_owned(), roots, claims: BTreeMap::new() };
        identities(&pattern)
    };
    let patterns = [
        with(&[("ref", &["a|b"])], "https://id.example"),
        with(&[("ref", &["a", "b"])], "https://id.example"),
        with(&[("ref", &["a b=c"])], "https://id.example"),
        with(&[("b", &["c"]), ("ref", &["a"])], "https://id.example"),
        with(&[("ref=a|b", &[])], "https://id.example"),
        with(&[("ref", &[])], "https://id.example"),
        with(&[("ref", &[""])], "https://id.example"),
        with(&[("ref", &["\"\""])], "https://id.example"),
        with(&[], "https://id.example#{ref=a|b}"),
        with(&[("ref", &["a\u{2800}b"])], "https://id.example"),
        with(&[("ref", &["a\\u{2800}b"])], "https://id.example"),
        under(&["a", "b"]),
        under(&["a|b"]),
        under(&["no root"]),
        under(&[]),
    ];
    let shown: std::collections::BTreeSet<String> =
        patterns.iter().map(|pattern| escape_line(pattern)).collect();
    assert_eq!(shown.len(), patterns.len(), "{shown:#?}");
    let words =
        ["", "\"\"", "a", "\"a\"", "a b", "a\u{a0}b", "a#b", "a,b", "\u{430}", "\u{3164}", " ", "\\u{3164}"];
    let shown: std::collections::BTreeSet<String> =
        words.iter().map(|text| escape_line(&word(text))).collect();
    assert_eq!(shown.len(), words.len(), "{shown:#?}");
    for text in ["ci", "*", "https://slsa.dev/provenance/v1", "pkg:npm/@acme/api", "a_b"] {
        assert_eq!(word(text), text);
    }
}

/// What a document says is compared, and not how it reads.
#[test]
fn a_change_that_no_line_shows_is_one_all_the_same() {
    let item = |value: &str| Item { line: "the same".to_owned(), value: value.to_owned() };
    let member = |value: &str| Member { name: "writer", items: vec![item(value)], single: false };
    assert_eq!(differences(&member("a"), &member("b")), ["- writer the same", "+ writer the same"]);
    assert!(differences(&member("a"), &member("a")).is_empty());
}

#[test]
fn a_document_that_nothing_is_known_before_is_shown_whole() {
    let lines = summary(&document(full()));
    let text: Vec<String> = lines.iter().map(|(name, line)| format!("{name} {line}")).collect();
    let text = text.join("\n");
    for part in [
        "issuer https://id.example  audience log, RS256, at most 3600 s",
        "roots sigstore  sha256:",
        "person alice  key:",
        "https://id.example#alice",
        "continues example.com/old from size 7",
        "writer ci  *  about anything, own  key:",
    ] {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}
