//! What admission makes of secrets.

use super::{
    Admission, AdmissionRecord, CheckName, CheckResult, IN_TOTO, Mark, NOW, Refusal, SALT, WRITER, admitted,
    first_envelope, good, sign, time, trust,
};
use crate::admission::{Builds, admit_again, admit_first_again};
use crate::dsse::Envelope;
use crate::key::SigningKey;

/// A token of npm without its checksum is suspected; with the name of a secret a random value is, too.
const RANDOM: &str = "Zq8rT1xVw0LmYc4NbKd7";

fn with_predicate(predicate: &str) -> String {
    good().replace(r#""predicate":{}"#, &format!(r#""predicate":{predicate}"#))
}

fn token() -> String {
    ["AKIA", "IOSFODNN7EXAMPLE"].concat()
}

fn secrets(record: &AdmissionRecord) -> CheckResult {
    record.checks.iter().find(|check| check.check == CheckName::Secrets).unwrap().result
}

#[test]
fn secret_is_refused_with_rule_and_place_and_never_told() {
    let payload = with_predicate(&format!(r#"{{"environment":{{"KEY":"{}"}}}}"#, token()));
    let refusal = admitted(&payload, &[WRITER]).unwrap_err();
    let Refusal::Secret { finding } = &refusal else { panic!("{refusal:?}") };
    assert_eq!((finding.rule(), finding.pointer()), ("aws-access-key-id", "/predicate/environment/KEY"));
    assert_eq!(refusal.word(), "secret");
    assert!(!refusal.is_about_rights());
    for text in [refusal.to_string(), format!("{refusal:?}")] {
        assert!(!text.contains(&token()) && !text.contains("IOSFODNN"), "{text}");
        assert!(text.contains(finding.fingerprint().as_str()), "{text}");
    }
}

/// An error about a value may quote it.
#[test]
fn secret_is_refused_before_anything_else_is_said_about_the_statement() {
    for (from, to) in [
        ("\"_type\"", format!("\"{}\"", token())),
        ("/report/v1", format!("/report v1 {}", token())),
        (r#""predicate":{}"#, format!(r#""predicate":"{}""#, token())),
        (r#""subject":["#, format!(r#""subject":["{}","#, token())),
        (r#""name":"github.com/acme/app""#, format!(r#""name":["{}"]"#, token())),
    ] {
        let changed = good().replace(from, &to);
        assert_ne!(changed, good());
        let refusal = admitted(&changed, &[WRITER]).unwrap_err();
        assert_eq!(refusal.word(), "secret", "{changed}");
        assert!(!format!("{refusal} {refusal:?}").contains(&token()), "{refusal}");
    }
    // Of an envelope that cannot be read nothing is known but the error.
    let outer = format!(r#"{{"payload":"","payloadType":["{0}"],"signatures":["{0}"]}}"#, token());
    let error = Refusal::from(crate::envelope::Envelope::parse(outer.as_bytes()).unwrap_err());
    assert!(!format!("{error} {error:?}").contains(&token()), "{error}");
}

#[test]
fn secret_in_the_first_document_or_around_a_payload_is_refused() {
    let key = SigningKey::from_seed(&[WRITER; 32]);
    let envelope = Envelope::sign(IN_TOTO, good().as_bytes(), &[&key]).unwrap();
    let text = String::from_utf8(envelope.bytes().to_vec()).unwrap();
    let changed = text.replacen('{', &format!(r#"{{"note":"{}","#, token()), 1);
    let envelope = Envelope::parse(changed.as_bytes()).unwrap();
    let refusal = super::admit(&trust(), &envelope, time(NOW), SALT).unwrap_err();
    assert!(refusal.to_string().contains(r#"in the envelope at "/note""#), "{refusal}");
    let first = String::from_utf8(first_envelope().bytes().to_vec()).unwrap();
    let changed = first.replacen('{', &format!(r#"{{"note":"{}","#, token()), 1);
    let envelope = Envelope::parse(changed.as_bytes()).unwrap();
    assert_eq!(super::admit_first(&envelope, time(NOW), SALT).unwrap_err().word(), "secret");
}

#[test]
fn suspected_value_is_a_mark_and_what_was_looked_at_is_in_the_record() {
    let plain = admitted(&good(), &[WRITER]).unwrap();
    assert_eq!((secrets(plain.record()), plain.record().screen.as_deref()), (CheckResult::Passed, Some("1")));
    let marked = admitted(&with_predicate(&format!(r#"{{"DB_PASSWORD":"{RANDOM}"}}"#)), &[WRITER]).unwrap();
    assert_eq!(marked.record().marks, [Mark::PossibleSecret]);
    assert_eq!(secrets(marked.record()), CheckResult::Marked);
    assert!(!String::from_utf8_lossy(marked.record_bytes()).contains(RANDOM));
}

/// What is recorded already is not recorded again, so nothing that an administrator allows no more keeps a retry from its entry.
#[test]
fn a_duplicate_is_admitted_with_what_its_entry_says_of_secrets() {
    let record = admitted(&good(), &[WRITER]).unwrap().record().clone();
    let duplicate = |payload: &str, seed: u8| {
        let envelope = sign(payload.as_bytes(), &[seed]).into();
        crate::admission::admit_duplicate(&trust(), &envelope, &Builds::default(), time(NOW), &record)
    };
    let bad = with_predicate(&format!(r#"{{"a":"{}"}}"#, token()));
    assert_eq!(admitted(&bad, &[WRITER]).unwrap_err().word(), "secret");
    assert_eq!(secrets(duplicate(&bad, WRITER).unwrap().record()), CheckResult::Passed);
    // All else is checked.
    assert!(duplicate(&good(), 77).is_err());
}

/// A log of yesterday is no liar because the rules of today find more.
#[test]
fn what_another_version_of_the_screen_admitted_is_admitted_again_with_its_result() {
    let again = |payload: &str, screen: Option<&str>, result: CheckResult| {
        let mut record = admitted(&good(), &[WRITER]).unwrap().record().clone();
        record.screen = screen.map(ToOwned::to_owned);
        for check in &mut record.checks {
            if check.check == CheckName::Secrets {
                check.result = result;
            }
        }
        let envelope = sign(payload.as_bytes(), &[WRITER]).into();
        admit_again(&trust(), &envelope, &Builds::default(), time(NOW), &record)
    };
    let bad = with_predicate(&format!(r#"{{"a":"{}"}}"#, token()));
    let found = |admission: Result<Admission, Refusal>| {
        let admission = admission.unwrap();
        (admission.record().screen.clone(), secrets(admission.record()))
    };
    assert_eq!(again(&bad, Some("1"), CheckResult::Passed).unwrap_err().word(), "secret");
    assert_eq!(
        found(again(&bad, Some("2"), CheckResult::Passed)),
        (Some("2".to_owned()), CheckResult::Passed)
    );
    assert_eq!(
        found(again(&bad, Some("2"), CheckResult::Marked)),
        (Some("2".to_owned()), CheckResult::Marked)
    );
    // Who did not look cannot have found that there is nothing.
    assert_eq!(found(again(&bad, None, CheckResult::Passed)), (None, CheckResult::NotChecked));
    assert_eq!(
        found(again(&good(), Some("1"), CheckResult::Marked)),
        (Some("1".to_owned()), CheckResult::Passed)
    );
    let first = super::admit_first(&first_envelope(), time(NOW), SALT).unwrap();
    let envelope = first_envelope().into();
    let repeated = admit_first_again(&envelope, time(NOW), first.record()).unwrap();
    assert_eq!(repeated.record_bytes(), first.record_bytes());
}
