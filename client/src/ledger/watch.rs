//! New entries that meet conditions, in the order of the log, from a cursor on.
//!
//! The cursor is the index of the first entry that was not looked at. Nothing of a watch is kept by the server: whoever has the cursor goes
//! on, after a restart of either side, without a gap and without a repeat. Each step asks for a window of the log that the newest
//! checkpoint covers, whole or not at all, so a window that fails is asked for again.

use custody_log::LeafIndex;
use custody_wire::limits::FIND_LIMIT_MAX;

use super::query::{AsOf, At};
use super::{Condition, Ledger, LedgerError, Moment, Query};

/// How many entries of the log one step looks at: 10,000, which a server reads for one answer, and whose indexes are 80 KB.
const WINDOW: u64 = 10_000;

/// What one step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The entries that meet the conditions, as the server claims, in the order of the log; check them with [`Ledger::entries`].
    pub indexes: Vec<LeafIndex>,
    /// Where the next step begins: all before it was looked at.
    pub cursor: LeafIndex,
    /// The tree that the answer is about.
    pub as_of: AsOf,
    /// Whether the newest tree has more entries behind the cursor.
    pub more: bool,
}

impl Ledger {
    /// Returns the entries from the cursor on that meet all conditions of any of these ways; none if the log has no entry there yet.
    pub async fn watch(
        &mut self,
        ways: &[Vec<Condition>],
        cursor: LeafIndex,
    ) -> Result<Option<Watched>, LedgerError> {
        self.refresh().await?;
        let size = self.newest.checkpoint().size();
        if !size.contains(cursor) {
            return Ok(None);
        }
        let end = size.get().min(cursor.get().saturating_add(WINDOW));
        let end = LeafIndex::new(end).unwrap_or_else(|_| size.next_index());
        let questions = questions(ways, cursor, end, At::Size(size));
        let mut indexes = Vec::new();
        let mut page = questions;
        let as_of = loop {
            let found = self.find_any(&page).await?;
            indexes.extend(found.indexes);
            match found.next {
                // Pages lie below each other, so this ends.
                Some(next) => page.iter_mut().for_each(|question| question.next = Some(next)),
                None => break found.as_of,
            }
        };
        indexes.sort_unstable();
        indexes.dedup();
        // One that was told before would be told twice.
        if let Some(outside) = indexes.iter().find(|index| **index < cursor || **index >= end) {
            let condition = format!("--cursor {cursor}");
            return Err(LedgerError::NotAsked { entry: *outside, condition });
        }
        Ok(Some(Watched { indexes, cursor: end, as_of, more: end.get() < size.get() }))
    }
}

/// The question of each way for one window.
pub(super) fn questions(ways: &[Vec<Condition>], from: LeafIndex, end: LeafIndex, at: At) -> Vec<Query> {
    let question = |conditions: &Vec<Condition>| Query {
        conditions: conditions.clone(),
        recorded_since: Some(Moment::Index(from)),
        recorded_until: Some(Moment::Index(end)),
        at,
        limit: FIND_LIMIT_MAX,
        ..Query::default()
    };
    ways.iter().map(question).collect()
}
