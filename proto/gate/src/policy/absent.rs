//! `absent`: findings that must not be there.

use std::collections::BTreeSet;

use super::error::{Combination, LoadError, Named};
use super::fields::At;

/// Findings that deny, and findings that only warn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    pub(crate) fail: BTreeSet<String>,
    pub(crate) warn: BTreeSet<String>,
}

/// The kinds of findings, by name: the words of `custody findings`.
pub const FINDINGS: &[&str] = &[
    "backdated",
    "breakglass",
    "burst",
    "bytes_mismatch",
    "count_gap",
    "digest_conflict",
    "failed_run",
    "fork_run",
    "new_builder",
    "new_runner",
    "old_line",
    "provenance_regression",
    "signer_change",
    "tag_moved",
    "untagged_release",
];

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
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &str> {
        self.fail.union(&self.warn).map(String::as_str)
    }
}

fn kinds(at: &At<'_>) -> Result<BTreeSet<String>, LoadError> {
    let kind = |at: &At<'_>| {
        let text = at.text()?;
        if FINDINGS.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(at.unknown(Named::Finding, text, FINDINGS.iter().copied()))
    };
    at.filled_list()?.iter().map(kind).collect()
}
