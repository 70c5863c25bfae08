//! What the tests over the whole of Custody share.
//!
//! The tests themselves are in `tests/`: one file a promise. Here is what they need to try a promise on the real
//! binaries: where the sources are ([`source`], [`workspace`]), the binaries themselves ([`binaries`]), a running
//! server ([`server`]), its services ([`wire`]), the command line ([`client`]), callers who remember what they were told
//! ([`callers`]), an issuer of identity tokens ([`issuer`]), certificates ([`certificates`]) and channels that show them ([`secure`]), things to record
//! ([`evidence`]), an authority that stamps them ([`stamps`]), real ones of others ([`corpus`]) and the programs that make them ([`tools`]), the worked example of the
//! documents ([`example`]), a disk to break
//! ([`disk`]), what a process holds in memory ([`memory`]), chance that can be repeated ([`dice`]), many trials at once ([`threads`]), and a second, naive
//! implementation of the log to compare with ([`oracle`]).

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

pub mod binaries;
pub mod callers;
pub mod certificates;
pub mod client;
pub mod company;
pub mod corpus;
pub mod dice;
pub mod disk;
pub mod evidence;
pub mod example;
pub mod issuer;
pub mod jobs;
pub mod memory;
pub mod oracle;
pub mod peer;
pub mod schema;
pub mod secure;
pub mod server;
pub mod source;
pub mod stamps;
pub mod threads;
pub mod tools;
pub mod wire;
pub mod words;
pub mod workspace;
