//! A token that was read, and of which nothing was checked yet.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::TokenError;
use super::key_set::is_kid;
use crate::json;
use crate::object::Object;

/// The longest token: 16 KiB. GitHub's has 2 KB, GitLab's 2 to 4 KB; one with the groups of a user may have more.
pub const MAX_TOKEN: usize = 16 << 10;

/// Members of a header by which a token would say how it is read, or with which key it is checked (RFC 7515 section 4.1, RFC
/// 7516, RFC 7797).
const DECIDING: [&str; 9] = ["crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc", "cty"];

/// The types of a header that an identity token has (RFC 7519 section 5.1); others are tokens for other uses.
const TYPES: [&str; 2] = ["jwt", "jose"];

/// A token that was read: its form is right, and nothing that it says is known to be true.
#[derive(Clone)]
pub struct Token {
    algorithm: String,
    kid: Option<String>,
    claims: Map<String, Value>,
    signature: Vec<u8>,
    /// How many bytes the signature is over, from the start of the text.
    signed: usize,
    text: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Token {
    /// Reads a JWT in the compact form of a JWS.
    pub fn parse(text: &[u8]) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN {
            return Err(TokenError::TooLong { max: MAX_TOKEN, found: text.len() });
        }
        let mut parts = text.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Form);
        };
        let signed = header.len() + 1 + claims.len();
        let [header, claims, signature] =
            [header, claims, signature].map(|part| URL_SAFE_NO_PAD.decode(part));
        let (Ok(header), Ok(claims), Ok(signature)) = (header, claims, signature) else {
            return Err(TokenError::Form);
        };
        let (algorithm, kid) = read_header(&header)?;
        let Object(claims) = json::from_slice::<Object<Map<String, Value>>>(&claims)
            .map_err(|source| TokenError::Json { part: "claims", source })?;
        Ok(Self { algorithm, kid, claims, signature, signed, text: text.to_vec() })
    }

    /// Returns the claim `iss`, if it is text: who says it made the token.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.text_claim("iss")
    }

    /// Returns a claim of text that is not empty.
    #[must_use]
    pub fn text_claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Returns the claim `iat`, in seconds since 1970.
    #[must_use]
    pub fn issued(&self) -> Option<i64> {
        self.claim("iat").and_then(Value::as_i64)
    }

    /// Returns the claim `exp`, in seconds since 1970.
    #[must_use]
    pub fn expires(&self) -> Option<i64> {
        self.claim("exp").and_then(Value::as_i64)
    }

    /// Returns the texts of the claim `aud`: one, or those of a list.
    #[must_use]
    pub fn audiences(&self) -> Vec<&str> {
        match self.claim("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns a claim, whatever it is.
    pub(super) fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// Returns the header's `alg`, cut to 40 characters.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Returns the header's `kid`, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Returns what the signature is over.
    pub(super) fn signed(&self) -> &[u8] {
        self.text.get(..self.signed).unwrap_or_default()
    }

    /// Returns the signature.
    pub(super) fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Returns SHA-256 of what was signed: a token that says nothing of its id is told by it. The signature is left out, since
    /// one of ECDSA can be changed and still holds.
    pub(super) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.signed()).into()
    }
}

/// A token is a secret until it ends.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

fn read_header(bytes: &[u8]) -> Result<(String, Option<String>), TokenError> {
    let Object(Header { alg, rest }) =
        json::from_slice(bytes).map_err(|source| TokenError::Json { part: "header", source })?;
    if let Some(member) = DECIDING.into_iter().find(|member| rest.contains_key(*member)) {
        return Err(TokenError::Header { member: member.to_owned() });
    }
    let of_another_type = |typ: &Value| {
        typ.as_str().is_none_or(|typ| !TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ)))
    };
    if rest.get("typ").is_some_and(of_another_type) {
        return Err(TokenError::Header { member: "typ".to_owned() });
    }
    let kid = match rest.get("kid") {
        None => None,
        Some(kid) => match kid.as_str().filter(|kid| is_kid(kid)) {
            Some(kid) => Some(kid.to_owned()),
            None => return Err(TokenError::Header { member: "kid".to_owned() }),
        },
    };
    Ok((alg.chars().take(40).collect(), kid))
}
