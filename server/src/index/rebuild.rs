//! Both indexes from nothing, in one pass over the journal.
//!
//! One thread reads entries and works out their rows, another applies, seals and merges them: reading and parsing costs
//! several times as much, so on two cores the rest costs nothing.

use std::sync::mpsc;

use custody_log::{LeafIndex, TreeSize};

use super::error::IndexError;
use super::reading::{self, EntryKeys, FactRows};
use super::remains::Remains;
use super::source::Source;

/// A chunk ends after this many entries, so that a bar moves.
const CHUNK_ENTRIES: usize = 1_024;
/// A chunk ends after this many rows of 21 bytes, so four chunks (one being made, two that wait, one being applied) and the
/// rows of one entry above it are 6 MiB and a large SBOM.
const CHUNK_ROWS: usize = 64 * 1_024;
/// Chunks that wait.
const AHEAD: usize = 2;

/// Consecutive entries, read.
pub(super) struct Chunk {
    pub(super) entries: Vec<EntryKeys>,
    pub(super) facts: Vec<FactRows>,
}

/// Hands out all entries in order. Stops at the first error, of reading or of `apply`.
pub(super) fn in_order(
    source: &dyn Source,
    apply: &mut dyn FnMut(Chunk) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        scope.spawn(move || read_all(source, &sender));
        // The reader ends when the receiver is gone.
        receiver.into_iter().try_for_each(|chunk: Result<Chunk, IndexError>| apply(chunk?))
    })
}

fn read_all(source: &dyn Source, sender: &mpsc::SyncSender<Result<Chunk, IndexError>>) {
    let mut next = LeafIndex::ZERO;
    while source.size().contains(next) {
        let chunk = chunk(source, &mut next);
        let over = chunk.is_err();
        if sender.send(chunk).is_err() || over {
            return;
        }
    }
}

fn chunk(source: &dyn Source, next: &mut LeafIndex) -> Result<Chunk, IndexError> {
    let (mut entries, mut facts, mut rows) = (Vec::new(), Vec::new(), 0_usize);
    let size: TreeSize = source.size();
    while entries.len() < CHUNK_ENTRIES && rows < CHUNK_ROWS && size.contains(*next) {
        let stored = source.stored(*next)?;
        let remains = stored.erased.as_deref().map(Remains::kept);
        let reading = reading::read(*next, stored)?;
        let of_facts = FactRows::of(&reading);
        let keys = match &remains {
            Some(remains) => EntryKeys::of_erased(&reading.entry, remains),
            None => EntryKeys::of(&reading.entry, reading.build.as_ref()),
        };
        rows = rows.saturating_add(of_facts.rows.len()).saturating_add(keys.rows.len());
        entries.push(keys);
        facts.push(of_facts);
        *next = next.next();
    }
    Ok(Chunk { entries, facts })
}
