//! Callers who show a token: whose it is, for how long, and what is kept of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use custody_evidence::admission::{AdmissionRecord, BoundBy, TOKEN_MEDIA_TYPE};
use custody_evidence::key::SigningKey;
use custody_evidence::oidc::{self, Credential, KeySet, TokenAlgorithm};
use custody_evidence::trust::{IdentityPattern, Issuer, Redaction, TrustMembers};

use super::*;

/// Lets a job choose the audience.
pub(super) const CHOSEN: &str = "https://chosen.example";
/// Does not.
pub(super) const FIXED: &str = "https://fixed.example";
/// When the clock of a test shows 0.
const START: i64 = 1_800_000_000;

/// The key that issuers of these tests sign with.
pub(super) fn issuer_key(number: u8) -> SigningKey {
    key(200 + number)
}

/// A key set with these keys, each with its number as its id.
pub(super) fn jwks(numbers: &[u8]) -> String {
    let one = |number: &u8| {
        let x = URL_SAFE_NO_PAD.encode(issuer_key(*number).public().ed25519_bytes().unwrap());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{number}","x":"{x}"}}"#)
    };
    format!(r#"{{"keys":[{}]}}"#, numbers.iter().map(one).collect::<Vec<_>>().join(","))
}

/// A token that lives ten minutes from the time that the test's clock shows as `issued`.
pub(super) struct Job {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) id: &'static str,
    pub(super) signed_with: u8,
    pub(super) issued: i64,
}

impl Job {
    pub(super) fn of(issuer: &str, id: &'static str, key: &SigningKey) -> Self {
        let audience = oidc::audience(&"example.com/log".parse().unwrap(), &key.public().id());
        let audience = if issuer == FIXED { "acme".to_owned() } else { audience };
        Self { issuer: issuer.to_owned(), audience, id, signed_with: 0, issued: 0 }
    }

    pub(super) fn token(&self) -> Vec<u8> {
        let Self { issuer, audience, id, signed_with, issued } = self;
        let (issued, ends) = (START + issued, START + issued + 600);
        let header = format!(r#"{{"alg":"EdDSA","kid":"{signed_with}"}}"#);
        let claims = format!(
            r#"{{"iss":"{issuer}","sub":"job","aud":"{audience}","jti":"{id}","iat":{issued},"exp":{ends}}}"#
        );
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = issuer_key(*signed_with).sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into_bytes()
    }

    pub(super) fn shown_for(&self, key: &SigningKey) -> Credential {
        Credential::new(self.token(), key.public().clone())
    }
}

/// The next trust document, in which jobs of both issuers may record.
pub(super) fn listing(head: &Head, change: impl FnOnce(&mut TrustMembers)) -> Envelope {
    let mut members = head.trust.document().members().clone();
    members.version += 1;
    let pinned = |url: &str, audience: Option<&str>| Issuer {
        audience: audience.map(ToOwned::to_owned),
        jwks: Some(KeySet::read(jwks(&[0]).as_bytes()).unwrap()),
        algorithms: vec![TokenAlgorithm::EdDsa],
        ..Issuer::new(url)
    };
    members.issuers = vec![pinned(CHOSEN, None), pinned(FIXED, Some("acme"))];
    change(&mut members);
    let identities = members.issuers.iter().map(|issuer| IdentityPattern {
        issuer: issuer.url.clone(),
        roots: Vec::new(),
        claims: [("token_subject".to_owned(), vec!["job".to_owned()])].into(),
    });
    let jobs = WriterRule {
        keys: Vec::new(),
        identities: identities.collect(),
        ..WriterRule::anything("jobs", key(ADMIN).public().id())
    };
    members.writers.retain(|rule| rule.name != "jobs");
    members.writers.push(jobs);
    sign(&statement_of(&TrustDocument::new(members).unwrap()), &[&key(ADMIN)])
}

pub(super) async fn list(running: &Running) {
    let next = listing(&running.ledger.head(), |_| ());
    running.record(&next).await.unwrap();
}

pub(super) fn by(number: u64, key: &SigningKey) -> Envelope {
    sign(&statement(number), &[key])
}

impl Running {
    pub(super) async fn record_as(
        &self,
        envelope: &Envelope,
        shown: Credential,
    ) -> Result<Recorded, RecordError> {
        Ok(self.recording.record_as(envelope.bytes().to_vec(), Some(shown)).await?.recorded)
    }

    pub(super) fn record_of(&self, recorded: Recorded) -> AdmissionRecord {
        AdmissionRecord::decode(&self.ledger.head().journal.record(recorded.index).unwrap()).unwrap()
    }
}

pub(super) fn word(answer: &Result<Recorded, RecordError>) -> &'static str {
    match answer {
        Ok(Recorded { duplicate: false, .. }) => "recorded",
        Ok(Recorded { duplicate: true, .. }) => "duplicate",
        Err(RecordError::Refused(refusal)) => refusal.word(),
        Err(RecordError::IssuerUnreachable { .. }) => "unreachable",
        Err(RecordError::KeyNotSeen { .. }) => "not seen",
        Err(RecordError::KeysAwaited { .. }) => "awaited",
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn the_token_is_kept_beside_the_record_and_nothing_but_its_digest_in_it() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    let job = Job::of(CHOSEN, "a", &key(50));
    let recorded = running.record_as(&by(1, &key(50)), job.shown_for(&key(50))).await.unwrap();
    let plain = running.record(&envelope(2, &[WRITER])).await.unwrap();
    let record = running.record_of(recorded);
    assert_eq!(record.attachments[0].media_type, TOKEN_MEDIA_TYPE);
    let text = String::from_utf8(record.encode()).unwrap();
    assert!(!text.contains(&String::from_utf8(job.token()).unwrap()[..40]), "{text}");
    let kept = |running: &Running, recorded: Recorded| {
        running.ledger.head().journal.attachments(recorded.index).unwrap()
    };
    assert_eq!((kept(&running, recorded), kept(&running, plain)), (vec![job.token()], Vec::new()));
    running.stop().await;
    // Sealed now: the places of attachments are found without their lengths.
    let running = log.start();
    assert_eq!((kept(&running, recorded), kept(&running, plain)), (vec![job.token()], Vec::new()));
    running.stop().await;
}

#[tokio::test]
async fn one_token_serves_many_records_of_its_key_and_a_retry() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    for issuer in [CHOSEN, FIXED] {
        let (own, other) = (key(50), key(51));
        let job = Job::of(issuer, "a", &own);
        let first = if issuer == CHOSEN { 0 } else { 100 };
        for number in first..first + 3 {
            let answer = running.record_as(&by(number, &own), job.shown_for(&own)).await;
            assert_eq!(word(&answer), "recorded", "{issuer}");
        }
        let answer = running.record_as(&by(first, &own), job.shown_for(&own)).await;
        assert_eq!(word(&answer), "duplicate", "{issuer}");
        let expected = if issuer == CHOSEN { "token_audience" } else { "token_reused" };
        let answer = running.record_as(&by(first + 9, &other), job.shown_for(&other)).await;
        assert_eq!(word(&answer), expected, "{issuer}");
    }
    // Its lost answer is asked for again when the token has ended: what was let in is there.
    log.clock.set(700);
    let job = Job::of(FIXED, "a", &key(50));
    let answer = running.record_as(&by(100, &key(50)), job.shown_for(&key(50))).await;
    assert_eq!(word(&answer), "duplicate");
    let answer = running.record_as(&by(7, &key(50)), job.shown_for(&key(50))).await;
    assert_eq!(word(&answer), "token_expired");
    running.stop().await;
}

/// A statement by its number, signed with a key and shown with a token of an issuer.
type Shown<'a> = (u64, &'a str, &'a SigningKey);

/// Records statements in one batch, behind some that are in the log already. Returns the size of the log before the batch, and what became
/// of each of it.
async fn in_one_batch(
    log: &Log,
    there: &[Shown<'_>],
    statements: &[Shown<'_>],
) -> (Arc<Ledger>, TreeSize, Vec<Result<Recorded, RecordError>>) {
    let running = log.start();
    list(&running).await;
    for (number, issuer, own) in there {
        let shown = Job::of(issuer, "a", own).shown_for(own);
        running.record_as(&by(*number, own), shown).await.unwrap();
    }
    running.stop().await;
    let (ledger, sequencer, _stop) = log.open();
    let (queue, submissions) = mpsc::channel(64);
    let (head, now) = (ledger.head(), log.clock.read().unwrap().wall);
    let mut answers = Vec::new();
    for (number, issuer, own) in statements {
        let envelope = by(*number, own);
        let shown = Job::of(issuer, "a", own).shown_for(own);
        let admitted = admission::admit(&head, ledger.index(), &envelope, Some(shown), &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        queue.send(Submission { envelope, admitted, answer }).await.unwrap();
        answers.push(answered);
    }
    drop(queue);
    let runtime = Handle::current();
    let thread = std::thread::spawn(move || sequencer.run(submissions, &runtime));
    let mut became = Vec::new();
    for answer in answers {
        became.push(answer.await.unwrap().map(|answered| answered.recorded));
    }
    tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    (ledger, head.size, became)
}

#[tokio::test]
async fn of_two_keys_in_one_batch_the_first_has_the_token() {
    let (log, first, second) = (Log::new(), key(50), key(51));
    let statements = [(1, FIXED, &first), (2, FIXED, &second), (3, FIXED, &first), (4, FIXED, &second)];
    let (_, _, became) = in_one_batch(&log, &[], &statements).await;
    let words: Vec<_> = became.iter().map(word).collect();
    assert_eq!(words, ["recorded", "token_reused", "recorded", "token_reused"]);
}

#[tokio::test]
async fn of_the_same_bytes_twice_in_one_batch_the_first_is_their_entry() {
    let (log, own) = (Log::new(), key(50));
    let statements = [CHOSEN, FIXED, CHOSEN, FIXED].map(|issuer| (1, issuer, &own));
    let (ledger, before, became) = in_one_batch(&log, &[], &statements).await;
    let recorded: Vec<_> = became.into_iter().map(Result::unwrap).collect();
    let first = before.next_index();
    let expected = [(first, false), (first.next(), false), (first, true), (first, true)];
    assert_eq!(recorded, expected.map(|(index, duplicate)| Recorded { index, duplicate }));
    let digest = by(1, &own).digest();
    assert_eq!(ledger.index().by_envelope(&digest).unwrap(), Some(first), "as the index says");
}

#[tokio::test]
async fn bytes_of_the_log_that_come_twice_in_one_batch_keep_the_entry_of_the_log() {
    let (log, own) = (Log::new(), key(50));
    let statements = [CHOSEN, CHOSEN, FIXED].map(|issuer| (1, issuer, &own));
    let (ledger, before, became) = in_one_batch(&log, &[(1, FIXED, &own)], &statements).await;
    let recorded: Vec<_> = became.into_iter().map(Result::unwrap).collect();
    let there = ledger.index().by_envelope(&by(1, &own).digest()).unwrap().unwrap();
    assert!(before.contains(there));
    let expected = [(before.next_index(), false), (there, true), (there, true)];
    assert_eq!(recorded, expected.map(|(index, duplicate)| Recorded { index, duplicate }));
}

#[tokio::test]
async fn who_used_a_token_first_is_known_after_a_restart_and_a_failed_disk() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    let (own, other) = (key(50), key(51));
    let job = Job::of(FIXED, "a", &own);
    running.record_as(&by(1, &own), job.shown_for(&own)).await.unwrap();
    running.record(&envelope(100, &[WRITER])).await.unwrap();
    running.stop().await;
    let running = log.start();
    let reused = running.record_as(&by(2, &other), job.shown_for(&other)).await;
    assert_eq!(word(&reused), "token_reused");
    assert_eq!(word(&running.record_as(&by(3, &own), job.shown_for(&own)).await), "recorded");
    log.disk.fail.store(true, Ordering::SeqCst);
    let failed = running.record_as(&by(4, &own), job.shown_for(&own)).await;
    assert!(matches!(failed, Err(RecordError::OutcomeUnknown)), "{failed:?}");
    let reused = running.record_as(&by(5, &other), job.shown_for(&other)).await;
    assert_eq!(word(&reused), "token_reused");
    // Another token of the same issuer is anybody's.
    let another = Job::of(FIXED, "b", &other);
    assert_eq!(word(&running.record_as(&by(6, &other), another.shown_for(&other)).await), "recorded");
    let record = running.record_of(running.record_as(&by(3, &own), job.shown_for(&own)).await.unwrap());
    assert_eq!(record.token.unwrap().bound_by, BoundBy::FirstUse);
    running.stop().await;
}

/// The writer does not run here: who admits reads the log.
#[tokio::test]
async fn first_uses_before_a_start_are_read_where_envelopes_are_admitted() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    for number in 0..8 {
        running.record(&envelope(number, &[WRITER])).await.unwrap();
    }
    let own = key(50);
    log.clock.set(100);
    let job = Job { issued: 100, ..Job::of(FIXED, "a", &own) };
    running.record_as(&by(20, &own), job.shown_for(&own)).await.unwrap();
    for number in 8..16 {
        running.record(&envelope(number, &[WRITER])).await.unwrap();
    }
    running.stop().await;
    let (ledger, _sequencer, _stop) = log.open();
    let (queue, mut submissions) = mpsc::channel(64);
    let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&log.clock);
    let recording = Recording::new(Arc::clone(&ledger), Some(queue), clock);
    assert_eq!(ledger.first_uses().known_from(), None);
    let shown = job.shown_for(&own);
    let waiting =
        tokio::spawn(async move { recording.record_as(by(21, &own).into_bytes(), Some(shown)).await });
    let submission = submissions.recv().await.unwrap();
    // Entry 0, the document, and eight entries were made before the token was issued.
    assert_eq!(ledger.first_uses().known_from(), Some(LeafIndex::new(10).unwrap()));
    let token = submission.admitted.admission.record().token.as_ref().unwrap();
    assert_eq!(ledger.first_uses().of(&token.id), Some(key(50).public().id()));
    drop((submission, submissions));
    assert!(waiting.await.unwrap().is_err());
}

#[tokio::test]
async fn a_token_that_holds_again_after_a_clock_repair_is_nobody_elses() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    let (own, other) = (key(50), key(51));
    let job = Job::of(FIXED, "a", &own);
    let first = running.record_as(&by(1, &own), job.shown_for(&own)).await.unwrap();
    // The clock is hours ahead, which is believed once it is steady, and uses of tokens that have ended by it are dropped.
    let shows = |wall: i64, since_boot: i64| {
        let since_boot = reading(since_boot).since_boot;
        *log.clock.0.lock().unwrap() = Reading { since_boot, ..reading(wall) };
    };
    shows(9_900, 20);
    assert!(running.record(&envelope(90, &[WRITER])).await.is_err());
    shows(10_000, 120);
    let mut last = first;
    for (number, id) in ["b", "c", "d", "e", "f"].into_iter().enumerate() {
        let later = Job { issued: 10_000, ..Job::of(FIXED, id, &own) };
        let number = 10 + u64::try_from(number).unwrap();
        last = running.record_as(&by(number, &own), later.shown_for(&own)).await.unwrap();
    }
    shows(150, 130);
    assert!(running.record(&clock_repair(&running, last.index.get())).await.is_err());
    shows(250, 230);
    running.record(&clock_repair(&running, last.index.get())).await.unwrap();
    let reused = running.record_as(&by(2, &other), job.shown_for(&other)).await;
    assert_eq!(word(&reused), "token_reused");
    assert_eq!(word(&running.record_as(&by(3, &own), job.shown_for(&own)).await), "recorded");
    running.stop().await;
}

/// Erases an entry.
async fn redact(running: &Running, entry: Recorded) -> LeafIndex {
    let bytes = running.ledger.head().journal.entry(entry.index).unwrap();
    let redaction = Redaction::of(&Entry::decode(&bytes).unwrap(), &bytes, "a password is in it".to_owned());
    running.record(&sign(&redaction.statement(), &[&key(ADMIN)])).await.unwrap().index
}

#[tokio::test]
async fn a_token_is_nobody_elses_when_the_entry_of_its_first_use_is_erased() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    let (own, other) = (key(50), key(51));
    let job = Job::of(FIXED, "a", &own);
    let first = running.record_as(&by(1, &own), job.shown_for(&own)).await.unwrap();
    let by_audience = Job::of(CHOSEN, "b", &own).shown_for(&own);
    let second = running.record_as(&by(2, &own), by_audience).await.unwrap();
    let redactions = [redact(&running, first).await, redact(&running, second).await];
    running.stop().await;
    let running = log.start();
    assert!(running.ledger.head().journal.record(first.index).is_err(), "it is erased");
    let reused = running.record_as(&by(3, &other), job.shown_for(&other)).await;
    assert_eq!(word(&reused), "token_reused");
    assert_eq!(word(&running.record_as(&by(4, &own), job.shown_for(&own)).await), "recorded");
    let another = Job::of(FIXED, "c", &other);
    assert_eq!(word(&running.record_as(&by(5, &other), another.shown_for(&other)).await), "recorded");
    let kept = |running: &Running, redaction: LeafIndex| {
        let erased = running.ledger.head().journal.erased_by(redaction).unwrap();
        erased.into_iter().map(|erased| erased.first_use.map(|used| used.key)).collect::<Vec<_>>()
    };
    assert_eq!(redactions.map(|by| kept(&running, by)), [vec![Some(own.public().id())], vec![None]]);
    // Of a token that has ended nothing needs to stay.
    log.clock.set(700);
    let ended = redact(&running, at(redactions[1].get() + 1)).await;
    assert_eq!(kept(&running, ended), [None]);
    running.stop().await;
}

#[tokio::test]
async fn an_envelope_with_a_token_is_admitted_again_when_trust_changed_before_its_turn() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    let (head, now) = (running.ledger.head(), log.clock.read().unwrap().wall);
    let own = key(50);
    let waiting = |issuer: &str, number| {
        let envelope = by(number, &own);
        let shown = Job::of(issuer, "a", &own).shown_for(&own);
        let admitted =
            admission::admit(&head, running.ledger.index(), &envelope, Some(shown), &[], now).unwrap();
        let (answer, answered) = oneshot::channel();
        (Submission { envelope, admitted, answer }, answered)
    };
    let submissions = [waiting(CHOSEN, 1), waiting(FIXED, 2)];
    // Meanwhile an administrator takes one of the issuers out.
    let next = listing(&head, |members| members.issuers.truncate(1));
    running.record(&next).await.unwrap();
    let mut words = Vec::new();
    for (submission, answered) in submissions {
        running.queue.send(submission).await.unwrap();
        words.push(word(&answered.await.unwrap().map(|answered| answered.recorded)));
    }
    assert_eq!(words, ["recorded", "token_issuer"]);
    running.stop().await;
}

#[tokio::test]
async fn a_token_that_ends_while_its_envelope_waits_lets_nothing_in() {
    let log = Log::new();
    let running = log.start();
    list(&running).await;
    let own = key(50);
    let (head, envelope) = (running.ledger.head(), by(1, &own));
    let shown = Job::of(CHOSEN, "a", &own).shown_for(&own);
    let admitted =
        admission::admit(&head, running.ledger.index(), &envelope, Some(shown), &[], reading(600).wall)
            .unwrap();
    log.clock.set(630);
    let (answer, answered) = oneshot::channel();
    running.queue.send(Submission { envelope, admitted, answer }).await.unwrap();
    assert_eq!(word(&answered.await.unwrap().map(|answered| answered.recorded)), "token_expired");
    running.stop().await;
}
