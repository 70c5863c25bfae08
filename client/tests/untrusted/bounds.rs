//! Answers without an end, and answers that are larger than they look.

use std::sync::Arc;

use custody_client::connection::CallError;
use custody_client::ledger::{At, ProtocolError, Query};
use custody_client::{Ledger, LedgerError, RecordError};
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::Node;
use custody_log::TreeSize;
use custody_wire::convert::FieldError;

use crate::double::{Lie, Server};
use crate::lies::{APPROVAL, APPROVED, ARTIFACT, index, log, lying, lying_later, signed_again};

/// It would never end: what was asked for is known, so the first part too many is refused.
#[tokio::test]
async fn refuses_an_endless_answer() {
    let (_server, _dir, opened) = lying(Lie::Endless).await;
    assert!(matches!(opened, Err(LedgerError::Protocol(ProtocolError::Unexpected { .. }))), "{opened:?}");
    let (server, _dir, mut ledger) = lying_later(Lie::Endless).await;
    let answer = ledger.entry(index(1)).await;
    assert!(matches!(answer, Err(LedgerError::Protocol(ProtocolError::Unexpected { .. }))), "{answer:?}");
    server.log.lock().unwrap().append_trust("third");
    let answer = ledger.refresh().await;
    assert!(matches!(answer, Err(LedgerError::Protocol(ProtocolError::Unexpected { .. }))), "{answer:?}");
}

#[tokio::test]
async fn refuses_a_page_that_leads_nowhere() {
    for lie in [Lie::StandsStill, Lie::StepsBack] {
        // A page of the double has two entries: with a limit of two the first one is full.
        for limit in [2, 10] {
            let (_server, _dir, mut ledger) = lying_later(lie).await;
            let answer = ledger.find(&Query { limit, ..Query::default() }).await;
            assert!(
                matches!(answer, Err(LedgerError::Protocol(ProtocolError::Unexpected { .. }))),
                "{lie:?}, {limit}: {answer:?}"
            );
        }
    }
}

/// Opens the log with time for long answers, also on a slow machine.
async fn open_patiently(server: &Server, dir: &tempfile::TempDir) -> Result<Ledger, LedgerError> {
    let (timeout, retry_for) = (std::time::Duration::from_mins(5), std::time::Duration::from_millis(200));
    let patience = custody_client::Patience { timeout, retry_for };
    Ledger::open(custody_client::Options { patience, ..server.options(dir.path()) }).await
}

/// Two bytes of an answer would be up to 210 of memory: what is refused is the count, before any of it is read.
#[tokio::test]
async fn refuses_lists_of_nothing_before_they_are_read() {
    let refused = |error: LedgerError| match error {
        LedgerError::Call(CallError::TooMany(FieldError::TooMany { field, found, .. })) => {
            assert!(found >= 100_000, "{field}: {found}");
            field
        }
        other => panic!("{other:?}"),
    };
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open_patiently(&server, &dir).await.unwrap();
    server.lie(Lie::Padded);
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(refused(open_patiently(&server, &elsewhere).await.unwrap_err()), "proof");
    assert_eq!(refused(ledger.entry(index(1)).await.unwrap_err()), "proof");
    let node = Node::artifact(&Digest::sha256_of(ARTIFACT));
    assert_eq!(refused(ledger.trace(&node, At::Newest, 0).await.unwrap_err()), "edges");
    assert_eq!(refused(ledger.resolve(&[node.id().to_owned()], None).await.unwrap_err()), "nodes");
    let at = At::Size(TreeSize::new(3).unwrap());
    let found = ledger.find(&Query { limit: 10, at, ..Query::default() }).await;
    assert_eq!(refused(found.unwrap_err()), "as_of.consistency");
    server.log.lock().unwrap().append_statement(APPROVAL, ARTIFACT, &APPROVED.replace("alice", "dave"));
    assert_eq!(refused(ledger.refresh().await.unwrap_err()), "proof");
}

/// Every page moves on, and the log is long.
#[tokio::test]
async fn ends_a_search_that_the_server_never_ends() {
    let mut log = log();
    for number in 0..300 {
        log.append_statement("https://example.com/any/v1", format!("{number}").as_bytes(), "{}");
    }
    let server = Server::start(log).await;
    let envelope = signed_again(&server);
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open_patiently(&server, &dir).await.unwrap();
    let size = ledger.checkpoint().checkpoint().size().get();
    server.lie(Lie::EmptyPages);
    let found = ledger.find(&Query { limit: 10, ..Query::default() }).await.unwrap();
    assert_eq!((found.indexes.len(), found.next), (0, Some(size - 256)));
    server.lie(Lie::FalseDuplicate);
    let answer = ledger.record(&envelope, Arc::new(|_| {})).await;
    assert!(
        matches!(&answer, Err(RecordError::Ledger(LedgerError::Unsearched { below })) if *below == size - 256),
        "{answer:?}"
    );
    // "No record" would be a guess.
    let digest = Digest::sha256_of(ARTIFACT).to_string();
    for args in [["find", "--subject", &digest].as_slice(), &["show", &digest]] {
        let run = server.custody(dir.path(), args).await;
        assert!(run.code == 3 && run.stdout.is_empty(), "{args:?}: {run:?}");
    }
}
