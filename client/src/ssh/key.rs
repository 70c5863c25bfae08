//! Public keys of SSH, and the signatures that they make (RFC 4253, 5656, 8332, 8709; openssh, `PROTOCOL.u2f`).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, EcdsaVerificationAlgorithm,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use custody_evidence::key::{KeyError, PublicKey};
use sha2::{Digest as _, Sha256};

use super::signature::SshSignatureError;
use super::wire::{Cut, Reader};

/// A public key, and its exact bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshKey {
    blob: Vec<u8>,
    form: Form,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    Ed25519(PublicKey),
    Ecdsa(Curve, Vec<u8>),
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A key inside of a security token, for one application.
    TokenEd25519(PublicKey, Vec<u8>),
    TokenEcdsa(Vec<u8>, Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

/// Why bytes are not a key that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshKeyError {
    /// Not the bytes of such a key.
    #[error("it is not a public key in the form of SSH")]
    Form,
    /// Of a kind whose signatures are not checked here: DSA, certificates and others.
    #[error("keys of the kind {kind:?} are not supported")]
    Unsupported {
        /// Its name, cut to 80 characters.
        kind: String,
    },
    /// A key that nobody should trust.
    #[error(transparent)]
    Unusable(#[from] KeyError),
}

/// The smallest RSA key, in bytes of its modulus: 2,048 bits. The largest has 8,192.
const RSA_MIN: usize = 256;
const RSA_MAX: usize = 1024;

const TOKEN_ED25519: &str = "sk-ssh-ed25519@openssh.com";
const TOKEN_ECDSA: &str = "sk-ecdsa-sha2-nistp256@openssh.com";

impl From<Cut> for SshKeyError {
    fn from(_: Cut) -> Self {
        Self::Form
    }
}

impl Curve {
    fn named(name: &str) -> Option<Self> {
        match name {
            "nistp256" => Some(Self::P256),
            "nistp384" => Some(Self::P384),
            "nistp521" => Some(Self::P521),
            _ => None,
        }
    }

    const fn key_kind(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }

    /// The length of one number of a signature, in bytes.
    const fn number_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    const fn algorithm(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
            Self::P521 => &ECDSA_P521_SHA512_FIXED,
        }
    }
}

impl SshKey {
    /// Reads a key from the bytes that `.pub` files have in base64.
    pub fn from_blob(blob: &[u8]) -> Result<Self, SshKeyError> {
        let mut reader = Reader::new(blob);
        let kind = reader.text()?;
        let form = match kind {
            "ssh-ed25519" => Form::Ed25519(ed25519(&mut reader)?),
            "ssh-rsa" => {
                let (exponent, modulus) = (reader.number()?.to_vec(), reader.number()?.to_vec());
                if !(RSA_MIN..=RSA_MAX).contains(&modulus.len()) {
                    return Err(unsupported(&format!("ssh-rsa of {} bits", modulus.len() * 8)));
                }
                Form::Rsa { modulus, exponent }
            }
            TOKEN_ED25519 => Form::TokenEd25519(ed25519(&mut reader)?, reader.string()?.to_vec()),
            TOKEN_ECDSA => Form::TokenEcdsa(point(&mut reader, Curve::P256)?, reader.string()?.to_vec()),
            _ => match kind.strip_prefix("ecdsa-sha2-").and_then(Curve::named) {
                Some(curve) => Form::Ecdsa(curve, point(&mut reader, curve)?),
                None => return Err(unsupported(kind)),
            },
        };
        reader.end()?;
        Ok(Self { blob: blob.to_vec(), form })
    }

    /// Returns the bytes that name the key.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Returns `SHA256:<base64>`, as ssh-keygen and git name it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.blob)
    }

    /// Checks a signature over these bytes, in the form of SSH.
    pub(super) fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), SshSignatureError> {
        let mut reader = Reader::new(signature);
        let algorithm = reader.text()?;
        let value = reader.string()?;
        let fits = |name: &str| {
            if algorithm == name {
                Ok(())
            } else {
                Err(SshSignatureError::Algorithm { found: algorithm.chars().take(80).collect() })
            }
        };
        let made = match &self.form {
            Form::Ed25519(key) => {
                fits("ssh-ed25519")?;
                reader.end()?;
                key.verify(data, value).is_ok()
            }
            Form::Ecdsa(curve, point) => {
                fits(curve.key_kind())?;
                reader.end()?;
                ecdsa(*curve, point, data, value)?
            }
            Form::Rsa { modulus, exponent } => {
                reader.end()?;
                // SHA-1 (`ssh-rsa`) proves nothing.
                let padding = match algorithm {
                    "rsa-sha2-256" => &RSA_PKCS1_2048_8192_SHA256,
                    "rsa-sha2-512" => &RSA_PKCS1_2048_8192_SHA512,
                    other => {
                        return fits("rsa-sha2-512").map_err(|_| SshSignatureError::Algorithm {
                            found: other.chars().take(80).collect(),
                        });
                    }
                };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                // Some sign numbers without the zeros in front.
                padded(value, modulus.len()).is_some_and(|value| key.verify(padding, data, &value).is_ok())
            }
            Form::TokenEd25519(key, application) => {
                fits(TOKEN_ED25519)?;
                let signed = by_token(application, &mut reader, data)?;
                key.verify(&signed, value).is_ok()
            }
            Form::TokenEcdsa(point, application) => {
                fits(TOKEN_ECDSA)?;
                let signed = by_token(application, &mut reader, data)?;
                ecdsa(Curve::P256, point, &signed, value)?
            }
        };
        if made { Ok(()) } else { Err(SshSignatureError::NotMade) }
    }
}

/// Returns `SHA256:<base64>` of a key's bytes.
pub(super) fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

fn unsupported(kind: &str) -> SshKeyError {
    SshKeyError::Unsupported { kind: kind.chars().take(80).collect() }
}

fn ed25519(reader: &mut Reader<'_>) -> Result<PublicKey, SshKeyError> {
    let key = reader.string()?.try_into().map_err(|_| SshKeyError::Form)?;
    Ok(PublicKey::from_ed25519(key)?)
}

/// Reads the name of the curve and the point on it. Whether it is on it is checked with the signature.
fn point(reader: &mut Reader<'_>, curve: Curve) -> Result<Vec<u8>, SshKeyError> {
    if reader.text().ok().and_then(Curve::named) != Some(curve) {
        return Err(SshKeyError::Form);
    }
    let point = reader.string()?;
    let fits = point.len() == 1 + 2 * curve.number_len() && point.first() == Some(&4);
    if fits { Ok(point.to_vec()) } else { Err(SshKeyError::Form) }
}

fn ecdsa(curve: Curve, point: &[u8], data: &[u8], value: &[u8]) -> Result<bool, SshSignatureError> {
    let mut numbers = Reader::new(value);
    let (r, s) = (numbers.number()?, numbers.number()?);
    numbers.end()?;
    let length = curve.number_len();
    let (Some(r), Some(s)) = (padded(r, length), padded(s, length)) else { return Ok(false) };
    let key = UnparsedPublicKey::new(curve.algorithm(), point);
    Ok(key.verify(data, &[r, s].concat()).is_ok())
}

/// Puts zeros in front; none if it is longer.
fn padded(number: &[u8], length: usize) -> Option<Vec<u8>> {
    let zeros = length.checked_sub(number.len())?;
    Some([vec![0; zeros], number.to_vec()].concat())
}

/// What a token signs: digests of application and data, what the user did, and a counter. Whether the user touched it is
/// not asked for, as ssh-keygen does not.
fn by_token(application: &[u8], reader: &mut Reader<'_>, data: &[u8]) -> Result<Vec<u8>, SshSignatureError> {
    let (flags, counter) = (reader.byte()?, reader.u32()?);
    reader.end()?;
    let mut signed = Sha256::digest(application).to_vec();
    signed.push(flags);
    signed.extend(counter.to_be_bytes());
    signed.extend(Sha256::digest(data));
    Ok(signed)
}
