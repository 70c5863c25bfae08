//! What Custody holds to be true about artifacts, as pure values and functions.
//!
//! Here are envelopes and their signatures, keys and identities, statements, SBOMs and the facts read from
//! them, and the trust rules by which an envelope is admitted. There is no I/O, no clock, no randomness and no
//! protobuf here, and there never will be: server and client run the same code, and this is what an auditor
//! reads.

pub mod identity;
pub mod json;
pub mod key;
