//! Who a certificate of Fulcio was issued to (sigstore/fulcio, `docs/oid-info.md`).

use spki::der::asn1::ObjectIdentifier;

use super::bundle::{Bundle, Material};
use super::certificate::Certificate;
use super::der::{DerError, Items, SEQUENCE, UTF8_STRING, constructed, primitive};
use crate::admission::SubmitterClaims;
use crate::identity::{Identity, OidcIdentity};

/// The subject alternative name of a signer's certificate: who signed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SubjectAlternativeName {
    /// A mail address.
    Email(String),
    /// The text of a name that is neither, under Fulcio's own type (1.3.6.1.4.1.57264.1.7).
    Other(String),
    /// A URI: for a CI job, the file that defines it.
    Uri(String),
}

/// Who a certificate was issued to, as its issuer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateIdentity {
    name: SubjectAlternativeName,
    claims: SubmitterClaims,
}

/// Why a certificate does not say who its holder is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityProblem {
    /// Not one name.
    #[error("expected one subject alternative name, found {found}")]
    Names {
        /// How many there are.
        found: usize,
    },
    /// A name that is not a URI, a mail address or Fulcio's own kind, or holds no text.
    #[error("the subject alternative name is not a URI, a mail address or a name of Fulcio's own kind")]
    NameKind,
    /// An extension of Fulcio that cannot be read.
    #[error("the extension 1.3.6.1.4.1.57264.1.{number} holds no text: {problem}")]
    Extension {
        /// Its number.
        number: u32,
        /// What is wrong with it.
        problem: DerError,
    },
    /// Two extensions that name different issuers.
    #[error("the certificate names two issuers, {first:?} and {second:?}")]
    TwoIssuers {
        /// Extension 1, cut to 200 characters.
        first: String,
        /// Extension 8, cut to 200 characters.
        second: String,
    },
}

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const FULCIO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.1");
const FULCIO_NAME: u32 = 7;
const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";

impl SubjectAlternativeName {
    /// Returns the text of the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(text) | Self::Other(text) | Self::Uri(text) => text,
        }
    }
}

impl CertificateIdentity {
    /// An identity as a certificate would have it.
    #[cfg(test)]
    pub(crate) const fn made(name: SubjectAlternativeName, claims: SubmitterClaims) -> Self {
        Self { name, claims }
    }

    /// Reads who the certificate was issued to.
    pub(super) fn of(certificate: &Certificate) -> Result<Self, IdentityProblem> {
        let name = name(certificate.extension(SUBJECT_ALT_NAME))?;
        let raw = |number| certificate.extension(oid(number)).and_then(bare);
        let text = |number| utf8(certificate, number);
        let (first, second) = (raw(1), text(8)?);
        if let (Some(first), Some(second)) = (&first, &second)
            && first != second
        {
            let cut = |text: &str| text.chars().take(200).collect();
            return Err(IdentityProblem::TwoIssuers { first: cut(first), second: cut(second) });
        }
        let issuer = second.or(first).unwrap_or_default();
        let repository = raw(5).filter(|_| issuer == GITHUB_ISSUER);
        let repository = repository.map(|name| format!("https://github.com/{name}"));
        let claims = SubmitterClaims {
            token_subject: text(24)?.unwrap_or_default(),
            build_signer_uri: text(9)?,
            build_signer_digest: text(10)?,
            runner_environment: text(11)?,
            source_repository_uri: text(12)?.or(repository),
            source_repository_digest: text(13)?.or(raw(3)),
            source_repository_ref: text(14)?.or(raw(6)),
            source_repository_identifier: text(15)?,
            source_repository_owner_uri: text(16)?,
            source_repository_owner_identifier: text(17)?,
            build_config_uri: text(18)?,
            build_config_digest: text(19)?,
            build_trigger: text(20)?.or(raw(2)),
            run_invocation_uri: text(21)?,
            source_repository_visibility_at_signing: text(22)?,
            deployment_environment: text(23)?,
            issuer,
        };
        Ok(Self { name, claims })
    }

    /// Returns the name that the certificate was issued to.
    #[must_use]
    pub const fn name(&self) -> &SubjectAlternativeName {
        &self.name
    }

    /// Returns the issuer of the identity token (extension 8, or 1 in old certificates); empty if it names none.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.claims.issuer
    }

    /// Returns the identity that signers are found by: the issuer, and the name that the certificate was issued to. None
    /// without an issuer.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        OidcIdentity::new(self.issuer(), self.name.as_str()).ok().map(Identity::Oidc)
    }

    /// Returns what the certificate says about the signer, in the names of its extensions. Certificates from before 2022
    /// have the deprecated extensions 1 to 6 only: they fill issuer, trigger, digest and ref of the source, and, for
    /// GitHub, the repository.
    #[must_use]
    pub const fn claims(&self) -> &SubmitterClaims {
        &self.claims
    }
}

impl Bundle {
    /// Returns whom its certificate names: a claim, of which nothing was checked. None if it carries a key, or a certificate
    /// that names nobody.
    #[must_use]
    pub fn claimed_name(&self) -> Option<String> {
        let Material::Certificates(chain) = self.material() else { return None };
        let certificate = Certificate::parse(chain.first()?).ok()?;
        let identity = CertificateIdentity::of(&certificate).ok()?;
        Some(identity.name().as_str().to_owned())
    }
}

fn oid(number: u32) -> ObjectIdentifier {
    FULCIO.push_arc(number).unwrap_or(FULCIO)
}

/// Extensions 1 to 6 hold their text without any encoding around it.
fn bare(value: &[u8]) -> Option<String> {
    std::str::from_utf8(value).ok().map(ToOwned::to_owned).filter(|text| !text.is_empty())
}

/// Extensions from 8 on hold a `UTF8String`.
fn utf8(certificate: &Certificate, number: u32) -> Result<Option<String>, IdentityProblem> {
    let wrong = |problem| IdentityProblem::Extension { number, problem };
    let Some(value) = certificate.extension(oid(number)) else { return Ok(None) };
    let text = text(value).map_err(wrong)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// Reads the one `UTF8String` that the bytes are.
fn text(der: &[u8]) -> Result<String, DerError> {
    let expected = "a UTF8String";
    let mut items = Items::new(der);
    let item = items.next(UTF8_STRING, expected)?;
    items.end(expected)?;
    String::from_utf8(item.value.to_vec()).map_err(|_| DerError { expected })
}

fn name(value: Option<&[u8]>) -> Result<SubjectAlternativeName, IdentityProblem> {
    let kind = IdentityProblem::NameKind;
    let value = value.ok_or(IdentityProblem::Names { found: 0 })?;
    let mut list = Items::of(value, SEQUENCE, "GeneralNames").map_err(|_| kind.clone())?;
    let mut names = Vec::new();
    while !list.is_empty() {
        names.push(list.any("a GeneralName").map_err(|_| kind.clone())?);
    }
    let [name] = names.as_slice() else { return Err(IdentityProblem::Names { found: names.len() }) };
    let ascii = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?;
        // With a control character it could be told in no identity, so nobody could be found or distrusted by it.
        let plain = text.is_ascii() && !text.bytes().any(|byte| byte.is_ascii_control());
        (plain && !text.is_empty()).then(|| text.to_owned())
    };
    match name.tag {
        tag if tag == primitive(1) => ascii(name.value).map(SubjectAlternativeName::Email),
        tag if tag == primitive(6) => ascii(name.value).map(SubjectAlternativeName::Uri),
        tag if tag == constructed(0) => {
            let text =
                other_name(name.value).filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
            text.map(SubjectAlternativeName::Other)
        }
        _ => None,
    }
    .ok_or(kind)
}

fn other_name(value: &[u8]) -> Option<String> {
    let mut items = Items::new(value);
    let kind = items.oid("type-id").ok()?;
    let inner = items.next(constructed(0), "value").ok()?;
    items.end("nothing after the value").ok()?;
    (kind == oid(FULCIO_NAME)).then(|| text(inner.value).ok()).flatten()
}
