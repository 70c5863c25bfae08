//! The index can be thrown away and made again, and never beside a server.

use std::fs;
use std::path::Path;

use custody_tests::client::User;
use custody_tests::evidence::{artifact_hex, envelope, statement};
use custody_tests::server::{Ended, Ledger, custodyd};
use custody_tests::wire::Caller;
use serde_json::Value;

fn rebuild(data: &Path) -> Ended {
    let json = ["-o".as_ref(), "json".as_ref()];
    custodyd(&[&["rebuild-index".as_ref(), "--data".as_ref(), data.as_os_str()][..], &json].concat())
}

#[test]
fn a_rebuilt_index_gives_the_same_answers() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    for number in 0..40 {
        let about = statement(&format!("artifact-{}", number % 7));
        let mut about = about.clone();
        about["predicate"]["number"] = number.into();
        caller.record(&envelope(&about, &[&ledger.writers[0]])).unwrap();
    }
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    let subject = format!("sha256:{}", artifact_hex("artifact-3"));
    let before = user.json(&["find", "--subject", &subject]);
    assert_eq!(before.0, Some(0), "{}", before.1);
    let port = server.port();
    server.stop();

    let ended = rebuild(&ledger.data());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(said["entries"], 41);
    // Content and envelope of each, the one administrative entry, and terms.
    assert!(said["rows"].as_u64().unwrap() > 41 * 2, "{said}");
    assert!(said["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{said}");

    let server = custody_tests::server::Server::start_at(&ledger.data(), port);
    let after = user.json(&["find", "--subject", &subject]);
    assert_eq!(after.1["entries"], before.1["entries"]);
    server.stop();
}

#[test]
fn a_deleted_index_is_made_again() {
    let ledger = Ledger::new(1);
    ledger.serve().stop();
    fs::remove_dir_all(ledger.data().join("index")).unwrap();
    assert_eq!(rebuild(&ledger.data()).code, Some(0));
    assert!(ledger.data().join("index").is_dir());
}

#[test]
fn it_refuses_beside_a_server_and_where_there_is_no_log() {
    let ledger = Ledger::new(1);
    let _server = ledger.serve();
    let ended = rebuild(&ledger.data());
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let error = |stdout: &str| serde_json::from_str::<Value>(stdout).unwrap()["error"].clone();
    let refused = error(&ended.stdout);
    assert_eq!(refused["code"], "in_use", "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("in use by another server"), "{refused}");
    let empty = ledger.home().join("empty");
    fs::create_dir(&empty).unwrap();
    for dir in [empty.clone(), ledger.home().join("missing"), ledger.home().to_owned()] {
        let ended = rebuild(&dir);
        assert_eq!(ended.code, Some(2), "{}: {}", dir.display(), ended.stderr);
        let refused = error(&ended.stdout);
        assert!(refused["code"] == "no_log" && refused["hint"].is_string(), "{refused}");
    }
    assert_eq!(fs::read_dir(empty).unwrap().count(), 0, "a refusal leaves nothing behind");
}
