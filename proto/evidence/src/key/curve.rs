//! The curves of FIPS 186-5 that ECDSA keys may lie on, each with the hash that it is used with.

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA512_ASN1, ECDSA_P521_SHA512_FIXED,
    EcdsaVerificationAlgorithm, ParsedPublicKey,
};
use spki::der::asn1::ObjectIdentifier;

use super::{Algorithm, HashAlgorithm, KeyError};

/// A curve, with the one hash that signatures on it are made over here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// A point that is on its curve, parsed once for each encoding and hash of signatures.
#[derive(Clone)]
pub(super) struct EcdsaKey {
    curve: Curve,
    der: ParsedPublicKey,
    raw: ParsedPublicKey,
    /// With SHA-256, for the curves whose own hash is another one.
    sha256: Option<ParsedPublicKey>,
}

/// The canonical `SubjectPublicKeyInfo` of P-256 up to the uncompressed point (RFC 5480 section 2).
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The same of P-384.
const P384_SPKI: [u8; 23] = [
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
    0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];

/// The same of P-521, whose lengths take two bytes.
const P521_SPKI: [u8; 25] = [
    0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00,
];

const OID_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const OID_P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const OID_P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

impl Curve {
    /// Returns the curve of an object identifier; none for one that is not used here.
    pub(super) fn named(oid: ObjectIdentifier) -> Option<Self> {
        [(OID_P256, Self::P256), (OID_P384, Self::P384), (OID_P521, Self::P521)]
            .into_iter()
            .find_map(|(known, curve)| (known == oid).then_some(curve))
    }

    pub(super) const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::EcdsaP256,
            Self::P384 => Algorithm::EcdsaP384,
            Self::P521 => Algorithm::EcdsaP521,
        }
    }

    pub(super) const fn hash(self) -> HashAlgorithm {
        match self {
            Self::P256 => HashAlgorithm::Sha256,
            Self::P384 => HashAlgorithm::Sha384,
            Self::P521 => HashAlgorithm::Sha512,
        }
    }

    /// What stands before the point in a canonical `SubjectPublicKeyInfo`.
    pub(super) const fn spki_prefix(self) -> &'static [u8] {
        match self {
            Self::P256 => &P256_SPKI,
            Self::P384 => &P384_SPKI,
            Self::P521 => &P521_SPKI,
        }
    }

    /// The length of one coordinate, and of r and s, in bytes.
    const fn coordinate_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn encodings(self) -> [&'static EcdsaVerificationAlgorithm; 2] {
        match self {
            Self::P256 => [&ECDSA_P256_SHA256_ASN1, &ECDSA_P256_SHA256_FIXED],
            Self::P384 => [&ECDSA_P384_SHA384_ASN1, &ECDSA_P384_SHA384_FIXED],
            Self::P521 => [&ECDSA_P521_SHA512_ASN1, &ECDSA_P521_SHA512_FIXED],
        }
    }
}

impl Curve {
    /// SHA-256 beside the curve's own hash: Sigstore's clients sign so (`PublicKeyDetails` of `sigstore_common.proto`).
    const fn sha256(self) -> Option<&'static EcdsaVerificationAlgorithm> {
        match self {
            Self::P256 => None,
            Self::P384 => Some(&ECDSA_P384_SHA256_ASN1),
            Self::P521 => Some(&ECDSA_P521_SHA256_ASN1),
        }
    }
}

impl EcdsaKey {
    /// Takes an uncompressed point (SEC 1 section 2.3.3): 0x04, x, y.
    pub(super) fn new(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let algorithm = curve.algorithm();
        if point.first() != Some(&0x04) || point.len() != 1 + 2 * curve.coordinate_len() {
            return Err(KeyError::NotCanonical { algorithm });
        }
        let parse = |encoding: &'static EcdsaVerificationAlgorithm| {
            ParsedPublicKey::new(encoding, point).map_err(|_| KeyError::Unusable { algorithm })
        };
        let [der, raw] = curve.encodings().map(parse);
        Ok(Self { curve, der: der?, raw: raw?, sha256: curve.sha256().map(parse).transpose()? })
    }

    pub(super) const fn curve(&self) -> Curve {
        self.curve
    }

    /// Whether the signature, in DER or as r||s, was made over this digest of the curve's hash; or in DER over SHA-256.
    pub(super) fn made_over(&self, digest: &Digest, signature: &[u8]) -> bool {
        self.sha256.as_ref().is_some_and(|key| key.verify_digest_sig(digest, signature).is_ok())
            || self.der.verify_digest_sig(digest, signature).is_ok()
            || self.made_raw(digest, signature)
    }

    /// Whether the signature, as r||s, was made over this digest of the curve's hash.
    pub(super) fn made_raw(&self, digest: &Digest, signature: &[u8]) -> bool {
        signature.len() == 2 * self.curve.coordinate_len()
            && self.raw.verify_digest_sig(digest, signature).is_ok()
    }
}
