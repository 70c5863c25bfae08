//! `custodyd fsck --repair`: computes again what can be computed, and takes what cannot from a good copy, if it has the
//! digest that the entry or the chain demands.
//!
//! Nothing is overwritten: a repaired segment is written whole beside the damaged one, synced, checked from its first
//! byte to its last, and then renamed. The damaged one is kept under a name that says so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use custody_log::{Entry, EntryDigest, LeafIndex, TreeSize};

use super::KeptCheckpoint;
use super::blobs;
use super::check::Scanner;
use super::copying::{apart, remove_if_there};
use super::damage::{Damage, DamageKind};
use super::directory::DirectoryError;
use super::erase;
use super::fields::{narrow, wide};
use super::files::{File, Files, fault, make_whole, remove_unfinished};
use super::frame::Parts;
use super::fsck::{FsckReport, Progress};
use super::layout::{self, Layout};
use super::lock::Lock;
use super::mend::{Copy, mend};
use super::recovery::{OpenError, check_dir};
use super::redactions::Redactions;
use super::scan::{Broken, SegmentFile};
use super::slots;
use super::verify::{Verifier, large};
use super::view::{View, ViewError, segment_names};
use super::writer::JournalFault;

/// One thing that was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The file.
    pub file: PathBuf,
    /// What it was made of: `from what is beside it`, `with a good copy`, `by erasing what a redaction names`.
    pub how: &'static str,
    /// Where the damaged one is kept; none if there was none.
    pub kept: Option<PathBuf>,
}

/// What a repair did, and what is left.
#[derive(Debug)]
pub struct RepairReport {
    /// What was repaired, in the order of the log.
    pub repaired: Vec<Repaired>,
    /// The full check afterwards: its findings could not be repaired.
    pub after: FsckReport,
}

/// Why a repair could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The directory cannot be worked in, or holds no log.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The good copy cannot be read.
    #[error("the copy to repair from: {0}")]
    Source(#[source] ViewError),
    /// The good copy is of another log.
    #[error("the copy to repair from is of the log with entry 0 {found}, this is the log with {expected}")]
    OtherLog {
        /// This log.
        expected: EntryDigest,
        /// The log of the copy.
        found: EntryDigest,
    },
    /// The good copy is what is to be repaired.
    #[error("{} is, or is in, the directory to repair: name another copy with --from", from.display())]
    NotApart {
        /// The copy.
        from: PathBuf,
    },
}

impl From<JournalFault> for RepairError {
    fn from(fault: JournalFault) -> Self {
        Self::Open(fault.into())
    }
}

impl From<DirectoryError> for RepairError {
    fn from(error: DirectoryError) -> Self {
        Self::Open(error.into())
    }
}

/// Repairs the journal in `dir` as far as that can be, with what `from` holds: another data directory or a backup of
/// the same log.
pub fn repair(
    dir: &Path,
    from: Option<&Path>,
    files: &Arc<dyn Files>,
    progress: &mut dyn FnMut(Progress),
) -> Result<RepairReport, RepairError> {
    check_dir(files.as_ref(), dir)?;
    if let Some(from) = from.filter(|from| !apart(from, dir)) {
        return Err(RepairError::NotApart { from: from.to_owned() });
    }
    let _lock = Lock::take(files.as_ref(), dir)?;
    let view = from.map(|from| View::open(from, files)).transpose().map_err(RepairError::Source)?;
    let mut work = Work::new(files.as_ref(), Layout::of(dir), view)?;
    work.slots()?;
    work.segments()?;
    work.erase_again()?;
    let repaired = work.repaired;
    let after = Scanner::new(files.as_ref(), Layout::of(dir), progress).run()?;
    Ok(RepairReport { repaired, after })
}

/// Whether what is damaged can be computed again; otherwise a good copy is needed.
#[must_use]
pub fn is_computed(damage: &Damage) -> bool {
    match &damage.kind {
        DamageKind::NotSealed | DamageKind::Row | DamageKind::NotErased { .. } => true,
        DamageKind::Checksum { what, .. } => *what != "the frame",
        DamageKind::Start { expected, .. } => {
            !matches!(*expected, "a frame" | "a frame with possible numbers")
        }
        DamageKind::Truncated { .. } => damage.file.extension().is_none(),
        DamageKind::Root { what, .. } => *what == "the footer",
        _ => false,
    }
}

struct Work<'a> {
    files: &'a dyn Files,
    layout: Layout,
    log: EntryDigest,
    copy: Copy,
    /// What is erased, or to be erased.
    redactions: Redactions,
    repaired: Vec<Repaired>,
    /// The newest kept checkpoint: what must not be cut.
    promised: Option<KeptCheckpoint>,
}

const COMPUTED: &str = "from what is beside it";
const COPIED: &str = "with a good copy";
const ERASED: &str = "by erasing what a redaction names";

impl<'a> Work<'a> {
    fn new(files: &'a dyn Files, layout: Layout, view: Option<View>) -> Result<Self, RepairError> {
        // Left by a repair that failed.
        for dir in [layout.root().to_owned(), layout.segments(), layout.blobs()] {
            remove_unfinished(files, &dir)?;
        }
        let firsts = segment_names(files, &layout)?;
        let headers = firsts.iter().filter_map(|first| SegmentFile::open(files, &layout, *first, None).ok());
        let mut logs = headers.map(|file| file.header.log);
        let slot = slots::read(files, &layout, None)
            .ok()
            .into_iter()
            .flatten()
            .flatten()
            .map(|slot| slot.log)
            .next();
        let found = view.as_ref().map(|view| view.log);
        let log = logs.next().or(slot).or(found).unwrap_or(EntryDigest::from_bytes([0; EntryDigest::LEN]));
        if let Some(found) = found.filter(|found| *found != log) {
            return Err(RepairError::OtherLog { expected: log, found });
        }
        let mut redactions = Redactions::gather(files, &layout)?;
        // The log may have lost one, and gets it back from the copy.
        redactions.extend(&view.as_ref().map(|view| view.redactions.clone()).unwrap_or_default());
        let copy = Copy { view };
        Ok(Self { files, layout, log, copy, redactions, repaired: Vec::new(), promised: None })
    }

    /// Writes a slot that is not valid again, from the one that is, or from the copy's checkpoint.
    fn slots(&mut self) -> Result<(), RepairError> {
        let both = match slots::read(self.files, &self.layout, Some(self.log)) {
            Ok(both) => both,
            // What was promised is not known then: nothing may be cut.
            Err(broken) => return Err(OpenError::of(self.layout.root(), broken).into()),
        };
        let (good, how) = match slots::newest(&both, &self.layout) {
            Ok(slot) => (slot, COMPUTED),
            Err(damage) => match &self.copy.view {
                Some(view) => (slots::Slot::holding(self.log, view.checkpoint.clone()), COPIED),
                None => return Err(OpenError::of(self.layout.root(), Broken::Damage(damage)).into()),
            },
        };
        self.promised.clone_from(&good.checkpoint);
        for (path, slot) in self.layout.slots().into_iter().zip(&both) {
            if slot.is_err() {
                let kept = self.keep(&path)?;
                let bytes = good.encode();
                make_whole(self.files, &path, |file| {
                    file.write_all_at(&bytes, 0).map_err(fault("write", &path))
                })?;
                self.repaired.push(Repaired { file: path, how, kept });
            }
        }
        Ok(())
    }

    /// Goes through the segments in order. Behind one whose entries are lost nothing can be compared, so it ends there.
    fn segments(&mut self) -> Result<(), RepairError> {
        let mut verifier = Verifier::start(self.redactions.clone());
        loop {
            let first = verifier.size().next_index();
            let later: Vec<LeafIndex> =
                segment_names(self.files, &self.layout)?.into_iter().filter(|name| *name > first).collect();
            let here = self.files.open(&self.layout.segment(first)).is_ok();
            if !here && later.is_empty() && first.get() >= self.promised_size() && first != LeafIndex::ZERO {
                return Ok(());
            }
            let behind = later.first().copied();
            if !self.is_sound(&mut verifier, first, behind)? {
                match self.segment(&verifier, first, behind)? {
                    Some(after) => verifier = after,
                    None => return Ok(()),
                }
            }
            // An open segment without entries is the end.
            if verifier.size().next_index() == first {
                return Ok(());
            }
        }
    }

    fn promised_size(&self) -> u64 {
        self.promised.as_ref().map_or(0, |kept| kept.size.get())
    }

    /// Whether a segment passes the full check, and its large envelopes too. Steps over it if it does.
    fn is_sound(
        &mut self,
        verifier: &mut Verifier,
        first: LeafIndex,
        behind: Option<LeafIndex>,
    ) -> Result<bool, RepairError> {
        let file = match SegmentFile::open(self.files, &self.layout, first, Some(self.log)) {
            Ok(file) => file,
            Err(Broken::Damage(_)) => return Ok(false),
            Err(Broken::Fault(fault)) if fault.is_missing() => return Ok(false),
            Err(Broken::Fault(fault)) => return Err(fault.into()),
        };
        let mut passed = verifier.clone();
        let mut large_ones = Vec::new();
        let until = match (behind, file.footer()) {
            (Some(behind), _) => TreeSize::new(behind.get()).ok(),
            (None, Ok(footer)) => Some(footer.size),
            // The open one: up to its end.
            (None, Err(_)) => None,
        };
        let result = passed.segment_to_end(&file, until, &mut |frame| {
            large_ones.extend(large(frame, &self.redactions));
        });
        let sound = match result {
            Ok(parts) if behind.is_some() || file.footer().is_ok() => passed.seal(&file, &parts).is_ok(),
            // The seal of a shutdown that did not end says nothing that the frames do not, and neither does room for more.
            // One that ends before what was promised lacks entries, which the copy may have.
            Ok(parts) => {
                let whole = parts.end == file.len || file.ends_at(parts.end, file.len)?;
                whole && passed.size().get() >= self.promised_size()
            }
            Err(Broken::Damage(_)) => false,
            Err(Broken::Fault(fault)) => return Err(fault.into()),
        };
        if !sound {
            return Ok(false);
        }
        for entry in large_ones {
            self.large(&entry)?;
        }
        *verifier = passed;
        Ok(true)
    }

    /// Erases what redactions order and what came back, or was never erased.
    fn erase_again(&mut self) -> Result<(), RepairError> {
        for first in segment_names(self.files, &self.layout)? {
            match SegmentFile::open(self.files, &self.layout, first, Some(self.log)) {
                Ok(file) => self.erase_segment(&file)?,
                Err(Broken::Damage(_)) => {}
                Err(Broken::Fault(fault)) => return Err(fault.into()),
            }
        }
        Ok(())
    }

    fn erase_segment(&mut self, file: &SegmentFile) -> Result<(), RepairError> {
        let (mut offset, mut next) = (wide(super::segment::HEADER_LEN), file.header.first);
        while offset < file.len && !file.ends_at(offset, file.len)? {
            // Behind what is still broken nothing is touched.
            let frame = match file.frame(offset, file.len, next) {
                Ok(frame) => frame,
                Err(Broken::Damage(_)) => return Ok(()),
                Err(Broken::Fault(fault)) => return Err(fault.into()),
            };
            for (parts, bytes) in frame.entries() {
                let entry = Entry::decode(bytes).ok();
                if let Some(entry) = entry.filter(|entry| self.redactions.of(entry).is_some()) {
                    self.erase_one(file, frame.offset, parts, &entry)?;
                }
            }
            (offset, next) = (frame.end(), frame.head.size.next_index());
        }
        Ok(())
    }

    fn erase_one(
        &mut self,
        file: &SegmentFile,
        frame: u64,
        parts: &Parts,
        entry: &Entry,
    ) -> Result<(), RepairError> {
        let erase = || {
            if erase::is_erased(self.files, &self.layout, file, frame, parts, entry)? {
                return Ok(false);
            }
            let writable = self.files.open_writable(&file.path).map_err(fault("open", &file.path))?;
            erase::erase(self.files, &self.layout, (file, writable.as_ref()), frame, parts, entry)?;
            Ok(true)
        };
        match erase() {
            Ok(false) | Err(Broken::Damage(_)) => Ok(()),
            Ok(true) => {
                self.repaired.push(Repaired { file: file.path.clone(), how: ERASED, kept: None });
                Ok(())
            }
            Err(Broken::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Repairs the file of a large envelope, if the copy has it.
    fn large(&mut self, entry: &Entry) -> Result<(), RepairError> {
        match blobs::check(self.files, &self.layout, &entry.envelope, entry.index) {
            Ok(()) => return Ok(()),
            Err(Broken::Damage(_)) => {}
            Err(Broken::Fault(fault)) => return Err(fault.into()),
        }
        let Some(bytes) = self.copy.envelope(entry) else { return Ok(()) };
        let path = self.layout.blob(&entry.envelope.digest);
        let kept = self.keep(&path)?;
        blobs::store(self.files, &self.layout, &entry.envelope.digest, &bytes)?;
        self.repaired.push(Repaired { file: path, how: COPIED, kept });
        Ok(())
    }

    /// Writes a segment again. Returns where the check stands behind it; none if its entries are lost.
    fn segment(
        &mut self,
        before: &Verifier,
        first: LeafIndex,
        behind: Option<LeafIndex>,
    ) -> Result<Option<Verifier>, RepairError> {
        let next = behind.and_then(|behind| SegmentFile::open(self.files, &self.layout, behind, None).ok());
        let previous = behind.and_then(|behind| {
            let own = next.as_ref().and_then(first_entry);
            own.or_else(|| self.copy.entry(behind).and_then(|bytes| Entry::decode(&bytes).ok()))
        });
        let found = SegmentFile::open_anyhow(self.files, &self.layout, first, self.log)?;
        let ends = super::mend::Ends {
            first,
            behind,
            previous: previous.and_then(|entry| entry.previous),
            promised: self.promised.clone(),
        };
        let Some(mended) =
            mend(self.files, &self.layout, found.as_ref(), self.log, before, &ends, &self.copy)?
        else {
            return Ok(None);
        };
        for entry in &mended.large {
            self.large(entry)?;
        }
        let path = self.layout.segment(first);
        if !mended.changed {
            return Ok(Some(mended.after));
        }
        let unfinished = layout::unfinished(&path);
        remove_if_there(self.files, &unfinished)?;
        let file = self.files.create(&unfinished).map_err(fault("create", &unfinished))?;
        file.write_all_at(&mended.bytes, 0).map_err(fault("write", &unfinished))?;
        file.sync().map_err(fault("sync", &unfinished))?;
        let how = if mended.copied { COPIED } else { COMPUTED };
        let Some(after) = self.check_new(&unfinished, first, before, &mended, behind.is_some())? else {
            remove_if_there(self.files, &unfinished)?;
            return Ok(None);
        };
        let kept = self.keep(&path)?;
        self.files.rename(&unfinished, &path).map_err(fault("rename", &unfinished))?;
        let dir = self.layout.segments();
        self.files.sync_dir(&dir).map_err(fault("sync", &dir))?;
        self.repaired.push(Repaired { file: path, how, kept });
        Ok(Some(after))
    }

    /// Reads the new segment as written, in whole. What could not be had is allowed to be as damaged as before.
    fn check_new(
        &self,
        path: &Path,
        first: LeafIndex,
        before: &Verifier,
        mended: &super::mend::Mended,
        sealed: bool,
    ) -> Result<Option<Verifier>, RepairError> {
        if mended.missing {
            return Ok(Some(mended.after.clone()));
        }
        let mut after = before.clone();
        let mut check = || {
            let file = SegmentFile::open_at(self.files, path, first, Some(self.log))?;
            let passed = after.segment_to_end(&file, Some(mended.after.size()), &mut |_| ())?;
            if sealed { after.seal(&file, &passed) } else { Ok(()) }
        };
        match check() {
            Ok(()) => Ok(Some(after)),
            Err(Broken::Damage(_)) => Ok(None),
            Err(Broken::Fault(fault)) => Err(fault.into()),
        }
    }

    /// Copies a damaged file to a name that says so; none if there is no file.
    fn keep(&self, path: &Path) -> Result<Option<PathBuf>, RepairError> {
        let from = match self.files.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // It may be there all the same, and would be replaced.
            result => result.map_err(fault("open", path))?,
        };
        let length = from.length().map_err(fault("read the length of", path))?;
        let dir = path.parent().unwrap_or(path);
        let names = self.files.list(dir).map_err(fault("list", dir))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let free = |number: &u32| !names.contains(&format!("{name}.damaged-{number}"));
        let number = (1..=u32::MAX).find(free).unwrap_or(u32::MAX);
        let kept = dir.join(format!("{name}.damaged-{number}"));
        let write = |to: &dyn File| {
            let mut offset = 0;
            while offset < length {
                let mut chunk = vec![0; narrow((length - offset).min(1 << 20))];
                from.read_exact_at(&mut chunk, offset).map_err(fault("read", path))?;
                to.write_all_at(&chunk, offset).map_err(fault("write", &kept))?;
                offset += wide(chunk.len());
            }
            Ok(())
        };
        // In the folder of a large envelope, what a repair that failed has left.
        remove_if_there(self.files, &layout::unfinished(&kept))?;
        make_whole(self.files, &kept, write)?;
        Ok(Some(kept))
    }
}

/// The first entry of a segment, if its first frame is whole.
fn first_entry(file: &SegmentFile) -> Option<Entry> {
    let frame = file.frame(wide(super::segment::HEADER_LEN), file.len, file.header.first).ok()?;
    frame.entries().next().and_then(|(_, bytes)| Entry::decode(bytes).ok())
}
