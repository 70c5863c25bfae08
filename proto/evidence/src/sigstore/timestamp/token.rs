//! A time stamp response as it is written (RFC 3161 section 2.4.2, RFC 5652 section 5): read, and not believed.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use custody_log::Timestamp;
use spki::der::asn1::ObjectIdentifier;

use super::{Algorithms, TimestampProblem, with_hash};
use crate::key::HashAlgorithm;
use crate::sigstore::certificate::Certificate;
use crate::sigstore::der::{
    DerError, GENERALIZED_TIME, INTEGER, Items, OCTET_STRING, SEQUENCE, SET, constructed, element, primitive,
};

/// A token with exactly one signature.
pub(super) struct Token<'a> {
    pub(super) time: Timestamp,
    /// The hash of the imprint, and the imprint.
    pub(super) hash: HashAlgorithm,
    pub(super) imprint: Vec<u8>,
    pub(super) certificates: Vec<&'a [u8]>,
    pub(super) signer: TokenSigner<'a>,
    /// The bytes that are signed: the attributes as a SET (RFC 5652 section 5.4).
    pub(super) signed_attributes: Vec<u8>,
    pub(super) signature: &'a [u8],
    info: &'a [u8],
    digest_algorithm: HashAlgorithm,
    signature_algorithm: ObjectIdentifier,
    attributes: Vec<(ObjectIdentifier, &'a [u8])>,
}

/// How the signature names the certificate.
pub(super) enum TokenSigner<'a> {
    IssuerAndSerial { issuer: &'a [u8], serial: &'a [u8] },
    KeyIdentifier(&'a [u8]),
}

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SIGNED_DATA: ObjectIdentifier = oid("1.2.840.113549.1.7.2");
const TST_INFO: ObjectIdentifier = oid("1.2.840.113549.1.9.16.1.4");
const CONTENT_TYPE: ObjectIdentifier = oid("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = oid("1.2.840.113549.1.9.4");
/// RFC 2634 section 5.4 and RFC 5035 section 3: the certificate that signed, by its digest.
const SIGNING_CERTIFICATE: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.12");
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = oid("1.2.840.113549.1.9.16.2.47");

/// The most certificates that a token may carry.
const MAX_CERTIFICATES: usize = 10;

/// Returns the content of the token in a response that grants one.
fn in_response(bytes: &[u8]) -> Result<Items<'_>, TimestampProblem> {
    let mut response = Items::of(bytes, SEQUENCE, "TimeStampResp")?;
    let mut status = response.open(SEQUENCE, "PKIStatusInfo")?;
    let status = status.next(INTEGER, "PKIStatus")?.value;
    if !matches!(status, [0 | 1]) {
        return Err(TimestampProblem::Status { status: status.first().copied().unwrap_or(u8::MAX) });
    }
    let content = response.open(SEQUENCE, "TimeStampToken")?;
    response.end("nothing after TimeStampToken")?;
    Ok(content)
}

impl<'a> Token<'a> {
    /// Reads a response, or the token alone, which starts with its type where a response has its status.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, TimestampProblem> {
        let bare = Items::of(bytes, SEQUENCE, "TimeStampResp")?.oid("contentType").is_ok();
        let mut content =
            if bare { Items::of(bytes, SEQUENCE, "TimeStampToken")? } else { in_response(bytes)? };
        if content.oid("contentType")? != SIGNED_DATA {
            return Err(TimestampProblem::Form { what: "it is not SignedData" });
        }
        let mut data = content.open(constructed(0), "content")?.open(SEQUENCE, "SignedData")?;
        data.next(INTEGER, "CMSVersion")?;
        data.next(SET, "digestAlgorithms")?;
        let mut encapsulated = data.open(SEQUENCE, "encapContentInfo")?;
        if encapsulated.oid("eContentType")? != TST_INFO {
            return Err(TimestampProblem::Form { what: "it signs no TSTInfo" });
        }
        let mut inner = encapsulated.open(constructed(0), "eContent")?;
        let info = inner.next(OCTET_STRING, "eContent")?.value;
        let certificates = certificates(&mut data)?;
        data.optional(constructed(1), "crls")?;
        let mut signers = data.open(SET, "signerInfos")?;
        let signer = signers.open(SEQUENCE, "SignerInfo")?;
        if !signers.is_empty() {
            return Err(TimestampProblem::Form { what: "it has several signatures" });
        }
        Self::signed(info, certificates, signer)
    }

    fn signed(
        info: &'a [u8],
        certificates: Vec<&'a [u8]>,
        mut signer: Items<'a>,
    ) -> Result<Self, TimestampProblem> {
        let (time, hash, imprint) = read_info(info)?;
        signer.next(INTEGER, "CMSVersion")?;
        let named = if let Some(id) = signer.optional(primitive(0), "SignerIdentifier")? {
            TokenSigner::KeyIdentifier(id.value)
        } else {
            let mut named = signer.open(SEQUENCE, "SignerIdentifier")?;
            let issuer = named.next(SEQUENCE, "issuer")?.whole;
            TokenSigner::IssuerAndSerial { issuer, serial: named.next(INTEGER, "serialNumber")?.value }
        };
        let digest_algorithm = hash_of(signer.open(SEQUENCE, "digestAlgorithm")?)?;
        let attributes_item = signer.next(constructed(0), "signedAttrs")?;
        let signature_algorithm = signer.open(SEQUENCE, "signatureAlgorithm")?.oid("algorithm")?;
        let signature = signer.next(OCTET_STRING, "signature")?.value;
        Ok(Self {
            time,
            hash,
            imprint,
            certificates,
            signer: named,
            signed_attributes: element(SET, attributes_item.value),
            signature,
            info,
            digest_algorithm,
            signature_algorithm,
            attributes: attributes(attributes_item.value)?,
        })
    }

    fn attribute(&self, oid: ObjectIdentifier) -> Option<&'a [u8]> {
        self.attributes.iter().find_map(|(name, value)| (*name == oid).then_some(*value))
    }

    /// Checks that the signed attributes are of this content (RFC 5652 section 11).
    pub(super) fn check_attributes(&self) -> Result<(), TimestampProblem> {
        let what = |what| Err(TimestampProblem::Attributes { what });
        let content_type = self.attribute(CONTENT_TYPE).and_then(|value| Items::new(value).oid("").ok());
        if content_type != Some(TST_INFO) {
            return what("they are of another content type");
        }
        let digest = self
            .attribute(MESSAGE_DIGEST)
            .and_then(|value| Items::new(value).next(OCTET_STRING, "").ok().map(|digest| digest.value));
        if digest != Some(&self.digest_algorithm.digest(self.info)) {
            return what("they are of another content");
        }
        Ok(())
    }

    /// Whether the signed attributes name this certificate as the one that signed (RFC 3161 section 2.4.1).
    pub(super) fn binds(&self, certificate: &Certificate) -> bool {
        let first = |value| {
            let mut list = Items::of(value, SEQUENCE, "SigningCertificate")?;
            list.open(SEQUENCE, "certs")?.open(SEQUENCE, "ESSCertID")
        };
        if let Some(value) = self.attribute(SIGNING_CERTIFICATE_V2) {
            let named = || {
                let mut id = first(value)?;
                let algorithm = id.optional(SEQUENCE, "hashAlgorithm")?;
                let hash = match algorithm {
                    Some(algorithm) => hash_of(Items::new(algorithm.value)),
                    None => Ok(HashAlgorithm::Sha256),
                };
                Ok::<_, DerError>((hash, id.next(OCTET_STRING, "certHash")?.value))
            };
            let Ok((Ok(hash), found)) = named() else { return false };
            return hash.digest(certificate.der()) == found;
        }
        let named =
            self.attribute(SIGNING_CERTIFICATE).map(|value| first(value)?.next(OCTET_STRING, "certHash"));
        let Some(Ok(found)) = named else { return false };
        // SHA-1 only tells certificates apart here; the certificate itself is checked up to a trusted authority.
        digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate.der()).as_ref() == found.value
    }

    /// Returns the algorithms that the signature may have been made with.
    pub(super) fn algorithms(&self) -> Result<Algorithms, TimestampProblem> {
        let hash = match self.signature_algorithm.to_string().as_str() {
            // ecdsa-with-SHA2, shaXWithRSAEncryption.
            "1.2.840.10045.4.3.2" | "1.2.840.113549.1.1.11" => HashAlgorithm::Sha256,
            "1.2.840.10045.4.3.3" | "1.2.840.113549.1.1.12" => HashAlgorithm::Sha384,
            // Ed25519 goes with SHA-512 (RFC 8419 section 3).
            "1.2.840.10045.4.3.4" | "1.2.840.113549.1.1.13" | "1.3.101.112" => HashAlgorithm::Sha512,
            // rsaEncryption and id-ecPublicKey leave the hash to the digest algorithm (RFC 3370 section 3.2).
            "1.2.840.113549.1.1.1" | "1.2.840.10045.2.1" => self.digest_algorithm,
            other => return Err(TimestampProblem::Unsupported { algorithm: other.to_owned() }),
        };
        Ok(with_hash(hash))
    }
}

fn certificates<'a>(data: &mut Items<'a>) -> Result<Vec<&'a [u8]>, TimestampProblem> {
    let mut certificates = Vec::new();
    let Some(set) = data.optional(constructed(0), "certificates")? else { return Ok(certificates) };
    let mut set = Items::new(set.value);
    while !set.is_empty() {
        certificates.push(set.next(SEQUENCE, "a certificate")?.whole);
    }
    if certificates.len() > MAX_CERTIFICATES {
        return Err(TimestampProblem::Form { what: "it carries more than ten certificates" });
    }
    Ok(certificates)
}

/// Reads the attributes: each name once, each with one value.
fn attributes(bytes: &[u8]) -> Result<Vec<(ObjectIdentifier, &[u8])>, TimestampProblem> {
    let mut items = Items::new(bytes);
    let mut found: Vec<(ObjectIdentifier, &[u8])> = Vec::new();
    while !items.is_empty() {
        let mut attribute = items.open(SEQUENCE, "an Attribute")?;
        let name = attribute.oid("attrType")?;
        let mut values = attribute.open(SET, "attrValues")?;
        let value = values.any("an AttributeValue")?.whole;
        if !values.is_empty() || found.iter().any(|(known, _)| *known == name) {
            return Err(TimestampProblem::Form { what: "an attribute has several values" });
        }
        found.push((name, value));
    }
    Ok(found)
}

fn hash_of(mut algorithm: Items<'_>) -> Result<HashAlgorithm, TimestampProblem> {
    match algorithm.oid("a hash algorithm")?.to_string().as_str() {
        "2.16.840.1.101.3.4.2.1" => Ok(HashAlgorithm::Sha256),
        "2.16.840.1.101.3.4.2.2" => Ok(HashAlgorithm::Sha384),
        "2.16.840.1.101.3.4.2.3" => Ok(HashAlgorithm::Sha512),
        other => Err(TimestampProblem::Unsupported { algorithm: other.to_owned() }),
    }
}

/// Reads time and imprint of a `TSTInfo` (RFC 3161 section 2.4.2).
fn read_info(bytes: &[u8]) -> Result<(Timestamp, HashAlgorithm, Vec<u8>), TimestampProblem> {
    let mut info = Items::of(bytes, SEQUENCE, "TSTInfo")?;
    if info.next(INTEGER, "version")?.value != [1] {
        return Err(TimestampProblem::Form { what: "its TSTInfo is not of version 1" });
    }
    info.oid("policy")?;
    let mut imprint = info.open(SEQUENCE, "messageImprint")?;
    let hash = hash_of(imprint.open(SEQUENCE, "hashAlgorithm")?)?;
    let digest = imprint.next(OCTET_STRING, "hashedMessage")?.value.to_vec();
    info.next(INTEGER, "serialNumber")?;
    let time = info.next(GENERALIZED_TIME, "genTime")?;
    let time = time_of(time.value).ok_or(DerError { expected: "genTime" })?;
    Ok((time, hash, digest))
}

/// Reads `YYYYMMDDhhmmss[.f...]Z`: the time may have a fraction, which does not end in 0.
fn time_of(bytes: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(bytes).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = fraction.is_none_or(|rest| !rest.is_empty() && digits(rest) && !rest.ends_with('0'));
    if whole.len() != 14 || !digits(whole) || !fits {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to).unwrap_or_default();
    let fraction = fraction.map(|rest| format!(".{}", rest.get(..9).unwrap_or(rest))).unwrap_or_default();
    let (date, time) = ((part(0, 4), part(4, 6), part(6, 8)), (part(8, 10), part(10, 12), part(12, 14)));
    let text = format!("{}-{}-{}T{}:{}:{}{fraction}Z", date.0, date.1, date.2, time.0, time.1, time.2);
    Timestamp::parse_rfc3339(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_with_and_without_a_fraction_and_no_other_spelling() {
        for (text, time) in [
            ("20250612120216Z", "2025-06-12T12:02:16.000000Z"),
            ("20250612120216.5Z", "2025-06-12T12:02:16.500000Z"),
            ("20250612120216.123456789123Z", "2025-06-12T12:02:16.123456Z"),
        ] {
            assert_eq!(time_of(text.as_bytes()).unwrap().to_string(), time);
        }
        for text in [
            "",
            "Z",
            "20250612120216",
            "202506121202Z",
            "20250612120216.Z",
            "20250612120216.50Z",
            "20250612120216,5Z",
            "20250612120216+0100",
            "20251312120216Z",
            "20250612250216Z",
            "2025061212021aZ",
            "20250612120216.1aZ",
        ] {
            assert_eq!(time_of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_token() {
        for hex in ["", "3000", "3005300302010230", "30053003020100", "300530030201023000", "30800000"] {
            assert!(Token::parse(&hex::decode(hex).unwrap()).is_err(), "{hex}");
        }
        let response = hex::decode("30053003020102").unwrap();
        let refused = Token::parse(&response);
        assert!(matches!(refused, Err(TimestampProblem::Status { status: 2 })));
    }
}
