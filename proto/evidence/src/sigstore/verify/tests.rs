//! Bundles of a log that is made here, signed with keys: what real bundles do not show.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::{Checkpoint, Cosigner, NodeHash, Note, NoteSigner, Origin, TreeSize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spki::der::pem::{LineEnding, encode_string};

use super::*;
use crate::key::SigningKey;
use crate::sigstore::{LogError, MessageDigest, NotChecked, Window};

const ORIGIN: &str = "log.example.com";

fn b64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn p256() -> SigningKey {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let pem = encode_string("PRIVATE KEY", LineEnding::LF, pair.to_pkcs8v1().unwrap().as_ref()).unwrap();
    assert!(pair.public_key().as_der().is_ok());
    SigningKey::from_pem(&pem).unwrap()
}

/// A log of version 2 with one entry, and a root that lists it.
struct Log {
    signer: NoteSigner,
}

impl Log {
    fn new() -> Self {
        let origin: Origin = ORIGIN.parse().unwrap();
        Self { signer: NoteSigner::from_seed(origin.key_name().clone(), [7; 32]) }
    }

    fn id(&self) -> Vec<u8> {
        let public = *self.signer.verifier().public_key();
        Sha256::digest([ORIGIN.as_bytes(), b"\n\x01", &public].concat()).to_vec()
    }

    fn root(&self, window: &Value) -> TrustedRoot {
        let key = PublicKey::from_ed25519(self.signer.verifier().public_key()).unwrap();
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [{
                "baseUrl": "https://log.example.com",
                "publicKey": {"rawBytes": b64(key.spki_der()), "validFor": window},
                "logId": {"keyId": b64(&self.id())},
            }],
        });
        TrustedRoot::parse(&serde_json::to_vec(&root).unwrap()).unwrap()
    }

    fn entry(&self, body: &Value) -> Value {
        let body = serde_json::to_vec(body).unwrap();
        let root = NodeHash::leaf(&body);
        let text = format!("{ORIGIN}\n1\n{}\n", b64(root.as_bytes()));
        let note = self.signer.note(&text).unwrap().encode();
        json!({
            "logId": {"keyId": b64(&self.id())},
            "kindVersion": {"kind": "hashedrekord", "version": "0.0.2"},
            "inclusionProof": {
                "treeSize": TreeSize::new(1).unwrap().to_string(),
                "rootHash": b64(root.as_bytes()),
                "checkpoint": {"envelope": String::from_utf8(note).unwrap()},
            },
            "canonicalizedBody": b64(&body),
        })
    }
}

fn body(key: &SigningKey, message: &[u8], signature: &[u8]) -> Value {
    json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": b64(&Sha256::digest(message))},
            "signature": {
                "content": b64(signature),
                "verifier": {"publicKey": {"rawBytes": b64(key.public().spki_der())}},
            },
        }},
    })
}

fn bundle(message: &[u8], signature: &[u8], entries: &[Value]) -> Bundle {
    let bundle = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": "key"}, "tlogEntries": entries},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(&Sha256::digest(message))},
            "signature": b64(signature),
        },
    });
    Bundle::parse(&serde_json::to_vec(&bundle).unwrap()).unwrap()
}

#[test]
fn an_ed25519_signature_needs_the_artifact_and_a_log_its_window() {
    let (log, key) = (Log::new(), SigningKey::from_seed(&[3; 32]));
    let signature = key.sign(b"message");
    let bundle = bundle(b"message", &signature, &[log.entry(&body(&key, b"message", &signature))]);
    let (root, known) = (log.root(&since_2020()), [KnownKey::new(key.public().clone())]);
    assert!(verify(&bundle, &root, &known, Artifact::Bytes(b"message")).is_ok());
    // Beside it a key that did not sign: that one could not be checked still says more.
    let two = [known[0].clone(), KnownKey::new(p256().public().clone())];
    for known in [known.as_slice(), two.as_slice()] {
        let found = verify(&bundle, &root, known, Artifact::Unknown);
        assert_eq!(status(&found, CheckName::Signature), Status::NotChecked(NotChecked::NeedsArtifact));
    }
    let never = log.root(&json!({}));
    let found = verify(&bundle, &never, &known, Artifact::Bytes(b"message"));
    let never = LogError::NeverTrusted { log: "https://log.example.com".into() };
    assert_eq!(status(&found, CheckName::LogInclusion), Status::Failed(Failure::Log(never)));
}

/// Returns the status of the first check of this name.
fn status(result: &Result<VerifiedBundle<'_>, Unverified>, name: CheckName) -> Status {
    let checks = match result {
        Ok(verified) => verified.checks(),
        Err(unverified) => unverified.checks(),
    };
    checks.iter().find(|check| check.name == name).unwrap().status.clone()
}

fn since_2020() -> Value {
    json!({"start": "2020-01-01T00:00:00Z"})
}

#[test]
fn a_keyed_bundle_in_a_log_of_version_2_is_verified() {
    let (log, key) = (Log::new(), p256());
    let signature = key.sign(b"message");
    let bundle = bundle(b"message", &signature, &[log.entry(&body(&key, b"message", &signature))]);
    let known = [KnownKey::new(key.public().clone())];
    for artifact in [
        Artifact::Unknown,
        Artifact::Bytes(b"message"),
        Artifact::Digests(&[crate::Digest::sha256_of(b"message")]),
    ] {
        let verified = verify(&bundle, &log.root(&since_2020()), &known, artifact).unwrap();
        assert_eq!(*verified.signer(), Signer::Key(Box::new(known[0].clone())));
        let text = format!("custody/message/v1\nsha256:{}\n", hex::encode(Sha256::digest(b"message")));
        assert_eq!(verified.content(), ContentDigest::of(text.as_bytes()));
        assert!(verified.envelope().is_none());
        assert!(verified.times().is_empty());
    }
    let other = verify(&bundle, &log.root(&since_2020()), &known, Artifact::Bytes(b"massage"));
    assert_eq!(status(&other, CheckName::Artifact), Status::Failed(Failure::OtherArtifact));
    let other = verify(
        &bundle,
        &log.root(&since_2020()),
        &known,
        Artifact::Digests(&[crate::Digest::read("sha512", &"a".repeat(128)).unwrap()]),
    );
    let unknown = NotChecked::OtherDigest { algorithm: "sha256" };
    assert_eq!(status(&other, CheckName::Artifact), Status::NotChecked(unknown));
    // Of an artifact that is not compared, nothing is said against it.
    assert!(other.is_ok());
}

#[test]
fn without_the_key_or_with_another_nothing_is_verified() {
    let (log, key) = (Log::new(), p256());
    let signature = key.sign(b"message");
    let bundle = bundle(b"message", &signature, &[log.entry(&body(&key, b"message", &signature))]);
    let root = log.root(&since_2020());
    let none = verify(&bundle, &root, &[], Artifact::Unknown);
    let not_given = NotChecked::NoKeyGiven { hint: "key".into() };
    assert_eq!(status(&none, CheckName::Signature), Status::NotChecked(not_given.clone()));
    let other = [KnownKey::new(p256().public().clone()), KnownKey::new(p256().public().clone())];
    let other = verify(&bundle, &root, &other, Artifact::Unknown);
    assert_eq!(status(&other, CheckName::Signature), Status::Failed(Failure::NoKey { tried: 2 }));
    assert_eq!(
        status(&other, CheckName::LogEntry),
        Status::NotChecked(NotChecked::BuildsOn { on: CheckName::Signature })
    );
    // A key with another name is not tried; one with this name is.
    let named = |name: &str| [KnownKey::named(name.into(), key.public().clone(), Window::Always)];
    let found = verify(&bundle, &root, &named("other"), Artifact::Unknown);
    assert_eq!(status(&found, CheckName::Signature), Status::NotChecked(not_given));
    assert!(verify(&bundle, &root, &named("key"), Artifact::Unknown).is_ok());
    // A key with a window needs a time, and this bundle proves none.
    let window = Window::From { start: "2020-01-01T00:00:00.000000Z".parse().unwrap(), end: None };
    let known = [KnownKey::named("key".into(), key.public().clone(), window)];
    let found = verify(&bundle, &root, &known, Artifact::Unknown);
    assert_eq!(status(&found, CheckName::Time), Status::Failed(Failure::NoTime));
    assert!(found.is_err());
}

#[test]
fn an_entry_of_another_signing_vouches_for_nothing() {
    let (log, key) = (Log::new(), p256());
    let known = [KnownKey::new(key.public().clone())];
    let (signature, second) = (key.sign(b"message"), key.sign(b"message"));
    assert_ne!(signature, second, "ECDSA signs the same bytes twice in two ways");
    let good = body(&key, b"message", &signature);
    for (place, value, part) in [
        ("/spec/hashedRekordV002/signature/content", json!(b64(&second)), "signature"),
        ("/spec/hashedRekordV002/data/digest", json!(b64(&Sha256::digest(b"massage"))), "digest"),
        ("/spec/hashedRekordV002/data/algorithm", json!("SHA2_512"), "digest"),
        ("/spec/hashedRekordV002/data/algorithm", json!("SHA1"), "digest"),
        (
            "/spec/hashedRekordV002/signature/verifier",
            json!({"publicKey": {"rawBytes": b64(p256().public().spki_der())}}),
            "certificate or key",
        ),
        (
            "/spec/hashedRekordV002/signature/verifier",
            json!({"x509Certificate": {"rawBytes": b64(key.public().spki_der())}}),
            "certificate or key",
        ),
        ("/spec/hashedRekordV002/signature/verifier", json!({}), "certificate or key"),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(place).unwrap() = value;
        let bundle = bundle(b"message", &signature, &[log.entry(&changed)]);
        let found = verify(&bundle, &log.root(&since_2020()), &known, Artifact::Unknown);
        assert_eq!(status(&found, CheckName::LogInclusion), Status::Verified, "{place}");
        let differs = Failure::Body(BodyError::Differs { part });
        assert_eq!(status(&found, CheckName::LogEntry), Status::Failed(differs), "{place}");
    }
    // Two entries: both must be of this signing.
    let (mut first, mut other) = (log.entry(&good), log.entry(&body(&key, b"message", &second)));
    (first["logIndex"], other["logIndex"]) = (json!("1"), json!("2"));
    let bundle = bundle(b"message", &signature, &[first, other]);
    assert!(verify(&bundle, &log.root(&since_2020()), &known, Artifact::Unknown).is_err());
}

#[test]
fn only_kinds_of_entries_that_are_compared_count() {
    let (log, key) = (Log::new(), p256());
    let known = [KnownKey::new(key.public().clone())];
    let signature = key.sign(b"message");
    for (kind, version) in [("hashedrekord", "0.0.3"), ("dsse", "0.0.2"), ("rekord", "0.0.1"), ("", "")] {
        let mut body = body(&key, b"message", &signature);
        (body["kind"], body["apiVersion"]) = (json!(kind), json!(version));
        let mut entry = log.entry(&body);
        entry["kindVersion"] = json!({"kind": kind, "version": version});
        let found = bundle(b"message", &signature, &[entry]);
        let found = verify(&found, &log.root(&since_2020()), &known, Artifact::Unknown);
        let what = format!("log entries of kind {:?}", format!("{kind}/{version}"));
        assert_eq!(status(&found, CheckName::LogEntry), Status::Unsupported { what });
        assert!(found.is_err());
    }
    // What the bundle calls the entry is not what it is.
    let mut entry = log.entry(&body(&key, b"message", &signature));
    entry["kindVersion"]["version"] = json!("0.0.1");
    let found = bundle(b"message", &signature, &[entry]);
    let found = verify(&found, &log.root(&since_2020()), &known, Artifact::Unknown);
    assert!(matches!(
        status(&found, CheckName::LogEntry),
        Status::Failed(Failure::Body(BodyError::Kind { .. }))
    ));
}

#[test]
fn a_checkpoint_must_be_of_this_log_and_this_tree() {
    let (log, key) = (Log::new(), p256());
    let known = [KnownKey::new(key.public().clone())];
    let signature = key.sign(b"message");
    let entry = log.entry(&body(&key, b"message", &signature));
    let envelope = entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
    let tried = |envelope: &str, root: &TrustedRoot| {
        let mut entry = entry.clone();
        entry["inclusionProof"]["checkpoint"]["envelope"] = json!(envelope);
        let bundle = bundle(b"message", &signature, &[entry]);
        status(&verify(&bundle, root, &known, Artifact::Unknown), CheckName::LogInclusion)
    };
    let root = log.root(&since_2020());
    assert_eq!(tried(&envelope, &root), Status::Verified);
    let failed = |error: LogError| Status::Failed(Failure::Log(error));
    assert_eq!(tried("", &root), failed(LogError::NoCheckpoint));
    // Signed as somebody else with the log's key; signed by nobody known.
    let signed_as = |name: &str, text: &str| {
        let name: Origin = name.parse().unwrap();
        String::from_utf8(
            NoteSigner::from_seed(name.key_name().clone(), [7; 32]).note(text).unwrap().encode(),
        )
        .unwrap()
    };
    let text = envelope.split_once("\n\n").unwrap().0.to_owned() + "\n";
    assert_eq!(tried(&signed_as("other.example.com", &text), &root), failed(LogError::CheckpointUnsigned));
    let other_origin = text.replacen(ORIGIN, "other.example.com", 1);
    let wrong = failed(LogError::Origin { origin: "other.example.com".into(), signer: ORIGIN.into() });
    assert_eq!(tried(&signed_as(ORIGIN, &other_origin), &root), wrong);
    let other_size = text.replacen("\n1\n", "\n2\n", 1);
    assert_eq!(tried(&signed_as(ORIGIN, &other_size), &root), failed(LogError::CheckpointTree));
    assert_eq!(tried(&signed_as(ORIGIN, "log.example.com\n1\n"), &root), failed(LogError::CheckpointLines));
    let changed = envelope.replacen(ORIGIN, "Log.example.com", 1);
    assert!(matches!(tried(&changed, &root), Status::Failed(Failure::Log(_))));
    // A stranger's line beside the log's own changes nothing.
    let extra = format!("{envelope}\u{2014} witness.example.com {}\n", b64(&[9; 76]));
    assert_eq!(tried(&extra, &root), Status::Verified);
}

#[test]
fn a_root_without_logs_asks_for_none_and_one_with_logs_for_one() {
    let (log, key) = (Log::new(), p256());
    let known = [KnownKey::new(key.public().clone())];
    let signature = key.sign(b"message");
    let bare = bundle(b"message", &signature, &[]);
    let found = verify(&bare, &log.root(&since_2020()), &known, Artifact::Unknown);
    assert_eq!(status(&found, CheckName::LogInclusion), Status::Failed(Failure::NoEntry));
    let root = TrustedRoot::nobody();
    assert!(verify(&bare, &root, &known, Artifact::Unknown).is_ok());
    // Even then an entry that is there must be of this signing.
    let other = bundle(b"message", &signature, &[log.entry(&body(&key, b"massage", &signature))]);
    assert!(verify(&other, &root, &known, Artifact::Unknown).is_err());
}

#[test]
fn a_promise_proves_a_time_inside_the_windows_of_log_and_key() {
    let (log_key, key) = (p256(), p256());
    let id = Sha256::digest(log_key.public().spki_der()).to_vec();
    let signature = key.sign(b"message");
    let body = json!({
        "apiVersion": "0.0.1",
        "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex::encode(Sha256::digest(b"message"))}},
            "signature": {"content": b64(&signature), "publicKey": {"content": b64(key.public().to_pem().as_bytes())}},
        },
    });
    let body = serde_json::to_vec(&body).unwrap();
    let root = |start: &str| {
        let root = json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot.v0.2+json",
            "tlogs": [{
                "publicKey": {"rawBytes": b64(log_key.public().spki_der()), "validFor": {"start": start}},
                "logId": {"keyId": b64(&id)},
            }],
        });
        TrustedRoot::parse(&serde_json::to_vec(&root).unwrap()).unwrap()
    };
    // 2023-11-14T22:13:20Z.
    let promised = |seconds: u64, signed: u64| {
        let message = format!(
            r#"{{"body":"{}","integratedTime":{signed},"logID":"{}","logIndex":7}}"#,
            b64(&body),
            hex::encode(&id)
        );
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.1",
            "verificationMaterial": {
                "publicKey": {"hint": "key"},
                "tlogEntries": [{
                    "logIndex": "7",
                    "logId": {"keyId": b64(&id)},
                    "kindVersion": {"kind": "hashedrekord", "version": "0.0.1"},
                    "integratedTime": seconds.to_string(),
                    "inclusionPromise": {"signedEntryTimestamp": b64(&log_key.sign(message.as_bytes()))},
                    "canonicalizedBody": b64(&body),
                }],
            },
            "messageSignature": {"signature": b64(&signature)},
        });
        Bundle::parse(&serde_json::to_vec(&bundle).unwrap()).unwrap()
    };
    let window = |start: &str| Window::From { start: start.parse().unwrap(), end: None };
    let known = |start: &str| [KnownKey::named("key".into(), key.public().clone(), window(start))];
    let early = known("2023-11-14T22:13:20.000000Z");
    let good = promised(1_700_000_000, 1_700_000_000);
    // Without a digest in the bundle, the artifact is needed to check the signature.
    let found = verify(&good, &root("2023-01-01T00:00:00Z"), &early, Artifact::Unknown);
    assert_eq!(
        status(&found, CheckName::Signature),
        Status::NotChecked(NotChecked::OtherDigest { algorithm: "sha256" })
    );
    let artifact = Artifact::Bytes(b"message");
    let verified = verify(&good, &root("2023-01-01T00:00:00Z"), &early, artifact).unwrap();
    assert_eq!(verified.times().len(), 1);
    assert_eq!(verified.times()[0].time.to_string(), "2023-11-14T22:13:20.000000Z");
    assert_eq!(verified.times()[0].by, TimeSource::LogPromise(0));
    let late = verify(&good, &root("2023-01-01T00:00:00Z"), &known("2023-11-14T22:13:20.000001Z"), artifact);
    assert!(matches!(status(&late, CheckName::KeyWindow), Status::Failed(Failure::KeyWindow { .. })));
    let late = verify(&good, &root("2023-11-14T22:13:21Z"), &early, artifact);
    assert!(matches!(
        status(&late, CheckName::LogPromise),
        Status::Failed(Failure::Log(LogError::OutsideWindow { .. }))
    ));
    let forged = promised(1_700_000_001, 1_700_000_000);
    let forged = verify(&forged, &root("2023-01-01T00:00:00Z"), &early, artifact);
    assert_eq!(status(&forged, CheckName::LogPromise), Status::Failed(Failure::Log(LogError::Promise)));
    let zero = promised(0, 0);
    let zero = verify(&zero, &root("1970-01-01T00:00:00Z"), &early, artifact);
    assert_eq!(
        status(&zero, CheckName::LogPromise),
        Status::Failed(Failure::Log(LogError::PromisedTime { seconds: 0 }))
    );
}

/// A witness's line counts only for a witness that is named, over exactly this tree; and nothing depends on it.
#[test]
fn a_named_witness_that_cosigned_the_checkpoint_is_told_and_no_other() {
    let (log, key) = (Log::new(), p256());
    let signature = key.sign(b"message");
    let entry = log.entry(&body(&key, b"message", &signature));
    let known = [KnownKey::new(key.public().clone())];
    let witness = |name: &str, seed| Cosigner::from_seed(name.parse().unwrap(), [seed; 32]);
    let (named, stranger) = (witness("witness.example", 21), witness("other.example", 22));
    let signed = entry["inclusionProof"]["checkpoint"]["envelope"].as_str().unwrap().to_owned();
    let time = "2026-01-01T00:00:00.000000Z".parse().unwrap();
    let cosigned = |by: &Cosigner, of: &str| {
        let note = Note::parse(signed.as_bytes()).unwrap();
        let line = by.cosign(&Checkpoint::parse(of).unwrap(), time);
        let lines = [note.signatures().to_vec(), vec![line]].concat();
        let mut entry = entry.clone();
        let note = Note::new(note.text().to_owned(), lines).unwrap().encode();
        entry["inclusionProof"]["checkpoint"]["envelope"] = String::from_utf8(note).unwrap().into();
        bundle(b"message", &signature, &[entry])
    };
    let text = Note::parse(signed.as_bytes()).unwrap().text().to_owned();
    let other_tree = text.replacen("\n1\n", "\n2\n", 1);
    let root = log.root(&since_2020());
    let with = root.clone().with_witnesses(&[named.verifier()]);
    let by_nobody = Status::NotChecked(NotChecked::NotCosigned);
    for (what, bundle, expected) in [
        ("cosigned", cosigned(&named, &text), Status::Verified),
        ("by a stranger", cosigned(&stranger, &text), by_nobody.clone()),
        ("by a stranger under the name", cosigned(&witness("witness.example", 22), &text), by_nobody.clone()),
        ("another tree", cosigned(&named, &other_tree), by_nobody.clone()),
        ("not cosigned", bundle(b"message", &signature, std::slice::from_ref(&entry)), by_nobody),
    ] {
        let found = verify(&bundle, &with, &known, Artifact::Unknown);
        assert_eq!(status(&found, CheckName::LogCosignature), expected, "{what}");
        assert!(found.is_ok(), "{what}");
        // Where nobody is named, nothing is asked and nothing told.
        let found = verify(&bundle, &root, &known, Artifact::Unknown).unwrap();
        assert!(found.checks().iter().all(|check| check.name != CheckName::LogCosignature), "{what}");
    }
    // A witness vouches for what it saw, and never stands in for the log.
    let only = bundle(
        b"message",
        &signature,
        &[{
            let mut entry = entry.clone();
            let line = named.cosign(&Checkpoint::parse(&text).unwrap(), time);
            let note = Note::new(text.clone(), vec![line]).unwrap().encode();
            entry["inclusionProof"]["checkpoint"]["envelope"] = String::from_utf8(note).unwrap().into();
            entry
        }],
    );
    let found = verify(&only, &with, &known, Artifact::Unknown);
    assert_eq!(status(&found, CheckName::LogCosignature), Status::Verified);
    let unsigned = Status::Failed(Failure::Log(LogError::CheckpointUnsigned));
    assert_eq!(status(&found, CheckName::LogInclusion), unsigned);
    assert!(found.is_err());
}

/// A bundle that signs this message and does not say so, in a spelling of its own.
fn nameless(key: &SigningKey, message: &[u8]) -> Bundle {
    let signature = b64(&key.sign(message));
    let bundle = format!(
        r#"{{ "mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
 "messageSignature": {{"other":[1,"}}"], "signature" : "{signature}", "messageDigest":null }},
 "verificationMaterial":{{"publicKey":{{"hint":"key"}}}} }}"#
    );
    Bundle::parse(bundle.as_bytes()).unwrap()
}

#[test]
fn a_bundle_that_does_not_say_which_file_it_signs_is_told_it_and_checked() {
    let key = p256();
    let nameless = nameless(&key, b"message");
    assert!(nameless.is_nameless());
    let digest = |text: &[u8]| MessageDigest::of(HashAlgorithm::Sha256, text);
    let named = nameless.clone().naming(&digest(b"message")).unwrap();
    assert!(!named.is_nameless());
    let known = [KnownKey::new(key.public().clone())];
    let verified = verify(&named, &TrustedRoot::nobody(), &known, Artifact::Unknown).unwrap();
    assert_eq!(verified.content(), digest(b"message").content());
    // Every byte around it stays, and a bundle that says it is left alone.
    let text = String::from_utf8(named.bytes().to_vec()).unwrap();
    let signature = b64(&match named.content() {
        Content::Message(message) => message.signature().to_vec(),
        _ => panic!("a message"),
    });
    let sum = b64(&Sha256::digest(b"message"));
    let written = format!(
        r#""messageSignature": {{"messageDigest":{{"algorithm":"SHA2_256","digest":"{sum}"}},"signature":"{signature}"}},"#
    );
    assert!(text.contains(&written), "{text}");
    assert!(
        text.starts_with(r#"{ "mediaType""#)
            && text.ends_with(r#""verificationMaterial":{"publicKey":{"hint":"key"}} }"#)
    );
    let again = named.clone().naming(&digest(b"another")).unwrap();
    assert_eq!(again.bytes(), named.bytes());
    // The digest is a claim, and the signature decides.
    for wrong in [digest(b"massage"), MessageDigest::of(HashAlgorithm::Sha512, b"message")] {
        let named = nameless.clone().naming(&wrong).unwrap();
        assert!(verify(&named, &TrustedRoot::nobody(), &known, Artifact::Unknown).is_err(), "{wrong}");
    }
}

/// The signature is over one digest and the bundle says another one: what it says must not pass for what was signed.
#[test]
fn a_digest_that_nobody_signed_names_no_file() {
    let key = p256();
    let known = [KnownKey::new(key.public().clone())];
    let nobody = TrustedRoot::nobody();
    let saying = |text: &[u8]| {
        nameless(&key, b"message").naming(&MessageDigest::of(HashAlgorithm::Sha512, text)).unwrap()
    };
    let signed = [crate::Digest::sha256_of(b"message")];
    for text in [&b"message"[..], b"another"] {
        let named = saying(text);
        for artifact in [Artifact::Unknown, Artifact::Digests(&signed)] {
            let found = verify(&named, &nobody, &known, artifact);
            let unknown = NotChecked::OtherDigest { algorithm: "sha512" };
            assert_eq!(status(&found, CheckName::Signature), Status::NotChecked(unknown), "{artifact:?}");
            assert!(found.is_err(), "{artifact:?}");
        }
    }
    // Who has the file sees that both digests are of it.
    assert!(verify(&saying(b"message"), &nobody, &known, Artifact::Bytes(b"message")).is_ok());
    let another = saying(b"another");
    let found = verify(&another, &nobody, &known, Artifact::Bytes(b"message"));
    assert_eq!(status(&found, CheckName::Artifact), Status::Failed(Failure::OtherArtifact));
}
