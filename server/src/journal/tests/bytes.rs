//! Decoders on arbitrary bytes.

use proptest::prelude::*;

use super::*;
use crate::journal::frame::{self, Head};
use crate::journal::segment::{self, FOOTER_LEN, Footer, HEADER_LEN, Header, Mark};
use crate::journal::slots::Slot;

const MARK: Mark = Mark([7; 8]);

proptest! {
    #[test]
    fn a_frame_decodes_to_what_was_encoded(lengths in prop::collection::vec(0_usize..3000, 1..6)) {
        let mut log = Log::new();
        log.stage(b"record", b"envelope");
        let envelopes: Vec<_> = lengths.iter().map(|length| envelope(1, *length)).collect();
        let batch = log.batch(&envelopes);
        let frame = frame::encode(&batch, MARK, 1 << 10).unwrap();
        let head_bytes: [u8; frame::HEAD_LEN] = frame.bytes[..frame::HEAD_LEN].try_into().unwrap();
        let head = Head::decode(&head_bytes, MARK).unwrap();
        prop_assert_eq!((head.first, head.size, head.root), (batch.first, batch.size, batch.root));
        prop_assert_eq!(head.frame_len() as usize, frame.bytes.len());
        let index = &frame.bytes[frame::HEAD_LEN..frame::HEAD_LEN + head.index_len() as usize];
        let parts = frame::decode_index(&head, &head_bytes, index).unwrap();
        prop_assert_eq!(&parts, &frame.parts);
        for (parts, staged) in parts.iter().zip(&batch.entries) {
            let at = |offset: u64, length: usize| &frame.bytes[offset as usize..offset as usize + length];
            prop_assert_eq!(at(parts.entry, staged.entry.len()), &staged.entry[..]);
            prop_assert_eq!(at(parts.record, staged.record.len()), &staged.record[..]);
            match parts.envelope {
                Some(envelope) => prop_assert_eq!(at(envelope, staged.envelope.len()), &staged.envelope[..]),
                None => prop_assert!(staged.envelope.len() > 1 << 10),
            }
        }
    }

    /// Magic and mark are right, so that the rest is looked at: numbers may be anything, and nothing is
    /// allocated for them before they were compared with what is there.
    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), kept in 0_usize..200) {
        let mut head = [0; frame::HEAD_LEN];
        head.iter_mut().zip(frame::prefix(MARK).iter().chain(&bytes)).for_each(|(to, from)| *to = *from);
        if let Ok(head) = Head::decode(&head, MARK) {
            prop_assert!(head.frame_len() <= MAX_BATCH_BYTES as u64);
            let _ = frame::decode_lengths(&head, &bytes).is_ok();
        }
        let mut header = [0; HEADER_LEN];
        header.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
        prop_assert!(Header::decode(&header).is_err());
        let good = Header { first: LeafIndex::ZERO, mark: MARK, log: EntryDigest::of(b"") };
        let mut footer = [0; FOOTER_LEN];
        footer.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
        prop_assert!(Footer::decode(&footer, &good, bytes.len() as u64).is_err());
        let slot = Slot { checkpoint: None, ..Slot::first(EntryDigest::of(b"")) }.encode();
        let mixed: Vec<u8> = slot.iter().take(kept).chain(&bytes).copied().collect();
        prop_assert!(Slot::decode(&mixed).is_err() || mixed.starts_with(&slot));
    }

    #[test]
    fn lengths_that_are_any_numbers_are_refused_without_a_panic(rows in prop::collection::vec(any::<u8>(), 0..320)) {
        let mut log = Log::new();
        log.stage(b"record", b"envelope");
        let batch = log.batch(&[vec![1; 10], vec![2; 10]]);
        let mut frame = frame::encode(&batch, MARK, 1 << 10).unwrap().bytes;
        for (to, from) in frame[frame::HEAD_LEN..].iter_mut().zip(&rows) {
            *to = *from;
        }
        let head = Head::decode(frame[..frame::HEAD_LEN].try_into().unwrap(), MARK).unwrap();
        let index = &frame[frame::HEAD_LEN..frame::HEAD_LEN + head.index_len() as usize];
        let _ = frame::decode_lengths(&head, index).is_ok();
    }
}

#[test]
fn the_bytes_of_header_and_slot_are_those_of_the_format_description() {
    let header =
        Header { first: LeafIndex::new(13107).unwrap(), mark: MARK, log: EntryDigest::of(b"entry 0") };
    let documented = include_str!("../../../../docs/format.md");
    let hex = hex::encode(header.encode());
    let lines: Vec<&str> = hex.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for line in lines {
        assert!(documented.contains(line), "docs/format.md does not show {line}");
    }
    assert_eq!(segment::encode_table(MARK, &[]).len(), 16);
}
