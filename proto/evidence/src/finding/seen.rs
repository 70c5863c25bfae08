//! An entry as rules see it.

use std::collections::{BTreeMap, BTreeSet};

use custody_log::{ContentDigest, LeafIndex, Timestamp};

use super::bounds::HISTORY_AGE_MICROS;
use super::need::Counted;
use crate::admission::AdmissionRecord;
use crate::fact::{Called, EdgeKind, Facts, Node, NodeKind};
use crate::predicate::{
    CustodyPredicate as _, Deployment, Promotion, Publication, Run, Snapshot, Tag, link, release, slsa_v1,
    slsa_v02,
};
use crate::trust::{Authority, People};

/// One entry: where it stands, what it says, and who says it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Its place.
    pub index: LeafIndex,
    /// Ledger time.
    pub time: Timestamp,
    /// What was signed: the same twice is one statement.
    pub content: ContentDigest,
    /// What it says.
    pub facts: &'a Facts,
    /// Who says it.
    pub by: &'a SaidBy,
    /// Rules ask for it of each entry for each name.
    kind: Kind,
}

/// Who says what an entry says, from its admission record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SaidBy {
    /// The signers that count, as they are written.
    pub signers: BTreeSet<String>,
    /// The rules of the trust document by which they may.
    pub rules: BTreeSet<String>,
    /// Who submitted it.
    pub submitter: Option<String>,
    /// Whether it is evidence of others, that somebody brought in.
    pub imported: bool,
    /// By when it was signed, as somebody else proves; none if nobody does.
    pub proven: Option<Timestamp>,
}

/// The entries that are known beside the one that is looked at.
#[derive(Debug, Clone, Default)]
pub struct Known<'a> {
    /// By their place.
    pub entries: BTreeMap<LeafIndex, Seen<'a>>,
    /// Whose keys and identities are, as of the tree that is asked about; none: nobody listed any.
    pub people: Option<&'a People>,
    /// How many records there are, if the entry says how many there should be.
    pub counted: Option<Counted>,
    /// How often what rules need was looked up. At first they ask for what settles most entries alone, and what is not there is not known
    /// to be missing.
    pub rounds: usize,
}

/// The types that are provenance.
pub(super) const PROVENANCE: [&str; 6] = {
    let [one, two, three, four] = link::TYPES;
    [slsa_v1::TYPE, slsa_v02::TYPE, one, two, three, four]
};

/// The types that say that something went out.
pub(super) const GOES_OUT: [&str; 9] = {
    let [one, two, three] = release::RELEASE_TYPES;
    [
        Deployment::TYPE,
        Promotion::TYPE,
        Publication::TYPE,
        Snapshot::TYPE,
        Tag::TYPE,
        release::NPM_PUBLISH_TYPE,
        one,
        two,
        three,
    ]
};

/// The types that say that a version was released.
pub(super) const RELEASES: [&str; 6] = {
    let [one, two, three] = release::RELEASE_TYPES;
    [Publication::TYPE, Tag::TYPE, release::NPM_PUBLISH_TYPE, one, two, three]
};

/// What a statement is, where rules make a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Deployment,
    Other,
    Promotion,
    Provenance,
    Publication,
    Release,
    Run,
    Snapshot,
    Tag,
}

impl Kind {
    fn of(facts: &Facts) -> Self {
        let Some(predicate_type) = facts.predicate_type() else { return Self::Other };
        match predicate_type {
            slsa_v1::TYPE | slsa_v02::TYPE => Self::Provenance,
            Deployment::TYPE => Self::Deployment,
            Promotion::TYPE => Self::Promotion,
            Publication::TYPE => Self::Publication,
            Run::TYPE => Self::Run,
            Snapshot::TYPE => Self::Snapshot,
            Tag::TYPE => Self::Tag,
            release::NPM_PUBLISH_TYPE => Self::Release,
            other if release::RELEASE_TYPES.contains(&other) => Self::Release,
            other if link::TYPES.contains(&other) => Self::Provenance,
            _ => Self::Other,
        }
    }
}

impl SaidBy {
    /// Takes what rules compare from an admission record.
    #[must_use]
    pub fn of(record: &AdmissionRecord) -> Self {
        let claims = record.submitter.as_ref();
        Self {
            signers: record.verified_identities().iter().map(ToString::to_string).collect(),
            rules: record.verified_signers().filter_map(|signer| signer.rule.clone()).collect(),
            submitter: claims.map(|claims| format!("{}#{}", claims.issuer, claims.token_subject)),
            imported: record.authority != Authority::Own,
            proven: record.proven_time(),
        }
    }

    /// Returns the signers: a person by the name, whichever key it was, and others without what changes with each of their runs.
    pub(super) fn lasting<'a>(&'a self, people: Option<&'a People>) -> BTreeSet<&'a str> {
        let person = |signer: &String| people.and_then(|people| people.of(signer));
        self.signers.iter().map(|signer| person(signer).unwrap_or_else(|| lasting(signer))).collect()
    }
}

/// A signer without what changes with each of its runs: the branch or tag behind a workflow, or in a token's subject.
pub(super) fn lasting(identity: &str) -> &str {
    let cut = identity.split_once("@refs/").map_or(identity, |(before, _)| before);
    cut.split_once(":ref:refs/").map_or(cut, |(before, _)| before)
}

impl<'a> Seen<'a> {
    /// Returns an entry as rules see it: its place, ledger time and content, what it says, and who says it.
    #[must_use]
    pub fn new(
        index: LeafIndex,
        time: Timestamp,
        content: ContentDigest,
        facts: &'a Facts,
        by: &'a SaidBy,
    ) -> Self {
        Self { index, time, content, facts, by, kind: Kind::of(facts) }
    }

    /// Returns when it happened: as claimed, but never later than the ledger learned of it.
    #[must_use]
    pub fn happened(&self) -> Timestamp {
        self.facts.happened.map_or(self.time, |claimed| claimed.min(self.time))
    }

    /// Returns since when somebody other than who signed it knows of it: the ledger, or who proves when it was signed.
    pub(super) fn known_since(&self) -> Timestamp {
        self.by.proven.map_or(self.time, |proven| proven.min(self.time))
    }

    /// Whether it was recorded so long after it happened that it is history, and cannot be new. What is proven to be signed only later is
    /// no older than that.
    pub(super) fn is_history(&self) -> bool {
        let proven = self.by.proven.map_or(self.happened(), |proven| proven.min(self.time));
        micros_between(self.happened().max(proven), self.time) > HISTORY_AGE_MICROS
    }

    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// What it calls the bytes that it is about.
    pub(super) fn called(&self) -> &'a [Called] {
        &self.facts.told.called
    }

    /// The ends of its edges of this kind that start at a node.
    pub(super) fn ends(&self, from: &'a Node, kind: EdgeKind) -> impl Iterator<Item = &'a Node> + use<'a> {
        let edges = self.facts.edges.iter();
        edges.filter(move |edge| edge.kind == kind && edge.from == *from).map(|edge| &edge.to)
    }

    /// Who pushed it, as a publication says.
    pub(super) fn actors(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let published = self.facts.edges.iter().filter(|edge| edge.kind == EdgeKind::Published);
        let identities = published.map(|edge| &edge.to).filter(|node| node.kind() == NodeKind::Identity);
        identities.map(Node::id)
    }

    /// Whether it is the provenance of any of these.
    pub(super) fn builds_any(&self, artifacts: &BTreeSet<Node>) -> bool {
        self.kind() == Kind::Provenance
            && self
                .facts
                .edges
                .iter()
                .any(|edge| edge.kind == EdgeKind::BuiltBy && artifacts.contains(&edge.from))
    }

    /// Whether it says that what it is about went out: was released, published, tagged, promoted or deployed.
    pub(super) fn goes_out(&self) -> bool {
        match self.kind() {
            Kind::Deployment => self.facts.edges.iter().any(|edge| edge.kind == EdgeKind::RunsIn),
            Kind::Promotion | Kind::Publication | Kind::Release | Kind::Snapshot | Kind::Tag => true,
            Kind::Other | Kind::Provenance | Kind::Run => false,
        }
    }
}

impl<'a> Known<'a> {
    /// Returns what the ledger knew before an entry, whatever it claims; the newest first. A rule that asks who did something ever before must not
    /// believe a claim: who dates a record back would leave out all that it differs from.
    pub(super) fn earlier(&self, new: &Seen<'_>) -> impl Iterator<Item = &Seen<'a>> {
        self.entries.range(..new.index).rev().map(|(_, seen)| seen)
    }

    /// Returns what came before an entry, by the ledger and, of what claims a time, as claimed too; the newest first.
    pub(super) fn before(&self, new: &Seen<'_>) -> Vec<&Seen<'a>> {
        let earlier = self.earlier(new);
        let later = |seen: &Seen<'_>| match (seen.facts.happened, new.facts.happened) {
            (Some(_), Some(_)) => seen.happened() > new.happened(),
            // Who claims nothing is older if the ledger says so.
            (None, _) | (_, None) => false,
        };
        let mut before: Vec<_> = earlier.filter(|seen| !later(seen)).collect();
        before.sort_by_key(|seen| std::cmp::Reverse((seen.happened(), seen.index)));
        before
    }
}

/// Returns the time from one moment to another, in microseconds; below zero if it is later.
pub(super) const fn micros_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_micros().saturating_sub(from.as_micros())
}
