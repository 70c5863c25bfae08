//! Who submitted an entry, by a token: what is known of it here, in words and as JSON. "Verified" and "asserted by the ledger"
//! never look alike.

use std::collections::BTreeMap;

use custody_client::ledger::Kept;
use custody_client::{Checked, Ledger};
use custody_evidence::admission::{AdmissionRecord, BoundBy, TokenCheck, TokenProof};
use custody_evidence::identity::Identity;
use custody_log::{LeafIndex, Timestamp};
use serde_json::{Value, json};

use super::failure::Failure;

/// What there is of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// It was checked here, with the keys that the trust document or the log has of its issuer.
    Checked,
    /// It was erased.
    Erased,
    /// Nobody asked for it.
    NotAsked,
    /// It has not ended, so it is served from this time on.
    NotYet(Timestamp),
}

impl Token {
    /// Returns what there is of a token that was asked for.
    pub(crate) const fn of(kept: &Kept) -> Self {
        match kept {
            Kept::Bytes(_) => Self::Checked,
            Kept::Erased => Self::Erased,
            Kept::NotYet(after) => Self::NotYet(*after),
        }
    }
}

/// Gets the tokens of verified entries, and checks them: of those that can make an identity `verified`, since a token under keys that
/// the ledger saw makes none. Entries that are logged alone have none here.
pub(crate) async fn tokens(
    ledger: &Ledger,
    entries: &[Checked],
) -> Result<BTreeMap<LeafIndex, Token>, Failure> {
    let mut tokens = BTreeMap::new();
    for verified in entries.iter().filter_map(Checked::verified) {
        let pinned = |proof: &TokenProof| proof.check == TokenCheck::Verified;
        if verified.logged().record().token.as_ref().is_some_and(pinned)
            && let Some(kept) = ledger.token(verified).await?
        {
            tokens.insert(verified.logged().entry().index, Token::of(&kept));
        }
    }
    Ok(tokens)
}

/// Who submitted an entry, and what is known of it here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submitter<'a> {
    proof: &'a TokenProof,
    token: Token,
}

impl<'a> Submitter<'a> {
    /// Returns the submitter whom an admission record names; none if it came without a token.
    pub(crate) fn of(record: &'a AdmissionRecord, token: Token) -> Option<Self> {
        Some(Self { proof: record.token.as_ref()?, token })
    }

    /// Returns the word: `verified` only where administrators pinned the issuer's keys, the token names log and key, and it was
    /// checked here. Everything else is the ledger's word.
    pub(crate) fn word(&self) -> &'static str {
        let verified = self.proof.check == TokenCheck::Verified && self.token == Token::Checked;
        if verified { "verified" } else { "asserted" }
    }

    /// Returns the name: `<issuer>#<name>`.
    pub(crate) fn name(&self) -> String {
        self.proof.identity.to_string()
    }

    /// Returns what people read: who it is, how much is known of it, and what to compare.
    pub(crate) fn text(&self) -> String {
        let name = self.name();
        if self.word() == "verified" {
            return format!(
                "{name}: its token holds under the issuer's keys in the trust document, and names this log and the key that signed"
            );
        }
        format!("{name}, asserted by the ledger: {}", self.reasons().join("; "))
    }

    /// Says what is the ledger's word, and what would make more of it.
    fn reasons(&self) -> Vec<String> {
        let (proof, holds) = (self.proof, self.token == Token::Checked);
        let mut reasons = Vec::new();
        let issuer = match &proof.identity {
            Identity::Oidc(holder) => holder.issuer(),
            Identity::Key(_) => "its issuer",
        };
        match (proof.jwks, holds) {
            (Some(index), true) => {
                reasons.push(format!(
                    "its token holds under the keys in index:{index}, to compare with those of {issuer}"
                ));
            }
            (Some(index), false) => {
                reasons.push(format!("it saw the keys of {issuer} that are in index:{index}"));
            }
            (None, true) => {
                reasons.push("its token holds under the issuer's keys in the trust document".to_owned());
            }
            (None, false) => reasons.push("the issuer's keys are in the trust document".to_owned()),
        }
        if proof.bound_by == BoundBy::FirstUse {
            reasons.push("that the key which signed used the token first is its word".to_owned());
        }
        match self.token {
            Token::Checked | Token::NotAsked => {}
            Token::Erased => reasons.push("its token was erased".to_owned()),
            Token::NotYet(from) => reasons.push(format!("its token can be checked from {from} on")),
        }
        reasons
    }

    /// Returns the object that `-o json` prints.
    pub(crate) fn json(&self) -> Value {
        let proof = self.proof;
        let bound_by = match proof.bound_by {
            BoundBy::Audience => "audience",
            BoundBy::FirstUse => "first_use",
        };
        let token = match self.token {
            Token::Checked => "verified",
            Token::Erased => "erased",
            Token::NotAsked => "not_checked",
            Token::NotYet(_) => "not_yet",
        };
        json!({
            "name": self.name(), "check": self.word(), "token": token, "bound_by": bound_by, "jwks": proof.jwks,
            "issued": proof.issued.to_string(), "expires": proof.expires.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use custody_evidence::key::KeyId;
    use custody_evidence::oidc::{TokenAlgorithm, TokenId};

    use super::*;

    fn proof(check: TokenCheck, bound_by: BoundBy, jwks: Option<u64>) -> TokenProof {
        let id: TokenId = "ab".repeat(32).parse().unwrap();
        TokenProof {
            check,
            bound_by,
            identity: "https://id.example#https://id.example/acme/api".parse().unwrap(),
            key: KeyId::from_bytes([1; 32]),
            id,
            kid: None,
            algorithm: TokenAlgorithm::Rs256,
            issued: "2026-11-20T10:00:00.000000Z".parse().unwrap(),
            expires: "2026-11-20T10:05:00.000000Z".parse().unwrap(),
            jwks,
        }
    }

    #[test]
    fn only_a_token_that_was_checked_here_under_pinned_keys_is_a_verified_identity() {
        let later = Token::NotYet("2026-11-20T10:05:30.000000Z".parse().unwrap());
        let tokens = [Token::Checked, Token::Erased, Token::NotAsked, later];
        let mut verified = 0;
        for check in [TokenCheck::Verified, TokenCheck::Asserted] {
            for bound_by in [BoundBy::Audience, BoundBy::FirstUse] {
                for jwks in [None, Some(12)] {
                    for token in tokens {
                        let proof = proof(check, bound_by, jwks);
                        let submitter = Submitter { proof: &proof, token };
                        let (word, text, json) = (submitter.word(), submitter.text(), submitter.json());
                        let holds = check == TokenCheck::Verified && token == Token::Checked;
                        assert_eq!((word == "verified", json["check"] == "verified"), (holds, holds));
                        assert_eq!(text.contains("asserted by the ledger"), !holds, "{text}");
                        assert!(holds || jwks.is_none() || text.contains("index:12"), "{text}");
                        verified += usize::from(holds);
                    }
                }
            }
        }
        assert_eq!(verified, 4);
    }
}
