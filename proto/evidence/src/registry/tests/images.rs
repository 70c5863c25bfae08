//! Manifests, and the layers that cosign writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::*;
use crate::dsse::{self, IN_TOTO};
use crate::envelope::Envelope;
use crate::key::SigningKey;
use crate::sigstore::{Bundle, BundleVersion, Material};

const STATEMENT: &[u8] =
    br#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://a.test/p","subject":[]}"#;

fn layer() -> Vec<u8> {
    dsse::Envelope::sign(IN_TOTO, STATEMENT, &[&SigningKey::from_seed(&[7; 32])]).unwrap().bytes().to_vec()
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

fn rekor() -> Value {
    let body = STANDARD.encode(br#"{"apiVersion":"0.0.1","kind":"dsse","spec":{}}"#);
    json!({
        "SignedEntryTimestamp": "AQID",
        "Payload": { "body": body, "integratedTime": 1_740_520_687, "logIndex": 174_304_112, "logID": "c0d2" },
    })
}

/// The annotations of a layer that has all there is.
fn annotated() -> Value {
    json!({
        "dev.cosignproject.cosign/signature": "",
        "dev.sigstore.cosign/certificate": pem(b"leaf"),
        "dev.sigstore.cosign/chain": format!("{}\n{}", pem(b"middle"), pem(b"root")),
        "dev.sigstore.cosign/bundle": rekor().to_string(),
        "dev.sigstore.cosign/rfc3161timestamp": r#"{"SignedRFC3161Timestamp":"AQIDBA=="}"#,
    })
}

fn annotations(value: &Value) -> CosignAnnotations {
    serde_json::from_value(value.clone()).unwrap()
}

fn made(layer: &[u8], value: &Value) -> Result<Vec<u8>, CosignError> {
    cosign_envelope(layer, &annotations(value)).map(Option::unwrap)
}

#[test]
fn a_layer_with_a_certificate_beside_it_is_a_bundle_that_says_the_same() {
    let bytes = made(&layer(), &annotated()).unwrap();
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!(bundle.version(), BundleVersion::V0_1);
    let chain = [b"leaf".to_vec(), b"middle".to_vec(), b"root".to_vec()].to_vec();
    assert_eq!(*bundle.material(), Material::Certificates(chain));
    assert_eq!((bundle.entry_count(), bundle.timestamp_count()), (1, 1));
    assert_eq!(
        Envelope::parse(&bytes).unwrap().content(),
        Envelope::parse(&layer()).unwrap().content(),
        "what was signed is the same"
    );
    // Every byte is decided, so a layer that is saved twice is one envelope.
    let entry = r#"{"logIndex":"174304112","logId":{"keyId":"wNI="},"kindVersion":{"kind":"dsse","version":"0.0.1"},"integratedTime":"1740520687","inclusionPromise":{"signedEntryTimestamp":"AQID"},"canonicalizedBody":"eyJhcGlWZXJzaW9uIjoiMC4wLjEiLCJraW5kIjoiZHNzZSIsInNwZWMiOnt9fQ=="}"#;
    let expected = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle+json;version=0.1","verificationMaterial":{{"x509CertificateChain":{{"certificates":[{{"rawBytes":"bGVhZg=="}},{{"rawBytes":"bWlkZGxl"}},{{"rawBytes":"cm9vdA=="}}]}},"tlogEntries":[{entry}],"timestampVerificationData":{{"rfc3161Timestamps":[{{"signedTimestamp":"AQIDBA=="}}]}}}},"dsseEnvelope":{}}}"#,
        String::from_utf8(layer()).unwrap()
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn the_envelope_stands_in_the_bundle_as_it_stands_in_the_layer() {
    let only = json!({ "dev.sigstore.cosign/certificate": pem(b"leaf") });
    let spaced = String::from_utf8(layer()).unwrap().replace(',', " ,\n  ");
    let bytes = made(format!("\n{spaced}\n").as_bytes(), &only).unwrap();
    assert!(String::from_utf8(bytes.clone()).unwrap().ends_with(&format!("\"dsseEnvelope\":{spaced}}}")));
    let bundle = Bundle::parse(&bytes).unwrap();
    assert_eq!((bundle.entry_count(), bundle.timestamp_count()), (0, 0));
}

#[test]
fn without_a_certificate_the_layer_is_an_envelope_as_it_stands() {
    for value in [
        json!({}),
        json!({ "dev.sigstore.cosign/certificate": "" }),
        json!({ "dev.sigstore.cosign/certificate": null, "other": [1] }),
        json!({ "dev.sigstore.cosign/bundle": rekor().to_string(), "dev.sigstore.cosign/chain": "x" }),
    ] {
        assert_eq!(cosign_envelope(b"anything", &annotations(&value)), Ok(None), "{value}");
    }
}

#[test]
fn annotations_that_are_not_what_cosign_writes_are_refused_by_their_name() {
    let change = |name: &str, value: Value| {
        let mut all = annotated();
        all[format!("dev.sigstore.cosign/{name}")] = value;
        made(&layer(), &all).unwrap_err().to_string()
    };
    for text in ["x", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"] {
        assert!(change("certificate", text.into()).contains("cosign/certificate is not one certificate"));
        assert!(change("chain", text.into()).contains("cosign/chain is not"));
    }
    assert!(change("certificate", (pem(b"a") + &pem(b"b")).into()).contains("one certificate"));
    assert!(change("certificate", pem(b"a").replace("CERTIFICATE", "PUBLIC KEY").into()).contains("one"));
    assert!(change("chain", pem(b"a").repeat(11).into()).contains("cosign/chain"));
    assert!(change("chain", (pem(b"a") + "behind it").into()).contains("cosign/chain"));
    let rekor = |pointer: &str, value: Value| {
        let mut changed = rekor();
        *changed.pointer_mut(pointer).unwrap() = value;
        change("bundle", changed.to_string().into())
    };
    for (why, found) in [
        ("cosign/bundle cannot be read", change("bundle", "{".into())),
        ("cosign/bundle cannot be read", change("bundle", "[]".into())),
        ("cosign/bundle cannot be read", change("bundle", "null".into())),
        ("there twice", change("bundle", r#"{"Payload":{},"Payload":{}}"#.into())),
        ("base64", rekor("/SignedEntryTimestamp", "AQI".into())),
        ("integratedTime", rekor("/Payload/integratedTime", (-1).into())),
        ("logIndex", rekor("/Payload/logIndex", "1".into())),
        ("logID is not hexadecimal", rekor("/Payload/logID", "c0d".into())),
        ("body cannot be read", rekor("/Payload/body", STANDARD.encode("{}").into())),
        ("body cannot be read", rekor("/Payload/body", STANDARD.encode("no JSON").into())),
        ("rfc3161timestamp cannot be read", change("rfc3161timestamp", "{}".into())),
        ("rfc3161timestamp cannot be read", change("rfc3161timestamp", "AQID".into())),
    ] {
        assert!(found.contains(why), "{why}: {found}");
    }
}

const TEXT: &str = r#"{"critical":{"identity":{"docker-reference":"r"},"image":{"docker-manifest-digest":"sha256:e163b472f2e5d66e5a2a45e26e020c51a0d2da7dc8b567b31fc2ebfd33dbc33a"},"type":"cosign container image signature"},"optional":null}"#;

#[test]
fn a_text_about_an_image_stands_beside_the_bundle_that_its_signature_is() {
    let mut all = annotated();
    all["dev.cosignproject.cosign/signature"] = "BQYH".into();
    let bytes = made(TEXT.as_bytes(), &all).unwrap();
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(document["simpleSigning"], STANDARD.encode(TEXT));
    let envelope = Envelope::parse(&bytes).unwrap();
    let bundle = envelope.bundle().unwrap();
    assert_eq!(bundle.version(), BundleVersion::ImageSignature);
    let chain = [b"leaf".to_vec(), b"middle".to_vec(), b"root".to_vec()].to_vec();
    assert_eq!(*bundle.material(), Material::Certificates(chain));
    assert_eq!((bundle.entry_count(), bundle.timestamp_count()), (1, 1));
    assert_eq!(envelope.payload(), Some(TEXT.as_bytes()));
    // Without a certificate a key signed.
    all["dev.sigstore.cosign/certificate"] = "".into();
    let bytes = made(TEXT.as_bytes(), &all).unwrap();
    let envelope = Envelope::parse(&bytes).unwrap();
    let hint = String::new();
    assert_eq!(*envelope.bundle().unwrap().material(), Material::PublicKey { hint });
}

#[test]
fn a_signed_layer_that_is_no_text_about_an_image_is_refused() {
    let signed = |signature: &str| json!({ "dev.cosignproject.cosign/signature": signature });
    for text in [String::from_utf8(layer()).unwrap(), String::new(), "{}".to_owned(), format!("{TEXT}{TEXT}")]
    {
        let error = made(text.as_bytes(), &signed("AAAA")).unwrap_err();
        assert!(matches!(error, CosignError::SimpleSigning { .. }), "{text}: {error}");
    }
    for signature in ["AAA", "?", " "] {
        let error = made(TEXT.as_bytes(), &signed(signature)).unwrap_err();
        assert!(matches!(error, CosignError::Signature { .. }), "{signature}: {error}");
    }
    let with = |name: &str| {
        let mut all = signed("AAAA");
        all[format!("dev.sigstore.cosign/{name}")] = "x".into();
        made(TEXT.as_bytes(), &all).unwrap_err().to_string()
    };
    for name in ["certificate", "bundle", "rfc3161timestamp"] {
        assert!(with(name).contains(name));
    }
}

#[test]
fn a_layer_that_is_not_one_envelope_makes_no_bundle() {
    let only = json!({ "dev.sigstore.cosign/certificate": pem(b"leaf") });
    let whole = String::from_utf8(layer()).unwrap();
    // Nothing of a layer gets out of the member that it stands in.
    for text in ["", "no JSON", &format!("{whole}{whole}"), r#"{},"mediaType":"x""#, "{}}"] {
        let error = made(text.as_bytes(), &only).unwrap_err();
        assert!(matches!(error, CosignError::Layer { .. }), "{text}: {error}");
    }
    let two = dsse::Envelope::sign(
        IN_TOTO,
        STATEMENT,
        &[&SigningKey::from_seed(&[7; 32]), &SigningKey::from_seed(&[8; 32])],
    );
    for text in [b"{}".to_vec(), b"[]".to_vec(), STATEMENT.to_vec(), two.unwrap().bytes().to_vec()] {
        let bytes = made(&text, &only).unwrap();
        assert!(Envelope::parse(&bytes).is_err(), "{}", String::from_utf8_lossy(&text));
    }
}

const HEX: &str = "e163b472f2e5d66e5a2a45e26e020c51a0d2da7dc8b567b31fc2ebfd33dbc33a";

fn descriptor(media_type: &str, digest: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":7}}"#)
}

#[test]
fn a_manifest_and_an_index_name_blobs_by_what_they_hold() {
    let digest = format!("sha256:{HEX}");
    for (media_type, holds) in [
        ("application/vnd.oci.image.index.v1+json", BlobKind::Manifest),
        ("application/vnd.docker.distribution.manifest.v2+json", BlobKind::Manifest),
        ("application/vnd.dsse.envelope.v1+json", BlobKind::Evidence),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", BlobKind::Evidence),
        ("application/vnd.dev.sigstore.bundle+json;version=0.1", BlobKind::Evidence),
        ("application/vnd.in-toto+json", BlobKind::Evidence),
        ("application/vnd.in-toto+dsse", BlobKind::Evidence),
        ("application/vnd.in-toto.provenance+dsse", BlobKind::Evidence),
        ("application/vnd.dev.cosign.simplesigning.v1+json", BlobKind::Evidence),
        ("application/vnd.oci.image.layer.v1.tar+gzip", BlobKind::Other),
        ("", BlobKind::Other),
    ] {
        for list in ["layers", "manifests"] {
            let text = format!(r#"{{"schemaVersion":2,"{list}":[{}]}}"#, descriptor(media_type, &digest));
            let found = Manifest::parse(text.as_bytes()).unwrap();
            assert!(!found.refers());
            let found = found.blobs();
            assert_eq!((found.len(), found[0].holds(), found[0].size()), (1, holds, 7), "{media_type}");
            assert_eq!((found[0].digest().hex(), found[0].digest().to_string()), (HEX, digest.clone()));
        }
    }
}

#[test]
fn a_manifest_with_a_subject_belongs_to_another() {
    let refers = |text: &str| Manifest::parse(text.as_bytes()).unwrap().refers();
    assert!(refers(r#"{"layers":[],"subject":{"digest":"sha256:00"}}"#));
    assert!(!refers(r#"{"layers":[],"subject":null}"#) && !refers(r#"{"layers":[]}"#));
}

#[test]
fn refuses_manifests_that_two_readers_would_read_differently() {
    let read = |text: &str| Manifest::parse(text.as_bytes()).unwrap_err();
    assert_eq!(read(r#"{"layers":[],"manifests":[]}"#), ManifestError::Both);
    assert_eq!(read(r#"{"schemaVersion":2}"#), ManifestError::Neither);
    for text in [
        "",
        "[]",
        r#"{"layers":{}}"#,
        r#"{"layers":[1]}"#,
        r#"{"layers":[{}]}"#,
        r#"{"layers":[],"layers":[]}"#,
        r#"{"layers":[{"digest":"x","size":-1}]}"#,
        r#"{"layers":[{"digest":"x","size":1,"annotations":{"dev.sigstore.cosign/bundle":{}}}]}"#,
    ] {
        assert!(matches!(read(text), ManifestError::Json(_)), "{text}");
    }
    let upper = HEX.to_uppercase();
    for digest in [
        "",
        "sha256:",
        HEX,
        &format!("sha256:{upper}"),
        &format!("sha512:{HEX}"),
        &format!("sha256:{}", &HEX[1..]),
        &format!("sha256:{HEX}0"),
        &format!("sha256:../../{}", &HEX[6..]),
        &format!("sha256:{}/", &HEX[1..]),
    ] {
        let text = format!(r#"{{"layers":[{}]}}"#, descriptor("", digest));
        assert!(matches!(read(&text), ManifestError::Digest { index: 0, .. }), "{digest}");
    }
    let one = descriptor("", &format!("sha256:{HEX}"));
    let many = |count: usize| format!(r#"{{"layers":[{}]}}"#, vec![one.as_str(); count].join(","));
    assert_eq!(Manifest::parse(many(MAX_DESCRIPTORS).as_bytes()).unwrap().blobs().len(), MAX_DESCRIPTORS);
    let (max, found) = (MAX_DESCRIPTORS, MAX_DESCRIPTORS + 1);
    assert_eq!(read(&many(found)), ManifestError::TooMany { max, found });
    let long = format!(r#"{{"layers":[]{}}}"#, " ".repeat(MAX_MANIFEST));
    assert!(matches!(read(&long), ManifestError::TooLong { max: MAX_MANIFEST, .. }));
}
