//! A package and a range of its versions, as they are searched for: `pkg:npm/axios@>=1.14.1 <1.15`.

use std::fmt;
use std::str::FromStr;

use super::{Match, RangeError, Scheme, VersionRange};
use crate::purl::{Purl, PurlError};

/// A package, and a range of its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct PurlRange {
    package: Purl,
    range: VersionRange,
}

/// Why text is not a package and a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PurlRangeError {
    /// There is no range.
    #[error("expected a package URL and a range, such as \"pkg:npm/axios@>=1.14.1 <1.15\", found {found:?}")]
    Form {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// The package is not a package URL.
    #[error(transparent)]
    Purl(#[from] PurlError),
    /// A package with a qualifier or a subpath: ranges are for all architectures and distributions.
    #[error("a range is for a package without qualifiers and subpath, found {package}")]
    Qualified {
        /// The package.
        package: Purl,
    },
    /// The range is not one.
    #[error(transparent)]
    Range(#[from] RangeError),
}

impl PurlRange {
    /// Returns whether text has a range after its last `@`, good or bad, and not one version: an operator, also
    /// of those that are not read (`^`, `~`, `*`), or a `vers:` URI.
    #[must_use]
    pub fn is_written(text: &str) -> bool {
        split(text).is_some()
    }

    /// Returns the package, without version.
    #[must_use]
    pub const fn package(&self) -> &Purl {
        &self.package
    }

    /// Returns the range.
    #[must_use]
    pub const fn range(&self) -> &VersionRange {
        &self.range
    }

    /// Returns whether the range asks which of two versions comes first, and not only whether they are the same.
    #[must_use]
    pub fn needs_order(&self) -> bool {
        self.range.needs_order()
    }

    /// Returns whether versions of the package's type have an order here.
    #[must_use]
    pub fn has_order(&self) -> bool {
        Scheme::of_type(self.package.package_type()).is_some()
    }

    /// Returns whether a package is this one in a version of the range; qualifiers and subpath make no difference.
    #[must_use]
    pub fn matches(&self, purl: &Purl) -> Match {
        if purl.versionless() == self.package.as_str() {
            self.range.matches(purl.version().as_deref())
        } else {
            Match::No
        }
    }
}

impl FromStr for PurlRange {
    type Err = PurlRangeError;

    fn from_str(text: &str) -> Result<Self, PurlRangeError> {
        let form = || PurlRangeError::Form { found: super::cut(text) };
        let (package, range) = split(text).ok_or_else(form)?;
        let package: Purl = package.trim().parse()?;
        if package.version().is_some() {
            return Err(form());
        }
        if package.versionless() != package.as_str() {
            return Err(PurlRangeError::Qualified { package });
        }
        let range = VersionRange::parse(package.package_type(), range)?;
        Ok(Self { package, range })
    }
}

impl fmt::Display for PurlRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.package, self.range.as_str())
    }
}

/// Cuts at the first `@` that a range follows.
fn split(text: &str) -> Option<(&str, &str)> {
    let is_range = |after: &str| {
        let after = after.trim_start();
        after.starts_with(['<', '>', '=', '!', '^', '~', '*']) || after.starts_with("vers:")
    };
    let mut ends = text.match_indices('@').map(|(at, _)| at);
    let at = ends.find(|at| text.get(at + 1..).is_some_and(is_range))?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}
