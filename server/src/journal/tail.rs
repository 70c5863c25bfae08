//! The open segment on open: read in whole, cut where a write was torn, copied.

use std::sync::Arc;

use custody_log::{Entry, LeafIndex, RootHash, TreeSize};

use super::blobs;
use super::damage::{Damage, DamageKind};
use super::fields::{narrow, wide};
use super::files::{File, Files, fault, make_whole};
use super::layout::Layout;
use super::recovery::{Known, check_start};
use super::redactions::Redactions;
use super::scan::{Broken, Scanned, SegmentFile};
use super::segment::{HEADER_LEN, Location};
use super::slots::Slot;

/// How much is copied at a time.
const COPY_CHUNK: usize = 1 << 20;

/// What must be there: more was promised to nobody.
pub(super) struct Promise {
    size: TreeSize,
    what: &'static str,
    /// The newest checkpoint's size and root.
    checkpoint: Option<(TreeSize, RootHash)>,
}

impl Promise {
    pub(super) fn of(slot: &Slot, tail: &SegmentFile) -> Result<Self, Broken> {
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
pub(super) struct ScannedTail {
    pub(super) locations: Vec<Location>,
    /// Where the good frames end.
    pub(super) end: u64,
    /// Bytes behind them that were a torn write.
    pub(super) cut: u64,
}

/// Reads all frames of the last segment, blobs included, and decides what a part that is not whole means.
pub(super) fn scan(
    known: &mut Known,
    tail: &SegmentFile,
    promise: &Promise,
    files: &dyn Files,
    layout: &Layout,
) -> Result<ScannedTail, Broken> {
    check_start(known, tail)?;
    let mut scanned = ScannedTail { locations: Vec::new(), end: wide(HEADER_LEN), cut: 0 };
    check_checkpoint(known, promise, tail, scanned.end)?;
    let mut blobs = Blobs { files, layout, tail, redactions: None };
    while scanned.end < tail.len {
        if tail.ends_at(scanned.end, tail.len)? {
            // The seal of a shutdown that did not end, perhaps not whole: it says nothing that the frames do
            // not. Or room for frames that never came.
            break;
        }
        match tail_frame(known, &mut blobs, scanned.end) {
            Ok(frame) => {
                check_files(&frame, known.size >= promise.size, &mut blobs)?;
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

/// What is kept beside entries: as it was written, or erased.
struct Blobs<'a> {
    files: &'a dyn Files,
    layout: &'a Layout,
    tail: &'a SegmentFile,
    /// Read once something is not as it was written. What erases an entry of the open segment stands behind it, so it is in the
    /// open segment too.
    redactions: Option<Redactions>,
}

impl Blobs<'_> {
    /// Passes damage on, unless the entry is redacted.
    fn checked(&mut self, entry: &Entry, result: Result<(), Broken>) -> Result<(), Broken> {
        let Err(broken @ Broken::Damage(_)) = result else { return result };
        let redactions = match self.redactions.take() {
            Some(redactions) => redactions,
            None => Redactions::in_segment(self.files, self.layout, self.tail)?,
        };
        let redacted = redactions.of(entry).is_some();
        self.redactions = Some(redactions);
        if redacted { Ok(()) } else { Err(broken) }
    }
}

/// Reads the next frame, with all that one write put on disk. The chain steps over it only if it is whole.
fn tail_frame(known: &mut Known, blobs: &mut Blobs<'_>, offset: u64) -> Result<Scanned, Torn> {
    let tail = blobs.tail;
    let frame = tail.frame(offset, tail.len, known.chain.next())?;
    let mut chain = known.chain.clone();
    if frame.head.first != chain.next() {
        let kind = frame.head.position(chain.next());
        return Err(Torn::Never(tail.damage(offset, chain.next(), kind).into()));
    }
    for (parts, bytes) in frame.entries() {
        // The checksum holds, so these entries were written like this: whatever is wrong with them, they are
        // not torn.
        let index = chain.next();
        let never = |kind| Torn::Never(tail.damage(offset + parts.entry, index, kind).into());
        let entry = Entry::decode(bytes).map_err(DamageKind::Entry).map_err(never)?;
        let repairs =
            chain.needs_repair(&entry) && tail.repairs_clock(parts.envelope.map(|at| offset + at), &entry)?;
        chain.follow(&entry, bytes, frame.head.count, repairs).map_err(never)?;
        let result = tail.check_blobs(offset, parts, &entry, &Redactions::default());
        blobs.checked(&entry, result)?;
    }
    known.chain = chain;
    Ok(frame)
}

/// Checks the large envelopes of a frame that no kept checkpoint covers yet: they were synced before it, so
/// they are never torn.
fn check_files(frame: &Scanned, beyond: bool, blobs: &mut Blobs<'_>) -> Result<(), Broken> {
    let large = frame.entries().filter(|(parts, _)| beyond && parts.envelope.is_none());
    for (_, bytes) in large {
        if let Ok(entry) = Entry::decode(bytes) {
            let result = blobs::check(blobs.files, blobs.layout, &entry.envelope, entry.index);
            blobs.checked(&entry, result)?;
        }
    }
    Ok(())
}

/// Compares the kept checkpoint with the frame that ends at its size.
fn check_checkpoint(
    known: &Known,
    promise: &Promise,
    tail: &SegmentFile,
    offset: u64,
) -> Result<(), Box<Damage>> {
    match promise.checkpoint {
        Some((size, found)) if size == known.size && found != known.root => {
            let entry = size.last_index().unwrap_or(LeafIndex::ZERO);
            let kind = DamageKind::Root { what: "the kept checkpoint", size, expected: known.root, found };
            Err(Box::new(tail.damage(offset, entry, kind)))
        }
        Some(_) | None => Ok(()),
    }
}

/// Copies the good part of the open segment to a new file of its name. After a failed sync the page cache may
/// hold, as clean, bytes that never reached the disk; the copy is written and synced whatever the cache
/// believes.
pub(super) fn copy(files: &dyn Files, tail: &SegmentFile, end: u64) -> Result<SegmentFile, Broken> {
    let write = |to: &dyn File| {
        let mut offset = 0;
        while offset < end {
            let mut chunk = vec![0; narrow(end - offset).min(COPY_CHUNK)];
            tail.file.read_exact_at(&mut chunk, offset).map_err(fault("read", &tail.path))?;
            to.write_all_at(&chunk, offset).map_err(fault("write", &tail.path))?;
            offset += wide(chunk.len());
        }
        Ok(())
    };
    let file = Arc::from(make_whole(files, &tail.path, write)?);
    Ok(SegmentFile { path: tail.path.clone(), file, len: end, header: tail.header.clone() })
}
