//! Real bundles and registry documents, admitted under a trust document that lists their root, and refused after one
//! change of it.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops at what it does not expect")]

#[allow(dead_code, reason = "each test uses its own part of it")]
mod corpus;

use std::collections::BTreeMap;

use custody_evidence::admission::{self, Admission, BundleCheckResult, Refusal};
use custody_evidence::dsse;
use custody_evidence::envelope::{Envelope, MESSAGE_SIGNATURE};
use custody_evidence::key::{PublicKey, SigningKey};
use custody_evidence::registry::{npm_attestations, npm_keys};
use custody_evidence::sigstore::{Artifact, Bundle, KnownKey, Signer, Window, verify};
use custody_evidence::trust::{
    About, Authority, IdentityPattern, RootKey, SUBJECT, TrustDocument, TrustMembers, TrustState,
    TrustedRoot, WriterRule, statement_of,
};
use custody_log::{KeyAlgorithm, Origin, Timestamp, VerifierKey};
use serde_json::Value;

const ADMIN: u8 = 1;
const LOG: u8 = 2;
const NOW: &str = "2026-11-23T12:00:00Z";

fn read(file: &str) -> Vec<u8> {
    std::fs::read(corpus::folder().unwrap().join(file)).unwrap()
}

/// The rows of bundles that the manifest calls valid, with a root.
fn rows() -> Vec<Value> {
    let rows: Vec<Value> = serde_json::from_slice(&read("MANIFEST.json")).unwrap();
    let fits = |row: &Value| {
        let file = row["file"].as_str().unwrap();
        let single = !file.ends_with(".jsonl");
        let rooted = row["trust_root"].as_str().is_some_and(|root| !root.starts_with("none"));
        file.starts_with("bundles/") && row["verdict"] == "valid" && single && rooted
    };
    rows.into_iter().filter(fits).collect()
}

fn members() -> TrustMembers {
    let key = |seed: u8| SigningKey::from_seed(&[seed; 32]);
    let origin: Origin = "example.com/log".parse().unwrap();
    let vkey = |seed, algorithm| {
        let public = *key(seed).public().ed25519_bytes().unwrap();
        VerifierKey::new(origin.key_name().clone(), algorithm, &public).unwrap()
    };
    let (log, fresh) = (vkey(LOG, KeyAlgorithm::Ed25519), vkey(3, KeyAlgorithm::Cosignature));
    let expires = Timestamp::parse_rfc3339("2027-01-01T00:00:00Z").unwrap();
    TrustMembers::first(origin.clone(), log, fresh, &[key(ADMIN).public().clone()], 1, expires)
}

fn admit(members: TrustMembers, bundle: &[u8]) -> Result<Admission, Refusal> {
    let document = TrustDocument::new(members).unwrap();
    let keys = [ADMIN, LOG].map(|seed| SigningKey::from_seed(&[seed; 32]));
    let first =
        dsse::Envelope::sign(dsse::IN_TOTO, &statement_of(&document), &keys.iter().collect::<Vec<_>>());
    let state = TrustState::first_of_any(&first.unwrap()).unwrap();
    let envelope = Envelope::parse(bundle)?;
    admission::admit(&state, &envelope, Timestamp::parse_rfc3339(NOW).unwrap(), [7; 32])
}

fn word(members: TrustMembers, bundle: &[u8]) -> &'static str {
    admit(members, bundle).map_or_else(|refusal| refusal.word(), |_| "admitted")
}

fn pattern(issuer: &str, subject: &str) -> IdentityPattern {
    let claims = BTreeMap::from([(SUBJECT.to_owned(), vec![subject.to_owned()])]);
    IdentityPattern { issuer: issuer.to_owned(), roots: vec!["root".to_owned()], claims }
}

fn rule(identities: Vec<IdentityPattern>) -> WriterRule {
    WriterRule {
        name: "release".to_owned(),
        keys: Vec::new(),
        identities,
        predicates: vec!["*".to_owned()],
        about: About::Anything,
        authority: Authority::Own,
    }
}

/// A document that lists the row's root, and lets whoever signed the bundle record anything.
fn trusting(row: &Value, bundle: &Bundle) -> TrustMembers {
    let root = read(row["trust_root"].as_str().unwrap());
    let pem = row["key"].as_str().map(|file| String::from_utf8(read(file)).unwrap());
    let key = pem.map(|pem| PublicKey::from_pem(&pem).unwrap());
    let keys: Vec<KnownKey> = key.iter().cloned().map(KnownKey::new).collect();
    let parsed = custody_evidence::sigstore::TrustedRoot::parse(&root).unwrap();
    let verified = verify(bundle, &parsed, &keys, Artifact::Unknown).unwrap();
    let mut members = members();
    members.trusted_roots.push(TrustedRoot::new("root", &root).unwrap());
    let rule = match verified.signer() {
        Signer::Certificate { identity, .. } => {
            rule(vec![pattern(identity.issuer(), identity.name().as_str())])
        }
        Signer::Key(known) => {
            let key = members.add_key(known.key());
            WriterRule { keys: vec![key], ..rule(Vec::new()) }
        }
    };
    members.writers.push(rule);
    members
}

/// What a valid bundle can be refused for: it says nothing, or is about nothing that evidence can rest on.
const NOT_EVIDENCE: [&str; 4] = ["no_usable_digest", "not_in_toto", "no_message_digest", "no_predicate_type"];

#[test]
fn every_valid_bundle_is_admitted_under_its_root_and_under_no_other() {
    if corpus::folder().is_none() {
        return;
    }
    let mut admitted = 0;
    for row in rows() {
        let (file, bytes) = (row["file"].as_str().unwrap(), read(row["file"].as_str().unwrap()));
        let Ok(bundle) = Bundle::parse(&bytes) else { continue };
        let known = row["artifact"].as_str().map(read);
        if known.is_some() && bundle_needs_its_artifact(&bundle) {
            println!("{file}: Ed25519 over a file, which a ledger does not have");
            continue;
        }
        let members = trusting(&row, &bundle);
        match admit(members.clone(), &bytes) {
            Err(refusal) => {
                println!("{file}: {}", refusal.word());
                assert!(NOT_EVIDENCE.contains(&refusal.word()), "{file}: {refusal}");
            }
            Ok(admission) => {
                admitted += 1;
                check_record(file, &admission, &bundle);
                refused_after_one_change(file, &members, &bytes);
            }
        }
    }
    println!("{admitted} bundles admitted");
    assert!(admitted >= 30, "only {admitted} bundles were admitted");
}

fn bundle_needs_its_artifact(bundle: &Bundle) -> bool {
    matches!(bundle.content(), custody_evidence::sigstore::Content::Message(message) if message.digest().is_none())
}

fn check_record(file: &str, admission: &Admission, bundle: &Bundle) {
    let record = admission.record();
    assert_eq!(record.media_type, bundle.media_type(), "{file}");
    let [signer] = record.signers.as_slice() else { panic!("{file}: one signature") };
    let proof = signer.proof.as_ref().unwrap();
    assert_eq!(proof.root.as_deref(), Some("root"), "{file}");
    assert_eq!(proof.certificate.is_some(), signer.key.is_none(), "{file}: a certificate or a key");
    assert_eq!(record.verified_identities().len(), 1, "{file}");
    assert!(record.verified_keys().len() <= usize::from(signer.key.is_some()), "{file}");
    let checks = |result| proof.checks.iter().filter(move |check| check.result == result).count();
    assert!(checks(BundleCheckResult::Verified) >= 1, "{file}");
    let again = admission::AdmissionRecord::decode(admission.record_bytes()).unwrap();
    assert_eq!(&again, record, "{file}: the record reads back");
    // The same again adds nothing; without its proof of time, what has one adds it.
    assert!(!record.adds_to(&[record]), "{file}");
    if record.proven_time().is_some() {
        let mut untimed = record.clone();
        untimed.signers[0].proof.as_mut().unwrap().times.clear();
        assert!(record.adds_to(&[&untimed]), "{file}: an earlier proof of time");
        assert!(!untimed.adds_to(&[record]), "{file}");
    }
    if record.predicate_type == MESSAGE_SIGNATURE {
        assert_eq!(record.subjects.len(), 1, "{file}");
    }
}

fn refused_after_one_change(file: &str, members: &TrustMembers, bytes: &[u8]) {
    let with = |change: &dyn Fn(&mut TrustMembers)| {
        let mut members = members.clone();
        change(&mut members);
        word(members, bytes)
    };
    let of_key = members.writers[0].identities.is_empty();
    let nobody = if of_key { "key_not_allowed" } else { "identity_not_allowed" };
    let own = |rule: &mut WriterRule, change: &dyn Fn(&mut IdentityPattern)| {
        rule.identities.iter_mut().for_each(change);
    };
    assert_eq!(with(&|m| m.writers.clear()), nobody, "{file}");
    assert_eq!(with(&|m| m.writers[0].predicates = vec!["urn:other".to_owned()]), nobody, "{file}");
    assert_eq!(
        with(&|m| m.writers[0].about = About::Namespace("nowhere.example/".to_owned())),
        "outside_namespace",
        "{file}"
    );
    assert_eq!(with(&|m| m.writers[0].about = About::OwnBuilds), "own_builds_undecided", "{file}");
    if of_key {
        return;
    }
    assert_eq!(with(&|m| own(&mut m.writers[0], &|p| p.roots.clear())), nobody, "{file}: no root");
    assert_eq!(
        with(&|m| own(&mut m.writers[0], &|p| p.issuer = "https://other.example".to_owned())),
        nobody,
        "{file}: another issuer"
    );
    let other = vec!["https://other.example/".to_owned()];
    assert_eq!(
        with(&|m| own(&mut m.writers[0], &|p| drop(p.claims.insert(SUBJECT.to_owned(), other.clone())))),
        nobody,
        "{file}: another subject"
    );
    // Another root of the same name: nothing that it lists fits.
    let scaffolding = TrustedRoot::new("root", &read("trust/scaffolding.trusted_root.json")).unwrap();
    assert_eq!(
        with(&|m| m.trusted_roots = vec![scaffolding.clone()]),
        "bundle_not_verified",
        "{file}: another root"
    );
    assert_eq!(
        with(&|m| {
            m.trusted_roots.clear();
            own(&mut m.writers[0], &|p| p.roots.clear());
        }),
        "no_trusted_root",
        "{file}"
    );
}

#[test]
fn an_invalid_bundle_is_not_admitted_by_any_rule() {
    if corpus::folder().is_none() {
        return;
    }
    let rows: Vec<Value> = serde_json::from_slice(&read("MANIFEST.json")).unwrap();
    let public_good = read("trust/sigstore-public-good.trusted_root.json");
    let mut refused = 0;
    for row in rows.iter().filter(|row| row["verdict"] == "invalid") {
        let file = row["file"].as_str().unwrap();
        // Without the artifact nobody can know that another one was signed.
        if !file.starts_with("bundles/") || file.ends_with("wrong-material_fail.sigstore.json") {
            continue;
        }
        let root = row["trust_root"].as_str().filter(|root| !root.starts_with("none")).map(read);
        let mut members = members();
        members.trusted_roots.push(TrustedRoot::new("root", root.as_ref().unwrap_or(&public_good)).unwrap());
        for issuer in ["https://token.actions.githubusercontent.com", "https://accounts.google.com"] {
            let open = IdentityPattern { claims: BTreeMap::new(), ..pattern(issuer, "x") };
            let name = format!("release {issuer}");
            members.writers.push(WriterRule { name, authority: Authority::Imported, ..rule(vec![open]) });
        }
        let word = word(members, &read(file));
        println!("{file}: {word}");
        assert_ne!(word, "admitted", "{file}");
        refused += 1;
    }
    assert!(refused >= 40, "only {refused} bundles were looked at");
}

/// The registry's key signs in a window: with the promise of a log it counts, and outside of the window it does not.
#[test]
fn a_registrys_key_counts_in_its_window_and_with_a_proof_of_time_only() {
    if corpus::folder().is_none() {
        return;
    }
    let document = read("registry-provenance/npm/pacote-valid.json");
    let [_, publish] = &npm_attestations(&document).unwrap()[..] else { panic!("two attestations") };
    let mut members = members();
    let public_good = read("trust/sigstore-public-good.trusted_root.json");
    let mut root = TrustedRoot::new("root", &public_good).unwrap();
    let mut ids = Vec::new();
    for known in npm_keys(&read("trust/npm-signing-keys.json")).unwrap() {
        let Window::From { start, end } = known.window() else { continue };
        let key = members.add_key(known.key());
        ids.push(key);
        root.keys.push(RootKey { hint: known.name().to_owned(), key, from: *start, until: *end });
    }
    ids.sort();
    ids.dedup();
    members.trusted_roots.push(root);
    members.writers.push(WriterRule { keys: ids, authority: Authority::Imported, ..rule(Vec::new()) });
    let admission = admit(members.clone(), publish.bundle()).unwrap();
    assert_eq!(admission.record().authority, Authority::Imported);
    assert!(admission.record().proven_time().is_some());

    let mut late = members.clone();
    for key in &mut late.trusted_roots[0].keys {
        (key.from, key.until) = (Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap(), None);
    }
    assert_eq!(word(late, publish.bundle()), "bundle_not_verified", "outside of the window");
    let mut renamed = members.clone();
    renamed.trusted_roots[0].keys.iter_mut().for_each(|key| key.hint = "other".to_owned());
    assert_eq!(word(renamed, publish.bundle()), "bundle_not_verified", "a key by another name");

    // The same envelope without its bundle has no proof of time.
    let bundle: Value = serde_json::from_slice(publish.bundle()).unwrap();
    let bare = bundle["dsseEnvelope"].to_string();
    assert_eq!(word(members.clone(), bare.as_bytes()), "unknown_key", "no proof of time");
    members.trusted_roots[0].keys.clear();
    assert_eq!(word(members.clone(), bare.as_bytes()), "admitted", "trusted at all times");
    assert_eq!(word(members, publish.bundle()), "admitted", "trusted at all times");
}
