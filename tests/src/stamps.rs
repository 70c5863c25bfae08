//! A time stamp authority of the tests' own (RFC 3161), written by hand so that what it stamps can be wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SerialNumber, SigningKey as _, date_time_ymd,
};
use serde_json::{Value, json};

use crate::oracle::sha256;

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const GENERALIZED_TIME: u8 = 0x18;

const SHA256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
const CONTENT_TYPE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
const SIGNING_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x02, 0x2f];
const TIME_STAMPING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
/// A policy of nobody: 1.2.3.
const POLICY: &[u8] = &[0x2a, 0x03];

/// The serial number of the certificate that stamps.
const SERIAL: u8 = 7;

/// An authority whose certificates are valid from 2020 to 2040.
#[derive(Debug)]
pub struct TimeStampAuthority {
    key: KeyPair,
    certificate: Vec<u8>,
    root: Vec<u8>,
}

impl TimeStampAuthority {
    /// Makes an authority of this name.
    ///
    /// # Panics
    ///
    /// When no key or certificate can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = valid(CertificateParams::default());
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root_key = KeyPair::generate().expect("a key can be made");
        let root = params.self_signed(&root_key).expect("a certificate can be made").der().to_vec();
        let issuer = Issuer::new(params, root_key);
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = valid(CertificateParams::default());
        params.serial_number = Some(SerialNumber::from(vec![SERIAL]));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // The library writes the purpose as an extension that may be passed over.
        let purpose = der(SEQUENCE, &[&der(OBJECT_ID, &[TIME_STAMPING])]);
        let mut purpose = CustomExtension::from_oid_content(&[2, 5, 29, 37], purpose);
        purpose.set_criticality(true);
        params.custom_extensions = vec![purpose];
        let certificate = params.signed_by(&key, &issuer).expect("a certificate can be made").der().to_vec();
        Self { key, certificate, root }
    }

    /// Returns the entry of `timestampAuthorities` in a `trusted_root.json`.
    #[must_use]
    pub fn listed(&self) -> Value {
        let certificates =
            [&self.certificate, &self.root].map(|der| json!({ "rawBytes": STANDARD.encode(der) }));
        json!({ "certChain": { "certificates": certificates }, "validFor": { "start": "2020-01-01T00:00:00Z" } })
    }

    /// Stamps bytes at a time, written as `20260501100000Z`: the response that the authority sends.
    ///
    /// # Panics
    ///
    /// When the key does not sign.
    #[must_use]
    pub fn stamp(&self, bytes: &[u8], time: &str) -> Vec<u8> {
        let hash = der(SEQUENCE, &[&der(OBJECT_ID, &[SHA256])]);
        let imprint = der(SEQUENCE, &[&hash, &der(OCTET_STRING, &[&sha256(bytes)])]);
        let info = der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&[1]]),
                &der(OBJECT_ID, &[POLICY]),
                &imprint,
                &der(INTEGER, &[&[1]]),
                &der(GENERALIZED_TIME, &[time.as_bytes()]),
            ],
        );
        let named = der(OCTET_STRING, &[&sha256(&self.certificate)]);
        let named = der(SEQUENCE, &[&der(SEQUENCE, &[&der(SEQUENCE, &[&named])])]);
        let attributes = [
            attribute(CONTENT_TYPE, &der(OBJECT_ID, &[TST_INFO])),
            attribute(MESSAGE_DIGEST, &der(OCTET_STRING, &[&sha256(&info)])),
            attribute(SIGNING_CERTIFICATE, &named),
        ]
        .concat();
        let signature = self.key.sign(&der(SET, &[&attributes])).expect("a key signs");
        let signer = der(
            SEQUENCE,
            &[
                &der(INTEGER, &[&[1]]),
                &der(SEQUENCE, &[&self.issuer_name(), &der(INTEGER, &[&[SERIAL]])]),
                &hash,
                &der(0xa0, &[&attributes]),
                &der(SEQUENCE, &[&der(OBJECT_ID, &[ECDSA_SHA256])]),
                &der(OCTET_STRING, &[&signature]),
            ],
        );
        let content =
            der(SEQUENCE, &[&der(OBJECT_ID, &[TST_INFO]), &der(0xa0, &[&der(OCTET_STRING, &[&info])])]);
        let data = [der(INTEGER, &[&[3]]), der(SET, &[&hash]), content, der(SET, &[&signer])].concat();
        let token =
            der(SEQUENCE, &[&der(OBJECT_ID, &[SIGNED_DATA]), &der(0xa0, &[&der(SEQUENCE, &[&data])])]);
        der(SEQUENCE, &[&der(SEQUENCE, &[&der(INTEGER, &[&[0]])]), &token])
    }

    /// The issuer's name as it stands in the certificate: behind version, serial number and algorithm (RFC 5280 section 4.1).
    fn issuer_name(&self) -> Vec<u8> {
        let (_, signed) = element(element(&self.certificate).1);
        let mut rest = signed;
        for _ in 0..3 {
            rest = &rest[element(rest).0..];
        }
        rest[..element(rest).0].to_vec()
    }
}

fn valid(mut params: CertificateParams) -> CertificateParams {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2040, 1, 1);
    params
}

fn attribute(name: &[u8], value: &[u8]) -> Vec<u8> {
    der(SEQUENCE, &[&der(OBJECT_ID, &[name]), &der(SET, &[value])])
}

/// Writes an element of DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [high, low] = u16::try_from(content.len()).expect("nothing here is longer").to_be_bytes();
    let head = match (high, low) {
        (0, 0..128) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content].concat()
}

/// Returns the length of the first element, and its content.
fn element(bytes: &[u8]) -> (usize, &[u8]) {
    let (start, length) = match bytes[1] {
        0x81 => (3, usize::from(bytes[2])),
        0x82 => (4, usize::from(bytes[2]) << 8 | usize::from(bytes[3])),
        short => (2, usize::from(short)),
    };
    (start + length, &bytes[start..start + length])
}
