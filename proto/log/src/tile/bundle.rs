//! Entry bundles: each entry as its length in two bytes, big-endian, and its bytes.

/// The entries of one bundle, leftmost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryBundle(Vec<Vec<u8>>);

/// Why bytes are not a bundle, or entries cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The bytes end within an entry or its length.
    #[error("entry {at} of the bundle is cut short")]
    Cut {
        /// Which entry, from 0 at the bundle's start.
        at: usize,
    },
    /// More or fewer entries than the bundle's path says.
    #[error("expected a bundle of {expected} entries, found {found}")]
    Count {
        /// The width in the path.
        expected: usize,
        /// How many there are; counting stops at one too many.
        found: usize,
    },
    /// An entry whose length does not fit in two bytes.
    #[error("an entry in a bundle is at most 65535 bytes, found {found}")]
    TooLong {
        /// The entry's length.
        found: usize,
    },
}

impl EntryBundle {
    /// Takes the bytes of entries; refuses any longer than 65,535.
    pub fn new(entries: Vec<Vec<u8>>) -> Result<Self, BundleError> {
        match entries.iter().map(Vec::len).find(|length| u16::try_from(*length).is_err()) {
            Some(found) => Err(BundleError::TooLong { found }),
            None => Ok(Self(entries)),
        }
    }

    /// Reads the bytes of a bundle that holds `width` entries (see [`super::TilePath::width`]).
    pub fn decode(width: usize, bytes: &[u8]) -> Result<Self, BundleError> {
        let mut entries = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = entries.len();
            if at == width {
                return Err(BundleError::Count { expected: width, found: at + 1 });
            }
            let (length, after) = rest.split_first_chunk().ok_or(BundleError::Cut { at })?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, after) = after.split_at_checked(length).ok_or(BundleError::Cut { at })?;
            entries.push(entry.to_vec());
            rest = after;
        }
        if entries.len() == width {
            Ok(Self(entries))
        } else {
            Err(BundleError::Count { expected: width, found: entries.len() })
        }
    }

    /// Returns the bytes of the bundle.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entry in &self.0 {
            // `new` and `decode` let no longer entry in.
            out.extend_from_slice(&u16::try_from(entry.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.extend_from_slice(entry);
        }
        out
    }

    /// Returns the bytes of the entries, leftmost first.
    #[must_use]
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.0
    }
}
