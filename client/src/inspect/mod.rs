//! What a file says and what can be verified in it, without a server.
//!
//! A file is untrusted, and most of what it says is a claim. Four words tell what came of each check, and they never
//! look alike: `verified`, `failed`, `not_checked` (nothing here could tell), `unsupported` (made in a way that is not
//! read yet). That a document is well formed verifies nothing, and neither does an artifact that an unsigned document
//! names.

mod bundle;
mod envelope;
mod expected;
mod receipt;
mod record;
mod report;
mod sbom;
mod scan;
mod statement;
mod token;

use crate::document::{Item, Kind, Problem, is_utf16};
use crate::layout::LayoutProblem;

pub use expected::{Expectations, ExpectedArtifact, ExpectedKey, NamedRoot};
pub use report::{Check, Report, Role, Signer, Status, Verdict};

/// Inspects one document of a file. Pure: the same bytes and expectations give the same report.
#[must_use]
pub fn inspect(item: &Item<'_>, expected: &Expectations) -> Report {
    let report = Report::of(item.kind);
    if let Some(problem) = &item.problem {
        return no_item(report, problem).unanswered(expected);
    }
    let bytes = item.bytes;
    let report = match item.kind {
        Kind::Dsse => envelope::inspect(report, bytes, expected),
        Kind::SigstoreBundle | Kind::Pep740 | Kind::ImageSignature => {
            bundle::inspect(report, bytes, expected)
        }
        Kind::Statement => statement::inspect(report, bytes, expected),
        Kind::CycloneDx | Kind::Spdx | Kind::OtherSbom => sbom::inspect(report, bytes, expected),
        Kind::Sarif | Kind::ScanReport => scan::inspect(report, bytes),
        Kind::OpenVex => scan::inspect_vex(report, bytes),
        Kind::JUnit => {
            unsupported(report, "nobody signed it: custody record test signs and records it".to_owned())
        }
        Kind::Receipt => receipt::inspect(report, bytes, expected),
        Kind::Entry => receipt::inspect_entry(report, bytes),
        Kind::AdmissionRecord => record::inspect(report, bytes, expected),
        Kind::TrustDocument => record::inspect_trust(report, bytes),
        Kind::IdentityToken => token::inspect(report, bytes, expected),
        Kind::Unknown if is_utf16(bytes) => {
            report.malformed("it is text in UTF-16, and JSON is UTF-8: write the file again in UTF-8")
        }
        Kind::Unknown => report.malformed("nothing in it says what it is"),
        Kind::OtherJson => unsupported(report, "it is JSON, and nothing in it says what it is".to_owned()),
        other => unsupported(report, format!("{} is recognised, but not read yet", other.name())),
    };
    report.unanswered(expected)
}

fn unsupported(report: Report, why: String) -> Report {
    let mut report = report;
    report.check("form", Status::Unsupported, why.clone());
    report.why = Some(why);
    report
}

/// A document that holds no attestation is well formed, and a blob that is not there may be: there is nothing to verify.
fn no_item(report: Report, problem: &Problem) -> Report {
    let why = problem.to_string();
    match problem {
        Problem::Layout(LayoutProblem::Missing { .. })
        | Problem::Elsewhere { .. }
        | Problem::Empty
        | Problem::NoEnvelope => {
            let mut report = report;
            report.check("form", Status::NotChecked, why.clone());
            report.why = Some(why);
            report
        }
        Problem::Document(_) | Problem::Layout(_) | Problem::TooMany { .. } => report.malformed(why),
    }
}

#[cfg(test)]
mod tests;
