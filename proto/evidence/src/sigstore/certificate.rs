//! X.509 certificates (RFC 5280), as far as they say who signed. Paths to a root are checked in [`super::path`].

use custody_log::Timestamp;
use spki::der::Decode as _;
use spki::der::asn1::{GeneralizedTime, ObjectIdentifier, UtcTime};

use super::der::{
    BIT_STRING, BOOLEAN, DerError, GENERALIZED_TIME, INTEGER, Items, OCTET_STRING, SEQUENCE, UTC_TIME,
    constructed, element,
};
use crate::key::{KeyError, PublicKey};

/// Why bytes are not a certificate that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate in DER.
    #[error("not an X.509 certificate: {0}")]
    Der(#[from] DerError),
    /// An extension that is there twice (RFC 5280 section 4.2).
    #[error("the certificate has the extension {oid} twice")]
    DuplicateExtension {
        /// Its object identifier.
        oid: String,
    },
}

/// A certificate whose shape was checked, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    serial: Vec<u8>,
    issuer: Vec<u8>,
    spki: Vec<u8>,
    /// Seconds since 1970.
    not_before: u64,
    not_after: u64,
    extensions: Vec<Extension>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Extension {
    oid: ObjectIdentifier,
    critical: bool,
    value: Vec<u8>,
}

/// The parts of a certificate that is signed, without the one extension that was added last.
struct Parts<'a> {
    serial: &'a [u8],
    issuer: &'a [u8],
    spki: &'a [u8],
    validity: &'a [u8],
    /// All before the extensions, as they stand.
    before: Vec<u8>,
    /// The extensions, each as it stands.
    extensions: Vec<&'a [u8]>,
}

const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

/// Signed certificate timestamps (RFC 6962 section 3.3).
pub(super) const SCT_LIST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11129.2.4.2");

impl Certificate {
    /// Parses a certificate in DER, with nothing after it.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let mut outer = Items::of(der, SEQUENCE, "a certificate")?;
        let tbs = outer.next(SEQUENCE, "tbsCertificate")?;
        outer.next(SEQUENCE, "signatureAlgorithm")?;
        outer.next(BIT_STRING, "the signature of the certificate")?;
        outer.end("nothing after the signature of the certificate")?;
        let parts = Parts::of(tbs.value)?;
        let extensions: Vec<Extension> =
            parts.extensions.iter().map(|whole| Extension::of(whole)).collect::<Result<_, _>>()?;
        for (index, extension) in extensions.iter().enumerate() {
            if extensions.iter().take(index).any(|before| before.oid == extension.oid) {
                return Err(CertificateError::DuplicateExtension { oid: extension.oid.to_string() });
            }
        }
        let mut validity = Items::new(parts.validity);
        let (not_before, not_after) = (seconds(&mut validity)?, seconds(&mut validity)?);
        validity.end("nothing after notAfter")?;
        Ok(Self {
            der: der.to_vec(),
            serial: parts.serial.to_vec(),
            issuer: parts.issuer.to_vec(),
            spki: parts.spki.to_vec(),
            not_before,
            not_after,
            extensions,
        })
    }

    /// Returns the certificate in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Returns the serial number: the bytes of its INTEGER.
    pub(super) fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Returns the issuer's name in DER.
    pub(super) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// Returns the key that it certifies, or why that cannot be used.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        PublicKey::from_spki_der(&self.spki)
    }

    /// Returns the value of an extension; none if it is not there.
    pub(super) fn extension(&self, oid: ObjectIdentifier) -> Option<&[u8]> {
        self.find(oid).map(|extension| extension.value.as_slice())
    }

    /// Returns the subject key identifier; none if it has none.
    pub(super) fn key_identifier(&self) -> Option<&[u8]> {
        let mut items = Items::new(self.extension(SUBJECT_KEY_IDENTIFIER)?);
        let id = items.next(OCTET_STRING, "a KeyIdentifier").ok()?;
        items.is_empty().then_some(id.value)
    }

    fn find(&self, oid: ObjectIdentifier) -> Option<&Extension> {
        self.extensions.iter().find(|extension| extension.oid == oid)
    }

    /// Whether it may issue certificates (RFC 5280 section 4.2.1.9).
    pub(super) fn is_authority(&self) -> bool {
        let says_so = |value| {
            let mut constraints = Items::of(value, SEQUENCE, "BasicConstraints")?;
            let authority = constraints.optional(BOOLEAN, "cA")?;
            Ok::<_, DerError>(authority.is_some_and(|authority| authority.value == [0xff]))
        };
        self.extension(BASIC_CONSTRAINTS).is_some_and(|value| says_so(value).unwrap_or(false))
    }

    /// Returns the purposes that it names (RFC 5280 section 4.2.1.12); none if it names none, or they cannot be read.
    pub(super) fn purposes(&self) -> Vec<ObjectIdentifier> {
        let read = |value| {
            let mut usage = Items::of(value, SEQUENCE, "ExtKeyUsageSyntax")?;
            let mut purposes = Vec::new();
            while !usage.is_empty() {
                purposes.push(usage.oid("KeyPurposeId")?);
            }
            Ok::<_, DerError>(purposes)
        };
        self.extension(EXTENDED_KEY_USAGE).and_then(|value| read(value).ok()).unwrap_or_default()
    }

    /// Whether who does not understand its purposes must refuse it.
    pub(super) fn purposes_are_critical(&self) -> bool {
        self.find(EXTENDED_KEY_USAGE).is_some_and(|usage| usage.critical)
    }

    /// Returns the first time at which it is valid; none if no clock of ours can show it.
    pub(super) fn valid_from(&self) -> Option<Timestamp> {
        let micros = i64::try_from(self.not_before).ok()?.checked_mul(1_000_000)?;
        Timestamp::from_micros(micros).ok()
    }

    /// Whether the time is in the certificate's own window, both ends inclusive, in whole seconds.
    pub(super) fn is_valid_at(&self, time: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&time.as_seconds())
    }

    /// Returns what was signed before the signed certificate timestamps were added (RFC 6962 section 3.2): the
    /// certificate's content without their extension. Every other part keeps its exact bytes.
    pub(super) fn precertificate(&self) -> Result<Vec<u8>, DerError> {
        let mut outer = Items::of(&self.der, SEQUENCE, "a certificate")?;
        let parts = Parts::of(outer.next(SEQUENCE, "tbsCertificate")?.value)?;
        let mut kept = Vec::new();
        for whole in &parts.extensions {
            if Extension::of(whole)?.oid != SCT_LIST {
                kept.extend_from_slice(whole);
            }
        }
        let extensions = element(constructed(3), &element(SEQUENCE, &kept));
        Ok(element(SEQUENCE, &[parts.before, extensions].concat()))
    }
}

/// Reads a `Time` (RFC 5280 section 4.1.2.5) as seconds since 1970.
fn seconds(items: &mut Items<'_>) -> Result<u64, DerError> {
    let expected = "UTCTime or GeneralizedTime";
    let item = items.any(expected)?;
    let time = match item.tag {
        UTC_TIME => UtcTime::from_der(item.whole).map(|time| time.to_unix_duration()),
        GENERALIZED_TIME => GeneralizedTime::from_der(item.whole).map(|time| time.to_unix_duration()),
        _ => return Err(DerError { expected }),
    };
    time.map(|time| time.as_secs()).map_err(|_| DerError { expected })
}

impl<'a> Parts<'a> {
    fn of(tbs: &'a [u8]) -> Result<Self, DerError> {
        let mut items = Items::new(tbs);
        let version = items.next(constructed(0), "version 3")?;
        let serial = items.next(INTEGER, "serialNumber")?;
        let algorithm = items.next(SEQUENCE, "signature")?;
        let issuer = items.next(SEQUENCE, "issuer")?;
        let validity = items.next(SEQUENCE, "validity")?;
        let subject = items.next(SEQUENCE, "subject")?;
        let spki = items.next(SEQUENCE, "subjectPublicKeyInfo")?;
        let extensions = items.next(constructed(3), "extensions")?;
        items.end("nothing after the extensions")?;
        let mut list = Items::of(extensions.value, SEQUENCE, "extensions")?;
        let mut found = Vec::new();
        while !list.is_empty() {
            found.push(list.next(SEQUENCE, "an extension")?.whole);
        }
        let before = [version, serial, algorithm, issuer, validity, subject, spki];
        Ok(Self {
            serial: serial.value,
            issuer: issuer.whole,
            spki: spki.whole,
            validity: validity.value,
            before: before.map(|item| item.whole).concat(),
            extensions: found,
        })
    }
}

impl Extension {
    fn of(whole: &[u8]) -> Result<Self, DerError> {
        let mut items = Items::of(whole, SEQUENCE, "an extension")?;
        let oid = items.oid("extnID")?;
        let critical = items.optional(BOOLEAN, "critical")?.is_some_and(|critical| critical.value != [0]);
        let value = items.next(OCTET_STRING, "extnValue")?.value.to_vec();
        items.end("nothing after extnValue")?;
        Ok(Self { oid, critical, value })
    }
}
