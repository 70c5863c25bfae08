//! Whose build an artifact is: what a log has recorded of it before.
//!
//! A build is somebody's own by a provenance that names the digest and is bound to a job of their repository. The repository is
//! known by the id that its host gave it, which nobody gets again: a name can be taken by others once it is free. Provenance of
//! two repositories for one digest decides for neither: anybody can write a digest into a provenance.

use std::collections::BTreeSet;

use custody_log::LeafIndex;
use sha2::{Digest as _, Sha256};

use super::claims::SubmitterClaims;
use super::record::{AdmissionRecord, Binding};
use crate::digest_set::Digest;
use crate::predicate::{slsa_v1, slsa_v02};
use crate::trust::{Authority, FirstSigned, TrustState};

/// The most entries that a statement about own builds may rest on: whoever checks it fetches each of them.
pub const BUILDS_MAX: usize = 64;

/// A repository by what does not change: its issuer, and the id that this one knows it by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceRepository {
    issuer: String,
    identifier: String,
}

/// A provenance that says whose build its subjects are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    index: LeafIndex,
    repository: SourceRepository,
    artifacts: BTreeSet<String>,
}

/// What is left of a provenance that a redaction erased.
///
/// It gives nobody a right any more, and still disputes the builds of other repositories: a redaction must not make somebody's own
/// what was not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ErasedBuild {
    index: LeafIndex,
    repository: RepositoryKey,
    artifacts: BTreeSet<String>,
}

/// What is kept of a repository's name where its provenance was erased: the first bytes of the SHA-256 of `<issuer>#<id>`.
pub type RepositoryKey = [u8; 12];

/// What a log has recorded of builds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Builds {
    said: Vec<Build>,
    erased: Vec<ErasedBuild>,
}

/// Why a digest is not a repository's own build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotOwn {
    /// No provenance of the repository names it.
    Unknown { digest: String },
    /// Provenance of another repository names it too.
    /// Without a repository: what said it was erased.
    Disputed { digest: String, own: LeafIndex, other: LeafIndex, repository: Option<SourceRepository> },
}

impl SourceRepository {
    /// Returns the repository of a job; none if its issuer gives it no id.
    #[must_use]
    pub fn of(claims: &SubmitterClaims) -> Option<Self> {
        let identifier = claims.source_repository_identifier.clone().filter(|id| !id.is_empty())?;
        (!claims.issuer.is_empty()).then(|| Self { issuer: claims.issuer.clone(), identifier })
    }

    /// Returns what is kept of it where its provenance is erased.
    #[must_use]
    pub fn key(&self) -> RepositoryKey {
        let hash: [u8; 32] = Sha256::digest(self.to_string().as_bytes()).into();
        hash.first_chunk().copied().unwrap_or_default()
    }
}

/// Writes `<issuer>#<id>`.
impl std::fmt::Display for SourceRepository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.issuer, self.identifier)
    }
}

impl Build {
    /// Reads what an entry says of builds, from its admission record alone; none if it is no bound provenance, or counts as
    /// the evidence of others.
    ///
    /// One that was let in because of another does not count: so whoever checks a statement about own builds checks these
    /// entries, and no further ones behind them.
    #[must_use]
    pub fn of(index: LeafIndex, record: &AdmissionRecord) -> Option<Self> {
        let provenance = [slsa_v1::TYPE, slsa_v02::TYPE].contains(&record.predicate_type.as_str());
        let own = record.authority == Authority::Own
            && record.verified_signers().all(|signer| signer.authority.is_none());
        let first_hand = own && record.builds().is_empty();
        if !provenance || !first_hand || record.binding != Some(Binding::Bound) {
            return None;
        }
        let repositories: BTreeSet<SourceRepository> =
            record.claims_of_signers().filter_map(SourceRepository::of).collect();
        // Of several, nothing says whose build it is.
        let mut repositories = repositories.into_iter();
        let (repository, None) = (repositories.next()?, repositories.next()) else { return None };
        Some(Self { index, repository, artifacts: record.subjects.iter().cloned().collect() })
    }

    /// Returns the entry.
    #[must_use]
    pub const fn index(&self) -> LeafIndex {
        self.index
    }

    /// Returns whose build it says that they are.
    #[must_use]
    pub const fn repository(&self) -> &SourceRepository {
        &self.repository
    }

    /// Whether it says whose build the artifact with this digest is.
    #[must_use]
    pub fn names(&self, artifact: &str) -> bool {
        self.artifacts.contains(artifact)
    }

    /// Returns the digests whose build it says.
    pub fn artifacts(&self) -> impl Iterator<Item = &str> {
        self.artifacts.iter().map(String::as_str)
    }
}

impl Builds {
    /// Adds what an entry says about the builds of some digests, unless it is no evidence under the trust that holds.
    pub fn add(
        &mut self,
        trust: &TrustState,
        index: LeafIndex,
        record: &AdmissionRecord,
        about: &BTreeSet<String>,
    ) {
        // What was recorded earlier says it by itself.
        if trust.distrust_of_signers(record, index, &FirstSigned::new()).is_some() {
            return;
        }
        if let Some(mut build) = Build::of(index, record) {
            build.artifacts.retain(|artifact| about.contains(artifact));
            if !build.artifacts.is_empty() {
                self.said.push(build);
            }
        }
    }

    /// Adds what is left of a provenance that was erased, and that its signers are not distrusted for: of which repository it said
    /// that these are builds.
    pub fn add_erased(&mut self, index: LeafIndex, repository: RepositoryKey, artifacts: BTreeSet<String>) {
        self.erased.push(ErasedBuild { index, repository, artifacts });
    }

    /// Returns the entries by which all of these digests are builds of a repository: for each digest the first one. What has no
    /// digest is nobody's.
    pub(super) fn by_which_own(
        &self,
        repository: &SourceRepository,
        digests: &[Digest],
    ) -> Result<BTreeSet<LeafIndex>, NotOwn> {
        if digests.is_empty() {
            return Err(NotOwn::Unknown { digest: "no digest that evidence can rest on".to_owned() });
        }
        digests.iter().map(|digest| self.by_which_one(repository, digest.to_string())).collect()
    }

    fn by_which_one(&self, repository: &SourceRepository, digest: String) -> Result<LeafIndex, NotOwn> {
        let naming = || self.said.iter().filter(|build| build.names(&digest));
        let own = naming().filter(|build| build.repository == *repository).map(|build| build.index).min();
        let Some(own) = own else { return Err(NotOwn::Unknown { digest }) };
        let other = naming().filter(|build| build.repository != *repository).min_by_key(|build| build.index);
        if let Some(other) = other {
            let (other, repository) = (other.index, Some(other.repository.clone()));
            return Err(NotOwn::Disputed { digest, own, other, repository });
        }
        let key = repository.key();
        let of_others = |build: &&ErasedBuild| build.repository != key && build.artifacts.contains(&digest);
        match self.erased.iter().filter(of_others).map(|build| build.index).min() {
            Some(other) => Err(NotOwn::Disputed { digest, own, other, repository: None }),
            None => Ok(own),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn index(index: u64) -> LeafIndex {
        LeafIndex::new(index).unwrap()
    }

    /// A bound provenance of the repository with this id, about one artifact.
    fn record(id: &str) -> Value {
        let claims = json!({ "issuer": "https://token.example", "token_subject": "", "source_repository_identifier": id });
        json!({
            "format": "custody/record/v1", "crit": [], "salt": "00".repeat(32), "media_type": "x",
            "predicate_type": slsa_v1::TYPE, "subjects": [artifact("a")],
            "signers": [{
                "signature": 0, "status": "verified", "key": null, "spki": null, "rule": "ci", "hint": "", "why": null,
                "proof": {
                    "root": "r", "certificate": null, "identity": "https://token.example#job", "claims": claims,
                    "times": [], "checks": [],
                },
            }],
            "submitter": null, "binding": "bound", "authority": "own", "checks": [],
            "trust": { "index": 0, "version": 1 }, "reader": "3", "attachments": [], "marks": [],
        })
    }

    fn artifact(name: &str) -> String {
        Digest::sha256_of(name.as_bytes()).to_string()
    }

    fn decode(record: &Value) -> AdmissionRecord {
        AdmissionRecord::decode(record.to_string().as_bytes()).unwrap()
    }

    type Change<'c> = &'c dyn Fn(&mut Value);

    fn of(change: impl FnOnce(&mut Value)) -> Option<Build> {
        let mut record = record("42");
        change(&mut record);
        Build::of(index(3), &decode(&record))
    }

    #[test]
    fn only_bound_provenance_at_first_hand_says_whose_build_it_is() {
        let build = of(|_| ()).unwrap();
        assert_eq!(build.repository().to_string(), "https://token.example#42");
        assert!(build.names(&artifact("a")) && !build.names(&artifact("b")) && build.index() == index(3));
        assert!(of(|record| record["predicate_type"] = slsa_v02::TYPE.into()).is_some());
        let second = |record: &mut Value, id: &str| {
            let mut signer = record["signers"][0].clone();
            signer["proof"]["claims"]["source_repository_identifier"] = id.into();
            record["signers"].as_array_mut().unwrap().push(signer);
        };
        assert!(of(|record| second(record, "42")).is_some(), "two of one repository");
        let claims = json!({ "issuer": "https://token.example", "token_subject": "", "source_repository_identifier": "42" });
        assert!(
            of(|record| {
                record["signers"][0]["proof"] = Value::Null;
                record["signers"][0]["identity"] = "https://token.example#job".into();
                record["submitter"] = claims.clone();
            })
            .is_some(),
            "a signer that counts by the submitter's token"
        );
        let by_key = of(|record| {
            record["signers"][0]["proof"] = Value::Null;
            record["submitter"] = claims.clone();
        });
        assert_eq!(by_key, None, "a key counts, and the token beside it gives no right");
        let changes: [(&str, Change<'_>); 10] = [
            ("another type", &|record| record["predicate_type"] = "https://example.com/x".into()),
            ("unbound", &|record| record["binding"] = "unbound".into()),
            ("in conflict", &|record| record["binding"] = "conflict".into()),
            ("without an identity", &|record| record["binding"] = Value::Null),
            ("the evidence of others", &|record| record["authority"] = "imported".into()),
            ("let in because of another", &|record| record["signers"][0]["builds"] = json!([1])),
            ("a signer who does not count", &|record| record["signers"][0]["status"] = "unverified".into()),
            ("no id", &|record| {
                record["signers"][0]["proof"]["claims"]["source_repository_identifier"] = Value::Null;
            }),
            ("an empty id", &|record| {
                record["signers"][0]["proof"]["claims"]["source_repository_identifier"] = "".into();
            }),
            ("two repositories", &|record| second(record, "43")),
        ];
        for (what, change) in changes {
            assert!(of(change).is_none(), "{what}");
        }
    }

    #[test]
    fn a_digest_is_somebodys_own_only_while_nobody_else_claims_it() {
        let own = decode(&record("42"));
        let mut other = record("43");
        other["subjects"] = json!([artifact("a"), artifact("b")]);
        let other = decode(&other);
        let (mine, theirs) = (
            Build::of(index(3), &own).unwrap().repository().clone(),
            Build::of(index(5), &other).unwrap().repository().clone(),
        );
        let builds = |records: &[(u64, &AdmissionRecord)]| {
            let said = records.iter().filter_map(|(at, record)| Build::of(index(*at), record)).collect();
            Builds { said, erased: Vec::new() }
        };
        let digests = |names: &[&str]| -> Vec<Digest> {
            names.iter().map(|name| Digest::sha256_of(name.as_bytes())).collect()
        };
        let alone = builds(&[(7, &own), (3, &own)]);
        assert_eq!(alone.by_which_own(&mine, &digests(&["a"])), Ok([index(3)].into()), "the first one");
        let unknown = |name: &str| Err(NotOwn::Unknown { digest: artifact(name) });
        assert_eq!(alone.by_which_own(&theirs, &digests(&["a"])), unknown("a"));
        assert_eq!(alone.by_which_own(&mine, &digests(&["a", "b"])), unknown("b"), "each of them");
        assert!(alone.by_which_own(&mine, &[]).is_err(), "what has no digest is nobody's");
        let disputed = builds(&[(3, &own), (5, &other)]);
        let dispute = |own, other, repository: &SourceRepository| {
            let (own, other, repository) = (index(own), index(other), Some(repository.clone()));
            Err(NotOwn::Disputed { digest: artifact("a"), own, other, repository })
        };
        assert_eq!(disputed.by_which_own(&mine, &digests(&["a"])), dispute(3, 5, &theirs));
        assert_eq!(disputed.by_which_own(&theirs, &digests(&["a"])), dispute(5, 3, &mine), "for both");
        assert_eq!(disputed.by_which_own(&theirs, &digests(&["b"])), Ok([index(5)].into()));
    }

    #[test]
    fn an_erased_provenance_gives_no_right_and_still_disputes_those_of_others() {
        let (own, other) = (decode(&record("42")), decode(&record("43")));
        let (mine, theirs) = (Build::of(index(3), &own).unwrap(), Build::of(index(5), &other).unwrap());
        let digests = [Digest::sha256_of(b"a")];
        let builds = |said: &[&Build], erased: &[&Build]| {
            let mut builds =
                Builds { said: said.iter().map(|build| (*build).clone()).collect(), erased: Vec::new() };
            for build in erased {
                builds.add_erased(build.index, build.repository.key(), build.artifacts.clone());
            }
            builds
        };
        let erased = builds(&[&mine], &[&theirs]).by_which_own(mine.repository(), &digests).unwrap_err();
        let (own, other) = (index(3), index(5));
        assert_eq!(erased, NotOwn::Disputed { digest: artifact("a"), own, other, repository: None });
        // One of the repository's own, which is recorded again without what was erased, disputes nothing, and gives nothing.
        let again = Build { index: index(7), ..mine.clone() };
        assert_eq!(
            builds(&[&again], &[&mine]).by_which_own(mine.repository(), &digests),
            Ok([index(7)].into())
        );
        let gone = builds(&[], &[&mine]).by_which_own(mine.repository(), &digests);
        assert_eq!(gone, Err(NotOwn::Unknown { digest: artifact("a") }));
        // About something else.
        let b = Build { artifacts: [artifact("b")].into(), ..theirs };
        assert_eq!(builds(&[&mine], &[&b]).by_which_own(mine.repository(), &digests), Ok([index(3)].into()));
    }
}
