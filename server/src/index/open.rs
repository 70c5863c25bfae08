//! Opening the database of an index: whether what is there can be used, and an empty one where it cannot.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use custody_evidence::fact::READER_VERSION;
use custody_log::{EntryDigest, LeafIndex, TreeSize};

use super::database::Database;
use super::error::IndexError;
use super::hands::Hands;
use super::keys;
use super::manifest::{self, Named, Part, Record};
use super::source::Source;
use super::span::Shape;
use super::state::{Belief, StateFile};

/// The file that is written to see whether the disk takes what an open writes.
pub(super) const ROOM: &str = "room";

/// The database of an index directory, marked as in use.
pub(super) struct Opened {
    pub(super) database: Arc<Database>,
    pub(super) state: StateFile,
    /// The runs of the entry index.
    pub(super) entries: Vec<Record>,
    /// The runs of the facts index.
    pub(super) facts: Vec<Record>,
    /// Runs that do not count: a process that died was about to write or to remove them.
    pub(super) garbage: Vec<u64>,
    /// Keeps other processes out for as long as it is held.
    pub(super) lock: File,
}

/// Opens the index in `dir`, or an empty one if `discard` says so or what is there is in doubt.
pub(super) fn open(
    shape: Shape,
    dir: &Path,
    source: &dyn Source,
    discard: bool,
) -> Result<Opened, IndexError> {
    fs::create_dir_all(dir).map_err(|source| IndexError::File { path: dir.to_owned(), source })?;
    let lock = lock(dir)?;
    let state = StateFile::new(dir);
    // Left by a process that died while it tried whether the disk has room. It is written over, too.
    let _none = fs::remove_file(dir.join(ROOM));
    let database = dir.join("sled");
    if source.size() == TreeSize::ZERO {
        return Err(IndexError::Empty);
    }
    if discard || state.belief()? == Belief::Doubtful {
        // Said first: a half-removed database must not be believed either.
        state.mark_doubtful()?;
        Database::discard(&database)?;
    }
    state.mark_open()?;
    let hands = Arc::default();
    let Usable { database, entries, facts, garbage } = match usable(shape, &hands, &database, source)? {
        Some(usable) => usable,
        None => emptied(shape, &hands, &database, source)?,
    };
    let (entries, facts) = (entries.counting, facts.counting);
    Ok(Opened { database, state, entries, facts, garbage, lock })
}

/// A database with the runs of both indexes, and the numbers of those that are of none.
pub(super) struct Usable {
    pub(super) database: Arc<Database>,
    pub(super) entries: Named,
    pub(super) facts: Named,
    pub(super) garbage: Vec<u64>,
}

/// Opens what is there; none if it is damaged or not an index of this journal by this reader.
fn usable(
    shape: Shape,
    hands: &Arc<Hands>,
    database: &Path,
    source: &dyn Source,
) -> Result<Option<Usable>, IndexError> {
    let Some(found) = found(shape, hands, database, source)? else { return Ok(None) };
    let fits = fits_journal(&found.entries, source)? && fits_journal(&found.facts, source)?;
    Ok(fits.then_some(found))
}

/// The same, by its header alone: for who knows himself which runs there are.
pub(super) fn found(
    shape: Shape,
    hands: &Arc<Hands>,
    database: &Path,
    source: &dyn Source,
) -> Result<Option<Usable>, IndexError> {
    let header = header_of(shape, source)?;
    let Some(database) = Database::open(hands, database)? else { return Ok(None) };
    let read = database.ask(|database| {
        let (found, records) = (database.header()?, database.records()?);
        Ok((found, records, database.runs()?))
    });
    let (found, records, numbers) = match read {
        Ok(read) => read,
        Err(IndexError::Database(_) | IndexError::Panicked { .. } | IndexError::Stuck { .. }) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if found.as_deref() != Some(header.as_slice()) {
        return Ok(None);
    }
    let runs = |part| manifest::runs(shape, part, &records);
    let (Some(entries), Some(facts)) = (runs(Part::Entries), runs(Part::Facts)) else { return Ok(None) };
    // A number that the manifest names is not given again, even if the pieces of that run are lost: what has it next would
    // be taken for them.
    entries.all().chain(facts.all()).for_each(|record| database.pass(record.run));
    let counts = |run: &u64| entries.counting.iter().chain(&facts.counting).any(|record| record.run == *run);
    let garbage = numbers.into_iter().filter(|run| !counts(run)).collect();
    Ok(Some(Usable { database, entries, facts, garbage }))
}

/// Throws away what is there, and makes an empty database.
pub(super) fn emptied(
    shape: Shape,
    hands: &Arc<Hands>,
    dir: &Path,
    source: &dyn Source,
) -> Result<Usable, IndexError> {
    let header = header_of(shape, source)?;
    Database::discard(dir)?;
    let database =
        Database::open(hands, dir)?.ok_or_else(|| IndexError::Unopened { path: dir.to_owned() })?;
    database.ask(move |database| database.put_header(header))?;
    Ok(Usable { database, entries: Named::default(), facts: Named::default(), garbage: Vec::new() })
}

/// Whether the journal has the entry that the last run ends with.
fn fits_journal(runs: &Named, source: &dyn Source) -> Result<bool, IndexError> {
    let Some((last, digest)) = manifest::last(&runs.counting) else { return Ok(true) };
    Ok(source.size().contains(last) && EntryDigest::of(&source.entry(last)?) == digest)
}

fn header_of(shape: Shape, source: &dyn Source) -> Result<Vec<u8>, IndexError> {
    let first = EntryDigest::of(&source.entry(LeafIndex::ZERO)?);
    Ok(keys::header(READER_VERSION, shape, &first))
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
