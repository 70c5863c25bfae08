//! Bundles that sign a file and do not say which, told which.
//!
//! The member that says it is signed by nobody and needed by everybody: a signature over a file is checked over the digest that
//! stands there. So whoever knows the file writes its digest into the bundle, and what comes out is a bundle like any other,
//! which everybody can check who has nothing else. A wrong digest makes a bundle whose signature does not hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Bundle, BundleError, Content, Material, MessageDigest};
use crate::json;
use crate::key::HashAlgorithm;
use crate::object::Object;
use crate::sigstore::certificate::Certificate;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OuterJson<'a> {
    #[serde(borrow)]
    message_signature: &'a RawValue,
}

#[derive(Deserialize)]
struct MessageJson<'a> {
    #[serde(borrow)]
    signature: &'a RawValue,
}

impl Bundle {
    /// Whether it signs a file, and does not say which.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        matches!(self.content(), Content::Message(message) if message.digest().is_none())
    }

    /// Returns the hash whose digest of the file was signed, as the key in its certificate is used; none if that is unknown, or the
    /// key signs no digest.
    #[must_use]
    pub fn signed_hash(&self) -> Option<HashAlgorithm> {
        let Material::Certificates(chain) = self.material() else { return None };
        Certificate::parse(chain.first()?).ok()?.public_key().ok()?.hash()
    }

    /// Writes the digest of the file into a bundle that does not say which file it signs: `messageSignature` is written anew, with
    /// `messageDigest` and the signature as it stands, and every other byte stays. A bundle that says it comes back as it is.
    pub fn naming(self, file: &MessageDigest) -> Result<Self, BundleError> {
        if !self.is_nameless() {
            return Ok(self);
        }
        let bytes = self.bytes();
        let Object(OuterJson { message_signature }) = json::from_unsigned_slice(bytes)?;
        let Object(MessageJson { signature }) =
            json::from_unsigned_slice(message_signature.get().as_bytes())?;
        let message = format!(
            r#"{{"messageDigest":{{"algorithm":"{}","digest":"{}"}},"signature":{}}}"#,
            name_of(file.algorithm()),
            STANDARD.encode(file.bytes()),
            signature.get()
        );
        let start = message_signature.get().as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
        let end = start.saturating_add(message_signature.get().len());
        let before = bytes.get(..start).unwrap_or_default();
        let behind = bytes.get(end..).unwrap_or_default();
        Self::from_vec([before, message.as_bytes(), behind].concat())
    }
}

/// Returns the name of sigstore/protobuf-specs, `sigstore_common.proto`.
const fn name_of(algorithm: HashAlgorithm) -> &'static str {
    match algorithm {
        HashAlgorithm::Sha256 => "SHA2_256",
        HashAlgorithm::Sha384 => "SHA2_384",
        HashAlgorithm::Sha512 => "SHA2_512",
    }
}
