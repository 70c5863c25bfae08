//! What a CycloneDX document says of vulnerabilities: what a scanner found, or the answer to it (VEX).
//!
//! A finding that is passed over looks like none, so each that cannot be read is told with its place. What is listed without an
//! analysis was found, and a state that is not known here is taken for `exploitable`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{LeftOut, why};
use crate::capped::{Capped, Listed};
use crate::object::{self, Object};
use crate::scan::FINDINGS_MAX;
use crate::text::Text;

/// The most references of one vulnerability that are read. A document lists a component once, and few have one vulnerability in so many.
const AFFECTS_MAX: usize = 1024;

/// The most other names of one vulnerability that are read: a record in each database, twice over.
const REFERENCES_MAX: usize = 64;

/// A vulnerability, and what it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerability {
    /// Where it stands: `vulnerabilities[3]`.
    pub path: String,
    /// Its name.
    pub id: String,
    /// Other names of it: the ids of equivalent records in other databases.
    pub aliases: Vec<String>,
    /// Whether it is in what is named.
    pub impact: Impact,
    /// Whether somebody analysed it and said so; if not, it was found, and no more.
    pub analysed: bool,
    /// References to components, as written: an id within the document, a package URL, or a BOM-Link (`urn:cdx:...#<id>`). None for what
    /// the document is about.
    pub affects: BTreeSet<String>,
}

/// Whether a vulnerability is in something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impact {
    /// It is not, or it was repaired.
    NotAffected,
    /// Nobody knows yet.
    Open,
    /// It is.
    Affected,
}

#[derive(Deserialize)]
struct RawVulnerability {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    references: Option<Capped<Object<Equivalent>, REFERENCES_MAX>>,
    #[serde(deserialize_with = "object::optional", default)]
    analysis: Option<Analysis>,
    #[serde(default)]
    affects: Option<Capped<Object<Affects>, AFFECTS_MAX>>,
}

/// The same vulnerability in another database.
#[derive(Deserialize)]
struct Equivalent {
    #[serde(default)]
    id: Text,
}

#[derive(Deserialize)]
struct Analysis {
    #[serde(default)]
    state: Text,
}

#[derive(Deserialize)]
struct Affects {
    #[serde(rename = "ref", default)]
    reference: Text,
}

/// Reads the member `vulnerabilities`. What cannot be read goes to `left_out`.
pub(super) fn read(raw: &RawValue, left_out: &mut Vec<(String, LeftOut)>) -> Vec<Vulnerability> {
    let list = serde_json::from_str::<Listed<&RawValue, FINDINGS_MAX>>(raw.get()).unwrap_or_default();
    let Some(list) = list.0 else {
        if raw.get() != "null" {
            let why = "expected a list".to_owned();
            left_out.push(("vulnerabilities".to_owned(), LeftOut::Vulnerability { why }));
        }
        return Vec::new();
    };
    if list.total > FINDINGS_MAX {
        let why = format!("at most {FINDINGS_MAX} are read, found {}", list.total);
        left_out.push(("vulnerabilities".to_owned(), LeftOut::Vulnerability { why }));
        return Vec::new();
    }
    let mut found = Vec::new();
    for (position, raw) in list.items.into_iter().enumerate() {
        let path = format!("vulnerabilities[{position}]");
        match one(raw, &path) {
            Ok(vulnerability) => found.push(vulnerability),
            Err(why) => left_out.push((path, LeftOut::Vulnerability { why })),
        }
    }
    found
}

fn one(raw: &RawValue, path: &str) -> Result<Vulnerability, String> {
    let Object(raw): Object<RawVulnerability> =
        serde_json::from_str(raw.get()).map_err(|error| why(&error))?;
    let id = raw.id.filled().ok_or("it has no id")?;
    let affects = raw.affects.unwrap_or_default();
    if affects.total > AFFECTS_MAX {
        return Err(format!("at most {AFFECTS_MAX} references are read, found {}", affects.total));
    }
    let references = affects.items.into_iter().filter_map(|Object(affects)| affects.reference.filled());
    let state = raw.analysis.and_then(|analysis| analysis.state.filled());
    let equivalent = raw.references.unwrap_or_default().items.into_iter();
    let aliases =
        equivalent.filter_map(|Object(equivalent)| equivalent.id.filled()).filter(|name| *name != id);
    Ok(Vulnerability {
        path: path.to_owned(),
        impact: impact(state.as_deref()),
        analysed: state.is_some(),
        affects: references.collect(),
        aliases: aliases.collect(),
        id,
    })
}

/// Reads the state of an analysis (CycloneDX 1.4 and later, `impactAnalysisState`).
fn impact(state: Option<&str>) -> Impact {
    match state {
        Some("not_affected" | "false_positive" | "resolved" | "resolved_with_pedigree") => {
            Impact::NotAffected
        }
        Some("in_triage") => Impact::Open,
        _ => Impact::Affected,
    }
}
