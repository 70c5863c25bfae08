//! Redactions: whose word they are, which entry they mean, and that their content stays out.

use custody_log::{ContentDigest, Entry, EntryDigest, EnvelopeDigest, Measured, RecordDigest};

use super::*;
use crate::admission::{self, Admission, Refusal};

const WRITER: u8 = 9;
const SECOND: u8 = 10;
const RULES: [u8; 2] = [1, 2];

fn trust() -> TrustState {
    let members = with(|members| {
        for (seed, name) in [(WRITER, "ci"), (SECOND, "review")] {
            let id = members.add_key(key(seed).public());
            members.writers.push(WriterRule::anything(name, id));
        }
    });
    TrustState::first(&sign(members, &[1, 2, LOG]), &origin()).unwrap()
}

fn signed(statement: &[u8], signers: &[u8]) -> Envelope {
    let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::sign(IN_TOTO, statement, &keys.iter().collect::<Vec<_>>()).unwrap()
}

fn statement(name: &str) -> String {
    let digest = "ab".repeat(32);
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://example.com/x/v1","predicate":{{}},"subject":[{{"name":"{name}","digest":{{"sha256":"{digest}"}}}}]}}"#
    )
}

/// An entry with this content.
fn entry(at: u64, content: ContentDigest) -> Entry {
    Entry {
        index: index(at),
        time: time("2026-11-23T12:00:00Z"),
        previous: Some(EntryDigest::of(b"before")),
        admin: Some(index(0)),
        administrative: false,
        envelope: Measured { digest: EnvelopeDigest::of(b"e"), length: 1 },
        content,
        record: Measured { digest: RecordDigest::of(b"r"), length: 1 },
    }
}

fn redaction(name: &str) -> (Redaction, Entry) {
    let content = signed(statement(name).as_bytes(), &[WRITER]).content();
    let entry = entry(5, content);
    (Redaction::of(&entry, &entry.encode(), "a token is in it".to_owned()), entry)
}

fn next(state: &TrustState, said: &Redaction, signers: &[u8], at: u64) -> Result<TrustState, TrustError> {
    state.next(&signed(&said.statement(), signers), index(at))
}

fn admitted(state: &TrustState, envelope: Envelope) -> Result<Admission, Refusal> {
    admission::admit(state, &envelope.into(), time("2026-11-23T12:00:00Z"), [7; 32])
}

#[test]
fn a_statement_reads_back_and_means_one_entry() {
    let (said, entry) = redaction("app");
    let bytes = said.statement();
    let read = Redaction::from_statement(&Statement::parse(&bytes).unwrap()).unwrap();
    assert_eq!(read, said);
    assert_eq!(Redaction::in_envelope(signed(&bytes, &RULES).bytes()), Some(said.clone()));
    said.check(&entry, &entry.encode()).unwrap();
    let other = Entry { index: index(6), ..entry.clone() };
    assert!(matches!(said.check(&other, &other.encode()), Err(TrustError::OtherEntry { .. })));
    let own = Entry { administrative: true, ..entry.clone() };
    let of_own = Redaction::of(&own, &own.encode(), "x".to_owned());
    assert!(matches!(of_own.check(&own, &own.encode()), Err(TrustError::NeverErased { .. })));
    let wrong = Redaction { content: ContentDigest::of(b"other"), ..said };
    assert!(matches!(wrong.check(&entry, &entry.encode()), Err(TrustError::OtherContent { .. })));
}

#[test]
fn what_is_no_redaction_is_refused() {
    let text = String::from_utf8(redaction("app").0.statement()).unwrap();
    let (entry, other) = (redaction("app").0.entry.to_hex(), "cd".repeat(32));
    for (what, changed) in [
        ("another format", text.replace("custody/redaction/v1", "custody/redaction/v2")),
        ("a member that must be understood", text.replace(r#""crit":[]"#, r#""crit":["until"]"#)),
        ("no reason", text.replace("a token is in it", " ")),
        ("no entry", text.replace(r#""index":5,"#, "")),
        ("an index that is none", text.replace(r#""index":5,"#, r#""index":9223372036854775808,"#)),
        ("another index than the subject", text.replace(r#""index":5,"#, r#""index":6,"#)),
        ("another entry than the subject", text.replacen(&entry, &other, 1)),
    ] {
        assert_ne!(changed, text, "{what}");
        let read = Redaction::from_statement(&Statement::parse(changed.as_bytes()).unwrap());
        assert!(read.is_err(), "{what}");
    }
    assert_eq!(Redaction::in_envelope(b"no envelope"), None);
    assert_eq!(Redaction::in_envelope(signed(statement("app").as_bytes(), &[WRITER]).bytes()), None);
}

#[test]
fn it_takes_the_threshold_of_the_rules_role_an_entry_before_it_and_is_said_once() {
    let (state, (said, _)) = (trust(), redaction("app"));
    for signers in [&[1][..], &[WRITER, SECOND], &[1, WRITER]] {
        let refused = next(&state, &said, signers, 7).unwrap_err();
        assert_eq!(refused.word(), "trust_threshold", "{signers:?}: {refused}");
    }
    for at in [4, 5] {
        assert!(matches!(next(&state, &said, &RULES, at), Err(TrustError::NoSuchEntry { found: 5 })), "{at}");
    }
    let redacted = next(&state, &said, &RULES, 6).unwrap();
    assert_eq!(redacted.redacted(&said.content).map(|found| found.by), Some(index(6)));
    assert_eq!(state.redacted(&said.content), None, "the state before stays what it was");
    assert!(matches!(
        next(&redacted, &said, &RULES, 8),
        Err(TrustError::ErasedAlready { by, .. }) if by == index(6)
    ));
    let (other, _) = redaction("other");
    let both = next(&redacted, &other, &RULES, 9).unwrap();
    assert_eq!(both.redactions().map(|found| found.by.get()).collect::<Vec<_>>(), [9, 6]);
}

#[test]
fn a_redacted_content_is_refused_however_it_is_wrapped_and_everything_else_is_let_in() {
    let (said, _) = redaction("app");
    let state = next(&trust(), &said, &RULES, 6).unwrap();
    let content = statement("app");
    let wrapped = signed(content.as_bytes(), &[WRITER]);
    let spaced = Envelope::parse(format!(" {}", String::from_utf8_lossy(wrapped.bytes())).as_bytes());
    for (what, envelope) in [
        ("the same bytes", wrapped.clone()),
        ("another signer", signed(content.as_bytes(), &[SECOND])),
        ("two signers", signed(content.as_bytes(), &[WRITER, SECOND])),
        ("a stranger", signed(content.as_bytes(), &[77])),
        ("with white space", spaced.unwrap()),
    ] {
        let refused = admitted(&state, envelope).unwrap_err();
        assert_eq!(
            (refused.word(), &refused),
            ("redacted_content", &Refusal::Redacted { index: index(6) }),
            "{what}"
        );
        assert!(admitted(&trust(), wrapped.clone()).is_ok(), "before it was redacted");
    }
    admitted(&state, signed(statement("other").as_bytes(), &[WRITER])).unwrap();
}

#[test]
fn administration_of_a_later_version_is_not_passed_over() {
    let statement = statement("app").replace("https://example.com/x/v1", "urn:custody:quorum:v1");
    let refused = trust().next(&signed(statement.as_bytes(), &RULES), index(3)).unwrap_err();
    assert!(matches!(refused, TrustError::UnknownAdministration { .. }), "{refused}");
    assert!(refused.to_string().contains("use a newer one"), "{refused}");
}
