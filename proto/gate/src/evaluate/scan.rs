//! `vulnerabilities`: what a scan found that nobody answered.

use custody_evidence::predicate::vulns::{self, Found, Identified, Vulns};
use custody_evidence::purl::Purl;
use custody_evidence::scan::Severity;
use custody_log::Timestamp;
use serde_json::Value as Json;

use super::Case;
use super::require::Said;
use super::why::Why;
use crate::evidence::Entry;
use crate::policy::Vulnerabilities;

/// Something that a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) id: String,
    /// Other names of the same vulnerability, as the scanner knows them.
    pub(super) aliases: Vec<String>,
    pub(super) severity: Severity,
    pub(super) component: Option<Purl>,
}

/// What a scan says.
struct Report {
    findings: Vec<Finding>,
    database: Option<Timestamp>,
}

impl Case<'_> {
    /// Whether a scan found nothing that the policy does not allow and nobody answered. Returns when its database is too old.
    pub(super) fn vulnerabilities(
        &self,
        asked: &Vulnerabilities,
        answers: &Said,
        entry: &Entry,
    ) -> Result<Option<Timestamp>, Why> {
        let report = report(entry).ok_or(Why::ScanIncomplete)?;
        let end = match asked.max_db_age {
            None => None,
            Some(max) => {
                // A claim about the future would be young for ever.
                let updated = report.database.ok_or(Why::DatabaseAgeUnknown)?.min(entry.time);
                let end = max.after(updated);
                if end < self.now {
                    return Err(Why::DatabaseTooOld { updated, max });
                }
                Some(end)
            }
        };
        let answers = answers.as_ref().map_err(Clone::clone)?.as_ref();
        let mut open = report.findings.iter().filter(|found| !asked.below.allows(found.severity));
        match open.find(|found| !answers.is_some_and(|said| said.answer(found))) {
            None => Ok(end),
            Some(found) => Err(Why::Vulnerable {
                id: found.id.clone(),
                severity: word(found.severity),
                component: found.component.as_ref().map(ToString::to_string),
            }),
        }
    }
}

/// Returns the findings of a scan that a policy does not allow; nothing if it cannot be read.
pub(super) fn open(asked: &Vulnerabilities, entry: &Entry) -> Vec<Finding> {
    let findings = report(entry).map(|report| report.findings).unwrap_or_default();
    findings.into_iter().filter(|found| !asked.below.allows(found.severity)).collect()
}

/// Reads a scan; none if it did not come to its end, or is no scan. What a scanner was told to accept is found all the same.
fn report(entry: &Entry) -> Option<Report> {
    let bytes = entry.predicate.as_deref()?;
    let predicate_type = entry.predicate_type.as_str();
    let vulns: Vulns = if vulns::TYPES.contains(&predicate_type) {
        vulns::decode(bytes)
    } else if vulns::COSIGN_TYPES.contains(&predicate_type) {
        vulns::decode_cosign(bytes)
    } else if predicate_type == vulns::REPORT_TYPE {
        vulns::decode_report(bytes)
    } else {
        return None;
    }
    .ok()?;
    let json: Json = serde_json::from_slice(bytes).ok()?;
    let (findings, place) = match vulns.found {
        Found::Ids(ids) => (of_ids(&ids, &json), ""),
        Found::Unread(_) => return None,
        Found::Report { scan, .. } if !scan.incomplete.is_empty() => return None,
        Found::Report { place, scan } => {
            let finding = |found: custody_evidence::scan::Finding| {
                let custody_evidence::scan::Finding { id, aliases, severity, component, .. } = found;
                Some(Finding { id: id?, aliases, severity, component })
            };
            (scan.findings.into_iter().map(finding).collect::<Option<Vec<_>>>()?, place)
        }
    };
    let updated = vulns.database.and_then(|(_, text)| Timestamp::parse_rfc3339(&text).ok());
    Some(Report { findings, database: updated.or_else(|| built(&json, place)) })
}

/// When grype's database was built, as its report says.
fn built(json: &Json, place: &str) -> Option<Timestamp> {
    let report = if place.is_empty() { json } else { json.pointer("/scanner/result")? };
    let found =
        ["/descriptor/db/status/built", "/descriptor/db/built"].into_iter().find_map(|at| report.pointer(at));
    Timestamp::parse_rfc3339(found?.as_str()?).ok()
}

/// in-toto's findings, with the worst severity that each has: one for each package that it is in, since each wants an answer.
fn of_ids(ids: &[Identified], json: &Json) -> Vec<Finding> {
    let results: &[Json] =
        json.pointer("/scanner/result").and_then(Json::as_array).map_or(&[], Vec::as_slice);
    let findings = |(at, found): (usize, &Identified)| {
        let scores = results
            .get(at)
            .filter(|_| results.len() == ids.len())
            .and_then(|result| result.get("severity").or_else(|| result.pointer("/vulnerability/severity")));
        let severity = scores.map_or(Severity::Unknown, worst);
        let id = found.id.clone();
        let in_component = |component| Finding { id: id.clone(), aliases: Vec::new(), severity, component };
        let components: Vec<Finding> = found.components.iter().cloned().map(Some).map(in_component).collect();
        if components.is_empty() { vec![in_component(None)] } else { components }
    };
    ids.iter().enumerate().flat_map(findings).collect()
}

/// The worst of several scores; not known if one of them is not.
fn worst(scores: &Json) -> Severity {
    let one = std::slice::from_ref(scores);
    let scores = scores.as_array().map_or(one, Vec::as_slice);
    let severities: Vec<Severity> =
        scores.iter().map(|score| severity(score.get("score").unwrap_or(score))).collect();
    if severities.contains(&Severity::Unknown) {
        return Severity::Unknown;
    }
    severities.into_iter().min().unwrap_or(Severity::Unknown)
}

/// A word, a CVSS score or the vector of one: from 9 critical, from 7 high, from 4 medium, above 0 low (CVSS v3.1, section 5).
fn severity(score: &Json) -> Severity {
    let number = score.as_f64().or_else(|| score.as_str()?.trim().parse().ok());
    match number {
        Some(score) if (9.0..=10.0).contains(&score) => Severity::Critical,
        Some(score) if (7.0..9.0).contains(&score) => Severity::High,
        Some(score) if (4.0..7.0).contains(&score) => Severity::Medium,
        Some(score) if score > 0.0 && score < 4.0 => Severity::Low,
        Some(score) if score.abs() < f64::EPSILON => Severity::Negligible,
        Some(_) => Severity::Unknown,
        None => match score.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("critical") => Severity::Critical,
            Some("high" | "important") => Severity::High,
            Some("medium" | "moderate") => Severity::Medium,
            Some("low") => Severity::Low,
            Some("negligible" | "none") => Severity::Negligible,
            _ => score.as_str().and_then(Severity::of_vector).unwrap_or(Severity::Unknown),
        },
    }
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Negligible => "negligible",
        Severity::Unknown => "unknown",
    }
}
