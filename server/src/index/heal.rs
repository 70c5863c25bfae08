//! Damaged runs are made again, one after the other: first those that recording needs.
//!
//! One whose entries the journal cannot give stays where it stands, and the others have their turn; when all had theirs, the
//! follower begins again after a while ([`Index::heal_again`]).

use custody_log::LeafIndex;

use super::build::Build;
use super::error::IndexError;
use super::manifest::Record;
use super::rows::Rows;
use super::run::RunError;
use super::store::Index;
use super::upkeep::Upkeep;

impl Index {
    /// Whether runs are to be made again.
    pub(super) fn is_healing(&self) -> bool {
        [&self.entries, &self.facts].into_iter().any(|rows| rows.whole().is_err())
    }

    /// Tries those again that could not be made.
    pub(super) fn heal_again(&self) {
        self.upkeep().failed.clear();
    }

    /// Goes on making a damaged run again. That one cannot be made now is no error: it is said in the server's log.
    pub(super) fn heal_some(&self, upkeep: &mut Upkeep) -> Result<bool, IndexError> {
        let next = |rows: &Rows| rows.damaged().iter().find(|run| !upkeep.failed.contains(run)).copied();
        let Some((rows, run)) =
            [&self.entries, &self.facts].into_iter().find_map(|rows| Some((rows, next(rows)?)))
        else {
            return Ok(false);
        };
        let Some(mut build) = upkeep.builds.remove(&run).or_else(|| start(rows, run, upkeep)) else {
            rows.damaged().remove(&run);
            return Ok(true);
        };
        // Whoever is left behind keeps it; then it begins again, as all that is under way.
        let stepped = self.work(move |works| {
            let step = build.step(works);
            Ok::<_, IndexError>((build, step))
        });
        let (build, step) = self.doubted(stepped)?;
        match step {
            Ok(None) => drop(upkeep.builds.insert(run, build)),
            Ok(Some(record)) => {
                upkeep.garbage.extend(build.into_garbage());
                self.enlist(rows, record, upkeep)?;
                rows.damaged().remove(&run);
                said(&record);
            }
            Err(RunError::Damaged { .. }) => {
                // What was just written: it is made again from the start.
                if upkeep.said.insert((run, None)) {
                    tracing::error!(run, "a damaged part of the index was made again, and is damaged again");
                }
                upkeep.garbage.extend(build.into_garbage());
                upkeep.failed.insert(run);
            }
            Err(RunError::Index(error)) if error.unread().is_some() => {
                let entry = error.unread().map(LeafIndex::get);
                if upkeep.said.insert((run, entry)) {
                    tracing::error!(
                        run,
                        entry,
                        error = error.chain(),
                        "a damaged part of the index cannot be made again: the journal cannot be read there"
                    );
                }
                // It goes on where it stands once the journal can be read.
                upkeep.builds.insert(run, build);
                upkeep.failed.insert(run);
            }
            Err(RunError::Index(error)) => {
                upkeep.builds.insert(run, build);
                return self.doubted(Err(error));
            }
        }
        Ok(true)
    }
}

/// Starts to make a run again; none if it does not count any more.
fn start(rows: &Rows, run: u64, upkeep: &mut Upkeep) -> Option<Build> {
    upkeep.end_merges_of(run);
    let runs = rows.runs();
    let damaged = runs.iter().find(|one| one.record().run == run)?;
    Some(Build::new(rows.part(), damaged.record().span))
}

fn said(record: &Record) {
    tracing::warn!(
        first = record.span.first(),
        entries = record.span.entries(),
        rows = record.rows,
        "a damaged part of the index was made again from the journal"
    );
}
