//! Who may say what about which artifact: the sentences that people say, as rules, over a real server.

use std::path::PathBuf;

use custody_evidence::key::SigningKey;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::jobs::{ISSUER, Job, Signatory};
use custody_tests::server::Ended;
use custody_tests::wire::{Caller, word};
use serde_json::{Value, json};

use super::administered::{PROVENANCE, Place, SCAN, scan};

/// A log that believes a signatory.
struct Company {
    place: Place,
    signatory: Signatory,
    files: u32,
}

impl Company {
    fn new() -> Self {
        let (mut place, signatory) = (Place::new(), Signatory::new());
        let root = place.administrator.file("root.json", signatory.trusted_root());
        place.trust(&["--add-root", &format!("ours={}", root.to_str().unwrap())]);
        Self { place, signatory, files: 0 }
    }

    /// Lets jobs with these claims record statements of this type, with more flags.
    fn allow(&mut self, name: &str, predicate: &str, claims: &[(&str, &str)], more: &[&str]) {
        let issuer = format!("{name}={ISSUER}");
        self.place.allow(&issuer, predicate, claims, &[&["--root", "ours"], more].concat());
    }

    fn record_bytes(&mut self, bytes: Vec<u8>) -> Ended {
        self.files += 1;
        let file: PathBuf = self.place.administrator.file(&format!("{}.json", self.files), bytes);
        self.place.administrator.custody(&["record", "envelope", file.to_str().unwrap(), "-o", "json"])
    }

    /// Records what a job signs.
    fn record(&mut self, job: &Job, statement: &Value) -> Ended {
        let bundle = self.signatory.sign(job, statement);
        self.record_bytes(bundle)
    }

    /// Records it, and returns the entry.
    fn recorded(&mut self, job: &Job, statement: &Value) -> u64 {
        let ended = self.record(job, statement);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let document: Value = serde_json::from_str(&ended.stdout).unwrap();
        document["index"].as_u64().unwrap()
    }

    fn refused(&mut self, job: &Job, statement: &Value, what: &str, words: &[&str]) {
        let ended = self.record(job, statement);
        refused(&ended, what, words);
    }

    fn show(&self, index: u64) -> Value {
        self.place.shown(index)
    }
}

fn refused(ended: &Ended, what: &str, words: &[&str]) {
    assert_eq!(ended.code, Some(1), "{what}: {}{}", ended.stdout, ended.stderr);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    for word in words {
        assert!(said.contains(word), "{what}: {word:?} is missing:\n{said}");
    }
}

fn built(job: &Job, name: &str) -> Value {
    job.provenance(&[(name, &artifact_hex(name))])
}

#[test]
fn only_the_release_workflow_on_main_may_record_builds_of_a_repository() {
    let mut company = Company::new();
    let release = "https://github.com/acme/api/.github/workflows/release.yml@refs/heads/main";
    let claims = [("source_repository_identifier", "42"), ("build_config_uri", release)];
    company.allow("api", PROVENANCE, &claims, &["--bound"]);
    let job = Job::release("acme/api", "42");
    let index = company.recorded(&job, &built(&job, "api.tar.gz"));
    let shown = company.show(index);
    assert_eq!((&shown["binding"], &shown["check"]), (&json!("bound"), &json!("verified")));
    let (_, found) = company.place.administrator.json(&["find", "--predicate", PROVENANCE]);
    assert_eq!(found["entries"][0]["binding"], "bound");
    assert!(company.place.run(&["find", "--predicate", PROVENANCE]).contains("  bound"));
    let traced = company.place.run(&["trace", &format!("sha256:{}", artifact_hex("api.tar.gz"))]);
    assert!(traced.contains("by api, bound"), "{traced}");

    let other = |change: &dyn Fn(&mut Job)| {
        let mut other = job.clone();
        change(&mut other);
        other
    };
    for (what, other) in [
        ("another workflow", other(&|job| job.workflow = "test.yml".to_owned())),
        ("another branch", other(&|job| job.reference = "refs/heads/feature".to_owned())),
        ("a fork", Job::release("mallory/api", "666")),
        ("who took the repository's name", other(&|job| job.id = "43".to_owned())),
    ] {
        company.refused(&other, &built(&other, "evil.tar.gz"), what, &["may not record"]);
    }
    // The right job, which says that another one built it: another repository, commit, run; or that says nothing of it.
    for (what, claimed) in [
        ("another repository", other(&|job| job.repository = "acme/web".to_owned())),
        ("another commit", other(&|job| job.commit = "f".repeat(40))),
        ("another run", other(&|job| job.run = 1)),
    ] {
        company.refused(
            &job,
            &built(&claimed, "evil.tar.gz"),
            what,
            &["only of its own job", "another repository"],
        );
    }
    let mut silent = built(&job, "evil.tar.gz");
    silent["predicate"]["buildDefinition"]["externalParameters"] = json!({});
    silent["predicate"]["buildDefinition"]["resolvedDependencies"] = json!([]);
    company.refused(&job, &silent, "no repository", &["does not say the repository"]);
    let other_type = scan(&["api.tar.gz"]);
    company.refused(&job, &other_type, "another type", &["may not record"]);
    assert!(company.place.run(&["audit"]).starts_with("sound"));
}

#[test]
fn nobodys_laptop_may_record_builds() {
    let mut company = Company::new();
    // The key of the log's first writer may record everything but builds, once its rule says so.
    let key = company.place.ledger.home().join("writer.pem");
    std::fs::write(&key, company.place.ledger.writers[0].public().to_pem()).unwrap();
    let writer = format!("laptop={}", key.to_str().unwrap());
    let listed = company.place.run(&["trust", "show", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let first = listed["document"]["writers"][0]["name"].as_str().unwrap_or("writer-1").to_owned();
    company.place.trust(&["--remove-writer", &first, "--add-writer", &writer, "--writer-predicate", SCAN]);
    company.allow("release", PROVENANCE, &[("source_repository_identifier", "42")], &["--bound"]);
    let laptop = SigningKey::from_seed(&[1; 32]);
    let job = Job::release("acme/api", "42");

    let ended = company.record_bytes(envelope(&built(&job, "api.tar.gz"), &[&laptop]));
    refused(&ended, "a laptop's build", &["may not record", PROVENANCE]);
    let ended = company.record_bytes(envelope(&scan(&["api.tar.gz"]), &[&laptop]));
    assert_eq!(ended.code, Some(0), "a laptop's scan: {}{}", ended.stdout, ended.stderr);
    company.recorded(&job, &built(&job, "api.tar.gz"));
    // A rule that a key is in, and that asks for what only an issuer can say, lets it do nothing.
    let both =
        ["--add-writer", &format!("laptop-too={}", key.to_str().unwrap()), "--writer-predicate", PROVENANCE];
    company.place.trust(&[&both[..], &["--bound"]].concat());
    let ended = company.record_bytes(envelope(&built(&job, "api2.tar.gz"), &[&laptop]));
    refused(&ended, "a laptop's bound build", &["no issuer says anything of a key"]);
}

#[test]
fn a_team_cannot_attach_a_clean_scan_to_the_image_of_another() {
    let mut company = Company::new();
    let (a, b) = (Job::release("acme/api", "42"), Job::release("acme/web", "43"));
    for (name, id) in [("a", "42"), ("b", "43")] {
        let claims = [("source_repository_identifier", id)];
        company.allow(&format!("{name}-builds"), PROVENANCE, &claims, &["--bound"]);
        company.allow(&format!("{name}-scans"), SCAN, &claims, &["--own-builds"]);
    }
    company.refused(
        &a,
        &scan(&["api"]),
        "a scan before the build",
        &["only about its own builds", "record the provenance"],
    );
    let build_a = company.recorded(&a, &built(&a, "api"));
    let build_b = company.recorded(&b, &built(&b, "web"));
    let scan_a = company.recorded(&a, &scan(&["api"]));
    let shown = company.show(scan_a);
    assert_eq!((&shown["check"], &shown["signers"][0]["builds"]), (&json!("verified"), &json!([build_a])));
    company.recorded(&b, &scan(&["web"]));

    company.refused(&a, &scan(&["web"]), "another team's image", &["only about its own builds"]);
    let both = scan(&["api", "web"]);
    company.refused(&a, &both, "another team's image behind an own one", &["subject[1]"]);
    let mut beside = scan(&["api"]);
    beside["subject"][0]["digest"]["sha512"] = "ab".repeat(64).into();
    company.refused(&a, &beside, "another digest beside an own one", &["sha512"]);
    let renamed = Job { id: "43".to_owned(), ..a.clone() };
    company.refused(
        &renamed,
        &scan(&["api"]),
        "the same name with another id",
        &["only about its own builds"],
    );
    // A build that says it is another repository's is recorded by no rule here, and makes nothing one's own.
    company.refused(&a, &built(&b, "web"), "another team's build", &["only of its own job"]);
    company.refused(&a, &scan(&["web"]), "after trying", &["only about its own builds"]);

    // Who says that it built the other's image makes it nobody's own, for both, and both are shown.
    let false_build = company.recorded(&a, &built(&a, "web"));
    for (who, job) in [("the other team", &b), ("who said so", &a)] {
        let mut statement = scan(&["web"]);
        statement["predicate"]["metadata"]["scanFinishedOn"] = "2026-11-20T10:00:00Z".into();
        company.refused(
            job,
            &statement,
            who,
            &["nobody's own", &build_b.to_string(), &false_build.to_string()],
        );
    }
    let web = format!("sha256:{}", artifact_hex("web"));
    let (_, traced) = company.place.administrator.json(&["trace", &web]);
    let conflicts: Vec<u64> = traced["edges"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|edge| edge["kind"] == "built-by" && edge["status"] == "conflict")
        .map(|edge| edge["entry"].as_u64().unwrap())
        .collect();
    assert_eq!(conflicts, [build_b, false_build], "{traced}");
    let drawn = company.place.run(&["trace", &web]);
    assert!(drawn.contains("CONFLICT") && !drawn.contains("CONFLICT (claimed)"), "{drawn}");
    // As of the tree before, there was none; and what was recorded then is as true as it was.
    let before = company.place.run(&["trace", &web, "--at", &false_build.to_string()]);
    assert!(!before.contains("CONFLICT"), "{before}");
    assert_eq!(company.show(scan_a)["check"], "verified");
    assert!(company.place.run(&["audit"]).starts_with("sound"));

    // An administrator settles it: what the liar signed since then is no evidence.
    let liar = format!("{ISSUER}#{}", a.name());
    let since = format!("index:{false_build}");
    company.place.run(&["distrust", &liar, "--since", &since, "--reason", "it claims the builds of others"]);
    let mut statement = scan(&["web"]);
    statement["predicate"]["metadata"]["scanFinishedOn"] = "2026-11-21T10:00:00Z".into();
    company.recorded(&b, &statement);
    company.refused(&a, &scan(&["api"]), "who is distrusted", &["distrusted"]);
    let drawn = company.place.run(&["trace", &web]);
    assert!(drawn.contains("DISTRUSTED") && !drawn.contains("CONFLICT"), "{drawn}");
    assert!(company.place.run(&["audit", "--from-scratch"]).starts_with("sound"));
}

/// By accident, since a password was in it, or on purpose: whoever is let gain by a redaction waits for one.
#[test]
fn a_redaction_makes_no_artifact_anybodys_own() {
    let mut company = Company::new();
    let (a, b) = (Job::release("acme/api", "42"), Job::release("acme/web", "43"));
    for (name, id) in [("a", "42"), ("b", "43")] {
        let claims = [("source_repository_identifier", id)];
        company.allow(&format!("{name}-builds"), PROVENANCE, &claims, &["--bound"]);
        company.allow(&format!("{name}-scans"), SCAN, &claims, &["--own-builds"]);
    }
    let redact = |company: &Company, index: u64| {
        company.place.run(&["redact", &format!("index:{index}"), "--reason", "a password is in it"]);
    };
    let once_more = |mut statement: Value| {
        statement["predicate"]["runDetails"]["metadata"]["startedOn"] = "2026-11-20T10:00:00Z".into();
        statement
    };
    let lost = ["only about its own builds"];
    let disputed = ["nobody's own", "its provenance was erased"];

    // The true build of an image that another team claims, too, is erased.
    let true_build = company.recorded(&b, &built(&b, "web"));
    let false_build = company.recorded(&a, &built(&a, "web"));
    redact(&company, true_build);
    company.refused(&a, &scan(&["web"]), "who gains if it is forgotten", &disputed);
    company.refused(&b, &scan(&["web"]), "who has nothing to show any more", &lost);
    company.recorded(&b, &once_more(built(&b, "web")));
    company.refused(
        &b,
        &scan(&["web"]),
        "recorded again, it is disputed",
        &["nobody's own", &false_build.to_string()],
    );

    // A false one is erased: it goes on to dispute, until whoever signed it is distrusted.
    company.recorded(&b, &built(&b, "shop"));
    let false_build = company.recorded(&a, &built(&a, "shop"));
    redact(&company, false_build);
    company.refused(&b, &scan(&["shop"]), "disputed before", &disputed);

    // A build that nobody disputes is erased with what rests on it, and recorded again.
    let own = company.recorded(&a, &built(&a, "api"));
    let rests = company.recorded(&a, &scan(&["api"]));
    redact(&company, own);
    let mut later = scan(&["api"]);
    later["predicate"]["metadata"]["scanFinishedOn"] = "2026-11-20T10:00:00Z".into();
    company.refused(&a, &later, "an erased build gives no right", &lost);
    let shown = company.place.administrator.custody(&["show", &format!("index:{rests}")]);
    let said = format!("{}{}", shown.stdout, shown.stderr);
    assert_eq!(shown.code, Some(3), "{said}");
    assert!(said.contains(&format!("entry {own}")) && said.contains("logged"), "{said}");
    company.recorded(&a, &once_more(built(&a, "api")));
    company.recorded(&a, &later);

    // An index that is made again, by whatever way, knows the same.
    let Company { place, signatory, files } = company;
    let mut company = Company { place: place.with_a_new_index(), signatory, files };
    company.refused(&a, &scan(&["web"]), "after the index was made again", &["nobody's own"]);
    company.refused(&b, &scan(&["shop"]), "after the index was made again", &disputed);
    let audit = company.place.run(&["audit"]);
    assert!(audit.starts_with("sound") && audit.contains("what 3 erased entries held"), "{audit}");
    assert!(audit.contains("whose builds it is about"), "{audit}");

    let since = format!("index:{false_build}");
    let liar = format!("{ISSUER}#{}", a.name());
    company.place.run(&["distrust", &liar, "--since", &since, "--reason", "it claims the builds of others"]);
    company.recorded(&b, &scan(&["shop"]));
    assert!(company.place.run(&["audit", "--from-scratch"]).starts_with("sound"));
}

#[test]
fn what_rests_on_a_build_is_verified_offline_with_it_and_not_without() {
    let mut company = Company::new();
    let a = Job::release("acme/api", "42");
    let claims = [("source_repository_identifier", "42")];
    company.allow("builds", PROVENANCE, &claims, &["--bound"]);
    company.allow("scans", SCAN, &claims, &["--own-builds"]);
    let build = company.recorded(&a, &built(&a, "api"));
    let scanned = company.recorded(&a, &scan(&["api"]));
    // A server that starts anew, with an index made again, knows whose build it is.
    let Company { place, signatory, files } = company;
    let mut company = Company { place: place.with_a_new_index(), signatory, files };
    let mut again = scan(&["api"]);
    again["predicate"]["metadata"]["scanFinishedOn"] = "2026-11-20T10:00:00Z".into();
    company.recorded(&a, &again);
    for index in [build, scanned] {
        company.place.run(&["show", &format!("index:{index}"), "--save", "saved"]);
    }
    let parts = |index: u64| {
        ["receipt", "record.json", "envelope.json"].map(|kind| format!("saved/{index}.{kind}")).to_vec()
    };
    let (of_build, of_scan) = (parts(build), parts(scanned));
    let verify = |files: &[String]| {
        let mut arguments = vec!["verify".to_owned()];
        arguments.extend_from_slice(files);
        company.place.administrator.custody(&arguments)
    };
    // The younger first: what it rests on may stand behind it.
    let both = verify(&[of_scan.clone(), of_build].concat());
    assert_eq!(both.code, Some(0), "{}{}", both.stdout, both.stderr);
    let alone = verify(&of_scan);
    assert_eq!(alone.code, Some(3), "{}{}", alone.stdout, alone.stderr);
    assert!(
        format!("{}{}", alone.stdout, alone.stderr).contains(&format!("entry {build}")),
        "{}",
        alone.stdout
    );
}

#[test]
fn a_scan_that_races_with_a_false_build_is_recorded_before_it_or_not_at_all() {
    const ARTIFACTS: usize = 24;
    let mut company = Company::new();
    let (a, b) = (Job::release("acme/api", "42"), Job::release("acme/web", "43"));
    company.allow("a-builds", PROVENANCE, &[("source_repository_identifier", "42")], &["--bound"]);
    company.allow("b-builds", PROVENANCE, &[("source_repository_identifier", "43")], &["--bound"]);
    company.allow("a-scans", SCAN, &[("source_repository_identifier", "42")], &["--own-builds"]);
    let names: Vec<String> = (0..ARTIFACTS).map(|number| format!("artifact-{number}")).collect();
    let caller = Caller::of(&company.place.server);
    for name in &names {
        caller.record(&company.signatory.sign(&a, &built(&a, name))).unwrap();
    }
    // Signed before, so that they meet in the same batches.
    let signed: Vec<(Vec<u8>, Vec<u8>)> = names
        .iter()
        .map(|name| {
            (company.signatory.sign(&a, &scan(&[name])), company.signatory.sign(&b, &built(&b, name)))
        })
        .collect();
    let server = &company.place.server;
    let outcomes: Vec<(Option<u64>, u64)> = std::thread::scope(|scope| {
        let racing = signed.iter().map(|(scan, build)| {
            let scanned = scope.spawn(move || Caller::of(server).record(scan));
            let built = scope.spawn(move || Caller::of(server).record(build).unwrap().index);
            (scanned, built)
        });
        let racing: Vec<_> = racing.collect();
        racing
            .into_iter()
            .map(|(scanned, built)| {
                let scanned = scanned.join().unwrap();
                if let Err(refused) = &scanned {
                    assert_eq!(word(refused), "disputed_build");
                }
                (scanned.ok().map(|recorded| recorded.index), built.join().unwrap())
            })
            .collect()
    });
    for (scanned, built) in &outcomes {
        assert!(scanned.is_none_or(|scanned| scanned < *built), "{outcomes:?}");
    }
    println!(
        "{} of {ARTIFACTS} scans came first",
        outcomes.iter().filter(|(scanned, _)| scanned.is_some()).count()
    );
    assert!(
        company.place.run(&["audit"]).starts_with("sound"),
        "whatever came first, the audit finds the same"
    );
}
