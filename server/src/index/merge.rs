//! Merging runs: neighbours become the run of all their entries, a few rows at a time.
//!
//! A merge reads its runs in order and writes a new one beside them. Nothing waits for it, and nothing of it counts until it is
//! whole and the manifest names it instead of those that it was made of. A merge that did not end, since the process
//! did, starts again from its first row; what it left is removed.

use std::sync::Arc;

use custody_log::EntryDigest;

use super::database::Database;
use super::keys::Row;
use super::manifest::{Part, Record, RowsHasher};
use super::run::{Cursor, Run, RunError};
use super::span::{Shape, Span};
use super::writer::RunWriter;

/// A merge under way.
#[derive(Debug)]
pub(crate) struct Merge {
    part: Part,
    span: Span,
    inputs: Vec<Input>,
    writer: RunWriter,
    last: EntryDigest,
}

/// One of the runs that are merged.
#[derive(Debug)]
struct Input {
    /// Behind the last row it stays.
    cursor: Cursor,
    /// Over the rows that were read of it.
    hasher: RowsHasher,
}

/// Returns the neighbours to be merged next, if there are any: of the smallest size, so that what waits stays few. Those with a
/// number in `busy` are left alone.
pub(crate) fn due(shape: Shape, runs: &[Arc<Run>], busy: &dyn Fn(u64) -> bool) -> Option<Vec<Arc<Run>>> {
    let groups = runs.windows(shape.fanout()).filter(|group| siblings(shape, group));
    let free = groups.filter(|group| !group.iter().any(|run| busy(run.record().run)));
    free.min_by_key(|group| group.first().map(|run| run.record().span.level())).map(<[_]>::to_vec)
}

/// Whether these neighbours are all that a run of the next level is made of.
fn siblings(shape: Shape, group: &[Arc<Run>]) -> bool {
    let Some(first) = group.first().map(|run| run.record().span) else { return false };
    shape.parent_of_first(first).is_some()
        && group.iter().all(|run| run.record().span.level() == first.level())
}

impl Merge {
    /// Starts to merge siblings; none if they are none.
    pub(crate) fn new(
        database: &Database,
        shape: Shape,
        part: Part,
        runs: &[Arc<Run>],
    ) -> Result<Option<Self>, RunError> {
        let records = || runs.iter().map(|run| run.record());
        let (Some(first), Some(last)) = (records().next(), records().next_back()) else { return Ok(None) };
        let Some(span) = shape.parent_of_first(first.span) else { return Ok(None) };
        let input = |run: &Arc<Run>| {
            let cursor = Cursor::new(database, Arc::clone(run), &Row::MIN)?;
            Ok::<_, RunError>(Input { cursor, hasher: RowsHasher::default() })
        };
        Ok(Some(Self {
            part,
            span,
            inputs: runs.iter().map(input).collect::<Result<_, _>>()?,
            writer: RunWriter::new(database, part, span),
            last: last.last,
        }))
    }

    pub(crate) const fn part(&self) -> Part {
        self.part
    }

    /// The level of the run that is made.
    pub(crate) const fn level(&self) -> u32 {
        self.span.level()
    }

    /// The number of the run that is made.
    pub(crate) const fn run(&self) -> u64 {
        self.writer.run()
    }

    /// Whether a run with this number is merged.
    pub(crate) fn reads(&self, run: u64) -> bool {
        self.inputs.iter().any(|input| input.cursor.run().record().run == run)
    }

    /// Merges until so many blocks were read, or to the end; returns what was made when that is reached.
    pub(crate) fn step(mut self, database: &Database, mut blocks: usize) -> Result<Step, RunError> {
        while blocks > 0 {
            let left = self.inputs.iter_mut().filter(|input| input.cursor.row().is_some());
            let Some(least) = left.min_by(|one, other| one.cursor.row().cmp(&other.cursor.row())) else {
                return self.finish(database);
            };
            if let Some(row) = least.cursor.row() {
                least.hasher.add(row);
                self.writer.push(database, row)?;
            }
            if least.cursor.advance(database)? {
                blocks -= 1;
            }
        }
        Ok(Step::Under(Box::new(self)))
    }

    /// Rows that are not those of a run's digest must not become part of a run that looks sound.
    fn finish(self, database: &Database) -> Result<Step, RunError> {
        for Input { cursor, hasher } in self.inputs {
            cursor.all_passed()?;
            if hasher.digest() != cursor.run().record().digest {
                return Err(cursor.run().damaged());
            }
        }
        Ok(Step::Done(self.writer.finish(database, self.last)?))
    }
}

/// How far a merge is.
pub(crate) enum Step {
    /// Not at the end.
    Under(Box<Merge>),
    /// The run is written.
    Done(Record),
}
