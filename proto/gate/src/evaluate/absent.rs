//! `absent`: findings about the digest.

use std::collections::BTreeSet;

use custody_evidence::finding::FindingKind;

use super::Case;
use super::rule::Found;
use super::why::Why;
use crate::evidence::Finding;
use crate::policy::Absent;
use crate::verdict::Rejected;

impl Case<'_> {
    pub(super) fn absent(&self, asked: &Absent) -> Found {
        let of = |kinds: &BTreeSet<FindingKind>| {
            self.evidence.findings().iter().find(|finding| kinds.contains(&finding.kind)).map(why)
        };
        let named = asked.kinds();
        let named = self.evidence.findings().iter().filter(|finding| named.contains(&finding.kind));
        let rejected = named.flat_map(|finding| {
            finding.entries.iter().map(|index| Rejected { index: *index, why: finding.kind.to_string() })
        });
        let mut rejected: Vec<Rejected> = rejected.collect();
        rejected.sort_by(|a, b| (a.index, &a.why).cmp(&(b.index, &b.why)));
        rejected.dedup();
        Found { failure: of(&asked.fail), warning: of(&asked.warn), rejected, ..Found::default() }
    }
}

fn why(finding: &Finding) -> Why {
    Why::Finding { kind: finding.kind, entries: finding.entries.iter().copied().collect() }
}
