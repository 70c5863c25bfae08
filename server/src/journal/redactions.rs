//! Which contents of a log are erased: what its redactions say.
//!
//! That an erasure was ordered is told by an administrative entry, never by the zeros that it leaves. So an entry whose record
//! and envelope are gone is sound if a redaction names its content, and damaged otherwise.

use std::collections::BTreeMap;

use custody_evidence::trust::Redaction;
use custody_log::{ContentDigest, Entry, EnvelopeDigest, LeafIndex};

use super::blobs;
use super::fields::wide;
use super::files::Files;
use super::layout::Layout;
use super::scan::{Broken, Scanned, SegmentFile};
use super::segment::HEADER_LEN;
use super::view::segment_names;
use super::writer::JournalFault;

/// The contents that redactions erase, with the entries that say so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Redactions {
    by_content: BTreeMap<ContentDigest, LeafIndex>,
}

impl Redactions {
    /// Returns the redaction that erases what this entry holds: one behind it. Administrative entries are never erased.
    pub(super) fn of(&self, entry: &Entry) -> Option<LeafIndex> {
        self.of_content(&entry.content).filter(|by| !entry.administrative && entry.index < *by)
    }

    /// Returns the redaction of a content.
    pub(super) fn of_content(&self, content: &ContentDigest) -> Option<LeafIndex> {
        self.by_content.get(content).copied()
    }

    /// Returns the entries that redact, in order.
    pub(super) fn entries(&self) -> Vec<LeafIndex> {
        let mut entries: Vec<LeafIndex> = self.by_content.values().copied().collect();
        entries.sort_unstable();
        entries
    }

    /// Adds what an administrative entry says, if it is a redaction.
    pub(super) fn add(&mut self, index: LeafIndex, envelope: &[u8]) {
        if let Some(redaction) = Redaction::in_envelope(envelope) {
            self.by_content.entry(redaction.content).or_insert(index);
        }
    }

    /// Adds what others say.
    pub(super) fn extend(&mut self, others: &Self) {
        for (content, index) in &others.by_content {
            self.by_content.entry(*content).or_insert(*index);
        }
    }

    /// Reads the redactions of all segments, whatever else is damaged in them: what cannot be read says nothing.
    pub(super) fn gather(files: &dyn Files, layout: &Layout) -> Result<Self, JournalFault> {
        let mut gathered = Self::default();
        for first in segment_names(files, layout)? {
            match SegmentFile::open(files, layout, first, None) {
                Ok(file) => gathered.extend(&Self::in_segment(files, layout, &file)?),
                Err(Broken::Damage(_)) => {}
                Err(Broken::Fault(fault)) => return Err(fault),
            }
        }
        Ok(gathered)
    }

    /// Reads the redactions of one segment. Of frames with several entries only the headers are read: an administrative entry is
    /// alone in its frame.
    pub(super) fn in_segment(
        files: &dyn Files,
        layout: &Layout,
        file: &SegmentFile,
    ) -> Result<Self, JournalFault> {
        let mut found = Self::default();
        let mut offset = wide(HEADER_LEN);
        while offset < file.len && !file.ends_at(offset, file.len)? {
            let head = match file.head(offset, file.len) {
                Ok(head) => head,
                Err(Broken::Damage(_)) => match file.find(offset + 1, file.len)? {
                    Some(behind) => {
                        offset = behind;
                        continue;
                    }
                    None => break,
                },
                Err(Broken::Fault(fault)) => return Err(fault),
            };
            if head.count == 1 {
                match file.frame(offset, file.len, head.first) {
                    Ok(frame) => found.add_frame(files, layout, file, &frame)?,
                    Err(Broken::Damage(_)) => {}
                    Err(Broken::Fault(fault)) => return Err(fault),
                }
            }
            offset = offset.saturating_add(head.frame_len());
        }
        Ok(found)
    }

    fn add_frame(
        &mut self,
        files: &dyn Files,
        layout: &Layout,
        file: &SegmentFile,
        frame: &Scanned,
    ) -> Result<(), JournalFault> {
        for (parts, bytes) in frame.entries() {
            let Some(entry) = Entry::decode(bytes).ok().filter(|entry| entry.administrative) else {
                continue;
            };
            let envelope = match parts.envelope {
                Some(at) => file.read(frame.offset + at, parts.envelope_len, entry.index),
                None => blobs::read(files, layout, &entry.envelope, entry.index),
            };
            match envelope {
                Ok(bytes) if EnvelopeDigest::of(&bytes) == entry.envelope.digest => {
                    self.add(entry.index, &bytes);
                }
                Ok(_) | Err(Broken::Damage(_)) => {}
                Err(Broken::Fault(fault)) => return Err(fault),
            }
        }
        Ok(())
    }
}
