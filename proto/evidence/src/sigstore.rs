//! Sigstore bundles, verified offline: who signed what, when, and who vouches for it.
//!
//! A bundle carries a signature with all that is needed to check it under a [`TrustedRoot`], which is handed in: nothing is
//! fetched, and no clock is asked. [`verify`] makes every check of sigstore/architecture-docs, `client-spec.md`, and the
//! result names each with what came out. Where public verifiers disagree, the stricter rule holds
//! (`docs/evidence-verdicts.md`).
//!
//! Signatures, paths of certificates and their names are left to libraries (aws-lc-rs, rustls-webpki); logs and their
//! proofs to `custody-log`.

mod body;
mod bundle;
mod certificate;
mod certified;
mod check;
mod der;
mod entry;
mod identity;
mod image;
mod path;
mod proto_json;
mod root;
mod sct;
mod signed;
mod signer;
mod timestamp;
mod verify;
mod window;

pub use body::BodyError;
pub use bundle::{
    Bundle, BundleError, BundleVersion, Content, IMAGE_SIGNATURE_FORMAT, MAX_BUNDLE, MAX_CERTIFICATES,
    MAX_DER, MAX_HINT, MAX_PROOFS, Material, MessageDigest, MessageSignature,
};
pub use certificate::{Certificate, CertificateError};
pub use certified::certified;
pub use check::{Check, CheckName, Failure, Need, NotChecked, Status};
pub use der::DerError;
pub use entry::LogError;
pub use identity::{CertificateIdentity, IdentityProblem, SubjectAlternativeName};
pub use image::{ImageSignature, MAX_SIMPLE_SIGNING, SignedImage, SimpleSigningError};
pub use path::PathError;
pub(crate) use proto_json::Bytes;
pub use root::{MAX_CHAIN, MAX_LISTED, MAX_ROOT, TrustedRoot, TrustedRootError};
pub use sct::SctError;
pub use signed::Artifact;
pub use signer::{KnownKey, Signer};
pub use timestamp::TimestampProblem;
pub use verify::{ProvenTime, TimeSource, Unverified, VerifiedBundle, verify};
pub use window::Window;
pub(crate) use window::WindowJson;
