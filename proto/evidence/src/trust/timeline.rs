//! Which entry a time names, though clock repairs step back in time.
//!
//! Ledger times grow with the index, but for clock repairs: the times before one may be later than it, and were wrong then. So an
//! entry is looked up by its own time, or by that of a repair behind it if that is earlier. These times never step back, and
//! whatever time is asked for names one tree.

use custody_log::{LeafIndex, Timestamp, TreeSize};

/// The clock repairs of a log: some in its life, if any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Timeline {
    repairs: Vec<(LeafIndex, Timestamp)>,
}

impl Timeline {
    /// Takes the repairs with their ledger times.
    #[must_use]
    pub fn of(repairs: impl IntoIterator<Item = (LeafIndex, Timestamp)>) -> Self {
        Self { repairs: repairs.into_iter().collect() }
    }

    /// Returns the time by which an entry with this ledger time is looked up in a tree. Repairs behind the tree are not known in it.
    #[must_use]
    pub fn looked_up_by(&self, index: LeafIndex, time: Timestamp, tree: TreeSize) -> Timestamp {
        let behind = self.repairs.iter().filter(|(repair, _)| *repair > index && tree.contains(*repair));
        behind.map(|(_, repaired)| *repaired).min().map_or(time, |repaired| time.min(repaired))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_up(times: &[i64], repairs: &[usize], tree: u64) -> Vec<i64> {
        let index = |number: usize| LeafIndex::new(u64::try_from(number).unwrap()).unwrap();
        let at = |micros: i64| Timestamp::from_micros(micros).unwrap();
        let timeline = Timeline::of(repairs.iter().map(|repair| (index(*repair), at(times[*repair]))));
        let tree = TreeSize::new(tree).unwrap();
        let times = times.iter().enumerate();
        let looked_up = |(number, time): (usize, &i64)| timeline.looked_up_by(index(number), at(*time), tree);
        times.map(looked_up).map(Timestamp::as_micros).collect()
    }

    #[test]
    fn without_a_repair_an_entry_is_looked_up_by_its_own_time() {
        assert_eq!(looked_up(&[10, 20, 30], &[], 3), [10, 20, 30]);
        assert_eq!(looked_up(&[10, 20, 30], &[2], 3), [10, 20, 30], "one that steps back over nothing");
    }

    #[test]
    fn what_a_repair_stepped_over_is_looked_up_by_the_repair_and_times_never_step_back() {
        assert_eq!(looked_up(&[10, 20, 90, 95, 30, 40, 92], &[4], 7), [10, 20, 30, 30, 30, 40, 92]);
        // The second steps back over the first one, too.
        let times = [10, 90, 50, 60, 20, 99, 30, 31];
        assert_eq!(looked_up(&times, &[2, 4, 6], 8), [10, 20, 20, 20, 20, 30, 30, 31]);
    }

    #[test]
    fn a_tree_knows_no_repair_behind_it() {
        let times = [10, 20, 90, 95, 30];
        assert_eq!(looked_up(&times, &[4], 4)[..4], times[..4]);
        assert_eq!(looked_up(&times, &[4], 5), [10, 20, 30, 30, 30]);
    }
}
