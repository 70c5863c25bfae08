//! A log in memory: the naive model, which looks at every entry for what a rule needs.

use std::collections::BTreeSet;

use custody_log::{ContentDigest, LeafIndex, Timestamp};
use serde_json::{Value, json};

use crate::digest_set::Digest;
use crate::fact::{Facts, Field, Term, read};
use crate::finding::{
    Counted, Finding, FindingKind, Known, Need, ROUNDS_MAX, STAGES, SaidBy, Seen, Side, needs, needs_of, of,
    shown,
};
use crate::statement::Statement;
use crate::subject_name::{NameKind, digest_of_name};
use crate::trust::People;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Logs of at most so many entries are looked at again without each of them.
const ERASED_TRIED_MAX: usize = 40;

/// What a finding is told by: kind, thing, entries.
pub(super) type Told = (FindingKind, String, Vec<u64>);

#[derive(Default)]
pub(super) struct Log {
    entries: Vec<(Timestamp, ContentDigest, Facts, SaidBy)>,
    /// Seconds that the ledger's clock shows.
    pub(super) now: i64,
    /// Whose keys are whose.
    pub(super) people: People,
}

/// A time of the tests, `seconds` after their beginning.
pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((1_790_000_000 + seconds) * 1_000_000).unwrap()
}

pub(super) fn digest(text: &str) -> String {
    Digest::sha256_of(text.as_bytes()).value().to_owned()
}

pub(super) fn key(name: &str) -> String {
    format!("key:{}", digest(name))
}

impl Log {
    /// Records a statement now. Returns its index.
    pub(super) fn say(
        &mut self,
        signer: &str,
        predicate_type: &str,
        subjects: &Value,
        predicate: &Value,
    ) -> u64 {
        let json = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": subjects,
            "predicateType": predicate_type, "predicate": predicate,
        });
        let statement = Statement::parse(json.to_string().as_bytes()).unwrap().into_owned();
        let facts = read(&statement);
        assert!(facts.interpreted, "{:?}", facts.warnings);
        let by = SaidBy {
            signers: BTreeSet::from([key(signer)]),
            rules: BTreeSet::from([signer.to_owned()]),
            ..SaidBy::default()
        };
        let content = ContentDigest::of(json.to_string().as_bytes());
        self.entries.push((at(self.now), content, facts, by));
        self.now += 1;
        u64::try_from(self.entries.len()).unwrap() - 1
    }

    /// Changes who said the newest entry.
    pub(super) fn by(&mut self, change: impl FnOnce(&mut SaidBy)) {
        change(&mut self.entries.last_mut().unwrap().3);
    }

    pub(super) fn build(&mut self, signer: &str, service: &str, version: &str, run: u64) -> u64 {
        let finished = self.now;
        self.build_at(signer, service, version, run, finished)
    }

    pub(super) fn build_at(
        &mut self,
        signer: &str,
        service: &str,
        version: &str,
        run: u64,
        finished: i64,
    ) -> u64 {
        let predicate = provenance(service, run, "refs/heads/main", "ci", at(finished));
        self.say(signer, "https://slsa.dev/provenance/v1", &image(service, version), &predicate)
    }

    pub(super) fn publish(&mut self, signer: &str, service: &str, version: &str) -> u64 {
        let pushed = self.now;
        self.publish_at(signer, service, version, pushed)
    }

    pub(super) fn publish_at(&mut self, signer: &str, service: &str, version: &str, pushed: i64) -> u64 {
        let predicate = json!({
            "registry": "ghcr.io", "repository": format!("ghcr.io/acme/{service}"),
            "ref": format!("ghcr.io/acme/{service}:{version}"), "actor": "https://github.com/bot",
            "at": at(pushed).to_string(),
        });
        self.say(signer, "urn:custody:publication:v1", &image(service, version), &predicate)
    }

    pub(super) fn run(&mut self, signer: &str, service: &str, run: u64, more: &Value) -> u64 {
        let name = run_name(service, run);
        let digest = digest_of_name(NameKind::Run, &name);
        let mut predicate = json!({ "run": name, "conclusion": "success", "trigger": "push", "at": at(self.now).to_string() });
        for (member, value) in more.as_object().unwrap() {
            predicate[member] = value.clone();
        }
        let subjects = json!([{ "name": name, "digest": { "sha256": digest.value() } }]);
        self.say(signer, "urn:custody:run:v1", &subjects, &predicate)
    }

    /// Looks at every entry that came before the size.
    pub(super) fn findings_at(&self, size: usize) -> Vec<Told> {
        let found = (0..size).flat_map(|index| self.findings_in(index, size));
        found.map(|(told, _)| told).collect()
    }

    pub(super) fn findings(&self) -> Vec<Told> {
        self.findings_at(self.entries.len())
    }

    /// The words of what is found.
    pub(super) fn messages(&self) -> Vec<String> {
        let size = self.entries.len();
        (0..size).flat_map(|index| self.findings_in(index, size)).map(|(_, message)| message).collect()
    }

    pub(super) fn size(&self) -> usize {
        self.entries.len()
    }

    fn findings_in(&self, index: usize, size: usize) -> Vec<(Told, String)> {
        let new = self.seen(index);
        let people = Some(&self.people);
        let mut known = Known { counted: self.counted(index, size), people, ..Known::default() };
        let mut asked = BTreeSet::new();
        for round in 0..ROUNDS_MAX {
            known.rounds = round;
            let fresh: Vec<Need> = needs(&new, &known).difference(&asked).cloned().collect();
            if fresh.is_empty() && round >= STAGES {
                break;
            }
            for need in fresh {
                for found in self.having(&need, index, size) {
                    known.entries.insert(self.seen(found).index, self.seen(found));
                }
                asked.insert(need);
            }
        }
        known.rounds = ROUNDS_MAX;
        let late: Vec<Need> = needs(&new, &known).difference(&asked).cloned().collect();
        assert!(late.is_empty(), "one round more would ask for {late:?}");
        let found = of(&new, &known);
        for finding in &found {
            // The entries that show it are enough.
            let mut alone = Known { counted: known.counted, people, ..Known::default() };
            for shown in finding.entries.iter().filter(|shown| **shown != new.index) {
                alone.entries.insert(*shown, known.entries[shown]);
            }
            assert_eq!(
                shown(finding.kind, &finding.thing, &new, &alone).map(|again| again.entries),
                Some(finding.entries.clone()),
                "{finding:?}"
            );
        }
        self.assert_that_each_erased_entry_is_told(&new, &found, size);
        let told = |finding: &Finding| {
            let entries = finding.entries.iter().map(|index| index.get()).collect();
            ((finding.kind, finding.thing.id().to_owned(), entries), finding.message.clone())
        };
        found.iter().map(told).collect()
    }

    /// Where a finding is not found any more once an entry is erased, that entry was among what its kind needs to see. Each entry is tried, in
    /// logs that are small enough for that.
    fn assert_that_each_erased_entry_is_told(&self, new: &Seen<'_>, found: &[Finding], size: usize) {
        let index = usize::try_from(new.index.get()).unwrap();
        for finding in found.iter().filter(|_| size <= ERASED_TRIED_MAX) {
            for erased in (0..size).filter(|at| *at != index) {
                let kinds = BTreeSet::from([finding.kind]);
                let mut known = Known {
                    counted: self.counted(index, size),
                    people: Some(&self.people),
                    ..Known::default()
                };
                let having = |need: &Need| self.having_unless(need, index, size, Some(erased));
                for round in 0..ROUNDS_MAX {
                    known.rounds = round;
                    for at in needs(new, &known).iter().flat_map(having) {
                        known.entries.insert(self.seen(at).index, self.seen(at));
                    }
                }
                known.rounds = ROUNDS_MAX;
                let told = needs_of(&kinds, new, &known).iter().any(|need| {
                    let settled = need.limit == 1 && having(need).len() == 1;
                    !settled && self.having(need, index, size).contains(&erased)
                });
                let same = |again: &Finding| again.kind == finding.kind && again.thing == finding.thing;
                assert!(told || of(new, &known).iter().any(same), "without entry {erased}: {finding:?}");
            }
        }
    }

    fn having(&self, need: &Need, index: usize, size: usize) -> Vec<usize> {
        self.having_unless(need, index, size, None)
    }

    fn having_unless(&self, need: &Need, index: usize, size: usize, erased: Option<usize>) -> Vec<usize> {
        let below = if need.side == Side::All { size } else { index };
        let has = |at: &usize| {
            let (_, _, facts, by) = &self.entries[*at];
            let mut terms: BTreeSet<Term> = facts.terms();
            terms.extend(by.signers.iter().map(|signer| Term::of_identity(Field::Signer, signer)));
            let version = need.version.as_ref();
            let named = version.is_none_or(|one| facts.packages().contains(&(&*one.package, &*one.version)));
            named && need.terms.iter().all(|term| terms.contains(term))
        };
        let newest = (0..below).rev().filter(|at| Some(*at) != erased).filter(has).take(need.limit);
        let of_type = |at: &usize| {
            let predicate_type = self.entries[*at].2.predicate_type();
            need.wanted.is(predicate_type)
        };
        newest.filter(of_type).collect()
    }

    fn counted(&self, index: usize, size: usize) -> Option<Counted> {
        let expected = self.entries[index].2.told.expected.as_ref()?;
        let terms = expected.terms();
        let of = |at: &usize| {
            let (_, _, facts, by) = &self.entries[*at];
            let happened = self.seen(*at).happened();
            let named = if terms.is_empty() {
                by.rules.contains(&expected.source)
            } else {
                terms.iter().any(|term| facts.terms().contains(term) || by.signers.contains(term.value()))
            };
            named && happened >= expected.period.from() && happened < expected.period.to()
        };
        let expects = |at: &usize| self.entries[*at].2.told.expected.is_some();
        let records = (0..size).filter(|at| !expects(at)).filter(of).count();
        Some(Counted { records: u64::try_from(records).unwrap() })
    }

    fn seen(&self, index: usize) -> Seen<'_> {
        let (time, content, facts, by) = &self.entries[index];
        let index = LeafIndex::new(u64::try_from(index).unwrap()).unwrap();
        Seen::new(index, *time, *content, facts, by)
    }
}

pub(super) fn run_name(service: &str, run: u64) -> String {
    format!("https://ci.test/{service}/builds/{run}")
}

pub(super) fn image(service: &str, version: &str) -> Value {
    json!([{
        "name": format!("ghcr.io/acme/{service}:{version}"),
        "digest": { "sha256": digest(&format!("{service} {version}")) },
    }])
}

pub(super) fn artifact(service: &str, version: &str) -> String {
    format!("sha256:{}", digest(&format!("{service} {version}")))
}

pub(super) fn provenance(
    service: &str,
    run: u64,
    reference: &str,
    builder: &str,
    finished: Timestamp,
) -> Value {
    let commit = digest(&format!("{service} {run}"));
    json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": { "repository": format!("https://github.com/acme/{service}"), "path": "w.yml" } },
            "internalParameters": { "github": { "event_name": "push" } },
            "resolvedDependencies": [
                { "uri": format!("git+https://github.com/acme/{service}@{reference}"), "digest": { "gitCommit": commit[..40] } },
            ],
        },
        "runDetails": {
            "builder": { "id": format!("https://builder.test/{builder}@{reference}") },
            "metadata": { "invocationId": run_name(service, run), "finishedOn": finished.to_string() },
        },
    })
}
