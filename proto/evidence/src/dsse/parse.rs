//! The outer JSON of an envelope, which nobody signs.

use std::sync::OnceLock;

use std::borrow::Cow;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use base64::{DecodeError, DecodeSliceError};
use memchr::memchr2;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::certificate::CarriedJson;
use super::kind;
use super::pae::Pae;
use super::{
    Base64Error, Envelope, EnvelopeError, MAX_ENVELOPE, MAX_KEYID, MAX_PAYLOAD_TYPE, MAX_SIGNATURES,
    Signature,
};
use crate::json;
use crate::object::Object;

#[derive(Deserialize)]
struct EnvelopeJson<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    #[serde(borrow, rename = "payloadType")]
    payload_type: Cow<'a, str>,
    #[serde(borrow)]
    signatures: Signatures<'a>,
}

/// The first signatures, and how many there are: a hostile list costs no memory.
struct Signatures<'a> {
    kept: Vec<SignatureJson<'a>>,
    count: usize,
}

#[derive(Deserialize)]
struct SignatureJson<'a> {
    /// Unset is the same as empty (DSSE envelope, "Standard JSON envelope").
    #[serde(borrow, default)]
    keyid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sig: Cow<'a, str>,
    #[serde(borrow, default)]
    cert: Option<&'a RawValue>,
    #[serde(borrow, default)]
    certificate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    intermediates: Option<&'a RawValue>,
    #[serde(borrow, default)]
    timestamps: Option<&'a RawValue>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Signatures<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(SignaturesVisitor(PhantomData))
    }
}

struct SignaturesVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for SignaturesVisitor<'a> {
    type Value = Signatures<'a>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of signatures")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Signatures<'a>, A::Error> {
        let mut kept = Vec::new();
        while kept.len() < MAX_SIGNATURES {
            match list.next_element()? {
                Some(Object(signature)) => kept.push(signature),
                None => return Ok(Signatures { count: kept.len(), kept }),
            }
        }
        let mut count = kept.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Signatures { kept, count })
    }
}

/// Parses an envelope. Bytes that are none are given back with the reason: they may be of another kind.
pub(super) fn envelope(bytes: Vec<u8>) -> Result<Envelope, (EnvelopeError, Vec<u8>)> {
    match parts(&bytes) {
        Ok((payload_type, pae, signatures)) => {
            Ok(Envelope { bytes, digest: OnceLock::new(), payload_type, pae, signatures })
        }
        Err(error) => Err((error, bytes)),
    }
}

/// Parses an envelope that stands in something larger, whose bytes are kept: its own are none.
pub(super) fn inner(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
    let (payload_type, pae, signatures) = parts(bytes)?;
    Ok(Envelope { bytes: Vec::new(), digest: OnceLock::new(), payload_type, pae, signatures })
}

fn parts(bytes: &[u8]) -> Result<(String, Pae, Vec<Signature>), EnvelopeError> {
    // Before anything is read.
    if bytes.len() > MAX_ENVELOPE {
        return Err(EnvelopeError::TooLong { max: MAX_ENVELOPE, found: bytes.len() });
    }
    let Object(outer): Object<EnvelopeJson<'_>> =
        json::from_unsigned_slice(bytes).map_err(|error| match kind::of(bytes) {
            Some(kind) => EnvelopeError::OtherKind { kind },
            None => EnvelopeError::Json(error),
        })?;
    let found = outer.signatures.count;
    if found == 0 {
        return Err(EnvelopeError::NoSignature);
    }
    if found > MAX_SIGNATURES {
        return Err(EnvelopeError::TooManySignatures { max: MAX_SIGNATURES, found });
    }
    let signatures = outer.signatures.kept.into_iter().enumerate();
    let signatures = signatures.map(|(index, json)| signature(index, json)).collect::<Result<_, _>>()?;
    let found = outer.payload_type.len();
    if found > MAX_PAYLOAD_TYPE {
        return Err(EnvelopeError::PayloadTypeTooLong { max: MAX_PAYLOAD_TYPE, found });
    }
    let text = outer.payload.as_bytes();
    let length = decoded_length(text).map_err(|problem| EnvelopeError::Payload { problem })?;
    let pae = Pae::filled(&outer.payload_type, length, |payload| decode_into(text, payload))
        .map_err(|problem| EnvelopeError::Payload { problem })?;
    Ok((outer.payload_type.into_owned(), pae, signatures))
}

fn signature(index: usize, json: SignatureJson<'_>) -> Result<Signature, EnvelopeError> {
    let keyid = json.keyid.unwrap_or_default().into_owned();
    if keyid.len() > MAX_KEYID {
        return Err(EnvelopeError::KeyIdTooLong { index, max: MAX_KEYID, found: keyid.len() });
    }
    // A signature that cannot be read does not spoil the others: it counts as failed.
    let bytes = decode(json.sig.as_bytes());
    let carried = CarriedJson {
        cert: json.cert,
        certificate: json.certificate,
        intermediates: json.intermediates,
        timestamps: json.timestamps,
    };
    Ok(Signature { keyid, bytes, certificate: carried.read().map(Box::new) })
}

pub(super) fn write(payload_type: &str, payload: &[u8], signatures: &[(String, Vec<u8>)]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Outer<'a> {
        payload: String,
        #[serde(rename = "payloadType")]
        payload_type: &'a str,
        signatures: Vec<Inner<'a>>,
    }
    #[derive(Serialize)]
    struct Inner<'a> {
        keyid: &'a str,
        sig: String,
    }
    let signatures =
        signatures.iter().map(|(keyid, bytes)| Inner { keyid, sig: STANDARD.encode(bytes) }).collect();
    let outer = Outer { payload: STANDARD.encode(payload), payload_type, signatures };
    serde_json::to_vec(&outer).expect("strings are always JSON")
}

/// Decodes base64, standard or URL-safe, with padding.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let mut bytes = vec![0; decoded_length(text)?];
    decode_into(text, &mut bytes)?;
    Ok(bytes)
}

/// Returns the exact length of what padded base64 stands for.
fn decoded_length(text: &[u8]) -> Result<usize, Base64Error> {
    if !text.len().is_multiple_of(4) {
        return Err(Base64Error::Padding { length: text.len() });
    }
    let padding = text.iter().rev().take(2).take_while(|b| **b == b'=').count();
    Ok(text.len() / 4 * 3 - padding)
}

/// Decodes either alphabet, never a mixture.
fn decode_into(text: &[u8], bytes: &mut [u8]) -> Result<(), Base64Error> {
    let url_safe = memchr2(b'-', b'_', text).is_some();
    let engine: &GeneralPurpose = if url_safe { &URL_SAFE } else { &STANDARD };
    match engine.decode_slice(text, bytes) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) | Err(DecodeSliceError::OutputSliceTooSmall) => {
            Err(Base64Error::Padding { length: text.len() })
        }
        Err(DecodeSliceError::DecodeError(error)) => Err(match error {
            DecodeError::InvalidByte(at, _) => Base64Error::Character { at: at + 1 },
            DecodeError::InvalidLastSymbol(..) => Base64Error::LastCharacter,
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => {
                Base64Error::Padding { length: text.len() }
            }
        }),
    }
}
