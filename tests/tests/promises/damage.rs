//! One flipped byte in the data directory is found, and named.

use std::fs;
use std::path::{Path, PathBuf};

use custody_tests::evidence::{envelope, statement};
use custody_tests::oracle::digest_text;
use custody_tests::server::{Ledger, copy_folder, custodyd, free_port};
use custody_tests::wire::Caller;
use serde_json::Value;

/// A log of ten entries behind the first, whose server was stopped, and their envelopes.
fn ten_entries() -> (Ledger, Vec<Vec<u8>>) {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let envelopes: Vec<Vec<u8>> = (1..=10)
        .map(|number| envelope(&statement(&format!("artifact-{number}")), &[&ledger.writers[0]]))
        .collect();
    for bytes in &envelopes {
        caller.record(bytes).unwrap();
    }
    server.stop();
    (ledger, envelopes)
}

/// Returns the exit code and what was found, as segment, offset and entry.
fn fsck(data: &Path) -> (Option<i32>, Vec<(String, u64, u64)>) {
    let ended =
        custodyd(&["fsck".as_ref(), "--data".as_ref(), data.as_os_str(), "-o".as_ref(), "json".as_ref()]);
    let report: Value = serde_json::from_str(&ended.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", ended.stdout, ended.stderr));
    let finding = |finding: &Value| {
        let segment = Path::new(finding["segment"].as_str().unwrap()).file_name().unwrap();
        let segment = segment.to_string_lossy().into_owned();
        (segment, finding["offset"].as_u64().unwrap(), finding["entry"].as_u64().unwrap())
    };
    (ended.code, report["findings"].as_array().unwrap().iter().map(finding).collect())
}

/// Flips one bit of the file that holds `bytes`, `offset` behind where they start; returns file and place.
fn flip(data: &Path, bytes: &[u8], offset: usize) -> (PathBuf, usize) {
    let segments = data.join("journal/segments");
    let mut files: Vec<PathBuf> =
        fs::read_dir(&segments).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let mut kept = fs::read(&file).unwrap();
        if let Some(start) = kept.windows(bytes.len()).position(|window| window == bytes) {
            kept[start + offset] ^= 1;
            fs::write(&file, kept).unwrap();
            return (file, start + offset);
        }
    }
    panic!("no segment holds the bytes to break");
}

#[test]
fn fsck_finds_no_fault_in_what_a_server_wrote() {
    let (ledger, _) = ten_entries();
    assert_eq!(fsck(&ledger.data()), (Some(0), Vec::new()));
}

#[test]
fn fsck_names_segment_offset_and_entry_of_a_flipped_bit() {
    let (ledger, envelopes) = ten_entries();
    for (index, bytes) in [(1, &envelopes[0]), (5, &envelopes[4]), (10, &envelopes[9])] {
        let copy = ledger.home().join(format!("copy-{index}"));
        copy_folder(&ledger.data(), &copy);
        let (file, place) = flip(&copy, bytes, bytes.len() / 2);
        let (code, findings) = fsck(&copy);
        assert_eq!(code, Some(1));
        let [(segment, offset, entry)] = &findings[..] else { panic!("one bit, one finding: {findings:?}") };
        assert_eq!(*segment, file.file_name().unwrap().to_string_lossy());
        assert_eq!(*entry, index);
        let envelope = (place - bytes.len() / 2) as u64..(place + bytes.len()) as u64;
        assert!(envelope.contains(offset), "offset {offset} is not in the envelope at {envelope:?}");
    }
}

#[test]
fn fsck_says_it_to_people_too() {
    let (ledger, envelopes) = ten_entries();
    flip(&ledger.data(), &envelopes[4], 7);
    let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), ledger.data().as_os_str()]);
    assert_eq!(ended.code, Some(1));
    for wanted in ["00000000000000000000.segment", "offset", "entry", "5"] {
        assert!(ended.stdout.contains(wanted), "{wanted}:\n{}", ended.stdout);
    }
}

#[test]
fn fsck_finds_a_flipped_bit_anywhere_in_a_segment() {
    let (ledger, _) = ten_entries();
    let segments = ledger.data().join("journal/segments");
    let segment = fs::read_dir(&segments).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let whole = fs::read(&segment).unwrap();
    // Every part of the file in turn, in steps that are no multiple of any field.
    for place in (0..whole.len()).step_by(whole.len() / 23) {
        let mut broken = whole.clone();
        broken[place] ^= 0x10;
        fs::write(&segment, broken).unwrap();
        let (code, findings) = fsck(&ledger.data());
        assert_eq!(code, Some(1), "byte {place} of {}: {findings:?}", whole.len());
    }
    fs::write(&segment, whole).unwrap();
    assert_eq!(fsck(&ledger.data()).0, Some(0));
}

fn refuses_to_serve(ledger: &Ledger) -> String {
    let listen = format!("127.0.0.1:{}", free_port());
    let data = ledger.data();
    let ended = custodyd(&[
        "run".as_ref(),
        "--data".as_ref(),
        data.as_os_str(),
        "--listen".as_ref(),
        listen.as_ref(),
    ]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("custodyd fsck"), "{}", ended.stderr);
    ended.stderr
}

#[test]
fn a_server_does_not_serve_a_damaged_log() {
    let (ledger, envelopes) = ten_entries();
    // An entry's own text is covered by the frame, by the chain and by the root.
    flip(&ledger.data(), digest_text(&envelopes[4]).as_bytes(), 20);
    refuses_to_serve(&ledger);
}

#[test]
fn a_running_server_finds_rot_by_itself_and_serves_the_rest() {
    let (ledger, envelopes) = ten_entries();
    flip(&ledger.data(), &envelopes[4], 20);
    let server = custody_tests::server::Server::start_with(&ledger.data(), &["--scrub-rate", "100000000"]);
    let caller = Caller::of(&server);
    let limit = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while caller.health("custody.storage").ok() != Some(false) {
        assert!(std::time::Instant::now() < limit, "{}", server.said());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let said = server.said();
    for wanted in ["DAMAGED", "00000000000000000000.segment", "entry=5", "--repair --from BACKUP"] {
        assert!(said.contains(wanted), "{wanted}:\n{said}");
    }
    assert_eq!(caller.envelope(4), envelopes[3]);
    let more = envelope(&statement("one more"), &[&ledger.writers[0]]);
    assert_eq!(caller.record(&more).unwrap().index, 11, "the rest goes on");
    server.stop();
}

#[test]
fn damage_in_what_was_not_sealed_is_named_on_the_start() {
    let (ledger, envelopes) = ten_entries();
    let server = ledger.serve();
    let more = envelope(&statement("one more"), &[&ledger.writers[0]]);
    let caller = Caller::of(&server);
    assert_eq!(caller.record(&more).unwrap().index, 11);
    caller.record(&envelope(&statement("and another"), &[&ledger.writers[0]])).unwrap();
    server.kill();
    flip(&ledger.data(), &more, 20);
    let said = refuses_to_serve(&ledger);
    for wanted in [".segment", "byte ", "entry 11"] {
        assert!(said.contains(wanted), "{wanted}:\n{said}");
    }
    assert_eq!(envelopes.len(), 10);
}
