//! Reports of scanners: what they found, in which package, how bad it is, and whether they came to an end.
//!
//! Read are SARIF 2.1 and 2.2, and the native JSON of grype, trivy and OSV-Scanner; `junit` reads results of tests. A finding that is
//! passed over makes a report look clean, so reading is all or nothing: a document that is odd in a member that matters
//! is refused, with the place. A scan that did not come to an end is told apart from one that found nothing.

mod cvss;
mod ecosystem;
mod grype;
pub mod junit;
mod osv;
mod sarif;
#[cfg(test)]
mod tests;
mod trivy;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::digest_set::Digest;
use crate::json::{self, JsonError};
use crate::object::Object;
use crate::purl::{Purl, PurlError};
use crate::text::Text;

/// The most findings of a report, and rules of a tool: images of whole operating systems have some thousand.
pub const FINDINGS_MAX: usize = 50_000;
/// The most runs of a SARIF log, and targets of a trivy report.
pub const RUNS_MAX: usize = 1024;
/// The most versions that are kept in which a finding is fixed: one a branch that is maintained.
pub const FIXED_IN_MAX: usize = 64;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The format, with its version where it has one: `SARIF 2.1.0`, `grype`, `trivy`, `OSV-Scanner`.
    pub format: String,
    /// The digest of the document's bytes, without a byte order mark.
    pub document: Digest,
    /// What scanned, one for each run.
    pub tools: Vec<Tool>,
    /// What was found, in the document's order.
    pub findings: Vec<Finding>,
    /// When it was made or a run of it ended, as written, with the paths.
    pub finished: Vec<(String, String)>,
    /// Runs that did not come to an end, with their paths. While there is one, no findings does not mean clean.
    pub incomplete: Vec<(String, Incomplete)>,
    /// Package URLs that do not parse, with their paths; the findings stay.
    pub left_out: Vec<(String, PurlError)>,
}

/// A scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// The name; empty if there is none.
    pub name: String,
    /// The version, as written.
    pub version: Option<String>,
}

/// Something that a scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands: `runs[0].results[3]`.
    pub path: String,
    /// The vulnerability (`CVE-2026-33816`) or the rule; none if the scanner names none.
    pub id: Option<String>,
    /// Other names of the same vulnerability, as OSV-Scanner knows them.
    pub aliases: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The package; none if it is not named by a package URL.
    pub component: Option<Purl>,
    /// The name of the package, as written.
    pub name: Option<String>,
    /// Its version, as written.
    pub version: Option<String>,
    /// Versions without it, at most [`FIXED_IN_MAX`].
    pub fixed_in: Vec<String>,
    /// Whether the report says that it is accepted as it is.
    pub suppressed: bool,
}

/// How bad a finding is, worst first.
///
/// SARIF has its own words. A rule's `security-severity`, a CVSS score, decides if there is one: from 9 critical, from 7
/// high, from 4 medium, above 0 low. Otherwise `error` is high, `warning` medium, `note` low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Critical.
    Critical,
    /// High.
    High,
    /// Medium.
    Medium,
    /// Low.
    Low,
    /// Negligible, as grype has it.
    Negligible,
    /// Not known, or a word that is not known here: it may be any.
    Unknown,
}

/// Why a scan cannot be taken for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Incomplete {
    /// The scanner says that it failed.
    #[error("the scan failed")]
    Failed,
    /// There is no list of results, not even an empty one.
    #[error("there are no results, not even an empty list")]
    NoResults,
    /// The results are in another file.
    #[error("the results are in another file")]
    Elsewhere,
}

/// Why a report was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Not JSON, or a member that matters has another shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Longer lists than are read: [`FINDINGS_MAX`], [`RUNS_MAX`].
    #[error("{path}: at most {max} are read, found {found}")]
    TooMany {
        /// The list.
        path: String,
        /// The limit.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// SARIF in another version.
    #[error("not interpreted: SARIF {version:?}; 2.1.0 and 2.2 are read")]
    SarifVersion {
        /// The version, cut to 80 characters; empty if there is none.
        version: String,
    },
    /// None of the formats.
    #[error(
        "not interpreted: neither SARIF (runs) nor grype (matches) nor trivy (SchemaVersion) nor OSV-Scanner (results)"
    )]
    Unknown,
}

/// The members that tell one format from another.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(default)]
    version: Text,
    runs: Option<IgnoredAny>,
    matches: Option<IgnoredAny>,
    descriptor: Option<IgnoredAny>,
    #[serde(rename = "SchemaVersion", default)]
    schema_version: Text,
    #[serde(borrow)]
    results: Option<&'a RawValue>,
    experimental_config: Option<IgnoredAny>,
}

/// Reads the bytes of a report.
pub fn read(bytes: &[u8]) -> Result<Scan, ScanError> {
    let bytes = json::without_mark(bytes);
    let Object(marks): Object<Marks<'_>> = json::from_unsigned_slice(bytes)?;
    if marks.runs.is_some() {
        return match marks.version.as_deref() {
            Some(version @ ("2.1.0" | "2.2" | "2.2.0")) => sarif::read(version, bytes),
            other => {
                Err(ScanError::SarifVersion { version: other.unwrap_or_default().chars().take(80).collect() })
            }
        };
    }
    if marks.matches.is_some() && marks.descriptor.is_some() {
        return grype::read(bytes);
    }
    if marks.schema_version.as_deref() == Some("2") {
        return trivy::read(bytes);
    }
    // What OSV-Scanner found nothing in has the second member at least.
    if marks.results.is_some_and(|list| marks.experimental_config.is_some() || osv::is_results(list)) {
        return osv::read(bytes);
    }
    Err(ScanError::Unknown)
}

impl Scan {
    fn new(format: String, bytes: &[u8]) -> Self {
        Self {
            format,
            document: Digest::sha256_of(bytes),
            tools: Vec::new(),
            findings: Vec::new(),
            finished: Vec::new(),
            incomplete: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Returns how many findings there are of each severity. Those that are suppressed are not counted.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Severity, usize> {
        let mut counts = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| !finding.suppressed) {
            *counts.entry(finding.severity).or_default() += 1;
        }
        counts
    }

    /// Notes a time, if there is one.
    fn end(&mut self, path: &str, time: Text) {
        self.finished.extend(time.filled().map(|time| (path.to_owned(), time)));
    }

    /// Adds a finding, unless there would be too many.
    fn push(&mut self, finding: Finding) -> Result<(), ScanError> {
        self.findings.push(finding);
        fits("findings", self.findings.len(), FINDINGS_MAX)
    }

    /// Reads a package URL; one that does not parse is noted.
    fn purl(&mut self, path: &str, text: Option<&str>) -> Option<Purl> {
        let text = text.filter(|text| !text.is_empty())?;
        text.parse().map_err(|error| self.left_out.push((path.to_owned(), error))).ok()
    }
}

impl Severity {
    /// Reads the words of grype, trivy and GitHub.
    fn of_word(word: Option<&str>) -> Self {
        match word.map(str::to_ascii_lowercase).as_deref() {
            Some("critical") => Self::Critical,
            Some("high") => Self::High,
            Some("medium" | "moderate") => Self::Medium,
            Some("low") => Self::Low,
            Some("negligible") => Self::Negligible,
            _ => Self::Unknown,
        }
    }
}

/// Checks the length of a list.
fn fits(path: &str, found: usize, max: usize) -> Result<(), ScanError> {
    if found > max {
        return Err(ScanError::TooMany { path: path.to_owned(), max, found });
    }
    Ok(())
}
