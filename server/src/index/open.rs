//! Opening the database of an index: whether what is there can be used, and an empty one where it cannot.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use custody_evidence::fact::READER_VERSION;
use custody_log::{EntryDigest, LeafIndex, TreeSize};

use super::error::IndexError;
use super::keys::{self, Marker};
use super::rows::Rows;
use super::source::Source;
use super::state::{Belief, StateFile};

/// The database of an index directory, marked as in use.
pub(super) struct Opened {
    pub(super) rows: Rows,
    pub(super) state: StateFile,
    pub(super) entries: Marker,
    pub(super) facts: Marker,
    /// Keeps other processes out for as long as it is held.
    pub(super) lock: File,
}

/// Opens the index in `dir`, or an empty one if `discard` says so or what is there is in doubt.
pub(super) fn open(dir: &Path, source: &dyn Source, discard: bool) -> Result<Opened, IndexError> {
    fs::create_dir_all(dir).map_err(|source| IndexError::File { path: dir.to_owned(), source })?;
    let lock = lock(dir)?;
    let state = StateFile::new(dir);
    let database = dir.join("sled");
    let header = header_of(source)?;
    if discard || state.belief()? == Belief::Doubtful {
        // Said first: a half-removed database must not be believed either.
        state.mark_doubtful()?;
        Rows::discard(&database)?;
    }
    state.mark_open()?;
    let (rows, entries, facts) = match usable(&database, source, &header)? {
        Some(usable) => usable,
        None => fresh(&database, &header)?,
    };
    Ok(Opened { rows, state, entries, facts, lock })
}

/// Opens what is there; none if it is damaged or not an index of this journal by this reader.
fn usable(
    database: &Path,
    source: &dyn Source,
    header: &[u8],
) -> Result<Option<(Rows, Marker, Marker)>, IndexError> {
    let Some(rows) = Rows::open(database)? else { return Ok(None) };
    let read = |key| match rows.value(key) {
        Ok(value) => Ok(value),
        Err(IndexError::Database(_)) => Ok(None),
        Err(error) => Err(error),
    };
    if read(keys::HEADER)?.as_deref() != Some(header) {
        return Ok(None);
    }
    let marker = |key| read(key).map(|value| value.and_then(|value| Marker::decode(&value)));
    let (Some(entries), Some(facts)) = (marker(keys::ENTRIES_MARKER)?, marker(keys::FACTS_MARKER)?) else {
        return Ok(None);
    };
    let fits = covers_journal(entries, source)? && covers_journal(facts, source)?;
    Ok(fits.then_some((rows, entries, facts)))
}

/// Makes an empty index: the header is written last, so that a half-made one is not used.
fn fresh(database: &Path, header: &[u8]) -> Result<(Rows, Marker, Marker), IndexError> {
    Rows::discard(database)?;
    let rows = Rows::open(database)?.ok_or_else(|| IndexError::Unopened { path: database.to_owned() })?;
    rows.put(keys::ENTRIES_MARKER, Marker::EMPTY.encode())?;
    rows.put(keys::FACTS_MARKER, Marker::EMPTY.encode())?;
    rows.put(keys::HEADER, header.to_vec())?;
    Ok((rows, Marker::EMPTY, Marker::EMPTY))
}

/// Whether the journal has the entry that a marker says is the last one covered.
fn covers_journal(marker: Marker, source: &dyn Source) -> Result<bool, IndexError> {
    let Some(last) = marker.size.last_index() else { return Ok(marker == Marker::EMPTY) };
    if marker.size > source.size() {
        return Ok(false);
    }
    Ok(EntryDigest::of(&source.entry(last)?) == marker.last)
}

fn header_of(source: &dyn Source) -> Result<Vec<u8>, IndexError> {
    if source.size() == TreeSize::ZERO {
        return Err(IndexError::Empty);
    }
    let first = EntryDigest::of(&source.entry(LeafIndex::ZERO)?);
    Ok(keys::header(READER_VERSION, &first))
}

fn lock(dir: &Path) -> Result<File, IndexError> {
    let path = dir.join("lock");
    let file_error = |source| IndexError::File { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(file_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IndexError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(file_error(source)),
    }
}
