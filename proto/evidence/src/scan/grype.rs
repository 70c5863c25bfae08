//! The JSON report of grype (<https://github.com/anchore/grype>).

use serde::Deserialize;

use super::{FINDINGS_MAX, FIXED_IN_MAX, Finding, Scan, ScanError, Severity, Tool, fits};
use crate::capped::Capped;
use crate::json;
use crate::object::Object;
use crate::text::Text;

/// The most CVSS vectors of a vulnerability: one a version and source.
const CVSS_MAX: usize = 64;

#[derive(Deserialize)]
struct Report {
    matches: Capped<Object<Match>, FINDINGS_MAX>,
    descriptor: Object<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    timestamp: Text,
}

#[derive(Deserialize)]
struct Match {
    vulnerability: Object<Vulnerability>,
    artifact: Object<Artifact>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: String,
    #[serde(default)]
    severity: Text,
    #[serde(default)]
    cvss: Option<Capped<Object<Cvss>, CVSS_MAX>>,
    #[serde(default)]
    fix: Option<Object<Fix>>,
}

#[derive(Deserialize)]
struct Cvss {
    #[serde(default)]
    vector: Text,
}

impl Vulnerability {
    /// The word of the database that grype asked; where it has none, the worst of the CVSS vectors beside it.
    fn severity(&self) -> Severity {
        let word = Severity::of_word(self.severity.as_deref());
        if word != Severity::Unknown {
            return word;
        }
        let vectors = self.cvss.iter().flat_map(|list| &list.items);
        let found = vectors.filter_map(|Object(cvss)| Severity::of_vector(cvss.vector.as_deref()?)).min();
        found.unwrap_or(Severity::Unknown)
    }
}

#[derive(Deserialize)]
struct Fix {
    #[serde(default)]
    versions: Option<Capped<String, FIXED_IN_MAX>>,
}

#[derive(Deserialize)]
struct Artifact {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    purl: Text,
}

pub(super) fn read(bytes: &[u8]) -> Result<Scan, ScanError> {
    let Object(report): Object<Report> = json::from_unsigned_slice(bytes)?;
    fits("matches", report.matches.total, FINDINGS_MAX)?;
    let mut scan = Scan::new("grype".to_owned(), bytes);
    let Object(descriptor) = report.descriptor;
    scan.tools
        .push(Tool { name: descriptor.name.0.unwrap_or_default(), version: descriptor.version.filled() });
    scan.end("descriptor.timestamp", descriptor.timestamp);
    for (at, Object(found)) in report.matches.items.into_iter().enumerate() {
        let path = format!("matches[{at}]");
        let (Object(vulnerability), Object(artifact)) = (found.vulnerability, found.artifact);
        let vectors = vulnerability.cvss.as_ref().map_or(0, |list| list.total);
        fits(&format!("{path}.vulnerability.cvss"), vectors, CVSS_MAX)?;
        let severity = vulnerability.severity();
        let fixed = vulnerability.fix.and_then(|Object(fix)| fix.versions).unwrap_or_default();
        let component = scan.purl(&format!("{path}.artifact.purl"), artifact.purl.as_deref());
        scan.push(Finding {
            id: Some(vulnerability.id).filter(|id| !id.is_empty()),
            aliases: Vec::new(),
            severity,
            component,
            name: artifact.name.filled(),
            version: artifact.version.filled(),
            fixed_in: fixed.items,
            suppressed: false,
            path,
        })?;
    }
    Ok(scan)
}
