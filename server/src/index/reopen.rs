//! A database that failed is opened again in place: recording must not wait for a restart.
//!
//! After a refused write (a full disk, a read-only one) sled fails for ever, but what is on the disk is what it was: a prefix of
//! what was written. It is shut, opened, and compared with the journal as on a start. After anything else, and where that
//! comparison does not hold, it is thrown away.
//!
//! What memory says of the runs stays, whatever became of the database: a run that the manifest does not name any more is made
//! again from the journal like a damaged one, and until then its index does not answer. Rows in memory are not touched.

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

impl Index {
    /// Opens the database again if it failed. An error leaves it shut: the next call tries again.
    pub(super) fn reopen_if_in_doubt(&self, upkeep: &mut Upkeep) -> Result<(), IndexError> {
        let Some(doubt) = *self.doubt() else { return Ok(()) };
        self.database.shut();
        upkeep.forget_what_is_under_way();
        let (dir, source) = (self.dir.join("sled"), self.source.as_ref());
        let kept = match doubt {
            Doubt::Refused => open::usable(self.shape, &dir, source)?,
            Doubt::Broken => None,
        };
        let whole = kept.is_some();
        let found = match kept {
            Some(kept) => kept,
            None => open::emptied(self.shape, &dir, source)?,
        };
        let runs = self.adopt(found, upkeep)?;
        *self.doubt() = None;
        tracing::warn!(
            runs,
            whole,
            "the index database was opened again; so many runs are made again from the journal"
        );
        self.state.mark_open()
    }

    /// Goes on with this database; returns how many runs it lacks.
    fn adopt(&self, found: Usable, upkeep: &mut Upkeep) -> Result<usize, IndexError> {
        let Usable { database, entries, facts, garbage } = found;
        let mut lost = 0;
        let mut unknown = Vec::new();
        for (rows, named) in [(&self.entries, &entries), (&self.facts, &facts)] {
            let own: Vec<Record> = rows.runs().iter().map(|run| *run.record()).collect();
            // Before the database can be asked: nothing may be answered without them.
            for record in own.iter().filter(|record| !named.contains(record)) {
                rows.damaged().insert(record.run);
                lost += 1;
            }
            unknown.extend(named.iter().filter(|record| !own.contains(record)).copied());
        }
        database.switch(&[], &unknown)?;
        upkeep.left_behind(garbage.into_iter().chain(unknown.iter().map(|record| record.run)));
        self.database.replace(database);
        Ok(lost)
    }
}
