//! Private keys: read, written and used, never shown.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::PrivateKeyInfoRef;
use spki::der::pem::{self, LineEnding};
use zeroize::Zeroizing;

use super::curve::Curve;
use super::{Algorithm, KeyError, KeyId, OID_EC, OID_ED25519, PublicKey, name_of};

/// Why text is not a private key that can be used. No variant holds a part of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// Not PEM (RFC 7468).
    #[error("expected a private key in PEM, which starts with -----BEGIN PRIVATE KEY-----")]
    Pem,
    /// PEM of something that is not a PKCS#8 private key.
    #[error("expected PEM with the label PRIVATE KEY, found the label {label:?}")]
    Label {
        /// The label found, cut to 80 characters.
        label: String,
    },
    /// Encrypted with a passphrase.
    #[error("the private key is encrypted: decrypt it first, for example with `openssl pkey`")]
    Encrypted,
    /// A private key in an older form than PKCS#8.
    #[error("the private key is {form}, not PKCS#8: convert it with `openssl pkcs8 -topk8 -nocrypt`")]
    OldForm {
        /// The label that names the form, cut to 80 characters.
        form: String,
    },
    /// Not PKCS#8 in DER, or not with a usable key in it.
    #[error("expected a private key as PKCS#8 (RFC 5208)")]
    Pkcs8,
    /// A key of an algorithm that is not used here.
    #[error("{algorithm} keys are not supported: use Ed25519 or ECDSA P-256")]
    Unsupported {
        /// Its name, such as `RSA`, or its object identifier.
        algorithm: String,
    },
    /// The public half is refused.
    #[error(transparent)]
    Public(#[from] KeyError),
}

/// A private key. Its bytes are wiped from memory when it goes.
pub struct SigningKey {
    secret: Secret,
    public: PublicKey,
}

enum Secret {
    Ed25519(ed25519_dalek::SigningKey),
    EcdsaP256 { pair: EcdsaKeyPair, pkcs8: Zeroizing<Vec<u8>> },
}

/// PKCS#8 version 1 of Ed25519 up to the 32 bytes of the seed (RFC 8410 section 7), as OpenSSL writes it.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

impl SigningKey {
    /// Reads `-----BEGIN PRIVATE KEY-----`: PKCS#8 (RFC 5208), unencrypted.
    pub fn from_pem(text: &str) -> Result<Self, SigningKeyError> {
        let text = text.trim();
        let label = pem::decode_label(text.as_bytes()).map_err(|_| SigningKeyError::Pem)?;
        let cut = || label.chars().take(80).collect();
        match label {
            "PRIVATE KEY" => {}
            "ENCRYPTED PRIVATE KEY" | "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                return Err(SigningKeyError::Encrypted);
            }
            label if label.ends_with("PRIVATE KEY") => {
                return Err(SigningKeyError::OldForm { form: cut() });
            }
            _ => return Err(SigningKeyError::Label { label: cut() }),
        }
        let (_, der) = pem::decode_vec(text.as_bytes()).map_err(|_| SigningKeyError::Pem)?;
        Self::from_pkcs8(Zeroizing::new(der))
    }

    fn from_pkcs8(der: Zeroizing<Vec<u8>>) -> Result<Self, SigningKeyError> {
        let info = PrivateKeyInfoRef::try_from(der.as_slice()).map_err(|_| SigningKeyError::Pkcs8)?;
        let (algorithm, curve) = (info.algorithm.oid, info.algorithm.parameters_oid().ok());
        if algorithm == OID_ED25519 {
            let key = ed25519_dalek::SigningKey::try_from(info).map_err(|_| SigningKeyError::Pkcs8)?;
            Ok(Self::from_ed25519(key))
        } else if algorithm == OID_EC && curve.and_then(Curve::named) == Some(Curve::P256) {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &der)
                .map_err(|_| SigningKeyError::Pkcs8)?;
            let point = <[u8; 65]>::try_from(pair.public_key().as_ref())
                .map_err(|_| KeyError::NotCanonical { algorithm: Algorithm::EcdsaP256 })?;
            let public = PublicKey::from_p256(&point)?;
            Ok(Self { secret: Secret::EcdsaP256 { pair, pkcs8: der }, public })
        } else {
            Err(SigningKeyError::Unsupported { algorithm: name_of(algorithm, curve) })
        }
    }

    /// Makes the Ed25519 key of a seed (RFC 8032 section 5.1.5). The seed must come from a good random source.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self::from_ed25519(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    fn from_ed25519(key: ed25519_dalek::SigningKey) -> Self {
        let public = PublicKey::from_ed25519(key.verifying_key().as_bytes())
            .expect("the public half of an Ed25519 seed is a canonical point of large order");
        Self { secret: Secret::Ed25519(key), public }
    }

    /// Returns the key as PKCS#8 in PEM, which OpenSSL reads; wiped from memory when it goes.
    ///
    /// # Panics
    ///
    /// Never: a key has a PEM form.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let der = match &self.secret {
            Secret::Ed25519(key) => Zeroizing::new([&ED25519_PKCS8, key.as_bytes().as_slice()].concat()),
            Secret::EcdsaP256 { pkcs8, .. } => pkcs8.clone(),
        };
        let text = pem::encode_string("PRIVATE KEY", LineEnding::LF, &der);
        Zeroizing::new(text.expect("a key has a PEM form"))
    }

    /// Returns the public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Returns the id of the public half.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.public.id()
    }

    /// Signs the message: 64 bytes of Ed25519 (always the same for the same message), or ECDSA in DER.
    ///
    /// # Panics
    ///
    /// When the operating system has no randomness for ECDSA.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.sign(message).to_vec(),
            Secret::EcdsaP256 { pair, .. } => {
                let signature = pair.sign(&SystemRandom::new(), message);
                signature.expect("a checked P-256 key signs any message").as_ref().to_vec()
            }
        }
    }
}

/// Shows the key id only.
impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({}, {})", self.public.algorithm(), self.public.id())
    }
}
