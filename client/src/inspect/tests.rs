use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::key::SigningKey;

use super::*;
use crate::document::items;

const STATEMENT: &str = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"app","digest":{"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}],"predicateType":"https://example.com/x","predicate":{}}"#;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn signed(payload: &str, keys: &[&SigningKey]) -> Vec<u8> {
    Envelope::sign(IN_TOTO, payload.as_bytes(), keys).unwrap().bytes().to_vec()
}

fn by(key: &SigningKey) -> Expectations {
    Expectations { keys: vec![ExpectedKey::Public(key.public().clone())], ..Expectations::default() }
}

fn about(digest: &str) -> Expectations {
    let artifact = ExpectedArtifact { digests: vec![digest.parse().unwrap()], bytes: None };
    Expectations { artifact: Some(artifact), ..Expectations::default() }
}

/// Inspects the only document of a file.
fn inspect(bytes: &[u8], expected: &Expectations) -> Report {
    let found = items(bytes);
    assert_eq!(found.len(), 1);
    super::inspect(&found[0], expected)
}

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn an_envelope_holds_only_when_its_signature_was_verified() {
    let bytes = signed(STATEMENT, &[&key(1)]);
    let report = inspect(&bytes, &by(&key(1)));
    assert_eq!(report.verdict(), Verdict::Holds);
    assert_eq!(report.signers[0].key, Some(format!("key:{}", key(1).id())));
    assert_eq!((report.subjects.as_slice(), report.admissible), (&[ABC.to_owned()][..], true));
    let without = inspect(&bytes, &Expectations::default());
    assert_eq!((without.verdict(), without.signers[0].status), (Verdict::Undecided, Status::NotChecked));
    let other = inspect(&bytes, &by(&key(2)));
    assert_eq!((other.verdict(), other.signers[0].status), (Verdict::Fails, Status::Failed));
}

#[test]
fn a_changed_payload_fails() {
    let bytes = String::from_utf8(signed(STATEMENT, &[&key(1)])).unwrap();
    let changed = STATEMENT.replace("\"app\"", "\"bad\"");
    let (good, bad) = (signed(STATEMENT, &[&key(1)]), signed(&changed, &[&key(1)]));
    let member = |bytes: &[u8]| {
        let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        value["payload"].as_str().unwrap().to_owned()
    };
    let swapped = bytes.replace(&member(&good), &member(&bad));
    assert_eq!(inspect(swapped.as_bytes(), &by(&key(1))).verdict(), Verdict::Fails);
}

#[test]
fn a_signature_by_another_key_beside_the_expected_one_is_not_checked() {
    let report = inspect(&signed(STATEMENT, &[&key(1), &key(2)]), &by(&key(2)));
    let statuses: Vec<_> = report.signers.iter().map(|signer| signer.status).collect();
    assert_eq!(statuses, [Status::NotChecked, Status::Verified]);
    assert_eq!(report.verdict(), Verdict::Holds);
}

#[test]
fn an_artifact_that_an_unverified_document_names_proves_nothing() {
    assert_eq!(inspect(STATEMENT.as_bytes(), &about(ABC)).verdict(), Verdict::Undecided);
    assert_eq!(inspect(&signed(STATEMENT, &[&key(1)]), &about(ABC)).verdict(), Verdict::Undecided);
    let both = Expectations { artifact: about(ABC).artifact, ..by(&key(1)) };
    assert_eq!(inspect(&signed(STATEMENT, &[&key(1)]), &both).verdict(), Verdict::Holds);
}

#[test]
fn another_artifact_fails_and_names_both() {
    let other = format!("sha256:{}", "0".repeat(64));
    let expected = Expectations { artifact: about(&other).artifact, ..by(&key(1)) };
    let report = inspect(&signed(STATEMENT, &[&key(1)]), &expected);
    assert_eq!(report.verdict(), Verdict::Fails);
    let check = report.checks.iter().find(|check| check.name == "artifact").unwrap();
    assert_eq!(check.detail, format!("expected {other} among the subjects, found {ABC}"));
}

#[test]
fn malformed_documents_fail_and_say_why() {
    let no_type = STATEMENT.replace("\"_type\"", "\"type\"");
    let twice = STATEMENT.replace("\"predicate\":{}", "\"predicate\":{},\"predicate\":{}");
    for bytes in [
        b"".to_vec(),
        b"hello".to_vec(),
        br#"{"payload":"!","payloadType":"t","signatures":[{"sig":""}]}"#.to_vec(),
        br#"{"payload":"","payloadType":"t","signatures":[]}"#.to_vec(),
        signed("not json", &[&key(1)]),
        signed(&no_type, &[&key(1)]),
        signed(&twice, &[&key(1)]),
        twice.into_bytes(),
        br#"{"bomFormat":"CycloneDX","#.to_vec(),
        b"c2sp.org/tlog-proof@v1\n".to_vec(),
        b"custody/entry/v1\nindex x\n".to_vec(),
        br#"{"format":"custody/record/v1"}"#.to_vec(),
    ] {
        let report = inspect(&bytes, &by(&key(1)));
        assert_eq!(report.verdict(), Verdict::Fails, "{}", String::from_utf8_lossy(&bytes));
        assert!(report.why.is_some() && !report.admissible);
    }
}

#[test]
fn what_is_not_read_yet_is_unsupported_and_never_malformed() {
    for text in [
        r#"{"base64Signature":"","cert":""}"#,
        r#"{"signed":{},"signatures":[]}"#,
        "<testsuites/>",
        "<?xml version=\"1.0\"?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.4\"/>",
        "{}",
    ] {
        let report = inspect(text.as_bytes(), &Expectations::default());
        assert_eq!(report.verdict(), Verdict::Undecided, "{text}");
        assert!(report.checks.iter().any(|check| check.status == Status::Unsupported), "{text}");
    }
}

#[test]
fn reports_of_scanners_are_read_and_nobody_signed_them() {
    for (text, said, warnings) in [
        (
            r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}},"results":[{"ruleId":"r"}]}]}"#,
            "SARIF 2.1.0: 1 found",
            0,
        ),
        (r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"t"}}}]}"#, "SARIF 2.1.0: 0 found", 1),
        (r#"{"descriptor":{"name":"grype"},"matches":[]}"#, "grype: 0 found", 0),
        ("\u{feff}{\"SchemaVersion\":2}", "trivy: 0 found", 1),
        (r#"{"results":[],"experimental_config":{}}"#, "OSV-Scanner: 0 found", 0),
        (r#"{"@context":"https://openvex.dev/ns","author":"a","statements":[]}"#, "OpenVEX: 0 statements", 0),
    ] {
        let report = inspect(text.as_bytes(), &Expectations::default());
        assert_eq!((report.predicate.as_deref(), report.warnings.len()), (Some(said), warnings), "{text}");
        assert_eq!((report.verdict(), report.admissible), (Verdict::Undecided, false), "{text}");
        assert!(report.why.unwrap().contains("custody record scan"), "{text}");
    }
    let old = inspect(br#"{"version":"2.0.0","runs":[]}"#, &Expectations::default());
    assert_eq!((old.verdict(), old.checks[0].status), (Verdict::Undecided, Status::Unsupported));
    for broken in [
        r#"{"version":"2.1.0","runs":[{}]}"#,
        r#"{"descriptor":{},"matches":[{}]}"#,
        r#"{"results":[{"packages":[{}]}]}"#,
        r#"{"@context":"https://openvex.dev/ns","author":"a","statements":[{}]}"#,
    ] {
        assert_eq!(
            inspect(broken.as_bytes(), &Expectations::default()).verdict(),
            Verdict::Fails,
            "{broken}"
        );
    }
}

#[test]
fn text_in_utf_16_is_named() {
    let text: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let report = inspect(&text, &Expectations::default());
    assert_eq!(report.verdict(), Verdict::Fails);
    assert!(report.why.unwrap().contains("UTF-16"));
}

#[test]
fn a_document_that_holds_nothing_is_undecided_and_a_broken_one_fails() {
    let empty = inspect(br#"{"version":1,"attestation_bundles":[]}"#, &Expectations::default());
    assert_eq!(empty.verdict(), Verdict::Undecided);
    assert!(empty.why.unwrap().contains("no attestation"));
    let answer = br#"{"attestations":[{"bundle":null,"bundle_url":"https://blobs.example/1?sig=x"}]}"#;
    let elsewhere = inspect(answer, &Expectations::default());
    assert_eq!(elsewhere.verdict(), Verdict::Undecided);
    assert!(elsewhere.why.unwrap().ends_with("says only where it is: https://blobs.example/1"));
    for broken in [r#"{"version":2,"attestation_bundles":[]}"#, r#"{"verificationMaterial":{}}"#] {
        assert_eq!(
            inspect(broken.as_bytes(), &Expectations::default()).verdict(),
            Verdict::Fails,
            "{broken}"
        );
    }
}

/// Whatever kind of document: what is expected of it and cannot be checked does not hold.
#[test]
fn an_identity_that_nothing_verifies_never_holds() {
    let expectations = [
        Expectations { identity: Some("https://example.com/me".to_owned()), ..by(&key(1)) },
        Expectations { issuer: Some("https://issuer.example.com".to_owned()), ..by(&key(1)) },
    ];
    let documents = [
        signed(STATEMENT, &[&key(1)]),
        STATEMENT.as_bytes().to_vec(),
        br#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#.to_vec(),
        br#"{"base64Signature":"","cert":""}"#.to_vec(),
        br#"{"version":1,"attestation_bundles":[]}"#.to_vec(),
        b"hello".to_vec(),
        br#"{"format":"custody/record/v1"}"#.to_vec(),
    ];
    for expected in &expectations {
        for document in &documents {
            let report = inspect(document, expected);
            assert_ne!(report.verdict(), Verdict::Holds, "{}", String::from_utf8_lossy(document));
            let asked = report.checks.iter().filter(|check| check.name.starts_with("expected_"));
            let statuses: Vec<_> = asked.map(|check| (check.status, check.role)).collect();
            assert_eq!(statuses, [(Status::NotChecked, Role::Expected)]);
        }
    }
}

#[test]
fn one_of_several_keys_is_enough_and_none_of_them_is_not() {
    let bytes = signed(STATEMENT, &[&key(2)]);
    let of = |seeds: &[u8]| {
        let keys = seeds.iter().map(|seed| ExpectedKey::Public(key(*seed).public().clone())).collect();
        Expectations { keys, ..Expectations::default() }
    };
    assert_eq!(inspect(&bytes, &of(&[1, 2])).verdict(), Verdict::Holds);
    assert_eq!(inspect(&bytes, &of(&[1, 3])).verdict(), Verdict::Fails);
    let registry = Expectations { keys: vec![ExpectedKey::Registry(Vec::new())], ..Expectations::default() };
    assert_eq!(inspect(&bytes, &registry).verdict(), Verdict::Undecided);
}

#[test]
fn a_check_that_is_not_needed_counts_as_absent_when_it_fails() {
    let mut report = inspect(&signed(STATEMENT, &[&key(1)]), &by(&key(1)));
    report.add("timestamp[1]", Status::Failed, "", Role::Optional);
    assert_eq!(report.verdict(), Verdict::Holds);
    report.add("timestamp[2]", Status::Failed, "", Role::Document);
    assert_eq!(report.verdict(), Verdict::Fails);
}

#[test]
fn an_unsupported_key_is_named_and_fails_nothing() {
    let keys = vec![ExpectedKey::Unsupported("RSA".to_owned())];
    let expected = Expectations { keys, ..Expectations::default() };
    let report = inspect(&signed(STATEMENT, &[&key(1)]), &expected);
    assert_eq!((report.verdict(), report.signers[0].status), (Verdict::Undecided, Status::Unsupported));
    assert!(report.signers[0].detail.contains("RSA"));
}

#[test]
fn a_statement_without_usable_digest_is_verified_but_not_recordable() {
    let weak = STATEMENT.replace("\"sha256\"", "\"foo\"");
    let report = inspect(&signed(&weak, &[&key(1)]), &by(&key(1)));
    assert_eq!((report.verdict(), report.admissible), (Verdict::Holds, false));
    assert!(report.why.unwrap().contains("subject 0"));
}

#[test]
fn a_token_is_told_by_what_it_says_and_no_part_of_it_is_shown() {
    let text = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let token =
        |header: &str, claims: &str| format!("{}.{}.{}", text(header), text(claims), text("signature"));
    let header = r#"{"alg":"RS256","kid":"k1"}"#;
    let claims = r#"{"iss":"https://token.example","sub":"repo:acme/api","aud":["a","b","c","d","e"],"iat":1795183200,"exp":1795183500,"jti":"1f"}"#;
    let good = token(header, claims);
    let report = inspect(format!("{good}\n").as_bytes(), &by(&key(1)));
    assert_eq!(
        (report.kind, report.verdict(), report.admissible),
        (Kind::IdentityToken, Verdict::Undecided, false)
    );
    assert!(report.checks.iter().all(|check| check.status == Status::NotChecked), "{report:?}");
    let told = format!("{report:?}");
    for said in [
        "https://token.example",
        "repo:acme/api",
        "a, b, c, d, and 1 more",
        "from 2026-11-20T14:00:00.000000Z until 2026-11-20T14:05:00.000000Z",
        "RS256",
        "k1",
    ] {
        assert!(told.contains(said), "{said}: {told}");
    }
    let bare =
        inspect(token(r#"{"alg":"none"}"#, r#"{"iss":7,"exp":-1e99}"#).as_bytes(), &Expectations::default());
    assert_eq!(bare.verdict(), Verdict::Undecided);
    let mut shown = told + &format!("{bare:?}");
    let long = format!(r#"{{"sub":"{}"}}"#, "s".repeat(12_000));
    let cut = format!("{:?}", inspect(token(header, &long).as_bytes(), &Expectations::default()));
    assert!(cut.len() < 3_000, "{cut}");
    for malformed in [
        token(r#"{"alg":"RS256","jwk":{}}"#, claims),
        token(r#"{"alg":"RS256","alg":"RS256"}"#, claims),
        token(r#"{"kid":"k1"}"#, claims),
        token(header, "[]"),
        format!("{good}="),
        token(header, &format!(r#"{{"sub":"{}"}}"#, "s".repeat(20_000))),
    ] {
        if !malformed.ends_with('=') {
            let report = inspect(malformed.as_bytes(), &Expectations::default());
            assert_eq!((report.kind, report.verdict()), (Kind::IdentityToken, Verdict::Fails), "{report:?}");
        }
        shown.extend([format!("{:?}", inspect(malformed.as_bytes(), &Expectations::default()))]);
    }
    for part in good.split('.') {
        assert!(!shown.contains(part), "{part} is shown: {shown}");
    }
}
