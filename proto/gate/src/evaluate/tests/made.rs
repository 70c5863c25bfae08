//! Made evidence: a log of a few entries, and somebody who gathers from it as clients do.

use std::collections::BTreeSet;

use custody_evidence::Digest;
use custody_evidence::admission::{Binding, SubmitterClaims};
use custody_evidence::identity::{Identity, OidcIdentity};
use custody_evidence::key::KeyId;
use custody_evidence::predicate::short_name::types_of;
use custody_evidence::trust::{Authority, Person};
use custody_log::{ContentDigest, LeafIndex, Timestamp, TreeSize};
use serde_json::{Value as Json, json};

use crate::evidence::{About, Ask, Entry, Evidence, Finding, Incomplete, ROUNDS_MAX, Signer, Standing};
use crate::policy::{Level, Policy};
use crate::verdict::{Status, Verdict};
use crate::{Question, judge};

pub(super) const ISSUER: &str = "https://token.actions.githubusercontent.com";
pub(super) const WORKFLOW: &str = "https://github.com/acme/ci/.github/workflows/release.yml";
pub(super) const COMMIT: &str = "16d99900000000000000000000000000000000aa";
pub(super) const REPOSITORY: &str = "https://github.com/acme/api";
/// The judged time, in days.
pub(super) const NOW: i64 = 100;

pub(super) fn day(day: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + day * 86_400_000_000).unwrap()
}

pub(super) fn subject() -> Digest {
    Digest::sha256_of(b"app.tar.gz")
}

pub(super) fn commit() -> Digest {
    Digest::read("gitCommit", COMMIT).unwrap()
}

pub(super) fn question() -> Question {
    Question {
        environment: Some("prod".to_owned()),
        evaluated_at: day(NOW),
        at: crate::Position { size: TreeSize::new(1043).unwrap(), ..Question::sample(subject()).at },
        trust: crate::TrustView { version: 4, expires: day(1000), people: people(), policies: None },
        ..Question::sample(subject())
    }
}

/// Alice has two keys and an identity; Bob a key; who wrote the commit is Carol.
fn people() -> Vec<Person> {
    let person = |name: &str, keys: &[u8], mails: &[&str]| Person {
        name: name.to_owned(),
        keys: keys.iter().map(|byte| KeyId::from_bytes([*byte; 32])).collect(),
        identities: mails
            .iter()
            .map(|mail| Identity::Oidc(OidcIdentity::new("https://login.example", mail).unwrap()))
            .collect(),
    };
    vec![
        person("Alice", &[0xa1, 0xa2], &["alice@example.org"]),
        person("Bob", &[0xb1], &["bob@example.org"]),
        person("Carol", &[0xc1], &["carol@example.org"]),
    ]
}

pub(super) fn key(byte: u8) -> Signer {
    Signer {
        identity: Identity::Key(KeyId::from_bytes([byte; 32])),
        claims: None,
        authority: None,
        distrusted: None,
    }
}

/// How policies write a key.
pub(super) fn hex(byte: u8) -> String {
    KeyId::from_bytes([byte; 32]).to_string()
}

/// The release workflow on main, on a hosted runner.
pub(super) fn workflow() -> Signer {
    let uri = format!("{WORKFLOW}@refs/heads/main");
    Signer {
        identity: Identity::Oidc(OidcIdentity::new(ISSUER, &uri).unwrap()),
        claims: Some(claims(&uri)),
        authority: None,
        distrusted: None,
    }
}

pub(super) fn claims(uri: &str) -> SubmitterClaims {
    SubmitterClaims {
        issuer: ISSUER.to_owned(),
        token_subject: "repo:acme/api:ref:refs/heads/main".to_owned(),
        build_signer_uri: Some(uri.to_owned()),
        runner_environment: Some("github-hosted".to_owned()),
        source_repository_uri: Some(REPOSITORY.to_owned()),
        source_repository_digest: Some(COMMIT.to_owned()),
        source_repository_ref: Some("refs/heads/main".to_owned()),
        build_trigger: Some("push".to_owned()),
        ..SubmitterClaims::default()
    }
}

/// An entry of yesterday by the release workflow about the subject, of the first type of a short name.
pub(super) fn entry(index: u64, short_name: &str, predicate: &Json) -> Entry {
    let bytes = serde_json::to_vec(predicate).unwrap();
    Entry {
        index: LeafIndex::new(index).unwrap(),
        time: day(NOW - 1),
        content: ContentDigest::of(format!("{index} {short_name}").as_bytes()),
        standing: Standing::Sound,
        level: Level::Verified,
        predicate_type: types_of(short_name).unwrap()[0].to_owned(),
        subjects: vec![subject().to_string()],
        signers: vec![workflow()],
        submitter: workflow().claims,
        binding: Some(Binding::Bound),
        authority: Authority::Own,
        happened: None,
        predicate: Some(bytes),
        on_refs: Vec::new(),
        unread_refs: false,
    }
}

/// Changes one thing of an entry.
pub(super) fn but(entry: Entry, change: impl FnOnce(&mut Entry)) -> Entry {
    let mut entry = entry;
    change(&mut entry);
    entry
}

/// Signed by a key that nobody vouches for, in nobody's job.
pub(super) fn by_key(entry: Entry, byte: u8) -> Entry {
    but(entry, |entry| {
        entry.signers = vec![key(byte)];
        entry.submitter = None;
        entry.binding = None;
    })
}

pub(super) fn provenance(index: u64) -> Entry {
    provenance_of(index, REPOSITORY, "refs/heads/main")
}

pub(super) fn provenance_of(index: u64, repository: &str, reference: &str) -> Entry {
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {"ref": reference, "repository": repository, "path": ".github/workflows/release.yml"}},
            "resolvedDependencies": [{"uri": format!("git+{repository}@{reference}"), "digest": {"gitCommit": COMMIT}}],
        },
        "runDetails": {"builder": {"id": "https://github.com/actions/runner"}, "metadata": {"invocationId": "https://github.com/acme/api/actions/runs/1/attempts/1"}},
    });
    entry(index, "provenance", &predicate)
}

/// A report of grype with findings: id, severity, package.
pub(super) fn scan(index: u64, findings: &[(&str, &str, &str)]) -> Entry {
    let matches = findings.iter().map(|(id, severity, purl)| {
        json!({"vulnerability": {"id": id, "severity": severity}, "artifact": {"name": "x", "version": "1", "purl": purl}})
    });
    let built = day(NOW - 2).to_string();
    let predicate = json!({
        "matches": matches.collect::<Vec<_>>(),
        "descriptor": {"name": "grype", "version": "0.90.0", "db": {"built": built}},
    });
    entry(index, "scan", &predicate)
}

pub(super) fn sbom(index: u64, components: &[(&str, &str)]) -> Entry {
    let components = components.iter().map(|(purl, licence)| {
        let licences = if licence.is_empty() { json!([]) } else { json!([{"license": {"id": licence}}]) };
        json!({"type": "library", "name": purl, "purl": purl, "licenses": licences})
    });
    let predicate =
        json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components.collect::<Vec<_>>()});
    entry(index, "cyclonedx", &predicate)
}

#[expect(clippy::needless_pass_by_value, reason = "written in place")]
pub(super) fn vex(index: u64, id: &str, status: &str, products: Json) -> Entry {
    let predicate = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.example/vex/1", "author": "security",
        "timestamp": day(NOW - 1).to_string(), "version": 1,
        "statements": [{"vulnerability": {"name": id}, "products": products, "status": status, "justification": "component_not_present"}],
    });
    by_key(entry(index, "openvex", &predicate), 0xe1)
}

pub(super) fn approval(index: u64, byte: u8, target: &str) -> Entry {
    let predicate = json!({"for": target, "approver": "somebody", "at": day(NOW - 1).to_string(), "until": day(NOW + 5).to_string()});
    by_key(entry(index, "approval", &predicate), byte)
}

pub(super) fn source(index: u64, author: &str, signed: bool) -> Entry {
    let predicate = json!({
        "repo": REPOSITORY, "commit": COMMIT, "ref": "refs/heads/main", "author": author, "author_date": day(NOW - 3).to_string(),
        "signature": {"kind": "ssh", "verified": signed},
    });
    of_commit(entry(index, "source", &predicate))
}

pub(super) fn review(index: u64, reviewers: &[&str]) -> Entry {
    let predicate = json!({"repo": REPOSITORY, "commit": COMMIT, "reviewers": reviewers, "approved_at": day(NOW - 2).to_string()});
    of_commit(entry(index, "review", &predicate))
}

pub(super) fn of_commit(entry: Entry) -> Entry {
    of_commit_on(entry, &[])
}

/// About the commit, which was on these branches as its subject's annotation says.
fn of_commit_on(entry: Entry, refs: &[&str]) -> Entry {
    annotated(entry, &json!({"sourceRefs": refs}))
}

/// About the commit, with this annotation.
pub(super) fn annotated(entry: Entry, annotations: &Json) -> Entry {
    let predicate: Json = serde_json::from_slice(entry.predicate.as_deref().unwrap()).unwrap();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1", "predicateType": entry.predicate_type, "predicate": predicate,
        "subject": [{"digest": {"gitCommit": COMMIT}, "annotations": annotations}],
    });
    let statement = statement.to_string();
    let statement = custody_evidence::Statement::parse(statement.as_bytes()).unwrap();
    let facts = custody_evidence::fact::read(&statement);
    let about = but(entry, |entry| {
        entry.subjects = vec![commit().to_string()];
        entry.on_refs = crate::OnRef::all(&facts);
        entry.unread_refs = crate::OnRef::are_unread(&statement, &entry.on_refs);
    });
    by_key(about, 0xf1)
}

pub(super) fn source_summary(index: u64, level: &str) -> Entry {
    source_summary_of(index, level, &[])
}

/// A summary of the source that names branches.
pub(super) fn source_summary_of(index: u64, level: &str, refs: &[&str]) -> Entry {
    let predicate = json!({
        "verifier": {"id": "https://forge.example"}, "timeVerified": day(NOW - 2).to_string(),
        "resourceUri": format!("git+{REPOSITORY}"), "policy": {"uri": "https://forge.example/policy"},
        "verificationResult": "PASSED", "verifiedLevels": [level],
    });
    of_commit_on(entry(index, "vsa", &predicate), refs)
}

pub(super) fn exception(index: u64, rule: &str, byte: u8, until: i64) -> Entry {
    let predicate = json!({
        "policy": "release", "rule": rule, "subject": subject().to_string(), "owner": "team-api", "reason": "INC-1",
        "at": day(NOW - 1).to_string(), "until": day(until).to_string(),
    });
    by_key(entry(index, "exception", &predicate), byte)
}

/// A log of a few entries, with what an index knows of those that were erased.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
    pub(super) findings: Vec<Finding>,
    /// Why nothing is known to be all.
    pub(super) incomplete: Option<Incomplete>,
    /// Entries of which only their place in the index is left.
    pub(super) erased: BTreeSet<LeafIndex>,
}

impl Log {
    pub(super) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    /// Gathers what a policy asks for, round by round, until nothing new is asked.
    pub(super) fn gathered(&self, policy: &Policy, question: &Question) -> Evidence {
        let mut evidence = Evidence::default();
        for round in 0.. {
            let new: Vec<Ask> =
                policy.asks(&evidence, question).into_iter().filter(|ask| !evidence.has(ask)).collect();
            if new.is_empty() {
                break;
            }
            assert!(round < ROUNDS_MAX, "still asking: {new:?}");
            for ask in new {
                self.answer(&ask, &mut evidence);
            }
        }
        evidence
    }

    fn answer(&self, ask: &Ask, evidence: &mut Evidence) {
        match ask {
            Ask::Findings { kinds, .. } => {
                let found = self.findings.iter().filter(|finding| kinds.contains(&finding.kind)).cloned();
                evidence.add_findings(ask.clone(), found.collect::<Vec<_>>(), self.incomplete);
            }
            Ask::Statements { about, types } => {
                let is_about = |entry: &&Entry| match about {
                    About::Subject(digest) => entry.subjects.contains(&digest.to_string()),
                    About::Component(purl) => entry
                        .predicate
                        .as_deref()
                        .is_some_and(|bytes| String::from_utf8_lossy(bytes).contains(purl.as_str())),
                };
                let found = self
                    .entries
                    .iter()
                    .filter(is_about)
                    .filter(|entry| types.contains(&entry.predicate_type));
                let seen = found.map(|entry| {
                    let by = LeafIndex::new(900).unwrap();
                    let erased = self.erased.contains(&entry.index);
                    if erased {
                        Entry::redacted(entry.index, entry.time, entry.content, by)
                    } else {
                        entry.clone()
                    }
                });
                evidence.add(ask.clone(), seen.collect::<Vec<_>>(), self.incomplete);
            }
        }
    }

    pub(super) fn judged(&self, policy: &Policy, question: &Question) -> Verdict {
        judge(policy, &self.gathered(policy, question), question)
    }
}

/// Loads a policy `release` of these rules.
pub(super) fn policy(rules: &str) -> Policy {
    let text = format!("policy: release\nversion: 1\nrules:\n{rules}");
    Policy::load(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Judges entries by one rule; returns its status, message, and why candidates were rejected.
pub(super) fn outcome(rule: &str, entries: &[Entry]) -> (Status, String, Vec<String>) {
    let verdict = Log::of(entries.to_vec()).judged(&policy(rule), &question());
    let result = verdict.rules().iter().find(|result| !result.is_own()).unwrap().clone();
    (result.status, result.message, result.rejected.into_iter().map(|rejected| rejected.why).collect())
}
