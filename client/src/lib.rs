//! The Custody client: each call returns checked values or a refusal, never raw server data.

pub mod ci;
pub mod file_digest;
pub mod git;
pub mod sign;
