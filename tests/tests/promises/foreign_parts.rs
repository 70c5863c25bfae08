//! Two servers on one directory, and parts of another log in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use custody_tests::evidence::{envelope, envelope_of_length, statement};
use custody_tests::server::{Ledger, Server, copy_folder, custodyd};
use custody_tests::wire::Caller;

/// A log with one large envelope and one small one behind it, whose server was stopped.
fn stopped(name: &str) -> Ledger {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    caller.record(&envelope_of_length(&format!("large {name}"), 70_000, &ledger.writers[0])).unwrap();
    caller.record(&envelope(&statement(name), &[&ledger.writers[0]])).unwrap();
    server.stop();
    ledger
}

/// Returns the one large envelope's file.
fn blob(data: &Path) -> PathBuf {
    let folder = fs::read_dir(data.join("journal/blobs")).unwrap().next().unwrap().unwrap().path();
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

/// Serves a copy of the log in which something was exchanged, and returns what the server said when it refused.
fn refusal(ledger: &Ledger, name: &str, exchange: impl Fn(&Path)) -> String {
    let data = ledger.home().join(name);
    copy_folder(&ledger.data(), &data);
    for key in ["log-key", "freshness-key"] {
        fs::copy(ledger.data().with_extension(key), data.with_extension(key)).unwrap();
    }
    exchange(&data);
    let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), data.as_os_str()]);
    assert_eq!(ended.code, Some(1), "{name}: the scan finds it: {}{}", ended.stdout, ended.stderr);
    Server::try_start(&data).map(drop).expect_err("a log with a part of another one is not served")
}

#[test]
fn a_part_of_another_log_is_named_and_not_served() {
    let (ours, theirs) = (stopped("ours"), stopped("theirs"));
    let first = "journal/segments/00000000000000000000.segment";
    for part in [first, "journal/segments/00000000000000000003.segment", "journal/checkpoint-a"] {
        let said = refusal(&ours, &part.replace(['/', '.'], "-"), |data| {
            fs::copy(theirs.data().join(part), data.join(part)).unwrap();
        });
        let file = Path::new(part).file_name().unwrap().to_str().unwrap();
        for wanted in ["error: ", "hint: ", "belongs to the log"] {
            assert!(said.contains(wanted), "{part}: {wanted:?} is missing:\n{said}");
        }
        // With the first segment of another log, all the rest is what does not belong.
        assert!(part == first || said.contains(file), "{part}:\n{said}");
    }
}

#[test]
fn a_large_envelope_of_another_log_is_found_and_never_given_out() {
    let (ours, theirs) = (stopped("ours"), stopped("theirs"));
    fs::copy(blob(&theirs.data()), blob(&ours.data())).unwrap();
    let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), ours.data().as_os_str()]);
    assert_eq!(ended.code, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("entry"), "{}", ended.stdout);
    // A sealed segment's envelopes are not read on the start: the reader of this one is told.
    let server = ours.serve();
    let refused = Caller::of(&server).some_envelope(1).unwrap_err();
    assert_eq!(custody_tests::wire::word(&refused), "damaged");
    assert!(Caller::of(&server).some_envelope(2).is_ok());
}

#[test]
fn a_whole_directory_of_another_log_does_not_take_our_keys() {
    let (ours, theirs) = (stopped("ours"), stopped("theirs"));
    fs::remove_dir_all(ours.data()).unwrap();
    copy_folder(&theirs.data(), &ours.data());
    let said = Server::try_start(&ours.data()).map(drop).unwrap_err();
    assert!(said.contains("log key") && said.contains("hint: "), "{said}");
}

#[test]
fn of_two_servers_that_start_at_once_exactly_one_serves() {
    let ledger = Ledger::new(1);
    for _ in 0..5 {
        let mut both = [Server::begin(&ledger.data()), Server::begin(&ledger.data())];
        let limit = Instant::now() + Duration::from_mins(1);
        let refused = loop {
            if let Some(refused) = both.iter_mut().position(Server::has_ended) {
                break refused;
            }
            assert!(Instant::now() < limit, "two servers serve one directory");
            std::thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(both[refused].wait().code(), Some(2));
        let said = both[refused].said();
        assert!(said.contains("in use by another server"), "{said}");
        let [first, second] = both;
        if refused == 0 { second.stop_when_serving() } else { first.stop_when_serving() }
    }
}
