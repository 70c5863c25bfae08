//! Whether a token is to be believed, and what it says then.

use std::collections::BTreeMap;

use custody_log::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::vocabulary::{self, Said};
use super::{IssuerKind, KeySet, LEEWAY_MICROS, Token, TokenAlgorithm, TokenError};
use crate::admission::SubmitterClaims;
use crate::identity::OidcIdentity;

/// The last second of the year 9999.
const SECOND_MAX: i64 = 253_402_300_799;

/// The longest text of `jti`, in bytes.
const MAX_ID: usize = 1024;

/// What is expected of a token by the one who lists its issuer.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The issuer's URL.
    pub issuer: &'a str,
    /// What its claims are called.
    pub kind: IssuerKind,
    /// The one audience.
    pub audience: &'a str,
    /// The algorithms that it may be signed with.
    pub algorithms: &'a [TokenAlgorithm],
    /// The longest time from `iat` to `exp`, in seconds.
    pub lifetime: u64,
    /// Claims that must be there, by the issuer's own names, each with one of the values; any value where there are none.
    pub required: &'a BTreeMap<String, Vec<String>>,
}

/// What tells a token from all others: SHA-256 over its issuer and `jti`, or over the token where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId([u8; 32]);

/// A token that was signed by a key of its issuer, for this audience, and holds at this time. Only [`verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    identity: OidcIdentity,
    claims: SubmitterClaims,
    id: TokenId,
    kid: Option<String>,
    algorithm: TokenAlgorithm,
    issued: Timestamp,
    expires: Timestamp,
}

/// Verifies a token with the keys of its issuer, at this time.
///
/// In this order: issuer, algorithm, key and signature, audience, times, required claims, who it is.
pub fn verify(
    token: &Token,
    expected: &Expected<'_>,
    keys: &KeySet,
    now: Timestamp,
) -> Result<VerifiedToken, TokenError> {
    if token.issuer() != Some(expected.issuer) {
        let found = token.issuer().unwrap_or_default().chars().take(200).collect();
        return Err(TokenError::Issuer { found });
    }
    let algorithm = algorithm(token, expected)?;
    check_signature(token, algorithm, expected.issuer, keys)?;
    check_audience(token, expected.audience)?;
    let (issued, expires) = check_times(token, expected.lifetime, now)?;
    check_required(token, expected.required)?;
    let Said { identity, claims } = vocabulary::read(token, expected.kind)?;
    Ok(VerifiedToken {
        identity,
        claims,
        id: id(token, expected.issuer)?,
        kid: token.kid().map(ToOwned::to_owned),
        algorithm,
        issued,
        expires,
    })
}

impl TokenId {
    /// Wraps 32 bytes that are known to be such a digest.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// 64 hex digits in lower case.
impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for TokenId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)?;
        Ok(Self(bytes))
    }
}

impl VerifiedToken {
    /// Returns who it is.
    #[must_use]
    pub const fn identity(&self) -> &OidcIdentity {
        &self.identity
    }

    /// Returns all it says, in the one vocabulary.
    #[must_use]
    pub const fn claims(&self) -> &SubmitterClaims {
        &self.claims
    }

    /// Returns what tells it from all others.
    #[must_use]
    pub const fn id(&self) -> TokenId {
        self.id
    }

    /// Returns the key id in its header.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns the algorithm of its signature.
    #[must_use]
    pub const fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// Returns when it was issued.
    #[must_use]
    pub const fn issued(&self) -> Timestamp {
        self.issued
    }

    /// Returns when it ends.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }
}

fn algorithm(token: &Token, expected: &Expected<'_>) -> Result<TokenAlgorithm, TokenError> {
    let found = TokenAlgorithm::named(token.algorithm());
    found.filter(|found| expected.algorithms.contains(found)).ok_or_else(|| TokenError::Algorithm {
        found: token.algorithm().to_owned(),
        allowed: expected.algorithms.to_vec(),
    })
}

fn check_signature(
    token: &Token,
    algorithm: TokenAlgorithm,
    issuer: &str,
    keys: &KeySet,
) -> Result<(), TokenError> {
    let candidates = keys.candidates(algorithm, token.kid());
    if candidates.is_empty() {
        let kid = token.kid().map(ToOwned::to_owned);
        return Err(TokenError::UnknownKey { issuer: issuer.to_owned(), algorithm, kid });
    }
    let made = |key: &&super::TokenKey| key.key().made_jws(token.signed(), token.signature());
    if candidates.iter().any(made) {
        return Ok(());
    }
    Err(TokenError::Signature { kid: token.kid().unwrap_or_default().to_owned() })
}

/// Exactly one: a token for two audiences could be shown to one of them by the other.
fn check_audience(token: &Token, expected: &str) -> Result<(), TokenError> {
    let found: Vec<&str> = match token.claim("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => {
            let texts = list.iter().map(Value::as_str).collect::<Option<Vec<_>>>();
            texts.ok_or(claim("aud", "a text, or a list of texts"))?
        }
        _ => return Err(claim("aud", "a text, or a list of texts")),
    };
    if found == [expected] {
        return Ok(());
    }
    let cut = |text: &&str| text.chars().take(200).collect();
    Err(TokenError::Audience {
        expected: expected.to_owned(),
        found: found.iter().take(4).map(cut).collect(),
    })
}

/// Returns when it was issued, and when it ends.
fn check_times(token: &Token, max: u64, now: Timestamp) -> Result<(Timestamp, Timestamp), TokenError> {
    let issued = second(token, "iat")?.ok_or(claim("iat", A_TIME))?;
    let expires = second(token, "exp")?.ok_or(claim("exp", A_TIME))?;
    let not_before = second(token, "nbf")?;
    let found = expires - issued;
    if found <= 0 || u64::try_from(found).is_ok_and(|found| found > max) {
        return Err(TokenError::Lifetime { max, found });
    }
    let at = |name, second: i64| {
        Timestamp::from_micros(second.saturating_mul(1_000_000)).map_err(|_| claim(name, A_TIME))
    };
    let (issued, expires) = (at("iat", issued)?, at("exp", expires)?);
    if now >= expires.plus_micros(LEEWAY_MICROS) {
        return Err(TokenError::Expired { expires, now });
    }
    let not_before = not_before.map(|second| at("nbf", second)).transpose()?;
    for (name, begins) in [("iat", Some(issued)), ("nbf", not_before)] {
        if let Some(begins) = begins.filter(|begins| *begins > now.plus_micros(LEEWAY_MICROS)) {
            return Err(TokenError::NotYet { claim: name, begins, now });
        }
    }
    Ok((issued, expires))
}

const A_TIME: &str = "a whole number of seconds since 1970";

/// Returns a time in seconds (RFC 7519 section 2, `NumericDate`), whole ones alone; none if the claim is not there.
fn second(token: &Token, name: &str) -> Result<Option<i64>, TokenError> {
    let Some(value) = token.claim(name) else { return Ok(None) };
    let second = value.as_i64().filter(|second| (0..=SECOND_MAX).contains(second));
    second.map(Some).ok_or_else(|| claim(name, A_TIME))
}

fn check_required(token: &Token, required: &BTreeMap<String, Vec<String>>) -> Result<(), TokenError> {
    for (name, allowed) in required {
        let found = match token.claim(name) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(truth)) => truth.to_string(),
            _ => return Err(claim(name, "a text, a number or a truth value")),
        };
        if found.is_empty() {
            return Err(claim(name, "a text that is not empty"));
        }
        if !allowed.is_empty() && !allowed.contains(&found) {
            let found = found.chars().take(200).collect();
            return Err(TokenError::ClaimValue { claim: name.clone(), found });
        }
    }
    Ok(())
}

fn id(token: &Token, issuer: &str) -> Result<TokenId, TokenError> {
    let id = match token.claim("jti") {
        None => hex::encode(token.digest()),
        Some(Value::String(id)) if !id.is_empty() && id.len() <= MAX_ID => id.clone(),
        Some(_) => return Err(claim("jti", "a text of 1 to 1,024 bytes")),
    };
    let kind = if token.claim("jti").is_some() { "jti" } else { "sha256" };
    // Lengths first: no issuer and id together read as another issuer with another id.
    let text = format!("custody/token/v1\n{}\n{issuer}\n{kind}\n{id}", issuer.len());
    Ok(TokenId(Sha256::digest(text).into()))
}

fn claim(name: &str, expected: &'static str) -> TokenError {
    TokenError::Claim { claim: name.chars().take(200).collect(), expected }
}
