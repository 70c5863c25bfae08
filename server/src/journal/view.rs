//! Reading a log that someone else may be writing: nothing is locked, nothing is changed, and nothing is believed
//! beyond the newest checkpoint that was kept.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_log::{EntryDigest, LeafIndex, RootHash, TreeSize};

use super::damage::{Damage, DamageKind};
use super::directory::DirectoryError;
use super::fields::wide;
use super::files::{Files, fault};
use super::layout::{self, Layout};
use super::lock::Lock;
use super::manifest::{Manifest, ManifestError};
use super::reader::{Segment, Shared};
use super::recovery::{Known, OpenError, broken, check_dir, pass_sealed};
use super::redactions::Redactions;
use super::scan::{Broken, SegmentFile};
use super::segment::HEADER_LEN;
use super::slots;
use super::writer::JournalFault;
use super::{KeptCheckpoint, Reader};

/// How often the slots are read again when neither is valid: a server may be writing one of them.
const SLOT_READS: usize = 3;

/// The part of a log that its newest kept checkpoint covers. Later entries may be on disk; they are not shown.
#[derive(Debug)]
pub struct View {
    /// Reads the entries that the checkpoint covers.
    pub reader: Reader,
    /// The newest kept checkpoint. Its signature is not checked here.
    pub checkpoint: KeptCheckpoint,
    /// Digest of entry 0: which log this is.
    pub log: EntryDigest,
    pub(super) layout: Layout,
    /// The segments that hold these entries, in order.
    pub(super) segments: Vec<Covered>,
    /// What is erased of them.
    pub(super) redactions: Redactions,
}

/// One segment of a view.
#[derive(Debug, Clone)]
pub(super) struct Covered {
    pub(super) first: LeafIndex,
    /// The size at which its covered entries end.
    pub(super) size: TreeSize,
    /// How many bytes hold them: the whole file if it is sealed.
    pub(super) length: u64,
    pub(super) sealed: bool,
}

/// Why a log cannot be viewed.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// It is not there, or not whole.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No checkpoint was kept yet: `custodyd init` made the log, and no server has served it.
    #[error("the log in {} has no checkpoint yet: serve it once with custodyd run", dir.display())]
    NoCheckpoint {
        /// The data directory.
        dir: PathBuf,
    },
    /// The list of a backup's files cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl From<JournalFault> for ViewError {
    fn from(fault: JournalFault) -> Self {
        Self::Open(fault.into())
    }
}

impl From<DirectoryError> for ViewError {
    fn from(error: DirectoryError) -> Self {
        Self::Open(error.into())
    }
}

impl View {
    /// Opens the log in a data directory, or a backup of one.
    pub fn open(dir: &Path, files: &Arc<dyn Files>) -> Result<Self, ViewError> {
        let (layout, checkpoint, log) = newest_kept(dir, files.as_ref())?;
        let open = |broken| ViewError::Open(OpenError::of(dir, broken));
        Self::of(files, layout, checkpoint, log).map_err(open)
    }

    /// Returns how many entries there are.
    #[must_use]
    pub const fn size(&self) -> TreeSize {
        self.checkpoint.size
    }

    /// Returns the root at that size.
    #[must_use]
    pub const fn root(&self) -> RootHash {
        self.checkpoint.root
    }

    fn of(
        files: &Arc<dyn Files>,
        layout: Layout,
        checkpoint: KeptCheckpoint,
        log: EntryDigest,
    ) -> Result<Self, Broken> {
        let size = checkpoint.size;
        let mut firsts = segment_names(files.as_ref(), &layout)?;
        firsts.retain(|first| size.contains(*first));
        let Some((last, sealed)) = firsts.split_last() else {
            let kind = DamageKind::Truncated { expected: wide(HEADER_LEN), found: 0 };
            let file = layout.segment(LeafIndex::ZERO);
            return Err(Damage { file, offset: 0, entry: LeafIndex::ZERO, kind }.into());
        };
        let mut known = Known::start();
        let mut segments = Vec::new();
        for first in sealed {
            let file = SegmentFile::open(files.as_ref(), &layout, *first, Some(log))?;
            pass_sealed(&mut known, &file)?;
            segments.push(Covered { first: *first, size: known.size, length: file.len, sealed: true });
        }
        let file = SegmentFile::open(files.as_ref(), &layout, *last, Some(log))?;
        super::recovery::check_start(&known, &file)?;
        let (covered, locations) = covered_part(&file, &checkpoint)?;
        segments.push(covered);
        let mut shown = known.into_segments();
        shown.push(Segment::Open { file: Arc::new(file), locations });
        let shared = Shared::new(Arc::clone(files), layout.clone(), log, size, shown);
        shared.learn_redactions().map_err(broken)?;
        let redactions = shared.redactions().clone();
        Ok(Self { reader: Reader::new(Arc::new(shared)), checkpoint, log, layout, segments, redactions })
    }
}

/// Finds the entries of the last segment that the checkpoint covers.
fn covered_part(
    file: &SegmentFile,
    checkpoint: &KeptCheckpoint,
) -> Result<(Covered, Vec<super::segment::Location>), Broken> {
    let first = file.header.first;
    let (mut end, mut size, mut locations) = (wide(HEADER_LEN), first, Vec::new());
    while checkpoint.size.contains(size) {
        let frame = file.frame(end, file.len, size)?;
        if frame.head.first != size {
            return Err(file.damage(end, size, frame.head.position(size)).into());
        }
        if frame.head.size == checkpoint.size && frame.head.root != checkpoint.root {
            let (expected, found) = (frame.head.root, checkpoint.root);
            let kind = DamageKind::Root { what: "the checkpoint", size: checkpoint.size, expected, found };
            return Err(file.damage(end, size, kind).into());
        }
        locations.extend(frame.locations());
        (end, size) = (frame.end(), frame.head.size.next_index());
    }
    // A checkpoint that was brought from elsewhere may end inside a frame.
    let held = TreeSize::new(size.get()).unwrap_or(checkpoint.size);
    let shown = checkpoint.size.get().saturating_sub(first.get());
    locations.truncate(super::fields::narrow(shown));
    let sealed = match file.footer() {
        Ok(footer) => footer.size == held,
        Err(Broken::Damage(_)) => false,
        Err(fault @ Broken::Fault(_)) => return Err(fault),
    };
    let length = if sealed { file.len } else { end };
    Ok((Covered { first, size: held, length, sealed }, locations))
}

/// Returns the newest kept checkpoint of a data directory or a backup.
fn newest_kept(dir: &Path, files: &dyn Files) -> Result<(Layout, KeptCheckpoint, EntryDigest), ViewError> {
    if let Some(manifest) = Manifest::of(dir, files)? {
        let checkpoint = manifest.kept()?;
        return Ok((Layout::of_backup(dir), checkpoint, manifest.log()?));
    }
    check_dir(files, dir)?;
    let layout = Layout::of(dir);
    let open = |broken| ViewError::Open(OpenError::of(dir, broken));
    let log = SegmentFile::open(files, &layout, LeafIndex::ZERO, None).map_err(open)?.header.log;
    let mut attempt = 1;
    let slot = loop {
        let both = slots::read(files, &layout, Some(log)).map_err(open)?;
        match slots::newest(&both, &layout) {
            Ok(slot) => break slot,
            Err(_) if attempt < SLOT_READS => attempt += 1,
            Err(damage) => return Err(open(damage.into())),
        }
    };
    let checkpoint = slot.checkpoint.ok_or_else(|| ViewError::NoCheckpoint { dir: dir.to_owned() })?;
    Ok((layout, checkpoint, log))
}

/// Returns the first indexes of all segments, in order.
pub(super) fn segment_names(files: &dyn Files, layout: &Layout) -> Result<Vec<LeafIndex>, JournalFault> {
    let dir = layout.segments();
    let names = match files.list(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        result => result.map_err(fault("list", &dir))?,
    };
    let mut firsts: Vec<LeafIndex> = names.iter().filter_map(|name| layout::segment_name(name)).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// A log that is served without being written, with the lock that keeps writers away.
#[derive(Debug)]
pub struct ReadOnly {
    /// What is served.
    pub view: View,
    _lock: Lock,
}

/// Opens the log in a data directory for reading only: what the newest kept checkpoint covers, nothing else. No other
/// server works in the directory while the result is held.
pub fn open_read_only(dir: &Path, files: &Arc<dyn Files>) -> Result<ReadOnly, ViewError> {
    check_dir(files.as_ref(), dir)?;
    let lock = Lock::take(files.as_ref(), dir)?;
    Ok(ReadOnly { view: View::open(dir, files)?, _lock: lock })
}
