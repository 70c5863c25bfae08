//! Tokens that are signed here, and all that may be wrong with one.

mod attacks;
mod key_sets;
mod vocabulary;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use custody_log::{Origin, Timestamp};
use serde_json::{Value, json};

use super::{
    Expected, IssuerKind, KeySet, Token, TokenAlgorithm, TokenError, VerifiedToken, audience, verify,
};
use crate::key::{PublicKey, SigningKey};

pub(crate) const ISSUER: &str = "https://token.actions.githubusercontent.com";
/// 2026-11-20T14:00:00Z.
pub(crate) const ISSUED: i64 = 1_795_183_200;
pub(crate) const NOW: &str = "2026-11-20T14:01:00Z";

/// An issuer with one key of each kind, made once: a key of RSA takes a while.
pub(crate) struct TestIssuer {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    ed25519: SigningKey,
}

pub(crate) fn issuer() -> &'static TestIssuer {
    static MADE: OnceLock<TestIssuer> = OnceLock::new();
    MADE.get_or_init(|| TestIssuer {
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        ed25519: SigningKey::from_seed(&[77; 32]),
    })
}

impl TestIssuer {
    /// Returns the set as it is published, with the ids `rsa`, `p256` and `ed`.
    pub(crate) fn jwks(&self) -> Value {
        let point = self.p256.public_key().as_ref();
        let rsa = PublicKey::from_pkcs1_der(self.rsa.public_key().as_ref()).unwrap();
        let (modulus, exponent) = rsa.rsa_numbers().unwrap();
        json!({"keys": [
            {"kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "x5t": "ignored",
             "n": text(&modulus),
             "e": text(&exponent)},
            {"kty": "EC", "crv": "P-256", "kid": "p256", "use": "sig",
             "x": text(&point[1..33]), "y": text(&point[33..])},
            {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "alg": "EdDSA",
             "x": text(self.ed25519.public().ed25519_bytes().unwrap())},
        ]})
    }

    pub(crate) fn keys(&self) -> KeySet {
        KeySet::read(self.jwks().to_string().as_bytes()).unwrap()
    }

    /// Signs exactly this header and these claims.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> Vec<u8> {
        self.sign_text(&header.to_string(), &claims.to_string(), header["alg"].as_str().unwrap_or("RS256"))
    }

    /// Signs as P-256 keys do elsewhere than in tokens.
    fn sign_in_der(&self, message: &[u8]) -> Vec<u8> {
        let pkcs8 = self.p256.to_pkcs8v1().unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    pub(crate) fn sign_text(&self, header: &str, claims: &str, algorithm: &str) -> Vec<u8> {
        let signed = format!("{}.{}", text(header.as_bytes()), text(claims.as_bytes()));
        let signature = match algorithm {
            "ES256" => self.p256.sign(&SystemRandom::new(), signed.as_bytes()).unwrap().as_ref().to_vec(),
            "EdDSA" => self.ed25519.sign(signed.as_bytes()),
            _ => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                let random = SystemRandom::new();
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", text(&signature)).into_bytes()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn job_key() -> SigningKey {
    SigningKey::from_seed(&[42; 32])
}

pub(crate) fn origin() -> Origin {
    "example.com/log".parse().unwrap()
}

pub(crate) fn header(algorithm: &str) -> Value {
    let kid = match algorithm {
        "ES256" => "p256",
        "EdDSA" => "ed",
        _ => "rsa",
    };
    json!({"alg": algorithm, "kid": kid, "typ": "JWT", "x5t": "ykNaY4qM_ta4k2TgZOCEYLkcYlA"})
}

/// The claims of a job of GitHub's, for the key of [`job_key`].
pub(crate) fn claims() -> Value {
    json!({
        "jti": "0d562f83-1de2-41f8-845d-82e8925cc070",
        "iss": ISSUER,
        "sub": "repo:acme/api:ref:refs/heads/main",
        "aud": audience(&origin(), &job_key().id()),
        "iat": ISSUED, "nbf": ISSUED - 300, "exp": ISSUED + 300,
        "event_name": "push",
        "repository": "acme/api", "repository_id": "74",
        "repository_owner": "acme", "repository_owner_id": "65",
        "repository_visibility": "public",
        "ref": "refs/heads/main", "ref_type": "branch",
        "sha": "16d9990c2f5b7a0d8e4f1b3c6a9d2e5f80714263",
        "job_workflow_ref": "acme/workflows/.github/workflows/release.yml@refs/heads/main",
        "workflow_ref": "acme/api/.github/workflows/ci.yml@refs/heads/main",
        "run_id": "4711", "run_attempt": "2",
        "runner_environment": "github-hosted",
        "environment": "",
    })
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse_rfc3339(NOW).unwrap()
}

/// Verifies as a document does that lists the issuer with all algorithms.
fn check(token: &[u8]) -> Result<VerifiedToken, TokenError> {
    check_as(token, |_| (), now())
}

fn check_as(
    token: &[u8],
    change: impl FnOnce(&mut Expected<'_>),
    now: Timestamp,
) -> Result<VerifiedToken, TokenError> {
    let (audience, required) = (audience(&origin(), &job_key().id()), BTreeMap::new());
    let mut expected = Expected {
        issuer: ISSUER,
        kind: IssuerKind::GitHub,
        audience: &audience,
        algorithms: &TokenAlgorithm::ALL,
        lifetime: 3600,
        required: &required,
    };
    change(&mut expected);
    verify(&Token::parse(token)?, &expected, &issuer().keys(), now)
}

fn word(checked: Result<VerifiedToken, TokenError>) -> &'static str {
    checked.map_or_else(|error| error.word(), |_| "believed")
}
