//! The JSON report of OSV-Scanner, versions 1 and 2 (<https://google.github.io/osv-scanner/output/>), whose vulnerabilities are records of OSV
//! (<https://ossf.github.io/osv-schema/>).
//!
//! One vulnerability has a record in each database that knows it, and the scanner groups those that are one. A group is a finding; a record
//! in no group is one too.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::ecosystem;
use super::{
    FINDINGS_MAX, FIXED_IN_MAX, Finding, Incomplete, RUNS_MAX, Scan, ScanError, Severity, Tool, fits,
};
use crate::capped::Capped;
use crate::json;
use crate::object::Object;
use crate::text::Text;

/// The most names of one vulnerability: a record in each of the databases of OSV, some thirty, twice over.
const NAMES_MAX: usize = 64;

/// What tells a source of packages from what other tools list as results.
#[derive(Deserialize)]
struct Outline {
    packages: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Report {
    results: Option<Capped<Object<Source>, RUNS_MAX>>,
}

#[derive(Deserialize)]
struct Source {
    packages: Capped<Object<Entry>, FINDINGS_MAX>,
}

#[derive(Deserialize)]
struct Entry {
    package: Object<Package>,
    vulnerabilities: Option<Capped<Object<Record>, FINDINGS_MAX>>,
    groups: Option<Capped<Object<Group>, FINDINGS_MAX>>,
    license_violations: Option<Capped<Text, NAMES_MAX>>,
}

#[derive(Deserialize)]
struct Package {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    version: Text,
    #[serde(default)]
    ecosystem: Text,
}

/// A record of OSV.
#[derive(Deserialize)]
struct Record {
    id: String,
    aliases: Option<Capped<String, NAMES_MAX>>,
    affected: Option<Capped<Object<Affected>, RUNS_MAX>>,
    severity: Option<Capped<Object<Score>, NAMES_MAX>>,
    database_specific: Option<Object<Specific>>,
}

#[derive(Deserialize)]
struct Affected {
    package: Option<Object<Package>>,
    ranges: Option<Capped<Object<Range>, FIXED_IN_MAX>>,
    severity: Option<Capped<Object<Score>, NAMES_MAX>>,
}

/// A CVSS vector; the type says which version it is of, as the vector does.
#[derive(Deserialize)]
struct Score {
    #[serde(default)]
    score: Text,
}

#[derive(Deserialize)]
struct Range {
    #[serde(rename = "type", default)]
    kind: Text,
    events: Option<Capped<Object<Event>, FIXED_IN_MAX>>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    fixed: Text,
}

#[derive(Deserialize)]
struct Specific {
    #[serde(default)]
    severity: Text,
}

#[derive(Deserialize)]
struct Group {
    ids: Capped<String, NAMES_MAX>,
    aliases: Option<Capped<String, NAMES_MAX>>,
    #[serde(default)]
    max_severity: Text,
}

/// Whether a member `results` is that of OSV-Scanner. Other tools have one as well, so an empty list tells nothing.
pub(super) fn is_results(list: &RawValue) -> bool {
    let list = serde_json::from_str::<Capped<Object<Outline>, 1>>(list.get()).unwrap_or_default();
    list.items.first().is_some_and(|Object(first)| first.packages.is_some())
}

pub(super) fn read(bytes: &[u8]) -> Result<Scan, ScanError> {
    let Object(report): Object<Report> = json::from_unsigned_slice(bytes)?;
    let mut scan = Scan::new("OSV-Scanner".to_owned(), bytes);
    // The report names neither the scanner nor its version.
    scan.tools.push(Tool { name: "osv-scanner".to_owned(), version: None });
    let Some(results) = report.results else {
        scan.incomplete.push(("results".to_owned(), Incomplete::NoResults));
        return Ok(scan);
    };
    fits("results", results.total, RUNS_MAX)?;
    for (at, Object(source)) in results.items.into_iter().enumerate() {
        fits(&format!("results[{at}].packages"), source.packages.total, FINDINGS_MAX)?;
        for (package, Object(entry)) in source.packages.items.into_iter().enumerate() {
            take(&mut scan, &format!("results[{at}].packages[{package}]"), entry)?;
        }
    }
    Ok(scan)
}

fn take(scan: &mut Scan, path: &str, entry: Entry) -> Result<(), ScanError> {
    let Object(package) = entry.package;
    let (records, groups) = (entry.vulnerabilities.unwrap_or_default(), entry.groups.unwrap_or_default());
    let licences = entry.license_violations.unwrap_or_default();
    fits(&format!("{path}.vulnerabilities"), records.total, FINDINGS_MAX)?;
    fits(&format!("{path}.groups"), groups.total, FINDINGS_MAX)?;
    fits(&format!("{path}.license_violations"), licences.total, NAMES_MAX)?;
    for (at, Object(record)) in records.items.iter().enumerate() {
        let of_packages = record.affected.iter().flat_map(|list| &list.items);
        let of_packages = of_packages.filter_map(|Object(affected)| affected.severity.as_ref());
        for scores in record.severity.iter().chain(of_packages) {
            fits(&format!("{path}.vulnerabilities[{at}].severity"), scores.total, NAMES_MAX)?;
        }
    }
    let mut grouped = BTreeSet::new();
    for (at, Object(group)) in groups.items.iter().enumerate() {
        let path = format!("{path}.groups[{at}]");
        fits(&format!("{path}.ids"), group.ids.total, NAMES_MAX)?;
        grouped.extend(group.ids.items.iter().map(String::as_str));
        let is_in = |record: &&Object<Record>| group.ids.items.contains(&record.0.id);
        let members: Vec<&Record> = records.items.iter().filter(is_in).map(|Object(record)| record).collect();
        let score = group.max_severity.as_deref().and_then(|text| text.trim().parse().ok());
        let severity = score.and_then(Severity::of_score);
        let aliases = group.aliases.as_ref().map_or(&[][..], |aliases| &aliases.items);
        let names = group.ids.items.iter().chain(aliases);
        let found = finding(path, &package, &members, names, severity);
        scan.push(found)?;
    }
    for (at, Object(record)) in records.items.iter().enumerate() {
        if !grouped.contains(record.id.as_str()) {
            let names = std::iter::once(&record.id);
            scan.push(finding(format!("{path}.vulnerabilities[{at}]"), &package, &[record], names, None))?;
        }
    }
    for (at, licence) in licences.items.into_iter().enumerate() {
        let path = format!("{path}.license_violations[{at}]");
        scan.push(Finding {
            id: licence.filled(),
            ..finding(path, &package, &[], std::iter::empty(), None)
        })?;
    }
    Ok(())
}

/// A finding that these records of databases are about, by these names, the first of which is its id.
fn finding<'a>(
    path: String,
    package: &Package,
    records: &[&'a Record],
    names: impl Iterator<Item = &'a String>,
    severity: Option<Severity>,
) -> Finding {
    let more = records.iter().filter_map(|record| record.aliases.as_ref());
    let all = names.chain(more.flat_map(|aliases| &aliases.items)).filter(|name| !name.is_empty());
    let mut seen = BTreeSet::new();
    let mut names = all.filter(|name| seen.insert(name.as_str())).take(NAMES_MAX).cloned();
    let worst = || records.iter().filter_map(|record| said(record, package)).min();
    Finding {
        path,
        id: names.next(),
        aliases: names.collect(),
        severity: severity.or_else(worst).unwrap_or(Severity::Unknown),
        component: ecosystem::purl(
            package.ecosystem.as_deref().unwrap_or_default(),
            package.name.as_deref().unwrap_or_default(),
            package.version.as_deref().unwrap_or_default(),
        ),
        name: package.name.clone().filled(),
        version: package.version.clone().filled(),
        fixed_in: fixed_in(records, package),
        suppressed: false,
    }
}

/// The word of the database, as GitHub's has it, or else the worst of its CVSS vectors. All records of a finding are of one
/// vulnerability, so the worst of them counts, and one without either says nothing.
fn said(record: &Record, package: &Package) -> Option<Severity> {
    let word = record.database_specific.as_ref();
    let word =
        word.map_or(Severity::Unknown, |Object(specific)| Severity::of_word(specific.severity.as_deref()));
    if word != Severity::Unknown {
        return Some(word);
    }
    let of_package = affected(record, package).filter_map(|affected| affected.severity.as_ref());
    let scores = record.severity.iter().chain(of_package).flat_map(|list| &list.items);
    scores.filter_map(|Object(score)| Severity::of_vector(score.score.as_deref()?)).min()
}

/// What a record says of this package.
fn affected<'a>(record: &'a Record, package: &'a Package) -> impl Iterator<Item = &'a Affected> {
    let all = record.affected.iter().flat_map(|list| &list.items).map(|Object(affected)| affected);
    all.filter(|affected| {
        affected
            .package
            .as_ref()
            .is_some_and(|Object(found)| found.name.as_deref() == package.name.as_deref())
    })
}

/// Versions of the package without the vulnerability, each once.
fn fixed_in(records: &[&Record], package: &Package) -> Vec<String> {
    let ours = records.iter().flat_map(|record| affected(record, package));
    let ranges = ours.filter_map(|affected| affected.ranges.as_ref()).flat_map(|list| &list.items);
    // A range of commits names no version.
    let versions = ranges.filter(|Object(range)| range.kind.as_deref() != Some("GIT"));
    let events = versions.filter_map(|Object(range)| range.events.as_ref()).flat_map(|list| &list.items);
    let mut fixed = Vec::new();
    for version in events.filter_map(|Object(event)| event.fixed.clone().filled()) {
        if fixed.len() < FIXED_IN_MAX && !fixed.contains(&version) {
            fixed.push(version);
        }
    }
    fixed
}
