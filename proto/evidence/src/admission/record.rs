//! The admission record: what was checked when an envelope came in, kept beside it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use custody_log::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::builds::SourceRepository;
use super::claims::SubmitterClaims;
use super::mark::Mark;
use super::proof::BundleProof;
use super::token::TokenProof;
use crate::identity::Identity;
use crate::json::{self, JsonError};
use crate::key::KeyId;
use crate::object::Object;
use crate::trust::Authority;

/// The value of the member `format`.
pub const RECORD_FORMAT: &str = "custody/record/v1";

/// The largest record: 1 MiB.
///
/// 4,096 subject digests of the longest known kind, `"sha3_512:<128 hex>",`, are 4,096 x 140 = 573,440 bytes; 16
/// signers at up to 1.5 KB are 24 KB; the one signer of a bundle has a certificate of up to 64 KiB (88 KB as base64), whose
/// claims are as long again; a submitter of 18 claims at up to 2 KB is 36 KB; the rest is below 4 KB. A
/// statement with thousands of digests of unknown kinds can need more; it is refused.
pub const MAX_RECORD: usize = 1024 * 1024;

/// Room for the record of an envelope with one signer and a few subjects.
const USUAL_RECORD: usize = 1536;

/// The members that `crit` may name.
const MEMBERS: [&str; 17] = [
    "attachments",
    "authority",
    "binding",
    "checks",
    "crit",
    "format",
    "marks",
    "media_type",
    "predicate_type",
    "reader",
    "salt",
    "screen",
    "signers",
    "subjects",
    "submitter",
    "token",
    "trust",
];

/// What was checked, and what came out. Its digest is in the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdmissionRecord {
    /// Random bytes: whoever knows the digest of an erased record cannot confirm a guess of it.
    pub salt: Salt,
    /// What the envelope is, such as `application/vnd.dsse.envelope.v1+json`.
    pub media_type: String,
    /// The statement's predicate type; of a signature over a file [`crate::envelope::MESSAGE_SIGNATURE`], of an image
    /// [`crate::envelope::IMAGE_SIGNATURE`].
    pub predicate_type: String,
    /// Every digest of every subject, `<algorithm>:<value>`, sorted, each once. A `sha1` beside a git URI is there
    /// as `gitCommit` too.
    pub subjects: Vec<String>,
    /// One item a signature, in the envelope's order.
    pub signers: Vec<Signer>,
    /// Who submitted it; none without an identity.
    pub submitter: Option<SubmitterClaims>,
    /// How what the statement says of its job compares with what issuers say of those whose signatures count, and of the
    /// submitter; none without an identity.
    pub binding: Option<Binding>,
    /// How the submitter's identity was checked; none without one, and then the member is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenProof>,
    /// What the statement counts as: the strongest that a verified signer's rule gives.
    pub authority: Authority,
    /// Each check and its result, always in the same order.
    pub checks: Vec<Check>,
    /// The trust document that it was admitted under.
    pub trust: TrustReference,
    /// The version of the reader that turned the statement into facts.
    pub reader: String,
    /// The version of the rules by which secrets were looked for ([`crate::secret::VERSION`]); none, and then the member is not
    /// written, if nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen: Option<String>,
    /// Bytes that are kept beside the envelope.
    pub attachments: Vec<Attachment>,
    /// What is unusual, but no reason to refuse.
    pub marks: Vec<Mark>,
}

/// 32 random bytes, as hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

/// What is known about one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// Position in the envelope, 0-based.
    pub signature: usize,
    /// Whether it counts as evidence.
    pub status: SignerStatus,
    /// The key that made it; none if no key is known to have made it.
    pub key: Option<KeyId>,
    /// That key: `SubjectPublicKeyInfo` in DER, as base64.
    pub spki: Option<String>,
    /// The writer rule (or `roles.root`, `log_keys`) by which it counts.
    pub rule: Option<String>,
    /// The envelope's `keyid`, cut to 200 characters; nobody signed it.
    pub hint: String,
    /// Why it does not count; none if it does.
    pub why: Option<String>,
    /// By whose token it counts; none, and then the member is not written, if it counts by its key or certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The entries by which its subjects are builds of the signer's own repository, where the rule asks for that; in order.
    /// Empty otherwise, and then the member is not written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub builds: Vec<u64>,
    /// What its own rule lets it count as, where that is less than the record's authority: somebody else who signed the same made that
    /// more. None, and then the member is not written, otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// What the bundle proves of it; none for a signature of a DSSE envelope. Then the member is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Box<BundleProof>>,
}

/// Whether a signature counts as evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignerStatus {
    /// It holds, or may hold, but does not count: `why` says the reason.
    Unverified,
    /// It holds, and its key may say this about that.
    Verified,
}

/// How what a statement says of its job (repository, commit, run) compares with what an issuer says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// The repository is the same, and so is all else that both say.
    Bound,
    /// They contradict each other.
    Conflict,
    /// There is no repository to compare, and nothing contradicts.
    Unbound,
}

/// A check and its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub check: CheckName,
    /// What came out.
    pub result: CheckResult,
}

/// What is checked at admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// Size, JSON and base64 of the envelope; the number of signatures.
    Envelope,
    /// The payload is a strict in-toto statement within its limits.
    Statement,
    /// There are subjects, and each has a usable digest.
    Subjects,
    /// A signature holds.
    Signature,
    /// The key may record this type about these subjects; for administration: the role's threshold is met.
    Right,
    /// No claimed time is too far ahead.
    Time,
    /// What the statement says of its job is what an issuer says of it: `passed` is [`Binding::Bound`], `marked` is
    /// [`Binding::Conflict`], everything else was not compared.
    Binding,
    /// No secret is in the envelope, by the rules of the version in `screen`.
    Secrets,
}

/// What came out of a check. "Passed" and "not checked" never look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// Passed, with something unusual: see `marks`, and for the binding `binding`.
    Marked,
    /// This server does not do this check.
    NotChecked,
    /// Passed.
    Passed,
}

/// The trust document that an entry was admitted under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustReference {
    /// The entry that holds it; 0 for entry 0 itself.
    pub index: u64,
    /// Its version.
    pub version: u64,
}

/// Bytes that are kept beside an envelope, such as an identity token or a timestamp.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `sha256:<hex>` of the bytes.
    #[serde(with = "crate::trust::text")]
    pub digest: custody_log::BlobDigest,
    /// How many bytes.
    pub length: u64,
    /// What they are.
    pub media_type: String,
}

/// What a further envelope of the same content adds to a log; written as what the envelope does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Addition {
    /// A signature that counts, by someone whose signature is in no entry of it.
    #[error("is signed by {0}")]
    Signer(Identity),
    /// A stronger authority.
    #[error("has the authority {0}")]
    Authority(Authority),
    /// An earlier proof of the time of a signature.
    #[error("proves that it was signed by {0}")]
    Time(Timestamp),
    /// The first that is bound to its submitter.
    #[error("is bound to its submitter")]
    Binding,
}

/// Why bytes are not an admission record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Longer than [`MAX_RECORD`].
    #[error("an admission record is at most {max} bytes, found {found}")]
    TooLong {
        /// [`MAX_RECORD`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not strict JSON of the right shape.
    #[error("the admission record cannot be read: {0}")]
    Json(#[from] JsonError),
    /// `format` is another one.
    #[error("expected the format {RECORD_FORMAT:?}, found {found:?}: is this software too old?")]
    Format {
        /// The value, cut to 80 characters.
        found: String,
    },
    /// `crit` names a member that is not known here.
    #[error("the record says that {name:?} must be understood, and this version does not: use a newer one")]
    UnknownCritical {
        /// The member's name, cut to 80 characters.
        name: String,
    },
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    #[serde(default)]
    crit: Vec<String>,
}

#[derive(Serialize)]
struct Written<'a> {
    format: &'static str,
    crit: [&'static str; 0],
    #[serde(flatten)]
    record: &'a AdmissionRecord,
}

impl AdmissionRecord {
    /// Returns the record's bytes: JSON without white space, members in the order that `docs/format.md` shows. The
    /// same record gives the same bytes.
    ///
    /// # Panics
    ///
    /// Never: texts and numbers are always JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let written = Written { format: RECORD_FORMAT, crit: [], record: self };
        let mut bytes = Vec::with_capacity(USUAL_RECORD);
        serde_json::to_writer(&mut bytes, &written).expect("texts and numbers are always JSON");
        bytes
    }

    /// Reads a record. A member that `crit` names must be known; other unknown members are ignored.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD {
            return Err(RecordError::TooLong { max: MAX_RECORD, found: bytes.len() });
        }
        let Object(header): Object<Header<'_>> = json::from_slice(bytes)?;
        if header.format != RECORD_FORMAT {
            return Err(RecordError::Format { found: header.format.chars().take(80).collect() });
        }
        if let Some(name) = header.crit.iter().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(RecordError::UnknownCritical { name: name.chars().take(80).collect() });
        }
        let Object(record) = json::from_slice(bytes)?;
        Ok(record)
    }

    /// Returns the signers that count.
    pub fn verified_signers(&self) -> impl Iterator<Item = &Signer> {
        self.signers.iter().filter(|signer| signer.status == SignerStatus::Verified)
    }

    /// Returns the distinct keys whose signatures count. Those of certificates and tokens are not among them: they are used once.
    #[must_use]
    pub fn verified_keys(&self) -> BTreeSet<KeyId> {
        self.verified_signers()
            .filter(|signer| signer.identity.is_none())
            .filter_map(|signer| signer.key)
            .collect()
    }

    /// Returns who signed it: `key:<hex>`, or `<issuer>#<name>` of a certificate.
    #[must_use]
    pub fn verified_identities(&self) -> BTreeSet<Identity> {
        self.verified_signers().filter_map(Signer::identity).collect()
    }

    /// Returns what issuers say of those whose signatures count, by a certificate or by the submitter's token.
    pub fn claims_of_signers(&self) -> impl Iterator<Item = &SubmitterClaims> {
        self.verified_signers().filter_map(|signer| self.claims_of(signer))
    }

    /// Returns what an issuer says of a signer; none of a key.
    fn claims_of<'a>(&'a self, signer: &'a Signer) -> Option<&'a SubmitterClaims> {
        let by_token = || signer.identity.as_ref().and(self.submitter.as_ref());
        signer.certified().or_else(by_token)
    }

    /// Returns what a signer's own word counts as.
    fn authority_of(&self, signer: &Signer) -> Authority {
        signer.authority.unwrap_or(self.authority)
    }

    /// Returns who signed it, with the authority of each, and each with its repository: a name that is a file's which many repositories run is one signer for each
    /// of them, so that none of them can say first, and in its own name, what another one is about to say.
    fn signed_by(&self) -> BTreeMap<(Identity, Option<SourceRepository>), Authority> {
        let mut signed = BTreeMap::new();
        for signer in self.verified_signers() {
            let Some(identity) = signer.identity() else { continue };
            let repository = self.claims_of(signer).and_then(SourceRepository::of);
            let authority = self.authority_of(signer);
            let strongest = signed.entry((identity, repository)).or_insert(authority);
            *strongest = authority.max(*strongest);
        }
        signed
    }

    /// Returns the entries that it rests on: those by which its subjects are builds of a signer's own repository.
    #[must_use]
    pub fn builds(&self) -> BTreeSet<u64> {
        self.verified_signers().flat_map(|signer| signer.builds.iter().copied()).collect()
    }

    /// Returns the earliest time at which a signature that counts is proven to have been there.
    #[must_use]
    pub fn proven_time(&self) -> Option<Timestamp> {
        self.verified_signers().filter_map(|signer| signer.proof.as_ref()?.earliest()).min()
    }

    /// Returns what an envelope with this record adds to entries with the same content; none if nothing.
    ///
    /// That is a verified signer that none of them has (of jobs with one name: of a repository that none of them has), an earlier proof of time than all of them, a signer with a
    /// stronger authority than in all of them, or the first that is bound to its submitter. Without earlier entries everything is new.
    #[must_use]
    pub fn addition(&self, earlier: &[&Self]) -> Option<Addition> {
        let known: Vec<_> = earlier.iter().map(|record| record.signed_by()).collect();
        let mut stronger = earlier.is_empty().then_some(self.authority);
        for (signer, authority) in self.signed_by() {
            match known.iter().filter_map(|signed| signed.get(&signer)).max() {
                None => return Some(Addition::Signer(signer.0)),
                Some(known) if authority > *known => stronger = stronger.max(Some(authority)),
                Some(_) => {}
            }
        }
        if let Some(authority) = stronger {
            return Some(Addition::Authority(authority));
        }
        let proven = earlier.iter().filter_map(|record| record.proven_time()).min();
        if let Some(time) = self.proven_time().filter(|time| proven.is_none_or(|proven| *time < proven)) {
            return Some(Addition::Time(time));
        }
        let bound = |record: &Self| record.binding == Some(Binding::Bound);
        (bound(self) && !earlier.iter().any(|record| bound(record))).then_some(Addition::Binding)
    }

    /// Whether there is any [`AdmissionRecord::addition`].
    #[must_use]
    pub fn adds_to(&self, earlier: &[&Self]) -> bool {
        self.addition(earlier).is_some()
    }
}

impl Signer {
    /// Returns who signed: who showed a token for the key, the holder of the certificate, or the key. None if that is unknown.
    #[must_use]
    pub fn identity(&self) -> Option<Identity> {
        let holder = self.proof.as_ref().and_then(|proof| proof.identity.clone());
        self.identity.clone().or(holder).or(self.key.map(Identity::Key))
    }

    /// Returns what its certificate says of its holder.
    fn certified(&self) -> Option<&SubmitterClaims> {
        self.proof.as_ref().and_then(|proof| proof.claims.as_ref())
    }
}

impl Check {
    /// Returns all checks of an envelope that was admitted with these marks and this binding, and with this result for secrets.
    pub(super) fn all(marks: &[Mark], binding: Option<Binding>, secrets: CheckResult) -> Vec<Self> {
        let binding = match binding {
            Some(Binding::Bound) => CheckResult::Passed,
            Some(Binding::Conflict) => CheckResult::Marked,
            Some(Binding::Unbound) | None => CheckResult::NotChecked,
        };
        let time = if marks.contains(&Mark::FutureTime) { CheckResult::Marked } else { CheckResult::Passed };
        let passed = CheckResult::Passed;
        [
            (CheckName::Envelope, passed),
            (CheckName::Statement, passed),
            (CheckName::Subjects, passed),
            (CheckName::Signature, passed),
            (CheckName::Right, passed),
            (CheckName::Time, time),
            (CheckName::Binding, binding),
            (CheckName::Secrets, secrets),
        ]
        .into_iter()
        .map(|(check, result)| Self { check, result })
        .collect()
    }
}

impl Salt {
    /// Wraps 32 random bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut room = [0; 2 * 32];
        serializer.serialize_str(
            base16ct::lower::encode_str(&self.0, &mut room).map_err(serde::ser::Error::custom)?,
        )
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.as_bytes(), &mut bytes).map_err(serde::de::Error::custom)?;
        Ok(Self(bytes))
    }
}
