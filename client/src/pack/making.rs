//! [`Making`]: a pack that is put together entry by entry.
//!
//! The answer stands first, and is known last: what the chain lacks follows from all entries. So the entries go to a file of
//! their own as they come, and from there behind the answer. No more than one of them is held.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};

use custody_log::LeafIndex;

use super::{Answer, END, PACK_BYTES_MAX, PACK_ENTRIES_MAX, PackError, PackedEntry, Reader, head};
use crate::trust::TrustFile;

/// Entries of a pack whose answer is not known yet.
#[derive(Debug)]
pub struct Making {
    entries: File,
    /// Where each stands in the file: its offset and length.
    places: BTreeMap<LeafIndex, (u64, u64)>,
    pub(super) length: u64,
}

/// Why there is no pack.
#[derive(Debug, thiserror::Error)]
pub enum MakingError {
    /// It would be none that can be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The file of the entries cannot be written or read.
    #[error("a file for the entries: {0}")]
    Entries(io::Error),
    /// The pack cannot be written.
    #[error("{0}")]
    Write(io::Error),
}

impl Making {
    /// Begins a pack whose entries go to this file, which is empty and nobody else's.
    #[must_use]
    pub const fn new(entries: File) -> Self {
        Self { entries, places: BTreeMap::new(), length: 0 }
    }

    /// Adds an entry, in any order; one that is there already is left out.
    pub fn add(&mut self, entry: &PackedEntry) -> Result<(), MakingError> {
        let index = entry.unverified().index;
        if self.places.contains_key(&index) {
            return Ok(());
        }
        if self.places.len() == PACK_ENTRIES_MAX {
            let (at, what) = (self.offset(), "entries");
            return Err(PackError::TooMany { at, what, max: PACK_ENTRIES_MAX }.into());
        }
        let mut bytes = Vec::new();
        entry.encode_to(&mut bytes);
        let end = bytes.len();
        bytes.extend_from_slice(END);
        // What is written can be read.
        let mut reader = Reader { rest: &bytes, at: self.offset() };
        reader.entry(None)?;
        reader.end()?;
        bytes.truncate(end);
        let length = u64::try_from(end).unwrap_or(u64::MAX);
        self.places.insert(index, (self.length, length));
        self.length = self.length.saturating_add(length);
        whole(self.length)?;
        self.entries.write_all(&bytes).map_err(MakingError::Entries)
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Writes the pack: the answer, all administrative entries of the log, and the entries in its order. Returns how many
    /// bytes it has. Nothing is written of a pack that would be too large.
    pub fn write(
        mut self,
        answer: &Answer,
        trust: &TrustFile,
        out: &mut impl Write,
    ) -> Result<u64, MakingError> {
        let (answer, trust) = (answer.encode(), trust.encode());
        Answer::decode(&answer).map_err(PackError::from)?;
        TrustFile::decode(&trust).map_err(PackError::from)?;
        let head = head(&answer, &trust);
        Reader::of(&head)?.head()?;
        let around = u64::try_from(head.len().saturating_add(END.len())).unwrap_or(u64::MAX);
        let length = around.saturating_add(self.length);
        whole(length)?;
        out.write_all(&head).map_err(MakingError::Write)?;
        for (offset, length) in self.places.values() {
            self.entries.seek(SeekFrom::Start(*offset)).map_err(MakingError::Entries)?;
            let copied = io::copy(&mut (&self.entries).take(*length), out).map_err(MakingError::Write)?;
            if copied < *length {
                return Err(MakingError::Entries(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        out.write_all(END).and_then(|()| out.flush()).map_err(MakingError::Write)?;
        Ok(length)
    }

    fn offset(&self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }
}

/// Refuses a pack that is larger than one may be.
fn whole(length: u64) -> Result<(), PackError> {
    if length > PACK_BYTES_MAX {
        return Err(PackError::TooLarge { at: 0, name: "pack", max: PACK_BYTES_MAX, found: length });
    }
    Ok(())
}
