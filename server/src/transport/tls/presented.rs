//! What a caller showed of itself.
//!
//! TLS proves that a caller holds the key of the certificate that it shows, whoever issued that. Who issued it, and whether
//! it has ended, is judged after the handshake: so a caller reads why it is not let in, where an alert of TLS would often
//! be lost, and recording, which needs no certificate, goes on.

use std::sync::Arc;

use custody_log::Timestamp;
use custody_wire::certificate::{Certificate, Identity};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::transport) enum Presented {
    /// No certificate was shown, or none was asked for.
    Nothing,
    /// A certificate that says nothing: why not.
    Refused(String),
    /// A certificate that leads to an authority named with `--client-ca`.
    Client(Client),
}

/// Whom a certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::transport) struct Client {
    identities: Vec<Identity>,
    not_after: Timestamp,
}

impl Client {
    /// Returns the names, of which there is at least one.
    pub(in crate::transport) fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Returns until when they hold. A connection may live longer.
    pub(in crate::transport) const fn not_after(&self) -> Timestamp {
        self.not_after
    }

    #[cfg(test)]
    pub(in crate::transport) fn of(identities: Vec<Identity>, not_after: Timestamp) -> Self {
        Self { identities, not_after }
    }
}

impl Presented {
    /// Judges the certificates that a caller showed, its own first.
    pub(super) fn judge(
        chain: Option<&[CertificateDer<'_>]>,
        authorities: &dyn ClientCertVerifier,
        now: Timestamp,
    ) -> Self {
        let Some((own, others)) = chain.and_then(<[_]>::split_first) else { return Self::Nothing };
        let certificate = match Certificate::parse(own) {
            Ok(certificate) => certificate,
            Err(error) => return Self::Refused(error.to_string()),
        };
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(now.as_seconds()));
        if let Err(error) = authorities.verify_client_cert(own, others, time) {
            return Self::Refused(refused(&certificate, &error, now));
        }
        if certificate.identities().is_empty() {
            return Self::Refused(
                "it names nobody: it has no URI, DNS name, e-mail address or subject".to_owned(),
            );
        }
        Self::Client(Client {
            identities: certificate.identities().to_vec(),
            not_after: certificate.not_after(),
        })
    }
}

fn refused(certificate: &Certificate, error: &Error, now: Timestamp) -> String {
    let Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            format!("it ended at {}, and it is {now}", certificate.not_after())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("it begins at {}, and it is {now}", certificate.not_before())
        }
        CertificateError::UnknownIssuer => {
            format!("{:?} issued it, which leads to no authority of this server", certificate.issuer())
        }
        error => error.to_string(),
    }
}

/// Takes any certificate whose key the caller holds; [`Presented::judge`] says what it is worth.
#[derive(Debug)]
pub(super) struct AnyClient {
    authorities: Arc<dyn ClientCertVerifier>,
}

impl AnyClient {
    pub(super) const fn new(authorities: Arc<dyn ClientCertVerifier>) -> Self {
        Self { authorities }
    }
}

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authorities.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        _own: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, own, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, own, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
