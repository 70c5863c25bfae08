//! What a trace says to run: what the records of the environment come to, and not those alone that the chain has.

use custody_evidence::digest_set::Digest;

use crate::double::{Lie, Log, Server};
use crate::messages::{case, run_cases};

const DEPLOYMENT: &str = "urn:custody:deployment:v1";
const BUILD: &str = "https://slsa.dev/provenance/v1";
const COMMIT: &str = "16d9990000000000000000000000000000000000";

fn digest(artifact: &str) -> Digest {
    Digest::sha256_of(artifact.as_bytes())
}

/// The other digest of the same bytes.
fn long(artifact: &str) -> Digest {
    custody_client::file_digest::FileDigests::of_bytes(artifact.as_bytes()).sha512
}

/// A log with a build of each artifact from one commit.
fn built(artifacts: &[&str]) -> Log {
    let mut log = Log::new();
    for (run, artifact) in artifacts.iter().enumerate() {
        let predicate = format!(
            r#"{{"buildDefinition":{{"buildType":"urn:example:build","externalParameters":{{}},"resolvedDependencies":[
            {{"uri":"git+https://github.com/acme/api@refs/heads/main","digest":{{"gitCommit":"{COMMIT}"}}}}]}},
            "runDetails":{{"builder":{{"id":"https://ci.example"}},"metadata":{{"invocationId":"https://ci.example/runs/{run}"}}}}}}"#
        );
        log.append_about(BUILD, &[digest(artifact)], &predicate);
    }
    log
}

/// Says that an artifact, known by these digests, started or stopped in a place of `prod`.
fn deploy(log: &mut Log, digests: &[Digest], place: &str, action: &str, minute: u8) {
    let predicate = format!(
        r#"{{"environment":"prod",{place}"action":"{action}","at":"2026-11-20T13:{minute:02}:00Z"}}"#
    );
    log.append_about(DEPLOYMENT, digests, &predicate);
}

const API: &str = r#""workload":"api","#;

/// Returns the lines of deployments in a trace.
async fn deployments(log: Log, args: &[&str]) -> Vec<String> {
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    let run = server.custody(dir.path(), &[&["trace", "--verify", "full"], args].concat()).await;
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.ends_with("\nno entry left out: claimed by the server, not proven\n"), "{run:?}");
    let lines = run.stdout.lines().skip_while(|line| !line.starts_with("  deploy"));
    let lines = lines.take_while(|line| !line.starts_with("  missing") && !line.is_empty());
    lines.map(|line| line.replacen("deploy", "      ", 1).trim().to_owned()).collect()
}

/// Returns what a trace of the commit says of each artifact, such as `LIVE a`, in its order.
async fn states(log: Log, artifacts: &[&str]) -> Vec<String> {
    states_of(log, &[COMMIT], artifacts).await
}

async fn states_of(log: Log, args: &[&str], artifacts: &[&str]) -> Vec<String> {
    let lines = deployments(log, args).await;
    let state = |line: &String| {
        let of = artifacts.iter().find(|artifact| line.contains(&digest(artifact).value()[..12]));
        let state = if line.contains(" LIVE ") { "LIVE" } else { "stopped" };
        assert!(line.contains(state), "{line}");
        format!("{state} {}", of.unwrap_or_else(|| panic!("no artifact in {line:?}")))
    };
    lines.iter().map(state).collect()
}

#[tokio::test]
async fn what_runs_is_live_though_another_artifact_of_its_commit_stopped_in_its_place() {
    let mut log = built(&["a", "b"]);
    deploy(&mut log, &[digest("a")], API, "start", 1);
    deploy(&mut log, &[digest("b")], API, "start", 2);
    deploy(&mut log, &[digest("a")], API, "stop", 3);
    let server = Server::start(log).await;
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "a").unwrap();
    let cases = [
        case("trace_commit_running", 0, &["trace", COMMIT]),
        case("trace_environment_running", 0, &["trace", "prod"]),
        case("trace_artifact_stopped", 0, &["trace", "./a"]),
        case("trace_commit_running_logged", 0, &["trace", COMMIT, "--verify", "logged"]),
    ];
    run_cases(&server, dir.path(), &cases).await;
}

/// What is started and stopped, in the order of the log, with the minute at which each happened.
type Story = &'static [(&'static str, &'static str, u8)];

#[tokio::test]
async fn what_started_last_under_a_workload_runs_unless_it_stopped() {
    let stories: [(Story, &[&str]); 12] = [
        (&[("a", "start", 1)], &["LIVE a"]),
        (&[("a", "start", 1), ("b", "start", 2)], &["LIVE b", "stopped a"]),
        (&[("a", "stop", 1)], &["stopped a"]),
        (&[("a", "start", 1), ("a", "stop", 2), ("b", "start", 1)], &["LIVE b", "stopped a"]),
        (&[("a", "start", 1), ("b", "start", 2), ("a", "stop", 3)], &["LIVE b", "stopped a"]),
        (&[("b", "start", 2), ("a", "stop", 9), ("a", "start", 1)], &["LIVE b", "stopped a"]),
        (
            &[("a", "start", 1), ("a", "stop", 2), ("a", "start", 3), ("b", "stop", 4)],
            &["LIVE a", "stopped b"],
        ),
        // At the same time, the later entry holds; that of another artifact says nothing.
        (&[("a", "start", 5), ("a", "stop", 5)], &["stopped a"]),
        (&[("a", "stop", 5), ("a", "start", 5)], &["LIVE a"]),
        (&[("a", "start", 5), ("b", "stop", 5), ("c", "start", 5)], &["LIVE c", "stopped a", "stopped b"]),
        (&[("a", "stop", 5), ("b", "start", 5), ("c", "stop", 5)], &["LIVE b", "stopped a", "stopped c"]),
        (&[("a", "start", 1), ("b", "start", 1), ("c", "start", 1)], &["LIVE c", "stopped a", "stopped b"]),
    ];
    for (story, expected) in stories {
        let mut log = built(&["a", "b", "c"]);
        for (artifact, action, minute) in story {
            deploy(&mut log, &[digest(artifact)], API, action, *minute);
        }
        assert_eq!(states(log, &["a", "b", "c"]).await, expected, "{story:?}");
    }
}

/// Asked about an environment, a chain holds no edge from one digest to another: the statements say it.
#[tokio::test]
async fn digests_of_the_same_bytes_are_one_artifact() {
    for stopped in [digest("a"), long("a")] {
        let mut log = built(&["a", "b"]);
        deploy(&mut log, &[digest("a"), long("a")], API, "start", 1);
        deploy(&mut log, &[digest("b")], API, "start", 1);
        deploy(&mut log, &[stopped], API, "stop", 2);
        for args in [&[COMMIT][..], &["prod"], &["prod", "--depth", "1"], &["prod", "--depth", "2"]] {
            let states = states_of(log.clone(), args, &["a", "b"]).await;
            assert_eq!(states, ["LIVE b", "stopped a"], "{args:?}");
        }
    }
}

/// Who says that two artifacts share a digest cannot make the stop of one that of the other.
#[tokio::test]
async fn digests_that_contradict_each_other_are_not_one_artifact() {
    for others in [
        vec![digest("b"), long("a")],
        vec![digest("b"), long("b"), Digest::read("sha1", &"0a".repeat(20)).unwrap()],
    ] {
        let mut log = built(&["a", "b"]);
        let mut first = vec![digest("a"), long("a")];
        first.extend(others.iter().filter(|other| other.algorithm() == "sha1").cloned());
        deploy(&mut log, &first, API, "start", 1);
        deploy(&mut log, &others, r#""workload":"web","#, "start", 1);
        deploy(&mut log, &[digest("b")], "", "stop", 2);
        let lines = deployments(log, &["prod"]).await;
        let of = |state: &str, artifact: &str| {
            let digest = digest(artifact);
            let digits = &digest.value()[..12];
            lines.iter().any(|line| line.contains(&format!(" {state} {digits}")))
        };
        assert!(of("LIVE", "a") && of("stopped", "b"), "{lines:#?}");
    }
}

/// The stop names the other digest, which lies one edge further away than was asked for.
#[tokio::test]
async fn nothing_is_live_that_stopped_under_a_digest_too_far_away() {
    let mut log = built(&["a"]);
    deploy(&mut log, &[digest("a"), long("a")], API, "start", 1);
    let thing = digest("a").to_string();
    assert!(deployments(log.clone(), &[&thing, "--depth", "1"]).await[0].contains(" LIVE "));
    deploy(&mut log, &[long("a")], API, "stop", 2);
    for depth in [&[&thing[..]][..], &[&thing, "--depth", "1"]] {
        assert!(deployments(log.clone(), depth).await[0].contains(" stopped "), "{depth:?}");
    }
}

/// A server keeps so many starts and so many stops, each for itself: the last of all may be left out of the chain.
#[tokio::test]
async fn what_runs_is_known_in_a_chain_that_is_cut_off() {
    let mut log = built(&["a", "b"]);
    deploy(&mut log, &[digest("a")], API, "start", 1);
    deploy(&mut log, &[digest("a")], API, "stop", 2);
    deploy(&mut log, &[digest("b")], API, "start", 3);
    let server = Server::start(log).await;
    server.lie(Lie::CutTrace);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a"), "a").unwrap();
    let cases = [
        case("trace_environment_cut", 0, &["trace", "prod"]),
        case("trace_artifact_cut", 0, &["trace", "./a"]),
    ];
    run_cases(&server, dir.path(), &cases).await;
}

#[tokio::test]
async fn places_that_read_alike_are_not_mixed_up() {
    let mut log = built(&["a"]);
    deploy(&mut log, &[digest("a")], r#""cluster":"eu api","#, "start", 1);
    deploy(&mut log, &[digest("a")], r#""cluster":"eu","workload":"api","#, "stop", 2);
    assert_eq!(states(log, &["a"]).await, ["LIVE a", "stopped a"]);
}

#[tokio::test]
async fn what_runs_is_shown_behind_any_number_of_stops() {
    let names: Vec<String> = (0..30).map(|number| format!("release {number}")).collect();
    let mut log = Log::new();
    for name in &names {
        deploy(&mut log, &[digest(name)], API, "start", 1);
        deploy(&mut log, &[digest(name)], API, "stop", 2);
    }
    deploy(&mut log, &[digest("newest")], API, "start", 3);
    let lines = deployments(log, &["prod"]).await;
    assert!(lines[0].contains("LIVE") && lines[0].contains(&digest("newest").value()[..12]), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "and 11 more (-o json has all)");
}
