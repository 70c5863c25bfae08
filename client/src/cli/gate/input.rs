//! What the rules look at, as JSON: for whoever writes a policy or an expression.

use custody_gate::{Entry, Standing};
use serde_json::{Value, json};

use super::asked::Subject;
use super::{Context, Gate};
use crate::cli::failure::{Failure, Outcome};

/// Prints what was gathered for each subject.
pub(super) async fn run(
    gate: &mut Gate<'_>,
    subjects: &[Subject],
    context: &Context,
) -> Result<Outcome, Failure> {
    for subject in subjects {
        let gathered = gate.gather(subject, context).await?;
        let question = &gathered.question;
        context.output.print_json(&json!({
            "subject": question.subject.to_string(),
            "environment": question.environment,
            "at": { "size": question.at.size.get(), "root": format!("sha256:{}", question.at.root.to_hex()) },
            "evaluated_at": question.evaluated_at.to_string(),
            "deadline_passed": question.deadline_passed,
            "entries": gathered.evidence.entries().map(entry).collect::<Vec<_>>(),
        }))?;
    }
    Ok(Outcome::Yes)
}

fn entry(entry: &Entry) -> Value {
    let predicate = entry.predicate.as_deref().and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let (standing, by) = match entry.standing {
        Standing::Distrusted { by } => ("distrusted", Some(by)),
        Standing::Malformed => ("malformed", None),
        Standing::Redacted { by } => ("redacted", Some(by)),
        Standing::Sound => ("sound", None),
    };
    json!({
        "index": entry.index.get(),
        "time": entry.time.to_string(),
        "predicate_type": entry.predicate_type,
        "subjects": entry.subjects,
        "signers": entry.signers.iter().map(|signer| signer.identity.to_string()).collect::<Vec<_>>(),
        "submitter": entry.submitter,
        "binding": entry.binding,
        "authority": entry.authority.as_str(),
        "check": entry.level.as_str(),
        "standing": standing,
        "by": by.map(custody_log::LeafIndex::get),
        "happened": entry.happened.map(|time| time.to_string()),
        "predicate": predicate,
    })
}
