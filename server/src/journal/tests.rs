//! The journal on a real disk, and on disks that fail.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "the tests make small numbers, and run where a length has 64 bits"
)]

mod bytes;
mod copies;
mod copy_faults;
mod crash;
mod damage;
mod faults;
mod model;
mod opening;
mod redacted;
mod repairs;
mod room;
pub(crate) mod traced;

use custody_evidence::admission::{AdmissionRecord, Attachment, Salt, TrustReference};
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::trust::{Authority, ClockRepair, ERASED_KEYS_TYPE, REDACTION_TYPE, Redaction};
use custody_log::tree::Frontier;
use custody_log::{
    BlobDigest, Checkpoint, ContentDigest, Entry, EntryDigest, EnvelopeDigest, LeafIndex, Measured, NodeHash,
    NoteSigner, Origin, RecordDigest, RootHash, SignedCheckpoint, Timestamp, TreeSize,
};
use tempfile::TempDir;

use super::*;

/// Makes entries that follow each other, and knows all that was made.
#[derive(Clone)]
pub(super) struct Log {
    pub(super) stored: Vec<Staged>,
    pub(super) roots: Vec<RootHash>,
    frontier: Frontier,
    admin: Option<LeafIndex>,
    /// What redactions erase, and which entries they are.
    redactions: Vec<(ContentDigest, LeafIndex)>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self {
            stored: Vec::new(),
            roots: Vec::new(),
            frontier: Frontier::empty(),
            admin: None,
            redactions: Vec::new(),
        }
    }

    pub(super) fn size(&self) -> TreeSize {
        TreeSize::new(self.stored.len() as u64).unwrap()
    }

    /// Makes the next entry; entry 0 is administrative.
    pub(super) fn stage(&mut self, record: &[u8], envelope: &[u8]) -> Staged {
        let administrative = self.size() == TreeSize::ZERO;
        self.stage_as(administrative, record, envelope, Vec::new())
    }

    /// Makes the redaction of an entry, and of all others with the same content.
    pub(super) fn redact(&mut self, index: u64) -> Batch {
        let first = self.size().next_index();
        let bytes = self.stored[index as usize].entry.clone();
        let entry = Entry::decode(&bytes).unwrap();
        let redaction = Redaction::of(&entry, &bytes, "a token is in it".to_owned());
        let signatures = [("k".to_owned(), vec![7; 64])];
        let envelope = Envelope::from_parts(IN_TOTO, &redaction.statement(), &signatures).unwrap();
        let entries = self.stored.iter().map(|staged| Entry::decode(&staged.entry).unwrap());
        let same = entries.filter(|other| other.content == entry.content && !other.administrative);
        let erased: Vec<Erased> = same
            .map(|other| Erased {
                index: other.index,
                keys: vec![[b's'; KEY_LEN], [b'x'; KEY_LEN]],
                first_use: None,
            })
            .collect();
        let attachment = encode_erased(&erased).unwrap();
        let record = redaction_record(&attachment).encode();
        let staged = self.stage_as(true, &record, envelope.bytes(), vec![attachment]);
        self.redactions.push((entry.content, first));
        Batch { entries: vec![staged], first, size: self.size(), root: self.root() }
    }

    /// Makes the next entry, which administers the log and steps back in time, with this envelope.
    pub(super) fn step_back(&mut self, envelope: &[u8]) -> Batch {
        let first = self.size().next_index();
        let staged = self.stage_as(true, b"{}", envelope, Vec::new());
        let mut entry = Entry::decode(&staged.entry).unwrap();
        entry.time = Timestamp::from_micros(5).unwrap();
        let staged = Staged { entry: entry.encode(), ..staged };
        self.stored.pop();
        self.stored.push(staged.clone());
        self.frontier = Frontier::empty();
        for stored in &self.stored {
            self.frontier.append(NodeHash::leaf(&stored.entry));
        }
        *self.roots.last_mut().unwrap() = self.frontier.root();
        Batch { entries: vec![staged], first, size: self.size(), root: self.root() }
    }

    /// Whether what this entry holds is erased in a log of this size.
    pub(super) fn is_redacted(&self, index: u64, size: TreeSize) -> bool {
        let entry = Entry::decode(&self.stored[index as usize].entry).unwrap();
        let by = |(content, by): &(ContentDigest, LeafIndex)| *content == entry.content && size.contains(*by);
        !entry.administrative && self.redactions.iter().any(by)
    }

    fn stage_as(
        &mut self,
        administrative: bool,
        record: &[u8],
        envelope: &[u8],
        attachments: Vec<Vec<u8>>,
    ) -> Staged {
        let index = self.size().next_index();
        let entry = Entry {
            index,
            time: Timestamp::from_micros(1_000_000 + index.get() as i64).unwrap(),
            previous: self.stored.last().map(|last| EntryDigest::of(&last.entry)),
            admin: self.admin,
            administrative,
            envelope: Measured { digest: EnvelopeDigest::of(envelope), length: envelope.len() as u64 },
            content: ContentDigest::of(envelope),
            record: Measured { digest: RecordDigest::of(record), length: record.len() as u64 },
        };
        if administrative {
            self.admin = Some(index);
        }
        let (record, envelope) = (record.to_vec(), envelope.to_vec());
        let entry = entry.encode();
        let staged = Staged { entry, record, envelope, attachments, erased: false };
        self.frontier.append(NodeHash::leaf(&staged.entry));
        self.roots.push(self.frontier.root());
        self.stored.push(staged.clone());
        staged
    }

    pub(super) fn batch(&mut self, envelopes: &[Vec<u8>]) -> Batch {
        let first = self.size().next_index();
        let entries: Vec<Staged> = envelopes
            .iter()
            .map(|envelope| {
                let record = format!("record {} of {} bytes", self.size(), envelope.len());
                self.stage(record.as_bytes(), envelope)
            })
            .collect();
        Batch { entries, first, size: self.size(), root: self.root() }
    }

    /// Forgets what did not become durable.
    pub(super) fn truncate(&mut self, size: TreeSize) {
        self.stored.truncate(size.get() as usize);
        self.roots.truncate(size.get() as usize);
        self.redactions.retain(|(_, by)| size.contains(*by));
        (self.frontier, self.admin) = (Frontier::empty(), None);
        for staged in &self.stored {
            let index = self.frontier.append(NodeHash::leaf(&staged.entry));
            if Entry::decode(&staged.entry).unwrap().administrative {
                self.admin = Some(index);
            }
        }
    }

    pub(super) fn root(&self) -> RootHash {
        *self.roots.last().unwrap()
    }

    pub(super) fn checkpoint(&self) -> KeptCheckpoint {
        self.checkpoint_at(self.size())
    }

    pub(super) fn checkpoint_at(&self, size: TreeSize) -> KeptCheckpoint {
        let root = self.roots[size.get() as usize - 1];
        let origin: Origin = "example.com/test".parse().unwrap();
        let key = NoteSigner::from_seed(origin.key_name().clone(), [7; 32]);
        let checkpoint = Checkpoint::new(origin, size, root).unwrap();
        let signed = SignedCheckpoint::sign(&checkpoint, &key).unwrap().bytes().to_vec();
        KeptCheckpoint { size, root, signed }
    }

    /// The reader shows exactly the first `size` entries.
    pub(super) fn check(&self, reader: &Reader, size: TreeSize) {
        assert_eq!(reader.size(), size);
        for (index, expected) in (0..size.get()).zip(&self.stored) {
            let stored = reader.stored(LeafIndex::new(index).unwrap());
            if self.is_redacted(index, size) {
                assert!(matches!(stored, Err(ReadError::Redacted { .. })), "{index}");
                assert_eq!(reader.entry(LeafIndex::new(index).unwrap()).unwrap(), expected.entry);
                continue;
            }
            let stored = stored.unwrap();
            assert_eq!(stored.bytes, expected.entry);
            assert_eq!(stored.record, expected.record);
            assert_eq!(stored.envelope, expected.envelope);
        }
        assert!(size <= self.size());
        assert!(matches!(reader.entry(size.next_index()), Err(ReadError::Beyond { .. })));
    }
}

/// A repair of the clock after this entry, in an envelope.
fn clock_repair(after: u64) -> Vec<u8> {
    clock_repair_from(after, Timestamp::from_micros(0).unwrap())
}

/// The same, which may not step behind this time.
fn clock_repair_from(after: u64, not_before: Timestamp) -> Vec<u8> {
    let (after, reason) = (LeafIndex::new(after).unwrap(), "it was ahead".to_owned());
    let said = ClockRepair { after, not_before, reason };
    let signatures = [("k".to_owned(), vec![7; 64])];
    Envelope::from_parts(IN_TOTO, &said.statement("example.com/test"), &signatures).unwrap().bytes().to_vec()
}

fn redaction_record(attachment: &[u8]) -> AdmissionRecord {
    AdmissionRecord {
        salt: Salt::from_bytes([7; 32]),
        media_type: "application/vnd.dsse.envelope.v1+json".to_owned(),
        predicate_type: REDACTION_TYPE.to_owned(),
        subjects: Vec::new(),
        signers: Vec::new(),
        submitter: None,
        binding: None,
        token: None,
        authority: Authority::Own,
        checks: Vec::new(),
        trust: TrustReference { index: 0, version: 1 },
        reader: "3".to_owned(),
        screen: None,
        attachments: vec![Attachment {
            digest: BlobDigest::of(attachment),
            length: attachment.len() as u64,
            media_type: ERASED_KEYS_TYPE.to_owned(),
        }],
        marks: Vec::new(),
    }
}

pub(super) fn options() -> OpenOptions {
    OpenOptions {
        segment_bytes: 8 << 10,
        inline_bytes: 1 << 10,
        reserve_bytes: 0,
        room_bytes: 4 << 10,
        ..OpenOptions::default()
    }
}

/// A log with entry 0 in a new directory.
pub(super) fn created() -> (TempDir, Log) {
    let dir = tempfile::tempdir().unwrap();
    let mut log = Log::new();
    let first = log.stage(b"record 0", b"trust document");
    create(dir.path(), &first, log.root(), &[], &options()).unwrap();
    (dir, log)
}

pub(super) fn reopen(dir: &TempDir) -> Opened {
    open(dir.path(), &options()).unwrap()
}

/// Bytes that look random, and are others for every seed.
pub(super) fn envelope(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn shows_again_what_was_appended_after_every_kind_of_end() {
    let (dir, mut log) = created();
    for round in 0..6 {
        let Opened { mut journal, reader, size, root, last_digest, checkpoint, cut, .. } = reopen(&dir);
        assert_eq!((size, root, cut), (log.size(), log.root(), None));
        assert_eq!(last_digest, EntryDigest::of(&log.stored.last().unwrap().entry));
        assert_eq!(checkpoint, (round > 0).then(|| log.checkpoint()));
        log.check(&reader, size);
        for batch in 0..5_usize {
            let envelopes: Vec<_> = (0..=batch).map(|at| envelope(round + at, 400 * at)).collect();
            journal = journal.append(&log.batch(&envelopes)).unwrap();
            journal.keep_checkpoint(&log.checkpoint()).unwrap();
            log.check(&reader, log.size());
        }
        match round % 3 {
            0 => journal.seal().unwrap(),
            1 => drop(journal),
            _ => {
                journal.sync_checkpoint().unwrap();
                drop(journal);
            }
        }
    }
    log.check(&reopen(&dir).reader, log.size());
}
