//! Sealing: the rows of consecutive entries become runs.

use custody_log::{Entry, EntryDigest, LeafIndex, TreeSize};

use super::database::Database;
use super::error::IndexError;
use super::keys::Row;
use super::manifest::{Part, Record};
use super::memory::Segment;
use super::reading::{EntryKeys, FactRows};
use super::source::Source;
use super::span::{Shape, Span};
use super::writer::RunWriter;

/// What runs are made from, and where they are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Works<'a> {
    pub(crate) database: &'a Database,
    pub(crate) source: &'a dyn Source,
    pub(crate) shape: Shape,
}

impl Works<'_> {
    /// Writes the runs of a segment: usually one. They count once the manifest names them.
    pub(crate) fn seal(self, part: Part, segment: &Segment) -> Result<Vec<Record>, IndexError> {
        let spans = self.shape.cover(segment.first(), segment.end().get());
        // All read first: where the journal fails, nothing is written, or each retry would leave pieces behind.
        let lasts = spans.iter().map(|span| self.last_entry(span.end())).collect::<Result<Vec<_>, _>>()?;
        let rows = segment.in_order();
        spans.into_iter().zip(lasts).map(|(span, last)| self.write(part, span, last, &rows)).collect()
    }

    /// Returns the rows that the journal says one entry has.
    pub(crate) fn rows(self, part: Part, index: LeafIndex) -> Result<Vec<Row>, IndexError> {
        match part {
            Part::Entries => Ok(EntryKeys::read(self.source, index)?.rows),
            Part::Facts => Ok(FactRows::read(index, self.source.stored(index)?)?.rows),
        }
    }

    fn write(self, part: Part, span: Span, last: EntryDigest, rows: &[Row]) -> Result<Record, IndexError> {
        let mut writer = RunWriter::new(self.database, part, span);
        for row in rows.iter().filter(|row| span.contains(row.number())) {
            writer.push(self.database, row)?;
        }
        writer.finish(self.database, last)
    }

    /// Where it cannot be read, the entry behind it names it.
    fn last_entry(self, end: TreeSize) -> Result<EntryDigest, IndexError> {
        let last = end.last_index().ok_or(IndexError::Empty)?;
        match self.source.entry(last) {
            Ok(entry) => Ok(EntryDigest::of(&entry)),
            Err(error) => self.named_behind(end).ok_or(IndexError::Source(error)),
        }
    }

    fn named_behind(self, end: TreeSize) -> Option<EntryDigest> {
        let behind = end.next_index();
        let entry = self.source.size().contains(behind).then(|| self.source.entry(behind).ok()).flatten()?;
        Entry::decode(&entry).ok()?.previous
    }
}
