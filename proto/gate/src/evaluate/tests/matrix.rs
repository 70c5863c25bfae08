//! Every clause against everything that can be wrong with its evidence.

use custody_evidence::admission::Binding;
use custody_evidence::finding::FindingKind;
use custody_evidence::trust::Authority;
use custody_log::LeafIndex;
use serde_json::json;

use super::made::*;
use crate::evidence::{Entry, Finding, Standing};
use crate::policy::Level;
use crate::verdict::Status;

/// What each clause says if its evidence is as it should be; violates it; is not there; is not of the shape of its type; is from a
/// distrusted period; is two months old; was erased. A clause without an age does not mind the sixth; a rule that less evidence
/// cannot turn from FAIL into PASS does not see the seventh, every other one cannot be decided. Behind a `/` it is the other evidence that has the
/// fault: what is said of the commit, an answer, the build.
const TABLE: &str = "
    clause                     satisfied violated absent malformed distrusted too_old redacted
    require_any                PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    require_all                PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    require_latest             PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    require_at_least           PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    max_age                    PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    binding                    PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    authority                  PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    level                      PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    signer                     PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    signer_not_author          PASS      FAIL     FAIL   FAIL      FAIL       PASS    ERROR
    signer_not_author/source   PASS      FAIL     FAIL   FAIL      FAIL       PASS    ERROR
    signer_not_submitter       PASS      FAIL     FAIL   FAIL      FAIL       PASS    ERROR
    signer_not_submitter/build PASS      FAIL     FAIL   FAIL      FAIL       PASS    ERROR
    submitter                  PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_repository          PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_ref                 PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_ref_said            PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_ref_said/summary    PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_protected           PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_protected/summary   PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_signed              PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_signed/source       PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_reviewed            PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    source_reviewed/review     PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    sbom_require               PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    sbom_ban                   PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    sbom_licences              PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    vulnerabilities            PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    max_db_age                 PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    vex                        PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    vex/answer                 PASS      FAIL     FAIL   FAIL      FAIL       PASS    ERROR
    verdict_of                 PASS      FAIL     FAIL   FAIL      FAIL       FAIL    FAIL
    approval                   PASS      FAIL     FAIL   FAIL      FAIL       FAIL    ERROR
    approval/build             PASS      FAIL     FAIL   FAIL      FAIL       PASS    ERROR
    approval_of_anybody        PASS      FAIL     FAIL   FAIL      FAIL       PASS    FAIL
    assert                     PASS      FAIL     FAIL   FAIL      FAIL       PASS    ERROR
    absent                     PASS      FAIL     PASS   -         -          -       ERROR
";

/// A rule, evidence that satisfies it, and evidence that does not.
struct Row {
    rule: String,
    good: Vec<Entry>,
    bad: Vec<Entry>,
}

#[expect(clippy::too_many_lines, reason = "one table, a clause each")]
fn row(clause: &str) -> Row {
    let require = |what: &str, count: &str, more: &str| {
        format!("  - {{id: r, require: {{predicate: {what}, count: {count}}}{more}}}\n")
    };
    let build = |more: &str| require("provenance", "any", more);
    let one = |rule: String, good: Entry, bad: Entry| Row { rule, good: vec![good], bad: vec![bad] };
    let forge = format!("asserted_by: {{key: \"{}\"}}", hex(0xf1));
    let other_subject = |entry| but(entry, |entry: &mut Entry| entry.subjects = vec!["sha256:00".to_owned()]);
    let aged = "count: latest, max_age: 30d";
    match clause {
        "require_any" => one(build(""), provenance(1), other_subject(provenance(1))),
        "require_all" => {
            let conflict = but(scan(2, &[]), |entry| entry.binding = Some(Binding::Conflict));
            Row {
                rule: require("scan", "all, max_age: 30d", ""),
                good: vec![scan(1, &[])],
                bad: vec![scan(1, &[]), conflict],
            }
        }
        "require_latest" => {
            let conflict = but(scan(2, &[]), |entry| entry.binding = Some(Binding::Conflict));
            let good = vec![scan(3, &[])];
            Row { rule: require("scan", "latest, max_age: 30d", ""), good, bad: vec![scan(1, &[]), conflict] }
        }
        "require_at_least" => Row {
            rule: require("test-result", "{at_least: 2, distinct: identity}", ""),
            good: vec![
                by_key(entry(1, "test-result", &json!({})), 0xa1),
                by_key(entry(2, "test-result", &json!({})), 0xb1),
            ],
            bad: vec![
                by_key(entry(1, "test-result", &json!({})), 0xa1),
                by_key(entry(2, "test-result", &json!({})), 0xa2),
            ],
        },
        "max_age" => {
            let bad = but(provenance(1), |entry| entry.happened = Some(day(NOW - 40)));
            one(require("provenance", "any, max_age: 30d", ""), provenance(1), bad)
        }
        "binding" => {
            let bad = but(provenance(1), |entry| entry.binding = Some(Binding::Unbound));
            one(require("provenance", "any, binding: bound", ""), provenance(1), bad)
        }
        "authority" => {
            let relayed = but(provenance(1), |entry| entry.authority = Authority::Relayed);
            let imported = but(provenance(1), |entry| entry.authority = Authority::Imported);
            one(require("provenance", "any, authority: [own, imported]", ""), imported, relayed)
        }
        "level" => one(build(""), provenance(1), but(provenance(1), |entry| entry.level = Level::Logged)),
        "signer" => {
            let rule = build(&format!(
                ", signer: {{issuer: \"{ISSUER}\", workflow: \"{WORKFLOW}\", ref: refs/heads/main, hosted: true}}"
            ));
            one(rule, provenance(1), by_key(provenance(1), 0xb1))
        }
        "signer_not_author" => Row {
            rule: build(", signer: {not: author}"),
            good: vec![by_key(provenance(1), 0xb1), source(2, "Carol <carol@example.org>", true)],
            bad: vec![by_key(provenance(1), 0xc1), source(2, "Carol <carol@example.org>", true)],
        },
        "signer_not_submitter" => Row {
            rule: require("test-result", "any", ", signer: {not: submitter}"),
            good: vec![by_key(entry(1, "test-result", &json!({})), 0xb1), provenance(2)],
            bad: vec![by_key(entry(1, "test-result", &json!({})), 0xb1), by_key(provenance(2), 0xb1)],
        },
        "submitter" => {
            let rule = build(&format!(
                ", submitter: {{issuer: \"{ISSUER}\", claims: {{source_repository_uri: \"{REPOSITORY}\"}}}}"
            ));
            let bad = but(provenance(1), |entry| {
                entry.submitter.as_mut().unwrap().source_repository_uri =
                    Some("https://github.com/evil/api".to_owned());
            });
            one(rule, provenance(1), bad)
        }
        "source_repository" => {
            let bad = provenance_of(1, "https://github.com/acme-evil/api", "refs/heads/main");
            one(build(", source: {repository: acme/api}"), provenance(1), bad)
        }
        "source_ref" => {
            let other = by_key(provenance_of(1, REPOSITORY, "refs/heads/mine"), 0xa1);
            one(build(", source: {ref: refs/heads/main}"), provenance(1), other)
        }
        "source_ref_said" => {
            let of_own_branch = || by_key(provenance_of(1, REPOSITORY, "refs/heads/mine"), 0xa1);
            let said = |reference: &str| source_summary_of(2, "SLSA_SOURCE_LEVEL_1", &[reference]);
            Row {
                rule: build(&format!(", source: {{ref: refs/heads/main, {forge}}}")),
                good: vec![of_own_branch(), said("refs/heads/main")],
                bad: vec![of_own_branch(), said("refs/heads/mine")],
            }
        }
        "source_protected" => Row {
            rule: build(&format!(", source: {{protected: true, {forge}}}")),
            good: vec![provenance(1), source_summary(2, "SLSA_SOURCE_LEVEL_3")],
            bad: vec![provenance(1), source_summary(2, "SLSA_SOURCE_LEVEL_1")],
        },
        "source_signed" => Row {
            rule: build(&format!(", source: {{signed: true, {forge}}}")),
            good: vec![provenance(1), source(2, "Carol", true)],
            bad: vec![provenance(1), source(2, "Carol", false)],
        },
        "source_reviewed" => Row {
            rule: build(&format!(", source: {{reviewed: {{at_least: 2, {forge}}}}}")),
            good: vec![provenance(1), review(2, &["Alice <alice@example.org>", "bob"])],
            bad: vec![provenance(1), review(2, &["Alice <alice@example.org>", "alice@example.org"])],
        },
        "sbom_require" => {
            let rule = require("cyclonedx", "any", ", sbom: {require: [\"pkg:npm/axios\"]}");
            one(
                rule,
                sbom(1, &[("pkg:npm/axios@1.16.0", "MIT")]),
                sbom(1, &[("pkg:npm/left-pad@1.3.0", "MIT")]),
            )
        }
        "sbom_ban" => {
            let rule = format!(
                "  - {{id: r, require: {{predicate: cyclonedx, {aged}}}, sbom: {{ban: [\"pkg:npm/axios@>=1.14.1 <1.15\"]}}}}\n"
            );
            one(
                rule,
                sbom(1, &[("pkg:npm/axios@1.16.0", "MIT")]),
                sbom(1, &[("pkg:npm/axios@1.14.1", "MIT")]),
            )
        }
        "sbom_licences" => {
            let rule = format!(
                "  - {{id: r, require: {{predicate: cyclonedx, {aged}}}, sbom: {{licences: {{allow: [MIT]}}}}}}\n"
            );
            one(rule, sbom(1, &[("pkg:npm/axios@1.16.0", "MIT")]), sbom(1, &[("pkg:npm/axios@1.16.0", "")]))
        }
        "vulnerabilities" => {
            let rule = format!(
                "  - {{id: r, require: {{predicate: scan, {aged}}}, vulnerabilities: {{below: high}}}}\n"
            );
            let found = |severity| scan(1, &[("CVE-1", severity, "pkg:npm/axios@1.14.1")]);
            one(rule, found("Medium"), found("Unknown"))
        }
        "max_db_age" => {
            let rule = "  - {id: r, require: {predicate: scan, count: latest}, vulnerabilities: {below: high, max_db_age: 3d}}\n";
            let old = json!({"matches": [], "descriptor": {"name": "grype", "db": {"built": day(NOW - 9).to_string()}}});
            one(rule.to_owned(), scan(1, &[]), entry(1, "scan", &old))
        }
        "vex" => {
            let answered = format!("answered_by: {{key: \"{}\"}}", hex(0xe1));
            let rule = format!(
                "  - {{id: r, require: {{predicate: scan, {aged}}}, vulnerabilities: {{below: high, {answered}}}}}\n"
            );
            let found = scan(1, &[("CVE-1", "Critical", "pkg:npm/axios@1.14.1")]);
            Row {
                rule,
                good: vec![found.clone(), vex(2, "CVE-1", "not_affected", json!([]))],
                bad: vec![found, vex(2, "CVE-1", "under_investigation", json!([]))],
            }
        }
        "verdict_of" => {
            one(verdict_of_rule(), recorded(1, "staging", NOW - 1), recorded(1, "development", NOW - 1))
        }
        "approval" => Row {
            rule: "  - {id: r, approval: {at_least: 2, max_age: 30d}}\n".to_owned(),
            good: vec![approval(1, 0xa1, "prod"), approval(2, 0xb1, "prod"), provenance(3)],
            bad: vec![approval(1, 0xa1, "prod"), approval(2, 0xb1, "prod"), by_key(provenance(3), 0xa2)],
        },
        "approval_of_anybody" => Row {
            rule: "  - {id: r, approval: {at_least: 2, not: []}}\n".to_owned(),
            good: vec![approval(1, 0xa1, "prod"), approval(2, 0xb1, "prod")],
            bad: vec![approval(1, 0xa1, "prod"), approval(2, 0xb1, "staging")],
        },
        "assert" => {
            let rule = "  - {id: r, require: {predicate: scan, count: any}, assert: \"size(att.predicate.matches) == 0\"}\n";
            one(rule.to_owned(), scan(1, &[]), scan(1, &[("CVE-1", "Low", "pkg:npm/a@1")]))
        }
        _ => panic!("no row {clause}"),
    }
}

pub(super) fn verdict_of_rule() -> String {
    format!(
        "  - {{id: r, verdict_of: {{policy: staging, max_age: 30d, signer: {{key: \"{}\"}}}}}}\n",
        hex(0xd1)
    )
}

/// The recorded ALLOW of a policy.
pub(super) fn recorded(index: u64, name: &str, at: i64) -> Entry {
    let text = format!(
        "policy: {name}\nversion: 1\nrules: [{{id: a, require: {{predicate: provenance, count: any}}}}]\n"
    );
    let policy = crate::Policy::load(text.as_bytes()).unwrap();
    let then = crate::Question { evaluated_at: day(at), environment: None, ..question() };
    let verdict = Log::of([provenance(1)]).judged(&policy, &then);
    assert_eq!(verdict.decision(), crate::Decision::Allow);
    let statement = verdict.summary("pkg:oci/api").unwrap();
    let statement = custody_evidence::Statement::parse(&statement).unwrap();
    let predicate: serde_json::Value = serde_json::from_slice(statement.predicate_bytes().unwrap()).unwrap();
    by_key(entry(index, "vsa", &predicate), 0xd1)
}

/// The evidence that a fault is of: that of the type that the rule is about first, or all but that.
fn is_faulty(entries: &[Entry], other: bool) -> impl Fn(&Entry) -> bool + use<> {
    let first = entries.first().unwrap().predicate_type.clone();
    move |entry| (entry.predicate_type == first) != other
}

fn status(clause: &str, column: &str) -> Status {
    if clause == "absent" {
        return absent(column);
    }
    let (clause, other) = clause.split_once('/').map_or((clause, false), |(clause, _)| (clause, true));
    let Row { rule, good, bad } = row(clause);
    let policy = policy(&rule);
    let mut log = Log::default();
    let faulty = is_faulty(&good, other);
    let with = |entries: &[Entry], change: &dyn Fn(&mut Entry)| {
        let mut entries = entries.to_vec();
        entries.iter_mut().filter(|entry| faulty(entry)).for_each(change);
        entries
    };
    log.entries = match column {
        "satisfied" => good,
        "violated" => bad,
        "absent" => good.iter().filter(|entry| other && !faulty(entry)).cloned().collect(),
        "malformed" => with(&good, &|entry| {
            entry.standing = Standing::Malformed;
            entry.predicate = Some(b"[]".to_vec());
        }),
        "distrusted" => {
            with(&good, &|entry| entry.standing = Standing::Distrusted { by: LeafIndex::new(900).unwrap() })
        }
        "too_old" if clause == "verdict_of" => vec![recorded(1, "staging", NOW - 60)],
        "too_old" => with(&good, &|entry| entry.time = day(NOW - 60)),
        "redacted" => {
            log.erased = good.iter().filter(|entry| faulty(entry)).map(|entry| entry.index).collect();
            good
        }
        _ => panic!("no column {column}"),
    };
    log.judged(&policy, &question()).rules()[0].status
}

fn absent(column: &str) -> Status {
    let incomplete = (column == "redacted").then_some(crate::Incomplete::Redacted);
    let mut log = Log { incomplete, ..Log::default() };
    if column == "violated" {
        let entries = [LeafIndex::new(5).unwrap()].into();
        log.findings.push(Finding { kind: FindingKind::TagMoved, entries });
    }
    log.judged(&policy("  - {id: r, absent: [tag_moved]}\n"), &question()).rules()[0].status
}

#[test]
fn every_clause_says_what_the_table_says() {
    let mut lines =
        TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|line| !line.is_empty());
    let columns = lines.next().unwrap();
    let mut wrong = Vec::new();
    for line in lines {
        for (column, expected) in columns.iter().zip(&line).skip(1).filter(|(_, expected)| **expected != "-")
        {
            let found = status(line[0], column);
            if found.as_str() != *expected {
                wrong.push(format!("{} {column}: expected {expected}, found {found}", line[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
