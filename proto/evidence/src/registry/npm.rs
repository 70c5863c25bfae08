//! npm's attestations of a package version (`/-/npm/v1/attestations/<name>@<version>`), and the registry's keys.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{DocumentError, MAX_ATTESTATIONS, check_count, check_length};
use crate::capped::Capped;
use crate::json;
use crate::key::PublicKey;
use crate::object::Object;
use crate::sigstore::{Bytes, KnownKey, Window, WindowJson};

/// One attestation of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpmAttestation<'a> {
    label: String,
    bundle: &'a [u8],
}

#[derive(Deserialize)]
struct DocumentJson<'a> {
    #[serde(borrow)]
    attestations: Capped<Object<AttestationJson<'a>>, MAX_ATTESTATIONS>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttestationJson<'a> {
    #[serde(default)]
    predicate_type: Option<String>,
    #[serde(borrow)]
    bundle: &'a RawValue,
}

#[derive(Deserialize)]
struct KeysJson {
    keys: Capped<Object<KeyJson>, MAX_ATTESTATIONS>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyJson {
    key_id: String,
    key_usage: String,
    public_key: Object<PublicKeyJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PublicKeyJson {
    raw_bytes: Bytes,
    #[serde(default)]
    valid_for: Option<Object<WindowJson>>,
}

impl<'a> NpmAttestation<'a> {
    /// Returns the predicate type that the document gives. Nobody signed it: what counts is in the statement.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Returns the bundle as it stands in the document: what is stored and hashed.
    #[must_use]
    pub const fn bundle(&self) -> &'a [u8] {
        self.bundle
    }
}

/// Takes a document apart: its attestations in their order.
pub fn npm_attestations(bytes: &[u8]) -> Result<Vec<NpmAttestation<'_>>, DocumentError> {
    check_length(bytes)?;
    let Object(document): Object<DocumentJson<'_>> = json::from_unsigned_slice(bytes)
        .map_err(|problem| DocumentError::Json { kind: "an npm attestation document", problem })?;
    check_count(document.attestations.total)?;
    let attestations = document.attestations.items.into_iter();
    let attestations = attestations.map(|Object(json)| NpmAttestation {
        label: json.predicate_type.unwrap_or_default(),
        bundle: json.bundle.get().as_bytes(),
    });
    Ok(attestations.collect())
}

/// Reads the registry's keys for attestations (`keys.json` of the TUF repository): one a window, named as bundles name
/// them. A key for `npm:signatures` signs other things, and verifies nothing here.
pub fn npm_keys(bytes: &[u8]) -> Result<Vec<KnownKey>, DocumentError> {
    check_length(bytes)?;
    // A member that is there twice would be a second opinion on whom to believe.
    let Object(document): Object<KeysJson> = json::from_slice(bytes)
        .map_err(|problem| DocumentError::Json { kind: "a list of npm's keys", problem })?;
    check_count(document.keys.total)?;
    let keys = document.keys.items.into_iter().enumerate();
    let keys = keys.filter(|(_, Object(key))| key.key_usage == "npm:attestations");
    keys.map(|(index, Object(json))| {
        let Object(public) = json.public_key;
        let key = PublicKey::from_spki_der(&public.raw_bytes.0)
            .map_err(|problem| DocumentError::Key { index, problem })?;
        let window = Window::read(public.valid_for.map(|Object(window)| window).as_ref())
            .map_err(|problem| DocumentError::Window { index, problem })?;
        Ok(KnownKey::named(json.key_id, key, window))
    })
    .collect()
}
