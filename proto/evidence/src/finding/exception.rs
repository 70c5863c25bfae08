//! Break glass: an exception from every rule of a policy is always told.

use super::seen::{Known, Seen};
use super::{Finding, FindingKind, finding};
use crate::fact::{Node, NodeKind};

pub(super) fn find(new: &Seen<'_>, _: &Known<'_>) -> Vec<Finding> {
    let waived = new.facts.told.waived.as_ref();
    let of = |policy: &String| {
        let message = format!("an exception waives every rule of the policy {policy}");
        Some(finding(FindingKind::Breakglass, Node::named(NodeKind::Policy, policy)?, new, [], message))
    };
    waived.and_then(of).into_iter().collect()
}
