//! What the tests of queries share.

pub(crate) mod memory;
