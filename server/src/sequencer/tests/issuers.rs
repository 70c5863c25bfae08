//! Issuers that answer, and issuers that do not.

use std::sync::atomic::AtomicUsize;

use custody_evidence::oidc::KeySet;
use custody_evidence::trust::IssuerKeys;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::tokens::{Job, by, jwks, listing, word};
use super::*;
use crate::issuers::{Cadence, Issuers};

/// What an issuer answers to everything that it is asked.
#[derive(Debug, Clone)]
enum Answer {
    Json(String),
    /// By path, for an issuer with a discovery document.
    Discovery {
        issuer: String,
        jwks: String,
    },
    Head(&'static str),
    /// JSON that does not end for this many bytes.
    Huge(usize),
    /// Takes the question, and says nothing.
    Nothing,
    /// This JSON, once somebody says so.
    Held(Arc<Notify>, String),
}

/// An HTTP server on this machine.
struct Http {
    url: String,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<Answer>>,
    task: tokio::task::JoinHandle<()>,
}

impl Http {
    async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, answer) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(answer)));
        let (count, answers) = (Arc::clone(&asked), Arc::clone(&answer));
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let answer = answers.lock().unwrap().clone();
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let read = stream.read(&mut request).await.unwrap_or(0);
                    let request = String::from_utf8_lossy(&request[..read]).into_owned();
                    if let Answer::Held(gate, _) = &answer {
                        gate.notified().await;
                    }
                    for piece in pieces(&answer, &request) {
                        if stream.write_all(&piece).await.is_err() {
                            return;
                        }
                    }
                    if matches!(answer, Answer::Nothing) {
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { url, asked, answer, task }
    }

    fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn pieces(answer: &Answer, request: &str) -> Vec<Vec<u8>> {
    let json = |body: &str| {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close\r\n";
        vec![format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()]
    };
    match answer {
        Answer::Json(body) | Answer::Held(_, body) => json(body),
        Answer::Discovery { issuer, jwks } => {
            if request.starts_with("GET /.well-known/openid-configuration ") {
                json(&format!(r#"{{"issuer":"{issuer}","jwks_uri":"{issuer}/keys"}}"#))
            } else if request.starts_with("GET /keys ") {
                json(jwks)
            } else {
                vec![b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()]
            }
        }
        Answer::Head(text) => vec![text.as_bytes().to_vec()],
        Answer::Huge(length) => {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"keys\":[";
            let mut pieces = vec![head.as_bytes().to_vec()];
            pieces.extend(std::iter::repeat_n(vec![b' '; 1 << 16], length.div_ceil(1 << 16)));
            pieces
        }
        Answer::Nothing => Vec::new(),
    }
}

const HOUR: Duration = Duration::from_hours(1);

/// Looks whenever a key is not known.
const EAGER: Cadence = Cadence { cooldown: Duration::ZERO, refresh: HOUR, timeout: Duration::from_secs(30) };

/// Looks once.
const LAZY: Cadence = Cadence { cooldown: HOUR, ..EAGER };

/// A log that lists the issuer, and fetches its keys.
async fn start(log: &Log, http: &Http, cadence: Cadence, jwks_url: Option<&str>) -> Running {
    let mut running = log.start();
    place(&running, http, jwks_url).await;
    look_after(log, &mut running, cadence);
    running
}

/// Lists the issuer with its keys at this path; without one, where its discovery document says that they are.
async fn place(running: &Running, http: &Http, jwks_url: Option<&str>) {
    let next = listing(&running.ledger.head(), |members| {
        members.issuers.truncate(1);
        members.issuers[0].url.clone_from(&http.url);
        members.issuers[0].jwks = None;
        members.issuers[0].jwks_url = jwks_url.map(|path| format!("{}{path}", http.url));
    });
    running.record(&next).await.unwrap();
}

fn look_after(log: &Log, running: &mut Running, cadence: Cadence) {
    let clock: Arc<dyn Clock> = Arc::<SetClock>::clone(&log.clock);
    let own = vec![SigningKey::from_seed(&log_keys().log.seed())];
    let issuers = Issuers::new(Arc::clone(&running.ledger), running.queue.clone(), clock, own, cadence);
    running.recording = running.recording.clone().with_issuers(issuers);
}

async fn record(
    running: &Running,
    http: &Http,
    number: u64,
    signed_with: u8,
) -> Result<Recorded, RecordError> {
    let own = key(50);
    let job = Job { signed_with, ..Job::of(&http.url, "a", &own) };
    running.record_as(&by(number, &own), job.shown_for(&own)).await
}

#[tokio::test]
async fn keys_are_in_the_log_before_the_first_record_that_rests_on_them_and_only_when_they_changed() {
    let (log, http) = (Log::new(), Http::start(Answer::Json(jwks(&[0]))).await);
    let running = start(&log, &http, EAGER, Some("/keys")).await;
    let first = record(&running, &http, 1, 0).await.unwrap();
    assert_eq!((first, http.asked()), (at(3), 1), "entry 2 holds the keys");
    let entry = |index: u64| {
        Entry::decode(&running.ledger.head().journal.entry(LeafIndex::new(index).unwrap()).unwrap()).unwrap()
    };
    assert!(entry(2).administrative && !entry(3).administrative);
    assert_eq!(entry(3).admin.unwrap().get(), 2);
    assert_eq!(running.record_of(first).token.unwrap().jwks, Some(2));
    assert_eq!(running.record_of(at(2)).signers[0].rule.as_deref(), Some("log_keys"));
    assert_eq!(record(&running, &http, 2, 0).await.unwrap(), at(4));
    assert_eq!(http.asked(), 1, "a known key is not asked for");
    // The issuer changes its keys: the next token shows it.
    http.set(Answer::Json(jwks(&[1, 0])));
    assert_eq!(record(&running, &http, 3, 1).await.unwrap(), at(6));
    assert_eq!(running.record_of(at(6)).token.unwrap().jwks, Some(5));
    // An unknown key, and the same set again: nothing to write.
    assert_eq!(word(&record(&running, &http, 4, 9).await), "token_key_unknown");
    assert_eq!(running.ledger.head().size.get(), 7);
    // A key that the issuer takes back checks nothing any more, once that was seen.
    http.set(Answer::Json(jwks(&[1])));
    assert_eq!(word(&record(&running, &http, 5, 9).await), "token_key_unknown");
    assert_eq!(word(&record(&running, &http, 6, 0).await), "token_key_unknown");
    assert_eq!(word(&record(&running, &http, 7, 1).await), "recorded");
    // And one that comes back is no old statement.
    http.set(Answer::Json(jwks(&[1, 0])));
    assert_eq!(word(&record(&running, &http, 8, 0).await), "recorded");
    running.stop().await;
}

#[tokio::test]
async fn an_issuer_without_a_place_for_its_keys_says_it_in_its_discovery_document() {
    let http = Http::start(Answer::Nothing).await;
    http.set(Answer::Discovery { issuer: http.url.clone(), jwks: jwks(&[0]) });
    let log = Log::new();
    let running = start(&log, &http, EAGER, None).await;
    assert_eq!(record(&running, &http, 1, 0).await.unwrap(), at(3));
    assert_eq!(http.asked(), 2);
    running.stop().await;
    http.set(Answer::Discovery { issuer: "https://other.example".into(), jwks: jwks(&[0, 1]) });
    let running = start(&Log::new(), &http, EAGER, None).await;
    assert_eq!(word(&record(&running, &http, 1, 0).await), "unreachable", "the document of another issuer");
    running.stop().await;
}

#[tokio::test]
async fn unknown_keys_make_no_storm() {
    let (log, http) = (Log::new(), Http::start(Answer::Json(jwks(&[0]))).await);
    let running = start(&log, &http, LAZY, Some("/keys")).await;
    assert_eq!(word(&record(&running, &http, 1, 9).await), "token_key_unknown");
    for number in 2..20 {
        let key = u8::try_from(number).unwrap();
        assert_eq!(word(&record(&running, &http, number, key).await), "not seen");
    }
    assert_eq!(word(&record(&running, &http, 20, 0).await), "recorded");
    // Who has no listed issuer, or no token at all, asks nobody anything.
    let own = key(50);
    let unlisted = Job { issuer: "http://127.0.0.1:9".into(), ..Job::of(&http.url, "a", &own) };
    assert_eq!(word(&running.record_as(&by(21, &own), unlisted.shown_for(&own)).await), "token_issuer");
    let garbage = custody_evidence::oidc::Credential::new(b"x.y.z".to_vec(), own.public().clone());
    assert_eq!(word(&running.record_as(&by(22, &own), garbage).await), "token_malformed");
    assert_eq!(http.asked(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_tokens_at_once_are_one_look() {
    let (log, http) = (Log::new(), Http::start(Answer::Json(jwks(&[0]))).await);
    let running = Arc::new(start(&log, &http, LAZY, Some("/keys")).await);
    let http = Arc::new(http);
    let mut jobs = Vec::new();
    for number in 0..16 {
        let (running, http) = (Arc::clone(&running), Arc::clone(&http));
        jobs.push(tokio::spawn(async move { word(&record(&running, &http, number, 0).await) }));
    }
    for job in jobs {
        assert_eq!(job.await.unwrap(), "recorded");
    }
    assert_eq!(http.asked(), 1);
    Arc::into_inner(running).unwrap().stop().await;
}

/// Whatever an issuer answers, what is known goes on.
#[tokio::test]
async fn an_issuer_that_fails_takes_nothing_away() {
    let (log, http) = (Log::new(), Http::start(Answer::Json(jwks(&[0]))).await);
    let running = start(&log, &http, EAGER, Some("/keys")).await;
    assert_eq!(word(&record(&running, &http, 1, 0).await), "recorded");
    let size = running.ledger.head().size.get();
    let answers = [
        Answer::Json(String::new()),
        Answer::Json("{}".into()),
        Answer::Json(r#"{"keys":[]}"#.into()),
        Answer::Json(jwks(&[1]).replace(r#""x""#, r#""d":"AA","x""#)),
        Answer::Json(jwks(&[1]).replacen(r#""kty""#, r#""kty":"OKP","kty""#, 1)),
        Answer::Huge(1 << 20),
        Answer::Head("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"),
        Answer::Head("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/keys\r\ncontent-length: 0\r\n\r\n"),
        Answer::Head("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}"),
        Answer::Head("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
        Answer::Head("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"),
        Answer::Head("220 mail.example ESMTP\r\n"),
        Answer::Head(""),
    ];
    for (answer, number) in answers.into_iter().zip((10..).step_by(10)) {
        http.set(answer.clone());
        assert_eq!(word(&record(&running, &http, number, 1).await), "unreachable", "{answer:?}");
        assert_eq!(word(&record(&running, &http, number + 1, 0).await), "recorded", "{answer:?}");
        let plain = running.record(&envelope(number + 2, &[WRITER])).await;
        assert_eq!(word(&plain), "recorded", "{answer:?}");
    }
    assert_eq!(running.ledger.head().size.get(), size + 2 * 13, "no keys were written");
    drop(http);
    running.stop().await;
}

#[tokio::test]
async fn an_issuer_that_is_slow_holds_up_only_those_who_wait_for_it() {
    let (log, http) = (Log::new(), Http::start(Answer::Nothing).await);
    let patient = Cadence { timeout: Duration::from_hours(1), ..EAGER };
    let running = Arc::new(start(&log, &http, patient, Some("/keys")).await);
    let http = Arc::new(http);
    let waiting = {
        let (running, http) = (Arc::clone(&running), Arc::clone(&http));
        tokio::spawn(async move { record(&running, &http, 1, 0).await.map(|_| ()) })
    };
    while http.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(word(&running.record(&envelope(2, &[WRITER])).await), "recorded");
    assert!(!waiting.is_finished());
    waiting.abort();
    assert!(waiting.await.is_err());
    // The look goes on for others, and a server that stops does not wait for it.
    Arc::into_inner(running).unwrap().stop().await;
    let short = Cadence { timeout: Duration::from_millis(50), ..EAGER };
    let log = Log::new();
    let running = start(&log, &http, short, Some("/keys")).await;
    let answer = record(&running, &http, 1, 0).await;
    assert!(
        matches!(&answer, Err(RecordError::IssuerUnreachable { why, .. }) if why.contains("nothing came")),
        "{answer:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_tokens_than_may_wait_for_a_look_are_told_so_and_not_that_their_key_is_unknown() {
    let (log, http) = (Log::new(), Http::start(Answer::Nothing).await);
    let patient = Cadence { timeout: HOUR, ..EAGER };
    let running = Arc::new(start(&log, &http, patient, Some("/keys")).await);
    let http = Arc::new(http);
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..33 {
        let (running, http) = (Arc::clone(&running), Arc::clone(&http));
        waiting.spawn(async move { word(&record(&running, &http, number, 0).await) });
    }
    assert_eq!(waiting.join_next().await.unwrap().unwrap(), "awaited");
    waiting.shutdown().await;
    Arc::into_inner(running).unwrap().stop().await;
}

/// Who had the old place could be a thief: that is why the document names another one.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_a_place_that_the_document_has_left_are_not_written() {
    let gate = Arc::new(Notify::new());
    let http = Http::start(Answer::Held(Arc::clone(&gate), jwks(&[9]))).await;
    let log = Log::new();
    let running = Arc::new(start(&log, &http, LAZY, Some("/old")).await);
    let http = Arc::new(http);
    let head = running.ledger.head();
    let stolen = {
        let (running, http) = (Arc::clone(&running), Arc::clone(&http));
        tokio::spawn(async move { word(&record(&running, &http, 1, 9).await) })
    };
    while http.asked() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    place(&running, &http, Some("/new")).await;
    http.set(Answer::Json(jwks(&[0])));
    gate.notify_one();
    assert_eq!(stolen.await.unwrap(), "unreachable");
    assert!(running.ledger.head().trust.key_set(&http.url).is_none(), "nothing was written");
    // Nor where the document changes once they are admitted.
    let now = log.clock.read().unwrap().wall;
    let keys = KeySet::read(jwks(&[9]).as_bytes()).unwrap();
    let statement = IssuerKeys { issuer: http.url.clone(), fetched: now, keys }.statement("example.com/log");
    let envelope = sign(&statement, &[&SigningKey::from_seed(&log_keys().log.seed())]);
    let admitted = admission::admit(&head, running.ledger.index(), &envelope, None, &[], now).unwrap();
    let (answer, answered) = oneshot::channel();
    running.queue.send(Submission { envelope, admitted, answer }).await.unwrap();
    let answered = answered.await.unwrap();
    assert!(matches!(&answered, Err(RecordError::KeysMoved)), "{answered:?}");
    // The new place is asked at once, though there was a look a moment ago.
    assert_eq!(word(&record(&running, &http, 2, 0).await), "recorded");
    Arc::into_inner(running).unwrap().stop().await;
}

#[tokio::test]
async fn keys_in_the_log_are_known_after_a_restart_while_the_issuer_is_down() {
    let (log, http) = (Log::new(), Http::start(Answer::Json(jwks(&[0]))).await);
    let running = start(&log, &http, EAGER, Some("/keys")).await;
    assert_eq!(word(&record(&running, &http, 1, 0).await), "recorded");
    running.stop().await;
    http.set(Answer::Head(""));
    let mut running = log.start();
    look_after(&log, &mut running, EAGER);
    assert_eq!(word(&record(&running, &http, 2, 0).await), "recorded");
    assert_eq!(word(&record(&running, &http, 3, 1).await), "unreachable");
    running.stop().await;
}

#[tokio::test]
async fn an_old_look_is_repeated_behind_the_back_of_who_comes() {
    let (log, http) = (Log::new(), Http::start(Answer::Json(jwks(&[0]))).await);
    let restless = Cadence { refresh: Duration::ZERO, ..EAGER };
    let running = start(&log, &http, restless, Some("/keys")).await;
    assert_eq!(word(&record(&running, &http, 1, 0).await), "recorded");
    http.set(Answer::Json(jwks(&[1])));
    let limit = Instant::now() + Duration::from_mins(1);
    let mut number = 2;
    while word(&record(&running, &http, number, 0).await) == "recorded" {
        assert!(Instant::now() < limit, "the issuer took the key back, and nobody looked");
        number += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    running.stop().await;
}
