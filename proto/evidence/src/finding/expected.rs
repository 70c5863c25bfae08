//! Count gap: fewer records of a source than there should be.

use super::seen::{Known, Seen};
use super::{Finding, FindingKind, finding};
use crate::fact::{Node, NodeKind};

pub(super) fn find(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    let (Some(expected), Some(counted)) = (&new.facts.told.expected, known.counted) else {
        return Vec::new();
    };
    if counted.records >= expected.count && (expected.count > 0 || counted.records == 0) {
        return Vec::new();
    }
    let message = format!(
        "{} should have {} records from {} to {}, and the ledger has {}",
        expected.source,
        expected.count,
        expected.period.from(),
        expected.period.to(),
        counted.records
    );
    let thing = Node::named(NodeKind::Identity, &expected.source);
    thing.into_iter().map(|thing| finding(FindingKind::CountGap, thing, new, [], message.clone())).collect()
}
