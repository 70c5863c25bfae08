//! Checks a pack: each entry as online, and the answer against what the entries say.

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::admission::Build;
use custody_evidence::fact::{Edge, EdgeKind, Node, READER_VERSION, Stage, chain};
use custody_evidence::trust::TrustState;
use custody_log::receipt::{ReceiptError, VerifiedReceipt};
use custody_log::{BlobDigest, LeafIndex, TreeSize};

use super::{Answer, Pack, PackedEntry};
use crate::check::{CheckError, Checked, Erased, Known, Logged, envelope_of};
use crate::trust::Trust;

/// A pack, and what holds of it.
#[derive(Debug, Clone)]
pub struct CheckedPack {
    /// Each entry with what it was checked for, or why it does not hold; in the order of the log.
    pub entries: Vec<CheckedEntry>,
    /// What does not follow from the entries, of what the answer says. The entries may hold all the same.
    pub contradicted: Vec<String>,
    /// What of the answer cannot be checked with them.
    pub unchecked: Vec<String>,
}

/// One entry of a pack.
#[derive(Debug, Clone)]
pub struct CheckedEntry {
    /// The entry that the pack says it is.
    pub index: LeafIndex,
    /// What it was checked for.
    pub outcome: Result<Held, EntryProblem>,
}

/// An entry that holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// How far it was checked.
    pub checked: Checked,
    /// Why not further, where it is logged only.
    pub short_of: Option<CheckError>,
    /// Whether its submitter's token is there, and was checked.
    pub token_checked: bool,
}

/// Why an entry does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryProblem {
    /// The receipt proves nothing.
    #[error("its receipt: {0}")]
    Receipt(#[from] ReceiptError),
    /// It is not what it should be.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// An attachment that the admission record does not name.
    #[error("entry {index}: an attachment that its admission record does not name: {found}")]
    Attachment {
        /// The entry.
        index: LeafIndex,
        /// The digest of the bytes.
        found: BlobDigest,
    },
}

/// Checks every entry, and the answer against them.
#[must_use]
pub fn check(pack: &Pack, trust: &Trust) -> CheckedPack {
    let mut known = Known::new();
    let mut entries = Vec::with_capacity(pack.entries().len());
    // In the order of the log: a younger entry may rest on an older one.
    for entry in pack.entries() {
        let outcome = check_entry(entry, trust, &known);
        if let Ok(Held { checked: Checked::Verified(verified), .. }) = &outcome {
            let (index, record) = (verified.logged().entry().index, verified.logged().record());
            if Build::of(index, record).is_some() {
                known.insert(index, record.clone());
            }
        }
        entries.push(CheckedEntry { index: entry.index(), outcome });
    }
    let mut checked = CheckedPack { entries, contradicted: Vec::new(), unchecked: Vec::new() };
    check_answer(pack, trust, &mut checked);
    checked
}

fn check_entry(entry: &PackedEntry, trust: &Trust, known: &Known) -> Result<Held, EntryProblem> {
    let size = entry.receipt.signed_checkpoint().unverified().size();
    let receipt = entry.receipt.verify(&trust.pin().origin, &trust.log_keys_at(size))?;
    let Some(record) = &entry.record else { return erased(receipt, trust) };
    let logged = Logged::new(receipt, record.clone())?;
    let Some(envelope) = &entry.envelope else {
        let checked = Checked::Logged(Box::new(logged));
        return Ok(Held { checked, short_of: None, token_checked: false });
    };
    let verified = match logged.clone().verify(envelope.clone(), trust, known) {
        Ok(verified) => verified,
        // What it rests on was erased, or is not in the pack.
        Err(error @ (CheckError::RestsOn { .. } | CheckError::UnknownTrust { .. })) => {
            envelope_of(logged.entry(), envelope)?;
            let checked = Checked::Logged(Box::new(logged));
            return Ok(Held { checked, short_of: Some(error), token_checked: false });
        }
        Err(error) => return Err(error.into()),
    };
    let (index, record) = (verified.logged().entry().index, verified.logged().record());
    let mut token_checked = false;
    for attachment in &entry.attachments {
        let found = BlobDigest::of(attachment);
        if !record.attachments.iter().any(|named| named.digest == found) {
            return Err(EntryProblem::Attachment { index, found });
        }
        if record.token.is_some() {
            verified.check_token(attachment, trust)?;
            token_checked = true;
        }
    }
    let checked = Checked::Verified(Box::new(verified));
    Ok(Held { checked, short_of: None, token_checked })
}

fn erased(receipt: VerifiedReceipt, trust: &Trust) -> Result<Held, EntryProblem> {
    let erased = Erased::new(receipt, trust)?;
    Ok(Held { checked: Checked::Redacted(Box::new(erased)), short_of: None, token_checked: false })
}

impl CheckedPack {
    /// Returns the entries that hold.
    #[must_use]
    pub fn all_held(&self) -> BTreeMap<LeafIndex, &Checked> {
        let held = self.entries.iter().filter_map(|entry| Some((entry.index, entry.outcome.as_ref().ok()?)));
        held.map(|(index, held)| (index, &held.checked)).collect()
    }

    /// Whether every entry is verified, and the answer follows from them.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        let verified =
            |entry: &CheckedEntry| entry.outcome.as_ref().is_ok_and(|held| held.checked.verified().is_some());
        self.contradicted.is_empty() && self.unchecked.is_empty() && self.entries.iter().all(verified)
    }

    /// Whether something in it is false.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        !self.contradicted.is_empty() || self.entries.iter().any(|entry| entry.outcome.is_err())
    }
}

/// Returns what an edge of an answer is evidence of: its entry was verified, says so, and is not distrusted in this state.
#[must_use]
pub fn evidence(edge: &Edge, checked: &Checked, state: &TrustState) -> Option<(Stage, EdgeKind)> {
    let verified = checked.verified().filter(|verified| verified.facts().edges.contains(edge))?;
    let counts = checked.distrust(state).is_none();
    counts.then(|| (Stage::of(edge.kind, &verified.logged().record().predicate_type), edge.kind))
}

/// Returns the stages that the chain of the first node lacks: those of which there is no evidence.
#[must_use]
pub fn missing(answer: &Answer, evidence: impl IntoIterator<Item = (Stage, EdgeKind)>) -> Vec<String> {
    let nodes = answer.nodes().unwrap_or_default();
    let kind = nodes.first().map(Node::kind);
    let missing = kind.map(|kind| Stage::missing(kind, evidence)).unwrap_or_default();
    missing.into_iter().map(|stage| stage.as_str().to_owned()).collect()
}

/// The answer says no more than the entries: each is there, each edge is asserted by its entry and leads to what was asked about,
/// and what is missing is missing in them.
fn check_answer(pack: &Pack, trust: &Trust, checked: &mut CheckedPack) {
    let answer = pack.answer();
    let (Ok(nodes), Ok(edges), Ok(indexes)) = (answer.nodes(), answer.edges(), answer.indexes()) else {
        checked.contradicted.push("the answer names no node, edge or entry that there can be".to_owned());
        return;
    };
    let (mut contradicted, mut unchecked) = (Vec::new(), Vec::new());
    if answer.reader != READER_VERSION {
        let reader = &answer.reader;
        unchecked.push(format!(
            "the answer was read by version {reader} of the reader, this is version {READER_VERSION}"
        ));
    }
    let there: BTreeSet<LeafIndex> = checked.entries.iter().map(|entry| entry.index).collect();
    for index in indexes.iter().chain(edges.iter().map(|(index, ..)| index)).collect::<BTreeSet<_>>() {
        if index.get() >= answer.size {
            contradicted.push(format!("entry {index} is not in the tree of size {}", answer.size));
        } else if !there.contains(index) {
            unchecked.push(format!("entry {index}, which the answer names, is not in the pack"));
        }
    }
    let held = checked.all_held();
    for (index, edge, _) in &edges {
        match held.get(index) {
            Some(Checked::Verified(verified)) if verified.facts().edges.contains(edge) => {}
            Some(Checked::Verified(_)) => {
                contradicted.push(format!("entry {index} does not say that {edge}"));
            }
            Some(_) => unchecked.push(format!("entry {index} was not read: that {edge} is claimed")),
            // That it fails, or is not there, is told already.
            None => {}
        }
    }
    let unrelated = unrelated(&nodes, &edges);
    contradicted
        .extend(unrelated.iter().map(|edge| format!("{edge} has nothing to do with what was asked about")));
    let whole = unchecked.is_empty() && contradicted.is_empty() && held.len() == checked.entries.len();
    let size = answer.tree_size().unwrap_or(TreeSize::ZERO);
    let state = &trust.as_of(size).state;
    let says = edges.iter().filter_map(|(index, edge, _)| evidence(edge, held.get(index)?, state));
    let lacks = missing(answer, says);
    if whole && lacks != answer.missing {
        contradicted.push(format!("the chain lacks {lacks:?}, the answer says {:?}", answer.missing));
    }
    checked.contradicted.extend(contradicted);
    checked.unchecked.extend(unchecked);
}

/// Returns the edges that are in no chain of these nodes.
fn unrelated<'e>(nodes: &[Node], edges: &'e [(LeafIndex, Edge, bool)]) -> BTreeSet<&'e Edge> {
    let all = || edges.iter().map(|(_, edge, conflict)| (edge, *conflict));
    let mut left: BTreeSet<&Edge> = all().map(|(edge, _)| edge).collect();
    for node in nodes {
        let missed = chain::all_unreached(node, u32::MAX, all());
        left.retain(|edge| missed.contains(edge));
    }
    left
}
