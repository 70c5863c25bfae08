//! Admission records and trust documents without an envelope.

use custody_evidence::admission::{AdmissionRecord, SignerStatus};
use custody_evidence::trust::TrustDocument;

use super::statement::about_artifact;
use super::{Expectations, Report, Signer, Status};

/// An admission record says what a server checked. By itself nothing of it is proven: an entry commits to its digest.
pub(super) fn inspect(report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    let record = match AdmissionRecord::decode(bytes) {
        Ok(record) => record,
        Err(error) => return report.malformed(error.to_string()),
    };
    let mut report = report;
    report.why = Some("it comes from a log, and is not recorded in one".to_owned());
    report.predicate = Some(record.predicate_type.clone());
    report.subjects.clone_from(&record.subjects);
    report.signers = record.signers.iter().map(signer).collect();
    let version = record.trust.version;
    report.check(
        "record",
        Status::NotChecked,
        format!(
            "admitted by trust document version {version}; its entry and receipt prove that (custody verify)"
        ),
    );
    about_artifact(&mut report, expected);
    report
}

fn signer(signer: &custody_evidence::admission::Signer) -> Signer {
    let said = match signer.status {
        SignerStatus::Verified => "the server says that it verified it",
        SignerStatus::Unverified => "the server says that it did not verify it",
    };
    let key = signer.key.map(|key| format!("key:{key}"));
    Signer { key, ..Signer::of(Status::NotChecked, signer.hint.clone(), said) }
}

pub(super) fn inspect_trust(report: Report, bytes: &[u8]) -> Report {
    match TrustDocument::parse(bytes) {
        Ok(document) => {
            let mut report = report;
            let (origin, version) = (document.origin().to_string(), document.version());
            report.check(
                "document",
                Status::NotChecked,
                format!("version {version} for the log {origin}, unsigned"),
            );
            report.why = Some("nobody signed it: custody trust sign does".to_owned());
            report
        }
        Err(error) => report.malformed(error.to_string()),
    }
}
