//! What looks wrong in the log, as the server claims, and as the entries show.
//!
//! The server looks at every entry, and names those that show a finding. Here they are fetched with their proofs and verified, and
//! the same rule is applied to them again: a finding that they do not show is refused.

use std::collections::{BTreeMap, BTreeSet};

use custody_evidence::digest_set::Digest;
use custody_evidence::fact::Node;
use custody_evidence::finding::{
    self, Counted, Finding, FindingKind, Known as Entries, ROUNDS_MAX, SaidBy, Seen,
};
use custody_evidence::trust::People;
use custody_log::{LeafIndex, Timestamp, TreeSize};
use custody_wire::convert::{FieldError, leaf_index, node};
use custody_wire::limits::{FINDING_ENTRIES_MAX, FINDINGS_MAX};
use custody_wire::v1;

use super::query::{AsOf, At, at_fields, too_many};
use super::{Ledger, LedgerError, Moment, ProtocolError};
use crate::check::{Checked, Level, Verified};
use crate::connection::request;

/// A question for what looks wrong.
#[derive(Debug, Clone, Default)]
pub struct FindingsQuery {
    /// The first entry that is looked at.
    pub since: Option<Moment>,
    /// As of when.
    pub at: At,
    /// Where the page starts; none: at the first entry.
    pub next: Option<LeafIndex>,
    /// Only what is about any of these digests, at most 16, and about the runs that built them; none: everything.
    pub about: Vec<Digest>,
    /// Only these kinds; none: all.
    pub kinds: BTreeSet<FindingKind>,
}

/// One page of findings, as the server claims; check them with [`Ledger::check_findings`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingsPage {
    /// By the entry that they were found in, the oldest first.
    pub findings: Vec<ClaimedFinding>,
    /// The tree that the answer is about.
    pub as_of: AsOf,
    /// Where the next page starts; none: this was the last one.
    pub next: Option<LeafIndex>,
    /// Entries for which there was too much to count; of a question about digests also too much to compare with or to tell.
    pub uncounted: Vec<LeafIndex>,
    /// Erased entries about the digests that were asked about, about the runs that built them, or of what they are compared with: what
    /// they said could show something.
    pub erased: Vec<LeafIndex>,
}

/// A finding that nobody has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedFinding {
    /// What it is.
    pub kind: FindingKind,
    /// What it is about.
    pub thing: Node,
    /// The entries that show it, in order; at least one. It was found in the last.
    pub entries: Vec<LeafIndex>,
    /// How many records the server counted.
    pub counted: Option<Counted>,
}

/// A finding, and how far it was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFinding {
    /// As the server claims it.
    pub claimed: ClaimedFinding,
    /// As its entries show it; none if one of them is erased, or too large to be verified with the others.
    pub shown: Option<Finding>,
    /// Ledger time of the entry that it was found in.
    pub time: Timestamp,
}

/// How many findings are checked together: their entries are held in memory meanwhile.
const AT_ONCE: usize = 16;

impl Ledger {
    /// Asks for one page of what looks wrong.
    pub async fn findings(&mut self, question: &FindingsQuery) -> Result<FindingsPage, LedgerError> {
        self.check_at(question.at).await?;
        let (at, at_micros) = at_fields(question.at);
        let message = v1::FindingsRequest {
            log: Some(self.log()),
            since_index: match question.since {
                Some(Moment::Index(index)) => Some(index.get()),
                Some(Moment::Time(_)) | None => None,
            },
            since_micros: match question.since {
                Some(Moment::Time(time)) => Some(time.as_micros()),
                Some(Moment::Index(_)) | None => None,
            },
            at,
            at_micros,
            next: question.next.map_or(0, LeafIndex::get),
            about: question.about.iter().map(ToString::to_string).collect(),
            kinds: question.kinds.iter().map(ToString::to_string).collect(),
        };
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(answer.as_of, question.at).await?;
        self.check_time(question.at, &as_of).await?;
        too_many("findings", answer.findings.len(), FINDINGS_MAX)?;
        let findings = answer.findings.into_iter().map(|wire| claimed(&wire, &as_of));
        let findings: Vec<ClaimedFinding> = findings.collect::<Result<_, _>>()?;
        let next = (answer.next != 0).then(|| leaf_index("next", answer.next)).transpose();
        let next = next.map_err(ProtocolError::Field)?;
        let indexes = |what, numbers: &[u64]| {
            let indexes = numbers.iter().map(|index| leaf_index(what, *index));
            indexes.collect::<Result<Vec<LeafIndex>, _>>().map_err(ProtocolError::Field)
        };
        let uncounted = indexes("uncounted", &answer.uncounted)?;
        let erased = indexes("erased", &answer.erased)?;
        check_page(question, &findings, next, &as_of)?;
        Ok(FindingsPage { findings, as_of, next, uncounted, erased })
    }

    /// Fetches the entries of findings in a tree, verifies them, and looks at them again. `progress` is told how many are done.
    pub async fn check_findings(
        &mut self,
        question: &FindingsQuery,
        size: TreeSize,
        findings: Vec<ClaimedFinding>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Vec<CheckedFinding>, LedgerError> {
        let mut checked = Vec::with_capacity(findings.len());
        for some in findings.chunks(AT_ONCE) {
            match self.check_some(question, size, some).await {
                Ok(some) => checked.extend(some),
                // Together they are too large.
                Err(LedgerError::TooMuch { .. }) => {
                    for one in some {
                        checked.push(self.check_alone(question, size, one).await?);
                    }
                }
                Err(error) => return Err(error),
            }
            progress(checked.len());
        }
        Ok(checked)
    }

    async fn check_some(
        &mut self,
        question: &FindingsQuery,
        size: TreeSize,
        findings: &[ClaimedFinding],
    ) -> Result<Vec<CheckedFinding>, LedgerError> {
        let indexes: BTreeSet<LeafIndex> =
            findings.iter().flat_map(|finding| finding.entries.iter().copied()).collect();
        let indexes: Vec<LeafIndex> = indexes.into_iter().collect();
        let entries = self.entries(&indexes, Level::Verified, &|_| {}).await?;
        let entries: BTreeMap<LeafIndex, Checked> = indexes.into_iter().zip(entries).collect();
        let people = self.trust.as_of(size).state.people();
        findings.iter().map(|finding| look_again(question, finding, &entries, people)).collect()
    }

    /// One finding whose entries may be too large to be verified: then it is claimed, but they are in the log.
    async fn check_alone(
        &mut self,
        question: &FindingsQuery,
        size: TreeSize,
        finding: &ClaimedFinding,
    ) -> Result<CheckedFinding, LedgerError> {
        match self.check_some(question, size, std::slice::from_ref(finding)).await {
            Err(LedgerError::TooMuch { .. }) => {
                let entries = self.entries(&finding.entries, Level::Logged, &|_| {}).await?;
                let entries = finding.entries.iter().copied().zip(entries).collect();
                look_again(question, finding, &entries, self.trust.as_of(size).state.people())
            }
            checked => {
                let checked = checked?.pop();
                Ok(checked.ok_or(ProtocolError::Ended { expected: "the entries of a finding" })?)
            }
        }
    }
}

fn claimed(wire: &v1::Finding, as_of: &AsOf) -> Result<ClaimedFinding, ProtocolError> {
    let word = || FieldError::Word { field: "findings.kind", found: wire.kind.chars().take(80).collect() };
    let kind: FindingKind = wire.kind.parse().map_err(|_| word())?;
    let thing = wire.thing.as_ref().ok_or(FieldError::Missing { field: "findings.thing" })?;
    let thing = node("findings.thing", thing)?;
    too_many("findings.entries", wire.entries.len(), FINDING_ENTRIES_MAX)?;
    let entries = wire.entries.iter().map(|index| leaf_index("findings.entries", *index));
    let entries: Vec<LeafIndex> = entries.collect::<Result<_, _>>()?;
    let ordered = entries.windows(2).all(|pair| matches!(pair, [one, other] if one < other));
    match entries.last() {
        Some(last) if ordered && as_of.size.contains(*last) => {}
        _ => {
            return Err(ProtocolError::Unexpected {
                found: "a finding without entries, or with others than asked about",
            });
        }
    }
    let counted = wire.counted.map(|records| Counted { records });
    Ok(ClaimedFinding { kind, thing, entries, counted })
}

/// Checks that a page holds what was found in its part of the log, in order, and that the next one lies behind it.
fn check_page(
    question: &FindingsQuery,
    findings: &[ClaimedFinding],
    next: Option<LeafIndex>,
    as_of: &AsOf,
) -> Result<(), ProtocolError> {
    let since = match question.since {
        Some(Moment::Index(index)) => Some(index),
        Some(Moment::Time(_)) | None => None,
    };
    let start = since.max(question.next);
    let in_order =
        |found: Vec<&LeafIndex>| found.windows(2).all(|pair| matches!(pair, [one, other] if one <= other));
    let found: Vec<&LeafIndex> = findings.iter().filter_map(|finding| finding.entries.last()).collect();
    let within = |index: &&LeafIndex| {
        start.is_none_or(|start| **index >= start) && next.is_none_or(|next| **index < next)
    };
    if !found.iter().all(within) || !in_order(found) {
        return Err(ProtocolError::Unexpected { found: "findings out of order" });
    }
    let asked =
        |finding: &ClaimedFinding| question.kinds.is_empty() || question.kinds.contains(&finding.kind);
    if !findings.iter().all(asked) {
        return Err(ProtocolError::Unexpected { found: "findings of a kind that was not asked for" });
    }
    // Each page gets further, so that a walk ends.
    let further =
        next.is_none_or(|next| as_of.size.contains(next) && question.next.is_none_or(|before| next > before));
    if further { Ok(()) } else { Err(ProtocolError::Unexpected { found: "a page that leads nowhere" }) }
}

/// Applies the rule to the entries of a finding.
fn look_again(
    question: &FindingsQuery,
    claimed: &ClaimedFinding,
    entries: &BTreeMap<LeafIndex, Checked>,
    people: &People,
) -> Result<CheckedFinding, LedgerError> {
    let missing = || ProtocolError::Ended { expected: "the entries of a finding" };
    let last = claimed.entries.last().ok_or_else(missing)?;
    let entry = entries.get(last).ok_or_else(missing)?.entry();
    if let Some(Moment::Time(since)) = question.since.filter(|_| question.is_before(entry.time)) {
        return Err(LedgerError::NotAsked { entry: *last, condition: format!("--since {since}") });
    }
    let verified: Option<Vec<(&Verified, SaidBy)>> =
        claimed.entries.iter().map(|index| said_by(entries.get(index)?)).collect();
    let shown = match verified {
        None => None,
        Some(verified) => {
            Some(shown(claimed, *last, &verified, people).ok_or_else(|| LedgerError::NotShown {
                kind: claimed.kind.to_string(),
                thing: claimed.thing.to_string(),
                entry: *last,
            })?)
        }
    };
    Ok(CheckedFinding { claimed: claimed.clone(), shown, time: entry.time })
}

fn said_by(checked: &Checked) -> Option<(&Verified, SaidBy)> {
    let verified = checked.verified()?;
    Some((verified, SaidBy::of(verified.logged().record())))
}

fn shown(
    claimed: &ClaimedFinding,
    last: LeafIndex,
    verified: &[(&Verified, SaidBy)],
    people: &People,
) -> Option<Finding> {
    let mut entries: BTreeMap<LeafIndex, Seen<'_>> =
        verified.iter().map(see).map(|seen| (seen.index, seen)).collect();
    let new = entries.remove(&last)?;
    let known = Entries { entries, people: Some(people), counted: claimed.counted, rounds: ROUNDS_MAX };
    let found = finding::shown(claimed.kind, &claimed.thing, &new, &known)?;
    found.entries.iter().eq(claimed.entries.iter()).then_some(found)
}

fn see<'a>((verified, by): &'a (&Verified, SaidBy)) -> Seen<'a> {
    let entry = verified.logged().entry();
    Seen::new(entry.index, entry.time, entry.content, verified.facts(), by)
}

impl FindingsQuery {
    fn is_before(&self, time: Timestamp) -> bool {
        matches!(self.since, Some(Moment::Time(since)) if time < since)
    }
}
