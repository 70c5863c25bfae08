//! Things to record: statements and envelopes, good and bad, written by hand so that they can be wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::key::SigningKey;
use serde_json::{Value, json};

use crate::oracle::{Hash, digest_text, sha256};

/// The payload type of in-toto statements.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A predicate type that nobody understands.
pub const UNKNOWN_TYPE: &str = "https://example.com/attestation/v1";

/// Returns a statement about an artifact of this name, whose digest is that of the name.
#[must_use]
pub fn statement(name: &str) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": artifact_hex(name)}}],
        "predicateType": UNKNOWN_TYPE,
        "predicate": {"about": name},
    })
}

/// Returns the digest of the artifact of that name, in hex.
#[must_use]
pub fn artifact_hex(name: &str) -> String {
    digest_text(name.as_bytes()).trim_start_matches("sha256:").to_owned()
}

/// Returns what a DSSE signature is over (DSSE protocol, section "Signature Definition").
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Returns the digest of what was signed: it identifies what was said.
#[must_use]
pub fn content(payload: &[u8]) -> Hash {
    sha256(&pae(IN_TOTO, payload))
}

/// Returns a signature object of an envelope.
#[must_use]
pub fn signature(payload: &[u8], key: &SigningKey) -> Value {
    let bytes = key.sign(&pae(IN_TOTO, payload));
    json!({"keyid": key.public().id().to_string(), "sig": STANDARD.encode(bytes)})
}

/// Returns an envelope around a payload with these signature objects.
#[must_use]
pub fn envelope_of(payload: &[u8], signatures: &[Value]) -> Vec<u8> {
    let envelope =
        json!({"payload": STANDARD.encode(payload), "payloadType": IN_TOTO, "signatures": signatures});
    envelope.to_string().into_bytes()
}

/// Returns an envelope around a statement, signed by these keys.
#[must_use]
pub fn envelope(statement: &Value, keys: &[&SigningKey]) -> Vec<u8> {
    signed(statement.to_string().as_bytes(), keys)
}

/// Returns an envelope around any payload, signed by these keys.
#[must_use]
pub fn signed(payload: &[u8], keys: &[&SigningKey]) -> Vec<u8> {
    let signatures: Vec<Value> = keys.iter().map(|key| signature(payload, key)).collect();
    envelope_of(payload, &signatures)
}

/// Returns an envelope as the Sigstore bundle that it is in other words, for a key that the verifier knows.
#[must_use]
pub fn bundle_of(envelope: &[u8]) -> Vec<u8> {
    let material = r#"{"publicKey":{"hint":""}}"#;
    let head = format!(
        r#"{{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","verificationMaterial":{material},"dsseEnvelope":"#
    );
    [head.as_bytes(), envelope, b"}"].concat()
}

/// Returns the statement in an envelope.
///
/// # Panics
///
/// When the bytes are not an envelope around a statement.
#[must_use]
pub fn payload(envelope: &[u8]) -> Value {
    let envelope: Value = serde_json::from_slice(envelope).expect("an envelope is JSON");
    let payload = STANDARD.decode(envelope["payload"].as_str().expect("a payload is text")).expect("base64");
    serde_json::from_slice(&payload).expect("a statement is JSON")
}

/// Returns an envelope of exactly `length` bytes whose statement is good, signed by the key.
///
/// # Panics
///
/// When the length is too small to hold a statement, or cannot be met.
#[must_use]
pub fn envelope_of_length(name: &str, length: usize, key: &SigningKey) -> Vec<u8> {
    envelope_saying(&statement(name), length, key)
}

/// Returns an envelope of exactly `length` bytes with this statement, signed by the key: its predicate has a filler.
///
/// # Panics
///
/// When the length is too small to hold the statement, or cannot be met.
#[must_use]
pub fn envelope_saying(statement: &Value, length: usize, key: &SigningKey) -> Vec<u8> {
    let with_filler = |filler: usize| {
        let mut statement = statement.clone();
        statement["predicate"]["filler"] = Value::String("x".repeat(filler));
        envelope(&statement, &[key])
    };
    let empty = with_filler(0).len();
    assert!(length > empty + 8, "{length} bytes are too few for an envelope");
    // Base64 makes four bytes of three; blanks behind the JSON are not part of any value and make up the rest.
    let mut bytes = with_filler((length - empty - 4) / 4 * 3);
    assert!(bytes.len() <= length, "{} bytes are more than {length}", bytes.len());
    bytes.resize(length, b' ');
    bytes
}

/// Returns a statement that distrusts what a signer of this name signs from this entry on.
#[must_use]
pub fn distrust(signer: &str, reason: &str, since: u64) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": signer, "digest": {"sha256": name_hex("identity", signer)}}],
        "predicateType": "urn:custody:distrust:v1",
        "predicate": {
            "format": "custody/distrust/v1", "kind": "identity", "id": signer, "since": since, "reason": reason,
        },
    })
}

/// Returns the digest that stands for something without bytes, in hex.
fn name_hex(kind: &str, name: &str) -> String {
    artifact_hex(&format!("custody/name/v1\n{kind}\n{name}"))
}
