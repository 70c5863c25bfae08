//! Checks a server's certificate as rustls does, and says what was expected and what was found.

use std::sync::Arc;

use custody_log::Timestamp;
use custody_wire::certificate::Certificate;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::{Shown, TlsRefusal};

/// The check of rustls, whose refusals are [`TlsRefusal`]s.
#[derive(Debug)]
pub(super) struct Explained {
    inner: Arc<WebPkiServerVerifier>,
    /// Where the authorities come from.
    authorities: String,
}

impl Explained {
    pub(super) const fn new(inner: Arc<WebPkiServerVerifier>, authorities: String) -> Self {
        Self { inner, authorities }
    }

    fn refused(&self, own: &[u8], host: &ServerName<'_>, now: UnixTime, error: &Error) -> TlsRefusal {
        let other = |why: String| TlsRefusal::Certificate { why };
        let Error::InvalidCertificate(error) = error else { return other(error.to_string()) };
        let micros = i64::try_from(now.as_secs()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let (found, now) = match (Certificate::parse(own), Timestamp::from_micros(micros)) {
            (Ok(found), Ok(now)) => (Box::new(shown(&found)), now),
            (Err(unread), _) => return other(format!("{error}; {unread}")),
            (_, Err(no_time)) => return other(format!("{error}; this machine's clock: {no_time}")),
        };
        match error {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsRefusal::Name { expected: host.to_str().into_owned(), found }
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                TlsRefusal::Issuer { expected: self.authorities.clone(), found }
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsRefusal::Time { now, found },
            error => other(error.to_string()),
        }
    }
}

fn shown(certificate: &Certificate) -> Shown {
    Shown {
        names: certificate.hosts().to_vec(),
        issuer: certificate.issuer().to_owned(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    }
}

impl ServerCertVerifier for Explained {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.inner.verify_server_cert(own, others, host, ocsp, now).map_err(|error| {
            let refused = self.refused(own, host, now, &error);
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, own, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, own, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
