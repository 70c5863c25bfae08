//! Positions and sizes: two types, because an index is one less than the size that contains it.
//!
//! Both are at most 2^63-1: Sigstore's messages carry them as signed 64-bit integers.

/// A number that cannot be a position or a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// Above 2^63-1.
    #[error("{found} is above the largest position, {}", i64::MAX)]
    TooLarge {
        /// The number.
        found: u64,
    },
    /// Not a decimal number without leading zeros and sign.
    #[error("expected a decimal number without leading zeros, found {found:?}")]
    NotDecimal {
        /// The text, cut to 40 characters.
        found: String,
    },
}

const MAX: u64 = i64::MAX.unsigned_abs();

/// The 0-based position of an entry in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(u64);

/// How many entries a tree has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(u64);

impl LeafIndex {
    /// The first entry.
    pub const ZERO: Self = Self(0);

    /// The largest position; no log gets there.
    pub const LAST: Self = Self(MAX - 1);

    /// Checks the upper bound.
    pub fn new(index: u64) -> Result<Self, PositionError> {
        bounded(index).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the size of the smallest tree that contains this entry.
    #[must_use]
    pub const fn size_through(self) -> TreeSize {
        TreeSize::clamped(self.0 + 1)
    }

    /// Returns the next position; the largest stays (no log gets there).
    #[must_use]
    pub const fn next(self) -> Self {
        TreeSize::clamped(self.0 + 1).next_index()
    }
}

impl TreeSize {
    /// The empty tree.
    pub const ZERO: Self = Self(0);

    /// Checks the upper bound.
    pub fn new(size: u64) -> Result<Self, PositionError> {
        bounded(size).map(Self)
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the size, or the largest there is.
    pub(crate) const fn clamped(size: u64) -> Self {
        if size > MAX { Self(MAX) } else { Self(size) }
    }

    /// Whether the tree has an entry at this position.
    #[must_use]
    pub const fn contains(self, index: LeafIndex) -> bool {
        index.0 < self.0
    }

    /// Returns the position that the next entry gets.
    #[must_use]
    pub const fn next_index(self) -> LeafIndex {
        LeafIndex(self.0)
    }

    /// Returns the position of the last entry; none in the empty tree.
    #[must_use]
    pub fn last_index(self) -> Option<LeafIndex> {
        self.0.checked_sub(1).map(LeafIndex)
    }
}

impl std::fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for TreeSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Parses decimal digits without sign or leading zeros.
impl std::str::FromStr for LeafIndex {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        decimal(text).and_then(Self::new)
    }
}

/// Parses decimal digits without sign or leading zeros.
impl std::str::FromStr for TreeSize {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        decimal(text).and_then(Self::new)
    }
}

fn bounded(number: u64) -> Result<u64, PositionError> {
    if number > MAX { Err(PositionError::TooLarge { found: number }) } else { Ok(number) }
}

/// Parses decimal digits strictly: what is written back is the same text.
pub(crate) fn decimal(text: &str) -> Result<u64, PositionError> {
    let refused = || PositionError::NotDecimal { found: text.chars().take(40).collect() };
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if text.is_empty() || leading_zero || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

#[cfg(test)]
mod tests;
