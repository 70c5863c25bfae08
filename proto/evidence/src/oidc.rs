//! Identity tokens of `OpenID` Connect issuers: who a CI job is, said by whoever runs it, for some minutes.
//!
//! A token is a JWT (RFC 7519) in the compact form of a JWS (RFC 7515), signed by a key of the issuer's set (JWKS, RFC 7517).
//! Everything is strict, since a token is a credential: the issuer is looked up in the trust document before a signature is
//! checked, the algorithm is one that the document lists, there is exactly one audience, nothing that a token says about keys is
//! used, and no member may be there twice.
//!
//! What the claims of the CI systems are called in the one vocabulary of identities is in `vocabulary`; `sub` is compared and
//! never taken apart.

mod algorithm;
mod credential;
mod error;
mod key_set;
mod kind;
#[cfg(test)]
pub(crate) mod tests;
mod token;
mod verify;
mod vocabulary;

use custody_log::Origin;

pub use algorithm::TokenAlgorithm;
pub use credential::Credential;
pub use error::TokenError;
pub use key_set::{KeySet, KeySetError, MAX_KEY_SET, MAX_KEYS, MAX_LISTED, TokenKey};
pub use kind::IssuerKind;
pub use token::{MAX_TOKEN, Token};
pub use verify::{Expected, TokenId, VerifiedToken, verify};

use crate::key::KeyId;

/// How far the issuer's clock may be from the ledger's: 30 s.
pub const LEEWAY_MICROS: i64 = 30 * 1_000_000;

/// The longest lifetime of a token where the trust document does not say one, in seconds: an hour, as the tokens of GitLab and
/// `CircleCI` have. Those of GitHub and Buildkite have five minutes.
pub const LIFETIME_DEFAULT: u64 = 3600;

/// The longest lifetime that a trust document may allow, in seconds: a day.
pub const LIFETIME_MAX: u64 = 86_400;

/// Returns the audience of a token that only the holder of this key can use, and only for this log.
#[must_use]
pub fn audience(origin: &Origin, key: &KeyId) -> String {
    format!("custody:{origin}:{key}")
}
