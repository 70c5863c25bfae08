mod clock_repairs;
mod distrusts;
mod people;
mod redactions;

use custody_log::{KeyAlgorithm, LeafIndex, Origin, Timestamp, TreeSize, VerifierKey};

use super::*;
use crate::dsse::{Envelope, IN_TOTO};
use crate::key::{PublicKey, SigningKey};

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn origin() -> Origin {
    "example.com/log".parse().unwrap()
}

fn vkey(signer: &SigningKey, algorithm: KeyAlgorithm) -> VerifierKey {
    let public = signer.public().ed25519_bytes().unwrap();
    VerifierKey::new(origin().key_name().clone(), algorithm, public).unwrap()
}

fn size(size: u64) -> TreeSize {
    TreeSize::new(size).unwrap()
}

fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

const LOG: u8 = 100;
const FRESH: u8 = 101;

/// Administrators 1, 2 and 3 with a threshold of 2.
fn members() -> TrustMembers {
    let administrators: Vec<PublicKey> = (1..=3).map(|seed| key(seed).public().clone()).collect();
    TrustMembers::first(
        origin(),
        vkey(&key(LOG), KeyAlgorithm::Ed25519),
        vkey(&key(FRESH), KeyAlgorithm::Cosignature),
        &administrators,
        2,
        "2027-01-01T00:00:00.000000Z".parse().unwrap(),
    )
}

fn with(change: impl FnOnce(&mut TrustMembers)) -> TrustMembers {
    let mut members = members();
    change(&mut members);
    members
}

fn sign(members: TrustMembers, signers: &[u8]) -> Envelope {
    let statement = statement_of(&TrustDocument::new(members).unwrap());
    let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::sign(IN_TOTO, &statement, &keys.iter().collect::<Vec<_>>()).unwrap()
}

fn first() -> TrustState {
    TrustState::first(&sign(members(), &[1, 2, LOG]), &origin()).unwrap()
}

fn refused(change: impl FnOnce(&mut TrustMembers)) -> TrustError {
    TrustDocument::new(with(change)).unwrap_err()
}

#[test]
fn reads_back_what_it_writes() {
    let document = TrustDocument::new(with(|members| {
        let writer = members.add_key(key(9).public());
        members.writers.push(WriterRule::anything("ci", writer));
        members.writers.push(WriterRule {
            name: "team".into(),
            keys: vec![writer],
            identities: vec![IdentityPattern {
                issuer: "https://i".into(),
                roots: Vec::new(),
                claims: [("source_repository_identifier".into(), vec!["b".into()])].into(),
            }],
            predicates: vec!["https://slsa.dev/provenance/v1".into()],
            about: About::Namespace("pkg:npm/acme".into()),
            bound: false,
            authority: Authority::Imported,
        });
        members.people.push(Person {
            name: "Ann".into(),
            keys: vec![writer],
            identities: vec!["https://i#ann".parse().unwrap()],
        });
        members.issuers.push(Issuer { audience: Some("a".into()), ..Issuer::new("https://i") });
        members.predecessor = Some(Predecessor {
            origin: "old.example.com/log".parse().unwrap(),
            size: size(7),
            root: custody_log::RootHash::empty(),
        });
        members.successor = Some(Successor { origin: "new.example.com/log".parse().unwrap() });
    }))
    .unwrap();
    let again = TrustDocument::parse(&document.encode()).unwrap();
    assert_eq!(again, document);
    assert_eq!(again.encode(), document.encode());
}

#[test]
fn statement_names_the_origin_by_its_digest() {
    let bytes = statement_of(&TrustDocument::new(members()).unwrap());
    let statement = Statement::parse(&bytes).unwrap();
    // printf 'custody/name/v1\norigin\nexample.com/log' | sha256sum
    assert_eq!(
        statement.subjects()[0].digests().iter().next().unwrap().to_string(),
        "sha256:49883e0d0fdf60d6f3e374ce406b0a423d9e195b365cbfee51ec1bfa86e8deba"
    );
    assert!(TrustDocument::from_statement(&statement).is_ok());
}

#[test]
fn first_document_needs_root_threshold_and_log_key() {
    assert!(TrustState::first(&sign(members(), &[1, 2, LOG]), &origin()).is_ok());
    assert!(TrustState::first(&sign(members(), &[3, LOG, 1]), &origin()).is_ok());
    for signers in [&[1, LOG][..], &[1, 1, LOG], &[LOG], &[1, 9, LOG]] {
        let error = TrustState::first(&sign(members(), signers), &origin()).unwrap_err();
        assert!(matches!(error, TrustError::Root { whose: "this", .. }), "{signers:?}: {error}");
    }
    for signers in [&[1, 2][..], &[1, 2, 3], &[1, 2, FRESH]] {
        let error = TrustState::first(&sign(members(), signers), &origin()).unwrap_err();
        assert!(matches!(error, TrustError::LogKey { .. }), "{signers:?}: {error}");
    }
    let other = "example.com/other".parse().unwrap();
    let error = TrustState::first(&sign(members(), &[1, 2, LOG]), &other).unwrap_err();
    assert_eq!(error.word(), "trust_origin");
    let second = sign(with(|members| members.version = 2), &[1, 2, LOG]);
    assert_eq!(TrustState::first(&second, &origin()), Err(TrustError::Version { expected: 1, found: 2 }));
}

#[test]
fn next_document_needs_both_root_thresholds() {
    // The new root is 3, 4 and 5, with a threshold of 2.
    let next = || {
        with(|members| {
            members.version = 2;
            for seed in [4, 5] {
                members.add_key(key(seed).public());
            }
            members.roles.root.keys = [3, 4, 5].map(|seed| key(seed).id()).to_vec();
        })
    };
    let state = first().next(&sign(next(), &[1, 3, 4]), index(5)).unwrap();
    assert_eq!((state.document().version(), state.index()), (2, index(5)));
    assert!(first().next(&sign(next(), &[1, 2, 4, 5]), index(5)).is_ok());
    for signers in [&[3, 4, 5][..], &[1, 4, 5], &[4, 5, LOG]] {
        let error = first().next(&sign(next(), signers), index(5)).unwrap_err();
        assert!(matches!(error, TrustError::Root { whose: "the previous", .. }), "{signers:?}: {error}");
    }
    for signers in [&[1, 2][..], &[1, 2, 3], &[1, 2, 4]] {
        let error = first().next(&sign(next(), signers), index(5)).unwrap_err();
        assert!(matches!(error, TrustError::Root { whose: "this", .. }), "{signers:?}: {error}");
    }
}

#[test]
fn next_document_is_exactly_one_version_higher_for_the_same_log() {
    for version in [1, 3, 4] {
        let error =
            first().next(&sign(with(|members| members.version = version), &[1, 2]), index(5)).unwrap_err();
        assert_eq!(error, TrustError::Version { expected: 2, found: version });
    }
    let next = sign(with(|members| members.version = 2), &[1, 2]);
    assert_eq!(first().next(&next, index(0)), Err(TrustError::Index { before: index(0), found: index(0) }));
    // The same administrators run another log, whose document they signed too.
    let other: Origin = "example.com/other".parse().unwrap();
    let public = *key(LOG).public().ed25519_bytes().unwrap();
    let foreign = with(|members| {
        members.version = 2;
        members.origin = other.clone();
        members.log_keys[0].vkey =
            VerifierKey::new(other.key_name().clone(), KeyAlgorithm::Ed25519, &public).unwrap();
    });
    assert_eq!(first().next(&sign(foreign, &[1, 2]), index(5)).unwrap_err().word(), "trust_origin");
}

#[test]
fn documents_are_walked_from_entry_0_and_none_is_skipped() {
    let zero = sign(members(), &[1, 2, LOG]);
    let one = sign(with(|members| members.version = 2), &[1, 2]);
    let two = sign(with(|members| members.version = 3), &[2, 3]);
    let walk = |documents: &[(u64, &Envelope)]| {
        let first = TrustState::first(&zero, &origin())?;
        documents.iter().try_fold(first, |state, (at, document)| state.next(document, index(*at)))
    };
    assert_eq!(walk(&[(4, &one), (9, &two)]).unwrap().document().version(), 3);
    assert!(walk(&[(9, &two)]).is_err());
    assert!(walk(&[(9, &two), (4, &one)]).is_err());
    assert!(walk(&[(4, &zero)]).is_err());
}

/// Key 100 signs up to 20, key 102 from 10.
fn rotated(from: u64, until: u64) -> TrustMembers {
    with(|members| {
        members.version = 2;
        members.log_keys[0].until_size = Some(size(until));
        members.log_keys.push(LogKey {
            vkey: vkey(&key(102), KeyAlgorithm::Ed25519),
            from_size: size(from),
            until_size: None,
        });
    })
}

#[test]
fn a_new_log_key_signs_the_document_and_only_future_sizes() {
    let state = first().next(&sign(rotated(10, 20), &[1, 2, 102]), index(8)).unwrap();
    let names = |size_: u64| state.log_keys_at(size(size_)).len();
    assert_eq!([names(0), names(9), names(10), names(19), names(20)], [1, 1, 2, 2, 1]);
    assert_eq!(state.log_keys_at(size(20)), [vkey(&key(102), KeyAlgorithm::Ed25519)]);
    // Entry 9 makes the tree of size 10, which the change would be about.
    assert_eq!(
        first().next(&sign(rotated(10, 20), &[1, 2, 102]), index(9)),
        Err(TrustError::WindowsPast { from: size(10), size: size(10) })
    );
    let error = first().next(&sign(rotated(10, 20), &[1, 2, LOG]), index(8)).unwrap_err();
    assert!(matches!(error, TrustError::LogKey { .. }), "{error}");
    // Another first key would make forged old checkpoints valid.
    let replaced = with(|members| {
        members.version = 2;
        members.log_keys[0].vkey = vkey(&key(102), KeyAlgorithm::Ed25519);
    });
    assert_eq!(
        first().next(&sign(replaced, &[1, 2, 102]), index(8)).unwrap_err().word(),
        "trust_log_key_past"
    );
}

#[test]
fn refuses_windows_that_leave_a_gap_or_pile_up() {
    let windows = |bounds: &[(u64, Option<u64>)]| {
        TrustDocument::new(with(|members| {
            members.log_keys = bounds
                .iter()
                .enumerate()
                .map(|(at, (from, until))| LogKey {
                    vkey: vkey(&key(110 + u8::try_from(at).unwrap()), KeyAlgorithm::Ed25519),
                    from_size: size(*from),
                    until_size: until.map(size),
                })
                .collect();
        }))
        .map(drop)
    };
    assert_eq!(windows(&[(0, None)]), Ok(()));
    assert_eq!(windows(&[(0, Some(11)), (10, None)]), Ok(()));
    assert_eq!(windows(&[(0, Some(11)), (10, Some(21)), (20, None)]), Ok(()));
    for (bounds, expected) in [
        (&[][..], WindowError::None),
        (&[(1, None)], WindowError::Start { found: size(1) }),
        (&[(0, Some(0)), (0, None)], WindowError::Empty { position: 0, from: size(0), until: size(0) }),
        (&[(0, Some(5))], WindowError::End { position: 0, until: size(5) }),
        (&[(0, None), (5, None)], WindowError::NoEnd { position: 0 }),
        (&[(0, Some(5)), (0, None)], WindowError::Order { position: 1, from: size(0), before: size(0) }),
        (
            &[(0, Some(10)), (10, None)],
            WindowError::NoOverlap { position: 1, from: size(10), until: size(10) },
        ),
        (
            &[(0, Some(10)), (11, None)],
            WindowError::NoOverlap { position: 1, from: size(11), until: size(10) },
        ),
        (&[(0, Some(30)), (10, Some(30)), (20, None)], WindowError::Three { position: 2, from: size(20) }),
    ] {
        assert_eq!(windows(bounds), Err(TrustError::Windows(expected)), "{bounds:?}");
    }
    let twice = refused(|members| {
        members.log_keys[0].until_size = Some(size(9));
        members.log_keys.push(LogKey { from_size: size(5), until_size: None, ..members.log_keys[0].clone() });
    });
    assert_eq!(twice, TrustError::Windows(WindowError::Twice { position: 1 }));
}

#[test]
fn refuses_thresholds_that_nobody_or_everybody_meets() {
    for (threshold, keys) in [(0, 3), (4, 3)] {
        let error = refused(|members| members.roles.root.threshold = threshold);
        assert_eq!(error, TrustError::ThresholdRange { role: RoleName::Root, threshold, keys, people: keys });
    }
    let error = refused(|members| members.roles.responder.keys.clear());
    assert_eq!(
        error,
        TrustError::ThresholdRange { role: RoleName::Responder, threshold: 1, keys: 0, people: 0 }
    );
}

#[test]
fn a_rule_that_asks_for_more_is_named_as_critical() {
    let bound = |crit: &[&str]| {
        with(|members| {
            let id = members.add_key(key(9).public());
            members.crit = crit.iter().map(ToString::to_string).collect();
            members.writers.push(WriterRule { bound: true, ..WriterRule::anything("ci", id) });
        })
    };
    let error = TrustDocument::new(bound(&[])).unwrap_err();
    assert_eq!(error, TrustError::BoundNotCritical { rule: "ci".to_owned() });
    let document = TrustDocument::new(bound(&["bound"])).unwrap();
    assert_eq!(TrustDocument::parse(&document.encode()).unwrap(), document);
    // A document without such a rule has the bytes that it had before there was one.
    assert!(!String::from_utf8(TrustDocument::new(members()).unwrap().encode()).unwrap().contains("bound"));
}

#[test]
fn refuses_keys_that_are_not_what_they_are_called() {
    let (one, nine) = (key(1).id(), key(9).id());
    let duplicate = refused(|members| members.roles.rules.keys.push(one));
    assert_eq!(duplicate, TrustError::DuplicateKey { place: "roles.rules".into(), key: one });
    let unknown = refused(|members| members.writers.push(WriterRule::anything("ci", nine)));
    assert_eq!(unknown, TrustError::UnknownKey { place: "writers[0]".into(), key: nine });
    let swapped = refused(|members| {
        let spki = members.keys[&key(2).id()].clone();
        members.keys.insert(one, spki);
    });
    assert_eq!(swapped, TrustError::KeyIdMismatch { named: one, computed: key(2).id() });
    let base64 = refused(|members| drop(members.keys.insert(one, "MC".into())));
    assert_eq!(base64, TrustError::KeyBase64 { key: one });
    let der = refused(|members| drop(members.keys.insert(one, "MAA=".into())));
    assert!(matches!(der, TrustError::Key { .. }));
}

#[test]
fn refuses_a_key_with_two_purposes() {
    let log = refused(|members| {
        members.add_key(key(LOG).public());
    });
    assert!(matches!(log, TrustError::KeyReused { list: "log_keys", .. }), "{log}");
    let fresh = refused(|members| members.freshness_keys = vec![vkey(&key(LOG), KeyAlgorithm::Cosignature)]);
    assert!(matches!(fresh, TrustError::KeyReused { list: "freshness_keys", .. }), "{fresh}");
    let kind = refused(|members| members.freshness_keys = vec![vkey(&key(FRESH), KeyAlgorithm::Ed25519)]);
    assert!(matches!(kind, TrustError::KeyType { list: "freshness_keys", .. }), "{kind}");
    let name = refused(|members| {
        let public = *key(LOG).public().ed25519_bytes().unwrap();
        members.log_keys[0].vkey =
            VerifierKey::new("other".parse().unwrap(), KeyAlgorithm::Ed25519, &public).unwrap();
    });
    assert!(matches!(name, TrustError::KeyName { .. }), "{name}");
}

#[test]
fn refuses_rules_that_allow_nothing_or_administration() {
    let rule = |change: fn(&mut WriterRule)| {
        refused(|members| {
            let mut rule = WriterRule::anything("ci", members.add_key(key(9).public()));
            change(&mut rule);
            members.writers.push(rule);
        })
    };
    let empty = |member| TrustError::EmptyRule { rule: "ci".into(), member };
    assert_eq!(rule(|rule| rule.keys.clear()), empty("keys"));
    assert_eq!(rule(|rule| rule.predicates.clear()), empty("predicates"));
    assert_eq!(rule(|rule| rule.about = About::Namespace(String::new())), empty("about.namespace"));
    for found in ["urn:custody:trust:v1", "urn:custody:distrust:v1", "urn:custody:trust:v2"] {
        let error = refused(|members| {
            let mut rule = WriterRule::anything("ci", members.add_key(key(9).public()));
            rule.predicates.push(found.to_owned());
            members.writers.push(rule);
        });
        assert_eq!(error, TrustError::Administrative { rule: "ci".into(), found: found.into() });
    }
    assert!(matches!(rule(|rule| rule.name.clear()), TrustError::Name { .. }));
    let twice = refused(|members| {
        let id = members.add_key(key(9).public());
        members.writers = vec![WriterRule::anything("ci", id), WriterRule::anything("ci", id)];
    });
    assert!(matches!(twice, TrustError::Name { .. }));
    let everything = WriterRule::anything("ci", key(9).id());
    assert!(everything.allows("anything") && !everything.allows("urn:custody:trust:v1"));
}

#[test]
fn refuses_a_key_of_two_people() {
    let one = key(1).id();
    let error = refused(|members| {
        members.people = ["Ann", "Bob"]
            .map(|name| Person { name: name.into(), keys: vec![one], identities: Vec::new() })
            .to_vec();
    });
    assert_eq!(error, TrustError::TwoPeople { identity: one.into(), second: "Bob".into() });
}

#[test]
fn refuses_an_unknown_critical_member_and_ignores_other_unknown_ones() {
    let text = String::from_utf8(TrustDocument::new(members()).unwrap().encode()).unwrap();
    let changed = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        TrustDocument::parse(changed.as_bytes())
    };
    assert!(changed(r#""version":1"#, r#""version":1,"new":{}"#).is_ok());
    assert!(changed(r#""crit":[]"#, r#""crit":["writers"]"#).is_ok());
    assert_eq!(
        changed(r#""crit":[]"#, r#""crit":["new"],"new":{}"#),
        Err(TrustError::UnknownCritical { name: "new".into() })
    );
    assert_eq!(changed("trust/v1", "trust/v2"), Err(TrustError::Format { found: "custody/trust/v2".into() }));
    assert_eq!(changed(r#""version":1"#, r#""version":0"#), Err(TrustError::VersionZero));
    for (from, to) in [
        (r#""version":1"#, r#""version":-1"#),
        (r#""version":1"#, r#""version":1,"version":1"#),
        (r#""version":1,"#, ""),
        (r#""origin":"example.com/log""#, r#""origin":"a b""#),
        ("2027-01-01T00:00:00.000000Z", "soon"),
        (r#""from_size":0"#, r#""from_size":9223372036854775808"#),
    ] {
        assert!(matches!(changed(from, to), Err(TrustError::Json(_))), "{to}");
    }
}

#[test]
fn refuses_a_statement_about_something_else() {
    let document = TrustDocument::new(members()).unwrap();
    let good = String::from_utf8(statement_of(&document)).unwrap();
    let parse = |text: &str| TrustDocument::from_statement(&Statement::parse(text.as_bytes()).unwrap());
    assert!(parse(&good).is_ok());
    let name = good.replacen(r#""name":"example.com/log""#, r#""name":"example.com/lob""#, 1);
    assert!(matches!(parse(&name), Err(TrustError::Subject { .. })));
    let digest = good.replacen("\"sha256\":\"", "\"sha256\":\"00", 1);
    assert!(matches!(parse(&digest), Err(TrustError::Subject { .. })));
    let two = good.replacen("\"subject\":[", "\"subject\":[{\"name\":\"x\"},", 1);
    assert!(matches!(parse(&two), Err(TrustError::Subject { .. })));
    let kind = good.replacen("urn:custody:trust:v1", "urn:custody:trust:v2", 1);
    assert!(matches!(parse(&kind), Err(TrustError::PredicateType { .. })));
    let none = crate::StatementBuilder::new(PREDICATE_TYPE).without_predicate().unwrap();
    assert_eq!(parse(&String::from_utf8(none).unwrap()), Err(TrustError::NoPredicate));
}

#[test]
fn namespaces_end_at_a_boundary() {
    let subject = |json: &str| {
        let text = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"t","subject":[{json}]}}"#
        );
        Statement::parse(text.as_bytes()).unwrap().subjects()[0].clone()
    };
    let acme = About::Namespace("github.com/acme".into());
    assert!(acme.covers(&subject(r#"{"name":"github.com/acme"}"#)));
    assert!(acme.covers(&subject(r#"{"name":"github.com/acme/app"}"#)));
    assert!(acme.covers(&subject(r#"{"name":"x","uri":"github.com/acme/app"}"#)));
    for json in [
        r#"{"name":"github.com/acme-evil/app"}"#,
        r#"{"name":"github.com/acm"}"#,
        r#"{"name":"github.com/acme/app","uri":"github.com/evil"}"#,
        r#"{"name":"github.com/Acme/app"}"#,
        r#"{"name":" github.com/acme/app"}"#,
        r#"{"name":"github.com/acme/../evil/app"}"#,
        r#"{"name":"github.com/acme/.."}"#,
        r#"{"name":"github.com/acme/%2E%2e/evil"}"#,
        r#"{"name":"github.com/acme/.%2e/evil"}"#,
        r#"{"name":"github.com/acme/a\\..\\..\\evil"}"#,
        r#"{"name":""}"#,
        "{}",
    ] {
        assert!(!acme.covers(&subject(json)), "{json}");
    }
    for name in
        ["github.com/acme/a..b", "github.com/acme/.../x", "github.com/acme/./x", "github.com/acme:1..2"]
    {
        assert!(acme.covers_name(Some(name)), "{name}");
    }
    let host = About::Namespace("https://github.com".into());
    for name in
        ["https://github.com", "https://github.com/acme", "https://github.com?x", "https://github.com#x"]
    {
        assert!(host.covers_name(Some(name)), "{name}");
    }
    for name in
        ["https://github.com@evil.example/", "https://github.com:x@evil.example/", "https://github.com:8443/"]
    {
        assert!(!host.covers_name(Some(name)), "{name}");
    }
    assert!(
        About::Namespace("https://github.com/acme".into()).covers_name(Some("https://github.com/acme@v1"))
    );
    assert!(About::Namespace("pkg:npm/@acme/".into()).covers(&subject(r#"{"name":"pkg:npm/@acme/app@1"}"#)));
    // A name says nothing of whose build it is: of these the digests decide.
    assert!(About::Anything.covers(&subject("{}")) && About::OwnBuilds.covers(&subject("{}")));
}

#[test]
fn expires_at_its_time() {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    assert!(!first().expired(at("2026-12-31T23:59:59.999999Z")));
    assert!(first().expired(at("2027-01-01T00:00:00.000000Z")));
}

#[test]
fn tells_trust_documents_from_other_envelopes() {
    assert!(holds_said_once(&sign(members(), &[1])));
    let statement = statement_of(&TrustDocument::new(members()).unwrap());
    assert!(!holds_said_once(&Envelope::sign("text/plain", &statement, &[&key(1)]).unwrap()));
    assert!(!holds_said_once(&Envelope::sign(IN_TOTO, b"{}", &[&key(1)]).unwrap()));
}

/// A root that lists one log, whose key is none.
const ROOT: &[u8] = br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","tlogs":[{"publicKey":{"rawBytes":"AA=="},"logId":{"keyId":"AA=="}}]}"#;

/// A document with a root, a key that is trusted under it, and a rule for the holders of certificates.
fn rooted(change: impl FnOnce(&mut TrustMembers)) -> Result<TrustDocument, TrustError> {
    TrustDocument::new(with(|members| {
        let mut root = TrustedRoot::new("sigstore", ROOT).unwrap();
        let (key, from) = (members.add_key(key(9).public()), time("2026-01-01T00:00:00Z"));
        root.keys.push(RootKey { hint: "npm".into(), key, from, until: Some(from) });
        members.trusted_roots.push(root);
        members.writers.push(WriterRule {
            identities: vec![IdentityPattern {
                issuer: "https://token.example".into(),
                roots: vec!["sigstore".into()],
                claims: [("source_repository_identifier".into(), vec!["1".into()])].into(),
            }],
            keys: Vec::new(),
            ..WriterRule::anything("release", key)
        });
        change(members);
    }))
}

#[test]
fn a_trusted_root_is_in_the_document_and_reads_back() {
    let document = rooted(|_| ()).unwrap();
    assert_eq!(TrustDocument::parse(&document.encode()).unwrap(), document);
    let [root] = document.roots() else { panic!("one root") };
    assert_eq!((root.name(), root.keys().len(), root.root().needs_log()), ("sigstore", 1, true));
    assert!(document.is_windowed(&key(9).public().id()));
    assert!(!document.is_windowed(&key(1).public().id()));
}

type Change = Box<dyn Fn(&mut TrustMembers)>;

#[test]
fn one_change_to_a_trusted_root_or_a_pattern_is_refused_for_its_reason() {
    let claim = |name: &'static str, values: &'static [&'static str]| -> Change {
        Box::new(move |m| {
            let values = values.iter().map(ToString::to_string).collect();
            m.writers[0].identities[0].claims = [(name.to_owned(), values)].into();
        })
    };
    let second = |m: &mut TrustMembers, name: &str| {
        m.trusted_roots.push(TrustedRoot::new(name, ROOT).unwrap());
    };
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(|m| m.trusted_roots[0].root.insert(0, '!')), "base64"),
        (Box::new(|m| m.trusted_roots[0].root = base64(b"{}")), "has the digest"),
        (
            Box::new(|m| {
                m.trusted_roots[0].root = base64(b"{}");
                m.trusted_roots[0].digest = custody_log::BlobDigest::of(b"{}");
            }),
            "mediaType",
        ),
        (Box::new(move |m| second(m, "sigstore")), "trusted_roots[1] needs a name"),
        (Box::new(move |m| (0..16).for_each(|n| second(m, &n.to_string()))), "at most 16"),
        (Box::new(|m| m.trusted_roots[0].keys[0].hint.clear()), "needs a hint"),
        (
            Box::new(|m| m.trusted_roots[0].keys[0].until = Some(time("2025-12-31T00:00:00Z"))),
            "not before `from`",
        ),
        (Box::new(|m| m.trusted_roots[0].keys[0].key = key(77).public().id()), "is not in `keys`"),
        (
            Box::new(|m| {
                let listed = m.trusted_roots[0].keys[0].clone();
                m.trusted_roots[0].keys = vec![listed; 65];
            }),
            "at most 64",
        ),
        (Box::new(|m| m.trusted_roots.clear()), "believes the trusted root \"sigstore\""),
        (Box::new(|m| m.writers[0].identities[0].issuer = "token.example".into()), "URL of an issuer"),
        (claim("repository", &["1"]), "there are subject, token_subject, build_signer_uri"),
        (claim("subject", &[]), "identities.claims"),
        (claim("subject", &[""]), "may not be \"\""),
        (claim("subject", &["*"]), "may not be \"*\""),
        (claim("subject", &["https://github.com/acme*"]), "acme-evil"),
        (claim("subject", &["https://github.com/*"]), "may not be"),
        (claim("subject", &["https://*"]), "may not be"),
        (claim("source_repository_ref", &["refs/heads/main"]), "says whose job it is"),
        (claim("build_trigger", &["push"]), "says whose job it is"),
        (claim("runner_environment", &["github-hosted"]), "says whose job it is"),
        (
            Box::new(|m| {
                let pattern = &mut m.writers[0].identities[0];
                pattern.issuer = "https://token.actions.githubusercontent.com".into();
                pattern.claims =
                    [("subject".into(), vec!["https://github.com/acme/x.yml@refs/heads/main".into()])].into();
            }),
            "says whose job it is",
        ),
        (
            Box::new(|m| m.writers[0].identities[0].issuer = "https://token.example#x".into()),
            "URL of an issuer",
        ),
        (Box::new(|m| m.writers[0].identities[0].claims.clear()), "lets people whom nobody chose"),
    ];
    for (change, reason) in cases {
        let error = rooted(change).unwrap_err().to_string();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    for change in [
        claim("subject", &["https://github.com/acme/*"]),
        claim("subject", &["https://github.com/acme/api/.github/workflows/release.yml@refs/tags/v1*"]),
        Box::new(|m: &mut TrustMembers| {
            let refs = vec!["refs/heads/release-*".into(), "refs/heads/main".into()];
            m.writers[0].identities[0].claims.insert("source_repository_ref".into(), refs);
        }),
        Box::new(|m: &mut TrustMembers| {
            m.writers[0].identities[0].claims.clear();
            m.writers[0].authority = Authority::Imported;
        }),
    ] {
        assert!(rooted(change).is_ok());
    }
}

/// Taking a root out must narrow what is believed, and never widen it.
#[test]
fn a_key_that_loses_its_windows_counts_at_no_time_at_all() {
    let windowed = |change: &dyn Fn(&mut TrustMembers)| {
        with(|members| {
            let mut root = TrustedRoot::new("npm", ROOT).unwrap();
            let (id, from) = (members.add_key(key(9).public()), time("2026-01-01T00:00:00Z"));
            root.keys.push(RootKey { hint: "npm".into(), key: id, from, until: None });
            members.trusted_roots.push(root);
            members.writers.push(WriterRule::anything("npm", id));
            change(members);
        })
    };
    let first = TrustState::first(&sign(windowed(&|_| ()), &[1, 2, LOG]), &origin()).unwrap();
    let next = |change: &dyn Fn(&mut TrustMembers)| {
        let members = windowed(&|members| {
            members.version = 2;
            change(members);
        });
        first.next(&sign(members, &[1, 2]), index(7))
    };
    assert!(next(&|m| m.trusted_roots[0].keys[0].until = Some(time("2026-06-01T00:00:00Z"))).is_ok());
    let changes: [&dyn Fn(&mut TrustMembers); 2] =
        [&|m| m.trusted_roots.clear(), &|m| m.trusted_roots[0].keys.clear()];
    for change in changes {
        assert!(matches!(next(change).unwrap_err(), TrustError::WindowLost { .. }));
        let without_rule = next(&|m| {
            change(m);
            m.writers.clear();
        });
        assert!(without_rule.is_ok());
    }
}
