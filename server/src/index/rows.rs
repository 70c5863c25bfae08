//! The database: the only file that knows sled, and its rules.
//!
//! sled 0.34.7 with a small cache (its default is 1 GiB, and real use is a multiple), its flusher on (it also
//! reclaims space), no `flush_async` (it can deadlock), batches of at most [`BATCH_KEYS_MAX`] keys (bigger
//! ones cost memory out of proportion), and no reliance on scans being isolated: readers are bounded by a tree
//! size that the marker already covers.

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use custody_log::{LeafIndex, TreeSize};

use super::error::IndexError;
use super::keys::{self, Prefix, SHORT_LEN};

/// Keys in one batch. 256 keys of at most 49 bytes are 12 KiB.
const BATCH_KEYS_MAX: usize = 256;
const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// sled's flusher runs this often; what a killed process loses is applied again.
const FLUSH_EVERY_MS: u64 = 500;

/// The rows of one index directory.
#[derive(Debug)]
pub(crate) struct Rows {
    db: sled::Db,
    dir: PathBuf,
}

impl Rows {
    /// Opens or creates the database in `dir`; none if it is damaged.
    pub(crate) fn open(dir: &Path) -> Result<Option<Self>, IndexError> {
        if torn_snapshot(dir)? {
            return Ok(None);
        }
        let config =
            sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_EVERY_MS));
        // On some damaged files sled panics instead of returning an error.
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => Ok(Some(Self { db, dir: dir.to_owned() })),
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

    pub(crate) fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.db.get(key).map_err(IndexError::Database)?.map(|value| value.to_vec()))
    }

    /// Writes one row alone: a marker or the header, always after the rows that it speaks for.
    pub(crate) fn put(&self, key: &[u8], value: Vec<u8>) -> Result<(), IndexError> {
        let mut batch = sled::Batch::default();
        batch.insert(key, value);
        self.db.apply_batch(batch).map_err(IndexError::Database)
    }

    /// Adds rows without values. Adding one that is there changes nothing.
    pub(crate) fn add(&self, keys: &[Vec<u8>]) -> Result<(), IndexError> {
        for chunk in keys.chunks(BATCH_KEYS_MAX) {
            let mut batch = sled::Batch::default();
            for key in chunk {
                batch.insert(key.as_slice(), &[]);
            }
            self.db.apply_batch(batch).map_err(IndexError::Database)?;
        }
        Ok(())
    }

    /// Removes rows. Removing one that is not there changes nothing.
    pub(crate) fn remove(&self, keys: &[Vec<u8>]) -> Result<(), IndexError> {
        for chunk in keys.chunks(BATCH_KEYS_MAX) {
            let mut batch = sled::Batch::default();
            for key in chunk {
                batch.remove(key.as_slice());
            }
            self.db.apply_batch(batch).map_err(IndexError::Database)?;
        }
        Ok(())
    }

    /// Hands out the keys of all rows, in their order.
    pub(crate) fn each(&self, each: &mut dyn FnMut(&[u8])) -> Result<(), IndexError> {
        for row in self.db.iter() {
            let (key, _) = row.map_err(IndexError::Database)?;
            each(&key);
        }
        Ok(())
    }

    /// Returns the newest `limit` entries below `below` that have a row with this prefix, newest first.
    pub(crate) fn newest(
        &self,
        prefix: &Prefix,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, IndexError> {
        let rows = self.db.range(prefix.key(LeafIndex::ZERO)..prefix.bound(below)).rev().take(limit);
        indexes(rows)
    }

    /// Returns the first `limit` entries from `from` on and below `below`, oldest first.
    pub(crate) fn oldest(
        &self,
        prefix: &Prefix,
        from: LeafIndex,
        below: TreeSize,
        limit: usize,
    ) -> Result<Vec<LeafIndex>, IndexError> {
        if from.get() >= below.get() {
            return Ok(Vec::new());
        }
        indexes(self.db.range(prefix.key(from)..prefix.bound(below)).take(limit))
    }

    /// Returns for each distinct leading bytes from `low` to `high` the newest entry below `below` that has them: at
    /// most `limit`. None when `steps` distinct ones were looked at before that was known: later entries take steps too,
    /// so a shorter answer would not stay the same while the log grows.
    pub(crate) fn leading(
        &self,
        (low, high): (&[u8; SHORT_LEN], &[u8; SHORT_LEN]),
        below: TreeSize,
        limit: usize,
        steps: usize,
    ) -> Result<Option<Vec<LeafIndex>>, IndexError> {
        let end = Prefix::leading(high).bound(below);
        let mut from = Prefix::leading(low).key(LeafIndex::ZERO);
        let mut hits = Vec::new();
        for _ in 0..steps {
            if hits.len() >= limit || from >= end {
                return Ok(Some(hits));
            }
            let Some(row) = self.db.range(from..end.clone()).next() else { return Ok(Some(hits)) };
            let (key, _) = row.map_err(IndexError::Database)?;
            let Some(leading) = keys::leading_of(&key) else { return Ok(Some(hits)) };
            let rows = Prefix::leading(&leading);
            hits.extend(self.newest(&rows, below, 1)?);
            from = after(&rows);
        }
        Ok(None)
    }

    /// Writes everything out, so that the directory is complete when the power goes.
    pub(crate) fn close(self) -> Result<(), IndexError> {
        let Self { db, dir } = self;
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

/// The first key behind all rows of a prefix: an index that no entry can have is the last.
fn after(prefix: &Prefix) -> Vec<u8> {
    let mut key = prefix.key(LeafIndex::ZERO);
    let keep = key.len().saturating_sub(8);
    key.truncate(keep);
    key.extend([0xff; 8]);
    key
}

fn indexes(
    rows: impl Iterator<Item = sled::Result<(sled::IVec, sled::IVec)>>,
) -> Result<Vec<LeafIndex>, IndexError> {
    let mut found = Vec::new();
    for row in rows {
        let (key, _) = row.map_err(IndexError::Database)?;
        found.extend(keys::index_of(&key));
    }
    Ok(found)
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
