//! A secret never gets into the log, and what refuses it tells it nowhere: not in what is printed, not in a log line, not in
//! a file.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::EnvelopeDigest;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, signed, statement};
use custody_tests::server::{Ended, Ledger};
use custody_tests::wire::{Caller, answer_word, word};
use serde_json::{Value, json};

use crate::administered::Place;

/// The example of the documentation of AWS, in parts so that nobody takes this file for a leak.
fn secret() -> String {
    ["AKIA", "IOSFODNN7EXAMPLE"].concat()
}

/// A part of it that is long enough to be no accident, as it is written and in base64 at each offset.
fn traces() -> Vec<String> {
    let part = "IOSFODNN7EXAMPLE";
    let encoded = (0..3).map(|offset| {
        let text = STANDARD.encode(format!("{}{part}", "x".repeat(offset)));
        text[4..20].to_owned()
    });
    encoded.chain([part.to_owned(), in_hex(part)]).collect()
}

fn in_hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

fn leaking() -> Value {
    let mut leaking = statement("a");
    leaking["predicate"] = json!({"environment": {"NOTE": format!("key={}", secret())}});
    leaking
}

/// A statement that is signed, and larger than one message.
fn large(key: &custody_evidence::key::SigningKey) -> Vec<u8> {
    let mut large = leaking();
    large["predicate"]["filler"] = json!("words ".repeat(300_000));
    envelope(&large, &[key])
}

fn assert_no_trace(place: &str, bytes: &[u8]) {
    for trace in traces() {
        let found = bytes.windows(trace.len()).any(|window| window == trace.as_bytes());
        assert!(!found, "{place} holds a part of the secret");
    }
}

fn assert_no_trace_in_files(folder: &Path, inputs: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path == inputs {
            continue;
        }
        if path.is_dir() {
            assert_no_trace_in_files(&path, inputs);
        } else if path.is_file() {
            assert_no_trace(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

#[test]
fn traces_are_found_in_whatever_holds_the_secret() {
    for holds in [secret(), STANDARD.encode(leaking().to_string()), in_hex(&secret())] {
        assert!(std::panic::catch_unwind(|| assert_no_trace("a file", holds.as_bytes())).is_err(), "{holds}");
    }
}

#[test]
fn server_refuses_a_secret_over_every_call_and_keeps_no_trace_of_it() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let key = &ledger.writers[0];
    let small = envelope(&leaking(), &[key]);
    let hidden = STANDARD.encode(STANDARD.encode(secret()));
    let mut nested = statement("a");
    nested["predicate"] = json!({ "log": hidden });
    let mut around: Value = serde_json::from_slice(&envelope(&statement("a"), &[key])).unwrap();
    around["note"] = json!(secret());
    let broken = leaking().to_string().replace("\"subject\"", &format!("\"{}\"", secret()));
    for (bytes, place) in [
        (small.clone(), "/predicate/environment/NOTE"),
        (large(key), "/predicate/environment/NOTE"),
        (envelope(&nested, &[key]), "/predicate/log"),
        (around.to_string().into_bytes(), "/note"),
        (signed(broken.as_bytes(), &[key]), "(aws-access-key-id:"),
    ] {
        let refused = caller.record(&bytes).unwrap_err();
        assert_eq!(word(&refused), "secret", "{refused:?}");
        assert!(refused.message().contains(place), "{refused:?}");
        assert!(refused.message().contains("aws-access-key-id"), "{refused:?}");
        assert_no_trace("a refusal", format!("{refused:?}").as_bytes());
    }
    let mut bulk = caller.bulk();
    bulk.header();
    let (answers, ended) = bulk.exchange(&[(1, small)].into());
    assert!(ended.is_none(), "{ended:?}");
    assert_eq!(answer_word(&answers[&1]), "secret");
    assert_no_trace("an answer", format!("{answers:?}").as_bytes());
    // Bytes that are no envelope are refused for that, with an error that could quote them.
    let outer = json!({"payload": "", "payloadType": [secret()], "signatures": [secret()]});
    let refused = caller.record(outer.to_string().as_bytes()).unwrap_err();
    assert_no_trace("a refusal", format!("{refused:?}").as_bytes());
    assert_eq!(caller.tree().0, 1, "nothing of all this was recorded");

    assert_no_trace("what the server said", server.said().as_bytes());
    server.stop();
    assert_no_trace_in_files(ledger.home(), Path::new(""));
}

#[test]
fn client_refuses_a_secret_before_it_signs_or_sends_and_keeps_no_trace_of_it() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    let inputs = user.home().join("inputs");
    fs::create_dir(&inputs).unwrap();
    let input = |name: &str, bytes: &[u8]| {
        fs::write(inputs.join(name), bytes).unwrap();
        format!("inputs/{name}")
    };
    let key = &ledger.writers[0];
    let leaking_envelope = envelope(&leaking(), &[key]);
    let predicate = input("predicate.json", leaking()["predicate"].to_string().as_bytes());
    let sealed = input("envelope.json", &leaking_envelope);
    let lines = [&envelope(&statement("b"), &[key])[..], b"\n", &leaking_envelope, b"\n"].concat();
    let lines = input("envelopes.jsonl", &lines);
    let artifact = input("artifact", b"built");
    let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"properties": [
        {"name": "url", "value": format!("https://ci:{}@example.com", secret())}
    ]}});
    let bom = input("bom.json", bom.to_string().as_bytes());
    let (parameter, sha) = (format!("KEY={}", secret()), format!("sha256:{}", "ab".repeat(32)));
    let kinds: [&[&str]; 5] = [
        &["generic", "--type", "https://example.com/t/v1", "--predicate", &predicate, "--subject", &sha],
        &[
            "generic",
            "--type",
            "https://example.com/t/v1",
            "--predicate",
            &predicate,
            "--subject",
            &sha,
            "--dry-run",
        ],
        &["sbom", &bom, "--subject", &artifact],
        &["envelope", &sealed],
        &["envelope", &sealed, "--dry-run"],
    ];
    let build: &[&str] = &[
        "build",
        "--artifact",
        &artifact,
        "--parameter",
        &parameter,
        "--repo",
        "https://git.example.com/acme/api",
        "--commit",
        &"ab".repeat(20),
        "--builder-id",
        "https://ci.example.com",
        "--run-url",
        "https://ci.example.com/1",
    ];
    for arguments in kinds.into_iter().chain([build]) {
        for format in ["text", "json"] {
            let arguments = [&["-o", format, "record"], arguments].concat();
            let ended = user.custody(&arguments);
            assert_refused(&ended);
            assert_eq!(ended.code, Some(1), "{arguments:?}: {ended:?}");
        }
    }
    // One of several: the others are recorded.
    let several = user.custody(&["record", "envelope", &lines]);
    assert_eq!(several.code, Some(1), "{several:?}");
    assert_refused(&several);
    assert_eq!(caller.tree().0, 2);
    // Nor does anything wait in a spool.
    server.stop();
    let spooled = user.custody(&["record", "envelope", &sealed, "--spool", "--retry-for", "1s"]);
    assert_eq!(spooled.code, Some(1), "{spooled:?}");
    assert_refused(&spooled);
    assert_no_trace_in_files(user.home(), &inputs);
    assert_no_trace_in_files(ledger.home(), &inputs);
}

/// Administrators repeat in a reason what is to be erased, and a spool may have been filled by somebody else.
#[test]
fn client_refuses_a_secret_in_what_administrators_sign_and_in_what_waits_and_keeps_no_trace_of_it() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let recorded =
        caller.record(&envelope(&statement("a"), &[&ledger.writers[0]])).unwrap().index.to_string();
    let user = User::of(&server.url(), &caller.pin(), &ledger.home().join("admin.key"));
    let (inputs, outputs) = (user.home().join("inputs"), user.home().join("outputs"));
    for folder in [&inputs, &outputs] {
        fs::create_dir(folder).unwrap();
    }
    let reason = format!("{} was stolen", secret());
    let key = format!("key:{}", ledger.writers[0].public().id());
    let finding = format!("jwt:{}", "0".repeat(64));
    let policy = inputs.join("policy.yaml");
    let rules = "rules: [{id: build, require: {predicate: provenance, count: any}}]";
    fs::write(&policy, format!("policy: release\nversion: 1\ntitle: \"{}\"\n{rules}\n", secret())).unwrap();
    let size = caller.tree().0;
    let commands: [&[&str]; 6] = [
        &["distrust", &key, "--since", "unknown", "--reason", &reason],
        &["distrust", &format!("https://ci.example.com/{}", secret()), "--since", "unknown", "--reason", "x"],
        &["redact", &recorded, "--reason", &reason],
        &["trust", "allow", &finding, "--reason", &reason],
        &["trust", "clock-repair", "--reason", &reason],
        &["policy", "put", policy.to_str().unwrap(), "--name", "release"],
    ];
    for command in commands {
        for more in [&[][..], &["-o", "json"], &["--out", "outputs/statement.json"]] {
            let ended = user.custody(&[command, more].concat());
            assert_refused(&ended);
            assert_eq!(ended.code, Some(1), "{command:?} {more:?}: {ended:?}");
        }
    }
    assert!(fs::read_dir(&outputs).unwrap().next().is_none(), "nothing is written to be signed");

    // What a colleague wrote to be signed: a reason, and the name of a person in a trust document.
    let mut reasoned = statement("a");
    reasoned["predicateType"] = json!("urn:custody:distrust:v1");
    let id = ledger.writers[0].public().id().to_string();
    reasoned["predicate"] =
        json!({ "format": "custody/distrust/v1", "kind": "key", "id": id, "since": 0, "reason": reason });
    let mut document = custody_tests::evidence::payload(&caller.envelope(0));
    document["predicate"]["version"] = 2.into();
    document["predicate"]["people"] = json!([{ "name": secret(), "keys": [], "identities": [] }]);
    for (name, said) in [("reason.json", &reasoned), ("document.json", &document)] {
        let file = inputs.join(name);
        fs::write(&file, said.to_string()).unwrap();
        let before = fs::read(&file).unwrap();
        for format in ["text", "json"] {
            let ended = user.custody(&["-o", format, "trust", "sign", file.to_str().unwrap(), "--yes"]);
            assert_refused(&ended);
            assert_eq!(ended.code, Some(1), "{name}: {ended:?}");
        }
        assert_eq!(fs::read(&file).unwrap(), before, "{name} was not signed");
    }

    // A spool that was filled by other rules, or by hand: the one with the secret stays, and the other is recorded.
    let spool = inputs.join("spool.jsonl");
    let mut lines = vec![json!({ "format": "custody/spool/v1", "pin": caller.pin() })];
    for said in [leaking(), statement("waits")] {
        let bytes = envelope(&said, &[&ledger.writers[0]]);
        lines.push(json!({
            "envelope": STANDARD.encode(&bytes), "digest": EnvelopeDigest::of(&bytes).to_string(),
            "since": "2026-11-20T14:00:00Z", "tried": null, "refused": null,
        }));
    }
    let lines: Vec<String> = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(&spool, lines.concat()).unwrap();
    for format in ["text", "json"] {
        let flushed = user.custody(&["-o", format, "spool", "flush", spool.to_str().unwrap(), "--refused"]);
        assert_eq!(flushed.code, Some(1), "{flushed:?}");
        let said = format!("{}{}", flushed.stdout, flushed.stderr);
        assert!(said.contains("aws-access-key-id"), "{said}");
        assert_no_trace("what was printed", said.as_bytes());
        assert_eq!(caller.tree().0, size + 1, "{flushed:?}");
    }
    let listed = user.custody(&["spool", "list", spool.to_str().unwrap()]);
    assert!(listed.stdout.contains("aws-access-key-id") || listed.stdout.contains("secret"), "{listed:?}");
    assert_no_trace("the list", format!("{}{}", listed.stdout, listed.stderr).as_bytes());

    assert_no_trace("what the server said", server.said().as_bytes());
    server.stop();
    assert_no_trace_in_files(user.home(), &inputs);
    assert_no_trace_in_files(ledger.home(), &inputs);
}

fn assert_refused(ended: &Ended) {
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(said.contains("(aws-access-key-id:") || said.contains("(url-password:"), "{said}");
    assert_no_trace("what was printed", said.as_bytes());
}

#[test]
fn what_only_looks_like_a_secret_is_recorded_with_a_mark_and_a_warning() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    let mut named = statement("a");
    named["predicate"] = json!({"parameters": {"DB_PASSWORD": "Zq8rT1xVw0LmYc4NbKd7"}});
    let file = user.file("named.json", envelope(&named, &[&ledger.writers[0]]));
    let ended = user.custody(&["record".as_ref(), "envelope".as_ref(), file.as_os_str()]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("/predicate/parameters/DB_PASSWORD"), "{ended:?}");
    assert!(!ended.stderr.contains("Zq8rT1xV"), "{ended:?}");
    let (code, shown) = user.json(&["show", "index:1"]);
    assert_eq!(code, Some(0), "{shown}");
    let shown = user.custody(&["show", "index:1"]);
    assert!(shown.stdout.contains("a value may be a secret, here too (rules 1)"), "{shown:?}");
}

#[test]
fn administrator_allows_a_finding_and_blocks_it_again() {
    let place = Place::new();
    let key = &place.ledger.writers[0];
    let (server, pin) = (place.server.url(), Caller::of(&place.server).pin());
    let user = User::of(&server, &pin, &place.ledger.writer_key_file(0));
    let first = user.file("first.json", envelope(&leaking(), &[key]));
    let mut other = leaking();
    other["predicate"]["more"] = json!(true);
    let other = user.file("other.json", envelope(&other, &[key]));
    let record = |file: &Path| user.custody(&["record".as_ref(), "envelope".as_ref(), file.as_os_str()]);

    let refused = record(&first);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let finding = refused.stderr.split(['(', ')']).find(|part| part.starts_with("aws-access-key-id:"));
    let finding = finding.expect("a refusal names the finding");
    place.run(&["trust", "allow", finding, "--reason", "the example of the manual"]);
    assert_eq!(record(&first).code, Some(0));
    // The server allows it too, whoever sends it.
    assert!(Caller::of(&place.server).record(&fs::read(&first).unwrap()).unwrap().duplicate);

    place.run(&["trust", "allow", finding, "--reason", "it is in use after all", "--undo"]);
    assert_eq!(record(&other).code, Some(1));
    let sent = Caller::of(&place.server).record(&fs::read(&other).unwrap()).unwrap_err();
    assert_eq!(word(&sent), "secret");
    // The same permission again is another one.
    place.run(&["trust", "allow", finding, "--reason", "the example of the manual"]);
    assert_eq!(record(&other).code, Some(0));
    // What was allowed then was right then.
    let audited = user.custody(&["audit"]);
    assert_eq!(audited.code, Some(0), "{audited:?}");
}
