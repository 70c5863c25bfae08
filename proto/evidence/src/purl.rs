//! Package URLs (purl, ECMA-427), in the one text in which they are compared.
//!
//! Written as `pkg:type/namespace/name@version?qualifiers#subpath`. Reading is strict where a second reading is
//! possible, because the same text must name the same package everywhere: bad percent-encoding, a second `?` or
//! `#`, a qualifier that comes twice and control characters are refused. Reading is tolerant where the
//! specification asks for it: case of the type, slashes in front, what is encoded without need (`%3A`), the
//! order of qualifiers.
//!
//! The canonical text follows clauses 5.4 to 5.6 and the definitions of the types (case of names, dashes of
//! PyPI). One rule is ours: `pkg:npm/%40scope%2Fname`, which is common, is the package `pkg:npm/%40scope/name`.

mod parse;
mod percent;
#[cfg(test)]
mod tests;
mod types;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use parse::Parts;

pub(crate) use percent::decode;

use crate::version::{Scheme, Version};

/// A package URL in its canonical text: lower-case type, sorted qualifiers, colon not encoded.
///
/// The text is all that is kept, since an SBOM has ten thousand of them: parts are cut from it, and decoded when they are asked for. In
/// canonical text `/`, `@`, `?` and `#` stand between parts and nowhere else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    text: String,
    /// How much of `text` is type, namespace and name.
    versionless: usize,
}

/// Why text is not a package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurlError {
    /// Longer than [`Purl::MAX_LEN`].
    #[error("a package URL is at most {} bytes, found {found}", Purl::MAX_LEN)]
    TooLong {
        /// The length given, or that of the canonical text.
        found: usize,
    },
    /// Holds a control character, plain or encoded.
    #[error("a package URL has no control characters: {found:?}")]
    Control {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// Does not parse.
    #[error("{found:?} is not a package URL: {fault}")]
    Form {
        /// The text, cut to 80 characters.
        found: String,
        /// What is wrong with it.
        fault: PurlFault,
    },
}

/// What is wrong with a package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurlFault {
    /// A `%` without two hex digits, or bytes that are not UTF-8.
    #[error("it is not percent-encoded UTF-8")]
    Encoding,
    /// A slash, encoded, inside a segment of namespace or subpath: who decodes first would see two segments.
    #[error("a segment of its {part} has a slash inside")]
    Slash {
        /// `namespace` or `subpath`.
        part: &'static str,
    },
    /// A name that its type does not have.
    #[error("packages of type {package_type} have no such name")]
    Name {
        /// The type.
        package_type: String,
    },
    /// A namespace, for a type that has none.
    #[error("packages of type {package_type} have no namespace")]
    NamespaceProhibited {
        /// The type.
        package_type: String,
    },
    /// No namespace, for a type that has one.
    #[error("packages of type {package_type} have a namespace: pkg:{package_type}/<namespace>/<name>")]
    NamespaceRequired {
        /// The type.
        package_type: String,
    },
    /// No name.
    #[error("it has no name")]
    NoName,
    /// A qualifier's key that is not made of letters, digits, `.`, `-` and `_`, or does not start with a letter.
    #[error("{key:?} is no key of a qualifier")]
    QualifierKey {
        /// The key, cut to 80 characters.
        key: String,
    },
    /// The same qualifier twice.
    #[error("the qualifier {key} comes twice")]
    QualifierTwice {
        /// The key.
        key: String,
    },
    /// No qualifier of this name, which the type needs.
    #[error("packages of type {package_type} have the qualifier {key}")]
    QualifierRequired {
        /// The type.
        package_type: String,
        /// The key.
        key: &'static str,
    },
    /// Does not start with `pkg:`.
    #[error("it does not start with pkg:")]
    Scheme,
    /// A separator that was not encoded: readers cut the text in different places.
    #[error("it has more than one {separator:?} that is not percent-encoded")]
    Separator {
        /// `?` or `#`.
        separator: char,
    },
    /// A type that is not made of letters, digits, `.` and `-`, or does not start with a letter.
    #[error("{found:?} is no package type")]
    Type {
        /// The type, cut to 80 characters.
        found: String,
    },
    /// A version that its type does not have.
    #[error("packages of type {package_type} have no such version")]
    Version {
        /// The type.
        package_type: String,
    },
}

impl Purl {
    /// The longest package URL that is read: npm names have at most 214 characters and file names at most 255,
    /// so this is room for several of them percent-encoded, with a digest and a download URL.
    pub const MAX_LEN: usize = 2048;

    /// Returns whether text starts like a package URL, good or bad; its scheme may be written in any case.
    #[must_use]
    pub fn is_written(text: &str) -> bool {
        text.trim_start().get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("pkg:"))
    }

    /// Returns the canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns type, namespace and name alone: what versions of one package have in common. Qualifiers and subpath
    /// are dropped too, so that a package is found whatever its architecture or distribution.
    #[must_use]
    pub fn versionless(&self) -> &str {
        self.text.get(..self.versionless).unwrap_or(&self.text)
    }

    /// Returns the package type, such as `npm`: what says how versions are ordered.
    #[must_use]
    pub fn package_type(&self) -> &str {
        self.path().split_once('/').map_or("", |(package_type, _)| package_type)
    }

    /// Returns the namespace, decoded, segments with `/` between them: `@babel`, `org.apache.commons`; none if
    /// there is none.
    #[must_use]
    pub fn namespace(&self) -> Option<Cow<'_, str>> {
        let (_, rest) = self.path().split_once('/')?;
        rest.rsplit_once('/').map(|(namespace, _)| decoded(namespace))
    }

    /// Returns the name, decoded.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        decoded(self.path().rsplit_once('/').map_or("", |(_, name)| name))
    }

    /// Returns the version, decoded; none if there is none.
    #[must_use]
    pub fn version(&self) -> Option<Cow<'_, str>> {
        self.written_version().map(decoded)
    }

    /// Whether a package is one of those that this names: the same type, namespace and name and, where this has a
    /// version, the same version by the rules of its ecosystem: `1.0` of Python is `1.0.0`. Qualifiers and subpath are not
    /// compared: whoever asks for a version means it with each architecture, distribution and folder.
    #[must_use]
    pub fn includes(&self, package: &Self) -> bool {
        let same = |asked: &str| {
            let scheme = Scheme::of_type(self.package_type());
            package.version().is_some_and(|found| {
                *found == *asked || scheme.is_some_and(|scheme| are_equal(scheme, asked, &found))
            })
        };
        package.versionless() == self.versionless() && self.version().is_none_or(|asked| same(&asked))
    }

    /// The version as it is written in the canonical text.
    fn written_version(&self) -> Option<&str> {
        let rest = self.text.get(self.versionless..)?.strip_prefix('@')?;
        rest.split(['?', '#']).next()
    }

    /// Type, namespace and name.
    fn path(&self) -> &str {
        self.versionless().strip_prefix("pkg:").unwrap_or_default()
    }
}

/// Whether two texts are one version of a scheme. What is no version of it equals itself alone.
fn are_equal(scheme: Scheme, one: &str, other: &str) -> bool {
    let read = |text| Version::parse(scheme, text).ok();
    matches!((read(one), read(other)), (Some(one), Some(other)) if one == other)
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        if text.len() > Self::MAX_LEN {
            return Err(PurlError::TooLong { found: text.len() });
        }
        let form = |fault: PurlFault| PurlError::Form { found: cut(text), fault };
        let parts = Parts::parse(text).map_err(form)?;
        if parts.any(|part| part.chars().any(char::is_control)) {
            return Err(PurlError::Control { found: cut(text) });
        }
        let parts = types::normalised(parts).map_err(form)?;
        let (text, versionless) = parts.canonical();
        if text.len() > Self::MAX_LEN {
            return Err(PurlError::TooLong { found: text.len() });
        }
        Ok(Self { text, versionless })
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Purl({})", self.text)
    }
}

/// Decodes a part of canonical text, which is well encoded.
fn decoded(part: &str) -> Cow<'_, str> {
    decode(part).unwrap_or(Cow::Borrowed(part))
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
