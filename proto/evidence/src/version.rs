//! The order of versions, by the rules of each ecosystem, and ranges of them.
//!
//! A wrong order is a wrong gate, so each ecosystem has its own rules in its own file, and what has no rules
//! here is not ordered at all: it is compared as text, and a question about its order gets
//! [`Match::NotComparable`], never a no.
//!
//! | package type | order | document |
//! |---|---|---|
//! | `cargo` | [`Scheme::SemVer`] | Semantic Versioning 2.0.0 |
//! | `npm` | [`Scheme::Npm`] | node-semver, "Versions" |
//! | `golang` | [`Scheme::Go`] | Go Modules Reference, "Versions", "Pseudo-versions" |
//! | `nuget` | [`Scheme::NuGet`] | `NuGet`, "Package versioning" |
//! | `pypi` | [`Scheme::PyPi`] | Python Packaging User Guide, "Version specifiers" (PEP 440) |
//! | `maven` | [`Scheme::Maven`] | POM Reference, "Version Order Specification" |
//! | `deb` | [`Scheme::Debian`] | Debian Policy 5.6.12, deb-version(7) |
//! | all others | none: equal texts are equal versions | |
//!
//! Pre-releases stand where the order puts them, in ranges too: `<1.15` holds for `1.15.0-rc.1`. The resolvers
//! of npm, Cargo and pip leave pre-releases out of ranges, since they choose what to install. Who asks here
//! looks for what is there, and must not miss the pre-release that has the flaw.

mod debian;
mod go;
mod maven;
mod npm;
mod nuget;
mod number;
mod pep440;
mod purl_range;
mod range;
mod semver;
#[cfg(test)]
mod tests;
mod vers;

use std::cmp::Ordering;
use std::fmt;

use debian::Debian;
use maven::Maven;
use nuget::NuGet;
use pep440::Pep440;
use semver::SemVer;

pub use purl_range::{PurlRange, PurlRangeError};
pub use range::{Incomparable, Match, Operator, RangeError, VersionRange};
pub use vers::VersError;

/// Rules by which versions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Debian.
    Debian,
    /// Go modules.
    Go,
    /// Maven.
    Maven,
    /// npm.
    Npm,
    /// `NuGet`.
    NuGet,
    /// Python.
    PyPi,
    /// Semantic Versioning 2.0.0.
    SemVer,
}

/// A version that can be compared with others of its scheme.
///
/// Versions of one scheme are totally ordered. Equal are all that the scheme takes for the same, such as `1.0` and
/// `1.0.0` of Python. Versions of two schemes are never equal, and neither comes first.
#[derive(Debug, Clone)]
pub struct Version(Form);

#[derive(Debug, Clone)]
enum Form {
    Debian(Debian),
    Go(SemVer),
    Maven(Maven),
    Npm(SemVer),
    NuGet(NuGet),
    PyPi(Pep440),
    SemVer(SemVer),
}

/// Text that is not a version of its scheme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a version of {scheme}, such as {}, of at most {} bytes, found {found:?}", .scheme.example(), Version::MAX_LEN)]
pub struct VersionError {
    /// The scheme.
    pub scheme: Scheme,
    /// The text, cut to 80 characters.
    pub found: String,
}

impl Scheme {
    /// Returns the scheme of a package type, such as `npm`; none if its versions are not ordered here.
    #[must_use]
    pub fn of_type(package_type: &str) -> Option<Self> {
        Some(match package_type {
            "cargo" => Self::SemVer,
            "deb" => Self::Debian,
            "golang" => Self::Go,
            "maven" => Self::Maven,
            "npm" => Self::Npm,
            "nuget" => Self::NuGet,
            "pypi" => Self::PyPi,
            _ => return None,
        })
    }

    /// Returns a version as the scheme writes it.
    const fn example(self) -> &'static str {
        match self {
            Self::Debian => "1:2.4.47-2",
            Self::Go => "v1.14.1",
            Self::Maven | Self::PyPi => "1.14",
            Self::Npm | Self::NuGet | Self::SemVer => "1.14.1",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debian => "Debian",
            Self::Go => "Go",
            Self::Maven => "Maven",
            Self::Npm => "npm",
            Self::NuGet => "NuGet",
            Self::PyPi => "PyPI",
            Self::SemVer => "Semantic Versioning",
        })
    }
}

impl Version {
    /// The longest version that is read: npm's own limit. A comparison reads each byte a few times at most.
    pub const MAX_LEN: usize = 256;

    /// Reads a version as the scheme defines it.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Self, VersionError> {
        let form = if text.len() > Self::MAX_LEN { None } else { Form::parse(scheme, text) };
        form.map(Self).ok_or_else(|| VersionError { scheme, found: cut(text) })
    }

    /// Returns the scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        match self.0 {
            Form::Debian(_) => Scheme::Debian,
            Form::Go(_) => Scheme::Go,
            Form::Maven(_) => Scheme::Maven,
            Form::Npm(_) => Scheme::Npm,
            Form::NuGet(_) => Scheme::NuGet,
            Form::PyPi(_) => Scheme::PyPi,
            Form::SemVer(_) => Scheme::SemVer,
        }
    }

    /// Reads `1` and `1.15` of schemes whose versions have three numbers: the missing ones are zero. None for
    /// anything else.
    fn parse_short(scheme: Scheme, text: &str) -> Option<Self> {
        Some(Self(match scheme {
            Scheme::Go => Form::Go(go::parse_short(text)?),
            Scheme::Npm => Form::Npm(npm::parse_short(text)?),
            Scheme::SemVer => Form::SemVer(SemVer::parse_short(text)?),
            Scheme::Debian | Scheme::Maven | Scheme::NuGet | Scheme::PyPi => return None,
        }))
    }

    /// Returns where this version stands to a bound of a range.
    ///
    /// This is the order, but for Python: against a bound without a local label, that of the version is ignored
    /// ("Version specifiers", "Local version identifiers"), so `2.0.0+cu118` is found by `=2.0.0` and by `<=2.0.0`.
    fn against(&self, bound: &Self) -> Option<Ordering> {
        match (&self.0, &bound.0) {
            (Form::PyPi(version), Form::PyPi(bound)) if !bound.is_local() => {
                Some(version.public().cmp(bound))
            }
            _ => self.partial_cmp(bound),
        }
    }
}

impl Form {
    fn parse(scheme: Scheme, text: &str) -> Option<Self> {
        match scheme {
            Scheme::Debian => Debian::parse(text).map(Self::Debian),
            Scheme::Go => go::parse(text).map(Self::Go),
            Scheme::Maven => Maven::parse(text).map(Self::Maven),
            Scheme::Npm => npm::parse(text).map(Self::Npm),
            Scheme::NuGet => NuGet::parse(text).map(Self::NuGet),
            Scheme::PyPi => Pep440::parse(text).map(Self::PyPi),
            Scheme::SemVer => SemVer::parse(text).map(Self::SemVer),
        }
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (&self.0, &other.0) {
            (Form::Debian(this), Form::Debian(other)) => Some(this.cmp(other)),
            (Form::Go(this), Form::Go(other))
            | (Form::Npm(this), Form::Npm(other))
            | (Form::SemVer(this), Form::SemVer(other)) => Some(this.cmp(other)),
            (Form::Maven(this), Form::Maven(other)) => Some(this.cmp(other)),
            (Form::NuGet(this), Form::NuGet(other)) => Some(this.cmp(other)),
            (Form::PyPi(this), Form::PyPi(other)) => Some(this.cmp(other)),
            _ => None,
        }
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
