//! The index: what is derived from the journal to find entries. It can always be thrown away.
//!
//! It is a set of rows of 21 bytes, each of which says that an entry can be found by something (`keys.rs` draws them).
//! Because the leaf index comes last in a row, "as of tree size N" is a bound on a scan. Answers never come from the index:
//! whoever finds an entry reads it from the journal, and compares it.
//!
//! There are two indexes, kept apart in the same way:
//!
//! - the **entry index** (contents, envelopes, whose builds artifacts are) is what writing needs. The sequencer applies it before a receipt leaves;
//! - the **facts index** (terms, leading bytes of digests) is what queries need. The [`Follower`] applies it behind, in
//!   small batches; [`Index::indexed_to`] says how far it is.
//!
//! # Memory and runs
//!
//! ```text
//! entries  0 .......................... 32,768 ... 36,864 ... 40,960 .. 41,300
//!          [ run of level 5            ][ level 4  ][ level 4  ][ memory      ]
//! ```
//!
//! The rows of the newest entries are in memory (`memory.rs`): applying an entry touches nothing else. Every 4,096 entries they
//! are sealed into a **run** (`seal.rs`, `run.rs`): rows in order, never changed, in blocks of 4 KB in one sled database, with a
//! Bloom filter (`filter.rs`). Runs are aligned like tiles (`span.rs`): 8 neighbours of one size are merged behind into the
//! run of the next size (`merge.rs`), so there are few of them. Entries with very many rows are sealed earlier, into
//! smaller aligned runs, which are merged into the same ones.
//!
//! A run is a function of the entries that it covers. The manifest (`manifest.rs`) lists the runs that count, each with a digest of
//! its rows: merged, rebuilt or made at once it is the same, and a tree over these digests would commit to the index.
//!
//! What is done behind (`upkeep.rs`) holds no lock that recording or questions wait for. A new run is written whole before one
//! batch lets it count instead of those that it replaces; these are removed when nobody reads them any more. What a killed
//! process leaves half written has a number that the manifest does not name, and is removed after the next open; a merge
//! starts again from its first row.
//!
//! On an open the runs are compared with the journal, by the digest of the entry that the last one ends with, and what is
//! newer is read from the journal again: for the entry index at once (from the entries, and the
//! records of those that may say whose build an artifact is), for the facts index behind. A
//! clean close seals what is in memory.
//!
//! # Why a lost or torn row cannot lie
//!
//! sled 0.34 writes a log of its own. A batch is atomic in it, and recovery keeps a prefix of that log. The manifest names a run
//! after its pieces were written. So after a **killed process**, whose written pages the kernel still has, a run that
//! the manifest names is there.
//!
//! After a **power loss** nothing of this holds: sled does not fsync, and it overwrites segments whose rows it
//! has moved elsewhere. The manifest cannot tell, so sled is not asked. A small file beside it (`state.rs`)
//! is ours, written with fsync: `closed` after a clean shutdown (everything flushed and synced before), or
//! `open` with the kernel's boot id and the directory's inode. An index that was not closed and is opened in
//! another boot of the kernel, or found in a copied directory, is thrown away and rebuilt. So is one with another
//! format, another reader version, other sizes of runs, another log's entry 0, a snapshot that was being written, a gap
//! in its manifest, a run beyond the journal or over another entry than the journal's, and one that sled calls corrupted.
//!
//! Whatever else happens to a piece of a run is noticed by whoever reads it: it carries a CRC32C, and the range of rows that it
//! answers for, so that a lost one leaves a gap. `scrub.rs` reads them all now and then, and compares each run with its
//! digest. A damaged run is made again from the journal without being asked (`heal.rs`, `build.rs`); until then its index
//! is answered as behind, or recording is refused.
//!
//! A database that fails while the server runs is opened again in place, or made again (`reopen.rs`): neither recording nor
//! questions wait for a restart. So it is where a look into it does not end (`hands.rs`).
//!
//! A rebuild on a start costs the entry index at once, and the facts index in the background, while the server already records.
//! `custodyd rebuild-index` makes both in one pass (`rebuild.rs`), with nobody waiting for either.

mod follower;
mod keys;
mod source;

mod block;
mod build;
mod database;
mod error;
mod filter;
mod hands;
mod heal;
mod manifest;
mod memory;
mod merge;
mod offered;
mod open;
mod parts;
mod piece;
mod reading;
mod rebuild;
mod remains;
mod reopen;
mod rows;
mod run;
mod scrub;
mod seal;
mod span;
mod state;
mod store;
mod upkeep;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use keys::{Prefix, field_range, leading_range};

pub use error::IndexError;
pub use follower::Follower;
#[cfg(test)]
pub(crate) use hands::LEFT_MAX;
pub use hands::{LOOK_MAX, Left};
pub use reading::{EntryKeys, FactRows, Findable, IndexedEntry, Reading, read};
pub use remains::Remains;
pub use scrub::Scrubbed;
pub use source::{Source, SourceError, Stored};
pub use span::Shape;
pub use store::{Able, Index, PREFIX_STEPS_MAX, Progress, Stage};
