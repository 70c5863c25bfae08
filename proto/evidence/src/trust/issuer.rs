//! The `OpenID` Connect issuers of a trust document: whose tokens say who a caller is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::TrustError;
use crate::identity::OidcIdentity;
use crate::oidc::{IssuerKind, KeySet, LIFETIME_DEFAULT, LIFETIME_MAX, TokenAlgorithm};

/// The most issuers of a document: each may have a key set of 50 KB in it, and has one in memory.
pub const MAX_ISSUERS: usize = 64;

/// The most claims that tokens of one issuer must have, and the most values of each.
pub const MAX_REQUIRED: usize = 32;

/// An `OpenID` Connect issuer. A member that has its default is not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The URL, as in the claim `iss`.
    pub url: String,
    /// The audience that tokens must have, and no other beside it. None: the job chooses it, and it is
    /// [`crate::oidc::audience`] of the log and the job's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Which CI system it is. None: what its URL says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<IssuerKind>,
    /// Where its keys are. None: its discovery document says it (`<url>/.well-known/openid-configuration`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Its keys, pinned: then nothing is fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<KeySet>,
    /// What it may sign tokens with.
    #[serde(default = "rs256", skip_serializing_if = "is_rs256")]
    pub algorithms: Vec<TokenAlgorithm>,
    /// The longest lifetime of a token, in seconds, at most [`LIFETIME_MAX`].
    #[serde(default = "lifetime", skip_serializing_if = "is_lifetime")]
    pub longest_lifetime_seconds: u64,
    /// Claims that a token must have, by the issuer's own names, each with one of the values; with any where there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub required_claims: BTreeMap<String, Vec<String>>,
}

impl Issuer {
    /// Takes an issuer with the defaults of everything but its URL.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            audience: None,
            kind: None,
            jwks_url: None,
            jwks: None,
            algorithms: rs256(),
            longest_lifetime_seconds: LIFETIME_DEFAULT,
            required_claims: BTreeMap::new(),
        }
    }

    /// Returns which CI system it is.
    #[must_use]
    pub fn kind(&self) -> IssuerKind {
        self.kind.unwrap_or_else(|| IssuerKind::of_url(&self.url))
    }

    /// Returns where its discovery document is.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url.trim_end_matches('/'))
    }
}

/// Checks the issuers of a document.
pub(super) fn check(issuers: &[Issuer]) -> Result<(), TrustError> {
    if issuers.len() > MAX_ISSUERS {
        return Err(TrustError::TooMany { list: "issuers", max: MAX_ISSUERS, found: issuers.len() });
    }
    let mut urls = BTreeSet::new();
    for (position, issuer) in issuers.iter().enumerate() {
        let wrong = |member, expected| TrustError::Issuer { position, member, expected };
        if !is_fetchable(&issuer.url) || OidcIdentity::new(&issuer.url, "x").is_err() {
            return Err(wrong("url", URL));
        }
        if !urls.insert(&issuer.url) {
            return Err(wrong("url", "an issuer that is listed once"));
        }
        if issuer.jwks_url.as_ref().is_some_and(|url| !is_fetchable(url)) {
            return Err(wrong("jwks_url", URL));
        }
        if issuer.jwks.is_some() && issuer.jwks_url.is_some() {
            return Err(wrong("jwks", "keys, or a place to fetch them from, and not both"));
        }
        if issuer.audience.as_ref().is_some_and(|text| !is_word(text)) {
            return Err(wrong("audience", WORD));
        }
        let algorithms: BTreeSet<_> = issuer.algorithms.iter().collect();
        if algorithms.is_empty() || algorithms.len() != issuer.algorithms.len() {
            return Err(wrong("algorithms", "RS256, ES256 or EdDSA, each once"));
        }
        if !(1..=LIFETIME_MAX).contains(&issuer.longest_lifetime_seconds) {
            return Err(wrong("longest_lifetime_seconds", "1 to 86400 seconds"));
        }
        let claims = &issuer.required_claims;
        let few = claims.len() <= MAX_REQUIRED && claims.values().all(|values| values.len() <= MAX_REQUIRED);
        if !few
            || !claims.iter().all(|(name, values)| is_word(name) && values.iter().all(|value| is_word(value)))
        {
            return Err(wrong(
                "required_claims",
                "at most 32 claims with at most 32 values, of 1 to 1,024 bytes each",
            ));
        }
    }
    Ok(())
}

const URL: &str = "an https:// URL, or an http:// one of this machine (localhost, 127.0.0.1, [::1])";
const WORD: &str = "a text of 1 to 1,024 bytes without control characters";

/// Whether keys may be fetched from there: by https, or from this machine. Who stands between the server and the issuer could put
/// in others.
#[must_use]
pub fn is_fetchable(url: &str) -> bool {
    let plain =
        url.len() <= 1024 && url.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'@');
    let authority = |rest: &str| rest.split(['/', '?']).next().unwrap_or_default().to_owned();
    let host = |authority: String| match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default().to_owned(),
        None => authority.split(':').next().unwrap_or_default().to_owned(),
    };
    plain
        && match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => !host(authority(rest)).is_empty(),
            (_, Some(rest)) => matches!(host(authority(rest)).as_str(), "localhost" | "127.0.0.1" | "::1"),
            (None, None) => false,
        }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && !text.chars().any(char::is_control)
}

fn rs256() -> Vec<TokenAlgorithm> {
    vec![TokenAlgorithm::Rs256]
}

fn is_rs256(algorithms: &[TokenAlgorithm]) -> bool {
    algorithms == [TokenAlgorithm::Rs256]
}

const fn lifetime() -> u64 {
    LIFETIME_DEFAULT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference to the field")]
const fn is_lifetime(seconds: &u64) -> bool {
    *seconds == LIFETIME_DEFAULT
}
