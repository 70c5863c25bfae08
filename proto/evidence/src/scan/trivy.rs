//! The JSON report of trivy, schema 2 (<https://trivy.dev/docs/latest/configuration/reporting/>).

use serde::Deserialize;

use super::{
    FINDINGS_MAX, FIXED_IN_MAX, Finding, Incomplete, RUNS_MAX, Scan, ScanError, Severity, Tool, fits,
};
use crate::capped::Capped;
use crate::json;
use crate::object::Object;
use crate::text::Text;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    trivy: Option<Object<Version>>,
    #[serde(default)]
    created_at: Text,
    results: Option<Capped<Object<Target>, RUNS_MAX>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    #[serde(default)]
    version: Text,
}

/// What was scanned, and what was found in it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Target {
    vulnerabilities: Option<Capped<Object<Row>, FINDINGS_MAX>>,
    misconfigurations: Option<Capped<Object<Row>, FINDINGS_MAX>>,
    secrets: Option<Capped<Object<Row>, FINDINGS_MAX>>,
    licenses: Option<Capped<Object<Row>, FINDINGS_MAX>>,
}

/// One finding; each list uses some of the members.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    #[serde(rename = "VulnerabilityID", default)]
    vulnerability_id: Text,
    #[serde(rename = "ID", default)]
    id: Text,
    #[serde(rename = "RuleID", default)]
    rule_id: Text,
    #[serde(default)]
    name: Text,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    severity: Text,
    #[serde(default)]
    pkg_name: Text,
    pkg_identifier: Option<Object<Identifier>>,
    #[serde(default)]
    installed_version: Text,
    #[serde(default)]
    fixed_version: Text,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(rename = "PURL", default)]
    purl: Text,
}

pub(super) fn read(bytes: &[u8]) -> Result<Scan, ScanError> {
    let Object(report): Object<Report> = json::from_unsigned_slice(bytes)?;
    let mut scan = Scan::new("trivy".to_owned(), bytes);
    let version = report.trivy.and_then(|Object(trivy)| trivy.version.filled());
    scan.tools.push(Tool { name: "trivy".to_owned(), version });
    scan.end("CreatedAt", report.created_at);
    // Nothing that could be scanned was found: that is not the same as nothing wrong.
    let Some(results) = report.results else {
        scan.incomplete.push(("Results".to_owned(), Incomplete::NoResults));
        return Ok(scan);
    };
    fits("Results", results.total, RUNS_MAX)?;
    for (at, Object(target)) in results.items.into_iter().enumerate() {
        for (list, rows) in [
            ("Vulnerabilities", target.vulnerabilities),
            ("Misconfigurations", target.misconfigurations),
            ("Secrets", target.secrets),
            ("Licenses", target.licenses),
        ] {
            take(&mut scan, &format!("Results[{at}].{list}"), rows.unwrap_or_default())?;
        }
    }
    Ok(scan)
}

fn take(scan: &mut Scan, list: &str, rows: Capped<Object<Row>, FINDINGS_MAX>) -> Result<(), ScanError> {
    fits(list, rows.total, FINDINGS_MAX)?;
    for (at, Object(row)) in rows.items.into_iter().enumerate() {
        // Checks that passed are listed beside those that failed.
        if row.status.as_deref() == Some("PASS") {
            continue;
        }
        let path = format!("{list}[{at}]");
        let purl = row.pkg_identifier.map(|Object(identifier)| identifier.purl).unwrap_or_default();
        let ids = [row.vulnerability_id, row.id, row.rule_id, row.name];
        let fixed = row.fixed_version.filled().unwrap_or_default();
        let component = scan.purl(&format!("{path}.PkgIdentifier.PURL"), purl.as_deref());
        scan.push(Finding {
            id: ids.into_iter().find_map(Text::filled),
            aliases: Vec::new(),
            severity: Severity::of_word(row.severity.as_deref()),
            component,
            name: row.pkg_name.filled(),
            version: row.installed_version.filled(),
            fixed_in: versions(&fixed),
            suppressed: false,
            path,
        })?;
    }
    Ok(())
}

/// Trivy writes several versions in one text: `1.2.3, 2.0.1`.
fn versions(text: &str) -> Vec<String> {
    let versions = text.split(',').map(str::trim).filter(|version| !version.is_empty());
    versions.take(FIXED_IN_MAX).map(str::to_owned).collect()
}
