use custody_wire::v1::get_entries_response::Part;
use custody_wire::v1::{AsOf, Edge, EntryEvidence, GetEntriesResponse, Node, TraceResponse};
use prost::bytes::Bytes;

use super::*;

/// Counts as the decoder does, and says what it refuses.
fn refused<R: Counted>(answer: &R::Answer) -> Option<&'static str> {
    let bytes = answer.encode_to_vec();
    let over = |most: &&Most| count(&bytes, most.path).unwrap() > most.max;
    R::MOST.iter().find(over).map(|most| most.field)
}

fn entry(hashes: usize) -> GetEntriesResponse {
    let evidence = EntryEvidence {
        index: 1,
        entry: Bytes::from_static(b"entry"),
        proof: vec![Bytes::new(); hashes],
        envelope: Bytes::from(vec![0x22; 1 << 20]),
        ..EntryEvidence::default()
    };
    GetEntriesResponse { part: Some(Part::Entry(evidence)) }
}

#[test]
fn hashes_without_content_are_counted_in_the_message_that_holds_them() {
    assert_eq!(refused::<v1::GetEntriesRequest>(&entry(64)), None);
    assert_eq!(refused::<v1::GetEntriesRequest>(&entry(65)), Some("proof"));
    assert_eq!(refused::<v1::GetAdminChainRequest>(&entry(65)), Some("proof"));
    let checkpoint = GetEntriesResponse { part: Some(Part::Checkpoint(Bytes::from(vec![0x12; 200]))) };
    assert_eq!(refused::<v1::GetEntriesRequest>(&checkpoint), None);
}

#[test]
fn entries_of_a_range_are_counted() {
    let range = |entries| v1::GetRangeResponse {
        part: Some(v1::get_range_response::Part::Entries(v1::RangeEntries {
            entries: vec![v1::RangeEntry::default(); entries],
        })),
    };
    assert_eq!(refused::<v1::GetRangeRequest>(&range(256)), None);
    assert_eq!(refused::<v1::GetRangeRequest>(&range(257)), Some("entries"));
}

#[test]
fn what_is_merged_when_it_is_read_is_counted_together() {
    let twice = [entry(40).encode_to_vec(), entry(40).encode_to_vec()].concat();
    let GetEntriesResponse { part: Some(Part::Entry(merged)) } =
        GetEntriesResponse::decode(twice.as_slice()).unwrap()
    else {
        panic!("an entry")
    };
    assert_eq!(merged.proof.len(), 80);
    assert_eq!(count(&twice, &[2, 4]).unwrap(), 80);
}

#[test]
fn each_list_of_a_chain_has_its_limit() {
    let trace = |nodes, edges, missing, hashes| TraceResponse {
        nodes: vec![Node::default(); nodes],
        edges: vec![Edge::default(); edges],
        missing: vec![String::new(); missing],
        as_of: Some(AsOf { consistency: vec![Bytes::new(); hashes], ..AsOf::default() }),
        ..TraceResponse::default()
    };
    let refused = |answer: TraceResponse| refused::<v1::TraceRequest>(&answer);
    assert_eq!(refused(trace(4_097, 2_048, MISSING_MAX, 126)), None);
    assert_eq!(refused(trace(4_098, 0, 0, 0)), Some("nodes"));
    assert_eq!(refused(trace(0, 2_049, 0, 0)), Some("edges"));
    assert_eq!(refused(trace(0, 0, MISSING_MAX + 1, 0)), Some("missing"));
    assert_eq!(refused(trace(0, 0, 0, 127)), Some("as_of.consistency"));
}

#[test]
fn no_bytes_panic_and_the_count_is_never_below_what_is_read() {
    let whole = entry(3).encode_to_vec();
    let head = &whole[..60];
    for at in 0..head.len() {
        for byte in [0, 1, 0x0b, 0x0c, 0x22, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            for bytes in [&bytes[..], &bytes[..at]] {
                let counted = count(bytes, &[2, 4]);
                if let Ok(GetEntriesResponse { part: Some(Part::Entry(read)) }) =
                    GetEntriesResponse::decode(bytes)
                {
                    assert!(counted.unwrap() >= read.proof.len(), "{at} {byte:x}");
                }
            }
        }
    }
}
