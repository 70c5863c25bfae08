//! One entry as `find`, `show` and `trace` print it.

use custody_client::{Checked, Logged};
use custody_evidence::admission::{AdmissionRecord, Binding, SignerStatus};
use serde::Serialize;
use serde_json::{Value, json};

/// The object that `custody find -o json` lists.
#[derive(Debug, Serialize)]
pub(crate) struct EntryView {
    index: u64,
    time: String,
    predicate: String,
    subjects: Vec<String>,
    signers: Vec<Value>,
    submitter: Option<Value>,
    binding: Option<&'static str>,
    check: &'static str,
    envelope: String,
}

impl EntryView {
    /// Reads what was checked.
    pub(crate) fn of(checked: &Checked) -> Self {
        let logged = checked.logged();
        let (entry, record) = (logged.entry(), logged.record());
        Self {
            index: entry.index.get(),
            time: entry.time.to_string(),
            predicate: record.predicate_type.clone(),
            subjects: record.subjects.clone(),
            signers: signers(record),
            submitter: record.submitter.as_ref().map(|claims| json!(claims)),
            binding: record.binding.map(binding),
            check: checked.word(),
            envelope: entry.envelope.digest.to_string(),
        }
    }
}

/// Returns each signer with its status. The words are those of the admission record, which `verified` entries
/// had checked here.
pub(crate) fn signers(record: &AdmissionRecord) -> Vec<Value> {
    let one = |signer: &custody_evidence::admission::Signer| {
        json!({
            "status": signer_status(signer.status),
            "key": signer.key.map(|key| format!("key:{key}")),
            "rule": signer.rule,
            "why": signer.why,
        })
    };
    record.signers.iter().map(one).collect()
}

/// Returns the word of a signer's status.
pub(crate) const fn signer_status(status: SignerStatus) -> &'static str {
    match status {
        SignerStatus::Verified => "verified",
        SignerStatus::Unverified => "unverified",
    }
}

/// Returns the signers that count, as people read them: the rule's name and the key's first digits.
pub(crate) fn signers_text(logged: &Logged) -> String {
    let counts = logged.record().signers.iter().filter(|signer| signer.status == SignerStatus::Verified);
    let texts: Vec<String> = counts
        .map(|signer| {
            let key = signer.key.map_or_else(String::new, |key| short(&key.to_string(), 8));
            format!("{} key:{key}", signer.rule.as_deref().unwrap_or("-"))
        })
        .collect();
    texts.join(", ")
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

const fn binding(binding: Binding) -> &'static str {
    match binding {
        Binding::Bound => "bound",
        Binding::Conflict => "conflict",
        Binding::Unbound => "unbound",
    }
}
