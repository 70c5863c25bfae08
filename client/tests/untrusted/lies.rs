//! A server that lies is refused, and the refusal says what was wrong; one that tells the truth is believed.

use std::sync::Arc;

use crate::double::{self, Lie, Log, Server};
use custody_client::check::{CheckError, Checked};
use custody_client::freshness::Freshness;
use custody_client::ledger::{At, Condition, ProtocolError, Query};
use custody_client::memory::Memory;
use custody_client::trust::{ReplayError, TrustFileError};
use custody_client::{Ledger, LedgerError, Level, RecordError, Trust};
use custody_evidence::admission::{
    Addition, AdmissionRecord, Attachment, Binding, CheckResult, Mark, SubmitterClaims,
};
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Node, NodeKind};
use custody_evidence::trust::Authority;
use custody_log::{LeafIndex, Timestamp, TreeSize};

pub(crate) const APPROVAL: &str = "urn:custody:approval:v1";
pub(crate) const APPROVED: &str = r#"{"for":"prod","approver":"alice","at":"2026-11-20T14:00:00Z"}"#;
pub(crate) const ARTIFACT: &[u8] = b"the artifact";

pub(crate) fn index(index: u64) -> LeafIndex {
    LeafIndex::new(index).unwrap()
}

/// Entry 0, two approvals, a second trust document, an approval.
pub(crate) fn log() -> Log {
    let mut log = Log::new();
    log.append_statement(APPROVAL, ARTIFACT, APPROVED);
    log.append_statement(APPROVAL, ARTIFACT, &APPROVED.replace("alice", "bob"));
    log.append_trust("pipeline");
    log.append_statement(APPROVAL, ARTIFACT, &APPROVED.replace("alice", "carol"));
    log
}

pub(crate) async fn lying(lie: Lie) -> (Server, tempfile::TempDir, Result<Ledger, LedgerError>) {
    let server = Server::start(log()).await;
    server.lie(lie);
    let dir = tempfile::tempdir().unwrap();
    let opened = server.open(dir.path()).await;
    (server, dir, opened)
}

/// The log is honest when it is opened, and lies from then on.
pub(crate) async fn lying_later(lie: Lie) -> (Server, tempfile::TempDir, Ledger) {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let ledger = server.open(dir.path()).await.unwrap();
    server.lie(lie);
    (server, dir, ledger)
}

#[tokio::test]
async fn an_honest_log_is_believed_and_every_entry_verified() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    assert_eq!(ledger.trust().versions().len(), 2);
    assert_eq!(ledger.trust().complete_to().get(), 5);
    let all: Vec<LeafIndex> = (0..5).map(index).collect();
    let checked = ledger.entries(&all, Level::Verified, &|_| {}).await.unwrap();
    assert!(checked.iter().all(|entry| entry.word() == "verified"));
    let node = Node::artifact(&Digest::sha256_of(ARTIFACT));
    let traced = ledger.trace(&node, At::Newest, 0).await.unwrap();
    assert_eq!(traced.edges.len(), 6);
    let as_of = ledger.trace(&node, At::Size(TreeSize::new(3).unwrap()), 0).await.unwrap();
    assert_eq!(as_of.as_of.size.get(), 3);
}

#[tokio::test]
async fn what_was_learned_is_remembered_and_extended() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    server.open(dir.path()).await.unwrap();
    server.log.lock().unwrap().append_trust("third");
    let ledger = server.open(dir.path()).await.unwrap();
    assert_eq!(ledger.trust().versions().len(), 3);
    assert_eq!(ledger.checkpoint().checkpoint().size().get(), 6);
}

#[tokio::test]
async fn refuses_a_wrong_inclusion_proof() {
    let (_server, _dir, opened) = lying(Lie::WrongProof).await;
    assert!(matches!(opened, Err(LedgerError::Replay(ReplayError::Receipt { .. }))), "{opened:?}");
    let (_server, _dir, mut ledger) = lying_later(Lie::WrongProof).await;
    let answer = ledger.entry(index(1)).await;
    assert!(matches!(answer, Err(LedgerError::Protocol(ProtocolError::Receipt { .. }))), "{answer:?}");
}

#[tokio::test]
async fn refuses_another_entry_than_the_one_asked_for() {
    let (_server, _dir, mut ledger) = lying_later(Lie::SwappedEntry).await;
    let answer = ledger.entry(index(1)).await;
    assert!(
        matches!(&answer, Err(LedgerError::Protocol(ProtocolError::WrongEntry { expected, found }))
            if (expected.get(), found.get()) == (1, 2)),
        "{answer:?}"
    );
}

#[tokio::test]
async fn refuses_the_admission_record_of_another_entry() {
    let (_server, _dir, mut ledger) = lying_later(Lie::SwappedRecord).await;
    let answer = ledger.entry(index(1)).await;
    assert!(matches!(answer, Err(LedgerError::Check(CheckError::RecordDigest { .. }))), "{answer:?}");
}

#[tokio::test]
async fn refuses_the_envelope_of_another_entry() {
    let (_server, _dir, mut ledger) = lying_later(Lie::SwappedEnvelope).await;
    let answer = ledger.entry(index(1)).await;
    assert!(matches!(answer, Err(LedgerError::Check(CheckError::EnvelopeDigest { .. }))), "{answer:?}");
}

#[tokio::test]
async fn notices_a_withheld_administrative_entry() {
    let (_server, _dir, opened) = lying(Lie::WithheldAdmin).await;
    assert!(
        matches!(&opened, Err(LedgerError::Replay(ReplayError::Withheld { expected, found, .. }))
            if (expected.get(), found.get()) == (3, 0)),
        "{opened:?}"
    );
}

/// A log that is told of a stolen key, and keeps it to itself, cannot answer any more.
#[tokio::test]
async fn notices_a_withheld_distrust() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let distrust = server.log.lock().unwrap().append_distrust(index(1));
    server.lie(Lie::WithheldAdmin);
    let answer = ledger.find(&Query { limit: 10, ..Query::default() }).await;
    assert!(
        matches!(&answer, Err(LedgerError::Replay(ReplayError::Withheld { expected, found, .. }))
            if (*expected, found.get()) == (distrust, 3)),
        "{answer:?}"
    );
    // Told of it, the same client finds the entry distrusted.
    server.honest();
    let entries = ledger.entries(&[index(1)], Level::Verified, &|_| {}).await.unwrap();
    assert_eq!(ledger.trust().current().entry.index, distrust);
    assert!(entries[0].distrust(&ledger.trust().current().state).is_some());
}

/// Whoever stands between client and log can show an old checkpoint, and cannot make it pass for a newer one.
#[tokio::test]
async fn an_old_checkpoint_hides_a_trust_document_from_no_answer() {
    let (server, _dir, opened) = lying(Lie::OldCheckpoint).await;
    let mut ledger = opened.unwrap();
    assert_eq!(ledger.checkpoint().checkpoint().size().get(), 3);
    assert_eq!((ledger.trust().versions().len(), ledger.trust().complete_to().get()), (1, 3));
    // The answer is as of the larger tree, so its trust documents are learned before it is given.
    let node = Node::artifact(&Digest::sha256_of(ARTIFACT));
    let traced = ledger.trace(&node, At::Newest, 0).await.unwrap();
    assert_eq!(traced.as_of.size.get(), 5);
    assert_eq!((ledger.trust().versions().len(), ledger.trust().complete_to().get()), (2, 5));
    server.log.lock().unwrap().append_trust("third");
    ledger.entry(index(1)).await.unwrap();
    assert_eq!((ledger.trust().versions().len(), ledger.trust().complete_to().get()), (3, 6));
}

#[tokio::test]
async fn an_old_checkpoint_with_the_administrative_entry_withheld_is_noticed() {
    let (server, _dir, opened) = lying(Lie::OldCheckpoint).await;
    let mut ledger = opened.unwrap();
    server.lie(Lie::WithheldAdmin);
    let answer = ledger.find(&Query { limit: 10, ..Query::default() }).await;
    assert!(
        matches!(&answer, Err(LedgerError::Replay(ReplayError::Withheld { expected, found, .. }))
            if (expected.get(), found.get()) == (3, 0)),
        "{answer:?}"
    );
}

#[tokio::test]
async fn refuses_an_entry_before_the_last_as_the_newest() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let ledger = server.open(dir.path()).await.unwrap();
    let mut file = ledger.trust().file().clone();
    file.entries.truncate(1);
    // Entry 2 names entry 0, in the tree of size 5, in which entry 3 is administrative.
    let early = server.log.lock().unwrap().receipt(index(2));
    file.newest = early.clone();
    let refused = |size| ReplayError::NotNewest { index: index(2), size: TreeSize::new(size).unwrap() };
    assert_eq!(Trust::verify(file).unwrap_err(), refused(5));
    assert_eq!(ledger.trust().extended_to(early).unwrap_err(), refused(5));
    let last = server.log.lock().unwrap().receipt(index(4));
    assert_eq!(ledger.trust().extended_to(last).unwrap().complete_to().get(), 5);
}

/// Appends to the honest log what no honest log appends, then an honest entry, and verifies the wrong one.
async fn verifying(
    version: usize,
    administrative: bool,
    change: impl FnOnce(&mut AdmissionRecord),
) -> Result<Checked, LedgerError> {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let envelope = double::log::envelope(APPROVAL, b"wrongly admitted", APPROVED);
    let wrong = server.log.lock().unwrap().append_wrongly(&envelope, version, administrative, change);
    server.log.lock().unwrap().append_statement(APPROVAL, b"another", APPROVED);
    let opened_later = server.open(dir.path()).await.unwrap().entry(wrong).await.map(drop);
    let answer = ledger.entry(wrong).await;
    assert_eq!(opened_later.is_ok(), answer.is_ok(), "{opened_later:?}, {answer:?}");
    answer
}

#[tokio::test]
async fn refuses_an_entry_admitted_under_a_trust_document_that_was_replaced() {
    let answer = verifying(0, false, |_| {}).await;
    let Err(LedgerError::Check(CheckError::WrongAdmin { index, expected, found })) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!((index.get(), expected.get(), found.map(LeafIndex::get)), (5, 3, Some(0)));
    verifying(1, false, |_| {}).await.unwrap();
}

#[tokio::test]
async fn refuses_an_ordinary_statement_that_is_marked_as_administrative() {
    let answer = verifying(1, true, |_| {}).await;
    assert!(
        matches!(answer, Err(LedgerError::Check(CheckError::Administrative { expected: false, .. }))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn refuses_an_admission_record_that_claims_what_nothing_proves() {
    type Change = fn(&mut AdmissionRecord);
    let claims: [(&str, Change); 8] = [
        ("submitter", |record| record.submitter = Some(SubmitterClaims::default())),
        ("binding", |record| record.binding = Some(Binding::Bound)),
        ("attachments", |record| {
            let digest = custody_log::BlobDigest::of(b"token");
            record.attachments.push(Attachment { digest, length: 5, media_type: "text/plain".to_owned() });
        }),
        ("checks", |record| record.checks[7].result = CheckResult::Marked),
        ("checks", |record| record.checks[7].result = CheckResult::NotChecked),
        // Who names no rules has not looked.
        ("checks", |record| record.screen = None),
        ("checks", |record| record.checks.truncate(6)),
        ("checks", |record| record.checks[5].result = CheckResult::Marked),
    ];
    for (expected, change) in claims {
        let answer = verifying(1, false, change).await;
        assert!(
            matches!(answer, Err(LedgerError::Check(CheckError::AdmissionDiffers { member, .. })) if member == expected),
            "{expected}: {answer:?}"
        );
    }
    let marked = |record: &mut AdmissionRecord| {
        record.checks[5].result = CheckResult::Marked;
        record.marks.push(Mark::FutureTime);
    };
    verifying(1, false, marked).await.unwrap();
}

#[tokio::test]
async fn refuses_a_receipt_with_an_admission_that_differs() {
    let (_server, _dir, mut ledger) = lying_later(Lie::InventedSubmitter).await;
    let envelope = double::log::envelope(APPROVAL, b"new", APPROVED);
    let answer = ledger.record(&envelope.clone().into(), Arc::new(|_| {})).await;
    assert!(
        matches!(
            answer,
            Err(RecordError::Ledger(LedgerError::Check(CheckError::AdmissionDiffers {
                member: "submitter",
                ..
            })))
        ),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_damaged_trust_file_is_named_and_nobody_is_blamed() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    server.open(&state).await.unwrap();
    let path = Memory::of(&state, &server.pin()).trust_path();
    let mut document: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    document["entries"][1]["envelope"] = "AAAA".into();
    std::fs::write(&path, document.to_string()).unwrap();
    let opened = server.open(&state).await;
    let Err(LedgerError::TrustFile { path: named, source }) = opened else { panic!("{opened:?}") };
    assert_eq!(named, path);
    assert!(matches!(*source, TrustFileError::Replay(ReplayError::Envelope { .. })), "{source:?}");
    let run = server.custody(dir.path(), &["find", "--predicate", APPROVAL]).await;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("hint: move ") && !run.stderr.contains("operator"), "{run:?}");
}

/// The fork has the size of the tree that is remembered, so the larger one of the two is no better known.
#[tokio::test]
async fn a_trust_file_of_a_fork_is_noticed_at_any_size() {
    let mut fork = log().cut(4);
    fork.append_statement(APPROVAL, b"another artifact", APPROVED);
    let (forked, dir) = (Server::start(fork).await, tempfile::tempdir().unwrap());
    let trust = forked.open(dir.path()).await.unwrap().trust().clone();
    for further in [0, 2] {
        let server = Server::start(log()).await;
        let dir = tempfile::tempdir().unwrap();
        server.open(&dir.path().join("state")).await.unwrap();
        for _ in 0..further {
            server.log.lock().unwrap().append_statement(APPROVAL, b"later", APPROVED);
        }
        let options = custody_client::Options {
            trust: Some(trust.clone()),
            ..server.options(&dir.path().join("state"))
        };
        let opened = Ledger::open(options).await;
        let Err(LedgerError::Fork { evidence, .. }) = opened else { panic!("{opened:?}") };
        assert_eq!(evidence.len(), 2);
        std::fs::write(dir.path().join("fork.json"), trust.file().encode()).unwrap();
        let run = server.custody(dir.path(), &["init", "--trust", "fork.json"]).await;
        assert!(run.code == 1 && run.stderr.contains("forked"), "{run:?}");
    }
}

#[tokio::test]
async fn a_cosignature_from_the_future_does_not_make_a_checkpoint_fresh() {
    for (age, expected) in [(-3600, "Ahead"), (-60, "Fresh"), (3, "Fresh"), (3600, "Stale")] {
        let mut log = log();
        log.freshness_age = Some(age);
        let server = Server::start(log).await;
        let dir = tempfile::tempdir().unwrap();
        let ledger = server.open(dir.path()).await.unwrap();
        let now = Timestamp::from_micros(jiff::Timestamp::now().as_microsecond()).unwrap();
        let found = format!("{:?}", Freshness::of(ledger.checkpoint(), ledger.trust(), now));
        assert!(found.starts_with(expected), "{age}: {found}");
        let run = server.custody(dir.path(), &["find", "--predicate", APPROVAL]).await;
        assert_eq!(run.stderr.contains("ahead of this machine's clock"), expected == "Ahead", "{run:?}");
    }
}

#[tokio::test]
async fn refuses_a_checkpoint_by_a_foreign_key() {
    let (_server, _dir, opened) = lying(Lie::ForeignKey).await;
    assert!(matches!(opened, Err(LedgerError::Replay(ReplayError::Receipt { .. }))), "{opened:?}");
    let (_server, _dir, mut ledger) = lying_later(Lie::ForeignKey).await;
    let answer = ledger.entry(index(1)).await;
    assert!(matches!(answer, Err(LedgerError::Checkpoint(_))), "{answer:?}");
}

#[tokio::test]
async fn refuses_an_answer_as_of_a_tree_that_the_log_never_had() {
    let (_server, _dir, mut ledger) = lying_later(Lie::ForeignRoot).await;
    let node = Node::named(NodeKind::Artifact, "sha256:00").unwrap();
    for at in [At::Newest, At::Size(TreeSize::new(2).unwrap())] {
        let answer = ledger.trace(&node, at, 0).await;
        assert!(matches!(answer, Err(LedgerError::Protocol(ProtocolError::AsOf { .. }))), "{answer:?}");
    }
}

#[tokio::test]
async fn refuses_an_answer_that_did_not_search_the_whole_tree() {
    let (_server, _dir, mut ledger) = lying_later(Lie::NotCovered).await;
    let answer = ledger.find(&Query { limit: 10, ..Query::default() }).await;
    assert!(matches!(answer, Err(LedgerError::Protocol(ProtocolError::NotCovered { .. }))), "{answer:?}");
}

/// Every edge is what its entry says, and none has to do with what was asked about; `prod` and `alice` are in both.
#[tokio::test]
async fn refuses_the_chain_of_another_artifact() {
    for own_evidence in [false, true] {
        let server = Server::start(log()).await;
        if own_evidence {
            server.log.lock().unwrap().append_statement(APPROVAL, b"evil", APPROVED);
        }
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = server.open(dir.path()).await.unwrap();
        server.lie(Lie::UnrelatedEdges);
        let evil = Node::artifact(&Digest::sha256_of(b"evil"));
        let answer = ledger.trace(&evil, At::Newest, 0).await;
        assert!(
            matches!(&answer, Err(LedgerError::UnrelatedEdge { asked, entry, .. })
                if *asked == evil.to_string() && entry.get() > 0),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn refuses_edges_that_are_further_away_than_asked() {
    let (_server, _dir, mut ledger) = lying_later(Lie::UnrelatedEdges).await;
    // Nothing but approvals of one artifact: all of them one edge away.
    let node = Node::artifact(&Digest::sha256_of(ARTIFACT));
    assert_eq!(ledger.trace(&node, At::Newest, 1).await.unwrap().edges.len(), 6);
    let prod = Node::named(NodeKind::Environment, "prod").unwrap();
    let answer = ledger.trace(&prod, At::Newest, 1).await;
    assert!(matches!(answer, Err(LedgerError::UnrelatedEdge { .. })), "{answer:?}");
}

#[tokio::test]
async fn finds_what_stands_behind_empty_pages() {
    let mut log = log();
    for number in 0..6 {
        log.append_statement(APPROVAL, format!("another artifact {number}").as_bytes(), APPROVED);
    }
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let about = Condition::about(&Node::artifact(&Digest::sha256_of(ARTIFACT))).unwrap();
    let mut question = Query { conditions: vec![about], limit: 10, ..Query::default() };
    let found = ledger.find(&question).await.unwrap();
    assert_eq!((found.indexes, found.next), ([4, 2, 1].map(index).into(), None));
    question.limit = 1;
    let found = ledger.find(&question).await.unwrap();
    assert_eq!((found.indexes, found.next), (vec![index(4)], Some(3)), "no more than asked for");
}

#[tokio::test]
async fn refuses_another_log_under_the_pinned_name() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut options = server.options(dir.path());
    options.pin.genesis = custody_log::EntryDigest::of(b"another entry 0");
    let opened = Ledger::open(options).await;
    assert!(matches!(opened, Err(LedgerError::Replay(ReplayError::Genesis { .. }))), "{opened:?}");
}

#[tokio::test]
async fn a_smaller_tree_signed_today_is_a_rollback_with_evidence() {
    for ignores_min_size in [false, true] {
        let server = Server::start(log()).await;
        let dir = tempfile::tempdir().unwrap();
        server.open(dir.path()).await.unwrap();
        let mut restored = log().cut(3);
        restored.freshness_age = Some(0);
        *server.log.lock().unwrap() = restored;
        if ignores_min_size {
            server.lie(Lie::IgnoresMinSize);
        }
        let opened = server.open(dir.path()).await;
        let Err(LedgerError::Rollback { expected, found, evidence }) = opened else { panic!("{opened:?}") };
        assert_eq!((expected.get(), found.get()), (5, 3));
        assert_eq!(evidence.len(), 2);
        assert!(evidence.iter().all(|path| path.exists()));
    }
}

#[tokio::test]
async fn a_smaller_tree_from_the_past_is_lag() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    server.open(dir.path()).await.unwrap();
    let mut lagging = log().cut(3);
    lagging.freshness_age = Some(3600);
    *server.log.lock().unwrap() = lagging;
    let opened = server.open(dir.path()).await;
    assert!(matches!(opened, Err(LedgerError::Behind { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_tree_that_does_not_extend_the_one_seen_is_a_fork_with_evidence() {
    for further in [0, 1, 2] {
        let server = Server::start(log()).await;
        let dir = tempfile::tempdir().unwrap();
        server.open(dir.path()).await.unwrap();
        let mut fork = log().cut(4);
        for _ in 0..=further {
            fork.append_statement(APPROVAL, b"another artifact", APPROVED);
        }
        *server.log.lock().unwrap() = fork;
        let opened = server.open(dir.path()).await;
        let Err(LedgerError::Fork { evidence, .. }) = opened else { panic!("{opened:?}") };
        assert_eq!(evidence.len(), 2);
        assert!(evidence.iter().all(|path| path.exists()));
    }
}

#[tokio::test]
async fn records_at_once_and_in_pieces_and_knows_a_duplicate() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let sent = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let seen = Arc::clone(&sent);
    let progress: custody_client::ledger::Progress =
        Arc::new(move |bytes| seen.store(bytes, std::sync::atomic::Ordering::Relaxed));
    let large = format!(r#"{{"filler":"{}"}}"#, "x".repeat(3 << 20));
    for predicate in ["{}", &large] {
        let envelope = double::log::envelope("https://example.com/any/v1", ARTIFACT, predicate);
        let recorded = ledger.record(&envelope.clone().into(), Arc::clone(&progress)).await.unwrap();
        assert!(!recorded.duplicate);
        assert_eq!(recorded.logged.entry().envelope.digest, envelope.digest());
        assert_eq!(sent.load(std::sync::atomic::Ordering::Relaxed), envelope.bytes().len() as u64);
        let again = ledger.record(&envelope.clone().into(), Arc::clone(&progress)).await.unwrap();
        assert!(again.duplicate);
        assert_eq!(again.logged.entry(), recorded.logged.entry());
    }
}

#[tokio::test]
async fn refuses_a_receipt_for_something_else() {
    let (_server, _dir, mut ledger) = lying_later(Lie::OtherReceipt).await;
    let envelope = double::log::envelope(APPROVAL, b"new", APPROVED);
    let answer = ledger.record(&envelope.clone().into(), Arc::new(|_| {})).await;
    assert!(matches!(answer, Err(RecordError::OtherContent { .. })), "{answer:?}");
}

/// The content of entry 1, signed by a second key that may record it.
pub(crate) fn signed_again(server: &Server) -> custody_evidence::dsse::Envelope {
    use custody_evidence::dsse::Envelope;
    let second = custody_evidence::key::SigningKey::from_seed(&[8; 32]);
    let mut log = server.log.lock().unwrap();
    log.append_writer(&second);
    let first = Envelope::parse(&log.stored[1].envelope).unwrap();
    Envelope::sign(first.payload_type(), first.payload(), &[&second]).unwrap()
}

#[tokio::test]
async fn refuses_a_duplicate_that_lacks_the_signature_sent() {
    let server = Server::start(log()).await;
    let envelope = signed_again(&server);
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    server.lie(Lie::FalseDuplicate);
    let answer = ledger.record(&envelope.clone().into(), Arc::new(|_| {})).await;
    assert!(
        matches!(&answer, Err(RecordError::NotADuplicate { index, .. }) if index.get() == 1),
        "{answer:?}"
    );
}

#[tokio::test]
async fn refuses_a_duplicate_that_counts_for_less_than_what_was_sent() {
    let mut log = log();
    log.append_authority(Authority::Imported);
    let first = log.append_statement("https://example.com/any/v1", b"new", "{}");
    log.append_authority(Authority::Own);
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    // In other bytes, so that it is no retry.
    let spaced = |spaces: &str| {
        let envelope = double::log::envelope("https://example.com/any/v1", b"new", "{}");
        let bytes = [b"{", spaces.as_bytes(), &envelope.bytes()[1..]].concat();
        custody_evidence::dsse::Envelope::parse(&bytes).unwrap()
    };
    server.lie(Lie::FalseDuplicate);
    let answer = ledger.record(&spaced(" ").into(), Arc::new(|_| {})).await;
    let adds = Addition::Authority(Authority::Own);
    assert!(
        matches!(&answer, Err(RecordError::NotADuplicate { index, adds: found }) if *index == first && *found == adds),
        "{answer:?}"
    );
    // With an entry that has it, the first one is believed.
    let second = server.log.lock().unwrap().append(&spaced("  ")).unwrap();
    let answer = ledger.record(&spaced(" ").into(), Arc::new(|_| {})).await.unwrap();
    assert_eq!((answer.duplicate, answer.logged.entry().index, answer.also), (true, first, vec![second]));
}

#[tokio::test]
async fn believes_a_duplicate_whose_signature_is_in_a_later_entry() {
    let server = Server::start(log()).await;
    let envelope = signed_again(&server);
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let recorded = ledger.record(&envelope.clone().into(), Arc::new(|_| {})).await.unwrap();
    assert_eq!((recorded.duplicate, recorded.logged.entry().index.get()), (false, 6));
    // In other bytes: the log answers with the first entry of this content, which another key signed.
    let spaced = [b"{ ", &envelope.bytes()[1..]].concat();
    let spaced = custody_evidence::dsse::Envelope::parse(&spaced).unwrap();
    let again = ledger.record(&spaced.clone().into(), Arc::new(|_| {})).await.unwrap();
    assert_eq!((again.duplicate, again.logged.entry().index.get()), (true, 1));
    assert_eq!(again.also, [index(6)]);
}

#[tokio::test]
async fn a_refused_envelope_keeps_the_stable_word() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let stranger = custody_evidence::key::SigningKey::from_seed(&[8; 32]);
    let payload = double::log::envelope(APPROVAL, ARTIFACT, APPROVED);
    let envelope =
        custody_evidence::dsse::Envelope::sign(payload.payload_type(), payload.payload(), &[&stranger])
            .unwrap();
    let answer = ledger.record(&envelope.clone().into(), Arc::new(|_| {})).await;
    assert!(matches!(&answer, Err(RecordError::Refused { word, .. }) if word == "unknown_key"), "{answer:?}");
}
