//! Signatures over data (openssh, `PROTOCOL.sshsig`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};

use super::key::{SshKey, SshKeyError};
use super::wire::{Cut, Reader, put_string};

/// The longest armour: 16 KiB. With an RSA key of 8,192 bits it has 3 KiB.
pub const ARMOUR_MAX: usize = 16 * 1024;

const MAGIC: &[u8] = b"SSHSIG";
const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";

/// A signature that was read, and not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature {
    key: SshKey,
    namespace: Vec<u8>,
    reserved: Vec<u8>,
    hash: Hash,
    value: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

/// Why a signature proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshSignatureError {
    /// Not the armour of an SSH signature.
    #[error("it is not an SSH signature in armour of at most {ARMOUR_MAX} bytes")]
    Armour,
    /// Not the bytes of one.
    #[error("it is not in the form of an SSH signature")]
    Form,
    /// Of another version than 1.
    #[error("expected an SSH signature of version 1, found {found}")]
    Version {
        /// The version.
        found: u32,
    },
    /// Over a digest by another hash.
    #[error("expected the hash sha256 or sha512, found {found:?}")]
    Hash {
        /// Its name, cut to 80 characters.
        found: String,
    },
    /// By a key that cannot be used.
    #[error(transparent)]
    Key(#[from] SshKeyError),
    /// Made for another use.
    #[error("it was made for {found:?}, expected {expected:?}")]
    Namespace {
        /// What it should be made for.
        expected: &'static str,
        /// What it was made for, cut to 80 characters.
        found: String,
    },
    /// Made in a way that the key does not sign, or that is not checked here.
    #[error("signatures of the kind {found:?} by this key are not supported")]
    Algorithm {
        /// Its name, cut to 80 characters.
        found: String,
    },
    /// The key did not make it over this.
    #[error("its key did not make it over these bytes")]
    NotMade,
}

impl From<Cut> for SshSignatureError {
    fn from(_: Cut) -> Self {
        Self::Form
    }
}

impl SshSignatureError {
    /// Whether it is made in a way that is not checked here, so that nobody knows whether it holds.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(
            self,
            Self::Version { .. }
                | Self::Hash { .. }
                | Self::Algorithm { .. }
                | Self::Key(SshKeyError::Unsupported { .. })
        )
    }
}

impl SshSignature {
    /// Reads a signature in armour. Nothing stands before or behind it but white space.
    pub fn parse(armour: &str) -> Result<Self, SshSignatureError> {
        let text = armour.trim();
        let lines = text.strip_prefix(BEGIN).and_then(|text| text.strip_suffix(END));
        let lines = lines.filter(|_| armour.len() <= ARMOUR_MAX).ok_or(SshSignatureError::Armour)?;
        let base64: String = lines.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(base64).map_err(|_| SshSignatureError::Armour)?;
        Self::from_bytes(&bytes)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, SshSignatureError> {
        let mut reader = Reader::new(bytes.strip_prefix(MAGIC).ok_or(SshSignatureError::Form)?);
        match reader.u32()? {
            1 => {}
            found => return Err(SshSignatureError::Version { found }),
        }
        let key = SshKey::from_blob(reader.string()?)?;
        let (namespace, reserved) = (reader.string()?.to_vec(), reader.string()?.to_vec());
        let hash = match reader.text()? {
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            other => return Err(SshSignatureError::Hash { found: other.chars().take(80).collect() }),
        };
        let value = reader.string()?.to_vec();
        reader.end()?;
        Ok(Self { key, namespace, reserved, hash, value })
    }

    /// Returns the key that it says made it.
    #[must_use]
    pub const fn key(&self) -> &SshKey {
        &self.key
    }

    /// Checks that the key made it over this message, for this use. That says nothing about whose key it is.
    pub fn verify(&self, namespace: &'static str, message: &[u8]) -> Result<(), SshSignatureError> {
        if self.namespace != namespace.as_bytes() {
            let found = String::from_utf8_lossy(&self.namespace).chars().take(80).collect();
            return Err(SshSignatureError::Namespace { expected: namespace, found });
        }
        let (name, digest) = match self.hash {
            Hash::Sha256 => ("sha256", Sha256::digest(message).to_vec()),
            Hash::Sha512 => ("sha512", Sha512::digest(message).to_vec()),
        };
        let mut signed = MAGIC.to_vec();
        for part in [&self.namespace, &self.reserved, name.as_bytes(), &digest] {
            put_string(&mut signed, part);
        }
        self.key.verify(&signed, &self.value)
    }
}
