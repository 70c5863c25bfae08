//! `assert`: expressions in the Common Expression Language (CEL), as much of it as has a bound.
//!
//! Verdicts are asked for again years later, and must come out the same. So the language is read and evaluated here: what an
//! expression means changes with [`CEL_VERSION`] alone, every step is counted, and no text of an engine can get into a verdict.
//!
//! What is read is a subset of CEL (google/cel-spec `doc/langdef.md`), and means here what it means there: literals, `+ - * / %`,
//! comparisons, `in`, `! && ||`, `? :`, lists, `.field`, `[index]`, `has()`, `size()`, `startsWith()`, `endsWith()`,
//! `contains()`, `int()`, `double()`, `string()`, `timestamp()`, `duration()`, and the macros `all`, `exists`, `exists_one`. Not read:
//! maps and messages, bytes, `map` and `filter` (their results are data that another one goes through), `matches`. Two things are
//! stricter: a double that is not finite is no answer, and whole numbers are compared with doubles by what they are worth, without
//! rounding. Added are `atts.of(type)`, `atts.latest(type)` and `purl_matches(text, range)`, so that joins need no loop in a loop,
//! and days in durations.
//!
//! **What bounds it.** At most [`TEXT_MAX`] bytes, [`NODES_MAX`] nodes, [`DEPTH_MAX`] levels; no loop inside another's range or body
//! and none over maps, so time is nodes times data. [`STEPS_MAX`] bounds it all the same: a step is a node that is evaluated, or
//! 16 bytes that are looked at. No text that is made is longer than [`MADE_MAX`], and no lists are made of lists.

mod check;
mod environment;
mod evaluate;
mod function;
mod lex;
mod parse;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;

pub use check::CelError;
pub(crate) use environment::{Attestation, Environment, Fuel};
pub(crate) use evaluate::Fault;

/// The version of the language, as verdicts name it.
pub const CEL_VERSION: &str = "1";
/// The longest expression, in bytes: what does not fit on a screen is a rule of its own.
pub const TEXT_MAX: usize = 2048;
/// The most nodes of an expression.
pub const NODES_MAX: usize = 500;
/// How deep an expression may be nested: the reader and the evaluation call themselves so often.
pub const DEPTH_MAX: usize = 32;
/// The most steps of all expressions of a verdict: a few hundred milliseconds.
///
/// The release policy's one expression over an SBOM of 500 components takes some 5,000.
pub const STEPS_MAX: u64 = 10_000_000;
/// The longest text that an expression makes, in bytes. 500 nodes hold 32 MB of such texts at most.
pub const MADE_MAX: usize = 64 * 1024;

/// An expression that was read and found to be bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    text: String,
    root: parse::Node,
}

impl Expression {
    /// Reads an expression over a policy with these parameters.
    pub fn compile(text: &str, parameters: &BTreeSet<&str>) -> Result<Self, CelError> {
        if text.len() > TEXT_MAX {
            return Err(CelError::TooLong { found: text.len() });
        }
        let root = parse::parse(&lex::lex(text)?, text.len())?;
        check::check(&root, parameters)?;
        Ok(Self { text: text.to_owned(), root })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether it holds for the attestation that the environment is about.
    pub(crate) fn holds(&self, environment: &Environment<'_>, fuel: &mut Fuel) -> Result<bool, Fault> {
        evaluate::holds(&self.root, environment, fuel)
    }
}
