//! [`Index`]: opened against a journal, applied, asked.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use custody_evidence::fact::Term;
use custody_evidence::thing::HexPrefix;
use custody_log::{ContentDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, TreeSize};
use tokio::sync::watch;

use super::error::IndexError;
use super::keys::{self, Marker, Prefix};
use super::open::{self, Opened};
use super::reading::{self, IndexedEntry, Reading};
use super::rebuild::{self, Chunk};
use super::rows::Rows;
use super::source::Source;
use super::state::StateFile;

/// Entries between two markers when many are applied: what a killed process reads again is at most this.
const CHUNK_ENTRIES: u64 = 1_024;
/// Rows of facts that are gathered before they are written, in the order of their keys; 64 usual entries have fewer.
const FACT_ROWS: usize = 2_048;
/// Distinct digests that a search by prefix looks at; with 5 digits a log of 4 billion digests stays below it.
pub const PREFIX_STEPS_MAX: usize = 4_096;

/// The two indexes of one log. Reads run beside the two writers: the sequencer (entry index) and the follower
/// (facts index).
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    pub(super) rows: Rows,
    pub(super) source: Arc<dyn Source>,
    state: StateFile,
    /// How far the entry index is. Held while it is written: one writer.
    pub(super) entries: Mutex<Marker>,
    /// How far the facts index is. Held while it is written: one writer.
    pub(super) facts: Mutex<Marker>,
    /// Set while rows are put right: until then the index is not answered from as if it were whole.
    pub(super) healing: AtomicBool,
    indexed_to: watch::Sender<TreeSize>,
    /// Dropped last: another process may open the directory then.
    _lock: File,
}

/// What long work is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which index.
    pub stage: Stage,
    /// Entries that are applied.
    pub done: TreeSize,
    /// Entries that there are.
    pub total: TreeSize,
}

/// One of the two indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Content, envelope, administrative entries.
    Entries,
    /// Terms and leading digits.
    Facts,
    /// Both at once, from nothing.
    Both,
}

impl Index {
    /// Opens the index in `dir` (created if absent), compares it with the journal, throws it away when in doubt, and
    /// brings the entry index up to the journal. The facts index is left to the [`super::Follower`].
    pub fn open(
        dir: &Path,
        source: Arc<dyn Source>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, IndexError> {
        let index = Self::open_as_it_is(dir, source, false)?;
        index.catch_up_entries(progress)?;
        Ok(index)
    }

    /// Throws the index in `dir` away and makes both indexes from the journal.
    pub fn rebuild(
        dir: &Path,
        source: Arc<dyn Source>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, IndexError> {
        let index = Self::open_as_it_is(dir, source, true)?;
        let source = Arc::clone(&index.source);
        rebuild::in_order(source.as_ref(), &mut |chunk| {
            index.apply_both(&chunk)?;
            progress(Progress { stage: Stage::Both, done: chunk.last.size, total: source.size() });
            Ok(())
        })?;
        Ok(index)
    }

    /// Returns how many rows both indexes have.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let rows = |marker: &Mutex<Marker>| marker.lock().unwrap_or_else(PoisonError::into_inner).tally.rows;
        rows(&self.entries).saturating_add(rows(&self.facts))
    }

    /// Applies what comes next to both indexes of an index that nobody else writes.
    fn apply_both(&self, chunk: &Chunk) -> Result<(), IndexError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        self.doubted(self.rows.add(&chunk.keys))?;
        let marked = |tally| Marker { tally, ..chunk.last };
        for (key, marker, tally) in [
            (keys::ENTRIES_MARKER, &mut entries, chunk.entries),
            (keys::FACTS_MARKER, &mut facts, chunk.facts),
        ] {
            self.doubted(self.rows.put(key, marked(tally).encode()))?;
            **marker = marked(tally);
        }
        self.indexed_to.send_replace(chunk.last.size);
        Ok(())
    }

    /// Flushes and syncs, so that the next open believes the index whatever happens to the machine. Takes the only
    /// holder: `Arc::into_inner` after the follower is stopped and the queries are gone.
    pub fn close(self) -> Result<(), IndexError> {
        let Self { rows, state, .. } = self;
        rows.close()?;
        state.mark_closed()
    }

    /// Returns how far the entry index is.
    #[must_use]
    pub fn covered(&self) -> TreeSize {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).size
    }

    /// Returns how far the facts index is: every entry below was read.
    #[must_use]
    pub fn indexed_to(&self) -> TreeSize {
        if self.healing.load(Ordering::SeqCst) { TreeSize::ZERO } else { *self.indexed_to.borrow() }
    }

    /// Returns a receiver that sees [`Index::indexed_to`] grow.
    #[must_use]
    pub fn watch_indexed_to(&self) -> watch::Receiver<TreeSize> {
        self.indexed_to.subscribe()
    }

    /// Returns the journal that the index was made from.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// Applies committed entries to the entry index: consecutive ones, of which the first is at most the next
    /// one that is missing. Applying an entry again changes nothing.
    pub fn apply_entries(&self, entries: &[IndexedEntry]) -> Result<(), IndexError> {
        let mut marker = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut next) = covering(*marker, entries.iter().map(|entry| (entry.index, entry.digest)))?
        else {
            return Ok(());
        };
        // Those that the marker covers are there, and counted.
        let new = entries.iter().filter(|entry| !marker.size.contains(entry.index));
        let keys: Vec<_> = new.flat_map(entry_keys).collect();
        for key in &keys {
            next.tally.add(key);
        }
        self.doubted(self.rows.add(&keys))?;
        self.doubted(self.rows.put(keys::ENTRIES_MARKER, next.encode()))?;
        *marker = next;
        Ok(())
    }

    /// Brings the entry index up to the journal.
    pub fn catch_up_entries(&self, progress: &mut dyn FnMut(Progress)) -> Result<(), IndexError> {
        loop {
            let (done, total) = (self.covered(), self.source.size());
            progress(Progress { stage: Stage::Entries, done, total });
            let chunk = range(done, total, CHUNK_ENTRIES)
                .map(|index| IndexedEntry::decode(index, &self.source.entry(index)?))
                .collect::<Result<Vec<_>, _>>()?;
            if chunk.is_empty() {
                return Ok(());
            }
            self.apply_entries(&chunk)?;
        }
    }

    /// Brings the facts index up to the journal.
    pub fn catch_up_facts(&self, progress: &mut dyn FnMut(Progress)) -> Result<(), IndexError> {
        loop {
            let total = self.source.size();
            let done = self.indexed_to();
            progress(Progress { stage: Stage::Facts, done, total });
            if done >= total {
                return Ok(());
            }
            self.catch_up_facts_once(CHUNK_ENTRIES)?;
        }
    }

    /// Applies at most `at_most` entries that the facts index lacks; returns whether some are left.
    pub fn catch_up_facts_once(&self, at_most: u64) -> Result<bool, IndexError> {
        let mut marker = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let total = self.source.size();
        let mut next = *marker;
        let mut rows = Vec::new();
        for index in range(marker.size, total, at_most) {
            let reading = reading::read(index, self.source.stored(index)?)?;
            let keys = fact_keys(&reading);
            for key in &keys {
                next.tally.add(key);
            }
            rows.extend(keys);
            // Neighbours in the database are written together.
            if rows.len() >= FACT_ROWS {
                rows.sort_unstable();
                self.doubted(self.rows.add(&rows))?;
                rows.clear();
            }
            next = Marker { size: index.size_through(), last: reading.entry.digest, ..next };
        }
        rows.sort_unstable();
        self.doubted(self.rows.add(&rows))?;
        if next.size > marker.size {
            self.doubted(self.rows.put(keys::FACTS_MARKER, next.encode()))?;
            *marker = next;
            self.indexed_to.send_replace(next.size);
        }
        Ok(next.size < total)
    }

    /// Returns the entries with this content, oldest first; each was compared with the journal.
    pub fn by_content(&self, content: &ContentDigest) -> Result<Vec<LeafIndex>, IndexError> {
        self.whole()?;
        let all = LeafIndex::ZERO;
        let found = self.rows.oldest(&Prefix::content(content), all, self.covered(), usize::MAX);
        self.compared(self.doubted(found)?, |entry| entry.content == *content)
    }

    /// Returns the first entry with this envelope; it was compared with the journal.
    pub fn by_envelope(&self, envelope: &EnvelopeDigest) -> Result<Option<LeafIndex>, IndexError> {
        self.whole()?;
        let found = self.rows.oldest(&Prefix::envelope(envelope), LeafIndex::ZERO, self.covered(), 1);
        let found = self.compared(self.doubted(found)?, |entry| entry.envelope.digest == *envelope)?;
        Ok(found.first().copied())
    }

    /// Returns at most `limit` administrative entries from `from` on and below `below`, oldest first; each was
    /// compared with the journal.
    pub fn administrative(
        &self,
        from: LeafIndex,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, IndexError> {
        let below = below.min(self.covered());
        let found = self.rows.oldest(&Prefix::administrative(), from, below, limit);
        self.compared(self.doubted(found)?, |entry| entry.administrative)
    }

    /// Returns at most `limit` candidates below `below` for a term, newest first. A candidate has the term's hash:
    /// the caller compares its facts. `below` is at most [`Index::indexed_to`].
    pub fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, IndexError> {
        let below = below.min(self.indexed_to());
        self.doubted(self.rows.newest(&Prefix::term(term), below, limit))
    }

    /// Returns at most `limit` candidates for a prefix of a digest, in the order of their digits: for each digest
    /// the newest entry below `below` that names it. The caller compares its facts. None when more than
    /// [`PREFIX_STEPS_MAX`] digests start like this, too many to look at.
    pub fn by_digest_prefix(
        &self,
        prefix: &HexPrefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Option<Vec<LeafIndex>>, IndexError> {
        let below = below.min(self.indexed_to());
        let Some((low, high)) = keys::leading_range(prefix) else { return Ok(Some(Vec::new())) };
        self.doubted(self.rows.leading((&low, &high), below, limit, PREFIX_STEPS_MAX))
    }

    fn open_as_it_is(dir: &Path, source: Arc<dyn Source>, discard: bool) -> Result<Self, IndexError> {
        let Opened { rows, state, entries, facts, lock } = open::open(dir, source.as_ref(), discard)?;
        let (indexed_to, _) = watch::channel(facts.size);
        let (entries, facts) = (Mutex::new(entries), Mutex::new(facts));
        Ok(Self {
            dir: dir.to_owned(),
            rows,
            source,
            state,
            entries,
            facts,
            healing: AtomicBool::new(false),
            indexed_to,
            _lock: lock,
        })
    }

    /// Refuses while rows are put right: a content that is not found would be recorded twice.
    fn whole(&self) -> Result<(), IndexError> {
        if self.healing.load(Ordering::SeqCst) { Err(IndexError::Healing) } else { Ok(()) }
    }

    /// What a panic under the index is answered with: whatever caused it, the index is thrown away at the next open.
    pub(super) fn panicked<T>(&self) -> Result<T, IndexError> {
        self.doubted(Err(IndexError::Panicked { path: self.dir.clone() }))
    }

    /// Passes a result of the database on; after a failure the index is thrown away at the next open.
    pub(super) fn doubted<T>(&self, result: Result<T, IndexError>) -> Result<T, IndexError> {
        if matches!(
            result,
            Err(IndexError::Database(_) | IndexError::Mismatch { .. } | IndexError::Panicked { .. })
        ) && let Err(error) = self.state.mark_doubtful()
        {
            tracing::error!(%error, "cannot mark the index as doubtful");
        }
        result
    }

    /// Compares each found entry with the journal: a row that does not fit means that the index is damaged.
    fn compared(
        &self,
        found: Vec<LeafIndex>,
        fits: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<LeafIndex>, IndexError> {
        for index in &found {
            let entry = Entry::decode(&self.source.entry(*index)?)
                .map_err(|source| IndexError::Entry { index: *index, source })?;
            if !fits(&entry) {
                return self.doubted(Err(IndexError::Mismatch { index: *index }));
            }
        }
        Ok(found)
    }
}

/// The marker once these consecutive entries are applied; none if all were before.
fn covering(
    marker: Marker,
    entries: impl Iterator<Item = (LeafIndex, EntryDigest)>,
) -> Result<Option<Marker>, IndexError> {
    let mut next = marker;
    for (index, digest) in entries {
        if index > next.size.next_index() {
            return Err(IndexError::Gap { expected: next.size.next_index(), found: index });
        }
        if index == next.size.next_index() {
            next = Marker { size: index.size_through(), last: digest, ..next };
        }
    }
    Ok((next != marker).then_some(next))
}

/// The positions from `done` on and below `total`, at most `at_most`.
fn range(done: TreeSize, total: TreeSize, at_most: u64) -> impl Iterator<Item = LeafIndex> {
    let end = total.get().min(done.get().saturating_add(at_most));
    (done.get()..end).filter_map(|index| LeafIndex::new(index).ok())
}

pub(super) fn entry_keys(entry: &IndexedEntry) -> impl Iterator<Item = Vec<u8>> {
    let administrative = entry.administrative.then(Prefix::administrative);
    [Prefix::content(&entry.content), Prefix::envelope(&entry.envelope)]
        .into_iter()
        .chain(administrative)
        .map(|prefix| prefix.key(entry.index))
}

pub(super) fn fact_keys(reading: &Reading) -> Vec<Vec<u8>> {
    let terms = reading.terms.iter().map(Prefix::term);
    let leading = reading.leading.iter().map(Prefix::leading);
    terms.chain(leading).map(|prefix| prefix.key(reading.entry.index)).collect()
}
