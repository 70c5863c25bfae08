//! Hostile bytes for every decoder of Custody.
//!
//! A [`targets::Target`] feeds one decoder and claims more than that it does not panic: what is decoded encodes to the
//! same bytes, nothing swells, nothing is verified that the key did not sign, errors stay short. [`run`] is the short
//! run that the tests make; `tests/fuzz/long` is the long one, guided by coverage. `docs/fuzzing.md` says how to use
//! both and how to add a target.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

pub mod claim;
pub mod corpus;
pub mod mutate;
pub mod random;
pub mod run;
pub mod targets;
pub mod tokens;
