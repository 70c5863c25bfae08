//! Reports of scanners, and `OpenVEX` documents, which nobody signed.

use custody_evidence::json::without_mark;
use custody_evidence::predicate::openvex;
use custody_evidence::scan::{self, ScanError};

use super::{Report, Status};

pub(super) fn inspect(mut report: Report, bytes: &[u8]) -> Report {
    unsigned(&mut report);
    match scan::read(bytes) {
        Ok(found) => {
            // While a run did not come to its end, nothing found does not mean clean.
            let incomplete = found.incomplete.iter().map(|(path, why)| format!("{path}: {why}"));
            let left_out = found.left_out.iter().map(|(path, why)| format!("{path}: {why}"));
            report.warnings = incomplete.chain(left_out).collect();
            report.predicate = Some(format!("{}: {} found", found.format, found.findings.len()));
            report
        }
        Err(error @ (ScanError::Unknown | ScanError::SarifVersion { .. })) => {
            report.check("form", Status::Unsupported, error.to_string());
            report
        }
        Err(error) => report.malformed(error.to_string()),
    }
}

pub(super) fn inspect_vex(mut report: Report, bytes: &[u8]) -> Report {
    unsigned(&mut report);
    match openvex::decode(without_mark(bytes)) {
        Ok(vex) => {
            report.predicate = Some(format!("OpenVEX: {} statements", vex.statements.len()));
            report
        }
        Err(error) => report.malformed(error.to_string()),
    }
}

fn unsigned(report: &mut Report) {
    report.why = Some("nobody signed it: custody record scan signs and records it".to_owned());
}
