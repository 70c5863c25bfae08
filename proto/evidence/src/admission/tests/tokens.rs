//! Envelopes of callers whom no key of the trust document knows.

use serde_json::{Value, json};

use super::*;
use crate::admission::{
    BoundBy, Builds, TOKEN_MEDIA_TYPE, TokenCheck, admit_again, admit_again_with, admit_as,
};
use crate::identity::OidcIdentity;
use crate::oidc::tests::{ISSUER, claims, header, issuer, job_key};
use crate::oidc::{Credential, KeySet, TokenAlgorithm};
use crate::trust::{IdentityPattern, Issuer, IssuerKeys, LogKey};

/// 2026-11-20T14:01:00Z: while the token of [`claims`] holds.
const THEN: &str = "2026-11-20T14:01:00Z";

fn pattern(claims: &[(&str, &str)]) -> IdentityPattern {
    let values = |(name, value): &(&str, &str)| ((*name).to_owned(), vec![(*value).to_owned()]);
    IdentityPattern { issuer: ISSUER.into(), roots: Vec::new(), claims: claims.iter().map(values).collect() }
}

/// A document in which jobs of one repository, on its main branch, may record reports.
fn listing(change: impl FnOnce(&mut TrustMembers)) -> TrustMembers {
    let mut members = members();
    members.issuers.push(Issuer {
        jwks: Some(issuer().keys()),
        algorithms: vec![TokenAlgorithm::Rs256, TokenAlgorithm::EdDsa],
        ..Issuer::new(ISSUER)
    });
    members.writers.push(WriterRule {
        name: "release".into(),
        keys: Vec::new(),
        identities: vec![pattern(&[
            ("source_repository_identifier", "74"),
            ("source_repository_ref", "refs/heads/main"),
        ])],
        predicates: vec![TYPE.to_owned()],
        about: About::Namespace("github.com/acme".into()),
        bound: false,
        authority: Authority::Own,
    });
    change(&mut members);
    members
}

fn state(members: TrustMembers) -> TrustState {
    let document = TrustDocument::new(members).unwrap();
    TrustState::first_of_any(&sign(&statement_of(&document), &[ADMIN, LOG])).unwrap()
}

fn pinned() -> TrustState {
    state(listing(|_| ()))
}

/// A document that does not hold the issuer's keys.
fn unpinned() -> TrustState {
    state(listing(|members| members.issuers[0].jwks = None))
}

fn keys_seen(keys: KeySet, fetched: &str, signers: &[u8]) -> Envelope {
    let keys = IssuerKeys { issuer: ISSUER.into(), fetched: time(fetched), keys };
    sign(&keys.statement("example.com/log"), signers)
}

fn token(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut claims = claims();
    change(&mut claims);
    issuer().sign(&header("EdDSA"), &claims)
}

fn shown(token: Vec<u8>) -> Credential {
    Credential::new(token, job_key().public().clone())
}

fn by_job(payload: &str) -> envelope::Envelope {
    Envelope::sign(IN_TOTO, payload.as_bytes(), &[&job_key()]).unwrap().into()
}

fn admitted_as(trust: &TrustState, payload: &str, credential: &Credential) -> Result<Admission, Refusal> {
    admit_as(trust, &by_job(payload), credential, &Builds::default(), time(THEN), SALT)
}

fn word_as(trust: &TrustState, payload: &str, credential: &Credential) -> &'static str {
    admitted_as(trust, payload, credential).map_or_else(|refusal| refusal.word(), |_| "admitted")
}

#[test]
fn a_job_records_with_a_key_of_its_own_and_its_identity_is_written_down() {
    let bytes = token(|_| ());
    let admission = admitted_as(&pinned(), &good(), &shown(bytes.clone())).unwrap();
    let record = admission.record();
    let name = "https://github.com/acme/workflows/.github/workflows/release.yml@refs/heads/main";
    let identity = Identity::Oidc(OidcIdentity::new(ISSUER, name).unwrap());
    assert_eq!(record.verified_identities(), BTreeSet::from([identity.clone()]));
    assert!(record.verified_keys().is_empty(), "a key that is used once is nobody");
    let [signer] = record.signers.as_slice() else { panic!("one signer") };
    assert_eq!((signer.rule.as_deref(), signer.key), (Some("release"), Some(job_key().id())));
    assert!(signer.spki.is_some());
    let submitter = record.submitter.as_ref().unwrap();
    assert_eq!(submitter.source_repository_identifier.as_deref(), Some("74"));
    assert_eq!(record.binding, Some(Binding::Unbound), "the report names neither run nor commit");
    let proof = record.token.as_ref().unwrap();
    assert_eq!((proof.check, proof.bound_by, proof.jwks), (TokenCheck::Verified, BoundBy::Audience, None));
    assert_eq!((&proof.identity, proof.key, proof.kid.as_deref()), (&identity, job_key().id(), Some("ed")));
    let [attachment] = record.attachments.as_slice() else { panic!("one attachment") };
    assert_eq!(attachment.media_type, TOKEN_MEDIA_TYPE);
    assert_eq!(attachment.digest, custody_log::BlobDigest::of(&bytes));
    assert_eq!(AdmissionRecord::decode(admission.record_bytes()).unwrap(), *record);
    // A retry of the job under a new key and token adds nothing.
    let other = SigningKey::from_seed(&[43; 32]);
    let audience = crate::oidc::audience(&"example.com/log".parse().unwrap(), &other.id());
    let again = Credential::new(token(|claims| claims["aud"] = json!(audience)), other.public().clone());
    let envelope = Envelope::sign(IN_TOTO, good().as_bytes(), &[&other]).unwrap().into();
    let again = admit_as(&pinned(), &envelope, &again, &Builds::default(), time(THEN), SALT).unwrap();
    assert!(!again.record().adds_to(&[record]));
}

#[test]
fn one_change_and_the_job_records_nothing() {
    let good_token = || shown(token(|_| ()));
    let trust = pinned();
    assert_eq!(word_as(&trust, &good(), &good_token()), "admitted");
    let claim = |name: &'static str, value: &'static str| shown(token(|claims| claims[name] = json!(value)));
    for (name, value) in [
        ("repository_id", "75"),
        ("ref", "refs/heads/feature"),
        ("ref", "refs/pull/7/merge"),
        ("ref", "refs/heads/main2"),
    ] {
        assert_eq!(word_as(&trust, &good(), &claim(name, value)), "identity_not_allowed", "{name} {value}");
    }
    assert_eq!(word_as(&trust, &good(), &claim("event_name", "pull_request_target")), "token_trigger");
    let other = good().replace(TYPE, "https://example.com/other/v1");
    assert_eq!(word_as(&trust, &other, &good_token()), "identity_not_allowed", "another type");
    let elsewhere = statement(&subject("github.com/evil/app"));
    assert_eq!(word_as(&trust, &elsewhere, &good_token()), "outside_namespace");
    // The key: that of the audience, and the one that signed.
    let stranger = Credential::new(token(|_| ()), key(STRANGER).public().clone());
    assert_eq!(word_as(&trust, &good(), &stranger), "token_audience", "stolen, and shown for another key");
    let by_stranger = sign(good().as_bytes(), &[STRANGER]).into();
    let refusal =
        admit_as(&trust, &by_stranger, &good_token(), &Builds::default(), time(THEN), SALT).unwrap_err();
    assert_eq!(refusal.word(), "token_not_bound", "stolen, and sent with an envelope of another key");
    let by_writer = sign(good().as_bytes(), &[WRITER]).into();
    let refusal =
        admit_as(&trust, &by_writer, &good_token(), &Builds::default(), time(THEN), SALT).unwrap_err();
    assert_eq!(refusal.word(), "token_not_bound", "nobody is made the submitter of what others signed");
    assert_eq!(
        crate::admission::admit(&trust, &by_job(&good()), time(THEN), SALT).unwrap_err().word(),
        "unknown_key"
    );
    // The document: another issuer, another log, other keys, algorithms, claims.
    let with = |change: &dyn Fn(&mut TrustMembers)| {
        word_as(&state(listing(|members| change(members))), &good(), &good_token())
    };
    assert_eq!(with(&|_| ()), "admitted");
    assert_eq!(with(&|members| members.issuers.clear()), "token_issuer");
    assert_eq!(with(&|members| members.issuers[0].url.push_str("/acme")), "token_issuer");
    assert_eq!(
        with(&|members| members.issuers[0].jwks = None),
        "token_key_unknown",
        "nothing was fetched yet"
    );
    assert_eq!(
        with(&|members| members.issuers[0].algorithms = vec![TokenAlgorithm::Rs256]),
        "token_algorithm"
    );
    assert_eq!(with(&|members| members.issuers[0].audience = Some("acme".into())), "token_audience");
    assert_eq!(with(&|members| members.issuers[0].longest_lifetime_seconds = 299), "token_lifetime");
    assert_eq!(
        with(&|members| {
            members.issuers[0].required_claims = [("repository_owner_id".into(), vec!["1".into()])].into();
        }),
        "token_claim"
    );
    assert_eq!(with(&|members| members.writers.truncate(4)), "identity_not_allowed");
    for (at, expected) in
        [("2026-11-20T14:05:30Z", "token_expired"), ("2026-11-20T13:59:29Z", "token_not_yet")]
    {
        let refusal = admit_as(&trust, &by_job(&good()), &good_token(), &Builds::default(), time(at), SALT)
            .unwrap_err();
        assert_eq!(refusal.word(), expected);
    }
}

#[test]
fn jobs_of_two_repositories_that_run_one_file_are_two_signers() {
    let trust = state(listing(|members| {
        members.writers.last_mut().unwrap().identities =
            vec![pattern(&[("source_repository_owner_identifier", "65")])];
    }));
    let by = |repository: &'static str, id: &'static str| {
        let token = token(|claims| {
            claims["repository"] = json!(repository);
            claims["repository_id"] = json!(id);
        });
        admitted_as(&trust, &good(), &shown(token)).unwrap()
    };
    let (first, second, again) = (by("acme/web", "75"), by("acme/api", "74"), by("acme/renamed", "74"));
    let records = [&first, &second, &again].map(Admission::record);
    let names: Vec<_> = records.iter().map(|record| record.verified_identities()).collect();
    assert!(names.iter().all(|name| *name == names[0]), "one name: {names:?}");
    assert!(records[1].adds_to(&[records[0]]), "who says it first takes it from nobody");
    assert!(!records[1].adds_to(&[records[0], records[1]]) && !records[2].adds_to(&[records[1]]));
}

#[test]
fn administration_and_bundles_are_recorded_without_a_token() {
    let document = TrustDocument::new(listing(|members| members.version = 2)).unwrap();
    let next = sign(&statement_of(&document), &[ADMIN]).into();
    let refusal =
        admit_as(&pinned(), &next, &shown(token(|_| ())), &Builds::default(), time(THEN), SALT).unwrap_err();
    assert_eq!(refusal.word(), "token_not_bound");
}

#[test]
fn who_is_distrusted_records_nothing_by_identity_or_by_key() {
    use crate::trust::{Distrust, Target};
    let name = "https://github.com/acme/workflows/.github/workflows/release.yml@refs/heads/main";
    let identity = Identity::Oidc(OidcIdentity::new(ISSUER, name).unwrap());
    for target in [identity, Identity::Key(job_key().id())] {
        let distrust = Distrust {
            target: Target::Signer(target),
            since: LeafIndex::ZERO,
            reason: "stolen".into(),
            follows: None,
            undo: false,
        };
        let trust =
            pinned().next(&sign(&distrust.statement(), &[ADMIN]), LeafIndex::new(1).unwrap()).unwrap();
        assert_eq!(word_as(&trust, &good(), &shown(token(|_| ()))), "distrusted");
    }
}

#[test]
fn keys_that_the_log_saw_check_tokens_and_the_identity_is_the_ledgers_word() {
    let seen = keys_seen(issuer().keys(), "2026-11-20T14:00:00Z", &[LOG]);
    let admission = crate::admission::admit(&unpinned(), &seen.clone().into(), time(THEN), SALT).unwrap();
    assert!(admission.administrative());
    assert_eq!(admission.record().signers[0].rule.as_deref(), Some("log_keys"));
    let trust = unpinned().next(&seen, LeafIndex::new(7).unwrap()).unwrap();
    let admission = admitted_as(&trust, &good(), &shown(token(|_| ()))).unwrap();
    let proof = admission.record().token.as_ref().unwrap();
    assert_eq!((proof.check, proof.bound_by, proof.jwks), (TokenCheck::Asserted, BoundBy::Audience, Some(7)));
}

#[test]
fn a_token_that_names_no_key_is_bound_by_its_first_use() {
    let trust = state(listing(|members| members.issuers[0].audience = Some("acme".into())));
    let admission =
        admitted_as(&trust, &good(), &shown(token(|claims| claims["aud"] = json!("acme")))).unwrap();
    let proof = admission.record().token.as_ref().unwrap();
    assert_eq!((proof.check, proof.bound_by, proof.jwks), (TokenCheck::Asserted, BoundBy::FirstUse, None));
}

/// One change each, with the keys of an issuer that the log writes down.
#[test]
fn keys_of_an_issuer_are_written_by_the_log_alone_and_never_go_back() {
    let (first, second) = (LeafIndex::new(7).unwrap(), LeafIndex::new(8).unwrap());
    let fewer = || {
        let mut jwks = issuer().jwks();
        jwks["keys"].as_array_mut().unwrap().pop();
        KeySet::read(jwks.to_string().as_bytes()).unwrap()
    };
    let good = keys_seen(issuer().keys(), "2026-11-20T14:00:00Z", &[LOG]);
    let trust = unpinned();
    assert!(trust.key_set(ISSUER).is_none());
    for signers in [&[ADMIN][..], &[WRITER], &[3], &[STRANGER]] {
        let wrong = keys_seen(issuer().keys(), "2026-11-20T14:00:00Z", signers);
        assert_eq!(trust.next(&wrong, first).unwrap_err().word(), "trust_threshold", "{signers:?}");
    }
    assert_eq!(pinned().next(&good, first).unwrap_err().word(), "bad_trust_document", "they are pinned");
    let unlisted = state(members());
    assert_eq!(unlisted.next(&good, first).unwrap_err().word(), "bad_trust_document");
    let other_log = IssuerKeys { issuer: ISSUER.into(), fetched: time(THEN), keys: issuer().keys() };
    let other_log = sign(&other_log.statement("example.com/other"), &[LOG]);
    assert!(trust.next(&other_log, first).is_err());

    let after = trust.next(&good, first).unwrap();
    let in_use = after.key_set(ISSUER).unwrap();
    assert_eq!((in_use.keys, in_use.index), (&issuer().keys(), Some(first)));
    let same = keys_seen(issuer().keys(), "2026-11-20T15:00:00Z", &[LOG]);
    assert!(after.next(&same, second).is_err(), "nothing changed");
    for fetched in ["2026-11-20T14:00:00Z", "2026-11-20T13:00:00Z"] {
        assert!(after.next(&keys_seen(fewer(), fetched, &[LOG]), second).is_err(), "{fetched}: an old set");
    }
    let newer = after.next(&keys_seen(fewer(), "2026-11-20T14:00:01Z", &[LOG]), second).unwrap();
    assert_eq!(newer.key_set(ISSUER).unwrap().index, Some(second));
    assert_eq!(
        word_as(&newer, &super::good(), &shown(token(|_| ()))),
        "token_key_unknown",
        "a key that is gone"
    );
}

/// While one log key takes the place of another, what the log saw is signed by one that signs the tree which ends with it.
#[test]
fn keys_of_an_issuer_are_signed_by_a_log_key_of_their_tree() {
    const NEXT: u8 = 4;
    let size = |size| custody_log::TreeSize::new(size).unwrap();
    let members = listing(|members| {
        members.issuers[0].jwks = None;
        let name = members.origin.key_name().clone();
        let next = *key(NEXT).public().ed25519_bytes().unwrap();
        let vkey = VerifierKey::new(name, KeyAlgorithm::Ed25519, &next).unwrap();
        members.log_keys[0].until_size = Some(size(100));
        members.log_keys.push(LogKey { vkey, from_size: size(50), until_size: None });
    });
    let first = sign(&statement_of(&TrustDocument::new(members).unwrap()), &[ADMIN, LOG, NEXT]);
    let trust = TrustState::first_of_any(&first).unwrap();
    let seen = |signers: &[u8]| keys_seen(issuer().keys(), "2026-11-20T14:00:00Z", signers);
    for (signers, of_old, of_both, of_new) in
        [(&[LOG][..], true, true, false), (&[NEXT], false, true, true), (&[LOG, NEXT], true, true, true)]
    {
        let seen = seen(signers);
        let admitted = crate::admission::admit(&trust, &seen.clone().into(), time(THEN), SALT);
        assert!(admitted.is_ok(), "{signers:?}: where it will stand is not known yet");
        for (index, good) in [(7, of_old), (70, of_both), (170, of_new)] {
            let next = trust.next(&seen, LeafIndex::new(index).unwrap());
            assert_eq!(next.is_ok(), good, "{signers:?} at {index}");
        }
    }
    let refusal = crate::admission::admit(&trust, &seen(&[ADMIN]).into(), time(THEN), SALT).unwrap_err();
    assert_eq!(refusal.word(), "trust_threshold");
}

/// Keys that were fetched from one place are not those of another.
#[test]
fn a_document_that_names_another_place_or_pins_keys_ends_what_was_seen() {
    let seen = keys_seen(issuer().keys(), "2026-11-20T14:00:00Z", &[LOG]);
    let trust = unpinned().next(&seen, LeafIndex::new(7).unwrap()).unwrap();
    let next = |change: &dyn Fn(&mut Issuer)| {
        let members = listing(|members| {
            members.version = 2;
            members.issuers[0].jwks = None;
            change(&mut members.issuers[0]);
        });
        let document = TrustDocument::new(members).unwrap();
        trust.next(&sign(&statement_of(&document), &[ADMIN]), LeafIndex::new(8).unwrap()).unwrap()
    };
    assert!(next(&|_| ()).key_set(ISSUER).is_some());
    assert!(next(&|issuer| issuer.longest_lifetime_seconds = 60).key_set(ISSUER).is_some());
    assert!(next(&|issuer| issuer.jwks_url = Some("https://keys.example".into())).key_set(ISSUER).is_none());
    assert_eq!(next(&|listed| listed.jwks = Some(issuer().keys())).key_set(ISSUER).unwrap().index, None);
    assert!(next(&|issuer| issuer.url = "https://other.example".into()).key_set(ISSUER).is_none());
}

#[test]
fn who_reads_the_log_admits_again_with_the_token_or_by_the_ledgers_word() {
    let bytes = token(|_| ());
    let (trust, envelope) = (pinned(), by_job(&good()));
    let record = admit_as(&trust, &envelope, &shown(bytes.clone()), &Builds::default(), time(THEN), SALT)
        .unwrap()
        .record()
        .clone();
    let again = admit_again(&trust, &envelope, &Builds::default(), time(THEN), &record).unwrap();
    assert_eq!(again.record(), &record);
    let with = admit_again_with(&trust, &envelope, &Builds::default(), time(THEN), &record, &bytes).unwrap();
    assert_eq!(with.record(), &record);
    // With the token, what a record says that the token does not comes out differently.
    let lies: [fn(&mut AdmissionRecord); 4] = [
        |record| record.submitter.as_mut().unwrap().source_repository_identifier = Some("74".into()),
        |record| record.submitter.as_mut().unwrap().source_repository_ref = Some("refs/heads/other".into()),
        |record| record.token.as_mut().unwrap().jwks = Some(7),
        |record| record.token.as_mut().unwrap().issued = time("2026-11-20T13:00:00Z"),
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        let mut claimed = record.clone();
        lie(&mut claimed);
        let with =
            admit_again_with(&trust, &envelope, &Builds::default(), time(THEN), &claimed, &bytes).unwrap();
        assert_eq!(with.record() == &claimed, at == 0, "{at}");
    }
    let other = token(|claims| claims["repository_id"] = json!("75"));
    assert!(admit_again_with(&trust, &envelope, &Builds::default(), time(THEN), &record, &other).is_err());
    // Without it, what cannot be is refused all the same.
    let impossible: [fn(&mut AdmissionRecord); 12] = [
        |record| record.token.as_mut().unwrap().algorithm = TokenAlgorithm::Es256,
        |record| record.token.as_mut().unwrap().issued = time("2026-11-20T14:02:00Z"),
        |record| record.token.as_mut().unwrap().issued = time("2026-11-20T12:59:00Z"),
        |record| record.token.as_mut().unwrap().expires = time("2026-11-21T14:05:00Z"),
        |record| record.token.as_mut().unwrap().check = TokenCheck::Asserted,
        |record| record.token.as_mut().unwrap().bound_by = BoundBy::FirstUse,
        |record| record.token.as_mut().unwrap().jwks = Some(7),
        |record| record.token.as_mut().unwrap().expires = time("2026-11-20T13:00:00Z"),
        |record| record.token.as_mut().unwrap().key = key(STRANGER).id(),
        |record| record.submitter = None,
        |record| record.submitter.as_mut().unwrap().issuer = "https://other.example".into(),
        |record| record.attachments.clear(),
    ];
    for (at, lie) in impossible.into_iter().enumerate() {
        let mut claimed = record.clone();
        lie(&mut claimed);
        assert!(admit_again(&trust, &envelope, &Builds::default(), time(THEN), &claimed).is_err(), "{at}");
    }
    let mut unlisted = record.clone();
    unlisted.submitter.as_mut().unwrap().source_repository_identifier = Some("75".into());
    let refusal = admit_again(&trust, &envelope, &Builds::default(), time(THEN), &unlisted).unwrap_err();
    assert_eq!(refusal.word(), "identity_not_allowed", "the rule is asked, whoever the record says it was");
}

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

fn provenance(repository: &str, commit: &str, run: &str) -> String {
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{}],"predicateType":"{PROVENANCE}","predicate":{{
            "buildDefinition":{{"buildType":"https://example.com/t","externalParameters":{{"source":{{"repository":"{repository}"}}}},"resolvedDependencies":[
                {{"uri":"git+{repository}@refs/heads/main","digest":{{"gitCommit":"{commit}"}}}},
                {{"uri":"git+https://github.com/dep/lib@refs/tags/v1","digest":{{"gitCommit":"{}"}}}}]}},
            "runDetails":{{"builder":{{"id":"https://example.com/b"}},"metadata":{{"invocationId":"{run}"}}}}}}}}"#,
        subject("github.com/acme/app"),
        "cd".repeat(20)
    )
}

#[test]
fn what_a_statement_says_of_itself_is_compared_with_what_the_token_says() {
    let trust = state(listing(|members| members.writers[4].predicates.push(PROVENANCE.into())));
    let repository = "https://github.com/acme/api";
    let commit = "16d9990c2f5b7a0d8e4f1b3c6a9d2e5f80714263";
    let run = "https://github.com/acme/api/actions/runs/4711/attempts/2";
    let binding = |payload: &str| {
        let admission = admitted_as(&trust, payload, &shown(token(|_| ()))).unwrap();
        let check = &admission.record().checks[6];
        assert_eq!(check.check, CheckName::Binding);
        (admission.record().binding.unwrap(), check.result)
    };
    let bound = (Binding::Bound, CheckResult::Passed);
    let conflict = (Binding::Conflict, CheckResult::Marked);
    assert_eq!(binding(&provenance(repository, commit, run)), bound);
    assert_eq!(binding(&provenance("https://github.com/acme/api.git", commit, run)), bound, "one name");
    assert_eq!(
        binding(&provenance(repository, commit, "https://github.com/acme/api/actions/runs/4711")),
        bound
    );
    for (repository, commit, run) in [
        ("https://github.com/acme/web", commit, run),
        (repository, &*"ab".repeat(20), run),
        (repository, commit, "https://github.com/acme/api/actions/runs/4712/attempts/2"),
        (repository, commit, "https://github.com/acme/api/actions/runs/4711/attempts/1"),
        (repository, commit, "https://github.com/acme/api/actions/runs/47111"),
    ] {
        assert_eq!(binding(&provenance(repository, commit, run)), conflict, "{repository} {commit} {run}");
    }
    assert_eq!(binding(&good()).0, Binding::Unbound);
}
