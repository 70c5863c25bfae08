//! The Custody server.

pub mod journal;
