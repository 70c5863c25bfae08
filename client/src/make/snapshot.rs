//! All that runs in an environment at a time.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use custody_evidence::digest_set::Digest;
use custody_evidence::predicate::{LIST_MAX, Name, Running, Snapshot};
use custody_evidence::subject_name::NameKind;
use custody_log::Timestamp;

use super::{Made, MakeError, Subject, custody};

/// Something that runs, as it was seen: once or several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What runs; at least one of its digests carries evidence.
    pub subject: Subject,
    /// What it runs as.
    pub workload: Option<Name>,
    /// How many of it; none if that is not known.
    pub count: Option<NonZeroU32>,
}

/// Makes the statement. What was seen several times as one workload is counted together, and the order in which it was
/// seen changes nothing. Where nothing runs, the subject is the environment itself. How many more things run of which
/// nobody knows what they are is noted.
pub fn snapshot(
    environment: Name,
    at: Timestamp,
    seen: &[Seen],
    unknown: Option<NonZeroU32>,
) -> Result<Made, MakeError> {
    // None where one of several counts is not known: then the sum is not known either.
    let mut counts: BTreeMap<(&Digest, Option<&Name>), Option<u32>> = BTreeMap::new();
    let mut names: BTreeMap<&[Digest], &str> = BTreeMap::new();
    for Seen { subject, workload, count } in seen {
        let digest = subject.digests.iter().find(|digest| digest.usable()).ok_or(MakeError::NoSubject)?;
        let sum = counts.entry((digest, workload.as_ref())).or_insert(Some(0));
        *sum = sum.zip(*count).map(|(sum, count)| sum.saturating_add(count.get()));
        let name = names.entry(&subject.digests).or_insert(&subject.name);
        *name = (*name).min(&subject.name);
    }
    let running = counts.into_iter().map(|((digest, workload), count)| {
        let digest = digest.clone().try_into().map_err(|_| MakeError::NoSubject)?;
        Ok(Running { digest, workload: workload.cloned(), count: count.and_then(NonZeroU32::new) })
    });
    let running = running.collect::<Result<Vec<Running>, MakeError>>()?;
    if running.len() > LIST_MAX {
        return Err(MakeError::TooMany { what: "things that run", max: LIST_MAX, found: running.len() });
    }
    let mut subjects: Vec<Subject> = names
        .into_iter()
        .map(|(digests, name)| Subject { name: name.to_owned(), digests: digests.to_vec() })
        .collect();
    if subjects.is_empty() {
        subjects.push(Subject::of_name(NameKind::Environment, environment.as_str()));
    }
    custody(&Snapshot { environment, at, running, unknown }, &subjects)
}
