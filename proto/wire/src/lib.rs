//! The gRPC types of Custody, and the way from them to the types of the log and of evidence.
//!
//! Wire bytes become generated messages ([`v1`]), messages become values that hold only what is valid
//! ([`convert`]), and refusals travel as a status with a stable reason word ([`refusal`]). Nothing here decides
//! anything.

pub mod certificate;
pub mod convert;
pub mod limits;
pub mod refusal;

/// The generated messages and services; `proto/custody/v1/*.proto` is their manual.
#[allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::pedantic,
    clippy::as_conversions,
    clippy::unwrap_used,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("custody.v1");
}

/// The services as the `.proto` files describe them: a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

pub use refusal::{Reason, Refusal};
