use std::sync::atomic::Ordering;

use custody_evidence::Statement;
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{self, Field};
use custody_evidence::finding::FindingKind;
use custody_evidence::finding::bounds::LOOK_BACK;
use serde_json::{Value, json};

use super::*;
use crate::index::Remains;
use crate::query::tests::memory::{Memory, index, size};

fn sha256(text: &str) -> String {
    Digest::sha256_of(text.as_bytes()).value().to_owned()
}

/// One second of ledger time for each entry.
const SECOND: i64 = 1_000_000;

struct Log {
    memory: Memory,
}

impl Log {
    fn new() -> Self {
        Self { memory: Memory::new() }
    }

    fn now(&self) -> i64 {
        1_790_000_000 * SECOND + i64::try_from(self.memory.readings.len()).unwrap() * SECOND
    }

    fn say(&mut self, signer: &str, predicate_type: &str, subjects: &Value, predicate: &Value) -> u64 {
        let json = json!({
            "_type": "https://in-toto.io/Statement/v1", "subject": subjects, "predicateType": predicate_type,
            "predicate": predicate,
        });
        let facts = fact::read(&Statement::parse(json.to_string().as_bytes()).unwrap());
        assert!(facts.interpreted, "{:?}", facts.warnings);
        let signer = format!("key:{}", sha256(signer));
        let at = self.memory.record_facts(self.now(), facts, &[(Field::Signer, &signer)]);
        let last = self.memory.readings.last_mut().and_then(Arc::get_mut).unwrap();
        last.said_by.signers.insert(signer);
        last.said_by.rules.insert("ci".to_owned());
        at.get()
    }

    fn release(&mut self, signer: &str, service: usize, version: u64) -> u64 {
        let image = format!("ghcr.io/acme/svc-{service}");
        let subjects = json!([{ "name": format!("{image}:1.{version}.0"), "digest": { "sha256": sha256(&format!("{service} {version}")) } }]);
        let at = Timestamp::from_micros(self.now()).unwrap().to_string();
        let predicate = json!({ "registry": "ghcr.io", "repository": image, "actor": "bot", "at": at });
        self.say(signer, "urn:custody:publication:v1", &subjects, &predicate)
    }

    fn ask(&self, question: &Findings, at: u64) -> Vec<(FindingKind, Vec<u64>)> {
        let mut question = question.clone();
        let mut all = Vec::new();
        loop {
            let page = findings(&self.memory, &question, size(at)).unwrap();
            let told =
                |finding: &Finding| (finding.kind, finding.entries.iter().map(|index| index.get()).collect());
            all.extend(page.findings.iter().map(|(finding, _)| told(finding)));
            let Some(next) = page.next else { return all };
            assert!(question.next.is_none_or(|before| before < next), "each page gets further");
            question.next = Some(next);
        }
    }

    /// Erases an entry: the index has it under what it had it under, and nobody knows what it said.
    fn erase(&mut self, index: u64) {
        let reading = &mut self.memory.readings[usize::try_from(index).unwrap()];
        let erased = Some(Remains::of(reading).found_by());
        *reading = Arc::new(Reading { erased, ..Reading::new(reading.entry, fact::Facts::default(), None) });
    }

    /// What is found about an artifact, and what could not be seen.
    fn about(&self, artifact: &str, kinds: &[FindingKind]) -> FindingsPage {
        let question = Findings {
            about: vec![format!("sha256:{artifact}").parse().unwrap()],
            kinds: kinds.iter().copied().collect(),
            ..Findings::default()
        };
        let page = findings(&self.memory, &question, self.memory.indexed_to).unwrap();
        assert_eq!(page.next, None);
        page
    }

    fn build(&mut self, signer: &str, name: &str, artifact: &str, predicate: &Value) -> u64 {
        let subjects = json!([{ "name": name, "digest": { "sha256": sha256(artifact) } }]);
        self.say(signer, "https://slsa.dev/provenance/v1", &subjects, predicate)
    }

    fn reads(&self) -> usize {
        self.memory.read.swap(0, Ordering::Relaxed)
    }
}

/// `releases` of ten services, and one by a thief at its end.
fn stolen(releases: u64) -> (Log, u64) {
    let mut log = Log::new();
    for version in 0..releases {
        for service in 0..10 {
            log.release("ci", service, version);
        }
    }
    let stolen = log.release("thief", 3, releases);
    (log, stolen)
}

#[test]
fn a_window_is_looked_at_and_compared_with_what_came_before_it() {
    let (log, stolen) = stolen(5);
    let found = log.ask(&Findings::default(), stolen + 1);
    assert_eq!(found, [(FindingKind::SignerChange, vec![23, 33, 43, stolen])]);
    let since = |since: u64| Findings { since: Some(index(since)), ..Findings::default() };
    assert_eq!(log.ask(&since(stolen), stolen + 1), found);
    assert_eq!(log.ask(&since(stolen + 1), stolen + 1), []);
    assert_eq!(log.ask(&Findings::default(), stolen), [], "as of before");
    let time = |index: u64| Some(log.memory.readings[usize::try_from(index).unwrap()].entry.time);
    let since_time = |index| Findings { since_time: time(index), ..Findings::default() };
    assert_eq!(log.ask(&since_time(stolen), stolen + 1), found);
    assert_eq!(log.ask(&since_time(stolen), stolen), []);
}

#[test]
fn an_answer_as_of_a_size_stays_the_same_while_the_log_grows() {
    let (mut log, stolen) = stolen(4);
    let before = log.ask(&Findings::default(), stolen + 1);
    for version in 50..80 {
        log.release("thief", 3, version);
    }
    assert_eq!(log.ask(&Findings::default(), stolen + 1), before);
}

#[test]
fn pages_put_together_are_the_whole_answer() {
    let (mut log, stolen) = stolen(5);
    let whole = log.ask(&Findings::default(), stolen + 1);
    log = Log::new();
    // Envelopes so large that each page ends with its first entry.
    log.memory.envelope_bytes = ENVELOPE_BYTES_MAX;
    for version in 0..5 {
        for service in 0..10 {
            log.release("ci", service, version);
        }
    }
    log.release("thief", 3, 5);
    assert_eq!(log.ask(&Findings::default(), stolen + 1), whole);
    let first = findings(&log.memory, &Findings::default(), size(stolen + 1)).unwrap();
    assert_eq!(first.next, Some(index(1)));
}

#[test]
fn the_work_grows_with_what_is_asked_about_and_not_with_the_log() {
    let cost = |releases| {
        let (log, stolen) = stolen(releases);
        log.reads();
        let since = Findings { since: Some(index(stolen)), ..Findings::default() };
        assert_eq!(log.ask(&since, stolen + 1).len(), 1);
        log.reads()
    };
    let (small, large) = (cost(70), cost(700));
    assert_eq!(small, large, "ten times the log");
    assert!(small < 300, "{small}");
}

#[test]
fn nothing_is_found_in_an_erased_entry_nor_by_a_collision() {
    let (mut log, stolen) = stolen(5);
    log.memory.collision = Some(index(0));
    assert_eq!(log.ask(&Findings::default(), stolen + 1).len(), 1);
    let last = log.memory.readings.last_mut().and_then(Arc::get_mut).unwrap();
    let entry = last.entry;
    *last = Reading::new(entry, fact::Facts::default(), None);
    assert_eq!(log.ask(&Findings::default(), stolen + 1), []);
}

#[test]
fn records_are_counted_within_their_time_and_each_content_once() {
    let mut log = Log::new();
    for version in 0..6 {
        log.release("ci", 0, version);
    }
    let time = |seconds: i64| Timestamp::from_micros((1_790_000_000 + seconds) * SECOND).unwrap().to_string();
    let mut expect = |source: &str, from: i64, to: i64, count: u64| {
        let source_digest = custody_evidence::subject_name::digest_of_name(
            custody_evidence::subject_name::NameKind::Identity,
            source,
        );
        let subjects = json!([{ "name": source, "digest": { "sha256": source_digest.value() } }]);
        let predicate =
            json!({ "source": source, "count": count, "period": { "from": time(from), "to": time(to) } });
        log.say("auditor", "urn:custody:expected:v1", &subjects, &predicate)
    };
    let key = format!("key:{}", sha256("ci"));
    expect(&key, 0, 100, 6);
    expect("ci", 2, 5, 3);
    let gaps = [expect(&key, 0, 100, 7), expect("ci", 2, 5, 4), expect("nobody", 0, 100, 1)];
    let found = log.ask(&Findings::default(), 11);
    let expected: Vec<_> = gaps.iter().map(|index| (FindingKind::CountGap, vec![*index])).collect();
    assert_eq!(found, expected);
    let page = findings(&log.memory, &Findings::default(), size(11)).unwrap();
    let counted: Vec<_> = page.findings.iter().map(|(_, counted)| counted.unwrap().records).collect();
    assert_eq!(counted, [6, 3, 0]);
}

#[test]
fn asked_about_an_artifact_only_what_is_about_it_and_its_run_is_looked_at() {
    let (mut log, stolen) = stolen(5);
    let about = |digests: &[String]| Findings {
        about: digests.iter().map(|digest| format!("sha256:{digest}").parse().unwrap()).collect(),
        ..Findings::default()
    };
    let (bad, good) = (sha256("3 5"), sha256("3 4"));
    assert_eq!(log.ask(&about(std::slice::from_ref(&bad)), stolen + 1).len(), 1);
    assert_eq!(log.ask(&about(&[good.clone(), bad.clone()]), stolen + 1).len(), 1);
    assert_eq!(log.ask(&about(std::slice::from_ref(&good)), stolen + 1), []);
    assert_eq!(log.ask(&about(&[bad]), stolen), [], "as of before");
    // What its run says of itself, where that is recorded later.
    let run = "https://ci.test/builds/x/7";
    let subjects = json!([{ "name": "ghcr.io/acme/svc-3", "digest": { "sha256": good } }]);
    let provenance = json!({ "buildDefinition": {}, "runDetails": { "metadata": { "invocationId": run } } });
    log.say("builder", "https://slsa.dev/provenance/v1", &subjects, &provenance);
    let name =
        custody_evidence::subject_name::digest_of_name(custody_evidence::subject_name::NameKind::Run, run);
    let subjects = json!([{ "name": run, "digest": { "sha256": name.value() } }]);
    let failed =
        log.say("ci", "urn:custody:run:v1", &subjects, &json!({ "run": run, "conclusion": "failure" }));
    let found = log.ask(&about(&[good]), failed + 1);
    assert_eq!(found, [(FindingKind::FailedRun, vec![failed - 1, failed])]);
}

#[test]
fn more_entries_about_one_artifact_than_are_looked_at_are_an_error_and_no_silence() {
    let mut log = Log::new();
    for _ in 0..=ABOUT_MAX {
        log.release("ci", 0, 0);
    }
    let question =
        Findings { about: vec![format!("sha256:{}", sha256("0 0")).parse().unwrap()], ..Findings::default() };
    let size = log.memory.indexed_to;
    assert!(matches!(findings(&log.memory, &question, size), Err(QueryError::TooMuch { .. })));
}

/// The agent that takes snapshots did not say as what something runs, and then did: what a gate must know is told by the second of many.
#[test]
fn what_one_of_many_snapshots_tells_is_not_passed_over() {
    let mut log = Log::new();
    let image = |name: &str| json!([{ "name": format!("ghcr.io/acme/{name}"), "digest": { "sha256": sha256(name) } }]);
    let see = |log: &mut Log, name: &str, workload: Option<&str>| {
        let at = Timestamp::from_micros(log.now()).unwrap().to_string();
        let mut running = json!({ "digest": format!("sha256:{}", sha256(name)) });
        running.as_object_mut().unwrap().extend(workload.map(|name| ("workload".to_owned(), json!(name))));
        let seen = json!({ "environment": "prod", "at": at, "running": [running] });
        log.say("agent", "urn:custody:snapshot:v1", &image(name), &seen)
    };
    let provenance = json!({ "buildDefinition": {}, "runDetails": { "metadata": { "invocationId": "https://ci.test/1" } } });
    log.say("ci", "https://slsa.dev/provenance/v1", &image("good"), &provenance);
    see(&mut log, "good", Some("api"));
    see(&mut log, "bad", None);
    let telling = see(&mut log, "bad", Some("api"));
    for _ in 0..60 {
        see(&mut log, "bad", Some("api"));
    }
    let about = vec![format!("sha256:{}", sha256("bad")).parse().unwrap()];
    let found = log.ask(&Findings { about, ..Findings::default() }, log.memory.indexed_to.get());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, found[0].1.last()), (FindingKind::ProvenanceRegression, Some(&telling)));
}

/// Documents that name other versions of a package than one that is released.
#[test]
fn what_is_read_grows_with_what_may_differ_and_not_with_documents_beside_it() {
    let sbom = |log: &mut Log, version: &str, bytes: &str| {
        let document = json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6",
            "components": [{ "type": "library", "name": "x", "purl": format!("pkg:npm/x@{version}"), "hashes": [{ "alg": "SHA-256", "content": sha256(bytes) }] }],
        });
        let subjects = json!([{ "name": "ghcr.io/acme/api:1.0.0", "digest": { "sha256": sha256("api") } }]);
        log.say("ci", "https://cyclonedx.org/bom", &subjects, &document)
    };
    let cost = |others: usize| {
        let mut log = Log::new();
        let shipped = sbom(&mut log, "1.0.0", "patched");
        for other in 0..others {
            sbom(&mut log, &format!("2.{other}.0"), "other");
        }
        let subjects = json!([{ "name": "x.tgz", "digest": { "sha256": sha256("upstream") } }]);
        let purl = json!({ "purl": "pkg:npm/x@1.0.0" });
        let released = log.say("registry", "https://in-toto.io/attestation/release/v0.2", &subjects, &purl);
        log.reads();
        let since = Findings { since: Some(index(released)), ..Findings::default() };
        let found = log.ask(&since, released + 1);
        assert_eq!(found, [(FindingKind::BytesMismatch, vec![shipped, released])], "{others} others");
        log.reads()
    };
    assert_eq!(cost(3), cost(100));
}

/// All that runs in an environment may be new at once. What was built is compared with nothing, and the others with the same snapshots
/// before it.
#[test]
fn a_snapshot_of_which_everything_is_new_is_judged() {
    let workloads = READS_OF_ONE_MAX / LOOK_BACK + 1;
    let subjects = |version: usize| {
        let image = |at: usize| {
            let digest = sha256(&format!("{at} {version}"));
            json!({ "name": format!("ghcr.io/acme/svc-{at}"), "digest": { "sha256": digest } })
        };
        Value::Array((0..workloads).map(image).collect())
    };
    let see = |log: &mut Log, version: usize| {
        let at = Timestamp::from_micros(log.now()).unwrap().to_string();
        let seen = |at: usize| {
            let digest = format!("sha256:{}", sha256(&format!("{at} {version}")));
            json!({ "digest": digest, "workload": format!("svc-{at}") })
        };
        let running: Vec<Value> = (0..workloads).map(seen).collect();
        let snapshot = json!({ "environment": "prod", "at": at, "running": running });
        log.say("agent", "urn:custody:snapshot:v1", &subjects(version), &snapshot);
    };
    let mut log = Log::new();
    let build = |log: &mut Log, version: usize, subjects: &Value| {
        log.say("ci", "https://slsa.dev/provenance/v1", subjects, &run_of(u64::try_from(version).unwrap()))
    };
    for version in 0..=LOOK_BACK {
        if version + 1 == LOOK_BACK {
            // Of the last of all alone.
            build(&mut log, version, &json!([subjects(version)[workloads - 1]]));
        }
        see(&mut log, version);
    }
    let judge = |log: &Log, version: usize| {
        log.reads();
        let page = log.about(&sha256(&format!("0 {version}")), &[]);
        assert_eq!(page.uncounted, []);
        let found = page.findings.iter().map(|(found, _)| (found.kind, found.thing.id().to_owned()));
        (found.collect::<Vec<_>>(), log.reads())
    };
    let (found, reads) = judge(&log, LOOK_BACK);
    let last = format!("sha256:{}", sha256(&format!("{} {LOOK_BACK}", workloads - 1)));
    assert_eq!(found, [(FindingKind::ProvenanceRegression, last)]);
    assert!(reads > LOOK_BACK && reads < 2 * LOOK_BACK, "{reads}");
    build(&mut log, LOOK_BACK + 1, &subjects(LOOK_BACK + 1));
    see(&mut log, LOOK_BACK + 1);
    let (found, reads) = judge(&log, LOOK_BACK + 1);
    assert_eq!(found, []);
    assert!(reads < LOOK_BACK, "{reads}");
}

/// A workload whose first version was built, and the second was not. Both run for long.
#[test]
fn what_runs_for_long_is_told_once_and_its_provenance_is_found_behind_thousands_of_snapshots() {
    let mut log = Log::new();
    let image = |name: &str| json!([{ "name": format!("ghcr.io/acme/{name}"), "digest": { "sha256": sha256(name) } }]);
    let see = |log: &mut Log, name: &str| {
        let at = Timestamp::from_micros(log.now()).unwrap().to_string();
        let running = json!([{ "digest": format!("sha256:{}", sha256(name)), "workload": "api" }]);
        let seen = json!({ "environment": "prod", "at": at, "running": running });
        log.say("agent", "urn:custody:snapshot:v1", &image(name), &seen)
    };
    let provenance = json!({ "buildDefinition": {}, "runDetails": { "metadata": { "invocationId": "https://ci.test/1" } } });
    log.say("ci", "https://slsa.dev/provenance/v1", &image("good"), &provenance);
    for _ in 0..200 {
        see(&mut log, "good");
    }
    let first = see(&mut log, "bad");
    for _ in 0..200 {
        see(&mut log, "bad");
    }
    let size = log.memory.indexed_to.get();
    let found = log.ask(&Findings::default(), size);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, found[0].1.last()), (FindingKind::ProvenanceRegression, Some(&first)));
    for (name, expected) in [("good", &[][..]), ("bad", found.as_slice())] {
        let about = vec![format!("sha256:{}", sha256(name)).parse().unwrap()];
        assert_eq!(log.ask(&Findings { about, ..Findings::default() }, size), expected, "{name}");
    }
}

fn run_of(number: u64) -> Value {
    json!({ "buildDefinition": {}, "runDetails": { "metadata": { "invocationId": format!("https://ci.test/{number}") } } })
}

/// Who has an earlier entry erased hides what differs from it. It is told that nobody can tell, to who asks for what it could show.
#[test]
fn what_was_erased_of_what_something_is_compared_with_is_told() {
    let told = |log: &Log, artifact: &str, kind: FindingKind| {
        let page = log.about(&sha256(artifact), &[kind]);
        (page.findings.len(), page.erased.iter().map(|index| index.get()).collect::<Vec<_>>())
    };
    let checked = |mut log: Log, artifact: &str, kind: FindingKind, erased: u64| {
        assert_eq!(told(&log, artifact, kind), (1, vec![]), "{kind}: while it is there");
        log.erase(erased);
        assert_eq!(told(&log, artifact, kind), (0, vec![erased]), "{kind}: hidden, and told");
        assert_eq!(
            told(&log, artifact, FindingKind::FailedRun),
            (0, vec![]),
            "{kind}: not to who asks for others"
        );
    };
    let mut log = Log::new();
    let history: Vec<u64> = (0..3).map(|version| log.release("ci", 3, version)).collect();
    log.release("thief", 3, 5);
    checked(log, "3 5", FindingKind::SignerChange, history[0]);

    let mut log = Log::new();
    let publish = |log: &mut Log, artifact: &str| {
        let image = "ghcr.io/acme/svc-3:1.1.0";
        let at = Timestamp::from_micros(log.now()).unwrap().to_string();
        let subjects = json!([{ "name": image, "digest": { "sha256": sha256(artifact) } }]);
        let published = json!({ "registry": "ghcr.io", "repository": "ghcr.io/acme/svc-3", "ref": image, "actor": "bot", "at": at });
        log.say("ci", "urn:custody:publication:v1", &subjects, &published)
    };
    let first = publish(&mut log, "meant");
    publish(&mut log, "moved");
    checked(log, "moved", FindingKind::TagMoved, first);

    let mut log = Log::new();
    let first = log.build("ci", "pkg:npm/axios@1.14.1", "true", &run_of(1));
    log.build("ci", "pkg:npm/axios@1.14.1", "false", &run_of(2));
    checked(log, "false", FindingKind::DigestConflict, first);

    let mut log = Log::new();
    let first = log.build("ci", "pkg:npm/axios@1.14.1", "true", &run_of(1));
    let used = json!([{ "uri": "pkg:npm/axios@1.14.1", "digest": { "sha256": sha256("false") } }]);
    log.build(
        "ci",
        "app",
        "app",
        &json!({ "buildDefinition": { "resolvedDependencies": used }, "runDetails": {} }),
    );
    checked(log, "app", FindingKind::BytesMismatch, first);

    let mut log = Log::new();
    let built = log.build("ci", "ghcr.io/acme/svc-3", "3 1", &run_of(1));
    log.release("ci", 3, 1);
    log.release("ci", 3, 2);
    checked(log, "3 2", FindingKind::ProvenanceRegression, built);
}

/// A redaction does not stop the gate for every release behind it: where the newest entry that is there settles it, no other could say more.
#[test]
fn what_was_erased_is_not_told_where_it_could_show_nothing() {
    let mut log = Log::new();
    let all: Vec<u64> =
        (0..5).map(|at| log.build("ci", "ghcr.io/acme/svc-3", &at.to_string(), &run_of(at))).collect();
    log.erase(all[1]);
    let page = log.about(&sha256("4"), &[FindingKind::SignerChange, FindingKind::TagMoved]);
    assert_eq!((page.findings.len(), page.erased.len(), page.uncounted.len()), (0, 0, 0));
    // By somebody else it is compared with all of them.
    let thief = log.build("thief", "ghcr.io/acme/svc-3", "5", &run_of(5));
    let page = log.about(&sha256("5"), &[FindingKind::SignerChange]);
    assert_eq!((page.findings.len(), page.erased), (1, BTreeSet::from([index(all[1])])));
    // Who asks about nothing in particular is told what is found alone.
    let all = findings(&log.memory, &Findings::default(), size(thief + 1)).unwrap();
    assert_eq!((all.findings.len(), all.erased.len()), (1, 0));
}

#[test]
fn only_the_kinds_that_are_asked_for_are_told() {
    let (log, stolen) = stolen(5);
    let ask = |kinds: &[FindingKind]| {
        let question = Findings { kinds: kinds.iter().copied().collect(), ..Findings::default() };
        log.ask(&question, stolen + 1).len()
    };
    assert_eq!(ask(&[]), 1);
    assert_eq!(ask(&[FindingKind::SignerChange, FindingKind::TagMoved]), 1);
    assert_eq!(ask(&[FindingKind::TagMoved]), 0);
}

/// Who makes so much to be compared that the rest is not looked at must not pass for somebody with whom nothing is wrong.
#[test]
fn more_than_is_compared_or_told_is_told_to_who_asks_for_it() {
    let mut log = Log::new();
    let packages = READS_OF_ONE_MAX / 64 + 1;
    for package in 0..packages {
        for version in 0..64 {
            let name = format!("pkg:npm/p{package}@1.{version}.0");
            log.build("ci", &name, &name, &run_of(version));
        }
    }
    let used: Vec<Value> = (0..packages)
        .map(|package| json!({ "uri": format!("pkg:npm/p{package}@2.0.0"), "digest": { "sha256": sha256("x") } }))
        .collect();
    let build = json!({ "buildDefinition": { "resolvedDependencies": used }, "runDetails": {} });
    let app = log.build("ci", "app", "app", &build);
    let uncounted = |log: &Log, artifact: &str, kind| log.about(&sha256(artifact), &[kind]).uncounted;
    assert_eq!(uncounted(&log, "app", FindingKind::BytesMismatch), [index(app)]);
    assert_eq!(uncounted(&log, "app", FindingKind::FailedRun), []);
    // More findings in one entry than are told.
    let mut log = Log::new();
    let subjects = |what: &str| {
        let all = (0..FOUND_MAX).map(|at| {
            json!({ "name": format!("pkg:npm/p{at}@1.0.0"), "digest": { "sha256": sha256(&format!("{what} {at}")) } })
        });
        Value::Array(all.collect())
    };
    log.say("ci", "https://slsa.dev/provenance/v1", &subjects("true"), &run_of(1));
    let all = log.say("ci", "https://slsa.dev/provenance/v1", &subjects("false"), &run_of(2));
    assert_eq!(uncounted(&log, "false 0", FindingKind::TagMoved), [index(all)]);
}

/// That nothing was recorded in a time cannot be said of records that were erased.
#[test]
fn what_was_erased_is_told_where_records_are_counted() {
    let mut log = Log::new();
    let record = log.release("ci", 0, 0);
    let source = "ci";
    let digest = custody_evidence::subject_name::digest_of_name(
        custody_evidence::subject_name::NameKind::Identity,
        source,
    );
    let subjects = json!([{ "name": source, "digest": { "sha256": digest.value() } }]);
    let time = |seconds: i64| Timestamp::from_micros((1_790_000_000 + seconds) * SECOND).unwrap().to_string();
    let none = json!({ "source": source, "count": 0, "period": { "from": time(0), "to": time(100) } });
    log.say("auditor", "urn:custody:expected:v1", &subjects, &none);
    let told = |log: &Log, kind| {
        let page = log.about(digest.value(), &[kind]);
        (page.findings.len(), page.erased.len())
    };
    assert_eq!(told(&log, FindingKind::CountGap), (1, 0));
    log.erase(record);
    assert_eq!(told(&log, FindingKind::CountGap), (0, 1));
    assert_eq!(told(&log, FindingKind::TagMoved), (0, 0));
}
