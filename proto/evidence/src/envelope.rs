//! Envelopes: signed bytes as received, of every kind that is recorded.
//!
//! | kind | told by | what was signed |
//! |---|---|---|
//! | DSSE envelope | `payload`, `payloadType`, `signatures` | the PAE of its payload |
//! | Sigstore bundle | `verificationMaterial`, `messageSignature` | the PAE of the envelope in it, or a file by its digest |
//! | PEP 740 attestation | `verification_material` | the PAE of its statement |
//! | signature of an image | `simpleSigning` | the text in it |
//!
//! The kind is told from the bytes alone. Bytes that are a DSSE envelope are one, whatever other members they have:
//! so every byte string is of one kind at most. Nothing is verified here: see [`crate::admission`].

mod said;
#[cfg(test)]
mod tests;

use custody_log::{ContentDigest, EnvelopeDigest};

use crate::dsse::{self, OtherKind};
use crate::sigstore::{Bundle, BundleError, BundleVersion, Content};

pub use said::{IMAGE_SIGNATURE, MESSAGE_SIGNATURE, Said, SaidError};

/// Signed bytes, of a kind whose shape was checked, and nothing else.
#[derive(Debug, Clone)]
pub struct Envelope(Form);

#[derive(Debug, Clone)]
enum Form {
    Dsse(dsse::Envelope),
    /// With the digest of what was signed.
    Bundle(Box<Bundle>, ContentDigest),
}

/// Bytes as received, with the digest by which they are looked for before they are parsed: the parsed envelope need not make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    bytes: Vec<u8>,
    digest: EnvelopeDigest,
}

impl Received {
    /// Takes bytes, and makes their digest.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let digest = EnvelopeDigest::of(&bytes);
        Self { bytes, digest }
    }

    /// Returns the digest of the exact bytes.
    #[must_use]
    pub const fn digest(&self) -> EnvelopeDigest {
        self.digest
    }
}

/// Why bytes are no envelope of any kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Something that is known, and is no envelope.
    #[error("this is {kind}: expected a DSSE envelope, a Sigstore bundle or a PEP 740 attestation")]
    OtherKind {
        /// What it is.
        kind: OtherKind,
    },
    /// Not a DSSE envelope, and nothing else that is known.
    #[error(transparent)]
    Dsse(dsse::EnvelopeError),
    /// A bundle or attestation that cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A bundle that signs a file, and does not say which.
    #[error(
        "messageSignature.messageDigest is missing: the bundle signs a file and does not say which, so nobody could find \
         it again"
    )]
    NoMessageDigest,
}

impl Envelope {
    /// Parses an envelope and keeps its exact bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Self::from_vec(bytes.to_vec())
    }

    /// Parses an envelope; the bytes are kept without a copy.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, EnvelopeError> {
        let (error, bytes) = match dsse::Envelope::try_from_vec(bytes) {
            Ok(envelope) => return Ok(Self(Form::Dsse(envelope))),
            Err(no_dsse) => no_dsse,
        };
        match error {
            dsse::EnvelopeError::OtherKind { kind: OtherKind::Bundle } => {
                Self::of_bundle(Bundle::from_vec(bytes)?)
            }
            dsse::EnvelopeError::OtherKind { kind: OtherKind::Pep740 } => {
                Self::of_bundle(Bundle::pep740_from_vec(bytes)?)
            }
            dsse::EnvelopeError::OtherKind { kind: OtherKind::ImageSignature } => {
                Self::of_bundle(Bundle::image_signature_from_vec(bytes)?)
            }
            error => Err(error.into()),
        }
    }

    /// The same; the digest is not made again.
    pub fn from_received(received: Received) -> Result<Self, EnvelopeError> {
        let Received { bytes, digest } = received;
        let envelope = Self::from_vec(bytes)?;
        match &envelope.0 {
            Form::Dsse(dsse) => dsse.has_digest(digest),
            Form::Bundle(bundle, _) => bundle.has_digest(digest),
        }
        Ok(envelope)
    }

    /// Takes a bundle that was parsed already.
    pub fn of_bundle(bundle: Bundle) -> Result<Self, EnvelopeError> {
        let content = match bundle.content() {
            Content::Dsse(envelope) => envelope.content(),
            Content::Image(image) => image.content(),
            Content::Message(message) => message.digest().ok_or(EnvelopeError::NoMessageDigest)?.content(),
        };
        Ok(Self(Form::Bundle(Box::new(bundle), content)))
    }

    /// Returns the exact bytes that were parsed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Dsse(envelope) => envelope.bytes(),
            Form::Bundle(bundle, _) => bundle.bytes(),
        }
    }

    /// Gives the exact bytes that were parsed back, without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            Form::Dsse(envelope) => envelope.into_bytes(),
            Form::Bundle(bundle, _) => bundle.into_bytes(),
        }
    }

    /// Returns the digest of the exact bytes. It is made once.
    #[must_use]
    pub fn digest(&self) -> EnvelopeDigest {
        match &self.0 {
            Form::Dsse(envelope) => envelope.digest(),
            Form::Bundle(bundle, _) => bundle.digest(),
        }
    }

    /// Returns the digest of what was signed: SHA-256 of the PAE, of the text about an image, or of a text that names the
    /// file's digest ([`crate::sigstore::MessageDigest::content`]). The same statement has the same content in every kind of envelope.
    #[must_use]
    pub fn content(&self) -> ContentDigest {
        match &self.0 {
            Form::Dsse(envelope) => envelope.content(),
            Form::Bundle(_, content) => *content,
        }
    }

    /// Returns the media type of its kind.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        match &self.0 {
            Form::Dsse(_) => dsse::MEDIA_TYPE,
            Form::Bundle(bundle, _) => bundle.media_type(),
        }
    }

    /// Returns the DSSE envelope that it is; none if it is of another kind, even if it holds one.
    #[must_use]
    pub const fn dsse(&self) -> Option<&dsse::Envelope> {
        match &self.0 {
            Form::Dsse(envelope) => Some(envelope),
            Form::Bundle(..) => None,
        }
    }

    /// Returns the bundle that it is; none if it is a DSSE envelope.
    #[must_use]
    pub fn bundle(&self) -> Option<&Bundle> {
        match &self.0 {
            Form::Dsse(_) => None,
            Form::Bundle(bundle, _) => Some(bundle),
        }
    }

    /// Returns the DSSE envelope that it is or holds; none if it signs a file or an image.
    #[must_use]
    pub fn signed(&self) -> Option<&dsse::Envelope> {
        match &self.0 {
            Form::Dsse(envelope) => Some(envelope),
            Form::Bundle(bundle, _) => match bundle.content() {
                Content::Dsse(envelope) => Some(envelope),
                Content::Message(_) | Content::Image(_) => None,
            },
        }
    }

    /// Returns what it says as it was signed: the payload of an envelope, or the text about an image; none if it signs a file,
    /// which it does not hold.
    #[must_use]
    pub fn payload(&self) -> Option<&[u8]> {
        match self.bundle().map(Bundle::content) {
            Some(Content::Image(image)) => Some(image.payload()),
            _ => self.signed().map(dsse::Envelope::payload),
        }
    }

    /// Returns where [`Envelope::payload`] stands in the bytes: the names of the members on the way to it.
    pub(crate) fn payload_place(&self) -> Option<&'static [&'static str]> {
        self.payload()?;
        Some(match self.bundle().map(Bundle::version) {
            None => &["payload"],
            Some(BundleVersion::V0_1 | BundleVersion::V0_2 | BundleVersion::V0_3) => {
                &["dsseEnvelope", "payload"]
            }
            Some(BundleVersion::Pep740) => &["envelope", "statement"],
            Some(BundleVersion::ImageSignature) => &["simpleSigning"],
        })
    }

    /// Returns what it says. That it can be read does not mean that anybody may say it.
    pub fn said(&self) -> Result<Said<'_>, SaidError> {
        match &self.0 {
            Form::Dsse(envelope) => said::statement_in(envelope),
            Form::Bundle(bundle, _) => match bundle.content() {
                Content::Dsse(envelope) => said::statement_in(envelope),
                Content::Image(image) => Ok(Said::Image(image.image().clone())),
                Content::Message(message) => {
                    message.digest().cloned().map(Said::Signed).ok_or(SaidError::NoMessageDigest)
                }
            },
        }
    }
}

impl From<dsse::EnvelopeError> for EnvelopeError {
    fn from(error: dsse::EnvelopeError) -> Self {
        match error {
            dsse::EnvelopeError::OtherKind { kind } => Self::OtherKind { kind },
            error => Self::Dsse(error),
        }
    }
}

impl From<dsse::Envelope> for Envelope {
    fn from(envelope: dsse::Envelope) -> Self {
        Self(Form::Dsse(envelope))
    }
}
