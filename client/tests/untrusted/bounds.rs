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
    assert_eq!(refused(ledger.resolve(&[node.id().to_owned()], At::Newest).await.unwrap_err()), "nodes");
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
    let answer = ledger.record(&envelope.clone().into(), Arc::new(|_| {})).await;
    assert!(
        matches!(&answer, Err(RecordError::Ledger(LedgerError::Unsearched { below })) if *below == size - 256),
        "{answer:?}"
    );
    // "No record" would be a guess.
    let digest = Digest::sha256_of(ARTIFACT).to_string();
    for args in [["find", "--subject", &digest].as_slice(), &["show", &digest]] {
        let run = server.custody(dir.path(), &[args, &["--timeout", "5m"]].concat()).await;
        assert!(run.code == 3 && run.stdout.is_empty(), "{args:?}: {run:?}");
        let said = ["error: the search was given up", &format!("--next {} goes on there", size - 256)];
        assert!(said.iter().all(|said| run.stderr.contains(said)), "{args:?}: {run:?}");
        assert!(!run.stderr.contains("recording"), "{args:?}: {run:?}");
    }
    let args = ["find", "--subject", &digest, "--timeout", "5m", "-o", "json"];
    let run = server.custody(dir.path(), &args).await;
    let page: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(run.code == 3 && page["next"] == size - 256, "{run:?}");
}

/// 256 pages of a quarter of a second are more than a minute, and a file makes four questions.
#[tokio::test]
async fn a_search_ends_when_the_time_of_a_call_is_over() {
    let mut log = log();
    for number in 0..300 {
        log.append_statement("https://example.com/any/v1", format!("{number}").as_bytes(), "{}");
    }
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let patience = custody_client::Patience {
        timeout: std::time::Duration::from_secs(5),
        retry_for: std::time::Duration::from_millis(200),
    };
    let options = custody_client::Options { patience, ..server.options(dir.path()) };
    let mut ledger = Ledger::open(options).await.unwrap();
    let size = ledger.checkpoint().checkpoint().size().get();
    server.lie(Lie::EmptyPages);
    server.lie(Lie::SlowPages);
    let question = Query { limit: 10, ..Query::default() };
    let found = ledger.find(&question).await.unwrap();
    assert!(found.indexes.is_empty() && found.next.unwrap() > size - 100, "{found:?}");
    // Nothing was heard of the last question: its answer may begin at the newest entry.
    let found = ledger.find_any(&vec![question; 4]).await.unwrap();
    assert_eq!((found.indexes.len(), found.next), (0, Some(size)));
}

/// One entry is shown if it is the only one, and what was not searched may hold another.
#[tokio::test]
async fn an_entry_is_not_shown_as_the_only_one_before_the_search_ends() {
    let mut log = log();
    for number in 0..600 {
        log.append_statement("https://example.com/any/v1", format!("{number}").as_bytes(), "{}");
    }
    let last = log.append_statement(APPROVAL, b"found", APPROVED);
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let digest = Digest::sha256_of(b"found").to_string();
    // The double reads two entries for a page: 256 pages do not lead to the end.
    let run = server.custody(dir.path(), &["show", &digest, "--timeout", "5m"]).await;
    assert!(run.code == 3 && run.stdout.is_empty(), "{run:?}");
    assert!(run.stderr.contains("error: the search was given up"), "{run:?}");
    let run = server.custody(dir.path(), &["find", "--subject", &digest, "--timeout", "5m"]).await;
    assert!(run.code == 0 && run.stdout.contains(&format!("{last}  ")), "{run:?}");
    assert!(
        run.stderr.contains("that no other one from") && !run.stderr.contains("no other entry fits"),
        "{run:?}"
    );
}

/// Four envelopes of 29 MB take 352 MB once they are verified, three 264: 256 MiB are 268.
#[tokio::test]
async fn large_statements_are_verified_as_far_as_there_is_memory() {
    let mut log = log();
    let large = format!(r#"{{"text":"{}"}}"#, "x".repeat(22_000_000));
    for number in 0..4 {
        log.append_statement("urn:example:large:v1", format!("{number}").as_bytes(), &large);
    }
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let find = async |more: &[&str]| {
        let args = [&["find", "--predicate", "urn:example:large:v1", "--timeout", "5m"], more].concat();
        server.custody(dir.path(), &args).await
    };
    let run = find(&[]).await;
    assert!(run.code == 0 && run.stdout.matches("  logged  ").count() == 4, "{run:?}");
    assert!(
        run.stderr.contains("they are logged here") && run.stderr.contains("4 entries logged here"),
        "{run:?}"
    );
    let run = find(&["--verify", "full"]).await;
    assert!(run.code == 3 && run.stdout.is_empty(), "{run:?}");
    assert!(
        run.stderr.contains("error: 4 entries take more than 256 MiB of memory, 3 of them had room"),
        "{run:?}"
    );
    let run = find(&["--verify", "full", "--limit", "2"]).await;
    assert!(run.code == 0 && run.stdout.matches("  verified  ").count() == 2, "{run:?}");
}
