//! `OpenVEX`: which vulnerabilities affect which products (openvex/spec `OPENVEX-SPEC.md`, v0.0.1 and v0.2.0).
//!
//! A statement that is passed over could hide that something is affected, so one without a vulnerability, with another
//! status or without a readable time makes the whole unreadable.

use std::fmt;

use custody_log::Timestamp;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::list::{LIST_MAX, Limited};
use super::rfc3339;
use super::text::{self, TextOr};
use crate::capped::CappedMap;
use crate::json::{self, JsonError};
use crate::object::{self, Object};

/// The most statements, products, subcomponents and aliases of a document, all together.
pub const VEX_MAX: usize = 50_000;

/// The most subcomponents of one product. They are counted after a statement is read: 1,024 products with 256 each,
/// of 72 bytes and a short text, are 25 MB.
pub const PARTS_MAX: usize = 256;

/// Whether statements with this predicate type carry `OpenVEX`: `https://openvex.dev/ns`, bare or with a version.
#[must_use]
pub fn is_type(predicate_type: &str) -> bool {
    predicate_type
        .strip_prefix("https://openvex.dev/ns")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("/v"))
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vex {
    /// Who says it.
    pub author: String,
    /// When; a statement without a time of its own has this one.
    pub timestamp: Option<Timestamp>,
    /// What it says, in the document's order.
    pub statements: Vec<VexStatement>,
}

/// What a document says about one vulnerability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VexStatement {
    /// The vulnerability: its name first, then other names of it.
    pub vulnerability: Vec<String>,
    /// What it affects or not; none means the subjects.
    pub products: Vec<Product>,
    /// Names of the parts of the products that the vulnerability is in.
    pub parts: Vec<String>,
    /// Whether.
    pub status: Status,
    /// Since when, if the statement has a time of its own.
    pub timestamp: Option<Timestamp>,
}

/// A product, by what names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Product {
    /// Its id and its package URL, as written.
    pub names: Vec<String>,
    /// Its hashes: algorithm as written, value.
    pub hashes: Vec<(String, String)>,
}

/// Whether a vulnerability affects a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It does not.
    NotAffected,
    /// It does.
    Affected,
    /// This version has it repaired.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

#[derive(Deserialize)]
struct Document {
    #[serde(deserialize_with = "text::filled")]
    author: String,
    #[serde(with = "rfc3339::option", default)]
    timestamp: Option<Timestamp>,
    statements: Statements,
}

struct Statements(Vec<VexStatement>);

#[derive(Deserialize)]
struct RawStatement {
    vulnerability: TextOr<RawVulnerability>,
    #[serde(default)]
    products: Limited<TextOr<RawProduct>, LIST_MAX>,
    /// Of v0.0.1, where a product is a text.
    #[serde(default)]
    subcomponents: Limited<TextOr<Part>, PARTS_MAX>,
    status: Status,
    #[serde(with = "rfc3339::option", default)]
    timestamp: Option<Timestamp>,
}

#[derive(Deserialize)]
struct RawVulnerability {
    #[serde(rename = "@id", default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    aliases: Limited<String, LIST_MAX>,
}

#[derive(Deserialize, Default)]
struct RawProduct {
    #[serde(rename = "@id", default)]
    id: Option<String>,
    #[serde(deserialize_with = "object::optional", default)]
    identifiers: Option<Identifiers>,
    #[serde(default)]
    hashes: Option<CappedMap<64>>,
    #[serde(default)]
    subcomponents: Limited<TextOr<Part>, PARTS_MAX>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(rename = "@id", default)]
    id: Option<String>,
    #[serde(deserialize_with = "object::optional", default)]
    identifiers: Option<Identifiers>,
}

#[derive(Deserialize)]
struct Identifiers {
    #[serde(default)]
    purl: Option<String>,
}

/// Reads the exact bytes of a document.
pub fn decode(bytes: &[u8]) -> Result<Vex, JsonError> {
    let Object(document): Object<Document> = json::from_slice(bytes)?;
    Ok(Vex { author: document.author, timestamp: document.timestamp, statements: document.statements.0 })
}

impl RawStatement {
    /// None if the vulnerability has no name.
    fn checked(self) -> Option<VexStatement> {
        let filled = |text: &String| !text.trim().is_empty();
        let vulnerability: Vec<String> = match self.vulnerability {
            TextOr::Text(name) => Some(name).filter(filled).into_iter().collect(),
            TextOr::Object(raw) => {
                let name = raw.name.filter(filled).or(raw.id.filter(filled))?;
                std::iter::once(name).chain(raw.aliases.0.into_iter().filter(filled)).collect()
            }
        };
        let mut parts: Vec<String> = self.subcomponents.0.into_iter().flat_map(part_names).collect();
        let products = self.products.0.into_iter().map(|raw| product(raw, &mut parts)).collect();
        let named = !vulnerability.is_empty();
        named.then_some(VexStatement {
            vulnerability,
            products,
            parts,
            status: self.status,
            timestamp: self.timestamp,
        })
    }
}

impl VexStatement {
    fn weight(&self) -> usize {
        1 + self.vulnerability.len() + self.products.len() + self.parts.len()
    }
}

/// Reads a product; names of parts of it go to `parts`.
fn product(raw: TextOr<RawProduct>, parts: &mut Vec<String>) -> Product {
    let raw = match raw {
        TextOr::Text(name) => RawProduct { id: Some(name), ..RawProduct::default() },
        TextOr::Object(raw) => raw,
    };
    parts.extend(raw.subcomponents.0.into_iter().flat_map(part_names));
    Product { names: names(raw.id, raw.identifiers), hashes: raw.hashes.unwrap_or_default().members }
}

fn part_names(part: TextOr<Part>) -> Vec<String> {
    match part {
        TextOr::Text(name) => names(Some(name), None),
        TextOr::Object(part) => names(part.id, part.identifiers),
    }
}

/// The id, and the package URL if it is another text.
fn names(id: Option<String>, identifiers: Option<Identifiers>) -> Vec<String> {
    let purl = identifiers.and_then(|identifiers| identifiers.purl);
    let mut names: Vec<String> = [id, purl].into_iter().flatten().filter(|name| !name.is_empty()).collect();
    names.dedup();
    names
}

struct StatementsVisitor;

impl<'de> Visitor<'de> for StatementsVisitor {
    type Value = Statements;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of statements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statements, A::Error> {
        let (mut statements, mut weight) = (Vec::new(), 0);
        while let Some(Object(raw)) = list.next_element::<Object<RawStatement>>()? {
            let statement =
                raw.checked().ok_or_else(|| A::Error::custom("expected a vulnerability with a name"))?;
            weight += statement.weight();
            if weight > VEX_MAX {
                return Err(A::Error::custom(format_args!(
                    "expected at most {VEX_MAX} statements, products and names"
                )));
            }
            statements.push(statement);
        }
        Ok(Statements(statements))
    }
}

impl<'de> Deserialize<'de> for Statements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(StatementsVisitor)
    }
}
