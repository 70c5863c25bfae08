//! A policy's text as a tree of values, within limits: YAML, or JSON if it starts with `{`.
//!
//! A policy means what a person reads in it. So there are no anchors, aliases and merge keys, by which one line means another, no
//! key twice, and no second document behind the first.

use std::fmt;

use custody_evidence::json::{self, JsonError};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use serde_saphyr::options::{MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Error, Options};

use super::error::LoadError;

/// The longest text of a policy: 256 KiB, as much as the log keeps of one.
pub const TEXT_MAX: usize = custody_evidence::trust::POLICY_BYTES_MAX;
/// How deep lists and maps may be nested. The deepest clause, `rules[0].source.reviewed.asserted_by[0].key.one_of[0]`, is 9.
pub const DEPTH_MAX: usize = 16;
/// The most values of a policy: a value is at least two bytes of the text, and a node of 56 bytes: 3 MB.
pub const NODES_MAX: usize = 50_000;
/// Whole numbers beyond it are not the same number in every JSON reader (RFC 8785, section 3.2.2.3).
pub(crate) const INTEGER_MAX: i64 = (1 << 53) - 1;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number, at most [`INTEGER_MAX`] from zero.
    Integer(i64),
    /// Another number, finite.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map, in the text's order. Its keys are distinct.
    Map(Vec<(String, Self)>),
}

/// What is wrong with the YAML of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum YamlFault {
    /// An anchor, an alias or a merge key.
    #[error("an anchor, an alias or a merge key: write out what is meant")]
    Alias,
    /// A second document.
    #[error("a second document: only one is read")]
    Documents,
    /// A key that the map already has.
    #[error("a key that is there twice")]
    Duplicate,
    /// Not YAML, or a value that a policy does not have.
    #[error("text that is no YAML, or a key that is no text")]
    Form,
    /// Deeper than [`DEPTH_MAX`], more values than [`NODES_MAX`].
    #[error("more than is read: {DEPTH_MAX} levels, {NODES_MAX} values")]
    TooMuch,
}

impl Tree {
    /// Reads a policy's text.
    pub(crate) fn read(text: &str) -> Result<Self, LoadError> {
        if text.trim_start().starts_with('{') {
            return json::from_slice(text.as_bytes())
                .map_err(|error: JsonError| LoadError::Json(Box::new(error)));
        }
        if let Some(line) = second_document(text) {
            return Err(LoadError::Yaml { fault: YamlFault::Documents, line, column: 1 });
        }
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
            let place = error.location();
            LoadError::Yaml {
                fault: fault(&error),
                line: place.map_or(0, |place| place.line()),
                column: place.map_or(0, |place| place.column()),
            }
        })
    }

    /// Returns it as JSON.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Integer(value) => Json::from(*value),
            Self::Float(value) => Json::from(*value),
            Self::Text(text) => Json::from(text.as_str()),
            Self::List(elements) => elements.iter().map(Self::json).collect(),
            Self::Map(entries) => {
                Json::Object(entries.iter().map(|(name, value)| (name.clone(), value.json())).collect())
            }
        }
    }

    /// Says what it is, for people: a short text itself, of anything else its kind.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => format!("{:?}", super::error::cut(text)),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a map".to_owned(),
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 4 * NODES_MAX,
            max_documents: 1,
            max_anchors: 0,
            max_aliases: 0,
            max_total_scalar_bytes: TEXT_MAX,
            enforce_alias_anchor_ratio: false,
        },
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

/// Finds the line of a second `---`, or of a first one behind content: what follows it would be another policy.
fn second_document(text: &str) -> Option<u64> {
    let mut started = false;
    for (line, number) in text.lines().zip(1_u64..) {
        let marker = line.starts_with("---")
            && line.get(3..).is_none_or(|rest| rest.is_empty() || rest.starts_with(' '));
        if marker && started {
            return Some(number);
        }
        let blank = line.trim().is_empty() || line.starts_with('#') || line.starts_with('%');
        started |= marker || !blank;
    }
    None
}

fn fault(error: &Error) -> YamlFault {
    match error {
        Error::AliasError { .. } | Error::MergeKeyNotAllowed { .. } => YamlFault::Alias,
        Error::WithSnippet { error, .. } => fault(error),
        Error::DuplicateMappingKey { .. } => YamlFault::Duplicate,
        Error::MultipleDocuments { .. } => YamlFault::Documents,
        Error::Budget { breach, .. } => budget_fault(breach),
        _ => YamlFault::Form,
    }
}

fn budget_fault(breach: &serde_saphyr::budget::BudgetBreach) -> YamlFault {
    use serde_saphyr::budget::BudgetBreach as Breach;
    match breach {
        Breach::Aliases { .. } | Breach::Anchors { .. } => YamlFault::Alias,
        Breach::Documents { .. } => YamlFault::Documents,
        _ => YamlFault::TooMuch,
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Tree, E> {
        if value.unsigned_abs() > INTEGER_MAX.unsigned_abs() {
            return Err(E::custom("a whole number beyond 2^53, which JSON readers do not agree on"));
        }
        Ok(Tree::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Tree, E> {
        self.visit_i64(i64::try_from(value).map_err(E::custom)?)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        if value.is_finite() { Ok(Tree::Float(value)) } else { Err(E::custom("a number that is not finite")) }
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Tree::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries: Vec<(String, Tree)> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
        while let Some((name, value)) = map.next_entry::<String, Tree>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom("a key that is there twice"));
            }
            entries.push((name, value));
        }
        Ok(Tree::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}
