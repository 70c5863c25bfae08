//! What an attacker would try to be let in by: each is one change away from what passes.

use custody_log::LeafIndex;
use serde_json::json;

use super::made::*;
use crate::evidence::{Entry, Signer};
use crate::policy::Policy;
use crate::verdict::{Decision, Status};

/// The release workflow, as a job that ran from this branch.
fn from_branch(reference: &str) -> Signer {
    let mut signer = workflow();
    signer.claims = Some(claims(&format!("{WORKFLOW}@{reference}")));
    signer
}

/// Who may push branches, and not to main, calls one after it: its file and branch can be read in two ways.
#[test]
fn a_branch_that_is_called_after_main_is_not_main() {
    let whose = "issuer: \"https://token.actions.githubusercontent.com\", claims: {source_repository_uri: \"https://github.com/acme/api\"}";
    let rule = format!(
        "  - {{id: r, require: {{predicate: provenance, count: any}}, signer: {{{whose}, ref: refs/heads/main}}}}\n"
    );
    let status = |reference: &str| {
        outcome(&rule, &[but(provenance(1), |entry| entry.signers = vec![from_branch(reference)])]).0
    };
    assert_eq!(status("refs/heads/main"), Status::Pass);
    for branch in [
        "refs/heads/x@refs/heads/main",
        "refs/heads/main@refs/heads/x",
        "refs/heads/x@refs/tags/y@refs/heads/main",
        "refs/heads/x@main",
        "refs/heads/main@",
    ] {
        assert_eq!(status(branch), Status::Fail, "{branch}");
    }
    // An @ in the name of a branch is a letter of it.
    let of_mail = format!(
        "  - {{id: r, require: {{predicate: provenance, count: any}}, signer: {{{whose}, ref: refs/heads/a@b}}}}\n"
    );
    let entry = but(provenance(1), |entry| entry.signers = vec![from_branch("refs/heads/a@b")]);
    assert_eq!(outcome(&of_mail, &[entry]).0, Status::Pass);
}

/// The same in the URI of the source, where a `#` is a letter of a branch and a sign of URLs.
#[test]
fn a_branch_that_goes_on_behind_a_sign_of_urls_is_not_the_one_before_it() {
    let rule = "  - {id: r, require: {predicate: provenance, count: any}, source: {repository: acme/api, ref: refs/heads/main}}\n";
    let status = |reference: &str| {
        let entry = but(provenance_of(1, REPOSITORY, reference), |entry| entry.signers = vec![key(0xb1)]);
        outcome(rule, &[entry]).0
    };
    assert_eq!(status("refs/heads/main"), Status::Pass);
    for branch in
        ["refs/heads/main#x", "refs/heads/main#", "refs/heads/x@refs/heads/main", "refs/heads/main@x"]
    {
        assert_eq!(status(branch), Status::Fail, "{branch}");
    }
}

/// What a server makes of a path is not what a name starts with.
#[test]
fn a_path_that_leads_out_of_an_owner_is_not_below_it() {
    let policy = Policy::load(
        b"policy: p\nversion: 1\napplies_to: {repositories: [\"acme/*\"]}\nrules:\n  - {id: b, require: {predicate: provenance, count: any}}\n",
    )
    .unwrap();
    let decided = |repository: &str| {
        let entry = provenance_of(1, repository, "refs/heads/main");
        Log::of([entry]).judged(&policy, &question()).decision()
    };
    assert_eq!(decided("https://github.com/acme/api"), Decision::Allow);
    for repository in [
        "https://github.com/acme/../evil/api",
        "https://github.com/acme/%2e%2e/evil/api",
        "https://github.com/acme/./../evil/api",
        "https://github.com/acme//api",
        "https://github.com/acme/..\\evil/api",
        "https://github.com/acme-evil/api",
    ] {
        assert_eq!(decided(repository), Decision::Deny, "{repository}");
    }
}

/// Alice signed the build with a key of hers that is distrusted since, beside the workflow, and approves it with another one.
#[test]
fn who_built_it_with_a_key_that_is_distrusted_does_not_approve_it_with_another() {
    let rule = "  - {id: r, approval: {at_least: 1}}\n";
    let distrusted = |byte: u8| Signer { distrusted: LeafIndex::new(900).ok(), ..key(byte) };
    let beside = but(provenance(1), |entry| entry.signers.push(distrusted(0xa1)));
    let status = |byte: u8, build: &[Entry]| outcome(rule, &[build, &[approval(5, byte, "prod")]].concat()).0;
    assert_eq!(status(0xb1, &[beside.clone()]), Status::Pass, "Bob did not build it");
    assert_eq!(status(0xa2, &[beside]), Status::Fail, "Alice did");
    // In an entry of its own, too: distrusted as a whole, malformed, evidence of others.
    let own = |change: fn(&mut Entry)| vec![provenance(1), but(by_key(provenance(2), 0xa1), change)];
    let by = LeafIndex::new(900).unwrap();
    for build in [
        own(|_| ()),
        own(|entry| entry.standing = crate::Standing::Malformed),
        own(|entry| entry.authority = custody_evidence::trust::Authority::Imported),
        vec![
            provenance(1),
            but(by_key(provenance(2), 0xa1), |entry| {
                entry.standing = crate::Standing::Distrusted { by };
                entry.signers = vec![distrusted(0xa1)];
            }),
        ],
    ] {
        assert_eq!((status(0xa2, &build), status(0xb1, &build)), (Status::Fail, Status::Pass));
    }
}

/// Not affected in axios is no word on the copy that something else carries.
#[test]
fn an_answer_about_a_part_of_the_product_says_nothing_of_its_other_parts() {
    let rule = format!(
        "  - {{id: r, require: {{predicate: scan, count: latest}}, vulnerabilities: {{below: high, answered_by: {{key: \"{}\"}}}}}}\n",
        hex(0xe1)
    );
    let found = |purl: &str| scan(1, &[("CVE-1", "Critical", purl)]);
    let digest = subject().value().to_owned();
    let product = |parts: serde_json::Value| json!([{"@id": "app", "hashes": {"sha-256": digest}, "subcomponents": parts}]);
    let axios = || product(json!([{"@id": "pkg:npm/axios@1.14.1"}]));
    let says = |status: &str, products: serde_json::Value| vex(2, "CVE-1", status, products);
    let with = |purl: &str, answers: &[Entry]| outcome(&rule, &[&[found(purl)], answers].concat()).0;
    assert_eq!(with("pkg:npm/axios@1.14.1", &[says("not_affected", axios())]), Status::Pass);
    assert_eq!(with("pkg:npm/other@1", &[says("not_affected", axios())]), Status::Fail);
    assert_eq!(with("pkg:npm/other@1", &[says("not_affected", product(json!([])))]), Status::Pass);
    assert_eq!(
        with("pkg:npm/axios@1.14.1", &[says("not_affected", product(json!([{"@id": "axios"}])))]),
        Status::Fail,
        "a part that is called by no package URL"
    );
    let elsewhere = json!([{"@id": "pkg:npm/app@1", "subcomponents": [{"@id": "pkg:npm/axios@1.14.1"}]}]);
    assert_eq!(
        with("pkg:npm/axios@1.14.1", &[says("not_affected", elsewhere)]),
        Status::Fail,
        "of another product"
    );
    // What takes an answer back takes back that of its part, and of any where it does not say which.
    let back = |purl: &str, parts: serde_json::Value| {
        let later = but(says("affected", product(parts)), |entry| entry.index = LeafIndex::new(3).unwrap());
        let later = but(later, |entry| entry.content = custody_log::ContentDigest::of(b"later"));
        with(purl, &[says("not_affected", product(json!([]))), later])
    };
    assert_eq!(back("pkg:npm/other@1", json!([{"@id": "pkg:npm/axios@1.14.1"}])), Status::Pass);
    assert_eq!(back("pkg:npm/axios@1.14.1", json!([{"@id": "pkg:npm/axios@1.14.1"}])), Status::Fail);
    assert_eq!(back("pkg:npm/other@1", json!([{"@id": "axios"}])), Status::Fail);
    assert_eq!(back("pkg:npm/other@1", json!([])), Status::Fail);
}
