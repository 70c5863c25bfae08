//! What a user reads, word for word.
//!
//! The goldens are in `goldens/`. After a change on purpose, `CUSTODY_GOLDENS=write cargo test` writes them anew; read
//! the difference as somebody who is called at night: does it say what was expected, what was found, and what to do?

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

mod bundle;
mod evidence;
mod gate;
mod log;
mod trust;
mod wire;

/// Holds what was found in the golden of this name.
fn hold(name: &str, found: &str) {
    let golden = custody_tests::workspace::root().join(format!("tests/tests/words/goldens/{name}.txt"));
    custody_tests::words::hold(&golden, found);
}
