//! Scans, tests, snapshots, runs, tags, publications, distributions and expected records: the bytes, and the facts that are
//! read back from them.

use std::num::NonZeroU32;

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{self, Facts};
use custody_evidence::predicate::{
    Distribution, Expected, Period, Publication, ResolvedRef, Run, Runner, Tag,
};
use custody_evidence::scan::junit;

use super::*;
use crate::workflow;

const APP: &str = "artifact sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const RUN: &str = "https://github.com/acme/api/actions/runs/4711/attempts/1";

fn facts(made: &Made) -> Facts {
    let facts = fact::read(&Statement::parse(&made.payload).unwrap());
    assert!(facts.interpreted && facts.warnings.is_empty(), "{:?}", facts.warnings);
    facts
}

/// Edges but those of one digest of the file to the other.
fn edges(made: &Made) -> Vec<String> {
    let edges = facts(made).edges.iter().map(ToString::to_string).collect::<Vec<_>>();
    edges.into_iter().filter(|edge| !edge.contains("sha512:") && !edge.contains("same-as")).collect()
}

const TRIVY: &str = r#"
{"SchemaVersion": 2, "CreatedAt": "2026-11-20T11:00:00Z", "Trivy": {"Version": "0.72.0"}, "Results": [{"Vulnerabilities": [
  {"VulnerabilityID": "CVE-2026-1", "Severity": "HIGH", "PkgIdentifier": {"PURL": "pkg:npm/axios@1.14.1"}}]}]}
"#;

#[test]
fn scan_golden_embeds_the_report_as_it_is() {
    let report = Report::detect(TRIVY.as_bytes()).unwrap();
    assert_eq!(report.summary(), "trivy 0.72.0: 1 high");
    let made = report.make(&[app()]).unwrap();
    golden("scan.json", &made);
    let statement = Statement::parse(&made.payload).unwrap();
    assert_eq!(statement.predicate_bytes().unwrap(), TRIVY.trim().as_bytes());
    let document = Digest::sha256_of(TRIVY.trim().as_bytes());
    assert_eq!(
        edges(&made),
        [
            format!("{APP} affected-by vulnerability CVE-2026-1"),
            format!("{APP} described-by document {document}"),
            "component pkg:npm/axios@1.14.1 affected-by vulnerability CVE-2026-1".to_owned(),
        ]
    );
}

#[test]
fn each_report_tells_its_own_format() {
    let sarif = |run: &str| {
        format!("{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{{\"name\":\"t\"}}}}{run}}}]}}")
    };
    let grype = r#"{"matches":[],"descriptor":{"name":"grype","version":"0.111.0"}}"#;
    let vex = r#"{"@context":"https://openvex.dev/ns/v0.2.0","author":"a","timestamp":"2026-11-20T12:00:00Z",
        "statements":[{"vulnerability":{"name":"CVE-2026-1"},"status":"fixed"}]}"#;
    for (report, summary, predicate_type) in [
        (sarif(",\"results\":[]"), "SARIF 2.1.0, t: nothing found", "urn:custody:scan:v1"),
        (grype.to_owned(), "grype 0.111.0: nothing found", "urn:custody:scan:v1"),
        (vex.to_owned(), "OpenVEX", "https://openvex.dev/ns/v0.2.0"),
        (format!("\u{feff}{grype}"), "grype 0.111.0: nothing found", "urn:custody:scan:v1"),
    ] {
        let report = Report::detect(report.as_bytes()).unwrap();
        let made = report.make(&[app()]).unwrap();
        assert_eq!((report.summary(), made.predicate_type.as_str()), (summary, predicate_type));
        assert!(edges(&made).iter().any(|edge| edge.starts_with(&format!("{APP} described-by"))));
    }
    for (report, why) in [
        ("<testsuite/>", "it is XML"),
        ("{}", "it is JSON with the members []"),
        ("[]", "expected an object"),
        ("7", "it is no JSON object"),
        ("NAME INSTALLED VULNERABILITY", "it is no JSON: expected a value, found 'N'"),
        ("\u{feff}\u{feff}{}", "it is no JSON: a byte order mark"),
        ("", "it is no JSON: "),
        (r#"{"bomFormat":"CycloneDX","vulnerabilities":[]}"#, "it is CycloneDX"),
        (r#"{"document":{"csaf_version":"2.0"}}"#, "the members [\"document\"]"),
        (r#"{"@context":"https://openvex.dev/other"}"#, "the members [\"@context\"]"),
        // The first ones, in the document's order, whatever stands in them.
        (r#"{"f":[{}],"e":{"x":1},"d":1,"c":"","b":null,"a":1}"#, r#"members ["f", "e", "d", "c", "b"]"#),
        (r#"{"@context":["https://openvex.dev/ns/v0.2.0"]}"#, "the members [\"@context\"]"),
        (r#"{"bomFormat":7}"#, "it is CycloneDX"),
        (r#"{"version":"2.0.0","runs":[]}"#, "SARIF \"2.0.0\""),
        (r#"{"matches":[{}],"descriptor":{}}"#, "missing field `vulnerability`"),
    ] {
        match Report::detect(report.as_bytes()) {
            Err(MakeError::NotAScan { why: found }) => assert!(found.contains(why), "{report}: {found}"),
            other => panic!("{report}: {other:?}"),
        }
    }
    assert!(matches!(Report::detect(b"{\"runs\":[],\"runs\":[]}"), Err(MakeError::Json(_))));
    for (report, why) in [
        (sarif(""), "predicate: runs[0]: there are no results"),
        (sarif(",\"results\":[{}]"), "predicate: runs[0].results[0] has no id"),
        (r#"{"SchemaVersion":2}"#.to_owned(), "predicate: Results: there are no results"),
        (r#"{"@context":"https://openvex.dev/ns","author":"a"}"#.to_owned(), "predicate: "),
    ] {
        match Report::detect(report.as_bytes()).unwrap().make(&[app()]) {
            Err(MakeError::NotWhole { why: found }) => assert!(found.starts_with(why), "{report}: {found}"),
            other => panic!("{report}: {other:?}"),
        }
    }
    let report = sarif(",\"results\":[]");
    assert_eq!(Report::detect(report.as_bytes()).unwrap().make(&[]), Err(MakeError::NoSubject));
}

fn tests(xml: &str) -> Result<TestResult, TestResultError> {
    TestResult::of_reports(&[junit::read(xml.as_bytes()).unwrap()])
}

#[test]
fn test_golden_says_which_passed_and_failed() {
    let xml = "<testsuite><testcase classname=\"api.Login\" name=\"takes\"/><testcase name=\"b\"><failure/></testcase>\
               <testcase name=\"a\"><error/></testcase><testcase name=\"s\"><skipped/></testcase></testsuite>";
    let mut result = tests(xml).unwrap();
    result.url = Some(RUN.to_owned());
    let job = ci::detect(&github()).unwrap();
    result.configuration = vec![Configuration::of_job(&job).unwrap(), Configuration::Thing(by_digest())];
    let made = result.make(&[app()]).unwrap();
    golden("test.json", &made);
    assert!(edges(&made).contains(&format!("{APP} tested identity {RUN}")));
    let labels: Vec<String> = facts(&made).labels.into_values().collect();
    assert!(labels.contains(&"test result failed: 1 passed, 0 warned, 2 failed".to_owned()), "{labels:?}");

    let halves = [
        "<testsuite><testcase name=\"a\"><error/></testcase></testsuite>",
        "<testsuite><testcase name=\"s\"><skipped/></testcase><testcase name=\"b\"><failure/></testcase>\
         <testcase classname=\"api.Login\" name=\"takes\"/></testsuite>",
    ]
    .map(|xml| junit::read(xml.as_bytes()).unwrap());
    let parts = TestResult::of_reports(&halves).unwrap();
    assert_eq!((parts.passed, parts.failed), (result.passed, result.failed), "in whatever files they stand");
}

#[test]
fn a_result_is_what_its_tests_say() {
    assert_eq!(tests("<testsuite><testcase/></testsuite>").unwrap().outcome, TestOutcome::Passed);
    assert_eq!(tests("<testsuite errors=\"1\"/>").unwrap().outcome, TestOutcome::Failed);
    let skipped = "<testsuite><testcase><skipped/></testcase></testsuite>";
    assert_eq!(tests(skipped), Err(TestResultError::NoTests { skipped: 1 }));
    assert_eq!(tests("<testsuite/>"), Err(TestResultError::NoTests { skipped: 0 }));
    let result = |outcome, warned: &[&str], failed: &[&str]| TestResult {
        outcome,
        configuration: Vec::new(),
        url: None,
        passed: vec!["p".to_owned()],
        warned: warned.iter().map(|&name| name.to_owned()).collect(),
        failed: failed.iter().map(|&name| name.to_owned()).collect(),
    };
    for good in [
        result(TestOutcome::Passed, &[], &[]),
        result(TestOutcome::Warned, &["w"], &[]),
        result(TestOutcome::Warned, &[], &[]),
        result(TestOutcome::Failed, &["w"], &["f"]),
        result(TestOutcome::Failed, &[], &[]),
    ] {
        assert_eq!(good.check(), Ok(()));
        assert!(facts(&good.make(&[app()]).unwrap()).interpreted);
    }
    for bad in [
        result(TestOutcome::Passed, &["w"], &[]),
        result(TestOutcome::Passed, &[], &["f"]),
        result(TestOutcome::Warned, &["w"], &["f"]),
    ] {
        assert!(matches!(bad.check(), Err(TestResultError::Contradiction { count: 1, .. })), "{bad:?}");
    }
}

fn seen(digit: &str, name: &str, workload: Option<&str>, count: Option<u32>) -> Seen {
    let digest = format!("sha256:{}", digit.repeat(64)).parse().unwrap();
    Seen {
        subject: Subject { name: name.to_owned(), digests: vec![digest] },
        workload: workload.map(|name| name.parse().unwrap()),
        count: count.and_then(NonZeroU32::new),
    }
}

fn prod(seen: &[Seen]) -> Made {
    snapshot("prod".parse().unwrap(), at(), seen, None).unwrap()
}

#[test]
fn snapshot_golden_counts_what_runs_as_one_workload_together() {
    let all = [
        seen("a", "ghcr.io/acme/api", Some("shop/api"), Some(1)),
        seen("b", "ghcr.io/acme/proxy", Some("shop/api"), Some(1)),
        seen("a", "ghcr.io/acme/api", Some("shop/api"), Some(2)),
        seen("a", "mirror.example/api", Some("jobs/api"), None),
        Seen { subject: app(), workload: None, count: None },
    ];
    let made = prod(&all);
    golden("snapshot.json", &made);
    let artifact = |digit: &str| format!("artifact sha256:{} runs-in environment prod", digit.repeat(64));
    assert_eq!(edges(&made), [artifact("a"), format!("{APP} runs-in environment prod"), artifact("b")]);
    let mut other = all;
    other.reverse();
    assert_eq!(prod(&other), made, "in whatever order it was seen");
}

#[test]
fn a_count_that_is_not_known_makes_the_sum_unknown() {
    let predicate = |seen: &[Seen]| String::from_utf8(prod(seen).payload).unwrap();
    let api = |count| seen("a", "api", None, count);
    assert!(predicate(&[api(Some(2)), api(Some(3))]).contains("\"count\":5"));
    for unknown in [[api(Some(2)), api(None)], [api(None), api(Some(2))]] {
        assert!(!predicate(&unknown).contains("count"));
    }
    assert!(predicate(&[api(Some(u32::MAX)), api(Some(2))]).contains("\"count\":4294967295"));
}

#[test]
fn where_nothing_runs_the_subject_is_the_environment() {
    let made = prod(&[]);
    golden("snapshot-empty.json", &made);
    assert!(facts(&made).edges.is_empty());
    let subject = Subject::of_name(NameKind::Environment, "prod");
    let statement = Statement::parse(&made.payload).unwrap();
    assert!(statement.subjects()[0].digests().contains(&subject.digests[0]));
    let many: Vec<Seen> = (0..1025).map(|at| seen("a", "x", Some(&format!("w{at}")), Some(1))).collect();
    assert_eq!(
        snapshot("prod".parse().unwrap(), at(), &many, None),
        Err(MakeError::TooMany { what: "things that run", max: 1024, found: 1025 })
    );
}

const WORKFLOW: &str = "permissions: {contents: write, id-token: write}\njobs:\n  a:\n    container: alpine:3.20\n    steps:\n\
    \x20     - uses: actions/checkout@v4\n      - run: x ${{ secrets.NPM_TOKEN }}\n      - uses: x/login@v1\n\
    \x20       with: {audience: sts.amazonaws.com}\n";

fn run_of(workflow: &str) -> Run {
    let run = Run {
        run: RUN.parse().unwrap(),
        conclusion: Some("success".parse().unwrap()),
        trigger: Some("push".parse().unwrap()),
        at: Some(at()),
        runner: Some(Runner {
            name: "GitHub Actions 12".parse().unwrap(),
            hosted: Some(true),
            labels: vec!["x64".parse().unwrap(), "linux".parse().unwrap(), "x64".parse().unwrap()],
        }),
        resolved: vec![ResolvedRef {
            reference: "actions/checkout@v4".parse().unwrap(),
            digest: Some(format!("gitCommit:{SHA}").parse::<Digest>().unwrap().try_into().unwrap()),
        }],
        secrets: vec!["NPM_TOKEN".parse().unwrap(), "A".parse().unwrap()],
        permissions: Vec::new(),
        audiences: Vec::new(),
    };
    with_workflow(run, &workflow::read(workflow.as_bytes()).unwrap()).unwrap()
}

#[test]
fn run_golden_names_what_it_used_and_could_read() {
    let made = run(run_of(WORKFLOW), &[]).unwrap();
    golden("run.json", &made);
    let of_run = |edge: &str| format!("run {RUN} {edge}");
    assert_eq!(
        edges(&made),
        [
            of_run("could-read secret A"),
            of_run("could-read secret NPM_TOKEN"),
            of_run("ran-on builder GitHub Actions 12"),
            of_run(&format!("resolved commit gitCommit:{SHA}")),
            of_run("resolved ref actions/checkout@v4"),
            of_run("resolved ref alpine:3.20"),
            of_run("resolved ref x/login@v1"),
        ]
    );
    let mut shuffled = run_of(WORKFLOW);
    shuffled.resolved.reverse();
    shuffled.secrets.reverse();
    assert_eq!(run(shuffled, &[]).unwrap(), made, "the order of flags and files changes nothing");
}

#[test]
fn a_reference_is_listed_once_for_each_meaning_and_not_without_it() {
    let used = |digest: Option<&str>| ResolvedRef {
        reference: "alpine:latest".parse().unwrap(),
        digest: digest.map(|digit| {
            format!("sha256:{}", digit.repeat(64)).parse::<Digest>().unwrap().try_into().unwrap()
        }),
    };
    let resolved = |list: &[ResolvedRef]| {
        let mut of_run = run_of("jobs: {a: {permissions: {}}}");
        of_run.resolved = list.to_vec();
        let made = run(of_run, &[]).unwrap();
        let text = String::from_utf8(made.payload).unwrap();
        (text.matches("alpine:latest").count(), text.matches("\"digest\":\"sha256:").count())
    };
    let (plain, a, b) = (used(None), used(Some("a")), used(Some("b")));
    assert_eq!(resolved(&[plain.clone(), plain.clone()]), (1, 0));
    assert_eq!(resolved(&[plain.clone(), a.clone(), plain.clone()]), (1, 1));
    assert_eq!(resolved(&[b, plain, a.clone(), a]), (2, 2));
}

#[test]
fn a_run_with_more_than_a_statement_holds_is_refused() {
    let mut of_run = run_of("jobs: {a: {permissions: {}}}");
    of_run.secrets = (0..1025).map(|at| format!("S{at}").parse().unwrap()).collect();
    assert_eq!(run(of_run, &[]), Err(MakeError::TooMany { what: "secrets", max: 1024, found: 1025 }));
}

#[test]
fn tag_publication_distribution_and_expected_goldens() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let artifact = format!("artifact {digest}");
    let tag = Tag {
        repository: "ghcr.io/acme/api".parse().unwrap(),
        tag: "1".parse().unwrap(),
        digest: digest.parse::<Digest>().unwrap().try_into().unwrap(),
        observed_at: at(),
    };
    let made = custody(&tag, &[by_digest()]).unwrap();
    golden("tag.json", &made);
    assert_eq!(edges(&made), [format!("ref ghcr.io/acme/api:1 points-to {artifact}")]);

    let publication = Publication {
        registry: "ghcr.io".parse().unwrap(),
        repository: "ghcr.io/acme/api".parse().unwrap(),
        reference: Some("ghcr.io/acme/api:1".parse().unwrap()),
        actor: "https://github.com/alice".parse().unwrap(),
        at: at(),
    };
    let made = custody(&publication, &[by_digest()]).unwrap();
    golden("publication.json", &made);
    assert_eq!(
        edges(&made),
        [
            format!("{artifact} published identity https://github.com/alice"),
            format!("{artifact} published ref ghcr.io/acme/api:1"),
        ]
    );

    let distribution = Distribution {
        recipient: "https://customer.example".parse().unwrap(),
        channel: Some("portal".parse().unwrap()),
        at: at(),
    };
    let made = custody(&distribution, &[by_digest()]).unwrap();
    golden("distribution.json", &made);
    assert_eq!(edges(&made), [format!("{artifact} received identity https://customer.example")]);

    let expected = Expected {
        source: "ci".parse().unwrap(),
        period: Period::new(at(), at().plus_micros(3_600_000_000)).unwrap(),
        count: 42,
    };
    let made = custody(&expected, &[Subject::of_name(NameKind::Identity, "ci")]).unwrap();
    golden("expected.json", &made);
    assert!(facts(&made).edges.is_empty());
    assert!(
        facts(&made).terms().iter().any(|term| term.to_string() == "identity ci"),
        "{:?}",
        facts(&made).terms()
    );
}
