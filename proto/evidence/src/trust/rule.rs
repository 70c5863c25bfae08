//! Writer rules: who may record statements of which type, about what.

use serde::{Deserialize, Serialize};

use super::pattern::IdentityPattern;
use crate::key::KeyId;
use crate::statement::Subject;

/// Lets keys and identities record statements of some types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterRule {
    /// A name for people, unique in the document: refusals and records name it.
    pub name: String,
    /// The keys that it holds for.
    #[serde(default)]
    pub keys: Vec<KeyId>,
    /// The identities that it holds for: those of certificates that a trusted root vouches for.
    #[serde(default)]
    pub identities: Vec<IdentityPattern>,
    /// Predicate types, compared byte by byte, or `*` for all. Never an administrative type.
    pub predicates: Vec<String>,
    /// What the statements may be about.
    pub about: About,
    /// Whether what a statement says of the job that it comes from must be what the job's issuer says of it
    /// ([`crate::admission::Binding::Bound`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bound: bool,
    /// What such a statement counts as.
    pub authority: Authority,
}

/// What the statements of a writer may be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Any subject.
    Anything,
    /// Digests that an earlier provenance lists which is bound to a job of the same repository, by its immutable id
    /// ([`crate::admission::Builds`]). A key has no repository, so it needs an identity.
    OwnBuilds,
    /// Subjects whose `uri`, or without one whose `name`, is this text or starts with it at a boundary.
    Namespace(String),
}

/// What a statement counts as; the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// An unsigned report that the writer signed around.
    Relayed,
    /// Evidence of someone else, such as a dependency's.
    Imported,
    /// The writer's own word.
    Own,
}

impl Authority {
    /// Returns the word: `own`, `imported` or `relayed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Relayed => "relayed",
            Self::Imported => "imported",
            Self::Own => "own",
        }
    }
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl WriterRule {
    /// Lets one key record everything but administration, as its own word.
    #[must_use]
    pub fn anything(name: &str, key: KeyId) -> Self {
        Self {
            name: name.to_owned(),
            keys: vec![key],
            identities: Vec::new(),
            predicates: vec!["*".to_owned()],
            about: About::Anything,
            bound: false,
            authority: Authority::Own,
        }
    }

    /// Whether the rule lets its writers record statements of this type. Administrative types it never does.
    #[must_use]
    pub fn allows(&self, predicate_type: &str) -> bool {
        !super::is_administrative(predicate_type)
            && self.predicates.iter().any(|allowed| allowed == "*" || allowed == predicate_type)
    }
}

impl About {
    /// Whether the subject's name is within the bounds; of own builds its digests decide.
    #[must_use]
    pub fn covers(&self, subject: &Subject) -> bool {
        self.covers_name(subject.uri().or_else(|| subject.name()))
    }

    /// Whether something of this name is within the bounds; none if it has no name.
    #[must_use]
    pub fn covers_name(&self, name: Option<&str>) -> bool {
        match self {
            Self::Anything | Self::OwnBuilds => true,
            Self::Namespace(namespace) => name.is_some_and(|name| within(namespace, name)),
        }
    }
}

/// Whether the text is the namespace or lies in it: `github.com/acme` holds `github.com/acme/app`, and neither
/// `github.com/acme-evil/app` nor `github.com/acme/../evil/app`.
fn within(namespace: &str, text: &str) -> bool {
    let boundary = |c: char| matches!(c, '/' | ':' | '@' | '#' | '?');
    text.strip_prefix(namespace).is_some_and(|rest| {
        let behind = rest.is_empty() || namespace.ends_with(boundary) || rest.starts_with(boundary);
        // Behind a bare host `@` and `:` make a user, a password or a port of it, and another host may follow.
        let authority = is_bare_host(namespace) && rest.starts_with(['@', ':']);
        behind && !authority && !climbs(rest)
    })
}

/// Whether it is a URL that ends with its host.
fn is_bare_host(namespace: &str) -> bool {
    let host = namespace.split_once("://").map(|(_, rest)| rest);
    host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#']))
}

/// Whether a path goes up: whoever resolves it (RFC 3986 section 5.2.4) is outside of where it began. A browser takes `\` for
/// `/` (URL Standard), and `%2e` is a dot.
fn climbs(path: &str) -> bool {
    path.to_ascii_lowercase().replace("%2e", ".").split(['/', '\\']).any(|segment| segment == "..")
}
