//! The client against servers that nobody should trust, and what the user reads about it.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::pedantic,
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect must stop"
)]

mod audit;
mod bounds;
mod bulk;
mod descriptors;
mod double;
mod environments;
mod gate;
mod lies;
mod messages;
mod questions;
mod running;
mod terminal;
mod tokens;
