//! The files that TLS is made of: read whole, checked together, and only then used.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use custody_log::Timestamp;
use custody_wire::certificate::{Certificate, CertificateError, is_authority};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::presented::AnyClient;
use crate::clock::ClockError;
use crate::transport::readers::{Readers, ReadersError};

/// The most bytes of one file: 1 MiB, so some 500 certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A certificate that ends within so long is warned of: 14 days.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Where the parts of TLS are. The files may be links that change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain of the server in PEM, its own certificate first.
    pub cert: PathBuf,
    /// The key of that certificate in PEM.
    pub key: PathBuf,
    /// The authorities in PEM whose client certificates say who a caller is; none if no caller is asked.
    pub client_ca: Option<PathBuf>,
    /// Who may read; none if everybody may.
    pub readers: Option<PathBuf>,
}

/// Why TLS cannot be made of the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than what it should hold can be.
    #[error("{}: expected at most {FILE_BYTES_MAX} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file is not PEM, or ends in the middle of a block.
    #[error("{}: expected {expected} in PEM, found a block {why}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A file holds nothing of what it should.
    #[error("{}: expected {expected} in PEM, found none", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A certificate cannot be read.
    #[error("{}: {source}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: CertificateError,
    },
    /// The certificate is not valid any more.
    #[error("{}: the certificate of {subject} ended at {not_after}", path.display())]
    Expired {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        subject: String,
        /// When it ended.
        not_after: Timestamp,
    },
    /// The key is that of another certificate, or of a kind that cannot sign.
    #[error("the key in {} is not that of the first certificate in {}: {why}", key.display(), cert.display())]
    Key {
        /// The file with the certificate.
        cert: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What TLS says.
        why: rustls::Error,
    },
    /// A certificate that can be no authority.
    #[error("{}: not an authority that client certificates can lead to: {why}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What TLS says.
        why: String,
    },
    /// The clock shows no time by which a certificate could be valid.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The list of readers.
    #[error("{}: {source}", path.display())]
    Readers {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadersError,
    },
}

/// The bytes of all files, to see whether they changed: links that are exchanged and clocks that are coarse hide nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bytes {
    cert: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
    readers: Option<Vec<u8>>,
}

/// What was made of the files.
pub(super) struct Made {
    pub(super) config: Arc<ServerConfig>,
    /// Judges client certificates; none if no caller is asked for one.
    pub(super) clients: Option<Arc<dyn ClientCertVerifier>>,
    /// Who may read; none if everybody may.
    pub(super) readers: Option<Readers>,
    /// The server's own certificate.
    pub(super) own: Certificate,
}

impl TlsFiles {
    /// Reads all files.
    pub(super) fn read(&self) -> Result<Bytes, TlsFileError> {
        let optional = |path: &Option<PathBuf>| path.as_deref().map(read).transpose();
        Ok(Bytes {
            cert: read(&self.cert)?,
            key: read(&self.key)?,
            client_ca: optional(&self.client_ca)?,
            readers: optional(&self.readers)?,
        })
    }

    /// Makes what TLS needs of the bytes, if all of them fit together.
    pub(super) fn make(&self, bytes: &Bytes, now: Timestamp) -> Result<Made, TlsFileError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = certificates(&self.cert, &bytes.cert)?;
        let own = self.own(&chain, now)?;
        let key = self.certified(chain, &bytes.key, &provider)?;
        let clients = match (&self.client_ca, &bytes.client_ca) {
            (Some(path), Some(bytes)) => Some(verifier(path, bytes, &provider)?),
            _ => None,
        };
        let readers = match (&self.readers, &bytes.readers) {
            (Some(path), Some(bytes)) => Some(
                Readers::parse(bytes)
                    .map_err(|source| TlsFileError::Readers { path: path.clone(), source })?,
            ),
            _ => None,
        };
        let refused = |why| TlsFileError::Key { cert: self.cert.clone(), key: self.key.clone(), why };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(refused)?;
        let builder = match &clients {
            Some(clients) => builder.with_client_cert_verifier(Arc::new(AnyClient::new(Arc::clone(clients)))),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(key)));
        config.alpn_protocols = vec![super::ALPN.to_vec()];
        Ok(Made { config: Arc::new(config), clients, readers, own })
    }

    fn own(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<Certificate, TlsFileError> {
        let path = || self.cert.clone();
        let nothing = || TlsFileError::Nothing { path: path(), expected: A_CERTIFICATE };
        let own = Certificate::parse(chain.first().ok_or_else(nothing)?)
            .map_err(|source| TlsFileError::Certificate { path: path(), source })?;
        if now > own.not_after() {
            let subject = named(&own);
            return Err(TlsFileError::Expired { path: path(), subject, not_after: own.not_after() });
        }
        Ok(own)
    }

    fn certified(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: &[u8],
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, TlsFileError> {
        let expected = "a private key";
        let path = || self.key.clone();
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsFileError::Nothing { path: path(), expected },
            error => TlsFileError::Pem { path: path(), expected, why: unreadable(&error) },
        })?;
        CertifiedKey::from_der(chain, key, provider).map_err(|why| TlsFileError::Key {
            cert: self.cert.clone(),
            key: self.key.clone(),
            why,
        })
    }
}

const A_CERTIFICATE: &str = "a certificate";

/// Says what is wrong with a block.
fn unreadable(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "that does not end: the file may be half written".to_owned(),
        error => format!("that cannot be read: {error}"),
    }
}

/// Returns how a certificate is told from others: by its first name, else its subject.
pub(super) fn named(certificate: &Certificate) -> String {
    let first = certificate.identities().first().map(ToString::to_string);
    first.unwrap_or_else(|| format!("subject:{}", certificate.subject()))
}

/// Whether the certificate ends so soon that someone must hear of it.
pub(super) fn ends_soon(certificate: &Certificate, now: Timestamp) -> bool {
    certificate.not_after().as_seconds() < now.as_seconds().saturating_add(SOON.as_secs())
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    let failed = |source| TlsFileError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(TlsFileError::TooLarge { path: path.to_owned() })
    }
}

fn certificates(path: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| TlsFileError::Pem {
        path: path.to_owned(),
        expected: A_CERTIFICATE,
        why: unreadable(&error),
    })?;
    if found.is_empty() {
        return Err(TlsFileError::Nothing { path: path.to_owned(), expected: A_CERTIFICATE });
    }
    Ok(found)
}

fn verifier(
    path: &Path,
    bytes: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsFileError> {
    let refused = |why: String| TlsFileError::Authority { path: path.to_owned(), why };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, bytes)? {
        let issues = is_authority(&certificate)
            .map_err(|source| TlsFileError::Certificate { path: path.to_owned(), source })?;
        if !issues {
            return Err(refused(
                "one of the certificates does not say that its holder may issue others (CA)".to_owned(),
            ));
        }
        roots.add(certificate).map_err(|why| refused(why.to_string()))?;
    }
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
    built.map_err(|why| refused(why.to_string()))
}
