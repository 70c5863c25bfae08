//! Reads all runs and compares them with what the manifest says of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::database::Database;
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
        let paid = |pieces: u64| {
            let cost = BLOCK_COST.saturating_mul(pieces);
            if pace(cost).is_break() { Err(Stop::Ended) } else { Ok(()) }
        };
        paid(1)?;
        let begun = Arc::clone(run);
        let mut comparison = self.work(move |works| Comparison::new(works.database, begun))?;
        while let Some((rest, pieces)) = self.work(move |works| comparison.block(works.database))? {
            comparison = rest;
            paid(pieces)?;
            if !rows.has(run.record().run) {
                return Ok(0);
            }
        }
        Ok(run.record().rows)
    }
}

/// A run that is being compared with its record, and its filter with its rows.
struct Comparison {
    cursor: Cursor,
    hasher: RowsHasher,
    filter: FilterBuilder,
}

impl Comparison {
    fn new(database: &Database, run: Arc<Run>) -> Result<Self, RunError> {
        let cursor = Cursor::new(database, run, &Row::MIN)?;
        Ok(Self { cursor, hasher: RowsHasher::default(), filter: FilterBuilder::new() })
    }

    /// Goes on to the next block, and returns how many pieces it read for that; none when all rows are those of the record.
    fn block(mut self, database: &Database) -> Result<Option<(Self, u64)>, RunError> {
        let mut pieces = 0;
        while let Some(row) = self.cursor.row() {
            self.hasher.add(row);
            if let Some(part) = self.filter.push(row.prefix()) {
                compare_filter(database, self.cursor.run(), &part)?;
                pieces += 1;
            }
            if self.cursor.advance(database)? {
                pieces += 1;
                return Ok(Some((self, pieces)));
            }
        }
        let Self { cursor, hasher, filter } = self;
        compare_filter(database, cursor.run(), &filter.finish())?;
        cursor.all_passed()?;
        let same = hasher.digest() == cursor.run().record().digest;
        if same { Ok(None) } else { Err(cursor.run().damaged()) }
    }
}

fn compare_filter(database: &Database, run: &Run, expected: &FilterPart) -> Result<(), RunError> {
    let found = run.filter_part(database, &expected.first)?;
    if found == *expected { Ok(()) } else { Err(run.damaged()) }
}
