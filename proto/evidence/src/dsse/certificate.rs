//! Certificates and time stamps that a signature carries: members that DSSE does not know, and producers add.
//!
//! - in-toto/witness: `certificate` and `intermediates`, each the base64 of a PEM text, and `timestamps`, each with `type`
//!   `tsp` and the base64 of an RFC 3161 token in `data`;
//! - slsa-framework/slsa-github-generator: `cert`, a PEM text.
//!
//! Nobody signed any of this. A member of another shape is passed over: it proves nothing.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::parse::decode;
use crate::capped::Capped;
use crate::sigstore::{MAX_CERTIFICATES, MAX_DER, MAX_PROOFS};

/// What a signature carries to say who made it, and when: not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureCertificate {
    chain: Vec<Vec<u8>>,
    timestamps: Vec<Vec<u8>>,
}

/// The members of a signature, as they stand.
pub(super) struct CarriedJson<'a> {
    pub(super) cert: Option<&'a RawValue>,
    pub(super) certificate: Option<&'a RawValue>,
    pub(super) intermediates: Option<&'a RawValue>,
    pub(super) timestamps: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct TimestampJson {
    #[serde(rename = "type")]
    kind: String,
    data: String,
}

impl SignatureCertificate {
    /// Returns the certificates in DER, the signer's first; at most [`MAX_CERTIFICATES`]. Empty if none can be read.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Returns the RFC 3161 time stamps in DER, at most [`MAX_PROOFS`].
    #[must_use]
    pub fn timestamps(&self) -> &[Vec<u8>] {
        &self.timestamps
    }
}

impl CarriedJson<'_> {
    /// Reads the members; none if the signature has no certificate.
    pub(super) fn read(&self) -> Option<SignatureCertificate> {
        let first = self.cert.or(self.certificate)?;
        let more: Capped<String, MAX_CERTIFICATES> = self.intermediates.and_then(shaped).unwrap_or_default();
        let texts = shaped::<String>(first).into_iter().chain(more.items);
        let chain = texts.flat_map(|text| certificates(&text)).take(MAX_CERTIFICATES).collect();
        let stamps: Capped<TimestampJson, MAX_PROOFS> = self.timestamps.and_then(shaped).unwrap_or_default();
        let stamps = stamps.items.into_iter().filter(|stamp| stamp.kind == "tsp");
        let timestamps = stamps.filter_map(|stamp| bounded(decode(stamp.data.as_bytes()).ok()?)).collect();
        Some(SignatureCertificate { chain, timestamps })
    }
}

fn shaped<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

/// Reads the certificates of a PEM text, or of the base64 of one.
fn certificates(text: &str) -> Vec<Vec<u8>> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let decoded = decode(text.trim().as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = decoded.as_deref().unwrap_or(text);
    let blocks = text.split(BEGIN).skip(1).filter_map(|rest| Some(rest.split_once(END)?.0));
    let der = |block: &str| {
        let base64: Vec<u8> = block.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        bounded(decode(&base64).ok()?)
    };
    blocks.take(MAX_CERTIFICATES).filter_map(der).collect()
}

fn bounded(der: Vec<u8>) -> Option<Vec<u8>> {
    (!der.is_empty() && der.len() <= MAX_DER).then_some(der)
}
