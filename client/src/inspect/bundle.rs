//! Sigstore bundles, PEP 740 attestations and signatures of images: verified under a trusted root, with known keys.

use custody_evidence::envelope::IMAGE_SIGNATURE;
use custody_evidence::key::PublicKey;
use custody_evidence::registry::pypi_attestation;
use custody_evidence::sigstore::{
    self, Artifact, Bundle, CheckName, Content, Material, NotChecked, TrustedRoot, verify,
};

use super::envelope::said;
use super::statement::about_artifact;
use super::{Expectations, Report, Role, Signer, Status};
use crate::document::Kind;

/// What came of a bundle under one root.
pub(super) struct Outcome {
    /// Every check, in the order in which they were made.
    pub(super) checks: Vec<sigstore::Check>,
    /// The signer, and the key that made the signature if it was verified.
    pub(super) signer: Signer,
    key: Option<PublicKey>,
}

pub(super) fn inspect(report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    let parsed = match report.kind {
        Kind::Pep740 => pypi_attestation(bytes),
        Kind::ImageSignature => Bundle::image_signature_from_vec(bytes.to_vec()),
        _ => Bundle::parse(bytes),
    };
    let bundle = match parsed {
        Ok(bundle) => bundle,
        Err(error) => return report.malformed(error.to_string()),
    };
    let mut report = report;
    let outcome = best(&bundle, expected);
    for check in &outcome.checks {
        add(&mut report, "", check, &outcome.checks, expected);
    }
    match bundle.content() {
        Content::Dsse(envelope) => {
            said(&mut report, envelope);
            about_artifact(&mut report, expected);
        }
        Content::Image(signature) => {
            let image = signature.image();
            report.predicate = Some(IMAGE_SIGNATURE.to_owned());
            report.subjects = vec![image.digest().to_string()];
            let called = format!("the signer calls it {:?}, which nothing here proves", image.reference());
            report.check("reference", Status::NotChecked, called);
            report.admissible = true;
            about_artifact(&mut report, expected);
        }
        Content::Message(message) => {
            report.subjects = message.digest().iter().map(ToString::to_string).collect();
            report.admissible = message.digest().is_some();
            report.why = (!report.admissible).then(|| "it does not say which file was signed".to_owned());
        }
    }
    expect_key(&mut report, &outcome, expected);
    expect_identity(&mut report, &outcome.signer, expected);
    report.signers.push(outcome.signer);
    report
}

/// Verifies under each root, and returns what came out under the one that verifies the bundle, or else under the one that
/// most checks hold under.
pub(super) fn best(bundle: &Bundle, expected: &Expectations) -> Outcome {
    let mut best: Option<(usize, Outcome)> = None;
    for named in &expected.roots {
        let mut outcome = under(bundle, &named.root, expected);
        if outcome.signer.status == Status::Verified {
            outcome.signer.detail = format!("under {}", named.name);
            return outcome;
        }
        let holding =
            outcome.checks.iter().filter(|check| check.status == sigstore::Status::Verified).count();
        if best.as_ref().is_none_or(|(most, _)| holding > *most) {
            best = Some((holding, outcome));
        }
    }
    best.map_or_else(|| under(bundle, &TrustedRoot::nobody(), expected), |(_, outcome)| outcome)
}

fn under(bundle: &Bundle, root: &TrustedRoot, expected: &Expectations) -> Outcome {
    // A statement's subjects, and an image, are compared below, by every algorithm.
    let artifact = match (bundle.content(), &expected.artifact) {
        (Content::Message(_), Some(artifact)) => artifact.known(),
        _ => Artifact::Unknown,
    };
    let hint = match bundle.material() {
        Material::PublicKey { hint } => hint.clone(),
        Material::Certificates(_) => String::new(),
    };
    match verify(bundle, root, &expected.known_keys(), artifact) {
        Ok(verified) => {
            let mut signer = Signer::of(Status::Verified, hint, "");
            signer.times = verified.times().to_vec();
            let key = match verified.signer() {
                sigstore::Signer::Key(known) => {
                    signer.key = Some(format!("key:{}", known.key().id()));
                    Some(known.key().clone())
                }
                sigstore::Signer::Certificate { certificate, identity } => {
                    signer.identity = Some(identity.name().as_str().to_owned());
                    signer.issuer = Some(identity.issuer().to_owned());
                    certificate.public_key().ok()
                }
            };
            Outcome { checks: verified.checks().to_vec(), signer, key }
        }
        Err(unverified) => {
            let blockers = || unverified.checks().iter().filter(|check| !check.allows());
            let statuses: Vec<Status> = blockers().map(|check| status(&check.status)).collect();
            let status = [Status::Failed, Status::Unsupported]
                .into_iter()
                .find(|status| statuses.contains(status))
                .unwrap_or(Status::NotChecked);
            let first = blockers().find(|check| self::status(&check.status) == status);
            let detail = match first {
                Some(check) => sentence(check, expected),
                None => "it could not be verified".to_owned(),
            };
            let signer = Signer { claimed: bundle.claimed_name(), ..Signer::of(status, hint, detail) };
            Outcome { checks: unverified.checks().to_vec(), signer, key: None }
        }
    }
}

const fn status(status: &sigstore::Status) -> Status {
    match status {
        sigstore::Status::Verified => Status::Verified,
        sigstore::Status::Failed(_) => Status::Failed,
        sigstore::Status::NotChecked(_) => Status::NotChecked,
        sigstore::Status::Unsupported { .. } => Status::Unsupported,
    }
}

const NO_ROOT: &str = "no trusted root was given";

/// Says why a check does not hold; nothing of one that does.
fn why(check: &sigstore::Check, expected: &Expectations) -> String {
    match &check.status {
        sigstore::Status::Verified => String::new(),
        sigstore::Status::NotChecked(NotChecked::NotListed | NotChecked::Stranger(_))
            if expected.roots.is_empty() =>
        {
            NO_ROOT.to_owned()
        }
        sigstore::Status::NotChecked(why) => why.to_string(),
        sigstore::Status::Failed(why) => why.to_string(),
        sigstore::Status::Unsupported { what } => format!("{what} are not supported"),
    }
}

fn sentence(check: &sigstore::Check, expected: &Expectations) -> String {
    format!("{}: {}", label(check), why(check, expected))
}

fn label(check: &sigstore::Check) -> String {
    match check.item {
        Some(item) => format!("{}[{item}]", check.name),
        None => check.name.to_string(),
    }
}

/// Adds a check of the bundle to the report, its name behind the prefix.
pub(super) fn add(
    report: &mut Report,
    prefix: &str,
    check: &sigstore::Check,
    all: &[sigstore::Check],
    expected: &Expectations,
) {
    let holds =
        |name| all.iter().any(|check| check.name == name && check.status == sigstore::Status::Verified);
    let certified =
        !all.iter().any(|check| check.name == CheckName::Certificate) || holds(CheckName::Certificate);
    let (mut status, mut detail) = (status(&check.status), why(check, expected));
    if status == Status::Verified {
        // Anybody can put a certificate of their own around a key of their own.
        let builds_on = match check.name {
            CheckName::Identity | CheckName::Signature if !certified => Some(CheckName::Certificate),
            CheckName::Artifact if !holds(CheckName::Signature) => Some(CheckName::Signature),
            _ => None,
        };
        if let Some(on) = builds_on {
            (status, detail) = (Status::NotChecked, NotChecked::BuildsOn { on }.to_string());
        }
    }
    let unasked = matches!(check.status, sigstore::Status::NotChecked(NotChecked::NoArtifact));
    let role = match check.name {
        // Over an envelope, or without an artifact, the bundle's own check says nothing.
        CheckName::Artifact if unasked => return,
        CheckName::Artifact => Role::Expected,
        _ if status == Status::Failed && check.allows() => {
            detail = format!("counts as absent: {detail}");
            Role::Optional
        }
        _ => Role::Document,
    };
    report.add(&format!("{prefix}{}", label(check)), status, detail, role);
}

fn expect_key(report: &mut Report, outcome: &Outcome, expected: &Expectations) {
    if !expected.expects_key() {
        return;
    }
    let known = expected.known_keys();
    let wanted: Vec<String> = known.iter().map(|known| format!("key:{}", known.key().id())).collect();
    let (status, detail) = match (&outcome.key, expected.unsupported()) {
        (Some(key), _) if known.iter().any(|known| known.key().id() == key.id()) => {
            (Status::Verified, format!("signed by key:{}", key.id()))
        }
        (_, Some(algorithm)) => (Status::Unsupported, format!("{algorithm} keys are not supported")),
        (Some(_), None) if known.is_empty() => {
            (Status::NotChecked, "the key of a log signs no bundles".to_owned())
        }
        (Some(key), None) => {
            let wanted = wanted.join(" or ");
            (Status::Failed, format!("expected a signature by {wanted}, found one by key:{}", key.id()))
        }
        (None, None) => (Status::NotChecked, "no signature was verified".to_owned()),
    };
    report.expect("key", status, detail);
}

/// Says whether a signer is the one that is expected.
pub(super) fn expect_identity(report: &mut Report, signer: &Signer, expected: &Expectations) {
    for (name, wanted, found) in [
        ("expected_identity", &expected.identity, &signer.identity),
        ("expected_issuer", &expected.issuer, &signer.issuer),
    ] {
        let Some(wanted) = wanted else { continue };
        let (status, detail) = match (signer.status, found) {
            (Status::Verified, Some(found)) if found == wanted => (Status::Verified, found.clone()),
            (Status::Verified, Some(found)) => {
                (Status::Failed, format!("expected {wanted:?}, found {found:?}"))
            }
            (Status::Verified, None) => {
                (Status::Failed, format!("expected {wanted:?}, found a key, which names nobody"))
            }
            _ => (Status::NotChecked, "no signature was verified".to_owned()),
        };
        report.expect(name, status, detail);
    }
}
