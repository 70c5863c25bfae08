//! RSA keys, which only verify here (RFC 8017): PKCS#1 v1.5 or PSS, both with SHA-256.

use aws_lc_rs::digest::Digest;
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPssSaltLength,
};
use spki::der::asn1::{AnyRef, BitStringRef, UintRef};
use spki::der::{Encode as _, Reader as _, SliceReader, Tag};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::{Algorithm, KeyError};

/// The smallest modulus, in bits: 2,048 is what NIST SP 800-131A still allows.
pub const RSA_MIN_BITS: usize = 2048;

/// The largest modulus, in bits: the cost of a check grows with its square.
pub const RSA_MAX_BITS: usize = 8192;

/// PSS with the longest salt that the key has room for: `crypto/rsa` of Go signs so unless it is told otherwise, and in-toto/witness
/// with it.
static PSS_LONGEST_SALT: RsaParameters = RSA_PSS_2048_8192_SHA256.with_pss_salt_length(RsaPssSaltLength::Max);

/// A key of allowed size, parsed once for each padding.
#[derive(Clone)]
pub(super) struct RsaKey {
    pkcs1: ParsedPublicKey,
    pss: ParsedPublicKey,
    pss_longest_salt: ParsedPublicKey,
}

/// `AlgorithmIdentifier` of rsaEncryption with its NULL (RFC 3279 section 2.3.1).
const ALGORITHM: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

impl RsaKey {
    /// Takes the key of a `SubjectPublicKeyInfo` whose algorithm is rsaEncryption; `der` is all of it.
    pub(super) fn new(spki: &SubjectPublicKeyInfoRef<'_>, der: &[u8]) -> Result<Self, KeyError> {
        let algorithm = Algorithm::Rsa;
        let not_canonical = KeyError::NotCanonical { algorithm };
        let same = spki.to_der().is_ok_and(|again| again == der);
        if !same || spki.algorithm.to_der().ok().as_deref() != Some(&ALGORITHM) {
            return Err(not_canonical);
        }
        let key = spki.subject_public_key.as_bytes().ok_or_else(|| not_canonical.clone())?;
        let found = modulus_bits(key).ok_or(not_canonical)?;
        if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&found) {
            return Err(KeyError::RsaSize { min: RSA_MIN_BITS, max: RSA_MAX_BITS, found });
        }
        let parse = |padding: &'static RsaParameters| {
            ParsedPublicKey::new(padding, key).map_err(|_| KeyError::Unusable { algorithm })
        };
        Ok(Self {
            pkcs1: parse(&RSA_PKCS1_2048_8192_SHA256)?,
            pss: parse(&RSA_PSS_2048_8192_SHA256)?,
            pss_longest_salt: parse(&PSS_LONGEST_SALT)?,
        })
    }

    /// Whether the signature was made over this SHA-256, with either padding. The salt of PSS has 32 bytes, as long as
    /// the hash (RFC 8017 section 9.1), or as many as the key has room for; the library finds no other length by itself.
    pub(super) fn made_over(&self, digest: &Digest, signature: &[u8]) -> bool {
        let pss = [&self.pss, &self.pss_longest_salt];
        self.made_pkcs1(digest, signature)
            || pss.into_iter().any(|key| key.verify_digest_sig(digest, signature).is_ok())
    }

    /// Whether the signature was made over this SHA-256 with the padding of PKCS#1 v1.5.
    pub(super) fn made_pkcs1(&self, digest: &Digest, signature: &[u8]) -> bool {
        self.pkcs1.verify_digest_sig(digest, signature).is_ok()
    }
}

/// Writes an `RSAPublicKey` (RFC 8017 appendix A.1.1); none if the numbers are too long for one.
pub(super) fn pkcs1_of(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let number = |bytes| UintRef::new(bytes).and_then(|number| number.to_der()).ok();
    let numbers = [number(modulus)?, number(exponent)?].concat();
    AnyRef::new(Tag::Sequence, &numbers).and_then(|sequence| sequence.to_der()).ok()
}

/// Returns modulus and exponent of the key in a `SubjectPublicKeyInfo`, without leading zeros.
pub(super) fn numbers_of(spki: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let spki = SubjectPublicKeyInfoRef::try_from(spki).ok()?;
    let mut reader = SliceReader::new(spki.subject_public_key.as_bytes()?).ok()?;
    let numbers = reader.sequence(|numbers| {
        let (modulus, exponent) = (numbers.decode::<UintRef<'_>>()?, numbers.decode::<UintRef<'_>>()?);
        Ok::<_, spki::der::Error>((modulus.as_bytes().to_vec(), exponent.as_bytes().to_vec()))
    });
    numbers.ok()
}

/// Wraps a bare `RSAPublicKey` (RFC 8017 appendix A.1.1) in a `SubjectPublicKeyInfo`; none if it is too long for one.
pub(super) fn spki_of(pkcs1: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef::try_from(ALGORITHM.as_slice()).ok()?;
    let subject_public_key = BitStringRef::from_bytes(pkcs1).ok()?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()
}

/// Returns the size of the modulus; none if the bytes are not exactly a modulus and an exponent in DER.
fn modulus_bits(key: &[u8]) -> Option<usize> {
    let mut reader = SliceReader::new(key).ok()?;
    let numbers = reader.sequence(|numbers| {
        let modulus = numbers.decode::<UintRef<'_>>()?;
        numbers.decode::<UintRef<'_>>()?;
        Ok::<_, spki::der::Error>(modulus)
    });
    let modulus = numbers.ok()?.as_bytes();
    reader.finish().ok()?;
    let first = usize::try_from(modulus.first()?.leading_zeros()).ok()?;
    (modulus.len() * 8).checked_sub(first)
}
