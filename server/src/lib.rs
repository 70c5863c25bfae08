//! The Custody server: one log, kept on one machine.
//!
//! Data passes through the modules in this order; each knows only those named after it.
//!
//! ```text
//! transport   gRPC; errors to status                    the only place that knows tonic
//! admission   known already, or admitted by the rules
//! sequencer   the single writer; the commit point
//! journal     the durable truth                         index, publish: derived from it
//! query       questions over the index                  knows neither tonic nor sled
//! ```

pub mod admission;
pub mod cli;
pub mod clock;
pub mod config;
pub mod genesis;
pub mod index;
pub mod journal;
pub mod keys;
pub mod ledger;
pub mod publish;
pub mod query;
pub mod sequencer;
pub mod service;
pub mod transport;
