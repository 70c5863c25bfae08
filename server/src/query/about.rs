//! `about`: what is recorded of artifacts beside where they run.

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Term};
use custody_log::{LeafIndex, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;
use super::mentions::{Mentions, PASSED_MAX};

/// Artifacts in one question: with 64 entries each 16,384 numbers, below 200 KB.
pub const ARTIFACTS_MAX: usize = 256;
/// Entries of one artifact in an answer when the question does not say, and at most.
pub const LIMIT_DEFAULT: usize = 16;
/// The most.
pub const LIMIT_MAX: usize = 64;
/// Looks at entries for one question, snapshots that are passed over not counted. At 20 us where an entry was not read before, one
/// second.
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
    let mut left = Left { looks: LOOKS_MAX, passes: PASSED_MAX };
    artifacts.iter().map(|artifact| one(evidence, artifact, limit, size, &mut left)).collect()
}

/// What may still be looked at, and passed over.
struct Left {
    looks: usize,
    passes: usize,
}

fn one<E: Evidence + ?Sized>(
    evidence: &E,
    artifact: &Digest,
    limit: usize,
    size: TreeSize,
    left: &mut Left,
) -> Result<About, QueryError> {
    let term = Term::parse(Field::Subject, &artifact.to_string())?;
    let mut about = About::default();
    let mut mentions = Mentions::of_bytes(term, size, left.passes)?;
    while let Some(index) = mentions.next(evidence)? {
        if about.indexes.len() >= limit || left.looks == 0 {
            about.more = true;
            break;
        }
        left.looks = left.looks.saturating_sub(1);
        let reading = evidence.reading(index)?;
        mentions.saw(&reading);
        if reading.facts.observation.is_none() && reading.has(mentions.term()) {
            about.indexes.push(index);
        }
    }
    left.passes = mentions.left();
    about.more |= mentions.is_cut();
    Ok(about)
}
