//! What a verdict of a release policy costs on one core (12 rules, 30 entries, an SBOM of 500 components, one expression), beside
//! reading and verifying the same envelopes.

#![allow(
    clippy::unwrap_used,
    reason = "a measurement that meets the unexpected is none, and a panic says so"
)]
#![allow(missing_docs, reason = "criterion_group! makes public functions that nobody else calls")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use custody_evidence::Digest;
use custody_evidence::dsse::{Envelope, IN_TOTO};
use custody_evidence::fact;
use custody_evidence::identity::Identity;
use custody_evidence::key::SigningKey;
use custody_evidence::predicate::short_name::types_of;
use custody_evidence::statement::{Statement, StatementBuilder};
use custody_evidence::trust::Authority;
use custody_gate::{
    About, Ask, Decision, Entry, Evidence, Level, OnRef, Policy, Question, Signer, Standing, judge,
};
use custody_log::{ContentDigest, LeafIndex, Timestamp};
use serde_json::{Value, json};

const COMMIT: &str = "16d99900000000000000000000000000000000aa";
const COMPONENTS: usize = 500;

/// Keys of those who sign.
const BUILDER: u8 = 10;
const SCANNER: u8 = 11;
const FORGE: u8 = 12;
const SECURITY: u8 = 13;
const STAGING: u8 = 14;
const PEOPLE: [u8; 4] = [20, 21, 22, 23];

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn hex(seed: u8) -> String {
    key(seed).public().id().to_string()
}

fn subject() -> Digest {
    Digest::sha256_of(b"app.tar.gz")
}

fn commit() -> Digest {
    Digest::read("gitCommit", COMMIT).unwrap()
}

fn policy() -> Policy {
    let (builder, scanner, forge) = (hex(BUILDER), hex(SCANNER), hex(FORGE));
    let (security, staging) = (hex(SECURITY), hex(STAGING));
    let text = format!(
        "policy: release\nversion: 1\napplies_to: {{environments: [prod]}}\nrules:\n\
         - {{id: build, require: {{predicate: provenance, count: any, max_age: 30d}}, signer: {{key: \"{builder}\"}}, source: {{repository: acme/api, ref: refs/heads/main}}}}\n\
         - {{id: build.every, require: {{predicate: provenance, count: all}}, signer: {{key: \"{builder}\"}}}}\n\
         - {{id: commit.signed, require: {{predicate: provenance, count: any}}, source: {{signed: true, asserted_by: {{key: \"{forge}\"}}}}}}\n\
         - {{id: commit.reviewed, require: {{predicate: provenance, count: any}}, source: {{reviewed: {{at_least: 2, asserted_by: {{key: \"{forge}\"}}}}}}}}\n\
         - {{id: sbom, require: {{predicate: cyclonedx, count: latest}}, sbom: {{require: [\"pkg:npm/lib-7\"], ban: [\"pkg:npm/axios@>=1.14.1 <1.15\", \"pkg:npm/left-pad\"]}}}}\n\
         - {{id: licences, require: {{predicate: cyclonedx, count: latest}}, sbom: {{licences: {{allow: [MIT, Apache-2.0]}}}}}}\n\
         - {{id: scan, require: {{predicate: scan, count: latest, max_age: 7d}}, signer: {{key: \"{scanner}\"}}, vulnerabilities: {{below: high, answered_by: {{key: \"{security}\"}}}}}}\n\
         - {{id: tests, require: {{predicate: test-result, count: all}}, assert: \"att.predicate.result == 'PASSED' && size(att.predicate.failedTests) == 0\"}}\n\
         - {{id: tests.enough, require: {{predicate: test-result, count: {{at_least: 2, distinct: identity}}}}}}\n\
         - {{id: staging, verdict_of: {{policy: staging, max_age: 30d, signer: {{key: \"{staging}\"}}}}}}\n\
         - {{id: people, approval: {{at_least: 2, max_age: 7d}}}}\n\
         - {{id: nothing.odd, absent: {{fail: [tag_moved, digest_conflict, failed_run], warn: [provenance_regression]}}}}\n"
    );
    Policy::load(text.as_bytes()).unwrap()
}

/// Something that was said: by whom, of which type, about what.
struct Said {
    signer: u8,
    predicate_type: String,
    about: Digest,
    envelope: Vec<u8>,
}

fn say(signer: u8, short_name: &str, about: Digest, predicate: &Value) -> Said {
    let predicate_type = types_of(short_name).unwrap().first().unwrap().to_string();
    let statement = StatementBuilder::new(&predicate_type).subject("app", [about.clone()]);
    let statement = statement.predicate(predicate.to_string().as_bytes()).unwrap();
    let envelope = Envelope::sign(IN_TOTO, &statement, &[&key(signer)]).unwrap().bytes().to_vec();
    Said { signer, predicate_type, about, envelope }
}

fn provenance(number: usize) -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://example.com/build/v1", "externalParameters": {"number": number},
            "resolvedDependencies": [{"uri": "git+https://github.com/acme/api@refs/heads/main", "digest": {"gitCommit": COMMIT}}],
        },
        "runDetails": {"builder": {"id": "https://example.com/builder"}},
    })
}

fn sbom(number: usize) -> Value {
    let component = |n: usize| {
        json!({
            "type": "library", "name": format!("lib-{n}"), "version": format!("1.{number}.3"), "purl": format!("pkg:npm/lib-{n}@1.{number}.3"),
            "licenses": [{"license": {"id": if n.is_multiple_of(2) { "MIT" } else { "Apache-2.0" }}}],
        })
    };
    json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": (0..COMPONENTS).map(component).collect::<Vec<_>>()})
}

fn scan(number: usize) -> Value {
    let found = (0..20).map(|n| {
        let severity = if n == 0 { "Critical" } else { "Low" };
        json!({
            "vulnerability": {"id": format!("CVE-2026-{n}"), "severity": severity},
            "artifact": {"name": "lib", "version": "1.2.3", "purl": format!("pkg:npm/lib-{n}@1.{number}.3")},
        })
    });
    json!({"matches": found.collect::<Vec<_>>(), "descriptor": {"name": "grype", "version": "0.90.0"}})
}

fn vex(number: usize) -> Value {
    json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": format!("https://acme.example/vex/{number}"), "author": "security",
        "timestamp": "2027-01-14T08:00:00Z", "version": 1,
        "statements": [{"vulnerability": {"name": "CVE-2026-0"}, "products": [], "status": "not_affected", "justification": "component_not_present"}],
    })
}

/// 30 entries.
fn evidence_said(question: &Question) -> Vec<Said> {
    let mut said = Vec::new();
    said.extend((0..3).map(|n| say(BUILDER, "provenance", subject(), &provenance(n))));
    said.extend((0..2).map(|n| {
        let source = json!({
            "repo": "https://github.com/acme/api", "commit": COMMIT, "ref": "refs/heads/main", "author": format!("Carol {n}"),
            "author_date": "2027-01-01T00:00:00Z", "signature": {"kind": "ssh", "verified": true},
        });
        say(FORGE, "source", commit(), &source)
    }));
    said.extend(["Alice", "Bob", "Dan"].map(|name| {
        let review = json!({"repo": "https://github.com/acme/api", "commit": COMMIT, "reviewers": [name], "approved_at": "2027-01-02T00:00:00Z"});
        say(FORGE, "review", commit(), &review)
    }));
    said.extend((0..2).map(|n| say(BUILDER, "cyclonedx", subject(), &sbom(n))));
    said.extend((0..4).map(|n| say(SCANNER, "scan", subject(), &scan(n))));
    said.extend((0..4).map(|n| say(SECURITY, "openvex", subject(), &vex(n))));
    said.extend(PEOPLE.iter().take(2).cycle().zip(0..6).map(|(person, n)| {
        let result = json!({"result": "PASSED", "configuration": [], "failedTests": [], "passedTests": [format!("test {n}")]});
        say(*person, "test-result", subject(), &result)
    }));
    said.extend(PEOPLE.map(|person| {
        let approval =
            json!({"for": "prod", "approver": format!("person {person}"), "at": "2027-01-14T08:00:00Z"});
        say(person, "approval", subject(), &approval)
    }));
    let in_staging = Question { evaluated_at: hours_before(question.evaluated_at, 2), ..question.clone() };
    said.extend((0..2).map(|n| staging_verdict(n, &in_staging)));
    assert_eq!(said.len(), 30);
    said
}

fn hours_before(time: Timestamp, hours: i64) -> Timestamp {
    Timestamp::from_micros(time.as_micros() - hours * 3_600_000_000).unwrap()
}

fn staging_verdict(number: usize, question: &Question) -> Said {
    let text = format!(
        "policy: staging\nversion: {}\nrules: [{{id: a, require: {{predicate: provenance, count: any}}, warn: true}}, {{id: b, absent: [tag_moved]}}]\n",
        number + 1
    );
    let policy = Policy::load(text.as_bytes()).unwrap();
    let mut evidence = Evidence::default();
    for ask in policy.new_asks(&evidence, question) {
        match ask {
            Ask::Findings { .. } => evidence.add_findings(ask, [], None),
            Ask::Statements { .. } => evidence.add(ask, [], None),
        }
    }
    let summary = judge(&policy, &evidence, question).summary("pkg:oci/api").unwrap();
    let summary = Statement::parse(&summary).unwrap();
    let predicate: Value = serde_json::from_slice(summary.predicate_bytes().unwrap()).unwrap();
    say(STAGING, "vsa", subject(), &predicate)
}

/// What a gate sees of an entry that was verified.
fn seen(index: u64, said: &Said, time: Timestamp) -> Entry {
    let envelope = Envelope::parse(&said.envelope).unwrap();
    let statement = Statement::parse(envelope.payload()).unwrap();
    let identity = Identity::Key(key(said.signer).public().id());
    let facts = fact::read(&statement);
    Entry {
        index: LeafIndex::new(index).unwrap(),
        time,
        content: ContentDigest::of(envelope.payload()),
        standing: Standing::Sound,
        level: Level::Verified,
        predicate_type: said.predicate_type.clone(),
        subjects: vec![said.about.to_string()],
        signers: vec![Signer { identity, claims: None, authority: None, distrusted: None }],
        submitter: None,
        binding: None,
        authority: Authority::Own,
        happened: facts.happened,
        predicate: statement.predicate_bytes().map(<[u8]>::to_vec),
        on_refs: OnRef::all(&facts),
        unread_refs: false,
    }
}

fn gathered(policy: &Policy, question: &Question, entries: &[Entry]) -> Evidence {
    let mut evidence = Evidence::default();
    loop {
        let asks = policy.new_asks(&evidence, question);
        if asks.is_empty() {
            return evidence;
        }
        for ask in asks {
            match &ask {
                Ask::Findings { .. } => evidence.add_findings(ask, [], None),
                Ask::Statements { about, types } => {
                    let meant = |entry: &&Entry| match about {
                        About::Subject(digest) => {
                            types.contains(&entry.predicate_type)
                                && entry.subjects.contains(&digest.to_string())
                        }
                        About::Component(_) => false,
                    };
                    let entries: Vec<Entry> = entries.iter().filter(meant).cloned().collect();
                    evidence.add(ask, entries, None);
                }
            }
        }
    }
}

fn verdict(criterion: &mut Criterion) {
    let question = Question { environment: Some("prod".to_owned()), ..Question::sample(subject()) };
    let policy = policy();
    assert_eq!(policy.rules().len(), 12);
    let said = evidence_said(&question);
    let time = hours_before(question.evaluated_at, 1);
    let entries: Vec<Entry> = (1..).zip(&said).map(|(index, said)| seen(index, said, time)).collect();
    let evidence = gathered(&policy, &question, &entries);
    let judged = judge(&policy, &evidence, &question);
    let undone: Vec<_> = judged.rules().iter().filter(|rule| rule.status.as_str() != "PASS").collect();
    assert_eq!(judged.decision(), Decision::Allow, "{undone:?}");
    let mut group = criterion.benchmark_group("verdict");
    group.bench_function("30 envelopes, read and verified, to facts", |bencher| {
        bencher.iter(|| {
            for said in &said {
                let envelope = Envelope::parse(black_box(&said.envelope)).unwrap();
                envelope.require(&[key(said.signer).public().clone()], 1).unwrap();
                black_box(fact::read(&Statement::parse(envelope.payload()).unwrap()));
            }
        });
    });
    group.bench_function("verdict, 12 rules over 30 entries", |bencher| {
        bencher.iter(|| judge(&policy, black_box(&evidence), &question));
    });
    group.bench_function("what a verdict asks for", |bencher| {
        bencher.iter(|| policy.asks(black_box(&evidence), &question));
    });
    group.bench_function("verdict, written", |bencher| bencher.iter(|| black_box(&judged).encode()));
}

criterion_group!(benches, verdict);
criterion_main!(benches);
