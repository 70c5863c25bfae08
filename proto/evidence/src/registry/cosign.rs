//! The layers that cosign writes into a registry (sigstore/cosign, `specs/SIGNATURE_SPEC.md`): an envelope, and beside it, in
//! the annotations of the layer, the certificate and what a log and a time stamp authority said about it.
//!
//! Such a layer is a Sigstore bundle of version 0.1 in other words. It is written as one, always in the same bytes, so the same
//! layer with the same annotations is the same envelope (`docs/format.md`, "Bundles made of cosign's layers").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{self, JsonError};
use crate::key::pem_block;
use crate::object::Object;
use crate::sigstore::{BundleVersion, Bytes, MAX_CERTIFICATES};

/// What cosign notes beside a layer. Nobody signed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CosignAnnotations {
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
    dsse_envelope: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MaterialOut {
    x509_certificate_chain: ChainOut,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tlog_entries: Vec<EntryOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_verification_data: Option<TimestampsOut>,
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

/// Returns the bundle that a layer and its annotations are in other words; none if there is no certificate among the
/// annotations: then the layer is an envelope as it stands.
///
/// The envelope stands in the bundle as it stands in the layer. Nothing is verified, and what comes out is parsed like any
/// bundle: a layer of two signatures is refused there.
pub fn cosign_bundle(layer: &[u8], annotations: &CosignAnnotations) -> Result<Option<Vec<u8>>, CosignError> {
    let Some(certificate) = filled(annotations.certificate.as_ref()) else { return Ok(None) };
    // One JSON value, and nothing after it that could add to the bundle.
    let dsse_envelope: &RawValue =
        json::from_unsigned_slice(layer).map_err(|problem| CosignError::Layer { problem })?;
    let material = MaterialOut {
        x509_certificate_chain: ChainOut { certificates: chain(certificate, annotations)? },
        tlog_entries: filled(annotations.bundle.as_ref()).map(entry).transpose()?.into_iter().collect(),
        timestamp_verification_data: filled(annotations.timestamp.as_ref()).map(timestamp).transpose()?,
    };
    let media_type = BundleVersion::V0_1.media_type();
    Ok(Some(written(&BundleOut { media_type, verification_material: material, dsse_envelope })))
}

fn written(bundle: &BundleOut<'_>) -> Vec<u8> {
    serde_json::to_vec(bundle).expect("strings are always JSON")
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
