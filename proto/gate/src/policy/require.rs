//! `require`: statements of which types, how many of them, how old, how well known.

use custody_evidence::admission::Binding;
use custody_evidence::predicate::short_name::{SHORT_NAMES, types_of};
use custody_evidence::statement::PREDICATE_TYPE_MAX;
use custody_evidence::trust::Authority;

use super::error::{LoadError, Named};
use super::fields::At;
use super::span::Span;
use super::{Value, span};

/// Statements of some types, and how many must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Require {
    /// As the policy writes it.
    pub(crate) names: Vec<String>,
    /// Every predicate type that the names stand for.
    pub(crate) types: Vec<String>,
    pub(crate) count: Count,
    pub(crate) max_age: Option<Span>,
    /// The only binding that counts; none: whatever does not contradict.
    pub(crate) binding: Option<Binding>,
    pub(crate) authority: Vec<Authority>,
    pub(crate) level: Level,
}

/// How many statements must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Every one that counts, and there is one.
    All,
    /// One.
    Any,
    /// So many, of distinct people.
    AtLeast(usize),
    /// The one that the log has last learned of.
    Latest,
}

crate::words::words! {
    /// How far an entry was checked by whoever judges.
    pub enum Level {
        /// Inclusion and admission record.
        Logged = "logged",
        /// Signatures and statement too.
        Verified = "verified",
    }
}

const FIELDS: &[&str] = &["predicate", "count", "max_age", "binding", "authority", "level"];

/// The most distinct people that a rule may ask for.
const DISTINCT_MAX: usize = 64;

impl Require {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(FIELDS)?;
        let mut names = Vec::new();
        let mut types = Vec::new();
        for at in fields.must("predicate")?.one_or_list()? {
            let name = at.text()?;
            types.extend(predicate_types(&at, name)?);
            names.push(name.to_owned());
        }
        let authority = fields.may("authority", |at| at.one_or_list()?.iter().map(authority).collect())?;
        Ok(Self {
            names,
            types,
            count: Count::read(&fields.must("count")?)?,
            max_age: fields.may("max_age", |at| span(&at))?,
            binding: fields.may("binding", |at| binding(&at))?,
            authority: authority.unwrap_or_else(|| vec![Authority::Own]),
            level: fields.may("level", |at| level(&at))?.unwrap_or(Level::Verified),
        })
    }
}

impl Count {
    fn read(at: &At<'_>) -> Result<Self, LoadError> {
        if let Value::Map(_) = at.value()? {
            let fields = at.fields(&["at_least", "distinct"])?;
            fields.must("distinct")?.word(&["identity"])?;
            return fields.must("at_least")?.count(DISTINCT_MAX).map(Self::AtLeast);
        }
        Ok(match at.word(&["any", "all", "latest"])? {
            "any" => Self::Any,
            "all" => Self::All,
            _ => Self::Latest,
        })
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Any => f.write_str("any"),
            Self::AtLeast(number) => write!(f, "at least {number} of distinct identity"),
            Self::Latest => f.write_str("latest"),
        }
    }
}

/// Returns the types of a short name, or of a predicate type that is written out: an absolute URI.
pub(crate) fn predicate_types(at: &At<'_>, name: &str) -> Result<Vec<String>, LoadError> {
    if let Some(types) = types_of(name) {
        return Ok(types.iter().map(|known| (*known).to_owned()).collect());
    }
    let is_uri = name.split_once(':').is_some_and(|(scheme, rest)| {
        let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(letters)
    });
    if is_uri && name.len() <= PREDICATE_TYPE_MAX && !name.contains(char::is_whitespace) {
        return Ok(vec![name.to_owned()]);
    }
    Err(at.unknown(Named::Predicate, name, SHORT_NAMES.iter().map(|(known, _)| *known)))
}

fn binding(at: &At<'_>) -> Result<Binding, LoadError> {
    Ok(match at.word(&["bound", "unbound"])? {
        "bound" => Binding::Bound,
        _ => Binding::Unbound,
    })
}

fn authority(at: &At<'_>) -> Result<Authority, LoadError> {
    Ok(match at.word(&["own", "imported", "relayed"])? {
        "own" => Authority::Own,
        "imported" => Authority::Imported,
        _ => Authority::Relayed,
    })
}

fn level(at: &At<'_>) -> Result<Level, LoadError> {
    Ok(if at.word(Level::WORDS)? == Level::Logged.as_str() { Level::Logged } else { Level::Verified })
}
