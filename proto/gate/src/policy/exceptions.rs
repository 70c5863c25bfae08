//! `exceptions`: who may let a rule not hold for a digest for a while.

use super::error::LoadError;
use super::fields::At;
use super::who::Who;

/// Whose exceptions count. A policy that names nobody has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceptions {
    /// For single rules.
    pub(crate) signer: Option<Who>,
    /// For all rules at once.
    pub(crate) breakglass: Option<Breakglass>,
}

/// Who may let all rules not hold for one digest, for a day at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakglass {
    pub(crate) signer: Who,
    pub(crate) at_least: usize,
}

/// The most people that breaking the glass may take.
const PEOPLE_MAX: usize = 64;

impl Exceptions {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["signer", "breakglass"])?;
        let exceptions = Self {
            signer: fields.may("signer", |at| Who::read(&at))?,
            breakglass: fields.may("breakglass", |at| Breakglass::read(&at))?,
        };
        let named = exceptions.signer.is_some() || exceptions.breakglass.is_some();
        if named { Ok(exceptions) } else { Err(fields.combination(super::error::Combination::Empty)) }
    }
}

impl Breakglass {
    fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["signer", "at_least"])?;
        Ok(Self {
            signer: Who::read(&fields.must("signer")?)?,
            at_least: fields.must("at_least")?.count(PEOPLE_MAX)?,
        })
    }
}
