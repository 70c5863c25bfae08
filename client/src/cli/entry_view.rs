//! One entry as `find`, `show` and `trace` print it.

use custody_client::{Checked, Logged};
use custody_evidence::admission::{
    AdmissionRecord, Binding, BundleCheck, BundleCheckResult, BundleProof, Signer, SignerStatus,
};
use custody_evidence::identity::Identity;
use custody_evidence::trust::{Authority, Redacted, TrustState};
use serde::Serialize;
use serde_json::{Value, json};

use super::identity::{Submitter, Token};

/// The object that `custody find -o json` lists.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    index: u64,
    time: String,
    /// None if it was erased.
    predicate: Option<String>,
    subjects: Vec<String>,
    signers: Vec<Value>,
    submitter: Option<Value>,
    identity: Option<Value>,
    binding: Option<&'static str>,
    check: &'static str,
    envelope: String,
    /// The redaction by which nothing else is known; left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    redacted: Option<Value>,
}

impl EntryView {
    /// Reads what was checked; the token is what there is of the submitter's.
    pub(crate) fn of(checked: &Checked, trust: &TrustState, token: Token) -> Self {
        let (entry, record) = (checked.entry(), checked.record());
        Self {
            index: entry.index.get(),
            time: entry.time.to_string(),
            predicate: record.map(|record| record.predicate_type.clone()),
            subjects: record.map(|record| record.subjects.clone()).unwrap_or_default(),
            signers: record.map(signers).unwrap_or_default(),
            submitter: record.and_then(|record| record.submitter.as_ref()).map(|claims| json!(claims)),
            identity: record
                .and_then(|record| Submitter::of(record, token))
                .map(|submitter| submitter.json()),
            binding: record.and_then(|record| record.binding).map(binding),
            check: word(checked, trust),
            envelope: entry.envelope.digest.to_string(),
            redacted: checked.redacted().map(redacted),
        }
    }
}

/// Returns what the entry is worth: how far it was checked, unless it is distrusted.
pub(crate) fn word(checked: &Checked, trust: &TrustState) -> &'static str {
    if checked.distrust(trust).is_some() { "distrusted" } else { checked.word() }
}

/// Returns the entry that erased another, and why.
pub(crate) fn redacted(said: &Redacted) -> Value {
    json!({ "by": said.by.get(), "reason": said.redaction.reason })
}

/// Returns each signer with its status. The words are those of the admission record, which `verified` entries
/// had checked here.
pub(crate) fn signers(record: &AdmissionRecord) -> Vec<Value> {
    let one = |signer: &Signer| {
        json!({
            "status": signer_status(signer.status),
            "key": signer.key.map(|key| format!("key:{key}")),
            "identity": signer.identity().map(|identity| identity.to_string()),
            "proof": signer.proof.as_deref().map(proof),
            "rule": signer.rule,
            "builds": signer.builds,
            "authority": authority(record, signer).map(Authority::as_str),
            "why": signer.why,
        })
    };
    record.signers.iter().map(one).collect()
}

/// Returns what a signer's word counts as; none if the signature does not count.
pub(crate) fn authority(record: &AdmissionRecord, signer: &Signer) -> Option<Authority> {
    let counts = signer.status == SignerStatus::Verified;
    counts.then(|| signer.authority.unwrap_or(record.authority))
}

fn proof(proof: &BundleProof) -> Value {
    let times: Vec<Value> = proof
        .times
        .iter()
        .map(|proven| json!({ "time": proven.time.to_string(), "by": proven.by }))
        .collect();
    let check = |check: &BundleCheck| json!({ "name": check.check, "status": bundle_result(check.result) });
    json!({
        "root": proof.root,
        "claims": proof.claims,
        "times": times,
        "checks": proof.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

/// Returns the word for what came out of a check of a bundle.
pub(crate) const fn bundle_result(result: BundleCheckResult) -> &'static str {
    match result {
        BundleCheckResult::Failed => "failed",
        BundleCheckResult::NotChecked => "not_checked",
        BundleCheckResult::Unsupported => "unsupported",
        BundleCheckResult::Verified => "verified",
    }
}

/// Returns the word of a signer's status.
pub(crate) const fn signer_status(status: SignerStatus) -> &'static str {
    match status {
        SignerStatus::Verified => "verified",
        SignerStatus::Unverified => "unverified",
    }
}

/// Returns the signers that count, as people read them: the rule's name, and the key's first digits or the certificate's
/// name. A name is worth what its issuer and the trusted root are worth that vouch for it: another root can give out the
/// same one, so both stand behind it.
pub(crate) fn signers_text(logged: &Logged) -> String {
    let counts = logged.record().signers.iter().filter(|signer| signer.status == SignerStatus::Verified);
    let texts: Vec<String> = counts.map(signer_text).collect();
    texts.join(", ")
}

fn signer_text(signer: &Signer) -> String {
    let who = match (signer.key, signer.identity()) {
        (Some(_), Some(Identity::Oidc(holder))) => {
            let issuer = holder.issuer().strip_prefix("https://").unwrap_or(holder.issuer());
            format!("{} (issuer {issuer}, by its token)", holder.subject())
        }
        (Some(key), _) => format!("key:{}", short(&key.to_string(), 8)),
        (None, Some(Identity::Oidc(holder))) => {
            // The whole of it but the scheme that all have: a host has several issuers, and they differ in the path.
            let issuer = holder.issuer().strip_prefix("https://").unwrap_or(holder.issuer());
            let root = signer.proof.as_ref().and_then(|proof| proof.root.as_deref()).unwrap_or("-");
            format!("{} (issuer {issuer}, root {root})", holder.subject())
        }
        (None, _) => "-".to_owned(),
    };
    format!("{} {who}", signer.rule.as_deref().unwrap_or("-"))
}

/// Returns the first characters of a text, with `..` where it was cut.
pub(crate) fn short(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let cut: String = text.chars().take(characters).collect();
    format!("{cut}..")
}

/// Returns the last part of a predicate type that says something: `urn:custody:approval:v1` is `approval`.
pub(crate) fn predicate_name(predicate: &str) -> String {
    if let Some(rest) = predicate.strip_prefix("urn:custody:") {
        return rest.split(':').next().unwrap_or(rest).to_owned();
    }
    predicate.trim_start_matches("https://").trim_start_matches("http://").to_owned()
}

/// Returns the word for how what a statement says of its job compares with what an issuer says of it.
pub(crate) const fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::Bound => "bound",
        Binding::Conflict => "conflict",
        Binding::Unbound => "unbound",
    }
}

#[cfg(test)]
mod tests {
    use custody_evidence::identity::OidcIdentity;

    use super::*;

    fn holder(issuer: &str, root: Option<&str>) -> Signer {
        let identity = OidcIdentity::new(issuer, "https://github.com/acme/api").unwrap();
        Signer {
            signature: 0,
            status: SignerStatus::Verified,
            key: None,
            spki: None,
            rule: Some("ci".to_owned()),
            hint: String::new(),
            why: None,
            identity: None,
            builds: Vec::new(),
            authority: None,
            proof: Some(Box::new(BundleProof {
                root: root.map(str::to_owned),
                certificate: None,
                identity: Some(Identity::Oidc(identity)),
                claims: None,
                times: Vec::new(),
                checks: Vec::new(),
            })),
        }
    }

    #[test]
    fn a_name_stands_with_who_vouches_for_it() {
        let github = "https://token.actions.githubusercontent.com";
        let text = signer_text(&holder(github, Some("sigstore")));
        let expected =
            "ci https://github.com/acme/api (issuer token.actions.githubusercontent.com, root sigstore)";
        assert_eq!(text, expected);
        let others = [
            holder(&format!("{github}/acme"), Some("sigstore")),
            holder("https://ca.private.example", Some("sigstore")),
            holder(github, Some("private")),
            holder(github, None),
        ];
        for other in others {
            assert_ne!(signer_text(&other), text, "the same name by another authority reads otherwise");
        }
    }
}
