//! RFC 3161 time stamps: somebody who is trusted for it saw these bytes at that time.

mod token;

use custody_log::Timestamp;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm};
use webpki::{EndEntityCert, aws_lc_rs as algorithms};

use super::certificate::{Certificate, CertificateError};
use super::der::DerError;
use super::path::{self, PathError, Purpose};
use super::root::Authority;
use crate::key::HashAlgorithm;
use token::{Token, TokenSigner};

/// Why a time stamp proves no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampProblem {
    /// Not a `TimeStampResp` in DER.
    #[error("not an RFC 3161 time stamp response: {0}")]
    Der(#[from] DerError),
    /// The authority refused to stamp.
    #[error("the response has no time stamp: status {status}")]
    Status {
        /// Its `PKIStatus`: 0 and 1 grant.
        status: u8,
    },
    /// Something else than one signature over a `TSTInfo` with what it needs.
    #[error("the time stamp is not one signature over a TSTInfo: {what}")]
    Form {
        /// What is wrong.
        what: &'static str,
    },
    /// A certificate in it that cannot be read.
    #[error("a certificate in the time stamp: {0}")]
    Certificate(#[from] CertificateError),
    /// An algorithm that is not supported.
    #[error("the time stamp uses {algorithm}, which is not supported")]
    Unsupported {
        /// Its object identifier.
        algorithm: String,
    },
    /// Of other bytes.
    #[error("the time stamp is of other bytes than the signature")]
    Imprint,
    /// The signed attributes do not fit what is stamped.
    #[error("the signed attributes of the time stamp do not fit: {what}")]
    Attributes {
        /// Which.
        what: &'static str,
    },
    /// The signer's certificate is not there: neither in the token nor in the root.
    #[error("the certificate that signed the time stamp is neither in it nor in the trusted root")]
    UnknownSigner,
    /// The signature is not by the certificate that it names.
    #[error("the signature of the time stamp does not hold")]
    Signature,
    /// The certificate leads to no trusted authority.
    #[error("{0}")]
    Path(#[from] PathError),
    /// The root lists no time stamp authority.
    #[error("the trusted root lists no time stamp authority")]
    NoAuthorities,
}

impl TimestampProblem {
    /// Whether the stamp is by somebody of whom nothing is known. Then it proves no time, and it says nothing against the
    /// bundle either. Every other problem is a stamp that does not hold.
    pub(super) const fn is_unknown(&self) -> bool {
        matches!(self, Self::NoAuthorities | Self::UnknownSigner)
    }
}

/// Proves the time at which an authority of the root saw these bytes.
pub(super) fn check(
    response: &[u8],
    stamped: &[u8],
    authorities: &[Authority],
) -> Result<Timestamp, TimestampProblem> {
    if authorities.is_empty() {
        return Err(TimestampProblem::NoAuthorities);
    }
    let token = Token::parse(response)?;
    if token.hash.digest(stamped) != token.imprint {
        return Err(TimestampProblem::Imprint);
    }
    token.check_attributes()?;
    let embedded = token.certificates.iter().map(|der| Certificate::parse(der));
    let embedded: Vec<Certificate> = embedded.collect::<Result<_, _>>()?;
    let mut problem = TimestampProblem::UnknownSigner;
    for authority in authorities {
        match check_by(&token, &embedded, authority) {
            Ok(()) => return Ok(token.time),
            // The reason of an authority whose certificate it names says more than that of one that it does not.
            Err(TimestampProblem::UnknownSigner) => {}
            Err(found) => problem = found,
        }
    }
    Err(problem)
}

fn check_by(
    token: &Token<'_>,
    embedded: &[Certificate],
    authority: &Authority,
) -> Result<(), TimestampProblem> {
    // An authority that is listed with the certificate that stamps is believed with no other.
    let listed = authority.chain.first().filter(|first| !first.is_authority());
    let candidates: Vec<&Certificate> = match listed {
        Some(listed) => vec![listed],
        None => embedded.iter().collect(),
    };
    let signer = candidates.into_iter().find(|certificate| token.signer.names(certificate));
    let signer = signer.ok_or(TimestampProblem::UnknownSigner)?;
    if !token.binds(signer) {
        return Err(TimestampProblem::Attributes { what: "they name another certificate" });
    }
    let certificate = CertificateDer::from(signer.der());
    let certificate = EndEntityCert::try_from(&certificate).map_err(|_| TimestampProblem::Signature)?;
    let mut tried = token.algorithms()?.iter();
    if !tried.any(|algorithm| {
        certificate.verify_signature(*algorithm, &token.signed_attributes, token.signature).is_ok()
    }) {
        return Err(TimestampProblem::Signature);
    }
    let between: Vec<Vec<u8>> = match listed {
        Some(_) => Vec::new(),
        None => embedded.iter().map(|certificate| certificate.der().to_vec()).collect(),
    };
    let purpose = Purpose::TimeStamping;
    match path::issuer_of(signer, &between, std::slice::from_ref(authority), purpose, token.time) {
        Ok(_) => Ok(()),
        // A certificate that only the token vouches for, and that leads nowhere, is a stranger's.
        Err(PathError::NoAuthority { .. }) if listed.is_none() => Err(TimestampProblem::UnknownSigner),
        Err(problem) => Err(problem.into()),
    }
}

impl TokenSigner<'_> {
    /// Whether this is the certificate that the signature names.
    fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::IssuerAndSerial { issuer, serial } => {
                certificate.issuer() == *issuer && certificate.serial() == *serial
            }
            Self::KeyIdentifier(id) => certificate.key_identifier() == Some(*id),
        }
    }
}

type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// The algorithms that a digest may be signed with; each fits one kind of key only.
fn with_hash(hash: HashAlgorithm) -> Algorithms {
    match hash {
        HashAlgorithm::Sha256 => SHA256,
        HashAlgorithm::Sha384 => SHA384,
        HashAlgorithm::Sha512 => SHA512,
    }
}

static SHA256: Algorithms = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P521_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
];
static SHA384: Algorithms = &[
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P521_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
];
static SHA512: Algorithms = &[
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA512,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::ED25519,
];
