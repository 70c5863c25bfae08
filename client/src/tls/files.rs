//! The files of TLS, read when a connection is made.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::verifier::Explained;
use super::{OwnCertificate, Protocol, TlsSettings};

/// The most bytes of one file: 1 MiB, so some 500 certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why TLS cannot be used as the settings say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFileError {
    /// A file cannot be read.
    #[error("cannot read {}: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A file holds nothing, or something else, where it should hold this.
    #[error("{}: expected {expected} in PEM, found {found}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// The key is that of another certificate.
    #[error("the key in {} is not that of the first certificate in {}: {why}", key.display(), cert.display())]
    Key {
        /// The file with the certificate.
        cert: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What TLS says.
        why: String,
    },
    /// This system names no authorities.
    #[error("this system has no certificates of authorities: {why}")]
    NoSystemRoots {
        /// What was found where.
        why: String,
    },
}

const A_CERTIFICATE: &str = "a certificate";
const A_KEY: &str = "a private key";

pub(super) fn load(settings: &TlsSettings, protocol: Protocol) -> Result<Arc<ClientConfig>, TlsFileError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let (roots, source) = match &settings.ca {
        Some(path) => (from_file(path)?, format!("an authority in {}", path.display())),
        None => (of_system()?, "an authority that this system trusts".to_owned()),
    };
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let inner = inner.map_err(|error| TlsFileError::NoSystemRoots { why: error.to_string() })?;
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| TlsFileError::NoSystemRoots { why: error.to_string() })?;
    let builder =
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Explained::new(inner, source)));
    let mut config = match &settings.own {
        None => builder.with_no_client_auth(),
        Some(files) => {
            let (chain, key) = own(files, &provider)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| mismatch(files, &error))?
        }
    };
    config.alpn_protocols = vec![protocol.alpn().to_vec()];
    Ok(Arc::new(config))
}

type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn own(files: &OwnCertificate, provider: &CryptoProvider) -> Result<Own, TlsFileError> {
    let chain = certificates(&files.cert)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?);
    let key = key.map_err(|error| content(&files.key, A_KEY, &error))?;
    // The builder does not compare the two.
    rustls::sign::CertifiedKey::from_der(chain.clone(), key.clone_key(), provider)
        .map_err(|error| mismatch(files, &error))?;
    Ok((chain, key))
}

fn mismatch(files: &OwnCertificate, error: &rustls::Error) -> TlsFileError {
    TlsFileError::Key { cert: files.cert.clone(), key: files.key.clone(), why: error.to_string() }
}

fn from_file(path: &Path) -> Result<RootCertStore, TlsFileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| TlsFileError::Content {
            path: path.to_owned(),
            expected: "the certificates of authorities",
            found: error.to_string(),
        })?;
    }
    Ok(roots)
}

/// Returns the authorities that this system trusts. Some of hundreds that cannot be read do no harm.
fn of_system() -> Result<RootCertStore, TlsFileError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let why = if errors.is_empty() { "none were found".to_owned() } else { errors.join("; ") };
        return Err(TlsFileError::NoSystemRoots { why });
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let bytes = read(path)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| content(path, A_CERTIFICATE, &error))?;
    if found.is_empty() { Err(content(path, A_CERTIFICATE, &pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn content(path: &Path, expected: &'static str, error: &pem::Error) -> TlsFileError {
    let found = match error {
        pem::Error::NoItemsFound => "none".to_owned(),
        pem::Error::MissingSectionEnd { .. } => "a block that does not end".to_owned(),
        error => format!("a block that cannot be read: {error}"),
    };
    TlsFileError::Content { path: path.to_owned(), expected, found }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFileError> {
    let failed = |why: String| TlsFileError::Read { path: path.to_owned(), why };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(error.to_string()))?;
    let read = file.take(FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| failed(error.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(failed(format!("it has more than {FILE_BYTES_MAX} bytes")))
    }
}
