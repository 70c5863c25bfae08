//! What a bundle proved of its signature: kept with the signer, so that nobody has to ask again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use custody_log::Timestamp;
use serde::{Deserialize, Serialize};

use super::claims::SubmitterClaims;
use crate::identity::Identity;
use crate::sigstore::{self, CertificateIdentity, Status, TimeSource, VerifiedBundle};
use crate::trust::text;

/// What was proved of the signature of a bundle, under one trusted root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleProof {
    /// The trusted root's name in the trust document; none for a key that needs no root.
    pub root: Option<String>,
    /// The signer's certificate: DER, as base64. None if a key signed.
    pub certificate: Option<String>,
    /// Who holds the certificate: its issuer's URL and its name. None if a key signed.
    pub identity: Option<Identity>,
    /// What the certificate says of the holder.
    pub claims: Option<SubmitterClaims>,
    /// The times at which the signature is proven to have been there, earliest first.
    pub times: Vec<ProvenAt>,
    /// Every check in the order in which they were made.
    pub checks: Vec<BundleCheck>,
}

/// A time, and who proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenAt {
    /// The time.
    #[serde(with = "text::time")]
    pub time: Timestamp,
    /// `log_promise` or `timestamp`, with its position in the bundle.
    pub by: String,
}

/// One check of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleCheck {
    /// What was checked, with its position where there are several: `log_inclusion[0]`.
    pub check: String,
    /// What came out.
    pub result: BundleCheckResult,
}

/// What came out of a check of a bundle. These never look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BundleCheckResult {
    /// It does not hold, and nothing rests on it.
    Failed,
    /// Nobody knows.
    NotChecked,
    /// Made in a way that is not supported.
    Unsupported,
    /// It holds.
    Verified,
}

impl BundleProof {
    /// Writes down what was verified, under the root of this name.
    pub(super) fn of(verified: &VerifiedBundle<'_>, root: Option<&str>) -> Self {
        let (certificate, holder) = match verified.signer() {
            sigstore::Signer::Certificate { certificate, identity } => {
                (Some(STANDARD.encode(certificate.der())), Some(identity.as_ref()))
            }
            sigstore::Signer::Key(_) => (None, None),
        };
        Self {
            root: root.map(ToOwned::to_owned),
            certificate,
            identity: holder.and_then(CertificateIdentity::identity),
            claims: holder.map(|holder| holder.claims().clone()),
            times: verified.times().iter().map(proven).collect(),
            checks: verified.checks().iter().map(check).collect(),
        }
    }

    /// Returns the earliest proven time.
    #[must_use]
    pub fn earliest(&self) -> Option<Timestamp> {
        self.times.iter().map(|proven| proven.time).min()
    }
}

fn proven(proven: &sigstore::ProvenTime) -> ProvenAt {
    let by = match proven.by {
        TimeSource::LogPromise(item) => format!("log_promise[{item}]"),
        TimeSource::Timestamp(item) => format!("timestamp[{item}]"),
    };
    ProvenAt { time: proven.time, by }
}

fn check(check: &sigstore::Check) -> BundleCheck {
    let result = match check.status {
        Status::Verified => BundleCheckResult::Verified,
        Status::Failed(_) => BundleCheckResult::Failed,
        Status::NotChecked(_) => BundleCheckResult::NotChecked,
        Status::Unsupported { .. } => BundleCheckResult::Unsupported,
    };
    let name = check.name;
    BundleCheck {
        check: check.item.map_or_else(|| name.to_string(), |item| format!("{name}[{item}]")),
        result,
    }
}
