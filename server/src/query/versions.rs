//! The versions of a package that a log names, so that who looks for some of them reads no SBOM that names others.
//!
//! A row of the index has but a hash of the version. What version it is, is read once from the newest entry that has it, and kept: the
//! work grows with the number of versions of one package, not with the number of SBOMs.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use custody_evidence::fact::Package;
use custody_log::TreeSize;

use super::error::QueryError;
use super::evidence::Evidence;
use crate::index::Prefix;

/// The most versions of one package that are looked at one by one. Each costs a look of 20 to 30 us, so 8 ms together. Of a package with
/// more, each entry that names it is read.
pub(super) const VERSIONS_MAX: usize = 256;

/// The most versions that are remembered, of all packages: 65,536, at some 100 bytes each 7 MiB.
const REMEMBERED_MAX: usize = 1 << 16;

/// Bytes of envelopes that one question may read to learn what versions are called: 64 MiB, at the 15 ns a byte of `find` one second. What it learns
/// is known to the next one.
pub(super) const LEARNING_BYTES: u64 = 64 << 20;

/// One version of a package, as the index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its rows start with this.
    pub(super) key: Prefix,
    /// As it is written in a package URL, empty where there is none. None: all that named it was erased.
    pub(super) text: Option<String>,
}

impl Version {
    /// One whose text is known.
    pub(super) fn of(package: &str, text: &str) -> Self {
        Self { key: Prefix::version(package, text), text: Some(text.to_owned()) }
    }
}

/// Returns the versions of a package that are meant, or may be, of those that entries below `below` name; none where these are too many:
/// then the package's term finds the entries. `left` bytes of envelopes may be read to learn what versions are called.
pub(super) fn meant<E: Evidence + ?Sized>(
    evidence: &E,
    package: &Package,
    below: TreeSize,
    left: &mut u64,
) -> Result<Option<Vec<Version>>, QueryError> {
    let mut versions = evidence.versions(package.term(), below, left)?;
    if let Some(versions) = &mut versions {
        // What was erased may be any version.
        versions.retain(|version| version.text.as_ref().is_none_or(|text| package.may_mean(text)));
    }
    Ok(versions)
}

/// The texts of packages and versions that were read.
#[derive(Debug, Default)]
pub(super) struct Texts(Mutex<HashMap<Prefix, (String, String)>>);

impl Texts {
    pub(super) fn get(&self, key: &Prefix) -> Option<(String, String)> {
        self.held().get(key).cloned()
    }

    /// Remembers a text. All is forgotten when there are too many: what is asked for again is read again.
    pub(super) fn keep(&self, key: Prefix, package: &str, version: &str) {
        let mut held = self.held();
        if held.len() >= REMEMBERED_MAX {
            held.clear();
        }
        held.insert(key, (package.to_owned(), version.to_owned()));
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Prefix, (String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_texts_are_held_than_said_and_the_last_one_is() {
        let texts = Texts::default();
        let key = |number: usize| Prefix::version("pkg:npm/x", &number.to_string());
        for number in 0..=REMEMBERED_MAX {
            texts.keep(key(number), "pkg:npm/x", &number.to_string());
        }
        assert!(texts.held().len() <= REMEMBERED_MAX);
        let last = ("pkg:npm/x".to_owned(), REMEMBERED_MAX.to_string());
        assert_eq!(texts.get(&key(REMEMBERED_MAX)), Some(last));
        assert_eq!(texts.get(&key(0)), None);
    }
}
