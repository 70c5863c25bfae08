//! What a redaction keeps of an entry: under which keys the index has it, and what others must not gain from its absence.
//!
//! ```text
//! D, a-z             facts index: what it can be found by (`keys.rs`)
//! B build(12)        entry index: whose build this artifact is
//! S repository(12)   of which repository it says that: SHA-256 of `<issuer>#<id>`
//! ```
//!
//! An erased provenance gives its repository no right any more, and still disputes that of another one. All of it are hashes, from
//! which nobody reads what was hashed. Which key used a token first is kept beside them (`journal/erased.rs`).

use std::collections::BTreeSet;

use custody_evidence::admission::RepositoryKey;
use custody_evidence::fact::{Field, Term};
use custody_evidence::identity::Identity;

use super::keys::{PREFIX_LEN, Prefix, Row};
use super::reading::{FactRows, Findable, Reading};

/// What is kept of an erased entry, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains(Vec<Prefix>);

impl Remains {
    /// Works it out before an entry is erased.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let mut keys: BTreeSet<Prefix> = FactRows::of(reading).rows.iter().map(Row::prefix).collect();
        if let Some(build) = &reading.build {
            keys.extend(build.artifacts().map(Prefix::build));
            keys.insert(Prefix::repository(build.repository().key()));
        }
        Self(keys.into_iter().collect())
    }

    /// Takes what a redaction kept.
    #[must_use]
    pub fn kept(keys: &[[u8; PREFIX_LEN]]) -> Self {
        Self(keys.iter().map(|key| Prefix::from_bytes(*key)).collect())
    }

    /// Returns it as a redaction keeps it.
    #[must_use]
    pub fn keys(&self) -> Vec<[u8; PREFIX_LEN]> {
        self.0.iter().map(|prefix| *prefix.as_bytes()).collect()
    }

    /// Returns what the entry can be found by.
    pub(crate) fn found_by(&self) -> Findable {
        Findable::kept(self.0.iter().filter(|prefix| prefix.is_of_facts()).copied())
    }

    /// Returns the keys of the artifacts whose build it said.
    pub(super) fn builds(&self) -> impl Iterator<Item = Prefix> {
        self.0.iter().filter(|prefix| prefix.is_of_build()).copied()
    }

    /// Whether it said whose build this artifact is.
    #[must_use]
    pub fn is_build_of(&self, artifact: &str) -> bool {
        self.has(&Prefix::build(artifact))
    }

    /// Returns of which repository it said that; none if it said it of none.
    #[must_use]
    pub fn repository(&self) -> Option<RepositoryKey> {
        self.0.iter().find_map(Prefix::repository_key)
    }

    /// Whether everybody whose signature counted in it is one of these.
    #[must_use]
    pub fn is_signed_by<'a>(&self, signers: impl IntoIterator<Item = &'a Identity>) -> bool {
        let key = |signer: &Identity| Prefix::term(&Term::of_identity(Field::Signer, signer));
        let known: BTreeSet<Prefix> = signers.into_iter().map(key).collect();
        let mut signed = self.0.iter().filter(|prefix| prefix.is_of_signer()).peekable();
        signed.peek().is_some() && signed.all(|signer| known.contains(signer))
    }

    fn has(&self, prefix: &Prefix) -> bool {
        self.0.binary_search(prefix).is_ok()
    }
}
