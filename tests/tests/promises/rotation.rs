//! The log key changes on a plan, and nobody who follows the log is left behind or led astray.

use std::fs;
use std::path::Path;

use custody_log::{NoteSigner, SignedCheckpoint, VerifierKey};
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ended, Ledger, Server, custodyd};
use custody_tests::wire::Caller;

struct Place {
    ledger: Ledger,
    server: Server,
    administrator: User,
}

impl Place {
    fn new() -> Self {
        let ledger = Ledger::new(1);
        let server = ledger.serve();
        let administrator =
            User::of(&server.url(), &Caller::of(&server).pin(), &ledger.home().join("admin.key"));
        Self { ledger, server, administrator }
    }

    fn restarted(self) -> Self {
        let Self { ledger, server, administrator } = self;
        server.stop();
        let server = Server::start_at(&ledger.data(), server_port(&administrator));
        Self { ledger, server, administrator }
    }

    fn run(&self, arguments: &[&str]) -> String {
        let ended = self.administrator.custody(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    fn log_key(&self, words: &[&str]) -> Ended {
        log_key(&self.ledger, words)
    }

    /// Records until the tree has this size, and returns its checkpoint.
    fn grown_to(&self, size: u64) -> SignedCheckpoint {
        let caller = Caller::of(&self.server);
        while caller.tree().0 < size {
            let name = format!("artifact {}", caller.tree().0);
            caller.record(&envelope(&statement(&name), &[&self.ledger.writers[0]])).unwrap();
        }
        assert_eq!(caller.tree().0, size);
        SignedCheckpoint::parse(&caller.checkpoint().unwrap()).unwrap()
    }

    fn propose(&self, key: &str, from: u64, alone: u64) -> std::path::PathBuf {
        let (from, alone) = (from.to_string(), alone.to_string());
        self.run(&[
            "trust",
            "propose",
            "--next-log-key",
            key,
            "--next-from",
            &from,
            "--next-alone",
            &alone,
            "--out",
            "next.json",
        ]);
        self.administrator.home().join("next.json")
    }
}

fn server_port(user: &User) -> u16 {
    let config = fs::read_dir(user.home()).unwrap();
    drop(config);
    let (_, settings) = user.json(&["config"]);
    let text = settings.to_string();
    let at = text.find("http://127.0.0.1:").expect("the server is configured") + "http://127.0.0.1:".len();
    text[at..].chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

fn log_key(ledger: &Ledger, words: &[&str]) -> Ended {
    let data = ledger.data();
    let (first, rest) = words.split_first().unwrap();
    let mut all: Vec<&std::ffi::OsStr> =
        vec!["log-key".as_ref(), first.as_ref(), "--data".as_ref(), data.as_os_str()];
    all.extend(rest.iter().map(|word| std::ffi::OsStr::new(*word)));
    custodyd(&all)
}

fn done(ended: &Ended) -> String {
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    ended.stdout.clone()
}

fn key_in(path: &Path) -> NoteSigner {
    fs::read_to_string(path).unwrap().trim_end().parse().unwrap()
}

/// Which of the two keys signed.
fn signed_by(signed: &SignedCheckpoint, keys: [&VerifierKey; 2]) -> [bool; 2] {
    keys.map(|key| signed.note().signatures().iter().any(|line| line.is_by(key)))
}

#[test]
fn both_keys_sign_the_change_and_then_the_new_one_alone() {
    let place = Place::new();
    let away =
        User::of(&place.server.url(), &Caller::of(&place.server).pin(), &place.ledger.writer_key_file(0));
    done(&place.log_key(&["new"]));
    let refused = place.log_key(&["new"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let home = place.ledger.home().to_owned();
    let (old, new) =
        (key_in(&home.join("data.log-key")).verifier(), key_in(&home.join("data.log-key.next")).verifier());
    assert!(done(&place.log_key(&["show"])).contains(&new.to_string()));

    // The server has not read the next key yet: nobody could believe it behind the change.
    let file = place.propose(&new.to_string(), 6, 8);
    let file = file.to_str().unwrap();
    let admin = home.join("admin.key");
    place.run(&["trust", "sign", file, "--key", admin.to_str().unwrap(), "--yes"]);
    let unsigned = place.administrator.custody(&["record", "envelope", file]);
    assert_eq!(unsigned.code, Some(1), "the next key has not signed it: {}", unsigned.stderr);
    done(&place.log_key(&["sign", file]));
    let not_held = place.administrator.custody(&["record", "envelope", file]);
    assert_ne!(not_held.code, Some(0));
    assert!(not_held.stderr.contains("not those that this server signs with"), "{}", not_held.stderr);
    let place = place.restarted();
    place.run(&["record", "envelope", file]);

    let (old_only, both, new_only) = ([true, false], [true, true], [false, true]);
    for (size, expected) in [(3, old_only), (5, old_only), (6, both), (7, both), (8, new_only), (9, new_only)]
    {
        assert_eq!(signed_by(&place.grown_to(size), [&old, &new]), expected, "size {size}");
        if size == 7 {
            let early = place.log_key(&["switch"]);
            assert_eq!(early.code, Some(1), "both sign: {}", early.stderr);
            // Who lacks one of the two does not serve.
            place.run(&["audit"]);
        }
    }
    // Who looked before, who was away meanwhile, and who comes anew: all follow.
    for user in [&place.administrator, &away] {
        let ended = user.custody(&["find", "--limit", "1"]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let ended = user.custody(&["audit"]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    }
    let said = done(&place.log_key(&["switch"]));
    assert!(said.contains(&new.to_string()), "{said}");
    assert_eq!(key_in(&home.join("data.log-key")).verifier(), new);
    assert_eq!(key_in(&home.join("data.log-key.retired-1")).verifier(), old);
    let place = place.restarted();
    assert_eq!(signed_by(&place.grown_to(11), [&old, &new]), new_only);
    assert_eq!(place.administrator.custody(&["audit", "--from-scratch"]).code, Some(0));
}

#[test]
fn a_server_that_goes_on_with_the_old_key_or_with_another_one_does_not_serve() {
    let place = Place::new();
    done(&place.log_key(&["new"]));
    let home = place.ledger.home().to_owned();
    let new = key_in(&home.join("data.log-key.next")).verifier().to_string();
    let file = place.propose(&new, 4, 6);
    let place = place.restarted();
    let file = file.to_str().unwrap();
    done(&place.log_key(&["sign", file]));
    place.run(&["trust", "sign", file, "--key", home.join("admin.key").to_str().unwrap(), "--yes"]);
    place.run(&["record", "envelope", file]);
    let Place { ledger, server, administrator } = place;
    let next = home.join("data.log-key.next");
    let aside = home.join("aside");
    let refuses = |what: &str| {
        let said = Server::try_start(&ledger.data()).expect_err(what);
        assert!(said.contains("trust document names the log key"), "{what}: {said}");
    };
    server.stop();
    // Before the change the old key alone is enough, and the next one alone is not.
    fs::rename(&next, &aside).unwrap();
    ledger.serve().stop();
    let old = fs::read(home.join("data.log-key")).unwrap();
    fs::copy(&aside, home.join("data.log-key")).unwrap();
    refuses("the next key before its time");
    fs::write(home.join("data.log-key"), &old).unwrap();
    fs::rename(&aside, &next).unwrap();
    let server = ledger.serve();
    let place = Place { ledger, server, administrator };
    place.grown_to(5);
    let Place { ledger, server, .. } = place;
    server.stop();
    let refuses = |what: &str| {
        let said = Server::try_start(&ledger.data()).expect_err(what);
        assert!(said.contains("trust document names the log key"), "{what}: {said}");
    };
    fs::rename(&next, &aside).unwrap();
    refuses("the old key alone, while both sign");
    fs::rename(&aside, &next).unwrap();
    let server = ledger.serve();
    let caller = Caller::of(&server);
    while caller.tree().0 < 7 {
        let name = format!("artifact {}", caller.tree().0);
        caller.record(&envelope(&statement(&name), &[&ledger.writers[0]])).unwrap();
    }
    server.stop();
    fs::rename(&next, &aside).unwrap();
    refuses("the old key behind its window");
    // A key that no document names.
    let stranger = NoteSigner::from_seed("example.com/tests".parse().unwrap(), [9; 32]);
    fs::write(home.join("data.log-key"), stranger.to_text().as_bytes()).unwrap();
    refuses("a key of nobody's");
}

#[test]
fn an_expired_trust_document_warns_and_recording_goes_on() {
    let place = Place::new();
    let soon = ["trust", "propose", "--expires", "3s", "--out", "soon.json"];
    place.run(&soon);
    let admin = place.ledger.home().join("admin.key");
    place.run(&["trust", "sign", "soon.json", "--key", admin.to_str().unwrap(), "--yes"]);
    let recorded = place.administrator.custody(&["record", "envelope", "soon.json"]);
    if recorded.code != Some(0) {
        // On a machine this slow it had expired before it came, and is refused for that.
        assert!(recorded.stderr.contains("expired"), "{}", recorded.stderr);
        return;
    }
    std::thread::sleep(std::time::Duration::from_secs(4));
    let file =
        place.administrator.file("late.json", envelope(&statement("late"), &[&place.ledger.writers[0]]));
    let recorded = place.administrator.custody(&["record", "envelope", file.to_str().unwrap()]);
    assert_eq!(recorded.code, Some(0), "{}{}", recorded.stdout, recorded.stderr);
    assert!(recorded.stderr.contains("trust document has expired"), "{}", recorded.stderr);
    // It is replaced by one that has not.
    place.run(&["trust", "propose", "--expires", "90d", "--out", "later.json"]);
    place.run(&["trust", "sign", "later.json", "--key", admin.to_str().unwrap(), "--yes"]);
    place.run(&["record", "envelope", "later.json"]);
    let quiet = place.administrator.custody(&["find", "--limit", "1"]);
    assert!(!quiet.stderr.contains("expired"), "{}", quiet.stderr);
}
