//! YAML as a tree of texts, lists and maps, within limits.
//!
//! Scalars are texts, whatever YAML takes them for: only names are looked for. Errors say where, and never quote the
//! file: a value in it may be a secret.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::NonFiniteFloatPolicy;
use serde_saphyr::{Error, Options};

use super::WorkflowError;

/// How deep lists and maps may be nested: GitLab's own limit for references between jobs is 10.
pub const DEPTH_MAX: usize = 32;
/// The most values of a file, and of the copies that aliases make: a node is 32 bytes and its text, so 3 MB and the file.
pub const NODES_MAX: usize = 100_000;
/// The most bytes of all texts of a file, with the copies that aliases make: eight times the largest file.
pub const TEXT_MAX: usize = 8 * 1024 * 1024;
/// The most documents in a file: GitLab knows two.
const DOCUMENTS_MAX: usize = 4;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Yaml {
    /// Any scalar; nothing is an empty text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// A map, in the file's order.
    Map(Vec<(String, Self)>),
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum YamlFault {
    /// Not UTF-8.
    #[error("a byte that is not UTF-8")]
    Utf8,
    /// Not YAML.
    #[error("text that is no YAML, or a key that is no text")]
    Form,
    /// A key that the map already has.
    #[error("a key that is there twice")]
    Duplicate,
    /// Deeper than [`DEPTH_MAX`], more values than [`NODES_MAX`], more text than [`TEXT_MAX`], more than four documents.
    #[error(
        "more than is read: {DEPTH_MAX} levels, {NODES_MAX} values and {TEXT_MAX} bytes with those of aliases, \
         {DOCUMENTS_MAX} documents"
    )]
    TooMuch,
}

/// Reads the documents of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Yaml>, WorkflowError> {
    let text = std::str::from_utf8(bytes).map_err(|error| utf8(bytes, error.valid_up_to()))?;
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| {
        let location = error.location();
        WorkflowError::Yaml {
            fault: fault(&error),
            line: location.map_or(0, |place| place.line()),
            column: location.map_or(0, |place| place.column()),
        }
    })
}

/// Aliases are counted by what they stand for: a few lines of them can make millions of values.
fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_events: 4 * NODES_MAX,
            max_documents: DOCUMENTS_MAX,
            max_total_scalar_bytes: TEXT_MAX,
            max_recorded_anchor_bytes: TEXT_MAX,
            max_recorded_anchor_events: 4 * NODES_MAX,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: NODES_MAX,
            max_replay_stack_depth: DEPTH_MAX,
        },
        strict_booleans: true,
        ignore_binary_tag_for_string: true,
        leading_zero_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        with_snippet: false,
    }
}

fn fault(error: &Error) -> YamlFault {
    match error {
        Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => fault(error),
        Error::DuplicateMappingKey { .. } => YamlFault::Duplicate,
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => YamlFault::TooMuch,
        _ => YamlFault::Form,
    }
}

fn utf8(bytes: &[u8], valid: usize) -> WorkflowError {
    let before = bytes.get(..valid).unwrap_or_default();
    let lines = before.split(|byte| *byte == b'\n');
    let (line, column) = lines.fold((0, 0), |(line, _), text| (line + 1, text.len() + 1));
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    WorkflowError::Yaml { fault: YamlFault::Utf8, line: number(line), column: number(column) }
}

impl Yaml {
    /// Returns the value of a key; none if this is no map, or has no such key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Returns keys and values; nothing if this is no map.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            Self::Text(_) | Self::List(_) => &[],
        }
    }

    /// Returns the elements of a list; of anything else, itself: many keys take one value or a list of them.
    pub(super) fn elements(&self) -> &[Self] {
        match self {
            Self::List(elements) => elements,
            Self::Text(_) | Self::Map(_) => std::slice::from_ref(self),
        }
    }

    /// Returns the text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns the text of a key's value.
    pub(super) fn text_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    /// Calls `see` with every text that is a value, and with the key that it is under.
    pub(super) fn each_text<'a>(&'a self, under: &'a str, see: &mut impl FnMut(&'a str, &'a str)) {
        match self {
            Self::Text(text) => see(under, text),
            Self::List(elements) => elements.iter().for_each(|element| element.each_text(under, see)),
            Self::Map(entries) => entries.iter().for_each(|(key, value)| value.each_text(key, see)),
        }
    }

    /// Returns what this is, by its first keys. Values may be secrets.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Text(_) => "a text".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Map(entries) => {
                let keys = entries.iter().take(5).map(|(key, _)| key.chars().take(40).collect::<String>());
                format!("the keys {:?}", keys.collect::<Vec<_>>())
            }
        }
    }
}

struct YamlVisitor;

impl<'de> Visitor<'de> for YamlVisitor {
    type Value = Yaml;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Yaml, E> {
        Ok(Yaml::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Yaml, E> {
        Ok(Yaml::Text(String::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Yaml, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Yaml::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Yaml, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Yaml::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Yaml {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(YamlVisitor)
    }
}
