//! Who may do what: every method of every service, by every kind of caller, as `docs/authorisation.md` says.
//!
//! The methods come from the `.proto` files and the answers from a running server, so a method that is new stands in the
//! table or fails the test; one that records without this file knowing how fails it too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use custody_evidence::key::SigningKey;
use custody_tests::certificates::{Authority, Issued, Wanted};
use custody_tests::evidence::{artifact_hex, envelope, payload, statement};
use custody_tests::issuer::{Algorithm, Issuer, Job, System};
use custody_tests::server::{Ledger, ORIGIN, Server};
use custody_tests::wire::{Caller, credential, word};
use custody_tests::workspace;
use custody_wire::v1::Credential;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::{Value, json};
use tonic::{Code, Status};

const READER: &str = "spiffe://example.com/ns/ci/sa/gate";
const FIXED: &str = "custody:example.com/tests";

/// What somebody sends to have it recorded.
struct Attempt {
    envelope: Vec<u8>,
    credential: Option<Credential>,
}

/// A log with every kind of rule, the issuers that it lists, and one that it does not.
struct House {
    ledger: Ledger,
    servers: Authority,
    clients: Authority,
    /// Its jobs choose the audience.
    github: Issuer,
    /// Its jobs have one audience.
    gitlab: Issuer,
    /// As the first one, with other algorithms; their keys are fetched.
    es256: Issuer,
    eddsa: Issuer,
    stranger: Issuer,
}

type Make = fn(&House, &Caller, &str) -> Attempt;

/// Every kind of caller who wants something recorded, in the order of the table. The last ones change what holds.
const CALLERS: [(&str, Make); 30] = [
    ("nobody: no signature by a known key, no token", |_, _, name| plain(name, &[&key_of("nobody")])),
    ("writer: a key that a rule names", |house, _, name| plain(name, &[&house.ledger.writers[0]])),
    ("writer, about what its rule does not hold", |house, _, name| plain(name, &[&house.ledger.writers[1]])),
    ("administrator, an ordinary statement", |house, _, name| plain(name, &[&house.ledger.admin])),
    ("job: the rule's repository and branch", |house, _, name| house.job(name, &job())),
    ("job of an issuer that signs with ES256", |house, _, name| job_of(&house.es256, name)),
    ("job of an issuer that signs with EdDSA", |house, _, name| job_of(&house.eddsa, name)),
    ("job with one audience for all (GitLab)", |house, _, name| {
        let key = key_of(name);
        let token = house.gitlab.token(&Job::of(System::GitLab), FIXED);
        with_token(name, &token, &key)
    }),
    ("that job's token again, with the same key", |house, caller, name| {
        let key = key_of(name);
        let token = house.gitlab.token(&Job::of(System::GitLab), FIXED);
        let first = with_token(&format!("{name} first"), &token, &key);
        caller.record_through("Record", &first.envelope, first.credential).expect("the first use");
        with_token(name, &token, &key)
    }),
    ("that job's token again, with another key", |house, caller, name| {
        let token = house.gitlab.token(&Job::of(System::GitLab), FIXED);
        let first = with_token(&format!("{name} first"), &token, &key_of("the job"));
        caller.record_through("Record", &first.envelope, first.credential).expect("the first use");
        with_token(name, &token, &key_of(name))
    }),
    ("job, no token but a text", |_, _, name| with_token(name, "no.token", &key_of(name))),
    ("job, token that is not valid yet", |house, _, name| {
        house.changed(name, |claims| {
            for claim in ["iat", "nbf", "exp"] {
                claims[claim] = json!(claims[claim].as_u64().unwrap() + 3600);
            }
        })
    }),
    ("job, token expired", |house, _, name| {
        house.changed(name, |claims| {
            for claim in ["iat", "nbf", "exp"] {
                claims[claim] = json!(claims[claim].as_u64().unwrap() - 3600);
            }
        })
    }),
    ("job, token that lives too long", |house, _, name| {
        house.changed(name, |claims| claims["exp"] = json!(claims["iat"].as_u64().unwrap() + 7200))
    }),
    ("job, token for another audience", |house, _, name| {
        house.changed(name, |claims| claims["aud"] = json!("sigstore"))
    }),
    ("job, token for another log", |house, _, name| {
        house.changed(name, |claims| {
            let audience = claims["aud"].as_str().unwrap().replace(ORIGIN, "example.com/other");
            claims["aud"] = json!(audience);
        })
    }),
    ("job, token for two audiences", |house, _, name| {
        house.changed(name, |claims| claims["aud"] = json!([claims["aud"], "sigstore"]))
    }),
    ("job, token that names another key", |house, _, name| {
        let token = house.github.token(&job(), &audience(&key_of("another key")));
        with_token(name, &token, &key_of(name))
    }),
    ("job, token shown for a key that did not sign", |house, _, name| {
        let token = house.github.token(&job(), &audience(&key_of(name)));
        let shown = credential(&token, &key_of(name));
        Attempt { credential: Some(shown), ..plain(name, &[&key_of("who signs")]) }
    }),
    ("job of an issuer that is not listed", |house, _, name| {
        let key = key_of(name);
        with_token(name, &house.stranger.token(&job(), &audience(&key)), &key)
    }),
    ("job, token signed with a key that the issuer does not publish", |house, _, name| {
        let key = key_of(name);
        let claims = house.github.claims(&job(), &audience(&key));
        with_token(name, &house.stranger.sign(&claims), &key)
    }),
    ("job, token signed in a way that is not listed for its issuer", |house, _, name| {
        let key = key_of(name);
        let claims = house.github.claims(&job(), &audience(&key));
        with_token(name, &house.eddsa.sign(&claims), &key)
    }),
    ("job, token with a signature that does not hold", |house, _, name| {
        let key = key_of(name);
        let claims = house.github.claims(&job(), &audience(&key));
        with_token(name, &house.stranger.sign_as(&house.github, &claims), &key)
    }),
    ("job of another repository", |house, _, name| {
        house.job(name, &job().with("repository", "acme/web").with("repository_id", "777"))
    }),
    ("job of another branch", |house, _, name| {
        let workflow = "acme/api/.github/workflows/release.yml@refs/heads/topic";
        house.job(name, &job().with("ref", "refs/heads/topic").with("workflow_ref", workflow))
    }),
    ("job of a fork", |house, _, name| {
        let fork = job().with("repository", "mallory/api").with("repository_id", "888");
        house.job(name, &fork.with("repository_owner", "mallory").with("repository_owner_id", "666"))
    }),
    ("job for a fork's change (pull_request_target)", |house, _, name| {
        house.job(name, &job().with("event_name", "pull_request_target"))
    }),
    ("administrator, the next trust document", |house, caller, _| {
        let statement = newest_trust(caller);
        Attempt { envelope: envelope(&statement, &[&house.ledger.admin]), credential: None }
    }),
    ("job whose rule was taken away meanwhile", |house, caller, name| {
        house.set_rule(caller, true);
        let attempt = house.job(name, &job());
        house.set_rule(caller, false);
        attempt
    }),
    ("job that is distrusted", |house, caller, name| {
        house.set_rule(caller, true);
        let attempt = house.job(name, &job());
        house.distrust(caller, name);
        attempt
    }),
];

/// The job that the rule is about.
fn job() -> Job {
    Job::of(System::GitHub)
}

fn job_of(issuer: &Issuer, name: &str) -> Attempt {
    let key = key_of(name);
    with_token(name, &issuer.token(&job(), &audience(&key)), &key)
}

fn plain(name: &str, keys: &[&SigningKey]) -> Attempt {
    Attempt { envelope: envelope(&statement(name), keys), credential: None }
}

fn with_token(name: &str, token: &str, key: &SigningKey) -> Attempt {
    Attempt { credential: Some(credential(token, key)), ..plain(name, &[key]) }
}

/// A one-time key for each name.
fn key_of(name: &str) -> SigningKey {
    let digest = artifact_hex(&format!("key of {name}"));
    let mut seed = [0; 32];
    seed.copy_from_slice(&digest.as_bytes()[..32]);
    SigningKey::from_seed(&seed)
}

fn audience(key: &SigningKey) -> String {
    format!("custody:{ORIGIN}:{}", key.id())
}

/// Returns the statement of the next trust document, which says the same as the newest.
fn newest_trust(caller: &Caller) -> Value {
    let mut documents = (0..caller.tree().0).map(|index| payload(&caller.envelope(index)));
    let newest = documents.rfind(|statement| statement["predicateType"] == "urn:custody:trust:v1");
    let mut statement = newest.expect("a log begins with a trust document");
    statement["predicate"]["version"] = json!(statement["predicate"]["version"].as_u64().unwrap() + 1);
    statement
}

impl House {
    fn new() -> Self {
        Self {
            ledger: Ledger::new(2),
            servers: Authority::new("servers"),
            clients: Authority::new("clients"),
            github: Issuer::start(Algorithm::Rs256),
            gitlab: Issuer::start(Algorithm::Rs256),
            es256: Issuer::start(Algorithm::Es256),
            eddsa: Issuer::start(Algorithm::EdDsa),
            stranger: Issuer::start(Algorithm::Rs256),
        }
    }

    fn job(&self, name: &str, job: &Job) -> Attempt {
        let key = key_of(name);
        with_token(name, &self.github.token(job, &audience(&key)), &key)
    }

    fn changed(&self, name: &str, change: impl FnOnce(&mut Value)) -> Attempt {
        let key = key_of(name);
        let mut claims = self.github.claims(&job(), &audience(&key));
        change(&mut claims);
        with_token(name, &self.github.sign(&claims), &key)
    }

    fn rule(&self) -> Value {
        let claims = json!({
            "source_repository_identifier": ["123456"], "source_repository_ref": ["refs/heads/main"],
        });
        json!({
            "name": "release", "identities": [{"issuer": self.github.url(), "claims": claims}],
            "predicates": ["*"], "about": "anything", "authority": "own",
        })
    }

    /// Lists the issuers, lets jobs in, and narrows the second writer.
    fn set_up(&self, caller: &Caller) {
        let mut statement = newest_trust(caller);
        let trust = &mut statement["predicate"];
        trust["issuers"] = json!([
            {"url": self.github.url(), "kind": "github", "jwks": self.github.jwks()},
            {"url": self.gitlab.url(), "kind": "gitlab", "audience": FIXED},
            {"url": self.es256.url(), "kind": "github", "algorithms": ["ES256"]},
            {"url": self.eddsa.url(), "kind": "github", "algorithms": ["EdDSA"], "jwks_url": self.eddsa.jwks_url()},
        ]);
        trust["writers"][1]["about"] = json!({"namespace": "github.com/acme"});
        let pipeline =
            json!({"issuer": self.gitlab.url(), "claims": {"source_repository_identifier": ["77"]}});
        let pipeline = json!({
            "name": "pipeline", "identities": [pipeline], "predicates": ["*"], "about": "anything", "authority": "own",
        });
        let others = [&self.es256, &self.eddsa].map(
            |issuer| json!({"issuer": issuer.url(), "claims": {"source_repository_identifier": ["123456"]}}),
        );
        let others = json!({
            "name": "others", "identities": others, "predicates": ["*"], "about": "anything", "authority": "own",
        });
        trust["writers"].as_array_mut().unwrap().extend([self.rule(), pipeline, others]);
        caller.record(&envelope(&statement, &[&self.ledger.admin])).expect("a trust document");
    }

    /// Puts the rule for the job into the trust document, or takes it out.
    fn set_rule(&self, caller: &Caller, there: bool) {
        caller.record(&self.rules(caller, there)).expect("a trust document");
    }

    /// The next trust document, with the rule for the job or without it.
    fn rules(&self, caller: &Caller, there: bool) -> Vec<u8> {
        let mut statement = newest_trust(caller);
        let writers = statement["predicate"]["writers"].as_array_mut().unwrap();
        writers.retain(|rule| rule["name"] != "release");
        if there {
            writers.push(self.rule());
        }
        envelope(&statement, &[&self.ledger.admin])
    }

    /// Takes the rule away while several callers record one after the other with it, some of them between admission and their place
    /// in the log. What they were answered, all the same: what came before that entry is recorded, and nothing behind it.
    fn race(&self, server: &Server, caller: &Caller, method: &str) -> String {
        const CALLERS: usize = 4;
        let without = self.rules(caller, false);
        let recorded: [AtomicUsize; CALLERS] = Default::default();
        std::thread::scope(|scope| {
            let racing = recorded.iter().enumerate().map(|(number, recorded)| {
                scope.spawn(move || {
                    let caller = self.caller(server, None);
                    let mut last = 0;
                    loop {
                        let count = recorded.load(Ordering::SeqCst);
                        let attempt = self.job(&format!("race {method} {number} {count}"), &job());
                        match caller.record_through(method, &attempt.envelope, attempt.credential) {
                            Ok(answer) => last = answer.index,
                            Err(refusal) => break (last, refusal.word().to_owned()),
                        }
                        recorded.fetch_add(1, Ordering::SeqCst);
                    }
                })
            });
            let racing: Vec<_> = racing.collect();
            while recorded.iter().any(|recorded| recorded.load(Ordering::SeqCst) == 0) {
                assert!(
                    !racing.iter().any(std::thread::ScopedJoinHandle::is_finished),
                    "a first record is refused"
                );
                std::thread::sleep(Duration::from_millis(1));
            }
            let taken_away = caller.record(&without).expect("a trust document").index;
            let outcomes: Vec<(u64, String)> = racing.into_iter().map(|one| one.join().unwrap()).collect();
            let word = outcomes[0].1.clone();
            for (last, found) in &outcomes {
                assert!(*last < taken_away && *found == word, "{taken_away}: {outcomes:?}");
            }
            format!("yes, then `{word}`")
        })
    }

    /// Distrusts the job that the rule is about, once: it is the last thing that happens to it.
    fn distrust(&self, caller: &Caller, name: &str) {
        let said = (0..caller.tree().0).map(|index| payload(&caller.envelope(index)));
        if said.into_iter().any(|statement| statement["predicateType"] == "urn:custody:distrust:v1") {
            return;
        }
        let identity = format!(
            "{}#https://{}/acme/api/.github/workflows/release.yml@refs/heads/main",
            self.github.url(),
            self.github.url().trim_start_matches("http://")
        );
        let statement = custody_tests::evidence::distrust(&identity, name, caller.tree().0);
        caller.record(&envelope(&statement, &[&self.ledger.admin])).expect("a distrust");
    }

    fn serve(&self, readers: bool) -> Server {
        let home = self.ledger.home();
        let (cert, key) = self.servers.server().write(home, "server");
        let write = |name: &str, text: &str| {
            let path = home.join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let ca = write("clients.crt", self.clients.pem());
        let list = write("readers", &format!("uri:{READER}\n"));
        let (cert, key) = (cert.display().to_string(), key.display().to_string());
        let mut flags = vec!["--tls-cert", &cert, "--tls-key", &key, "--client-ca", &ca];
        if readers {
            flags.extend(["--readers", &list]);
        }
        Server::start_with(&self.ledger.data(), &flags)
    }

    fn caller(&self, server: &Server, own: Option<&Issued>) -> Caller {
        Caller::inside_tls(server, self.servers.pem(), own)
    }
}

/// Every method of every service, as `service method`.
fn methods() -> Vec<(String, String)> {
    let files = FileDescriptorSet::decode(custody_wire::DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for file in &files.file {
        for service in &file.service {
            for method in &service.method {
                let service = format!("{}.{}", file.package(), service.name());
                methods.push((service, method.name().to_owned()));
            }
        }
    }
    methods.push(("grpc.health.v1.Health".to_owned(), "Check".to_owned()));
    methods
}

fn records(service: &str) -> bool {
    service == "custody.v1.Recorder"
}

/// What an answer to an empty request means for who asked: `yes`, also if it was refused for what it holds.
fn meaning(answer: Result<(), Status>) -> String {
    let Err(status) = answer else { return "yes".to_owned() };
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => format!("`{}`", word(&status)),
        Code::InvalidArgument => "yes".to_owned(),
        code => panic!("{code:?}: {status:?}"),
    }
}

/// Callers, and what each is answered.
type Rows = Vec<(String, String)>;

/// A table whose columns are methods with the same answers, which are listed above it.
fn table(first: &str, answers: &BTreeMap<String, Rows>) -> String {
    let mut columns: Vec<(Vec<&str>, &Rows)> = Vec::new();
    for (method, rows) in answers {
        match columns.iter_mut().find(|(_, known)| *known == rows) {
            Some((methods, _)) => methods.push(method),
            None => columns.push((vec![method], rows)),
        }
    }
    let letters = || ('A'..='Z').zip(&columns);
    let mut text = String::new();
    for (letter, (methods, _)) in letters() {
        writeln!(text, "- {letter}: {}", methods.join(", ")).unwrap();
    }
    write!(text, "\n| {first} |").unwrap();
    for (letter, _) in letters() {
        write!(text, " {letter} |").unwrap();
    }
    writeln!(text, "\n|---|{}", "---|".repeat(columns.len())).unwrap();
    let rows = columns.first().map_or(&[][..], |(_, rows)| rows.as_slice());
    for (at, (caller, _)) in rows.iter().enumerate() {
        write!(text, "| {caller} |").unwrap();
        for (_, rows) in &columns {
            write!(text, " {} |", rows[at].1).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Who may have something recorded: each caller through each method.
fn recording(house: &House, server: &Server, caller: &Caller) -> String {
    let mut answers: BTreeMap<String, Rows> = BTreeMap::new();
    let methods = || methods().into_iter().filter(|(service, _)| records(service));
    let column = |service: &str, method: &str| format!("{}.{method}", service.rsplit('.').next().unwrap());
    let mut raced = Vec::new();
    for (service, method) in methods() {
        raced.push((column(&service, &method), house.race(server, caller, &method)));
        house.set_rule(caller, true);
    }
    for (who, make) in CALLERS {
        for (service, method) in methods() {
            let attempt = make(house, caller, &format!("{who} through {method}"));
            let answer = match caller.record_through(&method, &attempt.envelope, attempt.credential) {
                Ok(recorded) => {
                    assert!(!recorded.duplicate, "{who}");
                    "yes".to_owned()
                }
                Err(refusal) => format!("`{}`", refusal.word()),
            };
            answers.entry(column(&service, &method)).or_default().push((who.to_owned(), answer));
        }
    }
    for (column, answer) in raced {
        answers
            .entry(column)
            .or_default()
            .push(("job whose rule is taken away while it records".to_owned(), answer));
    }
    table("who sends it", &answers)
}

/// Who may ask: each kind of certificate, each other method.
fn asking(house: &House, server: &Server) -> String {
    let other = "spiffe://example.com/ns/ci/sa/other";
    let stranger = Authority::new("clients");
    let kinds = [
        ("no certificate", None),
        ("certificate of an unknown authority", Some(stranger.issue(Wanted::named("x").uri(READER)))),
        ("certificate that has ended", Some(house.clients.issue(Wanted::named("x").uri(READER).expired()))),
        (
            "certificate of somebody who is no reader",
            Some(house.clients.issue(Wanted::named("x").uri(other))),
        ),
        ("certificate of a reader", Some(house.clients.issue(Wanted::named("x").uri(READER)))),
    ];
    let mut answers: BTreeMap<String, Rows> = BTreeMap::new();
    for (who, own) in kinds {
        let caller = house.caller(server, own.as_ref());
        for (service, method) in methods() {
            let answer = meaning(caller.empty(&format!("/{service}/{method}")));
            let name = format!("{}.{method}", service.rsplit('.').next().unwrap());
            answers.entry(name).or_default().push((who.to_owned(), answer));
        }
    }
    table("who asks", &answers)
}

/// Puts the found tables into the document, between their marks.
fn document(found: &[(&str, String)]) -> String {
    let mut text = workspace::read("docs/authorisation.md");
    for (name, table) in found {
        let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
        let (before, rest) = text.split_once(&begin).expect("the document has this table");
        let (_, after) = rest.split_once(&end).expect("the table has an end");
        text = format!("{before}{begin}{table}{end}{after}");
    }
    text
}

#[test]
fn every_method_says_to_every_caller_what_the_document_says() {
    let house = House::new();
    let server = house.serve(false);
    let caller = house.caller(&server, None);
    house.set_up(&caller);
    let recording = recording(&house, &server, &caller);
    let open = asking(&house, &server);
    server.stop();
    let server = house.serve(true);
    let restricted = asking(&house, &server);
    let found = document(&[("recording", recording), ("open", open), ("restricted", restricted)]);
    custody_tests::words::hold(&workspace::root().join("docs/authorisation.md"), &found);
}
