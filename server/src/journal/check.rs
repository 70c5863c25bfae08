//! The full scan behind `custodyd fsck`: goes on after damage, and names each broken part once.

use custody_log::tree::Frontier;
use custody_log::{Entry, EntryDigest, LeafIndex, NodeHash, RootHash, TreeSize};

use super::blobs;
use super::chain::Chain;
use super::damage::{Damage, DamageKind};
use super::erase;
use super::fields::wide;
use super::files::{Files, fault};
use super::frame::Parts;
use super::fsck::{FsckReport, Progress, UnfinishedTail};
use super::layout::{self, Layout};
use super::pinpoint::pinpoint;
use super::redactions::Redactions;
use super::scan::{Broken, Scanned, SegmentFile};
use super::segment::{Footer, HEADER_LEN, Location};
use super::slots::{self, Slot};
use super::verify::large;
use super::writer::JournalFault;

/// How often a slot is read again that is not valid: a server may be writing it.
const SLOT_READS: usize = 3;

/// What is known of the log so far, and what was found.
pub(super) struct Scanner<'a> {
    files: &'a dyn Files,
    layout: Layout,
    progress: &'a mut dyn FnMut(Progress),
    bytes_total: u64,
    /// None behind a broken part: the next entry is taken as it is.
    chain: Option<Chain>,
    /// None once a leaf is lost: no later root can be computed.
    frontier: Option<Frontier>,
    next: LeafIndex,
    /// The newest kept checkpoint.
    slot: Option<Slot>,
    /// What is to be erased, wherever in the log that stands.
    redactions: Redactions,
    report: FsckReport,
}

/// One segment while it is scanned.
struct Segment {
    file: SegmentFile,
    footer: Option<Footer>,
    last: bool,
    /// Where the frames end.
    end: u64,
    locations: Vec<Location>,
}

impl Segment {
    /// Whether a server may be writing it.
    const fn is_open(&self) -> bool {
        self.last && self.footer.is_none()
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(files: &'a dyn Files, layout: Layout, progress: &'a mut dyn FnMut(Progress)) -> Self {
        let report = FsckReport {
            entries: 0,
            bytes: 0,
            segments: 0,
            sound: (TreeSize::ZERO, RootHash::empty()),
            findings: Vec::new(),
            unfinished: None,
        };
        let (chain, frontier) = (Some(Chain::start()), Some(Frontier::empty()));
        Self {
            files,
            layout,
            progress,
            bytes_total: 0,
            chain,
            frontier,
            next: LeafIndex::ZERO,
            slot: None,
            redactions: Redactions::default(),
            report,
        }
    }

    /// Scans everything. Slots come before segments: a checkpoint that is kept covers what is on disk
    /// already.
    pub(super) fn run(mut self) -> Result<FsckReport, JournalFault> {
        let zero = SegmentFile::open(self.files, &self.layout, LeafIndex::ZERO, None);
        let log = zero.ok().map(|segment| segment.header.log);
        self.read_slots(log)?;
        self.scan(log)
    }

    /// Scans a backup, which has this checkpoint in the place of slots.
    pub(super) fn run_backup(mut self, slot: Slot) -> Result<FsckReport, JournalFault> {
        let log = Some(slot.log);
        self.slot = Some(slot);
        self.scan(log)
    }

    fn scan(mut self, log: Option<EntryDigest>) -> Result<FsckReport, JournalFault> {
        self.redactions = Redactions::gather(self.files, &self.layout)?;
        let dir = self.layout.segments();
        let names = self.files.list(&dir).map_err(fault("list", &dir))?;
        let mut firsts: Vec<LeafIndex> = names.iter().filter_map(|name| layout::segment_name(name)).collect();
        firsts.sort_unstable();
        for first in &firsts {
            let path = self.layout.segment(*first);
            let file = self.files.open(&path).map_err(fault("open", &path))?;
            self.bytes_total += file.length().map_err(fault("read the length of", &path))?;
        }
        let behind = firsts.iter().skip(1).copied().map(Some).chain([None]);
        for (first, behind) in firsts.iter().zip(behind) {
            self.scan_segment(*first, behind, log)?;
            if let (None, Some(behind)) = (&self.chain, behind) {
                // What was lost at the end of this segment is named already.
                self.next = behind;
            }
        }
        self.check_promise();
        Ok(self.report)
    }

    fn read_slots(&mut self, log: Option<EntryDigest>) -> Result<(), JournalFault> {
        for attempt in 1..=SLOT_READS {
            let both = match slots::read(self.files, &self.layout, log) {
                Ok(both) => both,
                Err(broken) => return self.found(broken),
            };
            let broken: Vec<Damage> = both.iter().filter_map(|slot| slot.as_ref().err()).cloned().collect();
            if broken.is_empty() || attempt == SLOT_READS {
                self.report.findings.extend(broken);
                self.slot = both.into_iter().flatten().max_by_key(|slot| slot.sequence);
                break;
            }
        }
        Ok(())
    }

    /// Keeps a finding; a failing disk ends the scan.
    fn found(&mut self, broken: Broken) -> Result<(), JournalFault> {
        match broken {
            Broken::Damage(damage) => {
                self.report.findings.push(*damage);
                Ok(())
            }
            Broken::Fault(fault) => Err(fault),
        }
    }

    /// The size that a kept checkpoint promises; entry 0 is there before the first checkpoint.
    fn promised(&self) -> TreeSize {
        self.slot.as_ref().map_or(TreeSize::ZERO, Slot::size).max(LeafIndex::ZERO.size_through())
    }

    fn scan_segment(
        &mut self,
        first: LeafIndex,
        behind: Option<LeafIndex>,
        log: Option<EntryDigest>,
    ) -> Result<(), JournalFault> {
        let last = behind.is_none();
        self.report.segments += 1;
        if first != self.next {
            let kind = DamageKind::Gap { expected: self.next, found: first };
            let file = self.layout.segment(self.next);
            self.report.findings.push(Damage { file, offset: 0, entry: self.next, kind });
            self.lost();
            self.next = first;
        }
        let file = match SegmentFile::open(self.files, &self.layout, first, log) {
            Ok(file) => file,
            Err(broken) => {
                self.lost();
                return self.found(broken);
            }
        };
        let footer = match file.footer() {
            Ok(footer) => Some(footer),
            Err(Broken::Damage(_)) if last => None,
            Err(broken) => {
                self.found(broken)?;
                None
            }
        };
        let end = footer.as_ref().map_or(file.len, |footer| footer.table);
        let mut segment = Segment { file, footer, last, end, locations: Vec::new() };
        self.scan_frames(&mut segment)?;
        self.check_seal(&segment)?;
        self.report.bytes += segment.file.len.saturating_sub(segment.end);
        self.tell();
        Ok(())
    }

    fn scan_frames(&mut self, segment: &mut Segment) -> Result<(), JournalFault> {
        let mut offset = wide(HEADER_LEN);
        self.report.bytes += offset;
        while offset < segment.end {
            if segment.footer.is_none() && segment.file.ends_at(offset, segment.end)? {
                // A seal that did not end says nothing that the frames do not, and neither does room for more of them.
                segment.end = offset;
                break;
            }
            let behind = match segment.file.frame(offset, segment.end, self.next) {
                Ok(frame) => self.whole_frame(segment, &frame)?,
                Err(Broken::Damage(damage)) => self.broken_frame(segment, offset, *damage)?,
                Err(Broken::Fault(fault)) => return Err(fault),
            };
            let read = behind.unwrap_or(segment.end);
            self.report.bytes += read.saturating_sub(offset);
            offset = read;
            self.tell();
        }
        Ok(())
    }

    fn tell(&mut self) {
        let FsckReport { bytes, entries, .. } = self.report;
        (self.progress)(Progress { bytes, bytes_total: self.bytes_total, entries });
    }

    /// Checks a frame whose checksum holds. Returns where the next one starts, none if this was a write that
    /// did not end.
    fn whole_frame(&mut self, segment: &mut Segment, frame: &Scanned) -> Result<Option<u64>, JournalFault> {
        let clean = self.report.findings.len();
        let mut blobs = self.frame_blobs(&segment.file, frame, None)?;
        if let Some(damage) = blobs.first() {
            if self.is_unfinished(segment, frame.offset)? {
                self.unfinished(segment, frame.offset, damage.clone());
                return Ok(None);
            }
            if segment.is_open() {
                // It was being written when it was read: what is behind it came later, so it is whole by now.
                blobs = self.frame_blobs(&segment.file, frame, None)?;
            }
        }
        self.report.findings.extend(blobs);
        if frame.head.first != self.next {
            let kind = frame.head.position(self.next);
            self.report.findings.push(segment.file.damage(frame.offset, self.next, kind));
            self.lost();
        }
        for (index, (parts, bytes)) in (frame.head.first.get()..).zip(frame.entries()) {
            let index = LeafIndex::new(index).unwrap_or(frame.head.first);
            let offset = frame.offset + parts.entry;
            let envelope = parts.envelope.map(|at| frame.offset + at);
            self.follow(segment, frame.head.count, index, (offset, envelope), bytes)?;
        }
        self.after_frame(segment, frame);
        self.check_root(segment, frame);
        self.check_large(frame)?;
        if let (true, Some(frontier)) = (clean == self.report.findings.len(), &self.frontier)
            && self.report.findings.is_empty()
        {
            self.report.sound = (frame.head.size, frontier.root());
        }
        Ok(Some(frame.end()))
    }

    fn follow(
        &mut self,
        segment: &Segment,
        batch: usize,
        index: LeafIndex,
        (offset, envelope): (u64, Option<u64>),
        bytes: &[u8],
    ) -> Result<(), JournalFault> {
        let entry = Entry::decode(bytes).map_err(DamageKind::Entry);
        if let (Ok(entry), Some(chain)) = (&entry, &mut self.chain) {
            let needed = chain.needs_repair(entry);
            let repairs = match needed.then(|| segment.file.repairs_clock(envelope, entry)) {
                None => false,
                Some(Ok(repairs)) => repairs,
                // What is wrong with the envelope is found where it is looked at.
                Some(Err(Broken::Damage(_))) => true,
                Some(Err(Broken::Fault(fault))) => return Err(fault),
            };
            if let Err(kind) = chain.follow(entry, bytes, batch, repairs) {
                self.report.findings.push(segment.file.damage(offset, index, kind));
            }
        }
        // What does not follow is taken as it is.
        self.chain = match entry {
            Ok(entry) => Some(Chain::after(&entry, bytes)),
            Err(kind) => {
                self.report.findings.push(segment.file.damage(offset, index, kind));
                None
            }
        };
        if let (LeafIndex::ZERO, log) = (index, segment.file.header.log)
            && EntryDigest::of(bytes) != log
        {
            let kind = DamageKind::OtherLog { expected: EntryDigest::of(bytes), found: log };
            self.report.findings.push(segment.file.damage(0, index, kind));
        }
        if let Some(frontier) = &mut self.frontier {
            frontier.append(NodeHash::leaf(bytes));
        }
        Ok(())
    }

    fn after_frame(&mut self, segment: &mut Segment, frame: &Scanned) {
        self.report.entries += wide(frame.head.count);
        self.next = frame.head.size.next_index();
        segment.locations.extend(frame.locations());
    }

    /// Compares the frame's root, and the kept checkpoint's if it is of this size, with the root of all
    /// entries so far.
    fn check_root(&mut self, segment: &Segment, frame: &Scanned) {
        let size = frame.head.size;
        let Some(expected) = self.frontier.as_ref().map(Frontier::root) else { return };
        let kept = self.slot.as_ref().and_then(|slot| slot.checkpoint.as_ref());
        let said = [
            ("the frame", Some(frame.head.root)),
            ("the kept checkpoint", kept.filter(|kept| kept.size == size).map(|kept| kept.root)),
        ];
        let last = size.last_index().unwrap_or(LeafIndex::ZERO);
        for (what, found) in said {
            if let Some(found) = found.filter(|found| *found != expected) {
                let kind = DamageKind::Root { what, size, expected, found };
                self.report.findings.push(segment.file.damage(frame.offset, last, kind));
            }
        }
    }

    fn check_large(&mut self, frame: &Scanned) -> Result<(), JournalFault> {
        let large: Vec<Entry> = large(frame, &self.redactions).collect();
        for entry in large {
            if let Err(broken) = blobs::check(self.files, &self.layout, &entry.envelope, entry.index) {
                self.found(broken)?;
            }
        }
        Ok(())
    }

    /// Deals with a frame that is not what was written. Returns where to go on, none if nothing follows.
    fn broken_frame(
        &mut self,
        segment: &mut Segment,
        offset: u64,
        damage: Damage,
    ) -> Result<Option<u64>, JournalFault> {
        if self.is_unfinished(segment, offset)? {
            self.unfinished(segment, offset, damage);
            return Ok(None);
        }
        if segment.is_open()
            && let Ok(frame) = segment.file.frame(offset, segment.end, self.next)
        {
            // The same.
            return self.whole_frame(segment, &frame);
        }
        let readable = match segment.file.frame_despite_checksum(offset, segment.end, self.next) {
            Ok(frame) if frame.head.first == self.next => Some(frame),
            Ok(_) | Err(Broken::Damage(_)) => None,
            Err(Broken::Fault(fault)) => return Err(fault),
        };
        let Some(frame) = readable else {
            self.report.findings.push(damage);
            self.lost();
            let behind = segment.file.find(offset + 1, segment.end)?;
            self.next_at(segment, behind)?;
            return Ok(behind);
        };
        let behind = match segment.file.frame(frame.end(), segment.end, self.next) {
            Ok(behind) => behind.entries().next().and_then(|(_, bytes)| Entry::decode(bytes).ok()),
            Err(Broken::Damage(_)) => None,
            Err(Broken::Fault(fault)) => return Err(fault),
        };
        let damage = match (self.chain.clone(), self.frontier.clone()) {
            (Some(chain), Some(frontier)) => pinpoint(&frame, behind.as_ref(), chain, frontier, damage),
            // Behind other damage nothing is known that the entries could be compared with.
            _ => damage,
        };
        let blobs = self.frame_blobs(&segment.file, &frame, Some(damage.entry))?;
        self.report.findings.push(damage);
        self.report.findings.extend(blobs);
        self.after_frame(segment, &frame);
        self.lost();
        Ok(Some(frame.end()))
    }

    /// Learns from a frame found behind a broken part where the log goes on.
    fn next_at(&mut self, segment: &Segment, offset: Option<u64>) -> Result<(), JournalFault> {
        let Some(offset) = offset else { return Ok(()) };
        match segment.file.frame(offset, segment.end, self.next) {
            Ok(frame) => self.next = frame.head.first,
            Err(Broken::Damage(_)) => {}
            Err(Broken::Fault(fault)) => return Err(fault),
        }
        Ok(())
    }

    /// Whether a part that is not whole may be a write that is going on or did not end: the last one, beyond
    /// all promises.
    fn is_unfinished(&self, segment: &Segment, offset: u64) -> Result<bool, JournalFault> {
        let covered = self.next.get() < self.promised().get();
        if !segment.is_open() || covered {
            return Ok(false);
        }
        Ok(segment.file.find(offset + 1, segment.end)?.is_none())
    }

    fn unfinished(&mut self, segment: &Segment, offset: u64, damage: Damage) {
        let bytes = segment.end.saturating_sub(offset);
        self.report.unfinished =
            Some(UnfinishedTail { segment: segment.file.path.clone(), offset, bytes, damage });
    }

    /// From here on neither chain nor roots can be computed.
    fn lost(&mut self) {
        self.chain = None;
        self.frontier = None;
    }

    /// Compares footer and table with the frames.
    fn check_seal(&mut self, segment: &Segment) -> Result<(), JournalFault> {
        let Some(footer) = &segment.footer else { return Ok(()) };
        let offset = footer.table + footer.table_len();
        let (expected, found) = (footer.size, self.next.get());
        if expected.get() != found {
            let found = TreeSize::new(found).unwrap_or(TreeSize::ZERO);
            let kind = DamageKind::Shorter { what: "the footer", expected, found };
            self.report.findings.push(segment.file.damage(offset, self.next, kind));
            self.lost();
            self.next = footer.size.next_index();
        }
        if let Some(expected) = self.frontier.as_ref().map(Frontier::root).filter(|root| *root != footer.root)
        {
            let kind =
                DamageKind::Root { what: "the footer", size: footer.size, expected, found: footer.root };
            self.report.findings.push(segment.file.damage(offset, footer.first, kind));
        }
        match segment.file.table(footer) {
            Ok(table) => {
                let wrong = table.iter().zip(&segment.locations).position(|(row, location)| row != location);
                if let (Some(row), true) = (wrong, table.len() == segment.locations.len()) {
                    let entry = LeafIndex::new(footer.first.get() + wide(row)).unwrap_or(footer.first);
                    self.report.findings.push(segment.file.damage(
                        footer.row_offset(entry),
                        entry,
                        DamageKind::Row,
                    ));
                }
                Ok(())
            }
            Err(broken) => self.found(broken),
        }
    }

    /// All that a kept checkpoint covers must be there.
    fn check_promise(&mut self) {
        let (expected, found) = (self.promised(), self.next.get());
        // If the end was lost to damage, that is named already.
        if found < expected.get() && self.chain.is_some() {
            let found = TreeSize::new(found).unwrap_or(TreeSize::ZERO);
            let kind = DamageKind::Shorter { what: "the kept checkpoint", expected, found };
            let file = self.layout.segments();
            self.report.findings.push(Damage { file, offset: 0, entry: self.next, kind });
        }
    }

    /// Returns what is wrong with what is kept beside the entries of a frame: it is another, or it is there although it was to be
    /// erased. What a broken entry says of it means nothing.
    fn frame_blobs(
        &self,
        segment: &SegmentFile,
        frame: &Scanned,
        broken_entry: Option<LeafIndex>,
    ) -> Result<Vec<Damage>, JournalFault> {
        let mut broken = Vec::new();
        for (index, (parts, bytes)) in (frame.head.first.get()..).zip(frame.entries()) {
            let Ok(entry) = Entry::decode(bytes) else { continue };
            if broken_entry.map(LeafIndex::get) == Some(index) {
                continue;
            }
            let checked = segment.check_blobs(frame.offset, parts, &entry, &self.redactions);
            let checked = checked.and_then(|()| match self.redactions.of(&entry) {
                Some(by) => self.check_erased(segment, frame.offset, parts, &entry, by),
                None => Ok(()),
            });
            match checked {
                Ok(()) => {}
                Err(Broken::Damage(damage)) => broken.push(*damage),
                Err(Broken::Fault(fault)) => return Err(fault),
            }
        }
        Ok(broken)
    }

    fn check_erased(
        &self,
        segment: &SegmentFile,
        frame: u64,
        parts: &Parts,
        entry: &Entry,
        by: LeafIndex,
    ) -> Result<(), Broken> {
        if erase::is_erased(self.files, &self.layout, segment, frame, parts, entry)? {
            return Ok(());
        }
        Err(segment.damage(frame + parts.record, entry.index, DamageKind::NotErased { by }).into())
    }
}
