//! Callers that each wait for their answer, and the stream that does not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use custody_wire::v1::record_bulk_request::Part;
use custody_wire::v1::record_bulk_response::Answer;
use custody_wire::v1::{BulkEnvelope, BulkHeader, RecordBulkRequest, RecordRequest};
use prost::bytes::Bytes;
use tokio::runtime::Runtime;

use crate::sample::Sample;
use crate::target::{Target, log};

/// Lets `callers` call at once until the envelopes are used up or the time is over. An answer that is not the
/// envelope's own entry is no answer.
pub(crate) fn unary(
    runtime: &Runtime,
    target: &Target,
    callers: usize,
    envelopes: &Arc<Vec<Bytes>>,
    time: Duration,
) -> Sample {
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (mut recorder, envelopes, next) =
                (target.recorder(), Arc::clone(envelopes), Arc::clone(&next));
            runtime.spawn(async move {
                let mut latencies = Vec::new();
                while start.elapsed() < time {
                    let Some(envelope) = envelopes.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let request =
                        RecordRequest { log: Some(log()), envelope: envelope.clone(), credential: None };
                    let begun = Instant::now();
                    let answer =
                        recorder.record(request).await.expect("an envelope is recorded").into_inner();
                    latencies.push(begun.elapsed());
                    assert!(!answer.duplicate && !answer.receipt.is_empty(), "a new entry and its receipt");
                }
                latencies
            })
        })
        .collect();
    let latencies =
        tasks.into_iter().flat_map(|task| runtime.block_on(task).expect("a caller ends")).collect();
    Sample::new(start.elapsed(), latencies)
}

/// Sends all envelopes over one stream, and reads the answers as they come. The latency of each is from the moment
/// when the transport took it.
pub(crate) fn stream(runtime: &Runtime, target: &Target, envelopes: &Arc<Vec<Bytes>>) -> Sample {
    let sent: Arc<Vec<OnceLock<Instant>>> = Arc::new(envelopes.iter().map(|_| OnceLock::new()).collect());
    let header =
        RecordBulkRequest { part: Some(Part::Header(BulkHeader { log: Some(log()), credential: None })) };
    let messages = {
        let (sent, envelopes) = (Arc::clone(&sent), Arc::clone(envelopes));
        (0..envelopes.len()).map(move |at| {
            sent[at].set(Instant::now()).expect("each envelope is sent once");
            let envelope = BulkEnvelope { tag: at as u64, envelope: envelopes[at].clone() };
            RecordBulkRequest { part: Some(Part::Envelope(envelope)) }
        })
    };
    let start = Instant::now();
    let latencies = runtime.block_on(async {
        let requests = tokio_stream::iter(std::iter::once(header).chain(messages));
        let answers = target.recorder().record_bulk(requests).await;
        let mut answers = answers.expect("a stream is taken").into_inner();
        let mut latencies = Vec::new();
        while let Some(answer) = answers.message().await.expect("the stream goes on") {
            let Some(Answer::Recorded(recorded)) = answer.answer else { panic!("refused: {answer:?}") };
            assert!(!recorded.duplicate && !recorded.receipt.is_empty(), "a new entry and its receipt");
            latencies.push(sent[answer.tag as usize].get().expect("it was sent").elapsed());
        }
        latencies
    });
    assert_eq!(latencies.len(), envelopes.len(), "every envelope is answered");
    Sample::new(start.elapsed(), latencies)
}
