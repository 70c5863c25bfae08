//! Many envelopes over one stream: each answer is checked as if it had come alone.

use std::ops::ControlFlow;

use custody_client::{Ledger, LedgerError, RecordError, Recorded};
use custody_evidence::dsse::Envelope;
use custody_evidence::envelope;

use crate::double::log::envelope;
use crate::double::{Lie, Server};
use crate::lies::log;

type Results = Vec<(usize, Result<Recorded, RecordError>)>;

fn envelopes(count: usize) -> Vec<Envelope> {
    let made = |number| envelope("https://example.com/any/v1", format!("artifact {number}").as_bytes(), "{}");
    (0..count).map(made).collect()
}

async fn record_all(ledger: &mut Ledger, envelopes: &[Envelope]) -> (Results, Result<(), LedgerError>) {
    let mut results = Vec::new();
    let all: Vec<envelope::Envelope> = envelopes.iter().cloned().map(Into::into).collect();
    let all: Vec<&envelope::Envelope> = all.iter().collect();
    let ended = ledger
        .record_all(&all, &mut |at, result| {
            results.push((at, result));
            ControlFlow::Continue(())
        })
        .await;
    (results, ended)
}

/// The double answers the last envelope first, each with the checkpoint of its own moment.
#[tokio::test]
async fn answers_are_taken_in_any_order_and_each_is_proven() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let mut sent = envelopes(5);
    sent.push(envelope(
        "https://example.com/any/v1",
        b"large",
        &format!(r#"{{"x":"{}"}}"#, "x".repeat(3 << 20)),
    ));
    let (results, ended) = record_all(&mut ledger, &sent).await;
    ended.unwrap();
    let order: Vec<usize> = results.iter().map(|(at, _)| *at).collect();
    assert_eq!(order, [4, 3, 2, 1, 0, 5], "the large one goes alone");
    for (at, result) in results {
        let recorded = result.unwrap();
        assert!(!recorded.duplicate);
        assert_eq!(recorded.logged.entry().envelope.digest, sent[at].digest());
    }
}

#[tokio::test]
async fn a_refused_envelope_leaves_the_others_alone() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let mut sent = envelopes(3);
    let stranger = custody_evidence::key::SigningKey::from_seed(&[8; 32]);
    sent[1] = Envelope::sign(sent[1].payload_type(), sent[1].payload(), &[&stranger]).unwrap();
    let (results, ended) = record_all(&mut ledger, &sent).await;
    ended.unwrap();
    assert_eq!(results.len(), 3);
    for (at, result) in results {
        match result {
            Err(RecordError::Refused { word, .. }) => assert_eq!((at, word.as_str()), (1, "unknown_key")),
            result => assert!(!result.unwrap().duplicate),
        }
    }
}

#[tokio::test]
async fn what_a_stream_leaves_unanswered_is_sent_again() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    server.lie(Lie::SilentAnswers);
    let sent = envelopes(4);
    let (results, ended) = record_all(&mut ledger, &sent).await;
    ended.unwrap();
    let mut told: Vec<usize> = results.iter().map(|(at, _)| *at).collect();
    told.sort_unstable();
    assert_eq!(told, [0, 1, 2, 3], "each is told of once");
    assert!(results.iter().all(|(_, result)| result.is_ok()), "{results:?}");
}

#[tokio::test]
async fn stops_when_it_is_told_to() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = server.open(dir.path()).await.unwrap();
    let (sent, mut told) = (envelopes(4), 0);
    let all: Vec<envelope::Envelope> = sent.iter().cloned().map(Into::into).collect();
    let all: Vec<&envelope::Envelope> = all.iter().collect();
    let told_once = &mut |_, _: Result<Recorded, RecordError>| {
        told += 1;
        ControlFlow::Break(())
    };
    ledger.record_all(&all, told_once).await.unwrap();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn refuses_answers_that_are_for_something_else() {
    for lie in [Lie::OtherReceipt, Lie::WrongTag, Lie::InventedSubmitter] {
        let server = Server::start(log()).await;
        let dir = tempfile::tempdir().unwrap();
        let mut ledger = server.open(dir.path()).await.unwrap();
        server.lie(lie);
        let (results, ended) = record_all(&mut ledger, &envelopes(3)).await;
        match lie {
            Lie::WrongTag => {
                assert!(results.is_empty());
                assert!(matches!(ended, Err(LedgerError::Protocol(_))), "{ended:?}");
            }
            _ => {
                assert_eq!(results.len(), 3, "{lie:?}");
                assert!(results.iter().all(|(_, result)| result.is_err()), "{lie:?}: {results:?}");
            }
        }
    }
}
