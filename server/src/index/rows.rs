//! All rows of one of the two indexes: the newest in memory, the others in runs.
//!
//! Runs and memory cover disjoint ranges of entries, one after the other, so the newest entries are in memory, then in the
//! runs from the last one back. Who asks takes what memory has, and the list of runs, at one moment under one lock; the
//! runs are read without it, by a hand (`hands.rs`), and by none where memory says enough. A run that is not in the list any
//! more stays readable while anybody holds it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use custody_log::{LeafIndex, TreeSize};

use super::database::Database;
use super::error::IndexError;
use super::keys::{Prefix, Row};
use super::manifest::{Part, Record};
use super::memory::{Addition, Segment};
use super::run::{Cursor, Run, RunError};
use super::span::Shape;

/// Rows after which entries are added to memory, whatever else comes with them.
const ADDED_AT_ONCE: usize = 4_096;

/// The rows of one index.
#[derive(Debug)]
pub(crate) struct Rows {
    part: Part,
    shape: Shape,
    /// Only memory is touched under it, never the database.
    state: RwLock<State>,
    /// Held while entries are applied: one writer.
    applying: Mutex<()>,
    /// Runs that are to be made again. While there are any, this index does not answer.
    damaged: Mutex<BTreeSet<u64>>,
}

#[derive(Debug)]
struct State {
    /// From the first entry on, without a gap.
    runs: Arc<Vec<Arc<Run>>>,
    /// Behind the runs: segments that nothing is added to, which wait to be sealed.
    closed: VecDeque<Arc<Segment>>,
    /// Behind those.
    open: Segment,
}

/// The rows of one entry.
pub(crate) struct EntryRows<'a> {
    pub(crate) index: LeafIndex,
    pub(crate) rows: &'a [Row],
}

/// For each prefix, the newest entry below a size.
type Newest = BTreeMap<Prefix, Option<LeafIndex>>;

impl Rows {
    /// The rows that these runs have.
    pub(crate) fn new(part: Part, shape: Shape, records: &[Record]) -> Self {
        let end = super::manifest::end(records);
        let runs = records.iter().map(|record| Arc::new(Run::new(*record))).collect();
        let state = State { runs: Arc::new(runs), closed: VecDeque::new(), open: Segment::behind(end) };
        Self {
            part,
            shape,
            state: RwLock::new(state),
            applying: Mutex::new(()),
            damaged: Mutex::new(BTreeSet::new()),
        }
    }

    pub(crate) const fn part(&self) -> Part {
        self.part
    }

    /// Returns how far these rows reach.
    pub(crate) fn end(&self) -> TreeSize {
        self.read(|state| state.open.end())
    }

    /// Returns how many rows there are.
    pub(crate) fn count(&self) -> u64 {
        self.read(|state| {
            let segments = state.closed.iter().map(AsRef::as_ref).chain([&state.open]);
            let memory = segments.map(|segment| u64::try_from(segment.rows()).unwrap_or(u64::MAX));
            state.runs.iter().map(|run| run.record().rows).chain(memory).fold(0, u64::saturating_add)
        })
    }

    /// Adds the rows of consecutive entries, of which the first is at most the next one that is missing. Entries that
    /// are there already change nothing. Returns how far the rows reach then.
    pub(crate) fn apply<'a>(
        &self,
        entries: impl IntoIterator<Item = EntryRows<'a>>,
    ) -> Result<TreeSize, IndexError> {
        let _one = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut end, mut gathered) = (self.end(), Vec::new());
        let mut base_end = self.read(|state| self.shape.base_end(state.open.first()));
        for EntryRows { index, rows } in entries {
            let expected = end.next_index();
            if index > expected {
                self.add(gathered, end);
                return Err(IndexError::Gap { expected, found: index });
            }
            if index == expected {
                gathered.extend_from_slice(rows);
                end = index.size_through();
            }
            if gathered.len() >= ADDED_AT_ONCE || end.get() == base_end {
                self.add(std::mem::take(&mut gathered), end);
                base_end = self.read(|state| self.shape.base_end(state.open.first()));
            }
        }
        self.add(gathered, end);
        Ok(end)
    }

    /// Returns the newest `limit` entries below `below` that have a row with this prefix, newest first.
    pub(crate) fn newest(
        &self,
        database: &Arc<Database>,
        prefix: &Prefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, RunError> {
        let found = self.newest_of_each(database, vec![*prefix], below, limit)?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// The same of several prefixes, in their order, by one hand: to wake one takes longer than to look.
    pub(crate) fn newest_of_each(
        &self,
        database: &Arc<Database>,
        prefixes: Vec<Prefix>,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<Vec<LeafIndex>>, RunError> {
        let (mut all, runs) = self.read(|state| {
            let found = prefixes.iter().map(|prefix| state.newest_of(prefix, below, limit));
            (found.collect::<Vec<_>>(), Arc::clone(&state.runs))
        });
        if runs.is_empty() || all.iter().all(|found| found.len() >= limit) {
            return Ok(all);
        }
        database.ask(move |database| {
            for (prefix, found) in prefixes.iter().zip(&mut all) {
                for run in runs.iter().rev() {
                    run.newest(database, prefix, below, limit, found)?;
                }
            }
            Ok(all)
        })
    }

    /// Returns all entries from `from` on that have a row with this prefix, oldest first. Cheap where `from` is in
    /// memory: no run is asked.
    pub(crate) fn oldest(
        &self,
        database: &Arc<Database>,
        prefix: &Prefix,
        from: LeafIndex,
    ) -> Result<Vec<LeafIndex>, RunError> {
        let mut newest = Vec::new();
        let (runs, end) = self.read(|state| {
            let end = state.open.end();
            let segments = state.closed.iter().map(AsRef::as_ref).chain([&state.open]);
            // Who asks what came since he looked last asks the last one alone.
            for segment in segments.filter(|segment| segment.end().contains(from)) {
                segment.oldest(prefix, from, end, &mut newest);
            }
            (Arc::clone(&state.runs), end)
        });
        let runs: Vec<Arc<Run>> = runs.iter().filter(|run| run.is_asked(prefix, from)).cloned().collect();
        if runs.is_empty() {
            return Ok(newest);
        }
        let prefix = *prefix;
        let mut found = database.ask(move |database| {
            let mut found = Vec::new();
            for run in runs {
                run.oldest(database, &prefix, from, end, &mut found)?;
            }
            Ok::<_, RunError>(found)
        })?;
        found.append(&mut newest);
        Ok(found)
    }

    /// Returns each distinct prefix from `low` to `high` with the newest entry below `below` that has it: at most `limit`.
    /// None when `steps` distinct ones were looked at before that was known: later entries take steps too, so a
    /// shorter answer would not stay the same while the log grows.
    pub(crate) fn each_newest(
        &self,
        database: &Arc<Database>,
        (low, high): (&Prefix, &Prefix),
        below: TreeSize,
        limit: usize,
        steps: usize,
    ) -> Result<Option<Vec<(Prefix, LeafIndex)>>, RunError> {
        let mut memory = Newest::new();
        let runs = self.read(|state| {
            state.newest_in_memory((low, high), below, steps.saturating_add(1), &mut memory);
            Arc::clone(&state.runs)
        });
        let range = (*low, *high);
        database.ask(move |database| each_newest(database, &runs, memory, range, below, limit, steps))
    }

    /// Returns the runs, the oldest first.
    pub(crate) fn runs(&self) -> Arc<Vec<Arc<Run>>> {
        self.read(|state| Arc::clone(&state.runs))
    }

    /// Whether a run still counts.
    pub(crate) fn has(&self, run: u64) -> bool {
        self.runs().iter().any(|one| one.record().run == run)
    }

    /// Returns the first segment that waits to be sealed.
    pub(crate) fn unsealed(&self) -> Option<Arc<Segment>> {
        self.read(|state| state.closed.front().cloned())
    }

    /// Adds nothing more to the open segment, so that it can be sealed too.
    pub(crate) fn close_segment(&self) {
        self.change(State::close_segment);
    }

    /// Replaces the first segment that waits by the runs that it was sealed into.
    pub(crate) fn sealed(&self, runs: impl IntoIterator<Item = Arc<Run>>) {
        let sealed = self.change(|state| {
            state.runs = Arc::new(state.runs.iter().cloned().chain(runs).collect());
            state.closed.pop_front()
        });
        // Its rows are given back without the lock.
        drop(sealed);
    }

    /// Replaces neighbouring runs by the one that covers the same entries, and returns them.
    pub(crate) fn replace(&self, new: &Arc<Run>) -> Vec<Arc<Run>> {
        let span = new.record().span;
        let inside = |run: &Arc<Run>| span.contains(run.record().span.first());
        self.change(|state| {
            let (old, mut runs): (Vec<_>, Vec<_>) = state.runs.iter().cloned().partition(inside);
            let at = runs.partition_point(|run| run.record().span.first() < span.first());
            runs.insert(at, Arc::clone(new));
            state.runs = Arc::new(runs);
            old
        })
    }

    /// Returns the runs that are to be made again.
    pub(crate) fn damaged(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses while runs are to be made again: what they had would not be found.
    pub(crate) fn whole(&self) -> Result<(), IndexError> {
        if self.damaged().is_empty() { Ok(()) } else { Err(IndexError::Healing) }
    }

    /// Sorted and merged without the lock: only this thread changes the open segment.
    fn add(&self, rows: Vec<Row>, end: TreeSize) {
        let layers = self.read(|state| state.open.layers().to_vec());
        let addition = Addition::new(rows).merge(&layers);
        self.change(|state| {
            if end > state.open.end() {
                state.open.add(addition, end);
            }
            let full = state.open.rows() >= self.shape.memory_rows();
            if full || self.shape.base_end(state.open.first()) == end.get() {
                state.close_segment();
            }
        });
    }

    fn read<T>(&self, what: impl FnOnce(&State) -> T) -> T {
        what(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The same, of these runs and what memory has.
fn each_newest(
    database: &Database,
    runs: &[Arc<Run>],
    mut memory: Newest,
    (low, high): (Prefix, Prefix),
    below: TreeSize,
    limit: usize,
    steps: usize,
) -> Result<Option<Vec<(Prefix, LeafIndex)>>, RunError> {
    let start = low.row(LeafIndex::ZERO);
    let cursors = runs.iter().rev().map(|run| Cursor::new(database, Arc::clone(run), &start));
    let mut cursors = cursors.collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    for _ in 0..steps {
        let in_runs = cursors.iter().filter_map(Cursor::row).map(Row::prefix);
        let next = in_runs.chain(memory.keys().next().copied()).min().filter(|next| *next <= high);
        let Some(prefix) = next.filter(|_| found.len() < limit) else { return Ok(Some(found)) };
        let mut newest: Vec<LeafIndex> = memory.remove(&prefix).flatten().into_iter().collect();
        for cursor in &mut cursors {
            if cursor.row().is_none_or(|row| row.prefix() != prefix) {
                continue;
            }
            cursor.run().newest(database, &prefix, below, 1, &mut newest)?;
            cursor.seek(database, &prefix.end())?;
        }
        found.extend(newest.first().map(|newest| (prefix, *newest)));
    }
    Ok(None)
}

impl State {
    fn close_segment(&mut self) {
        if !self.open.is_empty() {
            let empty = Segment::behind(self.open.end());
            self.closed.push_back(Arc::new(std::mem::replace(&mut self.open, empty)));
        }
    }

    /// The newest `limit` entries in memory with this prefix.
    fn newest_of(&self, prefix: &Prefix, below: TreeSize, limit: usize) -> Vec<LeafIndex> {
        let mut found = Vec::new();
        for segment in [&self.open].into_iter().chain(self.closed.iter().rev().map(AsRef::as_ref)) {
            segment.newest(prefix, below, limit, &mut found);
        }
        found
    }

    /// At most `at_most` prefixes of each segment.
    fn newest_in_memory(
        &self,
        (low, high): (&Prefix, &Prefix),
        below: TreeSize,
        at_most: usize,
        newest: &mut Newest,
    ) {
        for segment in self.closed.iter().map(AsRef::as_ref).chain([&self.open]) {
            segment.prefixes(low, high, at_most, &mut |prefix| {
                let mut found = Vec::new();
                segment.newest(&prefix, below, 1, &mut found);
                let known = newest.entry(prefix).or_default();
                *known = found.first().copied().or(*known);
            });
        }
    }
}
