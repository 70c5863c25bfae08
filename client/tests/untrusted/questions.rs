//! What the commands that look for something make of true answers: no file is missed by its second digest, nothing is
//! said to run or to stop that was not read, and what stays the server's claim is named.

use custody_evidence::digest_set::Digest;
use serde_json::Value;

use crate::double::{Lie, Log, Server};
use crate::messages::{case, run_cases};

const APPROVAL: &str = "urn:custody:approval:v1";
const APPROVED: &str = r#"{"for":"prod","approver":"alice","at":"2026-11-20T14:00:00Z"}"#;
const DEPLOYMENT: &str = "urn:custody:deployment:v1";
const SOURCE: &str = "urn:custody:source:v1";
const COMMIT: &str = "16d9990000000000000000000000000000000000";
const BILL: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"axios","purl":"pkg:npm/axios@1.14.1"}]}"#;
const ARTIFACT: &[u8] = b"the artifact";

fn sha256() -> Digest {
    Digest::sha256_of(ARTIFACT)
}

fn sha512() -> Digest {
    custody_client::file_digest::FileDigests::of_bytes(ARTIFACT).sha512
}

fn deployed(workload: &str, action: &str, minute: u8) -> String {
    format!(
        r#"{{"environment":"prod","workload":"{workload}","action":"{action}","at":"2026-11-20T13:{minute:02}:00Z"}}"#
    )
}

/// 1: approval by SHA-256; 2: approval by SHA-512; 3: bill of materials; 4: source; 5-7: two workloads, one stopped.
fn sample() -> Log {
    let mut log = Log::new();
    log.append_about(APPROVAL, &[sha256()], APPROVED);
    log.append_about(APPROVAL, &[sha512()], &APPROVED.replace("alice", "bob").replace("prod", "staging"));
    log.append_about("https://cyclonedx.org/bom", &[sha256()], BILL);
    let source = format!(
        r#"{{"repo":"https://github.com/acme/api","commit":"{COMMIT}","ref":"refs/heads/main","author":"Alice <a@example.org>","author_date":"2026-11-20T12:00:00Z"}}"#
    );
    log.append_about(SOURCE, &[Digest::read("gitCommit", COMMIT).unwrap()], &source);
    log.append_about(DEPLOYMENT, &[sha256()], &deployed("api", "start", 1));
    log.append_about(DEPLOYMENT, &[sha256()], &deployed("worker", "start", 2));
    log.append_about(DEPLOYMENT, &[sha256()], &deployed("worker", "stop", 3));
    log
}

async fn start(log: Log) -> (Server, tempfile::TempDir) {
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.tar.gz"), ARTIFACT).unwrap();
    std::fs::write(dir.path().join("s.cdx.json"), format!("{BILL}\n")).unwrap();
    (server, dir)
}

async fn json(server: &Server, dir: &tempfile::TempDir, args: &[&str]) -> Value {
    let run = server.custody(dir.path(), &[args, &["-o", "json"]].concat()).await;
    assert_eq!(run.code, 0, "{args:?}: {run:?}");
    serde_json::from_str(&run.stdout).unwrap()
}

fn indexes(found: &Value) -> Vec<u64> {
    found["entries"].as_array().unwrap().iter().map(|entry| entry["index"].as_u64().unwrap()).collect()
}

/// Ledger times of the sample are 14:02 to 14:09; a repair steps back to 13:10, and one more entry follows.
#[tokio::test]
async fn a_time_that_a_clock_repair_stepped_over_names_the_tree_of_the_repaired_clock() {
    let mut log = sample();
    log.append_clock_repair();
    log.append_about(DEPLOYMENT, &[sha256()], &deployed("api", "stop", 4));
    let (server, dir) = start(log).await;
    for (time, size) in [("13:10:30", 9), ("14:05:30", 10)] {
        let at = format!("2026-11-20T{time}Z");
        let found = json(&server, &dir, &["find", "--at", &at]).await;
        assert_eq!(found["at"]["size"], size, "{time}: {found}");
        let key = format!("key:{}", crate::double::log::writer().public().id());
        let distrust = ["distrust", &key, "--since", &at, "--reason", "x", "--out", "distrust.json"];
        assert_eq!(json(&server, &dir, &distrust).await["since"], size, "{time}");
    }
    for (lie, time) in [(Lie::TooYoungTree, "13:10:30"), (Lie::TooOldTree, "14:05:30")] {
        server.lies.lock().unwrap().clear();
        server.lie(lie);
        let run = server.custody(dir.path(), &["find", "--at", &format!("2026-11-20T{time}Z")]).await;
        assert_eq!(run.code, 1, "{lie:?}: {run:?}");
    }
}

#[tokio::test]
async fn what_is_known_of_a_file_by_either_digest_reads_as_written_here() {
    let (server, dir) = start(sample()).await;
    let cases = [
        case("trace_two_digests", 0, &["trace", "app.tar.gz"]),
        case("trace_two_digests_json", 0, &["trace", "app.tar.gz", "-o", "json"]),
        case("trace_deployments_logged", 0, &["trace", "app.tar.gz", "--verify", "logged"]),
        case("find_two_digests", 0, &["find", "--subject", "app.tar.gz"]),
        case("find_claimed", 0, &["find", "--environment", "prod", "--verify", "logged"]),
    ];
    run_cases(&server, dir.path(), &cases).await;
}

#[tokio::test]
async fn a_subject_is_found_whatever_it_is() {
    let (server, dir) = start(sample()).await;
    let whole = format!("gitCommit:{COMMIT}");
    let cases: [(&str, &[u64]); 8] = [
        (COMMIT, &[4]),
        (&whole, &[4]),
        ("s.cdx.json", &[3]),
        ("pkg:npm/axios@1.14.1", &[3]),
        ("prod", &[7, 6, 5, 1]),
        ("app.tar.gz", &[7, 6, 5, 3, 2, 1]),
        (&sha256().to_string(), &[7, 6, 5, 3, 1]),
        (&Digest::sha256_of(BILL.as_bytes()).to_string(), &[3]),
    ];
    for (subject, expected) in cases {
        let found = json(&server, &dir, &["find", "--subject", subject]).await;
        assert_eq!(indexes(&found), expected, "{subject}");
    }
    let found = json(&server, &dir, &["find", "--subject", "app.tar.gz", "--predicate", "approval"]).await;
    assert_eq!(indexes(&found), [2, 1]);
}

/// Packages are compared as the server compares them: a version is found in whatever form it is listed.
#[tokio::test]
async fn a_package_is_found_with_qualifiers_and_subpath_and_no_other_version_is_believed() {
    let listed = [
        "pkg:golang/example.com/net@1.4.0#http2",
        "pkg:golang/example.com/net@1.4.0?os=linux",
        "pkg:golang/example.com/net@1.4.0",
    ];
    for package in listed {
        let mut log = Log::new();
        log.append_about(
            "https://cyclonedx.org/bom",
            &[sha256()],
            &BILL.replace("pkg:npm/axios@1.14.1", package),
        );
        let (server, dir) = start(log).await;
        for asked in ["pkg:golang/example.com/net", "pkg:golang/example.com/net@1.4.0", package] {
            let found = json(&server, &dir, &["find", "--component", asked]).await;
            assert_eq!(indexes(&found), [1], "{asked} in {package}");
        }
        server.lie(Lie::OnlyFirst);
        for other in [
            "pkg:golang/example.com/net@1.4",
            "pkg:golang/example.com/net@1.4.00#http2",
            "pkg:golang/net@1.4.0",
        ] {
            let run = server.custody(dir.path(), &["find", "--component", other]).await;
            assert_eq!(run.code, 1, "{other} in {package}: {run:?}");
        }
    }
}

#[tokio::test]
async fn pages_of_a_file_leave_nothing_out_and_repeat_nothing() {
    let (server, dir) = start(sample()).await;
    let (mut all, mut next) = (Vec::new(), None);
    loop {
        let start = next.map(|next: u64| next.to_string());
        let mut args = vec!["find", "--subject", "app.tar.gz", "--limit", "2"];
        args.extend(start.as_deref().map(|start| ["--next", start]).into_iter().flatten());
        let run = server.custody(dir.path(), &[&args[..], &["-o", "json"]].concat()).await;
        let page: Value = serde_json::from_str(&run.stdout).unwrap();
        assert!(indexes(&page).len() <= 2, "{page}");
        all.extend(indexes(&page));
        next = page["next"].as_u64();
        if next.is_none() {
            break;
        }
    }
    assert_eq!(all, [7, 6, 5, 3, 2, 1]);
}

/// What runs where follows from the records of the environment, which are read whatever is read of the chain.
#[tokio::test]
async fn what_is_live_is_known_though_the_chain_was_not_read() {
    let mut log = sample();
    for number in 0..50 {
        log.append_about(APPROVAL, &[sha256()], &APPROVED.replace("alice", &format!("person {number}")));
    }
    let (server, dir) = start(log).await;
    let logged = server.custody(dir.path(), &["trace", "app.tar.gz"]).await;
    assert!(logged.stdout.contains("prod api  since") && logged.stdout.contains("LIVE"), "{}", logged.stdout);
    assert!(
        logged.stdout.contains("what runs was read here; what else they say is claimed"),
        "{}",
        logged.stdout
    );
    let full = server.custody(dir.path(), &["trace", "app.tar.gz", "--verify", "full"]).await;
    assert!(full.stdout.contains("prod api  since") && full.stdout.contains("LIVE"), "{}", full.stdout);
    assert!(full.stdout.contains("prod worker  started"), "{}", full.stdout);
}

#[tokio::test]
async fn a_trace_lists_no_node_that_is_not_the_end_of_a_checked_edge() {
    let (server, dir) = start(sample()).await;
    let traced = json(&server, &dir, &["trace", "app.tar.gz", "--depth", "1"]).await;
    let ids = |member: &str| -> Vec<String> {
        let edges = traced["edges"].as_array().unwrap().iter();
        edges.map(|edge| edge[member].as_str().unwrap().to_owned()).collect()
    };
    let ends = [ids("from"), ids("to")].concat();
    for node in traced["nodes"].as_array().unwrap() {
        assert!(ends.contains(&node["id"].as_str().unwrap().to_owned()), "{node}");
    }
    assert!(traced["edges"].as_array().unwrap().iter().all(|edge| edge["check"] == "verified"));
}

/// The answer about the first digest knows of no contradiction; the one about the second does.
#[tokio::test]
async fn a_contradiction_that_one_of_two_answers_knows_is_shown() {
    let mut log = Log::new();
    log.append_about(APPROVAL, &[sha256(), sha512()], APPROVED);
    let (server, dir) = start(log).await;
    let same = |traced: &Value| -> Vec<String> {
        let edges = traced["edges"].as_array().unwrap().iter().filter(|edge| edge["kind"] == "same-as");
        edges.map(|edge| edge["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(same(&json(&server, &dir, &["trace", "app.tar.gz"]).await), ["verified"]);
    server.lie(Lie::ConflictOfOne);
    assert_eq!(same(&json(&server, &dir, &["trace", &sha256().to_string()]).await), ["verified"]);
    assert_eq!(same(&json(&server, &dir, &["trace", "app.tar.gz"]).await), ["conflict"]);
}

/// A file is read through a pipe as well, which gives its bytes once; its name need not be UTF-8.
#[tokio::test]
async fn a_file_is_read_once_and_found_whatever_its_name_is() {
    use std::os::unix::ffi::OsStrExt as _;
    let (server, dir) = start(sample()).await;
    let name = std::ffi::OsStr::from_bytes(b"app-\xff\xe9.tar.gz");
    std::fs::write(dir.path().join(name), ARTIFACT).unwrap();
    let bill = std::ffi::OsStr::from_bytes(b"\xff.cdx.json");
    std::fs::write(dir.path().join(bill), format!("{BILL}\n")).unwrap();
    let path = dir.path().to_owned();
    let (url, pin) = (server.url(), server.pin().to_string());
    let runs = tokio::task::spawn_blocking(move || {
        let run = |args: &[&std::ffi::OsStr]| {
            let mut command = crate::double::bare(&path);
            command.env("CUSTODY_SERVER", &url).env("CUSTODY_TRUST", &pin);
            crate::double::Run::of(command.args(args).output().unwrap())
        };
        let piped = |thing: &str| {
            let mut command = crate::double::bare(&path);
            command.env("CUSTODY_SERVER", &url).env("CUSTODY_TRUST", &pin).args(["trace", thing]);
            command.stdin(std::process::Stdio::piped());
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            let mut child = command.spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{BILL}\n").as_bytes())
                .unwrap();
            crate::double::Run::of(child.wait_with_output().unwrap())
        };
        let recorded = ["record", "generic", "--dry-run", "--type", "urn:x:y", "--predicate", "s.cdx.json"];
        let recorded = recorded.map(std::ffi::OsStr::new);
        let [trace, show, find, subject, verify] =
            ["trace", "show", "find", "--subject", "verify"].map(std::ffi::OsStr::new);
        (
            run(&[trace, name]),
            run(&[show, bill]),
            run(&[find, subject, name]),
            run(&[verify, name]),
            piped("/dev/stdin"),
            run(&[&recorded[..], &[subject, name]].concat()),
        )
    });
    let (trace, show, find, verify, piped, recorded) = runs.await.unwrap();
    assert!(recorded.code == 0 && recorded.stdout.contains(sha256().value()), "{recorded:?}");
    assert!(trace.code == 0 && trace.stdout.starts_with("app-\u{fffd}\u{fffd}.tar.gz  sha256:"), "{trace:?}");
    assert!(show.code == 0 && show.stdout.contains("index 3\n"), "{show:?}");
    assert_eq!((find.code, find.stdout.lines().count()), (0, 6), "{find:?}");
    assert!(
        verify.code == 3 && verify.stdout.starts_with("app-\u{fffd}\u{fffd}.tar.gz  not checked"),
        "{verify:?}"
    );
    assert!(piped.code == 0 && piped.stdout.contains("sbom"), "{piped:?}");
}

#[tokio::test]
async fn an_entry_that_is_not_about_the_thing_is_neither_printed_nor_saved() {
    let (server, dir) = start(sample()).await;
    server.open(&dir.path().join("state")).await.unwrap();
    server.lie(Lie::OnlyFirst);
    for args in
        [["show", COMMIT].as_slice(), &["show", COMMIT, "--raw"], &["show", COMMIT, "--save", "saved"]]
    {
        run_cases(&server, dir.path(), &[case("lie_show_not_asked", 1, args)]).await;
        assert!(!dir.path().join("saved").exists());
    }
}

#[tokio::test]
async fn a_digest_is_not_the_environment_of_that_name() {
    let (server, dir) = start(sample()).await;
    server.open(&dir.path().join("state")).await.unwrap();
    server.lie(Lie::OtherKind);
    let digest = sha256().to_string();
    for thing in [digest.as_str(), COMMIT, &digest[7..20]] {
        let run = server.custody(dir.path(), &["trace", thing]).await;
        assert!(run.code == 4 && run.stdout.is_empty(), "{thing}: {run:?}");
    }
    run_cases(&server, dir.path(), &[case("lie_other_kind", 4, &["trace", "app.tar.gz"])]).await;
}
