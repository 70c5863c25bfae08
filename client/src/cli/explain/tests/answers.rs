//! Answers that are not to be believed.

use custody_client::check::CheckError;
use custody_client::ledger::ProtocolError;
use custody_client::trust::ReplayError;
use custody_evidence::admission;
use custody_evidence::dsse::EnvelopeError;
use custody_evidence::statement::StatementError;
use custody_evidence::trust::TrustError;
use custody_log::{BlobDigest, CheckpointError, EntryDigest, ProofError, ReceiptError};
use custody_wire::convert::FieldError;

use super::*;

#[test]
fn every_answer_that_is_not_believed_has_its_words() {
    let kept = || PathBuf::from("/home/u/.local/state/custody/trust.json");
    let evidence = || vec![PathBuf::from("state/a.checkpoint"), PathBuf::from("state/b.checkpoint")];
    let ledger = every!(LedgerError {
        Address(AddressError::Form { found: "localhost".to_owned() }),
        Call(CallError::Unreachable { server: "http://h:1".to_owned(), why: "refused".to_owned() }),
        Behind { expected: size(8), found: size(7) },
        NoSuchTree { asked: size(9), newest: size(8) },
        Rollback { expected: size(8), found: size(7), evidence: evidence() },
        Rollback { expected: size(8), found: size(7), evidence: Vec::new() },
        Fork { old: size(7), new: size(8), evidence: evidence() },
        Checkpoint(CheckpointError::Lines),
        Replay(ReplayError::Empty),
        Protocol(ProtocolError::Ended { expected: "the receipt" }),
        Check(CheckError::RecordMissing { index: index(7) }),
        ForgedEdge {
            from: "sha256:00".to_owned(),
            kind: "built-from".to_owned(),
            to: "gitCommit:00".to_owned(),
            entry: index(7),
        },
        NotRedacted { entry: index(7) },
        NotShown { kind: "signer_change".to_owned(), thing: "artifact sha256:00".to_owned(), entry: index(7) },
        OtherNode { asked: "sha256:00".to_owned(), found: "sha256:01".to_owned() },
        UnrelatedEdge {
            asked: "sha256:00".to_owned(),
            edge: "sha256:01 built-from gitCommit:00".to_owned(),
            entry: index(7),
        },
        NotAsked { entry: index(7), condition: "environment prod".to_owned() },
        Unsearched { below: 700 },
        TooMuch { checked: 3, of: 4 },
        Memory(MemoryError::Read { path: kept(), why: denied() }),
        TrustFile { path: kept(), source: Box::new(TrustFileError::Critical { name: "quorum".to_owned() }) },
        Remembered { path: kept(), source: CheckpointError::Lines },
    });
    let protocol = every!(ProtocolError {
        Field(FieldError::Missing { field: "checkpoint" }),
        Ended { expected: "the receipt" },
        Unexpected { found: "a second receipt" },
        WrongEntry { expected: index(7), found: index(8) },
        Receipt { index: index(7), source: ReceiptError::Unended },
        BadReceipt(ReceiptError::Unended),
        Consistency(ProofError::HashCount { expected: 3, found: 2 }),
        AsOf { size: size(8), checkpoint: size(7) },
        WrongTime {
            asked: "2026-11-20T14:00:00.000000Z".parse().unwrap(),
            size: size(8),
            index: index(7),
            found: "2026-11-21T14:00:00.000000Z".parse().unwrap(),
        },
        NotCovered { expected: size(8), found: size(7) },
        EnvelopeLength { index: index(7), expected: 624 },
        Truncated { size: size(8), next: index(7) },
        Attachment { index: index(7), expected: BlobDigest::of(b"expected"), found: BlobDigest::of(b"found") },
    });
    let text = [
        texts("LedgerError", ledger, Failure::from),
        texts("ProtocolError", protocol, |error| LedgerError::from(error).into()),
    ];
    golden("answers", &text.concat());
}

#[test]
fn every_entry_that_is_not_believed_has_its_words() {
    let at = || index(7);
    let json = || custody_evidence::json::check(b"{").unwrap_err();
    let check = every!(CheckError {
        RecordMissing { index: at() },
        RecordDigest { index: at(), expected: record("a"), found: record("b") },
        Record { index: at(), source: admission::RecordError::Json(json()) },
        EnvelopeDigest { index: at(), expected: envelope("a"), found: envelope("b") },
        Envelope { index: at(), source: EnvelopeError::NoSignature.into() },
        Content { index: at(), expected: content("a"), found: content("b") },
        Statement { index: at(), source: StatementError::NoType.into() },
        UnknownTrust { index: at(), known: size(7) },
        WrongAdmin { index: at(), expected: index(3), found: None },
        WrongAdmin { index: at(), expected: index(3), found: Some(index(2)) },
        Administrative { index: at(), expected: true },
        Administrative { index: at(), expected: false },
        NotAdmissible { index: at(), refusal: Box::new(admission::Refusal::NoSubject) },
        RestsOn { index: at(), on: 3 },
        AdmissionDiffers { index: at(), member: "signers" },
    });
    let replay = every!(ReplayError {
        Empty,
        Genesis { expected: EntryDigest::of(b"a"), found: EntryDigest::of(b"b") },
        NotAdministrative { index: at() },
        Gap { index: at(), expected: Some(index(3)), found: None },
        Withheld { witness: at(), expected: index(5), found: index(3) },
        NotNewest { index: at(), size: size(9) },
        Envelope { index: at(), expected: envelope("a"), found: envelope("b") },
        Content { index: at(), expected: content("a"), found: content("b") },
        Record { index: at(), expected: record("a"), found: record("b") },
        NotAnEnvelope { index: at(), source: EnvelopeError::NoSignature },
        Trust { index: at(), source: TrustError::NoPredicate },
        Receipt { index: at(), source: ReceiptError::Unended },
    });
    let text = [texts("CheckError", check, Failure::from), texts("ReplayError", replay, Failure::from)];
    golden("entries", &text.concat());
}
