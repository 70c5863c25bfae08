use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;

/// A bundle that reads, and that nobody signed.
fn sample() -> Value {
    let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
    json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": {"rawBytes": b64(b"certificate")},
            "tlogEntries": [{
                "logIndex": "7",
                "logId": {"keyId": b64(b"log")},
                "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
                "integratedTime": "1700000000",
                "inclusionPromise": {"signedEntryTimestamp": b64(b"promise")},
                "inclusionProof": {
                    "logIndex": "1",
                    "treeSize": "2",
                    "rootHash": b64(&[1; 32]),
                    "hashes": [b64(&[2; 32])],
                    "checkpoint": {"envelope": "log\n2\n"},
                },
                "canonicalizedBody": b64(b"{}"),
            }],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": b64(b"stamp")}]},
        },
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(&[3; 32])},
            "signature": b64(b"signature"),
        },
    })
}

fn parse(value: &Value) -> Result<Bundle, BundleError> {
    Bundle::parse(&serde_json::to_vec(value).unwrap())
}

/// Reads the sample with one member changed; null takes it away.
fn with(place: &str, value: Value) -> Result<Bundle, BundleError> {
    let mut sample = sample();
    let (parent, name) = place.rsplit_once('/').unwrap();
    let parent = if parent.is_empty() { Some(&mut sample) } else { sample.pointer_mut(parent) };
    parent.unwrap()[name] = value;
    parse(&sample)
}

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

#[test]
fn reads_all_spellings_of_the_media_type_and_no_other() {
    for (text, version) in [
        ("application/vnd.dev.sigstore.bundle+json;version=0.1", BundleVersion::V0_1),
        ("application/vnd.dev.sigstore.bundle+json;version=0.2", BundleVersion::V0_2),
        ("application/vnd.dev.sigstore.bundle+json;version=0.3", BundleVersion::V0_3),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", BundleVersion::V0_3),
    ] {
        assert_eq!(with("/mediaType", json!(text)).unwrap().version(), version);
    }
    for text in [
        "",
        "application/vnd.dev.sigstore.bundle+json",
        "application/vnd.dev.sigstore.bundle+json;version=0.4",
        "application/vnd.dev.sigstore.bundle+json; version=0.3",
        "application/vnd.dev.sigstore.bundle.v0.4+json",
        "application/vnd.dev.sigstore.bundle.v0.3",
        "Application/vnd.dev.sigstore.bundle.v0.3+json",
    ] {
        assert_eq!(
            with("/mediaType", json!(text)).unwrap_err(),
            BundleError::MediaType { found: text.into() }
        );
    }
    assert!(matches!(with("/mediaType", Value::Null), Err(BundleError::MediaType { .. })));
}

#[test]
fn keeps_the_bytes_and_takes_what_protocol_buffers_leave_out() {
    let bytes = serde_json::to_vec_pretty(&sample()).unwrap();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.bytes(), bytes);
    assert_eq!(bundle.digest(), EnvelopeDigest::of(&bytes));
    assert_eq!((bundle.entry_count(), bundle.timestamp_count()), (1, 1));
    // Zeros and empty lists are left out or null.
    for place in ["logIndex", "integratedTime", "inclusionPromise", "inclusionProof"] {
        assert!(with(&format!("{ENTRY}/{place}"), Value::Null).is_ok(), "{place}");
    }
    let alone = json!({"rootHash": STANDARD.encode([1; 32]), "treeSize": "1"});
    let bundle = with(&format!("{ENTRY}/inclusionProof"), alone).unwrap();
    let proof = bundle.entries[0].proof.as_ref().unwrap();
    assert_eq!((proof.proof.index().get(), proof.proof.size().get()), (0, 1));
    assert!(proof.checkpoint.is_none());
    assert_eq!(with("/verificationMaterial/tlogEntries", Value::Null).unwrap().entry_count(), 0);
    assert_eq!(
        with("/verificationMaterial/timestampVerificationData", json!({})).unwrap().timestamp_count(),
        0
    );
}

#[test]
fn names_what_is_missing() {
    for (place, missing) in [
        ("/verificationMaterial", "verificationMaterial"),
        (
            "/verificationMaterial/certificate",
            "verificationMaterial.certificate (or x509CertificateChain, or publicKey)",
        ),
        ("/verificationMaterial/certificate/rawBytes", "verificationMaterial.certificate.rawBytes"),
        ("/messageSignature", "dsseEnvelope (or messageSignature)"),
        ("/messageSignature/signature", "messageSignature.signature"),
        ("/verificationMaterial/tlogEntries/0/logId", "verificationMaterial.tlogEntries[0].logId.keyId"),
        (
            "/verificationMaterial/tlogEntries/0/kindVersion",
            "verificationMaterial.tlogEntries[0].kindVersion",
        ),
        (
            "/verificationMaterial/tlogEntries/0/canonicalizedBody",
            "verificationMaterial.tlogEntries[0].canonicalizedBody",
        ),
        (
            "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp",
            "verificationMaterial.timestampVerificationData.rfc3161Timestamps[0].signedTimestamp",
        ),
    ] {
        assert_eq!(with(place, Value::Null).unwrap_err(), BundleError::Missing { place: missing.into() });
    }
}

/// Protocol Buffers' own readers take both: here a member has one name, and bytes have one form.
#[test]
fn members_in_snake_case_and_base64_without_padding_are_not_read() {
    let renamed = |from: &str, to: &str| {
        let text = sample().to_string();
        assert!(text.contains(&format!("\"{from}\":")), "{from}");
        Bundle::parse(text.replace(&format!("\"{from}\":"), &format!("\"{to}\":")).as_bytes())
    };
    for (from, to) in [
        ("mediaType", "media_type"),
        ("verificationMaterial", "verification_material"),
        ("messageSignature", "message_signature"),
        ("rawBytes", "raw_bytes"),
        ("keyId", "key_id"),
        ("canonicalizedBody", "canonicalized_body"),
        ("signedTimestamp", "signed_timestamp"),
    ] {
        assert!(renamed(from, to).is_err(), "{to}");
    }
    assert_eq!(renamed("tlogEntries", "tlog_entries").unwrap().entry_count(), 0);
    assert_eq!(renamed("rfc3161Timestamps", "rfc3161_timestamps").unwrap().timestamp_count(), 0);
    for place in ["/messageSignature/signature", "/verificationMaterial/certificate/rawBytes"] {
        for (text, good) in [("YQ==", true), ("YQ", false), ("YQ=", false)] {
            assert_eq!(with(place, json!(text)).is_ok(), good, "{place} {text}");
        }
    }
}

#[test]
fn the_thirty_third_time_stamp_or_entry_is_refused_with_its_place() {
    let stamps = |count: u8| {
        let stamp = |number: u8| json!({"signedTimestamp": STANDARD.encode([number])});
        json!((0..count).map(stamp).collect::<Vec<_>>())
    };
    let place = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
    assert_eq!(with(place, stamps(32)).unwrap().timestamp_count(), 32);
    let refused = BundleError::TooMany {
        place: "verificationMaterial.timestampVerificationData.rfc3161Timestamps",
        max: 32,
        found: 33,
    };
    assert_eq!(with(place, stamps(33)).unwrap_err(), refused);
    let entries = |count: u64| {
        let entry = sample()["verificationMaterial"]["tlogEntries"][0].clone();
        let numbered = |number: u64| {
            let mut entry = entry.clone();
            entry["logIndex"] = json!(number.to_string());
            entry
        };
        json!((0..count).map(numbered).collect::<Vec<_>>())
    };
    assert_eq!(with("/verificationMaterial/tlogEntries", entries(32)).unwrap().entry_count(), 32);
    let refused = BundleError::TooMany { place: "verificationMaterial.tlogEntries", max: 32, found: 33 };
    assert_eq!(with("/verificationMaterial/tlogEntries", entries(33)).unwrap_err(), refused);
}

#[test]
fn the_same_proof_twice_is_refused() {
    let stamp = json!({"signedTimestamp": "AAAA"});
    let place = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
    let found = with(place, json!([stamp, {"signedTimestamp": "AAAB"}, stamp])).unwrap_err();
    let list = "verificationMaterial.timestampVerificationData.rfc3161Timestamps";
    assert_eq!(found, BundleError::Duplicate { place: list, index: 2 });
    let entry = sample()["verificationMaterial"]["tlogEntries"][0].clone();
    let found = with("/verificationMaterial/tlogEntries", json!([entry, entry])).unwrap_err();
    assert_eq!(found, BundleError::Duplicate { place: "verificationMaterial.tlogEntries", index: 1 });
}

#[test]
fn a_certificate_a_chain_or_a_key_and_only_one_of_them() {
    let chain = json!({"certificates": [{"rawBytes": "AAAA"}, {"rawBytes": "AAAB"}]});
    let both = |first, second| BundleError::Both { first, second };
    let certificate = "verificationMaterial.certificate";
    assert_eq!(
        with("/verificationMaterial/x509CertificateChain", chain.clone()).unwrap_err(),
        both(certificate, "verificationMaterial.x509CertificateChain")
    );
    assert_eq!(
        with("/verificationMaterial/publicKey", json!({})).unwrap_err(),
        both(certificate, "verificationMaterial.publicKey")
    );
    let material = |version: &str, material: Value| {
        let mut sample = sample();
        sample["mediaType"] = json!(format!("application/vnd.dev.sigstore.bundle+json;version={version}"));
        sample["verificationMaterial"] = material;
        parse(&sample)
    };
    let chained = json!({"x509CertificateChain": chain});
    assert!(matches!(
        material("0.2", chained.clone()).unwrap().material(),
        Material::Certificates(chain) if chain.len() == 2
    ));
    assert_eq!(material("0.3", chained).unwrap_err(), BundleError::ChainInV03);
    for (length, reads) in [(0, false), (1, true), (10, true), (11, false)] {
        let chain =
            json!({"x509CertificateChain": {"certificates": vec![json!({"rawBytes": "AAAA"}); length]}});
        assert_eq!(material("0.1", chain).is_ok(), reads, "{length}");
    }
    let key = material("0.3", json!({"publicKey": {"hint": "h"}})).unwrap();
    assert_eq!(*key.material(), Material::PublicKey { hint: "h".into() });
    assert!(material("0.3", json!({"publicKey": {"hint": "h".repeat(1025)}})).is_err());
    assert!(
        with("/verificationMaterial/certificate/rawBytes", json!(STANDARD.encode(vec![0; MAX_DER]))).is_ok()
    );
    let found =
        with("/verificationMaterial/certificate/rawBytes", json!(STANDARD.encode(vec![0; MAX_DER + 1])));
    assert!(matches!(found, Err(BundleError::TooLarge { .. })));
}

#[test]
fn an_envelope_has_one_signature_and_calls_the_key_as_the_bundle_does() {
    let envelope = |keyids: &[&str]| {
        let signatures: Vec<_> = keyids.iter().map(|keyid| json!({"keyid": keyid, "sig": "AAAA"})).collect();
        json!({"payload": "e30=", "payloadType": "t", "signatures": signatures})
    };
    let keyed = |hint: &str, envelope: Value| {
        let mut sample = sample();
        sample["verificationMaterial"] = json!({"publicKey": {"hint": hint}});
        sample["messageSignature"] = Value::Null;
        sample["dsseEnvelope"] = envelope;
        parse(&sample)
    };
    for (hint, keyid) in [("", ""), ("a", ""), ("", "a"), ("a", "a")] {
        assert!(keyed(hint, envelope(&[keyid])).is_ok(), "{hint:?} {keyid:?}");
    }
    let found = keyed("a", envelope(&["b"])).unwrap_err();
    assert_eq!(found, BundleError::KeyHint { hint: "a".into(), keyid: "b".into() });
    assert_eq!(keyed("", envelope(&["", ""])).unwrap_err(), BundleError::Signatures { found: 2 });
    assert_eq!(keyed("", envelope(&[])).unwrap_err(), BundleError::Envelope(EnvelopeError::NoSignature));
    let both = with("/dsseEnvelope", envelope(&[""])).unwrap_err();
    assert_eq!(both, BundleError::Both { first: "dsseEnvelope", second: "messageSignature" });
}

#[test]
fn refuses_numbers_digests_and_proofs_that_cannot_be() {
    for (place, value) in [
        ("/messageSignature/messageDigest/algorithm", json!("SHA1")),
        ("/messageSignature/messageDigest/algorithm", json!("SHA2_384")),
        ("/messageSignature/messageDigest/digest", json!("AAAA")),
        ("/messageSignature/signature", json!("!")),
        ("/verificationMaterial/tlogEntries/0/logIndex", json!("-1")),
        ("/verificationMaterial/tlogEntries/0/integratedTime", json!(1.5)),
        ("/verificationMaterial/tlogEntries/0/inclusionProof/hashes", json!([])),
        ("/verificationMaterial/tlogEntries/0/inclusionProof/hashes", json!(["AAAA"])),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/hashes",
            json!(vec![STANDARD.encode([2; 32]); 64]),
        ),
        ("/verificationMaterial/tlogEntries/0/inclusionProof/rootHash", json!("AAAA")),
        ("/verificationMaterial/tlogEntries/0/inclusionProof/treeSize", json!("1")),
        ("/verificationMaterial/tlogEntries/0/inclusionProof/treeSize", json!("9223372036854775807")),
        ("/verificationMaterial/tlogEntries", json!({})),
        ("/verificationMaterial/certificate", json!(["AAAA"])),
    ] {
        assert!(with(place, value.clone()).is_err(), "{place} {value}");
    }
    assert!(Bundle::parse(b"").is_err());
    assert!(Bundle::parse(b"[]").is_err());
    let twice = serde_json::to_string(&sample()).unwrap();
    let twice = twice.replacen('{', r#"{"messageSignature":{},"#, 1);
    assert!(matches!(Bundle::parse(twice.as_bytes()), Err(BundleError::Json(_))));
}

#[test]
fn a_pep_740_attestation_is_a_bundle_in_other_words() {
    let sample = sample();
    let entry = &sample["verificationMaterial"]["tlogEntries"][0];
    let attestation = json!({
        "version": 1,
        "verification_material": {"certificate": "AAAA", "transparency_entries": [entry]},
        "envelope": {"statement": "e30=", "signature": "AAAB"},
    });
    let bytes = serde_json::to_vec(&attestation).unwrap();
    let bundle = Bundle::parse_pep740(&bytes).unwrap();
    assert_eq!((bundle.version(), bundle.bytes()), (BundleVersion::Pep740, bytes.as_slice()));
    let Content::Dsse(envelope) = bundle.content() else { panic!("an envelope") };
    assert_eq!(
        (envelope.payload_type(), envelope.payload()),
        ("application/vnd.in-toto+json", b"{}".as_slice())
    );
    assert_eq!(envelope.signatures()[0].bytes(), Ok([0, 0, 1].as_slice()));
    for (place, value) in [
        ("/version", json!(2)),
        ("/version", Value::Null),
        ("/envelope", Value::Null),
        ("/envelope/signature", Value::Null),
        ("/verification_material/certificate", json!("")),
        ("/verification_material/transparency_entries", Value::Null),
        ("/verification_material/transparency_entries", json!(vec![entry.clone(); 33])),
    ] {
        let mut changed = attestation.clone();
        *changed.pointer_mut(place).unwrap() = value.clone();
        assert!(Bundle::parse_pep740(&serde_json::to_vec(&changed).unwrap()).is_err(), "{place} {value}");
    }
    assert!(Bundle::parse(&bytes).is_err());
}
