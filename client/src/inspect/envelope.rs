//! DSSE envelopes.

use custody_evidence::dsse::{Envelope, Failure, IN_TOTO, SignatureVerdict, verify_signatures};

use super::statement::{about_artifact, read};
use super::{Expectations, ExpectedKey, Report, Signer, Status};

pub(super) fn inspect(report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let envelope = match Envelope::parse(bytes) {
        Ok(envelope) => envelope,
        Err(error) => return report.malformed(error.to_string()),
    };
    let mut report = report;
    signatures(&mut report, &envelope, expected);
    if envelope.payload_type() == IN_TOTO || in_toto_variant(envelope.payload_type()) {
        read(&mut report, envelope.payload());
    } else {
        let why = format!("the payload type is {:?}, not {IN_TOTO}", envelope.payload_type());
        report.check("statement", Status::NotChecked, why.clone());
        report.why = Some(why);
    }
    about_artifact(&mut report, expected);
    report
}

/// `application/vnd.in-toto.<predicate>+json` (in-toto attestation, spec/v1/envelope.md).
fn in_toto_variant(payload_type: &str) -> bool {
    payload_type.starts_with("application/vnd.in-toto.") && payload_type.ends_with("+json")
}

fn signatures(report: &mut Report, envelope: &Envelope, expected: &Expectations) {
    let keys = match &expected.key {
        Some(ExpectedKey::Public(key)) => vec![key.clone()],
        Some(ExpectedKey::Log(_) | ExpectedKey::Unsupported(_)) | None => Vec::new(),
    };
    let verdicts = verify_signatures(envelope, &keys);
    let any = verdicts.iter().any(|verdict| matches!(verdict, SignatureVerdict::Verified(_)));
    for (signature, verdict) in envelope.signatures().iter().zip(&verdicts) {
        let mut signer = signer(verdict, any);
        signature.keyid().clone_into(&mut signer.hint);
        if let (Some(ExpectedKey::Unsupported(algorithm)), Status::NotChecked) =
            (&expected.key, signer.status)
        {
            signer.status = Status::Unsupported;
            signer.detail = format!("the key given is {algorithm}, whose signatures are not checked here");
        }
        report.signers.push(signer);
    }
    match &expected.key {
        None => {}
        Some(ExpectedKey::Public(key)) if any => {
            report.check("key", Status::Verified, format!("signed by key:{}", key.id()));
        }
        Some(ExpectedKey::Public(key)) => report.check(
            "key",
            if report.signers.iter().any(|signer| signer.status == Status::Failed) {
                Status::Failed
            } else {
                Status::NotChecked
            },
            format!("expected a signature by key:{}, found none that it made", key.id()),
        ),
        Some(ExpectedKey::Unsupported(algorithm)) => {
            report.check("key", Status::Unsupported, format!("{algorithm} keys are not supported"));
        }
        Some(ExpectedKey::Log(key)) => {
            report.check(
                "key",
                Status::NotChecked,
                format!("{} is the key of a log, and signs no envelopes", key.name()),
            );
        }
    }
}

/// When one key made one of several signatures, the payload is the signed one, and the others are another key's.
fn signer(verdict: &SignatureVerdict, any: bool) -> Signer {
    let (status, key, detail) = match verdict {
        SignatureVerdict::Verified(key) => (Status::Verified, Some(format!("key:{key}")), String::new()),
        SignatureVerdict::Failed(Failure::NoKey { .. }) if any => {
            (Status::NotChecked, None, "the key given did not make it, and made another one".to_owned())
        }
        SignatureVerdict::Failed(why) => (Status::Failed, None, why.to_string()),
        SignatureVerdict::NotChecked(why) => (Status::NotChecked, None, why.to_string()),
        SignatureVerdict::Unsupported { algorithm } => {
            (Status::Unsupported, None, format!("{algorithm} is not supported"))
        }
    };
    Signer { status, key, hint: String::new(), detail }
}
