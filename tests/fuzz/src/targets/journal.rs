//! The journal's files. A checksum would stop nearly every change, so the input is tried as it is and with its
//! checksums made right.

use std::fs;

use custody_evidence::key::KeyId;
use custody_evidence::oidc::TokenId;
use custody_log::{Frontier, LeafIndex, NodeHash, Timestamp, TreeSize};
use custody_server::journal::{
    Batch, Erased, FirstUse, Journal, KEY_LEN, KeptCheckpoint, OpenOptions, Part, Staged, create,
    decode_erased, encode_erased, open, recode,
};
use tempfile::TempDir;

use super::Target;
use crate::claim::{Outcome, refused, same_bytes};
use crate::corpus::Corpus;

const HEADER: usize = 68;
const FOOTER: usize = 84;
const FRAME_HEAD: usize = 84;
const SLOT_HEAD: usize = 100;

const fn target(
    name: &'static str,
    max: usize,
    seeds: fn(&Corpus) -> Vec<Vec<u8>>,
    run: fn(&[u8]) -> Outcome,
) -> Target {
    Target { name, max, rounds: 4000, words: &["CUSTODYJ", "CFRM", "CTAB", "CEND", "CUSTSLOT"], seeds, run }
}

pub(super) const TARGETS: &[Target] = &[
    target("journal.header", 200, |_| vec![segment()[..HEADER].to_vec()], header),
    target("journal.frame", 24 << 10, frames, frame),
    target("journal.sealed", 24 << 10, |_| vec![segment()], sealed),
    target("journal.slot", 4 << 10, |_| slots(), slot),
    Target { words: &["CUSTERAS"], ..target("journal.erased", 2 << 10, |_| lists_of_erased(), erased) },
];

/// One list has one encoding.
fn erased(bytes: &[u8]) -> Outcome {
    match decode_erased(bytes) {
        Some(entries) => {
            let again = encode_erased(&entries).expect("what was read can be written");
            same_bytes("list of what is erased", &again, bytes);
            Outcome::Accepted
        }
        None => Outcome::Refused("no list of what is erased".to_owned()),
    }
}

/// Without first uses of tokens, with some, and with nothing.
fn lists_of_erased() -> Vec<Vec<u8>> {
    let entry = |index, keys: &[u8], used: bool| Erased {
        index: LeafIndex::new(index).unwrap(),
        keys: keys.iter().map(|byte| [*byte; KEY_LEN]).collect(),
        first_use: used.then(|| FirstUse {
            token: TokenId::from_bytes([7; 32]),
            key: KeyId::from_bytes([8; 32]),
            ends: Timestamp::from_micros(1_800_000_000_000_000).unwrap(),
        }),
    };
    let lists = [
        vec![],
        vec![entry(3, &[1, 2], false), entry(9, &[], false)],
        vec![entry(3, &[1], true), entry(4, &[], false), entry(9, &[5, 6, 7], true)],
    ];
    lists.iter().map(|list| encode_erased(list).unwrap()).collect()
}

fn header(bytes: &[u8]) -> Outcome {
    let mut right = bytes.to_vec();
    put_crc(&mut right, 0..HEADER - 4, HEADER - 4);
    both(Part::Header, bytes, &right)
}

fn frame(bytes: &[u8]) -> Outcome {
    let mut right = bytes.to_vec();
    if let Some(head) = bytes.first_chunk::<FRAME_HEAD>() {
        let number = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap()) as usize;
        let index = number(64).saturating_mul(16).saturating_add(number(68));
        let covered = bytes.get(FRAME_HEAD..FRAME_HEAD.saturating_add(index)).unwrap_or_default();
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head[..80]), covered);
        right[80..84].copy_from_slice(&crc.to_be_bytes());
    }
    both(Part::Frame, bytes, &right)
}

fn sealed(bytes: &[u8]) -> Outcome {
    let mut right = bytes.to_vec();
    if let Some(footer) = bytes.len().checked_sub(FOOTER).filter(|footer| *footer >= HEADER) {
        put_crc(&mut right, 0..HEADER - 4, HEADER - 4);
        let table = u64::from_be_bytes(bytes[footer + 64..footer + 72].try_into().unwrap());
        if let Ok(table) = usize::try_from(table) {
            put_crc(&mut right, table..footer, footer + 76);
        }
        put_crc(&mut right, footer..footer + 80, footer + 80);
    }
    both(Part::Sealed, bytes, &right)
}

fn slot(bytes: &[u8]) -> Outcome {
    let mut right = bytes.to_vec();
    if let Some(length) = bytes.get(SLOT_HEAD - 4..SLOT_HEAD) {
        let end = (u32::from_be_bytes(length.try_into().unwrap()) as usize).saturating_add(SLOT_HEAD);
        put_crc(&mut right, 0..end, end);
    }
    both(Part::Slot, bytes, &right)
}

/// Writes the checksum of a range to a place, if both are there.
fn put_crc(bytes: &mut [u8], covered: std::ops::Range<usize>, at: usize) {
    let Some(crc) = bytes.get(covered).map(crc32c::crc32c) else { return };
    if let Some(place) = at.checked_add(4).and_then(|end| bytes.get_mut(at..end)) {
        place.copy_from_slice(&crc.to_be_bytes());
    }
}

fn both(part: Part, bytes: &[u8], right: &[u8]) -> Outcome {
    let _as_it_is = strict(part, bytes);
    strict(part, right)
}

/// What is accepted is encoded as the same bytes; behind a part in the middle of a file anything may follow.
fn strict(part: Part, bytes: &[u8]) -> Outcome {
    match recode(part, bytes) {
        Ok(again) => {
            let covered = bytes.get(..again.len()).expect("not more than there was");
            same_bytes("part of the journal", &again, covered);
            assert!(part != Part::Sealed || again.len() == bytes.len(), "a sealed segment is a whole file");
            Outcome::Accepted
        }
        Err(damage) => refused(&damage),
    }
}

/// A sealed segment of the three entries of the worked example; the envelope of the first is a file.
fn segment() -> Vec<u8> {
    let dir = written();
    let segments = fs::read_dir(dir.path().join("journal/segments")).unwrap();
    fs::read(segments.map(|file| file.unwrap().path()).min().unwrap()).unwrap()
}

fn slots() -> Vec<Vec<u8>> {
    let dir = written();
    let journal = dir.path().join("journal");
    ["checkpoint-a", "checkpoint-b"].map(|name| fs::read(journal.join(name)).unwrap()).to_vec()
}

/// Every frame of the segment, with all that follows it.
fn frames(_: &Corpus) -> Vec<Vec<u8>> {
    let segment = segment();
    let starts = segment.windows(4).enumerate().filter(|(_, window)| window == b"CFRM");
    starts.map(|(at, _)| segment[at..].to_vec()).collect()
}

/// The data directory of a log that was shut down cleanly.
pub(super) fn written() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let example = custody_tests::example::files();
    let file = |name: String| example[&name].clone();
    let staged = |index: usize| Staged {
        entry: file(format!("entry-{index}")),
        record: file(format!("record-{index}.json")),
        envelope: file(format!("envelope-{index}.json")),
        attachments: Vec::new(),
        erased: false,
    };
    let entries = [staged(0), staged(1), staged(2)];
    let mut tree = Frontier::empty();
    let mut roots = Vec::new();
    for staged in &entries {
        tree.append(NodeHash::leaf(&staged.entry));
        roots.push(tree.root());
    }
    // The first trust document is longer than this, so its envelope becomes a file.
    let options = OpenOptions { inline_bytes: 1 << 10, reserve_bytes: 0, ..OpenOptions::default() };
    create(dir.path(), &entries[0], roots[0], &[], &options).unwrap();
    let opened = open(dir.path(), &options).unwrap();
    let size = TreeSize::new(3).unwrap();
    let batch =
        Batch { entries: entries[1..].to_vec(), first: LeafIndex::new(1).unwrap(), size, root: roots[2] };
    let mut journal: Box<dyn Journal> = opened.journal.append(&batch).unwrap();
    let signed = example["checkpoint"].clone();
    journal.keep_checkpoint(&KeptCheckpoint { size, root: roots[2], signed }).unwrap();
    journal.sync_checkpoint().unwrap();
    journal.seal().unwrap();
    dir
}
