//! Who may say what about which artifact, where jobs show identity tokens: the sentences of `rights.rs`, whose jobs have
//! certificates, with callers who have nothing but a token and a one-time key.

use std::sync::atomic::{AtomicU8, Ordering};

use custody_evidence::key::SigningKey;
use custody_tests::evidence::{artifact_hex, envelope};
use custody_tests::issuer::{Algorithm, Issuer, Job as Claims, System};
use custody_tests::jobs::Job;
use custody_tests::server::ORIGIN;
use custody_tests::wire::{Caller, credential};
use custody_wire::Refusal;
use custody_wire::v1::RecordResponse;
use serde_json::{Value, json};

use super::administered::{PROVENANCE, Place, SCAN, scan};

/// The audience of tokens that name no key.
const FIXED: &str = "custody:example.com/tests";

/// A log that lists an issuer like GitHub's, whose jobs choose the audience, and another one whose jobs do not.
struct Company {
    place: Place,
    caller: Caller,
    issuer: Issuer,
    fixed: Issuer,
    keys: AtomicU8,
}

impl Company {
    fn new() -> Self {
        let (mut place, issuer) = (Place::new(), Issuer::start(Algorithm::Rs256));
        let fixed = Issuer::start(Algorithm::Rs256);
        let jwks = place.administrator.file("jwks.json", issuer.jwks().to_string());
        let url = issuer.url();
        let pinned = ["--issuer-kind", "github", "--issuer-jwks", jwks.to_str().unwrap()];
        place.trust(&[&["--add-issuer", &url][..], &pinned].concat());
        let url = fixed.url();
        place.trust(&["--add-issuer", &url, "--issuer-kind", "github", "--issuer-audience", FIXED]);
        let caller = Caller::of(&place.server);
        Self { place, caller, issuer, fixed, keys: AtomicU8::new(0x80) }
    }

    /// Lets jobs with these claims record statements of this type, with more flags.
    fn allow(&mut self, name: &str, predicate: &str, claims: &[(&str, &str)], more: &[&str]) {
        let issuer = format!("{name}={}", self.issuer.url());
        self.allow_of(&issuer, predicate, claims, more);
    }

    fn allow_of(&mut self, issuer: &str, predicate: &str, claims: &[(&str, &str)], more: &[&str]) {
        self.place.allow(issuer, predicate, claims, more);
    }

    /// The host of the repositories of jobs of an issuer.
    fn host(&self) -> String {
        self.issuer.url().replace("http://", "https://")
    }

    /// A statement about a job of github.com as one about the same job here.
    fn here(&self, statement: &Value) -> Value {
        let text = statement.to_string().replace("https://github.com", &self.host());
        serde_json::from_str(&text).unwrap()
    }

    fn built(&self, job: &Job, name: &str) -> Value {
        self.here(&job.provenance(&[(name, &artifact_hex(name))]))
    }

    fn one_time_key(&self) -> SigningKey {
        SigningKey::from_seed(&[self.keys.fetch_add(1, Ordering::Relaxed); 32])
    }

    /// A token of a job for this key.
    fn token(&self, job: &Job, key: &SigningKey) -> String {
        self.issuer.token(&claims(job), &format!("custody:{ORIGIN}:{}", key.id()))
    }

    /// Records what a job says: signed with a key of its own, and shown with a token that names it.
    fn record(&self, job: &Job, statement: &Value) -> Result<RecordResponse, Refusal> {
        let key = self.one_time_key();
        let token = self.token(job, &key);
        self.show(&envelope(statement, &[&key]), &token, &key)
    }

    fn show(&self, envelope: &[u8], token: &str, key: &SigningKey) -> Result<RecordResponse, Refusal> {
        self.caller.record_through("Record", envelope, Some(credential(token, key)))
    }

    fn recorded(&self, job: &Job, statement: &Value) -> u64 {
        self.record(job, statement).unwrap_or_else(|refusal| panic!("{}", refusal.message())).index
    }

    fn shown(&self, index: u64) -> Value {
        self.place.shown(index)
    }

    fn is_sound(&self) {
        assert!(self.place.run(&["audit"]).starts_with("sound"));
    }
}

/// What the issuer says of a job.
fn claims(job: &Job) -> Claims {
    let owner = job.repository.split('/').next().unwrap();
    let file = format!("{}/.github/workflows/{}@{}", job.repository, job.workflow, job.reference);
    Claims::of(System::GitHub)
        .with("repository", job.repository.as_str())
        .with("repository_id", job.id.as_str())
        .with("repository_owner", owner)
        .with("workflow_ref", file.as_str())
        .with("job_workflow_ref", file.as_str())
        .with("ref", job.reference.as_str())
        .with("sha", job.commit.as_str())
        .with("run_id", job.run.to_string())
}

/// Another scan of the same.
fn scanned_again(name: &str, day: u32) -> Value {
    let mut again = scan(&[name]);
    again["predicate"]["metadata"]["scanFinishedOn"] = format!("2026-11-{day}T10:00:00Z").into();
    again
}

fn refused(answer: Result<RecordResponse, Refusal>, word: &str, what: &str) {
    let found =
        answer.map_or_else(|refusal| refusal.word().to_owned(), |answer| format!("entry {}", answer.index));
    assert_eq!(found, word, "{what}");
}

#[test]
fn only_the_release_workflow_on_main_may_record_builds_with_a_token() {
    let mut company = Company::new();
    let release = format!("{}/acme/api/.github/workflows/release.yml@refs/heads/main", company.host());
    let rule = [("source_repository_identifier", "42"), ("build_config_uri", release.as_str())];
    company.allow("api", PROVENANCE, &rule, &["--bound"]);
    let job = Job::release("acme/api", "42");
    let index = company.recorded(&job, &company.built(&job, "api.tar.gz"));
    let shown = company.shown(index);
    assert_eq!((&shown["binding"], &shown["check"]), (&json!("bound"), &json!("verified")));
    let name = shown["identity"]["name"].as_str().unwrap();
    assert_eq!(name, format!("{}#{release}", company.issuer.url()));

    let other = |change: &dyn Fn(&mut Job)| {
        let mut other = job.clone();
        change(&mut other);
        other
    };
    for (what, other) in [
        ("another workflow", other(&|job| job.workflow = "test.yml".to_owned())),
        ("another branch", other(&|job| job.reference = "refs/heads/feature".to_owned())),
        ("a branch whose name goes on", other(&|job| job.reference = "refs/heads/main-2".to_owned())),
        ("a tag", other(&|job| job.reference = "refs/tags/main".to_owned())),
        ("a fork", Job::release("mallory/api", "666")),
        ("a repository whose name goes on", Job::release("acme/api-evil", "667")),
        ("who took the repository's name", other(&|job| job.id = "43".to_owned())),
        ("the same file in capitals", other(&|job| job.repository = "ACME/api".to_owned())),
    ] {
        let answer = company.record(&other, &company.built(&other, "evil.tar.gz"));
        refused(answer, "identity_not_allowed", what);
        let answer = company.record(&other, &company.built(&job, "evil.tar.gz"));
        refused(answer, "identity_not_allowed", what);
    }
    let commit = "/predicate/buildDefinition/resolvedDependencies";
    let mut two_commits = company.built(&job, "evil.tar.gz");
    let mut reviewed = two_commits.pointer(commit).unwrap()[0].clone();
    reviewed["digest"]["gitCommit"] = "e".repeat(40).into();
    two_commits.pointer_mut(commit).unwrap().as_array_mut().unwrap().push(reviewed);
    let mut silent = company.built(&job, "evil.tar.gz");
    silent["predicate"]["buildDefinition"]["externalParameters"] = json!({});
    silent["predicate"]["buildDefinition"]["resolvedDependencies"] = json!([]);
    for (what, statement) in [
        ("another repository", company.built(&other(&|job| job.repository = "acme/web".to_owned()), "e")),
        ("the same name elsewhere", job.provenance(&[("e", &artifact_hex("e"))])),
        ("another commit", company.built(&other(&|job| job.commit = "f".repeat(40)), "e")),
        ("another commit beside its own", two_commits),
        ("another run", company.built(&other(&|job| job.run = 1), "e")),
        ("no repository", silent),
    ] {
        refused(company.record(&job, &statement), "not_bound", what);
    }
    refused(company.record(&job, &scan(&["api.tar.gz"])), "identity_not_allowed", "another type");
    company.is_sound();
}

#[test]
fn nobodys_laptop_may_record_builds_whatever_token_it_has() {
    let mut company = Company::new();
    // The key of the log's first writer may record scans alone, once its rule says so.
    let key = company.place.ledger.home().join("writer.pem");
    std::fs::write(&key, company.place.ledger.writers[0].public().to_pem()).unwrap();
    let listed = company.place.run(&["trust", "show", "-o", "json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let first = listed["document"]["writers"][0]["name"].as_str().unwrap().to_owned();
    let writer = format!("laptop={}", key.to_str().unwrap());
    company.place.trust(&["--remove-writer", &first, "--add-writer", &writer, "--writer-predicate", SCAN]);
    let rule = [("source_repository_identifier", "42")];
    company.allow("release", PROVENANCE, &rule, &["--bound"]);
    let fixed = format!("pipeline={}", company.fixed.url());
    company.allow_of(&fixed, PROVENANCE, &rule, &[]);
    let laptop = SigningKey::from_seed(&[1; 32]);
    let job = Job::release("acme/api", "42");
    let build = company.built(&job, "api.tar.gz");

    let bare =
        |statement: &Value| company.caller.record_through("Record", &envelope(statement, &[&laptop]), None);
    refused(bare(&build), "key_not_allowed", "a build without a token");
    assert!(bare(&scan(&["api.tar.gz"])).is_ok(), "a scan");
    // A token that was read in the job's log names the job's key, and this machine does not have it.
    let own = company.one_time_key();
    let token = company.token(&job, &own);
    let signed = envelope(&build, &[&laptop]);
    refused(company.show(&signed, &token, &laptop), "token_audience", "a token that names another key");
    refused(company.show(&signed, &token, &own), "token_not_bound", "shown for a key that did not sign");
    // An own repository gives a token that names the laptop's key, and no right.
    let mine = company.token(&Job::release("mallory/api", "666"), &laptop);
    refused(company.show(&signed, &mine, &laptop), "identity_not_allowed", "an own token");
    // A token that names no key belongs to the job that used it.
    let given = company.fixed.token(&claims(&job), FIXED);
    assert!(company.show(&envelope(&build, &[&own]), &given, &own).is_ok(), "the job itself");
    let other = company.built(&job, "other.tar.gz");
    let signed = envelope(&other, &[&laptop]);
    refused(company.show(&signed, &given, &laptop), "token_reused", "the job's token");
    assert!(company.show(&envelope(&other, &[&own]), &given, &own).is_ok(), "the job goes on");
    company.is_sound();
}

/// A file that both run gives both one name.
#[test]
fn who_says_first_what_another_repository_is_about_to_say_takes_its_entry_from_nobody() {
    let mut company = Company::new();
    company.allow("scans", SCAN, &[("source_repository_owner_identifier", "654321")], &[]);
    let shared = "acme/shared/.github/workflows/scan.yml@refs/heads/main";
    let (a, b) = (Job::release("acme/api", "42"), Job::release("acme/web", "43"));
    let said = |job: &Job| {
        let key = company.one_time_key();
        let audience = format!("custody:{ORIGIN}:{}", key.id());
        let token = company.issuer.token(&claims(job).with("job_workflow_ref", shared), &audience);
        company.show(&envelope(&scan(&["web"]), &[&key]), &token, &key).unwrap()
    };
    let (first, second, again) = (said(&a), said(&b), said(&b));
    assert_eq!((first.duplicate, second.duplicate, again.duplicate), (false, false, true));
    let of = |index: u64| company.shown(index)["record"]["submitter"]["source_repository_identifier"].clone();
    assert_eq!((of(first.index), of(second.index)), (json!("42"), json!("43")));
    company.is_sound();
}

#[test]
fn a_team_cannot_attach_a_clean_scan_to_the_image_of_another_with_its_token() {
    let mut company = Company::new();
    let (a, b) = (Job::release("acme/api", "42"), Job::release("acme/web", "43"));
    for (name, id) in [("a", "42"), ("b", "43")] {
        let rule = [("source_repository_identifier", id)];
        company.allow(&format!("{name}-builds"), PROVENANCE, &rule, &["--bound"]);
        company.allow(&format!("{name}-scans"), SCAN, &rule, &["--own-builds"]);
    }
    refused(company.record(&a, &scan(&["api"])), "not_own_build", "a scan before the build");
    let build_a = company.recorded(&a, &company.built(&a, "api"));
    let build_b = company.recorded(&b, &company.built(&b, "web"));
    let scan_a = company.recorded(&a, &scan(&["api"]));
    let shown = company.shown(scan_a);
    assert_eq!((&shown["check"], &shown["signers"][0]["builds"]), (&json!("verified"), &json!([build_a])));

    let mut beside = scan(&["api"]);
    beside["subject"][0]["digest"]["sha512"] = "ab".repeat(64).into();
    let renamed = Job { id: "43".to_owned(), ..a.clone() };
    for (what, job, statement) in [
        ("another team's image", &a, scan(&["web"])),
        ("another team's image behind an own one", &a, scan(&["api", "web"])),
        ("another digest beside an own one", &a, beside),
        ("the same name with another id", &renamed, scanned_again("api", 19)),
    ] {
        refused(company.record(job, &statement), "not_own_build", what);
    }
    // What the other team signed, shown with an own token that names its key: the signature holds, and the right is missing.
    let (key_b, scan_b) = (company.one_time_key(), scan(&["web"]));
    let signed = envelope(&scan_b, &[&key_b]);
    refused(
        company.show(&signed, &company.token(&a, &key_b), &key_b),
        "not_own_build",
        "another team's word",
    );
    assert!(company.show(&signed, &company.token(&b, &key_b), &key_b).is_ok(), "their own");
    // Two signatures, of which one may not: it counts for nothing, and takes the other one's right from nobody.
    let (key_a, key_b) = (company.one_time_key(), company.one_time_key());
    let both = envelope(&scanned_again("web", 20), &[&key_a, &key_b]);
    refused(company.show(&both, &company.token(&a, &key_a), &key_a), "not_own_build", "both signed");
    let counted = company.show(&both, &company.token(&b, &key_b), &key_b).unwrap().index;
    let statuses = company.shown(counted)["record"]["signers"].clone();
    let statuses: Vec<&Value> = statuses.as_array().unwrap().iter().map(|signer| &signer["status"]).collect();
    assert_eq!(statuses, ["unverified", "verified"]);

    refused(company.record(&a, &company.built(&b, "web")), "not_bound", "another team's build");
    let false_build = company.recorded(&a, &company.built(&a, "web"));
    for (what, job) in [("the other team", &b), ("who said so", &a)] {
        refused(company.record(job, &scanned_again("web", 21)), "disputed_build", what);
    }
    let file = format!("{}/acme/api/.github/workflows/release.yml@refs/heads/main", company.host());
    let liar = format!("{}#{file}", company.issuer.url());
    let since = format!("index:{false_build}");
    company.place.run(&["distrust", &liar, "--since", &since, "--reason", "it claims the builds of others"]);
    company.recorded(&b, &scanned_again("web", 22));
    refused(company.record(&a, &scanned_again("api", 23)), "distrusted", "who is distrusted");
    assert!(build_b < false_build);
    assert!(company.place.run(&["audit", "--from-scratch"]).starts_with("sound"));
}
