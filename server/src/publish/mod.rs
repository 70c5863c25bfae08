//! What is shown to the world: the tree's tiles and the signed checkpoints.
//!
//! Nothing is signed here that is not durable in the journal. The tiles can always be made again from it.

mod checkpoint;
mod keys;
mod tree;

pub use checkpoint::{PublishError, Publisher};
pub use keys::{LogKeys, LogVerifiers, WrongKey};
pub use tree::{LeafSource, Tree, TreeError};
