//! A machine is lost: its log comes back from a backup, read-only until all that anyone knows of it is there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use custody_log::{NoteSigner, Receipt, SignedCheckpoint};
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ended, Ledger, ORIGIN, Server, custodyd};
use custody_tests::wire::{Caller, word};
use serde_json::Value;

/// What was acknowledged: the receipt by its index.
type Receipts = Mutex<BTreeMap<u64, Vec<u8>>>;

fn command(name: &str, flags: &[(&str, &Path)]) -> Ended {
    let mut all: Vec<&OsStr> = vec![name.as_ref()];
    for (flag, value) in flags {
        all.extend([OsStr::new(flag), value.as_os_str()]);
    }
    all.extend([OsStr::new("-o"), OsStr::new("json")]);
    custodyd(&all)
}

fn done(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn record(caller: &Caller, ledger: &Ledger, name: &str, receipts: &Receipts) {
    let answer = caller.record(&envelope(&statement(name), &[&ledger.writers[0]])).unwrap();
    receipts.lock().unwrap().insert(answer.index, answer.receipt.to_vec());
}

/// The file in which a client remembers the newest checkpoint it saw.
fn remembered(user: &User) -> PathBuf {
    fn find(dir: &Path) -> Option<PathBuf> {
        let mut below = fs::read_dir(dir).ok()?.map(|entry| entry.unwrap().path());
        below.find_map(|path| {
            if path.is_dir() {
                return find(&path);
            }
            path.file_name().is_some_and(|name| name == "checkpoint").then_some(path)
        })
    }
    find(user.home()).expect("the client remembers a checkpoint")
}

fn verify_all(ledger: &Ledger, receipts: &Receipts, server: &Server) {
    let key = fs::read_to_string(ledger.home().join("data.log-key")).unwrap();
    let key: NoteSigner = key.trim_end().parse().unwrap();
    let caller = Caller::of(server);
    let entries = caller.entries(caller.tree().0);
    for (index, bytes) in receipts.lock().unwrap().iter() {
        let receipt = Receipt::decode(bytes).unwrap();
        let verified = receipt.verify(&ORIGIN.parse().unwrap(), &[key.verifier()]).unwrap();
        assert_eq!(verified.entry_bytes(), entries[usize::try_from(*index).unwrap()], "entry {index}");
    }
}

#[test]
fn a_lost_machine_comes_back_and_never_forks() {
    let ledger = Ledger::new(1);
    let (data, backup, dead) = (ledger.data(), ledger.home().join("backup"), ledger.home().join("dead"));
    let receipts = Receipts::default();
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));

    // A backup while four writers record, and one more on top of it.
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (server, ledger, receipts, over) = (&server, &ledger, &receipts, &over);
            scope.spawn(move || {
                let caller = Caller::of(server);
                for number in 0.. {
                    record(&caller, ledger, &format!("{writer}-{number}"), receipts);
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
        }
        while receipts.lock().unwrap().len() < 20 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        for _ in 0..2 {
            let taken = done(&command("backup", &[("--data", &data), ("--out", &backup)]));
            assert!(taken["size"].as_u64().unwrap() > 10, "{taken}");
        }
        over.store(true, Ordering::SeqCst);
    });
    for number in 0..10 {
        record(&caller, &ledger, &format!("after the backup {number}"), &receipts);
    }
    let newest = *receipts.lock().unwrap().keys().max().unwrap();
    let (code, shown) = user.json(&["show", &format!("index:{newest}")]);
    assert_eq!(code, Some(0), "{shown}");
    server.kill();
    fs::rename(&data, &dead).unwrap();

    // The backup alone is read, not written.
    let restored = done(&command("restore", &[("--from", &backup), ("--data", &data)]));
    assert_eq!(
        (&restored["read_only"], &restored["needed"]),
        (&Value::Bool(true), &Value::Null),
        "{restored}"
    );
    let server = Server::start_with(&data, &[]);
    let caller = Caller::of(&server);
    server.comes_to_say("READ-ONLY");
    let refused = caller.record(&envelope(&statement("too early"), &[&ledger.writers[0]])).unwrap_err();
    assert_eq!(word(&refused), "read_only");
    assert_eq!(caller.health("custody.v1.Recorder").ok(), Some(false));
    assert_eq!(caller.health("custody.v1.Reader").ok(), Some(true));
    let manifest: Value = serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    let signed = manifest["checkpoint"].as_str().unwrap();
    assert_eq!(caller.checkpoint().unwrap(), signed.as_bytes(), "the checkpoint is shown as it was signed");
    let newcomer = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    assert_eq!(newcomer.json(&["show", "index:1"]).0, Some(0));
    let file = newcomer.file("early.json", envelope(&statement("too early"), &[&ledger.writers[0]]));
    let (code, answer) = newcomer.json(&["record", "envelope", file.to_str().unwrap()]);
    assert_eq!((code, answer["error"]["code"].as_str()), (Some(3), Some("read_only")), "{answer}");
    // Who saw more is told. Nothing new was signed, so what is here is an old state and not a claim that it is the newest:
    // the server is behind. Had it signed, this would be a rollback (`rollback_and_fork.rs`).
    let (code, answer) = user.json(&["show", "index:1", "--timeout", "8s", "--server", &server.url()]);
    assert_eq!((code, answer["error"]["code"].as_str()), (Some(3), Some("behind")), "{answer}");
    server.stop();

    // What the backup itself says releases nothing, and what the client saw is missing.
    let old = user.file("old-checkpoint", signed);
    let kept = remembered(&user);
    let ended = command("restore", &[("--data", &data), ("--checkpoint", &old)]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let error = &serde_json::from_str::<Value>(&ended.stdout).unwrap()["error"];
    assert_eq!(error["code"], "bad_checkpoint", "{error}");
    assert!(error["message"].as_str().unwrap().contains("no newer than the backup"), "{error}");
    let short = done(&command("restore", &[("--data", &data), ("--checkpoint", &kept)]));
    assert_eq!(
        (&short["read_only"], &short["needed"]),
        (&Value::Bool(true), &Value::from(newest + 1)),
        "{short}"
    );

    // The dead machine's segments bring it, and the log goes on.
    let whole =
        done(&command("restore", &[("--data", &data), ("--segments", &dead), ("--checkpoint", &kept)]));
    assert_eq!(whole["read_only"], false, "{whole}");
    assert!(whole["added"].as_u64().unwrap() >= 10, "{whole}");
    let server = Server::start_with(&data, &["--checkpoint", kept.to_str().unwrap()]);
    let caller = Caller::of(&server);
    record(&caller, &ledger, "recorded again", &receipts);
    verify_all(&ledger, &receipts, &server);
    let (code, answer) = user.json(&["show", &format!("index:{newest}"), "--server", &server.url()]);
    assert_eq!(code, Some(0), "{answer}");
    server.stop();
    assert_eq!(custodyd(&[OsStr::new("fsck"), OsStr::new("--data"), data.as_os_str()]).code, Some(0));
}

#[test]
fn a_successor_names_the_log_that_it_continues() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let checkpoint = ledger.home().join("last-checkpoint");
    fs::write(&checkpoint, Caller::of(&server).checkpoint().unwrap()).unwrap();
    server.stop();
    let old_key = fs::read_to_string(ledger.home().join("data.log-key")).unwrap();
    let verifier = old_key.trim_end().parse::<NoteSigner>().unwrap().verifier().to_string();
    let other_key = NoteSigner::from_seed(ORIGIN.parse().unwrap(), [9; 32]).verifier().to_string();
    let data = ledger.home().join("successor");
    let admin = ledger.home().join("admin.key");
    let init = |origin: &str, key: &str| {
        custodyd(&[
            OsStr::new("init"),
            OsStr::new("--data"),
            data.as_os_str(),
            OsStr::new("--origin"),
            OsStr::new(origin),
            OsStr::new("--admin"),
            admin.as_os_str(),
            OsStr::new("--writer"),
            ledger.writer_key_file(0).as_os_str(),
            OsStr::new("--predecessor"),
            checkpoint.as_os_str(),
            OsStr::new("--predecessor-key"),
            OsStr::new(key),
        ])
    };
    for (origin, key, said) in [
        ("example.com/successor", other_key.as_str(), "is not one of the log"),
        (ORIGIN, verifier.as_str(), "another origin"),
    ] {
        let ended = init(origin, key);
        assert_ne!(ended.code, Some(0), "{}", ended.stdout);
        assert!(ended.stderr.contains(said) && !data.join("journal").exists(), "{}", ended.stderr);
    }
    let ended = init("example.com/successor", &verifier);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let server = Server::start(&data);
    let caller = Caller::to(&server, "example.com/successor");
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    let shown = user.custody(&["trust", "show"]);
    assert!(shown.stdout.contains("continues") && shown.stdout.contains(ORIGIN), "{}", shown.stdout);
    server.stop();
}

#[test]
fn a_backup_whose_checkpoint_the_log_did_not_sign_is_not_restored() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let receipts = Receipts::default();
    for number in 0..3 {
        record(&Caller::of(&server), &ledger, &format!("entry-{number}"), &receipts);
    }
    let (backup, list) = (ledger.home().join("backup"), ledger.home().join("backup/manifest.json"));
    done(&command("backup", &[("--data", &ledger.data()), ("--out", &backup)]));
    server.stop();
    let good = fs::read(&list).unwrap();
    let mut manifest: Value = serde_json::from_slice(&good).unwrap();
    let note = manifest["checkpoint"].as_str().unwrap();
    let signed = SignedCheckpoint::parse(note.as_bytes()).unwrap();
    // The same tree, signed by a key of the same name.
    let stranger = NoteSigner::from_seed(ORIGIN.parse().unwrap(), [77; 32]);
    let other = SignedCheckpoint::sign(signed.unverified(), &stranger).unwrap();
    manifest["checkpoint"] = String::from_utf8(other.bytes().to_vec()).unwrap().into();
    fs::write(&list, serde_json::to_vec(&manifest).unwrap()).unwrap();
    let restored = ledger.home().join("restored");
    let flags: [&OsStr; 5] =
        ["restore".as_ref(), "--from".as_ref(), backup.as_ref(), "--data".as_ref(), restored.as_ref()];
    let refused = custodyd(&flags);
    assert_eq!(refused.code, Some(1), "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stderr.contains("is not signed by a key that the log's own"), "{}", refused.stderr);
    assert!(refused.stderr.contains("hint: use another backup"), "{}", refused.stderr);
    assert!(Server::try_start(&restored).is_err(), "nothing was restored");
    // The same directory takes the backup as it was.
    fs::write(&list, good).unwrap();
    assert_eq!(custodyd(&flags).code, Some(0));
}
