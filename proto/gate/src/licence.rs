//! Licences as SPDX expressions (SPDX 2.3, annex D): `MIT OR (Apache-2.0 AND BSD-3-Clause)`.
//!
//! Ids are compared without regard to case. Whether an id is on SPDX's list is not looked up: what a policy allows is listed in it.

use std::fmt;

/// How deep parentheses may be nested.
const DEPTH_MAX: usize = 32;
/// The longest expression, in bytes; the largest of real packages have some hundred.
pub(crate) const LICENCE_TEXT_MAX: usize = 4096;

/// A licence, perhaps with `+` (or a later version) and with an exception.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LicenceId {
    id: String,
    or_later: bool,
    exception: Option<String>,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Licence {
    /// All of these hold.
    And(Vec<Self>),
    /// One.
    One(LicenceId),
    /// The receiver chooses.
    Or(Vec<Self>),
}

impl LicenceId {
    /// Reads one licence without operators other than `WITH`; none if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match Licence::parse(text)? {
            Licence::One(id) => Some(id),
            Licence::And(_) | Licence::Or(_) => None,
        }
    }

    /// Whether this licence is the one that a policy lists. One with an exception, or of any later version, is also what it is
    /// without.
    fn is(&self, listed: &Self) -> bool {
        let same = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (_, None) => true,
            (None, Some(_)) => false,
        };
        self.id.eq_ignore_ascii_case(&listed.id)
            && (self.or_later || !listed.or_later)
            && same(&self.exception, &listed.exception)
    }

    fn has_same_exception(&self, listed: &Self) -> bool {
        self.exception.is_some() && listed.exception.is_some() && self.is(listed)
    }
}

impl fmt::Display for LicenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.id, if self.or_later { "+" } else { "" })?;
        self.exception.as_ref().map_or(Ok(()), |exception| write!(f, " WITH {exception}"))
    }
}

impl Licence {
    /// Reads an expression; none if it is none. `NONE` and `NOASSERTION` are none: they state nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > LICENCE_TEXT_MAX {
            return None;
        }
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let licence = any(&mut words, 0)?;
        words.next().is_none().then_some(licence)
    }

    /// Whether a receiver may take it under what a policy allows (nothing listed: anything) and denies.
    pub(crate) fn is_allowed(&self, allow: &[LicenceId], deny: &[LicenceId]) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.is_allowed(allow, deny)),
            Self::Or(parts) => parts.iter().any(|part| part.is_allowed(allow, deny)),
            // A policy that names a licence with its exception knows what it says.
            Self::One(id) if allow.iter().any(|listed| id.has_same_exception(listed)) => true,
            Self::One(id) => {
                (allow.is_empty() || allow.iter().any(|listed| id.is(listed)))
                    && !deny.iter().any(|listed| id.is(listed))
            }
        }
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, depth: usize) -> Option<Licence> {
    list(words, "OR", Licence::Or, &mut |words| {
        list(words, "AND", Licence::And, &mut |words| one(words, depth))
    })
}

fn list(
    words: &mut Words<'_>,
    operator: &str,
    of: fn(Vec<Licence>) -> Licence,
    part: &mut dyn FnMut(&mut Words<'_>) -> Option<Licence>,
) -> Option<Licence> {
    let first = part(words)?;
    let mut parts = vec![first];
    while words.next_if(|word| *word == operator).is_some() {
        parts.push(part(words)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(of(parts)) }
}

fn one(words: &mut Words<'_>, depth: usize) -> Option<Licence> {
    if words.next_if(|word| *word == "(").is_some() {
        let inner = (depth < DEPTH_MAX).then(|| any(words, depth + 1))??;
        return words.next_if(|word| *word == ")").map(|_| inner);
    }
    let word = words.next()?;
    let (id, or_later) = word.strip_suffix('+').map_or((word, false), |id| (id, true));
    let id = id_string(id)?;
    let exception = match words.next_if(|word| *word == "WITH") {
        Some(_) => Some(id_string(words.next()?)?),
        None => None,
    };
    Some(Licence::One(LicenceId { id, or_later, exception }))
}

/// An id has letters, digits, `-` and `.`; a reference to a licence of the document's own also `:`.
fn id_string(word: &str) -> Option<String> {
    let operator =
        ["AND", "OR", "WITH", "NONE", "NOASSERTION"].iter().any(|known| word.eq_ignore_ascii_case(known));
    let usable = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    (!operator && !word.is_empty() && word.bytes().all(usable)).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Licence, LicenceId};

    fn ids(texts: &[&str]) -> Vec<LicenceId> {
        texts.iter().map(|text| LicenceId::parse(text).unwrap()).collect()
    }

    fn allowed(text: &str, allow: &[&str], deny: &[&str]) -> bool {
        Licence::parse(text).unwrap().is_allowed(&ids(allow), &ids(deny))
    }

    #[test]
    fn and_asks_all_and_or_asks_one() {
        assert!(allowed("MIT", &["mit"], &[]));
        assert!(allowed("MIT OR GPL-3.0-only", &["MIT"], &[]));
        assert!(!allowed("MIT AND GPL-3.0-only", &["MIT"], &[]));
        assert!(!allowed("MIT OR GPL-3.0-only AND X", &["GPL-3.0-only"], &[]), "AND binds closer");
        assert!(!allowed("(MIT OR GPL-3.0-only) AND X", &["MIT"], &[]));
        assert!(allowed("(MIT OR GPL-3.0-only) AND X", &["MIT", "X"], &["GPL-3.0-only"]));
        assert!(!allowed("GPL-3.0-only", &[], &["GPL-3.0-only"]));
        assert!(allowed("MIT", &[], &["GPL-3.0-only"]));
    }

    #[test]
    fn a_later_version_and_an_exception_widen() {
        assert!(allowed("GPL-2.0+", &["GPL-2.0"], &[]));
        assert!(!allowed("GPL-2.0", &["GPL-2.0+"], &[]));
        assert!(allowed("GPL-2.0-only WITH Classpath-exception-2.0", &["GPL-2.0-only"], &[]));
        assert!(!allowed("GPL-2.0-only", &["GPL-2.0-only WITH Classpath-exception-2.0"], &[]));
        let both = ["GPL-2.0-only WITH Classpath-exception-2.0"];
        assert!(allowed("GPL-2.0-only WITH Classpath-exception-2.0", &both, &["GPL-2.0-only"]));
        assert!(!allowed("GPL-2.0-only WITH Other-exception", &[], &["GPL-2.0-only"]));
    }

    #[test]
    fn what_states_nothing_is_no_licence() {
        let deep = format!("{}MIT{}", "(".repeat(100), ")".repeat(100));
        let long = "MIT OR ".repeat(1000);
        for text in [
            "",
            "NONE",
            "NOASSERTION",
            "MIT OR",
            "AND MIT",
            "MIT MIT",
            "(MIT",
            "MIT)",
            "MIT or X",
            "Apache License 2.0",
            "MIT WITH",
            &deep,
            &long,
        ] {
            assert_eq!(Licence::parse(text), None, "{text}");
        }
    }
}
