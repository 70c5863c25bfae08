//! Who holds a private key, and signs with it.

use custody_evidence::dsse::{Envelope, EnvelopeError, IN_TOTO};
use custody_evidence::key::{KeyId, PublicKey, SigningKey};

use super::KeyStoreError;

/// A private key, wherever it is kept: in a file here, or in a store that signs what it is sent and never shows the key.
///
/// A store may be on another machine, so signing takes its time and can fail.
pub trait Signer: std::fmt::Debug + Send + Sync {
    /// Returns the public half.
    fn public(&self) -> &PublicKey;

    /// Signs exactly these bytes, with the algorithm of the public half.
    ///
    /// # Errors
    ///
    /// When the store does not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError>;

    /// Returns the id of the public half.
    fn id(&self) -> KeyId {
        self.public().id()
    }
}

/// Why a statement was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The store does not sign.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// The store signed with another key than it says, or something else: nobody would believe it.
    #[error("what the store of key:{key} gave is no signature by that key")]
    NotItsSignature {
        /// The key that it says.
        key: KeyId,
    },
    /// What was signed does not make an envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

impl Signer for SigningKey {
    fn public(&self) -> &PublicKey {
        self.public()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        Ok(self.sign(message))
    }
}

/// Signs an in-toto statement.
pub fn sign_statement(statement: &[u8], signer: &dyn Signer) -> Result<Envelope, SignError> {
    let signature = signature(&Envelope::to_be_signed(IN_TOTO, statement), signer)?;
    Ok(Envelope::from_parts(IN_TOTO, statement, &[(signer.id().to_string(), signature)])?)
}

/// Adds a signature to an envelope; the payload stays as it is.
pub fn add_signature(envelope: &Envelope, signer: &dyn Signer) -> Result<Envelope, SignError> {
    let signature = signature(envelope.pae(), signer)?;
    Ok(envelope.with_signature(signer.id().to_string(), signature)?)
}

fn signature(message: &[u8], signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    let signature = signer.sign(message)?;
    match signer.public().verify(message, &signature) {
        Ok(()) => Ok(signature),
        Err(_) => Err(SignError::NotItsSignature { key: signer.id() }),
    }
}
