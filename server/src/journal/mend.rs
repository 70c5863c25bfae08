//! One damaged segment, put together again: each entry from the segment itself or from a good copy, whichever has the
//! digest that the entry behind it names.

use std::collections::BTreeMap;

use custody_evidence::admission::AdmissionRecord;
use custody_log::tree::Frontier;
use custody_log::{
    BlobDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, NodeHash, RecordDigest, RootHash, TreeSize,
};

use super::chain::Chain;
use super::fields::{narrow, wide};
use super::files::Files;
use super::frame;
use super::layout::Layout;
use super::redactions::Redactions;
use super::scan::{Broken, Scanned, SegmentFile};
use super::segment::{self, Footer, HEADER_LEN, Header, Location};
use super::verify::Verifier;
use super::view::View;
use super::writer::{JournalFault, fresh_mark};
use super::{Batch, KeptCheckpoint, OpenOptions, Staged, blobs};

/// The most bytes of a frame that is made anew of entries whose frames are not known.
const FRAME_BYTES: usize = 4 << 20;

/// The good copy, if there is one.
pub(super) struct Copy {
    pub(super) view: Option<View>,
}

impl Copy {
    pub(super) fn entry(&self, index: LeafIndex) -> Option<Vec<u8>> {
        self.view.as_ref()?.reader.entry(index).ok()
    }

    fn record(&self, entry: &Entry) -> Option<Vec<u8>> {
        let bytes = self.view.as_ref()?.reader.record(entry.index).ok()?;
        (RecordDigest::of(&bytes) == entry.record.digest).then_some(bytes)
    }

    fn attachments(&self, index: LeafIndex) -> Option<Vec<Vec<u8>>> {
        self.view.as_ref()?.reader.attachments(index).ok()
    }

    pub(super) fn envelope(&self, entry: &Entry) -> Option<Vec<u8>> {
        let bytes = self.view.as_ref()?.reader.envelope(entry.index).ok()?;
        (EnvelopeDigest::of(&bytes) == entry.envelope.digest).then_some(bytes)
    }
}

/// What is known of the segment from outside.
pub(super) struct Ends {
    pub(super) first: LeafIndex,
    /// Where the next segment starts; none for the last one.
    pub(super) behind: Option<LeafIndex>,
    /// The digest of the last entry, as the next segment's first entry names it.
    pub(super) previous: Option<EntryDigest>,
    /// The newest kept checkpoint.
    pub(super) promised: Option<KeptCheckpoint>,
}

/// A segment as it should be.
pub(super) struct Mended {
    pub(super) bytes: Vec<u8>,
    /// Where the check stands behind it.
    pub(super) after: Verifier,
    /// Whether the bytes are others than those found.
    pub(super) changed: bool,
    /// Whether something came from the good copy.
    pub(super) copied: bool,
    /// Whether a record or envelope could not be had, and is as it was found.
    pub(super) missing: bool,
    /// The entries whose envelopes are files.
    pub(super) large: Vec<Entry>,
}

/// What was found of one entry.
struct Found {
    entry: Vec<u8>,
    record: Vec<u8>,
    /// None: the envelope is a file.
    envelope: Option<Vec<u8>>,
    attachments: Vec<Vec<u8>>,
    /// Whether the frame's checksum covers the entry.
    covered: bool,
    /// Position of the frame's first entry, the frame's size and root.
    frame: (LeafIndex, TreeSize, RootHash),
}

/// Puts a segment together. None if an entry is lost.
pub(super) fn mend(
    files: &dyn Files,
    layout: &Layout,
    file: Option<&SegmentFile>,
    log: EntryDigest,
    before: &Verifier,
    ends: &Ends,
    copy: &Copy,
) -> Result<Option<Mended>, JournalFault> {
    let found = match file {
        Some(file) => salvage(file)?,
        None => BTreeMap::new(),
    };
    let Some(end) = end_of(file.is_some(), &found, ends) else { return Ok(None) };
    let Some(Chosen { entries, copied: copied_entries, confirmed }) = choose(&found, ends, end, copy) else {
        return Ok(None);
    };
    let mark = match file {
        Some(file) => file.mark(),
        None => fresh_mark(layout)?,
    };
    let header = Header { first: ends.first, mark, log };
    let mut making = Making {
        files,
        layout,
        found: &found,
        copy,
        redactions: before.redactions(),
        bytes: header.encode(),
        header,
        locations: Vec::new(),
        frontier: before.frontier().clone(),
        copied: copied_entries,
        missing: false,
        large: Vec::new(),
    };
    for batch in batches(&entries, &found) {
        if !making.frame(&entries, batch)? {
            return Ok(None);
        }
    }
    // The last entry of the log is named by no other: its root must be one that was written.
    let (size, root) = (making.frontier.size(), making.frontier.root());
    let written =
        entries.last().and_then(|(_, entry)| found.get(&entry.index.get())).map(|last| last.frame.2);
    let kept = ends.promised.as_ref().filter(|kept| kept.size == size).map(|kept| kept.root);
    if !confirmed && written != Some(root) && kept != Some(root) {
        return Ok(None);
    }
    making.seal(ends.behind.is_some());
    let after = match entries.last() {
        Some((bytes, entry)) => before.after(Chain::after(entry, bytes), making.frontier),
        None => before.clone(),
    };
    let changed = match file {
        Some(file) => !file.holds(&making.bytes)?,
        None => true,
    };
    let Making { bytes, copied, missing, large, .. } = making;
    Ok(Some(Mended { bytes, after, changed, copied, missing, large }))
}

/// Reads all that can be read of a damaged segment.
fn salvage(file: &SegmentFile) -> Result<BTreeMap<u64, Found>, JournalFault> {
    let mut found = BTreeMap::new();
    let mut offset = wide(HEADER_LEN);
    let mut next = file.header.first;
    while offset < file.len && !file.ends_at(offset, file.len)? {
        let (frame, covered) = match file.frame(offset, file.len, next) {
            Ok(frame) => (frame, true),
            Err(Broken::Fault(fault)) => return Err(fault),
            Err(Broken::Damage(_)) => match file.frame_despite_checksum(offset, file.len, next) {
                Ok(frame) if frame.head.first == next => (frame, false),
                Ok(_) | Err(Broken::Damage(_)) => match file.find(offset + 1, file.len)? {
                    Some(behind) => {
                        offset = behind;
                        continue;
                    }
                    None => break,
                },
                Err(Broken::Fault(fault)) => return Err(fault),
            },
        };
        take(file, &frame, covered, &mut found)?;
        (offset, next) = (frame.end(), frame.head.size.next_index());
    }
    Ok(found)
}

fn take(
    file: &SegmentFile,
    frame: &Scanned,
    covered: bool,
    found: &mut BTreeMap<u64, Found>,
) -> Result<(), JournalFault> {
    let head = &frame.head;
    for (index, (parts, bytes)) in (head.first.get()..).zip(frame.entries()) {
        let read = |offset: u64, length: u64| match file.read(frame.offset + offset, length, head.first) {
            Ok(bytes) => Ok(bytes),
            Err(Broken::Damage(_)) => Ok(Vec::new()),
            Err(Broken::Fault(fault)) => Err(fault),
        };
        let record = read(parts.record, u64::from(parts.record_len))?;
        let envelope = match parts.envelope {
            Some(at) => Some(read(at, parts.envelope_len)?),
            None => None,
        };
        let (mut attachments, mut at) = (Vec::new(), parts.attached());
        for length in &parts.attachments {
            attachments.push(read(at, u64::from(*length))?);
            at += u64::from(*length);
        }
        let frame = (head.first, head.size, head.root);
        found.insert(index, Found { entry: bytes.to_vec(), record, envelope, attachments, covered, frame });
    }
    Ok(())
}

/// Where the segment's entries end. The last segment ends where its last whole frame does: behind that is a write that
/// did not end, unless a kept checkpoint covers it.
fn end_of(exists: bool, found: &BTreeMap<u64, Found>, ends: &Ends) -> Option<u64> {
    if let Some(behind) = ends.behind {
        return Some(behind.get());
    }
    let whole = found.values().filter(|found| found.covered).map(|found| found.frame.1.get()).max();
    let promised = ends.promised.as_ref().map_or(0, |kept| kept.size.get());
    let end = whole.unwrap_or(ends.first.get()).max(promised).max(ends.first.get());
    (exists || end > ends.first.get()).then_some(end)
}

/// The entries of a segment.
struct Chosen {
    entries: Vec<(Vec<u8>, Entry)>,
    /// Whether one came from the good copy.
    copied: bool,
    /// Whether the last one is known to be as it was written.
    confirmed: bool,
}

/// Chooses the bytes of each entry, from the last to the first: each names the digest of the one before.
fn choose(found: &BTreeMap<u64, Found>, ends: &Ends, end: u64, copy: &Copy) -> Option<Chosen> {
    let (mut expected, mut copied, mut entries) = (ends.previous, false, Vec::new());
    let mut confirmed = ends.previous.is_some() || end == ends.first.get();
    for index in (ends.first.get()..end).rev() {
        let position = LeafIndex::new(index).ok()?;
        let fits = |bytes: &Vec<u8>| expected.is_none_or(|digest| EntryDigest::of(bytes) == digest);
        let decoded = |bytes: Vec<u8>| {
            let entry = Entry::decode(&bytes).ok()?;
            (entry.index == position).then_some((bytes, entry))
        };
        let own = found.get(&index);
        // Without an entry behind it, one that no checksum covers is believed less than the copy's.
        let doubted = expected.is_none() && own.is_some_and(|own| !own.covered);
        let of_copy = || copy.entry(position).filter(fits).and_then(decoded);
        let of_segment = own.map(|found| found.entry.clone()).filter(fits).and_then(decoded);
        let better = if doubted { of_copy() } else { None };
        if entries.is_empty() {
            confirmed |= better.is_some() || own.is_none_or(|own| own.covered);
        }
        let (bytes, entry) = match better.or(of_segment) {
            Some(entry) => entry,
            None => of_copy()?,
        };
        copied |= own.is_none_or(|own| own.entry != bytes);
        expected = entry.previous;
        entries.push((bytes, entry));
    }
    entries.reverse();
    Some(Chosen { entries, copied, confirmed })
}

/// Groups entries as their frames did, and those whose frames are not known so that an administrative one is alone.
fn batches(entries: &[(Vec<u8>, Entry)], found: &BTreeMap<u64, Found>) -> Vec<std::ops::Range<usize>> {
    let mut batches: Vec<std::ops::Range<usize>> = Vec::new();
    let (mut bytes, mut group) = (0, None);
    for (at, (_, entry)) in entries.iter().enumerate() {
        let frame = found.get(&entry.index.get()).map(|found| found.frame.0);
        let size =
            frame::ROW_LEN + narrow(entry.record.length) + narrow(entry.envelope.length) + Entry::MAX_LEN;
        let alone = |at: usize| entries.get(at).is_none_or(|(_, entry)| entry.administrative);
        let joins = at > 0
            && group == Some(frame)
            && (frame.is_some() || (!alone(at) && !alone(at - 1) && bytes + size <= FRAME_BYTES));
        if let Some(last) = batches.last_mut().filter(|_| joins) {
            last.end = at + 1;
            bytes += size;
        } else {
            batches.push(at..at + 1);
            bytes = size;
        }
        group = Some(frame);
    }
    batches
}

/// The new segment while it is made.
struct Making<'a> {
    files: &'a dyn Files,
    layout: &'a Layout,
    found: &'a BTreeMap<u64, Found>,
    copy: &'a Copy,
    redactions: &'a Redactions,
    bytes: Vec<u8>,
    header: Header,
    locations: Vec<Location>,
    frontier: Frontier,
    copied: bool,
    missing: bool,
    large: Vec<Entry>,
}

impl Making<'_> {
    /// Adds one frame. False if it cannot be laid out.
    fn frame(
        &mut self,
        entries: &[(Vec<u8>, Entry)],
        range: std::ops::Range<usize>,
    ) -> Result<bool, JournalFault> {
        let mut staged = Vec::new();
        let mut inline_max = OpenOptions::default().inline_bytes;
        let (mut shortest_file, mut longest_inline) = (usize::MAX, 0);
        let Some(entries) = entries.get(range) else { return Ok(false) };
        for (bytes, entry) in entries {
            self.frontier.append(NodeHash::leaf(bytes));
            let erased = self.redactions.of(entry).is_some();
            let (one, inline) = if erased { self.erased(entry, bytes) } else { self.kept(entry, bytes)? };
            if inline {
                longest_inline = longest_inline.max(one.envelope.len());
            } else {
                shortest_file = shortest_file.min(one.envelope.len());
                if !erased {
                    self.large.push(entry.clone());
                }
            }
            staged.push(one);
        }
        // As it was: whatever limit the frame was written with lies between the two.
        if longest_inline > inline_max || shortest_file <= inline_max {
            inline_max = longest_inline;
        }
        let Some((_, first)) = entries.first() else { return Ok(false) };
        let (size, root) = (self.frontier.size(), self.frontier.root());
        let batch = Batch { entries: staged, first: first.index, size, root };
        let Some(frame) = frame::encode(&batch, self.header.mark, inline_max) else { return Ok(false) };
        let at = wide(self.bytes.len());
        let Some(locations) =
            frame.parts.iter().map(|parts| Location::of(parts, at)).collect::<Option<Vec<_>>>()
        else {
            return Ok(false);
        };
        self.locations.extend(locations);
        self.bytes.extend(frame.bytes);
        Ok(true)
    }

    /// Puts together what is kept beside an entry; says whether its envelope is inline.
    fn kept(&mut self, entry: &Entry, bytes: &[u8]) -> Result<(Staged, bool), JournalFault> {
        let record = self.record(entry);
        let (envelope, inline) = self.envelope(entry)?;
        let attachments = self.attachments(entry, &record);
        let entry = bytes.to_vec();
        Ok((Staged { entry, record, envelope, attachments, erased: false }, inline))
    }

    /// Of what a redaction erases nothing is looked for: zeros stand in its place.
    fn erased(&self, entry: &Entry, bytes: &[u8]) -> (Staged, bool) {
        let found = self.found.get(&entry.index.get());
        let length = narrow(entry.envelope.length);
        let inline =
            found.map_or(length <= OpenOptions::default().inline_bytes, |found| found.envelope.is_some());
        let attachments = found.map_or(&[][..], |found| found.attachments.as_slice());
        let attachments = attachments.iter().map(|found| vec![0; found.len()]).collect();
        let (record, envelope) = (vec![0; narrow(entry.record.length)], vec![0; length]);
        (Staged { entry: bytes.to_vec(), record, envelope, attachments, erased: true }, inline)
    }

    fn attachments(&mut self, entry: &Entry, record: &[u8]) -> Vec<Vec<u8>> {
        let own = self.found.get(&entry.index.get()).map(|found| found.attachments.clone());
        let own = own.unwrap_or_default();
        if RecordDigest::of(record) != entry.record.digest {
            return own;
        }
        // A frame whose checksum holds says truly that there are none; most records are not read for that.
        if own.is_empty() && self.found.get(&entry.index.get()).is_some_and(|found| found.covered) {
            return own;
        }
        let named = AdmissionRecord::decode(record).map(|record| record.attachments).unwrap_or_default();
        let fits = |found: &[Vec<u8>]| {
            let digests = found.iter().map(|bytes| BlobDigest::of(bytes));
            found.len() == named.len() && digests.eq(named.iter().map(|named| named.digest))
        };
        if fits(&own) {
            return own;
        }
        if let Some(copied) = self.copy.attachments(entry.index).filter(|copied| fits(copied)) {
            self.copied = true;
            return copied;
        }
        self.missing = true;
        own
    }

    fn record(&mut self, entry: &Entry) -> Vec<u8> {
        let own = self.found.get(&entry.index.get()).map(|found| found.record.clone()).unwrap_or_default();
        if RecordDigest::of(&own) == entry.record.digest {
            return own;
        }
        if let Some(bytes) = self.copy.record(entry) {
            self.copied = true;
            return bytes;
        }
        self.as_found(own, entry.record.length)
    }

    /// Returns the envelope, and whether it is inline. Of a file only the length matters here.
    fn envelope(&mut self, entry: &Entry) -> Result<(Vec<u8>, bool), JournalFault> {
        let length = narrow(entry.envelope.length);
        let inline_max = OpenOptions::default().inline_bytes;
        let own = match self.found.get(&entry.index.get()).map(|found| &found.envelope) {
            Some(Some(own)) => own.clone(),
            Some(None) => return Ok((vec![0; length], false)),
            None if length > inline_max => {
                if let Some(bytes) = self.copy.envelope(entry) {
                    blobs::store(self.files, self.layout, &entry.envelope.digest, &bytes)?;
                }
                return Ok((vec![0; length], false));
            }
            None => Vec::new(),
        };
        if EnvelopeDigest::of(&own) == entry.envelope.digest {
            return Ok((own, true));
        }
        if let Some(bytes) = self.copy.envelope(entry) {
            self.copied = true;
            return Ok((bytes, true));
        }
        Ok((self.as_found(own, entry.envelope.length), true))
    }

    /// What could not be had stays as it was found, at its length.
    fn as_found(&mut self, mut own: Vec<u8>, length: u64) -> Vec<u8> {
        self.missing = true;
        own.resize(narrow(length), 0);
        own
    }

    fn seal(&mut self, sealed: bool) {
        if !sealed {
            return;
        }
        let table = segment::encode_table(self.header.mark, &self.locations);
        let footer = Footer {
            first: self.header.first,
            size: self.frontier.size(),
            root: self.frontier.root(),
            table: wide(self.bytes.len()),
            count: u32::try_from(self.locations.len()).unwrap_or(u32::MAX),
            table_crc: crc32c::crc32c(&table),
        };
        self.bytes.extend(table);
        self.bytes.extend(footer.encode(self.header.mark));
    }
}
