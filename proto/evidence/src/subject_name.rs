//! Digests of things that have no bytes: an environment, an identity, a run, a reference, a secret's name.
//!
//! ```text
//! SHA-256("custody/name/v1\n<kind>\n<name>")
//! ```
//!
//! So every statement has a usable digest. The name stands in the subject's `name` beside it.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::digest_set::Digest;

/// What kind of thing a name names. The same name of another kind is another thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameKind {
    /// Where artifacts run.
    Environment,
    /// A person, a service or a key.
    Identity,
    /// A log: trust and policy documents are about it.
    Origin,
    /// A mutable reference, such as an image tag.
    Ref,
    /// One run of a build.
    Run,
    /// A secret, by name.
    Secret,
}

impl NameKind {
    /// Returns the word that goes into the digest.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Identity => "identity",
            Self::Origin => "origin",
            Self::Ref => "ref",
            Self::Run => "run",
            Self::Secret => "secret",
        }
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Returns the digest that stands for the name in a subject. The name is taken byte by byte, without any change.
#[must_use]
pub fn digest_of_name(kind: NameKind, name: &str) -> Digest {
    let mut hasher = Sha256::new();
    for part in ["custody/name/v1\n", kind.as_str(), "\n", name] {
        hasher.update(part);
    }
    Digest::sha256(hasher.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf 'custody/name/v1\nenvironment\nprod' | sha256sum`
    #[test]
    fn the_vector_of_the_format_document_holds() {
        assert_eq!(
            digest_of_name(NameKind::Environment, "prod").to_string(),
            "sha256:0fe4be9e9873f30fa2ac05ba73e1fecd2c916dbc7008a56aea31a1bfc4261ab0"
        );
    }

    #[test]
    fn another_kind_or_name_is_another_digest() {
        let prod = digest_of_name(NameKind::Environment, "prod");
        for (kind, name) in [
            (NameKind::Identity, "prod"),
            (NameKind::Ref, "prod"),
            (NameKind::Run, "prod"),
            (NameKind::Secret, "prod"),
            (NameKind::Environment, "prod "),
            (NameKind::Environment, "Prod"),
            (NameKind::Environment, ""),
        ] {
            assert_ne!(digest_of_name(kind, name), prod, "{kind} {name:?}");
        }
    }
}
