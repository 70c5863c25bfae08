//! What runs in an environment, and since when: the answer to "what was live there then".
//!
//! Deployments say that something started or stopped, snapshots say all that runs at a time. [`Observation`] is what one
//! such statement says, [`Timeline`] puts them in the order in which it happened and replays them, and [`needed`] says which
//! entries lead to the same answer as all of them.
//!
//! The server replays to find these entries, and whoever asked replays them again, read from the statements themselves.
//! docs/environments.md tells people the same rules:
//!
//! 1. Things happen when their statement claims, and never later than the ledger learned of it. What happened at the same
//!    time is in the order of the log. A record that comes late takes its place in the past.
//! 2. A snapshot is the whole picture: what it lacks has stopped, what it adds has started.
//! 3. A deployment that starts something under the name of a workload ends what ran under that name in the same cluster.
//!    One that names no workload ends nothing.
//! 4. A deployment that names no cluster, or stops without naming a workload, speaks of all of them. One that names a cluster
//!    says nothing about another, nor about what runs nobody knows in which: what may still run is shown.
//! 5. To start what runs already changes nothing: it runs since it first started.
//! 6. A record that is distrusted may add to the picture, marked, and never takes away what others say.

mod artifact;
mod difference;
mod needed;
mod observation;
mod picture;
#[cfg(test)]
mod tests;
mod timeline;
mod window;

pub use artifact::Artifact;
pub use difference::{Difference, Replaced, difference};
pub use needed::{Needed, Part, needed};
pub use observation::{Observation, Said, Seen};
pub use picture::{Change, Picture, Running};
pub use timeline::{Event, Replay, Step, Timeline, Until};
pub use window::{From, Window};
