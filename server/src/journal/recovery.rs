//! Opening a journal: what is there is checked, a torn last write is cut, and only then there is a writer.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_log::{Entry, EntryDigest, LeafIndex, RootHash, TreeSize};

use super::chain::Chain;
use super::fields::{narrow, wide};
use super::files::{File, Files, fault, make_whole, remove_unfinished};
use super::layout::{self, Layout};
use super::lock::{Lock, LockError};
use super::reader::{Segment, Shared};
use super::scan::{Broken, Scanned, SegmentFile};
use super::segment::{HEADER_LEN, Location};
use super::slots::{self, Slot, Slots};
use super::writer::{JournalFault, SegmentJournal, Tail};
use super::{Damage, DamageKind, Journal, KeptCheckpoint, OpenOptions, ReadError, Reader, blobs};

/// How much of the open segment is copied at a time.
const COPY_CHUNK: usize = 1 << 20;

/// An open journal.
#[derive(Debug)]
pub struct Opened {
    /// The one writer.
    pub journal: Box<dyn Journal>,
    /// Reads what is durable.
    pub reader: Reader,
    /// How many entries are durable; at least 1.
    pub size: TreeSize,
    /// The root that the last frame names for that size.
    pub root: RootHash,
    /// The last entry.
    pub last_entry: Entry,
    /// Digest of the last entry's exact bytes: the next entry's `previous`.
    pub last_digest: EntryDigest,
    /// The newest checkpoint that was kept; none if there never was one. Its size is at most `size`.
    pub checkpoint: Option<KeptCheckpoint>,
    /// A torn write that was cut, to be logged.
    pub cut: Option<Cut>,
}

/// The bytes of a write that did not end, which nobody was promised anything about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment file.
    pub segment: PathBuf,
    /// Where the cut was made.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
}

/// Why a journal does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not there.
    #[error("{} does not exist; make a log with custodyd init, or mount the volume", dir.display())]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// Nothing is in the directory: perhaps the volume is not mounted.
    #[error("{} is empty; make a log with custodyd init, or mount the volume", dir.display())]
    Empty {
        /// The data directory.
        dir: PathBuf,
    },
    /// Something is in the directory, but no journal.
    #[error("{} holds no log (found {found:?}); name the data directory of a log", dir.display())]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// One name that is there.
        found: String,
    },
    /// Another process works in the directory.
    #[error("{} is in use by another server; stop that one first", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The disk is mounted read-only, or the directory may not be written.
    #[error("{} cannot be written: {source}", path.display())]
    ReadOnly {
        /// What could not be written.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A segment is gone.
    #[error(
        "{} is missing: {kind}; restore it from a backup, then run custodyd fsck --data {}",
        segment.display(), dir.display(), kind = damage.kind
    )]
    MissingSegment {
        /// The data directory.
        dir: PathBuf,
        /// The file that should be there.
        segment: PathBuf,
        /// What is known about the gap.
        damage: Box<Damage>,
    },
    /// A segment, frame or slot of a newer version of this program.
    #[error("{} has version {found}, this program reads up to {supported}; use a newer custodyd", path.display())]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// The newest version that is read.
        supported: u16,
    },
    /// A segment or slot of another log.
    #[error("{damage}; remove the file that does not belong here, then run custodyd fsck --data {}", dir.display())]
    OtherLog {
        /// The data directory.
        dir: PathBuf,
        /// Which file, and the two logs.
        damage: Box<Damage>,
    },
    /// Something that was on disk is no longer what was written.
    #[error("the journal is damaged: {damage}; run custodyd fsck --data {}", dir.display())]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What and where.
        damage: Box<Damage>,
    },
    /// The disk failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Opens the journal in `dir`, the data directory of a log that [`super::create`] made. Cuts a torn last write,
/// copies the open segment to a new file and syncs it, and takes the lock, which is held until the journal is dropped.
pub fn open(dir: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    let options = options.bounded();
    let layout = Layout::of(dir);
    check_dir(options.files.as_ref(), dir)?;
    let lock = Lock::take(&layout).map_err(|error| match error {
        LockError::Held => OpenError::Locked { dir: dir.to_owned() },
        LockError::Fault(fault) => fault.into(),
    })?;
    recover(layout, options, lock).map_err(|broken| OpenError::of(dir, broken))
}

/// A directory that holds no journal is told apart from one whose journal is broken.
fn check_dir(files: &dyn Files, dir: &Path) -> Result<(), OpenError> {
    let names = match files.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(OpenError::Missing { dir: dir.to_owned() });
        }
        result => result.map_err(fault("list", dir))?,
    };
    if names.iter().any(|name| name == layout::JOURNAL) {
        return Ok(());
    }
    // A lock or a journal that was never finished is what a failed `custodyd init` leaves.
    let empty = [layout::LOCK, layout::JOURNAL_NEW, "lost+found"];
    match names.into_iter().filter(|name| !empty.contains(&name.as_str())).min() {
        Some(found) => Err(OpenError::Foreign { dir: dir.to_owned(), found }),
        None => Err(OpenError::Empty { dir: dir.to_owned() }),
    }
}

/// What is known about the log up to the segment that is looked at.
struct Progress {
    chain: Chain,
    size: TreeSize,
    root: RootHash,
    segments: Vec<Segment>,
}

fn recover(layout: Layout, options: OpenOptions, lock: Lock) -> Result<Opened, Broken> {
    let files = Arc::clone(&options.files);
    let firsts = segment_names(files.as_ref(), &layout)?;
    remove_unfinished(files.as_ref(), &layout.segments())?;
    remove_unfinished(files.as_ref(), &layout.blobs())?;
    let (last, sealed) =
        firsts.split_last().map_or((LeafIndex::ZERO, [].as_slice()), |(last, rest)| (*last, rest));
    let log = SegmentFile::open(files.as_ref(), &layout, LeafIndex::ZERO, None)?.header.log;
    let both = slots::read(files.as_ref(), &layout, Some(log))?;
    let slot = slots::newest(&both, &layout)?;

    let mut known = Progress {
        chain: Chain::start(),
        size: TreeSize::ZERO,
        root: RootHash::empty(),
        segments: Vec::new(),
    };
    for first in sealed {
        let segment = SegmentFile::open(files.as_ref(), &layout, *first, Some(log))?;
        pass_sealed(&mut known, &segment)?;
    }
    let tail = SegmentFile::open(files.as_ref(), &layout, last, Some(log))?;
    let scanned = scan_tail(&mut known, &tail, &Promise::of(&slot, &tail)?, files.as_ref(), &layout)?;
    let copy = Arc::new(copy_tail(files.as_ref(), &tail, scanned.end)?);
    let cut = (scanned.cut > 0).then(|| Cut {
        segment: tail.path.clone(),
        offset: scanned.end,
        bytes: scanned.cut,
    });
    let checkpoint = slot.checkpoint.clone();
    let slots = Slots::open(files.as_ref(), &layout, &both, slot)?;

    let Progress { chain, size, root, mut segments } = known;
    segments.push(Segment::Open { file: Arc::clone(&copy), locations: scanned.locations });
    let shared = Arc::new(Shared::new(files, layout.clone(), log, size, segments));
    let reader = Reader::new(Arc::clone(&shared));
    let (bytes, last_entry) = last_of(&reader, size, &copy)?;
    let tail = Tail { segment: copy, len: scanned.end };
    let journal = SegmentJournal { tail, chain, root, slots, shared, layout, options, _lock: lock };
    Ok(Opened {
        journal: Box::new(journal),
        reader,
        size,
        root,
        last_entry,
        last_digest: EntryDigest::of(&bytes),
        checkpoint,
        cut,
    })
}

/// Returns the first indexes of all segments, in order. The first is 0, or entries are missing.
fn segment_names(files: &dyn Files, layout: &Layout) -> Result<Vec<LeafIndex>, Broken> {
    let dir = layout.segments();
    let names = files.list(&dir).map_err(fault("list", &dir))?;
    let mut firsts: Vec<LeafIndex> = names.iter().filter_map(|name| layout::segment_name(name)).collect();
    firsts.sort_unstable();
    match firsts.first() {
        Some(&LeafIndex::ZERO) => Ok(firsts),
        found => Err(gap(layout, LeafIndex::ZERO, found.copied()).into()),
    }
}

fn gap(layout: &Layout, expected: LeafIndex, found: Option<LeafIndex>) -> Damage {
    let kind = match found {
        Some(found) => DamageKind::Gap { expected, found },
        None => DamageKind::Truncated { expected: wide(HEADER_LEN), found: 0 },
    };
    Damage { file: layout.segment(expected), offset: 0, entry: expected, kind }
}

/// Checks a sealed segment at its borders: it starts where the one before ends, and its first entry follows the last one.
fn pass_sealed(known: &mut Progress, segment: &SegmentFile) -> Result<(), Broken> {
    check_start(known, segment)?;
    let footer = segment.footer()?;
    let location = segment.location(&footer, footer.first)?;
    let (bytes, _) = segment.entry(&location, footer.first)?;
    // One entry, whatever its frame holds: how many share it is asked by the full scan.
    known
        .chain
        .follow(&bytes, 1)
        .map_err(|kind| segment.damage(u64::from(location.entry), footer.first, kind))?;
    let last = footer.size.last_index().unwrap_or(footer.first);
    let location = segment.location(&footer, last)?;
    let (bytes, entry) = segment.entry(&location, last)?;
    known.chain = Chain::after(&entry, &bytes);
    (known.size, known.root) = (footer.size, footer.root);
    known.segments.push(Segment::Sealed(footer));
    Ok(())
}

fn check_start(known: &Progress, segment: &SegmentFile) -> Result<(), Damage> {
    let (expected, found) = (known.chain.next(), segment.header.first);
    if expected == found {
        Ok(())
    } else {
        let file = segment.path.with_file_name(layout::segment_file(expected));
        Err(Damage { file, offset: 0, entry: expected, kind: DamageKind::Gap { expected, found } })
    }
}

/// What must be there: more was promised to nobody.
struct Promise {
    size: TreeSize,
    what: &'static str,
    /// The newest checkpoint's size and root.
    checkpoint: Option<(TreeSize, RootHash)>,
}

impl Promise {
    fn of(slot: &Slot, tail: &SegmentFile) -> Result<Self, Broken> {
        let checkpoint = slot.checkpoint.as_ref().map(|kept| (kept.size, kept.root));
        // A log has entry 0 before it has a checkpoint.
        let size = slot.size().max(LeafIndex::ZERO.size_through());
        let promise = Self { size, what: "the kept checkpoint", checkpoint };
        // A footer on the last segment was written when all its frames were synced.
        match tail.footer() {
            Ok(footer) if footer.size > size => Ok(Self { size: footer.size, what: "the footer", ..promise }),
            Ok(_) | Err(Broken::Damage(_)) => Ok(promise),
            Err(fault @ Broken::Fault(_)) => Err(fault),
        }
    }
}

/// What the open segment holds.
struct ScannedTail {
    locations: Vec<Location>,
    /// Where the good frames end.
    end: u64,
    /// Bytes behind them that were a torn write.
    cut: u64,
}

/// Reads all frames of the last segment, blobs included, and decides what a part that is not whole means.
fn scan_tail(
    known: &mut Progress,
    tail: &SegmentFile,
    promise: &Promise,
    files: &dyn Files,
    layout: &Layout,
) -> Result<ScannedTail, Broken> {
    check_start(known, tail)?;
    let mut scanned = ScannedTail { locations: Vec::new(), end: wide(HEADER_LEN), cut: 0 };
    check_checkpoint(known, promise, tail, scanned.end)?;
    while scanned.end < tail.len {
        if tail.is_table(scanned.end, tail.len)? {
            // The seal of a shutdown that did not end, perhaps not whole: it says nothing that the frames do not.
            break;
        }
        match tail_frame(known, tail, scanned.end) {
            Ok(frame) => {
                check_files(&frame, known.size >= promise.size, files, layout)?;
                scanned.locations.extend(frame.locations());
                scanned.end = frame.end();
                (known.size, known.root) = (frame.head.size, frame.head.root);
                check_checkpoint(known, promise, tail, frame.offset)?;
            }
            Err(Torn::Perhaps(damage)) => {
                if let Some(next) = tail.find(scanned.end + 1, tail.len)? {
                    let kind = DamageKind::FrameBehind { next };
                    return Err(Damage { kind, ..*damage }.into());
                }
                if known.size < promise.size {
                    return Err(damage.as_ref().clone().into());
                }
                scanned.cut = tail.len - scanned.end;
                break;
            }
            Err(Torn::Never(broken)) => return Err(broken),
        }
    }
    if known.size < promise.size {
        let kind = DamageKind::Shorter { what: promise.what, expected: promise.size, found: known.size };
        return Err(tail.damage(scanned.end, known.size.next_index(), kind).into());
    }
    Ok(scanned)
}

/// Why the next frame cannot be had.
enum Torn {
    /// As a write that did not end leaves it.
    Perhaps(Box<Damage>),
    /// No torn write looks like this.
    Never(Broken),
}

impl From<Broken> for Torn {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Damage(damage) => Self::Perhaps(damage),
            Broken::Fault(_) => Self::Never(broken),
        }
    }
}

/// Reads the next frame, with all that one write put on disk. The chain steps over it only if it is whole.
fn tail_frame(known: &mut Progress, tail: &SegmentFile, offset: u64) -> Result<Scanned, Torn> {
    let frame = tail.frame(offset, tail.len, known.chain.next())?;
    let mut chain = known.chain.clone();
    if frame.head.first != chain.next() {
        let kind = frame.head.position(chain.next());
        return Err(Torn::Never(tail.damage(offset, chain.next(), kind).into()));
    }
    for (parts, bytes) in frame.entries() {
        // The checksum holds, so these entries were written like this: whatever is wrong with them, they are not torn.
        let index = chain.next();
        let entry = chain
            .follow(bytes, frame.head.count)
            .map_err(|kind| Torn::Never(tail.damage(offset + parts.entry, index, kind).into()))?;
        tail.check_blobs(offset, parts, &entry)?;
    }
    known.chain = chain;
    Ok(frame)
}

/// Checks the large envelopes of a frame that no kept checkpoint covers yet: they were synced before it, so they are never torn.
fn check_files(frame: &Scanned, beyond: bool, files: &dyn Files, layout: &Layout) -> Result<(), Broken> {
    let large = frame.entries().filter(|(parts, _)| beyond && parts.envelope.is_none());
    for (_, bytes) in large {
        if let Ok(entry) = Entry::decode(bytes) {
            blobs::check(files, layout, &entry.envelope, entry.index)?;
        }
    }
    Ok(())
}

/// Compares the kept checkpoint with the frame that ends at its size.
fn check_checkpoint(
    known: &Progress,
    promise: &Promise,
    tail: &SegmentFile,
    offset: u64,
) -> Result<(), Damage> {
    match promise.checkpoint {
        Some((size, found)) if size == known.size && found != known.root => {
            let entry = size.last_index().unwrap_or(LeafIndex::ZERO);
            let kind = DamageKind::Root { what: "the kept checkpoint", size, expected: known.root, found };
            Err(tail.damage(offset, entry, kind))
        }
        Some(_) | None => Ok(()),
    }
}

/// Copies the good part of the open segment to a new file of its name. After a failed sync the page cache may hold, as clean, bytes
/// that never reached the disk; the copy is written and synced whatever the cache believes.
fn copy_tail(files: &dyn Files, tail: &SegmentFile, end: u64) -> Result<SegmentFile, Broken> {
    let copy = |to: &dyn File| {
        let mut offset = 0;
        while offset < end {
            let mut chunk = vec![0; narrow(end - offset).min(COPY_CHUNK)];
            tail.file.read_exact_at(&mut chunk, offset).map_err(fault("read", &tail.path))?;
            to.write_all_at(&chunk, offset).map_err(fault("write", &tail.path))?;
            offset += wide(chunk.len());
        }
        Ok(())
    };
    let file = Arc::from(make_whole(files, &tail.path, copy)?);
    Ok(SegmentFile { path: tail.path.clone(), file, len: end, header: tail.header.clone() })
}

fn last_of(reader: &Reader, size: TreeSize, tail: &SegmentFile) -> Result<(Vec<u8>, Entry), Broken> {
    let last = size.last_index().unwrap_or(LeafIndex::ZERO);
    let bytes = reader.entry(last).map_err(|error| match error {
        ReadError::Damaged(damage) => Broken::Damage(damage),
        ReadError::Io { path, source } => Broken::Fault(fault("read", &path)(source)),
        ReadError::Beyond { .. } => {
            let kind = DamageKind::Shorter { what: "the log itself", expected: size, found: TreeSize::ZERO };
            tail.damage(0, last, kind).into()
        }
    })?;
    let entry = Entry::decode(&bytes).map_err(|error| tail.damage(0, last, DamageKind::Entry(error)))?;
    Ok((bytes, entry))
}

impl OpenError {
    fn of(dir: &Path, broken: Broken) -> Self {
        let dir = dir.to_owned();
        let damage = match broken {
            Broken::Damage(damage) => damage,
            Broken::Fault(fault) => return fault.into(),
        };
        match damage.kind {
            DamageKind::Gap { .. } => Self::MissingSegment { dir, segment: damage.file.clone(), damage },
            DamageKind::OtherLog { .. } => Self::OtherLog { dir, damage },
            DamageKind::Version { found, supported, .. } => {
                Self::NewerVersion { path: damage.file, found, supported }
            }
            _ => Self::Damaged { dir, damage },
        }
    }
}

impl From<JournalFault> for OpenError {
    fn from(fault: JournalFault) -> Self {
        let JournalFault { doing, path, source } = fault;
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, source }
            }
            _ => Self::Io { doing, path, source },
        }
    }
}
