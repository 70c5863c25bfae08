//! Paths of certificates to a trusted authority (RFC 5280 section 6), at a proven time.

use std::time::Duration;

use custody_log::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use spki::der::asn1::ObjectIdentifier;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::certificate::Certificate;
use super::root::Authority;
use super::window::Window;

/// What a certificate must be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    CodeSigning,
    TimeStamping,
}

/// Why no path leads to a trusted authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The root lists no authority that the certificate leads to.
    #[error("no trusted authority issued the certificate ({why})")]
    NoAuthority {
        /// What the library says of the last authority that was tried, cut to 300 characters.
        why: String,
    },
    /// The certificate does not say that it is for this.
    #[error("the certificate is not for {purpose}")]
    Purpose {
        /// Code signing or time stamping.
        purpose: &'static str,
    },
    /// An authority issued it, at a time for which it is not trusted.
    #[error("the authority that issued the certificate is trusted {window}, not at {time}")]
    OutsideWindow {
        /// When it is trusted.
        window: String,
        /// The time that was proven.
        time: Timestamp,
    },
}

/// Proves that a path leads from the certificate to one of the authorities at this time, and that it serves the purpose.
/// Returns the `SubjectPublicKeyInfo` of the issuer in DER.
pub(super) fn issuer_of(
    certificate: &Certificate,
    extra: &[Vec<u8>],
    authorities: &[Authority],
    purpose: Purpose,
    time: Timestamp,
) -> Result<Vec<u8>, PathError> {
    if !purpose.serves(certificate) {
        return Err(PathError::Purpose { purpose: purpose.name() });
    }
    let mut outside: Option<(Window, Timestamp)> = None;
    let mut why = "the root lists none".to_owned();
    for authority in authorities {
        match path(certificate, extra, authority, purpose, time) {
            Ok(issuer) if authority.window.contains(time) => return Ok(issuer),
            Ok(_) => outside = Some((authority.window, time)),
            Err(problem) => why = problem.chars().take(300).collect(),
        }
    }
    match outside {
        Some((window, time)) => Err(PathError::OutsideWindow { window: window.to_string(), time }),
        None => Err(PathError::NoAuthority { why }),
    }
}

/// Returns the issuer's `SubjectPublicKeyInfo` of a path to this authority.
fn path(
    certificate: &Certificate,
    extra: &[Vec<u8>],
    authority: &Authority,
    purpose: Purpose,
    time: Timestamp,
) -> Result<Vec<u8>, String> {
    let (root, between) = authority.chain.split_last().ok_or("an authority without certificates")?;
    // The library takes an anchor as it is; its own window is checked here.
    if !root.is_valid_at(time) {
        return Err(format!("the authority's root certificate is not valid at {time}"));
    }
    let says = |error: webpki::Error| error.to_string();
    let root = CertificateDer::from(root.der());
    let anchors = [anchor_from_trusted_cert(&root).map_err(says)?];
    let between = between.iter().map(Certificate::der).chain(extra.iter().map(Vec::as_slice));
    let between: Vec<CertificateDer<'_>> = between.map(CertificateDer::from).collect();
    let leaf = CertificateDer::from(certificate.der());
    let leaf = EndEntityCert::try_from(&leaf).map_err(says)?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(time.as_seconds()));
    // Authorities need not name a purpose; if they do, it binds them.
    let usage = KeyUsage::required_if_present(purpose.oid().as_bytes());
    let path = leaf
        .verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &between, time, usage, None, None)
        .map_err(says)?;
    Ok(path.issuer_spki().as_ref().to_vec())
}

const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");
const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");

impl Purpose {
    const fn oid(self) -> &'static ObjectIdentifier {
        match self {
            Self::CodeSigning => &CODE_SIGNING,
            Self::TimeStamping => &TIME_STAMPING,
        }
    }

    /// Whether the signer's certificate says that it is for this. A certificate for time stamps says so as a critical
    /// extension, and is for nothing else (RFC 3161 section 2.3).
    fn serves(self, certificate: &Certificate) -> bool {
        match self {
            Self::CodeSigning => certificate.purposes().contains(&CODE_SIGNING),
            Self::TimeStamping => {
                certificate.purposes() == [TIME_STAMPING] && certificate.purposes_are_critical()
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::CodeSigning => "code signing",
            Self::TimeStamping => "time stamping alone",
        }
    }
}
