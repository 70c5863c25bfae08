//! Sigstore bundles are recorded as they are, and whoever asks verifies them again.
//!
//! Real bundles lie in the corpus outside of the project (`CUSTODY_CORPUS`, by default `shared/corpus` beside the workspace).

use std::fs;
use std::path::{Path, PathBuf};

use custody_tests::corpus::corpus;

use super::administered::Place;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str =
    "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main";
const ARTIFACT: &str = "sha256:ae57936def59bc4c75edd3a837d89bcefc6d3a5e31d55a6fa7a71624f92c3c3b";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn githubs_attestation_is_recorded_as_it_is_and_verified_again_by_whoever_asks() {
    let Some(corpus) = corpus() else { return };
    let mut place = Place::new();
    let bundle = corpus.join("bundles/gh/github_provenance_demo-bundle.jsonl");
    let record = ["record", "envelope", text(&bundle)];
    place.refused(&record, &["trust document holds no trusted root", "--add-root"]);
    place.trust(&["--add-root", &format!("gh={}", text(&corpus.join("trust/github.trusted_root.jsonl")))]);
    place.refused(&record, &[WORKFLOW, "the trust document has no writer rule for it"]);
    let claim = "source_repository_uri=https://github.com/actions/attest-demo";
    place.trust(&["--add-identity", &format!("demo={ISSUER}"), "--root", "gh-2", "--claim", claim]);

    let said = place.run(&record);
    assert!(said.starts_with("recorded") && said.contains(ARTIFACT), "{said}");
    assert!(place.run(&record).starts_with("recorded already"));
    let (code, shown) = place.administrator.json(&["show", "index:3"]);
    assert_eq!((code, shown["check"].as_str()), (Some(0), Some("verified")));
    let signer = &shown["signers"][0];
    assert_eq!(signer["identity"], format!("{ISSUER}#{WORKFLOW}"));
    assert_eq!(signer["proof"]["root"], "gh-2");
    assert_eq!(signer["proof"]["times"][0]["time"], "2024-04-22T17:33:26.000000Z");
    assert_eq!(signer["proof"]["claims"]["source_repository_uri"], "https://github.com/actions/attest-demo");
    // The exact bytes come back: not one is changed.
    let saved = place.administrator.home().join("saved");
    place.run(&["show", "index:3", "--save", text(&saved)]);
    let envelope = fs::read_dir(&saved).unwrap().map(|file| file.unwrap().path());
    let received = fs::read(&bundle).unwrap();
    assert!(envelope.into_iter().any(|file| fs::read(file).unwrap() == received), "the bundle as received");

    let found = place.run(&["find", "--signer", &format!("{ISSUER}#{WORKFLOW}")]);
    assert!(found.contains("build-python.yml"), "{found}");
    let traced = place.run(&["trace", ARTIFACT]);
    assert!(traced.contains("actions/attest-demo@a6c23b9") && traced.contains("by demo"), "{traced}");
    assert!(place.run(&["audit"]).starts_with("sound"));
    // Offline: the saved files and the trust file are enough.
    let files: Vec<PathBuf> = fs::read_dir(&saved).unwrap().map(|file| file.unwrap().path()).collect();
    let mut verify = vec!["verify"];
    verify.extend(files.iter().map(|file| text(file)));
    place.run(&verify);

    // After a restart the same holds: what is on disk says it all.
    place.server.stop();
    let again = place.ledger.serve();
    let (code, found) = place.administrator.json(&["show", "index:3", "--server", &again.url()]);
    assert_eq!((code, found["check"].as_str()), (Some(0), Some("verified")));
}

#[test]
fn a_changed_bundle_is_refused_with_the_check_that_fails() {
    let Some(corpus) = corpus() else { return };
    let mut place = Place::new();
    place.trust(&["--add-root", &format!("gh={}", text(&corpus.join("trust/github.trusted_root.jsonl")))]);
    let claim = "source_repository_uri=https://github.com/actions/attest-demo";
    place.trust(&["--add-identity", &format!("demo={ISSUER}"), "--root", "gh-2", "--claim", claim]);
    let good = fs::read(corpus.join("bundles/gh/github_provenance_demo-bundle.jsonl")).unwrap();
    let good: serde_json::Value = serde_json::from_slice(&good).unwrap();
    let stamps = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";
    let other = fs::read(corpus.join("bundles/gh/sigstore-js-2.1.0-bundle-v0.1.json")).unwrap();
    let other: serde_json::Value = serde_json::from_slice(&other).unwrap();
    let other_payload = other.pointer("/dsseEnvelope/payload").unwrap().clone();
    for (pointer, value, word) in [
        ("/dsseEnvelope/payload", other_payload, "signature: failed"),
        ("/dsseEnvelope/payloadType", "text/plain".into(), "only in-toto statements"),
        ("/dsseEnvelope/signatures/0/sig", "MEUCIQ==".into(), "signature: failed"),
        (stamps, serde_json::json!([]), "no time of the signing is proven"),
        (
            "/mediaType",
            "application/vnd.dev.sigstore.bundle+json;version=0.9".into(),
            "expected a Sigstore bundle",
        ),
        ("/verificationMaterial/certificate/rawBytes", "AAAA".into(), "certificate"),
    ] {
        let mut changed = good.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        let file = place.administrator.file("changed.json", changed.to_string());
        place.refused(&["record", "envelope", text(&file)], &[word]);
    }
    // Nothing of it is in the log.
    let (_, found) = place.administrator.json(&["find", "--subject", ARTIFACT]);
    assert_eq!(found["entries"].as_array().map_or(0, Vec::len), 0, "{found}");
}
