//! Distrust and its undo, and what the secret screen is allowed to let pass.

use super::*;
use crate::admission::{self, Admission, Refusal};
use crate::fact::{Node, NodeKind};
use crate::identity::Identity;

const WRITER: u8 = 9;
const SECOND: u8 = 10;
const RESPONDER: u8 = 20;
const RULES: [u8; 2] = [1, 2];

/// Two writers, one responder of its own, and two of three administrators for the rules.
fn trust() -> TrustState {
    let members = with(|members| {
        for (seed, name) in [(WRITER, "ci"), (SECOND, "review")] {
            let id = members.add_key(key(seed).public());
            members.writers.push(WriterRule::anything(name, id));
        }
        let responder = members.add_key(key(RESPONDER).public());
        members.roles.responder = Role { keys: vec![responder], threshold: 1 };
    });
    TrustState::first(&sign(members, &[1, 2, LOG]), &origin()).unwrap()
}

fn signed(statement: &[u8], signers: &[u8]) -> Envelope {
    let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::sign(IN_TOTO, statement, &keys.iter().collect::<Vec<_>>()).unwrap()
}

fn writer() -> Target {
    Target::Signer(Identity::Key(key(WRITER).public().id()))
}

fn distrust(target: Target, since: u64, undo: bool) -> Distrust {
    Distrust { target, since: index(since), reason: "the key leaked".to_owned(), follows: None, undo }
}

/// The same, after an entry that says something of the target.
fn after(entry: u64, said: Distrust) -> Distrust {
    Distrust { follows: Some(index(entry)), ..said }
}

fn next(state: &TrustState, said: &Distrust, signers: &[u8], at: u64) -> Result<TrustState, TrustError> {
    state.next(&signed(&said.statement(), signers), index(at))
}

fn statement(subject: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://example.com/x/v1","predicate":{{}},"subject":[{{"name":"app","digest":{subject}}}]}}"#
    )
}

fn artifact() -> String {
    format!(r#"{{"sha256":"{}"}}"#, "ab".repeat(32))
}

fn admitted(state: &TrustState, signers: &[u8]) -> Result<Admission, Refusal> {
    let envelope = signed(statement(&artifact()).as_bytes(), signers).into();
    admission::admit(state, &envelope, time("2026-11-23T12:00:00Z"), [7; 32])
}

#[test]
fn every_kind_of_target_reads_back_with_a_subject_of_its_own() {
    let node = |kind, id: &str| Target::of_node(Node::named(kind, id).unwrap()).unwrap();
    let commit = format!("https://github.com/acme/api@{}", "a".repeat(40));
    for target in [
        writer(),
        Target::Signer(
            "https://token.example#https://github.com/acme/api/release.yml@refs/heads/main".parse().unwrap(),
        ),
        node(NodeKind::Artifact, &format!("sha256:{}", "ab".repeat(32))),
        node(NodeKind::Builder, "https://builder.example/v1"),
        node(NodeKind::Commit, &commit),
        node(NodeKind::Commit, &format!("gitCommit:{}", "b".repeat(64))),
    ] {
        let said = distrust(target.clone(), 7, false);
        let bytes = said.statement();
        let read = Distrust::from_statement(&Statement::parse(&bytes).unwrap()).unwrap();
        assert_eq!(read, said, "{target}");
        // It names the thing where the thing has a digest, and something of its kind alone otherwise.
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(&target.id()), "{text}");
    }
    assert!(Target::of_node(Node::named(NodeKind::Environment, "prod").unwrap()).is_none());
}

#[test]
fn one_change_to_a_distrust_is_refused_for_its_reason() {
    let good = String::from_utf8(distrust(writer(), 0, false).statement()).unwrap();
    let id = key(WRITER).public().id().to_string();
    for (from, to, reason) in [
        ("custody/distrust/v1", "custody/distrust/v2", "expected the format"),
        ("\"crit\":[]", "\"crit\":[\"scope\"]", "scope"),
        ("\"kind\":\"key\"", "\"kind\":\"run\"", "cannot be distrusted"),
        ("\"kind\":\"key\"", "\"kind\":\"identity\"", "cannot be distrusted"),
        ("\"kind\":\"key\"", "\"kind\":\"artifact\"", "cannot be distrusted"),
        ("\"kind\":\"key\"", "\"kind\":\"commit\"", "cannot be distrusted"),
        ("the key leaked", " ", "expected a reason"),
        ("\"since\":0", "\"since\":18446744073709551615", "not the index"),
        ("\"since\":0", "\"since\":8", "not the index"),
    ] {
        let changed = good.replace(from, to);
        assert_ne!(changed, good, "{from}");
        let error = trust().next(&signed(changed.as_bytes(), &[RESPONDER]), index(7)).unwrap_err();
        assert!(error.to_string().contains(reason), "{from} -> {to}: {error}");
    }
    // Another subject than the target: what is found by it would be another thing.
    let named = good.replacen(&format!("key:{id}"), &format!("key:{}", "0".repeat(64)), 1);
    let error = trust().next(&signed(named.as_bytes(), &[RESPONDER]), index(7)).unwrap_err();
    assert!(error.to_string().contains("exactly one subject"), "{error}");
}

#[test]
fn a_responder_distrusts_alone_and_only_the_threshold_of_the_rules_undoes_it() {
    let state = trust();
    for signers in [&[WRITER][..], &[SECOND], &[1, 2, 3], &[LOG]] {
        let error = next(&state, &distrust(writer(), 0, false), signers, 1).unwrap_err();
        assert_eq!(error.word(), "trust_threshold", "{signers:?}: {error}");
    }
    let distrusted = next(&state, &distrust(writer(), 3, false), &[RESPONDER], 7).unwrap();
    let found = distrusted.distrusted(&writer()).unwrap();
    assert_eq!((found.index, found.distrust.since), (index(7), index(3)));
    assert_eq!(distrusted.distrusts().len(), 1);
    assert_eq!(distrusted.index(), state.index(), "the trust document is the same");

    let undo = after(7, distrust(writer(), 3, true));
    for signers in [&[RESPONDER][..], &[1], &[WRITER, RESPONDER]] {
        let error = next(&distrusted, &undo, signers, 8).unwrap_err();
        assert_eq!(error.word(), "trust_threshold", "{signers:?}: {error}");
    }
    let undone = next(&distrusted, &undo, &RULES, 8).unwrap();
    assert!(undone.distrusted(&writer()).is_none() && undone.distrusts().is_empty());
    let again = next(&undone, &undo, &RULES, 9).unwrap_err();
    assert!(matches!(again, TrustError::NotDistrusted { .. }));
    assert!(next(&undone, &after(8, distrust(writer(), 0, false)), &[RESPONDER], 9).is_ok());
    let early = next(&distrusted, &distrust(writer(), 0, false), &[RESPONDER], 7).unwrap_err();
    assert!(matches!(early, TrustError::Index { .. }), "an entry comes after the newest");
}

#[test]
fn a_responder_widens_a_distrust_and_never_takes_a_part_of_it_back() {
    let distrusted = next(&trust(), &distrust(writer(), 3, false), &[RESPONDER], 7).unwrap();
    for since in [4, 7, 8] {
        let said = after(7, distrust(writer(), since, false));
        let error = next(&distrusted, &said, &[RESPONDER], 8).unwrap_err();
        let expected = TrustError::Narrower { by: index(7), since: index(3), found: index(since) };
        assert_eq!(error, expected);
        assert!(error.to_string().contains("since entry 3"), "{error}");
    }
    let wider = next(&distrusted, &after(7, distrust(writer(), 1, false)), &[RESPONDER], 8).unwrap();
    assert_eq!(wider.distrusted(&writer()).unwrap().distrust.since, index(1));
    // Once it is undone, it starts where the responder says.
    let undone = next(&wider, &after(8, distrust(writer(), 1, true)), &RULES, 9).unwrap();
    let anew = next(&undone, &after(9, distrust(writer(), 9, false)), &[RESPONDER], 10).unwrap();
    assert_eq!(anew.distrusted(&writer()).unwrap().distrust.since, index(9));
}

#[test]
fn what_administrators_said_before_says_nothing_when_it_is_sent_again() {
    let said = distrust(writer(), 3, false);
    let distrusted = next(&trust(), &said, &[RESPONDER], 7).unwrap();
    let undo = after(7, distrust(writer(), 3, true));
    let undone = next(&distrusted, &undo, &RULES, 8).unwrap();
    let refused = |state: &TrustState, said: &Distrust, signers: &[u8], newest, found| {
        let error = next(state, said, signers, 20).unwrap_err();
        assert_eq!(error, TrustError::Follows { expected: Some(index(newest)), found });
        assert_eq!(error.word(), "trust_version");
    };
    refused(&undone, &said, &[RESPONDER], 8, None);
    let again = next(&undone, &after(8, said.clone()), &[RESPONDER], 9).unwrap();
    assert_ne!(after(8, said.clone()).statement(), said.statement(), "it is another statement");
    // Whoever kept the undo, with as many signatures as they like, undoes no other distrust by it.
    refused(&again, &undo, &[1, 2, 3], 9, Some(index(7)));
    refused(&again, &distrust(writer(), 3, true), &RULES, 9, None);
    // It is about the target alone: others are not counted.
    let second = Target::Signer(Identity::Key(key(SECOND).public().id()));
    assert!(next(&again, &distrust(second.clone(), 0, false), &[RESPONDER], 10).is_ok());
    let error = next(&again, &after(9, distrust(second, 0, false)), &[RESPONDER], 10).unwrap_err();
    assert_eq!(error, TrustError::Follows { expected: None, found: Some(index(9)) });
    assert!(error.to_string().starts_with("the newest statement about it is none"), "{error}");
}

#[test]
fn who_is_distrusted_records_nothing_and_who_is_not_goes_on() {
    let state = trust();
    assert!(admitted(&state, &[WRITER]).is_ok());
    let distrusted = next(&state, &distrust(writer(), 3, false), &[RESPONDER], 7).unwrap();
    let refusal = admitted(&distrusted, &[WRITER]).unwrap_err();
    assert_eq!(refusal.word(), "distrusted");
    assert!(refusal.is_about_rights() && refusal.to_string().contains("the key leaked"));
    let both = admitted(&distrusted, &[WRITER, SECOND]).unwrap();
    assert_eq!(both.record().verified_keys().into_iter().collect::<Vec<_>>(), [key(SECOND).public().id()]);
    assert_eq!(both.record().signers[0].why.as_deref(), Some("not_allowed"));
    let undone = next(&distrusted, &after(7, distrust(writer(), 3, true)), &RULES, 8).unwrap();
    assert!(admitted(&undone, &[WRITER]).is_ok());
}

#[test]
fn evidence_counts_up_to_the_entry_before_the_distrust() {
    let state = trust();
    let record = admitted(&state, &[WRITER]).unwrap().record().clone();
    let both = admitted(&state, &[WRITER, SECOND]).unwrap().record().clone();
    let by_key = next(&state, &distrust(writer(), 3, false), &[RESPONDER], 7).unwrap();
    for (at, counts) in [(2, true), (3, false), (6, false)] {
        assert_eq!(
            by_key.distrust_of(&record, None, index(at), &FirstSigned::new()).is_none(),
            counts,
            "entry {at}"
        );
        assert!(
            by_key.distrust_of(&both, None, index(at), &FirstSigned::new()).is_none(),
            "somebody else vouches for entry {at}"
        );
    }
    let other =
        Target::of_node(Node::named(NodeKind::Artifact, &format!("sha256:{}", "cd".repeat(32))).unwrap());
    let same = Target::of_node(Node::named(NodeKind::Artifact, &record.subjects[0]).unwrap());
    let of =
        |target: Option<Target>| next(&state, &distrust(target.unwrap(), 0, false), &[RESPONDER], 7).unwrap();
    assert!(of(other).distrust_of(&both, None, index(2), &FirstSigned::new()).is_none());
    assert!(
        of(same).distrust_of(&both, None, index(2), &FirstSigned::new()).is_some(),
        "what is said of it, whoever says it"
    );
    // What administrators signed stays what it is.
    let mut administrative = record;
    administrative.predicate_type = PREDICATE_TYPE.to_owned();
    assert!(by_key.distrust_of(&administrative, None, index(6), &FirstSigned::new()).is_none());
}

#[test]
fn a_signature_that_was_there_before_counts_also_where_it_is_recorded_again() {
    let state = trust();
    let record = admitted(&state, &[WRITER]).unwrap().record().clone();
    let by_key = next(&state, &distrust(writer(), 3, false), &[RESPONDER], 7).unwrap();
    let (who, other) = (Identity::Key(key(WRITER).public().id()), Identity::Key(key(SECOND).public().id()));
    let at = |at: u64, earlier: &[(&Identity, u64)]| {
        let earlier = earlier.iter().map(|(who, at)| ((*who).clone(), index(*at))).collect();
        by_key.distrust_of(&record, None, index(at), &earlier).is_none()
    };
    assert!(at(5, &[(&who, 2)]), "first signed before");
    for (what, earlier) in [
        ("nothing is known of before", &[][..]),
        ("first signed since", &[(&who, 3)]),
        ("somebody else signed before", &[(&other, 2)]),
    ] {
        assert!(!at(5, earlier), "{what}");
    }
    assert!(at(2, &[(&who, 5)]), "what came later takes nothing away");
}

#[test]
fn the_rules_role_allows_a_finding_of_the_screen_and_takes_it_back() {
    let state = trust();
    let allow = |undo| Allow {
        rule: "aws-access-key".to_owned(),
        fingerprint: "ab".repeat(32),
        reason: "an example of the vendor's".to_owned(),
        follows: None,
        undo,
    };
    let after = |entry, said| Allow { follows: Some(index(entry)), ..said };
    let step = |state: &TrustState, said: &Allow, signers: &[u8], at| {
        state.next(&signed(&said.statement(origin().as_str()), signers), index(at))
    };
    assert!(!state.allows("aws-access-key", &"ab".repeat(32)));
    assert_eq!(step(&state, &allow(false), &[RESPONDER], 1).unwrap_err().word(), "trust_threshold");
    let allowed = step(&state, &allow(false), &RULES, 1).unwrap();
    assert!(allowed.allows("aws-access-key", &"ab".repeat(32)));
    assert!(!allowed.allows("aws-access-key", &"cd".repeat(32)) && !allowed.allows("npm", &"ab".repeat(32)));
    let taken_back = step(&allowed, &after(1, allow(true)), &RULES, 2).unwrap();
    assert!(!taken_back.allows("aws-access-key", &"ab".repeat(32)));
    let sent_again = step(&taken_back, &allow(false), &RULES, 3).unwrap_err();
    assert_eq!(sent_again, TrustError::Follows { expected: Some(index(2)), found: None });
    let again = step(&taken_back, &after(2, allow(false)), &RULES, 3).unwrap();
    assert!(again.allows("aws-access-key", &"ab".repeat(32)));
    for changed in [
        Allow { fingerprint: "AB".repeat(32), ..allow(false) },
        Allow { fingerprint: "ab".to_owned(), ..allow(false) },
        Allow { rule: String::new(), ..allow(false) },
        Allow { reason: String::new(), ..allow(false) },
    ] {
        assert!(step(&state, &changed, &RULES, 1).is_err(), "{changed:?}");
    }
    let elsewhere = signed(&allow(false).statement("example.com/other"), &RULES);
    assert!(state.next(&elsewhere, index(1)).is_err(), "of another log");
}

#[test]
fn responders_alone_distrust_up_to_a_limit_and_another_role_lets_them_go_on() {
    let artifact = |number: u64| {
        let id = format!("sha256:{number:064x}");
        Target::of_node(Node::named(NodeKind::Artifact, &id).unwrap()).unwrap()
    };
    let filled = |mut state: TrustState, from: u64| {
        for at in from..from + u64::from(DISTRUSTS_ALONE_MAX) {
            state = next(&state, &distrust(artifact(at), 0, false), &[RESPONDER], at).unwrap();
        }
        state
    };
    let full = filled(trust(), 1);
    let last = u64::from(DISTRUSTS_ALONE_MAX);
    let more =
        |state: &TrustState, at: u64| next(state, &distrust(artifact(9_999), 0, false), &[RESPONDER], at);
    assert_eq!(more(&full, last + 1), Err(TrustError::Alone { max: DISTRUSTS_ALONE_MAX }));
    // Who has both roles is no exception.
    let by_rules =
        next(&full, &distrust(artifact(9_999), 0, false), &[RULES[0], RULES[1], RESPONDER], last + 1);
    assert_eq!(by_rules, Err(TrustError::Alone { max: DISTRUSTS_ALONE_MAX }));
    let undo = after(7, distrust(artifact(7), 0, true));
    assert!(next(&full, &undo, &[RESPONDER], last + 1).is_err(), "not by themselves");
    let again = next(&full, &undo, &RULES, last + 1).unwrap();
    assert!(more(&again, last + 2).is_ok());
    let policy = Policy { name: "p".to_owned(), version: 1, text: "x".to_owned() };
    let policy = signed(&policy.statement(origin().as_str()), &RULES);
    let again = full.next(&policy, index(last + 1)).unwrap();
    assert!(more(&filled(again, last + 2), 2 * last + 2).is_err(), "and then no more than that again");
}

#[test]
fn a_signature_counts_by_the_role_that_the_statement_takes() {
    let both = with(|members| {
        let [responder, administrator] =
            [RESPONDER, RULES[0]].map(|seed| members.add_key(key(seed).public()));
        members.roles.responder = Role { keys: vec![responder, administrator], threshold: 1 };
    });
    let state = TrustState::first(&sign(both, &[1, 2, LOG]), &origin()).unwrap();
    let rules = |statement: &[u8], signers: &[u8]| {
        let envelope = signed(statement, signers).into();
        let admitted = admission::admit(&state, &envelope, time("2026-11-23T12:00:00Z"), [7; 32]).unwrap();
        let signers = admitted.record().signers.iter();
        signers.map(|signer| signer.rule.clone().or(signer.why.clone()).unwrap()).collect::<Vec<_>>()
    };
    let artifact =
        Target::of_node(Node::named(NodeKind::Artifact, &format!("sha256:{}", "ab".repeat(32))).unwrap());
    let said = distrust(artifact.unwrap(), 0, false).statement();
    assert_eq!(
        rules(&said, &[RULES[0], RULES[1], RESPONDER, 77]),
        ["roles.responder", "not_allowed", "roles.responder", "unknown_key"]
    );
    let policy = Policy { name: "p".to_owned(), version: 1, text: "x".to_owned() };
    let policy = policy.statement(origin().as_str());
    assert_eq!(
        rules(&policy, &[RULES[0], RULES[1], RESPONDER]),
        ["roles.rules", "roles.rules", "not_allowed"]
    );
}
