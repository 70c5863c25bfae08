//! npm's attestations of a package version (`/-/npm/v1/attestations/<name>@<version>`), and the registry's keys. GitHub answers in the same
//! form (`/repos/OWNER/REPO/attestations/<digest>`), and may leave a bundle out and say where it is.

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
    kept: Kept<'a>,
}

/// Where the bundle of an attestation is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept<'a> {
    Here(&'a [u8]),
    /// At an address.
    Elsewhere(String),
}

#[derive(Deserialize)]
struct DocumentJson<'a> {
    #[serde(borrow)]
    attestations: Capped<Object<AttestationJson<'a>>, MAX_ATTESTATIONS>,
}

#[derive(Deserialize)]
#[serde(try_from = "RawAttestation<'a>")]
struct AttestationJson<'a> {
    label: String,
    #[serde(borrow)]
    kept: Kept<'a>,
}

#[derive(Deserialize)]
struct RawAttestation<'a> {
    #[serde(rename = "predicateType", default)]
    label: Option<String>,
    #[serde(borrow, default)]
    bundle: Option<&'a RawValue>,
    #[serde(default)]
    bundle_url: Option<String>,
}

impl<'a> TryFrom<RawAttestation<'a>> for AttestationJson<'a> {
    type Error = &'static str;

    fn try_from(raw: RawAttestation<'a>) -> Result<Self, Self::Error> {
        let kept = match (raw.bundle, raw.bundle_url.filter(|address| !address.is_empty())) {
            (Some(bundle), _) => Kept::Here(bundle.get().as_bytes()),
            (None, Some(address)) => Kept::Elsewhere(address),
            (None, None) => return Err("missing field `bundle`"),
        };
        Ok(Self { label: raw.label.unwrap_or_default(), kept })
    }
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

    /// Returns the bundle as it stands in the document: what is stored and hashed; none if the document says only where it is.
    #[must_use]
    pub const fn bundle(&self) -> Option<&'a [u8]> {
        match self.kept {
            Kept::Here(bundle) => Some(bundle),
            Kept::Elsewhere(_) => None,
        }
    }

    /// Returns the address of a bundle that is not in the document, without the query, by which whoever has it may fetch the bundle.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        match &self.kept {
            Kept::Here(_) => None,
            Kept::Elsewhere(address) => address.split('?').next(),
        }
    }
}

/// Takes a document apart: its attestations in their order.
pub fn npm_attestations(bytes: &[u8]) -> Result<Vec<NpmAttestation<'_>>, DocumentError> {
    check_length(bytes)?;
    let Object(document): Object<DocumentJson<'_>> = json::from_unsigned_slice(bytes)
        .map_err(|problem| DocumentError::Json { kind: "an npm attestation document", problem })?;
    check_count(document.attestations.total)?;
    let attestations = document.attestations.items.into_iter();
    Ok(attestations.map(|Object(json)| NpmAttestation { label: json.label, kept: json.kept }).collect())
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
