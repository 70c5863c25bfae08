//! `sbom`: what a bill of materials must list, must not list, and under which licences.

use custody_evidence::purl::Purl;
use custody_evidence::version::{Match, PurlRange};

use super::error::{Combination, LoadError};
use super::fields::At;
use crate::licence::LicenceId;

/// What is asked of a software bill of materials.
#[derive(Debug, Clone, PartialEq)]
pub struct Sbom {
    pub(crate) required: Vec<Ban>,
    pub(crate) banned: Vec<Ban>,
    pub(crate) licences: Option<Licences>,
}

/// A package, a version of it, or a range of versions.
#[derive(Debug, Clone, PartialEq)]
pub enum Ban {
    /// `pkg:npm/axios`, `pkg:npm/axios@1.14.1`.
    Package(Purl),
    /// `pkg:npm/axios@>=1.14.1 <1.15`.
    Range(Box<PurlRange>),
}

/// Which licences shipped components may have. One that states none has none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licences {
    /// Only these; empty: any but those denied.
    pub(crate) allow: Vec<LicenceId>,
    pub(crate) deny: Vec<LicenceId>,
}

impl Sbom {
    pub(super) fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["require", "ban", "licences"])?;
        let bans = |at: At<'_>| at.filled_list()?.iter().map(Ban::read).collect::<Result<Vec<_>, _>>();
        let sbom = Self {
            required: fields.may("require", bans)?.unwrap_or_default(),
            banned: fields.may("ban", bans)?.unwrap_or_default(),
            licences: fields.may("licences", |at| Licences::read(&at))?,
        };
        let asks = !sbom.required.is_empty() || sbom.forbids();
        if asks { Ok(sbom) } else { Err(fields.combination(Combination::Empty)) }
    }

    /// Whether something must not be in it.
    pub(crate) fn forbids(&self) -> bool {
        !self.banned.is_empty() || self.licences.is_some()
    }
}

impl Ban {
    fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let text = at.text()?;
        let expected = "a package URL such as pkg:npm/axios@1.14.1, or with a range in an order that is known: pkg:npm/axios@<1.15";
        if !PurlRange::is_written(text) {
            return text.parse().map(Self::Package).map_err(|_| at.expected(expected));
        }
        let range: PurlRange = text.parse().map_err(|_| at.expected(expected))?;
        // What cannot be compared would never be found.
        if range.needs_order() && !range.has_order() {
            return Err(at.expected(expected));
        }
        Ok(Self::Range(Box::new(range)))
    }

    /// Returns whether a component is it. A version that does not compare is not known to be another one.
    pub(crate) fn fits(&self, component: &Purl) -> Match {
        match self {
            Self::Package(package) if package.includes(component) => Match::Yes,
            Self::Package(_) => Match::No,
            Self::Range(range) => range.matches(component),
        }
    }

    /// Whether a component without a package URL is called as it is: by its whole name, or by the last part of it alone.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let package = match self {
            Self::Package(package) => package,
            Self::Range(range) => range.package(),
        };
        let whole = match package.namespace() {
            Some(namespace) => format!("{namespace}/{}", package.name()),
            None => package.name().into_owned(),
        };
        name.eq_ignore_ascii_case(&whole) || name.eq_ignore_ascii_case(&package.name())
    }
}

impl std::fmt::Display for Ban {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Package(package) => write!(f, "{package}"),
            Self::Range(range) => write!(f, "{range}"),
        }
    }
}

impl Licences {
    fn read(at: &At<'_>) -> Result<Self, LoadError> {
        let fields = at.fields(&["allow", "deny"])?;
        let ids = |at: At<'_>| at.filled_list()?.iter().map(id).collect::<Result<Vec<_>, _>>();
        let licences = Self {
            allow: fields.may("allow", ids)?.unwrap_or_default(),
            deny: fields.may("deny", ids)?.unwrap_or_default(),
        };
        let asks = !licences.allow.is_empty() || !licences.deny.is_empty();
        if asks { Ok(licences) } else { Err(fields.combination(Combination::Empty)) }
    }
}

fn id(at: &At<'_>) -> Result<LicenceId, LoadError> {
    LicenceId::parse(at.text()?).ok_or_else(|| {
        at.expected("the id of a licence, such as Apache-2.0 or GPL-2.0-only WITH Classpath-exception-2.0")
    })
}
