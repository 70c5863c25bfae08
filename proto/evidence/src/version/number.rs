//! Numbers of any size: versions hold dates, build counters and hashes that no machine word holds.

use std::cmp::Ordering;

/// A number as its decimal digits, without zeros in front; zero is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Number(Box<str>);

impl Number {
    /// Reads one or more ASCII digits; none if there is anything else.
    pub(super) fn parse(digits: &str) -> Option<Self> {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self(digits.trim_start_matches('0').into()))
    }

    /// Reads a number that is written in its one form, as Semantic Versioning wants it: no zeros in front.
    pub(super) fn canonical(digits: &str) -> Option<Self> {
        Self::parse(digits).filter(|_| digits == "0" || !digits.starts_with('0'))
    }

    pub(super) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        // Without zeros in front, more digits are a larger number.
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Cuts text where the digits in front of it end.
pub(super) fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}
