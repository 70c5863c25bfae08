//! Receipts and entries of a log.

use custody_log::Entry;
use custody_log::note::VerifierKey;
use custody_log::receipt::Receipt;

use super::{Expectations, Report, Signer, Status};

pub(super) fn inspect(report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    let receipt = match Receipt::decode(bytes) {
        Ok(receipt) => receipt,
        Err(error) => return report.malformed(error.to_string()),
    };
    let mut report = report;
    describe(&mut report, receipt.unverified_entry());
    let checkpoint = receipt.signed_checkpoint().unverified();
    let (origin, size) = (checkpoint.origin().clone(), checkpoint.size());
    let hint = origin.to_string();
    let keys = expected.log_keys();
    if keys.is_empty() {
        let detail = format!("no key of the log {origin} was given");
        report.signers.push(Signer::of(Status::NotChecked, hint, detail.clone()));
        report.check("inclusion", Status::NotChecked, detail);
        if expected.expects_key() {
            report.expect("key", Status::NotChecked, "a receipt is signed by a log: give its verifier key");
        }
    } else {
        let by = |key: &&VerifierKey| receipt.verify(&origin, std::slice::from_ref(*key)).is_ok();
        let key = keys.iter().find(by);
        let (status, detail) = match (key, receipt.verify(&origin, &keys)) {
            (Some(key), _) => {
                (Status::Verified, format!("in the tree of size {size} that {} signed", key.name()))
            }
            (None, Err(error)) => (Status::Failed, error.to_string()),
            // Unreachable: what all keys together verify, one of them does.
            (None, Ok(_)) => (Status::NotChecked, "no key of its own verifies it".to_owned()),
        };
        let key = key.map(ToString::to_string);
        report.signers.push(Signer { key, ..Signer::of(status, hint, detail.clone()) });
        report.check("inclusion", status, detail.clone());
        report.expect("key", status, detail);
    }
    if expected.artifact.is_some() {
        report.expect("artifact", Status::NotChecked, "a receipt names an envelope, not artifacts");
    }
    report
}

pub(super) fn inspect_entry(report: Report, bytes: &[u8]) -> Report {
    match Entry::decode(bytes) {
        Ok(entry) => {
            let mut report = report;
            describe(&mut report, &entry);
            report.check("inclusion", Status::NotChecked, "an entry alone proves nothing: its receipt does");
            report
        }
        Err(error) => report.malformed(error.to_string()),
    }
}

fn describe(report: &mut Report, entry: &Entry) {
    report.why = Some("it comes from a log, and is not recorded in one".to_owned());
    report.check(
        "entry",
        Status::NotChecked,
        format!(
            "index {} at {}, envelope {} of {} bytes, content {}",
            entry.index, entry.time, entry.envelope.digest, entry.envelope.length, entry.content
        ),
    );
}
