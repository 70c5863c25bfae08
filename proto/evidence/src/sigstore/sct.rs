//! Signed certificate timestamps inside certificates (RFC 6962 sections 3.2 and 3.3): a log of certificates promises
//! that everybody can see that this certificate was issued.

use custody_log::Timestamp;
use sha2::{Digest as _, Sha256};

use super::certificate::{Certificate, SCT_LIST};
use super::der::{DerError, Items, OCTET_STRING};
use super::root::Log;

/// The most timestamps that are looked at.
const MAX_SCTS: usize = 16;

/// Why no log of certificates vouches for a certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SctError {
    /// The certificate carries none.
    #[error("the certificate carries no signed certificate timestamp")]
    None,
    /// Their list cannot be read.
    #[error("the certificate's list of signed certificate timestamps cannot be read")]
    Malformed,
    /// None is by a log that the root lists.
    #[error("none of the {found} signed certificate timestamps is by a log of the trusted root")]
    UnknownLog {
        /// How many there are.
        found: usize,
    },
    /// By a known log at a time for which it is not trusted.
    #[error("the certificate log {log:?} is trusted {window}, not at {time}")]
    OutsideWindow {
        /// Its address.
        log: String,
        /// When it is trusted.
        window: String,
        /// The time of the timestamp.
        time: Timestamp,
    },
    /// The log's key is of a kind that is not supported.
    #[error("the key of the certificate log {log:?} cannot be used: {why}")]
    Key {
        /// Its address.
        log: String,
        /// Why.
        why: crate::key::KeyError,
    },
    /// In a known log's name, and not by it.
    #[error("the timestamp of the certificate log {log:?} was not made over this certificate")]
    Signature {
        /// Its address.
        log: String,
    },
}

/// One timestamp of version 1.
struct Sct<'a> {
    log_id: &'a [u8],
    milliseconds: u64,
    extensions: &'a [u8],
    signature: &'a [u8],
}

/// Proves that at least one log of the root vouches for the certificate, and that none that it lists is misquoted.
pub(super) fn check(certificate: &Certificate, issuer_spki: &[u8], logs: &[Log]) -> Result<(), SctError> {
    let list = certificate.extension(SCT_LIST).ok_or(SctError::None)?;
    let list = scts(list).ok_or(SctError::Malformed)?;
    let precertificate = certificate.precertificate().map_err(|_: DerError| SctError::Malformed)?;
    let mut verified = false;
    for sct in &list {
        for log in logs.iter().filter(|log| log.id == sct.log_id) {
            check_one(sct, log, issuer_spki, &precertificate)?;
            verified = true;
        }
    }
    if verified { Ok(()) } else { Err(SctError::UnknownLog { found: list.len() }) }
}

fn check_one(sct: &Sct<'_>, log: &Log, issuer_spki: &[u8], precertificate: &[u8]) -> Result<(), SctError> {
    let name = || log.url.clone();
    let micros = i64::try_from(sct.milliseconds).ok().and_then(|milliseconds| milliseconds.checked_mul(1000));
    let time = micros.and_then(|micros| Timestamp::from_micros(micros).ok()).ok_or(SctError::Malformed)?;
    if !log.window.contains(time) {
        return Err(SctError::OutsideWindow { log: name(), window: log.window.to_string(), time });
    }
    let key = log.key.as_ref().map_err(|why| SctError::Key { log: name(), why: why.clone() })?;
    let message = signed(sct, issuer_spki, precertificate).ok_or(SctError::Malformed)?;
    key.verify(&message, sct.signature).map_err(|_| SctError::Signature { log: name() })
}

/// The `digitally-signed` structure of RFC 6962 section 3.2, for a precertificate.
fn signed(sct: &Sct<'_>, issuer_spki: &[u8], precertificate: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(precertificate.len()).ok()?.to_be_bytes();
    let [0, length @ ..] = length else { return None };
    let mut message = vec![0, 0];
    message.extend_from_slice(&sct.milliseconds.to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(&Sha256::digest(issuer_spki));
    message.extend_from_slice(&length);
    message.extend_from_slice(precertificate);
    message.extend_from_slice(&u16::try_from(sct.extensions.len()).ok()?.to_be_bytes());
    message.extend_from_slice(sct.extensions);
    Some(message)
}

/// Reads the list: lengths of two bytes each, nothing left over.
fn scts(extension: &[u8]) -> Option<Vec<Sct<'_>>> {
    let mut outer = Items::new(extension);
    let list = outer.next(OCTET_STRING, "an OCTET STRING").ok()?.value;
    outer.end("nothing after it").ok()?;
    let (mut list, rest) = prefixed(list)?;
    if !rest.is_empty() {
        return None;
    }
    let mut scts = Vec::new();
    while !list.is_empty() {
        let (one, rest) = prefixed(list)?;
        // Of another version there is nothing to say.
        if one.first() == Some(&0) {
            scts.push(sct(one.get(1..)?)?);
        }
        if scts.len() > MAX_SCTS {
            return None;
        }
        list = rest;
    }
    Some(scts)
}

fn sct(bytes: &[u8]) -> Option<Sct<'_>> {
    let (log_id, bytes) = bytes.split_at_checked(32)?;
    let (milliseconds, bytes) = bytes.split_first_chunk::<8>()?;
    let (extensions, bytes) = prefixed(bytes)?;
    // SHA-256, with ECDSA or RSA (RFC 6962 section 2.1.4); the key says which.
    let bytes = bytes.strip_prefix(&[4, 3]).or_else(|| bytes.strip_prefix(&[4, 1]))?;
    let (signature, rest) = prefixed(bytes)?;
    let milliseconds = u64::from_be_bytes(*milliseconds);
    rest.is_empty().then_some(Sct { log_id, milliseconds, extensions, signature })
}

/// Splits off as many bytes as the first two say.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
