//! `absent`: findings that must not be there.

use std::collections::BTreeSet;

use custody_evidence::finding::FindingKind;

use super::error::{Combination, LoadError, Named};
use super::fields::At;

/// Findings that deny, and findings that only warn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    pub(crate) fail: BTreeSet<FindingKind>,
    pub(crate) warn: BTreeSet<FindingKind>,
}

impl Absent {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        if let super::Value::List(_) = at.value()? {
            return Ok(Self { fail: kinds(at)?, warn: BTreeSet::new() });
        }
        let fields = at.fields(&["fail", "warn"])?;
        let absent = Self {
            fail: fields.may("fail", |at| kinds(&at))?.unwrap_or_default(),
            warn: fields.may("warn", |at| kinds(&at))?.unwrap_or_default(),
        };
        let asks = !absent.fail.is_empty() || !absent.warn.is_empty();
        if asks { Ok(absent) } else { Err(fields.combination(Combination::Empty)) }
    }

    /// Returns every kind that it names.
    pub(crate) fn kinds(&self) -> BTreeSet<FindingKind> {
        self.fail.union(&self.warn).copied().collect()
    }
}

pub(crate) fn kinds(at: &At<'_>) -> Result<BTreeSet<FindingKind>, LoadError> {
    let kind = |at: &At<'_>| {
        let text = at.text()?;
        let known = FindingKind::ALL.iter().map(|kind| kind.as_str());
        text.parse().map_err(|_| at.unknown(Named::Finding, text, known))
    };
    at.filled_list()?.iter().map(kind).collect()
}
