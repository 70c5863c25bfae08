//! No lie of a server makes a gate say ALLOW.

use std::path::Path;

use custody_evidence::digest_set::Digest;
use custody_evidence::identity::Identity;

use crate::double::log::writer;
use crate::double::{Lie, Run, Server};
use crate::lies::{APPROVAL, APPROVED, ARTIFACT, index, log};

/// A rule of each class: less evidence can only make the first fail, and the others need all of it.
fn policy() -> String {
    let key = Identity::from(writer().public().id()).to_string();
    format!(
        "policy: release\nversion: 1\nrules:\n  - {{id: people, approval: {{at_least: 1, for: prod, not: [], signer: {{key: \"{key}\"}}}}}}\n  \
         - {{id: every, require: {{predicate: approval, count: all}}, signer: {{key: \"{key}\"}}}}\n  - {{id: odd, absent: [tag_moved, signer_change]}}\n"
    )
}

async fn gate(server: &Server, dir: &Path, text: &str) -> Run {
    std::fs::write(dir.join("policy.yaml"), text).unwrap();
    let subject = Digest::sha256_of(ARTIFACT).to_string();
    server.custody(dir, &["gate", "--policy-file", "policy.yaml", &subject]).await
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
