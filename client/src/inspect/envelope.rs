//! DSSE envelopes.

use custody_evidence::dsse::{Envelope, Failure, IN_TOTO, SignatureVerdict, verify_signatures};
use custody_evidence::sigstore::{Bundle, certified};

use super::bundle::{Outcome, add, best, expect_identity};
use super::statement::{about_artifact, read};
use super::{Expectations, Report, Role, Signer, Status};

/// How many signatures that carry certificates are checked, under every root that was given. Real envelopes have one or two.
const CERTIFIED_MAX: usize = 16;

pub(super) fn inspect(report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return report.malformed(error.to_string()),
    };
    let mut report = report;
    signatures(&mut report, &envelope, expected);
    said(&mut report, &envelope);
    about_artifact(&mut report, expected);
    report
}

/// Reads what an envelope says into the report.
pub(super) fn said(report: &mut Report, envelope: &Envelope) {
    if envelope.payload_type() == IN_TOTO || in_toto_variant(envelope.payload_type()) {
        read(report, envelope.payload());
    } else {
        let why = format!("the payload type is {:?}, not {IN_TOTO}", envelope.payload_type());
        report.check("statement", Status::NotChecked, why.clone());
        report.why = Some(why);
    }
}

/// `application/vnd.in-toto.<predicate>+json` (in-toto attestation, spec/v1/envelope.md).
fn in_toto_variant(payload_type: &str) -> bool {
    payload_type.starts_with("application/vnd.in-toto.") && payload_type.ends_with("+json")
}

fn signatures(report: &mut Report, envelope: &Envelope, expected: &Expectations) {
    let keys = expected.public_keys();
    let verdicts = verify_signatures(envelope, &keys);
    let any = verdicts.iter().any(|verdict| matches!(verdict, SignatureVerdict::Verified(_)));
    for (index, (signature, verdict)) in envelope.signatures().iter().zip(&verdicts).enumerate() {
        let mut signer = signer(verdict, any);
        if let (Some(algorithm), Status::NotChecked) = (expected.unsupported(), signer.status) {
            signer.status = Status::Unsupported;
            signer.detail = format!("the key given is {algorithm}, whose signatures are not checked here");
        }
        let carried = (signer.status != Status::Verified && index < CERTIFIED_MAX)
            .then(|| certified(envelope, index))
            .flatten();
        if let Some(bundle) = carried {
            signer = certificate(report, &bundle, index, any, expected);
        }
        signature.keyid().clone_into(&mut signer.hint);
        report.signers.push(signer);
    }
    let named = report.signers.iter().find(|signer| signer.identity.is_some()).cloned();
    if let Some(named) = named {
        expect_identity(report, &named, expected);
    }
    if !expected.expects_key() {
        return;
    }
    let made = verdicts.iter().find_map(|verdict| match verdict {
        SignatureVerdict::Verified(key) => Some(key),
        _ => None,
    });
    let wanted: Vec<String> = keys.iter().map(|key| format!("key:{}", key.id())).collect();
    let (status, detail) = match (made, expected.unsupported()) {
        (Some(key), _) => (Status::Verified, format!("signed by key:{key}")),
        (None, Some(algorithm)) => (Status::Unsupported, format!("{algorithm} keys are not supported")),
        (None, None) if keys.is_empty() => {
            (Status::NotChecked, "the key of a log signs no envelopes".to_owned())
        }
        (None, None) => {
            let failed = report.signers.iter().any(|signer| signer.status == Status::Failed);
            let status = if failed { Status::Failed } else { Status::NotChecked };
            let wanted = wanted.join(" or ");
            (status, format!("expected a signature by {wanted}, found none that it made"))
        }
    };
    report.expect("key", status, detail);
}

/// Checks a signature that carries a certificate, as the bundle that it is in other words. When a known key made another
/// signature, the payload is the signed one, and this one is somebody else's: it takes nothing away.
fn certificate(
    report: &mut Report,
    bundle: &Bundle,
    index: usize,
    any: bool,
    expected: &Expectations,
) -> Signer {
    if expected.roots.is_empty() {
        let why = "it carries a certificate, and no trusted root was given";
        return Signer { claimed: bundle.claimed_name(), ..Signer::of(Status::NotChecked, "", why) };
    }
    let Outcome { checks, mut signer, .. } = best(bundle, expected);
    let before = report.checks.len();
    for check in &checks {
        add(report, &format!("signatures[{index}]."), check, &checks, expected);
    }
    if any && signer.status == Status::Failed {
        signer.status = Status::NotChecked;
        for check in report.checks.iter_mut().skip(before) {
            check.role = Role::Optional;
        }
    }
    signer
}

/// When one key made one of several signatures, the payload is the signed one, and the others are another key's.
fn signer(verdict: &SignatureVerdict, any: bool) -> Signer {
    match verdict {
        SignatureVerdict::Verified(key) => {
            Signer { key: Some(format!("key:{key}")), ..Signer::of(Status::Verified, "", "") }
        }
        SignatureVerdict::Failed(Failure::NoKey { .. }) if any => {
            Signer::of(Status::NotChecked, "", "the key given did not make it, and made another one")
        }
        SignatureVerdict::Failed(why) => Signer::of(Status::Failed, "", why.to_string()),
        SignatureVerdict::NotChecked(why) => Signer::of(Status::NotChecked, "", why.to_string()),
        SignatureVerdict::Unsupported { algorithm } => {
            Signer::of(Status::Unsupported, "", format!("{algorithm} is not supported"))
        }
    }
}
