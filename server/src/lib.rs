//! The Custody server.

pub mod clock;
pub mod config;
pub mod index;
pub mod journal;
pub mod keys;
pub mod publish;
pub mod query;
