//! Authorities and certificates, made when a test runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

const DAY: Duration = Duration::from_hours(24);

#[expect(clippy::disallowed_methods, reason = "certificates are valid by the clock of this machine")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Who issues certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub cert: String,
    /// Its key.
    pub key: String,
}

/// What a certificate is to say.
#[derive(Debug, Clone)]
pub struct Wanted {
    subject: String,
    names: Vec<SanType>,
    begins: SystemTime,
    ends: SystemTime,
}

impl Wanted {
    /// A certificate with this common name, valid since yesterday and for 90 days.
    #[must_use]
    pub fn named(subject: &str) -> Self {
        let now = now();
        Self { subject: subject.to_owned(), names: Vec::new(), begins: now - DAY, ends: now + DAY * 90 }
    }

    /// Adds a DNS name.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn dns(mut self, name: &str) -> Self {
        self.names.push(SanType::DnsName(name.try_into().expect("a DNS name is ASCII")));
        self
    }

    /// Adds a URI.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn uri(mut self, name: &str) -> Self {
        self.names.push(SanType::URI(name.try_into().expect("a URI is ASCII")));
        self
    }

    /// Adds an e-mail address.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn email(mut self, name: &str) -> Self {
        self.names.push(SanType::Rfc822Name(name.try_into().expect("an address is ASCII")));
        self
    }

    /// Adds the address that servers of tests listen on.
    #[must_use]
    pub fn loopback(mut self) -> Self {
        self.names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        self
    }

    /// Ends so long from now.
    #[must_use]
    pub fn ends_in(mut self, after: Duration) -> Self {
        self.ends = now() + after;
        self
    }

    /// Ended an hour ago.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.ends = now() - Duration::from_hours(1);
        self
    }

    /// Begins in an hour.
    #[must_use]
    pub fn not_yet(mut self) -> Self {
        self.begins = now() + Duration::from_hours(1);
        self
    }

    fn params(self) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, self.subject);
        params.subject_alt_names = self.names;
        let at = |time: SystemTime| {
            date_time_ymd(1970, 1, 1)
                + time.duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970")
        };
        (params.not_before, params.not_after) = (at(self.begins), at(self.ends));
        params
    }
}

impl Authority {
    /// Makes an authority of this name.
    ///
    /// # Panics
    ///
    /// When no key can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = Wanted::named(name).params();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let pem = params.self_signed(&key).expect("a certificate can be made").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Returns its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a certificate for servers and clients.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn issue(&self, wanted: Wanted) -> Issued {
        let mut params = wanted.params();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key can be made");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate can be made");
        Issued { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// Issues what a server on this machine shows.
    #[must_use]
    pub fn server(&self) -> Issued {
        self.issue(Wanted::named("custody").dns("localhost").loopback())
    }
}

impl Issued {
    /// Writes both files into a folder, and returns their paths.
    ///
    /// # Panics
    ///
    /// When they cannot be written.
    #[must_use]
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        std::fs::write(&cert, &self.cert).expect("a file can be written");
        std::fs::write(&key, &self.key).expect("a file can be written");
        (cert, key)
    }
}
