//! The log as it stands: what every reader sees, and the one way to open it.
//!
//! A [`Head`] is one committed state in whole: size, root, signed checkpoint, trust, journal and tree belong
//! together. The sequencer replaces it after each commit; a reader takes one and works with it, so no answer
//! mixes two states.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use custody_evidence::dsse::{Envelope, EnvelopeError};
use custody_evidence::trust::{People, Timeline, TrustError, TrustState};
use custody_log::{
    CheckpointError, ConsistencyProof, ContentDigest, Entry, EntryBundle, EntryDigest, EntryError, HashTile,
    InclusionProof, LeafIndex, NodeHash, Origin, Receipt, RootHash, SignedCheckpoint, TileKind, TilePath,
    TreeSize,
};
use tokio::sync::watch;

use crate::clock::{Clock, ClockError};
use crate::first_uses::FirstUses;
use crate::index::{Index, IndexError, Source, SourceError, Stored};
use crate::journal::{
    self, Files, Journal, KeptCheckpoint, OpenError, ReadError, ReadOnly, Reader, ViewError,
};
use crate::newest::{self, Given, NewestError};
use crate::publish::{LeafSource, LogKeys, PublishError, Publisher, Tree, TreeError, WrongKey};

/// The folder of the index inside the data directory.
pub const INDEX_DIR: &str = "index";

/// Where a log is kept and how.
pub struct Settings {
    /// The data directory.
    pub dir: PathBuf,
    /// How the journal is kept.
    pub journal: journal::OpenOptions,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The newest checkpoints that are known of the log, as an administrator gave them.
    pub newest: Vec<Given>,
}

/// One committed state of the log.
#[derive(Clone)]
pub struct Head {
    /// How many entries there are.
    pub size: TreeSize,
    /// The root at that size.
    pub root: RootHash,
    /// The checkpoint over both, signed and cosigned.
    pub checkpoint: SignedCheckpoint,
    /// Who may record what.
    pub trust: Arc<TrustState>,
    /// The newest administrative entry.
    pub admin: LeafIndex,
    /// The entries, admission records and envelopes.
    pub journal: Reader,
    /// The tree over the entries.
    pub tree: Arc<Tree>,
}

/// The log as all tasks of a server share it.
pub struct Ledger {
    origin: Origin,
    genesis: EntryDigest,
    index: Arc<Index>,
    /// What the index reads.
    source: Arc<CurrentJournal>,
    head: watch::Sender<Arc<Head>>,
    /// Whether envelopes can be recorded: not while recovery fails, and never in a restored log.
    writing: watch::Sender<bool>,
    /// Whether the scrub found everything as it was written.
    sound: watch::Sender<bool>,
    /// Which keys used which tokens first.
    first_uses: FirstUses,
    /// Keeps writers away from a log that is served and not written.
    read_only: Option<ReadOnly>,
}

/// The sequencer's place in the log: only opening the log, or a successful append, yields one.
pub struct Position {
    /// The journal, ready for the next batch.
    pub journal: Box<dyn Journal>,
    /// The last entry.
    pub last: Entry,
    /// Its digest, which the next entry names.
    pub last_digest: EntryDigest,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// An entry could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An administrative entry does not decode.
    #[error("entry {index} is damaged: {source}")]
    Entry {
        /// Its index.
        index: LeafIndex,
        /// Why.
        source: EntryError,
    },
    /// An administrative envelope does not parse.
    #[error("the envelope of entry {index} is damaged: {source}")]
    Envelope {
        /// Its index.
        index: LeafIndex,
        /// Why.
        source: EnvelopeError,
    },
    /// The trust documents in the log do not follow from each other.
    #[error("the trust documents of the log cannot be replayed")]
    Trust(#[from] TrustError),
    /// The log's own key file does not fit the log.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
    /// The checkpoint kept on disk does not parse.
    #[error("the kept checkpoint is damaged")]
    Checkpoint(#[from] CheckpointError),
    /// The tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The checkpoint could not be signed.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The checkpoint could not be kept.
    #[error("the checkpoint was not kept")]
    Keep(#[source] journal::JournalFault),
    /// What a redaction names could not be erased.
    #[error("what a redaction names was not erased")]
    Erase(#[source] journal::JournalFault),
    /// The restored log cannot be read.
    #[error(transparent)]
    View(ViewError),
    /// A checkpoint that someone kept does not fit the log.
    #[error(transparent)]
    Newest(#[from] NewestError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// What the disk lost is in the index, which forgets nothing while the server runs. The next start throws it away.
    #[error(
        "the journal has {size} entries after its recovery, and the index {index}: the disk lost what it had synced"
    )]
    IndexAhead {
        /// What the journal has.
        size: TreeSize,
        /// What the index has.
        index: TreeSize,
    },
    /// The clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The log holds no entry, which `custodyd init` never leaves behind.
    #[error("the log is empty: custodyd init was not finished")]
    Empty,
}

/// Told what opening does: a word for the work, how much is done, how much there is.
pub type Progress<'a> = &'a mut dyn FnMut(&'static str, u64, u64);

/// The log is not yet at the size asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    /// Where it is.
    pub size: TreeSize,
}

impl Ledger {
    /// Opens an existing log and everything derived from it. Signs a checkpoint of what it found.
    pub fn open(
        settings: &Settings,
        keys: LogKeys,
        progress: Progress<'_>,
    ) -> Result<(Arc<Self>, Position, Publisher), LedgerError> {
        let opened = journal::open(&settings.dir, &settings.journal)?;
        let genesis = opened.reader.entry(LeafIndex::ZERO).map(|bytes| EntryDigest::of(&bytes))?;
        let trust = replay_trust(&opened.reader, opened.size)?;
        keys.verifiers().check(&trust, opened.size)?;
        let index = Indexed::open(settings, &opened.reader, progress)?;
        let kept =
            opened.checkpoint.as_ref().map(|kept| SignedCheckpoint::parse(&kept.signed)).transpose()?;
        let mut publisher = Publisher::new(
            trust.document().origin().clone(),
            keys,
            kept.as_ref().map(SignedCheckpoint::unverified),
        );
        check_newest(settings, &trust, opened.size, &opened.reader)?;
        let (head, position) = Self::enter(settings, opened, trust, &mut publisher, progress)?;
        Ok((Arc::new(Self::of(index, genesis, head, None)), position, publisher))
    }

    /// Opens a restored log for reading: what its newest kept checkpoint covers, with that checkpoint as it was signed.
    /// Nothing is signed, since nobody knows whether this is the newest state.
    pub fn open_read_only(settings: &Settings, progress: Progress<'_>) -> Result<Arc<Self>, LedgerError> {
        let opened = journal::open_read_only(&settings.dir, &settings.journal.files);
        let opened = opened.map_err(|error| match error {
            ViewError::Open(error) => LedgerError::Journal(error),
            error => LedgerError::View(error),
        })?;
        let (reader, size, root) = (opened.view.reader.clone(), opened.view.size(), opened.view.root());
        let trust = Arc::new(replay_trust(&reader, size)?);
        let checkpoint = SignedCheckpoint::parse(&opened.view.checkpoint.signed)?;
        let index = Indexed::open(settings, &reader, progress)?;
        let last = size.last_index().unwrap_or(LeafIndex::ZERO);
        let admin = newest_admin(&read_entry(&reader, last)?);
        let tree =
            Tree::open(&settings.dir, size, root, &reader, &mut |done| progress("tiles", done, size.get()))?;
        let head = Head { size, root, checkpoint, trust, admin, journal: reader, tree: Arc::new(tree) };
        Ok(Arc::new(Self::of(index, opened.view.log, head, Some(opened))))
    }

    /// Puts an open log together. One that is read-only is not written.
    fn of(indexed: Indexed, genesis: EntryDigest, head: Head, read_only: Option<ReadOnly>) -> Self {
        let Indexed { source, index } = indexed;
        Self {
            origin: head.trust.document().origin().clone(),
            genesis,
            index,
            source,
            head: watch::channel(Arc::new(head)).0,
            writing: watch::channel(read_only.is_none()).0,
            sound: watch::channel(true).0,
            first_uses: FirstUses::default(),
            read_only,
        }
    }

    /// Whether the log is served and not written, because it was restored from a backup.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        self.read_only.is_some()
    }

    /// Opens the journal again after a write whose outcome is unknown, by the same way as at the start. What
    /// was in memory is replaced; readers keep the old state until the new one is whole. After [`LedgerError::IndexAhead`] it is of
    /// no use to try again.
    pub fn recover(&self, settings: &Settings, publisher: &mut Publisher) -> Result<Position, LedgerError> {
        let opened = journal::open(&settings.dir, &settings.journal)?;
        let index = self.index.reach();
        if index > opened.size {
            // Other entries will get these places, and would be found by what the lost ones said.
            return Err(LedgerError::IndexAhead { size: opened.size, index });
        }
        let trust = replay_trust(&opened.reader, opened.size)?;
        self.source.replace(opened.reader.clone());
        self.index.catch_up_entries(&mut |_| {})?;
        let (head, position) = Self::enter(settings, opened, trust, publisher, &mut |_, _, _| {})?;
        self.publish(head);
        // What was added may not be what is there.
        self.first_uses.forget();
        Ok(position)
    }

    fn enter(
        settings: &Settings,
        opened: journal::Opened,
        trust: TrustState,
        publisher: &mut Publisher,
        progress: Progress<'_>,
    ) -> Result<(Head, Position), LedgerError> {
        let journal::Opened { mut journal, reader, size, root, last_entry: last, last_digest, cut, .. } =
            opened;
        if let Some(journal::Cut { segment, offset, bytes }) = cut {
            tracing::warn!(segment = %segment.display(), offset, bytes, "a write that did not end was cut");
        }
        let admin = newest_admin(&last);
        let tree =
            Tree::open(&settings.dir, size, root, &reader, &mut |done| progress("tiles", done, size.get()))?;
        let now = settings.clock.read()?.wall;
        let checkpoint = publisher.sign(size, root, now, &tree, &reader, &trust)?;
        keep(journal.as_mut(), &checkpoint)?;
        // An erasure that did not end is done again, and so is one that an older copy of the data does not know of.
        journal.erase().map_err(LedgerError::Erase)?;
        let trust = Arc::new(trust);
        let head = Head { size, root, checkpoint, trust, admin, journal: reader, tree: Arc::new(tree) };
        Ok((head, Position { journal, last, last_digest }))
    }

    /// Returns the log's name.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the digest of entry 0, which clients pin.
    #[must_use]
    pub const fn genesis(&self) -> EntryDigest {
        self.genesis
    }

    /// Returns the index.
    #[must_use]
    pub const fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Gives up the log for its index, to close it.
    #[must_use]
    pub fn into_index(self) -> Arc<Index> {
        self.index
    }

    /// Returns who knows which keys used which tokens first.
    #[must_use]
    pub const fn first_uses(&self) -> &FirstUses {
        &self.first_uses
    }

    /// Returns the newest committed state.
    #[must_use]
    pub fn head(&self) -> Arc<Head> {
        Arc::clone(&self.head.borrow())
    }

    /// Returns a receiver that wakes at each new state.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Head>> {
        self.head.subscribe()
    }

    /// Returns a receiver of whether envelopes can be recorded.
    #[must_use]
    pub fn writing(&self) -> watch::Receiver<bool> {
        self.writing.subscribe()
    }

    /// Returns a receiver of whether everything that was read again was as it was written.
    #[must_use]
    pub fn sound(&self) -> watch::Receiver<bool> {
        self.sound.subscribe()
    }

    /// Says whether everything that was read again was as it was written. Only the scrub calls it.
    pub(crate) fn set_sound(&self, sound: bool) {
        self.sound.send_if_modified(|before| std::mem::replace(before, sound) != sound);
    }

    /// Says whether envelopes can be recorded. Only the sequencer calls it.
    pub(crate) fn set_writing(&self, writing: bool) {
        self.writing.send_if_modified(|before| std::mem::replace(before, writing) != writing);
    }

    /// Replaces the state that readers see. Only the sequencer calls it, after a commit.
    pub(crate) fn publish(&self, head: Head) {
        self.head.send_replace(Arc::new(head));
    }

    /// Waits until the log has at least this size.
    pub async fn at_least(&self, size: TreeSize, patience: Duration) -> Result<Arc<Head>, Behind> {
        let mut watch = self.watch();
        let reached = watch.wait_for(|head| head.size >= size);
        match tokio::time::timeout(patience, reached).await {
            Ok(Ok(head)) => Ok(Arc::clone(&head)),
            Ok(Err(_)) | Err(_) => Err(Behind { size: self.head().size }),
        }
    }
}

/// The journal that the index reads, and what the disk keeps free for it.
#[derive(Debug)]
struct CurrentJournal {
    /// Recovery replaces it.
    reader: RwLock<Reader>,
    dir: PathBuf,
    files: Arc<dyn Files>,
    reserve_bytes: u64,
}

impl CurrentJournal {
    fn new(settings: &Settings, reader: &Reader) -> Self {
        let journal::OpenOptions { files, reserve_bytes, .. } = settings.journal.clone();
        Self { reader: RwLock::new(reader.clone()), dir: settings.dir.clone(), files, reserve_bytes }
    }

    fn reader(&self) -> Reader {
        self.reader.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, reader: Reader) {
        *self.reader.write().unwrap_or_else(PoisonError::into_inner) = reader;
    }
}

/// The index, and what it reads.
struct Indexed {
    source: Arc<CurrentJournal>,
    index: Arc<Index>,
}

impl Indexed {
    fn open(settings: &Settings, reader: &Reader, progress: Progress<'_>) -> Result<Self, LedgerError> {
        let source = Arc::new(CurrentJournal::new(settings, reader));
        let read: Arc<dyn Source> = Arc::<CurrentJournal>::clone(&source);
        let index = Index::open(&settings.dir.join(INDEX_DIR), read, &mut |step| {
            progress("index", step.done.get(), step.total.get());
        })?;
        Ok(Self { source, index: Arc::new(index) })
    }
}

impl Source for CurrentJournal {
    fn size(&self) -> TreeSize {
        Source::size(&self.reader())
    }

    fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, SourceError> {
        Source::entry(&self.reader(), index)
    }

    fn record(&self, index: LeafIndex) -> Result<Option<Vec<u8>>, SourceError> {
        Source::record(&self.reader(), index)
    }

    fn stored(&self, index: LeafIndex) -> Result<Stored, SourceError> {
        Source::stored(&self.reader(), index)
    }

    fn redacted(&self, content: &ContentDigest) -> bool {
        Source::redacted(&self.reader(), content)
    }

    fn erased(&self) -> Result<Vec<LeafIndex>, SourceError> {
        Source::erased(&self.reader())
    }

    fn redactions(&self) -> usize {
        Source::redactions(&self.reader())
    }

    fn spare(&self) -> u64 {
        // Where the disk does not say it, its own answer to a write has to do.
        self.files.available(&self.dir).map_or(u64::MAX, |free| free.saturating_sub(self.reserve_bytes))
    }
}

impl LeafSource for Reader {
    fn leaf(&self, index: LeafIndex) -> Result<NodeHash, ReadError> {
        self.leaf_hash(index)
    }
}

/// Writes a checkpoint to its slot. If that fails the entries are on disk all the same, but a torn write behind them could
/// take them along: nobody may be told of them before a recovery has kept it.
pub(crate) fn keep(journal: &mut dyn Journal, checkpoint: &SignedCheckpoint) -> Result<(), LedgerError> {
    let body = checkpoint.unverified();
    let kept = KeptCheckpoint { size: body.size(), root: *body.root(), signed: checkpoint.bytes().to_vec() };
    journal.keep_checkpoint(&kept).map_err(LedgerError::Keep)
}

/// Compares the log with what is known of it: an older copy, or a fork, must not be written.
fn check_newest(
    settings: &Settings,
    trust: &TrustState,
    size: TreeSize,
    reader: &Reader,
) -> Result<(), LedgerError> {
    for given in &settings.newest {
        newest::check(given, trust, size, &|size| newest::root_at(reader, size))?;
        let signed = given.signed.unverified().size();
        if signed > size {
            return Err(NewestError::Older { path: given.path.clone(), signed, size }.into());
        }
    }
    Ok(())
}

/// Returns the newest administrative entry up to and including this one. Entry 0 always is one.
pub(crate) fn newest_admin(entry: &Entry) -> LeafIndex {
    if entry.administrative { entry.index } else { entry.admin.unwrap_or(LeafIndex::ZERO) }
}

/// Walks the chain of administrative entries back to entry 0 and replays them.
pub(crate) fn replay_trust(journal: &Reader, size: TreeSize) -> Result<TrustState, LedgerError> {
    let mut next =
        size.last_index().map(|index| read_entry(journal, index)).transpose()?.map(|e| newest_admin(&e));
    let mut indexes = Vec::new();
    while let Some(index) = next {
        indexes.push(index);
        next = read_entry(journal, index)?.admin;
    }
    let mut state: Option<TrustState> = None;
    for index in indexes.into_iter().rev() {
        let bytes = journal.envelope(index)?;
        let envelope = Envelope::parse(&bytes).map_err(|source| LedgerError::Envelope { index, source })?;
        state = Some(match state {
            None => TrustState::first_of_any(&envelope)?,
            Some(state) => state.next(&envelope, index)?,
        });
    }
    state.ok_or(LedgerError::Empty)
}

fn read_entry(journal: &Reader, index: LeafIndex) -> Result<Entry, LedgerError> {
    let bytes = journal.entry(index)?;
    Entry::decode(&bytes).map_err(|source| LedgerError::Entry { index, source })
}

impl Head {
    /// Returns the signed checkpoint's bytes.
    #[must_use]
    pub fn checkpoint_bytes(&self) -> &[u8] {
        self.checkpoint.bytes()
    }

    /// Returns the checked proof that an entry is in this tree.
    pub fn inclusion(&self, index: LeafIndex) -> Result<InclusionProof, TreeError> {
        self.tree.inclusion(index, self.size, &self.root, &self.journal)
    }

    /// Returns the checked proof between two trees, neither larger than this one; none from the empty tree.
    pub fn consistency(&self, old: TreeSize, new: TreeSize) -> Result<Option<ConsistencyProof>, TreeError> {
        let root = if new == self.size { self.root } else { self.tree.root_at(new, &self.journal)? };
        self.tree.consistency(old, new, &root, &self.journal).map(|(_, proof)| proof)
    }

    /// Returns the receipt of an entry against this state's checkpoint.
    pub fn receipt(&self, index: LeafIndex) -> Result<Receipt, TreeError> {
        let entry = self.journal.entry(index)?;
        Ok(Receipt::new(entry, self.inclusion(index)?, self.checkpoint.clone())?)
    }

    /// Returns the receipt of an entry with these bytes against this state's checkpoint; none if a file would have to be
    /// read for its proof: [`Head::receipt`] does.
    #[must_use]
    pub fn receipt_at_hand(&self, index: LeafIndex, entry: Vec<u8>) -> Option<Receipt> {
        let proof = self.tree.inclusion_at_hand(index, NodeHash::leaf(&entry), self.size, &self.root)?;
        Receipt::new(entry, proof, self.checkpoint.clone()).ok()
    }

    /// Returns the bytes of a tile or entry bundle of this tree (C2SP tlog-tiles); none if it does not have it.
    pub fn tile(&self, path: &TilePath) -> Result<Option<Vec<u8>>, TreeError> {
        if path.kind() != TileKind::Entries {
            let hashes = self.tree.tile(path, self.size, &self.journal)?;
            return Ok(hashes.map(|hashes| HashTile::from_hashes(hashes).encode()));
        }
        if path.end() > self.size.get() {
            return Ok(None);
        }
        let width = u64::try_from(path.width()).unwrap_or(TilePath::FULL_WIDTH);
        let indexes = (path.end() - width..path.end()).filter_map(|index| LeafIndex::new(index).ok());
        let entries = indexes.map(|index| self.journal.entry(index)).collect::<Result<Vec<_>, _>>()?;
        // No entry is longer than 512 bytes.
        Ok(EntryBundle::new(entries).ok().map(|bundle| bundle.encode()))
    }

    /// Returns whose keys and identities are, as of a tree that this one begins with.
    pub fn people_at(&self, size: TreeSize) -> Result<Arc<People>, LedgerError> {
        // What comes behind the newest administrative entry changes nothing.
        if size.contains(self.admin) {
            return Ok(Arc::clone(self.trust.people()));
        }
        if size == TreeSize::ZERO {
            return Ok(Arc::default());
        }
        Ok(Arc::clone(replay_trust(&self.journal, size)?.people()))
    }

    /// Returns by which times entries are looked up: the log's clock repairs, each read from the journal.
    pub fn timeline(&self) -> Result<Timeline, LedgerError> {
        let repairs = self.trust.clock_repairs().into_iter();
        let timed = repairs.map(|index| Ok((index, read_entry(&self.journal, index)?.time)));
        Ok(Timeline::of(timed.collect::<Result<Vec<_>, LedgerError>>()?))
    }

    /// Returns the administrative entries from `since` on, in order.
    pub fn admin_chain(&self, since: LeafIndex) -> Result<Vec<LeafIndex>, LedgerError> {
        let mut indexes = Vec::new();
        let mut next = Some(self.admin);
        while let Some(index) = next.filter(|index| *index >= since) {
            indexes.push(index);
            next = read_entry(&self.journal, index)?.admin;
        }
        indexes.reverse();
        Ok(indexes)
    }
}
