//! [`People`]: whose a key or identity is, by every trust document so far.

use std::collections::BTreeMap;

use super::members::Person;

/// Whose keys and identities are, as all trust documents up to one said: a key that its owner has given up is still theirs. Who had
/// a key last has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct People {
    /// By the identity, as it is written.
    names: BTreeMap<String, String>,
}

impl People {
    /// Returns the name of the person whose an identity is, as it is written; none of one whom nobody listed. It starts like no identity.
    #[must_use]
    pub fn of(&self, identity: &str) -> Option<&str> {
        self.names.get(identity).map(String::as_str)
    }

    /// Takes in those of the next document.
    #[must_use]
    pub(crate) fn with(&self, people: &[Person]) -> Self {
        let mut names = self.names.clone();
        for person in people {
            let keys = person.keys.iter().map(|key| format!("key:{key}"));
            let identities = person.identities.iter().map(ToString::to_string);
            names
                .extend(keys.chain(identities).map(|identity| (identity, format!("person {}", person.name))));
        }
        Self { names }
    }
}
