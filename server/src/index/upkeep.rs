//! What is done behind: opening a database that failed again, sealing, merging, removing what is not needed, making damaged
//! runs again (`heal.rs`).
//!
//! All of it is done in small steps under one lock, which neither recording nor questions ever wait for. A step that fails
//! loses nothing: what it wrote does not count, and it is tried again. It keeps none of the others from being done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::build::Build;
use super::error::IndexError;
use super::manifest::{Part, Record};
use super::merge::{self, Merge, Step};
use super::rows::Rows;
use super::run::{Run, RunError};
use super::seal::Works;
use super::store::Index;

/// Blocks that are read in one step of merging: some 20,000 rows, 3 ms.
const BLOCKS_A_STEP: usize = 64;
/// Pieces that are removed in one step.
const REMOVED_A_STEP: usize = 64;
/// Rows that are applied for each further step: 1,446, so that merges keep up with what comes. A block has at least 226 rows
/// of 18 bytes, which a step reads 64 of, and a row is merged once for each size of run: 10 times for 8^10 entries. The largest
/// entry, of a million rows, costs 726 steps, or 2 s, in which nothing else waits for them but a stop.
const ROWS_A_STEP: usize = BLOCKS_A_STEP * 226 / 10;

/// Room on the disk that a merge takes for each of its rows, beside what it merges: the 21 bytes of a row and a fifth more. Of rows
/// that share their beginnings a block has more, so it takes less.
const BYTES_A_ROW: u64 = 25;

/// Work that is under way.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The last one is worked on: it makes a smaller run than those before it, which wait.
    merges: Vec<Merge>,
    /// Damaged runs, and what they are made again as.
    pub(super) builds: BTreeMap<u64, Build>,
    /// Those of them that could not be made again now: the others come first.
    pub(super) failed: BTreeSet<u64>,
    /// What the server's log says of them: the run, and the entry that cannot be read.
    pub(super) said: BTreeSet<(u64, Option<u64>)>,
    /// Runs that do not count any more, but may still be read.
    retired: Vec<Arc<Run>>,
    /// Runs whose pieces are to be removed.
    pub(super) garbage: Vec<u64>,
}

impl Upkeep {
    /// What a process that died left behind.
    pub(super) fn left(garbage: Vec<u64>) -> Mutex<Self> {
        Mutex::new(Self { garbage, ..Self::default() })
    }

    /// What was being written to a database that failed.
    pub(super) fn forget_what_is_under_way(&mut self) {
        self.merges.clear();
        self.builds.clear();
        self.failed.clear();
        self.said.clear();
        self.garbage.clear();
    }

    /// Runs in a database that was opened again, which do not count. Some may still be read.
    pub(super) fn left_behind(&mut self, runs: impl Iterator<Item = u64>) {
        let read = |number: &u64| self.retired.iter().any(|run| run.record().run == *number);
        self.garbage = runs.filter(|number| !read(number)).collect();
    }

    /// Whether a run with this number is merged.
    pub(super) fn is_merging(&self, run: u64) -> bool {
        self.merges.iter().any(|merge| merge.reads(run))
    }

    /// Ends the merges that read this run.
    pub(super) fn end_merges_of(&mut self, run: u64) {
        let (ended, merges): (Vec<_>, Vec<_>) = self.merges.drain(..).partition(|merge| merge.reads(run));
        self.merges = merges;
        self.garbage.extend(ended.iter().map(Merge::run));
    }
}

impl Index {
    /// Opens the database again if it failed, seals what waits for it, then does some steps of each: removing, merging, and
    /// making damaged runs again. Returns whether there is more to do. Of those that fail, the first one is the error.
    pub fn tidy_once(&self) -> Result<bool, IndexError> {
        let done = self.tidy_some(&mut self.upkeep());
        self.tell();
        done
    }

    fn tidy_some(&self, upkeep: &mut MutexGuard<'_, Upkeep>) -> Result<bool, IndexError> {
        self.reopen_if_in_doubt(upkeep)?;
        let done = [
            self.seal(&self.entries, upkeep).map(|()| false),
            self.seal(&self.facts, upkeep).map(|()| false),
            self.keep_up(upkeep),
            self.heal_some(upkeep),
        ];
        done.into_iter().try_fold(false, |more, done| Ok(done? || more))
    }

    /// Does everything that there is to do.
    pub fn tidy(&self) -> Result<(), IndexError> {
        while self.tidy_once()? {}
        Ok(())
    }

    /// Whether rows wait in memory that could not be sealed.
    pub(super) fn is_unsealed(&self) -> bool {
        [&self.entries, &self.facts].into_iter().any(|rows| rows.unsealed().is_some())
    }

    /// Seals all segments that nothing is added to. The lock is only shown: one thread seals.
    pub(super) fn seal(&self, rows: &Rows, _: &MutexGuard<'_, Upkeep>) -> Result<(), IndexError> {
        while let Some(segment) = rows.unsealed() {
            let part = rows.part();
            let sealed = self.work(move |works| {
                let records = works.seal(part, &segment)?;
                works.database.switch(&records, &[])?;
                Ok(records)
            });
            let records = self.doubted(sealed)?;
            rows.sealed(records.into_iter().map(|record| Arc::new(Run::new(record))));
        }
        Ok(())
    }

    pub(super) fn upkeep(&self) -> MutexGuard<'_, Upkeep> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) const fn rows_of(&self, part: Part) -> &Rows {
        match part {
            Part::Entries => &self.entries,
            Part::Facts => &self.facts,
        }
    }

    /// Removes pieces of runs that nobody can reach any more.
    fn remove_some(&self, upkeep: &mut Upkeep) -> Result<bool, IndexError> {
        // Only this list has it: nobody reads it, and nobody finds it any more.
        let (gone, read): (Vec<_>, Vec<_>) =
            upkeep.retired.drain(..).partition(|run| Arc::strong_count(run) == 1);
        upkeep.retired = read;
        upkeep.garbage.extend(gone.iter().map(|run| run.record().run));
        if let Some(run) = upkeep.garbage.last().copied()
            && !self.doubted(self.work(move |works| works.database.remove_some(run, REMOVED_A_STEP)))?
        {
            upkeep.garbage.pop();
        }
        Ok(!upkeep.garbage.is_empty())
    }

    /// Removes and merges as much as was applied since the last time.
    fn keep_up(&self, upkeep: &mut Upkeep) -> Result<bool, IndexError> {
        let steps = 1 + self.applied.swap(0, Ordering::Relaxed) / ROWS_A_STEP;
        for _ in 0..steps {
            let (removing, merging) = (self.remove_some(upkeep), self.merge_some(upkeep));
            if !(removing? | merging?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn merge_some(&self, upkeep: &mut Upkeep) -> Result<bool, IndexError> {
        for rows in [&self.entries, &self.facts] {
            // Rows that are not what was sealed must not get into a run that looks sound.
            rows.damaged().iter().for_each(|run| upkeep.end_merges_of(*run));
        }
        let started = [&self.entries, &self.facts].map(|rows| {
            let started = self.start_merge(rows, upkeep);
            self.kept_up(rows, started)
        });
        let started = started.into_iter().collect::<Result<(), _>>();
        let Some(merge) = upkeep.merges.pop() else { return started.map(|()| false) };
        let (rows, run) = (self.rows_of(merge.part()), merge.run());
        match self.work(move |works| merge.step(works.database, BLOCKS_A_STEP)) {
            Ok(Step::Under(merge)) => upkeep.merges.push(*merge),
            Ok(Step::Done(record)) => self.enlist(rows, record, upkeep)?,
            Err(error) => {
                upkeep.garbage.push(run);
                self.kept_up(rows, Err(error))?;
            }
        }
        started.map(|()| true)
    }

    /// Starts the merge that is due, if it makes a smaller run than those under way.
    pub(super) fn start_merge(&self, rows: &Rows, upkeep: &mut Upkeep) -> Result<(), RunError> {
        let runs = rows.runs();
        let damaged = rows.damaged().clone();
        let busy = |run| damaged.contains(&run) || upkeep.is_merging(run);
        let Some(group) = merge::due(self.shape, &runs, &busy) else { return Ok(()) };
        // The disk is looked at only where there is work for it. Merges can wait: recording comes first.
        let rows_in_all = group.iter().fold(0, |rows: u64, run| rows.saturating_add(run.record().rows));
        if self.source.spare() < rows_in_all.saturating_mul(BYTES_A_ROW) {
            return Ok(());
        }
        let level = group.first().map(|run| run.record().span.level());
        if upkeep.merges.last().is_none_or(|last| level < Some(last.level().saturating_sub(1))) {
            let part = rows.part();
            let begun = self.work(move |works| Merge::new(works.database, works.shape, part, &group));
            upkeep.merges.extend(begun?);
        }
        Ok(())
    }

    /// Lets a run count instead of those that cover the same entries: first on disk.
    pub(super) fn enlist(&self, rows: &Rows, record: Record, upkeep: &mut Upkeep) -> Result<(), IndexError> {
        let replaced: Vec<Record> = rows
            .runs()
            .iter()
            .map(|run| *run.record())
            .filter(|old| record.span.contains(old.span.first()))
            .collect();
        self.doubted(self.work(move |works| works.database.switch(&[record], &replaced)))?;
        upkeep.retired.extend(rows.replace(&Arc::new(Run::new(record))));
        Ok(())
    }

    /// Passes an error of work that is done behind on; one of a damaged run is no error, since that run is made again.
    fn kept_up(&self, rows: &Rows, result: Result<(), RunError>) -> Result<(), IndexError> {
        match self.answered(rows, result) {
            Err(IndexError::Healing) => Ok(()),
            result => result,
        }
    }

    /// Lets a hand work. What is in memory changes here, when it is done: a hand that was left behind must not.
    pub(super) fn work<T, E>(
        &self,
        work: impl FnOnce(Works<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<IndexError> + Send + 'static,
    {
        let (source, shape) = (Arc::clone(&self.source), self.shape);
        self.database.ask(move |database| work(Works { database, source: source.as_ref(), shape }))
    }
}
