//! What holds between entries: each names the one before, is later, and names the newest administrative entry.

use custody_log::{EntryDigest, LeafIndex, Timestamp};

use super::examine::Examined;
use super::{Finding, FindingKind};
use crate::trust::Trust;

/// Where the chain is. Starts before entry 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// The last entry's digest; none before entry 0.
    pub(super) last: Option<EntryDigest>,
    /// The latest time so far.
    pub(super) time: Option<Timestamp>,
    /// The newest administrative entry.
    pub(super) admin: Option<LeafIndex>,
    /// How many administrative entries there are.
    pub(super) administrative: u64,
}

impl Chain {
    /// Goes on by one entry. What is wrong with it is a finding, and the chain goes on from what is there.
    pub(super) fn follow(&mut self, next: &Examined, trust: &Trust) -> Vec<Finding> {
        let mut findings = Vec::new();
        let index = next.index;
        let before = self.last.replace(next.digest);
        let or_none =
            |digest: Option<EntryDigest>| digest.map_or_else(|| "none".to_owned(), |d| d.to_string());
        let pinned = trust.pin().genesis;
        if index == LeafIndex::ZERO && next.digest != pinned {
            let expected = format!("the pinned entry {pinned}");
            findings.push(Finding::of(index, FindingKind::BrokenChain, expected, next.digest));
        }
        let Some(entry) = &next.entry else { return findings };
        if entry.previous != before {
            let expected = format!("previous {}", or_none(before));
            let found = format!("previous {}", or_none(entry.previous));
            findings.push(Finding::of(index, FindingKind::BrokenChain, expected, found));
        }
        // A clock repair alone may step back, and all after it are later than it.
        match self.time {
            Some(last) if entry.time <= last && !trust.repairs_clock(entry) => {
                let expected = format!("a time after {last}");
                findings.push(Finding::of(index, FindingKind::WrongTime, expected, entry.time));
            }
            Some(_) | None => self.time = Some(entry.time),
        }
        if entry.admin != self.admin {
            let name = |admin: Option<LeafIndex>| {
                admin.map_or_else(|| "admin none".to_owned(), |admin| format!("admin {admin}"))
            };
            findings.push(Finding::of(index, FindingKind::WrongAdmin, name(self.admin), name(entry.admin)));
        }
        if entry.administrative {
            self.administrative += 1;
            self.admin = Some(index);
            if !trust.holds(entry) {
                let expected = "it among the log's administrative entries";
                findings.push(Finding::of(index, FindingKind::WithheldAdmin, expected, "it left out"));
            }
        }
        findings
    }
}
