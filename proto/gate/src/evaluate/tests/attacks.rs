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
    assert_eq!(status(0xb1, std::slice::from_ref(&beside)), Status::Pass, "Bob did not build it");
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

/// An ALLOW of the gate before, as it was asked: for an environment, with values of parameters, by rules and what was excepted from them.
fn allowed(environment: Option<&str>, given: &[(&str, &str)], more: &str, entries: Vec<Entry>) -> Entry {
    let text = format!(
        "policy: staging\nversion: 1\nparameters: {{worst: medium, most: 3}}\nrules:\n  - {{id: scan, require: {{predicate: scan, count: latest}}, vulnerabilities: {{below: $worst}}}}\n{more}"
    );
    let mut values = crate::Given::default();
    for (name, value) in given {
        values.typed(*name, *value);
    }
    let policy = Policy::load_given(text.as_bytes(), &values).unwrap();
    let then = crate::Question {
        evaluated_at: day(NOW - 1),
        environment: environment.map(ToOwned::to_owned),
        ..question()
    };
    let verdict = Log::of(entries).judged(&policy, &then);
    assert_eq!(verdict.decision(), Decision::Allow, "{}", String::from_utf8(verdict.encode()).unwrap());
    let statement = verdict.summary("pkg:oci/api").unwrap();
    let statement = custody_evidence::Statement::parse(&statement).unwrap();
    let predicate: serde_json::Value = serde_json::from_slice(statement.predicate_bytes().unwrap()).unwrap();
    by_key(entry(7, "vsa", &predicate), 0xd1)
}

fn verdict_of(more: &str) -> String {
    format!(
        "  - {{id: r, verdict_of: {{policy: staging, max_age: 30d, signer: {{key: \"{}\"}}{more}}}}}\n",
        hex(0xd1)
    )
}

/// What sandbox let pass was taken for what staging let pass: both ask by one policy.
#[test]
fn an_allow_for_one_environment_is_none_for_another() {
    let of = |environment: Option<&str>| allowed(environment, &[], "", vec![scan(1, &[])]);
    let judged = |more: &str, environment: Option<&str>| {
        let (status, _, rejected) = outcome(&verdict_of(more), &[of(environment)]);
        (status, rejected.first().cloned().unwrap_or_default())
    };
    for (more, environment) in
        [("", None), ("", Some("prod")), (", for: staging", Some("staging")), (", for: prod", Some("prod"))]
    {
        assert_eq!(judged(more, environment).0, Status::Pass, "{more} {environment:?}");
    }
    for (more, environment, found) in [
        ("", Some("staging"), "staging"),
        ("", Some("Prod"), "Prod"),
        ("", Some("prod "), "prod "),
        (", for: staging", Some("sandbox"), "sandbox"),
        (", for: staging", Some("prod"), "prod"),
        (", for: staging", None, "no environment in particular"),
    ] {
        let refused = (Status::Fail, format!("verdict_for_something_else: {found}"));
        assert_eq!(judged(more, environment), refused, "{more}");
    }
    // Asked about no environment, one for some is none.
    let nowhere = crate::Question { environment: None, ..question() };
    let decided =
        |environment| Log::of([of(environment)]).judged(&policy(&verdict_of("")), &nowhere).decision();
    assert_eq!((decided(None), decided(Some("prod"))), (Decision::Allow, Decision::Deny));
}

/// Whoever asks the gate before may give other values to its parameters: an ALLOW by `worst=critical` is none of the policy's own.
#[test]
fn an_allow_with_other_parameters_is_none_of_the_policy() {
    let high = || vec![scan(1, &[("CVE-1", "High", "pkg:npm/a@1")])];
    let with =
        |given: &[(&str, &str)], more: &str| outcome(&verdict_of(more), &[allowed(None, given, "", high())]);
    let clean = |given: &[(&str, &str)], more: &str| {
        outcome(&verdict_of(more), &[allowed(None, given, "", vec![scan(1, &[])])]).1
    };
    let worst = [("worst", "critical")];
    assert_eq!(with(&worst, "").1, "other_parameter: worst \"critical\"");
    assert_eq!(with(&worst, ", parameters: {worst: critical}").0, Status::Pass);
    assert_eq!(with(&worst, ", parameters: {most: 3}").1, "other_parameter: worst \"critical\"");
    assert_eq!(clean(&[], ""), "counted: 1");
    assert_eq!(clean(&[("worst", "medium"), ("most", "3")], ""), "counted: 1", "they are the policy's own");
    assert_eq!(clean(&[("most", "4")], ""), "other_parameter: most 4");
    assert_eq!(clean(&[("most", "4")], ", parameters: {most: 4}"), "counted: 1");
    assert_eq!(clean(&[], ", parameters: {worst: low}"), "other_parameter: worst \"medium\"");
    assert_eq!(clean(&[], ", parameters: {none: 1}"), "other_parameter: none none");
    assert_eq!(clean(&[], ", parameters: {most: \"3\"}"), "other_parameter: most 3", "a text is no number");
}

/// An exception for a day became an ALLOW for a month.
#[test]
fn an_allow_that_rests_on_an_exception_holds_no_longer_than_it() {
    let exceptions = format!("exceptions: {{signer: {{key: \"{}\"}}}}\n", hex(0xa1));
    let excepted = |until: i64| {
        let exception = exception(5, "scan", 0xa1, until);
        let mut predicate: serde_json::Value =
            serde_json::from_slice(exception.predicate.as_deref().unwrap()).unwrap();
        predicate["policy"] = json!("staging");
        let exception = but(exception, |entry| entry.predicate = Some(predicate.to_string().into_bytes()));
        allowed(None, &[], &exceptions, vec![exception])
    };
    assert_eq!(outcome(&verdict_of(""), &[excepted(NOW)]).1, format!("exception_ended: {}", day(NOW)));
    let verdict = Log::of([excepted(NOW + 2)]).judged(&policy(&verdict_of("")), &question());
    assert_eq!((verdict.decision(), verdict.valid_until()), (Decision::Allow, day(NOW + 2)));
}

/// A recorded verdict says which values were given, and says nothing else in that place.
#[test]
fn a_verdict_whose_parameters_are_not_told_is_none() {
    let good = allowed(None, &[], "", vec![scan(1, &[])]);
    let changed = |change: fn(&mut serde_json::Value)| {
        let mut predicate: serde_json::Value =
            serde_json::from_slice(good.predicate.as_deref().unwrap()).unwrap();
        change(&mut predicate["urn:custody:verdict:v1"]);
        let entry = but(good.clone(), |entry| entry.predicate = Some(predicate.to_string().into_bytes()));
        outcome(&verdict_of(""), &[entry]).0
    };
    assert_eq!(changed(|_| ()), Status::Pass);
    let damages: [fn(&mut serde_json::Value); 7] = [
        |verdict| drop(verdict.as_object_mut().unwrap().remove("given")),
        |verdict| verdict["given"] = json!("worst"),
        |verdict| verdict["given"] = json!([7]),
        |verdict| verdict["given"] = json!(["worst"]),
        |verdict| drop(verdict.as_object_mut().unwrap().remove("exceptions")),
        |verdict| verdict["exceptions"] = json!([{}]),
        |verdict| verdict["exceptions"] = json!([{"until": "soon"}]),
    ];
    for damage in damages {
        assert_eq!(changed(damage), Status::Fail);
    }
}

/// Who may hand in what a scanner signed keeps a clean report of days ago back until a worse one is in the log, and makes it the latest.
#[test]
fn a_report_that_was_kept_back_does_not_replace_what_was_found_since() {
    let rule = "  - {id: r, require: {predicate: scan, count: latest, max_age: 7d}, vulnerabilities: {below: high}}\n";
    let found = [("CVE-1", "Critical", "pkg:npm/a@1")];
    let at = |index: u64, findings: &[(&str, &str, &str)], days: i64| {
        but(scan(index, findings), |entry| entry.happened = Some(day(NOW - days)))
    };
    let judged = |entries: &[Entry]| {
        let verdict = Log::of(entries.to_vec()).judged(&policy(rule), &question());
        let result = &verdict.rules()[0];
        let counted: Vec<u64> = result.evidence.iter().map(|counted| counted.index.get()).collect();
        (result.status, counted, verdict.valid_until())
    };
    assert_eq!(judged(&[at(1, &found, 2), at(2, &[], 4)]).0, Status::Fail, "the clean one is older");
    assert_eq!(judged(&[at(1, &[], 2), at(2, &found, 4)]).0, Status::Fail, "the log learned of it last");
    assert_eq!(judged(&[at(1, &found, 4), at(2, &[], 2)]), (Status::Pass, vec![2], day(NOW + 5)));
    // Both decide, and what is held by both ends with the first.
    assert_eq!(judged(&[at(1, &[], 2), at(2, &[], 4)]), (Status::Pass, vec![1, 2], day(NOW + 3)));
    // In one moment the log's order decides.
    assert_eq!(judged(&[at(1, &found, 2), at(2, &[], 2)]).0, Status::Pass);
    assert_eq!(judged(&[at(1, &[], 2), at(2, &found, 2)]).0, Status::Fail);
    // What nobody accepts replaces nothing.
    let others = by_key(at(3, &[], 1), 0xb1);
    let signed = format!(
        "  - {{id: r, require: {{predicate: scan, count: latest}}, vulnerabilities: {{below: high}}, signer: {{issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\"}}}}\n"
    );
    assert_eq!(outcome(&signed, &[at(1, &found, 2), others]).0, Status::Fail);
}
