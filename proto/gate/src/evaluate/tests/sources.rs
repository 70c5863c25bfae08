//! Where a commit was: who may say so, and who is not asked.

use serde_json::json;

use super::made::*;
use crate::evidence::{Entry, Signer};
use crate::verdict::Status;

/// Built on a branch of one's own, as the builder's key says, with more said of the commit by the forge.
fn rule(source: &str) -> String {
    format!(
        "  - {{id: r, require: {{predicate: provenance, count: any}}, signer: {{key: \"{}\"}}, source: {{repository: acme/api, {source}}}}}\n",
        hex(0xa1)
    )
}

fn said_by_forge() -> String {
    format!("asserted_by: {{key: \"{}\"}}", hex(0xf1))
}

fn on_own_branch() -> Entry {
    by_key(provenance_of(1, REPOSITORY, "refs/heads/mine"), 0xa1)
}

/// A job of a repository that has the commit, on its main branch.
fn job_of(repository: &str) -> Signer {
    let mut signer = workflow();
    signer.claims.as_mut().unwrap().source_repository_uri = Some(repository.to_owned());
    signer
}

/// A fork has the same commits, and a main branch: who adds a signature of its job to somebody else's statement says nothing of ours.
#[test]
fn a_second_signature_from_a_fork_puts_no_commit_on_a_branch() {
    let on_main = rule("ref: refs/heads/main");
    let refused = |entry: Entry| {
        let (status, _, rejected) = outcome(&on_main, &[entry]);
        assert_eq!(
            (status, rejected.as_slice()),
            (Status::Fail, &["wrong_ref: refs/heads/mine".to_owned()][..])
        );
    };
    refused(on_own_branch());
    for repository in ["https://github.com/mallory/api", REPOSITORY] {
        refused(but(on_own_branch(), |entry| entry.signers.push(job_of(repository))));
    }
    // An accepted job of another repository says nothing of this one either.
    let by_workflow = format!(
        "  - {{id: r, require: {{predicate: provenance, count: any}}, signer: {{issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\"}}, source: {{ref: refs/heads/main}}}}\n"
    );
    let by = |repository: &str| {
        let entry = but(on_own_branch(), |entry| entry.signers = vec![job_of(repository)]);
        outcome(&by_workflow, &[entry]).0
    };
    assert_eq!((by(REPOSITORY), by("https://github.com/mallory/api")), (Status::Pass, Status::Fail));
}

#[test]
fn a_summary_of_the_source_says_on_which_branch_a_commit_was() {
    let on_main = rule(&format!("ref: refs/heads/main, {}", said_by_forge()));
    let status = |summary: Entry| outcome(&on_main, &[on_own_branch(), summary]).0;
    let summary = |refs: &[&str]| source_summary_of(2, "SLSA_SOURCE_LEVEL_1", refs);
    assert_eq!(status(summary(&["refs/tags/v1", "refs/heads/main"])), Status::Pass);
    for refs in [&[][..], &["refs/heads/mine"], &["refs/heads/main-2"], &["main"]] {
        assert_eq!(status(summary(refs)), Status::Fail, "{refs:?}");
    }
    assert_eq!(status(by_key(summary(&["refs/heads/main"]), 0xb1)), Status::Fail, "nobody asked them");
    let of_other = but(summary(&["refs/heads/main"]), |entry| entry.on_refs[0].commit = "0".repeat(40));
    assert_eq!(status(of_other), Status::Fail, "another commit");
    let elsewhere = but(summary(&["refs/heads/main"]), |entry| {
        entry.on_refs[0].repository = "https://github.com/mallory/api".parse().unwrap();
    });
    assert_eq!(status(elsewhere), Status::Fail, "another repository");
}

#[test]
fn a_summary_that_names_branches_protects_no_other() {
    let protected = rule(&format!("ref: refs/heads/mine, protected: true, {}", said_by_forge()));
    let said = |refs: &[&str]| {
        outcome(&protected, &[on_own_branch(), source_summary_of(2, "SLSA_SOURCE_LEVEL_3", refs)]).1
    };
    assert_eq!(said(&["refs/heads/mine"]), "counted: 1");
    assert_eq!(said(&[]), "counted: 1", "it speaks of the commit, wherever it was");
    assert_eq!(said(&["refs/heads/main"]), "ref_not_protected");
}

/// What it names it cannot be asked for: a summary for one branch must not protect all of them because its list is broken.
#[test]
fn a_summary_whose_branches_cannot_be_read_protects_none() {
    let protected = rule(&format!("ref: refs/heads/mine, protected: true, {}", said_by_forge()));
    let with = |annotations: &serde_json::Value| {
        let summary = annotated(source_summary_of(2, "SLSA_SOURCE_LEVEL_3", &[]), annotations);
        outcome(&protected, &[on_own_branch(), summary]).1
    };
    let refs = |value: serde_json::Value| json!({ "sourceRefs": value });
    let many: Vec<String> = (0..65).map(|at| format!("refs/heads/b{at}")).collect();
    for whole in [refs(json!(["refs/heads/mine"])), refs(json!(["refs/heads/main", "refs/heads/mine"]))] {
        assert_eq!(with(&whole), "counted: 1", "{whole}");
    }
    for broken in [
        refs(json!("refs/heads/main")),
        refs(json!({"0": "refs/heads/main"})),
        refs(json!(null)),
        refs(json!([["refs/heads/main"]])),
        refs(json!(["main"])),
        refs(json!(["refs/heads/ma in"])),
        refs(json!(many)),
        json!({"source_refs": ["refs/heads/main"]}),
    ] {
        assert_eq!(with(&broken), "ref_not_protected", "{broken}");
    }
}
