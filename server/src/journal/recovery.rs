//! Opening a journal: what is there is checked, a torn last write is cut, and only then there is a writer.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_log::{Entry, EntryDigest, LeafIndex, RootHash, TreeSize};

use super::chain::Chain;
use super::directory::DirectoryError;
use super::fields::wide;
use super::files::{Files, fault, remove_unfinished};
use super::layout::{self, Layout};
use super::lock::Lock;
use super::reader::{Segment, Shared};
use super::restored::Restored;
use super::scan::{Broken, SegmentFile};
use super::segment::HEADER_LEN;
use super::slots::{self, Slots};
use super::tail;
use super::writer::{JournalFault, SegmentJournal, Tail};
use super::{Damage, DamageKind, Journal, KeptCheckpoint, OpenOptions, ReadError, Reader};

/// An open journal.
#[derive(Debug)]
pub struct Opened {
    /// The one writer.
    pub journal: Box<dyn Journal>,
    /// Digest of entry 0: which log this is.
    pub log: EntryDigest,
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
    #[error("{} does not exist", dir.display())]
    Missing {
        /// The data directory.
        dir: PathBuf,
    },
    /// Nothing is in the directory: perhaps the volume is not mounted.
    #[error("{} is empty", dir.display())]
    Empty {
        /// The data directory.
        dir: PathBuf,
    },
    /// Something is in the directory, but no journal.
    #[error("{} holds no log (found {found:?})", dir.display())]
    Foreign {
        /// The data directory.
        dir: PathBuf,
        /// One name that is there.
        found: String,
    },
    /// The directory cannot be worked in.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A segment is gone.
    #[error("{} is missing: {kind}", segment.display(), kind = damage.kind)]
    MissingSegment {
        /// The data directory.
        dir: PathBuf,
        /// The file that should be there.
        segment: PathBuf,
        /// What is known about the gap.
        damage: Box<Damage>,
    },
    /// The log was restored from a backup, and nobody has shown yet that the backup holds all that was recorded.
    #[error("{} was restored from a backup, and may be older than what was recorded: it is read-only", dir.display())]
    Restored {
        /// The data directory.
        dir: PathBuf,
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
    #[error("{damage}; remove the file that does not belong here")]
    OtherLog {
        /// The data directory.
        dir: PathBuf,
        /// Which file, and the two logs.
        damage: Box<Damage>,
    },
    /// Something that was on disk is no longer what was written.
    #[error("the journal is damaged: {damage}")]
    Damaged {
        /// The data directory.
        dir: PathBuf,
        /// What and where.
        damage: Box<Damage>,
    },
}

/// Opens the journal in `dir`, the data directory of a log that [`super::create`] made. Cuts a torn last
/// write, copies the open segment to a new file and syncs it, and takes the lock, which is held until the
/// journal is dropped.
pub fn open(dir: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    check_dir(options.files.as_ref(), dir)?;
    if Restored::of(dir, options.files.as_ref())?.is_some() {
        return Err(OpenError::Restored { dir: dir.to_owned() });
    }
    open_restored(dir, options)
}

/// Opens a journal whether or not it is restored: to bring it forward, or to see what it holds. Whoever calls this must
/// not write what no checkpoint is known for.
pub fn open_restored(dir: &Path, options: &OpenOptions) -> Result<Opened, OpenError> {
    let options = options.bounded();
    let layout = Layout::of(dir);
    check_dir(options.files.as_ref(), dir)?;
    let lock = Lock::take(options.files.as_ref(), dir)?;
    recover(layout, options, lock).map_err(|broken| OpenError::of(dir, broken))
}

/// A directory that holds no journal is told apart from one whose journal is broken.
pub(super) fn check_dir(files: &dyn Files, dir: &Path) -> Result<(), OpenError> {
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
pub(super) struct Known {
    pub(super) chain: Chain,
    pub(super) size: TreeSize,
    pub(super) root: RootHash,
    segments: Vec<Segment>,
}

impl Known {
    /// Before the first segment.
    pub(super) fn start() -> Self {
        let (size, root) = (TreeSize::ZERO, RootHash::empty());
        Self { chain: Chain::start(), size, root, segments: Vec::new() }
    }

    /// The sealed segments that were passed.
    pub(super) fn into_segments(self) -> Vec<Segment> {
        self.segments
    }
}

fn recover(layout: Layout, options: OpenOptions, lock: Lock) -> Result<Opened, Broken> {
    let files = Arc::clone(&options.files);
    // What made or repaired these names may have failed before it synced them, and they would go with the power.
    for dir in [&layout.dir, layout.root()] {
        files.sync_dir(dir).map_err(fault("sync", dir))?;
    }
    let firsts = segment_names(files.as_ref(), &layout)?;
    remove_unfinished(files.as_ref(), &layout.segments())?;
    remove_unfinished(files.as_ref(), &layout.blobs())?;
    let (last, sealed) =
        firsts.split_last().map_or((LeafIndex::ZERO, [].as_slice()), |(last, rest)| (*last, rest));
    let log = SegmentFile::open(files.as_ref(), &layout, LeafIndex::ZERO, None)?.header.log;
    let both = slots::read(files.as_ref(), &layout, Some(log))?;
    let slot = slots::newest(&both, &layout)?;

    let mut known = Known::start();
    for first in sealed {
        let segment = SegmentFile::open(files.as_ref(), &layout, *first, Some(log))?;
        pass_sealed(&mut known, &segment)?;
    }
    let tail = SegmentFile::open(files.as_ref(), &layout, last, Some(log))?;
    let scanned = tail::scan(&mut known, &tail, &tail::Promise::of(&slot, &tail)?, files.as_ref(), &layout)?;
    let copy = Arc::new(tail::copy(files.as_ref(), &tail, scanned.end)?);
    let cut = (scanned.cut > 0).then(|| Cut {
        segment: tail.path.clone(),
        offset: scanned.end,
        bytes: scanned.cut,
    });
    let checkpoint = slot.checkpoint.clone();
    let slots = Slots::open(files.as_ref(), &layout, &both, slot)?;

    let Known { chain, size, root, mut segments } = known;
    segments.push(Segment::Open { file: Arc::clone(&copy), locations: scanned.locations });
    let shared = Arc::new(Shared::new(files, layout.clone(), log, size, segments));
    let reader = Reader::new(Arc::clone(&shared));
    let (bytes, last_entry) = last_of(&reader, size, &copy)?;
    shared.learn_redactions().map_err(broken)?;
    let tail = Tail::without_room(copy, scanned.end);
    let erased = BTreeSet::new();
    let journal = SegmentJournal { tail, chain, root, slots, shared, layout, options, erased, _lock: lock };
    Ok(Opened {
        journal: Box::new(journal),
        log,
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

/// Checks a sealed segment at its borders: it starts where the one before ends, and its first entry follows
/// the last one.
pub(super) fn pass_sealed(known: &mut Known, segment: &SegmentFile) -> Result<(), Broken> {
    check_start(known, segment)?;
    let footer = segment.footer()?;
    let location = segment.location(&footer, footer.first)?;
    let (bytes, entry) = segment.entry(&location, footer.first)?;
    let envelope = Some(u64::from(location.envelope)).filter(|at| *at != 0);
    let repairs = known.chain.needs_repair(&entry) && segment.repairs_clock(envelope, &entry)?;
    // One entry, whatever its frame holds: how many share it is asked by the full scan.
    known
        .chain
        .follow(&entry, &bytes, 1, repairs)
        .map_err(|kind| segment.damage(u64::from(location.entry), footer.first, kind))?;
    let last = footer.size.last_index().unwrap_or(footer.first);
    let location = segment.location(&footer, last)?;
    let (bytes, entry) = segment.entry(&location, last)?;
    known.chain = Chain::after(&entry, &bytes);
    (known.size, known.root) = (footer.size, footer.root);
    known.segments.push(Segment::Sealed(footer));
    Ok(())
}

pub(super) fn check_start(known: &Known, segment: &SegmentFile) -> Result<(), Box<Damage>> {
    let (expected, found) = (known.chain.next(), segment.header.first);
    if expected == found {
        Ok(())
    } else {
        let file = segment.path.with_file_name(layout::segment_file(expected));
        Err(Box::new(Damage { file, offset: 0, entry: expected, kind: DamageKind::Gap { expected, found } }))
    }
}

fn last_of(reader: &Reader, size: TreeSize, tail: &SegmentFile) -> Result<(Vec<u8>, Entry), Broken> {
    let last = size.last_index().unwrap_or(LeafIndex::ZERO);
    let bytes = reader.entry(last).map_err(broken)?;
    let entry = Entry::decode(&bytes).map_err(|error| tail.damage(0, last, DamageKind::Entry(error)))?;
    Ok((bytes, entry))
}

/// Why the log cannot be read while it is opened.
pub(super) fn broken(error: ReadError) -> Broken {
    match error {
        ReadError::Damaged(damage) => Broken::Damage(damage),
        error => Broken::Fault(error.into_fault()),
    }
}

impl OpenError {
    pub(super) fn of(dir: &Path, broken: Broken) -> Self {
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

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            // No directory is known here, and the damage names its file.
            ReadError::Damaged(damage) => Self::Damaged { dir: PathBuf::new(), damage },
            error => error.into_fault().into(),
        }
    }
}

impl From<JournalFault> for OpenError {
    fn from(fault: JournalFault) -> Self {
        Self::Directory(fault.into())
    }
}
