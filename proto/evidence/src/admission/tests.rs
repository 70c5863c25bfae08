mod images;
mod keyed_bundles;
mod secrets;
mod tokens;

use std::collections::BTreeSet;

use custody_log::{KeyAlgorithm, LeafIndex, Origin, Timestamp, VerifierKey};

use super::{
    Addition, Admission, AdmissionRecord, Binding, Check, CheckName, CheckResult, MAX_RECORD, Mark,
    RecordError, Refusal, SignerStatus, TrustState, WORDS, check_times,
};
use crate::dsse::{Envelope, Failure, IN_TOTO};
use crate::envelope;
use crate::fact::{self, Facts};
use crate::identity::Identity;
use crate::key::SigningKey;
use crate::trust::{About, Authority, TrustDocument, TrustMembers, WriterRule, statement_of};

const NOW: &str = "2026-11-23T12:00:00.000000Z";
const SALT: [u8; 32] = [7; 32];
const TYPE: &str = "https://example.com/report/v1";
const ADMIN: u8 = 1;
const LOG: u8 = 2;
/// May record anything.
const WRITER: u8 = 10;
/// May record reports only, as imported evidence.
const REPORTER: u8 = 11;
/// Is in the document without a rule.
const PERSON: u8 = 12;
/// May record anything about github.com/acme.
const ACME: u8 = 13;
/// May record anything about its own builds.
const BUILDER: u8 = 14;
const STRANGER: u8 = 99;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn members() -> TrustMembers {
    let origin: Origin = "example.com/log".parse().unwrap();
    let vkey = |seed, algorithm| {
        let public = *key(seed).public().ed25519_bytes().unwrap();
        VerifierKey::new(origin.key_name().clone(), algorithm, &public).unwrap()
    };
    let (log, fresh) = (vkey(LOG, KeyAlgorithm::Ed25519), vkey(3, KeyAlgorithm::Cosignature));
    let admins = [key(ADMIN).public().clone()];
    let expires = time("2027-01-01T00:00:00Z");
    let mut members = TrustMembers::first(origin.clone(), log, fresh, &admins, 1, expires);
    let [writer, reporter, _, acme, builder] =
        [WRITER, REPORTER, PERSON, ACME, BUILDER].map(|seed| members.add_key(key(seed).public()));
    let anything = WriterRule::anything;
    let reports = vec![TYPE.to_owned()];
    members.writers = vec![
        anything("ci", writer),
        WriterRule { predicates: reports, authority: Authority::Imported, ..anything("reports", reporter) },
        WriterRule { about: About::Namespace("github.com/acme".into()), ..anything("acme", acme) },
        WriterRule { about: About::OwnBuilds, ..anything("builds", builder) },
    ];
    members
}

fn first_envelope() -> Envelope {
    sign(&statement_of(&TrustDocument::new(members()).unwrap()), &[ADMIN, LOG])
}

fn trust() -> TrustState {
    TrustState::first_of_any(&first_envelope()).unwrap()
}

fn sign(payload: &[u8], signers: &[u8]) -> Envelope {
    let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::sign(IN_TOTO, payload, &keys.iter().collect::<Vec<_>>()).unwrap()
}

fn statement(subjects: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{subjects}],"predicateType":"{TYPE}","predicate":{{}}}}"#
    )
}

fn subject(name: &str) -> String {
    format!(r#"{{"name":"{name}","digest":{{"sha256":"{}"}}}}"#, "ab".repeat(32))
}

fn good() -> String {
    statement(&subject("github.com/acme/app"))
}

fn admit(
    trust: &TrustState,
    envelope: &Envelope,
    now: Timestamp,
    salt: [u8; 32],
) -> Result<Admission, Refusal> {
    super::admit(trust, &envelope.clone().into(), now, salt)
}

fn admit_first(envelope: &Envelope, now: Timestamp, salt: [u8; 32]) -> Result<Admission, Refusal> {
    super::admit_first(&envelope.clone().into(), now, salt)
}

fn admitted(payload: &str, signers: &[u8]) -> Result<Admission, Refusal> {
    admit(&trust(), &sign(payload.as_bytes(), signers), time(NOW), SALT)
}

fn word(payload: &str, signers: &[u8]) -> &'static str {
    admitted(payload, signers).map_or_else(|refusal| refusal.word(), |_| "admitted")
}

#[test]
fn admits_and_writes_down_what_was_checked() {
    let admission = admitted(&good(), &[WRITER]).unwrap();
    let record = admission.record();
    assert_eq!(record.predicate_type, TYPE);
    assert_eq!(record.subjects, [format!("sha256:{}", "ab".repeat(32))]);
    assert_eq!(record.verified_identities(), BTreeSet::from([Identity::Key(key(WRITER).id())]));
    assert_eq!((record.authority, record.trust.index, record.trust.version), (Authority::Own, 0, 1));
    assert_eq!((record.submitter.as_ref(), record.binding), (None, None));
    assert!(record.attachments.is_empty() && record.marks.is_empty());
    assert!(!admission.administrative() && !admission.is_said_once());
    assert_eq!(admission.content(), sign(good().as_bytes(), &[WRITER]).content());
}

#[test]
fn record_reads_back_and_is_the_same_for_the_same_input() {
    let admission = admitted(&good(), &[WRITER, STRANGER]).unwrap();
    let record = AdmissionRecord::decode(admission.record_bytes()).unwrap();
    assert_eq!(&record, admission.record());
    assert_eq!(record.encode(), admission.record_bytes());
    assert_eq!(admitted(&good(), &[WRITER, STRANGER]).unwrap().record_bytes(), admission.record_bytes());
}

#[test]
fn record_bytes_are_those_of_the_format_document() {
    let bytes = admitted(&good(), &[WRITER]).unwrap().record_bytes().to_vec();
    let text = String::from_utf8(bytes).unwrap();
    let id = key(WRITER).id();
    let spki = crate::trust::base64(key(WRITER).public().spki_der());
    let salt = "07".repeat(32);
    let digest = "ab".repeat(32);
    assert_eq!(
        text,
        format!(
            r#"{{"format":"custody/record/v1","crit":[],"salt":"{salt}","media_type":"application/vnd.dsse.envelope.v1+json","predicate_type":"{TYPE}","subjects":["sha256:{digest}"],"signers":[{{"signature":0,"status":"verified","key":"{id}","spki":"{spki}","rule":"ci","hint":"{id}","why":null}}],"submitter":null,"binding":null,"authority":"own","checks":[{{"check":"envelope","result":"passed"}},{{"check":"statement","result":"passed"}},{{"check":"subjects","result":"passed"}},{{"check":"signature","result":"passed"}},{{"check":"right","result":"passed"}},{{"check":"time","result":"passed"}},{{"check":"binding","result":"not_checked"}},{{"check":"secrets","result":"passed"}}],"trust":{{"index":0,"version":1}},"reader":"{}","screen":"1","attachments":[],"marks":[]}}"#,
            fact::READER_VERSION
        )
    );
}

#[test]
fn record_is_refused_with_an_unknown_critical_member_only() {
    let text = String::from_utf8(admitted(&good(), &[WRITER]).unwrap().record_bytes().to_vec()).unwrap();
    let changed = |from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        AdmissionRecord::decode(changed.as_bytes())
    };
    assert!(changed(r#""marks":[]"#, r#""marks":[],"new":1"#).is_ok());
    let marked = changed(r#""marks":[]"#, r#""marks":["seen_twice","future_time"]"#).unwrap();
    assert!(matches!(marked.marks.as_slice(), [Mark::Unknown(_), Mark::FutureTime]), "{:?}", marked.marks);
    assert!(String::from_utf8(marked.encode()).unwrap().contains(r#""marks":["seen_twice","future_time"]"#));
    assert!(changed(r#""crit":[]"#, r#""crit":["binding"]"#).is_ok());
    assert_eq!(
        changed(r#""crit":[]"#, r#""crit":["new"]"#),
        Err(RecordError::UnknownCritical { name: "new".into() })
    );
    assert_eq!(
        changed("record/v1", "record/v2"),
        Err(RecordError::Format { found: "custody/record/v2".into() })
    );
    assert!(matches!(changed(r#""marks":[]"#, r#""marks":[],"marks":[]"#), Err(RecordError::Json(_))));
    assert!(matches!(changed(r#""salt":"07"#, r#""salt":""#), Err(RecordError::Json(_))));
    let long = vec![b' '; MAX_RECORD + 1];
    assert_eq!(
        AdmissionRecord::decode(&long),
        Err(RecordError::TooLong { max: MAX_RECORD, found: MAX_RECORD + 1 })
    );
}

#[test]
fn one_change_to_a_good_statement_is_refused_for_its_reason() {
    let good = good();
    assert_eq!(word(&good, &[WRITER]), "admitted");
    let subject = subject("github.com/acme/app");
    let digests = |count: usize| {
        let pairs: Vec<String> = (0..count).map(|n| format!(r#""x{n}":"1""#)).collect();
        format!(r#"{{"digest":{{"sha256":"{}",{}}}}}"#, "ab".repeat(32), pairs.join(","))
    };
    for (from, to, expected) in [
        (subject.as_str(), "", "no_subject"),
        (subject.as_str(), "{}", "no_usable_digest"),
        ("\"sha256\"", "\"sha1\"", "no_usable_digest"),
        ("\"sha256\":\"ab", "\"sha256\":\"", "no_usable_digest"),
        ("\"_type\"", "\"type\"", "no_type"),
        ("Statement/v1", "Statement/v0.2", "unknown_type"),
        ("\"predicateType\"", "\"predicate_type\"", "no_predicate_type"),
        ("/report/v1", "/report v1", "bad_predicate_type"),
        ("\"predicate\":{}", "\"predicate\":[]", "bad_predicate"),
        ("\"predicate\":{}", "\"predicate\":{\"a\":1,\"a\":1}", "duplicate_member"),
        ("\"predicate\":{}", "\"predicate\":{\"a\":1,\"\\u0061\":1}", "duplicate_member"),
        ("\"predicate\":{}}", "\"predicate\":{}} {}", "bad_json"),
        ("\"subject\":[", "\"subject\":{", "bad_json"),
        (TYPE, "urn:custody:distrust:v1", "bad_trust_document"),
        (TYPE, "urn:custody:allow:v1", "bad_trust_document"),
        (TYPE, "urn:custody:policy:v2", "not_yet_supported"),
        (TYPE, "urn:custody:clock-repair:v2", "not_yet_supported"),
        (TYPE, "urn:custody:clock-repair:v1", "bad_trust_document"),
        (TYPE, "urn:custody:trust:v2", "not_yet_supported"),
        (TYPE, "urn:custody:trust:v1", "bad_trust_document"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        assert_eq!(word(&changed, &[WRITER]), expected, "{from} -> {to}");
    }
    assert_eq!(word(&statement(&digests(15)), &[WRITER]), "admitted");
    assert_eq!(word(&statement(&digests(16)), &[WRITER]), "too_many_digests");
    let many = |count: usize, one: &str| statement(&vec![one; count].join(","));
    assert_eq!(word(&many(1024, &subject), &[WRITER]), "admitted");
    assert_eq!(word(&many(1025, &subject), &[WRITER]), "too_many_subjects");
    assert_eq!(word(&many(256, &digests(15)), &[WRITER]), "admitted");
    assert_eq!(word(&many(257, &digests(15)), &[WRITER]), "too_many_digests");
    let deep = |levels: usize| {
        good.replacen("{}", &format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels)), 1)
    };
    assert_eq!(word(&deep(62), &[WRITER]), "admitted");
    assert_eq!(word(&deep(63), &[WRITER]), "json_too_deep");
    let broken = [good.as_bytes(), b"\xff"].concat();
    let refusal = admit(&trust(), &sign(&broken, &[WRITER]), time(NOW), SALT).unwrap_err();
    assert_eq!(refusal.word(), "bad_utf8");
}

#[test]
fn one_change_to_a_good_envelope_is_refused_for_its_reason() {
    let good = String::from_utf8(sign(good().as_bytes(), &[WRITER]).bytes().to_vec()).unwrap();
    let words = |text: &str| match Envelope::parse(text.as_bytes()) {
        Err(error) => Refusal::from(envelope::EnvelopeError::Dsse(error)).word(),
        Ok(envelope) => admit(&trust(), &envelope, time(NOW), SALT).map_or_else(|r| r.word(), |_| "admitted"),
    };
    assert_eq!(words(&good), "admitted");
    let one = good.split_once('[').unwrap().1.strip_suffix("]}").unwrap().to_owned();
    for (from, to, expected) in [
        ("\"payload\":\"", "\"payload\":\"=", "bad_base64"),
        ("\"payload\":\"", "\"payload\":\"AAAA", "bad_json"),
        ("\"sig\":\"", "\"sig\":\"AAAA", "bad_signature"),
        ("\"sig\":\"", "\"sig\":\"A", "bad_signature"),
        ("vnd.in-toto+json", "vnd.other+json", "not_in_toto"),
        ("vnd.in-toto+json", "vnd.in-toto.x+json", "bad_signature"),
        (one.as_str(), "", "no_signature"),
        ("\"payload\":", "\"p\":", "bad_json"),
        ("\"payload\":", "\"payload\":\"\",\"payload\":", "bad_json"),
        ("\"keyid\":\"", "\"keyid\":\"x", "admitted"),
        ("{\"payload\"", "{\"x\":[],\"payload\"", "admitted"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from}");
        assert_eq!(words(&changed), expected, "{from} -> {to}");
    }
    let seventeen = good.replacen(&one, &vec![one.as_str(); 17].join(","), 1);
    assert_eq!(words(&seventeen), "too_many_signatures");
    assert_eq!(
        words(&good.replacen("\"keyid\":\"", &format!("\"keyid\":\"{}", "k".repeat(1024)), 1)),
        "keyid_too_long"
    );
    for (text, kind) in [
        (r#"{"attestation_bundles":[]}"#, "PEP 740"),
        (r#"{"attestations":[]}"#, "npm"),
        (r#"{"_type":"https://in-toto.io/Statement/v1"}"#, "in-toto statement"),
        (r#"{"bomFormat":"CycloneDX"}"#, "CycloneDX"),
    ] {
        let error = envelope::Envelope::parse(text.as_bytes()).unwrap_err();
        assert!(error.to_string().contains(kind), "{error}");
        assert_eq!(Refusal::from(error).word(), "unsupported_envelope");
    }
}

#[test]
fn one_good_signature_admits_and_the_others_are_kept_as_unverified() {
    let admission = admitted(&good(), &[STRANGER, WRITER, PERSON]).unwrap();
    let signers: Vec<_> =
        admission.record().signers.iter().map(|s| (s.status, s.why.as_deref(), s.rule.as_deref())).collect();
    assert_eq!(
        signers,
        [
            (SignerStatus::Unverified, Some("unknown_key"), None),
            (SignerStatus::Verified, None, Some("ci")),
            (SignerStatus::Unverified, Some("not_allowed"), None),
        ]
    );
    assert_eq!(admission.record().verified_keys(), BTreeSet::from([key(WRITER).id()]));
}

#[test]
fn the_strongest_rule_gives_the_authority() {
    assert_eq!(admitted(&good(), &[REPORTER]).unwrap().record().authority, Authority::Imported);
    assert_eq!(admitted(&good(), &[REPORTER, WRITER]).unwrap().record().authority, Authority::Own);
}

/// Who may say something in their own name signs beside somebody who may not: that makes the other's word no more.
#[test]
fn a_signature_beside_anothers_does_not_make_the_others_word_more() {
    let authorities = |signers: &[u8]| {
        let admission = admitted(&good(), signers).unwrap();
        let record = AdmissionRecord::decode(admission.record_bytes()).unwrap();
        assert_eq!(&record, admission.record());
        record.signers.iter().map(|signer| signer.authority).collect::<Vec<_>>()
    };
    assert_eq!(authorities(&[REPORTER]), [None]);
    assert_eq!(authorities(&[WRITER, ACME]), [None, None]);
    assert_eq!(authorities(&[REPORTER, WRITER]), [Some(Authority::Imported), None]);
    assert_eq!(authorities(&[WRITER, STRANGER, REPORTER]), [None, None, Some(Authority::Imported)]);
    // What was said beside somebody is not said with more right than alone, so the one who is allowed more is new.
    let record = |signers: &[u8]| admitted(&good(), signers).unwrap().record().clone();
    let (together, alone) = (record(&[REPORTER, WRITER]), record(&[WRITER]));
    assert!(!alone.adds_to(&[&together]) && !record(&[REPORTER]).adds_to(&[&together]));
    let mut stronger = record(&[REPORTER]);
    stronger.authority = Authority::Own;
    assert_eq!(stronger.addition(&[&together]), Some(Addition::Authority(Authority::Own)));
    assert_eq!(stronger.addition(&[&together, &stronger]), None);
    assert_eq!(together.addition(&[&stronger, &alone]), None);
}

#[test]
fn an_unknown_key_is_refused_with_the_hints_tried() {
    let refusal = admitted(&good(), &[STRANGER]).unwrap_err();
    let hint = key(STRANGER).id().to_string();
    assert_eq!(refusal, Refusal::UnknownKey { hints: vec![hint.clone()], tried: 6 });
    assert!(refusal.to_string().contains(&hint) && refusal.is_about_rights());
}

#[test]
fn a_bad_signature_is_named_by_its_position() {
    let envelope = sign(good().as_bytes(), &[STRANGER, WRITER]);
    let parts = |at: usize| envelope.signatures()[at].bytes().unwrap().to_vec();
    let changed = Envelope::from_parts(
        IN_TOTO,
        statement(&subject("other")).as_bytes(),
        &[(String::new(), parts(0)), (key(WRITER).id().to_string(), parts(1))],
    )
    .unwrap();
    let refusal = admit(&trust(), &changed, time(NOW), SALT).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::BadSignature { signature: 1, why: Failure::NotByHintedKey { key: key(WRITER).id() } }
    );
    assert!(refusal.to_string().starts_with("signatures[1] does not hold"));
}

#[test]
fn a_key_that_may_not_record_this_is_named_with_its_rules() {
    let other = good().replacen(TYPE, "https://slsa.dev/provenance/v1", 1);
    let refusal = admitted(&other, &[REPORTER]).unwrap_err();
    assert_eq!(refusal.word(), "key_not_allowed");
    let text = refusal.to_string();
    for part in [&key(REPORTER).id().to_string(), "https://slsa.dev/provenance/v1", "\"reports\"", TYPE] {
        assert!(text.contains(part), "{text}");
    }
    let text = admitted(&good(), &[PERSON]).unwrap_err().to_string();
    assert!(text.contains("has no writer rule"), "{text}");
    assert_eq!(word(&good(), &[ADMIN]), "key_not_allowed");
    assert_eq!(word(&good(), &[LOG]), "unknown_key");
}

#[test]
fn a_namespace_bounds_every_subject() {
    assert_eq!(word(&good(), &[ACME]), "admitted");
    let two = statement(&[subject("github.com/acme/app"), subject("github.com/evil/app")].join(","));
    let refusal = admitted(&two, &[ACME]).unwrap_err();
    assert!(
        matches!(&refusal, Refusal::OutsideNamespace { subject: 1, found, .. } if found == "github.com/evil/app")
    );
    assert_eq!(word(&good(), &[BUILDER]), "own_builds_undecided");
}

#[test]
fn more_keys_than_are_tried_are_refused_as_not_checked() {
    let mut members = members();
    for seed in 100..180 {
        let id = members.add_key(key(seed).public());
        members.writers.push(WriterRule::anything(&format!("w{seed}"), id));
    }
    let document = statement_of(&TrustDocument::new(members).unwrap());
    let trust = TrustState::first_of_any(&sign(&document, &[ADMIN, LOG])).unwrap();
    let hinted = sign(good().as_bytes(), &[179]);
    assert!(admit(&trust, &hinted, time(NOW), SALT).is_ok());
    let signature = hinted.signatures()[0].bytes().unwrap().to_vec();
    let unhinted = Envelope::from_parts(IN_TOTO, good().as_bytes(), &[(String::new(), signature)]).unwrap();
    let refusal = admit(&trust, &unhinted, time(NOW), SALT).unwrap_err();
    assert_eq!(refusal.word(), "too_many_keys");
    let large = format!("{}{}", good(), " ".repeat(46 << 20));
    assert!(admit(&trust, &sign(large.as_bytes(), &[179]), time(NOW), SALT).is_ok());
    let unhinted = Envelope::from_parts(IN_TOTO, large.as_bytes(), &[(String::new(), vec![1; 64])]).unwrap();
    let refusal = admit(&trust, &unhinted, time(NOW), SALT).unwrap_err();
    assert_eq!(refusal.word(), "too_much_to_hash");
}

#[test]
fn claimed_times_may_be_ten_minutes_ahead_and_are_marked_up_to_a_day() {
    let at = |claimed: &str| {
        let mut facts = Facts::default();
        facts.times.push(("predicate.metadata.finishedOn".into(), time(claimed)));
        check_times(&facts, time(NOW))
    };
    assert_eq!(at("2020-01-01T00:00:00Z"), Ok(vec![]));
    assert_eq!(at("2026-11-23T12:10:00Z"), Ok(vec![]));
    assert_eq!(at("2026-11-23T12:10:00.000001Z"), Ok(vec![Mark::FutureTime]));
    assert_eq!(at("2026-11-24T12:00:00Z"), Ok(vec![Mark::FutureTime]));
    let refusal = at("2026-11-24T12:00:00.000001Z").unwrap_err();
    assert_eq!(refusal.word(), "future_time");
    assert!(refusal.to_string().contains("predicate.metadata.finishedOn"));
    let marked = Check::all(&[Mark::FutureTime], None, CheckResult::Passed);
    assert!(marked.contains(&Check { check: CheckName::Time, result: CheckResult::Marked }));
}

#[test]
fn entry_0_is_admitted_by_its_own_root_and_log_key() {
    let admission = admit_first(&first_envelope(), time(NOW), SALT).unwrap();
    assert!(admission.administrative() && admission.is_said_once());
    let rules: Vec<_> = admission.record().signers.iter().map(|s| s.rule.as_deref().unwrap()).collect();
    assert_eq!(rules, ["roles.root", "log_keys"]);
    let late = admit_first(&first_envelope(), time("2027-01-01T00:00:00Z"), SALT).unwrap_err();
    assert_eq!(late.word(), "trust_expired");
    assert_eq!(
        admit_first(&sign(good().as_bytes(), &[ADMIN, LOG]), time(NOW), SALT).unwrap_err().word(),
        "bad_trust_document"
    );
    let unsigned = sign(first_envelope().payload(), &[ADMIN]);
    assert_eq!(admit_first(&unsigned, time(NOW), SALT).unwrap_err().word(), "trust_threshold");
}

#[test]
fn a_next_trust_document_is_admitted_by_the_root_role_and_no_writer() {
    let next = || {
        let mut members = members();
        members.version = 2;
        String::from_utf8(statement_of(&TrustDocument::new(members).unwrap())).unwrap()
    };
    let admission = admitted(&next(), &[ADMIN]).unwrap();
    assert!(admission.is_said_once());
    assert_eq!(admission.record().verified_keys(), BTreeSet::from([key(ADMIN).id()]));
    assert!(trust().next(&sign(next().as_bytes(), &[ADMIN]), LeafIndex::new(7).unwrap()).is_ok());
    assert_eq!(word(&next(), &[WRITER]), "trust_threshold");
    assert_eq!(
        word(std::str::from_utf8(first_envelope().payload()).unwrap(), &[ADMIN, LOG]),
        "trust_version"
    );
}

#[test]
fn a_second_envelope_must_add_something() {
    let record = |signers: &[u8]| admitted(&good(), signers).unwrap().record().clone();
    let (writer, reporter, both) = (record(&[WRITER]), record(&[REPORTER]), record(&[REPORTER, WRITER]));
    assert!(writer.adds_to(&[]));
    assert!(!writer.adds_to(&[&writer]));
    // An unverified signature adds nothing, or anyone could store the same statement again and again.
    assert!(!record(&[STRANGER, WRITER]).adds_to(&[&writer]));
    assert!(both.adds_to(&[&writer]) && reporter.adds_to(&[&writer]));
    assert!(!both.adds_to(&[&writer, &reporter]));
    let with = |authority, binding| AdmissionRecord { binding, authority, ..writer.clone() };
    let imported = with(Authority::Imported, None);
    assert!(writer.adds_to(&[&imported]) && !imported.adds_to(&[&writer]));
    assert!(with(Authority::Imported, None).adds_to(&[&with(Authority::Relayed, None)]));
    let stronger = Some(Addition::Authority(Authority::Own));
    assert_eq!((writer.addition(&[&imported]), writer.addition(&[&imported, &writer])), (stronger, None));
    let bound = with(Authority::Own, Some(Binding::Bound));
    assert_eq!(bound.addition(&[&writer]), Some(Addition::Binding));
    assert!(bound.adds_to(&[&writer]) && !bound.adds_to(&[&writer, &bound]));
    assert!(!with(Authority::Own, Some(Binding::Conflict)).adds_to(&[&writer]));
}

#[test]
fn a_record_above_one_mebibyte_is_refused() {
    let value = "v".repeat(250);
    let subject = |n: usize| {
        let pairs: Vec<String> = (0..3).map(|m| format!(r#""unknown-{n}-{m}":"{value}""#)).collect();
        format!(r#"{{"digest":{{"sha256":"{}",{}}}}}"#, "ab".repeat(32), pairs.join(","))
    };
    let many = |count: usize| statement(&(0..count).map(subject).collect::<Vec<_>>().join(","));
    assert_eq!(word(&many(500), &[WRITER]), "admitted");
    assert_eq!(word(&many(1024), &[WRITER]), "admitted");
    let long = many(1024).replace("unknown-", &"unknown-".repeat(7));
    let long = long.replace(&value, &"\\\\".repeat(250));
    assert_eq!(word(&long, &[WRITER]), "record_too_large");
}

#[test]
fn every_reason_word_is_listed_once_and_in_the_format_document() {
    let words: BTreeSet<&str> = WORDS.iter().map(|(word, _)| *word).collect();
    assert_eq!(words.len(), WORDS.len());
    let document = include_str!("../../../../docs/format.md");
    for (word, meaning) in WORDS {
        assert!(document.contains(&format!("| `{word}` | {meaning} |")), "{word}");
    }
}
