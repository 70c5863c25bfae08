//! What an expression sees, and how much it may look at.

use custody_log::{LeafIndex, Timestamp};
use serde_json::Value as Json;

use super::STEPS_MAX;
use super::evaluate::Fault;

/// What an expression is evaluated over.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    /// `{"digest": .., "environment": ..}`
    pub(crate) subject: &'a Json,
    /// The declared parameters.
    pub(crate) parameters: &'a Json,
    pub(crate) now: Timestamp,
    /// The candidates of the rule, in index order.
    pub(crate) attestations: &'a [Attestation],
    /// The position in it of the one that is asked about.
    pub(crate) current: usize,
}

/// One candidate as an expression sees it.
#[derive(Debug)]
pub(crate) struct Attestation {
    pub(crate) index: LeafIndex,
    pub(crate) predicate_type: String,
    /// With the members `predicate`, `predicateType`, `index`, `time`, `verified` and `claimed`.
    pub(crate) json: Json,
}

/// How many steps are left for all expressions of a verdict.
#[derive(Debug)]
pub(crate) struct Fuel(u64);

impl Fuel {
    pub(crate) const fn full() -> Self {
        Self(STEPS_MAX)
    }

    /// Takes so many steps.
    pub(super) fn burn(&mut self, steps: usize) -> Result<(), Fault> {
        let left = u64::try_from(steps).ok().and_then(|steps| self.0.checked_sub(steps));
        self.0 = left.unwrap_or(0);
        if left.is_some() { Ok(()) } else { Err(Fault::TooMuch) }
    }

    /// Takes what looking at so many bytes costs.
    pub(super) fn look_at(&mut self, bytes: usize) -> Result<(), Fault> {
        self.burn(1 + bytes / 16)
    }

    #[cfg(test)]
    pub(super) const fn left(&self) -> u64 {
        self.0
    }
}
