//! Real bundles and registry documents, admitted under a trust document that lists their root, and refused after one
//! change of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test stops at what it does not expect"
)]

#[allow(dead_code, reason = "each test uses its own part of it")]
mod corpus;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_evidence::admission::{self, Admission, BundleCheckResult, Refusal};
use custody_evidence::dsse;
use custody_evidence::envelope::{Envelope, MESSAGE_SIGNATURE};
use custody_evidence::key::{PublicKey, SigningKey};
use custody_evidence::registry::{npm_attestations, npm_keys};
use custody_evidence::sigstore::{Artifact, Bundle, CheckName, KnownKey, Signer, Window, verify};
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
        let single = !file.contains(".jsonl");
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
        bound: false,
        // What others signed; of GitHub's jobs the name alone does not say whose they are.
        authority: Authority::Imported,
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

#[test]
fn provenance_that_real_jobs_signed_is_bound_to_them() {
    use custody_evidence::admission::{Binding, Build};
    if corpus::folder().is_none() {
        return;
    }
    let (mut bound, mut unbound, mut unlike) = (0, 0, Vec::new());
    for row in rows() {
        let (file, bytes) = (row["file"].as_str().unwrap(), read(row["file"].as_str().unwrap()));
        let Ok(bundle) = Bundle::parse(&bytes) else { continue };
        if bundle_needs_its_artifact(&bundle) {
            continue;
        }
        let mut members = trusting(&row, &bundle);
        let Ok(admission) = admit(members.clone(), &bytes) else { continue };
        let record = admission.record();
        let claims = record.claims_of_signers().next();
        let repository = claims.and_then(|claims| claims.source_repository_uri.clone());
        let provenance = record.predicate_type.starts_with("https://slsa.dev/provenance/");
        println!("{file}: {:?} {repository:?} {}", record.binding, record.predicate_type);
        assert_eq!(record.binding.is_some(), record.signers[0].key.is_none(), "{file}: a key has no issuer");
        if !provenance || repository.is_none() {
            unbound += usize::from(record.binding == Some(Binding::Unbound));
            assert_ne!(record.binding, Some(Binding::Bound), "{file}: nothing is compared");
            continue;
        }
        if record.binding != Some(Binding::Bound) {
            unlike.push(file.to_owned());
            continue;
        }
        bound += 1;
        let index = custody_log::LeafIndex::new(7).unwrap();
        assert_eq!(Build::of(index, record), None, "{file}: the evidence of others");
        let claim = "source_repository_uri".to_owned();
        members.writers[0].authority = Authority::Own;
        members.writers[0].identities[0].claims.insert(claim, vec![repository.unwrap()]);
        let own = admit(members, &bytes).unwrap();
        let identified =
            own.record().claims_of_signers().any(|claims| claims.source_repository_identifier.is_some());
        assert_eq!(Build::of(index, own.record()).is_some(), identified, "{file}");
    }
    println!("{bound} bound, {unbound} unbound, {unlike:?} otherwise");
    assert!(bound >= 5 && unbound >= 5, "{bound} bound, {unbound} unbound");
    // What the conformance suite signs is made up: its jobs say another source than the one they run for.
    let made_up = ["happy-path-intoto-in-dsse-v3.sigstore.json", "rekor2-dsse-happy-path.sigstore.json"];
    assert_eq!(unlike, made_up.map(|file| format!("bundles/conformance/{file}")));
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
    // Nobody gave a key a repository; of one that is given, this log has no build.
    let own_builds = with(&|m| m.writers[0].about = About::OwnBuilds);
    assert!(["own_builds_undecided", "not_own_build"].contains(&own_builds), "{file}: {own_builds}");
    assert!(!of_key || own_builds == "own_builds_undecided", "{file}");
    let bound = with(&|m| {
        m.crit.push("bound".to_owned());
        m.writers[0].bound = true;
    });
    assert!(bound == "admitted" && !of_key || bound == "not_bound", "{file}: {bound}");
    if of_key {
        return;
    }
    assert_eq!(with(&|m| own(&mut m.writers[0], &|p| p.roots.clear())), nobody, "{file}: no root");
    assert_eq!(
        with(&|m| own(&mut m.writers[0], &|p| "https://other.example".clone_into(&mut p.issuer))),
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
    let admission = admit(members.clone(), publish.bundle().unwrap()).unwrap();
    assert_eq!(admission.record().authority, Authority::Imported);
    assert!(admission.record().proven_time().is_some());

    let mut late = members.clone();
    for key in &mut late.trusted_roots[0].keys {
        (key.from, key.until) = (Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap(), None);
    }
    assert_eq!(word(late, publish.bundle().unwrap()), "bundle_not_verified", "outside of the window");
    let mut renamed = members.clone();
    renamed.trusted_roots[0].keys.iter_mut().for_each(|key| key.hint = "other".to_owned());
    assert_eq!(word(renamed, publish.bundle().unwrap()), "bundle_not_verified", "a key by another name");

    // The same envelope without its bundle has no proof of time.
    let bundle: Value = serde_json::from_slice(publish.bundle().unwrap()).unwrap();
    let bare = bundle["dsseEnvelope"].to_string();
    assert_eq!(word(members.clone(), bare.as_bytes()), "unknown_key", "no proof of time");
    members.trusted_roots[0].keys.clear();
    assert_eq!(word(members.clone(), bare.as_bytes()), "admitted", "trusted at all times");
    assert_eq!(word(members, publish.bundle().unwrap()), "admitted", "trusted at all times");
}

/// The first certificates that stand in bytes of DER, wherever they are.
fn certificates_in(bytes: &[u8]) -> Vec<Vec<u8>> {
    let length =
        |at: usize| Some(4 + usize::from(*bytes.get(at + 2)?) * 256 + usize::from(*bytes.get(at + 3)?));
    let at = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(&[0x30, 0x82]));
    let found = at.filter_map(|at| bytes.get(at..at + length(at)?));
    let parsed = found.filter(|der| custody_evidence::sigstore::Certificate::parse(der).is_ok());
    parsed.map(<[u8]>::to_vec).collect()
}

/// What witness writes: certificate, intermediates and a time stamp beside the signature, in members that DSSE does not
/// know. The certificate is Fulcio's; the stamp is by an authority that public roots do not list, so the root is made here.
#[test]
fn what_witness_puts_into_a_signature_is_read() {
    if corpus::folder().is_none() {
        return;
    }
    let envelope = dsse::Envelope::parse(&read("dsse/witness-test-2.6MB.json")).unwrap();
    let carried = envelope.signatures()[0].certificate().unwrap();
    assert_eq!((carried.chain().len(), carried.timestamps().len()), (2, 1));
    let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
    let chain: Vec<Value> = certificates_in(&carried.timestamps()[0])
        .iter()
        .map(|der| serde_json::json!({ "rawBytes": b64(der) }))
        .collect();
    let public_good: Value =
        serde_json::from_slice(&read("trust/sigstore-public-good.trusted_root.json")).unwrap();
    let root = |authorities: &Value, stamps: &[Value]| {
        let root = serde_json::json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "certificateAuthorities": authorities,
            "timestampAuthorities": [{
                "certChain": { "certificates": stamps },
                "validFor": { "start": "2016-03-13T00:00:00Z" },
            }],
        });
        custody_evidence::sigstore::TrustedRoot::parse(&serde_json::to_vec(&root).unwrap()).unwrap()
    };
    let authorities = &public_good["certificateAuthorities"];
    let good = root(authorities, &chain);
    let bundle = custody_evidence::sigstore::certified(&envelope, 0).unwrap();
    assert!(good.concerns(&bundle));
    // Its RSA-PSS signature has the longest salt, as Go makes it unless told otherwise.
    let verified = verify(&bundle, &good, &[], Artifact::Unknown).unwrap();
    assert_eq!(verified.content(), envelope.content());
    let Signer::Certificate { certificate, .. } = verified.signer() else { panic!("a certificate") };
    assert_eq!(certificate.public_key().unwrap().algorithm().to_string(), "rsa-sha256");
    // Another payload under the same signature: that check fails, and no other.
    let changed = String::from_utf8(envelope.bytes().to_vec()).unwrap();
    let at = changed.find("\"payload\":\"").unwrap() + 40;
    let other = if changed.as_bytes()[at] == b'A' { "B" } else { "A" };
    let changed = format!("{}{other}{}", &changed[..at], &changed[at + 1..]);
    let changed = dsse::Envelope::parse(changed.as_bytes()).unwrap();
    let changed = custody_evidence::sigstore::certified(&changed, 0).unwrap();
    let unverified = verify(&changed, &good, &[], Artifact::Unknown).unwrap_err();
    let blockers: Vec<CheckName> =
        unverified.checks().iter().filter(|check| !check.allows()).map(|check| check.name).collect();
    assert_eq!(blockers, [CheckName::Signature]);
    let none = serde_json::json!([]);
    assert!(!root(&none, &chain).concerns(&bundle), "no authority of it issued the certificate");
}

/// GitHub's bundle in the words of witness: the same certificate, time stamp and signature.
fn as_witness_writes(bundle: &Value) -> Value {
    let material = &bundle["verificationMaterial"];
    let der = material["certificate"]["rawBytes"].as_str().unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
    let stamps = &material["timestampVerificationData"]["rfc3161Timestamps"];
    let mut envelope = bundle["dsseEnvelope"].clone();
    envelope["signatures"][0]["certificate"] = STANDARD.encode(pem).into();
    envelope["signatures"][0]["timestamps"] = serde_json::json!([
        { "type": "tsp", "data": stamps[0]["signedTimestamp"] }
    ]);
    envelope
}

#[test]
fn a_certificate_in_a_signature_admits_as_it_does_in_a_bundle() {
    if corpus::folder().is_none() {
        return;
    }
    let bytes = read("bundles/gh/github_provenance_demo-bundle.jsonl");
    let bundle: Value = serde_json::from_slice(&bytes).unwrap();
    let lines = read("trust/github.trusted_root.jsonl");
    let github = lines.split(|byte| *byte == b'\n').nth(1).unwrap();
    let mut members = members();
    members.trusted_roots.push(TrustedRoot::new("root", github).unwrap());
    let workflow =
        "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main";
    let issuer = "https://token.actions.githubusercontent.com";
    members.writers.push(rule(vec![pattern(issuer, workflow)]));
    let good = as_witness_writes(&bundle);
    let admission = admit(members.clone(), good.to_string().as_bytes()).unwrap();
    let in_bundle = admit(members.clone(), &bytes).unwrap();
    assert_eq!(admission.content(), in_bundle.content());
    assert_eq!(admission.record().media_type, dsse::MEDIA_TYPE);
    assert_eq!(admission.record().verified_identities(), in_bundle.record().verified_identities());
    assert_eq!(admission.record().proven_time(), in_bundle.record().proven_time());
    assert!(!admission.record().adds_to(&[in_bundle.record()]));

    let with = |change: &dyn Fn(&mut Value)| {
        let mut envelope = good.clone();
        change(&mut envelope["signatures"][0]);
        word(members.clone(), envelope.to_string().as_bytes())
    };
    assert_eq!(with(&|signature| signature["timestamps"] = serde_json::json!([])), "bundle_not_verified");
    assert_eq!(with(&|signature| signature["timestamps"][0]["type"] = "other".into()), "bundle_not_verified");
    assert_eq!(with(&|signature| signature["certificate"] = "AAAA".into()), "unsupported_signature");
    assert_eq!(
        with(&|signature| drop(signature.as_object_mut().unwrap().remove("certificate"))),
        "unknown_key"
    );
    assert_eq!(with(&|signature| signature["sig"] = "AAAA".into()), "bundle_not_verified");
    let pem = |signature: &mut Value| {
        let text = STANDARD.decode(signature["certificate"].as_str().unwrap()).unwrap();
        signature["cert"] = String::from_utf8(text).unwrap().into();
        signature.as_object_mut().unwrap().remove("certificate");
    };
    assert_eq!(with(&pem), "admitted", "the certificate as a PEM text");
    let mut stranger = members.clone();
    stranger.writers[0].identities[0].issuer = "https://other.example".to_owned();
    assert_eq!(word(stranger, good.to_string().as_bytes()), "identity_not_allowed");
    // One signature that counts is enough; each is in the record.
    let mut two = good.clone();
    let other = serde_json::json!({ "keyid": "other", "sig": "AAAA" });
    two["signatures"].as_array_mut().unwrap().insert(0, other);
    let admission = admit(members, two.to_string().as_bytes()).unwrap();
    let found: Vec<(usize, bool)> =
        admission.record().signers.iter().map(|one| (one.signature, one.proof.is_some())).collect();
    assert_eq!(found, [(0, false), (1, true)]);
}
