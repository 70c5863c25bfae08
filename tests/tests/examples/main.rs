//! The examples do what they say: templates for CI systems, starter policies, stories.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]
mod jenkinsfile;
mod policies;
mod templates;
