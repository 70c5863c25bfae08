//! In-toto statements, alone or inside an envelope.

use custody_evidence::fact;
use custody_evidence::sbom;
use custody_evidence::statement::Statement;

use super::{Expectations, ExpectedArtifact, Report, Status};

/// A statement that nobody signed.
pub(super) fn inspect(mut report: Report, bytes: &[u8], expected: &Expectations) -> Report {
    read(&mut report, bytes);
    report.admissible = false;
    report.why.get_or_insert_with(|| "nobody signed it".to_owned());
    about_artifact(&mut report, expected);
    report
}

/// Reads a statement into the report.
pub(super) fn read(report: &mut Report, payload: &[u8]) {
    let statement = match Statement::parse(payload) {
        Ok(statement) => statement,
        Err(error) => {
            report.check("statement", Status::Failed, error.to_string());
            report.why = Some(format!("its statement: {error}"));
            return;
        }
    };
    report.predicate = Some(statement.predicate_type().to_owned());
    let digests = statement.subjects().iter().flat_map(custody_evidence::statement::Descriptor::digests);
    report.subjects = digests.map(ToString::to_string).collect();
    let facts = fact::read(&statement);
    report.warnings = facts.warnings.iter().map(ToString::to_string).collect();
    report.facts = facts.edges.into_iter().collect();
    let predicate = statement.predicate_bytes().unwrap_or_default();
    report.components = sbom::components(predicate).ok().map(|found| found.components.len());
    report.why = if statement.subjects().is_empty() {
        Some("its statement has no subject".to_owned())
    } else {
        let position = statement.subject_without_usable_digest();
        position.map(|position| format!("subject {position} has no digest that evidence can rest on"))
    };
    report.admissible = report.why.is_none();
}

/// Checks that the document is about the artifact.
pub(super) fn about_artifact(report: &mut Report, expected: &Expectations) {
    let Some(ExpectedArtifact { digests, .. }) = &expected.artifact else { return };
    let usable = |text: &String| digests.iter().any(|digest| digest.usable() && digest.to_string() == *text);
    let wanted = digests.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
    match report.subjects.iter().find(|subject| usable(subject)) {
        Some(found) => report.expect("artifact", Status::Verified, format!("{found} is a subject")),
        None => report.expect(
            "artifact",
            Status::Failed,
            format!("expected {wanted} among the subjects, found {}", listed(&report.subjects)),
        ),
    }
}

fn listed(subjects: &[String]) -> String {
    match subjects {
        [] => "none".to_owned(),
        [first] => first.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
