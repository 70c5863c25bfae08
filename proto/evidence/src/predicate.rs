//! Predicates: what a statement says about its subjects.
//!
//! Those that others define are read tolerantly: what is missing or unknown is passed over. Those of Custody
//! (`urn:custody:<name>:v1`, drawn in docs/format.md) are strict: a required member that is missing, empty or of another
//! shape is an error; members that we do not know are ignored. Writing one gives the same bytes each time.

pub mod approval;
pub mod deployment;
mod list;
mod name;
pub mod promotion;
pub mod review;
mod rfc3339;
mod slsa;
pub mod slsa_v02;
pub mod slsa_v1;
pub mod source;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::json::{self, JsonError};
use crate::object::Object;

pub use approval::Approval;
pub use deployment::{Action, Deployment};
pub use list::LIST_MAX;
pub use name::{Name, NameError};
pub use promotion::Promotion;
pub use review::Review;
pub use slsa::{DEPENDENCIES_MAX, Provenance};
pub use source::{Source, SourceSignature};

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
