//! Whole statements, with every edge that they give.

use super::*;

const REPO: &str = "https://github.com/acme/api";
const RUN: &str = "https://github.com/acme/api/actions/runs/4711/attempts/1";
const OTHER: &str = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9";
const APP: &str = "artifact sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

fn terms(facts: &Facts) -> Vec<String> {
    facts.terms().iter().map(ToString::to_string).collect()
}

#[test]
fn github_provenance_v1() {
    let image = "a".repeat(64);
    let facts = facts(
        slsa_v1::TYPE,
        &app(),
        &json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {"ref": "refs/heads/main", "repository": REPO, "path": ".github/workflows/release.yml"}},
                "internalParameters": {"github": {"event_name": "push", "runner_environment": "github-hosted"}},
                "resolvedDependencies": [
                    {"uri": format!("git+{REPO}@refs/heads/main"), "digest": {"gitCommit": COMMIT}},
                    {"uri": "alpine:latest", "digest": {"sha256": image}},
                    {"uri": "pkg:npm/axios@1.14.1", "digest": {"sha512": "b".repeat(128)}},
                ],
            },
            "runDetails": {
                "builder": {"id": format!("{REPO}/.github/workflows/release.yml@refs/heads/main")},
                "metadata": {"invocationId": RUN, "startedOn": "2026-11-20T11:00:00Z", "finishedOn": "2026-11-20T11:04:00Z"},
                "byproducts": [{"digest": {"sha256": "f".repeat(64)}}],
            },
        }),
    );
    let commit = format!("commit {REPO}@{COMMIT}");
    let bytes = format!("artifact sha512:{}", "b".repeat(128));
    assert_eq!(
        edges(&facts),
        [
            format!("{APP} built-by run {RUN}"),
            format!("{APP} built-from {commit}"),
            format!("component pkg:npm/axios@1.14.1 has-bytes {bytes}"),
            format!("run {RUN} built-from {commit}"),
            format!("run {RUN} ran-on builder {REPO}/.github/workflows/release.yml@refs/heads/main"),
            format!("run {RUN} resolved artifact sha256:{image}"),
            format!("run {RUN} resolved {bytes}"),
            format!("run {RUN} resolved component pkg:npm/axios@1.14.1"),
            format!("run {RUN} resolved ref alpine:latest"),
            format!("run {RUN} resolved ref {REPO}@refs/heads/main"),
        ]
    );
    assert_eq!(
        terms(&facts),
        [
            format!("artifact sha256:{HEX}"),
            format!("artifact sha256:{image}"),
            bytes,
            format!("builder {REPO}/.github/workflows/release.yml@refs/heads/main"),
            format!("commit {COMMIT}"),
            format!("commit {REPO}@{COMMIT}"),
            "component pkg:npm/axios".to_owned(),
            format!("name {REPO} app.tar.gz"),
            format!("predicate {}", slsa_v1::TYPE),
            "ref docker.io/library/alpine:latest".to_owned(),
            format!("ref {REPO}@main"),
            format!("ref {REPO}@refs/heads/main"),
            "ref main".to_owned(),
            "ref refs/heads/main".to_owned(),
            format!("repo {REPO}"),
            "run https://github.com/acme/api/actions/runs/4711".to_owned(),
            format!("run {RUN}"),
            format!("subject sha256:{HEX}"),
        ]
    );
    assert_eq!(facts.happened.unwrap().to_string(), "2026-11-20T11:04:00.000000Z");
    assert_eq!(facts.times.len(), 2);
    assert!(facts.interpreted && facts.warnings.is_empty());
}

#[test]
fn provenance_v02_gives_the_same_nodes_as_v1() {
    let definition = "d".repeat(64);
    let facts = facts(
        "https://slsa.dev/provenance/v0.2",
        &app(),
        &json!({
            "builder": {"id": "https://github.com/actions/runner"},
            "buildType": "https://github.com/npm/cli/gha/v2",
            "invocation": {"configSource": {
                "uri": format!("git+{REPO}@refs/heads/main"), "digest": {"sha1": COMMIT}, "entryPoint": ".github/workflows/release.yml",
            }},
            "metadata": {"buildInvocationId": "4711-1", "buildFinishedOn": "2026-11-20T11:04:00Z"},
            "materials": [{"uri": format!("git+{REPO}@refs/heads/main"), "digest": {"sha1": COMMIT}}],
        }),
    );
    assert_eq!(
        edges(&facts),
        [
            format!("{APP} built-by run {RUN}"),
            format!("{APP} built-from commit {REPO}@{COMMIT}"),
            format!("run {RUN} built-from commit {REPO}@{COMMIT}"),
            format!("run {RUN} ran-on builder https://github.com/actions/runner"),
            format!("run {RUN} resolved ref {REPO}@refs/heads/main"),
        ]
    );
    let config = json!({"invocation": {"configSource": {"uri": "https://ci.example/build.yml", "digest": {"sha256": definition}}},
        "metadata": {"buildInvocationID": "https://ci.example/7"}});
    let facts = super::facts("https://slsa.dev/provenance/v0.2", &app(), &config);
    assert_eq!(
        edges(&facts),
        [
            format!("{APP} built-by run https://ci.example/7"),
            format!("run https://ci.example/7 defined-by artifact sha256:{definition}"),
            "run https://ci.example/7 resolved ref https://ci.example/build.yml".to_owned(),
        ]
    );
}

/// The worked example of docs/format.md with this name.
fn facts_of_example(name: &str) -> Facts {
    const FORMAT: &str = include_str!("../../../../../docs/format.md");
    let section = FORMAT.split(&format!("\n### urn:custody:{name}:v1\n")).nth(1).unwrap();
    let json = section.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    read(&Statement::parse(json.as_bytes()).unwrap())
}

/// The worked examples of docs/format.md, with what each says.
#[test]
fn predicates_of_custody() {
    let commit = format!("commit {REPO}@{COMMIT}");
    for (name, happened, expected) in [
        (
            "source",
            "2026-11-20T09:30:00.000000Z",
            vec![
                format!("{commit} authored-by identity Alice <alice@acme.example>"),
                format!("{commit} on-ref ref {REPO}@refs/heads/main"),
            ],
        ),
        (
            "review",
            "2026-11-20T10:05:00.000000Z",
            vec![
                format!("{commit} reviewed identity https://github.com/bob"),
                format!("{commit} reviewed identity https://github.com/carol"),
            ],
        ),
        (
            "approval",
            "2026-11-20T13:00:00.000000Z",
            vec![
                format!("{APP} approved environment prod"),
                format!("{APP} approved identity https://github.com/alice"),
            ],
        ),
        ("promotion", "2026-11-20T13:30:00.000000Z", vec![format!("{APP} promoted environment prod")]),
        ("deployment", "2026-11-20T14:02:00.000000Z", vec![format!("{APP} runs-in environment prod")]),
        (
            "snapshot",
            "2026-11-20T15:00:00.000000Z",
            vec![
                format!("{APP} runs-in environment prod"),
                format!("artifact sha256:{OTHER} runs-in environment prod"),
            ],
        ),
        (
            "run",
            "2026-11-20T11:04:00.000000Z",
            vec![
                format!("run {RUN} could-read secret NPM_TOKEN"),
                format!("run {RUN} ran-on builder ubuntu-24.04"),
                format!("run {RUN} resolved artifact sha256:{OTHER}"),
                format!("run {RUN} resolved commit gitCommit:11bd71901bbe5b1630ceea73d27597364c9af683"),
                format!("run {RUN} resolved ref actions/cache@v4"),
                format!("run {RUN} resolved ref actions/checkout@v4"),
                format!("run {RUN} resolved ref alpine:latest"),
            ],
        ),
        ("tag", "2026-11-20T12:10:00.000000Z", vec![format!("ref ghcr.io/acme/api:1.2 points-to {APP}")]),
        (
            "publication",
            "2026-11-20T12:00:00.000000Z",
            vec![
                format!("{APP} published identity https://github.com/alice"),
                format!("{APP} published ref ghcr.io/acme/api:1.2"),
            ],
        ),
        ("distribution", "2026-11-21T08:00:00.000000Z", vec![format!("{APP} received identity customer-17")]),
        ("exception", "2026-11-20T13:00:00.000000Z", vec![]),
    ] {
        let facts = facts_of_example(name);
        assert_eq!(edges(&facts), expected, "{name}");
        assert_eq!(facts.happened.unwrap().to_string(), happened, "{name}");
        assert!(facts.interpreted && facts.warnings.is_empty(), "{name}: {:?}", facts.warnings);
    }
    let stop = json!({"environment": "prod", "action": "stop", "at": "2026-11-20T14:02:00Z"});
    let facts = facts(Deployment::TYPE, &app(), &stop);
    assert_eq!(edges(&facts), [format!("{APP} stopped-in environment prod")]);
    let promotion = json!({"from": "staging", "to": "prod", "at": "2026-11-20T14:02:00Z"});
    let terms = terms(&super::facts("urn:custody:promotion:v1", &app(), &promotion));
    assert!(
        terms.contains(&"environment staging".to_owned()) && terms.contains(&"environment prod".to_owned())
    );
}

#[test]
fn what_custody_says_without_an_edge_is_found() {
    let exception = facts_of_example("exception");
    assert!(exception.interpreted && exception.warnings.is_empty());
    for term in ["policy release", "identity https://github.com/alice", &format!("subject sha256:{HEX}")] {
        assert!(terms(&exception).contains(&term.to_owned()), "{term}");
    }
    let until = "2026-11-27T00:00:00.000000Z";
    assert!(exception.times.iter().all(|(_, time)| time.to_string() != until), "it has not happened");
    let expected = facts_of_example("expected");
    assert!(expected.interpreted && expected.warnings.is_empty() && expected.edges.is_empty());
    assert!(terms(&expected).contains(&"identity ci".to_owned()));
    assert_eq!((expected.happened, expected.times), (None, vec![]));
}

#[test]
fn cyclonedx() {
    let (tar, lib) = ("1".repeat(64), "3".repeat(64));
    let predicate = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {
            "timestamp": "2026-11-20T11:05:00Z",
            "component": {"name": "api", "version": "1.2", "purl": "pkg:cargo/api@1.2", "hashes": [{"alg": "SHA-256", "content": tar}]},
        },
        "components": [
            {"group": "@acme", "name": "lib", "version": "2.0", "purl": "pkg:npm/%40acme/lib@2.0", "hashes": [
                {"alg": "SHA-256", "content": lib}, {"alg": "MD5", "content": "4".repeat(32)}, {"alg": "SHA-512", "content": "short"},
             ], "externalReferences": [{"type": "distribution", "url": "https://registry.example/lib.tgz"}, {"type": "website", "url": "https://x"}],
             "components": [{"name": "inner", "purl": "pkg:npm/inner@1.0"}]},
            {"name": "tool", "purl": "pkg:npm/tool@1.0", "scope": "excluded"},
            {"name": "api", "purl": "pkg:cargo/api@1.2"},
            {"name": "odd", "purl": "not a purl"},
        ],
    });
    let facts = facts("https://cyclonedx.org/bom/v1.6", &app(), &predicate);
    let document = format!("document {}", Digest::sha256_of(predicate.to_string().as_bytes()));
    assert_eq!(
        edges(&facts),
        [
            format!("artifact sha256:{tar} contains component pkg:npm/%40acme/lib@2.0"),
            format!("artifact sha256:{tar} contains component pkg:npm/inner@1.0"),
            format!("artifact sha256:{tar} described-by {document}"),
            format!("{APP} contains component pkg:npm/%40acme/lib@2.0"),
            format!("{APP} contains component pkg:npm/inner@1.0"),
            format!("{APP} described-by {document}"),
            format!("component pkg:cargo/api@1.2 has-bytes artifact sha256:{tar}"),
            "component pkg:npm/%40acme/lib@2.0 fetched-from ref https://registry.example/lib.tgz".to_owned(),
            format!("component pkg:npm/%40acme/lib@2.0 has-bytes artifact sha256:{lib}"),
        ]
    );
    let warned: Vec<&str> = facts.warnings.iter().map(|warning| warning.path.as_str()).collect();
    assert_eq!(warned, ["predicate.components[3].purl", "predicate.components[0].hashes"]);
    assert_eq!(facts.components, Some(5));
    assert!(terms(&facts).contains(&"component pkg:npm/tool".to_owned()), "not shipped, but found");
    assert!(terms(&facts).contains(&document));
    assert_eq!(
        facts.labels.get(&Node::component(&"pkg:npm/%40acme/lib@2.0".parse().unwrap())).unwrap(),
        "@acme/lib"
    );
}

#[test]
fn spdx() {
    let (tar, lib) = ("1".repeat(64), "3".repeat(64));
    let predicate = json!({
        "spdxVersion": "SPDX-2.3",
        "creationInfo": {"created": "2026-11-20T11:05:00Z"},
        "packages": [
            {"SPDXID": "SPDXRef-app", "name": "app", "downloadLocation": "NOASSERTION", "checksums": [{"algorithm": "SHA256", "checksumValue": tar}]},
            {"SPDXID": "SPDXRef-lib", "name": "lib", "versionInfo": "2.0", "downloadLocation": "git+https://github.com/acme/lib@v2",
             "checksums": [{"algorithm": "SHA256", "checksumValue": lib}],
             "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/lib@2.0"}]},
        ],
        "relationships": [
            {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-app"},
            {"spdxElementId": "SPDXRef-app", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-lib"},
        ],
    });
    let document = format!("document {}", Digest::sha256_of(predicate.to_string().as_bytes()));
    let expected = [
        format!("artifact sha256:{tar} contains component pkg:npm/lib@2.0"),
        format!("artifact sha256:{tar} described-by {document}"),
        format!("{APP} contains component pkg:npm/lib@2.0"),
        format!("{APP} described-by {document}"),
        "component pkg:npm/lib@2.0 fetched-from ref git+https://github.com/acme/lib@v2".to_owned(),
        format!("component pkg:npm/lib@2.0 has-bytes artifact sha256:{lib}"),
    ];
    assert_eq!(edges(&facts("https://spdx.dev/Document", &app(), &predicate)), expected);
}
