//! Every refusal has its word, says what and where, and gives exit code 1; nothing refused enters the log.

use std::fmt::Write as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::key::SigningKey;
use custody_tests::client::User;
use custody_tests::evidence::{IN_TOTO, envelope, envelope_of, pae, signature, signed, statement};
use custody_tests::server::{Ledger, run};
use custody_tests::wire::{Caller, word};
use custody_tests::workspace;
use serde_json::{Value, json};

/// One thing that must be refused: its name, its bytes, the reason word, and what the text must name.
struct Bad {
    name: &'static str,
    bytes: Vec<u8>,
    word: &'static str,
    names: &'static str,
}

fn cases(key: &SigningKey) -> Vec<Bad> {
    let mut cases = shapes(key);
    cases.extend(statements(key));
    cases.extend(limits(key));
    cases.extend(signatures(key));
    cases
}

fn shapes(key: &SigningKey) -> Vec<Bad> {
    let good = String::from_utf8(envelope(&statement("a"), &[key])).unwrap();
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let twice = statement("a").to_string().replacen("\"_type\"", "\"predicate\":{},\"_type\"", 1);
    let nested = statement("a").to_string().replace("{\"about\":\"a\"}", "{\"x\":{\"y\":1,\"y\":2}}");
    let in_payload = |predicate: &str| {
        let payload =
            statement("a").to_string().replace("{\"about\":\"a\"}", &format!("{{\"x\":{predicate}}}"));
        signed(payload.as_bytes(), &[key])
    };
    let broken = [&b"{\"payload\":\""[..], &[0xff, 0xfe], b"\"}"].concat();
    let not_text = [statement("a").to_string().as_bytes(), &[0xc3, 0x28]].concat();
    vec![
        Bad { name: "nothing", bytes: Vec::new(), word: "bad_json", names: "line 1" },
        Bad { name: "no JSON", bytes: b"hello".to_vec(), word: "bad_json", names: "line 1" },
        Bad {
            name: "half an envelope",
            bytes: good.as_bytes()[..good.len() / 2].to_vec(),
            word: "bad_json",
            names: "line 1",
        },
        Bad {
            name: "something behind it",
            bytes: format!("{good}{{}}").into_bytes(),
            word: "bad_json",
            names: "line 1",
        },
        Bad { name: "an envelope that is not UTF-8", bytes: broken, word: "bad_utf8", names: "line 1" },
        Bad {
            name: "a payload that is not UTF-8",
            bytes: signed(&not_text, &[key]),
            word: "bad_utf8",
            names: "line 1",
        },
        Bad { name: "65 levels of JSON", bytes: in_payload(&deep), word: "json_too_deep", names: "64" },
        Bad {
            name: "one member twice",
            bytes: signed(twice.as_bytes(), &[key]),
            word: "duplicate_member",
            names: "predicate",
        },
        Bad {
            name: "one member twice, inside",
            bytes: signed(nested.as_bytes(), &[key]),
            word: "duplicate_member",
            names: "predicate.x.y",
        },
        Bad {
            name: "one member twice by an escape",
            bytes: in_payload("{\"k\":1,\"\\u006b\":2}"),
            word: "duplicate_member",
            names: "predicate.x.k",
        },
        Bad {
            name: "no base64",
            bytes: good.replacen("\"payload\":\"", "\"payload\":\"%%%%", 1).into_bytes(),
            word: "bad_base64",
            names: "payload",
        },
        Bad {
            name: "another kind of payload",
            bytes: other_payload(key),
            word: "not_in_toto",
            names: "text/plain",
        },
    ]
}

fn other_payload(key: &SigningKey) -> Vec<u8> {
    let sig = STANDARD.encode(key.sign(&pae("text/plain", b"hello")));
    json!({"payload": STANDARD.encode("hello"), "payloadType": "text/plain", "signatures": [{"keyid": "", "sig": sig}]})
        .to_string()
        .into_bytes()
}

fn statements(key: &SigningKey) -> Vec<Bad> {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut statement = statement("a");
        change(&mut statement);
        envelope(&statement, &[key])
    };
    let without = |member: &'static str| {
        changed(&move |statement: &mut Value| {
            statement.as_object_mut().unwrap().remove(member);
        })
    };
    vec![
        Bad { name: "no _type", bytes: without("_type"), word: "no_type", names: "_type" },
        Bad {
            name: "another _type",
            bytes: changed(&|statement| statement["_type"] = json!("https://in-toto.io/Statement/v9")),
            word: "unknown_type",
            names: "Statement/v9",
        },
        Bad {
            name: "no predicateType",
            bytes: without("predicateType"),
            word: "no_predicate_type",
            names: "predicateType",
        },
        Bad { name: "no subject member", bytes: without("subject"), word: "no_subject", names: "subject" },
        Bad {
            name: "no subject",
            bytes: changed(&|statement| statement["subject"] = json!([])),
            word: "no_subject",
            names: "subject",
        },
        Bad {
            name: "a subject without a digest",
            bytes: changed(&|statement| statement["subject"][0]["digest"] = json!({})),
            word: "no_usable_digest",
            names: "subject[0]",
        },
        Bad {
            name: "a second subject with a weak digest only",
            bytes: changed(&|statement| {
                let weak = json!({"name": "b", "digest": {"md5": "d41d8cd98f00b204e9800998ecf8427e"}});
                statement["subject"].as_array_mut().unwrap().push(weak);
            }),
            word: "no_usable_digest",
            names: "subject[1]",
        },
        Bad {
            name: "a time 25 hours ahead",
            bytes: envelope(&build_started("+25 hours"), &[key]),
            word: "future_time",
            names: "startedOn",
        },
        Bad {
            name: "administration",
            bytes: changed(&|statement| statement["predicateType"] = json!("urn:custody:policy:v2")),
            word: "not_yet_supported",
            names: "urn:custody:policy:v2",
        },
    ]
}

fn limits(key: &SigningKey) -> Vec<Bad> {
    let with_subjects = |count: usize, digests: usize| {
        let mut all = statement("a");
        let subjects = (0..count).map(|number| {
            let digests = (0..digests).map(|other| match other {
                0 => ("sha256".to_owned(), format!("{number:064x}")),
                _ => (format!("other{other}"), format!("{number:x}")),
            });
            json!({"name": format!("file-{number}"), "digest": digests.collect::<std::collections::BTreeMap<_, _>>()})
        });
        all["subject"] = subjects.collect();
        envelope(&all, &[key])
    };
    let payload = statement("many").to_string().into_bytes();
    let seventeen: Vec<Value> = (0..17).map(|_| signature(&payload, key)).collect();
    let mut long_hint = signature(&payload, key);
    long_hint["keyid"] = json!("k".repeat(1_025));
    vec![
        Bad {
            name: "1,025 subjects",
            bytes: with_subjects(1_025, 1),
            word: "too_many_subjects",
            names: "1025",
        },
        Bad {
            name: "17 digests of one subject",
            bytes: with_subjects(1, 17),
            word: "too_many_digests",
            names: "17",
        },
        Bad { name: "4,104 digests", bytes: with_subjects(513, 8), word: "too_many_digests", names: "4096" },
        Bad {
            name: "17 signatures",
            bytes: envelope_of(&payload, &seventeen),
            word: "too_many_signatures",
            names: "17",
        },
        Bad {
            name: "a keyid of 1,025 bytes",
            bytes: envelope_of(&payload, &[long_hint]),
            word: "keyid_too_long",
            names: "1025",
        },
    ]
}

fn signatures(key: &SigningKey) -> Vec<Bad> {
    let payload = statement("signed").to_string().into_bytes();
    let other = statement("other").to_string().into_bytes();
    let stranger = SigningKey::from_seed(&[0xee; 32]);
    let no_longer = envelope_of(&other, &[signature(&payload, key)]);
    let mut unreadable = signature(&payload, key);
    unreadable["sig"] = json!("not base64!");
    let mut cut = signature(&payload, key);
    cut["sig"] = json!(STANDARD.encode([1, 2, 3]));
    vec![
        Bad {
            name: "no signature",
            bytes: envelope_of(&payload, &[]),
            word: "no_signature",
            names: "signature",
        },
        Bad {
            name: "a key that nobody knows",
            bytes: signed(&payload, &[&stranger]),
            word: "unknown_key",
            names: "key",
        },
        Bad {
            name: "a signature over something else",
            bytes: no_longer,
            word: "bad_signature",
            names: "signatures[0]",
        },
        Bad {
            name: "a signature that is not base64",
            bytes: envelope_of(&payload, &[unreadable]),
            word: "bad_signature",
            names: "signatures[0]",
        },
        Bad {
            name: "a signature of three bytes",
            bytes: envelope_of(&payload, &[cut]),
            word: "bad_signature",
            names: "signatures[0]",
        },
    ]
}

/// A build that started at this time, as `date` understands it.
fn build_started(when: &str) -> Value {
    let mut date = Command::new("date");
    date.args(["-u", "-d", when, "+%Y-%m-%dT%H:%M:%SZ"]);
    let mut statement = statement("built");
    statement["predicateType"] = json!("https://slsa.dev/provenance/v1");
    statement["predicate"] = json!({
        "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {}},
        "runDetails": {
            "builder": {"id": "https://example.com/builder"},
            "metadata": {"invocationId": "https://example.com/run/1", "startedOn": run(date).stdout.trim()},
        },
    });
    statement
}

#[test]
fn every_bad_envelope_is_refused_with_its_word() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let mut wrong = String::new();
    for case in cases(&ledger.writers[0]) {
        match caller.record(&case.bytes) {
            Ok(answer) => writeln!(wrong, "{}: recorded at {}", case.name, answer.index).unwrap(),
            Err(status) if word(&status) != case.word || !status.message().contains(case.names) => {
                writeln!(wrong, "{}: {} ({})", case.name, word(&status), status.message()).unwrap();
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(caller.tree().0, 1, "nothing of all this was recorded");
}

#[test]
fn the_client_says_the_word_what_and_where() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = User::of(&server.url(), &Caller::of(&server).pin(), &ledger.writer_key_file(0));
    let (mut wrong, mut messages) = (String::new(), String::new());
    for case in cases(&ledger.writers[0]) {
        let file = user.file("envelope.json", &case.bytes);
        let arguments = ["record".as_ref(), "envelope".as_ref(), file.as_os_str()];
        let (code, answer) = user.json(&arguments);
        let error = &answer["error"];
        let said = error["message"].as_str().unwrap_or_default();
        // What does not even look like an envelope is a wrong file on the command line, and is never sent.
        let (exit, word, names) = match case.name {
            "nothing" | "no JSON" | "half an envelope" | "an envelope that is not UTF-8" => {
                (Some(2), "not_an_envelope", "envelope")
            }
            _ => (Some(1), case.word, case.names),
        };
        if code != exit || error["code"] != word || !said.contains(names) {
            writeln!(wrong, "{}: exit {code:?}, {answer}", case.name).unwrap();
        }
        let people = user.custody(&arguments);
        let shown = people.stderr.replace(&file.display().to_string(), "envelope.json");
        writeln!(messages, "# {}\n{}", case.name, without_times(shown.trim_end())).unwrap();
        if people.code != exit || !people.stderr.contains("error: ") || !people.stdout.is_empty() {
            writeln!(wrong, "{}: {people:?}", case.name).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let golden = workspace::root().join("tests/tests/promises/bad_input.txt");
    if std::env::var_os("CUSTODY_GOLDENS").is_some_and(|mode| mode == "write") {
        std::fs::write(&golden, &messages).unwrap();
    }
    assert_eq!(messages, std::fs::read_to_string(&golden).unwrap());
}

/// Returns the text with TIME in the place of each time, which differ from run to run.
fn without_times(text: &str) -> String {
    let is_time = |word: &str| word.len() == 27 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
    let words = text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || "-:.".contains(c)));
    words
        .map(|word| {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            if is_time(bare) { word.replace(bare, "TIME") } else { word.to_owned() }
        })
        .collect()
}

#[test]
fn a_key_that_may_not_record_a_type_is_told_what_it_may() {
    let ledger = Ledger::with_narrow_writer("https://slsa.dev/provenance/v1");
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let refused = caller.record(&envelope(&statement("a"), &[&ledger.writers[0]])).unwrap_err();
    assert_eq!(word(&refused), "key_not_allowed");
    for named in ["https://example.com/attestation/v1", "https://slsa.dev/provenance/v1"] {
        assert!(refused.message().contains(named), "{}", refused.message());
    }
    assert_eq!(refused.code(), tonic::Code::PermissionDenied);
    let build = build_started("now");
    assert!(!caller.record(&envelope(&build, &[&ledger.writers[0]])).unwrap().duplicate);
}

#[test]
fn signatures_of_strangers_beside_a_good_one_are_kept_as_unverified() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let stranger = SigningKey::from_seed(&[0xee; 32]);
    let answer =
        Caller::of(&server).record(&envelope(&statement("a"), &[&stranger, &ledger.writers[0]])).unwrap();
    let record: Value = serde_json::from_slice(&answer.record).unwrap();
    let statuses: Vec<&Value> =
        record["signers"].as_array().unwrap().iter().map(|signer| &signer["status"]).collect();
    assert_eq!(statuses, ["unverified", "verified"], "{record}");
}

#[test]
fn a_time_some_hours_ahead_is_recorded_with_a_mark() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let marks = |statement: &Value| {
        let answer = Caller::of(&server).record(&envelope(statement, &[&ledger.writers[0]])).unwrap();
        serde_json::from_slice::<Value>(&answer.record).unwrap()["marks"].clone()
    };
    assert_eq!(marks(&build_started("+23 hours")), json!(["future_time"]));
    assert_eq!(marks(&build_started("+5 minutes")), json!([]));
    assert_eq!(IN_TOTO, "application/vnd.in-toto+json");
}
