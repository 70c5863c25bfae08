//! Identity tokens, and the keys of their issuers.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use custody_evidence::key::SigningKey;
use custody_evidence::oidc::{
    Expected, IssuerKind, KeySet, MAX_KEYS, Token, TokenAlgorithm, audience, verify,
};
use custody_log::Timestamp;

use super::Target;
use super::note::origin;
use crate::claim::{Outcome, bounded, refused};
use crate::corpus::Corpus;

const ISSUER: &str = "https://token.actions.githubusercontent.com";

const WORDS: &[&str] = &[
    "\"alg\":",
    "\"none\"",
    "\"HS256\"",
    "\"RS256\"",
    "\"ES256\"",
    "\"EdDSA\"",
    "\"kid\":",
    "\"crit\":",
    "\"jwk\":",
    "\"kty\":",
    "\"RSA\"",
    "\"EC\"",
    "\"OKP\"",
    "\"oct\"",
    "\"crv\":",
    "\"P-256\"",
    "\"Ed25519\"",
    "\"use\":",
    "\"sig\"",
    "\"n\":",
    "\"e\":",
    "\"x\":",
    "\"y\":",
    "\"d\":",
    "\"keys\":",
    "\"aud\":",
    "\"exp\":",
    "\"iss\":",
    "AQAB",
    ".",
    "..",
    "e30",
    "=",
];

pub(super) const TARGETS: &[Target] = &[
    Target { name: "oidc.token", max: 4 << 10, rounds: 2500, words: WORDS, seeds: tokens, run: token },
    Target { name: "oidc.key_set", max: 4 << 10, rounds: 2500, words: WORDS, seeds: key_sets, run: key_set },
];

fn issuer() -> SigningKey {
    SigningKey::from_seed(&[77; 32])
}

fn set() -> String {
    let x = URL_SAFE_NO_PAD.encode(issuer().public().ed25519_bytes().unwrap());
    format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"{x}"}}]}}"#)
}

fn key_sets(_: &Corpus) -> Vec<Vec<u8>> {
    let p256 = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a","use":"sig","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    vec![set().into_bytes(), p256.as_bytes().to_vec()]
}

fn signed() -> &'static str {
    r#"{"iss":"https://token.actions.githubusercontent.com","sub":"repo:a/b","aud":"AUDIENCE","iat":1795183200,"nbf":1795183000,"exp":1795183500,"jti":"x","event_name":"push","repository":"a/b","repository_id":"7","repository_owner":"a","repository_owner_id":"6","sha":"ab","ref":"refs/heads/main","job_workflow_ref":"a/b/.github/workflows/c.yml@refs/heads/main","run_id":"1","run_attempt":"1"}"#
}

fn tokens(_: &Corpus) -> Vec<Vec<u8>> {
    vec![good()]
}

fn good() -> Vec<u8> {
    let audience = audience(&origin(), &issuer().id());
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","kid":"ed","typ":"JWT"}"#);
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(signed().replace("AUDIENCE", &audience)));
    let signature = URL_SAFE_NO_PAD.encode(issuer().sign(text.as_bytes()));
    format!("{text}.{signature}").into_bytes()
}

/// The issuer signed one token, so no other text is believed.
fn token(bytes: &[u8]) -> Outcome {
    let token = match Token::parse(bytes) {
        Ok(token) => token,
        Err(error) => return refused(&error),
    };
    bounded(bytes.len(), &token, 4, 1024);
    let (required, audience) = (BTreeMap::new(), audience(&origin(), &issuer().id()));
    let expected = Expected {
        issuer: ISSUER,
        kind: IssuerKind::GitHub,
        audience: &audience,
        algorithms: &TokenAlgorithm::ALL,
        lifetime: 3600,
        required: &required,
    };
    let keys = KeySet::read(set().as_bytes()).unwrap();
    let now = Timestamp::parse_rfc3339("2026-11-20T14:01:00Z").unwrap();
    match verify(&token, &expected, &keys, now) {
        Ok(_) => {
            assert_eq!(bytes, good(), "a token that the issuer did not sign");
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

fn key_set(bytes: &[u8]) -> Outcome {
    match KeySet::read(bytes) {
        Ok(keys) => {
            assert!((1..=MAX_KEYS).contains(&keys.keys().len()));
            let kept = serde_json::to_vec(&keys).unwrap();
            assert_eq!(KeySet::read(&kept).as_ref(), Ok(&keys), "what is kept is read as the same");
            bounded(bytes.len(), &keys, 16, 4096);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}
