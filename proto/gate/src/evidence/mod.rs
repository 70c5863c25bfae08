//! What a gate judges by: entries that the caller verified, and how much of what there is.
//!
//! Evidence is gathered in rounds: [`crate::Policy::asks`] says what to look up, given what is there already. Each answer goes in with
//! what it is an answer to, and whether it is all that there is. What is missing is said, and never taken for what is not there.

mod entry;

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::Digest;
use custody_evidence::finding::{self, FindingKind};
use custody_log::LeafIndex;

pub(crate) use entry::is_malformed;
pub use entry::{Admitted, Entry, OnRef, Signer, Standing};

/// The most rounds of asking: the digest; its commits; reviews and findings of those; answers to findings.
pub const ROUNDS_MAX: usize = 4;
/// The most entries of one answer. A digest with more is reported as capped; 4,096 of a few kilobytes are what a judge reads at once.
pub const ENTRIES_MAX: usize = 4096;

/// Something to look up: all entries up to the judged size that it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ask {
    /// Findings of these kinds about a digest.
    Findings {
        /// The digest.
        about: Digest,
        /// Their kinds.
        kinds: BTreeSet<FindingKind>,
    },
    /// Statements of these predicate types.
    Statements {
        /// What they are about.
        about: About,
        /// Predicate types.
        types: BTreeSet<String>,
    },
}

/// What statements are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// A package, by its canonical URL: products of VEX.
    Component(String),
    /// A subject: an artifact, or a commit as `gitCommit`.
    Subject(Digest),
}

/// An answer: which entries, and whether these are all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gathered {
    /// The entries, redacted ones too: that there was something counts.
    pub entries: BTreeSet<LeafIndex>,
    /// Why there may be more; none if these are all.
    pub incomplete: Option<Incomplete>,
}

crate::words::words! {
    /// Why there may be more than was gathered.
    pub enum Incomplete {
        /// More than [`ENTRIES_MAX`], or another cap of the caller's.
        Capped = "capped",
        /// The index is behind the judged size.
        Lagging = "index_lagging",
        /// Nobody asked.
        NotGathered = "not_gathered",
        /// What would show it was erased.
        Redacted = "redacted",
        /// The caller brought it along: what it left out nobody knows.
        Supplied = "caller_supplied",
    }
}

/// Something that looks wrong about the judged digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// The entries that show it.
    pub entries: BTreeSet<LeafIndex>,
}

impl From<&finding::Finding> for Finding {
    fn from(found: &finding::Finding) -> Self {
        Self { kind: found.kind, entries: found.entries.clone() }
    }
}

/// What was gathered.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    entries: BTreeMap<LeafIndex, Entry>,
    answers: BTreeMap<Ask, Gathered>,
    findings: BTreeSet<Finding>,
}

impl Evidence {
    /// Adds an answer, with the entries that are not there yet. An entry that is there stays as it is.
    pub fn add(
        &mut self,
        ask: Ask,
        entries: impl IntoIterator<Item = Entry>,
        incomplete: Option<Incomplete>,
    ) {
        let mut gathered = Gathered { entries: BTreeSet::new(), incomplete };
        for entry in entries {
            gathered.entries.insert(entry.index);
            self.entries.entry(entry.index).or_insert(entry);
        }
        if gathered.entries.len() > ENTRIES_MAX {
            gathered.incomplete = Some(Incomplete::Capped);
        }
        self.answers.insert(ask, gathered);
    }

    /// Adds the answer to a question for findings.
    pub fn add_findings(
        &mut self,
        ask: Ask,
        findings: impl IntoIterator<Item = Finding>,
        incomplete: Option<Incomplete>,
    ) {
        self.findings.extend(findings);
        self.answers.insert(ask, Gathered { entries: BTreeSet::new(), incomplete });
    }

    /// Says of every answer that there may be more: for evidence that a caller brought along.
    pub fn mark(&mut self, incomplete: Incomplete) {
        for gathered in self.answers.values_mut() {
            gathered.incomplete = gathered.incomplete.or(Some(incomplete));
        }
    }

    /// Returns whether this was asked.
    #[must_use]
    pub fn has(&self, ask: &Ask) -> bool {
        self.answers.contains_key(ask)
    }

    /// Returns the same evidence with what is left of each entry; none of one means that it had never been there: what would come out
    /// then. Answers stay as complete as they were.
    #[must_use]
    pub fn without(&self, left: impl Fn(&Entry) -> Option<Entry>) -> Self {
        let entries = self.entries.iter().filter_map(|(index, entry)| Some((*index, left(entry)?)));
        Self { entries: entries.collect(), answers: self.answers.clone(), findings: self.findings.clone() }
    }

    /// Returns every entry, in index order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Returns an entry.
    #[must_use]
    pub fn entry(&self, index: LeafIndex) -> Option<&Entry> {
        self.entries.get(&index)
    }

    /// Returns the entries of an answer, in index order.
    pub(crate) fn answer(&self, ask: &Ask) -> impl Iterator<Item = &Entry> {
        let gathered = self.answers.get(ask).into_iter();
        gathered.flat_map(|gathered| gathered.entries.iter()).filter_map(|index| self.entries.get(index))
    }

    /// Returns why an answer may not be all; none if it is. An erased entry could have said anything.
    pub(crate) fn incomplete(&self, ask: &Ask) -> Option<String> {
        let Some(gathered) = self.answers.get(ask) else {
            return Some(Incomplete::NotGathered.to_string());
        };
        let redacted = self.answer(ask).find(|entry| matches!(entry.standing, Standing::Redacted { .. }));
        gathered
            .incomplete
            .map(|why| why.to_string())
            .or_else(|| redacted.map(|entry| format!("redacted: {}", entry.index)))
    }

    /// Returns why an answer was not read to its end; none if it was, whoever vouches for that being all.
    pub(crate) fn cut_short(&self, ask: &Ask) -> Option<Incomplete> {
        let Some(gathered) = self.answers.get(ask) else { return Some(Incomplete::NotGathered) };
        let cut = |why: &Incomplete| {
            matches!(why, Incomplete::Capped | Incomplete::Lagging | Incomplete::NotGathered)
        };
        gathered.incomplete.filter(cut)
    }

    /// Returns the entries of these predicate types, whichever question they came for, in index order.
    pub(crate) fn statements_of(&self, types: &BTreeSet<&str>) -> Vec<&Entry> {
        self.entries.values().filter(|entry| types.contains(entry.predicate_type.as_str())).collect()
    }

    pub(crate) const fn findings(&self) -> &BTreeSet<Finding> {
        &self.findings
    }
}

impl Ask {
    /// Makes the question for statements of these types about a subject.
    pub(crate) fn of_subject<'t>(digest: &Digest, types: impl IntoIterator<Item = &'t str>) -> Self {
        Self::Statements {
            about: About::Subject(digest.clone()),
            types: types.into_iter().map(ToOwned::to_owned).collect(),
        }
    }
}
