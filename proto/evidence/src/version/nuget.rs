//! Versions of `NuGet` (learn.microsoft.com/nuget, "Package versioning"): Semantic Versioning with up to four
//! numbers, zeros in front, and pre-releases that are compared without case.

use super::number::Number;
use super::semver::{Identifier, PreRelease, cut, is_identifier};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NuGet {
    numbers: [Number; 4],
    pre: PreRelease,
}

impl NuGet {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (numbers, pre) = cut(text)?;
        let mut numbers = numbers.split('.').map(Number::parse);
        let first = numbers.next()??;
        let mut next = || numbers.next().unwrap_or_else(|| Some(Number::default()));
        let version = [first, next()?, next()?, next()?];
        let pre = PreRelease::parse(pre, identifier)?;
        numbers.next().is_none().then_some(Self { numbers: version, pre })
    }
}

fn identifier(text: &str) -> Option<Identifier> {
    match Number::parse(text) {
        Some(number) => Some(Identifier::Number(number)),
        None => is_identifier(text).then(|| Identifier::Word(text.to_ascii_lowercase().into())),
    }
}
