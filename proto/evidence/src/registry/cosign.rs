//! The layers that cosign writes into a registry (sigstore/cosign, `specs/SIGNATURE_SPEC.md`): an envelope, or a text about an
//! image. Beside it, in the annotations of the layer, are the signature of such a text, the certificate, and what a log and a
//! time stamp authority said about it.
//!
//! Such a layer is a Sigstore bundle of version 0.1 in other words. It is written as one, always in the same bytes, so the same
//! layer with the same annotations is the same envelope (`docs/format.md`, "Bundles made of cosign's layers"). No bundle has room
//! for a text about an image, so the two stand side by side there ("Signatures of images").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::dsse::{Base64Error, decode_base64};
use crate::json::{self, JsonError};
use crate::key::{HashAlgorithm, pem_block};
use crate::object::Object;
use crate::sigstore::{
    BundleVersion, Bytes, IMAGE_SIGNATURE_FORMAT, MAX_CERTIFICATES, SignedImage, SimpleSigningError,
};

/// What cosign notes beside a layer. Nobody signed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CosignAnnotations {
    #[serde(default, rename = "dev.cosignproject.cosign/signature")]
    signature: Option<String>,
    #[serde(default, rename = "dev.sigstore.cosign/certificate")]
    certificate: Option<String>,
    #[serde(default, rename = "dev.sigstore.cosign/chain")]
    chain: Option<String>,
    #[serde(default, rename = "dev.sigstore.cosign/bundle")]
    bundle: Option<String>,
    #[serde(default, rename = "dev.sigstore.cosign/rfc3161timestamp")]
    timestamp: Option<String>,
}

/// Why no bundle can be made of a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignError {
    /// The layer is no JSON.
    #[error("the layer is not JSON: {problem}")]
    Layer {
        /// What is wrong with it, at most 300 characters.
        problem: JsonError,
    },
    /// The layer is signed by itself, and is not the text that cosign signs of an image.
    #[error("the layer is not what cosign signs of an image: {problem}")]
    SimpleSigning {
        /// What is wrong with it.
        problem: SimpleSigningError,
    },
    /// A signature that cannot be read.
    #[error("the annotation {SIGNATURE} is not base64: {problem}")]
    Signature {
        /// What is wrong with it.
        problem: Base64Error,
    },
    /// A certificate that cannot be read.
    #[error("the annotation {annotation} is not {expected} in PEM")]
    Pem {
        /// The annotation.
        annotation: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// An annotation that is not the JSON that it should be.
    #[error("the annotation {annotation} cannot be read: {problem}")]
    Json {
        /// The annotation.
        annotation: &'static str,
        /// What is wrong with it.
        problem: JsonError,
    },
    /// The id of a log that is not in hexadecimal digits.
    #[error("the annotation dev.sigstore.cosign/bundle: Payload.logID is not hexadecimal")]
    LogId,
    /// The entry of the log cannot be read.
    #[error("the annotation dev.sigstore.cosign/bundle: Payload.body cannot be read: {problem}")]
    Entry {
        /// What is wrong with it.
        problem: JsonError,
    },
}

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const BUNDLE: &str = "dev.sigstore.cosign/bundle";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RekorJson {
    signed_entry_timestamp: Bytes,
    payload: Object<RekorPayload>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RekorPayload {
    body: Bytes,
    integrated_time: u64,
    log_index: u64,
    #[serde(rename = "logID")]
    log_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryHeader {
    kind: String,
    api_version: String,
}

#[derive(Deserialize)]
struct TimestampJson {
    #[serde(rename = "SignedRFC3161Timestamp")]
    signed: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BundleOut<'a> {
    media_type: &'static str,
    verification_material: MaterialOut,
    #[serde(flatten)]
    content: ContentOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum ContentOut<'a> {
    DsseEnvelope(&'a RawValue),
    MessageSignature(MessageOut),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MessageOut {
    message_digest: DigestOut,
    signature: String,
}

#[derive(Serialize)]
struct DigestOut {
    algorithm: &'static str,
    digest: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageSignatureOut<'a> {
    format: &'static str,
    simple_signing: String,
    bundle: BundleOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MaterialOut {
    #[serde(flatten)]
    verifier: VerifierOut,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tlog_entries: Vec<EntryOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<TimestampsOut>,
}

#[derive(Serialize)]
enum VerifierOut {
    #[serde(rename = "x509CertificateChain")]
    Chain(ChainOut),
    /// A key that the verifier must know; a layer does not name it.
    #[serde(rename = "publicKey")]
    Key { hint: &'static str },
}

#[derive(Serialize)]
struct ChainOut {
    certificates: Vec<DerOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DerOut {
    raw_bytes: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryOut {
    log_index: String,
    log_id: LogIdOut,
    kind_version: KindOut,
    integrated_time: String,
    inclusion_promise: PromiseOut,
    canonicalized_body: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogIdOut {
    key_id: String,
}

#[derive(Serialize)]
struct KindOut {
    kind: String,
    version: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PromiseOut {
    signed_entry_timestamp: String,
}

#[derive(Serialize)]
struct TimestampsOut {
    #[serde(rename = "rfc3161Timestamps")]
    rfc3161: [TimestampOut; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TimestampOut {
    signed_timestamp: String,
}

/// Returns the bundle, or the signature of an image, that a layer and its annotations are in other words; none if there is neither
/// signature nor certificate among the annotations: then the layer is an envelope as it stands.
///
/// An envelope stands in the bundle as it stands in the layer, and a text about an image keeps every byte. Nothing is verified,
/// and what comes out is parsed like any envelope: a layer of two signatures is refused there.
pub fn cosign_envelope(
    layer: &[u8],
    annotations: &CosignAnnotations,
) -> Result<Option<Vec<u8>>, CosignError> {
    if let Some(signature) = filled(annotations.signature.as_ref()) {
        return image_signature(layer, signature, annotations).map(Some);
    }
    let Some(certificate) = filled(annotations.certificate.as_ref()) else { return Ok(None) };
    // One JSON value, and nothing after it that could add to the bundle.
    let envelope: &RawValue =
        json::from_unsigned_slice(layer).map_err(|problem| CosignError::Layer { problem })?;
    let verifier = VerifierOut::Chain(ChainOut { certificates: chain(certificate, annotations)? });
    Ok(Some(written(&bundle(verifier, ContentOut::DsseEnvelope(envelope), annotations)?)))
}

/// Returns the text about an image beside the bundle that its signature is.
fn image_signature(
    layer: &[u8],
    signature: &str,
    annotations: &CosignAnnotations,
) -> Result<Vec<u8>, CosignError> {
    // Before it is written down: what is no such text is told as a layer, not as a part of what is made here.
    SignedImage::read(layer).map_err(|problem| CosignError::SimpleSigning { problem })?;
    let signature =
        decode_base64(signature.as_bytes()).map_err(|problem| CosignError::Signature { problem })?;
    let verifier = match filled(annotations.certificate.as_ref()) {
        Some(certificate) => VerifierOut::Chain(ChainOut { certificates: chain(certificate, annotations)? }),
        None => VerifierOut::Key { hint: "" },
    };
    let digest = STANDARD.encode(HashAlgorithm::Sha256.digest(layer));
    let message_digest = DigestOut { algorithm: "SHA2_256", digest };
    let message = MessageOut { message_digest, signature: STANDARD.encode(signature) };
    Ok(written(&ImageSignatureOut {
        format: IMAGE_SIGNATURE_FORMAT,
        simple_signing: STANDARD.encode(layer),
        bundle: bundle(verifier, ContentOut::MessageSignature(message), annotations)?,
    }))
}

fn bundle<'a>(
    verifier: VerifierOut,
    content: ContentOut<'a>,
    annotations: &CosignAnnotations,
) -> Result<BundleOut<'a>, CosignError> {
    let verification_material = MaterialOut {
        verifier,
        tlog_entries: filled(annotations.bundle.as_ref()).map(entry).transpose()?.into_iter().collect(),
        timestamp_verification_data: filled(annotations.timestamp.as_ref()).map(timestamp).transpose()?,
    };
    Ok(BundleOut { media_type: BundleVersion::V0_1.media_type(), verification_material, content })
}

fn written(document: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("strings are always JSON")
}

/// An annotation that is empty says as much as one that is not there.
fn filled(annotation: Option<&String>) -> Option<&str> {
    annotation.map(String::as_str).filter(|text| !text.is_empty())
}

/// The signer's certificate, and what leads from it to a root.
fn chain(certificate: &str, annotations: &CosignAnnotations) -> Result<Vec<DerOut>, CosignError> {
    let mut found = certificates(certificate)
        .filter(|found| found.len() == 1)
        .ok_or(CosignError::Pem { annotation: CERTIFICATE, expected: "one certificate" })?;
    if let Some(chain) = filled(annotations.chain.as_ref()) {
        let more = certificates(chain)
            .ok_or(CosignError::Pem { annotation: CHAIN, expected: "a few certificates" })?;
        found.extend(more);
    }
    Ok(found.into_iter().map(|der| DerOut { raw_bytes: STANDARD.encode(der) }).collect())
}

/// Reads certificates in PEM, one after the other; none if there is anything else, or too many.
fn certificates(text: &str) -> Option<Vec<Vec<u8>>> {
    let blocks: Vec<&str> = text
        .trim_ascii()
        .split_inclusive("-----END CERTIFICATE-----")
        .take(MAX_CERTIFICATES.saturating_add(1))
        .collect();
    let der =
        |block: &&str| pem_block(block).filter(|(label, _)| *label == "CERTIFICATE").map(|(_, der)| der);
    (blocks.len() <= MAX_CERTIFICATES).then(|| blocks.iter().map(der).collect()).flatten()
}

/// Reads what Rekor promised when it took the entry in.
fn entry(annotation: &str) -> Result<EntryOut, CosignError> {
    let wrong = |problem| CosignError::Json { annotation: BUNDLE, problem };
    let Object(rekor): Object<RekorJson> = json::from_slice(annotation.as_bytes()).map_err(wrong)?;
    let Object(payload) = rekor.payload;
    let log_id = hex::decode(&payload.log_id).map_err(|_| CosignError::LogId)?;
    let Object(header): Object<EntryHeader> =
        json::from_slice(&payload.body.0).map_err(|problem| CosignError::Entry { problem })?;
    Ok(EntryOut {
        log_index: payload.log_index.to_string(),
        log_id: LogIdOut { key_id: STANDARD.encode(log_id) },
        kind_version: KindOut { kind: header.kind, version: header.api_version },
        integrated_time: payload.integrated_time.to_string(),
        inclusion_promise: PromiseOut {
            signed_entry_timestamp: STANDARD.encode(rekor.signed_entry_timestamp.0),
        },
        canonicalized_body: STANDARD.encode(payload.body.0),
    })
}

fn timestamp(annotation: &str) -> Result<TimestampsOut, CosignError> {
    let wrong = |problem| CosignError::Json { annotation: TIMESTAMP, problem };
    let Object(found): Object<TimestampJson> = json::from_slice(annotation.as_bytes()).map_err(wrong)?;
    Ok(TimestampsOut { rfc3161: [TimestampOut { signed_timestamp: STANDARD.encode(found.signed.0) }] })
}
