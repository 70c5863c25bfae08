//! A candidate as expressions see it: what it says, what was verified, and what is only claimed, apart.

use custody_evidence::admission::{Binding, SubmitterClaims};
use custody_log::LeafIndex;
use serde_json::{Map, Value as Json, json};

use super::Case;
use super::built::Built;
use crate::cel::Attestation;
use crate::evidence::Entry;

/// Makes what an expression sees of an entry; `first` is where its content was recorded first.
pub(super) fn attestation(entry: &Entry, first: LeafIndex) -> Attestation {
    let predicate = entry.predicate.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let json = json!({
        "predicate": predicate.unwrap_or(Json::Null),
        "predicateType": entry.predicate_type,
        "index": entry.index.get(),
        "time": entry.time.to_string(),
        "subjects": entry.subjects,
        "verified": verified(entry),
        "claimed": claimed(entry),
    });
    Attestation { index: first, predicate_type: entry.predicate_type.clone(), json }
}

fn verified(entry: &Entry) -> Json {
    let signers = entry.trusted_signers().map(|signer| {
        let mut members = signer.claims.as_ref().map(claims).unwrap_or_default();
        members.insert("identity".to_owned(), signer.identity.to_string().into());
        let authority = signer.authority.unwrap_or(entry.authority);
        members.insert("authority".to_owned(), authority.as_str().into());
        Json::Object(members)
    });
    let binding = entry.binding.map(|binding| match binding {
        Binding::Bound => "bound",
        Binding::Conflict => "conflict",
        Binding::Unbound => "unbound",
    });
    json!({
        "signers": signers.collect::<Vec<_>>(),
        "submitter": entry.submitter.as_ref().map(|submitter| Json::Object(claims(submitter))),
        "binding": binding,
        "authority": entry.authority.as_str(),
        "level": entry.level.as_str(),
    })
}

fn claimed(entry: &Entry) -> Json {
    let built = Built::of(entry).unwrap_or_default();
    json!({
        "happened": entry.happened.map(|time| time.to_string()),
        "builder": built.builder,
        "repository": built.repositories.first().map(ToString::to_string),
        "ref": built.reference,
        "commit": built.commit.as_ref().and_then(|commit| commit.commit_hex()),
    })
}

/// Claims that an issuer made; what it did not say is not there, so `has()` tells.
fn claims(claims: &SubmitterClaims) -> Map<String, Json> {
    let said =
        SubmitterClaims::NAMES.iter().filter_map(|name| Some(((*name).to_owned(), claims.get(name)?.into())));
    std::iter::once(("issuer".to_owned(), claims.issuer.as_str().into())).chain(said).collect()
}

impl Case<'_> {
    pub(super) fn subject_json(&self) -> Json {
        json!({ "digest": self.question.subject.to_string(), "environment": self.question.environment })
    }
}
