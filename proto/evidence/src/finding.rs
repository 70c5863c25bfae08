//! Findings: what looks wrong in a log, one rule a file.
//!
//! A rule looks at one entry, and at earlier ones that have something in common with it: a name, a signer, a reference, a run. It
//! says which it needs to see ([`needs`]), and finds something in what it sees ([`of`]). Both are pure, so that a server that has an
//! index, a client that got the entries of a finding, and a gate conclude the same.
//!
//! ```text
//! entry ---- needs ----> look up by index, bounded ---- of ----> findings, each with the entries that show it
//!              ^                    |
//!              +---- more needs ----+      at most ROUNDS_MAX times
//! ```
//!
//! **A finding is shown by its entries alone.** The rule finds the same in them without the rest of the log, so whoever has them
//! checks it. That nothing else explains it away (a provenance that was recorded later) is the server's word.
//!
//! **A rule that asks what is new needs something old.** It compares with what the same name had before, by ledger and by claimed
//! time, and is silent without a history. What was recorded long after it happened ([`bounds::HISTORY_AGE_MICROS`]) is history: it is
//! compared with, and is never new itself.

pub mod bounds;

mod backdated;
mod digest;
mod exception;
mod expected;
mod first_seen;
mod need;
mod outcome;
mod provenance;
mod release;
mod run_gap;
mod seen;
mod signer;
mod tag;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use custody_log::LeafIndex;

use crate::fact::Node;
use crate::fact::word::words;

pub use need::{Counted, Need, NeededVersion, Side, Wanted};
pub use seen::{Known, SaidBy, Seen};

words! {
    /// What looks wrong.
    pub enum FindingKind {
        /// Claims a time long before the ledger and the signer's own earlier claims.
        Backdated = "backdated",
        /// An exception from every rule of a policy.
        Breakglass = "breakglass",
        /// Many versions of one name in a short time.
        Burst = "burst",
        /// A document or build has other bytes for a version than those that were released.
        BytesMismatch = "bytes_mismatch",
        /// Records or runs are missing.
        CountGap = "count_gap",
        /// One version, or one digest, is said to be several different bytes.
        DigestConflict = "digest_conflict",
        /// The output of a run that failed or was cancelled.
        FailedRun = "failed_run",
        /// The output of a run that a pull or merge request started.
        ForkRun = "fork_run",
        /// A builder that never built in this repository before.
        NewBuilder = "new_builder",
        /// A machine that never ran this pipeline before.
        NewRunner = "new_runner",
        /// A release on a line that newer ones had replaced.
        OldLine = "old_line",
        /// Went out without provenance, which earlier ones of its name had.
        ProvenanceRegression = "provenance_regression",
        /// Signed or published by somebody else than all before.
        SignerChange = "signer_change",
        /// A name for one version means something else than before.
        TagMoved = "tag_moved",
        /// A version that was built from no tag, as those before it were.
        UntaggedRelease = "untagged_release",
    }
}

/// Something that looks wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// What it is about.
    pub thing: Node,
    /// What a person reads: one line. Names in it are from outside.
    pub message: String,
    /// The entries that show it; the newest is the one that it was found in.
    pub entries: BTreeSet<LeafIndex>,
}

/// How often [`needs`] is asked about one entry: what settles most entries, what settles most of the others, what its names have a
/// history of, what is known of those, and twice more for what these bring. [`Known::rounds`] says how many of these were looked up.
pub const ROUNDS_MAX: usize = 6;

/// From so many on rules ask for more only where they know more.
pub const STAGES: usize = 2;

/// Returns what the rules need to see besides this entry, given what they see already. What is there already may be asked for again.
#[must_use]
pub fn needs(new: &Seen<'_>, known: &Known<'_>) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    for (_, add) in RULES.iter().flat_map(|rule| rule.needs) {
        add(new, known, &mut needs);
    }
    needs
}

/// Returns those of the needs that findings of these kinds depend on. Whoever asks for them cannot do without any of these: what was
/// erased, or not read, could show one.
#[must_use]
pub fn needs_of(kinds: &BTreeSet<FindingKind>, new: &Seen<'_>, known: &Known<'_>) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    for (of, add) in RULES.iter().flat_map(|rule| rule.needs) {
        if of.iter().any(|kind| kinds.contains(kind)) {
            add(new, known, &mut needs);
        }
    }
    needs
}

/// Returns what the rules find in this entry, among what is known: at most [`bounds::FOUND_MAX`].
#[must_use]
pub fn of(new: &Seen<'_>, known: &Known<'_>) -> Vec<Finding> {
    all(new, known).take(bounds::FOUND_MAX).collect()
}

/// Returns what the entries of a finding show by themselves, if it is of this kind and about this.
#[must_use]
pub fn shown(kind: FindingKind, thing: &Node, new: &Seen<'_>, known: &Known<'_>) -> Option<Finding> {
    all(new, known).find(|found| found.kind == kind && found.thing == *thing)
}

fn all(new: &Seen<'_>, known: &Known<'_>) -> impl Iterator<Item = Finding> {
    RULES.iter().flat_map(|rule| (rule.find)(new, known))
}

type Needs = fn(&Seen<'_>, &Known<'_>, &mut BTreeSet<Need>);

struct Rule {
    /// What it needs to see, by the kinds of findings that depend on it.
    needs: &'static [(&'static [FindingKind], Needs)],
    find: fn(&Seen<'_>, &Known<'_>) -> Vec<Finding>,
}

const RULES: [Rule; 11] = {
    use FindingKind as Kind;
    [
        Rule { needs: &[(&[Kind::Backdated], backdated::needs)], find: backdated::find },
        Rule {
            needs: &[
                (&[Kind::DigestConflict], digest::conflict_needs),
                (&[Kind::BytesMismatch], digest::mismatch_needs),
            ],
            find: digest::find,
        },
        Rule { needs: &[(&[Kind::Breakglass], nothing)], find: exception::find },
        Rule { needs: &[(&[Kind::CountGap], nothing)], find: expected::find },
        Rule { needs: &[(&[Kind::NewBuilder, Kind::NewRunner], first_seen::needs)], find: first_seen::find },
        Rule { needs: &[(&[Kind::FailedRun, Kind::ForkRun], outcome::needs)], find: outcome::find },
        Rule {
            needs: &[
                (&[Kind::ProvenanceRegression], provenance::regression_needs),
                (&[Kind::UntaggedRelease], provenance::untagged_needs),
            ],
            find: provenance::find,
        },
        Rule { needs: &[(&[Kind::Burst, Kind::OldLine], release::needs)], find: release::find },
        Rule { needs: &[(&[Kind::CountGap], run_gap::needs)], find: run_gap::find },
        Rule { needs: &[(&[Kind::SignerChange], signer::needs)], find: signer::find },
        Rule { needs: &[(&[Kind::TagMoved], tag::needs)], find: tag::find },
    ]
};

/// What is found in an entry by itself.
const fn nothing(_: &Seen<'_>, _: &Known<'_>, _: &mut BTreeSet<Need>) {}

/// Returns entries of a history by which a rule that asks what is new finds what it finds in the whole: at least
/// [`bounds::HISTORY_MIN`] of them, and not somebody else each time. The most usual come first. `of` says what each of them has.
fn usual<'k, 'a>(history: &[(&'k Seen<'a>, BTreeSet<&str>)]) -> Vec<&'k Seen<'a>> {
    let often = |has: &BTreeSet<&str>| history.iter().filter(|(_, other)| other == has).count();
    let mut order: Vec<&(&Seen<'a>, BTreeSet<&str>)> = history.iter().collect();
    // What is equally usual stays together, and the newest first.
    order.sort_by(|(_, one), (_, other)| often(other).cmp(&often(one)).then_with(|| one.cmp(other)));
    let mut shown: Vec<&'k Seen<'a>> = Vec::new();
    let mut all: BTreeSet<&str> = BTreeSet::new();
    for (seen, has) in order {
        if shown.len() >= bounds::HISTORY_MIN && !changes(all.len(), shown.len()) {
            break;
        }
        shown.push(seen);
        all.extend(has);
    }
    shown
}

/// Whether so many different ones among so many entries are somebody else each time, so that nothing is new about another one.
const fn changes(different: usize, entries: usize) -> bool {
    different.saturating_mul(2) > entries && different > 1
}

/// A finding in an entry, shown by it and by these.
fn finding<'a>(
    kind: FindingKind,
    thing: Node,
    new: &Seen<'_>,
    also: impl IntoIterator<Item = &'a Seen<'a>>,
    message: String,
) -> Finding {
    let entries = also.into_iter().map(|seen| seen.index).chain([new.index]).collect();
    Finding { kind, thing, message, entries }
}
