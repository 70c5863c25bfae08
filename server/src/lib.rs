//! The Custody server: one log, kept on one machine.
//!
//! Data passes through the modules in this order, and each knows only those named after it, with one exception: the
//! sequencer asks admission again about what waits in its queue when the trust document moved.
//!
//! ```text
//! transport   gRPC; errors to status                    the only place that knows tonic
//! admission   known already, or admitted by the rules
//! sequencer   the single writer; the commit point
//! journal     the durable truth                         index, publish: derived from it
//! query       questions over the index                  knows neither tonic nor sled
//! gate        verdicts over what queries find
//! ```
//!
//! Beside them: [`service`] starts and stops the parts, [`ledger`] is the open log that they share, [`genesis`] makes a
//! new one, [`first_uses`] knows which key used a token first.

pub mod admission;
pub mod cli;
pub mod clock;
pub mod config;
pub mod disk;
pub mod first_uses;
pub mod gate;
pub mod genesis;
pub mod index;
pub mod issuers;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod newest;
pub mod open_files;
pub mod publish;
pub mod query;
pub mod scrub;
pub mod sequencer;
pub mod service;
pub mod transport;
