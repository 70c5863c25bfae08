//! Whether the signature of a commit holds, and whose it is.
//!
//! What is signed are the bytes of the commit object without its signature headers, so whoever holds the object can check it
//! alone. Git's own `verify-commit` is not asked: which programs it runs, and whom those believe, is set in many places.

use custody_log::Timestamp;

use super::commit::signature_kind;
use super::signed::{SignedCommit, SignedCommitError};
use super::{CommitId, CommitObject, SignatureKind, gpg, openpgp};
use crate::ssh::{
    Allowed, AllowedSigners, AllowedSignersError, RevokedKeys, RevokedKeysError, SshSignature,
    SshSignatureError,
};

/// What git's SSH signatures are made for.
const NAMESPACE: &str = "git";

/// Who may sign commits.
#[derive(Debug, Clone)]
pub enum Signers {
    /// Nobody said.
    Unknown,
    /// These may, but for those whose keys were revoked.
    Known {
        /// Who may.
        allowed: AllowedSigners,
        /// Who may no longer.
        revoked: RevokedKeys,
    },
    /// A file says it that cannot be used.
    UnusableAllowed(AllowedSignersError),
    /// A file says who may no longer that cannot be used: anybody could be meant.
    UnusableRevoked(RevokedKeysError),
    /// A file that cannot be read.
    Unreadable {
        /// The file, and what the system said.
        why: String,
    },
}

/// The signature of a commit, and what came of checking it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitSignature {
    /// How it is made.
    pub kind: SignatureKind,
    /// The key that it names, as git prints it: `SHA256:<base64>`, or a fingerprint or id of `OpenPGP`; none if it names none.
    pub key: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of checking a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds, and the key may sign commits at the commit's time.
    Verified {
        /// Whose key it is, as the file of allowed signers says.
        principals: String,
    },
    /// It does not hold.
    Failed(Unverified),
    /// Nobody knows.
    NotChecked(Unverified),
}

/// Why a signature is not verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It cannot be found in the commit.
    #[error("the commit carries more than one signature, or one that is not text")]
    Form,
    /// The commit signs another form of itself.
    #[error("it signs the commit under another hash than that of its id")]
    OtherForm,
    /// The signature does not hold, or is made in a way that is not checked here.
    #[error(transparent)]
    Ssh(#[from] SshSignatureError),
    /// X.509 and others.
    #[error("{kind} signatures are not checked here")]
    Kind {
        /// The kind, as people call it.
        kind: &'static str,
    },
    /// Nobody said whose `OpenPGP` keys count.
    #[error("nothing says whose OpenPGP keys count: give --openpgp-keys FILE")]
    NoKeys,
    /// The key that made it is none of those that count.
    #[error("it is by none of the OpenPGP keys that were given")]
    NoPublicKey,
    /// What gpg says of it.
    #[error("{why}")]
    Gpg {
        /// What it says.
        why: String,
    },
    /// Nobody said who may sign.
    #[error(
        "its key made it, and nothing says whose key that is: give --allowed-signers FILE, or set gpg.ssh.allowedSignersFile of git"
    )]
    NoSigners,
    /// The file of allowed signers cannot be used.
    #[error("the file of allowed signers cannot be used: {0}")]
    Allowed(AllowedSignersError),
    /// The file of revoked keys cannot be used.
    #[error("the file of revoked keys cannot be used: {0}")]
    RevokedFile(RevokedKeysError),
    /// A file cannot be read.
    #[error("{why}")]
    Unreadable {
        /// The file, and what the system said.
        why: String,
    },
    /// The key was revoked.
    #[error("its key made it, and was revoked")]
    Revoked,
    /// The file of allowed signers does not name the key.
    #[error("its key made it, and is none of the allowed signers")]
    NotListed,
    /// The key is allowed for other uses only.
    #[error("its key made it, and may sign for {namespaces:?} only")]
    OtherNamespace {
        /// The uses.
        namespaces: String,
    },
    /// The key is allowed at other times only.
    #[error("its key made it, and may sign {window}, not at {time}")]
    OtherTime {
        /// The time of the commit.
        time: Timestamp,
        /// When it may.
        window: String,
    },
    /// The file gives times without their zone, and the commit's time is near them.
    #[error("its key made it, and may sign {window}, which is in no known zone: write the times with Z")]
    LocalTime {
        /// When it may.
        window: String,
    },
}

/// Checks the signature of a commit; none if it carries none. The object's id must have been checked
/// ([`super::Repository::commit_bytes`]). `openpgp_keys` are public keys as `gpg --export` writes them: those that count.
#[must_use]
pub fn check_signature(
    id: &CommitId,
    bytes: &[u8],
    object: &CommitObject,
    signers: &Signers,
    openpgp_keys: Option<&[u8]>,
) -> Option<CommitSignature> {
    if object.signature == SignatureKind::None {
        return None;
    }
    let unread = |verdict| CommitSignature { kind: object.signature, key: None, verdict };
    Some(match SignedCommit::of(id, bytes) {
        Ok(Some(signed)) => of_signed(&signed, object.commit_date, signers, openpgp_keys),
        Ok(None) => unread(Verdict::NotChecked(Unverified::OtherForm)),
        Err(SignedCommitError::Several | SignedCommitError::NotText) => {
            unread(Verdict::Failed(Unverified::Form))
        }
    })
}

fn of_signed(
    signed: &SignedCommit,
    time: Timestamp,
    signers: &Signers,
    openpgp_keys: Option<&[u8]>,
) -> CommitSignature {
    let kind = signature_kind(signed.armour.lines().next().unwrap_or_default());
    let other = |kind| Verdict::NotChecked(Unverified::Kind { kind });
    let (key, verdict) = match kind {
        SignatureKind::Ssh => ssh(signed, time, signers),
        SignatureKind::Gpg => openpgp(signed, openpgp_keys),
        SignatureKind::X509 => (None, other("X.509")),
        SignatureKind::Unknown | SignatureKind::None => (None, other("unknown")),
    };
    CommitSignature { kind, key, verdict }
}

/// The key that a signature names is only shown; of one that holds it is the one that made it.
fn openpgp(signed: &SignedCommit, keys: Option<&[u8]>) -> (Option<String>, Verdict) {
    let named = openpgp::key_named(&signed.armour);
    let Some(keys) = keys else { return (named, Verdict::NotChecked(Unverified::NoKeys)) };
    match gpg::verify(&signed.payload, &signed.armour, keys) {
        Ok(good) => (Some(good.fingerprint), Verdict::Verified { principals: good.name }),
        Err(gpg::Problem::Failed(why)) => (named, Verdict::Failed(why)),
        Err(gpg::Problem::NotChecked(why)) => (named, Verdict::NotChecked(why)),
    }
}

fn ssh(signed: &SignedCommit, time: Timestamp, signers: &Signers) -> (Option<String>, Verdict) {
    let signature = match SshSignature::parse(&signed.armour) {
        Ok(signature) => signature,
        Err(problem) => return (None, broken(problem)),
    };
    let key = signature.key();
    let verdict = match signature.verify(NAMESPACE, &signed.payload) {
        Ok(()) => by_whom(key.blob(), time, signers),
        Err(problem) => broken(problem),
    };
    (Some(key.fingerprint()), verdict)
}

fn broken(problem: SshSignatureError) -> Verdict {
    if problem.is_unsupported() {
        Verdict::NotChecked(problem.into())
    } else {
        Verdict::Failed(problem.into())
    }
}

fn by_whom(key: &[u8], time: Timestamp, signers: &Signers) -> Verdict {
    let (allowed, revoked) = match signers {
        Signers::Known { allowed, revoked } => (allowed, revoked),
        Signers::Unknown => return Verdict::NotChecked(Unverified::NoSigners),
        Signers::UnusableAllowed(why) => return Verdict::NotChecked(Unverified::Allowed(why.clone())),
        Signers::UnusableRevoked(why) => return Verdict::NotChecked(Unverified::RevokedFile(why.clone())),
        Signers::Unreadable { why } => {
            return Verdict::NotChecked(Unverified::Unreadable { why: why.clone() });
        }
    };
    if revoked.contains(key) {
        return Verdict::Failed(Unverified::Revoked);
    }
    match allowed.allows(key, NAMESPACE, time) {
        Allowed::Yes { principals } => Verdict::Verified { principals },
        Allowed::NotListed => Verdict::NotChecked(Unverified::NotListed),
        Allowed::OtherNamespace { namespaces } => Verdict::Failed(Unverified::OtherNamespace { namespaces }),
        Allowed::OtherTime { time, window } => Verdict::Failed(Unverified::OtherTime { time, window }),
        Allowed::LocalTime { window } => Verdict::NotChecked(Unverified::LocalTime { window }),
    }
}
