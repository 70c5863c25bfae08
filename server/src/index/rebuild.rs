//! Both indexes from nothing, in one pass over the journal.
//!
//! One thread reads entries and works out their rows, another writes them: reading costs about a third of what
//! sled's inserts cost, so on two cores it costs nothing. The rows of a chunk are sorted, so that neighbours go
//! to the same leaf of the database.

use std::sync::mpsc;

use custody_log::{LeafIndex, TreeSize};

use super::error::IndexError;
use super::keys::{Marker, Tally};
use super::reading;
use super::source::Source;
use super::store::{entry_keys, fact_keys};

/// A chunk ends after this many entries, so that a bar moves and a marker is written now and then.
const CHUNK_ENTRIES: usize = 1_024;
/// A chunk ends after this many rows: at most 49 bytes each in about 100 bytes of memory, so four chunks (one being
/// made, two that wait, one being written) and the rows of one entry above it are 26 MiB and a large SBOM.
const CHUNK_ROWS: usize = 64 * 1_024;
/// Chunks that wait for the writer.
const AHEAD: usize = 2;

/// The rows of consecutive entries.
pub(super) struct Chunk {
    pub(super) keys: Vec<Vec<u8>>,
    /// After these entries; its tally is not set.
    pub(super) last: Marker,
    /// All rows of the entry index so far.
    pub(super) entries: Tally,
    /// All rows of the facts index so far.
    pub(super) facts: Tally,
}

/// Hands out the rows of all entries in order. Stops at the first error, of reading or of `apply`.
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
    let mut made = Made { entries: Tally::EMPTY, facts: Tally::EMPTY, next: TreeSize::ZERO };
    while made.next < source.size() {
        let chunk = made.chunk(source);
        let over = chunk.is_err();
        if sender.send(chunk).is_err() || over {
            return;
        }
    }
}

/// What was read so far.
struct Made {
    entries: Tally,
    facts: Tally,
    next: TreeSize,
}

impl Made {
    fn chunk(&mut self, source: &dyn Source) -> Result<Chunk, IndexError> {
        let (mut keys, mut last) = (Vec::new(), Marker::EMPTY);
        for _ in 0..CHUNK_ENTRIES {
            let index: LeafIndex = self.next.next_index();
            if keys.len() >= CHUNK_ROWS || !source.size().contains(index) {
                break;
            }
            let reading = reading::read(index, source.stored(index)?)?;
            for key in entry_keys(&reading.entry) {
                self.entries.add(&key);
                keys.push(key);
            }
            for key in fact_keys(&reading) {
                self.facts.add(&key);
                keys.push(key);
            }
            self.next = index.size_through();
            last = Marker { size: self.next, last: reading.entry.digest, tally: Tally::EMPTY };
        }
        keys.sort_unstable();
        Ok(Chunk { keys, last, entries: self.entries, facts: self.facts })
    }
}
