//! The clock of a running server is set forth and back: nothing is recorded while it cannot be believed, a repair steps back, and every
//! client accepts what came of it. The parts are the real ones but for the clock; the client is the real `custody`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by panicking"
)]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use custody_log::Timestamp;
use custody_server::admission::Spool;
use custody_server::clock::{Clock, ClockError, Reading, SystemClock};
use custody_server::disk::Disk;
use custody_server::journal::{DiskFiles, OpenOptions};
use custody_server::keys::KeyFiles;
use custody_server::ledger::Settings;
use custody_server::service::{Service, Uploads};
use custody_server::transport::{Budget, Hospitality};
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, custodyd};
use serde_json::Value;
use tokio::sync::oneshot;

/// How far ahead the clock is set.
const HOUR: i64 = 3_600;

/// The machine's clocks as they were once, and what was added since.
struct SetClock(Mutex<Reading>);

impl SetClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(SystemClock.read().unwrap())))
    }

    /// Time passes.
    fn pass(&self, seconds: u64) {
        let mut reading = self.0.lock().unwrap();
        reading.since_boot += Duration::from_secs(seconds);
        reading.wall = reading.wall.plus_micros(i64::try_from(seconds).unwrap() * 1_000_000);
    }

    /// Somebody sets the time of day.
    fn set(&self, seconds: i64) {
        let mut reading = self.0.lock().unwrap();
        reading.wall = reading.wall.plus_micros(seconds * 1_000_000);
    }

    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().wall
    }
}

impl Clock for SetClock {
    fn read(&self) -> Result<Reading, ClockError> {
        Ok(*self.0.lock().unwrap())
    }
}

/// A server in a thread of its own.
struct Running {
    url: String,
    pin: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(data: &Path, clock: &Arc<SetClock>) -> Self {
        let (data, clock) = (data.to_owned(), Arc::clone(clock));
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let settings = Settings {
                    dir: data.clone(),
                    journal: OpenOptions::default(),
                    clock: Arc::<SetClock>::clone(&clock),
                    newest: Vec::new(),
                };
                let keys = KeyFiles::beside(&data).load().unwrap();
                let service = Service::start(settings, keys, 0, &mut |_, _, _| {}).unwrap();
                let local = SocketAddr::from(([127, 0, 0, 1], 0));
                let listener = tokio::net::TcpListener::bind(local).await.unwrap();
                let ledger = service.ledger();
                let pin = format!("{}+{}", ledger.origin(), ledger.genesis());
                tell.send((format!("http://{}", listener.local_addr().unwrap()), pin)).unwrap();
                let disk = Disk::new(data.clone(), Arc::new(DiskFiles), 0, 0);
                let spool = Spool::open(&data, Arc::clone(&disk)).unwrap();
                let stall = Duration::from_secs(30);
                let hospitality = Hospitality { connections: 64, stall, budget: Budget::default() };
                let stop = async { drop(stopped.await) };
                service.serve(listener, (hospitality, None), Uploads { spool, disk }, stop).await.unwrap();
            });
        });
        let (url, pin) = told.recv().unwrap();
        Self { url, pin, stop, thread }
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Records something new, and returns its entry, or what was refused.
fn record(user: &User, ledger: &Ledger, name: &str) -> Result<u64, String> {
    let path = user.file(&format!("{name}.json"), envelope(&statement(name), &[&ledger.writers[0]]));
    let ended =
        user.custody(&["record", "envelope", path.to_str().unwrap(), "--timeout", "2s", "-o", "json"]);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    match ended.code {
        Some(0) => Ok(said["index"].as_u64().unwrap()),
        _ => Err(said["error"]["message"].as_str().unwrap().to_owned()),
    }
}

fn run(user: &User, arguments: &[&str]) -> Value {
    let (code, said) = user.json(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {said}");
    said
}

#[test]
fn a_clock_that_was_ahead_is_repaired_while_the_server_runs_and_every_client_goes_on() {
    let (ledger, clock) = (Ledger::new(1), SetClock::new());
    // The log's first entry was made by the machine's clock.
    clock.pass(60);
    let server = Running::start(&ledger.data(), &clock);
    let administrator = User::of(&server.url, &server.pin, &ledger.home().join("admin.key"));
    let record = |name: &str| record(&administrator, &ledger, name);
    let refused = |name: &str, word: &str| {
        let why = record(name).unwrap_err();
        assert!(why.contains(word), "{name}: {why}");
    };
    assert_eq!(record("on time"), Ok(1));
    let right = clock.now();

    // Set forth: believed only once it was steady for a minute, and then the log is an hour ahead.
    clock.set(HOUR);
    refused("just set", "jumped");
    clock.pass(60);
    assert_eq!(record("ahead"), Ok(2));
    let ahead = clock.now();
    // There is nothing to repair while the clock agrees with the log, right or wrong.
    let early = administrator.custody(&["trust", "clock-repair", "--reason", "x"]);
    assert!(early.stderr.contains("nothing to repair"), "{}", early.stderr);

    // Set back: first not believed, then behind the log, and no waiting helps.
    clock.set(-HOUR);
    refused("set back", "jumped");
    clock.pass(60);
    refused("behind", "repair the log's time (custody trust clock-repair)");
    clock.pass(600);
    refused("still behind", "repair the log's time");
    let finding = format!("jwt:{}", "0".repeat(64));
    let other = ["trust", "allow", &finding, "--reason", "x", "--timeout", "2s"];
    let other = administrator.custody(&other);
    assert!(other.stderr.contains("repair the log's time"), "so does other administration: {}", other.stderr);

    let repaired = clock.now();
    let said = run(&administrator, &["trust", "clock-repair", "--reason", "the clock was an hour ahead"]);
    assert_eq!(said["index"], 3);
    clock.pass(10);
    assert_eq!(record("repaired"), Ok(4));
    let times: Vec<Value> = (1..5)
        .map(|index| run(&administrator, &["show", &format!("index:{index}")])["time"].clone())
        .collect();
    let expected = [right, ahead, repaired, clock.now()].map(|time| Value::from(time.to_string()));
    assert_eq!(times, expected);

    // Sent again it is the entry that there is, and repairs nothing.
    clock.set(-20);
    let raw = administrator.custody(&["show", "index:3", "--raw"]);
    let again = administrator.file("again.json", raw.stdout);
    assert_eq!(run(&administrator, &["record", "envelope", again.to_str().unwrap()])["duplicate"], true);
    refused("behind again", "repair the log's time");
    clock.set(20);

    // Every time names one tree, whoever asks: what was stepped over counts as no later than the repair.
    let anew = User::of(&server.url, &server.pin, &ledger.writer_key_file(0));
    for user in [&administrator, &anew] {
        let at = |time: Timestamp| run(user, &["find", "--at", &time.to_string()])["at"]["size"].clone();
        assert_eq!(at(right), 2);
        assert_eq!(at(right.plus_micros(1_000_000)), 2, "before the repair");
        assert_eq!(at(repaired), 4);
        assert_eq!(at(ahead), 5, "an hour ahead of all that was recorded");
        let since = |time: Timestamp| {
            let found = run(user, &["find", "--recorded-since", &time.to_string()]);
            let entries = found["entries"].as_array().unwrap();
            entries.iter().map(|entry| entry["index"].as_u64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(since(right), [4, 3, 2, 1]);
        assert_eq!(since(right.plus_micros(1_000_000)), [4, 3, 2], "what was ahead was recorded behind it");
        assert_eq!(since(repaired.plus_micros(1)), [4]);
        let audit = user.custody(&["audit"]);
        assert!(audit.stdout.starts_with("sound"), "{}", audit.stdout);
    }
    let key = format!("key:{}", ledger.writers[0].public().id());
    let time = right.plus_micros(1_000_000).to_string();
    let said = run(&administrator, &["distrust", &key, "--since", &time, "--reason", "x", "--out", "file"]);
    assert_eq!(said["since"], 2);

    // It is on disk like everything else.
    server.stop();
    let data = ledger.data();
    let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), data.as_os_str()]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    clock.pass(1);
    let server = Running::start(&data, &clock);
    let user = User::of(&server.url, &server.pin, &ledger.writer_key_file(0));
    let path = user.file("more.json", envelope(&statement("more"), &[&ledger.writers[0]]));
    assert_eq!(run(&user, &["record", "envelope", path.to_str().unwrap()])["index"], 5);
    server.stop();
}
