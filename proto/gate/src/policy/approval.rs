//! `approval` and `verdict_of`: people who let something pass, and gates that did.

use std::collections::{BTreeMap, BTreeSet};

use super::applies_to::environment;
use super::error::{Combination, LoadError};
use super::fields::At;
use super::span::Span;
use super::who::{Excluded, Signer, Who, not};
use super::{Value, name, parameter, span};

/// Approvals of distinct people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// For what; none: the environment that is asked about.
    pub(crate) target: Option<String>,
    pub(crate) at_least: usize,
    pub(crate) signer: Signer,
    pub(crate) max_age: Option<Span>,
}

/// An ALLOW of another policy, as a named signer recorded it.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictOf {
    pub(crate) policy: String,
    pub(crate) signer: Who,
    pub(crate) max_age: Span,
    /// For what it was let pass; none: the environment that is asked about, or none in particular.
    pub(crate) target: Option<String>,
    /// The values that parameters of the other policy must have had. Of all others the policy's own are meant.
    pub(crate) parameters: BTreeMap<String, Value>,
}

/// The most people that a rule may ask for.
const APPROVERS_MAX: usize = 64;

impl Approval {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["for", "at_least", "signer", "not", "max_age"])?;
        let who = fields.may("signer", |at| Who::read(&at))?;
        let not = fields.may("not", |at| not(&at))?;
        Ok(Self {
            target: fields.may("for", |at| environment(&at))?,
            at_least: fields.must("at_least")?.count(APPROVERS_MAX)?,
            signer: Signer { who, not: not.unwrap_or_else(|| BTreeSet::from([Excluded::Submitter])) },
            max_age: fields.may("max_age", |at| span(&at))?,
        })
    }
}

impl VerdictOf {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["policy", "signer", "max_age", "for", "parameters"])?;
        Ok(Self {
            policy: name(&fields.must("policy")?)?,
            signer: Who::read(&fields.must("signer")?)?,
            max_age: span(&fields.must("max_age")?)?,
            target: fields.may("for", |at| environment(&at))?,
            parameters: fields.may("parameters", |at| parameters(&at))?.unwrap_or_default(),
        })
    }
}

fn parameters(at: &At<'_>) -> Result<BTreeMap<String, Value>, LoadError> {
    let values = at.entries()?;
    if values.is_empty() {
        return Err(at.combination(Combination::Empty));
    }
    values.into_iter().map(|(name, at)| parameter(name, &at, at.value()?)).collect()
}
