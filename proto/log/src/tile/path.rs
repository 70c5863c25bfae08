//! Names of tiles and entry bundles.

use crate::position::{TreeSize, decimal};

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileKind {
    /// Entries.
    Entries,
    /// Hashes; each covers 256^level leaves.
    Hashes {
        /// 0 to 7: eight levels of 256 are all that 2^63 leaves need.
        level: u8,
    },
}

/// The path of a tile: what it holds, which one it is, and how many it holds.
///
/// ```text
/// tile/0/x001/x234/067          hash tile 1,234,067 of level 0: 256 hashes
/// tile/1/000.p/12               the first 12 hashes of tile 0 of level 1
/// tile/entries/x001/x234/067    entries 315,921,152 to 315,921,407
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TilePath {
    kind: TileKind,
    number: u64,
    width: u16,
}

/// Why a text or numbers are not the path of a tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TilePathError {
    /// Not written as tile paths are.
    #[error("expected a path like tile/0/x001/067.p/12, found {found:?}")]
    Form {
        /// The text, cut to 80 characters.
        found: String,
    },
    /// No tree is that large.
    #[error("tile {number} of level {level} lies beyond the largest tree")]
    Beyond {
        /// The level.
        level: u8,
        /// The tile's number.
        number: u64,
    },
    /// A tile holds 1 to 256 hashes or entries.
    #[error("a tile holds 1 to 256, found {found}")]
    Width {
        /// The width given.
        found: u64,
    },
}

impl TilePath {
    /// How many hashes or entries a full tile holds.
    pub const FULL_WIDTH: u64 = 256;

    /// Checks that a tree can have this tile.
    pub fn new(kind: TileKind, number: u64, width: u64) -> Result<Self, TilePathError> {
        let level = kind.level();
        let beyond = TilePathError::Beyond { level, number };
        if !(1..=Self::FULL_WIDTH).contains(&width) {
            return Err(TilePathError::Width { found: width });
        }
        let end = number.checked_mul(Self::FULL_WIDTH).and_then(|first| first.checked_add(width));
        if level > 7 || end.is_none_or(|end| end > last_size() >> (8 * u32::from(level))) {
            return Err(beyond);
        }
        Ok(Self { kind, number, width: u16::try_from(width).map_err(|_| beyond)? })
    }

    /// Returns the tile that holds hash `index` of a level, as wide as a tree of this size makes it; none if
    /// the tree has no such hash.
    #[must_use]
    pub fn of_hash(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        Self::holding(TileKind::Hashes { level }, index, size)
    }

    /// Returns the bundle that holds an entry, as wide as a tree of this size makes it; none if the tree has no
    /// such entry.
    #[must_use]
    pub fn of_entry(index: u64, size: TreeSize) -> Option<Self> {
        Self::holding(TileKind::Entries, index, size)
    }

    fn holding(kind: TileKind, index: u64, size: TreeSize) -> Option<Self> {
        let hashes = size.get().checked_shr(8 * u32::from(kind.level()))?;
        if index >= hashes {
            return None;
        }
        let number = index / Self::FULL_WIDTH;
        let width = Self::FULL_WIDTH.min(hashes - number * Self::FULL_WIDTH);
        Self::new(kind, number, width).ok()
    }

    /// Returns the hash tiles that a tree of size `new` has and one of size `old` did not, in order of level
    /// and number: what must be written before a checkpoint of size `new` is published.
    pub fn grown(old: TreeSize, new: TreeSize) -> impl Iterator<Item = Self> {
        (0..8).flat_map(move |level| Self::grown_of(TileKind::Hashes { level }, old, new))
    }

    /// Returns the entry bundles that a tree of size `new` has and one of size `old` did not.
    pub fn grown_bundles(old: TreeSize, new: TreeSize) -> impl Iterator<Item = Self> {
        Self::grown_of(TileKind::Entries, old, new)
    }

    fn grown_of(kind: TileKind, old: TreeSize, new: TreeSize) -> impl Iterator<Item = Self> {
        let shift = 8 * u32::from(kind.level());
        let (old, new) = (old.get() >> shift, new.get() >> shift);
        let numbers = if old < new { old / Self::FULL_WIDTH..new.div_ceil(Self::FULL_WIDTH) } else { 0..0 };
        numbers.filter_map(move |number| {
            Self::new(kind, number, Self::FULL_WIDTH.min(new - number * Self::FULL_WIDTH)).ok()
        })
    }

    /// Returns what the tile holds.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Returns which tile of its level this is, from 0.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Returns how many hashes or entries the tile holds, 1 to 256.
    #[must_use]
    pub fn width(&self) -> usize {
        usize::from(self.width)
    }

    /// Returns one more than the index, on the tile's level, of the last hash or entry that it holds.
    #[must_use]
    pub fn end(&self) -> u64 {
        // `new` checked that it is below 2^63.
        self.number * Self::FULL_WIDTH + u64::from(self.width)
    }

    /// Whether the tile holds fewer than 256, and so is replaced when the tree grows.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        u64::from(self.width) < Self::FULL_WIDTH
    }

    /// Returns the full tile in this place: what to fetch when the partial one is gone.
    #[must_use]
    pub fn full(&self) -> Option<Self> {
        Self::new(self.kind, self.number, Self::FULL_WIDTH).ok()
    }

    /// Returns the index of the tile's first hash or entry within its level.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.number * Self::FULL_WIDTH
    }
}

impl TileKind {
    /// Returns the level whose positions the tile's numbers count: bundles count as level 0.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::Entries => 0,
            Self::Hashes { level } => level,
        }
    }
}

const fn last_size() -> u64 {
    i64::MAX.unsigned_abs()
}

/// Parses a path without a leading slash.
impl std::str::FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, TilePathError> {
        let form = || TilePathError::Form { found: text.chars().take(80).collect() };
        let (kind, rest) = text.strip_prefix("tile/").and_then(|t| t.split_once('/')).ok_or_else(form)?;
        let kind = match kind {
            "entries" => TileKind::Entries,
            level => {
                let level = decimal(level).ok().and_then(|level| u8::try_from(level).ok());
                TileKind::Hashes { level: level.ok_or_else(form)? }
            }
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, decimal(width).map_err(|_| form())?),
            None => (rest, Self::FULL_WIDTH),
        };
        let path = Self::new(kind, parse_number(number).ok_or_else(form)?, width)?;
        // One path, one spelling: no needless groups, no full width written as a partial one.
        if path.to_string() == text { Ok(path) } else { Err(form()) }
    }
}

/// Reads groups of three digits, all but the last with an `x` before them.
fn parse_number(text: &str) -> Option<u64> {
    // 2^63 / 256 has 17 digits: six groups, 28 characters with their x and slashes.
    if text.len() > 28 {
        return None;
    }
    text.split('/').try_fold(0_u64, |number, group| {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let three = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
        let group: u64 = three.then(|| digits.parse().ok())??;
        number.checked_mul(1000)?.checked_add(group)
    })
}

impl std::fmt::Display for TilePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            TileKind::Entries => write!(f, "tile/entries")?,
            TileKind::Hashes { level } => write!(f, "tile/{level}")?,
        }
        let mut groups = vec![format!("/{:03}", self.number % 1000)];
        let mut rest = self.number / 1000;
        while rest > 0 {
            groups.push(format!("/x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.iter().rev().try_for_each(|group| f.write_str(group))?;
        if self.is_partial() { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}
