//! What a scanner found, and answers to it (VEX): embedded byte by byte.

use std::borrow::Cow;

use custody_evidence::predicate::openvex;
use custody_evidence::predicate::vulns::REPORT_TYPE;
use custody_evidence::scan::{self, Scan, ScanError, Severity};
use custody_evidence::{fact, json, statement::Statement};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Made, MakeError, Subject, statement};

/// A report of a scanner, or a VEX document.
#[derive(Debug, Clone)]
pub struct Report<'a> {
    predicate_type: Cow<'static, str>,
    summary: String,
    bytes: &'a [u8],
}

/// The members by which formats are told that [`scan::read`] does not read. Their values are parts of the document.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(rename = "@context", borrow, default)]
    context: Option<&'a RawValue>,
    #[serde(rename = "bomFormat", default)]
    bom_format: Option<IgnoredAny>,
}

impl<'a> Report<'a> {
    /// Tells the format from the document, never from the file's name.
    pub fn detect(bytes: &'a [u8]) -> Result<Self, MakeError> {
        let not = |why: &str| MakeError::NotAScan { why: why.to_owned() };
        let bytes = json::without_mark(bytes);
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(not("it is XML; `custody record test` records results of tests in JUnit XML"));
        }
        json::check_unsigned(bytes).map_err(|error| not(&format!("it is no JSON: {error}")))?;
        json::check(bytes)?;
        let marks: Marks<'_> = serde_json::from_slice(bytes).map_err(|_| not("it is no JSON object"))?;
        if marks.bom_format.is_some() {
            return Err(not(
                "it is CycloneDX, which `custody record sbom` records, with the vulnerabilities in it",
            ));
        }
        if let Some(context) =
            marks.context.and_then(|context| serde_json::from_str::<String>(context.get()).ok())
            && openvex::is_type(&context)
        {
            let predicate_type = Cow::Owned(context);
            return Ok(Self { predicate_type, summary: "OpenVEX".to_owned(), bytes });
        }
        match scan::read(bytes) {
            Ok(scan) => {
                Ok(Self { predicate_type: Cow::Borrowed(REPORT_TYPE), summary: summary(&scan), bytes })
            }
            Err(ScanError::Unknown) => Err(not(&described(bytes))),
            Err(error) => Err(not(&error.to_string())),
        }
    }

    /// Returns what it is, for people: `grype 0.111.0: 1 critical, 2 high`.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.summary
    }

    /// Makes the statement about the subjects that were scanned. One that no reader would take for a scan, because the
    /// scanner failed or did not name what it found, is refused: in the log it would only look like one.
    pub fn make(&self, subjects: &[Subject]) -> Result<Made, MakeError> {
        let made = statement(&self.predicate_type, subjects, self.bytes)?;
        let facts = Statement::parse(&made.payload).map(|statement| fact::read(&statement));
        match facts {
            Ok(facts) if facts.interpreted => Ok(made),
            Ok(facts) => {
                // The last warning is why the whole is not interpreted; those before it left a part out.
                let why = facts.warnings.last().map(ToString::to_string).unwrap_or_default();
                Err(MakeError::NotWhole { why })
            }
            Err(error) => Err(MakeError::NotWhole { why: error.to_string() }),
        }
    }
}

fn summary(scan: &Scan) -> String {
    let tool = |tool: &scan::Tool| match (&tool.name, &tool.version) {
        (name, Some(version)) => format!("{name} {version}"),
        (name, None) => name.clone(),
    };
    let tools: Vec<String> = scan.tools.iter().map(tool).filter(|tool| !tool.is_empty()).collect();
    let format = if scan.format.starts_with("SARIF") {
        format!("{}, {}", scan.format, tools.join(", "))
    } else {
        tools.join(", ")
    };
    let counts: Vec<String> =
        scan.counts().iter().map(|(severity, count)| format!("{count} {}", word(*severity))).collect();
    let found = if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") };
    format!("{format}: {found}")
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Negligible => "negligible",
        Severity::Unknown => "of unknown severity",
    }
}

/// How many members are named of a document that is not known, and how many characters of each name.
const NAMED_MAX: usize = 5;
const NAME_MAX: usize = 40;

/// Says what a document is by its first members.
fn described(bytes: &[u8]) -> String {
    let FirstMembers(members) = serde_json::from_slice(bytes).unwrap_or_default();
    format!("it is JSON with the members {members:?}")
}

/// The names of an object's first members. What stands in them and behind them is passed over, whatever its size.
#[derive(Default)]
struct FirstMembers(Vec<String>);

impl<'de> Deserialize<'de> for FirstMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FirstMembersVisitor)
    }
}

struct FirstMembersVisitor;

impl<'de> Visitor<'de> for FirstMembersVisitor {
    type Value = FirstMembers;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while names.len() < NAMED_MAX
            && let Some((name, IgnoredAny)) = map.next_entry::<String, _>()?
        {
            names.push(name.chars().take(NAME_MAX).collect());
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(FirstMembers(names))
    }
}
