//! What a log entry says (rekor and rekor-tiles, `pkg/types`), compared with what the bundle holds.
//!
//! Without this comparison an entry of another signing event would vouch for this one (CVE-2022-36056): whoever can make
//! a second valid signature, or takes any entry of the log, would get its time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::bundle::LogEntry;
use super::proto_json::Bytes;
use crate::json::{self, JsonError};
use crate::key::{HashAlgorithm, pem_block};
use crate::object::Object;

/// Why an entry is not of this bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not the JSON that its kind has.
    #[error("its body cannot be read: {0}")]
    Json(#[from] JsonError),
    /// The bundle says another kind than the entry.
    #[error("the bundle calls it {said:?}, and the entry itself {found:?}")]
    Kind {
        /// Kind and version in the bundle.
        said: String,
        /// Kind and version in the entry.
        found: String,
    },
    /// A kind that is not supported.
    #[error("entries of kind {kind:?} are not supported")]
    Unsupported {
        /// Kind and version, cut to 80 characters.
        kind: String,
    },
    /// Of another kind of content.
    #[error("an entry of kind {kind} is not for {content}")]
    Content {
        /// Kind and version.
        kind: &'static str,
        /// What the bundle holds.
        content: &'static str,
    },
    /// A part of it differs.
    #[error("its {part} is not the one of the bundle")]
    Differs {
        /// Which part.
        part: &'static str,
    },
}

/// What the bundle holds, to compare with.
pub(super) struct Held<'a> {
    /// SHA-256 of the envelope's payload; none for a message.
    pub(super) payload: Option<&'a dyn Fn() -> [u8; 32]>,
    pub(super) payload_type: Option<&'a str>,
    pub(super) signature: &'a [u8],
    /// The certificate, or the key of a bundle that names one.
    pub(super) verifier: Verifier<'a>,
    /// The digest of what was signed; none if nobody knows it.
    pub(super) digest: &'a dyn Fn(HashAlgorithm) -> Option<Vec<u8>>,
}

/// What verifies the signature, in DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verifier<'a> {
    Certificate(&'a [u8]),
    Key(&'a [u8]),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    kind: String,
    api_version: String,
}

#[derive(Deserialize)]
struct Body<T> {
    spec: Object<T>,
}

#[derive(Deserialize)]
struct HashedRekord1 {
    data: Object<Data1>,
    signature: Object<Signature1>,
}

#[derive(Deserialize)]
struct Data1 {
    hash: Object<Hash1>,
}

#[derive(Deserialize)]
struct Hash1 {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signature1 {
    content: Bytes,
    public_key: Object<PemContent>,
}

#[derive(Deserialize)]
struct PemContent {
    content: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HashedRekord2 {
    hashed_rekord_v002: Object<Record2>,
}

#[derive(Deserialize)]
struct Record2 {
    data: Object<Data2>,
    signature: Object<Signature2>,
}

#[derive(Deserialize)]
struct Data2 {
    algorithm: String,
    digest: Bytes,
}

#[derive(Deserialize)]
struct Signature2 {
    content: Bytes,
    verifier: Object<Verifier2>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Verifier2 {
    #[serde(default)]
    x509_certificate: Option<Object<Raw>>,
    #[serde(default)]
    public_key: Option<Object<Raw>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    raw_bytes: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dsse1 {
    payload_hash: Object<Hash1>,
    signatures: Vec<Object<DsseSignature1>>,
}

#[derive(Deserialize)]
struct DsseSignature1 {
    signature: Bytes,
    verifier: Bytes,
}

#[derive(Deserialize)]
struct Intoto2 {
    content: Object<IntotoContent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoContent {
    envelope: Object<IntotoEnvelope>,
    payload_hash: Object<Hash1>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoEnvelope {
    payload_type: String,
    signatures: Vec<Object<IntotoSignature>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignature {
    /// The base64 of the base64 in the envelope.
    sig: Bytes,
    public_key: Bytes,
}

/// Compares all that the entry says about the signing with what the bundle holds.
pub(super) fn compare(entry: &LogEntry, held: &Held<'_>) -> Result<(), BodyError> {
    // The log signed these bytes: two readers must not see two things in them.
    let Object(header): Object<Header> = json::from_slice(&entry.body)?;
    let said = format!("{}/{}", entry.kind, entry.version);
    let found = format!("{}/{}", header.kind, header.api_version);
    let cut = |text: &str| text.chars().take(80).collect();
    if said != found {
        return Err(BodyError::Kind { said: cut(&said), found: cut(&found) });
    }
    match found.as_str() {
        "hashedrekord/0.0.1" => hashedrekord_1(&entry.body, held),
        "hashedrekord/0.0.2" => hashedrekord_2(&entry.body, held),
        "dsse/0.0.1" => dsse_1(&entry.body, held),
        "intoto/0.0.2" => intoto_2(&entry.body, held),
        other => Err(BodyError::Unsupported { kind: cut(other) }),
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, BodyError> {
    let Object(Body { spec: Object(spec) }) = json::from_slice(body)?;
    Ok(spec)
}

fn same(holds: bool, part: &'static str) -> Result<(), BodyError> {
    if holds { Ok(()) } else { Err(BodyError::Differs { part }) }
}

fn hashedrekord_1(body: &[u8], held: &Held<'_>) -> Result<(), BodyError> {
    let record: HashedRekord1 = read(body)?;
    let Object(Data1 { hash: Object(hash) }) = record.data;
    same(is_digest(&hash, held.digest), "digest")?;
    let Object(signature) = record.signature;
    same(signature.content.0 == held.signature, "signature")?;
    same(is_pem_of(&signature.public_key.0.content.0, held.verifier), "certificate or key")
}

fn hashedrekord_2(body: &[u8], held: &Held<'_>) -> Result<(), BodyError> {
    let HashedRekord2 { hashed_rekord_v002: Object(record) } = read(body)?;
    let algorithm = match record.data.0.algorithm.as_str() {
        "SHA2_256" => Some(HashAlgorithm::Sha256),
        "SHA2_384" => Some(HashAlgorithm::Sha384),
        "SHA2_512" => Some(HashAlgorithm::Sha512),
        _ => None,
    };
    let expected = algorithm.and_then(held.digest);
    same(expected.is_some_and(|digest| digest == record.data.0.digest.0), "digest")?;
    let Object(signature) = record.signature;
    same(signature.content.0 == held.signature, "signature")?;
    let Object(verifier) = signature.verifier;
    let found = match (&verifier.x509_certificate, &verifier.public_key) {
        (Some(Object(certificate)), None) => Some(Verifier::Certificate(&certificate.raw_bytes.0)),
        (None, Some(Object(key))) => Some(Verifier::Key(&key.raw_bytes.0)),
        (Some(_), Some(_)) | (None, None) => None,
    };
    same(found == Some(held.verifier), "certificate or key")
}

fn dsse_1(body: &[u8], held: &Held<'_>) -> Result<(), BodyError> {
    let entry: Dsse1 = read(body)?;
    let Some(payload) = held.payload else {
        return Err(BodyError::Content { kind: "dsse/0.0.1", content: "a message signature" });
    };
    same(is_payload(&entry.payload_hash.0, payload), "payload")?;
    let [Object(signature)] = entry.signatures.as_slice() else {
        return Err(BodyError::Differs { part: "number of signatures" });
    };
    same(signature.signature.0 == held.signature, "signature")?;
    same(is_pem_of(&signature.verifier.0, held.verifier), "certificate or key")
}

fn intoto_2(body: &[u8], held: &Held<'_>) -> Result<(), BodyError> {
    let Intoto2 { content: Object(content) } = read(body)?;
    let (Some(payload), Some(payload_type)) = (held.payload, held.payload_type) else {
        return Err(BodyError::Content { kind: "intoto/0.0.2", content: "a message signature" });
    };
    same(is_payload(&content.payload_hash.0, payload), "payload")?;
    same(content.envelope.0.payload_type == payload_type, "payload type")?;
    let [Object(signature)] = content.envelope.0.signatures.as_slice() else {
        return Err(BodyError::Differs { part: "number of signatures" });
    };
    let bytes = STANDARD.decode(&signature.sig.0).unwrap_or_default();
    same(bytes == held.signature, "signature")?;
    same(is_pem_of(&signature.public_key.0, held.verifier), "certificate or key")
}

fn is_digest(hash: &Hash1, digest: &dyn Fn(HashAlgorithm) -> Option<Vec<u8>>) -> bool {
    let algorithm = match hash.algorithm.as_str() {
        "sha256" => HashAlgorithm::Sha256,
        "sha384" => HashAlgorithm::Sha384,
        "sha512" => HashAlgorithm::Sha512,
        _ => return false,
    };
    digest(algorithm).is_some_and(|digest| hex::encode(digest) == hash.value)
}

fn is_payload(hash: &Hash1, payload: &dyn Fn() -> [u8; 32]) -> bool {
    hash.algorithm == "sha256" && hash.value == hex::encode(payload())
}

/// Whether the text is exactly the PEM of what verifies.
fn is_pem_of(text: &[u8], verifier: Verifier<'_>) -> bool {
    let block = std::str::from_utf8(text).ok().and_then(pem_block);
    let Some((label, der)) = block else { return false };
    match verifier {
        Verifier::Certificate(certificate) => label == "CERTIFICATE" && der == certificate,
        Verifier::Key(key) => label == "PUBLIC KEY" && der == key,
    }
}
