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
    /// The largest tree whose entries are not later than this, by the times they are looked up by.
    Time(Timestamp),
}

/// The tree that an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// Its size.
    pub size: TreeSize,
    /// How far the facts index was when the size was chosen: never less.
    pub indexed_to: TreeSize,
}

/// Returns the tree that a question is about. `published` is the size of the newest signed checkpoint: no
/// answer is about a larger tree, since nobody could check it.
pub fn size_at<E: Evidence + ?Sized>(evidence: &E, at: At, published: TreeSize) -> Result<AsOf, QueryError> {
    let committed = evidence.committed().min(published);
    // Read once: it grows meanwhile, and an answer never covers more than it says was indexed.
    let indexed_to = evidence.indexed_to();
    let size = match at {
        // Entry 0 is always there: an answer of nothing would say that there is no record.
        At::Newest if indexed_to == TreeSize::ZERO && committed > indexed_to => committed,
        At::Newest => committed.min(indexed_to),
        At::Size(size) if size > committed => return Err(QueryError::Beyond { asked: size, committed }),
        At::Size(size) => size,
        At::Time(time) => first_at(evidence, committed, |ledger| ledger > time)?,
    };
    if size > indexed_to {
        return Err(QueryError::Behind { asked: size, indexed_to });
    }
    Ok(AsOf { size, indexed_to })
}

/// Returns how many entries below `below` come before the first one whose time fits. The times that entries are looked up by grow
/// with the index, so `fits` is false and then true: a binary search, about 20 reads for a million entries.
pub(super) fn first_at<E: Evidence + ?Sized>(
    evidence: &E,
    below: TreeSize,
    fits: impl Fn(Timestamp) -> bool,
) -> Result<TreeSize, QueryError> {
    let (mut low, mut high) = (0, below.get());
    while low < high {
        let middle = low.midpoint(high);
        let Ok(index) = LeafIndex::new(middle) else { break };
        if fits(evidence.looked_up_by(index, evidence.time(index)?, below)) {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    Ok(TreeSize::new(low).unwrap_or(below))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use custody_evidence::fact::{Field, Term};
    use custody_evidence::thing::HexPrefix;
    use custody_evidence::trust::Timeline;

    use super::*;
    use crate::index::Reading;
    use crate::query::Attended;
    use crate::query::tests::memory::{Memory, size, time};

    #[test]
    fn a_time_is_the_largest_tree_without_later_entries() {
        let memory = Memory::with_times(&[10, 20, 30]);
        for (micros, expected) in [(9, 0), (10, 1), (19, 1), (20, 2), (30, 3), (31, 3)] {
            assert_eq!(
                size_at(&memory, At::Time(time(micros)), size(3)).unwrap().size,
                size(expected),
                "{micros}"
            );
        }
    }

    #[test]
    fn a_time_that_a_clock_repair_stepped_over_is_the_tree_of_the_clock_that_was_repaired() {
        let memory = Memory::with_times(&[10, 90, 95, 30, 40, 92, 99]);
        let repair =
            |at: u64| (LeafIndex::new(at).unwrap(), memory.time(LeafIndex::new(at).unwrap()).unwrap());
        let (left, timeline) = (std::sync::atomic::AtomicBool::new(false), Timeline::of([repair(3)]));
        let repaired = Attended::new(&memory, &left, timeline);
        for (micros, expected) in
            [(9, 0), (10, 1), (29, 1), (30, 4), (39, 4), (40, 5), (91, 5), (92, 6), (99, 7)]
        {
            let at = At::Time(time(micros));
            assert_eq!(size_at(&repaired, at, size(7)).unwrap().size, size(expected), "{micros}");
        }
        // Before it was repaired, the log said what it said.
        assert_eq!(size_at(&repaired, At::Time(time(90)), size(3)).unwrap().size, size(2));
    }

    #[test]
    fn the_newest_is_what_is_indexed_and_published() {
        let mut memory = Memory::with_times(&[10, 20, 30]);
        assert_eq!(size_at(&memory, At::Newest, size(2)).unwrap().size, size(2));
        memory.indexed_to = size(1);
        assert_eq!(size_at(&memory, At::Newest, size(2)).unwrap().size, size(1));
    }

    #[test]
    fn the_newest_of_an_index_that_is_made_again_is_behind_and_not_nothing() {
        let memory = Memory { indexed_to: TreeSize::ZERO, ..Memory::with_times(&[10, 20, 30]) };
        let refused = size_at(&memory, At::Newest, size(3)).unwrap_err();
        assert!(matches!(refused, QueryError::Behind { indexed_to: TreeSize::ZERO, .. }), "{refused}");
        let empty = Memory { indexed_to: TreeSize::ZERO, ..Memory::with_times(&[]) };
        assert_eq!(size_at(&empty, At::Newest, TreeSize::ZERO).unwrap().size, TreeSize::ZERO);
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
    /// An index that is further each time it is asked.
    struct Growing(Memory, Cell<u64>);

    impl Evidence for Growing {
        fn committed(&self) -> TreeSize {
            self.0.committed()
        }
        fn indexed_to(&self) -> TreeSize {
            self.1.set(self.1.get() + 1);
            size(self.1.get())
        }
        fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
            self.0.by_term(term, below, limit)
        }
        fn by_digest_prefix(
            &self,
            prefix: &HexPrefix,
            below: TreeSize,
            limit: usize,
        ) -> Result<Vec<LeafIndex>, QueryError> {
            self.0.by_digest_prefix(prefix, below, limit)
        }
        fn each_of(&self, field: Field, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, QueryError> {
            self.0.each_of(field, below, limit)
        }
        fn reading(&self, index: LeafIndex) -> Result<Arc<Reading>, QueryError> {
            self.0.reading(index)
        }
        fn redactions(&self) -> usize {
            0
        }
        fn time(&self, index: LeafIndex) -> Result<Timestamp, QueryError> {
            self.0.time(index)
        }
    }

    #[test]
    fn the_index_is_asked_once_how_far_it_is_so_the_answer_is_never_larger() {
        let growing = Growing(Memory::with_times(&[10, 20, 30]), Cell::new(0));
        for (at, expected) in [(At::Newest, 1), (At::Size(size(1)), 1), (At::Time(time(30)), 3)] {
            let as_of = size_at(&growing, at, size(3)).unwrap();
            assert_eq!(as_of, AsOf { size: size(expected), indexed_to: size(growing.1.get()) });
            assert!(as_of.size <= as_of.indexed_to);
        }
        assert_eq!(growing.1.get(), 3, "once for each question");
    }
}
