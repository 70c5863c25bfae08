//! A new log continues one that can no longer be written, if that one's own trust file says who signed its last checkpoint.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::NoteSigner;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ended, Ledger, ORIGIN, Server, custodyd};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

/// What is left of a log, in the hands of a client.
struct Left {
    ledger: Ledger,
    user: User,
    /// Its last checkpoint.
    checkpoint: Vec<u8>,
    /// What `custody trust show --out` wrote.
    trust: Value,
}

impl Left {
    fn new() -> Self {
        let ledger = Ledger::new(1);
        let server = ledger.serve();
        let caller = Caller::of(&server);
        for name in ["one", "two"] {
            caller.record(&envelope(&statement(name), &[&ledger.writers[0]])).unwrap();
        }
        let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
        let file = user.home().join("trust.json");
        let ended = user.custody(&["trust", "show", "--out", file.to_str().unwrap()]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let trust = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let checkpoint = caller.checkpoint().unwrap();
        server.stop();
        Self { ledger, user, checkpoint, trust }
    }

    fn successor(&self) -> PathBuf {
        self.ledger.home().join("successor")
    }

    fn init(&self, origin: &str, checkpoint: &[u8], trust: &Path, more: &[&str]) -> Ended {
        let (admin, data) = (self.ledger.home().join("admin.key"), self.successor());
        let checkpoint = self.user.file("checkpoint", checkpoint);
        let flags = [
            ("--data", data.as_os_str()),
            ("--origin", OsStr::new(origin)),
            ("--admin", admin.as_os_str()),
            ("--predecessor", checkpoint.as_os_str()),
            ("--predecessor-trust", trust.as_os_str()),
        ];
        let flags = flags.into_iter().flat_map(|(flag, value)| [OsStr::new(flag), value]);
        let more = more.iter().map(OsStr::new);
        custodyd(&[OsStr::new("init")].into_iter().chain(flags).chain(more).collect::<Vec<_>>())
    }
}

const SUCCESSOR: &str = "example.com/successor";

#[test]
fn the_trust_file_of_the_log_before_stands_for_its_key() {
    let left = Left::new();
    let trust = left.user.file("trust.json", left.trust.to_string());
    let ended = left.init(SUCCESSOR, &left.checkpoint, &trust, &[]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let server = Server::start(&left.successor());
    let pin = Caller::to(&server, SUCCESSOR).pin();
    let user = User::of(&server.url(), &pin, &left.ledger.writer_key_file(0));
    let (code, shown) = user.json(&["trust", "show"]);
    assert_eq!(code, Some(0), "{shown}");
    let text = user.custody(&["trust", "show"]).stdout;
    assert!(text.contains("continues") && text.contains(ORIGIN) && text.contains("size 3"), "{text}");
    server.stop();
}

/// What `custodyd init` is given.
struct Given<'a> {
    origin: &'a str,
    checkpoint: Vec<u8>,
    trust: String,
    more: Vec<&'a str>,
}

/// Changes one letter behind the name of a member of the first envelope: of what was signed, or of the signature.
fn flipped(trust: &Value, member: &str) -> Value {
    let mut envelope = STANDARD.decode(trust["entries"][0]["envelope"].as_str().unwrap()).unwrap();
    let named = envelope.windows(member.len()).position(|window| window == member.as_bytes()).unwrap();
    let letter = &mut envelope[named + member.len() + 20];
    *letter = if *letter == b'A' { b'B' } else { b'A' };
    let mut changed = trust.clone();
    changed["entries"][0]["envelope"] = json!(STANDARD.encode(envelope));
    changed
}

#[test]
fn with_one_thing_changed_no_successor_is_made() {
    let (left, other) = (Left::new(), Left::new());
    let own = || left.trust.clone();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = own();
        change(&mut changed);
        changed.to_string()
    };
    let text = own().to_string();
    let own_key = fs::read_to_string(left.ledger.home().join("data.log-key")).unwrap();
    let own_key = own_key.trim_end().parse::<NoteSigner>().unwrap().verifier().to_string();
    // The first signature is the log's own.
    let mut forged = left.checkpoint.clone();
    let signed = forged.windows(2).position(|lines| lines == b"\n\n").unwrap();
    let end = signed + 2 + forged[signed + 2..].iter().position(|byte| *byte == b'\n').unwrap();
    forged[end - 10] = if forged[end - 10] == b'A' { b'B' } else { b'A' };
    let grown =
        String::from_utf8(left.checkpoint.clone()).unwrap().replacen("\n3\n", "\n4\n", 1).into_bytes();
    assert_ne!(grown, left.checkpoint);

    let given = || Given {
        origin: SUCCESSOR,
        checkpoint: left.checkpoint.clone(),
        trust: text.clone(),
        more: vec![],
    };
    let not_ours = "is not one of the log";
    let not_trust = "is not a trust file that holds";
    let cases = [
        ("another log's trust file", Given { trust: other.trust.to_string(), ..given() }, not_ours),
        ("another log's checkpoint", Given { checkpoint: other.checkpoint.clone(), ..given() }, not_ours),
        ("a changed signature", Given { checkpoint: forged, ..given() }, not_ours),
        ("a changed size", Given { checkpoint: grown, ..given() }, not_ours),
        ("the same origin", Given { origin: ORIGIN, ..given() }, "another origin"),
        (
            "a changed document",
            Given { trust: flipped(&own(), "\"payload\"").to_string(), ..given() },
            not_trust,
        ),
        (
            "its changed signature",
            Given { trust: flipped(&own(), "\"sig\"").to_string(), ..given() },
            not_trust,
        ),
        (
            "no receipt",
            Given { trust: with(&|trust| trust["entries"][0]["receipt"] = json!("")), ..given() },
            not_trust,
        ),
        ("no entry", Given { trust: with(&|trust| trust["entries"] = json!([])), ..given() }, "trust"),
        ("cut", Given { trust: text[..text.len() / 2].to_owned(), ..given() }, not_trust),
        ("both", Given { more: vec!["--predecessor-key", &own_key], ..given() }, "cannot be used with"),
    ];
    for (name, Given { origin, checkpoint, trust, more }, said) in cases {
        let trust = left.user.file("trust.json", trust);
        let ended = left.init(origin, &checkpoint, &trust, &more);
        assert_ne!(ended.code, Some(0), "{name}: {}", ended.stdout);
        assert!(ended.stderr.contains(said), "{name}: {}", ended.stderr);
        assert!(!left.successor().join("journal").exists(), "{name}");
    }
    let absent = left.init(SUCCESSOR, &left.checkpoint, &left.user.home().join("absent"), &[]);
    assert!(absent.code != Some(0) && absent.stderr.contains("cannot read"), "{}", absent.stderr);
    // And with nothing changed it is made.
    let trust = left.user.file("trust.json", &text);
    let ended = left.init(SUCCESSOR, &left.checkpoint, &trust, &[]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}
