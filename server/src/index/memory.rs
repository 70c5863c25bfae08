//! The rows of the newest entries: those that no run covers yet.

use std::sync::Arc;

use custody_log::{LeafIndex, TreeSize};

use super::keys::{Prefix, Row};

/// The rows of consecutive entries, in layers: each is in order, and has the rows of later entries than the one before it.
///
/// A layer is never changed. What is added becomes a layer; one that is not twice as large as the one behind it is
/// merged with that. So there are few, a row is moved once for each doubling, and takes its 21 bytes, twice while it is moved.
#[derive(Debug)]
pub(crate) struct Segment {
    first: u64,
    end: TreeSize,
    layers: Vec<Layer>,
    rows: usize,
}

/// Rows in order.
pub(crate) type Layer = Arc<Vec<Row>>;

/// A layer that is to be added, merged with those that it is merged with.
#[derive(Debug)]
pub(crate) struct Addition {
    layer: Vec<Row>,
    /// How many of the last layers are in it.
    merged: usize,
    rows: usize,
}

impl Addition {
    /// Takes rows in any order, each once.
    pub(crate) fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_unstable();
        Self { rows: rows.len(), layer: rows, merged: 0 }
    }

    /// Merges it with the last of these layers, as far as they are small. The layers are those of the segment that it is
    /// added to, at the time when it is.
    pub(crate) fn merge(mut self, layers: &[Layer]) -> Self {
        for last in layers.iter().rev().skip(self.merged) {
            if last.len() >= self.layer.len().saturating_mul(2) {
                break;
            }
            self.layer = merged(last, &self.layer);
            self.merged = self.merged.saturating_add(1);
        }
        self
    }
}

impl Segment {
    /// An empty one behind `end`.
    pub(crate) const fn behind(end: TreeSize) -> Self {
        Self { first: end.get(), end, layers: Vec::new(), rows: 0 }
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

    /// How many rows there are.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Adds the rows of the entries from the end on and below `end`.
    pub(crate) fn add(&mut self, Addition { layer, merged, rows }: Addition, end: TreeSize) {
        self.layers.truncate(self.layers.len().saturating_sub(merged));
        if !layer.is_empty() {
            self.layers.push(Arc::new(layer));
        }
        self.rows = self.rows.saturating_add(rows);
        self.end = end;
    }

    /// Returns all rows in order: a copy, and half as much for the time that it takes to sort it.
    pub(crate) fn in_order(&self) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.rows);
        self.layers.iter().for_each(|layer| rows.extend_from_slice(layer));
        // The stable one: it is made for what consists of a few parts in order.
        rows.sort();
        rows
    }

    /// Adds to `found` the newest entries below `below` with this prefix, newest first, until there are `limit`.
    pub(crate) fn newest(&self, prefix: &Prefix, below: TreeSize, limit: usize, found: &mut Vec<LeafIndex>) {
        let (low, bound) = (prefix.row(LeafIndex::ZERO), prefix.bound(below));
        for layer in self.layers.iter().rev() {
            let rows = between(layer, &low, &bound).iter().rev();
            found.extend(rows.filter_map(Row::index).take(limit.saturating_sub(found.len())));
        }
    }

    /// Adds to `found` the entries from `from` on and below `below` with this prefix, oldest first.
    pub(crate) fn oldest(
        &self,
        prefix: &Prefix,
        from: LeafIndex,
        below: TreeSize,
        found: &mut Vec<LeafIndex>,
    ) {
        let (low, bound) = (prefix.row(from), prefix.bound(below));
        for layer in &self.layers {
            found.extend(between(layer, &low, &bound).iter().filter_map(Row::index));
        }
    }

    /// Hands out the prefixes from `low` to `high` that rows of a layer have, at most `at_most` for each, some more than once.
    pub(crate) fn prefixes(&self, low: &Prefix, high: &Prefix, at_most: usize, each: &mut dyn FnMut(Prefix)) {
        for layer in &self.layers {
            let mut rows = between(layer, &low.row(LeafIndex::ZERO), &high.end());
            for _ in 0..at_most {
                let Some(prefix) = rows.first().map(Row::prefix) else { break };
                each(prefix);
                rows = rows.get(rows.partition_point(|row| *row < prefix.end())..).unwrap_or_default();
            }
        }
    }
}

/// The rows from `low` on and below `bound`.
fn between<'a>(layer: &'a [Row], low: &Row, bound: &Row) -> &'a [Row] {
    let start = layer.partition_point(|row| row < low);
    let behind = layer.get(start..).unwrap_or_default();
    // Most of what is looked for is new, and costs one search.
    if behind.first().is_none_or(|row| row >= bound) {
        return &[];
    }
    behind.get(..behind.partition_point(|row| row < bound)).unwrap_or_default()
}

/// Merges two layers.
fn merged(one: &[Row], other: &[Row]) -> Vec<Row> {
    let mut rows = Vec::with_capacity(one.len().saturating_add(other.len()));
    let (mut one, mut other) = (one, other);
    while let (Some((first, behind)), Some((second, after))) = (one.split_first(), other.split_first()) {
        if first < second {
            rows.push(*first);
            one = behind;
        } else {
            rows.push(*second);
            other = after;
        }
    }
    rows.extend_from_slice(one);
    rows.extend_from_slice(other);
    rows
}

#[cfg(test)]
mod tests {
    use super::super::keys::SHORT_LEN;
    use super::*;

    #[test]
    fn layers_are_few_and_lose_no_row() {
        let mut segment = Segment::behind(TreeSize::ZERO);
        let mut expected = Vec::new();
        for at in 0..200_u8 {
            let index = LeafIndex::new(u64::from(at)).unwrap();
            // Two rows that others share, and one of its own.
            let rows = [7, at % 5, at].map(|byte| Prefix::leading([byte; SHORT_LEN]).row(index));
            let mut rows = rows.to_vec();
            rows.sort_unstable();
            rows.dedup();
            expected.extend_from_slice(&rows);
            segment.add(Addition::new(rows).merge(segment.layers()), index.size_through());
            assert!(segment.layers().len() < 10, "{} layers", segment.layers().len());
        }
        expected.sort_unstable();
        assert_eq!((segment.in_order(), segment.rows()), (expected.clone(), expected.len()));
        let prefix = Prefix::leading([7; SHORT_LEN]);
        let (mut newest, mut oldest) = (Vec::new(), Vec::new());
        segment.newest(&prefix, TreeSize::new(150).unwrap(), 3, &mut newest);
        segment.oldest(&prefix, LeafIndex::new(147).unwrap(), TreeSize::new(150).unwrap(), &mut oldest);
        let indexes = [149, 148, 147].map(|index| LeafIndex::new(index).unwrap());
        assert_eq!(newest, indexes);
        oldest.reverse();
        assert_eq!(oldest, indexes);
    }
}
