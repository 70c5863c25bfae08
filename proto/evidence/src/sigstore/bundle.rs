//! Sigstore bundles, read and not believed (sigstore/protobuf-specs, `sigstore_bundle.proto`).

mod named;
mod parse;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use custody_log::{ContentDigest, EnvelopeDigest};

use super::image::{ImageSignature, SimpleSigningError};
use crate::digest_set::Digest;
use crate::dsse::{Envelope, EnvelopeError, MAX_ENVELOPE};
use crate::json::JsonError;
use crate::key::HashAlgorithm;

pub(super) use parse::{LogEntry, LogProof};

/// The largest bundle: as large as the envelope in it may be.
pub const MAX_BUNDLE: usize = MAX_ENVELOPE;

/// The most RFC 3161 time stamps of a bundle, and the most log entries.
///
/// Each costs up to three signature checks and a path of certificates: 64 x 4 checks are some milliseconds.
pub const MAX_PROOFS: usize = 32;

/// The most certificates of a chain.
pub const MAX_CERTIFICATES: usize = 10;

/// The largest certificate or time stamp, in bytes. Those of Fulcio have 2 KB; a time stamp carries a chain.
pub const MAX_DER: usize = 64 * 1024;

/// The value of the member `format` of an image's signature.
pub const IMAGE_SIGNATURE_FORMAT: &str = "custody/image-signature/v1";

/// The longest hint at a key.
pub const MAX_HINT: usize = 1024;

/// Why bytes are not a bundle that can be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// Longer than [`MAX_BUNDLE`].
    #[error("a bundle is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_BUNDLE`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not the JSON of a bundle.
    #[error("not a Sigstore bundle: {0}")]
    Json(#[from] JsonError),
    /// Of a version that is not known here.
    #[error("mediaType: expected a Sigstore bundle of version 0.1, 0.2 or 0.3, found {found:?}")]
    MediaType {
        /// The media type, cut to 200 characters.
        found: String,
    },
    /// A PEP 740 attestation of another version than 1.
    #[error("version: expected a PEP 740 attestation of version 1, found {found}")]
    AttestationVersion {
        /// The version.
        found: u64,
    },
    /// A member that must be there is not.
    #[error("{place} is missing")]
    Missing {
        /// The path to the member.
        place: String,
    },
    /// Both members of a pair that exclude each other.
    #[error("{first} and {second} exclude each other, and both are there")]
    Both {
        /// One member.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A chain in a version that has a single certificate.
    #[error("a bundle of version 0.3 carries verificationMaterial.certificate, not x509CertificateChain")]
    ChainInV03,
    /// A list that is too long.
    #[error("{place} has {found} items, at most {max} are allowed")]
    TooMany {
        /// The path to the list.
        place: &'static str,
        /// The most that are allowed.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// Bytes that are too long.
    #[error("{place} has {found} bytes, at most {max} are allowed")]
    TooLarge {
        /// The path to them.
        place: String,
        /// The most that are allowed.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// The same item twice: it proves nothing that one does not.
    #[error("{place}[{index}] is there twice")]
    Duplicate {
        /// The path to the list.
        place: &'static str,
        /// The second of them, 0-based.
        index: usize,
    },
    /// A DSSE envelope in it that cannot be read.
    #[error("dsseEnvelope: {0}")]
    Envelope(#[from] EnvelopeError),
    /// Not exactly one signature.
    #[error("dsseEnvelope: a bundle holds exactly one signature, found {found}")]
    Signatures {
        /// How many there are.
        found: usize,
    },
    /// The two names of the key differ.
    #[error("verificationMaterial.publicKey.hint is {hint:?}, but the envelope's keyid is {keyid:?}")]
    KeyHint {
        /// The hint, cut to 200 characters.
        hint: String,
        /// The `keyid`, cut to 200 characters.
        keyid: String,
    },
    /// A hash that signatures are not made over here.
    #[error(
        "messageSignature.messageDigest.algorithm: expected SHA2_256, SHA2_384 or SHA2_512, found {found:?}"
    )]
    HashAlgorithm {
        /// Its name, cut to 80 characters.
        found: String,
    },
    /// A digest of another length than its algorithm has.
    #[error(
        "messageSignature.messageDigest.digest: {algorithm} digests have {expected} bytes, found {found}"
    )]
    DigestLength {
        /// The algorithm.
        algorithm: HashAlgorithm,
        /// Its length.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// A proof of another number of hashes than its position needs, or outside of its tree.
    #[error("verificationMaterial.tlogEntries[{index}].inclusionProof: {problem}")]
    Proof {
        /// The entry, 0-based.
        index: usize,
        /// What is wrong with it.
        problem: custody_log::ProofError,
    },
    /// A position that no log has.
    #[error("verificationMaterial.tlogEntries[{index}].inclusionProof: {problem}")]
    Position {
        /// The entry, 0-based.
        index: usize,
        /// What is wrong with it.
        problem: custody_log::PositionError,
    },
    /// A hash of a proof that has another length than SHA-256.
    #[error(
        "verificationMaterial.tlogEntries[{index}].inclusionProof: expected hashes of 32 bytes, found {found}"
    )]
    ProofHash {
        /// The entry, 0-based.
        index: usize,
        /// The length found.
        found: usize,
    },
    /// An image's signature in another format.
    #[error("format: expected {IMAGE_SIGNATURE_FORMAT:?}, found {found:?}")]
    ImageFormat {
        /// The format, cut to 80 characters.
        found: String,
    },
    /// A bundle beside an image's signed text that is of another version, or holds no signature over a text.
    #[error("bundle: expected a bundle of version 0.1 with a messageSignature, found {found}")]
    ImageBundle {
        /// What it is.
        found: &'static str,
    },
    /// The text that cosign signs of an image.
    #[error("simpleSigning: {0}")]
    SimpleSigning(#[from] SimpleSigningError),
    /// The bundle names another text than the one beside it.
    #[error("bundle.messageSignature.messageDigest is not the SHA2_256 digest of simpleSigning")]
    OtherText,
}

/// How a bundle is written, which decides what it must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleVersion {
    /// `application/vnd.dev.sigstore.bundle+json;version=0.1`: a promise of the log is enough.
    V0_1,
    /// Version 0.2: a proof of inclusion with its checkpoint is needed.
    V0_2,
    /// Version 0.3, in either spelling: as 0.2, with a single certificate.
    V0_3,
    /// A PEP 740 attestation of version 1, which is a bundle of version 0.3 in other words.
    Pep740,
    /// cosign's signature of an image: a bundle of version 0.1 beside the text that it signs.
    ImageSignature,
}

/// What the signer is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    /// Certificates in DER: the signer's first, then what may lead to a root.
    Certificates(Vec<Vec<u8>>),
    /// A key that the verifier must know; the hint names it, and nobody signed the hint.
    PublicKey {
        /// Empty if the bundle says nothing.
        hint: String,
    },
}

/// What was signed.
#[derive(Debug, Clone)]
pub enum Content {
    /// An envelope with exactly one signature. It has no bytes of its own: they stand in the bundle's.
    Dsse(Envelope),
    /// A signature over a file.
    Message(MessageSignature),
    /// A signature of an image, with the text that it is over.
    Image(Box<ImageSignature>),
}

/// A signature over the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSignature {
    pub(super) digest: Option<MessageDigest>,
    pub(super) signature: Vec<u8>,
}

/// The digest of a signed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageDigest {
    pub(super) algorithm: HashAlgorithm,
    pub(super) bytes: Vec<u8>,
}

/// A bundle whose shape was checked, and nothing else: see [`super::verify`].
#[derive(Clone)]
pub struct Bundle {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: OnceLock<EnvelopeDigest>,
    pub(super) version: BundleVersion,
    pub(super) material: Material,
    pub(super) content: Content,
    pub(super) entries: Vec<LogEntry>,
    pub(super) timestamps: Vec<Vec<u8>>,
}

impl BundleVersion {
    /// Returns the version as people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0_1 => "0.1",
            Self::V0_2 => "0.2",
            Self::V0_3 => "0.3",
            Self::Pep740 => "PEP 740",
            Self::ImageSignature => "0.1, of an image",
        }
    }

    /// Whether the log's promise is enough.
    #[must_use]
    pub(super) const fn is_promised(self) -> bool {
        matches!(self, Self::V0_1 | Self::ImageSignature)
    }

    /// Returns the media type: that of sigstore/protobuf-specs; for a PEP 740 attestation, which has none of its own,
    /// one that is made like that of `PyPI`'s document; for an image's signature, whose form is ours, one of ours.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::V0_1 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V0_2 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V0_3 => "application/vnd.dev.sigstore.bundle.v0.3+json",
            Self::Pep740 => "application/vnd.pypi.attestation.v1+json",
            Self::ImageSignature => "application/vnd.custody.image-signature.v1+json",
        }
    }

    /// Returns the version of a media type; none if it is no bundle of a known version.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.dev.sigstore.bundle+json;version=0.1" => Some(Self::V0_1),
            "application/vnd.dev.sigstore.bundle+json;version=0.2" => Some(Self::V0_2),
            "application/vnd.dev.sigstore.bundle+json;version=0.3"
            | "application/vnd.dev.sigstore.bundle.v0.3+json" => Some(Self::V0_3),
            _ => None,
        }
    }
}

impl MessageSignature {
    /// Returns the digest that the bundle gives; none if it gives none. Nobody signed this member.
    #[must_use]
    pub const fn digest(&self) -> Option<&MessageDigest> {
        self.digest.as_ref()
    }

    /// Returns the signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl MessageDigest {
    /// Takes the digest of an artifact; none if signatures are not made over such a digest.
    #[must_use]
    pub fn of_artifact(digest: &Digest) -> Option<Self> {
        let hashes = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];
        let algorithm = hashes.into_iter().find(|hash| hash.as_str() == digest.algorithm())?;
        let bytes = hex::decode(digest.value()).ok()?;
        (bytes.len() == algorithm.digest_len()).then_some(Self { algorithm, bytes })
    }

    /// Returns the digest of these bytes.
    #[must_use]
    pub fn of(algorithm: HashAlgorithm, message: &[u8]) -> Self {
        Self { algorithm, bytes: algorithm.digest(message) }
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Returns the digest: as many bytes as the algorithm has.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns it as the digest of an artifact.
    #[must_use]
    pub fn artifact(&self) -> Option<Digest> {
        Digest::read(self.algorithm.as_str(), &hex::encode(&self.bytes)).ok()
    }

    /// Returns the digest of what was said: SHA-256 of `custody/message/v1\n<algorithm>:<hex>\n`.
    #[must_use]
    pub fn content(&self) -> ContentDigest {
        ContentDigest::of(format!("custody/message/v1\n{self}\n").as_bytes())
    }
}

/// Writes `<algorithm>:<hex>`.
impl std::fmt::Display for MessageDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.algorithm, hex::encode(&self.bytes))
    }
}

impl Bundle {
    /// Parses a bundle and keeps its exact bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        parse::bundle(bytes.to_vec())
    }

    /// Parses a bundle; the bytes are kept without a copy.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, BundleError> {
        parse::bundle(bytes)
    }

    /// Parses a PEP 740 attestation (peps.python.org/pep-0740) and keeps its exact bytes.
    pub fn parse_pep740(bytes: &[u8]) -> Result<Self, BundleError> {
        parse::pep740(bytes.to_vec())
    }

    /// Parses a PEP 740 attestation; the bytes are kept without a copy.
    pub fn pep740_from_vec(bytes: Vec<u8>) -> Result<Self, BundleError> {
        parse::pep740(bytes)
    }

    /// Parses cosign's signature of an image (`docs/format.md`, "Signatures of images"); the bytes are kept without a copy.
    pub fn image_signature_from_vec(bytes: Vec<u8>) -> Result<Self, BundleError> {
        parse::image_signature(bytes)
    }

    /// Gives the exact bytes that were parsed back, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Returns the exact bytes that were parsed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
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

    /// Returns the media type of what is written like this: of a bundle the name that its version is known by today.
    #[must_use]
    pub const fn media_type(&self) -> &'static str {
        self.version.media_type()
    }

    /// Returns how it is written.
    #[must_use]
    pub const fn version(&self) -> BundleVersion {
        self.version
    }

    /// Returns what the signer is known by.
    #[must_use]
    pub const fn material(&self) -> &Material {
        &self.material
    }

    /// Returns what was signed, by nobody knows whom.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// Returns how many log entries it carries.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// Returns how many RFC 3161 time stamps it carries.
    #[must_use]
    pub fn timestamp_count(&self) -> usize {
        self.timestamps.len()
    }
}

/// Shows sizes only: what is inside may be long and hostile.
impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle")
            .field("bytes", &self.bytes.len())
            .field("version", &self.version)
            .field("entries", &self.entries.len())
            .field("timestamps", &self.timestamps.len())
            .finish_non_exhaustive()
    }
}
