//! `custody inspect` over bundles and documents of registries that nobody here wrote: under what the corpus says of them they
//! have its verdict, and with any one thing changed they never hold.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    reason = "a test says what went wrong by panicking"
)]

use std::path::{Path, PathBuf};

use custody_client::document::items;
use custody_client::inspect::{
    Expectations, ExpectedArtifact, ExpectedKey, NamedRoot, Report, Status, Verdict, inspect,
};
use custody_evidence::Digest;
use custody_evidence::key::PublicKey;
use custody_evidence::registry::npm_keys;
use custody_evidence::sigstore::TrustedRoot;
use serde_json::Value;

const PUBLIC_GOOD: &str = "trust/sigstore-public-good.trusted_root.json";
const STAGING: &str = "trust/sigstore-staging.trusted_root.json";

/// What the manifest leaves open, and what holds here: docs/evidence-verdicts.md says why.
const LEFT_OPEN: &[(&str, Verdict)] = &[
    ("registry-provenance/npm/npm-att-mismatch-prov-predicatetype.json", Verdict::Holds),
    ("bundles/java/bundle-no-digest.sigstore", Verdict::Fails),
    ("bundles/rust/cosign_v3_missing_fields.json", Verdict::Fails),
    ("bundles/chainloop/bundle_with_publickey.json", Verdict::Fails),
    // Its signature is good, and what it signs is no statement.
    ("bundles/slsa/gha-valid.intoto.sigstore", Verdict::Fails),
];

/// Bundles that nothing fails, and that cannot be verified all the same.
const UNDECIDED: &[&str] = &[
    "bundles/conformance/managed-key-no-key_fail.sigstore.json",
    "bundles/java/bundle.dsse.rekor-v2.bad-entry-type.sigstore",
];

struct Corpus(PathBuf);

impl Corpus {
    /// Returns the corpus; none, with a message, when it is not there.
    fn find() -> Option<Self> {
        let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
        let path = std::env::var_os("CUSTODY_CORPUS").map_or(default, PathBuf::from);
        if path.join("MANIFEST.json").is_file() {
            return Some(Self(path));
        }
        let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
        assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", path.display());
        println!("skipped: no corpus at {}; set CUSTODY_CORPUS", path.display());
        None
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.0.join(file)).unwrap()
    }

    fn rows(&self, part: &str) -> Vec<Value> {
        let rows: Vec<Value> = serde_json::from_slice(&self.read("MANIFEST.json")).unwrap();
        let of_part =
            |row: &Value| row["file"].as_str().unwrap().starts_with(part) && row["verdict"] != "data";
        rows.into_iter().filter(of_part).collect()
    }

    fn root(&self, file: &str) -> NamedRoot {
        NamedRoot { name: file.to_owned(), root: TrustedRoot::parse(&self.read(file)).unwrap() }
    }

    fn registry(&self) -> ExpectedKey {
        ExpectedKey::Registry(npm_keys(&self.read("trust/npm-signing-keys.json")).unwrap())
    }

    /// What the manifest says of a row.
    fn expected(&self, row: &Value) -> Expectations {
        let text = |name: &str| row[name].as_str().map(ToOwned::to_owned);
        let digest = |name: &&str| Digest::read(name, row[format!("artifact_{name}")].as_str()?).ok();
        let digests: Vec<Digest> = ["sha256", "sha512"].iter().filter_map(digest).collect();
        let artifact = match text("artifact") {
            Some(file) => {
                let bytes = self.read(&file);
                let found = custody_client::file_digest::FileDigests::of_bytes(&bytes);
                Some(ExpectedArtifact { digests: vec![found.sha256, found.sha512], bytes: Some(bytes) })
            }
            None if digests.is_empty() => None,
            None => Some(ExpectedArtifact { digests, bytes: None }),
        };
        let root = text("trust_root").unwrap_or_else(|| PUBLIC_GOOD.to_owned());
        let key = text("key").map(|file| {
            ExpectedKey::Public(PublicKey::from_pem(&String::from_utf8(self.read(&file)).unwrap()).unwrap())
        });
        let npm = row["file"].as_str().unwrap().contains("/npm/").then(|| self.registry());
        Expectations {
            artifact,
            keys: key.into_iter().chain(npm).collect(),
            identity: text("identity"),
            issuer: text("issuer"),
            roots: if root.starts_with("none") { Vec::new() } else { vec![self.root(&root)] },
        }
    }
}

fn reports(bytes: &[u8], expected: &Expectations) -> Vec<Report> {
    items(bytes).iter().map(|item| inspect(item, expected)).collect()
}

/// What the whole file comes to, as the command's exit code says it.
fn whole(reports: &[Report]) -> Verdict {
    let verdicts: Vec<Verdict> = reports.iter().map(Report::verdict).collect();
    if verdicts.contains(&Verdict::Fails) {
        Verdict::Fails
    } else if verdicts.iter().all(|verdict| *verdict == Verdict::Holds) {
        Verdict::Holds
    } else {
        Verdict::Undecided
    }
}

fn shown(reports: &[Report]) -> String {
    let checks = |report: &Report| {
        let signers = report.signers.iter().map(|signer| format!("  signer {signer:?}"));
        let checks = report
            .checks
            .iter()
            .map(|check| format!("  {} {:?}: {}", check.name, check.status, check.detail));
        signers.chain(checks).collect::<Vec<_>>().join("\n")
    };
    reports.iter().map(checks).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_bundle_and_document_has_its_verdict() {
    let Some(corpus) = Corpus::find() else { return };
    let (mut rows, mut holding, mut wrong) = (0, 0, Vec::new());
    for part in ["bundles/", "registry-provenance/"] {
        for row in corpus.rows(part) {
            let (file, says) = (row["file"].as_str().unwrap(), row["verdict"].as_str().unwrap());
            let found = reports(&corpus.read(file), &corpus.expected(&row));
            let verdict = whole(&found);
            println!("{file}: {verdict:?}");
            let wanted = match LEFT_OPEN.iter().find(|(name, _)| *name == file) {
                Some((_, wanted)) => *wanted,
                None if says.starts_with("valid") => Verdict::Holds,
                None if UNDECIDED.contains(&file) => Verdict::Undecided,
                None => Verdict::Fails,
            };
            if verdict != wanted {
                wrong.push(format!("{file} ({says}): {verdict:?}\n{}", shown(&found)));
            }
            rows += 1;
            holding += usize::from(verdict == Verdict::Holds);
        }
    }
    println!("{rows} rows, {holding} hold");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows > 120 && holding > 50, "{rows} rows, {holding} hold");
}

/// One change of what is expected. None if it would change nothing.
type Change = fn(&Corpus, &Expectations) -> Option<Expectations>;

fn other_artifact(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let digests = vec![Digest::sha256([7; 32]), Digest::read("sha512", &"7".repeat(128)).unwrap()];
    let artifact = Some(ExpectedArtifact { digests, bytes: None });
    Some(Expectations { artifact, ..expected.clone() })
}

fn changed_artifact(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let mut bytes = expected.artifact.as_ref()?.bytes.clone()?;
    bytes.push(b'\n');
    let found = custody_client::file_digest::FileDigests::of_bytes(&bytes);
    let artifact = ExpectedArtifact { digests: vec![found.sha256, found.sha512], bytes: Some(bytes) };
    Some(Expectations { artifact: Some(artifact), ..expected.clone() })
}

fn other_identity(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let identity = format!("{}x", expected.identity.clone().unwrap_or_default());
    Some(Expectations { identity: Some(identity), ..expected.clone() })
}

/// The start of a name is not the name.
fn shorter_identity(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let mut identity = expected.identity.clone()?;
    identity.pop();
    Some(Expectations { identity: Some(identity), ..expected.clone() })
}

fn other_issuer(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let issuer = format!("{}/", expected.issuer.clone().unwrap_or_default());
    Some(Expectations { issuer: Some(issuer), ..expected.clone() })
}

fn identity_as_issuer(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let (identity, issuer) = (expected.issuer.clone()?, expected.identity.clone()?);
    Some(Expectations { identity: Some(identity), issuer: Some(issuer), ..expected.clone() })
}

fn other_key(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let key = custody_evidence::key::SigningKey::from_seed(&[9; 32]);
    Some(Expectations { keys: vec![ExpectedKey::Public(key.public().clone())], ..expected.clone() })
}

/// No root, or no key: nobody is believed.
fn nobody(_: &Corpus, expected: &Expectations) -> Option<Expectations> {
    Some(Expectations { roots: Vec::new(), keys: Vec::new(), ..expected.clone() })
}

fn other_root(corpus: &Corpus, expected: &Expectations) -> Option<Expectations> {
    let used = expected.roots.first()?;
    // A key that is trusted at all times needs no root; only what a root lists is asked for.
    let other = if used.name == PUBLIC_GOOD { STAGING } else { PUBLIC_GOOD };
    Some(Expectations { roots: vec![corpus.root(other)], ..expected.clone() })
}

const CHANGES: &[(&str, Change)] = &[
    ("another artifact", other_artifact),
    ("a byte more in the artifact", changed_artifact),
    ("another identity", other_identity),
    ("the start of the identity", shorter_identity),
    ("another issuer", other_issuer),
    ("identity and issuer swapped", identity_as_issuer),
    ("another key", other_key),
    ("nobody to believe", nobody),
    ("another root", other_root),
];

#[test]
fn what_holds_does_not_hold_with_one_expectation_changed() {
    let Some(corpus) = Corpus::find() else { return };
    let mut tried = vec![0; CHANGES.len()];
    for part in ["bundles/", "registry-provenance/"] {
        for row in corpus.rows(part) {
            let file = row["file"].as_str().unwrap();
            let (bytes, expected) = (corpus.read(file), corpus.expected(&row));
            if whole(&reports(&bytes, &expected)) != Verdict::Holds {
                continue;
            }
            for ((what, change), count) in CHANGES.iter().zip(&mut tried) {
                let Some(changed) = change(&corpus, &expected) else { continue };
                let found = reports(&bytes, &changed);
                assert_ne!(whole(&found), Verdict::Holds, "{file} with {what}:\n{}", shown(&found));
                *count += 1;
            }
        }
    }
    for ((what, _), count) in CHANGES.iter().zip(&tried) {
        println!("{what}: {count} refused");
    }
    assert!(tried.iter().all(|count| *count > 0), "{tried:?}");
}

/// Of several roots one is enough; their order does not matter, and a wrong one takes nothing away.
#[test]
fn one_root_of_several_is_enough() {
    let Some(corpus) = Corpus::find() else { return };
    for row in corpus.rows("bundles/") {
        let file = row["file"].as_str().unwrap();
        let (bytes, expected) = (corpus.read(file), corpus.expected(&row));
        let (verdict, Some(right)) = (whole(&reports(&bytes, &expected)), expected.roots.first()) else {
            continue;
        };
        if verdict != Verdict::Holds {
            continue;
        }
        let wrong = corpus.root(if right.name == STAGING { PUBLIC_GOOD } else { STAGING });
        for roots in [vec![wrong.clone(), right.clone()], vec![right.clone(), wrong]] {
            let found = reports(&bytes, &Expectations { roots, ..expected.clone() });
            assert_eq!(whole(&found), Verdict::Holds, "{file}:\n{}", shown(&found));
        }
    }
}

/// Nothing that was not verified is told as a verified signer, whatever the certificate says.
#[test]
fn without_a_root_a_certificate_is_a_claim() {
    let Some(corpus) = Corpus::find() else { return };
    let mut claims = 0;
    for row in corpus.rows("bundles/") {
        for report in reports(&corpus.read(row["file"].as_str().unwrap()), &Expectations::default()) {
            for signer in &report.signers {
                assert_ne!(signer.status, Status::Verified, "{row}");
                assert!(
                    signer.identity.is_none() && signer.issuer.is_none() && signer.key.is_none(),
                    "{row}"
                );
                assert!(signer.times.is_empty(), "{row}");
                claims += usize::from(signer.claimed.is_some());
            }
            let of_signer = ["identity", "signature", "certificate", "time"];
            let verified = report.checks.iter().filter(|check| check.status == Status::Verified);
            let told: Vec<_> = verified.filter(|check| of_signer.contains(&check.name.as_str())).collect();
            assert!(told.is_empty(), "{row}: {told:?}");
        }
    }
    assert!(claims > 50, "{claims}");
}

/// GitHub's bundle in the words of witness: the same certificate, time stamp and signature, in members of the signature.
#[test]
fn a_certificate_in_a_signature_of_an_envelope_is_verified_as_in_a_bundle() {
    use base64::Engine as _;
    let Some(corpus) = Corpus::find() else { return };
    let bundle: Value =
        serde_json::from_slice(&corpus.read("bundles/gh/github_provenance_demo-bundle.jsonl")).unwrap();
    let material = &bundle["verificationMaterial"];
    let der = material["certificate"]["rawBytes"].as_str().unwrap();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n");
    let stamp = &material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
    let mut envelope = bundle["dsseEnvelope"].clone();
    envelope["signatures"][0]["certificate"] = base64::engine::general_purpose::STANDARD.encode(pem).into();
    envelope["signatures"][0]["timestamps"] = serde_json::json!([{ "type": "tsp", "data": stamp }]);
    let roots = TrustedRoot::parse_lines(&corpus.read("trust/github.trusted_root.jsonl")).unwrap();
    let roots: Vec<NamedRoot> =
        roots.into_iter().map(|root| NamedRoot { name: "github".to_owned(), root }).collect();
    let identity =
        "https://github.com/actions/attest-demo/.github/workflows/build-python.yml@refs/heads/main";
    let issuer = "https://token.actions.githubusercontent.com";
    let good = Expectations {
        identity: Some(identity.to_owned()),
        issuer: Some(issuer.to_owned()),
        roots,
        ..Expectations::default()
    };
    let inspected = |envelope: &Value, expected: &Expectations| {
        let found = reports(envelope.to_string().as_bytes(), expected);
        assert_eq!((found.len(), found[0].kind.as_str()), (1, "dsse"));
        found
    };
    let found = inspected(&envelope, &good);
    assert_eq!(whole(&found), Verdict::Holds, "{}", shown(&found));
    assert_eq!(found[0].signers[0].identity.as_deref(), Some(identity));
    let without = inspected(&envelope, &Expectations::default());
    assert_eq!(whole(&without), Verdict::Undecided, "{}", shown(&without));
    assert_eq!(without[0].signers[0].claimed.as_deref(), Some(identity));
    for expected in [
        Expectations { identity: Some("https://github.com/x".to_owned()), ..good.clone() },
        Expectations { issuer: Some("https://github.com".to_owned()), ..good.clone() },
        Expectations { roots: vec![corpus.root(PUBLIC_GOOD)], ..good.clone() },
    ] {
        let found = inspected(&envelope, &expected);
        assert_eq!(whole(&found), Verdict::Fails, "{}", shown(&found));
    }
    for change in ["timestamps", "certificate", "sig"] {
        let mut changed = envelope.clone();
        changed["signatures"][0][change] = match change {
            "sig" => "AAAA".into(),
            _ => Value::Array(Vec::new()),
        };
        let found = inspected(&changed, &good);
        assert_ne!(whole(&found), Verdict::Holds, "{change}: {}", shown(&found));
        assert!(found[0].signers.iter().all(|signer| signer.status != Status::Verified), "{change}");
    }
    // Beside a signature by a known key, it takes nothing away; and another payload is nobody's.
    let mut other = envelope.clone();
    other["payload"] = base64::engine::general_purpose::STANDARD.encode("{}").into();
    assert_eq!(whole(&inspected(&other, &good)), Verdict::Fails);
}
