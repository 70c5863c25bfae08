//! TLS: how a server is checked before anything is said to it, and who we are to it.
//!
//! What a server answers is verified whether or not TLS protects it. TLS hides what is asked and sent, and gives a
//! caller a name where a log is not read by everybody.

mod connector;
mod files;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;

use custody_log::Timestamp;
use rustls::ClientConfig;

pub(crate) use connector::{Connector, MetTls};
pub use files::TlsFileError;

/// The protocol inside TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// What issuers of identity tokens speak. A server that names no protocol speaks it too.
    Http1,
    /// What Custody's server speaks (RFC 9113 section 3.2).
    Http2,
}

impl Protocol {
    /// Returns its name in the handshake (RFC 7301).
    pub(crate) const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

/// Where trust in servers, and our own certificate, come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A file with the authorities in PEM that servers' certificates lead to, instead of those of this system.
    pub ca: Option<PathBuf>,
    /// Our own certificate and its key.
    pub own: Option<OwnCertificate>,
}

/// The files of our own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCertificate {
    /// The certificate chain in PEM, our own first.
    pub cert: PathBuf,
    /// Its key in PEM.
    pub key: PathBuf,
}

/// What a server showed of itself, for people. The texts come from the other side: escape them before showing them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The names that its certificate holds for.
    pub names: Vec<String>,
    /// Who issued the certificate.
    pub issuer: String,
    /// The first time at which it is valid.
    pub not_before: Timestamp,
    /// The last time at which it is valid.
    pub not_after: Timestamp,
}

/// Why a server is not spoken to. Trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsRefusal {
    /// The certificate is for other names.
    #[error("expected a certificate for {expected}, found one for {}", described(found))]
    Name {
        /// The host of the address.
        expected: String,
        /// The certificate.
        found: Box<Shown>,
    },
    /// The certificate leads to no authority that is trusted.
    #[error("expected a certificate from {expected}, found one for {}", described(found))]
    Issuer {
        /// Where the authorities come from.
        expected: String,
        /// The certificate.
        found: Box<Shown>,
    },
    /// The certificate is not valid any more, or not yet.
    #[error("expected a certificate that is valid at {now}, found one from {} for {}", found.not_before, described(found))]
    Time {
        /// What this machine's clock shows.
        now: Timestamp,
        /// The certificate.
        found: Box<Shown>,
    },
    /// The certificate cannot be used for another reason.
    #[error("its certificate cannot be used: {why}")]
    Certificate {
        /// What TLS says.
        why: String,
    },
    /// What answers does not speak TLS.
    #[error("expected TLS, found a server that does not speak it: {why}")]
    NotTls {
        /// What TLS says.
        why: String,
    },
    /// What answers speaks TLS and no HTTP/2 in it.
    #[error("expected HTTP/2 inside TLS (ALPN h2), found a server that does not speak it")]
    NoHttp2,
    /// What answers speaks TLS, and the address says that it does not.
    #[error("expected a server without TLS, as the address says, found one with it")]
    SpeaksTls,
    /// The server ended the handshake.
    #[error("the server ended the handshake: {why}")]
    Ended {
        /// What TLS says.
        why: String,
    },
}

/// Returns names, issuer and end of a certificate.
fn described(shown: &Shown) -> String {
    let names = if shown.names.is_empty() { "no name".to_owned() } else { shown.names.join(", ") };
    format!("{names}, issued by {:?}, valid until {}", shown.issuer, shown.not_after)
}

impl TlsSettings {
    /// Reads the files, and makes what a connection needs of them.
    pub(crate) fn load(&self, protocol: Protocol) -> Result<Arc<ClientConfig>, TlsFileError> {
        files::load(self, protocol)
    }
}
