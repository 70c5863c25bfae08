//! What is recorded while an envelope is looked at, and what came of it: the look and the sequencer together see all of it.

use super::trust::spaced;
use super::*;

type Meanwhile = Box<dyn FnOnce() + Send>;

/// A clock that lets something happen when it is read: in the middle of a look, which has seen what bytes the log has, and
/// not yet what contents.
struct EventfulClock(Mutex<Option<Meanwhile>>);

impl Clock for EventfulClock {
    fn read(&self) -> Result<Reading, ClockError> {
        let meanwhile = self.0.lock().unwrap().take();
        if let Some(happens) = meanwhile {
            happens();
        }
        Ok(reading(0))
    }
}

/// Records `late` while others record these in the middle of its look.
async fn record_while(
    running: &Running,
    late: &Envelope,
    others: Vec<Envelope>,
) -> Result<Recorded, RecordError> {
    let (recording, runtime) = (running.recording.clone(), Handle::current());
    let meanwhile: Meanwhile = Box::new(move || {
        for other in others {
            let recorded = runtime.block_on(recording.record(other.into_bytes())).unwrap();
            assert!(!recorded.recorded.duplicate);
        }
    });
    let clock: Arc<dyn Clock> = Arc::new(EventfulClock(Mutex::new(Some(meanwhile))));
    let door = Recording::new(Arc::clone(&running.ledger), Some(running.queue.clone()), clock);
    Ok(door.record(late.bytes().to_vec()).await?.recorded)
}

/// Trust in which this writer has no rule, or all have theirs.
fn trust_without(running: &Running, writer: Option<u8>) -> Envelope {
    next_document(running.ledger.head().trust.document(), |writers| {
        writers.retain(|rule| writer.is_none_or(|writer| !rule.keys.contains(&key(writer).public().id())));
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_since_the_look_is_not_recorded_twice() {
    let log = Log::new();
    let running = log.start();
    let late = envelope(1, &[WRITER]);
    assert_eq!(record_while(&running, &late, vec![late.clone()]).await.unwrap(), duplicate(1), "equal bytes");
    let late = envelope(2, &[WRITER]);
    let other = spaced(&late);
    assert_eq!(record_while(&running, &late, vec![other]).await.unwrap(), duplicate(2), "equal content");
    let late = envelope(3, &[WRITER]);
    assert_eq!(record_while(&running, &late, vec![envelope(4, &[WRITER])]).await.unwrap(), at(4), "neither");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_the_look_and_since_counts_together() {
    let log = Log::new();
    let running = log.start();
    assert_eq!(running.record(&envelope(1, &[WRITER])).await.unwrap(), at(1));
    // Both signers are known, each by another entry.
    let late = envelope(1, &[WRITER, SECOND_WRITER]);
    let since = vec![envelope(1, &[SECOND_WRITER])];
    assert_eq!(record_while(&running, &late, since).await.unwrap(), duplicate(1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_since_the_look_is_found_under_newer_trust_as_well() {
    let log = Log::new();
    let running = log.start();
    let late = envelope(1, &[WRITER]);
    let since = vec![spaced(&late), trust_without(&running, None)];
    assert_eq!(
        record_while(&running, &late, since).await.unwrap(),
        duplicate(1),
        "the rules still let it in"
    );
    // The rules that let it in are gone: its own entry is a retry's answer, another entry of its content is not.
    let late = envelope(2, &[WRITER]);
    let since = vec![late.clone(), trust_without(&running, Some(WRITER))];
    assert_eq!(record_while(&running, &late, since).await.unwrap(), duplicate(3), "equal bytes");
    let late = envelope(3, &[SECOND_WRITER]);
    let since = vec![spaced(&late), trust_without(&running, Some(SECOND_WRITER))];
    let refused = record_while(&running, &late, since).await.unwrap_err();
    assert!(matches!(refused, RecordError::Refused(_)), "{refused}");
    running.stop().await;
}
