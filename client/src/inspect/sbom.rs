//! SBOM documents, which nobody signed.

use custody_evidence::sbom::{self, SbomError};

use super::statement::about_artifact;
use super::{Expectations, Report, Status};

pub(super) fn inspect(report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    let mut report = report;
    report.why = Some("nobody signed it: custody record sbom signs and records it".to_owned());
    match sbom::components(bytes) {
        Ok(found) => {
            report.components = Some(found.components.len());
            report.predicate = Some(found.format);
            report.warnings = found.left_out.iter().map(|(path, why)| format!("{path}: {why}")).collect();
            // What the document describes are its subjects, when it gives their digests.
            let hashes = found.described.iter().flat_map(|component| &component.hashes);
            report.subjects = hashes.map(ToString::to_string).collect();
        }
        Err(SbomError::NotInterpreted(why)) => {
            report.check("form", Status::Unsupported, format!("not interpreted: {why}"));
        }
        Err(error) => return report.malformed(error.to_string()),
    }
    if expected.artifact.is_some() && report.subjects.is_empty() {
        report.expect("artifact", Status::NotChecked, "the document gives no digest of what it describes");
    } else {
        about_artifact(&mut report, expected);
    }
    report
}
