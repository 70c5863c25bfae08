//! Attestations of Python packages (peps.python.org/pep-0740): a bundle in other words, and a document of several.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DocumentError, MAX_ATTESTATIONS, check_count, check_length};
use crate::capped::Capped;
use crate::json;
use crate::object::Object;
use crate::sigstore::{Bundle, BundleError};

#[derive(Deserialize)]
struct ProvenanceJson<'a> {
    version: u64,
    #[serde(borrow)]
    attestation_bundles: Capped<Object<PublisherJson<'a>>, MAX_ATTESTATIONS>,
}

#[derive(Deserialize)]
struct PublisherJson<'a> {
    #[serde(borrow)]
    attestations: Capped<&'a RawValue, MAX_ATTESTATIONS>,
}

/// Reads one attestation as the bundle that it is in other words.
pub fn pypi_attestation(bytes: &[u8]) -> Result<Bundle, BundleError> {
    Bundle::parse_pep740(bytes)
}

/// Takes a provenance document apart: its attestations in their order, each as it stands in the document. Who published
/// is said beside them, and nobody signed that: the certificates say it too.
pub fn pypi_provenance(bytes: &[u8]) -> Result<Vec<&[u8]>, DocumentError> {
    check_length(bytes)?;
    let Object(document): Object<ProvenanceJson<'_>> = json::from_unsigned_slice(bytes)
        .map_err(|problem| DocumentError::Json { kind: "a PEP 740 provenance document", problem })?;
    if document.version != 1 {
        return Err(DocumentError::Version { found: document.version });
    }
    check_count(document.attestation_bundles.total)?;
    let lists =
        document.attestation_bundles.items.into_iter().map(|Object(publisher)| publisher.attestations);
    let mut attestations = Vec::new();
    for list in lists {
        check_count(attestations.len().saturating_add(list.total))?;
        attestations.extend(list.items.into_iter().map(|raw| raw.get().as_bytes()));
    }
    Ok(attestations)
}
