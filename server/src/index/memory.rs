//! The rows of the newest entries: those that no run covers yet.

use std::collections::BTreeSet;

use custody_log::{LeafIndex, TreeSize};

use super::keys::{Prefix, Row};

/// The rows of consecutive entries, in order. A row takes some 35 bytes: 21 of its own, in leaves of a tree that are two
/// thirds full.
#[derive(Debug)]
pub(crate) struct Segment {
    first: u64,
    end: TreeSize,
    rows: BTreeSet<Row>,
}

impl Segment {
    /// An empty one behind `end`.
    pub(crate) const fn behind(end: TreeSize) -> Self {
        Self { first: end.get(), end, rows: BTreeSet::new() }
    }

    /// The first entry.
    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    /// The tree that ends with the last entry.
    pub(crate) const fn end(&self) -> TreeSize {
        self.end
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.end.get() == self.first
    }

    pub(crate) const fn rows(&self) -> &BTreeSet<Row> {
        &self.rows
    }

    /// Adds rows of entries behind the end; they are not found before the end includes them.
    pub(crate) fn add(&mut self, rows: &[Row]) {
        self.rows.extend(rows);
    }

    /// Says that all rows below `end` were added.
    pub(crate) fn include(&mut self, end: TreeSize) {
        self.end = end;
    }

    /// Adds to `found` the newest entries below `below` with this prefix, newest first, until there are `limit`.
    pub(crate) fn newest(&self, prefix: &Prefix, below: TreeSize, limit: usize, found: &mut Vec<LeafIndex>) {
        let rows = self.rows.range(prefix.row(LeafIndex::ZERO)..prefix.bound(below.min(self.end))).rev();
        found.extend(rows.filter_map(Row::index).take(limit.saturating_sub(found.len())));
    }

    /// Adds to `found` the entries from `from` on and below `below` with this prefix, oldest first.
    pub(crate) fn oldest(
        &self,
        prefix: &Prefix,
        from: LeafIndex,
        below: TreeSize,
        found: &mut Vec<LeafIndex>,
    ) {
        let (low, high) = (prefix.row(from), prefix.bound(below.min(self.end)));
        if low < high {
            found.extend(self.rows.range(low..high).filter_map(Row::index));
        }
    }

    /// Hands out the prefixes from `low` to `high` that rows have, at most `at_most`.
    pub(crate) fn prefixes(&self, low: &Prefix, high: &Prefix, at_most: usize, each: &mut dyn FnMut(Prefix)) {
        let mut from = low.row(LeafIndex::ZERO);
        let end = high.end();
        for _ in 0..at_most {
            if from >= end {
                return;
            }
            let Some(row) = self.rows.range(from..end).next() else { return };
            each(row.prefix());
            from = row.prefix().end();
        }
    }
}
