//! The ranges of entries that runs cover: aligned like tiles.

use custody_log::TreeSize;

/// How the log is cut into runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Runs are merged 2^this at a time.
    fanout_bits: u32,
    /// The level of the runs that usual entries are sealed into.
    base_level: u32,
    /// Rows of one index in memory after which they are sealed, whatever entries they are of.
    memory_rows: usize,
}

/// One aligned range: entries `number * fanout^level` to `(number + 1) * fanout^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    first: u64,
    level: u32,
    /// log2 of how many entries.
    bits: u32,
}

impl Default for Shape {
    /// Runs of 8^4 = 4,096 entries, merged 8 at a time.
    ///
    /// Merging F at a time writes a row once for each power of F, and leaves up to F - 1 runs of each size to be
    /// looked into. Of 10 million entries, 2,441 base runs: with F = 4 a row is written 6.6 times and 9 runs are usual, with
    /// F = 8 it is 4.8 and 14, with F = 16 it is 3.8 and 23. Writing is what limits recording, and a run that does not have
    /// what is looked for costs one look at its filter: 8.
    fn default() -> Self {
        Self { fanout_bits: 3, base_level: 4, memory_rows: 1 << 20 }
    }
}

impl Shape {
    /// Runs of `(2^fanout_bits)^base_level` entries, merged `2^fanout_bits` at a time, or of fewer that have
    /// `memory_rows` rows together. A base run has at most 2^20 entries: larger ones are cut to that.
    #[must_use]
    pub fn new(fanout_bits: u32, base_level: u32, memory_rows: usize) -> Self {
        let fanout_bits = fanout_bits.clamp(1, 4);
        Self { fanout_bits, base_level: base_level.min(20 / fanout_bits), memory_rows }
    }

    pub(crate) const fn fanout(self) -> usize {
        1 << self.fanout_bits
    }

    pub(crate) const fn base_level(self) -> u32 {
        self.base_level
    }

    pub(crate) const fn memory_rows(self) -> usize {
        self.memory_rows
    }

    /// Returns the span of this level that starts at `first`; none if none does, or if no log gets there.
    pub(crate) fn span(self, first: u64, level: u32) -> Option<Span> {
        let bits = level.checked_mul(self.fanout_bits).filter(|bits| *bits < 63)?;
        let span = Span { first, level, bits };
        let aligned = first & span.entries().wrapping_sub(1) == 0;
        (aligned && span.end_number() <= i64::MAX.unsigned_abs()).then_some(span)
    }

    /// Returns the end of the base span that `first` lies in.
    pub(crate) const fn base_end(self, first: u64) -> u64 {
        let entries = 1_u64 << (self.fanout_bits * self.base_level);
        (first & !(entries - 1)).saturating_add(entries)
    }

    /// Returns the largest spans, none above the base level, that make up the entries from `first` on and below `end`.
    pub(crate) fn cover(self, first: u64, end: u64) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut at = first;
        while at < end {
            let fits = |level: &u32| self.span(at, *level).is_some_and(|span| span.end_number() <= end);
            let level = (0..=self.base_level).rev().find(fits).unwrap_or(0);
            let Some(span) = self.span(at, level) else { break };
            at = span.end_number();
            spans.push(span);
        }
        spans
    }

    /// Returns the span that is merged from `fanout` neighbours, of which this is the first; none if it is another one.
    pub(crate) fn parent_of_first(self, child: Span) -> Option<Span> {
        self.span(child.first, child.level.checked_add(1)?)
    }
}

impl Span {
    pub(crate) const fn level(self) -> u32 {
        self.level
    }

    /// The first entry, as a number.
    pub(crate) const fn first(self) -> u64 {
        self.first
    }

    /// The tree that ends with the last entry.
    pub(crate) fn end(self) -> TreeSize {
        TreeSize::new(self.end_number()).unwrap_or(TreeSize::ZERO)
    }

    /// The same as a number.
    pub(crate) const fn end_number(self) -> u64 {
        self.first.saturating_add(self.entries())
    }

    pub(crate) const fn entries(self) -> u64 {
        1 << self.bits
    }

    pub(crate) const fn contains(self, index: u64) -> bool {
        index >= self.first && index < self.end_number()
    }

    /// How many bytes hold the distance of an entry from the first.
    pub(crate) fn offset_len(self) -> usize {
        usize::try_from(self.bits.div_ceil(8)).unwrap_or(8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Shape = Shape { fanout_bits: 1, base_level: 2, memory_rows: 100 };

    fn covered(first: u64, end: u64) -> Vec<(u64, u64)> {
        SMALL.cover(first, end).into_iter().map(|span| (span.first(), span.end_number())).collect()
    }

    #[test]
    fn base_runs_have_4096_entries() {
        let shape = Shape::default();
        assert_eq!((shape.base_end(0), shape.base_end(4_095), shape.base_end(4_096)), (4_096, 4_096, 8_192));
        assert_eq!(shape.cover(4_096, 8_192), [shape.span(4_096, shape.base_level()).unwrap()]);
    }

    #[test]
    fn a_cover_is_aligned_and_leaves_nothing_out() {
        assert_eq!(covered(0, 4), [(0, 4)]);
        assert_eq!(covered(3, 11), [(3, 4), (4, 8), (8, 10), (10, 11)]);
        assert_eq!(covered(8, 16), [(8, 12), (12, 16)], "none is above the base level");
        assert_eq!(covered(5, 5), []);
    }

    #[test]
    fn only_the_first_of_siblings_starts_a_parent() {
        let span = |first, level| SMALL.span(first, level).unwrap();
        assert_eq!(SMALL.parent_of_first(span(4, 1)), Some(span(4, 2)));
        assert_eq!(SMALL.parent_of_first(span(6, 1)), None);
        assert_eq!(SMALL.span(2, 2), None, "not aligned");
        assert_eq!(SMALL.span(0, 63), None, "no log gets there");
        assert_eq!(SMALL.span(u64::MAX - 1, 1), None);
    }

    #[test]
    fn the_distance_from_the_first_entry_fits_in_its_bytes() {
        let shape = Shape::default();
        for (level, bytes) in [(0, 0), (1, 1), (2, 1), (4, 2), (5, 2), (6, 3), (8, 3), (9, 4)] {
            let span = shape.span(0, level).unwrap();
            assert_eq!(span.offset_len(), bytes, "level {level}");
            assert!(u128::from(span.entries()) <= 1_u128 << (8 * bytes));
        }
    }
}
