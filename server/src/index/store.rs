//! [`Index`]: opened against a journal, applied, asked.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use custody_evidence::fact::{Field, Term};
use custody_evidence::thing::HexPrefix;
use custody_log::{ContentDigest, Entry, EnvelopeDigest, LeafIndex, TreeSize};
use tokio::sync::{Notify, watch};

use super::database::Database;
use super::error::IndexError;
use super::hands::Left;
use super::keys::{self, Prefix};
use super::manifest::Part;
use super::offered::Offered;
use super::open::{self, Opened};
use super::reading::{EntryKeys, FactRows};
use super::rebuild;
use super::reopen::Doubt;
use super::rows::{EntryRows, Rows};
use super::run::RunError;
use super::source::Source;
use super::span::Shape;
use super::state::StateFile;
use super::upkeep::Upkeep;

/// Entries that are applied at a time when many are.
const CHUNK_ENTRIES: u64 = 1_024;
/// Rows of facts that are gathered before they are applied; 64 usual entries have fewer.
const FACT_ROWS: usize = 4_096;
/// Distinct digests that a search by prefix looks at; with 5 digits a log of 4 billion digests stays below it.
pub const PREFIX_STEPS_MAX: usize = 4_096;

/// The two indexes of one log. Reads run beside the two writers: the sequencer (entry index) and the follower
/// (facts index).
#[derive(Debug)]
pub struct Index {
    pub(super) dir: PathBuf,
    pub(super) database: Arc<Database>,
    pub(super) source: Arc<dyn Source>,
    pub(super) shape: Shape,
    pub(super) state: StateFile,
    /// That the database failed, until it is opened again.
    doubt: Mutex<Option<Doubt>>,
    pub(super) entries: Rows,
    pub(super) facts: Rows,
    /// What the follower applies without reading the entries again. Held for an instant.
    offered: Mutex<Offered>,
    /// Held while work behind is done; never by who records or asks.
    pub(super) upkeep: Mutex<Upkeep>,
    /// Rows that were applied since work behind was done.
    pub(super) applied: AtomicUsize,
    indexed_to: watch::Sender<TreeSize>,
    able: watch::Sender<Able>,
    /// Whether the facts index stands still, because the work behind fails.
    pub(super) still: watch::Sender<bool>,
    /// There is work for the follower that no new entry tells it of.
    wake: Notify,
    /// Dropped last: another process may open the directory then.
    _lock: File,
}

/// What can be answered: not while the database is opened again, or a part of that index is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Able {
    /// Whether an envelope is known: else nothing is recorded.
    pub recording: bool,
    /// What is found by a term.
    pub questions: bool,
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
    /// Contents and envelopes.
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
        Self::open_in(Shape::default(), dir, source, progress)
    }

    /// The same with runs of another shape; an index of another one is thrown away.
    pub fn open_in(
        shape: Shape,
        dir: &Path,
        source: Arc<dyn Source>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, IndexError> {
        let index = Self::open_as_it_is(shape, dir, source, false)?;
        // What was thrown away may be the whole log: it is sealed as it comes, or it would fill the memory.
        while index.catch_up_entries_once(progress)? {
            index.tidy_once()?;
        }
        Ok(index)
    }

    /// Throws the index in `dir` away and makes both indexes from the journal.
    pub fn rebuild(
        dir: &Path,
        source: Arc<dyn Source>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, IndexError> {
        Self::rebuild_in(Shape::default(), dir, source, progress)
    }

    /// The same with runs of another shape.
    pub fn rebuild_in(
        shape: Shape,
        dir: &Path,
        source: Arc<dyn Source>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, IndexError> {
        let index = Self::open_as_it_is(shape, dir, source, true)?;
        let source = Arc::clone(&index.source);
        rebuild::in_order(source.as_ref(), &mut |chunk| {
            index.apply_entries(&chunk.entries)?;
            index.apply_facts(&chunk.facts)?;
            // As much as these rows cause, and not all that is due: entries would wait to be read for the largest merges.
            index.tidy_once()?;
            progress(Progress { stage: Stage::Both, done: index.indexed_to(), total: source.size() });
            Ok(())
        })?;
        index.tidy()?;
        Ok(index)
    }

    /// Returns how many rows both indexes have.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.entries.count().saturating_add(self.facts.count())
    }

    /// Seals what is in memory, flushes and syncs, so that the next open finds everything, whatever happens to the machine.
    /// Takes the only holder: `Arc::into_inner` after the follower is stopped and the queries are gone.
    pub fn close(self) -> Result<(), IndexError> {
        for rows in [&self.entries, &self.facts] {
            rows.close_segment();
            self.seal(rows, &self.upkeep())?;
        }
        let Self { database, state, .. } = self;
        database.close()?;
        state.mark_closed()
    }

    /// Returns how far the entry index is.
    #[must_use]
    pub fn covered(&self) -> TreeSize {
        self.entries.end()
    }

    /// Returns how far either index reaches: further than a journal that lost what was applied.
    #[must_use]
    pub fn reach(&self) -> TreeSize {
        self.entries.end().max(self.facts.end())
    }

    /// Returns how far the facts index is: every entry below was read. 0 while a part of it is made again.
    #[must_use]
    pub fn indexed_to(&self) -> TreeSize {
        if self.facts.whole().is_ok() { *self.indexed_to.borrow() } else { TreeSize::ZERO }
    }

    /// Returns a receiver that sees [`Index::indexed_to`] grow.
    #[must_use]
    pub fn watch_indexed_to(&self) -> watch::Receiver<TreeSize> {
        self.indexed_to.subscribe()
    }

    /// Returns a receiver of what can be answered.
    #[must_use]
    pub fn watch_able(&self) -> watch::Receiver<Able> {
        self.able.subscribe()
    }

    /// Waits until the facts index is this far, or stands still: then it will not be for a while.
    pub async fn indexed_or_still(&self, size: TreeSize) {
        let (mut indexed_to, mut still) = (self.indexed_to.subscribe(), self.still.subscribe());
        tokio::select! {
            _ = indexed_to.wait_for(|reached| *reached >= size) => {}
            _ = still.wait_for(|still| *still) => {}
        }
    }

    /// Says whether the facts index stands still. Only the follower calls it.
    pub(super) fn set_still(&self, still: bool) {
        self.still.send_if_modified(|before| std::mem::replace(before, still) != still);
    }

    /// Returns a receiver of what looks that did not end have left behind. Where that is too much, the process has to end.
    #[must_use]
    pub fn watch_left(&self) -> watch::Receiver<Left> {
        self.database.hands().watch_left()
    }

    /// As if a look did not end.
    #[cfg(test)]
    pub(crate) fn leave_behind(&self) {
        self.database.hands().leave_behind();
    }

    /// Returns the journal that the index was made from.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// Applies committed entries to the entry index: consecutive ones, of which the first is at most the next
    /// one that is missing. Applying an entry again changes nothing. Only memory is touched.
    pub fn apply_entries(&self, entries: &[EntryKeys]) -> Result<(), IndexError> {
        self.applied.fetch_add(entries.iter().map(|entry| entry.rows.len()).sum(), Ordering::Relaxed);
        let entries = entries.iter().map(|entry| EntryRows { index: entry.index, rows: &entry.rows });
        self.entries.apply(entries).map(drop)
    }

    /// The same for the facts index: rows that were worked out from the entries, by whomever.
    pub fn apply_facts(&self, entries: &[FactRows]) -> Result<(), IndexError> {
        self.applied.fetch_add(entries.iter().map(|entry| entry.rows.len()).sum(), Ordering::Relaxed);
        let entries = entries.iter().map(|entry| EntryRows { index: entry.index, rows: &entry.rows });
        let end = self.facts.apply(entries)?;
        self.indexed_to.send_if_modified(|reached| end > std::mem::replace(reached, end.max(*reached)));
        Ok(())
    }

    /// Hands over the rows of committed entries to whoever brings the facts index up to the journal.
    pub fn offer_facts(&self, entries: impl Iterator<Item = FactRows>) {
        let mut offered = self.offered();
        entries.for_each(|entry| offered.add(entry));
    }

    /// Brings the entry index up to the journal.
    pub fn catch_up_entries(&self, progress: &mut dyn FnMut(Progress)) -> Result<(), IndexError> {
        while self.catch_up_entries_once(progress)? {}
        Ok(())
    }

    /// Brings the facts index up to the journal, and seals and merges what is due.
    pub fn catch_up_facts(&self, progress: &mut dyn FnMut(Progress)) -> Result<(), IndexError> {
        loop {
            let total = self.source.size();
            progress(Progress { stage: Stage::Facts, done: self.facts.end(), total });
            let more = self.catch_up_facts_once(CHUNK_ENTRIES)?;
            self.tidy()?;
            if !more {
                return Ok(());
            }
        }
    }

    /// Applies at most `at_most` entries that the facts index lacks; returns whether some are left. Where one cannot be read,
    /// those before it are applied.
    pub fn catch_up_facts_once(&self, at_most: u64) -> Result<bool, IndexError> {
        let (from, total) = (self.facts.end(), self.source.size());
        let (mut gathered, mut rows, mut unread) = (Vec::new(), 0_usize, None);
        for index in range(from, total, at_most) {
            match self.facts_of(index) {
                Ok(facts) => {
                    rows = rows.saturating_add(facts.rows.len());
                    gathered.push(facts);
                }
                Err(error) => unread = Some(error),
            }
            if unread.is_some() || rows >= FACT_ROWS {
                break;
            }
        }
        self.apply_facts(&gathered)?;
        unread.map_or_else(|| Ok(self.facts.end() < total), Err)
    }

    /// Works on a question on one of the threads that look into the database, and returns what comes of it: else each look would wake such a
    /// thread, which takes longer than to look. Fails if a look does not end.
    pub fn asking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, IndexError> {
        self.doubted(self.database.ask(move |_| Ok(work())))
    }

    /// Returns the entries with this content, oldest first; each was compared with the journal.
    pub fn by_content(&self, content: &ContentDigest) -> Result<Vec<LeafIndex>, IndexError> {
        self.by_content_since(content, TreeSize::ZERO)
    }

    /// The same, of the entries that a log of size `since` does not have yet. Cheap for the newest ones: they are in memory.
    pub fn by_content_since(
        &self,
        content: &ContentDigest,
        since: TreeSize,
    ) -> Result<Vec<LeafIndex>, IndexError> {
        let found = self.candidates(&Prefix::content(content), since)?;
        let same = found.into_iter().map(|index| self.fits(index, |entry| entry.content == *content));
        same.filter_map(Result::transpose).collect()
    }

    /// Returns the first entry with this envelope; it was compared with the journal.
    pub fn by_envelope(&self, envelope: &EnvelopeDigest) -> Result<Option<LeafIndex>, IndexError> {
        self.by_envelope_since(envelope, TreeSize::ZERO)
    }

    /// The same, of the entries that a log of size `since` does not have yet. Cheap for the newest ones: they are in memory.
    pub fn by_envelope_since(
        &self,
        envelope: &EnvelopeDigest,
        since: TreeSize,
    ) -> Result<Option<LeafIndex>, IndexError> {
        let found = self.candidates(&Prefix::envelope(envelope), since)?;
        let mut same =
            found.into_iter().map(|index| self.fits(index, |entry| entry.envelope.digest == *envelope));
        same.find_map(Result::transpose).transpose()
    }

    /// Returns the entries that may say whose build this artifact is (`<algorithm>:<value>`), oldest first, of those that a log of
    /// size `since` does not have yet. The caller reads their admission records: a row has but a part of a hash.
    pub fn by_build(&self, artifact: &str, since: TreeSize) -> Result<Vec<LeafIndex>, IndexError> {
        self.candidates(&Prefix::build(artifact), since)
    }

    /// Returns at most `limit` candidates below `below` for a term, newest first. A candidate has the term's hash:
    /// the caller compares its facts. `below` is at most [`Index::indexed_to`].
    pub fn by_term(&self, term: &Term, below: TreeSize, limit: usize) -> Result<Vec<LeafIndex>, IndexError> {
        self.by_prefix(&Prefix::term(term), below, limit)
    }

    /// The same of several terms, in their order, by one look.
    pub fn by_terms(
        &self,
        terms: &[Term],
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<Vec<LeafIndex>>, IndexError> {
        self.facts.whole()?;
        let prefixes = terms.iter().map(Prefix::term).collect();
        self.answered(&self.facts, self.facts.newest_of_each(&self.database, prefixes, below, limit))
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
        self.facts.whole()?;
        let Some((low, high)) = keys::leading_range(prefix) else { return Ok(Some(Vec::new())) };
        Ok(self.each_newest((&low, &high), below, limit)?.map(without_prefixes))
    }

    /// Returns, for each value of a field that entries below `below` have, the newest of them that has it, in no order that
    /// means anything; at most `limit`. None when there are more than [`PREFIX_STEPS_MAX`] values, too many to look at.
    pub fn each_of(
        &self,
        field: Field,
        below: TreeSize,
        limit: usize,
    ) -> Result<Option<Vec<LeafIndex>>, IndexError> {
        self.facts.whole()?;
        let (low, high) = keys::field_range(field);
        Ok(self.each_newest((&low, &high), below, limit)?.map(without_prefixes))
    }

    /// Returns the versions of a package, named without one, that entries below `below` have, each as the prefix of its rows and with the
    /// newest entry; at most `limit`. None when there are more than [`PREFIX_STEPS_MAX`], too many to look at.
    pub(crate) fn versions(
        &self,
        package: &str,
        below: TreeSize,
        limit: usize,
    ) -> Result<Option<Vec<(Prefix, LeafIndex)>>, IndexError> {
        self.facts.whole()?;
        let (low, high) = keys::versions_range(package);
        self.each_newest((&low, &high), below, limit)
    }

    /// Returns at most `limit` entries below `below` that have a row with this prefix, newest first.
    pub(crate) fn by_prefix(
        &self,
        prefix: &Prefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, IndexError> {
        self.facts.whole()?;
        let found = self.facts.newest(&self.database, prefix, below, limit);
        self.answered(&self.facts, found)
    }

    fn each_newest(
        &self,
        range: (&Prefix, &Prefix),
        below: TreeSize,
        limit: usize,
    ) -> Result<Option<Vec<(Prefix, LeafIndex)>>, IndexError> {
        let found = self.facts.each_newest(&self.database, range, below, limit, PREFIX_STEPS_MAX);
        self.answered(&self.facts, found)
    }

    /// Resolves when there is work for [`Index::tidy_once`] that no new entry tells of.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn open_as_it_is(
        shape: Shape,
        dir: &Path,
        source: Arc<dyn Source>,
        discard: bool,
    ) -> Result<Self, IndexError> {
        let Opened { database, state, entries, facts, garbage, lock } =
            open::open(shape, dir, source.as_ref(), discard)?;
        let entries = Rows::new(Part::Entries, shape, &entries);
        let facts = Rows::new(Part::Facts, shape, &facts);
        let (indexed_to, _) = watch::channel(facts.end());
        Ok(Self {
            dir: dir.to_owned(),
            database,
            source,
            shape,
            state,
            doubt: Mutex::default(),
            entries,
            facts,
            offered: Mutex::default(),
            upkeep: Upkeep::left(garbage),
            applied: AtomicUsize::new(0),
            indexed_to,
            able: watch::channel(Able { recording: true, questions: true }).0,
            still: watch::channel(false).0,
            wake: Notify::new(),
            _lock: lock,
        })
    }

    fn catch_up_entries_once(&self, progress: &mut dyn FnMut(Progress)) -> Result<bool, IndexError> {
        let (done, total) = (self.covered(), self.source.size());
        progress(Progress { stage: Stage::Entries, done, total });
        let chunk = range(done, total, CHUNK_ENTRIES)
            .map(|index| EntryKeys::read(self.source.as_ref(), index))
            .collect::<Result<Vec<_>, _>>()?;
        self.apply_entries(&chunk)?;
        Ok(!chunk.is_empty())
    }

    fn facts_of(&self, index: LeafIndex) -> Result<FactRows, IndexError> {
        let offered = self.offered().take(index);
        match offered {
            Some(facts) => Ok(facts),
            None => FactRows::read(index, self.source.stored(index)?),
        }
    }

    fn offered(&self) -> MutexGuard<'_, Offered> {
        self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn candidates(&self, prefix: &Prefix, since: TreeSize) -> Result<Vec<LeafIndex>, IndexError> {
        self.entries.whole()?;
        let found = self.entries.oldest(&self.database, prefix, since.next_index());
        self.answered(&self.entries, found)
    }

    /// Returns the candidate if its entry is what was looked for: a row has but a part of a digest.
    fn fits(&self, index: LeafIndex, fits: impl Fn(&Entry) -> bool) -> Result<Option<LeafIndex>, IndexError> {
        let entry = Entry::decode(&self.source.entry(index)?)
            .map_err(|source| IndexError::Entry { index, source })?;
        Ok(fits(&entry).then_some(index))
    }

    /// Passes on what was read of runs. A damaged one is made again, without being asked, and nothing is answered from
    /// this index until it is: what the run had would not be found.
    pub(super) fn answered<T>(&self, rows: &Rows, result: Result<T, RunError>) -> Result<T, IndexError> {
        match result {
            Ok(found) => Ok(found),
            Err(RunError::Damaged { run }) => {
                if rows.has(run) && rows.damaged().insert(run) {
                    tracing::error!(run, "a part of the index is damaged; it is made again from the journal");
                }
                self.tell();
                self.wake.notify_one();
                Err(IndexError::Healing)
            }
            Err(RunError::Index(error)) => self.doubted(Err(error)),
        }
    }

    /// Passes a result of the database on. After a failure it is opened again by whoever does the work behind; if the process
    /// dies before, the index is thrown away at the next open.
    pub(super) fn doubted<T>(&self, result: Result<T, IndexError>) -> Result<T, IndexError> {
        let doubt = match &result {
            Err(error) if error.is_refused_write() => Doubt::Refused,
            Err(IndexError::Database(_) | IndexError::Panicked { .. } | IndexError::Stuck { .. }) => {
                Doubt::Broken
            }
            Err(_) | Ok(_) => return result,
        };
        // Who does not end keeps the files: they cannot be opened again.
        let stuck = matches!(&result, Err(IndexError::Stuck { .. }));
        let mut known = self.doubt();
        // The first one counts: behind a refused write, sled fails in ways that say nothing of what is on the disk.
        if known.is_none() || (stuck && *known == Some(Doubt::Refused)) {
            *known = Some(doubt);
            if let Err(error) = &result {
                tracing::error!(error = %error.chain(), "the index database failed");
            }
            // Under the lock, or it could be written behind the word of who opened the database again.
            if let Err(error) = self.state.mark_doubtful() {
                tracing::error!(%error, "cannot mark the index as doubtful");
            }
        }
        drop(known);
        if stuck {
            self.tell();
        }
        self.wake.notify_one();
        result
    }

    /// Says what can be answered, if that changed.
    pub(super) fn tell(&self) {
        self.able.send_if_modified(|before| {
            // Looked at here: the last one who says it has seen what is.
            let open = self.database.is_open();
            let able = |rows: &Rows| open && rows.whole().is_ok();
            let now = Able { recording: able(&self.entries), questions: able(&self.facts) };
            std::mem::replace(before, now) != now
        });
    }

    pub(super) fn doubt(&self) -> MutexGuard<'_, Option<Doubt>> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The positions from `done` on and below `total`, at most `at_most`.
fn range(done: TreeSize, total: TreeSize, at_most: u64) -> impl Iterator<Item = LeafIndex> {
    let end = total.get().min(done.get().saturating_add(at_most));
    (done.get()..end).filter_map(|index| LeafIndex::new(index).ok())
}

fn without_prefixes(found: Vec<(Prefix, LeafIndex)>) -> Vec<LeafIndex> {
    found.into_iter().map(|(_, index)| index).collect()
}
