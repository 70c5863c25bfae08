//! What a server cannot make anybody believe about an environment: records of another one, things that no record names, younger
//! entries, records that were not erased. What it leaves out nobody notices, and it is told that this is its claim.

use custody_evidence::digest_set::Digest;
use serde_json::Value;

use crate::double::{Lie, Log, Server};

const DEPLOYMENT: &str = "urn:custody:deployment:v1";
const SNAPSHOT: &str = "urn:custody:snapshot:v1";
const APPROVAL: &str = "urn:custody:approval:v1";

const BILL: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"axios","purl":"pkg:npm/axios@1.14.1"}]}"#;

fn digest(name: &str) -> Digest {
    Digest::sha256_of(name.as_bytes())
}

fn deployment(environment: &str, action: &str, minute: u8) -> String {
    format!(
        r#"{{"environment":"{environment}","workload":"api","action":"{action}","at":"2026-11-20T13:{minute:02}:00Z"}}"#
    )
}

fn snapshot(environment: &str, artifact: &str, minute: u8) -> String {
    let running = format!(r#"{{"digest":"{}","workload":"api","count":3}}"#, digest(artifact));
    format!(r#"{{"environment":"{environment}","at":"2026-11-20T13:{minute:02}:00Z","running":[{running}]}}"#)
}

/// 1: approval; 2: staging; 3 to 5: prod starts one, is seen whole, starts two; 6: seen whole; 7: what two ships.
fn sample() -> Log {
    let mut log = Log::new();
    let approved = r#"{"for":"prod","approver":"alice","at":"2026-11-20T12:00:00Z"}"#;
    log.append_about(APPROVAL, &[digest("one")], approved);
    log.append_about(DEPLOYMENT, &[digest("one")], &deployment("staging", "start", 1));
    log.append_about(DEPLOYMENT, &[digest("one")], &deployment("prod", "start", 2));
    log.append_about(SNAPSHOT, &[digest("one")], &snapshot("prod", "one", 3));
    log.append_about(DEPLOYMENT, &[digest("two")], &deployment("prod", "start", 4));
    log.append_about(SNAPSHOT, &[digest("two")], &snapshot("prod", "two", 5));
    log.append_about("https://cyclonedx.org/bom", &[digest("two")], BILL);
    log
}

async fn start() -> (Server, tempfile::TempDir) {
    let server = Server::start(sample()).await;
    let dir = tempfile::tempdir().unwrap();
    server.open(&dir.path().join("state")).await.unwrap();
    (server, dir)
}

async fn json(server: &Server, dir: &tempfile::TempDir, args: &[&str]) -> Value {
    let run = server.custody(dir.path(), &[args, &["-o", "json"]].concat()).await;
    assert_eq!(run.code, 0, "{args:?}: {run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

#[tokio::test]
async fn a_true_answer_is_what_its_statements_say() {
    let (server, dir) = start().await;
    let shown = json(&server, &dir, &["env", "show", "prod"]).await;
    let running = &shown["running"][0];
    assert_eq!(running["digest"], digest("two").to_string());
    assert_eq!(
        (&running["workload"], &running["count"], &running["entry"]),
        (&"api".into(), &3.into(), &5.into())
    );
    assert_eq!(
        (&running["since"], &running["evidence"]),
        (&"2026-11-20T13:04:00.000000Z".into(), &"trusted".into())
    );
    let before = json(&server, &dir, &["env", "show", "prod~1"]).await;
    assert_eq!(before["running"][0]["digest"], digest("one").to_string());
    assert_eq!(before["running"][0]["evidence"], "trusted");
    let listed = json(&server, &dir, &["env", "list"]).await;
    assert_eq!(listed["environments"][0]["last"]["entry"], 6);
    assert_eq!(listed["environments"][1]["environment"], "staging");
}

#[tokio::test]
async fn refuses_records_of_another_environment_and_what_no_record_says() {
    for (lie, args, code) in [
        (Lie::OtherEnvironment, ["env", "show", "prod"].as_slice(), "not_asked"),
        (Lie::OtherEnvironment, &["env", "list"], "not_asked"),
        (Lie::ForgedPart, &["env", "show", "prod"], "not_asked"),
        (Lie::BeyondTree, &["env", "show", "prod", "--at", "5"], "not_verified"),
        (Lie::Redacted, &["env", "log", "prod"], "not_redacted"),
        (Lie::NotAsked, &["env", "show", "prod"], "not_asked"),
        (Lie::SwappedEnvelope, &["env", "show", "prod"], "not_verified"),
        (Lie::Padded, &["env", "log", "prod"], "not_verified"),
        (Lie::OtherEnvironment, &["trace", "prod"], "not_asked"),
        (Lie::ForgedPart, &["trace", "prod"], "not_asked"),
        (Lie::UnrelatedEdges, &["impact", "pkg:npm/axios"], "unrelated_edge"),
        (Lie::ForgedEdge, &["impact", "pkg:npm/axios"], "forged_edge"),
        (Lie::NotSigned, &["impact", "pkg:npm/axios"], "not_asked"),
        (Lie::Redacted, &["impact", "pkg:npm/axios"], "not_redacted"),
        (Lie::Padded, &["impact", "pkg:npm/axios"], "not_verified"),
        (Lie::PagesApart, &["impact", "pkg:npm/axios"], "not_verified"),
        (Lie::EndlessPages, &["impact", "pkg:npm/axios"], "not_verified"),
        (Lie::AheadWithParts, &["impact", "pkg:npm/axios"], "not_verified"),
        (Lie::AheadOfNothing, &["impact", "pkg:npm/axios"], "not_verified"),
    ] {
        let (server, dir) = start().await;
        server.lie(lie);
        let run = server.custody(dir.path(), &[args, &["-o", "json"]].concat()).await;
        let found: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((run.code, found["error"]["code"].as_str()), (1, Some(code)), "{lie:?}: {run:?}");
    }
}

/// A server takes eight seconds for a page at most, and may need more to get to it or to find something for it.
#[tokio::test]
async fn pages_that_come_late_are_asked_for_again_and_nothing_is_left_out_or_repeated() {
    let (server, dir) = start().await;
    let args = ["impact", "pkg:npm/axios"];
    let whole = json(&server, &dir, &args).await;
    server.lie(Lie::LatePages);
    assert_eq!(json(&server, &dir, &args).await, whole);
    let late = server.late.lock().unwrap().clone();
    let (first, others) = late.iter().partition::<Vec<_>, _>(|(after, _)| **after == 0);
    assert_eq!(first, [(&0, &1)], "it does not begin again");
    assert!(!others.is_empty() && others.iter().all(|(_, asked)| **asked == 3), "{late:?}");
}

/// What is on the first page is shown, and that it is not all.
#[tokio::test]
async fn where_no_page_behind_the_first_is_reached_or_fits_it_the_answer_says_that_it_is_not_all() {
    for lie in [Lie::NeverReached, Lie::OtherPages] {
        let (server, dir) = start().await;
        let args = ["impact", "pkg:npm/axios", "-o", "json"];
        let whole = json(&server, &dir, &args[..2]).await;
        server.lie(lie);
        let run = server.custody(dir.path(), &args).await;
        let shown: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(
            (&shown["truncated"], &whole["truncated"]),
            (&true.into(), &false.into()),
            "{lie:?}: {run:?}"
        );
    }
}

/// The key that signs all records is distrusted from entry 5 on.
#[tokio::test]
async fn what_a_distrusted_key_says_is_marked_and_ends_nothing_though_the_server_counts_it() {
    let mut log = sample();
    log.append_distrust(custody_log::LeafIndex::new(5).unwrap());
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let shown = json(&server, &dir, &["env", "show", "prod"]).await;
    let rows = shown["running"].as_array().unwrap();
    let of = |name: &str| rows.iter().find(|row| row["digest"] == digest(name).to_string()).unwrap();
    assert_eq!(rows.len(), 2, "{shown}");
    assert_eq!(
        (&of("one")["check"], &of("one")["since"]),
        (&"verified".into(), &"2026-11-20T13:02:00.000000Z".into())
    );
    assert_eq!(of("two")["check"], "distrusted");
    assert_eq!(shown["distrusted"], serde_json::json!([5, 6]));
    let told = server.custody(dir.path(), &["env", "show", "prod"]).await;
    assert!(told.stdout.contains("DISTRUSTED") && told.stderr.contains("authentic"), "{told:?}");
}
