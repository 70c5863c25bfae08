//! What a change of the rules does to envelopes that are on their way, recorded, or recorded again.

use base64::Engine as _;

use super::*;

/// Returns the same content in other bytes.
pub(super) fn spaced(envelope: &Envelope) -> Envelope {
    let mut bytes = envelope.bytes().to_vec();
    bytes.insert(1, b' ');
    Envelope::from_vec(bytes).unwrap()
}

#[tokio::test]
async fn what_was_admitted_under_older_trust_is_admitted_again() {
    let log = Log::new();
    let running = log.start();
    let old = running.ledger.head();
    let late = envelope(7, &[WRITER]);
    let now = log.clock.read().unwrap().wall;
    let admitted = admission::admit(&old, running.ledger.index(), &late, None, &[], now).unwrap();
    let document = next_document(old.trust.document(), |writers| {
        writers.retain(|rule| !rule.keys.contains(&key(WRITER).public().id()));
    });
    assert_eq!(running.record(&document).await.unwrap(), at(1));
    let (answer, answered) = oneshot::channel();
    let submission = Submission { envelope: late, admitted, answer };
    running.queue.send(submission).await.unwrap();
    let refused = answered.await.unwrap().unwrap_err();
    assert!(matches!(refused, RecordError::Refused(_)), "{refused}");
    let kept = running.record(&envelope(8, &[SECOND_WRITER])).await.unwrap();
    assert_eq!(kept, at(2));
    let entry = Entry::decode(&running.ledger.head().journal.entry(kept.index).unwrap()).unwrap();
    assert_eq!((entry.admin.unwrap().get(), entry.administrative), (1, false));
    running.stop().await;
    // The chain of trust documents is walked again on open.
    let running = log.start();
    assert_eq!(running.ledger.head().trust.document().version(), 2);
    running.stop().await;
}

/// Its entry would be later than it: whoever replays the log would find that it should not be there.
#[tokio::test]
async fn a_trust_document_that_expires_while_it_waits_is_refused() {
    let log = Log::new();
    let running = log.start();
    let head = running.ledger.head();
    let now = log.clock.read().unwrap().wall;
    let mut members = head.trust.document().members().clone();
    (members.version, members.expires) = (2, now.plus_micros(10_000_000));
    let document = sign(&statement_of(&TrustDocument::new(members).unwrap()), &[&key(ADMIN)]);
    let admitted = admission::admit(&head, running.ledger.index(), &document, None, &[], now).unwrap();
    log.clock.set(10);
    let (answer, answered) = oneshot::channel();
    running.queue.send(Submission { envelope: document, admitted, answer }).await.unwrap();
    let refused = answered.await.unwrap().unwrap_err();
    assert!(
        matches!(&refused, RecordError::Refused(Refusal::Trust(TrustError::Expired { .. }))),
        "{refused}"
    );
    assert_eq!(running.ledger.head().size.get(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_trust_document_recorded_again_gets_its_entry_also_when_they_race() {
    let log = Log::new();
    let (ledger, sequencer, _stop) = log.open();
    let (queue, submissions) = mpsc::channel(64);
    let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&log.clock);
    let recording = Recording::new(Arc::clone(&ledger), Some(queue.clone()), clock);
    let head = ledger.head();
    let now = log.clock.read().unwrap().wall;
    let document = next_document(head.trust.document(), |_| {});
    let mut answers = Vec::new();
    for envelope in [document.clone(), document.clone(), spaced(&document)] {
        let admitted = admission::admit(&head, ledger.index(), &envelope, None, &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        queue.send(Submission { envelope, admitted, answer }).await.unwrap();
        answers.push(answered);
    }
    let runtime = Handle::current();
    let thread = std::thread::spawn(move || sequencer.run(submissions, &runtime));
    for (answer, expected) in answers.into_iter().zip([at(1), duplicate(1), duplicate(1)]) {
        assert_eq!(answer.await.unwrap().unwrap(), expected);
    }
    for again in [document.clone(), spaced(&document)] {
        assert_eq!(recording.record(again.bytes().to_vec()).await.unwrap(), duplicate(1));
    }
    let other = next_document(head.trust.document(), Vec::clear);
    let refused = recording.record(other.bytes().to_vec()).await.unwrap_err();
    assert!(matches!(refused, RecordError::Refused(_)), "another document of that version: {refused}");
    drop((recording, queue));
    tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    check_whole(&ledger);
}

#[tokio::test]
async fn what_is_recorded_stays_recorded_when_the_rule_that_let_it_in_is_gone() {
    let log = Log::new();
    let running = log.start();
    let old = running.ledger.head();
    let kept = envelope(7, &[WRITER]);
    let now = log.clock.read().unwrap().wall;
    let admitted = admission::admit(&old, running.ledger.index(), &kept, None, &[], now).unwrap();
    assert_eq!(running.record(&kept).await.unwrap(), at(1));
    let document = next_document(old.trust.document(), |writers| {
        writers.retain(|rule| !rule.keys.contains(&key(WRITER).public().id()));
    });
    assert_eq!(running.record(&document).await.unwrap(), at(2));
    assert_eq!(running.record(&kept).await.unwrap(), duplicate(1), "a retry after the rule is gone");
    let (answer, answered) = oneshot::channel();
    let racing = Submission { envelope: kept.clone(), admitted, answer };
    running.queue.send(racing).await.unwrap();
    assert_eq!(answered.await.unwrap().unwrap(), duplicate(1), "a retry that races with the change");
    let refused = running.record(&spaced(&kept)).await.unwrap_err();
    assert!(matches!(refused, RecordError::Refused(_)), "other bytes are nobody's retry: {refused}");
    running.stop().await;
}

#[tokio::test]
async fn a_retry_after_a_change_of_trust_gets_its_entry_also_while_nothing_can_be_written() {
    let log = Log::new();
    let running = log.start();
    let kept = envelope(7, &[WRITER]);
    assert_eq!(running.record(&kept).await.unwrap(), at(1));
    let document = next_document(running.ledger.head().trust.document(), |_| {});
    assert_eq!(running.record(&document).await.unwrap(), at(2));
    let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&log.clock);
    let read_only = Recording::new(Arc::clone(&running.ledger), None, clock);
    assert_eq!(read_only.record(kept.bytes().to_vec()).await.unwrap(), duplicate(1));
    for adds in [spaced(&kept), envelope(7, &[WRITER, SECOND_WRITER]), envelope(8, &[WRITER])] {
        let refused = read_only.record(adds.bytes().to_vec()).await.unwrap_err();
        assert!(matches!(refused, RecordError::ReadOnly), "other bytes are nobody's retry: {refused}");
    }
    drop(read_only);
    log.disk.broken.store(true, Ordering::SeqCst);
    running.record(&envelope(9, &[WRITER])).await.unwrap_err();
    until_writing(&running.ledger, false).await;
    assert_eq!(running.record(&kept).await.unwrap(), duplicate(1));
    running.stop_unchecked().await;
}

#[tokio::test]
async fn the_same_bytes_add_a_signature_that_counts_under_newer_trust() {
    const NEW_WRITER: u8 = 9;
    let log = Log::new();
    let running = log.start();
    let both = envelope(7, &[WRITER, NEW_WRITER]);
    assert_eq!(running.record(&both).await.unwrap(), at(1));
    let old = running.ledger.head();
    let mut members = old.trust.document().members().clone();
    members.version += 1;
    let mut rule = members.writers.first().unwrap().clone();
    rule.name = "new".to_owned();
    rule.keys = vec![key(NEW_WRITER).public().id()];
    members.writers.push(rule);
    let spki = base64::engine::general_purpose::STANDARD.encode(key(NEW_WRITER).public().spki_der());
    members.keys.insert(key(NEW_WRITER).public().id(), spki);
    let statement = statement_of(&TrustDocument::new(members).unwrap());
    let document = sign(&statement, &[&key(ADMIN)]);
    assert_eq!(running.record(&document).await.unwrap(), at(2));
    assert_eq!(running.record(&both).await.unwrap(), at(3), "the second signature counts now");
    assert_eq!(running.record(&both).await.unwrap(), duplicate(1));
    running.stop().await;
}

#[tokio::test]
async fn a_trust_document_with_keys_that_the_server_does_not_hold_is_refused() {
    let log = Log::new();
    let running = log.start();
    let before = running.ledger.head().trust.document().members().clone();
    let other_log = NoteSigner::from_seed("example.com/log".parse().unwrap(), [110; 32]);
    let other_freshness = Cosigner::from_seed("example.com/log/freshness".parse().unwrap(), [111; 32]);
    let mut retired = before.clone();
    retired.log_keys.first_mut().unwrap().until_size = Some(TreeSize::new(20).unwrap());
    retired.log_keys.push(LogKey {
        vkey: other_log.verifier(),
        from_size: TreeSize::new(10).unwrap(),
        until_size: None,
    });
    let mut refreshed = before;
    refreshed.freshness_keys = vec![other_freshness.verifier()];
    for (mut members, expected) in [(retired, "log"), (refreshed, "freshness")] {
        members.version += 1;
        let statement = statement_of(&TrustDocument::new(members).unwrap());
        let signers = [key(ADMIN), SigningKey::from_seed(&other_log.seed())];
        let envelope = sign(&statement, &signers.iter().collect::<Vec<_>>());
        let refused = running.record(&envelope).await.unwrap_err();
        assert!(matches!(refused, RecordError::KeysNotHeld { role } if role == expected), "{refused}");
    }
    assert_eq!(running.ledger.head().size.get(), 1);
    running.stop().await;
}
