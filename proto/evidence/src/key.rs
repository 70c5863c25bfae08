//! Public keys and their signatures: Ed25519, ECDSA P-256, P-384 and P-521, RSA. Private keys: Ed25519 and ECDSA P-256.
//!
//! A key is named by a digest that we compute, never by what an envelope calls it: the [`KeyId`] is SHA-256
//! of the key's `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1). Only one encoding of a key is accepted, so
//! that one key never counts as two towards a threshold.

mod curve;
mod hash;
mod id;
mod pem;
mod rsa;
mod signing;
#[cfg(test)]
mod tests;

use ed25519_dalek::VerifyingKey;
use sha2::{Digest as _, Sha256};
use spki::SubjectPublicKeyInfoRef;
use spki::der::asn1::ObjectIdentifier;
use spki::der::pem::{LineEnding, encode_string};

use curve::{Curve, EcdsaKey};
pub use hash::HashAlgorithm;
pub use id::{KeyId, KeyIdError};
pub(crate) use pem::block as pem_block;
use rsa::RsaKey;
pub use rsa::{RSA_MAX_BITS, RSA_MIN_BITS};
pub use signing::{SigningKey, SigningKeyError};

/// The algorithms whose signatures are checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256 (FIPS 186-5), signature in DER or as r||s.
    EcdsaP256,
    /// ECDSA over P-384 with SHA-384, in the same two encodings, or with SHA-256 in DER.
    EcdsaP384,
    /// ECDSA over P-521 with SHA-512, in the same two encodings, or with SHA-256 in DER.
    EcdsaP521,
    /// Ed25519 (RFC 8032 section 5.1), not its prehashed form.
    Ed25519,
    /// RSA with SHA-256, PKCS#1 v1.5 or PSS (RFC 8017), of [`RSA_MIN_BITS`] to [`RSA_MAX_BITS`].
    Rsa,
}

impl Algorithm {
    /// Returns the name: `ecdsa-p256-sha256`, `ecdsa-p384-sha384`, `ecdsa-p521-sha512`, `ed25519` or `rsa-sha256`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256-sha256",
            Self::EcdsaP384 => "ecdsa-p384-sha384",
            Self::EcdsaP521 => "ecdsa-p521-sha512",
            Self::Ed25519 => "ed25519",
            Self::Rsa => "rsa-sha256",
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
    #[error("{algorithm} keys are not supported: use Ed25519, ECDSA P-256, P-384 or P-521, or RSA")]
    Unsupported {
        /// Its name, such as `Ed448` or `X.509 certificate`, or its object identifier.
        algorithm: String,
    },
    /// Another encoding of a key than the one that is accepted, such as a compressed point.
    #[error("not the canonical encoding of this {algorithm} key: write it again with `openssl pkey -pubin`")]
    NotCanonical {
        /// The algorithm.
        algorithm: Algorithm,
    },
    /// An RSA key that is too small to be safe, or too large to be checked.
    #[error("an RSA key has {min} to {max} bits here, found {found}")]
    RsaSize {
        /// [`RSA_MIN_BITS`].
        min: usize,
        /// [`RSA_MAX_BITS`].
        max: usize,
        /// How many bits its modulus has.
        found: usize,
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

/// Why a digest and a signature prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrehashedError {
    /// Ed25519 signs the message, not a digest of it.
    #[error("an Ed25519 signature is checked over the whole message, and only its digest is known")]
    NeedsMessage,
    /// The key is used with another hash.
    #[error("{algorithm} keys sign {expected} digests, found {found}")]
    Hash {
        /// The algorithm of the key.
        algorithm: Algorithm,
        /// The hash that it is used with.
        expected: HashAlgorithm,
        /// The hash of the digest.
        found: HashAlgorithm,
    },
    /// It does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
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
    Ecdsa(EcdsaKey),
    Rsa(RsaKey),
}

/// The canonical `SubjectPublicKeyInfo` of Ed25519 up to the 32 bytes of the key (RFC 8410 section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The length of an Ed25519 signature (RFC 8032 section 5.1.6).
const ED25519_SIGNATURE: usize = 64;

const OID_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const OID_EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const OID_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

impl PublicKey {
    /// Reads `-----BEGIN PUBLIC KEY-----` (RFC 7468 section 13).
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = pem::block(text).ok_or(KeyError::Pem)?;
        let unsupported = |name: &str| Err(KeyError::Unsupported { algorithm: name.to_owned() });
        match label {
            "PUBLIC KEY" => {}
            "CERTIFICATE" => return unsupported("X.509 certificate"),
            "RSA PUBLIC KEY" => return unsupported("bare RSA (PKCS#1)"),
            label if label.ends_with("PRIVATE KEY") => return Err(KeyError::Private),
            label => return Err(KeyError::Label { label: label.chars().take(80).collect() }),
        }
        Self::from_spki_der(&der)
    }

    /// Reads a `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1), in its canonical encoding only.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let spki = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Der)?;
        let parameters = spki.algorithm.parameters_oid().ok();
        let curve = parameters.and_then(Curve::named);
        if spki.algorithm.oid == OID_ED25519 {
            let key = der.strip_prefix(&ED25519_SPKI).and_then(|key| <[u8; 32]>::try_from(key).ok());
            Self::from_ed25519(&key.ok_or(KeyError::NotCanonical { algorithm: Algorithm::Ed25519 })?)
        } else if spki.algorithm.oid == OID_RSA {
            Ok(Self::new(Point::Rsa(RsaKey::new(&spki, der)?), der.to_vec()))
        } else if let Some(curve) = curve.filter(|_| spki.algorithm.oid == OID_EC) {
            let not_canonical = KeyError::NotCanonical { algorithm: curve.algorithm() };
            Self::from_point(curve, der.strip_prefix(curve.spki_prefix()).ok_or(not_canonical)?)
        } else {
            Err(KeyError::Unsupported { algorithm: name_of(spki.algorithm.oid, parameters) })
        }
    }

    /// Reads a bare `RSAPublicKey` in DER (RFC 8017 appendix A.1.1), as old lists of logs have it.
    pub(crate) fn from_pkcs1_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_spki_der(&rsa::spki_of(der).ok_or(KeyError::Der)?)
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
            Point::Ecdsa(_) | Point::Rsa(_) => None,
        }
    }

    /// Returns modulus and exponent of an RSA key, as unsigned big-endian numbers without leading zeros; none for another algorithm.
    pub(crate) fn rsa_numbers(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        match &self.point {
            Point::Rsa(_) => rsa::numbers_of(&self.spki),
            Point::Ed25519(_) | Point::Ecdsa(_) => None,
        }
    }

    /// Returns the two coordinates of a P-256 key, 32 bytes each; none for another algorithm.
    pub(crate) fn p256_xy(&self) -> Option<(&[u8], &[u8])> {
        match &self.point {
            Point::Ecdsa(key) if key.curve() == Curve::P256 => {
                let point = self.spki.strip_prefix(Curve::P256.spki_prefix())?.strip_prefix(&[0x04])?;
                point.split_at_checked(32)
            }
            Point::Ed25519(_) | Point::Ecdsa(_) | Point::Rsa(_) => None,
        }
    }

    /// Takes the uncompressed point of a P-256 key (SEC 1 section 2.3.3): 0x04, x, y.
    fn from_p256(point: &[u8; 65]) -> Result<Self, KeyError> {
        Self::from_point(Curve::P256, point)
    }

    /// Takes the two coordinates of a P-256 key, each with all its 32 bytes (RFC 7518 section 6.2.1).
    pub(crate) fn from_p256_xy(x: &[u8], y: &[u8]) -> Option<Self> {
        let point: [u8; 65] = [&[0x04], x, y].concat().try_into().ok()?;
        (x.len() == 32).then(|| Self::from_p256(&point).ok()).flatten()
    }

    /// Takes modulus and exponent of an RSA key, as unsigned big-endian numbers (RFC 7518 section 6.3.1).
    pub(crate) fn from_rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        Self::from_pkcs1_der(&rsa::pkcs1_of(modulus, exponent)?).ok()
    }

    fn from_point(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let key = EcdsaKey::new(curve, point)?;
        Ok(Self::new(Point::Ecdsa(key), [curve.spki_prefix(), point].concat()))
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
            Point::Ecdsa(key) => key.curve().algorithm(),
            Point::Rsa(_) => Algorithm::Rsa,
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
    /// Never: a key of about a kilobyte has a PEM form.
    #[must_use]
    pub fn to_pem(&self) -> String {
        encode_string("PUBLIC KEY", LineEnding::LF, &self.spki).expect("a short key has a PEM form")
    }

    /// Checks that this key made the signature over exactly this message.
    ///
    /// Ed25519 is checked strictly: no small-order or non-canonical points, no scalar above the group order.
    /// ECDSA signatures may be DER (as Sigstore writes them) or r||s (as the DSSE vector is); RSA ones PKCS#1 v1.5 or
    /// PSS with a salt of 32 bytes or the longest. Whoever has one ECDSA signature can make a second one that verifies, so signatures identify nothing.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        if self.made_over(message, || Sha256::digest(message).into(), signature) {
            Ok(())
        } else {
            Err(SignatureError { algorithm: self.algorithm(), key: self.id })
        }
    }

    /// Whether this key made the signature of a JWS (RFC 7518 section 3, RFC 8037): RSA with PKCS#1 v1.5, P-256 as r||s, or
    /// Ed25519, in this one encoding each.
    pub(crate) fn made_jws(&self, message: &[u8], signature: &[u8]) -> bool {
        let digest = || HashAlgorithm::Sha256.import(&Sha256::digest(message));
        match &self.point {
            Point::Ed25519(_) => self.made_over(message, || [0; 32], signature),
            Point::Ecdsa(key) => {
                key.curve() == Curve::P256 && digest().is_some_and(|digest| key.made_raw(&digest, signature))
            }
            Point::Rsa(key) => digest().is_some_and(|digest| key.made_pkcs1(&digest, signature)),
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
        let hash = match &self.point {
            Point::Ed25519(key) => {
                return ed25519_dalek::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok());
            }
            Point::Ecdsa(key) if key.curve() != Curve::P256 => key.curve().hash(),
            Point::Ecdsa(_) | Point::Rsa(_) => HashAlgorithm::Sha256,
        };
        let sha256 = sha256();
        // A curve with a hash of its own is used with SHA-256 too.
        hash != HashAlgorithm::Sha256 && self.made_over_digest(hash, &hash.digest(message), signature)
            || self.made_over_digest(HashAlgorithm::Sha256, &sha256, signature)
    }

    /// Checks that this key made the signature over the message with this digest.
    pub fn verify_prehashed(
        &self,
        hash: HashAlgorithm,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<(), PrehashedError> {
        let algorithm = self.algorithm();
        let expected = self.hash().ok_or(PrehashedError::NeedsMessage)?;
        if !self.goes_with(hash) {
            return Err(PrehashedError::Hash { algorithm, expected, found: hash });
        }
        if self.made_over_digest(hash, digest, signature) {
            Ok(())
        } else {
            Err(SignatureError { algorithm, key: self.id }.into())
        }
    }

    /// Returns the hash that the key is used with (P-384 and P-521 also with SHA-256); none for Ed25519, which signs the message itself.
    #[must_use]
    pub const fn hash(&self) -> Option<HashAlgorithm> {
        match &self.point {
            Point::Ed25519(_) => None,
            Point::Ecdsa(key) => Some(key.curve().hash()),
            Point::Rsa(_) => Some(HashAlgorithm::Sha256),
        }
    }

    /// Whether signatures of the key over digests of this hash are checked.
    pub(crate) fn goes_with(&self, hash: HashAlgorithm) -> bool {
        self.hash().is_some_and(|own| hash == own || hash == HashAlgorithm::Sha256)
    }

    fn made_over_digest(&self, hash: HashAlgorithm, digest: &[u8], signature: &[u8]) -> bool {
        let digest = hash.import(digest);
        digest.is_some_and(|digest| match &self.point {
            Point::Ed25519(_) => false,
            Point::Ecdsa(key) => key.made_over(&digest, signature),
            Point::Rsa(key) => key.made_over(&digest, signature),
        })
    }

    /// Whether a check of this signature hashes the whole message: for Ed25519, if it has the length of one, and for the
    /// curves that are not used with SHA-256.
    pub(crate) fn hashes_message_for(&self, signature: &[u8]) -> bool {
        match &self.point {
            Point::Ed25519(_) => signature.len() == ED25519_SIGNATURE,
            Point::Ecdsa(key) => key.curve() != Curve::P256,
            Point::Rsa(_) => false,
        }
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
        ("1.2.840.113549.1.1.10", _) => "RSA-PSS (written as such in the key)",
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
