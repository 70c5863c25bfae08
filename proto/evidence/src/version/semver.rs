//! Semantic Versioning 2.0.0 (semver.org), as Cargo uses it. Go, npm and `NuGet` build on it.

use std::cmp::Ordering;

use super::number::Number;

/// Three numbers and a pre-release. Build metadata must have its form, and is dropped: it has no part in the order
/// (item 10).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SemVer {
    numbers: [Number; 3],
    pre: PreRelease,
}

/// The identifiers of a pre-release; none for a release, which comes after all of them (item 11.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PreRelease(Vec<Identifier>);

/// Numbers come before words, and words are in the order of ASCII (item 11.4).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identifier {
    Number(Number),
    Word(Box<str>),
}

impl SemVer {
    /// Reads a whole version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (numbers, pre) = cut(text)?;
        let mut numbers = numbers.split('.').map(Number::canonical);
        let version = [numbers.next()??, numbers.next()??, numbers.next()??];
        let pre = PreRelease::parse(pre, identifier)?;
        numbers.next().is_none().then_some(Self { numbers: version, pre })
    }

    /// Reads `1` and `1.15`, where what is left out is zero; none for anything else, whole versions too.
    pub(super) fn parse_short(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(Number::canonical);
        let major = numbers.next()??;
        let minor = numbers.next().unwrap_or_else(|| Some(Number::default()))?;
        let version = Self { numbers: [major, minor, Number::default()], pre: PreRelease(Vec::new()) };
        numbers.next().is_none().then_some(version)
    }
}

impl PreRelease {
    /// Reads what stands behind the hyphen; none of it is a release.
    pub(super) fn parse(text: Option<&str>, read: fn(&str) -> Option<Identifier>) -> Option<Self> {
        let identifiers = text.into_iter().flat_map(|text| text.split('.'));
        identifiers.map(read).collect::<Option<_>>().map(Self)
    }
}

impl Ord for PreRelease {
    fn cmp(&self, other: &Self) -> Ordering {
        // With equal identifiers in front, more of them come later (item 11.4.4).
        self.0.is_empty().cmp(&other.0.is_empty()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for PreRelease {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Cuts a version into its numbers and its pre-release; none if its build metadata does not have its form.
pub(super) fn cut(text: &str) -> Option<(&str, Option<&str>)> {
    let text = match text.split_once('+') {
        None => text,
        Some((text, build)) if build.split('.').all(is_identifier) => text,
        Some(_) => return None,
    };
    Some(text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre))))
}

/// Whether text is made of ASCII letters, digits and hyphens.
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn identifier(text: &str) -> Option<Identifier> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Number::canonical(text).map(Identifier::Number);
    }
    is_identifier(text).then(|| Identifier::Word(text.into()))
}
