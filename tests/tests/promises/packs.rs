//! One file proves an answer to whoever has the pin of the log: without a server, and with any change refused.

use std::path::PathBuf;

use custody_tests::client::User;
use custody_tests::server::{Ended, Ledger, Server};
use custody_tests::wire::Caller;
use serde_json::{Value, json};

/// A log with the chain of one artifact, and what was exported of it.
struct Exported {
    _ledger: Ledger,
    server: Server,
    user: User,
    pin: String,
}

impl Exported {
    fn new() -> Self {
        let ledger = Ledger::new(1);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let user = User::of(&server.url(), &pin, &ledger.writer_key_file(0));
        user.file("app.tar.gz", "the artifact");
        user.file("other.tar.gz", "another artifact");
        let commit = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";
        for line in [
            format!(
                "record build --artifact app.tar.gz --repo https://example.com/acme/api --commit {commit} --builder-id \
                 https://ci.example --build-type https://ci.example/v1 --run-url https://ci.example/runs/7"
            ),
            "record approval --for prod --subject app.tar.gz --reason reviewed".to_owned(),
            "record deploy --environment prod --workload api --subject app.tar.gz".to_owned(),
            "record deploy --environment prod --workload web --subject other.tar.gz".to_owned(),
        ] {
            let words: Vec<&str> = line.split_whitespace().collect();
            let ended = user.custody(&words);
            assert_eq!(ended.code, Some(0), "{line}: {}", ended.stderr);
        }
        Self { _ledger: ledger, server, user, pin }
    }

    fn export(&self, thing: &str, out: &str) -> Value {
        self.export_at(thing, out, &[])
    }

    fn export_at(&self, thing: &str, out: &str, at: &[&str]) -> Value {
        let (code, made) = self.user.json(&[&["export", thing, "--out", out], at].concat());
        assert_eq!(code, Some(0), "{made}");
        made
    }

    fn pack(&self, out: &str) -> Vec<u8> {
        std::fs::read(self.user.home().join(out)).unwrap()
    }
}

/// The parts of a pack by their names, taken apart and put together by hand.
#[derive(Debug, Clone)]
struct Parts(Vec<(String, Vec<u8>)>);

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let mut rest = bytes.strip_prefix(b"custody/pack/v1\n").unwrap();
        let mut parts = Vec::new();
        while rest != b"end\n" {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap();
            let line = String::from_utf8(rest[..end].to_vec()).unwrap();
            let (name, length) = line.split_once(' ').unwrap();
            let (content, behind) = rest[end + 1..].split_at(length.parse().unwrap());
            parts.push((name.to_owned(), content.to_vec()));
            rest = behind.strip_prefix(b"\n").unwrap();
        }
        Self(parts)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"custody/pack/v1\n".to_vec();
        for (name, content) in &self.0 {
            bytes.extend_from_slice(format!("{name} {}\n", content.len()).as_bytes());
            bytes.extend_from_slice(content);
            bytes.push(b'\n');
        }
        [&bytes[..], b"end\n"].concat()
    }

    /// The first part of this name.
    fn part(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(of, _)| of == name).unwrap().1
    }

    fn answer(&self) -> Value {
        serde_json::from_slice(&self.0[0].1).unwrap()
    }

    /// The same with a change of its parts.
    fn with(&self, change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut changed = self.clone();
        change(&mut changed);
        changed.bytes()
    }

    /// The same with another answer.
    fn answering(&self, change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut answer = self.answer();
        change(&mut answer);
        self.with(|parts| parts.0[0].1 = answer.to_string().into_bytes())
    }
}

/// Somebody without a server and without any file of the log, who knows its pin.
struct Auditor {
    user: User,
    pin: String,
}

impl Auditor {
    fn new(pin: &str) -> Self {
        let user = User::new();
        user.file("app.tar.gz", "the artifact");
        user.file("other.tar.gz", "another artifact");
        Self { user, pin: pin.to_owned() }
    }

    fn verify(&self, pack: &[u8], more: &[&str]) -> Ended {
        let path: PathBuf = self.user.file("app.custody", pack);
        let path = path.to_str().unwrap();
        self.user.custody(&[&["verify", path, "--trust", &self.pin], more].concat())
    }

    fn refuses(&self, pack: &[u8], words: &[&str]) {
        let ended = self.verify(pack, &[]);
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, Some(1), "{words:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is missing: {said}");
        }
    }
}

#[test]
fn a_pack_is_verified_by_who_has_nothing_but_the_pin() {
    let exported = Exported::new();
    let made = exported.export("app.tar.gz", "app.custody");
    assert_eq!((made["entries"].as_u64(), made["at"]["size"].as_u64()), (Some(3), Some(5)));
    let pack = exported.pack("app.custody");
    // The same answer gives the same bytes; the log may sign the time of its checkpoint anew meanwhile.
    let again = (0..5).any(|_| {
        exported.export("app.tar.gz", "again.custody");
        exported.pack("again.custody") == exported.pack("app.custody") || {
            exported.export("app.tar.gz", "app.custody");
            false
        }
    });
    assert!(again, "five exports differ");
    let pin = exported.pin.clone();
    exported.server.stop();

    let auditor = Auditor::new(&pin);
    let ended = auditor.verify(&pack, &[]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("follows from its entries"), "{}", ended.stdout);
    assert!(ended.stdout.contains("missing: source, review, sbom, scan, promotion"), "{}", ended.stdout);
    assert_eq!(
        ended.stdout.matches("signatures, statement and admission checked").count(),
        3,
        "{}",
        ended.stdout
    );
    let ended = auditor.verify(&pack, &["app.tar.gz"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("subject of entry 1, 2, 3"), "{}", ended.stdout);
    let ended = auditor.verify(&pack, &["other.tar.gz"]);
    assert_eq!(ended.code, Some(1), "another artifact: {}", ended.stdout);
    let ended = auditor.verify(&pack, &["-o", "json"]);
    let json: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((json["verified"].as_bool(), json["complete_to"].as_u64()), (Some(true), Some(5)));
    // Another log's pin, and none.
    let other = Auditor::new(&format!("{}{}", &pin[..pin.len() - 64], "0".repeat(64)));
    let ended = other.verify(&pack, &[]);
    assert_eq!(ended.code, Some(2), "nothing is trusted: {}{}", ended.stdout, ended.stderr);
    let path = auditor.user.file("app.custody", &pack);
    assert_eq!(auditor.user.custody(&["verify", path.to_str().unwrap()]).code, Some(2));
}

#[test]
fn each_change_of_a_pack_is_refused_where_it_was_made() {
    let exported = Exported::new();
    exported.export("app.tar.gz", "app.custody");
    exported.export("other.tar.gz", "other.custody");
    let (bytes, auditor) = (exported.pack("app.custody"), Auditor::new(&exported.pin));
    let (pack, mut other) = (Parts::of(&bytes), Parts::of(&exported.pack("other.custody")));
    assert_eq!(pack.bytes(), bytes);
    let flip = |bytes: &mut Vec<u8>| {
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
    };

    auditor.refuses(&pack.with(|parts| flip(parts.part("record"))), &["entry 1", "its admission record"]);
    auditor.refuses(&pack.with(|parts| flip(parts.part("envelope"))), &["entry 1", "its envelope"]);
    for (part, words) in [("record", "its admission record"), ("envelope", "its envelope")] {
        let of_another = other.part(part).clone();
        auditor.refuses(&pack.with(|parts| *parts.part(part) = of_another), &["entry 1", words]);
    }
    // Without a redaction nothing may lack its record.
    let without = pack.with(|parts| drop(parts.0.drain(3..5)));
    auditor.refuses(&without, &["entry 1", "its admission record is missing"]);
    let more = pack.with(|parts| parts.0.insert(5, ("attachment".to_owned(), b"eyJ".to_vec())));
    auditor.refuses(&more, &["entry 1", "an attachment"]);
    // Of another artifact's chain, of none, of another entry.
    let forged = |member: &str, value: Value| pack.answering(|answer| answer["edges"][0][member] = value);
    let mallory = json!({ "kind": "identity", "id": "mallory" });
    auditor.refuses(&forged("to", mallory), &["does not say that"]);
    auditor.refuses(&forged("entry", json!(3)), &["does not say that"]);
    auditor.refuses(&forged("entry", json!(99)), &["not in the tree of size 5"]);
    auditor.refuses(&pack.answering(|answer| answer["missing"] = json!([])), &["the chain lacks"]);
    auditor.refuses(&pack.answering(|answer| answer["size"] = json!(1)), &["not in the tree of size 1"]);
    let nodes = other.answer()["nodes"].clone();
    auditor.refuses(&pack.answering(|answer| answer["nodes"] = nodes), &["nothing to do with"]);
    let edge = other.answer()["edges"][0].clone();
    let mut both = Parts::of(&pack.answering(|answer| answer["edges"].as_array_mut().unwrap().push(edge)));
    both.0.extend_from_slice(&other.0[2..]);
    auditor.refuses(&both.bytes(), &["nothing to do with"]);
    // An edge that is left out makes the chain lack what its entry is evidence of.
    let fewer = pack.answering(|answer| {
        answer["edges"].as_array_mut().unwrap().retain(|edge| edge["kind"] != "approved");
    });
    auditor.refuses(&fewer, &["the chain lacks"]);
    // Entries in another order, and twice.
    auditor.refuses(
        &pack.with(|parts| parts.0[2..].rotate_left(3)),
        &["is not an evidence pack", "stands behind"],
    );
    let twice = pack.with(|parts| parts.0.extend_from_within(8..));
    auditor.refuses(&twice, &["is not an evidence pack", "stands behind"]);

    // Administrative entries that are withheld: nobody is trusted.
    let withheld = pack.with(|parts| {
        let mut trust: Value = serde_json::from_slice(parts.part("trust")).unwrap();
        trust["entries"] = json!([]);
        *parts.part("trust") = trust.to_string().into_bytes();
    });
    let ended = auditor.verify(&withheld, &[]);
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);

    // An entry that the answer names is not there: nothing is refused, and nothing is said to hold.
    let ended = auditor.verify(&pack.with(|parts| drop(parts.0.drain(2..5))), &[]);
    assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("entry 1, which the answer names, is not in the pack"), "{}", ended.stdout);

    // A bit of every region of the file, whatever it is: never a yes, and never a panic.
    for place in (20..bytes.len()).step_by(bytes.len() / 60) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1;
        let ended = auditor.verify(&flipped, &[]);
        assert!(
            matches!(ended.code, Some(1..=3)),
            "byte {place}: {:?} {}{}",
            ended.code,
            ended.stdout,
            ended.stderr
        );
    }
}

/// Entry 1 is the build, 2 the approval, 3 the deployment; behind them nothing that was known then.
#[test]
fn a_pack_of_an_older_tree_answers_as_of_it() {
    let exported = Exported::new();
    let auditor = Auditor::new(&exported.pin);
    let verified = |out: &str, words: &[&str]| {
        let ended = auditor.verify(&exported.pack(out), &[]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        for word in words {
            assert!(ended.stdout.contains(word), "{word:?} is missing: {}", ended.stdout);
        }
    };
    let made = exported.export_at("app.tar.gz", "then.custody", &["--at", "2"]);
    assert_eq!((made["entries"].as_u64(), made["at"]["size"].as_u64()), (Some(1), Some(2)), "{made}");
    verified(
        "then.custody",
        &["as of tree size 2", "missing: source, review, sbom, scan, approval, promotion"],
    );
    let made = exported.export_at("app.tar.gz", "more.custody", &["--at", "3"]);
    assert_eq!((made["entries"].as_u64(), made["at"]["size"].as_u64()), (Some(2), Some(3)), "{made}");
    verified("more.custody", &["as of tree size 3"]);
    // The time of an entry is the tree that ends with it, or with others of the same time.
    let entry = exported.user.json(&["show", "index:2"]).1;
    let time =
        entry["time"].as_str().or(entry["ledger_time"].as_str()).expect("each entry has a time").to_owned();
    let made = exported.export_at("app.tar.gz", "time.custody", &["--at", &time]);
    let size = made["at"]["size"].as_u64().unwrap();
    assert!((3..=5).contains(&size), "{made}");
    verified("time.custody", &[&format!("as of tree size {size}")]);
    let made = exported.export_at("index:2", "entry.custody", &["--at", "3"]);
    assert_eq!((made["entries"].as_u64(), made["at"]["size"].as_u64()), (Some(1), Some(3)), "{made}");
    verified("entry.custody", &["as of tree size 3, is one entry"]);

    // What somebody puts into it from later is refused.
    let (mut later, then) =
        (Parts::of(&exported.pack("more.custody")), Parts::of(&exported.pack("then.custody")));
    let mut answer = later.answer();
    answer["size"] = json!(2);
    later.0[0].1 = answer.to_string().into_bytes();
    auditor.refuses(&later.bytes(), &["entry 2 is not in the tree of size 2"]);
    auditor.refuses(&then.answering(|answer| answer["missing"] = json!([])), &["the chain lacks"]);

    let refused = |thing: &str, at: &str, code: i32, word: &str| {
        let ended = exported.user.custody(&["export", thing, "--out", "x.custody", "--at", at]);
        assert_eq!(ended.code, Some(code), "{thing} {at}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(word), "{thing} {at}: {}", ended.stderr);
        assert!(!exported.user.home().join("x.custody").exists());
    };
    refused("app.tar.gz", "1", 4, "no record");
    refused("index:2", "2", 4, "entry 2 is not in the tree of size 2");
    refused("app.tar.gz", "99", 2, "no tree of size 99");
    refused("app.tar.gz", "soon", 2, "soon");
    refused("app.tar.gz", "2001-01-01T00:00:00Z", 4, "no record");
}

#[test]
fn what_cannot_be_exported_is_said_before_a_file_is_there() {
    let exported = Exported::new();
    let run = |arguments: &[&str]| exported.user.custody(arguments);
    let unknown = format!("sha256:{}", "0".repeat(64));
    assert_eq!(run(&["export", &unknown, "--out", "x.custody"]).code, Some(4));
    assert_eq!(run(&["export", "abcdef0", "--out", "x.custody"]).code, Some(2), "a prefix decides nothing");
    assert_eq!(run(&["export", "app.tar.gz", "--out", "no/such/folder"]).code, Some(2));
    assert!(!exported.user.home().join("x.custody").exists());
    // One entry is a pack, too.
    exported.export("index:2", "entry.custody");
    let auditor = Auditor::new(&exported.pin);
    let ended = auditor.verify(&exported.pack("entry.custody"), &[]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
}
