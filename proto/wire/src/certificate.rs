//! X.509 certificates of TLS peers: whom they name, who issued them, how long they hold. Whether an authority that is
//! trusted issued one is for TLS to find out; nothing here believes anything.

use core::net::IpAddr;
use std::fmt;

use custody_log::Timestamp;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, SubjectAltName};
use x509_cert::time::Time;

/// The longest name that is taken from a certificate, in bytes: 2,048, the limit of SPIFFE IDs (SPIFFE-ID section 2.3).
pub const NAME_BYTES_MAX: usize = 2_048;

/// The most names of one certificate that are looked at: 64.
pub const NAMES_MAX: usize = 64;

/// Who a certificate says that its holder is. Displayed as `uri:`, `dns:`, `email:` or `subject:`, and the name.
///
/// A certificate may hold several names. Those of the strongest kind that it has are its identities: URIs (a SPIFFE ID is
/// one), else DNS names, else e-mail addresses, else the subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Identity {
    /// A URI, such as `spiffe://example.com/ns/ci/sa/gate`, exactly as it stands.
    Uri(String),
    /// A DNS name, in lower case.
    Dns(String),
    /// An e-mail address, exactly as it stands.
    Email(String),
    /// The subject as RFC 4514 writes it, such as `CN=gate,O=Example`.
    Subject(String),
}

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    identities: Vec<Identity>,
    hosts: Vec<String>,
    subject: String,
    issuer: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why bytes are not a certificate whose names can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate in DER, or one with a name of a form that is not known.
    #[error("not an X.509 certificate that can be read: {why}")]
    Form {
        /// What was expected.
        why: String,
    },
    /// A name with a character that could be taken for something else.
    #[error("the certificate holds the name {found:?}: expected 1 to {NAME_BYTES_MAX} printable characters")]
    Name {
        /// The name, cut to 200 characters.
        found: String,
    },
    /// More names than are looked at.
    #[error("the certificate holds {found} names, at most {NAMES_MAX} are looked at")]
    TooMany {
        /// How many there are.
        found: usize,
    },
}

/// Whether a certificate in DER says that its holder may issue others (RFC 5280 section 4.2.1.9). What is trusted to issue is not
/// asked that by TLS: the certificate of a client in the place of an authority would let its holder name anybody.
pub fn is_authority(der: &[u8]) -> Result<bool, CertificateError> {
    let form = |why: &dyn fmt::Display| CertificateError::Form { why: why.to_string() };
    let parsed = x509_cert::Certificate::from_der(der).map_err(|error| form(&error))?;
    let found = parsed.tbs_certificate().get_extension::<BasicConstraints>().map_err(|error| form(&error))?;
    Ok(found.is_some_and(|(_, constraints)| constraints.ca))
}

impl Certificate {
    /// Reads a certificate in DER.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let form = |why: &dyn fmt::Display| CertificateError::Form { why: why.to_string() };
        let parsed = x509_cert::Certificate::from_der(der).map_err(|error| form(&error))?;
        let content = parsed.tbs_certificate();
        let names = content.get_extension::<SubjectAltName>().map_err(|error| form(&error))?;
        let names = names.map(|(_, names)| names.0).unwrap_or_default();
        if names.len() > NAMES_MAX {
            return Err(CertificateError::TooMany { found: names.len() });
        }
        let subject = content.subject().to_string();
        let validity = content.validity();
        Ok(Self {
            identities: identities(&names, &subject)?,
            hosts: hosts(&names),
            issuer: content.issuer().to_string(),
            subject,
            not_before: timestamp(validity.not_before)?,
            not_after: timestamp(validity.not_after)?,
        })
    }

    /// Returns who it says its holder is, sorted; empty if it names nobody.
    #[must_use]
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Returns the DNS names and IP addresses that it holds for. They come from the other side: escape them before showing
    /// them.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    /// Returns its subject as RFC 4514 writes it. It comes from the other side: escape it before showing it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns its issuer as RFC 4514 writes it. It comes from the other side: escape it before showing it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns the first time at which it is valid.
    #[must_use]
    pub const fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Returns the last time at which it is valid.
    #[must_use]
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

impl Identity {
    /// Returns the name without its kind.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Uri(name) | Self::Dns(name) | Self::Email(name) | Self::Subject(name) => name,
        }
    }

    /// Returns the word of its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Uri(_) => "uri",
            Self::Dns(_) => "dns",
            Self::Email(_) => "email",
            Self::Subject(_) => "subject",
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind(), self.name())
    }
}

/// Returns the names of the strongest kind. A name that cannot be used refuses the certificate: were it left out, a weaker
/// one would speak for it.
fn identities(names: &[GeneralName], subject: &str) -> Result<Vec<Identity>, CertificateError> {
    let kinds: [fn(&GeneralName) -> Option<Identity>; 3] = [
        |name| match name {
            GeneralName::UniformResourceIdentifier(uri) => Some(Identity::Uri(uri.as_str().to_owned())),
            _ => None,
        },
        |name| match name {
            GeneralName::DnsName(dns) => Some(Identity::Dns(dns.as_str().to_ascii_lowercase())),
            _ => None,
        },
        |name| match name {
            GeneralName::Rfc822Name(email) => Some(Identity::Email(email.as_str().to_owned())),
            _ => None,
        },
    ];
    let of_kinds = kinds.iter().map(|kind| names.iter().filter_map(kind).collect::<Vec<_>>());
    let mut found = of_kinds.into_iter().find(|found| !found.is_empty()).unwrap_or_default();
    if found.is_empty() && !subject.is_empty() {
        found.push(Identity::Subject(subject.to_owned()));
    }
    for identity in &found {
        let usable = |character: char| match identity {
            Identity::Subject(_) => !character.is_control(),
            _ => character.is_ascii_graphic(),
        };
        let name = identity.name();
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(usable) {
            return Err(CertificateError::Name { found: name.chars().take(200).collect() });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn hosts(names: &[GeneralName]) -> Vec<String> {
    let host = |name: &GeneralName| match name {
        GeneralName::DnsName(dns) => Some(dns.as_str().to_owned()),
        GeneralName::IpAddress(bytes) => address(bytes.as_bytes()).map(|address| address.to_string()),
        _ => None,
    };
    names.iter().filter_map(host).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

fn timestamp(time: Time) -> Result<Timestamp, CertificateError> {
    let form = || CertificateError::Form { why: format!("no time that a clock of ours shows: {time}") };
    let micros = i64::try_from(time.to_unix_duration().as_micros()).map_err(|_| form())?;
    Timestamp::from_micros(micros).map_err(|_| form())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn der(subject: &str, names: &[SanType]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !subject.is_empty() {
            params.distinguished_name.push(DnType::CommonName, subject);
        }
        params.subject_alt_names = names.to_vec();
        (params.not_before, params.not_after) = (date_time_ymd(2026, 1, 2), date_time_ymd(2051, 3, 4));
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn uri(name: &str) -> SanType {
        SanType::URI(name.try_into().unwrap())
    }

    fn dns(name: &str) -> SanType {
        SanType::DnsName(name.try_into().unwrap())
    }

    fn email(name: &str) -> SanType {
        SanType::Rfc822Name(name.try_into().unwrap())
    }

    fn identities(subject: &str, names: &[SanType]) -> Vec<String> {
        let certificate = Certificate::parse(&der(subject, names)).unwrap();
        certificate.identities().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_strongest_kind_of_name_speaks_for_its_holder() {
        let all = [
            email("ann@example.com"),
            dns("B.example.com"),
            dns("a.example.com"),
            uri("spiffe://example.com/x"),
        ];
        let [mail, b, a, id] = all.clone();
        assert_eq!(identities("gate", &all), ["uri:spiffe://example.com/x"]);
        assert_eq!(
            identities("gate", &[mail.clone(), b, a.clone(), a]),
            ["dns:a.example.com", "dns:b.example.com"]
        );
        assert_eq!(identities("gate", std::slice::from_ref(&mail)), ["email:ann@example.com"]);
        assert_eq!(identities("gate", &[]), ["subject:CN=gate"]);
        assert_eq!(
            identities("", &[SanType::IpAddress([127, 0, 0, 1].into())]),
            [""; 0],
            "an address is nobody"
        );
        assert_eq!(identities("", &[id]), ["uri:spiffe://example.com/x"]);
    }

    #[test]
    fn a_name_that_could_be_taken_for_another_refuses_the_certificate() {
        let long = format!("spiffe://example.com/{}", "x".repeat(NAME_BYTES_MAX));
        for name in [
            uri("spiffe://example.com/a\nuri:b"),
            uri("spiffe://example.com/a b"),
            uri(""),
            uri(&long),
            uri("x\0"),
        ] {
            let refused = Certificate::parse(&der("gate", &[name.clone(), dns("gate.example.com")]));
            assert!(matches!(refused, Err(CertificateError::Name { .. })), "{name:?}: {refused:?}");
        }
        assert_eq!(identities("gate\n", &[]), ["subject:CN=gate\\0a"], "RFC 4514 writes it in hex");
        assert_eq!(
            identities("gate,O=Example", &[]),
            ["subject:CN=gate\\,O=Example"],
            "a comma is no new part"
        );
        let many: Vec<SanType> =
            (0..=NAMES_MAX).map(|number| dns(&format!("n{number}.example.com"))).collect();
        let refused = Certificate::parse(&der("gate", &many)).unwrap_err();
        assert_eq!(refused, CertificateError::TooMany { found: NAMES_MAX + 1 });
        assert_eq!(identities("gate", many.get(1..).unwrap()).len(), NAMES_MAX);
    }

    #[test]
    fn says_whom_it_is_for_and_until_when() {
        let certificate = Certificate::parse(&der(
            "gate",
            &[dns("a.example.com"), SanType::IpAddress([10, 0, 0, 7].into())],
        ))
        .unwrap();
        assert_eq!(certificate.hosts(), ["a.example.com", "10.0.0.7"]);
        assert_eq!((certificate.subject(), certificate.issuer()), ("CN=gate", "CN=gate"));
        assert_eq!(certificate.not_before().to_string(), "2026-01-02T00:00:00.000000Z");
        assert_eq!(certificate.not_after().to_string(), "2051-03-04T00:00:00.000000Z");
    }

    #[test]
    fn only_an_authority_says_that_it_is_one() {
        let issued = |is_ca| {
            let mut params = CertificateParams::default();
            params.is_ca = is_ca;
            params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
        };
        let constraints = rcgen::BasicConstraints::Unconstrained;
        assert_eq!(is_authority(&issued(rcgen::IsCa::Ca(constraints))), Ok(true));
        assert_eq!(is_authority(&issued(rcgen::IsCa::ExplicitNoCa)), Ok(false));
        assert_eq!(is_authority(&issued(rcgen::IsCa::NoCa)), Ok(false));
        assert!(is_authority(b"").is_err());
    }

    #[test]
    fn bytes_that_are_cut_or_changed_are_refused_and_never_a_panic() {
        let whole = der("gate", &[uri("spiffe://example.com/x"), dns("a.example.com")]);
        for end in 0..whole.len() {
            assert!(Certificate::parse(whole.get(..end).unwrap()).is_err(), "{end}");
        }
        for at in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                *bytes.get_mut(at).unwrap() ^= change;
                drop(Certificate::parse(&bytes));
            }
        }
        assert!(Certificate::parse(&[whole.as_slice(), &[0]].concat()).is_err(), "nothing comes after it");
    }
}
