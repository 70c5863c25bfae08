//! `about`: what is recorded of artifacts beside where they run.

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Term};
use custody_log::{LeafIndex, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::postings::Newest;

/// Artifacts in one question: with 64 entries each 16,384 numbers, below 200 KB.
pub const ARTIFACTS_MAX: usize = 256;
/// Entries of one artifact in an answer when the question does not say, and at most.
pub const LIMIT_DEFAULT: usize = 16;
/// The most.
pub const LIMIT_MAX: usize = 64;
/// Looks at entries for one question: snapshots name the same artifacts again and again. At 20 us where an entry was not read
/// before, one second.
const LOOKS_MAX: usize = 50_000;

/// The entries about one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Newest first.
    pub indexes: Vec<LeafIndex>,
    /// Whether there are, or may be, older ones.
    pub more: bool,
}

/// Returns for each artifact the newest `limit` entries below `size` of which it is a subject, but for deployments and snapshots.
pub fn about<E: Evidence + ?Sized>(
    evidence: &E,
    artifacts: &[Digest],
    limit: Option<usize>,
    size: TreeSize,
) -> Result<Vec<About>, QueryError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX);
    let mut looks = LOOKS_MAX;
    artifacts.iter().map(|artifact| one(evidence, artifact, limit, size, &mut looks)).collect()
}

fn one<E: Evidence + ?Sized>(
    evidence: &E,
    artifact: &Digest,
    limit: usize,
    size: TreeSize,
    looks: &mut usize,
) -> Result<About, QueryError> {
    let term = Term::parse(Field::Subject, &artifact.to_string())?;
    let mut about = About::default();
    for index in Newest::of(evidence, term.clone(), size) {
        let index = index?;
        if about.indexes.len() >= limit || *looks == 0 {
            return Ok(About { more: true, ..about });
        }
        *looks = looks.saturating_sub(1);
        let reading = evidence.reading(index)?;
        if reading.facts.observation.is_none() && reading.has(&term) {
            about.indexes.push(index);
        }
    }
    Ok(about)
}
