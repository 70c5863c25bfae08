//! A run: rows of some entries in order, never changed. Looking into one.

use std::sync::{Arc, OnceLock};

use custody_log::{LeafIndex, TreeSize};

use super::block;
use super::database::{Database, Found};
use super::error::IndexError;
use super::filter::{self, FilterPart};
use super::keys::{Prefix, Row};
use super::manifest::{Part, Record};
use super::parts::Parts;
use super::piece::Kind;

/// A run of the facts index reads its whole filter into memory if it has no more rows than this: 2,097,152. A look asks every run, and most
/// are small. With ten bits a row, at most 7 runs of each size and each size 8 times the one before, these are at most 7 x 8/7 x 2.5 = 20
/// MiB. Of a larger one the parts are kept that were asked, as long as there is room.
const KEPT_ROWS_MAX: u64 = 1 << 21;

/// A run that is in the database.
#[derive(Debug)]
pub(crate) struct Run {
    record: Record,
    /// The filter, once it was asked: of a run of the entry index, all of which recording asks for each envelope, and of a small one of
    /// the facts index.
    kept: OnceLock<Vec<FilterPart>>,
    /// Parts of the filter of a larger one.
    parts: Parts,
}

/// Why a run could not be read.
#[derive(Debug)]
pub(crate) enum RunError {
    /// A piece of it is missing, or not as it was written.
    Damaged {
        /// The number of the run.
        run: u64,
    },
    /// Anything else.
    Index(IndexError),
}

impl From<IndexError> for RunError {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

/// The rows of a block, which answers for those from `first` on and below `end`.
#[derive(Debug)]
struct Block {
    first: Row,
    end: Row,
    rows: Vec<Row>,
}

impl Run {
    pub(crate) const fn new(record: Record) -> Self {
        Self { record, kept: OnceLock::new(), parts: Parts::new() }
    }

    pub(crate) const fn record(&self) -> &Record {
        &self.record
    }

    /// Adds to `found` the newest entries below `below` that have this prefix, newest first, until there are `limit`.
    pub(crate) fn newest(
        &self,
        database: &Database,
        prefix: &Prefix,
        below: TreeSize,
        limit: usize,
        found: &mut Vec<LeafIndex>,
    ) -> Result<(), RunError> {
        let (low, mut bound) = (prefix.row(LeafIndex::ZERO), prefix.bound(below));
        if limit <= found.len() || below <= self.first() || !self.may_have(database, prefix)? {
            return Ok(());
        }
        loop {
            let piece = database.piece_before(self.record.run, Kind::Block, &bound)?;
            let (first, end, payload) = self.read(piece.as_ref())?;
            let having = block::having(self.record.span, payload, prefix).ok_or_else(|| self.damaged())?;
            let inside = having.first().is_none_or(|index| prefix.row(*index) >= first)
                && having.last().is_none_or(|index| prefix.row(*index) < end);
            if bound > end || !inside {
                return Err(self.damaged());
            }
            let newest = having.into_iter().rev().filter(|index| below.contains(*index));
            found.extend(newest.take(limit.saturating_sub(found.len())));
            if first <= low || found.len() >= limit {
                return Ok(());
            }
            bound = first;
        }
    }

    /// Whether it may have such a row of an entry from `from` on, as far as memory knows: false is certain.
    pub(crate) fn is_asked(&self, prefix: &Prefix, from: LeafIndex) -> bool {
        let row = prefix.row(LeafIndex::ZERO);
        self.record.span.end().contains(from)
            && self.kept.get().is_none_or(|kept| in_filter(kept, &row, prefix))
    }

    /// Adds to `found` the first entries from `from` on and below `below` that have this prefix, oldest first.
    pub(crate) fn oldest(
        &self,
        database: &Database,
        prefix: &Prefix,
        from: LeafIndex,
        below: TreeSize,
        found: &mut Vec<LeafIndex>,
    ) -> Result<(), RunError> {
        let outside = below <= self.first() || !self.record.span.end().contains(from);
        if outside || !self.may_have(database, prefix)? {
            return Ok(());
        }
        let (mut at, bound) = (prefix.row(from), prefix.bound(below));
        while at < bound {
            let block = self.block_at(database, &at)?;
            let rows = block.rows.iter().filter(|row| **row >= at && **row < bound);
            found.extend(rows.filter_map(Row::index));
            at = block.end;
        }
        Ok(())
    }

    /// Returns all parts of the filter, in order.
    fn filter(&self, database: &Database) -> Result<Vec<FilterPart>, RunError> {
        let mut parts = Vec::new();
        let mut first = Row::MIN;
        while first < Row::MAX {
            let part = self.filter_part(database, &first)?;
            first = part.end;
            parts.push(part);
        }
        Ok(parts)
    }

    /// Returns the part of the filter that starts at `first`.
    pub(crate) fn filter_part(&self, database: &Database, first: &Row) -> Result<FilterPart, RunError> {
        let found = database.piece_at(self.record.run, Kind::Filter, first)?;
        let (start, end, bits) = self.read(found.as_ref())?;
        if start != *first || end <= start {
            return Err(self.damaged());
        }
        Ok(FilterPart { first: start, end, bits: bits.to_vec() })
    }

    /// What a read of a piece that is not as it should be is answered with.
    pub(crate) const fn damaged(&self) -> RunError {
        RunError::Damaged { run: self.record.run }
    }

    fn first(&self) -> TreeSize {
        TreeSize::new(self.record.span.first()).unwrap_or(TreeSize::ZERO)
    }

    /// Whether the run may have rows with this prefix; false is certain.
    fn may_have(&self, database: &Database, prefix: &Prefix) -> Result<bool, RunError> {
        let row = prefix.row(LeafIndex::ZERO);
        if self.record.part == Part::Facts && self.record.rows > KEPT_ROWS_MAX {
            return self.may_have_in_part(database, &row, prefix);
        }
        let kept = if let Some(kept) = self.kept.get() {
            kept
        } else {
            let read = self.filter(database)?;
            self.kept.get_or_init(|| read)
        };
        Ok(in_filter(kept, &row, prefix))
    }

    /// The same of a run whose filter is not in memory in whole.
    fn may_have_in_part(&self, database: &Database, row: &Row, prefix: &Prefix) -> Result<bool, RunError> {
        if let Some(known) = self.parts.may_have(row, prefix) {
            return Ok(known);
        }
        let found = database.piece_at(self.record.run, Kind::Filter, row)?;
        let (first, end, bits) = self.read(found.as_ref())?;
        if *row >= end {
            return Err(self.damaged());
        }
        let may_have = filter::may_have(bits, prefix);
        self.parts.keep(database.room(), FilterPart { first, end, bits: bits.to_vec() });
        Ok(may_have)
    }

    /// The block that answers for `row`.
    fn block_at(&self, database: &Database, row: &Row) -> Result<Block, RunError> {
        let found = database.piece_at(self.record.run, Kind::Block, row)?;
        let block = self.block(found.as_ref())?;
        if *row < block.end { Ok(block) } else { Err(self.damaged()) }
    }

    fn block(&self, found: Option<&Found>) -> Result<Block, RunError> {
        let (first, end, payload) = self.read(found)?;
        let rows = block::decode(self.record.span, payload).ok_or_else(|| self.damaged())?;
        let inside = rows.first().is_none_or(|row| *row >= first) && rows.last().is_none_or(|row| *row < end);
        if inside { Ok(Block { first, end, rows }) } else { Err(self.damaged()) }
    }

    fn read<'a>(&self, found: Option<&'a Found>) -> Result<(Row, Row, &'a [u8]), RunError> {
        found.and_then(Found::read).ok_or_else(|| self.damaged())
    }
}

/// Whether these parts of a filter say that there may be rows with this prefix, of which `row` is the first.
fn in_filter(parts: &[FilterPart], row: &Row, prefix: &Prefix) -> bool {
    let part = parts.get(parts.partition_point(|part| part.end <= *row));
    part.is_some_and(|part| filter::may_have(&part.bits, prefix))
}

/// A place in a run, from which its rows are read in order.
#[derive(Debug)]
pub(crate) struct Cursor {
    run: Arc<Run>,
    block: Block,
    at: usize,
    /// How many rows were gone over one by one.
    passed: u64,
}

impl Cursor {
    /// Starts at the first row that is not below `row`.
    pub(crate) fn new(database: &Database, run: Arc<Run>, row: &Row) -> Result<Self, RunError> {
        let block = run.block_at(database, row)?;
        let mut cursor = Self { run, block, at: 0, passed: 0 };
        cursor.seek(database, row)?;
        Ok(cursor)
    }

    pub(crate) const fn run(&self) -> &Arc<Run> {
        &self.run
    }

    /// Returns the row at this place; none behind the last.
    pub(crate) fn row(&self) -> Option<&Row> {
        self.block.rows.get(self.at)
    }

    /// Goes to the next row; returns whether another block was read for it.
    pub(crate) fn advance(&mut self, database: &Database) -> Result<bool, RunError> {
        self.at = self.at.saturating_add(1);
        self.passed = self.passed.saturating_add(1);
        self.settle(database)
    }

    /// Refuses a run that has more or fewer rows than those gone over from its start to its end.
    pub(crate) fn all_passed(&self) -> Result<(), RunError> {
        if self.passed == self.run.record.rows { Ok(()) } else { Err(self.run.damaged()) }
    }

    /// Goes to the first row that is not below `row`, which is not below this place.
    pub(crate) fn seek(&mut self, database: &Database, row: &Row) -> Result<(), RunError> {
        if *row >= self.block.end && self.block.end < Row::MAX {
            self.block = self.run.block_at(database, row)?;
        }
        self.at = self.block.rows.partition_point(|one| one < row);
        self.settle(database).map(drop)
    }

    /// Reads on until there is a row at this place, or no more block.
    fn settle(&mut self, database: &Database) -> Result<bool, RunError> {
        let mut read = false;
        while self.row().is_none() && self.block.end < Row::MAX {
            let next = self.run.block_at(database, &self.block.end)?;
            if next.first != self.block.end {
                return Err(self.run.damaged());
            }
            (self.block, self.at, read) = (next, 0, true);
        }
        Ok(read)
    }
}
