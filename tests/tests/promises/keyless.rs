//! A CI job needs no stored secret: its identity token and a one-time key record what a rule lets it record.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use custody_tests::certificates::Authority;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, payload};
use custody_tests::issuer::{Algorithm, Behaviour, Issuer, Job, System, TOKEN};
use custody_tests::server::{Ended, Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

use crate::readers::House;

type Variables = Vec<(String, String)>;

/// The audience that the trust document gives issuers whose jobs cannot choose one.
const FIXED: &str = "custody:example.com/tests";

/// A log that lets the jobs of one repository record, and a user of it without a key.
struct Desk {
    issuer: Issuer,
    ledger: Ledger,
    /// None once it was stopped.
    server: Option<Server>,
    pin: String,
    user: User,
}

impl Desk {
    /// `kind` is the issuer's; with `fixed` its tokens have one audience, with `pinned` its keys are in the trust document.
    fn new(kind: &str, claims: &Value, fixed: bool, pinned: bool) -> Self {
        Self::of(Issuer::start(Algorithm::Rs256), kind, claims, fixed, pinned)
    }

    fn of(issuer: Issuer, kind: &str, claims: &Value, fixed: bool, pinned: bool) -> Self {
        let ledger = Ledger::new(1);
        let server = ledger.serve();
        let mut listed = json!({"url": issuer.url(), "kind": kind});
        if fixed {
            listed["audience"] = json!(FIXED);
        }
        if pinned {
            listed["jwks"] = issuer.jwks();
        }
        let rule = json!({
            "name": "release", "identities": [{"issuer": issuer.url(), "claims": claims}], "predicates": ["*"],
            "about": "anything", "authority": "own",
        });
        change_trust(&ledger, &Caller::of(&server), |trust| {
            trust["issuers"] = json!([listed]);
            trust["writers"].as_array_mut().unwrap().push(rule);
        });
        let user = User::new();
        let pin = Caller::of(&server).pin();
        let ended = user.custody(&["init", "--server", &server.url(), "--trust", &pin]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        user.file("app.tar.gz", "the app");
        Self { issuer, ledger, server: Some(server), pin, user }
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("it runs")
    }

    fn stop(&mut self) {
        self.server.take().expect("it runs").stop();
    }

    fn github(pinned: bool) -> Self {
        Self::new("github", &json!({"source_repository_identifier": ["123456"]}), false, pinned)
    }

    fn gitlab(pinned: bool) -> Self {
        Self::new("gitlab", &json!({"source_repository_identifier": ["77"]}), true, pinned)
    }

    /// The variables of a job of GitHub's that may ask for a token.
    fn github_job(&self, job: &Job) -> Variables {
        let mut variables = pairs(&[
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "acme/api"),
            ("GITHUB_SHA", custody_tests::issuer::COMMIT),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_RUN_ID", "4711"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_WORKFLOW_REF", "acme/api/.github/workflows/release.yml@refs/heads/main"),
        ]);
        let server = self.issuer.url().replace("http://", "https://");
        variables.push(("GITHUB_SERVER_URL".to_owned(), server));
        variables.extend(self.issuer.github_variables(job));
        variables
    }

    fn record(&self, variables: &Variables, subject: &str, more: &[&str]) -> Ended {
        let file = format!("{}.json", subject.replace('/', "-"));
        self.user.file(&file, json!({"about": subject}).to_string());
        self.user.file(subject, subject);
        let mut words = vec!["record", "generic", "--type", "https://example.com/x/v1", "--predicate", &file];
        words.extend(["--subject", subject]);
        words.extend(more);
        self.user.custody_in(variables, &words)
    }

    /// Records, and returns the document that is printed.
    fn recorded(&self, variables: &Variables, subject: &str) -> Value {
        let ended = self.record(variables, subject, &["-o", "json"]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        serde_json::from_str(&ended.stdout).unwrap()
    }
}

fn gitlab_job(token: &str) -> Variables {
    pairs(&[("CI", "true"), ("GITLAB_CI", "true"), ("CUSTODY_ID_TOKEN", token)])
}

fn pairs(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Records the next trust document, changed.
fn change_trust(ledger: &Ledger, caller: &Caller, change: impl FnOnce(&mut Value)) {
    let newest = (0..caller.tree().0)
        .map(|index| payload(&caller.envelope(index)))
        .rfind(|statement| statement["predicateType"] == "urn:custody:trust:v1");
    let mut statement = newest.expect("a log begins with a trust document");
    let version = statement["predicate"]["version"].as_u64().unwrap();
    statement["predicate"]["version"] = json!(version + 1);
    change(&mut statement["predicate"]);
    caller.record(&envelope(&statement, &[&ledger.admin])).expect("an administrator may change the rules");
}

/// A program of a CI system, which says what it was called with and gives this token.
fn program(user: &User, name: &str, script: &str) -> Variables {
    let bin = user.home().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let path = bin.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    pairs(&[("PATH", &format!("{}:{}", bin.display(), search_path()))])
}

fn search_path() -> String {
    std::env::var_os("PATH").unwrap().into_string().unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found
}

#[test]
fn a_job_of_github_records_with_no_key_at_all() {
    let desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let ended = desk.record(&job, "app-a", &[]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let name = "acme/api/.github/workflows/release.yml@refs/heads/main";
    assert!(ended.stdout.contains(name) && ended.stdout.contains("recorded  "), "{}", ended.stdout);
    assert!(ended.stderr.contains("records as repo:acme/api:ref:refs/heads/main"), "{}", ended.stderr);
    let audience = desk.issuer.audiences().pop().unwrap();
    let key = audience.strip_prefix("custody:example.com/tests:").expect("log and key are named");
    assert_eq!(key.len(), 64, "{audience}");
    // Each command has a key of its own, in memory.
    desk.recorded(&job, "app-b");
    let audiences = desk.issuer.audiences();
    assert!(audiences.len() == 2 && audiences[0] != audiences[1], "{audiences:?}");
    assert!(!desk.user.home().join(".local/state/custody/one-time").exists());
}

#[test]
fn the_right_to_ask_goes_over_tls_to_who_has_a_certificate_that_the_machine_trusts() {
    let authority = Authority::new("of the machine");
    let issuer = Issuer::inside_tls(Algorithm::Rs256, &authority);
    let desk = Desk::of(issuer, "github", &json!({"source_repository_identifier": ["123456"]}), false, true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let refused = desk.record(&job, "app-a", &[]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(refused.stderr.contains("cannot ask localhost for an identity token"), "{}", refused.stderr);
    assert_eq!(desk.issuer.asked(TOKEN), 0, "nothing was said to it");
    let roots = desk.user.file("roots.pem", authority.pem());
    let trusting = [job, pairs(&[("SSL_CERT_FILE", roots.to_str().unwrap())])].concat();
    desk.recorded(&trusting, "app-b");
}

#[test]
fn a_step_that_runs_again_gets_the_entry_of_the_first_run() {
    let desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let first = desk.recorded(&job, "app-a");
    let again = desk.recorded(&job, "app-a");
    assert_eq!((&again["duplicate"], &again["index"]), (&json!(true), &first["index"]));
    let ended = desk.user.custody(&["audit"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_build_is_bound_to_the_job_that_made_it_and_a_wrong_claim_is_a_conflict() {
    let desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let build = |subject: &str, more: &[&str]| {
        desk.user.file(subject, subject);
        let mut words = vec!["record", "build", "--artifact", subject, "-o", "json"];
        words.extend(more);
        let ended = desk.user.custody_in(&job, &words);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let index = serde_json::from_str::<Value>(&ended.stdout).unwrap()["index"].clone();
        let (_, shown) = desk.user.json(&["show", &format!("index:{index}")]);
        shown["record"]["binding"].clone()
    };
    assert_eq!(build("app-a", &[]), "bound");
    let other = "0123456789012345678901234567890123456789";
    assert_eq!(build("app-b", &["--commit", other]), "conflict");
}

#[test]
fn a_job_without_the_permission_is_told_what_to_write() {
    let desk = Desk::github(true);
    let job: Variables = desk
        .github_job(&Job::of(System::GitHub))
        .into_iter()
        .filter(|(name, _)| !name.starts_with("ACTIONS_ID_TOKEN"))
        .collect();
    let ended = desk.record(&job, "app-a", &[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for part in ["no key to sign with", "GitHub Actions gives this job no identity token", "id-token: write"]
    {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let gitlab = desk.record(&pairs(&[("CI", "true"), ("GITLAB_CI", "true")]), "app-a", &[]);
    assert!(
        gitlab.code == Some(2) && gitlab.stderr.contains("id_tokens: {CUSTODY_ID_TOKEN"),
        "{}",
        gitlab.stderr
    );
    let nobody = desk.record(&Vec::new(), "app-a", &[]);
    assert!(
        nobody.stderr.contains("hint: make one: custody key new"),
        "outside of CI as ever: {}",
        nobody.stderr
    );
    assert!(!nobody.stderr.contains("token"), "{}", nobody.stderr);
}

#[test]
fn a_key_that_is_named_wins_and_the_job_is_not_asked() {
    let desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let key = desk.ledger.writer_key_file(0);
    let ended = desk.record(&job, "app-a", &["--key", key.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(desk.issuer.asked(TOKEN), 0);
    let both = desk.record(&job, "app-b", &["--key", "x", "--id-token-file", "y"]);
    assert_eq!(both.code, Some(2), "{}", both.stderr);
    // A stored key that nobody named does not.
    let stored = desk.user.custody(&["key", "new"]);
    assert_eq!(stored.code, Some(0));
    assert!(!desk.recorded(&job, "app-c")["identity"].is_null());
}

#[test]
fn what_a_one_time_key_signs_is_never_spooled() {
    let mut desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let ended = desk.record(&job, "app-a", &["--spool=waits"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("--spool cannot keep what a one-time key signs"), "{}", ended.stderr);
    assert_eq!((desk.issuer.asked(TOKEN), desk.user.home().join("waits").exists()), (0, false));
    desk.stop();
    let away = desk.record(&job, "app-a", &["--retry-for", "100ms", "--timeout", "1s"]);
    assert_eq!(away.code, Some(3), "{}", away.stderr);
    assert_eq!(desk.issuer.asked(TOKEN), 0, "the log is asked first");
}

#[test]
fn all_commands_of_a_gitlab_job_sign_with_one_key_and_a_thief_of_the_token_with_none() {
    let desk = Desk::gitlab(true);
    let token = desk.issuer.token(&Job::of(System::GitLab), FIXED);
    let job = gitlab_job(&token);
    desk.recorded(&job, "app-a");
    desk.recorded(&job, "app-b");
    let folder = desk.user.home().join(".local/state/custody/one-time");
    let keys = files(&folder);
    let [key] = keys.as_slice() else { panic!("one key: {keys:?}") };
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    // Somewhere else, the same token is of no use.
    let thief = User::new();
    let ended = thief.custody(&["init", "--server", &desk.server().url(), "--trust", &desk.pin]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (file, app) = (thief.file("p.json", "{}"), thief.file("app-c", "app-c"));
    let words = ["record", "generic", "--type", "https://example.com/x/v1", "--predicate"];
    let words: Vec<&str> =
        words.into_iter().chain([file.to_str().unwrap(), "--subject", app.to_str().unwrap()]).collect();
    let stolen = thief.custody_in(&job, &words);
    assert_eq!(stolen.code, Some(1), "{}", stolen.stderr);
    assert!(
        stolen.stderr.contains("first one kept") && stolen.stderr.contains("has it"),
        "{}",
        stolen.stderr
    );
    // The next job has another token, and another key.
    desk.recorded(&gitlab_job(&desk.issuer.token(&Job::of(System::GitLab), FIXED)), "app-d");
    assert_eq!(files(&folder).len(), 2);
}

#[test]
fn a_token_may_be_in_a_file_that_is_named() {
    let desk = Desk::gitlab(true);
    let token = desk.issuer.token(&Job::of(System::GitLab), FIXED);
    desk.user.file("token", format!("{token}\n"));
    let ended = desk.record(&Vec::new(), "app-a", &["--id-token-file", "token"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let set = desk.record(&pairs(&[("CUSTODY_ID_TOKEN_FILE", "token")]), "app-b", &[]);
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    let none = desk.record(&Vec::new(), "app-c", &["--id-token-file", "absent"]);
    assert!(
        none.code == Some(2) && none.stderr.contains("cannot read the identity token in absent"),
        "{}",
        none.stderr
    );
}

#[test]
fn buildkite_and_circleci_are_asked_by_their_programs() {
    let claims = json!({"source_repository_owner_uri": ["https://buildkite.com/acme"]});
    let desk = Desk::new("buildkite", &claims, false, true);
    // The program cannot sign, so the token for the audience it is called with is laid out: with a fixed audience.
    change_trust(&desk.ledger, &Caller::of(desk.server()), |trust| {
        trust["issuers"][0]["audience"] = json!(FIXED);
    });
    let token = desk.issuer.token(&Job::of(System::Buildkite), FIXED);
    desk.user.file("token", &token);
    let path = program(&desk.user, "buildkite-agent", "echo \"$@\" >> \"$HOME/called\"; cat \"$HOME/token\"");
    let job = [pairs(&[("CI", "true"), ("BUILDKITE", "true")]), path].concat();
    desk.recorded(&job, "app-a");
    let called = fs::read_to_string(desk.user.home().join("called")).unwrap();
    assert!(called.starts_with("oidc request-token --audience custody:example.com/tests"), "{called}");
    let fails = program(&desk.user, "buildkite-agent", "echo 'error: not today' >&2; exit 3");
    let job = [pairs(&[("CI", "true"), ("BUILDKITE", "true")]), fails].concat();
    let failed = desk.record(&job, "app-b", &[]);
    assert!(failed.code == Some(2) && failed.stderr.contains("not today"), "{}", failed.stderr);

    let claims = json!({"source_repository_identifier": ["1cd2bc4c-7c9d-4c2d-8b3c-2c3d4e5f6071"]});
    let desk = Desk::new("circleci", &claims, true, true);
    let token = desk.issuer.token(&Job::of(System::CircleCi), FIXED);
    desk.user.file("token", &token);
    let path = program(&desk.user, "circleci", "echo \"$@\" >> \"$HOME/called\"; cat \"$HOME/token\"");
    let job = [pairs(&[("CI", "true"), ("CIRCLECI", "true")]), path].concat();
    desk.recorded(&job, "app-a");
    let called = fs::read_to_string(desk.user.home().join("called")).unwrap();
    assert!(called.starts_with("run oidc get --claims {\"aud\":\"custody:example.com/tests"), "{called}");
    // Where the program is not there, the token that each job has is taken.
    let held = pairs(&[("CI", "true"), ("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", &token)]);
    desk.recorded(&held, "app-b");
    let none = desk.record(&pairs(&[("CI", "true"), ("CIRCLECI", "true")]), "app-c", &[]);
    assert!(
        none.code == Some(2) && none.stderr.contains("circleci is not on this machine's PATH"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_token_that_the_log_will_not_take_is_told_before_anything_is_sent() {
    let desk = Desk::gitlab(true);
    let size = || Caller::of(desk.server()).tree().0;
    let before = size();
    let other = Issuer::start(Algorithm::EdDsa);
    let foreign = other.token(&Job::of(System::GitLab), FIXED);
    let ended = desk.record(&gitlab_job(&foreign), "app-a", &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    for part in ["expected the issuer", &desk.issuer.url(), &other.url(), "--add-issuer"] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let audience = desk.issuer.token(&Job::of(System::GitLab), "https://vault.example.com");
    let ended = desk.record(&gitlab_job(&audience), "app-a", &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    for part in [FIXED, "found \"https://vault.example.com\""] {
        assert!(ended.stderr.contains(part), "{part}: {}", ended.stderr);
    }
    let broken = desk.record(&gitlab_job("no token at all"), "app-a", &[]);
    assert!(broken.code == Some(2) && !broken.stderr.contains("at all"), "{}", broken.stderr);
    assert_eq!(size(), before);
}

#[test]
fn what_the_rule_does_not_let_is_refused_with_what_to_do() {
    let desk = Desk::github(true);
    let other = Job::of(System::GitHub).with("repository_id", "999").with("repository", "mallory/api");
    let ended = desk.record(&desk.github_job(&other), "app-a", &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("custody trust propose --add-identity"), "{}", ended.stderr);
    let stranger = Job::of(System::GitHub).with("event_name", "pull_request_target");
    let ended = desk.record(&desk.github_job(&stranger), "app-a", &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("after the merge"), "{}", ended.stderr);
}

#[test]
fn an_issuer_that_does_not_answer_is_an_outage_and_no_refusal() {
    let desk = Desk::github(true);
    desk.issuer.behave(TOKEN, Behaviour::Status(503));
    let ended = desk.record(&desk.github_job(&Job::of(System::GitHub)), "app-a", &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("HTTP status 503"), "{}", ended.stderr);
}

#[test]
fn a_token_is_in_no_output_no_file_and_no_command_line() {
    let desk = Desk::gitlab(true);
    let token = desk.issuer.token(&Job::of(System::GitLab), FIXED);
    let job = gitlab_job(&token);
    let parts: Vec<&str> = token.split('.').collect();
    let mut said = String::new();
    for (subject, more) in [
        ("app-a", &["-o", "json"][..]),
        ("app-b", &[]),
        ("app-c", &["--dry-run"]),
        ("app-d", &["--dry-run", "-o", "json"]),
    ] {
        let ended = desk.record(&job, subject, more);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        said += &(ended.stdout + &ended.stderr);
    }
    // In a file that the search below must not find.
    let elsewhere = User::new();
    let held = elsewhere.file("held.jwt", &token).display().to_string();
    let inspected = desk.user.custody(&["inspect", &held]);
    assert!(
        inspected.code == Some(3) && inspected.stdout.contains("project_path:acme/api"),
        "{}",
        inspected.stdout
    );
    said += &(inspected.stdout + &inspected.stderr);
    let sent = desk.user.custody(&["record", "envelope", &held]);
    assert!(
        sent.code == Some(2) && sent.stderr.contains("an identity token, not an envelope"),
        "{}",
        sent.stderr
    );
    said += &(sent.stdout + &sent.stderr);
    for words in [&["config"][..], &["find", "--subject", "app-a"], &["audit"]] {
        let ended = desk.user.custody_in(&job, words);
        said += &(ended.stdout + &ended.stderr);
    }
    for bad in [&["--spool"][..], &["--type", "no uri"], &["--retry-for", "never"]] {
        let ended = desk.record(&job, "app-e", bad);
        assert_ne!(ended.code, Some(0));
        said += &(ended.stdout + &ended.stderr);
    }
    said += &desk.server().said();
    for (part, what) in parts.iter().zip(["header", "claims", "signature"]) {
        assert!(
            what == "header" || !said.contains(part),
            "the {what} of the token is in what was said:\n{said}"
        );
        for file in files(desk.user.home()) {
            let bytes = fs::read(&file).unwrap();
            let held = bytes.windows(part.len()).any(|some| some == part.as_bytes());
            assert!(what == "header" || !held, "the {what} of the token is in {}", file.display());
        }
    }
}

#[test]
fn a_dry_run_asks_for_no_token() {
    let desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    for more in [&["--dry-run"][..], &["--dry-run", "-o", "json"]] {
        let ended = desk.record(&job, "app-a", more);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
    assert_eq!(desk.issuer.asked(TOKEN), 0);
}

#[test]
fn a_statement_that_names_its_author_needs_a_name_in_a_job() {
    let desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let ended =
        desk.user.custody_in(&job, &["record", "approval", "--for", "prod", "--subject", "app.tar.gz"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("--approver"), "{}", ended.stderr);
    let named = ["record", "approval", "--for", "prod", "--subject", "app.tar.gz", "--approver", "alice"];
    assert_eq!(desk.user.custody_in(&job, &named).code, Some(0));
}

#[test]
fn distrust_of_an_identity_ends_its_recording() {
    let desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    let identity = desk.recorded(&job, "app-a")["identity"]["name"].as_str().unwrap().to_owned();
    let admin = desk.ledger.home().join("admin.key");
    let words = [
        "distrust",
        &identity,
        "--since",
        "index:1",
        "--reason",
        "stolen runner",
        "--key",
        admin.to_str().unwrap(),
    ];
    let ended = desk.user.custody(&words);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let refused = desk.record(&job, "app-b", &[]);
    assert!(refused.code == Some(1) && refused.stderr.contains("distrusted"), "{}", refused.stderr);
    let (_, found) = desk.user.json(&["find", "--subject", "app-a"]);
    assert_eq!(found["entries"][0]["check"], "distrusted", "{found}");
}

/// Asks until the token is served.
fn shown_with_token(desk: &Desk, index: &str) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let (code, shown) = desk.user.json(&["show", index, "--save", "kept"]);
        assert_eq!(code, Some(0), "{shown}");
        match shown["identity"]["token"].as_str() {
            Some("not_yet") => std::thread::sleep(std::time::Duration::from_millis(200)),
            _ => return shown,
        }
        assert!(begun.elapsed() < std::time::Duration::from_mins(2), "{shown}");
    }
}

/// Returns status and detail of the check of this name.
fn check(shown: &Value, name: &str) -> String {
    let row =
        shown["checks"].as_array().unwrap().iter().find(|row| row["name"] == name).expect("it was made");
    format!("{} {}", row["status"].as_str().unwrap(), row["detail"].as_str().unwrap())
}

#[test]
fn an_identity_is_verified_offline_where_the_keys_are_pinned_and_the_token_names_log_and_key() {
    let mut desk = Desk::github(true);
    let job = desk.github_job(&Job::of(System::GitHub));
    // A token of five minutes is not served yet, so the identity is the ledger's word.
    let fresh = desk.recorded(&job, "app-a");
    let (_, shown) = desk.user.json(&["show", &format!("index:{}", fresh["index"])]);
    assert_eq!(
        (&shown["identity"]["check"], &shown["identity"]["token"]),
        (&json!("asserted"), &json!("not_yet"))
    );
    assert!(check(&shown, "identity").starts_with("asserted"), "{}", check(&shown, "identity"));
    assert_eq!(shown["check"], "verified", "the signature is another matter");

    desk.issuer.shorten();
    let index = format!("index:{}", desk.recorded(&job, "app-b")["index"]);
    let shown = shown_with_token(&desk, &index);
    assert_eq!(shown["identity"]["check"], "verified", "{}", shown["identity"]);
    assert!(check(&shown, "identity").starts_with("verified"), "{}", check(&shown, "identity"));
    // A list says the same where its entries are verified, and no more than was checked.
    for (question, check, token) in [
        (&["find", "--subject", "app-b"][..], "verified", "verified"),
        (&["find", "--subject", "app-b", "--clean"], "verified", "verified"),
        (&["find", "--subject", "app-b", "--verify", "logged"], "asserted", "not_checked"),
    ] {
        let (_, found) = desk.user.json(question);
        let identity = &found["entries"][0]["identity"];
        assert_eq!((&identity["check"], &identity["token"]), (&json!(check), &json!(token)), "{found}");
    }
    desk.stop();

    let number = index.trim_start_matches("index:");
    let kept = |kind: &str| format!("kept/{number}.{kind}");
    let parts =
        [kept("receipt"), kept("record.json"), kept("envelope.json"), kept("token.jwt"), "app-b".to_owned()];
    let verify = |parts: &[String]| desk.user.custody(&[&["verify".to_owned()][..], parts].concat());
    let all = verify(&parts);
    assert_eq!(all.code, Some(0), "{}{}", all.stdout, all.stderr);
    assert!(
        all.stdout.contains("its token holds under the issuer's keys in the trust document"),
        "{}",
        all.stdout
    );
    let without = verify(&parts[..3]);
    assert_eq!(without.code, Some(0), "{}", without.stdout);
    assert!(without.stdout.contains("asserted by the ledger"), "{}", without.stdout);
    // Another token is not the one that the record names.
    desk.user.file("other.jwt", desk.issuer.token(&Job::of(System::GitHub), "x"));
    let other = verify(&[&parts[..3], &["other.jwt".to_owned()]].concat());
    assert_eq!(other.code, Some(3), "{}", other.stdout);
    assert!(other.stdout.contains("no admission record given names this token"), "{}", other.stdout);
}

#[test]
fn keys_that_the_ledger_fetched_make_an_identity_asserted_with_the_entry_to_compare() {
    let desk = Desk::github(false);
    desk.issuer.shorten();
    let job = desk.github_job(&Job::of(System::GitHub));
    let recorded = desk.recorded(&job, "app-a");
    let shown = shown_with_token(&desk, &format!("index:{}", recorded["index"]));
    let identity = &shown["identity"];
    assert_eq!(
        (&identity["check"], &identity["token"]),
        (&json!("asserted"), &json!("verified")),
        "{identity}"
    );
    let keys = identity["jwks"].as_u64().expect("the entry of the keys");
    let statement = payload(&Caller::of(desk.server()).envelope(keys));
    assert_eq!(statement["predicateType"], "urn:custody:jwks:v1");
    let published = desk.issuer.jwks();
    assert_eq!(statement["predicate"]["jwks"]["keys"][0]["n"], published["keys"][0]["n"]);
    assert!(check(&shown, "identity").contains(&format!("index:{keys}")), "{}", check(&shown, "identity"));
    let ended = desk.user.custody(&["audit"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn an_identity_by_first_use_is_never_called_verified() {
    let desk = Desk::gitlab(true);
    desk.issuer.shorten();
    let token = desk.issuer.token(&Job::of(System::GitLab), FIXED);
    let recorded = desk.recorded(&gitlab_job(&token), "app-a");
    let shown = shown_with_token(&desk, &format!("index:{}", recorded["index"]));
    let identity = &shown["identity"];
    assert_eq!(
        (&identity["check"], &identity["token"]),
        (&json!("asserted"), &json!("verified")),
        "{identity}"
    );
    assert!(check(&shown, "identity").contains("used the token first"), "{}", check(&shown, "identity"));
}

#[test]
fn a_job_that_may_not_read_the_log_records_all_the_same() {
    let house = House::with_writers(1);
    let issuer = Issuer::start(Algorithm::Rs256);
    let server = house.serve(None, &[]);
    let caller = house.caller(&server, None);
    let pin = caller.pin();
    let rule = json!({
        "name": "release", "predicates": ["*"], "about": "anything", "authority": "own",
        "identities": [{"issuer": issuer.url(), "claims": {"source_repository_identifier": ["123456"]}}],
    });
    change_trust(&house.ledger, &caller, |trust| {
        trust["issuers"] = json!([{"url": issuer.url(), "kind": "github", "jwks": issuer.jwks()}]);
        trust["writers"].as_array_mut().unwrap().push(rule);
    });
    server.stop();
    let server = house.serve(Some("uri:spiffe://example.com/nobody\n"), &[]);
    let user = User::new();
    let ca = user.file("ca.crt", house.servers.pem()).display().to_string();
    let settings = pairs(&[("CUSTODY_SERVER", &server.url()), ("CUSTODY_TRUST", &pin), ("CUSTODY_CA", &ca)]);
    let job = [issuer.github_variables(&Job::of(System::GitHub)), settings].concat();
    let job = [job, pairs(&[("CI", "true"), ("GITHUB_ACTIONS", "true")])].concat();
    user.file("app.tar.gz", "the app");
    user.file("p.json", "{}");
    let words = ["record", "generic", "--type", "https://example.com/x/v1", "--predicate", "p.json"];
    let words = [&words[..], &["--subject", "app.tar.gz", "--receipt", "app.tlog-proof"]].concat();
    for done in ["recorded  ", "recorded already  "] {
        let ended = user.custody_in(&job, &words);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.starts_with(done) && ended.stdout.contains("release.yml@"), "{}", ended.stdout);
        assert!(user.home().join("app.tlog-proof").exists());
    }
}

/// `CircleCI` gives each job a token that clouds take too. A log that nobody here may read does not say that it takes it.
#[test]
fn a_token_for_every_purpose_goes_to_no_log_that_does_not_say_it_takes_it() {
    let house = House::with_writers(1);
    let issuer = Issuer::start(Algorithm::Rs256);
    let organisation = "7ce1ab3b-6b8c-4b1c-9a2b-1b2c3d4e5f60";
    let server = house.serve(None, &[]);
    let caller = house.caller(&server, None);
    let pin = caller.pin();
    let project = "1cd2bc4c-7c9d-4c2d-8b3c-2c3d4e5f6071";
    let rule = json!({
        "name": "release", "predicates": ["*"], "about": "anything", "authority": "own",
        "identities": [{"issuer": issuer.url(), "claims": {"source_repository_identifier": [project]}}],
    });
    change_trust(&house.ledger, &caller, |trust| {
        trust["issuers"] = json!([{"url": issuer.url(), "kind": "circleci", "audience": organisation, "jwks": issuer.jwks()}]);
        trust["writers"].as_array_mut().unwrap().push(rule);
    });
    server.stop();
    let server = house.serve(Some("uri:spiffe://example.com/nobody\n"), &[]);
    let user = User::new();
    let ca = user.file("ca.crt", house.servers.pem()).display().to_string();
    let token = issuer.token(&Job::of(System::CircleCi), organisation);
    let job = pairs(&[
        ("CUSTODY_SERVER", &server.url()),
        ("CUSTODY_TRUST", &pin),
        ("CUSTODY_CA", &ca),
        ("CI", "true"),
        ("CIRCLECI", "true"),
        ("CIRCLE_OIDC_TOKEN_V2", &token),
    ]);
    user.file("app.tar.gz", "the app");
    user.file("p.json", "{}");
    let words = ["record", "generic", "--type", "https://example.com/x/v1", "--predicate", "p.json"];
    let words = [&words[..], &["--subject", "app.tar.gz"]].concat();
    let kept = user.custody_in(&job, &words);
    assert_eq!(kept.code, Some(1), "{}{}", kept.stdout, kept.stderr);
    for part in [organisation, "may not read which one the log takes", "nothing was sent", "CUSTODY_ID_TOKEN"]
    {
        assert!(kept.stderr.contains(part), "{part}: {}", kept.stderr);
    }
    let named = [job, pairs(&[("CUSTODY_ID_TOKEN", &token)])].concat();
    let sent = user.custody_in(&named, &words);
    assert_eq!(sent.code, Some(0), "{}{}", sent.stdout, sent.stderr);
    assert!(sent.stdout.starts_with("recorded  "), "it was not there before: {}", sent.stdout);
}

/// Returns a block of shell lines of docs/identity.md.
fn shell(name: &str) -> String {
    let text = custody_tests::workspace::read("docs/identity.md");
    let begin = format!("<!-- {name}:begin -->\n```sh\n");
    let block = text.split_once(&begin).expect("the document has this block").1;
    block.split_once("```\n").expect("the block ends").0.to_owned()
}

#[test]
fn the_lines_that_the_document_shows_work() {
    let issuer = Issuer::start(Algorithm::Rs256);
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let pin = Caller::of(&server).pin();
    let desk = Desk { pin, user: User::new(), issuer, ledger, server: Some(server) };
    let admin = fs::read(desk.ledger.home().join("admin.key")).unwrap();
    let key = desk.user.file("admin.pem", admin);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    desk.user.file("app.tar.gz", "the app");
    desk.user.file("app.cdx.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}"#);
    let ended = desk.user.custody(&["init", "--server", &desk.server().url(), "--trust", &desk.pin]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // This issuer stands in for GitHub's, and its host for github.com.
    let real = "https://token.actions.githubusercontent.com";
    let host = desk.issuer.url().replace("http://", "https://");
    let lines = shell("administrator")
        .replace(
            &format!("--add-issuer {real}"),
            &format!("--issuer-kind github --add-issuer {}", desk.issuer.url()),
        )
        .replace(real, &desk.issuer.url())
        .replace("https://github.com", &host);
    let run = |lines: &str, variables: &Variables| {
        let bin = custody_tests::binaries::Binaries::built().custody();
        let mut sh = std::process::Command::new("sh");
        sh.args(["-e", "-u", "-c", lines])
            .env_clear()
            .current_dir(desk.user.home())
            .env("HOME", desk.user.home());
        sh.env("PATH", format!("{}:{}", bin.parent().unwrap().display(), search_path()));
        sh.envs(variables.iter().map(|(name, value)| (name, value)));
        let ended = custody_tests::server::run(sh);
        assert_eq!(ended.code, Some(0), "{lines}\n{}{}", ended.stdout, ended.stderr);
        ended
    };
    let proposed = run(&lines, &Variables::new());
    assert!(
        proposed.stdout.contains("+ issuer") && proposed.stdout.contains("+ writer release"),
        "{}",
        proposed.stdout
    );
    let found = run(&shell("job"), &desk.github_job(&Job::of(System::GitHub)));
    assert!(found.stdout.contains("release.yml@refs/heads/main"), "{}", found.stdout);
    // The rule holds for the branch that it names.
    let topic = Job::of(System::GitHub)
        .with("workflow_ref", "acme/api/.github/workflows/release.yml@refs/heads/topic")
        .with("ref", "refs/heads/topic");
    let refused = desk.record(&desk.github_job(&topic), "topic", &[]);
    assert!(refused.code == Some(1) && refused.stderr.contains("--add-identity"), "{}", refused.stderr);
}

#[test]
fn an_administrator_lists_pins_replaces_and_removes_an_issuer() {
    let desk = Desk::github(false);
    let admin = desk.ledger.home().join("admin.key");
    let admin = admin.to_str().unwrap();
    let propose = |more: &[&str]| {
        let words = [&["trust", "propose", "--out", "next.json"][..], more].concat();
        desk.user.custody(&words)
    };
    let take = |more: &[&str]| {
        let proposed = propose(more);
        assert_eq!(proposed.code, Some(0), "{}", proposed.stderr);
        let signed = desk.user.custody(&["trust", "sign", "next.json", "--key", admin, "--yes"]);
        assert_eq!(signed.code, Some(0), "{}", signed.stderr);
        let recorded = desk.user.custody(&["record", "envelope", "next.json"]);
        assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
        proposed.stdout
    };
    let issuers = || desk.user.json(&["trust", "show"]).1["document"]["issuers"].clone();
    let url = desk.issuer.url();
    desk.user.file("keys.json", desk.issuer.jwks().to_string());
    let pinned = take(&["--add-issuer", &url, "--issuer-kind", "github", "--issuer-jwks", "keys.json"]);
    assert!(pinned.contains("- issuer") && pinned.contains("keys pinned: 1"), "{pinned}");
    assert_eq!(issuers()[0]["jwks"]["keys"][0]["n"], desk.issuer.jwks()["keys"][0]["n"]);
    let more = ["--issuer-audience", FIXED, "--issuer-algorithm", "ES256", "--issuer-algorithm", "EdDSA"];
    let more =
        [&more[..], &["--issuer-lifetime", "5m", "--issuer-claim", "env=prod", "--issuer-claim", "sub"]]
            .concat();
    let narrow = take(
        &[&["--add-issuer", url.as_str(), "--issuer-jwks-url", &desk.issuer.jwks_url()][..], &more].concat(),
    );
    assert!(narrow.contains("ES256 EdDSA, at most 300 s, env=prod, sub=anything"), "{narrow}");
    let listed = issuers();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "one of its URL is replaced: {listed}");
    assert_eq!(listed[0]["required_claims"], json!({"env": ["prod"], "sub": []}), "{listed}");
    let wrong: [(&[&str], &str); 6] = [
        (&["--add-issuer", "http://ci.example.com"], "https://"),
        (&["--add-issuer", &url, "--issuer-algorithm", "HS256"], "expected RS256"),
        (&["--add-issuer", &url, "--issuer-kind", "gitea"], "expected one of"),
        (&["--add-issuer", &url, "--issuer-lifetime", "48h"], "longest_lifetime_seconds"),
        (&["--issuer-audience", "x"], "--add-issuer"),
        (&["--add-identity", "x=https://other.example", "--claim", "token_subject=x"], "nobody vouches"),
    ];
    for (words, expected) in wrong {
        let ended = propose(words);
        assert!(ended.code != Some(0) && ended.stderr.contains(expected), "{words:?}: {}", ended.stderr);
    }
    let identity = format!("names={url}");
    let named = |claims: &[&str]| {
        let of_github =
            ["--add-issuer", url.as_str(), "--issuer-kind", "github", "--add-identity", &identity];
        let words = [&of_github[..], claims].concat();
        let ended = propose(&words);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stderr.contains("knows a repository by its name alone")
    };
    let uri = ["--claim", "source_repository_uri=https://github.com/acme/api"];
    assert!(named(&uri), "a name is given again");
    assert!(!named(&[&uri[..], &["--claim", "source_repository_identifier=123456"]].concat()));
    desk.user.file("none.json", "{\"keys\":[]}");
    let none = propose(&["--add-issuer", &url, "--issuer-jwks", "none.json"]);
    assert!(none.code == Some(2) && none.stderr.contains("no key that can check a token"), "{}", none.stderr);
    let gone = propose(&["--remove-issuer", "https://other.example"]);
    assert!(gone.code == Some(2) && gone.stderr.contains(&url), "{}", gone.stderr);
    let removed = take(&["--remove-issuer", &url]);
    assert!(removed.contains("- issuer"), "{removed}");
    let refused = desk.record(&desk.github_job(&Job::of(System::GitHub)), "app-a", &[]);
    assert!(
        refused.code == Some(1) && refused.stderr.contains("takes no identity tokens"),
        "{}",
        refused.stderr
    );
}
