//! Reading what is durable, checked against the digests in the entries.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use custody_log::{ContentDigest, Entry, EntryDigest, LeafIndex, NodeHash, TreeSize};

use super::damage::DamageKind;
use super::erase;
use super::erased::{Erased, decode_erased};
use super::files::{Files, fault};
use super::frame::Parts;
use super::layout::Layout;
use super::redactions::Redactions;
use super::scan::{Broken, SegmentFile};
use super::segment::{Footer, Location};
use super::writer::JournalFault;
use super::{Damage, blobs};

/// Why something cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log is not that long.
    #[error("entry {index} does not exist: the log has {size} entries")]
    Beyond {
        /// The index asked for.
        index: LeafIndex,
        /// How many entries there are.
        size: TreeSize,
    },
    /// A redaction erased it: the entry and its proofs stay, and nothing else.
    #[error("what entry {index} held was erased by entry {by}")]
    Redacted {
        /// The entry.
        index: LeafIndex,
        /// The redaction.
        by: LeafIndex,
    },
    /// What is there is not what was written.
    #[error("the journal is damaged: {0}")]
    Damaged(#[source] Box<Damage>),
    /// The disk failed.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// One entry with all that is kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The entry's exact bytes.
    pub bytes: Vec<u8>,
    /// The same, decoded.
    pub entry: Entry,
    /// The admission record; its digest and length are those in the entry.
    pub record: Vec<u8>,
    /// The envelope as received; its digest and length are those in the entry.
    pub envelope: Vec<u8>,
}

/// As [`Stored`], for readers who take large envelopes in another way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpTo {
    /// The entry's exact bytes.
    pub bytes: Vec<u8>,
    /// The same, decoded.
    pub entry: Entry,
    /// The admission record; its digest and length are those in the entry.
    pub record: Vec<u8>,
    /// The envelope as received; none if it is too large.
    pub envelope: Option<Vec<u8>>,
}

/// Reads entries, records and envelopes by position. Clones are cheap and share one state; they stay valid,
/// for what they showed, when the journal is consumed. Reads are positional and lock nothing but the list of
/// segments, for an instant.
///
/// Memory: 20 bytes for each entry of the open segment, about 100 bytes for each sealed one, whose offset
/// tables stay on disk.
#[derive(Debug, Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// How many entries are durable. Grows only after an append was synced.
    #[must_use]
    pub fn size(&self) -> TreeSize {
        self.shared.size()
    }

    /// Returns the exact bytes of an entry: they decode, and to this index. That they are the bytes in the
    /// tree is told by a proof.
    pub fn entry(&self, index: LeafIndex) -> Result<Vec<u8>, ReadError> {
        let place = self.shared.place(index)?;
        let (bytes, _) = place.segment.entry(&place.location, index)?;
        Ok(bytes)
    }

    /// Returns the leaf hash of an entry (RFC 6962 section 2.1).
    pub fn leaf_hash(&self, index: LeafIndex) -> Result<NodeHash, ReadError> {
        self.entry(index).map(|bytes| NodeHash::leaf(&bytes))
    }

    /// Returns the admission record of an entry; it has the digest and length that the entry says.
    pub fn record(&self, index: LeafIndex) -> Result<Vec<u8>, ReadError> {
        let place = self.shared.place(index)?;
        let (_, entry) = place.segment.entry(&place.location, index)?;
        self.shared.unless_redacted(&entry, || place.record(&entry))
    }

    /// Returns the envelope of an entry as received; it has the digest and length that the entry says.
    pub fn envelope(&self, index: LeafIndex) -> Result<Vec<u8>, ReadError> {
        let place = self.shared.place(index)?;
        let (_, entry) = place.segment.entry(&place.location, index)?;
        self.shared.unless_redacted(&entry, || self.shared.envelope(&place, &entry))
    }

    /// Returns an entry with its record and envelope.
    pub fn stored(&self, index: LeafIndex) -> Result<Stored, ReadError> {
        let place = self.shared.place(index)?;
        let (bytes, entry) = place.segment.entry(&place.location, index)?;
        let read = || Ok((place.record(&entry)?, self.shared.envelope(&place, &entry)?));
        let (record, envelope) = self.shared.unless_redacted(&entry, read)?;
        Ok(Stored { bytes, entry, record, envelope })
    }

    /// Returns an entry with its record, and with its envelope if that has at most `max` bytes.
    pub fn stored_up_to(&self, index: LeafIndex, max: usize) -> Result<StoredUpTo, ReadError> {
        let place = self.shared.place(index)?;
        let (bytes, entry) = place.segment.entry(&place.location, index)?;
        let small = usize::try_from(entry.envelope.length).is_ok_and(|length| length <= max);
        let read = || {
            let envelope = if small { Some(self.shared.envelope(&place, &entry)?) } else { None };
            Ok((place.record(&entry)?, envelope))
        };
        let (record, envelope) = self.shared.unless_redacted(&entry, read)?;
        Ok(StoredUpTo { bytes, entry, record, envelope })
    }

    /// Returns what is kept beside the envelope of an entry: what its admission record names, in its order.
    pub fn attachments(&self, index: LeafIndex) -> Result<Vec<Vec<u8>>, ReadError> {
        let (place, entry) = self.shared.entry(index)?;
        self.shared.unless_redacted(&entry, || place.attachments(&entry).map(|(_, found)| found))
    }

    /// Returns the redaction that erases every entry with this content.
    #[must_use]
    pub fn redacted(&self, content: &ContentDigest) -> Option<LeafIndex> {
        self.shared.redactions().of_content(content)
    }

    /// Returns the entries that redact, in order.
    #[must_use]
    pub fn redactions(&self) -> Vec<LeafIndex> {
        self.shared.redactions().entries()
    }

    /// Returns what a redaction erases, and where the index has it.
    pub fn erased_by(&self, redaction: LeafIndex) -> Result<Vec<Erased>, ReadError> {
        self.shared.erased_by(redaction)
    }

    /// Whether nothing is left of what a redacted entry held.
    pub fn is_erased(&self, index: LeafIndex) -> Result<bool, ReadError> {
        let place = self.shared.place(index)?;
        let (_, entry) = place.segment.entry(&place.location, index)?;
        let (frame, parts) = place.parts(index)?;
        let Shared { files, layout, .. } = self.shared.as_ref();
        Ok(erase::is_erased(files.as_ref(), layout, &place.segment, frame, &parts, &entry)?)
    }

    /// Calls `each` with the exact bytes of every entry from `first` up to the size at the time of the call, in order, and
    /// returns that size. Stops at the first error.
    pub fn for_each_entry_from<E: From<ReadError>>(
        &self,
        first: LeafIndex,
        mut each: impl FnMut(LeafIndex, &[u8]) -> Result<(), E>,
    ) -> Result<TreeSize, E> {
        let (size, mut index) = (self.size(), first);
        while size.contains(index) {
            each(index, &self.entry(index)?)?;
            index = index.next();
        }
        Ok(size)
    }
}

/// How many sealed segments are kept open.
const OPEN_SEGMENTS_MAX: usize = 64;

/// What the writer and all readers of a journal share.
#[derive(Debug)]
pub(super) struct Shared {
    files: Arc<dyn Files>,
    layout: Layout,
    log: EntryDigest,
    /// Written by the writer alone, after a sync.
    size: AtomicU64,
    /// In order of their first index. Written by the writer alone, and never while it waits for the disk.
    segments: RwLock<Vec<Segment>>,
    /// Sealed segments that were read last, the newest first.
    opened: Mutex<VecDeque<Arc<SegmentFile>>>,
    /// What is erased. Written by the writer alone, before it erases anything, so that nobody takes zeros for damage.
    redactions: RwLock<Redactions>,
}

/// A segment as readers see it.
#[derive(Debug)]
pub(super) enum Segment {
    /// Its table is on disk.
    Sealed(Footer),
    /// The last one; its table is here.
    Open { file: Arc<SegmentFile>, locations: Vec<Location> },
}

/// Where an entry is.
struct Place {
    segment: Arc<SegmentFile>,
    location: Location,
}

impl Place {
    fn record(&self, entry: &Entry) -> Result<Vec<u8>, Broken> {
        self.segment.record(u64::from(self.location.record), entry)
    }

    /// Returns the attachments, and where the first one is.
    fn attachments(&self, entry: &Entry) -> Result<(u64, Vec<Vec<u8>>), Broken> {
        let (record, (frame, parts)) = (self.record(entry)?, self.parts(entry.index)?);
        let found = self.segment.attachments(frame, &parts, entry, &record)?;
        Ok((frame + parts.attached(), found))
    }

    /// Returns where its frame is, and where its parts are in it.
    fn parts(&self, index: LeafIndex) -> Result<(u64, Parts), Broken> {
        let Self { segment, location } = self;
        let (offset, end) = (u64::from(location.frame), segment.file.length());
        let frame = segment.frame(offset, end.map_err(fault("read the length of", &segment.path))?, index)?;
        let at = usize::try_from(index.get().saturating_sub(frame.head.first.get())).unwrap_or(usize::MAX);
        let parts = frame.parts.get(at).cloned();
        let parts = parts.ok_or_else(|| segment.damage(offset, index, frame.head.position(index)))?;
        Ok((offset, parts))
    }
}

impl Segment {
    fn first(&self) -> LeafIndex {
        match self {
            Self::Sealed(footer) => footer.first,
            Self::Open { file, .. } => file.header.first,
        }
    }
}

impl Shared {
    pub(super) fn new(
        files: Arc<dyn Files>,
        layout: Layout,
        log: EntryDigest,
        size: TreeSize,
        segments: Vec<Segment>,
    ) -> Self {
        let (size, segments) = (AtomicU64::new(size.get()), RwLock::new(segments));
        let (opened, redactions) = (Mutex::default(), RwLock::default());
        Self { files, layout, log, size, segments, opened, redactions }
    }

    /// Learns what is erased from the administrative entries, back from the last entry.
    pub(super) fn learn_redactions(&self) -> Result<(), ReadError> {
        let mut learned = Redactions::default();
        let mut next = match self.size().last_index() {
            Some(last) => {
                let entry = self.entry(last)?.1;
                if entry.administrative { Some(last) } else { entry.admin }
            }
            None => None,
        };
        while let Some(index) = next {
            let (place, entry) = self.entry(index)?;
            learned.add(index, &self.envelope(&place, &entry)?);
            next = entry.admin;
        }
        *self.redactions.write().unwrap_or_else(PoisonError::into_inner) = learned;
        Ok(())
    }

    /// Learns what an administrative entry says that is synced, and is not shown yet.
    pub(super) fn learn(&self, index: LeafIndex, envelope: &[u8]) {
        self.redactions.write().unwrap_or_else(PoisonError::into_inner).add(index, envelope);
    }

    pub(super) fn redactions(&self) -> RwLockReadGuard<'_, Redactions> {
        self.redactions.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn erased_by(&self, redaction: LeafIndex) -> Result<Vec<Erased>, ReadError> {
        let (place, entry) = self.entry(redaction)?;
        let (offset, attachments) = place.attachments(&entry)?;
        let erased = attachments.first().and_then(|bytes| decode_erased(bytes));
        erased.ok_or_else(|| {
            let bytes = attachments.first().map_or(&[][..], Vec::as_slice);
            let kind = DamageKind::start("what a redaction erases", bytes);
            Broken::from(place.segment.damage(offset, redaction, kind)).into()
        })
    }

    /// Erases what an entry holds. When this returns, it is gone from the disk.
    pub(super) fn erase(&self, index: LeafIndex, by: LeafIndex) -> Result<(), ReadError> {
        let (place, entry) = self.entry(index)?;
        if self.redactions().of(&entry) != Some(by) {
            let kind = DamageKind::start("an entry that the redaction erases", &[]);
            return Err(Broken::from(place.segment.damage(0, index, kind)).into());
        }
        let (frame, parts) = place.parts(index)?;
        let files = self.files.as_ref();
        if erase::is_erased(files, &self.layout, &place.segment, frame, &parts, &entry)? {
            return Ok(());
        }
        let path = &place.segment.path;
        let writable = files.open_writable(path).map_err(|error| Broken::from(fault("open", path)(error)))?;
        let file = (place.segment.as_ref(), writable.as_ref());
        Ok(erase::erase(files, &self.layout, file, frame, &parts, &entry)?)
    }

    fn entry(&self, index: LeafIndex) -> Result<(Place, Entry), ReadError> {
        let place = self.place(index)?;
        let (_, entry) = place.segment.entry(&place.location, index)?;
        Ok((place, entry))
    }

    /// What is erased is not read; what is erased while it is read is no damage.
    fn unless_redacted<T>(
        &self,
        entry: &Entry,
        read: impl FnOnce() -> Result<T, Broken>,
    ) -> Result<T, ReadError> {
        let redacted =
            || self.redactions().of(entry).map(|by| ReadError::Redacted { index: entry.index, by });
        match redacted() {
            Some(error) => Err(error),
            None => read().map_err(|broken| match (broken, redacted()) {
                (Broken::Damage(_), Some(error)) => error,
                (broken, _) => broken.into(),
            }),
        }
    }

    pub(super) fn size(&self) -> TreeSize {
        // Only sizes are stored, so none is ever out of range.
        TreeSize::new(self.size.load(Ordering::Acquire)).unwrap_or(TreeSize::ZERO)
    }

    /// Shows entries that are synced.
    pub(super) fn publish(&self, new: impl Iterator<Item = Location>, size: TreeSize) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(Segment::Open { locations, .. }) = segments.last_mut() {
            locations.extend(new);
        }
        drop(segments);
        self.size.store(size.get(), Ordering::Release);
    }

    /// Puts a sealed segment in the place of the open one, and a new open one behind it.
    pub(super) fn roll(&self, sealed: Footer, next: Arc<SegmentFile>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        segments.pop();
        segments.push(Segment::Sealed(sealed));
        segments.push(Segment::Open { file: next, locations: Vec::new() });
    }

    /// Calls `with` with the locations of the open segment.
    pub(super) fn open_locations<T>(&self, with: impl FnOnce(&[Location]) -> T) -> T {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        match segments.last() {
            Some(Segment::Open { locations, .. }) => with(locations),
            Some(Segment::Sealed(_)) | None => with(&[]),
        }
    }

    fn place(&self, index: LeafIndex) -> Result<Place, ReadError> {
        let size = self.size();
        let beyond = ReadError::Beyond { index, size };
        if !size.contains(index) {
            return Err(beyond);
        }
        let footer = {
            let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
            let behind = segments.partition_point(|segment| segment.first() <= index);
            match behind.checked_sub(1).and_then(|last| segments.get(last)) {
                Some(Segment::Sealed(footer)) => footer.clone(),
                Some(Segment::Open { file, locations }) => {
                    let row = index.get().saturating_sub(file.header.first.get());
                    let location = usize::try_from(row).ok().and_then(|row| locations.get(row)).copied();
                    let segment = Arc::clone(file);
                    return location.map(|location| Place { segment, location }).ok_or(beyond);
                }
                None => return Err(beyond),
            }
        };
        let segment = self.sealed(&footer)?;
        let location = segment.location(&footer, index)?;
        Ok(Place { segment, location })
    }

    /// Returns a sealed segment's file, from those that are open already if it is among them.
    fn sealed(&self, footer: &Footer) -> Result<Arc<SegmentFile>, ReadError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().position(|file| file.header.first == footer.first);
        if let Some(file) = known.and_then(|at| opened.remove(at)) {
            opened.push_front(Arc::clone(&file));
            return Ok(file);
        }
        drop(opened);
        let file = SegmentFile::open(self.files.as_ref(), &self.layout, footer.first, Some(self.log))?;
        let file = Arc::new(file);
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push_front(Arc::clone(&file));
        opened.truncate(OPEN_SEGMENTS_MAX);
        Ok(file)
    }

    fn envelope(&self, place: &Place, entry: &Entry) -> Result<Vec<u8>, Broken> {
        if place.location.envelope == 0 {
            blobs::read(self.files.as_ref(), &self.layout, &entry.envelope, entry.index)
        } else {
            place.segment.inline_envelope(u64::from(place.location.envelope), entry)
        }
    }
}

impl ReadError {
    /// The same as a failed operation, for work that goes on only once it succeeds.
    pub(super) fn into_fault(self) -> JournalFault {
        match self {
            Self::Io { path, source } => fault("read", &path)(source),
            Self::Damaged(damage) => {
                let path = damage.file.clone();
                fault("read", &path)(io::Error::new(io::ErrorKind::InvalidData, damage))
            }
            error @ (Self::Beyond { .. } | Self::Redacted { .. }) => {
                fault("read", Path::new("the log"))(io::Error::new(io::ErrorKind::InvalidData, error))
            }
        }
    }
}

impl From<Broken> for ReadError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Damage(damage) => Self::Damaged(damage),
            Broken::Fault(fault) => Self::Io { path: fault.path, source: fault.source },
        }
    }
}
