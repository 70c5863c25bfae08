//! What a scanner found: in-toto's vulns v0.1 and v0.2 (in-toto/attestation `spec/predicates/vulns.md`,
//! `vulns_02.md`), the type of cosign they come from (sigstore/cosign `specs/COSIGN_VULN_ATTESTATION_SPEC.md`), and
//! `urn:custody:scan:v1`, whose predicate is the scanner's own report.
//!
//! A finding that is passed over makes a scan look clean, so a finding without an id makes the whole unreadable. cosign
//! holds the scanner's own report, too; both are read if they are one of [`crate::scan`].

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;

use super::list::Limited;
use super::packages::Packages;
use super::slsa::time;
use crate::json::{self, JsonError};
use crate::object::{self, Object};
use crate::purl::Purl;
use crate::scan::{self, FINDINGS_MAX, Scan, ScanError};

/// The types of in-toto.
pub const TYPES: [&str; 3] = [
    "https://in-toto.io/attestation/vulns",
    "https://in-toto.io/attestation/vulns/v0.1",
    "https://in-toto.io/attestation/vulns/v0.2",
];
/// The types of cosign; its first versions left the scheme out.
pub const COSIGN_TYPES: [&str; 2] =
    ["https://cosign.sigstore.dev/attestation/vuln/v1", "cosign.sigstore.dev/attestation/vuln/v1"];
/// The type whose predicate is the scanner's own report, byte by byte.
pub const REPORT_TYPE: &str = "urn:custody:scan:v1";

/// What a scanner found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulns {
    /// The scanner, as a URI.
    pub scanner: Option<String>,
    /// The run that scanned.
    pub run: Option<String>,
    /// What was found.
    pub found: Found,
    /// When the database of the scanner was updated, with the path of the member.
    pub database: Option<(String, String)>,
    /// When the scan started.
    pub started: Option<(String, String)>,
    /// When it ended.
    pub finished: Option<(String, String)>,
}

/// What a scan found, in the shapes that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Ids of vulnerabilities.
    Ids(Vec<Identified>),
    /// The scanner's own report.
    Report {
        /// What leads to its members in the predicate: nothing, or `scanner.result.`
        place: &'static str,
        /// What it says.
        scan: Box<Scan>,
    },
    /// A report that is not read.
    Unread(ScanError),
}

/// A vulnerability, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawFinding")]
pub struct Identified {
    /// The id.
    pub id: String,
    /// The packages that it is in. No member is meant for them: scanners write package URLs into the annotations.
    pub components: BTreeSet<Purl>,
}

#[derive(Deserialize)]
#[serde(bound = "R: Deserialize<'de>")]
struct Predicate<R> {
    #[serde(deserialize_with = "object::optional", default)]
    invocation: Option<Invocation>,
    scanner: Object<Scanner<R>>,
    #[serde(deserialize_with = "object::optional", default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Invocation {
    #[serde(default)]
    uri: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "R: Deserialize<'de>")]
struct Scanner<R> {
    #[serde(default)]
    uri: Option<String>,
    #[serde(deserialize_with = "object::optional", default)]
    db: Option<Database>,
    #[serde(default = "none")]
    result: Option<R>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Database {
    #[serde(default)]
    last_update: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    scan_started_on: Option<String>,
    #[serde(default)]
    scan_finished_on: Option<String>,
}

type Ids = Limited<Object<Identified>, FINDINGS_MAX>;

/// The text of v0.1 puts the id into a member `vulnerability`, its example does not.
#[derive(Deserialize)]
struct RawFinding {
    #[serde(default)]
    id: Option<String>,
    #[serde(deserialize_with = "object::optional", default)]
    vulnerability: Option<Named>,
    #[serde(default)]
    annotations: Packages,
    #[serde(default)]
    package: Packages,
    #[serde(default)]
    purl: Packages,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    id: Option<String>,
}

impl TryFrom<RawFinding> for Identified {
    type Error = serde::de::value::Error;

    fn try_from(raw: RawFinding) -> Result<Self, Self::Error> {
        let id = raw.id.or_else(|| raw.vulnerability?.id).filter(|id| !id.trim().is_empty());
        let id = id.ok_or_else(|| Self::Error::custom("expected a finding with an id"))?;
        let mut components = raw.annotations;
        components.add::<Self::Error>(raw.package)?;
        components.add::<Self::Error>(raw.purl)?;
        Ok(Self { id, components: components.0 })
    }
}

/// Reads the exact bytes of in-toto's predicate. A result that is absent is an empty one, as in-toto has it.
pub fn decode(bytes: &[u8]) -> Result<Vulns, JsonError> {
    let Object(predicate): Object<Predicate<Ids>> = json::from_slice(bytes)?;
    Ok(vulns(predicate, |found| Found::Ids(ids(found.unwrap_or_default()))))
}

/// Reads the exact bytes of cosign's predicate.
pub fn decode_cosign(bytes: &[u8]) -> Result<Vulns, JsonError> {
    let Object(predicate): Object<Predicate<Box<RawValue>>> = json::from_slice(bytes)?;
    Ok(vulns(predicate, |raw| {
        let report = raw.as_deref().map_or("null", RawValue::get);
        match serde_json::from_str(report) {
            Ok(Some(found)) => Found::Ids(ids(found)),
            _ => scan::read(report.as_bytes()).map_or_else(Found::Unread, |scan| Found::Report {
                place: "scanner.result.",
                scan: Box::new(scan),
            }),
        }
    }))
}

/// Reads the exact bytes of a scanner's own report.
pub fn decode_report(bytes: &[u8]) -> Result<Vulns, JsonError> {
    json::check(bytes)?;
    let found = scan::read(bytes)
        .map_or_else(Found::Unread, |scan| Found::Report { place: "", scan: Box::new(scan) });
    Ok(Vulns { scanner: None, run: None, found, database: None, started: None, finished: None })
}

fn ids(found: Ids) -> Vec<Identified> {
    found.0.into_iter().map(|Object(found)| found).collect()
}

fn vulns<R>(predicate: Predicate<R>, found: impl FnOnce(Option<R>) -> Found) -> Vulns {
    let Object(scanner) = predicate.scanner;
    let metadata = predicate.metadata.unwrap_or_default();
    let update = scanner.db.and_then(|db| db.last_update);
    Vulns {
        scanner: scanner.uri.filter(|uri| !uri.is_empty()),
        run: predicate.invocation.and_then(|invocation| invocation.uri).filter(|uri| uri.contains("://")),
        found: found(scanner.result),
        database: time("predicate.scanner.db.lastUpdate", update),
        started: time("predicate.metadata.scanStartedOn", metadata.scan_started_on),
        finished: time("predicate.metadata.scanFinishedOn", metadata.scan_finished_on),
    }
}

const fn none<R>() -> Option<R> {
    None
}
