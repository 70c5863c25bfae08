//! cosign's signatures of images: what they are worth, and what makes them worth nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::envelope::{Envelope as AnyEnvelope, EnvelopeError, IMAGE_SIGNATURE, Said};
use crate::registry::{CosignAnnotations, cosign_envelope};
use crate::sigstore::BundleError;

const REFERENCE: &str = "github.com/acme/app";

fn image() -> String {
    format!("sha256:{}", "ab".repeat(32))
}

/// The text that cosign signs.
fn text() -> Value {
    json!({
        "critical": {
            "identity": { "docker-reference": REFERENCE },
            "image": { "docker-manifest-digest": image() },
            "type": "cosign container image signature",
        },
        "optional": { "creator": "a test" },
    })
}

fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}

/// What a layer with this text and a signature over those bytes is recorded as.
fn recorded(layer: &[u8], signed: &[u8], by: u8) -> Vec<u8> {
    let signature = STANDARD.encode(key(by).sign(signed));
    let annotations = json!({ "dev.cosignproject.cosign/signature": signature });
    let annotations: CosignAnnotations = serde_json::from_value(annotations).unwrap();
    cosign_envelope(layer, &annotations).unwrap().unwrap()
}

fn good(by: u8) -> AnyEnvelope {
    AnyEnvelope::parse(&recorded(&bytes(&text()), &bytes(&text()), by)).unwrap()
}

fn admitted(trust: &TrustState, envelope: &AnyEnvelope) -> Result<Admission, Refusal> {
    crate::admission::admit(trust, envelope, time(NOW), SALT)
}

fn word(trust: &TrustState, envelope: &AnyEnvelope) -> &'static str {
    admitted(trust, envelope).map_or_else(|refusal| refusal.word(), |_| "admitted")
}

#[test]
fn a_signature_of_an_image_is_admitted_by_the_digest_that_it_names() {
    let envelope = good(WRITER);
    let mut admission = admitted(&trust(), &envelope).unwrap();
    let record = admission.record().clone();
    assert_eq!(record.predicate_type, IMAGE_SIGNATURE);
    assert_eq!(record.media_type, "application/vnd.custody.image-signature.v1+json");
    assert_eq!(record.subjects, [image()]);
    assert_eq!(record.verified_keys(), BTreeSet::from([key(WRITER).id()]));
    let content = hex::encode(Sha256::digest(bytes(&text())));
    assert_eq!(admission.content().to_string(), format!("sha256:{content}"), "of the text that was signed");
    let facts = admission.take_facts();
    let edges: Vec<String> = facts.edges.iter().map(ToString::to_string).collect();
    assert_eq!(edges, [format!("artifact {} described-by document sha256:{content}", image())]);
    assert_eq!(facts.labels.values().collect::<Vec<_>>(), [REFERENCE]);
    // Another signer adds something, the same one nothing.
    let again = admitted(&trust(), &good(WRITER)).unwrap();
    assert!(!again.record().adds_to(&[&record]));
    let other = admitted(&trust(), &good(ACME)).unwrap();
    assert!(other.content() == admission.content() && other.record().adds_to(&[&record]));
}

#[test]
fn writer_rules_hold_for_signatures_of_images() {
    let trust = trust();
    assert_eq!(word(&trust, &good(REPORTER)), "key_not_allowed", "another type");
    assert_eq!(word(&trust, &good(STRANGER)), "bundle_not_verified");
    assert_eq!(word(&trust, &good(BUILDER)), "own_builds_undecided");
    assert_eq!(word(&trust, &good(ACME)), "admitted", "what the signer calls it is within the bounds");
    let mut evil = text();
    evil["critical"]["identity"]["docker-reference"] = "github.com/acme-evil/app".into();
    let evil = AnyEnvelope::parse(&recorded(&bytes(&evil), &bytes(&evil), ACME)).unwrap();
    let refusal = admitted(&trust, &evil).unwrap_err();
    assert_eq!(refusal.word(), "outside_namespace");
    assert!(refusal.to_string().contains("github.com/acme-evil/app"), "{refusal}");
}

#[test]
fn nothing_else_passes_for_the_text_that_was_signed() {
    let trust = trust();
    let signed = bytes(&text());
    // Spaces are signed, too.
    let spaced = serde_json::to_vec_pretty(&text()).unwrap();
    let mut other = text();
    other["critical"]["image"]["docker-manifest-digest"] = format!("sha256:{}", "cd".repeat(32)).into();
    for layer in [spaced, bytes(&other)] {
        let envelope = AnyEnvelope::parse(&recorded(&layer, &signed, WRITER)).unwrap();
        assert_eq!(word(&trust, &envelope), "bundle_not_verified");
    }
    // Somebody's statement, and a file with its signature, are no signature of an image.
    let mut swapped: Value = serde_json::from_slice(good(WRITER).bytes()).unwrap();
    swapped["simpleSigning"] = STANDARD.encode(bytes(&other)).into();
    assert!(matches!(
        AnyEnvelope::parse(&bytes(&swapped)),
        Err(EnvelopeError::Bundle(BundleError::OtherText))
    ));
    let reserved = statement(&subject("a")).replace(TYPE, IMAGE_SIGNATURE);
    let refusal = admit(&trust, &sign(reserved.as_bytes(), &[WRITER]), time(NOW), SALT).unwrap_err();
    assert_eq!(refusal.word(), "bad_predicate_type");
}

/// Every change of the text that a careless reader would pass over, each signed by a trusted key.
#[test]
fn a_text_with_more_less_or_other_than_cosign_signs_is_refused() {
    let plain = String::from_utf8(bytes(&text())).unwrap();
    let (hex, digest) = ("ab".repeat(32), image());
    let replaced = |from: &str, to: &str| {
        assert!(plain.contains(from), "{from}");
        plain.replacen(from, to, 1)
    };
    let twice = format!(r#""docker-manifest-digest":"sha256:{}","docker-manifest-digest""#, "cd".repeat(32));
    for (what, changed) in [
        ("a member more", replaced(r#""critical":"#, r#""other":1,"critical":"#)),
        ("a member more in critical", replaced(r#""type":"#, r#""until":"2030","type":"#)),
        (
            "a member more in image",
            replaced(r#""docker-manifest-digest":"#, r#""tag":"1","docker-manifest-digest":"#),
        ),
        (
            "a member more in identity",
            replaced(r#""docker-reference":"#, r#""issuer":"x","docker-reference":"#),
        ),
        ("a digest twice", replaced(r#""docker-manifest-digest""#, &twice)),
        ("a member twice in optional", replaced(r#""creator":"#, r#""creator":"x","creator":"#)),
        ("critical twice", replaced(r#""optional":"#, r#""critical":{},"optional":"#)),
        ("another type", replaced("cosign container", "atomic container")),
        ("no digest", replaced(&digest, "")),
        ("a short digest", replaced(&hex, &hex[2..])),
        ("an upper-case digest", replaced(&hex, &hex.to_uppercase())),
        ("a digest of another kind", replaced("sha256:", "sha1:")),
        ("a digest of no kind", replaced("sha256:", "")),
        ("a list of images", replaced(&format!("\"{digest}\""), &format!("[\"{digest}\"]"))),
        ("something behind it", format!("{plain}{{}}")),
        ("a list", format!("[{plain}]")),
        ("nothing", String::new()),
    ] {
        let mut outer: Value = serde_json::from_slice(good(WRITER).bytes()).unwrap();
        outer["simpleSigning"] = STANDARD.encode(&changed).into();
        let sum = STANDARD.encode(Sha256::digest(&changed));
        outer["bundle"]["messageSignature"]["messageDigest"]["digest"] = sum.into();
        outer["bundle"]["messageSignature"]["signature"] =
            STANDARD.encode(key(WRITER).sign(changed.as_bytes())).into();
        let found = AnyEnvelope::parse(&bytes(&outer));
        let refused = matches!(found, Err(EnvelopeError::Bundle(BundleError::SimpleSigning(_))));
        assert!(refused, "{what}: {found:?}");
    }
    // Names and what a signer adds are the signer's.
    for (what, good) in [
        ("no optional", replaced(r#","optional":{"creator":"a test"}"#, "")),
        ("null", replaced(r#"{"creator":"a test"}"#, "null")),
        ("anything in it", replaced(r#""a test""#, r#"{"a":[1,{}]}"#)),
        ("an empty reference", replaced(REFERENCE, "")),
        ("SHA-512", replaced(&digest, &format!("sha512:{}", "ab".repeat(64)))),
        (
            "members in another order",
            format!(r#"{{"optional":null,{}"#, &replaced(r#","optional":{"creator":"a test"}"#, "")[1..]),
        ),
    ] {
        let envelope = AnyEnvelope::parse(&recorded(good.as_bytes(), good.as_bytes(), WRITER)).unwrap();
        assert_eq!(word(&trust(), &envelope), "admitted", "{what}");
        assert!(matches!(envelope.said(), Ok(Said::Image(_))));
    }
    let long = replaced("a test", &"a".repeat(crate::sigstore::MAX_SIMPLE_SIGNING));
    let annotations = json!({ "dev.cosignproject.cosign/signature": "AAAA" });
    let annotations: CosignAnnotations = serde_json::from_value(annotations).unwrap();
    let found = cosign_envelope(long.as_bytes(), &annotations).unwrap_err();
    assert!(found.to_string().contains("at most 65536 bytes"), "{found}");
}

#[test]
fn an_envelope_around_the_text_has_one_form() {
    let good: Value = serde_json::from_slice(good(WRITER).bytes()).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut other = good.clone();
        change(&mut other);
        AnyEnvelope::parse(&bytes(&other)).map(|_| ()).unwrap_err().to_string()
    };
    let set = |pointer: &'static str, value: Value| {
        changed(&move |outer| *outer.pointer_mut(pointer).unwrap() = value.clone())
    };
    let v3 = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let dsse = json!({ "payload": "", "payloadType": "x", "signatures": [{ "sig": "AAAA" }] });
    for (why, found) in [
        ("custody/image-signature/v1", set("/format", "custody/image-signature/v2".into())),
        ("found 0.3", set("/bundle/mediaType", v3.into())),
        ("not the SHA2_256", set("/bundle/messageSignature/messageDigest", Value::Null)),
        (
            "not the SHA2_256",
            set("/bundle/messageSignature/messageDigest/digest", STANDARD.encode([0; 32]).into()),
        ),
        ("unknown field", changed(&|outer| outer["reference"] = "x".into())),
        ("missing field `bundle`", changed(&|outer| drop(outer.as_object_mut().unwrap().remove("bundle")))),
        (
            "a dsseEnvelope",
            changed(&|outer| {
                outer["bundle"]["dsseEnvelope"] = dsse.clone();
                outer["bundle"].as_object_mut().unwrap().remove("messageSignature");
            }),
        ),
        ("base64", set("/simpleSigning", "?".into())),
    ] {
        assert!(found.contains(why), "{why}: {found}");
    }
    // Twice, and a reader could take either: outside of the bundle and within.
    let plain = String::from_utf8(bytes(&good)).unwrap();
    for member in ["\"format\":", "\"mediaType\":", "\"signature\":"] {
        let twice = plain.replacen(member, &format!("{member}\"AAAA\",{member}"), 1);
        let found = AnyEnvelope::parse(twice.as_bytes()).map(|_| ()).unwrap_err().to_string();
        assert!(found.contains("twice"), "{member}: {found}");
    }
    // What tells the kind must be there once, or it is of no kind.
    let twice = plain.replacen("\"simpleSigning\":", "\"simpleSigning\":\"AAAA\",\"simpleSigning\":", 1);
    assert!(AnyEnvelope::parse(twice.as_bytes()).is_err());
    // Of two kinds at once: the rule for DSSE envelopes and bundles comes first.
    let mut both = good;
    both["verificationMaterial"] = json!({});
    assert!(AnyEnvelope::parse(&bytes(&both)).map(|_| ()).unwrap_err().to_string().contains("mediaType"));
}

/// `docs/format.md`, "Signatures of images".
#[test]
fn the_example_of_the_format_is_what_is_made_and_verified() {
    let document = include_str!("../../../../../docs/format.md");
    let section =
        document.split("\n## Signatures of images\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let example = section.split("**Example.**").nth(1).unwrap();
    let blocks: Vec<&str> = example.split("\n```").collect();
    let block = |at: usize| blocks[at].split_once('\n').unwrap().1;
    let (layer, signature, envelope) = (block(1), block(3), block(5));
    assert!(blocks[0].contains(&format!("{} bytes", layer.len())));
    let annotations = json!({ "dev.cosignproject.cosign/signature": signature });
    let annotations: CosignAnnotations = serde_json::from_value(annotations).unwrap();
    let made = cosign_envelope(layer.as_bytes(), &annotations).unwrap().unwrap();
    assert_eq!(String::from_utf8(made).unwrap(), envelope);
    let parsed = AnyEnvelope::parse(envelope.as_bytes()).unwrap();
    assert!(
        blocks[6].contains(&parsed.content().to_string()) && blocks[6].contains(&parsed.digest().to_string())
    );
    key(7).public().verify(layer.as_bytes(), &STANDARD.decode(signature).unwrap()).unwrap();
    let mut members = members();
    let signer = members.add_key(key(7).public());
    members.writers.push(WriterRule::anything("images", signer));
    let trust = statement_of(&TrustDocument::new(members).unwrap());
    let trust = TrustState::first_of_any(&sign(&trust, &[ADMIN, LOG])).unwrap();
    assert_eq!(word(&trust, &parsed), "admitted");
}
