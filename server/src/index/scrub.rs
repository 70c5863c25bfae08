//! Compares the rows with the tally in the markers, and puts right what was lost or added.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use custody_log::{LeafIndex, TreeSize};

use super::error::IndexError;
use super::keys::{self, Marker, Tally};
use super::reading;
use super::store::{Index, entry_keys, fact_keys};

/// Entries whose rows are compared together, once something is wrong. A block that differs is held in memory: some 14
/// rows an entry, 100 bytes each, so 6 MiB where entries are not SBOMs.
const BLOCK_ENTRIES: u64 = 4_096;

/// What a row costs in the pace of a scrub, in bytes: it is read one by one, out of a tree.
const ROW_COST: u64 = 256;

/// What a scrub of the index did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrubbed {
    /// The rows are those of the journal.
    Sound {
        /// How many were read.
        rows: u64,
    },
    /// They were not, and are now.
    Healed {
        /// Rows that were lost.
        lost: usize,
        /// Rows that no entry has.
        extra: usize,
    },
}

/// The tallies of both indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Both {
    entries: Tally,
    facts: Tally,
}

/// Where a scrub looks: what both markers covered when it began.
#[derive(Debug, Clone, Copy)]
struct Covered {
    entries: Marker,
    facts: Marker,
}

impl Covered {
    /// Returns the entry of a row that the markers cover, and whether the row is of the facts index.
    fn of(&self, key: &[u8]) -> Option<(LeafIndex, bool)> {
        let facts = match key.first()? {
            b'a' | b'c' | b'v' => false,
            b't' | b'd' => true,
            _ => return None,
        };
        let index = keys::index_of(key)?;
        let size = if facts { self.facts.size } else { self.entries.size };
        size.contains(index).then_some((index, facts))
    }

    fn size(&self) -> TreeSize {
        self.entries.size.max(self.facts.size)
    }

    fn tally(&self) -> Both {
        Both { entries: self.entries.tally, facts: self.facts.tally }
    }
}

impl Both {
    fn add(&mut self, key: &[u8], facts: bool) {
        if facts { self.facts.add(key) } else { self.entries.add(key) }
    }
}

impl Index {
    /// Reads all rows and compares them with the markers; if they differ, finds out by the journal which were lost or
    /// added, and puts them right. `pace` is told the cost of what was read, in bytes, and may take its time.
    ///
    /// While rows are put right, the index does not answer as if it were whole: [`Index::indexed_to`] is 0, so questions
    /// are answered as behind, and looking for contents and envelopes fails, so nothing is recorded twice.
    pub fn scrub(&self, pace: &dyn Fn(u64)) -> Result<Scrubbed, IndexError> {
        let covered = Covered {
            entries: *self.entries.lock().unwrap_or_else(PoisonError::into_inner),
            facts: *self.facts.lock().unwrap_or_else(PoisonError::into_inner),
        };
        let found = self.tally(&covered, pace)?;
        if found == covered.tally() {
            return Ok(Scrubbed::Sound { rows: found.entries.rows.saturating_add(found.facts.rows) });
        }
        self.healing.store(true, Ordering::SeqCst);
        let healed = self.heal(&covered);
        self.healing.store(false, Ordering::SeqCst);
        healed
    }

    fn tally(&self, covered: &Covered, pace: &dyn Fn(u64)) -> Result<Both, IndexError> {
        let mut found = Both::default();
        self.rows.each(&mut |key| {
            if let Some((_, facts)) = covered.of(key) {
                found.add(key, facts);
            }
            pace(ROW_COST);
        })?;
        Ok(found)
    }

    /// Unpaced: questions wait for it.
    fn heal(&self, covered: &Covered) -> Result<Scrubbed, IndexError> {
        let mut blocks: BTreeMap<u64, Both> = BTreeMap::new();
        self.rows.each(&mut |key| {
            if let Some((index, facts)) = covered.of(key) {
                blocks.entry(index.get() / BLOCK_ENTRIES).or_default().add(key, facts);
            }
        })?;
        let (mut lost, mut extra) = (0, 0);
        let mut whole = Both::default();
        for block in 0..=covered.size().get() / BLOCK_ENTRIES {
            let expected = self.expected(covered, block)?;
            let mut tally = Both::default();
            for (key, facts) in &expected {
                tally.add(key, *facts);
                whole.add(key, *facts);
            }
            if blocks.get(&block).copied().unwrap_or_default() == tally {
                continue;
            }
            let expected: BTreeSet<Vec<u8>> = expected.into_iter().map(|(key, _)| key).collect();
            let mut found = BTreeSet::new();
            self.rows.each(&mut |key| {
                if covered.of(key).is_some_and(|(index, _)| index.get() / BLOCK_ENTRIES == block) {
                    found.insert(key.to_vec());
                }
            })?;
            let missing: Vec<Vec<u8>> = expected.difference(&found).cloned().collect();
            let foreign: Vec<Vec<u8>> = found.difference(&expected).cloned().collect();
            self.rows.add(&missing)?;
            self.rows.remove(&foreign)?;
            (lost, extra) = (lost + missing.len(), extra + foreign.len());
        }
        if whole != covered.tally() {
            // The markers themselves are wrong: they are made anew with the rest when the index is opened next.
            return self.doubted(Err(IndexError::Mismatch { index: LeafIndex::ZERO }));
        }
        Ok(Scrubbed::Healed { lost, extra })
    }

    /// The rows that the entries of a block should have, and whether they are of the facts index.
    fn expected(&self, covered: &Covered, block: u64) -> Result<Vec<(Vec<u8>, bool)>, IndexError> {
        let first = block.saturating_mul(BLOCK_ENTRIES);
        let end = first.saturating_add(BLOCK_ENTRIES).min(covered.size().get());
        let mut rows = Vec::new();
        for index in (first..end).filter_map(|index| LeafIndex::new(index).ok()) {
            let reading = reading::read(index, self.source.stored(index)?)?;
            if covered.entries.size.contains(index) {
                rows.extend(entry_keys(&reading.entry).map(|key| (key, false)));
            }
            if covered.facts.size.contains(index) {
                rows.extend(fact_keys(&reading).into_iter().map(|key| (key, true)));
            }
        }
        Ok(rows)
    }
}
