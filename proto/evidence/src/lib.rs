//! What Custody holds to be true about artifacts, as pure values and functions.
//!
//! Here are envelopes and their signatures, keys and identities, statements, SBOMs and the facts read from
//! them, and the trust rules by which an envelope is admitted. There is no I/O, no clock, no randomness and no
//! protobuf here, and there never will be: server and client run the same code, and this is what an auditor
//! reads.

pub mod admission;
mod capped;
pub mod digest_set;
pub mod dsse;
pub mod envelope;
pub mod environment;
pub mod fact;
pub mod finding;
pub mod identity;
pub mod json;
pub mod key;
mod object;
pub mod oidc;
pub mod predicate;
pub mod purl;
pub mod registry;
pub mod repository;
pub mod sbom;
pub mod scan;
pub mod secret;
pub mod sigstore;
pub mod statement;
pub mod subject_name;
mod text;
pub mod thing;
pub mod trust;
pub mod version;

pub use digest_set::Digest;
pub use fact::{Edge, EdgeKind, Facts, Field, Node, NodeKind, Term};
pub use purl::Purl;
pub use repository::{CommitId, Repository};
pub use statement::{Statement, StatementBuilder};
pub use thing::Thing;
pub use version::{Match, PurlRange, VersionRange};
