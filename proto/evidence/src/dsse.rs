//! DSSE envelopes (secure-systems-lab/dsse, protocol and envelope 1.0.2): parsed once, verified, then used.
//!
//! What is signed is the pre-authentication encoding, never the JSON:
//!
//! ```text
//! PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body      LEN: bytes, in ASCII decimal
//! ```
//!
//! The payload is decoded straight into a buffer that holds its PAE, and [`Envelope::payload`] is a view of
//! the end of it: the bytes that are verified are the bytes that are read, and no second copy of them exists.
//!
//! So the largest envelope takes 64 MiB as received and 48 MiB as signed. While it is parsed it may take 64 MiB more: base64
//! that is written with JSON escapes is unescaped first.

mod attempt;
mod certificate;
mod kind;
mod pae;
mod parse;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::OnceLock;

use custody_log::{ContentDigest, EnvelopeDigest};

use crate::json::JsonError;
use crate::key::{KeyId, SigningKey};
pub use certificate::SignatureCertificate;
pub use kind::OtherKind;
use pae::Pae;
pub(crate) use parse::decode as decode_base64;
pub use verify::{Failure, NotChecked, SignatureVerdict, ThresholdError, Verified, verify_signatures};

/// The largest envelope: 64 MiB as received, so a payload of at most 48 MiB less what surrounds it.
pub const MAX_ENVELOPE: usize = 64 * 1024 * 1024;

/// The most signatures an envelope may carry. With [`MAX_KEYS_TRIED`] it bounds the work to 1,024 checks, and with
/// [`HASHED_MAX`] what they cost.
pub const MAX_SIGNATURES: usize = 16;

/// The most keys that are tried for one signature.
pub const MAX_KEYS_TRIED: usize = 64;

/// The most bytes that are hashed to check the signatures of one envelope: 512 MiB, one or two seconds.
///
/// A message of up to 512 KiB never reaches it: 16 signatures x 64 keys x 512 KiB = 512 MiB. Of the largest, 48 MiB, ten
/// pairs of signature and key are checked, first those that a `keyid` names; the others are
/// [`NotChecked::TooMuchToHash`]. P-256 and RSA do not count: the SHA-256 that they sign is made once.
pub const HASHED_MAX: usize = 512 * 1024 * 1024;

/// The longest `keyid` that is kept; it is a hint, so longer ones are refused rather than cut.
pub const MAX_KEYID: usize = 1024;

/// The longest payload type. A media type has at most 255 characters (RFC 6838 section 4.2) and may have parameters.
pub const MAX_PAYLOAD_TYPE: usize = 1024;

/// The media type of DSSE envelopes in JSON (DSSE envelope, "Standard JSON envelope").
pub const MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";

/// The payload type of in-toto statements (in-toto attestation, spec/v1/envelope.md).
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Why bytes are not a DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than [`MAX_ENVELOPE`].
    #[error("an envelope is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_ENVELOPE`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not the JSON of an envelope.
    #[error("not a DSSE envelope: {0}")]
    Json(#[from] JsonError),
    /// Something else that is known.
    #[error("this is {kind}, and not a DSSE envelope")]
    OtherKind {
        /// What it is.
        kind: OtherKind,
    },
    /// The payload is not base64, standard or URL-safe, with padding.
    #[error("the payload is not base64 (standard or URL-safe, with padding): {problem}")]
    Payload {
        /// What is wrong with it.
        problem: Base64Error,
    },
    /// A payload type longer than [`MAX_PAYLOAD_TYPE`].
    #[error("the payload type is {found} bytes long, at most {max} are allowed")]
    PayloadTypeTooLong {
        /// [`MAX_PAYLOAD_TYPE`].
        max: usize,
        /// The length in bytes.
        found: usize,
    },
    /// More than [`MAX_SIGNATURES`] signatures.
    #[error("an envelope carries at most {max} signatures, found {found}")]
    TooManySignatures {
        /// [`MAX_SIGNATURES`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// No signature at all.
    #[error("the envelope carries no signature")]
    NoSignature,
    /// A `keyid` longer than [`MAX_KEYID`].
    #[error("keyid of signature {index} is {found} bytes long, at most {max} are allowed")]
    KeyIdTooLong {
        /// Position of the signature, 0-based.
        index: usize,
        /// [`MAX_KEYID`].
        max: usize,
        /// The length in bytes.
        found: usize,
    },
}

/// What is wrong with base64 text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base64Error {
    /// A character of neither alphabet, or characters of both.
    #[error("character {at} is in neither alphabet of base64, or not in the one of the characters before it")]
    Character {
        /// Position, 1-based.
        at: usize,
    },
    /// Not padded to a multiple of four characters, or padded wrongly.
    #[error("it has {length} characters, expected a multiple of four, padded with =")]
    Padding {
        /// Length of the text.
        length: usize,
    },
    /// The last character carries bits that are not zero: two texts would stand for the same bytes.
    #[error("its last character stands for no whole byte: bits that must be zero are not")]
    LastCharacter,
}

/// A signature as the envelope carries it: not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    keyid: String,
    bytes: Result<Vec<u8>, Base64Error>,
    certificate: Option<Box<SignatureCertificate>>,
}

/// An envelope whose shape was checked, and nothing else: see [`Envelope::require`] for its signatures.
///
/// The members `payload`, `payloadType` and `signatures[].sig` must be there; unknown members are ignored.
#[derive(Clone)]
pub struct Envelope {
    bytes: Vec<u8>,
    digest: OnceLock<EnvelopeDigest>,
    payload_type: String,
    pae: Pae,
    signatures: Vec<Signature>,
}

impl Signature {
    /// Returns what the envelope calls the key; empty if it says nothing. Nobody signed this: it is a hint by
    /// which keys are tried first.
    #[must_use]
    pub fn keyid(&self) -> &str {
        &self.keyid
    }

    /// Returns the signature's bytes, or why its base64 could not be read.
    pub fn bytes(&self) -> Result<&[u8], Base64Error> {
        self.bytes.as_deref().map_err(|problem| *problem)
    }

    /// Whether the hint is this key's id as we write it, bare or as an identity.
    pub(crate) fn hints_at(&self, key: KeyId) -> bool {
        self.keyid.strip_prefix("key:").unwrap_or(&self.keyid).parse() == Ok(key)
    }

    /// Returns the X.509 certificates that the envelope carries for it, in members that DSSE does not know.
    #[must_use]
    pub fn certificate(&self) -> Option<&SignatureCertificate> {
        self.certificate.as_deref()
    }
}

impl Envelope {
    /// Parses an envelope and keeps its exact bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Self::from_vec(bytes.to_vec())
    }

    /// Parses an envelope; the bytes are kept without a copy.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        Self::try_from_vec(bytes).map_err(|(error, _)| error)
    }

    /// Parses an envelope, or gives the bytes back with the reason why they are none.
    pub(crate) fn try_from_vec(bytes: Vec<u8>) -> Result<Self, (EnvelopeError, Vec<u8>)> {
        parse::envelope(bytes)
    }

    /// Parses an envelope that stands in a bundle. Its bytes are not kept a second time: [`Envelope::bytes`] are none.
    pub(crate) fn inner(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        parse::inner(bytes)
    }

    /// Signs a payload with each key, and writes the envelope: members in the order `payload`, `payloadType`,
    /// `signatures`, no white space, `keyid` the [`KeyId`] in hex.
    pub fn sign(payload_type: &str, payload: &[u8], keys: &[&SigningKey]) -> Result<Self, EnvelopeError> {
        let pae = Pae::of(payload_type, payload);
        let made: Vec<_> = keys.iter().map(|key| (key.id().to_string(), key.sign(pae.bytes()))).collect();
        Self::from_parts(payload_type, payload, &made)
    }

    /// Returns what a key signs of a payload, for keys that are elsewhere: its PAE.
    #[must_use]
    pub fn to_be_signed(payload_type: &str, payload: &[u8]) -> Vec<u8> {
        Pae::of(payload_type, payload).bytes().to_vec()
    }

    /// Writes the envelope of a payload and signatures (`keyid`, bytes) made elsewhere.
    pub fn from_parts(
        payload_type: &str,
        payload: &[u8],
        signatures: &[(String, Vec<u8>)],
    ) -> Result<Self, EnvelopeError> {
        Self::from_vec(parse::write(payload_type, payload, signatures))
    }

    /// Adds a signature by one more key; the payload stays as it is. Signatures that cannot be read are left out.
    pub fn add_signature(&self, key: &SigningKey) -> Result<Self, EnvelopeError> {
        self.with_signature(key.id().to_string(), key.sign(self.pae()))
    }

    /// The same with a signature (`keyid`, bytes) that was made elsewhere, over [`Envelope::pae`].
    pub fn with_signature(&self, keyid: String, bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let readable =
            |signature: &Signature| Some((signature.keyid.clone(), signature.bytes().ok()?.to_vec()));
        let mut signatures: Vec<_> = self.signatures.iter().filter_map(readable).collect();
        signatures.push((keyid, bytes));
        Self::from_parts(&self.payload_type, self.payload(), &signatures)
    }

    /// Returns the envelope with one of its signatures. Its bytes are none, and what was signed is copied.
    pub(crate) fn with_signature_only(&self, signature: usize) -> Option<Self> {
        let signatures = vec![self.signatures.get(signature)?.clone()];
        let (payload_type, pae) = (self.payload_type.clone(), self.pae.clone());
        Some(Self { bytes: Vec::new(), digest: OnceLock::new(), payload_type, pae, signatures })
    }

    /// Returns the exact bytes that were parsed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Gives the exact bytes that were parsed back, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the payload type, which is signed.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// Returns the payload: the end of [`Envelope::pae`].
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.pae.payload()
    }

    /// Returns the bytes that signatures are made over.
    #[must_use]
    pub fn pae(&self) -> &[u8] {
        self.pae.bytes()
    }

    /// Returns the digest of what was signed: SHA-256 of the PAE. It is made once.
    #[must_use]
    pub fn content(&self) -> ContentDigest {
        self.pae.digest()
    }

    /// Returns the digest of the exact bytes. It is made once.
    #[must_use]
    pub fn digest(&self) -> EnvelopeDigest {
        *self.digest.get_or_init(|| EnvelopeDigest::of(&self.bytes))
    }

    /// Takes the digest of the exact bytes from who made it.
    pub(crate) fn has_digest(&self, digest: EnvelopeDigest) {
        // It may be there already, and is the same then.
        let _ = self.digest.set(digest);
    }

    /// Returns the signatures in the envelope's order, none of them verified. At least one.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

/// Shows sizes only: payloads are long and may be hostile.
impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("bytes", &self.bytes.len())
            .field("payload_type", &self.payload_type)
            .field("payload", &self.payload().len())
            .field("signatures", &self.signatures)
            .finish_non_exhaustive()
    }
}
