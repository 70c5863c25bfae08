//! `source`: the commit that was built, and what others say of it.

use std::collections::BTreeSet;

use custody_evidence::Digest;
use custody_evidence::predicate::{
    CustodyPredicate as _, Review, Source as Commit, judgement, source_provenance,
};
use custody_evidence::predicate::{VerificationResult, judgement::VSA_TYPE};
use custody_evidence::repository::{GitUri, Repository};
use custody_evidence::trust::Authority;
use serde_json::Value as Json;

use super::Case;
use super::built::{Built, PROVENANCE};
use super::candidate::no_evidence;
use super::who::{PersonName, named, person, persons, signers, with_authority};
use super::why::Why;
use crate::evidence::{Ask, Entry, OnRef, Signer, Standing};
use crate::policy::{Level, RefPattern, Reviewed, Source, Who};

/// The predicate types that say something of a commit.
pub(super) const OF_COMMIT: [&str; 4] =
    [Commit::TYPE, source_provenance::SOURCE_TYPE, source_provenance::TAG_TYPE, VSA_TYPE];

/// The levels of SLSA's source track from which on changes of a branch are controlled at all times (v1.2, level 3).
const PROTECTED: [&str; 2] = ["SLSA_SOURCE_LEVEL_3", "SLSA_SOURCE_LEVEL_4"];

impl Case<'_> {
    /// Whether provenance names a source as the policy wants it.
    pub(super) fn source(&self, source: &Source, entry: &Entry, accepted: &[&Signer]) -> Result<(), Why> {
        let built = Built::of(entry).unwrap_or_default();
        if !source.repositories.is_empty() {
            let other = built.repositories.iter().find(|found| !source.repositories.contains(found));
            if built.unreadable || built.repositories.is_empty() || other.is_some() {
                return Err(Why::Repository(other.map(ToString::to_string)));
            }
        }
        if !source.references.is_empty() && !self.is_on(source, accepted, &built) {
            return Err(Why::Ref(built.reference));
        }
        if !(source.protected || source.signed || source.reviewed.is_some()) {
            return Ok(());
        }
        let commit = built.commit.clone().ok_or(Why::NoCommit)?;
        if let Some(who) = &source.asserted_by {
            let said: Vec<&Entry> = self.said_of(&commit, &OF_COMMIT, who).collect();
            let protects = |entry: &&Entry| is_protected(entry, &commit, source, &built.repositories);
            if source.protected && !said.iter().any(protects) {
                return Err(Why::NotProtected);
            }
            if source.signed && !said.iter().any(|entry| is_signed(entry, &commit)) {
                return Err(Why::NotSignedCommit);
            }
        }
        source.reviewed.as_ref().map_or(Ok(()), |reviewed| self.reviewed(reviewed, &commit, &built))
    }

    /// Whether somebody who may say so says that the commit was on the branch: provenance itself, the issuer of an accepted signer, or
    /// a statement of those that the policy names.
    fn is_on(&self, source: &Source, accepted: &[&Signer], built: &Built) -> bool {
        let fits = |found: &str| source.references.iter().any(|pattern: &RefPattern| pattern.fits(found));
        if built.reference.as_deref().is_some_and(fits) {
            return true;
        }
        let Some(commit) = &built.commit else { return false };
        // Only of who may sign it, and of the repository that it names: whoever else signed it too may have a branch of this name, in a
        // fork that has the same commit.
        let by_issuer = accepted.iter().filter_map(|signer| signer.claims.as_ref()).any(|claims| {
            let repository = claims.get("source_repository_uri").and_then(Repository::parse);
            repository.is_some_and(|repository| built.repositories.contains(&repository))
                && claims.get("source_repository_digest") == commit.commit_hex()
                && claims.get("source_repository_ref").is_some_and(fits)
        });
        let is_there = |on: &OnRef| built.repositories.contains(&on.repository) && fits(&on.reference);
        by_issuer
            || source.asserted_by.as_ref().is_some_and(|who| {
                self.said_of(commit, &OF_COMMIT, who).flat_map(|entry| on_refs(entry, commit)).any(is_there)
            })
    }

    /// Returns sound statements of some types about a commit, by those whom the policy names.
    fn said_of<'s>(
        &'s self,
        commit: &'s Digest,
        types: &'s [&'static str],
        who: &'s Who,
    ) -> impl Iterator<Item = &'s Entry> {
        let ask = Ask::of_subject(commit, types.iter().copied());
        let entries: Vec<&Entry> = self.evidence.answer(&ask).collect();
        entries.into_iter().filter(move |entry| {
            is_sound(entry, commit)
                && entry.level == Level::Verified
                && types.contains(&entry.predicate_type.as_str())
                && with_authority(entry, signers(entry, Some(who)), &[Authority::Own]).is_ok()
        })
    }

    fn reviewed(&self, reviewed: &Reviewed, commit: &Digest, built: &Built) -> Result<(), Why> {
        let mut reviewers = BTreeSet::new();
        for entry in self.said_of(commit, &[Review::TYPE], &reviewed.asserted_by) {
            let review = entry.predicate.as_deref().and_then(|bytes| Review::decode(bytes).ok());
            let of_commit = |review: &Review| {
                review.commit.digest() == *commit && built.repositories.contains(&review.repo)
            };
            let Some(review) = review.filter(of_commit) else { continue };
            reviewers.extend(review.reviewers.iter().map(|name| self.reviewer(name.as_str())));
        }
        for whom in &reviewed.not {
            for person in self.excluded(*whom)? {
                reviewers.remove(person);
            }
        }
        let (found, wanted) = (reviewers.len(), reviewed.at_least);
        if found < wanted { Err(Why::NotReviewed { found, wanted }) } else { Ok(()) }
    }

    /// One person for each name; names that nobody lists differ by what stands between `<` and `>`.
    fn reviewer(&self, text: &str) -> PersonName {
        named(&self.question.trust.people, text).unwrap_or_else(|| {
            let address = text.split_once('<').and_then(|(_, rest)| rest.split('>').next()).unwrap_or(text);
            address.trim().to_lowercase()
        })
    }

    /// Returns the provenance of the judged digest that is evidence at all.
    pub(super) fn provenance(&self) -> impl Iterator<Item = &Entry> {
        let ask = Ask::of_subject(&self.question.subject, PROVENANCE);
        let entries: Vec<&Entry> = self.evidence.answer(&ask).collect();
        entries.into_iter().filter(|entry| {
            is_sound(entry, &self.question.subject) && PROVENANCE.contains(&entry.predicate_type.as_str())
        })
    }

    /// Returns the commits that provenance of the judged digest names.
    pub(super) fn commits(&self) -> BTreeSet<Digest> {
        self.provenance().filter_map(|entry| Built::of(entry)?.commit).collect()
    }

    /// Returns who signed or submitted provenance of the judged digest, whatever it is worth: who built it with a key that is distrusted
    /// today must not let it pass with another one. Nobody, if none of it is evidence.
    pub(super) fn submitters(&self) -> BTreeSet<PersonName> {
        let people = &self.question.trust.people;
        if self.provenance().next().is_none() {
            return BTreeSet::new();
        }
        let ask = Ask::of_subject(&self.question.subject, PROVENANCE);
        let of_build = |entry: &&Entry| {
            PROVENANCE.contains(&entry.predicate_type.as_str()) && entry.is_about(&self.question.subject)
        };
        let by = |entry: &Entry| {
            let submitter = entry.submitter_identity().map(|identity| person(people, &identity));
            persons(people, &entry.signers).into_iter().chain(submitter)
        };
        self.evidence.answer(&ask).filter(of_build).flat_map(by).collect()
    }

    /// Returns who wrote the commits that provenance of the judged digest names. None if of one of them nobody is known, or it is
    /// somebody whom the trust document does not list: that could be anybody.
    pub(super) fn authors(&self) -> Option<BTreeSet<PersonName>> {
        // Of source at a commit that cannot be told nobody knows who wrote it.
        let untold = |entry: &Entry| {
            Built::of(entry).is_some_and(|built| built.commit.is_none() && !built.repositories.is_empty())
        };
        if self.provenance().any(untold) {
            return None;
        }
        let commits = self.commits();
        let mut authors = BTreeSet::new();
        for commit in &commits {
            let ask = Ask::of_subject(commit, OF_COMMIT);
            let mut of_commit = BTreeSet::new();
            for entry in self
                .evidence
                .answer(&ask)
                .filter(|entry| is_sound(entry, commit) && entry.level == Level::Verified)
            {
                if let Some(source) = commit_of(entry).filter(|source| source.commit.digest() == *commit) {
                    of_commit.insert(named(&self.question.trust.people, source.author.as_str())?);
                }
            }
            if of_commit.is_empty() {
                return None;
            }
            authors.extend(of_commit);
        }
        (!authors.is_empty()).then_some(authors)
    }
}

fn is_sound(entry: &Entry, about: &Digest) -> bool {
    no_evidence(entry).is_none()
        && entry.standing == Standing::Sound
        && entry.authority == Authority::Own
        && entry.is_about(about)
}

fn commit_of(entry: &Entry) -> Option<Commit> {
    let bytes = entry.predicate.as_deref().filter(|_| entry.predicate_type == Commit::TYPE)?;
    Commit::decode(bytes).ok()
}

/// Returns the branches and tags that a statement says a commit was on.
fn on_refs<'e>(entry: &'e Entry, commit: &Digest) -> impl Iterator<Item = &'e OnRef> {
    let hex = commit.value().to_owned();
    entry.on_refs.iter().filter(move |on| on.commit == hex)
}

fn is_signed(entry: &Entry, commit: &Digest) -> bool {
    commit_of(entry).is_some_and(|found| {
        found.commit.digest() == *commit && found.signature.is_some_and(|signature| signature.verified)
    })
}

/// Whether a summary of the source says that changes of its branches are controlled. One that names branches speaks of these, so it must
/// name one that the policy asks for, and one whose branches cannot be read names none of them.
fn is_protected(entry: &Entry, commit: &Digest, source: &Source, repositories: &[Repository]) -> bool {
    let Some(bytes) = entry.predicate.as_deref().filter(|_| entry.predicate_type == VSA_TYPE) else {
        return false;
    };
    let Ok(summary) = judgement::decode_vsa(bytes) else { return false };
    let resource = summary.resource.as_deref().and_then(GitUri::parse);
    let levels = serde_json::from_slice::<Json>(bytes).ok();
    let levels = levels.as_ref().and_then(|json| json.get("verifiedLevels")?.as_array());
    let has = |level: &Json| level.as_str().is_some_and(|level| PROTECTED.contains(&level));
    let mut named = on_refs(entry, commit).peekable();
    let of_branch = source.references.is_empty()
        || named.peek().is_none() && !entry.unread_refs
        || named.any(|on| source.references.iter().any(|pattern| pattern.fits(&on.reference)));
    summary.result == VerificationResult::Passed
        && resource.is_some_and(|uri| repositories.contains(uri.repository()))
        && levels.is_some_and(|levels| levels.iter().any(has))
        && of_branch
}
