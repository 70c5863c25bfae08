//! What `gcloud artifacts docker images describe --show-provenance` prints: the provenance of Google Cloud Build.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DocumentError, MAX_ATTESTATIONS, check_count, check_length};
use crate::capped::Capped;
use crate::json;
use crate::object::Object;

#[derive(Deserialize)]
struct DescriptionJson<'a> {
    #[serde(borrow, default)]
    provenance_summary: Option<Object<SummaryJson<'a>>>,
}

#[derive(Deserialize)]
struct SummaryJson<'a> {
    #[serde(borrow, default)]
    provenance: Capped<Object<ProvenanceJson<'a>>, MAX_ATTESTATIONS>,
}

#[derive(Deserialize)]
struct ProvenanceJson<'a> {
    #[serde(borrow, default)]
    envelope: Option<&'a RawValue>,
}

/// Takes a description of an image apart: the DSSE envelopes of its provenance in their order, each as it stands in the
/// document; none for provenance without an envelope. The statement that is printed beside each is a copy that nobody
/// signed, and is not read.
pub fn cloud_build_envelopes(bytes: &[u8]) -> Result<Vec<Option<&[u8]>>, DocumentError> {
    check_length(bytes)?;
    let Object(document): Object<DescriptionJson<'_>> = json::from_unsigned_slice(bytes)
        .map_err(|problem| DocumentError::Json { kind: "provenance of Google Cloud Build", problem })?;
    let Some(Object(summary)) = document.provenance_summary else { return Ok(Vec::new()) };
    check_count(summary.provenance.total)?;
    let envelopes = summary.provenance.items.into_iter();
    Ok(envelopes.map(|Object(json)| json.envelope.map(|raw| raw.get().as_bytes())).collect())
}
