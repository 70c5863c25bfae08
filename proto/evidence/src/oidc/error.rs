//! Why a token is not believed. No text quotes a token.

use custody_log::Timestamp;

use super::TokenAlgorithm;
use crate::json::JsonError;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Longer than [`super::MAX_TOKEN`].
    #[error("an identity token is at most {max} bytes, found {found}")]
    TooLong {
        /// [`super::MAX_TOKEN`].
        max: usize,
        /// Its length.
        found: usize,
    },
    /// Not three parts in base64url.
    #[error(
        "the identity token is not a JWT: expected three parts in base64url without padding, with a dot between them"
    )]
    Form,
    /// A part that is not strict JSON of the right shape.
    #[error("the {part} of the identity token cannot be read: {source}")]
    Json {
        /// `header` or `claims`.
        part: &'static str,
        /// What is wrong.
        source: JsonError,
    },
    /// A header that would decide how the token is read, or with which key.
    #[error(
        "the identity token's header has {member:?}: a token says nothing about how it is checked, or with which key"
    )]
    Header {
        /// The member.
        member: String,
    },
    /// An algorithm that the issuer is not listed with.
    #[error(
        "the identity token is signed with {found:?}; of this issuer {} is accepted",
        listed(.allowed)
    )]
    Algorithm {
        /// The token's `alg`, cut to 40 characters.
        found: String,
        /// What the trust document lists; nothing before the issuer is known.
        allowed: Vec<TokenAlgorithm>,
    },
    /// No such issuer in the trust document.
    #[error(
        "the trust document lists no issuer {found:?}: an administrator must add it (custody trust propose), or the token \
         must come from another one"
    )]
    Issuer {
        /// The token's `iss`, cut to 200 characters.
        found: String,
    },
    /// Another audience, or several.
    #[error("expected the identity token for the audience {expected:?} alone, found {}", quoted(.found))]
    Audience {
        /// What it must be.
        expected: String,
        /// The token's, at most four, each cut to 200 characters.
        found: Vec<String>,
    },
    /// It has ended.
    #[error("the identity token ended at {expires}, and it is {now}: ask for a new one")]
    Expired {
        /// Its `exp`.
        expires: Timestamp,
        /// Ledger time.
        now: Timestamp,
    },
    /// It is not valid yet.
    #[error("the identity token begins at {begins} ({claim}), and it is {now}: is a clock wrong?")]
    NotYet {
        /// `nbf` or `iat`.
        claim: &'static str,
        /// When.
        begins: Timestamp,
        /// Ledger time.
        now: Timestamp,
    },
    /// It lives too long.
    #[error("the identity token lives for {found} s; of this issuer at most {max} s are accepted")]
    Lifetime {
        /// What the trust document allows, in seconds.
        max: u64,
        /// From `iat` to `exp`, in seconds.
        found: i64,
    },
    /// A claim that must be there is not, or is of another type.
    #[error("the identity token lacks the claim {claim:?}, or it is not {expected}")]
    Claim {
        /// The claim.
        claim: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A claim that the trust document asks for has another value.
    #[error(
        "the identity token's claim {claim:?} is {found:?}, which the trust document does not accept of this issuer"
    )]
    ClaimValue {
        /// The claim.
        claim: String,
        /// Its value, cut to 200 characters.
        found: String,
    },
    /// A job whose identity is the project's, and which runs for a stranger.
    #[error(
        "the identity token is of a job that runs as {found:?}: such jobs act for strangers, and record nothing"
    )]
    Trigger {
        /// What it runs as.
        found: String,
    },
    /// No key of the issuer has the token's key id.
    #[error("the issuer {issuer} has no {algorithm} key {}", kid.as_ref().map_or_else(
        || "alone, and the identity token does not say which it is signed with".to_owned(),
        |kid| format!("{kid:?}")
    ))]
    UnknownKey {
        /// The issuer.
        issuer: String,
        /// The algorithm.
        algorithm: TokenAlgorithm,
        /// The token's `kid`.
        kid: Option<String>,
    },
    /// The signature does not hold.
    #[error("the signature of the identity token was not made by the issuer's key {kid:?}")]
    Signature {
        /// The token's `kid`; empty if it has none.
        kid: String,
    },
}

impl TokenError {
    /// Returns the stable reason word (`docs/format.md`, "Admission record").
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::TooLong { .. } | Self::Form | Self::Json { .. } => "token_malformed",
            Self::Header { .. } => "token_header",
            Self::Algorithm { .. } => "token_algorithm",
            Self::Issuer { .. } => "token_issuer",
            Self::Audience { .. } => "token_audience",
            Self::Expired { .. } => "token_expired",
            Self::NotYet { .. } => "token_not_yet",
            Self::Lifetime { .. } => "token_lifetime",
            Self::Claim { .. } | Self::ClaimValue { .. } => "token_claim",
            Self::Trigger { .. } => "token_trigger",
            Self::UnknownKey { .. } => "token_key_unknown",
            Self::Signature { .. } => "token_signature",
        }
    }

    /// Whether the token was understood, and is not believed.
    #[must_use]
    pub const fn is_about_rights(&self) -> bool {
        !matches!(self, Self::TooLong { .. } | Self::Form | Self::Json { .. })
    }
}

fn listed(algorithms: &[TokenAlgorithm]) -> String {
    let algorithms = if algorithms.is_empty() { &TokenAlgorithm::ALL } else { algorithms };
    algorithms.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", ")
}

fn quoted(texts: &[String]) -> String {
    match texts {
        [] => "none".to_owned(),
        texts => texts.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", "),
    }
}
