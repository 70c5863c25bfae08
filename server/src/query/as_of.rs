//! As of which tree a query answers.

use custody_log::{LeafIndex, Timestamp, TreeSize};

use super::error::QueryError;
use super::evidence::Evidence;

/// The tree that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The newest that is indexed.
    Newest,
    /// Exactly this size.
    Size(TreeSize),
    /// The largest tree whose entries are not later than this ledger time.
    Time(Timestamp),
}

/// Returns the tree size that a question is about. `published` is the size of the newest signed checkpoint: no
/// answer is about a larger tree, since nobody could check it.
pub fn size_at<E: Evidence + ?Sized>(
    evidence: &E,
    at: At,
    published: TreeSize,
) -> Result<TreeSize, QueryError> {
    let committed = evidence.committed().min(published);
    let indexed_to = evidence.indexed_to();
    let asked = match at {
        At::Newest => return Ok(committed.min(indexed_to)),
        At::Size(size) if size > committed => return Err(QueryError::Beyond { asked: size, committed }),
        At::Size(size) => size,
        At::Time(time) => first_at(evidence, committed, |ledger| ledger > time)?,
    };
    if asked > indexed_to { Err(QueryError::Behind { asked, indexed_to }) } else { Ok(asked) }
}

/// Returns how many entries below `below` come before the first one whose time fits. Ledger times grow with the
/// index, so `fits` is false and then true: a binary search, about 20 reads for a million entries.
pub(super) fn first_at<E: Evidence + ?Sized>(
    evidence: &E,
    below: TreeSize,
    fits: impl Fn(Timestamp) -> bool,
) -> Result<TreeSize, QueryError> {
    let (mut low, mut high) = (0, below.get());
    while low < high {
        let middle = low.midpoint(high);
        let Ok(index) = LeafIndex::new(middle) else { break };
        if fits(evidence.time(index)?) {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    Ok(TreeSize::new(low).unwrap_or(below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::memory::{Memory, size, time};

    #[test]
    fn a_time_is_the_largest_tree_without_later_entries() {
        let memory = Memory::with_times(&[10, 20, 30]);
        for (micros, expected) in [(9, 0), (10, 1), (19, 1), (20, 2), (30, 3), (31, 3)] {
            assert_eq!(
                size_at(&memory, At::Time(time(micros)), size(3)).unwrap(),
                size(expected),
                "{micros}"
            );
        }
    }

    #[test]
    fn the_newest_is_what_is_indexed_and_published() {
        let mut memory = Memory::with_times(&[10, 20, 30]);
        assert_eq!(size_at(&memory, At::Newest, size(2)).unwrap(), size(2));
        memory.indexed_to = size(1);
        assert_eq!(size_at(&memory, At::Newest, size(2)).unwrap(), size(1));
    }

    #[test]
    fn refuses_a_size_beyond_the_log_and_one_that_is_not_indexed_yet() {
        let mut memory = Memory::with_times(&[10, 20, 30]);
        let refused = size_at(&memory, At::Size(size(4)), size(9)).unwrap_err();
        assert!(matches!(refused, QueryError::Beyond { committed, .. } if committed == size(3)), "{refused}");
        let refused = size_at(&memory, At::Size(size(3)), size(2)).unwrap_err();
        assert!(matches!(refused, QueryError::Beyond { committed, .. } if committed == size(2)), "{refused}");
        memory.indexed_to = size(2);
        for at in [At::Size(size(3)), At::Time(time(30))] {
            let refused = size_at(&memory, at, size(3)).unwrap_err();
            assert!(matches!(refused, QueryError::Behind { .. }), "{refused}");
        }
    }
}
