//! The database: the only file that knows sled, and its rules.
//!
//! sled 0.34.7 with a small cache (its default is 1 GiB, and real use is a multiple), its flusher on (it also reclaims
//! space), no `flush_async` (it can deadlock), values of at most 4 KB (larger ones it keeps in files that it never syncs), and
//! no reliance on scans being isolated: pieces of a run are written before the manifest names it, and are never changed.
//! A batch stops every reader of the process while it is applied: only the manifest is changed by one.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::IndexError;
use super::keys::Row;
use super::manifest::{self, Kept, Record};
use super::piece::{self, Kind};

/// The key of the header.
const HEADER: &[u8] = b"h";
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// sled's flusher runs this often; what a killed process loses is made again.
const FLUSH_EVERY_MS: u64 = 500;

/// The database of one index directory.
#[derive(Debug)]
pub(crate) struct Database {
    db: sled::Db,
    dir: PathBuf,
    /// The number of the next run.
    next_run: AtomicU64,
}

/// A piece as it was found: where it starts, and its value, which is not checked.
#[derive(Debug)]
pub(crate) struct Found {
    key: sled::IVec,
    value: sled::IVec,
}

impl Found {
    /// Returns where the piece starts, where it ends and its payload; none if it is not as it was written.
    pub(crate) fn read(&self) -> Option<(Row, Row, &[u8])> {
        let (end, payload) = piece::read(&self.key, &self.value)?;
        Some((piece::first_of(&self.key)?, end, payload))
    }
}

impl Database {
    /// Opens or creates the database in `dir`; none if it is damaged.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>, IndexError> {
        if torn_snapshot(dir)? {
            return Ok(None);
        }
        let config =
            sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_EVERY_MS));
        // On some damaged files sled panics instead of returning an error.
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => Ok(Some(Self { db, dir: dir.to_owned(), next_run: AtomicU64::new(0) })),
            Ok(Err(sled::Error::Io(source))) if !damage(&source) => {
                Err(IndexError::File { path: dir.to_owned(), source })
            }
            Ok(Err(_)) | Err(_) => Ok(None),
        }
    }

    /// Removes the database with everything in it.
    pub(crate) fn discard(dir: &Path) -> Result<(), IndexError> {
        match fs::remove_dir_all(dir) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(IndexError::File { path: dir.to_owned(), source })
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    pub(crate) fn header(&self) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.db.get(HEADER).map_err(IndexError::Database)?.map(|value| value.to_vec()))
    }

    pub(crate) fn put_header(&self, header: Vec<u8>) -> Result<(), IndexError> {
        self.db.insert(HEADER, header).map(drop).map_err(IndexError::Database)
    }

    /// Returns the rows of the manifest in order.
    pub(crate) fn records(&self) -> Result<Vec<Kept>, IndexError> {
        let rows = self.db.scan_prefix(manifest::keys());
        rows.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(IndexError::Database))
            .collect()
    }

    /// Changes which runs count, all at once. The pieces of those that are added were written before.
    pub(crate) fn switch(&self, added: &[Record], removed: &[Record]) -> Result<(), IndexError> {
        let mut batch = sled::Batch::default();
        for record in removed {
            batch.remove(record.key());
        }
        // Last: a run that is made again has the key of the one before it.
        for record in added {
            batch.insert(record.key(), record.value());
        }
        self.db.apply_batch(batch).map_err(IndexError::Database)
    }

    /// Returns a number that no run in the database has.
    pub(crate) fn new_run(&self) -> u64 {
        self.next_run.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the numbers of all runs that have pieces; later runs get higher ones.
    pub(crate) fn runs(&self) -> Result<Vec<u64>, IndexError> {
        let mut runs = Vec::new();
        let mut from = piece::keys_of(0);
        while let Some(found) = self.db.range(from..).next() {
            let (key, _) = found.map_err(IndexError::Database)?;
            let Some(run) = piece::run_of(&key) else { break };
            runs.push(run);
            let Some(next) = run.checked_add(1) else { break };
            from = piece::keys_of(next);
        }
        if let Some(last) = runs.last() {
            self.pass(*last);
        }
        Ok(runs)
    }

    /// Sees to it that later runs get higher numbers than this one.
    pub(crate) fn pass(&self, run: u64) {
        self.next_run.fetch_max(run.saturating_add(1), Ordering::Relaxed);
    }

    /// Writes one piece, which answers for the rows from `first` on and below `end`.
    pub(crate) fn put(
        &self,
        run: u64,
        kind: Kind,
        (first, end): (&Row, &Row),
        payload: &[u8],
    ) -> Result<(), IndexError> {
        let key = piece::key(run, kind, first);
        let value = piece::value(&key, end, payload);
        self.db.insert(key, value).map(drop).map_err(IndexError::Database)
    }

    /// Returns the last piece of a run that starts at a row or before it.
    pub(crate) fn piece_at(&self, run: u64, kind: Kind, row: &Row) -> Result<Option<Found>, IndexError> {
        let range = piece::key(run, kind, &Row::MIN)..=piece::key(run, kind, row);
        found(self.db.range(range).next_back())
    }

    /// Returns the last piece of a run that starts before a row.
    pub(crate) fn piece_before(&self, run: u64, kind: Kind, row: &Row) -> Result<Option<Found>, IndexError> {
        let range = piece::key(run, kind, &Row::MIN)..piece::key(run, kind, row);
        found(self.db.range(range).next_back())
    }

    /// Removes at most `at_most` pieces of a run; returns whether some may be left.
    pub(crate) fn remove_some(&self, run: u64, at_most: usize) -> Result<bool, IndexError> {
        let keys = self.db.scan_prefix(piece::keys_of(run)).keys().take(at_most);
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(IndexError::Database)?;
        let count = keys.len();
        for key in keys {
            self.db.remove(key).map_err(IndexError::Database)?;
        }
        Ok(count == at_most)
    }

    /// Writes everything out, so that the directory is complete when the power goes.
    pub(crate) fn close(self) -> Result<(), IndexError> {
        let Self { db, dir, .. } = self;
        db.flush().map_err(IndexError::Database)?;
        drop(db);
        // sled never syncs its configuration, nor the directory.
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        for path in [dir.join("db"), dir.join("conf"), dir.clone()] {
            sync(&path).map_err(|source| IndexError::File { path: path.clone(), source })?;
        }
        Ok(())
    }
}

fn found(row: Option<sled::Result<(sled::IVec, sled::IVec)>>) -> Result<Option<Found>, IndexError> {
    let row = row.transpose().map_err(IndexError::Database)?;
    Ok(row.map(|(key, value)| Found { key, value }))
}

/// A snapshot that was being written when the process died: sled would take it for the newest and refuse.
fn torn_snapshot(dir: &Path) -> Result<bool, IndexError> {
    let files = match fs::read_dir(dir) {
        Ok(files) => files,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(IndexError::File { path: dir.to_owned(), source }),
    };
    for file in files {
        let file = file.map_err(|source| IndexError::File { path: dir.to_owned(), source })?;
        if file.file_name().to_string_lossy().ends_with(".generating") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an I/O error speaks of what is in the files and not of reaching them.
fn damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
}

/// What tests do to the rows themselves.
#[cfg(test)]
impl Database {
    /// Hands everything to the kernel, as the flusher does.
    pub(crate) fn flush(&self) {
        self.db.flush().unwrap();
    }

    /// Returns all pieces in order.
    pub(crate) fn pieces(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = self.db.iter().map(Result::unwrap).map(|(key, value)| (key.to_vec(), value.to_vec()));
        rows.filter(|(key, _)| piece::run_of(key).is_some()).collect()
    }

    /// Puts any value in the place of a piece, or none.
    pub(crate) fn spoil(&self, key: &[u8], value: Option<&[u8]>) {
        match value {
            Some(value) => drop(self.db.insert(key, value).unwrap()),
            None => drop(self.db.remove(key).unwrap()),
        }
    }
}
