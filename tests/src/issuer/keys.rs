//! The keys of an issuer: made when a test runs, published as JWKs (RFC 7517), and used for JWTs (RFC 7519).

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::encoding::PublicKeyX509Der;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A signature algorithm of JWTs (RFC 7518 section 3.1, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA with SHA-256, PKCS#1 v1.5, of 2,048 bits.
    Rs256,
}

/// Every algorithm.
pub const ALL: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

impl Algorithm {
    /// Returns the value of `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }
}

/// A key of an issuer.
#[derive(Debug)]
pub struct TokenKey {
    id: String,
    algorithm: Algorithm,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

impl TokenKey {
    /// Makes a key.
    ///
    /// # Panics
    ///
    /// When there is no randomness.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(1);
        let pair = match algorithm {
            Algorithm::Es256 => {
                Pair::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"))
            }
            Algorithm::EdDsa => Pair::Ed25519(Ed25519KeyPair::generate().expect("a key")),
            Algorithm::Rs256 => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key")),
        };
        let id = format!("key-{}", MADE.fetch_add(1, Ordering::Relaxed));
        Self { id, algorithm, pair }
    }

    /// Returns the value of `kid`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the algorithm that it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public half as the issuer publishes it.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Ecdsa(pair) => {
                // An uncompressed point: 04, x, y.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "x": url_base64(x), "y": url_base64(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": url_base64(pair.public_key().as_ref())})
            }
            Pair::Rsa(pair) => {
                let (n, e) = numbers(pair.public_key().as_ref());
                json!({"kty": "RSA", "n": url_base64(n), "e": url_base64(e)})
            }
        };
        jwk["kid"] = json!(self.id);
        jwk["alg"] = json!(self.algorithm.as_str());
        jwk["use"] = json!("sig");
        jwk
    }

    /// Returns the public half as `SubjectPublicKeyInfo` in DER.
    ///
    /// # Panics
    ///
    /// Never: each key has this form.
    #[must_use]
    pub fn spki(&self) -> Vec<u8> {
        fn of(key: &impl aws_lc_rs::encoding::AsDer<PublicKeyX509Der<'static>>) -> Vec<u8> {
            key.as_der().expect("a public key has this form").as_ref().to_vec()
        }
        match &self.pair {
            Pair::Ecdsa(pair) => of(pair.public_key()),
            Pair::Ed25519(pair) => of(pair.public_key()),
            Pair::Rsa(pair) => of(pair.public_key()),
        }
    }

    /// Signs these claims, whatever they say.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm.as_str(), "kid": self.id, "typ": "JWT"});
        self.sign_under(&header, claims)
    }

    /// Signs these claims under this header, whatever both say.
    ///
    /// # Panics
    ///
    /// When there is no randomness.
    #[must_use]
    pub fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            url_base64(header.to_string().as_bytes()),
            url_base64(claims.to_string().as_bytes())
        );
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => {
                pair.sign(&random, signed.as_bytes()).expect("a signature").as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
                    .expect("a signature");
                signature
            }
        };
        format!("{signed}.{}", url_base64(&signature))
    }
}

fn url_base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns modulus and exponent of an `RSAPublicKey` in DER (RFC 8017 appendix A.1.1), without leading zeros.
fn numbers(der: &[u8]) -> (&[u8], &[u8]) {
    let (inside, _) = value(der);
    let (n, rest) = value(inside);
    let (e, _) = value(rest);
    (n.strip_prefix(&[0]).unwrap_or(n), e.strip_prefix(&[0]).unwrap_or(e))
}

/// Splits the first value off, without its tag and length.
fn value(der: &[u8]) -> (&[u8], &[u8]) {
    let (head, length) = match der[1] {
        short @ 0..=0x7f => (2, usize::from(short)),
        long => {
            let bytes = usize::from(long & 0x7f);
            let length = der[2..2 + bytes].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (2 + bytes, length)
        }
    };
    der[head..].split_at(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use custody_evidence::key::PublicKey;

    #[test]
    fn every_algorithm_makes_tokens_that_its_published_key_checks() {
        for algorithm in ALL {
            let key = TokenKey::new(algorithm);
            let token = key.sign(&json!({"sub": "job"}));
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            let public = PublicKey::from_spki_der(&key.spki()).unwrap();
            public.verify(signed.as_bytes(), &signature).unwrap();
            let mut broken = signature.clone();
            broken[8] ^= 1;
            assert!(public.verify(signed.as_bytes(), &broken).is_err(), "{algorithm:?}");
            let jwk = key.jwk();
            assert_eq!(
                (jwk["kid"].as_str(), jwk["alg"].as_str()),
                (Some(key.id()), Some(algorithm.as_str()))
            );
        }
    }

    #[test]
    fn an_rsa_key_is_published_by_its_two_numbers() {
        let jwk = TokenKey::new(Algorithm::Rs256).jwk();
        let bytes = |member: &str| URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap();
        assert_eq!((bytes("n").len(), bytes("e")), (256, vec![1, 0, 1]));
    }
}
