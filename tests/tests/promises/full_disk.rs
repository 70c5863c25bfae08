//! A disk that is full, or can no longer be written, stops recording and nothing else, and recording goes on by itself.
//!
//! The disks are real: a small ext4 image is really filled, and really made read-only by the kernel.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use custody_tests::callers::Callers;
use custody_tests::disk::Disk;
use custody_tests::evidence::{artifact_hex, envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::{Caller, answer_word, word};
use serde_json::Value;

/// What the server keeps free on the small disks, in bytes.
const RESERVE: u64 = 4 << 20;

/// Returns a disk of so many megabytes; none where there can be none, and says so.
fn disk(megabytes: u64) -> Option<Disk> {
    match Disk::new(megabytes) {
        Ok(disk) => Some(disk),
        Err(why) => {
            println!("skipped: no disk of its own can be made here ({why})");
            None
        }
    }
}

fn serve(ledger: &Ledger) -> Server {
    Server::start_with(&ledger.data(), &["--disk-reserve", &RESERVE.to_string()])
}

/// Writes a file until less than `left` bytes are free, or the disk takes no more.
fn fill(disk: &Disk, path: &Path, left: u64) {
    let mut file = fs::File::options().append(true).create(true).open(path).unwrap();
    let block = vec![7; 64 << 10];
    while disk.available() > left && file.write_all(&block).is_ok() {}
    file.sync_all().ok();
}

fn record(caller: &Caller, ledger: &Ledger, name: &str) -> Result<u64, String> {
    let recorded = caller.record(&envelope(&statement(name), &[&ledger.writers[0]]));
    recorded.map(|answer| answer.index).map_err(|status| word(&status))
}

/// Records until it is answered, as a client that retries does.
fn record_soon(caller: &Caller, ledger: &Ledger, name: &str) -> u64 {
    let limit = Instant::now() + Duration::from_secs(40);
    loop {
        match record(caller, ledger, name) {
            Ok(index) => return index,
            Err(word) => assert!(Instant::now() < limit, "recording does not go on: {word}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_full_disk_refuses_what_is_new_answers_what_is_asked_and_goes_on_when_there_is_room() {
    let Some(disk) = disk(48) else { return };
    let ledger = Ledger::new_in(&disk.path(), 1);
    let server = serve(&ledger);
    let caller = Caller::of(&server);
    assert_eq!(record(&caller, &ledger, "before"), Ok(1));
    let filler = disk.path().join("filler");
    // First to the reserve, then to the last block: also what the server itself still wants to write fails.
    for left in [RESERVE, 0] {
        fill(&disk, &filler, left);
        for attempt in 0..5 {
            let refused = record(&caller, &ledger, &format!("full-{left}-{attempt}"));
            assert_eq!(refused, Err("disk_full".to_owned()), "{} bytes are free", disk.available());
        }
        assert_eq!(caller.tree().0, 2);
        assert_eq!(caller.entries(2).len(), 2);
        assert!(!caller.envelope(1).is_empty());
    }
    fs::remove_file(&filler).unwrap();
    assert_eq!(record_soon(&caller, &ledger, "after"), 2);
    assert_eq!(record(&caller, &ledger, "before"), Ok(1), "what was there is there");
    server.stop();
    assert_eq!(Caller::of(&serve(&ledger)).tree().0, 3);
}

/// A statement about this artifact and some others: it can be found by many things.
fn about_many(name: &str) -> Value {
    let mut statement = statement(name);
    let others = (0..10).map(|other| artifact(&format!("{name} {other}")));
    statement["subject"].as_array_mut().unwrap().extend(others);
    statement
}

/// One artifact as statements name it.
fn artifact(name: &str) -> Value {
    statement(name)["subject"][0].clone()
}

/// Records so many by one call, and returns how many were taken.
fn record_many(
    caller: &Caller,
    ledger: &Ledger,
    (name, about): (&str, fn(&str) -> Value),
    count: u64,
) -> usize {
    let named = |tag| (tag, envelope(&about(&format!("{name} {tag}")), &[&ledger.writers[0]]));
    let mut stream = caller.bulk();
    stream.header();
    let (answers, _) = stream.exchange(&(0..count).map(named).collect());
    answers.values().filter(|answer| answer_word(answer) == "recorded").count()
}

#[test]
fn an_index_that_the_full_disk_stopped_goes_on_without_a_restart() {
    let Some(disk) = disk(96) else { return };
    let ledger = Ledger::new_in(&disk.path(), 1);
    // So little is kept free that runs of the index do not get their room.
    let server = Server::start_with(&ledger.data(), &["--disk-reserve", "131072"]);
    let caller = Caller::of(&server);
    // One run is sealed, and the next one, which needs more, is nearly complete.
    assert_eq!(record_many(&caller, &ledger, ("small", statement), 4_096), 4_096);
    assert_eq!(record_many(&caller, &ledger, ("large", about_many), 4_000), 4_000);
    let before = 8_097;
    let sha256 = format!("sha256:{}", artifact_hex("small 7"));
    while caller.find_as_of("subject", &sha256).unwrap().1 < before {}
    // A stream's envelopes are checked side by side, so they need not get their places in order.
    let known = caller.find("subject", &sha256).unwrap();
    assert_eq!(known.len(), 1, "{known:?}");
    let filler = disk.path().join("filler");
    fill(&disk, &filler, 1_280 << 10);
    std::thread::sleep(Duration::from_secs(1));
    // What the database had not written yet took a part of it.
    while disk.available() < 1_200 << 10 {
        fs::remove_file(&filler).unwrap();
        fill(&disk, &filler, 1_280 << 10);
        std::thread::sleep(Duration::from_secs(1));
    }
    // The 4,096 entries of the second run are complete.
    let taken = record_many(&caller, &ledger, ("across", about_many), 120);
    assert!(taken >= 96, "only {taken} were taken");
    server.comes_to_say("the work behind the index stands still");
    let size = caller.tree().0;
    assert_eq!(size, before + taken as u64);
    for _ in 0..3 {
        assert_eq!(caller.find("subject", &sha256).unwrap(), known, "questions are answered meanwhile");
        assert_eq!(record_many(&caller, &ledger, ("small", statement), 10), 10, "and what is there is known");
    }
    assert_eq!(caller.tree().0, size);
    fs::remove_file(&filler).unwrap();
    server.comes_to_say("the index database was opened again");
    assert!(server.said().contains("runs=0 whole=true"), "nothing is made again: {}", server.said());
    let newest = record_soon(&caller, &ledger, "after");
    let sha256 = format!("sha256:{}", artifact_hex("after"));
    let limit = Instant::now() + Duration::from_mins(1);
    while !caller.find("subject", &sha256).is_ok_and(|found| found == [newest]) {
        assert!(Instant::now() < limit, "the facts stand still: {}", server.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(record_many(&caller, &ledger, ("across", about_many), 96), 96);
    assert_eq!(caller.tree().0, newest + 1, "what was there is known");
    server.stop();
}

#[test]
fn a_server_whose_own_log_cannot_be_written_goes_on() {
    let ledger = Ledger::new(1);
    // What it writes to stderr always fails, as on a full disk.
    let shell = ["sh", "-c", r#"exec "$0" "$@" 2>/dev/full"#].map(OsStr::new);
    let server = Server::start_under(&shell, &ledger.data(), &["--disk-watermark", &u64::MAX.to_string()]);
    assert_eq!(record(&Caller::of(&server), &ledger, "unheard"), Ok(1));
    server.stop();
}

/// Every file may change, or none: `chattr -i` and `chattr +i`.
fn set_changeable(ledger: &Ledger, changeable: bool) -> Result<(), String> {
    let flag = if changeable { "-i" } else { "+i" };
    let ended = Command::new("chattr").args(["-R", flag]).arg(ledger.data().join("journal")).output();
    match ended {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn files_that_cannot_be_written_for_a_while_stop_recording_for_that_while() {
    let Some(disk) = disk(256) else { return };
    let (ledger, mut callers) = (Ledger::new_in(&disk.path(), 1), Callers::new(4));
    let server = ledger.serve();
    let mut refused = Ok(());
    callers.record_until(&ledger, &server, Duration::from_millis(400), || {
        refused = set_changeable(&ledger, false);
        if refused.is_err() {
            server.kill_now();
        }
    });
    if let Err(why) = refused {
        return println!("skipped: files cannot be made unchangeable here ({why})");
    }
    let caller = Caller::of(&server);
    let (size, _) = caller.tree();
    assert_eq!(caller.entries(size).len() as u64, size, "reading goes on");
    let told = record(&caller, &ledger, "meanwhile").unwrap_err();
    assert!(["outcome_unknown", "not_writing"].contains(&told.as_str()), "{told}");
    set_changeable(&ledger, true).unwrap();
    record_soon(&caller, &ledger, "meanwhile");
    // Also what was not answered is recorded, once.
    callers.record_until(&ledger, &server, Duration::from_millis(300), || server.kill_now());
    callers.check(&ledger);
}

#[test]
fn a_disk_that_the_kernel_makes_read_only_stops_recording_and_loses_nothing() {
    let Some(disk) = disk(256) else { return };
    let (ledger, mut callers) = (Ledger::new_in(&disk.path(), 1), Callers::new(4));
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let first = record_soon(&caller, &ledger, "before");
    callers.record_until(&ledger, &server, Duration::from_millis(400), || disk.fail().unwrap());
    let told = record(&caller, &ledger, "meanwhile").unwrap_err();
    assert!(["outcome_unknown", "not_writing"].contains(&told.as_str()), "{told}");
    let (size, _) = caller.tree();
    assert!(size > callers.acknowledged() as u64);
    assert_eq!(caller.entries(size).len() as u64, size, "reading goes on");
    let sha256 = format!("sha256:{}", artifact_hex("before"));
    assert_eq!(caller.find("subject", &sha256).unwrap(), [first], "questions are answered");
    assert_eq!(record(&caller, &ledger, "before"), Ok(first), "and what is there is known");
    server.kill();
    disk.power_on();
    callers.check(&ledger);
    drop(ledger);
}
