//! Reads all runs and compares them with what the manifest says of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::error::IndexError;
use super::filter::{FilterBuilder, FilterPart};
use super::keys::Row;
use super::manifest::RowsHasher;
use super::rows::Rows;
use super::run::{Cursor, Run, RunError};
use super::store::Index;

/// What a block costs in the pace of a scrub, in bytes: the most that it may have.
const BLOCK_COST: u64 = 4_096;

/// What a scrub of the index found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrubbed {
    /// All runs are as they were written.
    Sound {
        /// How many rows were read.
        rows: u64,
    },
    /// Some are not. They are made again from the journal; until then the index does not answer.
    Damaged {
        /// How many.
        runs: usize,
    },
    /// It was ended before everything was read.
    Ended,
}

/// How a scrub ends early.
enum Stop {
    /// `pace` said so.
    Ended,
    Failed(RunError),
}

impl From<RunError> for Stop {
    fn from(error: RunError) -> Self {
        Self::Failed(error)
    }
}

impl Index {
    /// Reads every block and filter of every run that there is when it begins, and compares the rows with the digest in the
    /// manifest. `pace` is told the cost of each block, in bytes, and may take its time, or end the scrub. Runs that are merged
    /// meanwhile are left to the next scrub.
    pub fn scrub(&self, pace: &dyn Fn(u64) -> ControlFlow<()>) -> Result<Scrubbed, IndexError> {
        let (mut read, mut damaged) = (0_u64, 0_usize);
        for rows in [&self.entries, &self.facts] {
            // Only their numbers are held: a run that does not count any more can be removed meanwhile.
            let runs: Vec<u64> = rows.runs().iter().map(|run| run.record().run).collect();
            for number in runs {
                let run = rows.runs().iter().find(|run| run.record().run == number).cloned();
                let Some(run) = run else { continue };
                let compared = match self.compare(rows, &run, pace) {
                    Ok(compared) => Ok(compared),
                    Err(Stop::Ended) => return Ok(Scrubbed::Ended),
                    Err(Stop::Failed(error)) => self.answered(rows, Err(error)),
                };
                match compared {
                    Ok(compared) => read = read.saturating_add(compared),
                    Err(IndexError::Healing) => damaged = damaged.saturating_add(1),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(if damaged == 0 { Scrubbed::Sound { rows: read } } else { Scrubbed::Damaged { runs: damaged } })
    }

    /// Returns how many rows the run has; 0 if it stopped to count meanwhile.
    fn compare(
        &self,
        rows: &Rows,
        run: &Arc<Run>,
        pace: &dyn Fn(u64) -> ControlFlow<()>,
    ) -> Result<u64, Stop> {
        let paid = || if pace(BLOCK_COST).is_break() { Err(Stop::Ended) } else { Ok(()) };
        paid()?;
        let mut cursor = Cursor::new(&self.database, Arc::clone(run), &Row::MIN)?;
        let (mut hasher, mut filter) = (RowsHasher::default(), FilterBuilder::new());
        while let Some(row) = cursor.row() {
            hasher.add(row);
            if let Some(part) = filter.push(row.prefix()) {
                paid()?;
                self.compare_filter(run, &part)?;
            }
            if cursor.advance(&self.database)? {
                paid()?;
                if !rows.has(run.record().run) {
                    return Ok(0);
                }
            }
        }
        self.compare_filter(run, &filter.finish())?;
        cursor.all_passed()?;
        if hasher.digest() == run.record().digest { Ok(run.record().rows) } else { Err(run.damaged().into()) }
    }

    fn compare_filter(&self, run: &Run, expected: &FilterPart) -> Result<(), RunError> {
        let found = run.filter_part(&self.database, &expected.first)?;
        if found == *expected { Ok(()) } else { Err(run.damaged()) }
    }
}
