//! A verdict, and what people are told besides it.

use std::collections::BTreeMap;

use custody_client::ledger::Gathered;
use custody_gate::{Decision, Policy, Verdict, judge};
use custody_log::{LeafIndex, Timestamp};

/// A thing, and what the gate said of it.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    /// As it was typed.
    pub(super) called: String,
    pub(super) verdict: Verdict,
    /// Entries whose submitter is the log's word until then.
    pub(super) not_yet: BTreeMap<LeafIndex, Timestamp>,
}

impl Judged {
    pub(super) fn of(called: String, policy: &Policy, gathered: Gathered) -> Self {
        let verdict = judge(policy, &gathered.evidence, &gathered.question);
        Self { called, verdict, not_yet: gathered.not_yet }
    }

    /// Whether it is an ALLOW that may not be used any more.
    pub(super) fn has_ended(&self, now: Timestamp) -> bool {
        self.verdict.decision() == Decision::Allow && self.verdict.valid_until() <= now
    }
}
