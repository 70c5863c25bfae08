//! What a bundle signs: an envelope, a file or an image, its digests, and the artifact that it should be about.

use custody_log::ContentDigest;

use super::bundle::{Content, MessageDigest};
use super::check::{Failure, NotChecked, Status};
use crate::digest_set::Digest;
use crate::key::{HashAlgorithm, PrehashedError, PublicKey, SignatureError};
use crate::statement::Statement;

/// The artifact that a verifier has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifact<'a> {
    /// None: it is not checked that the bundle is about it.
    Unknown,
    /// All of its bytes.
    Bytes(&'a [u8]),
    /// Its digests.
    Digests(&'a [Digest]),
}

/// The hashes of which an artifact's digests are compared.
const HASHES: [HashAlgorithm; 3] = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

impl Artifact<'_> {
    /// Returns its digest by this algorithm; none if it is not known.
    pub(super) fn digest(&self, algorithm: HashAlgorithm) -> Option<Vec<u8>> {
        match self {
            Artifact::Unknown => None,
            Artifact::Bytes(bytes) => Some(algorithm.digest(bytes)),
            Artifact::Digests(digests) => {
                let named = digests.iter().find(|digest| digest.algorithm() == algorithm.as_str())?;
                let bytes = hex::decode(named.value()).ok()?;
                (bytes.len() == algorithm.digest_len()).then_some(bytes)
            }
        }
    }

    const fn is_unknown(&self) -> bool {
        matches!(self, Artifact::Unknown)
    }
}

/// Returns the signature's bytes.
pub(super) fn signature(content: &Content) -> Result<&[u8], Failure> {
    match content {
        Content::Message(message) => Ok(message.signature()),
        Content::Image(image) => Ok(image.signature()),
        Content::Dsse(envelope) => {
            let signature = envelope.signatures().first().map(|signature| signature.bytes());
            signature.unwrap_or(Ok(&[])).map_err(Failure::Base64)
        }
    }
}

/// Returns the digest of what was signed: of the PAE, of the text about an image, or of the file. What the bundle says of the file counts: the signature
/// is checked over it. What it does not say comes from the artifact.
pub(super) fn digest(content: &Content, artifact: Artifact<'_>, algorithm: HashAlgorithm) -> Option<Vec<u8>> {
    match content {
        Content::Dsse(envelope) if algorithm == HashAlgorithm::Sha256 => {
            Some(envelope.content().as_bytes().to_vec())
        }
        Content::Dsse(envelope) => Some(algorithm.digest(envelope.pae())),
        Content::Image(image) => Some(algorithm.digest(image.payload())),
        Content::Message(message) => match message.digest() {
            Some(digest) if digest.algorithm() == algorithm => Some(digest.bytes().to_vec()),
            Some(_) | None => artifact.digest(algorithm),
        },
    }
}

/// Checks that the key made the signature.
pub(super) fn check_signature(
    content: &Content,
    artifact: Artifact<'_>,
    key: &PublicKey,
    signature: &[u8],
) -> Status {
    // The SHA-256 of what was signed is made once, whoever asks.
    let over = |signed: &[u8], content: &dyn Fn() -> ContentDigest| {
        let made = key.made_over(signed, || *content().as_bytes(), signature);
        let failed = || SignatureError { algorithm: key.algorithm(), key: key.id() };
        Status::of(made.then_some(()).ok_or_else(failed))
    };
    let hash = match (content, artifact, key.hash()) {
        (Content::Dsse(envelope), ..) => return over(envelope.pae(), &|| envelope.content()),
        (Content::Image(image), ..) => return over(image.payload(), &|| image.content()),
        (Content::Message(_), Artifact::Bytes(bytes), None) => {
            return Status::of(key.verify(bytes, signature));
        }
        (Content::Message(_), _, None) => return Status::NotChecked(NotChecked::NeedsArtifact),
        // The bundle says of what hash the signature is, if the key goes with several.
        (Content::Message(message), _, Some(hash)) => match message.digest() {
            Some(digest) if key.goes_with(digest.algorithm()) => digest.algorithm(),
            // A digest that the signature is not over is compared with that of the artifact; where nobody can, nothing says that it is
            // the signed file's.
            Some(stated) if artifact.digest(stated.algorithm()).is_none() => {
                return Status::NotChecked(NotChecked::OtherDigest {
                    algorithm: stated.algorithm().as_str(),
                });
            }
            Some(_) | None => hash,
        },
    };
    let Some(digest) = digest(content, artifact, hash) else {
        return Status::NotChecked(NotChecked::OtherDigest { algorithm: hash.as_str() });
    };
    match key.verify_prehashed(hash, &digest, signature) {
        Ok(()) => Status::Verified,
        Err(PrehashedError::Signature(why)) => Status::Failed(why.into()),
        Err(why @ (PrehashedError::NeedsMessage | PrehashedError::Hash { .. })) => {
            Status::Unsupported { what: why.to_string() }
        }
    }
}

/// Checks that what was signed is the artifact, or a statement about it.
pub(super) fn check_artifact(content: &Content, artifact: Artifact<'_>) -> Status {
    if artifact.is_unknown() {
        return Status::NotChecked(NotChecked::NoArtifact);
    }
    match content {
        Content::Message(message) => match message.digest() {
            // The signature itself is checked over the artifact then.
            None => Status::Verified,
            Some(digest) => match artifact.digest(digest.algorithm()) {
                Some(found) if found == digest.bytes() => Status::Verified,
                Some(_) => Status::Failed(Failure::OtherArtifact),
                None => {
                    Status::NotChecked(NotChecked::OtherDigest { algorithm: digest.algorithm().as_str() })
                }
            },
        },
        Content::Image(image) => {
            let digest = image.image().digest();
            let hash = HASHES.into_iter().find(|hash| hash.as_str() == digest.algorithm());
            match hash.and_then(|hash| artifact.digest(hash)) {
                Some(found) if hex::encode(&found) == digest.value() => Status::Verified,
                Some(_) => Status::Failed(Failure::OtherArtifact),
                None => {
                    let algorithm = hash.map_or("sha256", HashAlgorithm::as_str);
                    Status::NotChecked(NotChecked::OtherDigest { algorithm })
                }
            }
        }
        Content::Dsse(envelope) => match Statement::parse(envelope.payload()) {
            Ok(statement) if is_about(&statement, artifact) => Status::Verified,
            Ok(_) => Status::Failed(Failure::OtherArtifact),
            Err(_) => Status::Failed(Failure::NoStatement),
        },
    }
}

fn is_about(statement: &Statement<'_>, artifact: Artifact<'_>) -> bool {
    let has = |digest: &Digest| {
        HASHES.into_iter().any(|hash| {
            digest.algorithm() == hash.as_str()
                && artifact.digest(hash).is_some_and(|found| hex::encode(found) == digest.value())
        })
    };
    statement.subjects().iter().any(|subject| subject.digests().iter().any(has))
}

/// Returns the digest of what was said: SHA-256 of the PAE or of the text about an image, or of a text that names the file's
/// digest.
pub(super) fn content_digest(
    content: &Content,
    artifact: Artifact<'_>,
    key: &PublicKey,
) -> Option<ContentDigest> {
    match content {
        Content::Dsse(envelope) => Some(envelope.content()),
        Content::Image(image) => Some(image.content()),
        Content::Message(message) => {
            if let Some(digest) = message.digest() {
                return Some(digest.content());
            }
            // Ed25519 signs the file itself; of its digests the one of the same strength names it.
            let algorithm = key.hash().unwrap_or(HashAlgorithm::Sha512);
            let bytes = artifact.digest(algorithm)?;
            Some(MessageDigest { algorithm, bytes }.content())
        }
    }
}
