//! What cosign signs of an image: a "simple signing" text (containers/image, `docs/containers-signature.5.md`;
//! sigstore/cosign, `specs/SIGNATURE_SPEC.md`) that names the image by its digest.
//!
//! The text is signed, so it is read strictly: what a reader passes over could be what the signer meant.

use custody_log::ContentDigest;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::digest_set::Digest;
use crate::json::{self, JsonError};
use crate::object::Object;

/// The longest text that cosign signs of an image: 64 KiB. It has 250 bytes and what the signer adds.
pub const MAX_SIMPLE_SIGNING: usize = 64 * 1024;

/// The value of `critical.type`.
const TYPE: &str = "cosign container image signature";

/// A signature of an image, with exactly the text that was signed.
#[derive(Debug, Clone)]
pub struct ImageSignature {
    payload: Vec<u8>,
    content: ContentDigest,
    image: SignedImage,
    signature: Vec<u8>,
}

/// The image that a signature names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedImage {
    digest: Digest,
    reference: String,
    text: Digest,
}

/// Why a text is not what cosign signs of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimpleSigningError {
    /// Longer than [`MAX_SIMPLE_SIGNING`].
    #[error("what cosign signs of an image is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_SIMPLE_SIGNING`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not strict JSON with exactly the members of the form.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Signed for another use.
    #[error("critical.type: expected {TYPE:?}, found {found:?}")]
    Type {
        /// The type, cut to 200 characters.
        found: String,
    },
    /// An image that is not named by a digest that evidence can rest on.
    #[error(
        "critical.image.docker-manifest-digest: expected sha256, sha384 or sha512 in lower-case hexadecimal digits, found {found:?}"
    )]
    Digest {
        /// The digest, cut to 200 characters.
        found: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SimpleSigningJson {
    critical: Object<CriticalJson>,
    /// Anything that the signer adds, read by nobody.
    #[serde(default, rename = "optional")]
    _optional: Option<Object<IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CriticalJson {
    identity: Object<IdentityJson>,
    image: Object<ImageJson>,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityJson {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageJson {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

impl ImageSignature {
    /// Takes the text and a signature that is said to be over it.
    pub(super) fn new(payload: Vec<u8>, signature: Vec<u8>) -> Result<Self, SimpleSigningError> {
        let image = SignedImage::read(&payload)?;
        Ok(Self { content: ContentDigest::of(&payload), payload, image, signature })
    }

    /// Returns exactly what was signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Returns the SHA-256 of what was signed.
    #[must_use]
    pub const fn content(&self) -> ContentDigest {
        self.content
    }

    /// Returns the image that it names.
    #[must_use]
    pub const fn image(&self) -> &SignedImage {
        &self.image
    }

    /// Returns the signature's bytes.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl SignedImage {
    /// Reads what cosign signs.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, SimpleSigningError> {
        let (max, found) = (MAX_SIMPLE_SIGNING, payload.len());
        if found > max {
            return Err(SimpleSigningError::TooLong { max, found });
        }
        let Object(SimpleSigningJson { critical: Object(critical), .. }) = json::from_slice(payload)?;
        let cut = |text: &str| text.chars().take(200).collect();
        if critical.kind != TYPE {
            return Err(SimpleSigningError::Type { found: cut(&critical.kind) });
        }
        let Object(ImageJson { digest: text }) = critical.image;
        let digest = image_digest(&text).ok_or_else(|| SimpleSigningError::Digest { found: cut(&text) })?;
        let Object(IdentityJson { reference }) = critical.identity;
        Ok(Self { digest, reference, text: Digest::sha256_of(payload) })
    }

    /// Returns the digest of its manifest.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns what the signer calls it (`critical.identity.docker-reference`): a claim; may be empty.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Returns the SHA-256 of the text that was signed.
    #[must_use]
    pub const fn text(&self) -> &Digest {
        &self.text
    }
}

/// Reads a digest as registries write it (opencontainers/image-spec, `descriptor.md`).
fn image_digest(text: &str) -> Option<Digest> {
    let (algorithm, hex) = text.split_once(':')?;
    let known = ["sha256", "sha384", "sha512"].contains(&algorithm);
    let lower = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (known && lower).then(|| Digest::read(algorithm, hex).ok())?.filter(Digest::usable)
}
