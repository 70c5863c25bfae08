//! What is redacted is gone from the server's disk, whatever happens meanwhile, and every proof still holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use custody_tests::client::User;
use custody_tests::dice::Dice;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, Server, custodyd};
use custody_tests::wire::{Caller, answer_word, word};
use serde_json::{Value, json};

/// What must not stay anywhere: no token of a known shape, so that the secret screen lets it in.
const LEAK: &str = "the-master-password-is-swordfish";

/// A log with two writers, and its administrator, who holds all roles.
struct Place {
    ledger: Ledger,
    server: Server,
    administrator: User,
}

impl Place {
    fn new() -> Self {
        let ledger = Ledger::new(2);
        let server = ledger.serve();
        Self::of(ledger, server)
    }

    fn of(ledger: Ledger, server: Server) -> Self {
        let pin = Caller::of(&server).pin();
        let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
        Self { ledger, server, administrator }
    }

    fn caller(&self) -> Caller {
        Caller::of(&self.server)
    }

    fn run(&self, arguments: &[&str]) -> String {
        let ended = self.administrator.custody(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    fn refused(&self, arguments: &[&str], code: i32, words: &[&str]) {
        let ended = self.administrator.custody(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{arguments:?}: {word:?} is missing:\n{}", ended.stderr);
        }
    }

    fn redact(&self, index: u64) {
        self.run(&["redact", &format!("index:{index}"), "--reason", "a password is in it"]);
    }

    /// Serves the log anew, after what is done to its directory meanwhile.
    fn served_after(self, change: impl FnOnce(&Ledger)) -> Self {
        let Self { ledger, server, .. } = self;
        server.stop();
        change(&ledger);
        let server = ledger.serve();
        Self::of(ledger, server)
    }
}

/// A statement about something of this name, with what is to be erased in it.
fn leaking(name: &str, length: usize) -> Value {
    let mut said = statement(name);
    said["predicate"] = json!({ "note": LEAK, "more": "x".repeat(length) });
    said
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(below) = fs::read_dir(dir) else { return Vec::new() };
    let below = below.map(|found| found.unwrap().path());
    below.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Returns the files below a directory that hold any of these texts.
fn holding(dir: &Path, texts: &[&[u8]]) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        texts.iter().any(|text| bytes.windows(text.len()).any(|found| found == *text))
    };
    files(dir).into_iter().filter(holds).collect()
}

/// What an envelope looks like on disk, where its payload is in base64: a piece of that, and its end with the signature.
fn traces(envelope: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(envelope).into_owned();
    let payload = text.split("\"payload\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let middle = payload.len() / 2;
    vec![payload.as_bytes()[middle..middle + 40].to_vec(), envelope[envelope.len() - 60..].to_vec()]
}

fn assert_gone(ledger: &Ledger, envelopes: &[&[u8]]) {
    for envelope in envelopes {
        let traces = traces(envelope);
        let texts: Vec<&[u8]> = traces.iter().map(Vec::as_slice).collect();
        assert_eq!(holding(&ledger.data(), &texts), Vec::<PathBuf>::new());
    }
    assert_eq!(holding(&ledger.data(), &[LEAK.as_bytes()]), Vec::<PathBuf>::new());
}

fn fsck(ledger: &Ledger) {
    let data = ledger.data();
    let ended = custodyd(&["fsck".as_ref(), "--data".as_ref(), data.as_os_str()]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn what_is_redacted_is_gone_and_its_proofs_hold() {
    let place = Place::new();
    let (small, large) = (leaking("app", 10), leaking("bill", 100_000));
    let small = envelope(&small, &[&place.ledger.writers[0]]);
    let large = envelope(&large, &[&place.ledger.writers[0]]);
    let first = place.caller().record(&small).unwrap().index;
    let second = place.caller().record(&large).unwrap().index;
    let kept =
        place.caller().record(&envelope(&statement("kept"), &[&place.ledger.writers[0]])).unwrap().index;
    place.run(&["show", &format!("index:{first}"), "--save", "before"]);
    let (_, shown) = place.administrator.json(&["show", &format!("index:{first}")]);
    let digest = format!("sha256:{}", shown["statement"]["subject"][0]["digest"]["sha256"].as_str().unwrap());
    let (_, before) = place.administrator.json(&["find", "--subject", &digest]);
    assert_eq!(before["entries"][0]["check"], "verified");

    let audit = place.run(&["audit"]);
    assert!(audit.starts_with("sound") && !audit.contains("erased"), "{audit}");
    place.redact(first);
    place.redact(second);
    assert_gone(&place.ledger, &[&small, &large]);
    // What was erased since the last audit counts, too, and once.
    for _ in 0..2 {
        let audit = place.run(&["audit"]);
        assert!(audit.starts_with("sound") && audit.contains("what 2 erased entries held"), "{audit}");
    }

    // Everybody says so, and nobody says that nothing was there.
    let index = format!("index:{first}");
    let (code, shown) = place.administrator.json(&["show", &index]);
    assert_eq!((code, shown["check"].as_str()), (Some(0), Some("redacted")));
    assert_eq!(shown["redacted"]["reason"], "a password is in it");
    assert!(place.run(&["show", &index]).contains("a password is in it"));
    place.refused(&["show", &index, "--raw"], 1, &["was erased by entry"]);
    let (code, found) = place.administrator.json(&["find", "--subject", &digest]);
    assert_eq!((code, found["entries"][0]["check"].as_str()), (Some(0), Some("redacted")), "{found}");
    assert_eq!(found["entries"][0]["index"], first);
    let (code, found) =
        place.administrator.json(&["find", "--subject", &digest, "--at", &(first + 1).to_string()]);
    assert_eq!(
        (code, found["entries"][0]["check"].as_str()),
        (Some(0), Some("redacted")),
        "as of before, too"
    );
    let listed = place.run(&["find", "--limit", "10"]);
    assert!(listed.contains("redacted") && listed.contains("verified"), "{listed}");
    let (code, traced) = place.administrator.json(&["trace", &digest]);
    assert_eq!((code, traced["edges"][0]["status"].as_str()), (Some(0), Some("redacted")), "{traced}");
    assert_eq!(traced["edges"][0]["entry"], first);
    assert!(place.run(&["trace", &digest]).contains("redacted"));
    assert!(place.run(&["trust", "log"]).contains("erase what entry"));
    assert!(place.run(&["trust", "show"]).contains("redacted"));
    assert_eq!(word(&place.caller().some_envelope(first).unwrap_err()), "redacted");
    let audit = place.run(&["audit", "--from-scratch"]);
    assert!(audit.starts_with("sound") && audit.contains("what 2 erased entries held"), "{audit}");

    // The proofs from before hold, and can be made anew.
    let receipt = format!("before/{first}.receipt");
    let ended = place.administrator.custody(&["verify", &receipt, "-o", "json"]);
    let verified: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (ended.code, verified["files"][0]["status"].as_str()),
        (Some(3), Some("redacted")),
        "{verified}"
    );
    let all = ["receipt", "record.json", "envelope.json"].map(|kind| format!("before/{first}.{kind}"));
    let told = place.run(&["verify", &all[0], &all[1], &all[2]]);
    assert!(told.contains("verified") && told.contains("erased it since"), "{told}");
    place.run(&["receipt", "refresh", &receipt]);

    // The index is made again as it was, and so says the same.
    let place = place.served_after(|ledger| {
        let data = ledger.data();
        assert_gone(ledger, &[&small, &large]);
        let ended = custodyd(&["rebuild-index".as_ref(), "--data".as_ref(), data.as_os_str()]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        fsck(ledger);
    });
    let (_, found) = place.administrator.json(&["find", "--subject", &digest]);
    assert_eq!(found["entries"][0]["check"], "redacted", "{found}");
    let (_, found) = place.administrator.json(&["show", &format!("index:{kept}")]);
    assert_eq!(found["check"], "verified");
    assert_gone(&place.ledger, &[&small, &large]);
}

#[test]
fn redacted_content_is_never_stored_again_however_it_is_wrapped() {
    let place = Place::new();
    let said = leaking("app", 10);
    let writers = &place.ledger.writers;
    let bytes = envelope(&said, &[&writers[0]]);
    let first = place.caller().record(&bytes).unwrap().index;
    // By another signer it is an entry of its own, which is erased with the first.
    let second = place.caller().record(&envelope(&said, &[&writers[1]])).unwrap().index;
    assert!(second > first);
    place.run(&["audit"]);
    place.redact(second);
    let audit = place.run(&["audit"]);
    assert!(audit.contains("what 2 erased entries held"), "{audit}");
    for index in [first, second] {
        let (_, shown) = place.administrator.json(&["show", &format!("index:{index}")]);
        assert_eq!(shown["check"], "redacted", "{index}");
    }
    assert_gone(&place.ledger, &[&bytes]);
    let size = place.caller().tree().0;
    let both = envelope(&said, &[&writers[0], &writers[1]]);
    let spaced = [b" ".as_slice(), &bytes].concat();
    for (what, wrapped) in [("the same bytes", &bytes), ("two signers", &both), ("white space", &spaced)] {
        assert_eq!(word(&place.caller().record_unary(wrapped).unwrap_err()), "redacted_content", "{what}");
        let pieces = place.caller().record(wrapped);
        assert_eq!(word(&pieces.unwrap_err()), "redacted_content", "{what}, as an upload");
        let caller = place.caller();
        let mut stream = caller.bulk();
        stream.header();
        let (answers, ended) = stream.exchange(&[(7, wrapped.clone())].into());
        assert!(ended.is_none(), "{ended:?}");
        assert_eq!(answer_word(&answers[&7]), "redacted_content", "{what}, in bulk");
    }
    assert_eq!(place.caller().tree().0, size);
    // The client says it in words, with what it is.
    let path = place.administrator.file("again.json", &both);
    let ended = place.administrator.custody(&["record", "envelope", path.to_str().unwrap()]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("never recorded again"), "{}", ended.stderr);
    assert_gone(&place.ledger, &[&bytes, &both]);
}

#[test]
fn a_redaction_is_for_its_role_and_for_entries_that_can_be_erased() {
    let place = Place::new();
    let bytes = envelope(&leaking("app", 10), &[&place.ledger.writers[0]]);
    let index = place.caller().record(&bytes).unwrap().index.to_string();
    let writer = place.ledger.writer_key_file(0);
    let reason = ["--reason", "x"];
    let redact = |more: &[&'static str]| [&["redact"], more, &reason].concat();
    place.refused(
        &[&["redact", &index, "--key", writer.to_str().unwrap()][..], &reason].concat(),
        1,
        &["role rules"],
    );
    place.refused(&redact(&["index:0"]), 1, &["administers the log"]);
    place.refused(&redact(&["4711"]), 4, &["no entry"]);
    place.refused(&redact(&["sha256:00"]), 2, &["expected an entry"]);
    place.refused(&["redact", &index], 2, &["--reason"]);
    place.refused(&["redact", &index, "--reason", " "], 1, &["expected a reason"]);
    let (_, shown) = place.administrator.json(&["show", &format!("index:{index}")]);
    assert_eq!(shown["check"], "verified", "nothing was erased");

    // Written to be signed by others: nothing is erased before.
    place.run(&[&["redact", &index, "--out", "redaction.json"][..], &reason].concat());
    let admin = place.ledger.home().join("admin.key");
    let said = place.run(&["trust", "sign", "redaction.json", "--key", admin.to_str().unwrap(), "--yes"]);
    assert!(said.contains("1 of the 1 signatures that the role rules needs"), "{said}");
    place.run(&["record", "envelope", "redaction.json"]);
    assert_gone(&place.ledger, &[&bytes]);
    place.refused(&[&["redact", &index][..], &reason].concat(), 1, &["erased already"]);
    // Sent again, as after a lost answer, it is the same entry.
    let (code, again) = place.administrator.json(&["record", "envelope", "redaction.json"]);
    assert_eq!((code, again["duplicate"].as_bool()), (Some(0), Some(true)), "{again}");
}

#[test]
fn a_server_that_is_killed_while_it_erases_has_erased_after_its_next_start() {
    let mut dice = Dice::seeded();
    let mut place = Place::new();
    let mut erased: Vec<Vec<u8>> = Vec::new();
    for round in 0..8 {
        let said = leaking(&format!("app {round}"), if round % 2 == 0 { 10 } else { 90_000 });
        let bytes = envelope(&said, &[&place.ledger.writers[0]]);
        let index = place.caller().record(&bytes).unwrap().index.to_string();
        let wait = Duration::from_micros(u64::try_from(dice.roll(60_000)).unwrap());
        std::thread::scope(|scope| {
            let (place, index) = (&place, &index);
            let redacting = scope.spawn(move || {
                let flags = ["redact", index, "--reason", "a password is in it", "--timeout", "5s"];
                // It may be acknowledged, or not: the server is killed meanwhile.
                let ended = place.administrator.custody(&flags);
                assert!([Some(0), Some(3)].contains(&ended.code), "{}{}", ended.stdout, ended.stderr);
            });
            std::thread::sleep(Duration::from_millis(30) + wait);
            place.server.kill_now();
            redacting.join().unwrap();
        });
        let Place { ledger, server, .. } = place;
        server.kill();
        let server = ledger.serve();
        place = Place::of(ledger, server);
        let (_, shown) = place.administrator.json(&["show", &format!("index:{index}")]);
        if shown["check"] == "redacted" {
            erased.push(bytes);
        } else {
            assert_eq!(shown["check"], "verified", "{shown}");
            place.redact(index.parse().unwrap());
            erased.push(bytes);
        }
        let all: Vec<&[u8]> = erased.iter().map(Vec::as_slice).collect();
        assert_gone(&place.ledger, &all);
    }
    let place = place.served_after(fsck);
    assert!(place.run(&["audit"]).starts_with("sound"));
}

#[test]
fn an_old_backup_holds_it_until_it_is_restored_and_brought_forward() {
    let place = Place::new();
    let bytes = envelope(&leaking("app", 10), &[&place.ledger.writers[0]]);
    let index = place.caller().record(&bytes).unwrap().index;
    let at = |name: &str| place.ledger.home().join(name);
    let (old, new, data) = (at("old"), at("new"), at("data2"));
    let source = place.ledger.data();
    let run = |words: &[&std::ffi::OsStr]| {
        let ended = custodyd(words);
        assert_eq!(ended.code, Some(0), "{words:?}: {}{}", ended.stdout, ended.stderr);
    };
    run(&["backup".as_ref(), "--data".as_ref(), source.as_ref(), "--out".as_ref(), old.as_ref()]);
    place.redact(index);
    run(&["backup".as_ref(), "--data".as_ref(), source.as_ref(), "--out".as_ref(), new.as_ref()]);
    let traces = traces(&bytes);
    let texts: Vec<&[u8]> = traces.iter().map(Vec::as_slice).collect();
    assert_ne!(holding(&old, &texts), Vec::<PathBuf>::new(), "what was copied before is still there");
    assert_eq!(holding(&new, &texts), Vec::<PathBuf>::new());
    run(&["restore".as_ref(), "--from".as_ref(), old.as_ref(), "--data".as_ref(), data.as_ref()]);
    run(&["restore".as_ref(), "--segments".as_ref(), new.as_ref(), "--data".as_ref(), data.as_ref()]);
    assert_eq!(holding(&data, &texts), Vec::<PathBuf>::new());
    run(&["fsck".as_ref(), "--data".as_ref(), data.as_ref()]);
}
