//! Who shows a token, as an admission record tells it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::{BlobDigest, LeafIndex, Timestamp};
use serde::{Deserialize, Serialize};

use super::claims::SubmitterClaims;
use super::record::{AdmissionRecord, Attachment};
use super::refusal::Refusal;
use crate::identity::{Identity, OidcIdentity};
use crate::key::{KeyId, PublicKey};
use crate::oidc::{
    self, Credential, Expected, KeySet, LEEWAY_MICROS, Token, TokenAlgorithm, TokenError, TokenId,
};
use crate::trust::{Issuer, TrustState, text};

/// The media type of a token that is kept beside its record (RFC 7519 section 10.3.1).
pub const TOKEN_MEDIA_TYPE: &str = "application/jwt";

/// How the submitter's identity was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenProof {
    /// Whether anybody can check it again, or the ledger's word is needed.
    pub check: TokenCheck,
    /// What binds the token to the key.
    pub bound_by: BoundBy,
    /// Who it is.
    pub identity: Identity,
    /// The key that it was shown for. It made a signature of the envelope.
    pub key: KeyId,
    /// What tells the token from all others.
    #[serde(with = "text")]
    pub id: TokenId,
    /// The key id in its header.
    pub kid: Option<String>,
    /// The algorithm of its signature.
    pub algorithm: TokenAlgorithm,
    /// When it was issued.
    #[serde(with = "text::time")]
    pub issued: Timestamp,
    /// When it ended.
    #[serde(with = "text::time")]
    pub expires: Timestamp,
    /// The entry that holds the keys it was checked with; none: the trust document does.
    pub jwks: Option<u64>,
}

/// Whether anybody can check an identity again. The two never look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCheck {
    /// The ledger says so: it saw the issuer's keys, or which key used the token first.
    Asserted,
    /// Administrators pinned the issuer's keys, and the token itself names log and key.
    Verified,
}

/// What binds a token to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundBy {
    /// Its audience names log and key.
    Audience,
    /// It belongs to the first key that used it, until it ends.
    FirstUse,
}

/// A caller who showed a token that holds.
pub(super) struct Caller {
    pub(super) key: PublicKey,
    pub(super) identity: OidcIdentity,
    pub(super) claims: SubmitterClaims,
    pub(super) proof: TokenProof,
    /// The token as it is kept.
    pub(super) attachment: Attachment,
}

impl TokenProof {
    /// Returns when the token does not hold any more.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.expires.plus_micros(LEEWAY_MICROS)
    }
}

impl Caller {
    /// Verifies a token under the trust that holds.
    pub(super) fn of(trust: &TrustState, credential: &Credential, now: Timestamp) -> Result<Self, Refusal> {
        let token = Token::parse(credential.token())?;
        let found = || token.issuer().unwrap_or_default().chars().take(200).collect();
        let issuer = token.issuer().and_then(|url| trust.document().issuer(url));
        let issuer = issuer.ok_or_else(|| TokenError::Issuer { found: found() })?;
        let key = credential.key();
        let audience = expected_audience(trust, issuer, &key.id());
        let none = KeySet::default();
        let in_use = trust.key_set(&issuer.url);
        let keys = in_use.map_or(&none, |in_use| in_use.keys);
        let expected = Expected {
            issuer: &issuer.url,
            kind: issuer.kind(),
            audience: &audience,
            algorithms: &issuer.algorithms,
            lifetime: issuer.longest_lifetime_seconds,
            required: &issuer.required_claims,
        };
        let verified = oidc::verify(&token, &expected, keys, now)?;
        let proof =
            proof(issuer, in_use.and_then(|in_use| in_use.index), |check, bound_by, jwks| TokenProof {
                check,
                bound_by,
                identity: Identity::Oidc(verified.identity().clone()),
                key: key.id(),
                id: verified.id(),
                kid: verified.kid().map(ToOwned::to_owned),
                algorithm: verified.algorithm(),
                issued: verified.issued(),
                expires: verified.expires(),
                jwks,
            });
        Ok(Self {
            key: key.clone(),
            identity: verified.identity().clone(),
            claims: verified.claims().clone(),
            proof,
            attachment: attachment(credential.token()),
        })
    }

    /// Returns the caller of an entry that is in a log. With the token that was kept it is verified again; without it the
    /// record's word is taken for what only the token says, and everything else must follow from the trust document.
    pub(super) fn again(
        trust: &TrustState,
        record: &AdmissionRecord,
        token: Option<&[u8]>,
        now: Timestamp,
    ) -> Result<Option<Self>, Refusal> {
        let Some(proof) = &record.token else { return Ok(None) };
        let key = recorded_key(record, proof.key).ok_or(Refusal::TokenNotBound { key: proof.key })?;
        if let Some(token) = token {
            return Self::of(trust, &Credential::new(token.to_vec(), key), now).map(Some);
        }
        let unfit = || Refusal::TokenRecord { key: proof.key };
        let claims = record.submitter.clone().ok_or_else(unfit)?;
        let issuer = trust.document().issuer(&claims.issuer);
        let issuer = issuer.ok_or_else(|| TokenError::Issuer { found: claims.issuer.clone() })?;
        let index = trust.key_set(&issuer.url).ok_or_else(unfit)?.index;
        let again = self::proof(issuer, index, |check, bound_by, jwks| TokenProof {
            check,
            bound_by,
            jwks,
            ..proof.clone()
        });
        let [attachment] = record.attachments.as_slice() else { return Err(unfit()) };
        if again != *proof || !fits(proof, issuer, now) || attachment.media_type != TOKEN_MEDIA_TYPE {
            return Err(unfit());
        }
        let Identity::Oidc(identity) = proof.identity.clone() else { return Err(unfit()) };
        if identity.issuer() != claims.issuer {
            return Err(unfit());
        }
        Ok(Some(Self { key, identity, claims, proof: again, attachment: attachment.clone() }))
    }
}

/// Whether a token with these times and this algorithm is one that is taken of the issuer at this time.
fn fits(proof: &TokenProof, issuer: &Issuer, now: Timestamp) -> bool {
    let lifetime = proof.expires.as_micros().saturating_sub(proof.issued.as_micros());
    let longest = issuer.longest_lifetime_seconds.saturating_mul(1_000_000);
    let lives = u64::try_from(lifetime).is_ok_and(|lifetime| lifetime > 0 && lifetime <= longest);
    let holds = proof.ends() > now && proof.issued <= now.plus_micros(LEEWAY_MICROS);
    lives && holds && issuer.algorithms.contains(&proof.algorithm)
}

/// Returns the one audience that a token must have.
fn expected_audience(trust: &TrustState, issuer: &Issuer, key: &KeyId) -> String {
    match &issuer.audience {
        Some(fixed) => fixed.clone(),
        None => oidc::audience(trust.document().origin(), key),
    }
}

fn proof(
    issuer: &Issuer,
    index: Option<LeafIndex>,
    make: impl FnOnce(TokenCheck, BoundBy, Option<u64>) -> TokenProof,
) -> TokenProof {
    let bound_by = if issuer.audience.is_none() { BoundBy::Audience } else { BoundBy::FirstUse };
    let anybody = index.is_none() && bound_by == BoundBy::Audience;
    let check = if anybody { TokenCheck::Verified } else { TokenCheck::Asserted };
    make(check, bound_by, index.map(LeafIndex::get))
}

fn attachment(token: &[u8]) -> Attachment {
    Attachment {
        digest: BlobDigest::of(token),
        length: u64::try_from(token.len()).unwrap_or(u64::MAX),
        media_type: TOKEN_MEDIA_TYPE.to_owned(),
    }
}

/// Returns the key of this id that a record names beside a signature.
fn recorded_key(record: &AdmissionRecord, id: KeyId) -> Option<PublicKey> {
    let signer = record.signers.iter().find(|signer| signer.key == Some(id))?;
    let der = STANDARD.decode(signer.spki.as_ref()?).ok()?;
    PublicKey::from_spki_der(&der).ok().filter(|key| key.id() == id)
}
