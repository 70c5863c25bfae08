//! Thresholds count people: somebody with two keys is one of them, in every role, before and after a change.

use super::*;
use crate::digest_set::Digest;
use crate::fact::Node;

/// Names a person who holds the keys of these seeds.
fn person(name: &str, seeds: &[u8]) -> Person {
    let keys = seeds.iter().map(|seed| key(*seed).id()).collect();
    Person { name: name.to_owned(), keys, identities: Vec::new() }
}

/// Ann holds the keys 1 and 2, Bob 3; two of them must sign.
fn two_people() -> TrustMembers {
    with(|members| members.people = vec![person("Ann", &[1, 2]), person("Bob", &[3])])
}

fn started() -> TrustState {
    TrustState::first(&sign(two_people(), &[1, 3, LOG]), &origin()).unwrap()
}

fn too_few(error: &TrustError, people: usize) -> bool {
    match error {
        TrustError::Root { source, .. } | TrustError::Role { source, .. } => source.people == people,
        _ => false,
    }
}

#[test]
fn two_keys_of_one_person_are_one_signature() {
    for signers in [&[1, 3, LOG][..], &[2, 3, LOG], &[1, 2, 3, LOG]] {
        assert!(TrustState::first(&sign(two_people(), signers), &origin()).is_ok(), "{signers:?}");
    }
    for signers in [&[1, 2, LOG][..], &[1, 1, LOG], &[3, LOG], &[1, 2, 9, LOG]] {
        let error = TrustState::first(&sign(two_people(), signers), &origin()).unwrap_err();
        assert!(too_few(&error, 1), "{signers:?}: {error}");
        assert_eq!(error.word(), "trust_threshold");
    }
    let error = TrustState::first(&sign(two_people(), &[1, 2, LOG]), &origin()).unwrap_err();
    assert!(error.to_string().contains("2 keys signed, and some are one person's"), "{error}");
}

#[test]
fn a_role_has_no_higher_threshold_than_people() {
    let error = refused(|members| {
        members.people = vec![person("Ann", &[1, 2])];
        members.roles.root.threshold = 3;
    });
    assert_eq!(error, TrustError::ThresholdRange { role: RoleName::Root, threshold: 3, keys: 3, people: 2 });
    let error = refused(|members| members.people = vec![person("Ann", &[1, 2, 3])]);
    assert!(matches!(error, TrustError::ThresholdRange { people: 1, .. }), "{error}");
    // A key has one holder, or a person could be counted as two.
    let error = refused(|members| members.people = vec![person("Ann", &[1, 2]), person("Anna", &[2])]);
    assert!(matches!(error, TrustError::TwoPeople { .. }), "{error}");
}

#[test]
fn one_person_with_all_their_keys_changes_no_document() {
    let next = |change: &dyn Fn(&mut TrustMembers)| {
        let mut members = two_people();
        members.version = 2;
        change(&mut members);
        members
    };
    assert!(started().next(&sign(next(&|_| ()), &[2, 3]), index(5)).is_ok());
    let error = started().next(&sign(next(&|_| ()), &[1, 2]), index(5)).unwrap_err();
    assert!(matches!(error, TrustError::Root { whose: "the previous", .. }) && too_few(&error, 1), "{error}");
    // A document that makes two people of one is signed by the people before it all the same.
    let split = next(&|members| members.people = vec![person("Ann", &[1]), person("Ann's other", &[2])]);
    let error = started().next(&sign(split.clone(), &[1, 2]), index(5)).unwrap_err();
    assert!(matches!(error, TrustError::Root { whose: "the previous", .. }), "{error}");
    assert!(started().next(&sign(split, &[1, 3]), index(5)).is_ok(), "both agree that they are two");
    // One that makes one person of two needs the people that it names itself.
    let merged = next(&|members| {
        members.add_key(key(4).public());
        members.roles.root.keys.push(key(4).id());
        members.people = vec![person("Ann", &[1, 2]), person("Bob", &[3, 4])];
    });
    let error = first()
        .next(
            &sign(
                with(|m| {
                    *m = merged.clone();
                }),
                &[1, 2],
            ),
            index(5),
        )
        .unwrap_err();
    assert!(matches!(error, TrustError::Root { whose: "this", .. }) && too_few(&error, 1), "{error}");
    assert!(first().next(&sign(merged, &[1, 3]), index(5)).is_ok());
}

#[test]
fn roles_that_do_not_change_documents_count_people_too() {
    let mut members = two_people();
    members.roles.responder.threshold = 2;
    let state = TrustState::first(&sign(members, &[1, 3, LOG]), &origin()).unwrap();
    let target = Target::of_node(Node::artifact(&Digest::sha256_of(b"bad"))).unwrap();
    let said = |undo: bool| {
        let follows = undo.then(|| index(5));
        Distrust { target: target.clone(), since: index(0), reason: "x".to_owned(), follows, undo }
    };
    let signed = |distrust: &Distrust, signers: &[u8]| {
        let keys: Vec<SigningKey> = signers.iter().map(|seed| key(*seed)).collect();
        Envelope::sign(IN_TOTO, &distrust.statement(), &keys.iter().collect::<Vec<_>>()).unwrap()
    };
    let error = state.next(&signed(&said(false), &[1, 2]), index(5)).unwrap_err();
    assert!(too_few(&error, 1), "{error}");
    let distrusted = state.next(&signed(&said(false), &[2, 3]), index(5)).unwrap();
    let error = distrusted.next(&signed(&said(true), &[1, 2]), index(6)).unwrap_err();
    assert!(too_few(&error, 1), "{error}");
    assert!(distrusted.next(&signed(&said(true), &[1, 3]), index(6)).is_ok());
}
