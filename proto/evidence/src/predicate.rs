//! Predicates: what a statement says about its subjects.
//!
//! Those that others define are read tolerantly: what is missing or unknown is passed over. Those of Custody
//! (`urn:custody:<name>:v1`, drawn in docs/format.md) are strict: a required member that is missing, empty or of another
//! shape is an error; members that we do not know are ignored. Writing one gives the same bytes each time.

pub mod approval;
pub mod deployment;
pub mod distribution;
pub mod exception;
pub mod expected;
pub mod judgement;
pub mod link;
mod list;
mod name;
pub mod openvex;
mod packages;
pub mod promotion;
pub mod publication;
pub mod release;
pub mod report;
pub mod review;
mod rfc3339;
pub mod run;
pub mod short_name;
mod slsa;
pub mod slsa_v02;
pub mod slsa_v1;
pub mod snapshot;
pub mod source;
pub mod source_provenance;
pub mod tag;
#[cfg(test)]
mod tests;
mod text;
mod usable;
pub mod vulns;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json::{self, JsonError};
use crate::object::Object;

pub use approval::Approval;
pub use deployment::{Action, Deployment};
pub use distribution::Distribution;
pub use exception::Exception;
pub use expected::{Expected, Period, PeriodError};
pub use judgement::{Judgement, VerificationResult};
pub use list::LIST_MAX;
pub use name::{Name, NameError};
pub use openvex::Vex;
pub use packages::PACKAGES_MAX;
pub use promotion::Promotion;
pub use publication::Publication;
pub use release::Release;
pub use report::Report;
pub use review::Review;
pub use run::{ResolvedRef, Run, Runner};
pub(crate) use slsa::one_run;
pub use slsa::{DEPENDENCIES_MAX, Provenance};
pub use snapshot::{Running, Snapshot};
pub use source::{Source, SourceSignature};
pub use source_provenance::SourceProvenance;
pub use tag::Tag;
pub use usable::{UsableDigest, UsableDigestError};
pub use vulns::Vulns;

/// Whether statements with this predicate type tell what a scan found, or answer it (VEX).
#[must_use]
pub fn is_scan(predicate_type: &str) -> bool {
    predicate_type == vulns::REPORT_TYPE
        || vulns::TYPES.contains(&predicate_type)
        || vulns::COSIGN_TYPES.contains(&predicate_type)
        || openvex::is_type(predicate_type)
}

/// A predicate that Custody defines.
pub trait CustodyPredicate: Serialize + DeserializeOwned {
    /// The predicate type: `urn:custody:<name>:v1`.
    const TYPE: &'static str;

    /// Reads the exact bytes of a predicate.
    fn decode(bytes: &[u8]) -> Result<Self, JsonError> {
        json::from_slice(bytes).map(|Object(predicate)| predicate)
    }

    /// Returns the predicate as JSON: members in one order, absent ones left out, no white space.
    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names, hex, numbers and times are always JSON")
    }
}
