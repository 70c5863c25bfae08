//! One entry as a gate sees it.

use custody_evidence::admission::{AdmissionRecord, Binding, SubmitterClaims};
use custody_evidence::fact::{EdgeKind, Facts, Problem};
use custody_evidence::identity::{Identity, OidcIdentity};
use custody_evidence::repository::Repository;
use custody_evidence::trust::{Authority, FirstSigned, TrustState};
use custody_evidence::{Digest, Statement};
use custody_log::{ContentDigest, LeafIndex, Timestamp};

use crate::policy::Level;

/// An entry, as the caller verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is in the log.
    pub index: LeafIndex,
    /// Ledger time.
    pub time: Timestamp,
    /// What was signed: entries with the same content are one statement, recorded again.
    pub content: ContentDigest,
    /// Whether it is evidence.
    pub standing: Standing,
    /// How far it was checked.
    pub level: Level,
    /// The predicate type.
    pub predicate_type: String,
    /// Every digest of its subjects, as the admission record writes them.
    pub subjects: Vec<String>,
    /// Whose signatures were verified.
    pub signers: Vec<Signer>,
    /// Who submitted it, as its issuer says; none without an identity.
    pub submitter: Option<SubmitterClaims>,
    /// How the statement's claims compare with the issuer's; none without an identity.
    pub binding: Option<Binding>,
    /// What the statement counts as, as the word of those of its signers that have no other authority.
    pub authority: Authority,
    /// When it happened, as it claims.
    pub happened: Option<Timestamp>,
    /// The exact bytes of the predicate; none if it has none.
    pub predicate: Option<Vec<u8>>,
    /// Which branches and tags it says commits were on: a commit's own statement, who moved a branch, a summary of the source that passed.
    pub on_refs: Vec<OnRef>,
    /// Whether it names branches or tags that cannot be read: it may be about these alone.
    pub unread_refs: bool,
}

/// A commit was on a branch or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnRef {
    /// The commit, in hex.
    pub commit: String,
    /// The repository of the branch or tag.
    pub repository: Repository,
    /// The branch or tag: `refs/heads/main`.
    pub reference: String,
}

/// Somebody whose signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Who.
    pub identity: Identity,
    /// What an issuer says of them, by certificate or token.
    pub claims: Option<SubmitterClaims>,
    /// What their own word counts as, where that is less than the entry's: somebody else signed the same.
    pub authority: Option<Authority>,
    /// The entry by which this signature is from a distrusted period.
    pub distrusted: Option<LeafIndex>,
}

/// Whether an entry is evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Authentic, and from a distrusted period.
    Distrusted {
        /// The entry that distrusts.
        by: LeafIndex,
    },
    /// Signed, and its predicate is not of the shape of its type.
    Malformed,
    /// Erased: nobody knows what it said.
    Redacted {
        /// The entry that redacts.
        by: LeafIndex,
    },
    /// It is.
    Sound,
}

/// What the caller knows of an entry that it checked.
#[derive(Debug, Clone, Copy)]
pub struct Admitted<'a> {
    /// Where it is in the log.
    pub index: LeafIndex,
    /// Ledger time.
    pub time: Timestamp,
    /// What was signed.
    pub content: ContentDigest,
    /// The admission record.
    pub record: &'a AdmissionRecord,
    /// The statement, if it was read and there is one.
    pub statement: Option<&'a Statement<'a>>,
    /// What the statement asserts.
    pub facts: &'a Facts,
    /// How far it was checked.
    pub level: Level,
}

impl Entry {
    /// Makes what a gate sees of an entry under the trust that holds at the judged size. `earlier` has the first entry of each
    /// signer of the same content.
    #[must_use]
    pub fn new(admitted: &Admitted<'_>, trust: &TrustState, earlier: &FirstSigned) -> Self {
        let Admitted { index, record, facts, statement, .. } = *admitted;
        let on_refs = OnRef::all(facts);
        let distrust = trust.distrust_of(record, Some(facts), index, earlier);
        let standing = match distrust {
            Some(distrusted) => Standing::Distrusted { by: distrusted.index },
            None if is_malformed(facts) => Standing::Malformed,
            None => Standing::Sound,
        };
        let signers = record.verified_signers().filter_map(|signer| {
            let identity = signer.identity()?;
            let by_token = signer.identity.as_ref().and(record.submitter.as_ref());
            let claims = signer.proof.as_ref().and_then(|proof| proof.claims.as_ref()).or(by_token);
            let first = earlier.get(&identity).copied().unwrap_or(index).min(index);
            let distrusted = trust.distrusted_signer(&identity, first).map(|said| said.index);
            Some(Signer { claims: claims.cloned(), authority: signer.authority, distrusted, identity })
        });
        Self {
            index,
            time: admitted.time,
            content: admitted.content,
            standing,
            level: admitted.level,
            predicate_type: record.predicate_type.clone(),
            subjects: record.subjects.clone(),
            signers: signers.collect(),
            submitter: record.submitter.clone(),
            binding: record.binding,
            authority: record.authority,
            happened: facts.happened,
            predicate: statement.and_then(Statement::predicate_bytes).map(<[u8]>::to_vec),
            unread_refs: statement.is_some_and(|statement| OnRef::are_unread(statement, &on_refs)),
            on_refs,
        }
    }

    /// Makes what a gate sees of an erased entry.
    #[must_use]
    pub const fn redacted(index: LeafIndex, time: Timestamp, content: ContentDigest, by: LeafIndex) -> Self {
        Self {
            index,
            time,
            content,
            standing: Standing::Redacted { by },
            level: Level::Logged,
            predicate_type: String::new(),
            subjects: Vec::new(),
            signers: Vec::new(),
            submitter: None,
            binding: None,
            authority: Authority::Relayed,
            happened: None,
            predicate: None,
            on_refs: Vec::new(),
            unread_refs: false,
        }
    }

    /// Whether its own statement lists the digest.
    pub(crate) fn is_about(&self, digest: &Digest) -> bool {
        self.subjects.contains(&digest.to_string())
    }

    /// Returns who submitted it, as an identity; none if that is not known.
    pub(crate) fn submitter_identity(&self) -> Option<Identity> {
        let claims = self.submitter.as_ref()?;
        OidcIdentity::new(&claims.issuer, &claims.token_subject).ok().map(Identity::Oidc)
    }

    /// Returns the signers who are not distrusted.
    pub(crate) fn trusted_signers(&self) -> impl Iterator<Item = &Signer> {
        self.signers.iter().filter(|signer| signer.distrusted.is_none())
    }
}

impl OnRef {
    /// Returns what a statement says of branches and tags, from its facts.
    #[must_use]
    pub fn all(facts: &Facts) -> Vec<Self> {
        let said = facts.edges.iter().filter(|edge| edge.kind == EdgeKind::OnRef);
        let read = said.filter_map(|edge| {
            let commit = edge.from.id().rsplit(['@', ':']).next()?.to_owned();
            let (repository, name) = edge.to.id().split_once("@refs/")?;
            Some(Self {
                commit,
                repository: Repository::parse(repository)?,
                reference: format!("refs/{name}"),
            })
        });
        read.collect()
    }

    /// Whether a statement names branches or tags that are not among those which were read from it.
    #[must_use]
    pub fn are_unread(statement: &Statement<'_>, read: &[Self]) -> bool {
        let is_read = |text: &String| read.iter().any(|on| on.reference == *text);
        let mut subjects = statement.subjects().iter();
        subjects.any(|subject| subject.has_unread_source_refs() || !subject.source_refs().iter().all(is_read))
    }
}

/// A type that nothing reads is no shape to miss; it is judged by its signature alone, and by expressions.
pub(crate) fn is_malformed(facts: &Facts) -> bool {
    let unread =
        |warning: &custody_evidence::fact::Warning| matches!(warning.problem, Problem::NotInterpreted { .. });
    !facts.interpreted && !facts.warnings.iter().any(unread)
}
