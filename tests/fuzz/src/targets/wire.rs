//! Messages, and the way from them to values.

use custody_evidence::Node;
use custody_log::{LeafIndex, TreeSize};
use custody_wire::{Refusal, convert, v1};
use prost::Message;
use tonic::{Code, Status};

use super::Target;
use crate::claim::{Outcome, bounded, refused, same_bytes};
use crate::corpus::Corpus;

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "wire.node",
        max: 5 << 10,
        rounds: 3000,
        words: &["artifact", "commit", "run"],
        seeds: nodes,
        run: node,
    },
    Target { name: "wire.proof", max: 8 << 10, rounds: 3000, words: &[], seeds: proofs, run: proof },
    Target {
        name: "wire.status",
        max: 2 << 10,
        rounds: 3000,
        words: &["custody.v1", "type.googleapis.com/google.rpc.ErrorInfo"],
        seeds: statuses,
        run: status,
    },
    Target { name: "wire.messages", max: 4 << 10, rounds: 4000, words: &[], seeds: messages, run: message },
];

fn not_a_message(error: &prost::DecodeError) -> Outcome {
    refused(error)
}

fn node(bytes: &[u8]) -> Outcome {
    let message = match v1::Node::decode(bytes) {
        Ok(message) => message,
        Err(error) => return not_a_message(&error),
    };
    match convert::node("node", &message) {
        Ok(node) => {
            let written = convert::node_to_wire(&node, Some(&message.label));
            assert_eq!(written.kind, message.kind);
            assert_eq!(convert::node("node", &written).as_ref(), Ok(&node));
            assert!(node.id().len() <= Node::ID_MAX);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// Positions and hashes, as answers carry them.
fn proof(bytes: &[u8]) -> Outcome {
    let message = match v1::GetConsistencyResponse::decode(bytes) {
        Ok(message) => message,
        Err(error) => return not_a_message(&error),
    };
    for number in bytes.as_chunks::<8>().0.iter().map(|number| u64::from_be_bytes(*number)) {
        assert_eq!(convert::leaf_index("index", number).ok(), LeafIndex::new(number).ok());
        assert_eq!(convert::tree_size("size", number).ok(), TreeSize::new(number).ok());
        assert_eq!(
            convert::optional_size("size", number).ok().flatten().is_none(),
            number == 0 || number > i64::MAX as u64
        );
    }
    assert_eq!(convert::root_hash("root", bytes).is_ok(), bytes.len() == 32);
    assert_eq!(convert::envelope_digest("digest", bytes).is_ok(), bytes.len() == 32);
    match convert::hashes("proof", &message.proof) {
        Ok(hashes) => {
            assert_eq!(convert::hashes_to_wire(&hashes), message.proof);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// A refusal survives being sent on.
fn status(bytes: &[u8]) -> Outcome {
    let status = Status::with_details(Code::FailedPrecondition, "what happened", bytes.to_vec().into());
    match Refusal::from_status(&status) {
        Some(refusal) => {
            bounded(bytes.len(), &refusal, 12, 1024);
            assert_eq!(Refusal::from_status(&refusal.clone().into()).as_ref(), Some(&refusal));
            assert!(refusal.reason().is_none_or(|reason| reason.word() == refusal.word()));
            Outcome::Accepted
        }
        None => Outcome::Refused("not a refusal of ours".to_owned()),
    }
}

/// The first byte says which message.
fn message(bytes: &[u8]) -> Outcome {
    let Some((which, rest)) = bytes.split_first() else { return Outcome::Refused("nothing".to_owned()) };
    KINDS[usize::from(*which) % KINDS.len()](rest)
}

/// What is decoded is encoded in few bytes more, and read as the same.
fn kind<M: Message + Default + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Outcome {
    match M::decode(bytes) {
        Ok(message) => {
            let written = message.encode_to_vec();
            assert!(written.len() <= 2 * bytes.len() + 16, "{} bytes became {}", bytes.len(), written.len());
            let again = M::decode(written.as_slice()).expect("what we write, we read");
            same_bytes("message", &again.encode_to_vec(), &written);
            bounded(bytes.len(), &message, 400, 4096);
            Outcome::Accepted
        }
        Err(error) => not_a_message(&error),
    }
}

const KINDS: [fn(&[u8]) -> Outcome; 19] = [
    kind::<v1::RecordRequest>,
    kind::<v1::RecordStreamRequest>,
    kind::<v1::RecordResponse>,
    kind::<v1::GetLogResponse>,
    kind::<v1::GetCheckpointResponse>,
    kind::<v1::GetConsistencyRequest>,
    kind::<v1::GetEntriesRequest>,
    kind::<v1::GetEntriesResponse>,
    kind::<v1::GetAttachmentRequest>,
    kind::<v1::GetReceiptResponse>,
    kind::<v1::GetRangeResponse>,
    kind::<v1::GetTileRequest>,
    kind::<v1::ResolveResponse>,
    kind::<v1::FindRequest>,
    kind::<v1::TraceResponse>,
    kind::<v1::EnvironmentsResponse>,
    kind::<v1::EnvironmentResponse>,
    kind::<v1::EvidenceResponse>,
    kind::<v1::ImpactResponse>,
];

fn nodes(_: &Corpus) -> Vec<Vec<u8>> {
    let node = |kind: &str, id: &str| v1::Node { kind: kind.into(), id: id.into(), label: "a label".into() };
    vec![
        node("artifact", "sha256:abcd").encode_to_vec(),
        node("run", "https://example.com/1").encode_to_vec(),
    ]
}

fn proofs(_: &Corpus) -> Vec<Vec<u8>> {
    let of = |count: u8| {
        let hashes = (0..count).map(|hash| vec![hash; 32].into()).collect();
        v1::GetConsistencyResponse { proof: hashes, ..Default::default() }.encode_to_vec()
    };
    vec![of(0), of(3), of(126), of(127), vec![0; 32]]
}

fn statuses(_: &Corpus) -> Vec<Vec<u8>> {
    let refusal = Refusal::new(custody_wire::Reason::Behind, "what happened").value("size", 7);
    vec![Status::from(refusal).details().to_vec()]
}

/// Each kind with the bytes that there are: a field of one message is often one of another.
fn messages(corpus: &Corpus) -> Vec<Vec<u8>> {
    let envelope = corpus.example("envelope-1.json");
    let bodies = [
        v1::RecordRequest { envelope: envelope.into(), ..Default::default() }.encode_to_vec(),
        proofs(corpus).swap_remove(1),
        nodes(corpus).swap_remove(0),
        Vec::new(),
    ];
    let of = |which: usize| bodies.iter().map(move |body| [vec![which as u8], body.clone()].concat());
    (0..KINDS.len()).flat_map(of).collect()
}
