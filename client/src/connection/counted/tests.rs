use custody_wire::v1::get_entries_response::Part;
use custody_wire::v1::{AsOf, Edge, EntryEvidence, GetEntriesResponse, Node, TraceResponse};
use prost::bytes::Bytes;

use super::*;

/// Reads as the decoder does, and says what it refuses.
fn refused<R: Counted>(answer: &R::Answer) -> Option<&'static str> {
    let status = read::<R>(&answer.encode_to_vec()).err()?;
    match refusal(&status) {
        Some(FieldError::TooMany { field, max, found }) => {
            assert_eq!(*found, max + 1);
            Some(field)
        }
        other => panic!("{other:?}: {status}"),
    }
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

fn consistency(hashes: usize) -> v1::GetConsistencyResponse {
    v1::GetConsistencyResponse { proof: vec![Bytes::new(); hashes], ..v1::GetConsistencyResponse::default() }
}

fn as_of(hashes: usize) -> AsOf {
    AsOf { consistency: vec![Bytes::new(); hashes], ..AsOf::default() }
}

#[test]
fn hashes_without_content_are_counted_in_the_message_that_holds_them() {
    assert_eq!(refused::<v1::GetEntriesRequest>(&entry(64)), None);
    assert_eq!(refused::<v1::GetEntriesRequest>(&entry(65)), Some("proof"));
    assert_eq!(refused::<v1::GetAdminChainRequest>(&entry(65)), Some("proof"));
    assert_eq!(refused::<v1::GetConsistencyRequest>(&consistency(126)), None);
    assert_eq!(refused::<v1::GetConsistencyRequest>(&consistency(127)), Some("proof"));
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
    assert_eq!(count(&twice, &[2, 4], false).unwrap(), 80);
}

#[test]
fn each_list_of_a_chain_has_its_limit() {
    let trace = |nodes, edges, missing, hashes| TraceResponse {
        nodes: vec![Node::default(); nodes],
        edges: vec![Edge::default(); edges],
        missing: vec![String::new(); missing],
        as_of: Some(as_of(hashes)),
        ..TraceResponse::default()
    };
    let refused = |answer: TraceResponse| refused::<v1::TraceRequest>(&answer);
    assert_eq!(refused(trace(4_097, 2_048, 64, 126)), None);
    assert_eq!(refused(trace(4_098, 0, 0, 0)), Some("nodes"));
    assert_eq!(refused(trace(0, 2_049, 0, 0)), Some("edges"));
    assert_eq!(refused(trace(0, 0, 65, 0)), Some("missing"));
    assert_eq!(refused(trace(0, 0, 0, 127)), Some("as_of.consistency"));
}

#[test]
fn each_list_of_an_environment_has_its_limit() {
    let environment = |whole, parts, hashes, redacted| v1::EnvironmentResponse {
        whole: vec![7; whole],
        parts: vec![v1::EnvironmentPart::default(); parts],
        as_of: Some(as_of(hashes)),
        redacted: vec![7; redacted],
        ..v1::EnvironmentResponse::default()
    };
    let refused_one = |answer: v1::EnvironmentResponse| refused::<v1::EnvironmentRequest>(&answer);
    assert_eq!(refused_one(environment(20_000, 16_384, 126, 20_000)), None);
    assert_eq!(refused_one(environment(20_001, 0, 0, 0)), Some("whole"));
    assert_eq!(refused_one(environment(0, 16_385, 0, 0)), Some("parts"));
    assert_eq!(refused_one(environment(0, 0, 127, 0)), Some("as_of.consistency"));
    assert_eq!(refused_one(environment(0, 0, 0, 20_001)), Some("redacted"));
    let environments = |count| v1::EnvironmentsResponse {
        environments: vec![v1::KnownEnvironment::default(); count],
        ..v1::EnvironmentsResponse::default()
    };
    assert_eq!(refused::<v1::EnvironmentsRequest>(&environments(256)), None);
    assert_eq!(refused::<v1::EnvironmentsRequest>(&environments(257)), Some("environments"));
    let evidence = |artifacts, indexes| v1::EvidenceResponse {
        artifacts: vec![v1::EvidenceOf { indexes: vec![7; indexes], more: false }; artifacts],
        as_of: Some(as_of(1)),
    };
    assert_eq!(refused::<v1::EvidenceRequest>(&evidence(256, 64)), None);
    assert_eq!(refused::<v1::EvidenceRequest>(&evidence(257, 0)), Some("artifacts"));
    assert_eq!(refused::<v1::EvidenceRequest>(&evidence(1, 16_385)), Some("indexes"));
}

#[test]
fn each_list_of_an_impact_has_its_limit() {
    let impact = |edges, signed, hashes, redacted| v1::ImpactResponse {
        edges: vec![Edge::default(); edges],
        signed: vec![v1::SignedSubject::default(); signed],
        as_of: Some(as_of(hashes)),
        redacted: vec![7; redacted],
        ..v1::ImpactResponse::default()
    };
    let refused_one = |answer: v1::ImpactResponse| refused::<v1::ImpactRequest>(&answer);
    assert_eq!(refused_one(impact(8_192, 8_192, 126, 8_192)), None);
    assert_eq!(refused_one(impact(8_193, 0, 0, 0)), Some("edges"));
    assert_eq!(refused_one(impact(0, 8_193, 0, 0)), Some("signed"));
    assert_eq!(refused_one(impact(0, 0, 127, 0)), Some("as_of.consistency"));
    assert_eq!(refused_one(impact(0, 0, 0, 8_193)), Some("redacted"));
}

#[test]
fn what_fits_a_thing_has_a_limit() {
    let resolved = |nodes, hashes| v1::ResolveResponse {
        nodes: vec![Node::default(); nodes],
        as_of: Some(as_of(hashes)),
    };
    assert_eq!(refused::<v1::ResolveRequest>(&resolved(16, 126)), None);
    assert_eq!(refused::<v1::ResolveRequest>(&resolved(17, 0)), Some("nodes"));
    assert_eq!(refused::<v1::ResolveRequest>(&resolved(0, 127)), Some("as_of.consistency"));
}

/// Numbers stand side by side behind one key, or each behind its own: readers take both.
#[test]
fn indexes_are_counted_however_they_are_written() {
    let found = |indexes: usize, index, hashes| v1::FindResponse {
        indexes: vec![index; indexes],
        as_of: Some(as_of(hashes)),
        next: 7,
    };
    for index in [0, 1, 300, u64::MAX] {
        assert_eq!(refused::<v1::FindRequest>(&found(1_000, index, 126)), None);
        assert_eq!(refused::<v1::FindRequest>(&found(1_001, index, 0)), Some("indexes"));
    }
    assert_eq!(refused::<v1::FindRequest>(&found(0, 0, 127)), Some("as_of.consistency"));
    let packed = found(600, 5, 0).encode_to_vec();
    let apart = [0x08, 0x05].repeat(401);
    for bytes in [[packed.clone(), apart.clone()].concat(), [packed.clone(), packed].concat()] {
        let read_whole = v1::FindResponse::decode(bytes.as_slice()).unwrap();
        assert_eq!(count(&bytes, &[1], true).unwrap(), read_whole.indexes.len());
        assert!(read::<v1::FindRequest>(&bytes).is_err());
    }
    assert!(read::<v1::FindRequest>(&apart).is_ok());
}

/// A message of 4 MiB that is an entry of some bytes, and a field that nobody knows, holds some bytes once it is read.
#[test]
fn an_answer_that_is_kept_does_not_keep_the_message_that_it_came_in() {
    let mut padded = entry(3).encode_to_vec();
    let length = padded.len();
    let padding = limits::MESSAGE_BYTES_MAX - length - 8;
    // The field with the number 15, and its length in four bytes.
    let size = u32::try_from(padding).unwrap();
    padded.push(15 << 3 | 2);
    padded.extend([0, 7, 14].map(|shift| u8::try_from(size >> shift & 0x7f).unwrap() | 0x80));
    padded.push(u8::try_from(size >> 21).unwrap());
    padded.resize(padded.len() + padding, 0);
    let message = Bytes::from(padded);
    let kept = read::<v1::GetEntriesRequest>(&message).unwrap();
    assert_eq!(kept.encoded_len(), length);
    assert!(message.is_unique(), "the answer holds a part of the message");
    let shared = GetEntriesResponse::decode(message.clone()).unwrap();
    assert!(!message.is_unique(), "{}: this is what it would hold", shared.encoded_len());
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
                let counted = count(bytes, &[2, 4], false);
                if let Ok(GetEntriesResponse { part: Some(Part::Entry(read)) }) =
                    GetEntriesResponse::decode(bytes)
                {
                    assert!(counted.unwrap() >= read.proof.len(), "{at} {byte:x}");
                }
            }
        }
    }
}
