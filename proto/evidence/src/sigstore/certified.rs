//! Signatures of a DSSE envelope that carry a certificate, and which roots can prove anything of a bundle.

use super::bundle::{Bundle, BundleVersion, Content, Material};
use super::certificate::Certificate;
use super::path::{self, PathError, Purpose};
use super::root::TrustedRoot;
use crate::dsse::Envelope;

/// Takes one signature of an envelope with its certificates and time stamps, as the bundle that they are in other words; none
/// if it carries no certificate. The bundle has no bytes of its own.
///
/// There is no log entry in it, so it is verified only under a root that lists no logs.
#[must_use]
pub fn certified(envelope: &Envelope, signature: usize) -> Option<Bundle> {
    let carried = envelope.signatures().get(signature)?.certificate()?;
    if carried.chain().is_empty() {
        return None;
    }
    Some(Bundle {
        bytes: Vec::new(),
        digest: std::sync::OnceLock::new(),
        version: BundleVersion::V0_2,
        material: Material::Certificates(carried.chain().to_vec()),
        content: Content::Dsse(envelope.with_signature_only(signature)?),
        entries: Vec::new(),
        timestamps: carried.timestamps().to_vec(),
    })
}

impl TrustedRoot {
    /// Whether the root may prove something of this bundle: an authority of it issued the certificate, or a log of it holds an
    /// entry. Costs a path of certificates, and nothing that grows with what was signed, so many roots may be asked before
    /// one verifies.
    #[must_use]
    pub fn concerns(&self, bundle: &Bundle) -> bool {
        match bundle.material() {
            Material::PublicKey { .. } => {
                bundle.entries.iter().any(|entry| self.logs.iter().any(|log| log.id == entry.log_id))
            }
            Material::Certificates(chain) => {
                let (leaf, extra) =
                    chain.split_first().map_or((&[][..], &[][..]), |(leaf, extra)| (leaf, extra));
                let Ok(leaf) = Certificate::parse(leaf) else { return false };
                let Some(time) = leaf.valid_from() else { return false };
                let found = path::issuer_of(&leaf, extra, &self.authorities, Purpose::CodeSigning, time);
                matches!(found, Ok(_) | Err(PathError::OutsideWindow { .. }))
            }
        }
    }
}
