//! Many envelopes over one call: each is answered, in order of nothing, and a bad one harms nobody.

use std::collections::BTreeMap;
use std::time::Duration;

use custody_log::Receipt;
use custody_tests::client::User;
use custody_tests::evidence::{envelope, envelope_of_length, statement};
use custody_tests::server::{Ledger, custodyd};
use custody_tests::wire::{Caller, answer_word};
use custody_wire::limits::{BULK_UNDER_WAY_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1::record_bulk_response::Answer;

#[test]
fn every_envelope_is_answered_by_its_tag() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let writer = &ledger.writers[0];
    let mut stream = caller.bulk();
    stream.header();
    let mut sent = BTreeMap::new();
    for number in 0..600_u64 {
        // A tag of the caller's choice.
        sent.insert(number * 7, envelope(&statement(&format!("bulk-{number}")), &[writer]));
    }
    let (answers, status) = stream.exchange(&sent);
    assert_eq!(status.map(|status| status.code()), None);
    assert_eq!(answers.len(), sent.len());
    let mut indexes: Vec<u64> = Vec::new();
    for (tag, answer) in &answers {
        let Answer::Recorded(recorded) = answer else { panic!("{tag}: {answer:?}") };
        assert!(!recorded.duplicate);
        let receipt = Receipt::decode(&recorded.receipt).unwrap();
        let digest = custody_log::EnvelopeDigest::of(&sent[tag]);
        assert_eq!(receipt.unverified_entry().envelope.digest, digest, "the receipt is for tag {tag}");
        indexes.push(recorded.index);
    }
    indexes.sort_unstable();
    assert_eq!(indexes, (1..=600).collect::<Vec<_>>());

    // The same again adds nothing.
    let mut again = caller.bulk();
    again.header();
    let (repeated, _) = again.exchange(&sent);
    for (tag, answer) in repeated {
        let (Answer::Recorded(first), Answer::Recorded(second)) = (&answers[&tag], &answer) else {
            panic!("{answer:?}")
        };
        assert!(second.duplicate && first.index == second.index);
    }
}

#[test]
fn a_refused_envelope_does_not_end_the_stream() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let writer = &ledger.writers[0];
    let stranger = custody_evidence::key::SigningKey::from_seed(&[9; 32]);
    let good = |name: &str| envelope(&statement(name), &[writer]);
    let too_large = envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX + 1, writer);
    let largest = envelope_of_length("largest", UNARY_ENVELOPE_BYTES_MAX, writer);
    let sent = BTreeMap::from([
        (0, good("a")),
        (1, b"{}".to_vec()),
        (2, envelope(&statement("b"), &[&stranger])),
        (3, too_large),
        (4, Vec::new()),
        (5, largest),
        (6, good("c")),
    ]);
    let mut stream = caller.bulk();
    stream.header();
    let (answers, status) = stream.exchange(&sent);
    assert!(status.is_none(), "{status:?}");
    let words: Vec<String> = answers.values().map(answer_word).collect();
    // The words are those that the same envelope gets alone.
    for (tag, bytes) in &sent {
        let alone = match caller.record_unary(bytes) {
            Ok(_) => "recorded".to_owned(),
            Err(status) => custody_tests::wire::word(&status),
        };
        assert_eq!(words[usize::try_from(*tag).unwrap()], alone, "tag {tag}");
    }
    assert_eq!(words.iter().filter(|word| *word == "recorded").count(), 3, "{words:?}");
    assert_eq!(words[3], "too_large");
}

#[test]
fn what_is_no_such_stream_is_refused_once_what_was_read_is_answered() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let bytes = envelope(&statement("only"), &[&ledger.writers[0]]);

    let mut headless = caller.bulk();
    headless.envelope(1, bytes.clone());
    let (answers, status) = headless.finish();
    assert!(answers.is_empty());
    assert_eq!(custody_tests::wire::word(&status.unwrap()), "stream_order");

    let mut twice = caller.bulk();
    twice.header();
    twice.envelope(1, bytes);
    twice.header();
    let (answers, status) = twice.finish();
    assert_eq!(answers.len(), 1, "what was read before is answered");
    assert_eq!(custody_tests::wire::word(&status.unwrap()), "stream_order");

    let other = Caller::to(&server, "example.com/other");
    let mut elsewhere = other.bulk();
    elsewhere.header();
    let (_, status) = elsewhere.finish();
    assert_eq!(custody_tests::wire::word(&status.unwrap()), "wrong_origin");

    let mut nothing = caller.bulk();
    nothing.header();
    let (answers, status) = nothing.finish();
    assert!(answers.is_empty() && status.is_none(), "{status:?}");
}

#[test]
fn a_stop_answers_what_was_read_and_ends_the_stream() {
    let ledger = Ledger::new(1);
    let mut server = ledger.serve();
    let caller = Caller::of(&server);
    let mut stream = caller.bulk();
    stream.header();
    for number in 0..50 {
        stream.envelope(number, envelope(&statement(&format!("s-{number}")), &[&ledger.writers[0]]));
    }
    let mut answers = BTreeMap::new();
    while answers.len() < 50 {
        let (tag, answer) = stream.next().unwrap().expect("an answer");
        answers.insert(tag, answer);
    }
    // The stream is open and could bring more.
    let begun = std::time::Instant::now();
    server.ask_to_stop();
    let ended = stream.next();
    assert_eq!(custody_tests::wire::word(&ended.unwrap_err()), "shutting_down");
    assert_eq!(server.wait().code(), Some(0), "{}", server.said());
    assert!(begun.elapsed() < Duration::from_secs(20), "a stream held up the stop");
    let checked = custodyd(&["fsck".as_ref(), "--data".as_ref(), ledger.data().as_os_str()]);
    assert_eq!(checked.code, Some(0), "{}{}", checked.stdout, checked.stderr);
    let server = ledger.serve();
    assert_eq!(Caller::of(&server).tree().0, 51);
}

#[test]
fn a_caller_who_takes_no_answers_is_not_read_for_ever_and_holds_up_nobody() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let deaf = Caller::of(&server);
    let mut stream = deaf.bulk();
    stream.header();
    let writer = &ledger.writers[0];
    let bytes: Vec<_> =
        (0..3_000).map(|number| envelope(&statement(&format!("deaf-{number}")), &[writer])).collect();
    let taken = stream.offer(&bytes, Duration::from_secs(3));
    assert!(taken >= BULK_UNDER_WAY_MAX, "only {taken} were taken");
    let caller = Caller::of(&server);
    let recorded = caller.record(&envelope(&statement("meanwhile"), &[writer])).unwrap();
    // Beyond what is under way, the answers in the two connections' buffers are all that was read.
    assert!(recorded.index < 2_900, "{} were recorded without anyone taking an answer", recorded.index);
    drop(stream);
    server.stop();
}

#[test]
fn the_command_line_records_many_files_and_lines_over_one_stream() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let user = User::of(&server.url(), &caller.pin(), &ledger.writer_key_file(0));
    let writer = &ledger.writers[0];
    let lines: Vec<Vec<u8>> =
        (0..300).map(|number| envelope(&statement(&format!("line-{number}")), &[writer])).collect();
    let many = user.file("many.jsonl", lines.join(&b'\n'));
    let stranger = custody_evidence::key::SigningKey::from_seed(&[9; 32]);
    let bad = user.file("bad.json", envelope(&statement("bad"), &[&stranger]));
    let good = user.file("good.json", envelope(&statement("good"), &[writer]));
    let arguments = ["record", "envelope", "-o", "json"].map(std::ffi::OsStr::new);
    let arguments = [&arguments[..], &[bad.as_os_str(), many.as_os_str(), good.as_os_str()]].concat();
    let ended = user.custody(&arguments);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let results: Vec<serde_json::Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // One line each in the order of the files, and the summary.
    assert!(results.len() >= 302, "{}", ended.stdout);
    assert_eq!(results[0]["error"]["code"], "unknown_key");
    for (at, line) in results[1..301].iter().enumerate() {
        assert_eq!(line["file"], format!("{}:{}", many.display(), at + 1));
        assert_eq!(line["duplicate"], false);
    }
    assert_eq!(results[301]["file"], good.display().to_string());
    assert_eq!(caller.tree().0, 302);
}
