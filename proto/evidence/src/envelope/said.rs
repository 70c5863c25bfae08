//! What an envelope says.

use crate::digest_set::Digest;
use crate::dsse::{Envelope, IN_TOTO};
use crate::fact::{self, Facts};
use crate::sigstore::{MessageDigest, SignedImage};
use crate::statement::{Statement, StatementError};

/// What a signature over a file is found by where statements have their predicate type. Nobody signed this text.
pub const MESSAGE_SIGNATURE: &str = "urn:custody:message:v1";

/// What cosign's signature of an image is found by where statements have their predicate type. Nobody signed this text.
pub const IMAGE_SIGNATURE: &str = "urn:custody:image-signature:v1";

/// What an envelope says: a statement, or only that a file or an image was signed.
#[derive(Debug, Clone)]
pub enum Said<'a> {
    /// A statement.
    Statement(Statement<'a>),
    /// That somebody signed the file with this digest.
    Signed(MessageDigest),
    /// That somebody signed this image.
    Image(SignedImage),
}

/// Why it is unknown what an envelope says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaidError {
    /// The payload is something else, by its type.
    #[error("the payload type is {payload_type:?}: only in-toto statements are recorded ({IN_TOTO:?})")]
    NotInToto {
        /// The type, cut to 200 characters.
        payload_type: String,
    },
    /// A bundle signs a file, and does not say which.
    #[error("the bundle signs a file and does not say which")]
    NoMessageDigest,
    /// A statement under the type of signatures over files, or of images.
    #[error(
        "the predicate types {MESSAGE_SIGNATURE:?} and {IMAGE_SIGNATURE:?} are for signatures without a statement"
    )]
    Reserved,
    /// The payload is not a statement within its limits.
    #[error(transparent)]
    Statement(#[from] StatementError),
}

impl<'a> Said<'a> {
    /// Returns the predicate type; of a signature over a file [`MESSAGE_SIGNATURE`], of an image [`IMAGE_SIGNATURE`].
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        match self {
            Self::Statement(statement) => statement.predicate_type(),
            Self::Signed(_) => MESSAGE_SIGNATURE,
            Self::Image(_) => IMAGE_SIGNATURE,
        }
    }

    /// Returns the statement; none if a file or an image was signed.
    #[must_use]
    pub const fn statement(&self) -> Option<&Statement<'a>> {
        match self {
            Self::Statement(statement) => Some(statement),
            Self::Signed(_) | Self::Image(_) => None,
        }
    }

    /// Returns what the signer calls a subject: its URI or else its name, or the reference of an image. None if it has none.
    #[must_use]
    pub fn subject_name(&self, subject: usize) -> Option<&str> {
        match self {
            Self::Statement(statement) => {
                statement.subjects().get(subject).and_then(|subject| subject.uri().or(subject.name()))
            }
            Self::Signed(_) => None,
            Self::Image(image) => Some(image.reference()),
        }
    }

    /// Returns every digest of every subject, those that a git URI adds included; may be there twice.
    #[must_use]
    pub fn digests(&self) -> Vec<Digest> {
        match self {
            Self::Statement(statement) => {
                let subjects = statement.subjects().iter();
                subjects
                    .flat_map(|subject| subject.digests().iter().chain(subject.usable()))
                    .cloned()
                    .collect()
            }
            Self::Signed(digest) => digest.artifact().into_iter().collect(),
            Self::Image(image) => vec![image.digest().clone()],
        }
    }

    /// Returns the digests that carry evidence, of each subject.
    #[must_use]
    pub fn usable(&self) -> Vec<Vec<Digest>> {
        match self {
            Self::Statement(statement) => {
                statement.subjects().iter().map(|subject| subject.usable().to_vec()).collect()
            }
            Self::Signed(digest) => vec![digest.artifact().into_iter().filter(Digest::usable).collect()],
            Self::Image(image) => vec![[image.digest().clone()].into_iter().filter(Digest::usable).collect()],
        }
    }

    /// Returns what it asserts.
    #[must_use]
    pub fn facts(&self) -> Facts {
        match self {
            Self::Statement(statement) => fact::read(statement),
            Self::Signed(digest) => fact::signed(digest.artifact().as_ref()),
            Self::Image(image) => fact::signed_image(image.digest(), image.text(), image.reference()),
        }
    }

    /// Copies what it borrows from the envelope.
    #[must_use]
    pub fn into_owned(self) -> Said<'static> {
        match self {
            Self::Statement(statement) => Said::Statement(statement.into_owned()),
            Self::Signed(digest) => Said::Signed(digest),
            Self::Image(image) => Said::Image(image),
        }
    }
}

pub(super) fn statement_in(envelope: &Envelope) -> Result<Said<'_>, SaidError> {
    let payload_type = envelope.payload_type();
    if !is_in_toto(payload_type) {
        return Err(SaidError::NotInToto { payload_type: payload_type.chars().take(200).collect() });
    }
    let statement = Statement::parse(envelope.payload())?;
    // It would pass for a signature over a file or of an image, which has no predicate to look at.
    if [MESSAGE_SIGNATURE, IMAGE_SIGNATURE].contains(&statement.predicate_type()) {
        return Err(SaidError::Reserved);
    }
    Ok(Said::Statement(statement))
}

/// The payload type of any in-toto statement (in-toto attestation, spec/v1/envelope.md). It says nothing that is
/// believed about the predicate.
fn is_in_toto(payload_type: &str) -> bool {
    payload_type == IN_TOTO
        || payload_type.starts_with("application/vnd.in-toto.") && payload_type.ends_with("+json")
}
