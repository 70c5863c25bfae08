//! Queries: pure functions over [`Evidence`], which knows entries by position and by term.
//!
//! No query knows where evidence is kept or how it is asked for. Each takes the tree size that it answers for
//! ([`size_at`]) and looks at nothing beyond, so the answer as of a size is the same for ever (for one reader
//! version). Work and answers are bounded, and the bounds count what is read whether or not it was in memory: else the
//! answer would depend on who asked before. What an index proposes is compared with what the entry says: a collision of hashes finds nothing.

pub mod about;
pub mod environment;
pub mod environments;
pub mod find;
pub mod findings;
pub mod impact;
pub mod ledger;
pub mod resolve;
pub mod trace;

mod ahead;
mod as_of;
mod attended;
mod cache;
mod error;
mod evidence;
mod mentions;
mod postings;
mod reads;
mod versions;

#[cfg(test)]
pub(crate) mod tests;

pub use about::{About, about};
pub use as_of::{AsOf, At, size_at};
pub use attended::Attended;
pub use environment::{Found as Environment, environment};
pub use environments::{Environments, environments};
pub use error::QueryError;
pub use evidence::Evidence;
pub use find::{Condition, Find, Found, find};
pub use findings::{Findings, FindingsPage, findings};
pub use impact::{Impact, Impacted, impact};
pub use ledger::Ledger;
pub use resolve::resolve;
pub use trace::{Status, Trace, TracedEdge, TracedNode, trace};
pub use versions::Version;
