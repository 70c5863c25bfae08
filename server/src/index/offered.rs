//! What admission has worked out of new entries, so that nobody reads them again for the facts index.

use std::collections::VecDeque;

use custody_log::LeafIndex;

use super::reading::FactRows;

/// Rows that wait: 1,048,576, so 21 MiB. What comes on top is read from the journal when its turn comes.
const ROWS_MAX: usize = 1 << 20;

/// The rows of entries that were committed, oldest first. Some may lack.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    entries: VecDeque<FactRows>,
    rows: usize,
}

impl Offered {
    /// Keeps the rows of an entry behind those that are kept, if there is room.
    pub(crate) fn add(&mut self, entry: FactRows) {
        let rows = self.rows.saturating_add(entry.rows.len());
        let follows = self.entries.back().is_none_or(|last| last.index < entry.index);
        if rows <= ROWS_MAX && follows {
            self.rows = rows;
            self.entries.push_back(entry);
        }
    }

    /// Takes out the rows of this entry, and drops those of earlier ones.
    pub(crate) fn take(&mut self, index: LeafIndex) -> Option<FactRows> {
        while let Some(entry) = self.entries.pop_front_if(|entry| entry.index <= index) {
            self.rows = self.rows.saturating_sub(entry.rows.len());
            if entry.index == index {
                return Some(entry);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use custody_evidence::fact::{Field, Term};

    use super::*;
    use crate::index::keys::Prefix;

    fn index(number: u64) -> LeafIndex {
        LeafIndex::new(number).unwrap()
    }

    fn entry(number: u64, rows: usize) -> FactRows {
        let row = Prefix::term(&Term::parse(Field::Run, "r").unwrap()).row(index(number));
        FactRows { index: index(number), rows: vec![row; rows] }
    }

    #[test]
    fn gives_each_entry_once_and_never_that_of_another() {
        let mut offered = Offered::default();
        for number in [3, 4, 6, 7] {
            offered.add(entry(number, 2));
        }
        assert_eq!(offered.take(index(2)), None);
        assert_eq!(offered.take(index(4)), Some(entry(4, 2)), "what is older is not asked for any more");
        assert_eq!(
            (offered.take(index(3)), offered.take(index(4)), offered.take(index(5))),
            (None, None, None)
        );
        assert_eq!(offered.take(index(6)), Some(entry(6, 2)));
        assert_eq!(offered.take(index(7)), Some(entry(7, 2)));
        assert_eq!(offered.rows, 0);
    }

    #[test]
    fn what_comes_out_of_order_is_left_to_the_journal() {
        let mut offered = Offered::default();
        offered.add(entry(5, 1));
        offered.add(entry(5, 1));
        offered.add(entry(4, 1));
        assert_eq!(offered.entries.len(), 1);
    }

    #[test]
    fn holds_no_more_rows_than_its_limit() {
        let mut offered = Offered::default();
        offered.add(entry(1, ROWS_MAX - 1));
        offered.add(entry(2, 2));
        offered.add(entry(3, 1));
        assert_eq!(offered.take(index(1)).unwrap().rows.len(), ROWS_MAX - 1);
        assert_eq!(offered.take(index(2)), None);
        assert_eq!(offered.take(index(3)), Some(entry(3, 1)));
    }
}
