//! How a run of a CI system went: what its workflow files name, put with what is known of the run itself.

use custody_evidence::predicate::{LIST_MAX, Name, NameError, ResolvedRef, Run};
use custody_evidence::subject_name::NameKind;

use super::{Made, MakeError, Subject, custody};
use crate::workflow::Workflow;

/// Adds what a workflow file names to a run. What the run has already stays, and nothing is listed twice.
pub fn with_workflow(mut run: Run, workflow: &Workflow) -> Result<Run, NameError> {
    for reference in &workflow.references {
        let digest = reference.digest.clone().and_then(|digest| digest.try_into().ok());
        run.resolved.push(ResolvedRef { reference: reference.text.parse()?, digest });
    }
    for (names, list) in [
        (&workflow.secrets, &mut run.secrets),
        (&workflow.permissions, &mut run.permissions),
        (&workflow.audiences, &mut run.audiences),
    ] {
        for name in names {
            list.push(name.parse()?);
        }
    }
    Ok(run)
}

/// Makes the statement about the run. Lists are put in order and equal elements dropped, so that the order of flags and
/// files changes nothing; a reference whose digest is known is not listed without it, too.
pub fn run(mut run: Run, more: &[Subject]) -> Result<Made, MakeError> {
    let key = |used: &ResolvedRef| (used.reference.clone(), used.digest.clone());
    run.resolved.sort_by_key(|used| std::cmp::Reverse(key(used)));
    run.resolved.dedup_by(|next, kept| {
        next.reference == kept.reference && (next.digest == kept.digest || next.digest.is_none())
    });
    run.resolved.reverse();
    let labels = run.runner.iter_mut().map(|runner| &mut runner.labels);
    let lists = [&mut run.secrets, &mut run.permissions, &mut run.audiences];
    for list in lists.into_iter().chain(labels) {
        in_order(list);
    }
    for (what, found) in [
        ("references", run.resolved.len()),
        ("secrets", run.secrets.len()),
        ("permissions", run.permissions.len()),
        ("audiences", run.audiences.len()),
    ] {
        if found > LIST_MAX {
            return Err(MakeError::TooMany { what, max: LIST_MAX, found });
        }
    }
    let mut subjects = vec![Subject::of_name(NameKind::Run, run.run.as_str())];
    subjects.extend_from_slice(more);
    custody(&run, &subjects)
}

fn in_order(names: &mut Vec<Name>) {
    names.sort();
    names.dedup();
}
