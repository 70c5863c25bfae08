//! Policies: what a gate requires, as values that cannot hold a wrong one.
//!
//! A policy is read once, strictly: what is not understood is refused with its place and the nearest known name, because a rule
//! that is not understood is a rule that does not hold. After that nothing is checked again.
//!
//! ```text
//! text -- tree --> values, lists, maps -- fields, parameters --> Policy
//!         limits                          unknown names refused
//! ```

pub(crate) mod absent;
mod applies_to;
mod approval;
pub(crate) mod error;
mod exceptions;
pub(crate) mod fields;
mod given;
mod nearest;
pub(crate) mod require;
pub(crate) mod rule;
mod sbom;
mod source;
mod span;
#[cfg(test)]
mod tests;
pub(crate) mod tree;
mod vulnerabilities;
pub(crate) mod who;

use std::collections::{BTreeMap, BTreeSet};

use custody_log::BlobDigest;

use fields::{At, Fields, Parameters};
use tree::Tree;

pub use absent::Absent;
pub use applies_to::{AppliesTo, RepositoryPattern};
pub use approval::{Approval, VerdictOf};
pub use error::{Combination, LoadError, Named};
pub use exceptions::{Breakglass, Exceptions};
pub use fields::PUT_IN_MAX;
pub use given::Given;
pub use require::{Count, Level, Require};
pub use rule::{Asks, Class, EvidenceRule, Rule};
pub use sbom::{Ban, Licences, Sbom};
pub use source::{Reviewed, Source};
pub use span::Span;
pub use tree::{DEPTH_MAX, NODES_MAX, TEXT_MAX, YamlFault};
pub use vulnerabilities::{Below, Vulnerabilities};
pub use who::{Excluded, Pattern, RefPattern, Signer, Who};

pub use nearest::nearest as nearest_name;
pub(crate) use tree::Tree as Value;

/// The most rules of a policy: each is read by people.
pub const RULES_MAX: usize = 200;
/// The most elements of any other list, and of a map with names of its author's: a rule that names more is generated, and belongs
/// into several.
pub const LIST_MAX: usize = 256;
/// The most collections of a policy.
pub const COLLECTIONS_MAX: usize = 32;
/// The longest text on one line: as long as the longest package URL and expression ([`crate::cel::TEXT_MAX`]).
pub const TEXT_LINE_MAX: usize = 2048;
/// The longest name of a policy, as long as the log keeps one.
pub const NAME_MAX: usize = 100;
/// How old the freshest sign of life of the log may be where a policy says nothing: an hour, 60 times the server's own beat.
const MAX_CHECKPOINT_AGE: Span = Span::hours(1);

/// The JSON Schema of policies, for editors and other tools. What it refuses does not load; the loader refuses more.
pub const SCHEMA: &str = include_str!("../schema/policy-v1.json");

/// What a gate requires.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) name: String,
    pub(crate) version: u64,
    pub(crate) title: Option<String>,
    pub(crate) applies_to: AppliesTo,
    pub(crate) parameters: BTreeMap<String, Value>,
    /// The parameters whose values are not those of the text.
    pub(crate) given: BTreeSet<String>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) exceptions: Option<Exceptions>,
    pub(crate) max_checkpoint_age: Span,
    pub(crate) proven: bool,
    pub(crate) resource_uri: Option<String>,
    pub(crate) digest: BlobDigest,
}

const FIELDS: &[&str] = &[
    "policy",
    "version",
    "title",
    "applies_to",
    "parameters",
    "rules",
    "include",
    "exclude",
    "exceptions",
    "max_checkpoint_age",
    "complete",
    "resource_uri",
];

impl Policy {
    /// Reads a policy's file: YAML, or JSON if it starts with `{`.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_given(bytes, &Given::default())
    }

    /// Reads a policy's file with other values of some of its parameters. The digest is that of the file: what was given is told
    /// beside it.
    pub fn load_given(bytes: &[u8], given: &Given) -> Result<Self, LoadError> {
        if bytes.len() > TEXT_MAX {
            return Err(LoadError::TooLong { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| LoadError::Utf8 { at: error.valid_up_to() })?;
        let tree = Tree::read(text)?;
        let none = Parameters::default();
        let top = At { place: String::new(), tree: &tree, parameters: &none }.fields(FIELDS)?;
        let own = top.may("parameters", |at| parameters(&at))?.unwrap_or_default();
        let mut declared = own.clone();
        given.put_into(&mut declared)?;
        let changed = declared.iter().filter(|(name, value)| own.get(*name) != Some(*value));
        let given = changed.map(|(name, _)| name.clone()).collect();
        let parameters = Parameters::new(declared);
        let top = At { place: String::new(), tree: &tree, parameters: &parameters }.fields(FIELDS)?;
        let rules = rules(&top)?;
        if !rules.iter().any(Rule::is_enforced) {
            return Err(LoadError::NothingEnforced);
        }
        let version = top.must("version")?.count(usize::MAX)?;
        Ok(Self {
            name: name(&top.must("policy")?)?,
            version: u64::try_from(version).unwrap_or(u64::MAX),
            title: top.may("title", |at| at.prose())?,
            applies_to: top.may("applies_to", |at| AppliesTo::read(&at))?.unwrap_or_default(),
            rules,
            exceptions: top.may("exceptions", |at| Exceptions::read(&at))?,
            max_checkpoint_age: top.may("max_checkpoint_age", |at| span(&at))?.unwrap_or(MAX_CHECKPOINT_AGE),
            proven: top.may("complete", |at| at.word(&["claimed", "proven"]))? == Some("proven"),
            resource_uri: top.may("resource_uri", |at| at.text().map(ToOwned::to_owned))?,
            digest: BlobDigest::of(bytes),
            parameters: parameters.into_values(),
            given,
        })
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the version, from 1.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Returns the rules, in the file's order.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether it names somebody whose exceptions count: from single rules, or from every rule at once.
    #[must_use]
    pub fn takes_exceptions(&self, from_every_rule: bool) -> bool {
        self.exceptions.as_ref().is_some_and(|named| {
            if from_every_rule { named.breakglass.is_some() } else { named.signer.is_some() }
        })
    }

    /// Returns what a summary of a verdict says was judged, where the caller says nothing.
    #[must_use]
    pub fn resource_uri(&self) -> Option<&str> {
        self.resource_uri.as_deref()
    }

    /// Returns the digest of the file's bytes: any change of it, of a comment too, is another policy.
    #[must_use]
    pub const fn digest(&self) -> BlobDigest {
        self.digest
    }
}

/// Reads the parameters: texts, numbers, yes or no, and lists of texts.
fn parameters(at: &At<'_>) -> Result<BTreeMap<String, Value>, LoadError> {
    let values = at.entries()?.into_iter().map(|(name, at)| parameter(name, &at, at.tree));
    values.collect()
}

/// Reads a parameter's value, which is this one.
pub(crate) fn parameter(name: &str, at: &At<'_>, value: &Tree) -> Result<(String, Value), LoadError> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.chars().all(letters)
        || name.len() > NAME_MAX
    {
        return Err(at.expected("a name of small letters, digits and _, which starts with a letter"));
    }
    let simple = match value {
        Tree::List(elements) => elements.len() <= LIST_MAX && elements.iter().all(is_plain_text),
        Tree::Text(_) => is_plain_text(value),
        Tree::Bool(_) | Tree::Integer(_) | Tree::Float(_) => true,
        Tree::Null | Tree::Map(_) => false,
    };
    if simple {
        Ok((name.to_owned(), value.clone()))
    } else {
        Err(at
            .expected("a text that does not start with $, a number, true or false, or a list of such texts"))
    }
}

/// A parameter does not name another one: what a policy means is read in one step.
pub(crate) fn is_plain_text(tree: &Tree) -> bool {
    matches!(tree, Tree::Text(text) if text.len() <= TEXT_LINE_MAX && !text.starts_with('$'))
}

fn rules(top: &Fields<'_>) -> Result<Vec<Rule>, LoadError> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut ids = BTreeSet::new();
    for at in top.must("rules")?.list(RULES_MAX)? {
        let rule = Rule::read(&at)?;
        if !ids.insert(rule.id.clone()) {
            return Err(LoadError::DuplicateRule { place: at.place, id: rule.id });
        }
        rules.push(rule);
    }
    let collections: BTreeSet<String> = rules.iter().flat_map(|rule| rule.collections.clone()).collect();
    if collections.len() > COLLECTIONS_MAX {
        return Err(LoadError::TooMany {
            place: "rules".to_owned(),
            max: COLLECTIONS_MAX,
            found: collections.len(),
        });
    }
    let included = top.may("include", |at| choices(&at, &ids, &collections))?;
    let excluded = top.may("exclude", |at| choices(&at, &ids, &collections))?.unwrap_or_default();
    for rule in &mut rules {
        let by = excluded.iter().find(|choice| rule.is_chosen_by(choice)).cloned();
        let left_out =
            included.as_ref().is_some_and(|chosen| !chosen.iter().any(|one| rule.is_chosen_by(one)));
        rule.excluded = by.or_else(|| left_out.then(|| "include".to_owned()));
    }
    Ok(rules)
}

/// Reads ids of rules, and collections as `@name`, all of which exist.
fn choices(
    at: &At<'_>,
    ids: &BTreeSet<String>,
    collections: &BTreeSet<String>,
) -> Result<Vec<String>, LoadError> {
    let choice = |at: At<'_>| {
        let text = at.text()?;
        match text.strip_prefix('@') {
            Some(name) if !collections.contains(name) => {
                Err(at.unknown(Named::Collection, name, collections.iter().map(String::as_str)))
            }
            None if !ids.contains(text) => Err(at.unknown(Named::Rule, text, ids.iter().map(String::as_str))),
            _ => Ok(text.to_owned()),
        }
    };
    at.filled_list()?.into_iter().map(choice).collect()
}

/// Reads the name of a policy: what the log keeps one under.
fn name(at: &At<'_>) -> Result<String, LoadError> {
    let text = at.text()?;
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    if text.len() <= NAME_MAX && text.bytes().all(usable) {
        Ok(text.to_owned())
    } else {
        Err(at.expected("a name of at most 100 letters, digits, -, _, . and /"))
    }
}

pub(crate) fn span(at: &At<'_>) -> Result<Span, LoadError> {
    let parsed = match at.value()? {
        Tree::Text(text) => Span::parse(text),
        _ => None,
    };
    parsed.ok_or_else(|| at.expected("a span of time such as 30d, 12h or 90m, of at most 100 years"))
}
