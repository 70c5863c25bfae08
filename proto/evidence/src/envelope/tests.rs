use super::*;
use crate::dsse::IN_TOTO;
use crate::key::SigningKey;

const STATEMENT: &[u8] =
    br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://a.test/p","subject":[]}"#;

fn signed(payload_type: &str) -> dsse::Envelope {
    dsse::Envelope::sign(payload_type, STATEMENT, &[&SigningKey::from_seed(&[7; 32])]).unwrap()
}

/// A bundle around an envelope, keyed: what its shape needs and no more.
fn bundle(member: &str, value: &str) -> String {
    format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{{"publicKey":{{"hint":""}}}},"{member}":{value}}}"#
    )
}

fn message(digest: &str) -> String {
    bundle("messageSignature", &format!(r#"{{{digest}"signature":"AAAA"}}"#))
}

const DIGEST: &str =
    r#""messageDigest":{"algorithm":"SHA2_256","digest":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},"#;

#[test]
fn the_same_statement_has_the_same_content_in_every_kind_of_envelope() {
    let plain = signed(IN_TOTO);
    let json: serde_json::Value = serde_json::from_slice(plain.bytes()).unwrap();
    let mut inner = json;
    inner["signatures"][0]["keyid"] = "".into();
    let wrapped = Envelope::parse(bundle("dsseEnvelope", &inner.to_string()).as_bytes()).unwrap();
    let plain = Envelope::from(plain);
    assert_eq!(wrapped.content(), plain.content());
    assert_ne!(wrapped.digest(), plain.digest(), "the bytes are others");
    assert_eq!(wrapped.media_type(), "application/vnd.dev.sigstore.bundle.v0.3+json");
    assert!(wrapped.dsse().is_none() && wrapped.bundle().is_some() && wrapped.signed().is_some());
    assert!(plain.dsse().is_some() && plain.bundle().is_none());
    for envelope in [&plain, &wrapped] {
        assert_eq!(envelope.said().unwrap().predicate_type(), "https://a.test/p");
    }
}

#[test]
fn a_signed_file_says_its_digest_and_nothing_else() {
    let envelope = Envelope::parse(message(DIGEST).as_bytes()).unwrap();
    let said = envelope.said().unwrap();
    assert_eq!(said.predicate_type(), MESSAGE_SIGNATURE);
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(said.digests().iter().map(ToString::to_string).collect::<Vec<_>>(), [empty]);
    assert_eq!(envelope.content(), ContentDigest::of(format!("custody/message/v1\n{empty}\n").as_bytes()));
    let facts = said.facts();
    assert!(facts.edges.is_empty() && facts.interpreted && facts.warnings.is_empty());
    assert!(facts.terms().iter().any(|term| term.value() == empty));
    assert!(envelope.signed().is_none());
}

#[test]
fn what_was_received_is_parsed_as_its_bytes_are_and_has_their_digest() {
    let plain = signed(IN_TOTO);
    let mut inner: serde_json::Value = serde_json::from_slice(plain.bytes()).unwrap();
    inner["signatures"][0]["keyid"] = "".into();
    let wrapped = bundle("dsseEnvelope", &inner.to_string());
    for bytes in [plain.bytes(), wrapped.as_bytes(), message(DIGEST).as_bytes()] {
        let received = Received::new(bytes.to_vec());
        assert_eq!(received.digest(), EnvelopeDigest::of(bytes));
        let envelope = Envelope::from_received(received).unwrap();
        assert_eq!((envelope.digest(), envelope.bytes()), (EnvelopeDigest::of(bytes), bytes));
        assert_eq!(envelope.content(), Envelope::parse(bytes).unwrap().content());
    }
    for bytes in ["", "{}", "[]", &message(""), &wrapped[1..]] {
        let refused = Envelope::from_received(Received::new(bytes.into())).unwrap_err();
        assert_eq!(refused, Envelope::parse(bytes.as_bytes()).unwrap_err(), "{bytes}");
    }
}

#[test]
fn what_is_no_single_envelope_is_refused_by_its_name() {
    for (text, named) in [
        (message(""), "does not say which"),
        (r#"{"attestations":[]}"#.to_owned(), "npm attestation document"),
        (r#"{"version":1,"attestation_bundles":[]}"#.to_owned(), "PEP 740 provenance document"),
        (r#"{"_type":"https://in-toto.io/Statement/v1"}"#.to_owned(), "nobody signed it"),
        (r#"{"bomFormat":"CycloneDX"}"#.to_owned(), "nobody signed it"),
        (r#"{"version":2,"verification_material":{"certificate":"","transparency_entries":[]},"envelope":{"statement":"","signature":""}}"#.to_owned(), "version 1"),
        (bundle("dsseEnvelope", "{}"), "dsseEnvelope"),
        ("{}".to_owned(), "not a DSSE envelope"),
        (String::new(), "not a DSSE envelope"),
    ] {
        let error = Envelope::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}

#[test]
fn bytes_are_of_one_kind_whatever_else_they_hold() {
    let plain = signed(IN_TOTO);
    let mut both: serde_json::Value = serde_json::from_slice(plain.bytes()).unwrap();
    both["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.3+json".into();
    both["verificationMaterial"] = serde_json::json!({ "publicKey": { "hint": "" } });
    let envelope = Envelope::parse(both.to_string().as_bytes()).unwrap();
    assert!(envelope.dsse().is_some(), "a DSSE envelope is one");
    assert_eq!(envelope.content(), plain.content());
}

#[test]
fn a_statement_does_not_pass_for_a_signature_over_a_file() {
    let posing =
        String::from_utf8(STATEMENT.to_vec()).unwrap().replace("https://a.test/p", MESSAGE_SIGNATURE);
    let keys = SigningKey::from_seed(&[7; 32]);
    let envelope = dsse::Envelope::sign(IN_TOTO, posing.as_bytes(), &[&keys]).unwrap();
    assert_eq!(Envelope::from(envelope).said().unwrap_err(), SaidError::Reserved);
}

#[test]
fn a_payload_of_another_type_says_nothing_here() {
    let envelope = Envelope::from(signed("text/plain"));
    assert!(
        matches!(envelope.said(), Err(SaidError::NotInToto { payload_type }) if payload_type == "text/plain")
    );
}
