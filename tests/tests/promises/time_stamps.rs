//! A time stamp beside cosign's signature of an image proves when it was made: over the signature itself, by an authority of the trusted
//! root. Any other one proves nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::envelope::Envelope;
use custody_evidence::key::{PublicKey, SigningKey};
use custody_evidence::registry::{CosignAnnotations, cosign_envelope};
use custody_evidence::sigstore::{
    Artifact, CheckName, KnownKey, Status, TimeSource, TrustedRoot, Unverified, VerifiedBundle, Window,
    verify,
};
use custody_tests::stamps::TimeStampAuthority;
use rcgen::KeyPair;
use serde_json::json;

const TIME: &str = "20260501100000Z";

/// What cosign signs of an image.
fn text() -> Vec<u8> {
    let digest = format!("sha256:{}", "ab".repeat(32));
    json!({
        "critical": {
            "identity": { "docker-reference": "ghcr.io/acme/api" }, "image": { "docker-manifest-digest": digest },
            "type": "cosign container image signature",
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

/// The layer as `cosign sign --timestamp-server-url` leaves it, with this time stamp, as it is recorded.
fn recorded(signature: &[u8], stamp: &[u8]) -> Envelope {
    let annotations: CosignAnnotations = serde_json::from_value(json!({
        "dev.cosignproject.cosign/signature": STANDARD.encode(signature),
        "dev.sigstore.cosign/rfc3161timestamp": json!({ "SignedRFC3161Timestamp": STANDARD.encode(stamp) }).to_string(),
    }))
    .unwrap();
    Envelope::from_vec(cosign_envelope(&text(), &annotations).unwrap().unwrap()).unwrap()
}

fn root(authority: &TimeStampAuthority) -> TrustedRoot {
    let root = json!({
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1", "timestampAuthorities": [authority.listed()],
    });
    TrustedRoot::parse(root.to_string().as_bytes()).unwrap()
}

/// The key, trusted from a time on: so a time must be proven.
fn since(key: &PublicKey, start: &str) -> [KnownKey; 1] {
    let window = Window::From { start: start.parse().unwrap(), end: None };
    [KnownKey::named(String::new(), key.clone(), window)]
}

fn stamped(found: &Result<VerifiedBundle<'_>, Unverified>) -> Status {
    let checks = match found {
        Ok(verified) => verified.checks(),
        Err(unverified) => unverified.checks(),
    };
    checks.iter().find(|check| check.name == CheckName::Timestamp).unwrap().status.clone()
}

#[test]
fn a_time_stamp_of_an_image_signature_proves_its_time_and_one_of_anything_else_does_not() {
    let authority = TimeStampAuthority::new("stamps.example");
    let key = SigningKey::from_pem(&KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let signature = key.sign(&text());
    let good = recorded(&signature, &authority.stamp(&signature, TIME));
    let bundle = good.bundle().unwrap();
    let early = since(key.public(), "2026-05-01T10:00:00.000000Z");
    let found = verify(bundle, &root(&authority), &early, Artifact::Unknown);
    assert_eq!(stamped(&found), Status::Verified);
    let verified = found.unwrap();
    let times: Vec<(String, TimeSource)> =
        verified.times().iter().map(|proven| (proven.time.to_string(), proven.by)).collect();
    assert_eq!(times, [("2026-05-01T10:00:00.000000Z".to_owned(), TimeSource::Timestamp(0))]);
    // The key was trusted only later.
    let late = since(key.public(), "2026-05-01T10:00:00.000001Z");
    assert!(verify(bundle, &root(&authority), &late, Artifact::Unknown).is_err());
    // Nobody whom the root lists.
    let stranger =
        verify(bundle, &root(&TimeStampAuthority::new("other.example")), &early, Artifact::Unknown);
    assert!(matches!(stamped(&stranger), Status::NotChecked(_)) && stranger.is_err());
    // Of the text and not of the signature, of another signature of the same text, and changed on its way.
    let again = key.sign(&text());
    assert_ne!(again, signature, "ECDSA signs differently each time");
    let mut changed = authority.stamp(&signature, TIME);
    let last = changed.len() - 1;
    changed[last] ^= 1;
    for stamp in [authority.stamp(&text(), TIME), authority.stamp(&again, TIME), changed] {
        let wrong = recorded(&signature, &stamp);
        let found = verify(wrong.bundle().unwrap(), &root(&authority), &early, Artifact::Unknown);
        assert!(matches!(stamped(&found), Status::Failed(_)) && found.is_err(), "{found:?}");
        // A key that is trusted at all times needs no time.
        let always = [KnownKey::new(key.public().clone())];
        assert!(verify(wrong.bundle().unwrap(), &root(&authority), &always, Artifact::Unknown).is_ok());
    }
}
