//! The index: what is derived from the journal to find entries. It can always be thrown away.
//!
//! One sled database with one tree. The first byte of a key says what the row is, the leaf index (8 bytes,
//! big endian) ends it, values are empty but for the header and the two markers (`keys.rs` draws them).
//! Because the leaf index comes last, "as of tree size N" is a bound on a scan. Answers never come from
//! values: whoever finds an index reads the entry from the journal.
//!
//! There are two indexes, each with its own `covered` marker:
//!
//! - the **entry index** (content, envelope, administrative entries) is what writing needs. The sequencer
//!   applies it before a receipt leaves;
//! - the **facts index** (terms, leading bytes of digests) is what queries need. The [`Follower`] applies it
//!   behind, in small batches; [`Index::indexed_to`] says how far it is.
//!
//! # Why a lost or torn row cannot lie
//!
//! sled 0.34 writes a log of its own. A batch is atomic in it, and recovery keeps a prefix of that log. A
//! marker is written in a batch of its own after the rows that it covers. So after a **killed process**,
//! whose written pages the kernel still has, a marker that is found implies its rows; rows without a marker
//! are applied again, which changes nothing.
//!
//! After a **power loss** nothing of this holds: sled does not fsync, and it overwrites segments whose rows it
//! has moved elsewhere. No marker of sled can tell, so sled is not asked. A small file beside it (`state.rs`)
//! is ours, written with fsync: `closed` after a clean shutdown (everything flushed and synced before), or
//! `open` with the kernel's boot id and the directory's inode. An index that was not closed and is opened in
//! another boot of the kernel, or found in a copied directory, is thrown away and rebuilt. So is one with another
//! format, another reader version, another log's entry 0, a snapshot that was being written, a marker beyond the
//! journal or over another entry than the journal's, and one that sled calls corrupted.
//!
//! Whatever else happens to a row, the markers count them: `scrub.rs` compares now and then, and puts right what was lost
//! or added. Until it has, the facts index is answered as behind, and recording is refused.
//!
//! A rebuild on a start costs the entry index at once (2 or 3 rows an entry, some 20,000 entries a second) and the
//! facts index in the background, while the server already records. `custodyd rebuild-index` makes both in one pass
//! (`rebuild.rs`), with nobody waiting for either.

mod follower;
mod keys;
mod source;

mod block;
mod build;
mod database;
mod error;
mod filter;
mod manifest;
mod memory;
mod merge;
mod offered;
mod open;
mod piece;
mod reading;
mod rebuild;
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

pub use error::IndexError;
pub use follower::Follower;
pub use reading::{FactRows, Findable, IndexedEntry, Reading, read};
pub use scrub::Scrubbed;
pub use source::{Source, SourceError, Stored};
pub use span::Shape;
pub use store::{Index, PREFIX_STEPS_MAX, Progress, Stage};
