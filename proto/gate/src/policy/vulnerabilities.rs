//! `vulnerabilities`: what a scan may find, and whose answers (VEX) count.

use custody_evidence::scan::Severity;

use super::error::{Combination, LoadError};
use super::fields::At;
use super::span;
use super::span::Span;
use super::who::Who;

/// What a scan may find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerabilities {
    /// Findings must be below it; what is not known is not.
    pub(crate) below: Below,
    pub(crate) max_db_age: Option<Span>,
    /// Whose `not_affected` and `fixed` answer a finding.
    pub(crate) answered_by: Option<Who>,
}

crate::words::words! {
    /// The severity that findings must be below.
    pub enum Below {
        /// Up to high may be there.
        Critical = "critical",
        /// Up to medium may be there.
        High = "high",
        /// Up to low may be there.
        Medium = "medium",
        /// Only negligible may be there.
        Low = "low",
        /// Nothing may be there.
        Any = "any",
    }
}

impl Vulnerabilities {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["below", "max_db_age", "answered_by"])?;
        let below = fields.get("below").ok_or_else(|| fields.combination(Combination::Empty))?;
        let word = below.word(Below::WORDS)?;
        Ok(Self {
            below: Below::of(word).unwrap_or(Below::Any),
            max_db_age: fields.may("max_db_age", |at| span(&at))?,
            answered_by: fields.may("answered_by", |at| Who::read(&at))?,
        })
    }
}

impl Below {
    /// Whether a finding of this severity may be there.
    pub(crate) const fn allows(self, severity: Severity) -> bool {
        let worst = match self {
            Self::Any => return false,
            Self::Critical => 4,
            Self::High => 3,
            Self::Medium => 2,
            Self::Low => 1,
        };
        let severity = match severity {
            Severity::Critical => 4,
            Severity::High => 3,
            Severity::Medium => 2,
            Severity::Low => 1,
            Severity::Negligible => 0,
            Severity::Unknown => return false,
        };
        severity < worst
    }
}
