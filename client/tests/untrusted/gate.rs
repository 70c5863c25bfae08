//! No lie of a server makes a gate say ALLOW.

use std::path::Path;

use custody_evidence::digest_set::Digest;
use custody_evidence::identity::Identity;

use crate::double::log::writer;
use crate::double::{Lie, Run, Server};
use crate::lies::{APPROVAL, APPROVED, ARTIFACT, index, log};
use crate::tokens;

/// A rule of each class: less evidence can only make the first fail, and the others need all of it.
fn policy() -> String {
    let key = Identity::from(writer().public().id()).to_string();
    format!(
        "policy: release\nversion: 1\nrules:\n  - {{id: people, approval: {{at_least: 1, for: prod, not: [], signer: {{key: \"{key}\"}}}}}}\n  \
         - {{id: every, require: {{predicate: approval, count: all}}, signer: {{key: \"{key}\"}}}}\n  - {{id: odd, absent: [tag_moved, signer_change]}}\n"
    )
}

async fn gate(server: &Server, dir: &Path, text: &str) -> Run {
    gate_with(server, dir, text, &[]).await
}

async fn gate_with(server: &Server, dir: &Path, text: &str, flags: &[&str]) -> Run {
    std::fs::write(dir.join("policy.yaml"), text).unwrap();
    let subject = Digest::sha256_of(ARTIFACT).to_string();
    let words = [&["gate", "--policy-file", "policy.yaml", &subject], flags].concat();
    server.custody(dir, &words).await
}

async fn honest() -> (Server, tempfile::TempDir) {
    let (server, dir) = (Server::start(log()).await, tempfile::tempdir().unwrap());
    let allowed = gate(&server, dir.path(), &policy()).await;
    assert_eq!(allowed.code, 0, "{allowed:?}");
    assert!(allowed.stdout.starts_with("ALLOW"), "{allowed:?}");
    (server, dir)
}

#[tokio::test]
async fn a_lie_is_a_refusal_or_leaves_it_open_and_is_never_an_allow() {
    let (server, dir) = honest().await;
    for lie in [
        Lie::WrongProof,
        Lie::SwappedRecord,
        Lie::SwappedEnvelope,
        Lie::SwappedEntry,
        Lie::ForeignRoot,
        Lie::ForeignKey,
        Lie::NotAsked,
        Lie::StandsStill,
        Lie::StepsBack,
        Lie::NotCovered,
        Lie::EmptyPages,
        Lie::ForgedFinding,
        Lie::FindingOfNothing,
    ] {
        server.honest();
        server.lie(lie);
        let run = gate(&server, dir.path(), &policy()).await;
        assert!(!run.stdout.contains("ALLOW"), "{lie:?}: {run:?}");
        // What it withholds denies; what contradicts itself is an error; what it cannot say is left open.
        let verdict = ["DENY", "INDETERMINATE"].iter().any(|word| run.stdout.starts_with(word));
        let said = verdict || run.stderr.starts_with("error: ");
        assert!([1, 3].contains(&run.code) && said, "{lie:?}: {run:?}");
    }
    server.honest();
    assert_eq!(gate(&server, dir.path(), &policy()).await.code, 0, "the truth is believed again");
}

#[tokio::test]
async fn an_index_that_is_behind_leaves_it_open_and_says_so() {
    let (server, dir) = honest().await;
    server.lie(Lie::NotCovered);
    let run = gate(&server, dir.path(), &policy()).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stdout.starts_with("INDETERMINATE"), "{run:?}");
    assert!(run.stdout.contains("incomplete: index_lagging"), "{run:?}");
    assert!(run.stdout.contains("next: "), "{run:?}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_an_answer_with_its_reason_when_the_time_is_over() {
    let (server, dir) = honest().await;
    server.lie(Lie::NoPages);
    let run = gate_with(&server, dir.path(), &policy(), &["--timeout", "5s"]).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stdout.starts_with("INDETERMINATE"), "{run:?}");
    assert!(run.stdout.contains("deadline_passed") && !run.stdout.contains("ALLOW"), "{run:?}");
    assert!(run.stdout.contains("next: custody.deadline: ask again, with a longer --timeout"), "{run:?}");
    // A no is a no, however late it is: this rule was not looked at, so it is none.
    assert!(!run.stdout.contains("FAIL"), "{run:?}");
}

/// Who submitted it is what the token says: a log that keeps the token to itself proves nothing.
#[tokio::test]
async fn a_token_that_is_withheld_leaves_who_submitted_an_entry_unproven() {
    let (mut log, key) = tokens::log();
    tokens::record(&mut log, &key, |_| {});
    let (server, dir) = (Server::start(log).await, tempfile::tempdir().unwrap());
    let text = format!(
        "policy: release\nversion: 1\nrules: [{{id: job, require: {{predicate: approval, count: any}}, signer: {{issuer: \"{}\", subject: job}}}}]\n",
        tokens::ISSUER
    );
    let run = gate(&server, dir.path(), &text).await;
    assert_eq!(run.code, 0, "{run:?}");
    for lie in [Lie::ErasedToken, Lie::LateToken] {
        server.honest();
        server.lie(lie);
        let run = gate(&server, dir.path(), &text).await;
        assert_eq!(run.code, 1, "{lie:?}: {run:?}");
        assert!(run.stdout.contains("not_verified: logged"), "{lie:?}: {run:?}");
    }
}

#[tokio::test]
async fn what_a_server_withholds_can_only_deny_where_less_is_less() {
    let (server, dir) = honest().await;
    server.log.lock().unwrap().append_statement(APPROVAL, b"another", APPROVED);
    server.lie(Lie::OnlyFirst);
    let text = policy().replace("at_least: 1", "at_least: 2");
    let run = gate(&server, dir.path(), &text).await;
    assert_eq!(run.code, 1, "{run:?}");
    // A policy that does not take the server's word for having all of it gets no ALLOW from it.
    server.honest();
    let run = gate(&server, dir.path(), &format!("{}complete: proven\n", policy())).await;
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.stdout.contains("completeness_claimed"), "{run:?}");
}

#[tokio::test]
async fn a_distrust_that_the_log_holds_is_believed_and_one_that_is_withheld_is_noticed() {
    let (server, dir) = honest().await;
    server.log.lock().unwrap().append_distrust(index(1));
    server.lie(Lie::WithheldAdmin);
    let run = gate(&server, dir.path(), &policy()).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(!run.stdout.contains("ALLOW"), "{run:?}");
    server.honest();
    let run = gate(&server, dir.path(), &policy()).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("distrusted"), "{run:?}");
}

#[tokio::test]
async fn a_log_that_shows_an_old_tree_as_today_is_a_rollback_and_no_answer() {
    let (server, dir) = honest().await;
    server.lie(Lie::OldCheckpoint);
    server.lie(Lie::IgnoresMinSize);
    let run = gate(&server, dir.path(), &policy()).await;
    assert!([1, 3].contains(&run.code) && !run.stdout.contains("ALLOW"), "{run:?}");
}
