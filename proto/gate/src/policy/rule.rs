//! A rule: what it asks, since when, and what a person reads when it fails.

use std::collections::BTreeSet;

use custody_log::Timestamp;

use super::absent::Absent;
use super::approval::{Approval, VerdictOf};
use super::error::{Combination, LoadError};
use super::fields::{At, Fields};
use super::require::{Count, Require};
use super::sbom::Sbom;
use super::source::Source;
use super::vulnerabilities::Vulnerabilities;
use super::who::{Excluded, Signer, Who};
use super::{LIST_MAX, NAME_MAX};
use crate::cel::Expression;

/// One rule of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    pub(crate) id: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) fix: Option<String>,
    pub(crate) warn: bool,
    pub(crate) effective_on: Option<Timestamp>,
    pub(crate) collections: BTreeSet<String>,
    /// What leaves it out: the id, `@collection`, or `include`.
    pub(crate) excluded: Option<String>,
    pub(crate) asks: Asks,
}

/// What a rule asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Asks {
    /// That there are no findings.
    Absent(Absent),
    /// Approvals of people.
    Approval(Approval),
    /// Evidence of a type.
    Evidence(Box<EvidenceRule>),
    /// The verdict of another policy.
    VerdictOf(VerdictOf),
}

/// What a rule asks of statements of some types about the judged digest.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceRule {
    pub(crate) require: Require,
    pub(crate) signer: Option<Signer>,
    pub(crate) submitter: Option<Who>,
    pub(crate) source: Option<Source>,
    pub(crate) sbom: Option<Sbom>,
    pub(crate) vulnerabilities: Option<Vulnerabilities>,
    pub(crate) assert: Option<Expression>,
}

crate::words::words! {
    /// What a rule's result says where not all evidence is there.
    pub enum Class {
        /// Decided only over every entry that it names: less evidence could turn a FAIL into a PASS.
        CompleteSet = "complete-set",
        /// A PASS on less evidence is a PASS on more.
        Monotone = "monotone",
    }
}

const FIELDS: &[&str] = &[
    "id",
    "title",
    "description",
    "message",
    "fix",
    "warn",
    "effective_on",
    "collections",
    "require",
    "signer",
    "submitter",
    "source",
    "sbom",
    "vulnerabilities",
    "verdict_of",
    "approval",
    "absent",
    "assert",
];

impl Rule {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(FIELDS)?;
        Ok(Self {
            id: id(&fields.must("id")?)?,
            title: fields.may("title", |at| at.prose())?,
            description: fields.may("description", |at| at.prose())?,
            message: fields.may("message", |at| at.prose())?,
            fix: fields.may("fix", |at| at.prose())?,
            warn: fields.may("warn", |at| at.yes())?.unwrap_or(false),
            effective_on: fields.may("effective_on", |at| day(&at))?,
            collections: fields.may("collections", |at| collections(&at))?.unwrap_or_default(),
            excluded: None,
            asks: Asks::read(&fields)?,
        })
    }

    /// Returns the id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns what it is called, for people.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Returns what it asks.
    #[must_use]
    pub const fn asks(&self) -> &Asks {
        &self.asks
    }

    /// Returns whether a PASS holds where evidence may be missing.
    #[must_use]
    pub fn class(&self) -> Class {
        self.asks.class()
    }

    /// Whether it can deny, whenever it is asked.
    pub(crate) fn is_enforced(&self) -> bool {
        let warns = matches!(&self.asks, Asks::Absent(absent) if absent.fail.is_empty());
        !self.warn && !warns && self.effective_on.is_none() && self.excluded.is_none()
    }

    /// Whether an id or an `@collection` means it.
    pub(super) fn is_chosen_by(&self, choice: &str) -> bool {
        match choice.strip_prefix('@') {
            Some(collection) => self.collections.contains(collection),
            None => self.id == choice,
        }
    }
}

impl Asks {
    fn read(fields: &Fields<'_>) -> Result<Self, LoadError> {
        let about = ["signer", "submitter", "source", "sbom", "vulnerabilities", "assert"];
        let mut asked: Vec<Self> = Vec::new();
        asked.extend(fields.may("absent", |at| Absent::read(&at))?.map(Self::Absent));
        asked.extend(fields.may("approval", |at| Approval::read(&at))?.map(Self::Approval));
        asked.extend(fields.may("verdict_of", |at| VerdictOf::read(&at))?.map(Self::VerdictOf));
        match fields.get("require") {
            Some(at) => asked.push(Self::Evidence(Box::new(EvidenceRule::read(&at, fields)?))),
            None if about.iter().any(|field| fields.get(field).is_some()) => {
                return Err(fields.combination(Combination::WithoutRequire));
            }
            None => {}
        }
        if asked.len() > 1 {
            return Err(fields.combination(Combination::Several));
        }
        asked.pop().ok_or_else(|| fields.combination(Combination::Nothing))
    }

    fn class(&self) -> Class {
        let complete = match self {
            Self::Absent(_) => true,
            // Whoever hides one of two submitters could approve as the other.
            Self::Approval(approval) => approval.max_age.is_some() || !approval.signer.not.is_empty(),
            Self::Evidence(rule) => rule.needs_all(),
            // A summary carries its own time, which no other entry changes.
            Self::VerdictOf(_) => false,
        };
        if complete { Class::CompleteSet } else { Class::Monotone }
    }
}

impl EvidenceRule {
    fn read(require: &At<'_>, fields: &Fields<'_>) -> Result<Self, LoadError> {
        let rule = Self {
            require: Require::read(require)?,
            signer: fields.may("signer", |at| Signer::read(&at))?,
            submitter: fields.may("submitter", |at| Who::read_submitter(&at))?,
            source: fields.may("source", |at| Source::read(&at))?,
            sbom: fields.may("sbom", |at| Sbom::read(&at))?,
            vulnerabilities: fields.may("vulnerabilities", |at| Vulnerabilities::read(&at))?,
            assert: fields.may("assert", |at| expression(&at))?,
        };
        let negative = rule.vulnerabilities.is_some() || rule.sbom.as_ref().is_some_and(Sbom::forbids);
        if negative && !matches!(rule.require.count, Count::All | Count::Latest) {
            return Err(fields.combination(Combination::NegativeUnderAny));
        }
        Ok(rule)
    }

    /// Whether less evidence could turn a FAIL into a PASS.
    fn needs_all(&self) -> bool {
        let excludes = |signer: &Option<Signer>| signer.as_ref().is_some_and(|signer| !signer.not.is_empty());
        let reviewed = self.source.as_ref().and_then(|source| source.reviewed.as_ref());
        matches!(self.require.count, Count::All | Count::Latest)
            || self.require.max_age.is_some()
            || self.assert.is_some()
            || self.vulnerabilities.is_some()
            || self.sbom.as_ref().is_some_and(Sbom::forbids)
            || excludes(&self.signer)
            || reviewed.is_some_and(|reviewed| !reviewed.not.is_empty())
    }

    /// Who is excluded from signing, by this rule or of reviews.
    pub(crate) fn excludes(&self, whom: Excluded) -> bool {
        let reviewed = self.source.as_ref().and_then(|source| source.reviewed.as_ref());
        self.signer.as_ref().is_some_and(|signer| signer.not.contains(&whom))
            || reviewed.is_some_and(|reviewed| reviewed.not.contains(&whom))
    }
}

/// Reads an id: what people write in exceptions and exclusions. Those that start with `custody.` are the gate's own.
fn id(at: &At<'_>) -> Result<String, LoadError> {
    let text = at.text()?;
    let usable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let fits = text.len() <= NAME_MAX
        && text.bytes().all(usable)
        && text.starts_with(|c: char| c.is_ascii_lowercase());
    if fits && !text.starts_with(crate::OWN_RULES) {
        Ok(text.to_owned())
    } else {
        Err(at.expected("an id of small letters, digits, ., _ and -, which does not start with custody."))
    }
}

fn collections(at: &At<'_>) -> Result<BTreeSet<String>, LoadError> {
    at.list(LIST_MAX)?.iter().map(id).collect()
}

/// Reads a day (`2027-01-01`, which starts at midnight UTC) or a time.
pub(crate) fn day(at: &At<'_>) -> Result<Timestamp, LoadError> {
    let text = at.text()?;
    let time = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    Timestamp::parse_rfc3339(&time).map_err(|_| at.expected("a day such as 2027-01-01, or an RFC 3339 time"))
}

fn expression(at: &At<'_>) -> Result<Expression, LoadError> {
    let super::Value::Text(text) = at.tree else { return Err(at.expected("an expression, as text")) };
    Expression::compile(text, &at.parameters.names().collect())
        .map_err(|source| LoadError::Expression { place: at.place.clone(), source })
}
