//! Package URLs (purl, ECMA-427), in the one text in which they are compared.
//!
//! Parsing, the rules of each package type, and the canonical text come from the crate `packageurl`. Custody adds a
//! limit, refuses control characters, and keeps only the canonical text.

use std::fmt;
use std::str::FromStr;

use packageurl::PackageUrl;

/// A package URL in its canonical text: lower-case type, sorted qualifiers, colon not encoded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Purl {
    text: String,
    versionless: String,
    version: Option<String>,
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
    #[error("{found:?} is not a package URL: {why}")]
    Form {
        /// The text, cut to 80 characters.
        found: String,
        /// What the parser says.
        why: String,
    },
}

impl Purl {
    /// The longest package URL that is read: npm names have at most 214 characters and file names at most 255, so this
    /// is room for several of them percent-encoded, with a digest and a download URL.
    pub const MAX_LEN: usize = 2048;

    /// Returns the canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns type, namespace and name alone: what versions of one package have in common. Qualifiers and subpath
    /// are dropped too, so that a package is found whatever its architecture or distribution.
    #[must_use]
    pub fn versionless(&self) -> &str {
        &self.versionless
    }

    /// Returns the version, decoded; none if there is none.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether a package is one of those that this names: the same type, namespace and name and, where this has a
    /// version, the same version. Qualifiers and subpath are not compared: whoever asks for a version means it with
    /// each architecture, distribution and folder.
    #[must_use]
    pub fn includes(&self, package: &Self) -> bool {
        package.versionless == self.versionless && (self.version.is_none() || package.version == self.version)
    }

    /// Returns the package type, such as `npm`: what says how versions are ordered.
    #[must_use]
    pub fn package_type(&self) -> &str {
        let rest = self.text.strip_prefix("pkg:").unwrap_or_default();
        rest.split('/').next().unwrap_or_default()
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        if text.len() > Self::MAX_LEN {
            return Err(PurlError::TooLong { found: text.len() });
        }
        let form = |why: packageurl::Error| PurlError::Form { found: cut(text), why: why.to_string() };
        let mut parsed = PackageUrl::from_str(text).map_err(form)?;
        if controls(&parsed) {
            return Err(PurlError::Control { found: cut(text) });
        }
        let canonical = parsed.to_string();
        if canonical.len() > Self::MAX_LEN {
            return Err(PurlError::TooLong { found: canonical.len() });
        }
        // The canonical text must be a fixed point, or one package could have two names.
        if PackageUrl::from_str(&canonical).map_err(form)?.to_string() != canonical {
            return Err(PurlError::Form { found: cut(text), why: "it has no canonical form".to_owned() });
        }
        let version = parsed.version().filter(|version| !version.is_empty()).map(str::to_owned);
        parsed.without_version().without_subpath().clear_qualifiers();
        Ok(Self { text: canonical, versionless: parsed.to_string(), version })
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

fn controls(purl: &PackageUrl<'_>) -> bool {
    let parts = [purl.namespace(), Some(purl.name()), purl.version(), purl.subpath()];
    let qualifiers = purl.qualifiers().values().map(AsRef::as_ref);
    parts.into_iter().flatten().chain(qualifiers).any(|part| part.chars().any(char::is_control))
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_package_has_one_text() {
        for (written, canonical) in [
            ("pkg:npm/axios@1.14.1", "pkg:npm/axios@1.14.1"),
            ("pkg:NPM/%40babel/core@7", "pkg:npm/%40babel/core@7"),
            ("pkg:npm/@babel/core@7", "pkg:npm/%40babel/core@7"),
            ("pkg:oci/app@sha256%3Aabcd?tag=1&arch=amd64", "pkg:oci/app@sha256:abcd?arch=amd64&tag=1"),
            ("pkg:pypi/Django_Rest@1", "pkg:pypi/django-rest@1"),
            ("pkg:golang/github.com/Acme/api@v1.0.0", "pkg:golang/github.com/acme/api@v1.0.0"),
        ] {
            let purl: Purl = written.parse().unwrap();
            assert_eq!(purl.as_str(), canonical);
            assert_eq!(canonical.parse::<Purl>().unwrap(), purl);
        }
    }

    #[test]
    fn versionless_keeps_type_namespace_and_name() {
        let purl: Purl = "pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie#sub".parse().unwrap();
        assert_eq!(purl.versionless(), "pkg:deb/debian/curl");
        assert_eq!((purl.version(), purl.package_type()), (Some("7.50.3-1"), "deb"));
    }

    #[test]
    fn a_package_is_included_by_its_version_and_by_no_version_whatever_else_it_names() {
        let asked = |text: &str, package: &str| {
            text.parse::<Purl>().unwrap().includes(&package.parse::<Purl>().unwrap())
        };
        for package in [
            "pkg:golang/example.com/net@1.4.0",
            "pkg:golang/example.com/net@1.4.0#http2",
            "pkg:golang/example.com/net@1.4.0?os=linux",
            "pkg:golang/example.com/net@1.4.0?os=linux#http2",
        ] {
            assert!(asked("pkg:golang/example.com/net@1.4.0", package), "{package}");
            assert!(asked("pkg:golang/example.com/net@1.4.0?os=windows#html", package), "{package}");
            assert!(asked("pkg:golang/example.com/net", package), "{package}");
        }
        for other in [
            "pkg:golang/example.com/net",
            "pkg:golang/example.com/net@1.4.01",
            "pkg:golang/example.com/net@1.4.0-rc1",
            "pkg:golang/example.com/net%23http2@1.4.0",
            "pkg:golang/example.com/net/http2@1.4.0",
            "pkg:golang/example.org/net@1.4.0",
            "pkg:npm/net@1.4.0",
        ] {
            assert!(!asked("pkg:golang/example.com/net@1.4.0", other), "{other}");
        }
    }

    #[test]
    fn refuses_what_is_no_package() {
        let long = format!("pkg:npm/{}", "a".repeat(Purl::MAX_LEN));
        let grows = format!("pkg:npm/{}", "\u{e9}".repeat(Purl::MAX_LEN / 2 - 10));
        for text in [
            "",
            "axios",
            "pkg:",
            "pkg:npm",
            "pkg:npm/",
            "npm/axios",
            "pkg:n pm/a",
            "pkg:npm/a%00b",
            "pkg:npm/%ff",
        ] {
            assert!(text.parse::<Purl>().is_err(), "{text:?}");
        }
        assert!(matches!(long.parse::<Purl>(), Err(PurlError::TooLong { .. })));
        assert!(matches!(grows.parse::<Purl>(), Err(PurlError::TooLong { .. })));
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics_and_canonical_text_is_a_fixed_point(text in "(pkg:)?[a-zA-Z@/?&=#%:.+\u{e9}\u{0}0-9-]{0,60}") {
            if let Ok(purl) = text.parse::<Purl>() {
                prop_assert_eq!(purl.as_str().parse::<Purl>().unwrap(), purl);
            }
        }
    }
}
