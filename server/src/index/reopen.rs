//! A database that failed is opened again in place: recording must not wait for a restart.
//!
//! After a refused write (a full disk, a read-only one) sled fails for ever, but what is on the disk is what it was: a prefix of
//! what was written. Once the disk takes writes again, and as much of them as an open needs, it is shut and opened; until then
//! questions are answered from what it has. After anything else, and where what is there is no index of this journal, it is
//! thrown away.
//!
//! What memory says of the runs stays, whatever became of the database: a run that the manifest does not name any more is made
//! again from the journal like a damaged one, and until then its index does not answer. Rows in memory are not touched.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::error::IndexError;
use super::manifest::Record;
use super::open::{self, Usable};
use super::store::Index;
use super::upkeep::Upkeep;

/// How far a database that failed can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// A write was refused, and what was written before is as it was.
    Refused,
    /// Anything may be wrong.
    Broken,
}

/// What an open may write, beyond a 64th of what there is: sled writes some 30 bytes for each page of 4 KB into a snapshot, and
/// begins segments of 512 KiB.
const ROOM_BYTES: u64 = 4 << 20;

impl Index {
    /// Opens the database again if it failed. An error before it can be opened leaves it as it is, a later one leaves it shut: the
    /// next call tries again.
    pub(super) fn reopen_if_in_doubt(&self, upkeep: &mut Upkeep) -> Result<(), IndexError> {
        let Some(doubt) = *self.doubt() else { return Ok(()) };
        let (dir, source) = (self.dir.join("sled"), self.source.as_ref());
        let hands = Arc::clone(self.database.hands());
        if doubt == Doubt::Refused && self.database.is_open() {
            has_room(&self.dir.join(open::ROOM), &dir)?;
        }
        self.database.shut();
        self.tell();
        upkeep.forget_what_is_under_way();
        let kept = match doubt {
            Doubt::Refused => open::found(self.shape, &hands, &dir, source)?,
            Doubt::Broken => None,
        };
        let whole = kept.is_some();
        let found = match kept {
            Some(kept) => kept,
            None => open::emptied(self.shape, &hands, &dir, source)?,
        };
        let runs = self.adopt(found, upkeep)?;
        tracing::warn!(
            runs,
            whole,
            "the index database was opened again; so many runs are made again from the journal"
        );
        Ok(())
    }

    /// Goes on with this database; returns how many runs it lacks.
    fn adopt(&self, found: Usable, upkeep: &mut Upkeep) -> Result<usize, IndexError> {
        let Usable { database, entries, facts, garbage } = found;
        let (mut lost, mut unknown, mut kept) = (0, Vec::new(), Vec::new());
        for (rows, named) in [(&self.entries, &entries), (&self.facts, &facts)] {
            let own: Vec<Record> = rows.runs().iter().map(|run| *run.record()).collect();
            // Before the database can be asked: nothing may be answered without them.
            for record in own.iter().filter(|record| named.all().all(|named| named != *record)) {
                rows.damaged().insert(record.run);
                lost += 1;
            }
            unknown.extend(named.all().filter(|record| !own.contains(record)).copied());
            kept.extend(own.iter().map(|record| record.run));
        }
        let removed = unknown.clone();
        let switched = database.ask(move |database| database.switch(&[], &removed));
        if let Err(IndexError::Panicked { .. } | IndexError::Database(_) | IndexError::Stuck { .. }) =
            &switched
            && !switched.as_ref().is_err_and(IndexError::is_refused_write)
        {
            *self.doubt() = Some(Doubt::Broken);
        }
        switched?;
        // Of a merge that was named and did not get into memory, what it was made of still counts.
        let garbage = garbage.into_iter().filter(|run| !kept.contains(run));
        upkeep.left_behind(garbage.chain(unknown.iter().map(|record| record.run)));
        // What it fails with from here on is said behind this.
        let mut doubt = self.doubt();
        self.database.replace(&database);
        self.state.mark_open()?;
        *doubt = None;
        Ok(lost)
    }
}

/// Whether the disk takes what an open of `database` writes: it is written to a file, synced, and removed.
fn has_room(path: &Path, database: &Path) -> Result<(), IndexError> {
    let failed = |source| IndexError::File { path: path.to_owned(), source };
    let length = fs::metadata(database.join("db")).map_or(0, |file| file.len());
    let mut left = ROOM_BYTES.saturating_add(length / 64);
    let mut write = || {
        let mut file = File::create(path)?;
        let block = vec![0xa5; 64 << 10];
        while left > 0 {
            file.write_all(&block)?;
            left = left.saturating_sub(64 << 10);
        }
        file.sync_all()
    };
    let written = write().map_err(failed);
    let removed = fs::remove_file(path).map_err(failed);
    written.and(removed)
}
