//! Writing a run: its rows, in order, become pieces.

use custody_log::EntryDigest;

use super::block::BlockBuilder;
use super::database::Database;
use super::error::IndexError;
use super::filter::{FilterBuilder, FilterPart};
use super::keys::Row;
use super::manifest::{Part, Record, RowsHasher};
use super::piece::Kind;
use super::span::Span;

/// A run while it is written. Nothing of it counts until the manifest names it; if that does not happen, its pieces are
/// removed some time.
#[derive(Debug)]
pub(crate) struct RunWriter {
    part: Part,
    span: Span,
    run: u64,
    rows: u64,
    hasher: RowsHasher,
    block: BlockBuilder,
    block_first: Row,
    filter: FilterBuilder,
}

impl RunWriter {
    pub(crate) fn new(database: &Database, part: Part, span: Span) -> Self {
        Self {
            part,
            span,
            run: database.new_run(),
            rows: 0,
            hasher: RowsHasher::default(),
            block: BlockBuilder::new(span),
            block_first: Row::MIN,
            filter: FilterBuilder::new(),
        }
    }

    /// The number of the run.
    pub(crate) const fn run(&self) -> u64 {
        self.run
    }

    /// Adds a row that is above all before it.
    pub(crate) fn push(&mut self, database: &Database, row: &Row) -> Result<(), IndexError> {
        self.hasher.add(row);
        self.rows = self.rows.saturating_add(1);
        if !self.block.push(row) {
            self.end_block(database, row)?;
            self.block.push(row);
        }
        match self.filter.push(row.prefix()) {
            Some(part) => put_filter(database, self.run, &part),
            None => Ok(()),
        }
    }

    /// Writes what is left. `last` is the digest of the last entry that the run covers.
    pub(crate) fn finish(mut self, database: &Database, last: EntryDigest) -> Result<Record, IndexError> {
        self.end_block(database, &Row::MAX)?;
        let Self { part, span, run, rows, hasher, filter, .. } = self;
        put_filter(database, run, &filter.finish())?;
        Ok(Record { part, span, run, rows, digest: hasher.digest(), last })
    }

    fn end_block(&mut self, database: &Database, end: &Row) -> Result<(), IndexError> {
        let first = std::mem::replace(&mut self.block_first, *end);
        database.put(self.run, Kind::Block, (&first, end), &self.block.take())
    }
}

fn put_filter(database: &Database, run: u64, part: &FilterPart) -> Result<(), IndexError> {
    database.put(run, Kind::Filter, (&part.first, &part.end), &part.bits)
}
