//! in-toto statements, the predicates that Custody reads, and the facts that come of them.

use custody_evidence::digest_set::{Digest, Standing};
use custody_evidence::fact::{EDGES_MAX, Facts, LABEL_MAX, Node, WARNINGS_MAX, read};
use custody_evidence::json;
use custody_evidence::predicate::{
    Approval, CustodyPredicate, DEPENDENCIES_MAX, Deployment, Distribution, Exception, Expected, Promotion,
    Provenance, Publication, Review, Run, Snapshot, Source, Tag, slsa_v1, slsa_v02,
};
use custody_evidence::statement::{DIGESTS_MAX, PREDICATE_TYPE_MAX, SUBJECTS_MAX};
use custody_evidence::{Statement, Term};

use super::Target;
use crate::claim::{Outcome, bounded, refused};
use crate::corpus::Corpus;

const WORDS: &[&str] = &[
    "\"_type\":",
    "\"subject\":",
    "\"name\":",
    "\"digest\":",
    "\"predicateType\":",
    "\"predicate\":",
    "\"sha256\":",
    "\"sha1\":",
    "\"gitCommit\":",
    "https://in-toto.io/Statement/v1",
    "https://in-toto.io/Statement/v0.1",
    "https://slsa.dev/provenance/v1",
    "https://slsa.dev/provenance/v0.2",
    "https://spdx.dev/Document",
    "https://cyclonedx.org/bom",
    "\"buildDefinition\":",
    "\"resolvedDependencies\":",
    "\"materials\":",
    "\"uri\":",
    "\"runDetails\":",
    "\"metadata\":",
    "\"invocationId\":",
    "\"builder\":",
    "\"id\":",
    "git+https://github.com/acme/api",
    "2026-11-22T20:31:24Z",
    "\"environment\":",
    "\"deploy\"",
    "\"until\":",
    "\"verifier\":",
    "\"policy\":",
    "\"result\":",
    "\"scanner\":",
    "\"statements\":",
    "\"products\":",
    "\"annotations\":",
    "\"sourceRefs\":",
    "pkg:npm/axios@1",
    "https://openvex.dev/ns",
    "https://slsa.dev/verification_summary/v1",
];

const APPROVAL: &str = r#"{"for":"prod","approver":"Alice <alice@example.org>","at":"2026-11-22T20:31:24.120394Z","reason":"it works","until":"2026-12-22T20:31:24Z"}"#;
const REVIEW: &str = r#"{"repo":"https://github.com/acme/api","commit":"da39a3ee5e6b4b0d3255bfef95601890afd80709","ref":"refs/heads/main","reviewers":["alice","bob"],"approved_at":"2026-11-22T20:31:24Z","change_url":"https://github.com/acme/api/pull/7"}"#;
const PROMOTION: &str =
    r#"{"from":"staging","to":"prod","at":"2026-11-22T20:31:24Z","ref_before":"app:rc","ref_after":"app:1"}"#;
const DEPLOYMENT: &str = r#"{"environment":"prod/eu-1","workload":"api","cluster":"c1","action":"start","at":"2026-11-22T20:31:24Z","verdict":7}"#;
const SOURCE: &str = r#"{"repo":"https://github.com/acme/api","commit":"da39a3ee5e6b4b0d3255bfef95601890afd80709","parents":["4b825dc642cb6eb9a060e54bf8d69288fbee4904"],"ref":"refs/heads/main","author":"Alice <alice@example.org>","committer":"Bob","author_date":"2026-11-22T20:31:24Z","signature":{"kind":"ssh","key":"SHA256:abc","verified":true}}"#;
const SLSA_V1: &str = r#"{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1","externalParameters":{"workflow":{"ref":"refs/heads/main","repository":"https://github.com/acme/api","path":".github/workflows/ci.yml"}},"resolvedDependencies":[{"uri":"git+https://github.com/acme/api@refs/heads/main","digest":{"gitCommit":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}},{"uri":"pkg:npm/axios@1","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}]},"runDetails":{"builder":{"id":"https://github.com/actions/runner"},"metadata":{"invocationId":"https://github.com/acme/api/actions/runs/1/attempts/1","startedOn":"2026-11-22T20:31:24Z","finishedOn":"2026-11-22T20:33:24Z"}}}"#;
const SLSA_V02: &str = r#"{"builder":{"id":"https://github.com/slsa-framework/x@v1"},"buildType":"https://github.com/slsa-framework/slsa-github-generator/generic@v1","invocation":{"configSource":{"uri":"git+https://github.com/acme/api@refs/heads/main","digest":{"sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"},"entryPoint":".github/workflows/ci.yml"}},"metadata":{"buildInvocationID":"123-1","buildStartedOn":"2026-11-22T20:31:24Z","buildFinishedOn":"2026-11-22T20:33:24Z"},"materials":[{"uri":"git+https://github.com/acme/api@refs/heads/main","digest":{"sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}}]}"#;

const SNAPSHOT: &str = r#"{"environment":"prod","at":"2026-11-22T20:31:24Z","running":[{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","workload":"api","count":3}]}"#;
const RUN: &str = r#"{"run":"https://ci.example/7","conclusion":"success","trigger":"push","at":"2026-11-22T20:31:24Z","runner":{"name":"r","hosted":true,"labels":["x"]},"resolved":[{"ref":"alpine:latest","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}],"secrets":["TOKEN"],"permissions":["contents: read"],"audiences":["sigstore"]}"#;
const TAG: &str = r#"{"repository":"ghcr.io/acme/api","tag":"1.2","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","observed_at":"2026-11-22T20:31:24Z"}"#;
const PUBLICATION: &str = r#"{"registry":"ghcr.io","repository":"ghcr.io/acme/api","ref":"ghcr.io/acme/api:1.2","actor":"alice","at":"2026-11-22T20:31:24Z"}"#;
const DISTRIBUTION: &str = r#"{"recipient":"customer-17","channel":"portal","at":"2026-11-22T20:31:24Z"}"#;
const EXPECTED: &str =
    r#"{"source":"ci","period":{"from":"2026-11-20T00:00:00Z","to":"2026-11-21T00:00:00Z"},"count":42}"#;
const EXCEPTION: &str = r#"{"policy":"release","rule":"*","subject":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","owner":"alice","reason":"r","at":"2026-11-22T20:31:24Z","until":"2026-11-27T00:00:00Z"}"#;

/// A predicate of each type that others define and Custody reads.
const OF_OTHERS: [(&str, &str); 16] = [
    (
        "https://slsa.dev/verification_summary/v1",
        r#"{"verifier":{"id":"v"},"timeVerified":"2026-11-22T20:31:24Z","resourceUri":"git+https://github.com/acme/api","policy":{"uri":"p","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}},"verificationResult":"PASSED"}"#,
    ),
    (
        "https://in-toto.io/attestation/svr/v0.2",
        r#"{"verifier":{"id":"v","policies":[{"uri":"p"}]},"timeCreated":"2026-11-22T20:31:24Z","properties":["x"]}"#,
    ),
    (
        "https://github.com/slsa-framework/slsa-source-poc/source-provenance/v1-draft",
        r#"{"repo_uri":"https://github.com/acme/api","branch":"refs/heads/main","actor":"alice","created_on":"2026-11-22T20:31:24Z"}"#,
    ),
    (
        "https://github.com/slsa-framework/slsa-source-poc/tag-provenance/v1-draft",
        r#"{"repo_uri":"https://github.com/acme/api","tag":"refs/tags/v1","actor":"alice","created_on":"2026-11-22T20:31:24Z"}"#,
    ),
    (
        "https://in-toto.io/attestation/test-result/v0.1",
        r#"{"result":"PASSED","url":"https://ci.example/7","passedTests":["a"],"failedTests":[]}"#,
    ),
    (
        "https://in-toto.io/attestation/reference/v0.1",
        r#"{"attester":{"id":"a"},"references":[{"downloadLocation":"https://x/1","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}]}"#,
    ),
    (
        "https://in-toto.io/attestation/scai/v0.3",
        r#"{"attributes":[{"attribute":"A","evidence":{"digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}],"producer":{"uri":"p"}}"#,
    ),
    (
        "https://in-toto.io/attestation/runtime-trace/v0.1",
        r#"{"monitor":{"type":"m"},"monitoredProcess":{"event":"https://ci.example/7"},"monitorLog":{},"metadata":{"buildStartedOn":"2026-11-22T20:31:24Z"}}"#,
    ),
    ("https://cosign.sigstore.dev/attestation/v1", r#"{"Data":"text","Timestamp":"2026-11-22T20:31:24Z"}"#),
    ("https://in-toto.io/attestation/release/v0.1", r#"{"purl":"pkg:npm/axios@1"}"#),
    (
        "https://github.com/npm/attestation/tree/main/specs/publish/v0.1",
        r#"{"name":"axios","version":"1","registry":"https://registry.npmjs.org"}"#,
    ),
    (
        "https://in-toto.io/attestation/link/v0.3",
        r#"{"name":"build","materials":[{"name":"a.c","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}]}"#,
    ),
    (
        "https://in-toto.io/Link/v1",
        r#"{"name":"build","materials":{"a.c":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}}"#,
    ),
    (
        "https://in-toto.io/attestation/vulns/v0.2",
        r#"{"scanner":{"uri":"s","db":{"lastUpdate":"2026-11-22T20:31:24Z"},"result":[{"id":"CVE-1"}]},"metadata":{"scanFinishedOn":"2026-11-22T20:31:24Z"}}"#,
    ),
    (
        "https://cosign.sigstore.dev/attestation/vuln/v1",
        r#"{"scanner":{"result":{"SchemaVersion":2,"Results":[{"Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgIdentifier":{"PURL":"pkg:npm/axios@1"}}]}]}}}"#,
    ),
    (
        "https://openvex.dev/ns",
        r#"{"author":"a","timestamp":"2026-11-22T20:31:24Z","statements":[{"vulnerability":{"name":"CVE-1","aliases":["x"]},"status":"fixed","products":[{"@id":"pkg:npm/axios@1","subcomponents":[{"@id":"pkg:npm/b@1"}]}]},{"vulnerability":"CVE-2","status":"affected"}]}"#,
    ),
];

const fn predicate(
    name: &'static str,
    seeds: fn(&Corpus) -> Vec<Vec<u8>>,
    run: fn(&[u8]) -> Outcome,
) -> Target {
    Target { name, max: 8 << 10, rounds: 1500, words: WORDS, seeds, run }
}

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "statement.statement",
        max: 16 << 10,
        rounds: 3000,
        words: WORDS,
        seeds: statements,
        run: statement,
    },
    predicate("statement.slsa_v1", predicates, |bytes| slsa(slsa_v1::decode(bytes), bytes)),
    predicate("statement.slsa_v02", predicates, |bytes| slsa(slsa_v02::decode(bytes), bytes)),
    predicate("statement.approval", |_| super::texts(&[APPROVAL]), own::<Approval>),
    predicate("statement.review", |_| super::texts(&[REVIEW]), own::<Review>),
    predicate("statement.promotion", |_| super::texts(&[PROMOTION]), own::<Promotion>),
    predicate("statement.deployment", |_| super::texts(&[DEPLOYMENT]), own::<Deployment>),
    predicate("statement.source", |_| super::texts(&[SOURCE]), own::<Source>),
    predicate("statement.snapshot", |_| super::texts(&[SNAPSHOT]), own::<Snapshot>),
    predicate("statement.run", |_| super::texts(&[RUN]), own::<Run>),
    predicate("statement.tag", |_| super::texts(&[TAG]), own::<Tag>),
    predicate("statement.publication", |_| super::texts(&[PUBLICATION]), own::<Publication>),
    predicate("statement.distribution", |_| super::texts(&[DISTRIBUTION]), own::<Distribution>),
    predicate("statement.expected", |_| super::texts(&[EXPECTED]), own::<Expected>),
    predicate("statement.exception", |_| super::texts(&[EXCEPTION]), own::<Exception>),
];

fn statement(bytes: &[u8]) -> Outcome {
    let statement = match Statement::parse(bytes) {
        Ok(statement) => statement,
        Err(error) => return refused(&error),
    };
    let subjects = statement.subjects();
    assert!(subjects.len() <= SUBJECTS_MAX && statement.predicate_type().len() <= PREDICATE_TYPE_MAX);
    assert!(subjects.iter().map(|subject| subject.digests().len()).sum::<usize>() <= DIGESTS_MAX);
    bounded(bytes.len(), &subjects, 12, 4096);
    if let Some(predicate) = statement.predicate_bytes() {
        let inside = bytes.windows(predicate.len()).any(|window| window == predicate);
        assert!(inside, "a predicate that is not in the payload as it stands");
        assert_eq!(json::check(predicate), Ok(()));
    }
    let facts = read(&statement);
    check_facts(&facts, bytes.len());
    assert_eq!(read(&statement.into_owned()), facts, "other facts of the same statement");
    Outcome::Accepted
}

/// Limits hold, what is shown is clean, and what is stored can be asked for.
fn check_facts(facts: &Facts, input: usize) {
    assert!(facts.edges.len() <= EDGES_MAX && facts.warnings.len() <= WARNINGS_MAX);
    for label in facts.labels.values() {
        assert!(label.chars().count() <= LABEL_MAX, "a label of {} bytes", label.len());
        assert!(!label.chars().any(char::is_control), "a label with control characters: {label:?}");
    }
    for node in facts.edges.iter().flat_map(|edge| [&edge.from, &edge.to]) {
        assert_eq!(
            Node::named(node.kind(), node.id()).as_ref(),
            Some(node),
            "a node that cannot be asked for"
        );
    }
    // A digest that does not fit its algorithm is kept as it stands; nobody can ask for it.
    let fits = |term: &&Term| {
        let digest = term.value().split_once(':').and_then(|(name, value)| Digest::read(name, value).ok());
        digest.is_none_or(|digest| digest.standing() != Standing::Malformed)
    };
    for term in facts.terms().iter().filter(fits) {
        let again = Term::parse(term.field(), term.value());
        assert_eq!(again.as_ref(), Ok(term), "a term that cannot be searched for");
    }
    for warning in &facts.warnings {
        let text = warning.to_string();
        assert!(text.len() <= 4096, "a warning of {} bytes", text.len());
        assert!(!text.chars().any(char::is_control), "a warning with control characters: {text:?}");
    }
    bounded(input, &facts.labels, 40, 4096);
}

fn slsa(decoded: Result<Provenance, json::JsonError>, bytes: &[u8]) -> Outcome {
    match decoded {
        Ok(provenance) => {
            bounded(bytes.len(), &provenance, 12, 4096);
            assert!(provenance.dependencies.len() <= DEPENDENCIES_MAX);
            drop((provenance.run_id(), provenance.source()));
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// A predicate of our own: what is read is written and read again as the same.
fn own<T: CustodyPredicate + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Outcome {
    match T::decode(bytes) {
        Ok(value) => {
            let written = value.encode();
            assert_eq!(T::decode(&written).as_ref(), Ok(&value));
            assert!(written.len() <= 6 * bytes.len() + 400, "{} bytes became {}", bytes.len(), written.len());
            bounded(bytes.len(), &value, 12, 4096);
            Outcome::Accepted
        }
        Err(error) => refused(&error),
    }
}

/// The payloads of envelopes, and statements that stand alone.
fn statements(corpus: &Corpus) -> Vec<Vec<u8>> {
    let envelopes = [corpus.examples("envelope-"), corpus.documents("dsse")].concat();
    let payload = |bytes: &Vec<u8>| {
        custody_evidence::dsse::Envelope::parse(bytes).ok().map(|envelope| envelope.payload().to_vec())
    };
    [envelopes.iter().filter_map(payload).collect(), corpus.documents("statements"), made()].concat()
}

/// A statement of each predicate type that is read.
fn made() -> Vec<Vec<u8>> {
    let types = [
        ("https://slsa.dev/provenance/v1", SLSA_V1),
        ("https://slsa.dev/provenance/v0.2", SLSA_V02),
        ("https://cyclonedx.org/bom", super::sbom::CYCLONEDX),
        ("https://spdx.dev/Document", super::sbom::SPDX),
        (Approval::TYPE, APPROVAL),
        (Review::TYPE, REVIEW),
        (Promotion::TYPE, PROMOTION),
        (Deployment::TYPE, DEPLOYMENT),
        (Source::TYPE, SOURCE),
        (Snapshot::TYPE, SNAPSHOT),
        (Run::TYPE, RUN),
        (Tag::TYPE, TAG),
        (Publication::TYPE, PUBLICATION),
        (Distribution::TYPE, DISTRIBUTION),
        (Expected::TYPE, EXPECTED),
        (Exception::TYPE, EXCEPTION),
    ];
    let of = |(predicate_type, predicate): (&str, &str)| {
        let subject = r#"[{"name":"app","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}},
            {"name":"git+https://github.com/acme/api","digest":{"gitCommit":"da39a3ee5e6b4b0d3255bfef95601890afd80709"}}]"#;
        format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":{subject},"predicateType":"{predicate_type}","predicate":{predicate}}}"#
        )
        .into_bytes()
    };
    types.into_iter().chain(OF_OTHERS).map(of).collect()
}

fn predicates(corpus: &Corpus) -> Vec<Vec<u8>> {
    let statements = statements(corpus);
    let of = |bytes: &Vec<u8>| Statement::parse(bytes).ok()?.predicate_bytes().map(<[u8]>::to_vec);
    statements.iter().filter_map(of).collect()
}
