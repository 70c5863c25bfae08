//! The examples do what they say: templates for CI systems, starter policies, stories.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]
#![allow(clippy::print_stdout, reason = "a test says what it did not try")]

mod jenkinsfile;
mod jobs;
mod policies;
mod project;
mod shell;
mod stories;
mod templates;
