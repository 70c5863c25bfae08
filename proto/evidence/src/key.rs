//! Public keys and their signatures: Ed25519 and ECDSA P-256 with SHA-256.
//!
//! A key is named by a digest that we compute, never by what an envelope calls it: the [`KeyId`] is SHA-256
//! of the key's `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1). Only one encoding of a key is accepted, so
//! that one key never counts as two towards a threshold.

mod id;
mod signing;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};
use spki::SubjectPublicKeyInfoRef;
use spki::der::asn1::ObjectIdentifier;
use spki::der::pem::{self, LineEnding};

pub use id::{KeyId, KeyIdError};
pub use signing::{SigningKey, SigningKeyError};

/// The algorithms whose signatures are checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256 (FIPS 186-5), signature in DER or as r||s.
    EcdsaP256,
    /// Ed25519 (RFC 8032 section 5.1), not its prehashed form.
    Ed25519,
}

impl Algorithm {
    /// Returns the name: `ecdsa-p256-sha256` or `ed25519`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256-sha256",
            Self::Ed25519 => "ed25519",
        }
    }
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why bytes or text are not a public key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not PEM (RFC 7468).
    #[error("expected a public key in PEM, which starts with -----BEGIN PUBLIC KEY-----")]
    Pem,
    /// PEM of something that is not a public key.
    #[error("expected PEM with the label PUBLIC KEY, found the label {label:?}")]
    Label {
        /// The label found, cut to 80 characters.
        label: String,
    },
    /// A private key where a public one is expected.
    #[error("this is a private key: give the public key, and keep this one to yourself")]
    Private,
    /// Not a `SubjectPublicKeyInfo` in DER.
    #[error("expected a SubjectPublicKeyInfo in DER (RFC 5280 section 4.1)")]
    Der,
    /// A key or certificate of an algorithm that is not checked here.
    #[error("{algorithm} keys are not supported: use Ed25519 or ECDSA P-256")]
    Unsupported {
        /// Its name, such as `RSA` or `X.509 certificate`, or its object identifier.
        algorithm: String,
    },
    /// Another encoding of a key than the one that is accepted, such as a compressed point.
    #[error("not the canonical encoding of this {algorithm} key: write it again with `openssl pkey -pubin`")]
    NotCanonical {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// Not a point of the curve, or one for which anybody can sign.
    #[error("these bytes are not a usable {algorithm} key")]
    Unusable {
        /// The algorithm.
        algorithm: Algorithm,
    },
}

/// The signature was not made by this key over these bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {algorithm} signature was not made by key {key} over these bytes")]
pub struct SignatureError {
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// The key it was checked with.
    pub key: KeyId,
}

/// A public key that is known to be usable.
#[derive(Clone)]
pub struct PublicKey {
    point: Point,
    spki: Vec<u8>,
    id: KeyId,
}

#[derive(Clone)]
enum Point {
    Ed25519(VerifyingKey),
    /// Parsed twice, once for each encoding of signatures.
    EcdsaP256 {
        der: ParsedPublicKey,
        raw: ParsedPublicKey,
    },
}

/// The canonical `SubjectPublicKeyInfo` of Ed25519 up to the 32 bytes of the key (RFC 8410 section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The canonical `SubjectPublicKeyInfo` of P-256 up to the uncompressed point of 65 bytes (RFC 5480 section 2).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The length of an Ed25519 signature (RFC 8032 section 5.1.6), and of r||s of P-256.
const RAW_SIGNATURE: usize = 64;

const OID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const OID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const OID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (RFC 7468 section 13).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        let label = pem::decode_label(text.as_bytes()).map_err(|_| KeyError::Pem)?;
        let unsupported = |name: &str| Err(KeyError::Unsupported { algorithm: name.to_owned() });
        match label {
            "PUBLIC KEY" => {}
            "CERTIFICATE" => return unsupported("X.509 certificate"),
            "RSA PUBLIC KEY" => return unsupported("RSA"),
            label if label.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
            label => return Err(KeyError::Label { label: label.chars().take(80).collect() }),
        }
        let (_, der) = pem::decode_vec(text.as_bytes()).map_err(|_| KeyError::Pem)?;
        Self::from_spki_der(&der)
    }

    /// Reads a `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1), in its canonical encoding only.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Der)?;
        let curve = spki.algorithm.parameters_oid().ok();
        if spki.algorithm.oid == OID_ED25519 {
            let key = der.strip_prefix(&ED25519_SPKI).and_then(|key| <[u8; 32]>::try_from(key).ok());
            Self::from_ed25519(&key.ok_or(KeyError::NotCanonical { algorithm: Algorithm::Ed25519 })?)
        } else if spki.algorithm.oid == OID_EC && curve == Some(OID_P256) {
            let point = der.strip_prefix(&P256_SPKI).and_then(|point| <[u8; 65]>::try_from(point).ok());
            Self::from_p256(&point.ok_or(KeyError::NotCanonical { algorithm: Algorithm::EcdsaP256 })?)
        } else {
            Err(KeyError::Unsupported { algorithm: name_of(spki.algorithm.oid, curve) })
        }
    }

    /// Takes the 32 bytes of an Ed25519 key (RFC 8032 section 5.1.2).
    pub fn from_ed25519(key: &[u8; 32]) -> Result<Self, KeyError> {
        let algorithm = Algorithm::Ed25519;
        let point = VerifyingKey::from_bytes(key).map_err(|_| KeyError::Unusable { algorithm })?;
        // A key of small order signs everything.
        if point.is_weak() {
            return Err(KeyError::Unusable { algorithm });
        }
        if point.to_edwards().compress().as_bytes() != key {
            return Err(KeyError::NotCanonical { algorithm });
        }
        Ok(Self::new(Point::Ed25519(point), [&ED25519_SPKI, key.as_slice()].concat()))
    }

    /// Returns the 32 bytes of an Ed25519 key; none for another algorithm.
    #[must_use]
    pub fn ed25519_bytes(&self) -> Option<&[u8; 32]> {
        match &self.point {
            Point::Ed25519(key) => Some(key.as_bytes()),
            Point::EcdsaP256 { .. } => None,
        }
    }

    /// Takes the uncompressed point of a P-256 key (SEC 1 section 2.3.3): 0x04, x, y.
    fn from_p256(point: &[u8; 65]) -> Result<Self, KeyError> {
        let algorithm = Algorithm::EcdsaP256;
        if point.first() != Some(&0x04) {
            return Err(KeyError::NotCanonical { algorithm });
        }
        let parse =
            |encoding| ParsedPublicKey::new(encoding, point).map_err(|_| KeyError::Unusable { algorithm });
        let parsed =
            Point::EcdsaP256 { der: parse(&ECDSA_P256_SHA256_ASN1)?, raw: parse(&ECDSA_P256_SHA256_FIXED)? };
        Ok(Self::new(parsed, [&P256_SPKI, point.as_slice()].concat()))
    }

    fn new(point: Point, spki: Vec<u8>) -> Self {
        let id = KeyId::from_bytes(Sha256::digest(&spki).into());
        Self { point, spki, id }
    }

    /// Returns SHA-256 of [`PublicKey::spki_der`].
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match &self.point {
            Point::Ed25519(_) => Algorithm::Ed25519,
            Point::EcdsaP256 { .. } => Algorithm::EcdsaP256,
        }
    }

    /// Returns the `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1).
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Returns the key in PEM with the label `PUBLIC KEY`, ending in a line feed.
    ///
    /// # Panics
    ///
    /// Never: a key of at most 91 bytes has a PEM form.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode_string("PUBLIC KEY", LineEnding::LF, &self.spki).expect("a short key has a PEM form")
    }

    /// Checks that this key made the signature over exactly this message.
    ///
    /// Ed25519 is checked strictly: no small-order or non-canonical points, no scalar above the group order.
    /// ECDSA signatures may be DER (as Sigstore writes them) or r||s of 64 bytes (as the DSSE vector is).
    /// Whoever has one ECDSA signature can make a second one that verifies, so signatures identify nothing.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        if self.made_over(message, || Sha256::digest(message).into(), signature) {
            Ok(())
        } else {
            Err(SignatureError { algorithm: self.algorithm(), key: self.id })
        }
    }

    /// Like [`PublicKey::verify`], for a caller who checks many keys: `sha256` gives the SHA-256 of the message, which
    /// is the same for all of them.
    pub(crate) fn made_over(
        &self,
        message: &[u8],
        sha256: impl FnOnce() -> [u8; 32],
        signature: &[u8],
    ) -> bool {
        match &self.point {
            Point::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            Point::EcdsaP256 { der, raw } => {
                let holds = |digest: &Digest| {
                    der.verify_digest_sig(digest, signature).is_ok()
                        || signature.len() == RAW_SIGNATURE
                            && raw.verify_digest_sig(digest, signature).is_ok()
                };
                Digest::import_less_safe(&sha256(), &SHA256).is_ok_and(|digest| holds(&digest))
            }
        }
    }

    /// Whether a check of this signature hashes the whole message: for Ed25519, if it has the length of one.
    pub(crate) const fn hashes_message_for(&self, signature: &[u8]) -> bool {
        matches!(self.point, Point::Ed25519(_)) && signature.len() == RAW_SIGNATURE
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl Eq for PublicKey {}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({}, {})", self.algorithm(), self.id)
    }
}

/// Names an algorithm that is not supported.
fn name_of(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>) -> String {
    let (algorithm, curve) = (algorithm.to_string(), curve.map(|curve| curve.to_string()));
    let name = match (algorithm.as_str(), curve.as_deref()) {
        ("1.2.840.113549.1.1.1", _) => "RSA",
        ("1.2.840.113549.1.1.10", _) => "RSA-PSS",
        ("1.2.840.10045.2.1", Some("1.3.132.0.34")) => "ECDSA P-384",
        ("1.2.840.10045.2.1", Some("1.3.132.0.35")) => "ECDSA P-521",
        ("1.2.840.10045.2.1", Some("1.3.132.0.10")) => "ECDSA secp256k1",
        ("1.2.840.10045.2.1", _) => "ECDSA on another curve",
        ("1.2.840.10040.4.1", _) => "DSA",
        ("1.3.101.110", _) => "X25519",
        ("1.3.101.113", _) => "Ed448",
        ("2.16.840.1.101.3.4.3.17", _) => "ML-DSA-44",
        ("2.16.840.1.101.3.4.3.18", _) => "ML-DSA-65",
        ("2.16.840.1.101.3.4.3.19", _) => "ML-DSA-87",
        (other, _) => other,
    };
    name.to_owned()
}
