//! The sync of an entry has returned before its acknowledgement leaves: seen in the system calls of the real server.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, Server, run};
use custody_tests::wire::Caller;

const CALLERS: u64 = 4;
const EACH: u64 = 12;

/// What is traced: what writes a file, what syncs one, what may send bytes.
const CALLS: &str = "trace=pwrite64,write,writev,fsync,fdatasync,sync_file_range,sendto,sendmsg,rename";

/// The steps of one entry, in the order in which they must come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Written,
    Synced,
    CheckpointWritten,
    Answered,
}

/// Returns when each step of each entry was done, as line numbers of the trace.
///
/// `strace` prints a call when it returned. When another thread comes between, it prints the beginning, and `resumed`
/// when it returned: bytes may leave with the beginning of a call, a sync is done with its end.
fn steps(trace: &str) -> BTreeMap<u64, BTreeMap<Step, usize>> {
    let mut found: BTreeMap<u64, BTreeMap<Step, usize>> = BTreeMap::new();
    let mut begun: BTreeMap<&str, &str> = BTreeMap::new();
    let mut unsynced: Vec<u64> = Vec::new();
    let mut uncovered: Vec<u64> = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let (thread, call) = line.split_once(' ').unwrap_or((line, ""));
        let call = call.trim_start();
        let begins = !call.starts_with("<...");
        if call.ends_with("<unfinished ...>") {
            begun.insert(thread, call);
        }
        let whole = if begins { call } else { begun.remove(thread).unwrap_or_default() };
        let ended = !call.ends_with("<unfinished ...>");
        let mut note = |index: u64, step| {
            found.entry(index).or_default().entry(step).or_insert(at);
        };
        let is_call = |name: &str| whole.starts_with(&format!("{name}("));
        if is_call("pwrite64") && whole.contains(".segment") && begins {
            for index in indexes(whole, "custody/entry/v1") {
                note(index, Step::Written);
                unsynced.push(index);
            }
        } else if (is_call("fdatasync") || is_call("fsync")) && whole.contains(".segment>") && ended {
            assert!(call.ends_with("= 0"), "a sync failed: {call}");
            for index in unsynced.drain(..) {
                note(index, Step::Synced);
                uncovered.push(index);
            }
        } else if is_call("pwrite64") && whole.contains("/checkpoint-") && ended {
            for index in uncovered.drain(..) {
                note(index, Step::CheckpointWritten);
            }
        } else if whole.contains("<TCP") && begins {
            for index in indexes(whole, "c2sp.org/tlog-proof@v1") {
                note(index, Step::Answered);
            }
        }
    }
    found
}

/// Returns the indexes of all entries or receipts in the bytes of a call: `index` is a line of both.
fn indexes(call: &str, first_line: &str) -> Vec<u64> {
    let parts = call.split(first_line).skip(1);
    parts.filter_map(|part| part.split("\\nindex ").nth(1)?.split('\\').next()?.parse().ok()).collect()
}

/// Returns the entries that were answered and whose steps are not all there in their order. Entry 0 is only copied: it
/// was made before.
fn out_of_order(trace: &str) -> Vec<u64> {
    let steps = steps(trace);
    let broken = steps.iter().filter(|(_, steps)| {
        let lines: Vec<usize> = steps.values().copied().collect();
        steps.contains_key(&Step::Answered)
            && (lines.len() != 4 || !lines.is_sorted_by(|before, after| before < after))
    });
    broken.map(|(index, _)| *index).collect()
}

/// The tracer: `strace`, or what `CUSTODY_STRACE` names.
fn strace() -> OsString {
    std::env::var_os("CUSTODY_STRACE").unwrap_or_else(|| "strace".into())
}

/// Why processes cannot be traced here; none if they can.
fn no_tracing(strace: &OsStr) -> Option<String> {
    let shown = strace.display();
    if Command::new(strace).arg("--version").output().is_err() {
        return Some(format!("{shown} is not installed"));
    }
    let mut command = Command::new(strace);
    command.args(["-o", "/dev/null", "true"]);
    let ended = run(command);
    (ended.code != Some(0)).then(|| format!("{shown} failed: {}", ended.stderr.trim()))
}

/// Waits until the tracer has written all.
fn whole_trace(file: &Path) -> String {
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let trace = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
        if trace.trim_end().ends_with("+++ exited with 0 +++") {
            return trace;
        }
        assert!(Instant::now() < limit, "the trace does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn no_acknowledgement_leaves_before_its_sync_has_returned() {
    let strace = strace();
    if let Some(why) = no_tracing(&strace) {
        println!(
            "skipped: processes cannot be traced here ({why}); the order is checked below the sequencer"
        );
        return;
    }
    let ledger = Ledger::new(1);
    let file = ledger.home().join("trace");
    // -D: the server is our child, and the tracer its child, so signals reach the server.
    let words = ["-D", "-f", "-yy", "-s", "1000000", "-e", "signal=none", "-e", CALLS, "-o"];
    let words = words.into_iter().map(OsStr::new);
    let program: Vec<&OsStr> =
        [strace.as_os_str()].into_iter().chain(words).chain([file.as_os_str()]).collect();
    let server = Server::start_under(&program, &ledger.data(), &[]);
    std::thread::scope(|scope| {
        for number in 0..CALLERS {
            let (server, ledger) = (&server, &ledger);
            scope.spawn(move || {
                let caller = Caller::of(server);
                for each in 0..EACH {
                    let about = statement(&format!("caller-{number}-{each}"));
                    caller.record(&envelope(&about, &[&ledger.writers[0]])).unwrap();
                }
            });
        }
    });
    server.stop();
    let trace = whole_trace(&file);
    let seen = steps(&trace);
    let answered: Vec<u64> =
        seen.iter().filter(|(_, s)| s.contains_key(&Step::Answered)).map(|(i, _)| *i).collect();
    assert_eq!(answered, (1..=CALLERS * EACH).collect::<Vec<_>>(), "each is answered once");
    assert!(out_of_order(&trace).is_empty(), "{seen:#?}");
}

/// Runs the test above in a process of its own, with this tracer; returns what it printed.
fn traced_with(strace: &str) -> (bool, String) {
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", "order::no_acknowledgement_leaves_before_its_sync_has_returned", "--nocapture"]);
    let ended = run({
        test.env("CUSTODY_STRACE", strace);
        test
    });
    assert!(ended.stdout.contains("1 passed") || ended.code != Some(0), "{}", ended.stdout);
    (ended.code == Some(0), ended.stdout)
}

#[test]
fn without_a_tracer_that_works_the_test_says_that_it_was_skipped_and_why() {
    for (strace, why) in [("/absent/strace", "/absent/strace is not installed"), ("false", "false failed")] {
        let (passed, said) = traced_with(strace);
        assert!(
            passed && said.contains("skipped: processes cannot be traced here") && said.contains(why),
            "{said}"
        );
    }
    // What traces nothing and says nothing is no reason to skip: the test fails.
    let (passed, said) = traced_with("true");
    assert!(!passed && !said.contains("skipped:"), "{said}");
}

/// One entry as the trace shows it.
const GOOD: &str = r#"7 pwrite64(9</d/journal/segments/0.segment>, "CFRM\0custody/entry/v1\nindex 1\ntime", 900, 68) = 900
7 fdatasync(9</d/journal/segments/0.segment> <unfinished ...>
8 write(2</d/log>, "x", 1) = 1
7 <... fdatasync resumed>) = 0
7 pwrite64(10</d/journal/checkpoint-a>, "CUSTSLOT", 400, 0) = 400
8 writev(12<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base="c2sp.org/tlog-proof@v1\nextra Y3\nindex 1\n", iov_len=9}], 1) = 9"#;

#[test]
fn a_trace_in_another_order_is_found() {
    assert!(out_of_order(GOOD).is_empty());
    let lines: Vec<&str> = GOOD.lines().collect();
    // The answer before each of the three other steps has returned.
    for place in [0, 2, 3, 4] {
        let mut moved = lines.clone();
        let answer = moved.pop().unwrap();
        moved.insert(place, answer);
        assert_eq!(out_of_order(&moved.join("\n")), [1], "the answer at line {place}");
    }
    // Without each of them.
    for place in [0, 3, 4] {
        let mut fewer = lines.clone();
        fewer.remove(place);
        assert_eq!(out_of_order(&fewer.join("\n")), [1], "without line {place}");
    }
}
