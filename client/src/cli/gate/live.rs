//! All that is live in an environment.

use std::collections::BTreeMap;

use custody_client::Ledger;
use custody_client::ledger::{At, Circumstances};
use custody_evidence::Digest;
use custody_evidence::environment::{Until, Window};
use custody_evidence::predicate::Name;
use custody_gate::{Policy, Verdict};
use custody_log::TreeSize;

use super::Gate;
use super::asked::Subject;
use crate::cli::Context;
use crate::cli::failure::Failure;

/// Judges all that runs in an environment, in the order of the digests.
pub(in crate::cli) async fn verdicts(
    ledger: &mut Ledger,
    policy: &Policy,
    circumstances: &Circumstances,
    environment: &Name,
    context: &Context,
) -> Result<Vec<Verdict>, Failure> {
    let (subjects, whole) = subjects(ledger, environment, circumstances.at.size).await?;
    if !whole {
        context.output.warn("not all that runs there is known: something else may be live");
    }
    let mut gate = Gate { ledger, policy, circumstances, environment: Some(environment) };
    let mut verdicts = Vec::with_capacity(subjects.len());
    for subject in subjects {
        verdicts.push(gate.judge(subject, context).await?.verdict);
    }
    Ok(verdicts)
}

/// Returns what runs in an environment, and whether that is surely all of it.
pub(super) async fn subjects(
    ledger: &mut Ledger,
    environment: &Name,
    size: TreeSize,
) -> Result<(Vec<Subject>, bool), Failure> {
    let found = Box::pin(ledger.environment(environment, Window::default(), At::Size(size))).await?;
    if found.timeline.events().is_empty() && found.redacted.is_empty() {
        return Err(Failure::no_record(format!("no record of what runs in {environment}"))
            .hint("`custody env list` lists the environments"));
    }
    let whole = !found.truncated && found.redacted.is_empty() && found.unread.is_empty();
    let mut live: BTreeMap<Digest, String> = BTreeMap::new();
    for running in found.timeline.replay(Until::Newest).picture.running {
        let workload = running.workload.map(|workload| workload.to_string()).unwrap_or_default();
        live.entry(running.artifact.digest().clone()).or_insert(workload);
    }
    let subjects = live.into_iter().map(|(digest, called)| Subject { called, digests: vec![digest] });
    Ok((subjects.collect(), whole))
}
