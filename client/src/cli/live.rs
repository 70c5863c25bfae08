//! What runs where: what `trace` and `impact` say of it follows from the records of each environment, as `env show` says it.

use std::collections::{BTreeMap, BTreeSet};

use custody_client::Ledger;
use custody_client::ledger::{At, Environment};
use custody_evidence::digest_set::Digest;
use custody_evidence::environment::{Picture, Running, Until, Window};
use custody_evidence::fact::{Edge, EdgeKind, Node, NodeKind};
use custody_evidence::predicate::Name;
use custody_log::TreeSize;
use serde_json::{Value, json};

use super::failure::Failure;

/// Environments that are asked for one answer: each is a call, and one or more for its records, so at 20 ms each some three seconds.
const ASKED_MAX: usize = 64;

/// Environments, each with what runs in it.
#[derive(Default)]
pub(super) struct Environments {
    known: BTreeMap<Name, (Environment, Picture)>,
    /// Whether there are others that were not asked.
    more: bool,
}

/// Something that runs somewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Live<'a> {
    pub(super) environment: &'a Name,
    pub(super) running: &'a Running,
    /// Whether it is known when it started: else it may have been earlier.
    pub(super) since_known: bool,
}

impl Environments {
    /// Finds out what runs wherever one of these edges says that something started or stopped, in at most 64 environments: in the
    /// order of their names.
    pub(super) async fn of(
        ledger: &mut Ledger,
        edges: impl Iterator<Item = &Edge>,
        size: TreeSize,
    ) -> Result<Self, Failure> {
        let runs = edges.filter(|edge| matches!(edge.kind, EdgeKind::RunsIn | EdgeKind::StoppedIn));
        let names: BTreeSet<Name> = runs.filter_map(|edge| edge.to.id().parse().ok()).collect();
        let mut environments = Self { more: names.len() > ASKED_MAX, ..Self::default() };
        for name in names.into_iter().take(ASKED_MAX) {
            let found = Box::pin(ledger.environment(&name, Window::default(), At::Size(size))).await?;
            let picture = found.timeline.replay(Until::Newest).picture;
            environments.known.insert(name, (found, picture));
        }
        Ok(environments)
    }

    /// Returns where an artifact runs.
    pub(super) fn live(&self, node: &Node) -> Vec<Live<'_>> {
        let Some(digest) = digest(node) else { return Vec::new() };
        let all = self.known.iter().flat_map(|(name, found)| runs(name, found));
        all.filter(|live| live.running.artifact.has(&digest)).collect()
    }

    /// Returns what runs in an environment.
    pub(super) fn live_in(&self, environment: &Name) -> Vec<Live<'_>> {
        let known = self.known.get_key_value(environment);
        known.into_iter().flat_map(|(name, found)| runs(name, found)).collect()
    }

    /// Whether all was read that says what runs in an environment. Where a server names no record of it, though others
    /// are at hand, nothing is known.
    pub(super) fn knows(&self, environment: &Name) -> bool {
        let known = |found: &Environment| !found.truncated && !found.timeline.events().is_empty();
        self.known.get(environment).is_some_and(|(found, _)| known(found))
    }

    /// Whether nothing is said to have run anywhere.
    pub(super) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whether not all was read that says what runs in one of them, or there are others that were not asked.
    pub(super) fn truncated(&self) -> bool {
        self.more || self.known.values().any(|(found, _)| found.truncated)
    }
}

fn runs<'a>(name: &'a Name, (found, picture): &'a (Environment, Picture)) -> impl Iterator<Item = Live<'a>> {
    let since_known = |running: &Running| found.known_from.is_none_or(|from| running.since > from);
    let live = move |running| Live { environment: name, running, since_known: since_known(running) };
    picture.running.iter().map(live)
}

impl Live<'_> {
    /// How far what says that it runs was checked.
    pub(super) fn word(&self) -> &'static str {
        if self.running.counts { "verified" } else { "distrusted" }
    }
}

/// Returns the digest of something that can run.
pub(super) fn digest(node: &Node) -> Option<Digest> {
    let runs = matches!(node.kind(), NodeKind::Artifact | NodeKind::Commit);
    node.id().parse().ok().filter(|_| runs)
}

/// Writes where something runs.
pub(super) fn live_json(live: &[Live<'_>]) -> Value {
    let one = |live: &Live<'_>| {
        json!({
            "digest": live.running.artifact.digest().to_string(),
            "environment": live.environment.as_str(),
            "workload": live.running.workload.as_ref().map(Name::as_str),
            "cluster": live.running.cluster.as_ref().map(Name::as_str),
            "since": live.running.since.to_string(),
            "since_known": live.since_known,
            "entry": live.running.entry.get(),
            "check": live.word(),
        })
    };
    live.iter().map(one).collect()
}
