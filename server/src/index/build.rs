//! Making a run again from the journal, a few entries at a time.
//!
//! The entries are read in order and sealed as new ones are, and what was sealed is merged until it is the one run that covers
//! them all. So memory is bounded for a run of any size, and the same rows come out in the same order.

use std::sync::Arc;

use custody_log::{LeafIndex, TreeSize};

use super::manifest::{Part, Record};
use super::memory::{Addition, Segment};
use super::merge::{self, Merge, Step};
use super::run::{Run, RunError};
use super::seal::Works;
use super::span::Span;

/// Entries that are read in one step.
const ENTRIES_A_STEP: usize = 64;
/// Blocks that are read in one step of merging.
const BLOCKS_A_STEP: usize = 64;

/// A run that is made again.
#[derive(Debug)]
pub(crate) struct Build {
    part: Part,
    span: Span,
    /// What is made so far, in order.
    runs: Vec<Arc<Run>>,
    open: Segment,
    merge: Option<Merge>,
    /// Runs that are not needed any more.
    garbage: Vec<u64>,
}

impl Build {
    pub(crate) fn new(part: Part, span: Span) -> Self {
        let first = TreeSize::new(span.first()).unwrap_or(TreeSize::ZERO);
        let (runs, garbage) = (Vec::new(), Vec::new());
        Self { part, span, runs, open: Segment::behind(first), merge: None, garbage }
    }

    /// Goes on a little; returns the run when it is whole.
    pub(crate) fn step(&mut self, works: Works<'_>) -> Result<Option<Record>, RunError> {
        if let Some(merge) = self.merge.take() {
            self.go_on(works, merge)?;
        } else if let Some(group) = merge::due(works.shape, &self.runs, &|_| false) {
            self.merge = Merge::new(works.database, works.shape, self.part, &group)?;
        } else if !self.open.is_empty() || self.open.end() < self.span.end() {
            self.read(works)?;
        } else {
            return self.whole().map(Some);
        }
        Ok(None)
    }

    /// Returns the one run that is left. Any other would count beside the one that it is made instead of.
    fn whole(&mut self) -> Result<Record, RunError> {
        match self.runs.as_slice() {
            [run] if run.record().span == self.span => {
                let record = *run.record();
                self.runs.clear();
                Ok(record)
            }
            runs => Err(RunError::Damaged { run: runs.first().map_or(0, |run| run.record().run) }),
        }
    }

    /// Returns the runs whose pieces are to be removed, when nothing more is asked of this.
    pub(crate) fn into_garbage(self) -> Vec<u64> {
        let Self { runs, merge, mut garbage, .. } = self;
        garbage.extend(runs.iter().map(|run| run.record().run));
        garbage.extend(merge.map(|merge| merge.run()));
        garbage
    }

    fn go_on(&mut self, works: Works<'_>, merge: Merge) -> Result<(), RunError> {
        let run = merge.run();
        match merge.step(works.database, BLOCKS_A_STEP) {
            Ok(Step::Under(merge)) => self.merge = Some(*merge),
            Ok(Step::Done(record)) => {
                let (old, mut runs): (Vec<_>, Vec<_>) =
                    self.runs.drain(..).partition(|run| record.span.contains(run.record().span.first()));
                self.garbage.extend(old.iter().map(|run| run.record().run));
                let at = runs.partition_point(|run| run.record().span.first() < record.span.first());
                runs.insert(at, Arc::new(Run::new(record)));
                self.runs = runs;
            }
            Err(error) => {
                self.garbage.push(run);
                return Err(error);
            }
        }
        Ok(())
    }

    fn read(&mut self, works: Works<'_>) -> Result<(), RunError> {
        let end = self.span.end().get().min(works.shape.base_end(self.open.first()));
        for index in (self.open.end().get()..end).take(ENTRIES_A_STEP) {
            let Ok(index) = LeafIndex::new(index) else { break };
            let rows = works.rows(self.part, index)?;
            self.open.add(Addition::new(rows).merge(self.open.layers()), index.size_through());
            if self.open.rows() >= works.shape.memory_rows() {
                break;
            }
        }
        let full = self.open.rows() >= works.shape.memory_rows();
        if full || self.open.end().get() == end {
            let sealed = works.seal(self.part, &self.open)?;
            self.runs.extend(sealed.into_iter().map(|record| Arc::new(Run::new(record))));
            self.open = Segment::behind(self.open.end());
        }
        Ok(())
    }
}
