//! Who signed a bundle: the holder of a certificate, or of a key that the verifier knows.

use super::bundle::Material;
use super::certificate::Certificate;
use super::identity::CertificateIdentity;
use super::window::Window;
use crate::key::PublicKey;

/// A key that somebody vouches for, to verify bundles that name a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    name: String,
    key: PublicKey,
    window: Window,
}

/// Who signed, once that is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// The holder of a certificate.
    Certificate {
        /// The certificate.
        certificate: Box<Certificate>,
        /// Who its issuer says that the holder is.
        identity: Box<CertificateIdentity>,
    },
    /// The holder of a known key.
    Key(Box<KnownKey>),
}

/// Whose signature is looked for: not verified.
pub(super) enum Candidate<'a> {
    Certificate(Certificate),
    Keys { hint: &'a str, keys: Vec<&'a KnownKey> },
}

impl KnownKey {
    /// A key that is tried for every hint, and trusted at all times.
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self { name: String::new(), key, window: Window::Always }
    }

    /// A key that is tried only for bundles that call it by this name, and trusted in this window.
    #[must_use]
    pub const fn named(name: String, key: PublicKey, window: Window) -> Self {
        Self { name, key, window }
    }

    /// Returns the name; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns when it is trusted.
    #[must_use]
    pub const fn window(&self) -> &Window {
        &self.window
    }
}

impl<'a> Candidate<'a> {
    /// Returns whose signature the bundle is said to carry. The hint only narrows: nobody signed it.
    pub(super) fn of(
        material: &'a Material,
        keys: &'a [KnownKey],
    ) -> Result<Self, super::certificate::CertificateError> {
        match material {
            Material::Certificates(chain) => {
                let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
                Ok(Self::Certificate(Certificate::parse(leaf)?))
            }
            Material::PublicKey { hint } => {
                let fits = |known: &&KnownKey| known.name.is_empty() || known.name == *hint;
                Ok(Self::Keys { hint, keys: keys.iter().filter(fits).collect() })
            }
        }
    }
}
