//! Predicates that others define: what each gives, and one change each that makes it unreadable.

use super::*;

const APP: &str = "artifact sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
const RUN: &str = "https://github.com/acme/api/actions/runs/4711/attempts/1";

fn commit() -> Value {
    json!([{"digest": {"gitCommit": COMMIT}}])
}

fn document(predicate: &Value) -> String {
    format!("document {}", Digest::sha256_of(predicate.to_string().as_bytes()))
}

/// What an interpreted statement gives; nothing may be left out.
fn gives(predicate_type: &str, subjects: &Value, predicate: &Value, expected: &[String]) -> Facts {
    let facts = facts(predicate_type, subjects, predicate);
    let mut found = edges(&facts);
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected, "{predicate_type}");
    assert!(facts.interpreted && facts.warnings.is_empty(), "{predicate_type}: {:?}", facts.warnings);
    facts
}

fn found_by(facts: &Facts, terms: &[&str]) {
    let found: Vec<String> = facts.terms().iter().map(ToString::to_string).collect();
    for term in terms {
        assert!(found.contains(&(*term).to_owned()), "{term} in {found:?}");
    }
}

/// One change each: a member that is gone, or has another value. The place is named, and nothing but the subject and
/// the type is left.
fn unreadable(predicate_type: &str, predicate: &Value, changes: &[(&str, Option<Value>, &str)]) {
    for (pointer, value, place) in changes {
        let mut altered = predicate.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match (altered.pointer_mut(parent).unwrap(), value) {
            (Value::Object(members), None) => drop(members.remove(name)),
            (Value::Array(elements), None) => drop(elements.remove(name.parse().unwrap())),
            (parent, Some(value)) => match parent {
                Value::Array(elements) => elements[name.parse::<usize>().unwrap()] = value.clone(),
                _ => parent[name] = value.clone(),
            },
            _ => panic!("{pointer} names no member"),
        }
        let facts = facts(predicate_type, &app(), &altered);
        assert!(!facts.interpreted, "{predicate_type} {pointer} {value:?}");
        assert!(facts.edges.is_empty(), "{predicate_type} {pointer}: {:?}", facts.edges);
        let said: Vec<String> = facts.warnings.iter().map(ToString::to_string).collect();
        assert!(said.iter().any(|text| text.contains(place)), "{pointer}: {place} in {said:?}");
        assert!(facts.terms().contains(&Term::parse(Field::Subject, &format!("sha256:{HEX}")).unwrap()));
    }
}

/// A build of a local folder has no configuration source: the repository and commit are in what git said of the folder.
#[test]
fn what_buildkit_was_told_of_the_checkout_is_what_was_built() {
    let v02 = |vcs: &Value| {
        json!({"builder": {"id": "b"}, "buildType": "https://mobyproject.org/buildkit@v1", "materials": [],
            "invocation": {"configSource": {"entryPoint": "Dockerfile"}},
            "metadata": {"buildInvocationID": RUN, "https://mobyproject.org/buildkit@v1#metadata": {"vcs": vcs}}})
    };
    let v1 = |vcs: &Value| {
        json!({"buildDefinition": {"buildType": "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
                "externalParameters": {"configSource": {"path": "Dockerfile"}}, "resolvedDependencies": []},
            "runDetails": {"builder": {"id": "b"}, "metadata": {"invocationId": RUN, "buildkit_metadata": {"vcs": vcs}}}})
    };
    let read = |vcs: &Value| {
        let both = [
            facts("https://slsa.dev/provenance/v0.2", &app(), &v02(vcs)),
            facts("https://slsa.dev/provenance/v1", &app(), &v1(vcs)),
        ];
        let built = both.map(|facts| {
            let built =
                facts.edges.iter().filter(|edge| edge.kind == EdgeKind::BuiltFrom).map(ToString::to_string);
            let repository = facts.told.repository.clone();
            (
                built.collect::<Vec<_>>(),
                repository,
                facts.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            )
        });
        assert_eq!((&built[0].0, &built[0].1), (&built[1].0, &built[1].1), "{vcs}");
        built[0].clone()
    };
    let repository = "https://github.com/acme/api";
    for source in [
        "https://github.com/acme/api.git",
        "https://github.com/acme/api",
        "https://user:token@github.com/acme/api",
        "git@github.com:acme/api.git",
        "ssh://git@github.com/acme/api.git",
    ] {
        let (built, of, warnings) =
            read(&json!({"source": source, "revision": COMMIT, "localdir:context": "."}));
        let expected = [APP, &format!("run {RUN}")]
            .map(|from| format!("{from} built-from commit {repository}@{COMMIT}"));
        assert_eq!((built.as_slice(), of.as_deref()), (expected.as_slice(), Some(repository)), "{source}");
        assert!(warnings.is_empty(), "{source}: {warnings:?}");
    }
    // Without a repository a commit is known by its id alone.
    let (built, of, _) = read(&json!({"revision": COMMIT}));
    assert_eq!((built.len(), of), (2, None));
    assert!(built[0].ends_with(&format!("commit gitCommit:{COMMIT}")), "{built:?}");
    // Files differed from the commit: it is not what was built.
    let (built, of, warnings) = read(&json!({"source": repository, "revision": format!("{COMMIT}-dirty")}));
    assert_eq!((built.len(), of.as_deref()), (0, Some(repository)));
    assert!(warnings[0].contains("vcs.digest: ") && warnings[0].contains("-dirty"), "{warnings:?}");
    for nothing in
        [json!(null), json!({}), json!({"source": "", "revision": ""}), json!({"source": 7, "revision": []})]
    {
        assert!(read(&nothing).0.is_empty(), "{nothing}");
    }
}

#[test]
fn a_vsa_judges_by_the_name_and_the_digest_of_its_policy() {
    let vsa = json!({
        "verifier": {"id": "https://bcid.example/verifier", "version": {"x": "1"}},
        "timeVerified": "2026-11-20T11:10:00Z",
        "resourceUri": "pkg:oci/api@sha256:x?repository_url=ghcr.io/acme/api",
        "policy": {"uri": "https://bcid.example/policy", "digest": {"sha256": "a".repeat(64), "sha1": COMMIT}},
        "inputAttestations": [],
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        "vendor_note": [1],
    });
    let predicate_type = "https://slsa.dev/verification_summary/v1";
    let expected = [
        format!("{APP} judged policy https://bcid.example/policy"),
        format!("{APP} judged policy sha256:{}", "a".repeat(64)),
    ];
    let facts = gives(predicate_type, &app(), &vsa, &expected);
    assert_eq!(facts.happened.unwrap().to_string(), "2026-11-20T11:10:00.000000Z");
    found_by(&facts, &["identity https://bcid.example/verifier", "policy https://bcid.example/policy"]);
    unreadable(
        predicate_type,
        &vsa,
        &[
            ("/verifier", None, "verifier"),
            ("/verifier", Some(json!(["https://x"])), "verifier"),
            ("/verifier/id", None, "id"),
            ("/verifier/id", Some(json!("")), "predicate: the predicate"),
            ("/verificationResult", None, "verificationResult"),
            ("/verificationResult", Some(json!("passed")), "verificationResult"),
            ("/verificationResult", Some(json!("PASSED ")), "verificationResult"),
            ("/policy", Some(json!("https://x")), "policy"),
            ("/timeVerified", Some(json!(17)), "timeVerified"),
        ],
    );
}

#[test]
fn the_vsa_of_a_source_says_on_which_refs_a_commit_was_if_it_passed() {
    let subjects = json!([{"digest": {"gitCommit": COMMIT}, "annotations": {"sourceRefs": ["refs/heads/main", "refs/tags/v1"]}}]);
    let vsa = |result: &str, resource: &str| json!({"verifier": {"id": "https://s.example"}, "policy": {"uri": "p"}, "resourceUri": resource, "verificationResult": result});
    let predicate_type = "https://slsa.dev/verification_summary/v1";
    let repo = "https://github.com/acme/api";
    let judged = format!("commit {repo}@{COMMIT} judged policy p");
    let on = |reference: &str| format!("commit {repo}@{COMMIT} on-ref ref {repo}@{reference}");
    let git = format!("git+{repo}.git");
    let passed = [judged.clone(), on("refs/heads/main"), on("refs/tags/v1")];
    let facts = gives(predicate_type, &subjects, &vsa("PASSED", &git), &passed);
    found_by(&facts, &[&format!("repo {repo}"), "ref refs/heads/main", &format!("commit {COMMIT}")]);
    gives(predicate_type, &subjects, &vsa("FAILED", &git), &[judged]);
    // Without a repository there is no such commit to be on a ref; an artifact never is.
    gives(
        predicate_type,
        &subjects,
        &vsa("PASSED", repo),
        &[format!("commit gitCommit:{COMMIT} judged policy p")],
    );
    let artifact = json!([{"digest": {"sha256": HEX}, "annotations": {"sourceRefs": ["refs/heads/main"]}}]);
    gives(predicate_type, &artifact, &vsa("PASSED", &git), &[format!("{APP} judged policy p")]);
}

#[test]
fn a_simple_verification_judges_by_each_policy() {
    let svr = json!({
        "verifier": {"id": "https://example.com/policy_engine/v1", "policies": [{"uri": "https://example.com/p/1"}, {"digest": {"sha256": "b".repeat(64)}}]},
        "timeCreated": "2024-03-15T14:22:00Z",
        "properties": ["SLSA_BUILD_LEVEL_3"],
    });
    let predicate_type = "https://in-toto.io/attestation/svr/v0.2";
    let expected = [
        format!("{APP} judged policy https://example.com/p/1"),
        format!("{APP} judged policy sha256:{}", "b".repeat(64)),
    ];
    found_by(
        &gives(predicate_type, &app(), &svr, &expected),
        &["identity https://example.com/policy_engine/v1"],
    );
    let mut none = svr.clone();
    none["verifier"]["policies"] = json!([]);
    gives("https://in-toto.io/attestation/svr/v0.1", &app(), &none, &[]);
    unreadable(
        predicate_type,
        &svr,
        &[
            ("/verifier", None, "verifier"),
            ("/verifier/id", None, "id"),
            ("/verifier/policies", Some(json!({})), "policies"),
            ("/verifier/policies/0", Some(json!("p")), "policies"),
            ("/properties", None, "properties"),
            ("/properties", Some(json!("x")), "properties"),
            ("/properties", Some(json!(vec!["x"; 257])), "at most 256"),
        ],
    );
}

#[test]
fn source_provenance_says_who_moved_which_branch_or_tag() {
    let repo = "https://github.com/acme/api";
    let source_type = "https://github.com/slsa-framework/slsa-source-poc/source-provenance/v1-draft";
    let tag_type = "https://github.com/slsa-framework/slsa-source-poc/tag-provenance/v1-draft";
    let source = json!({
        "prev_commit": "d".repeat(40), "repo_uri": "git@github.com:acme/api.git", "activity_type": "pr_merge", "actor": "alice",
        "branch": "refs/heads/main", "created_on": "2026-11-20T10:06:00Z", "controls": [{"name": "c", "since": "2026-01-01T00:00:00Z"}],
    });
    let on = |reference: &str| [format!("commit {repo}@{COMMIT} on-ref ref {repo}@{reference}")];
    let facts = gives(source_type, &commit(), &source, &on("refs/heads/main"));
    assert_eq!(facts.happened.unwrap().to_string(), "2026-11-20T10:06:00.000000Z");
    found_by(&facts, &["identity alice", &format!("repo {repo}")]);
    // protobuf's own JSON has other names; a member under both is there twice.
    let camel = json!({"repoUri": repo, "branch": "refs/heads/main", "createdOn": "2026-11-20T10:06:00Z"});
    gives(source_type, &commit(), &camel, &on("refs/heads/main"));
    gives(source_type, &app(), &source, &[]);
    let tag = json!({"repo_uri": repo, "tag": "refs/tags/v1.2", "actor": "alice", "vsa_summaries": [{"source_refs": ["refs/heads/x"]}]});
    gives(tag_type, &commit(), &tag, &on("refs/tags/v1.2"));
    unreadable(
        source_type,
        &source,
        &[
            ("/repo_uri", None, "repo_uri"),
            ("/repo_uri", Some(json!("")), "repository"),
            ("/repo_uri", Some(json!(7)), "repo_uri"),
            ("/repoUri", Some(json!(repo)), "repo_uri"),
            ("/branch", Some(json!(["x"])), "branch"),
        ],
    );
    unreadable(
        tag_type,
        &tag,
        &[("/tag", None, "tag"), ("/tag", Some(json!(" ")), "empty"), ("/repo_uri", None, "repo_uri")],
    );
}

#[test]
fn a_test_result_is_a_report_and_names_the_page_of_its_tests() {
    let predicate_type = "https://in-toto.io/attestation/test-result/v0.1";
    let result = json!({
        "result": "FAILED", "configuration": [{"name": "ci.yml", "digest": {"gitBlob": "e".repeat(40)}}], "url": RUN,
        "passedTests": ["a", "b"], "warnedTests": null, "failedTests": ["c"],
    });
    let of = format!("commit gitCommit:{COMMIT}");
    let expected =
        [format!("{of} described-by {}", document(&result)), format!("{of} tested identity {RUN}")];
    let facts = gives(predicate_type, &commit(), &result, &expected);
    let label = facts.labels.iter().find(|(node, _)| node.kind() == NodeKind::Document).unwrap().1;
    assert_eq!(label, "test result failed: 2 passed, 0 warned, 1 failed");
    let bare = json!({"result": "PASSED"});
    gives(predicate_type, &app(), &bare, &[format!("{APP} described-by {}", document(&bare))]);
    unreadable(
        predicate_type,
        &result,
        &[
            ("/result", None, "result"),
            ("/result", Some(json!("failed")), "result"),
            ("/result", Some(json!("SKIPPED")), "result"),
            ("/passedTests", Some(json!("a")), "passedTests"),
            ("/url", Some(json!(1)), "url"),
        ],
    );
}

#[test]
fn a_release_says_which_bytes_a_version_has() {
    let predicate_type = "https://in-toto.io/attestation/release/v0.1";
    let release = json!({"purl": "pkg:npm/%40angular/http@7.2.16", "packageId": "1234567890"});
    let subjects = json!([{"name": "a.tgz", "digest": {"sha256": HEX}}, {"name": "b.whl", "digest": {"sha512": "b".repeat(128)}}]);
    let component = "component pkg:npm/%40angular/http@7.2.16";
    let expected = [
        format!("{component} has-bytes {APP}"),
        format!("{component} has-bytes artifact sha512:{}", "b".repeat(128)),
    ];
    gives(predicate_type, &subjects, &release, &expected);
    unreadable(
        predicate_type,
        &release,
        &[
            ("/purl", None, "purl"),
            ("/purl", Some(json!("")), "empty"),
            ("/purl", Some(json!("http 7.2.16")), "package URL"),
            ("/purl", Some(json!("pkg:npm/%40angular/http")), "with a version"),
        ],
    );
    let npm_type = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";
    let publish = json!({"name": "semver", "version": "7.5.4", "registry": "https://registry.npmjs.org"});
    let subjects = json!([{"name": "pkg:npm/semver@7.5.4", "digest": {"sha256": HEX}}]);
    let facts =
        gives(npm_type, &subjects, &publish, &[format!("component pkg:npm/semver@7.5.4 has-bytes {APP}")]);
    found_by(&facts, &["ref https://registry.npmjs.org", "component pkg:npm/semver"]);
    unreadable(
        npm_type,
        &publish,
        &[("/name", None, "name"), ("/version", Some(json!("")), "empty"), ("/registry", None, "app.tar.gz")],
    );
}

#[test]
fn a_reference_leads_to_documents() {
    let predicate_type = "https://in-toto.io/attestation/reference/v0.1";
    let sbom = "https://cloud.example/sbom.spdx.json";
    let reference = json!({
        "attester": {"id": "https://my-builder.example/v1"},
        "references": [{"downloadLocation": sbom, "digest": {"sha256": "d".repeat(64)}, "mediaType": "application/spdx+json"}, {"downloadLocation": "https://x.example"}],
    });
    let expected = [
        format!("{APP} described-by {}", document(&reference)),
        format!("{APP} described-by document sha256:{}", "d".repeat(64)),
    ];
    let facts = gives(predicate_type, &app(), &reference, &expected);
    found_by(
        &facts,
        &["identity https://my-builder.example/v1", &format!("ref {sbom}"), "ref https://x.example"],
    );
    unreadable(
        predicate_type,
        &reference,
        &[
            ("/attester", None, "attester"),
            ("/attester/id", Some(json!("")), "empty"),
            ("/references", None, "references"),
            ("/references", Some(json!({})), "references"),
            ("/references/0", Some(json!(sbom)), "references"),
        ],
    );
}

#[test]
fn attributes_lead_to_their_evidence() {
    let scai = json!({
        "attributes": [
            {"attribute": "IsHermeticBuild", "evidence": {"name": "strace.log", "digest": {"sha256": "c".repeat(64)}, "downloadLocation": "https://x.example/log"}, "target": {"digest": {"sha256": "9".repeat(64)}}},
            {"attribute": "REPRODUCIBLE", "conditions": {"flags": "-O2"}},
        ],
        "producer": {"uri": "https://my-sw-attestor.example", "digest": {"sha256": "8".repeat(64)}},
    });
    let expected = [
        format!("{APP} described-by {}", document(&scai)),
        format!("{APP} described-by document sha256:{}", "c".repeat(64)),
    ];
    for scai_type in [
        "https://in-toto.io/attestation/scai/attribute-report/v0.2",
        "https://in-toto.io/attestation/scai/attribute-report/v0.3",
        "https://in-toto.io/attestation/scai/attribute-report",
        "https://in-toto.io/attestation/scai/v0.3",
    ] {
        let facts = gives(scai_type, &app(), &scai, &expected);
        found_by(&facts, &["identity https://my-sw-attestor.example", "ref https://x.example/log"]);
        unreadable(
            scai_type,
            &scai,
            &[
                ("/attributes", None, "attributes"),
                ("/attributes/0", Some(json!("IsHermeticBuild")), "attributes"),
                ("/attributes/1/attribute", None, "attribute"),
                ("/attributes/1/attribute", Some(json!("")), "empty"),
                ("/attributes/0/evidence", Some(json!([])), "evidence"),
            ],
        );
    }
}

#[test]
fn a_runtime_trace_is_found_by_its_run() {
    let trace = json!({
        "monitor": {"type": "https://github.com/cilium/tetragon", "configSource": {}},
        "monitoredProcess": {"hostID": "https://github.com", "type": "https://actions.github.io/buildtypes/workflow/v1", "event": RUN},
        "monitorLog": {"process": [{"processBinary": "/bin/sh"}], "fileAccess": [{"name": "/etc/passwd", "digest": {"sha256": "f".repeat(64)}}]},
        "metadata": {"buildStartedOn": "2026-11-20T11:00:00Z", "buildFinishedOn": "2026-11-20T11:04:00Z"},
    });
    for version in ["v0.1", "v0.2"] {
        let trace_type = format!("https://in-toto.io/attestation/runtime-trace/{version}");
        let facts = gives(&trace_type, &app(), &trace, &[format!("{APP} described-by {}", document(&trace))]);
        found_by(&facts, &[&format!("run {RUN}"), "identity https://github.com/cilium/tetragon"]);
        assert_eq!(facts.happened.unwrap().to_string(), "2026-11-20T11:04:00.000000Z");
        unreadable(
            &trace_type,
            &trace,
            &[
                ("/monitor", None, "monitor"),
                ("/monitor/type", None, "type"),
                ("/monitoredProcess", Some(json!(RUN)), "monitoredProcess"),
                ("/monitorLog", None, "monitorLog"),
                ("/monitorLog", Some(json!([])), "monitorLog"),
                ("/metadata", Some(json!("2026")), "metadata"),
            ],
        );
    }
}

#[test]
fn a_link_is_a_step_whose_environment_is_never_read() {
    let predicate_type = "https://in-toto.io/attestation/link/v0.3";
    let link = json!({
        "name": "build", "command": ["make"], "byproducts": {"return-value": 0}, "environment": {"TOKEN": "s3cr3t"},
        "materials": [{"name": "main.c", "digest": {"sha256": "a".repeat(64)}}, {"uri": "git+https://github.com/acme/api@refs/heads/main", "digest": {"sha1": COMMIT}}],
    });
    let run = format!("run unnamed:{}", Digest::sha256_of(link.to_string().as_bytes()));
    let commit = format!("commit https://github.com/acme/api@{COMMIT}");
    let expected = [
        format!("{APP} built-by {run}"),
        format!("{APP} built-from {commit}"),
        format!("{run} built-from {commit}"),
        format!("{run} resolved artifact sha256:{}", "a".repeat(64)),
        format!("{run} resolved ref https://github.com/acme/api@refs/heads/main"),
    ];
    let facts = gives(predicate_type, &app(), &link, &expected);
    assert!(!format!("{facts:?}").contains("s3cr3t"));
    let old =
        json!({"name": "build", "materials": {"main.c": {"sha256": "a".repeat(64)}}, "environment": {}});
    let run = format!("run unnamed:{}", Digest::sha256_of(old.to_string().as_bytes()));
    let expected =
        [format!("{APP} built-by {run}"), format!("{run} resolved artifact sha256:{}", "a".repeat(64))];
    for legacy in ["https://in-toto.io/Link/v1", "https://in-toto.io/Link/v0.2"] {
        gives(legacy, &app(), &old, &expected);
    }
    unreadable(
        predicate_type,
        &link,
        &[
            ("/name", None, "name"),
            ("/name", Some(json!("")), "empty"),
            ("/materials", Some(json!("main.c")), "materials"),
            ("/materials", Some(json!({"main.c": "sha256:aa"})), "materials"),
            ("/materials/0", Some(json!("main.c")), "materials"),
        ],
    );
}

#[test]
fn what_cosign_wraps_is_found_by_its_own_digest_too() {
    for cosign in ["https://cosign.sigstore.dev/attestation/v1", "cosign.sigstore.dev/attestation/v1"] {
        let custom = json!({"Data": "{\"foo\": \"bar\"}\n", "Timestamp": "2025-02-28T19:18:11Z"});
        let inner = Digest::sha256_of(b"{\"foo\": \"bar\"}\n");
        let expected = [
            format!("{APP} described-by {}", document(&custom)),
            format!("{APP} described-by document {inner}"),
        ];
        let facts = gives(cosign, &app(), &custom, &expected);
        assert_eq!(facts.happened.unwrap().to_string(), "2025-02-28T19:18:11.000000Z");
        let object = json!({"Data": {"foo": "bar"}, "Timestamp": ""});
        gives(cosign, &app(), &object, &[format!("{APP} described-by {}", document(&object))]);
        unreadable(cosign, &custom, &[("/Data", None, "Data"), ("/Timestamp", Some(json!(1)), "Timestamp")]);
    }
}

#[test]
fn a_time_that_is_none_is_left_out_and_said() {
    let vsa = json!({"verifier": {"id": "v"}, "verificationResult": "PASSED", "timeVerified": "yesterday", "policy": {"uri": "p"}});
    let facts = facts("https://slsa.dev/verification_summary/v1", &app(), &vsa);
    assert_eq!(facts.warnings[0].path, "predicate.timeVerified");
    assert!(facts.interpreted && facts.happened.is_none());
}
