//! What is done behind: sealing, merging, removing what is not needed, making damaged runs again.
//!
//! All of it is done in small steps under one lock, which neither recording nor questions ever wait for. A step that fails
//! loses nothing: what it wrote does not count, and it is tried again.

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

/// Work that is under way.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    /// The last one is worked on: it makes a smaller run than those before it, which wait.
    merges: Vec<Merge>,
    /// A damaged run, and what it is made again as.
    build: Option<(u64, Build)>,
    /// Runs that do not count any more, but may still be read.
    retired: Vec<Arc<Run>>,
    /// Runs whose pieces are to be removed.
    garbage: Vec<u64>,
}

impl Upkeep {
    /// What a process that died left behind.
    pub(super) fn left(garbage: Vec<u64>) -> Mutex<Self> {
        Mutex::new(Self { garbage, ..Self::default() })
    }

    /// Ends the merges that read this run.
    fn end_merges_of(&mut self, run: u64) {
        let (ended, merges): (Vec<_>, Vec<_>) = self.merges.drain(..).partition(|merge| merge.reads(run));
        self.merges = merges;
        self.garbage.extend(ended.iter().map(Merge::run));
    }
}

impl Index {
    /// Seals what waits for it, then does a step of each: removing, merging, and making damaged runs again. Returns whether
    /// there is more to do.
    pub fn tidy_once(&self) -> Result<bool, IndexError> {
        let mut upkeep = self.upkeep();
        for rows in [&self.entries, &self.facts] {
            self.seal(rows, &upkeep)?;
        }
        let removing = self.remove_some(&mut upkeep)?;
        let merging = self.merge_some(&mut upkeep)?;
        Ok(self.heal_some(&mut upkeep)? || merging || removing)
    }

    /// Does everything that there is to do.
    pub fn tidy(&self) -> Result<(), IndexError> {
        while self.tidy_once()? {}
        Ok(())
    }

    /// Seals all segments that nothing is added to. The lock is only shown: one thread seals.
    pub(super) fn seal(&self, rows: &Rows, _: &MutexGuard<'_, Upkeep>) -> Result<(), IndexError> {
        while let Some(segment) = rows.unsealed() {
            let records = self.doubted(self.works().seal(rows.part(), &segment))?;
            self.doubted(self.database.switch(&records, &[]))?;
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
        if let Some(run) = upkeep.garbage.last()
            && !self.doubted(self.database.remove_some(*run, REMOVED_A_STEP))?
        {
            upkeep.garbage.pop();
        }
        Ok(!upkeep.garbage.is_empty())
    }

    fn merge_some(&self, upkeep: &mut Upkeep) -> Result<bool, IndexError> {
        for rows in [&self.entries, &self.facts] {
            let started = self.start_merge(rows, upkeep);
            self.kept_up(rows, started)?;
        }
        let Some(merge) = upkeep.merges.pop() else { return Ok(false) };
        let (rows, run) = (self.rows_of(merge.part()), merge.run());
        match merge.step(&self.database, BLOCKS_A_STEP) {
            Ok(Step::Under(merge)) => upkeep.merges.push(*merge),
            Ok(Step::Done(record)) => self.enlist(rows, record, upkeep)?,
            Err(error) => {
                upkeep.garbage.push(run);
                self.kept_up(rows, Err(error))?;
            }
        }
        Ok(true)
    }

    /// Starts the merge that is due, if it makes a smaller run than those under way.
    fn start_merge(&self, rows: &Rows, upkeep: &mut Upkeep) -> Result<(), RunError> {
        let runs = rows.runs();
        let damaged = rows.damaged().clone();
        let busy = |run| damaged.contains(&run) || upkeep.merges.iter().any(|merge| merge.reads(run));
        let Some(group) = merge::due(self.shape, &runs, &busy) else { return Ok(()) };
        let level = group.first().map(|run| run.record().span.level());
        if upkeep.merges.last().is_none_or(|last| level < Some(last.level().saturating_sub(1))) {
            upkeep.merges.extend(Merge::new(&self.database, self.shape, rows.part(), &group)?);
        }
        Ok(())
    }

    /// Lets a run count instead of those that cover the same entries: first on disk.
    fn enlist(&self, rows: &Rows, record: Record, upkeep: &mut Upkeep) -> Result<(), IndexError> {
        let replaced: Vec<Record> = rows
            .runs()
            .iter()
            .map(|run| *run.record())
            .filter(|old| record.span.contains(old.span.first()))
            .collect();
        self.doubted(self.database.switch(&[record], &replaced))?;
        upkeep.retired.extend(rows.replace(&Arc::new(Run::new(record))));
        Ok(())
    }

    /// Goes on making a damaged run again.
    fn heal_some(&self, upkeep: &mut Upkeep) -> Result<bool, IndexError> {
        let damaged = |rows: &Rows| rows.damaged().first().copied();
        let Some((rows, run)) =
            [&self.entries, &self.facts].into_iter().find_map(|rows| Some((rows, damaged(rows)?)))
        else {
            return Ok(false);
        };
        let build = match upkeep.build.take() {
            Some((of, build)) if of == run => Some(build),
            other => {
                upkeep.garbage.extend(other.into_iter().flat_map(|(_, build)| build.into_garbage()));
                start_build(rows, run, upkeep)
            }
        };
        let Some(mut build) = build else {
            rows.damaged().remove(&run);
            return Ok(true);
        };
        match build.step(self.works()) {
            Ok(None) => upkeep.build = Some((run, build)),
            Ok(Some(record)) => {
                upkeep.garbage.extend(build.into_garbage());
                self.enlist(rows, record, upkeep)?;
                rows.damaged().remove(&run);
                tracing::warn!(
                    first = record.span.first(),
                    entries = record.span.entries(),
                    rows = record.rows,
                    "a damaged part of the index was made again from the journal"
                );
            }
            Err(error @ RunError::Damaged { .. }) => {
                // What was just written: it is made again from the start, after a while.
                upkeep.garbage.extend(build.into_garbage());
                return self.answered(rows, Err(error));
            }
            Err(error) => {
                // It goes on where it stands once the journal can be read.
                upkeep.build = Some((run, build));
                return self.answered(rows, Err(error));
            }
        }
        Ok(true)
    }

    /// Passes an error of work that is done behind on; one of a damaged run is no error, since that run is made again.
    fn kept_up(&self, rows: &Rows, result: Result<(), RunError>) -> Result<(), IndexError> {
        match self.answered(rows, result) {
            Err(IndexError::Healing) => Ok(()),
            result => result,
        }
    }

    fn works(&self) -> Works<'_> {
        Works { database: &self.database, source: self.source.as_ref(), shape: self.shape }
    }
}

/// Starts to make a run again; none if the run does not count any more.
fn start_build(rows: &Rows, run: u64, upkeep: &mut Upkeep) -> Option<Build> {
    upkeep.end_merges_of(run);
    let runs = rows.runs();
    let damaged = runs.iter().find(|one| one.record().run == run)?;
    Some(Build::new(rows.part(), damaged.record().span))
}
