//! `custody impact`: everything that came from a THING, and where it is live.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use custody_client::ledger::{At, ImpactOf, Impacted};
use custody_client::{Checked, Ledger, LedgerError, Level, Verified};
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::reach::Reached;
use custody_evidence::fact::{Doubt, Node, NodeKind};
use custody_evidence::purl::Purl;
use custody_evidence::trust::TrustState;
use custody_log::{LeafIndex, Timestamp};
use serde_json::{Value, json};

use super::Context;
use super::failure::{Failure, Outcome};
use super::find::{self, Verify};
use super::graph::Graph;
use super::live::{Environments, Live, live_json};
use super::session;
use super::things::{Target, resolve};
use super::times;

/// Show everything that came from a THING, and where it is live.
///
/// From a commit to what was built from it; from a package to what ships it, and to the runs that used it and what they
/// built; from a key or identity to what it signed; from a builder, run, branch, tag, secret, workflow file or base image to what came
/// from that; and so on without an end.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A digest, an entry (`index:N`), a commit, a purl with a version or a range, a run URL, a key id, the name of a builder,
    /// branch, tag, secret or vulnerability, a hex prefix, or a file.
    thing: OsString,
    /// Only what came from it by what happened at or after this time (as claimed, capped by ledger time).
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    since: Option<times::When>,
    /// Only by what happened before this time.
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    until: Option<times::When>,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
    /// How far entries are checked [default: full for up to 50 entries, else logged].
    #[arg(long, value_enum, value_name = "LEVEL")]
    verify: Option<Verify>,
}

/// An answer whose entries were checked.
struct Impact {
    thing: String,
    of: ImpactOf,
    answer: Impacted,
    entries: BTreeMap<LeafIndex, Checked>,
    level: Level,
    /// What runs where anything that came from it ever ran.
    environments: Environments,
    doubts: Vec<(LeafIndex, Doubt)>,
}

/// Shows what came from a THING.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let of = asked(&mut ledger, &args.thing, at, context).await?;
    let before = |when: Option<times::When>| when.map(|when| when.before(context.clock));
    let window = (before(args.since), before(args.until));
    let answer = ask(&mut ledger, &of, window, at, context).await?;
    let thing = args.thing.to_string_lossy().into_owned();
    let impact = check(&mut ledger, thing, of, answer, args.verify, context).await?;
    let trust = &ledger.trust().as_of(impact.answer.as_of.size).state;
    if context.output.is_json() {
        context.output.print_json(&document(&impact, &ledger, trust))?;
    } else if let Some(graph) = graph(&impact, trust).draw(context.output.format()) {
        context.output.print(graph)?;
    } else {
        context.output.print(tree::draw(&impact, trust))?;
    }
    Ok(told(&impact, context))
}

/// Returns the artifacts that came from a THING, each with an entry that says so (none for the THING itself), and whether some may be
/// missing. Every entry is verified here.
pub(super) async fn artifacts_of(
    ledger: &mut Ledger,
    thing: &OsString,
    at: At,
    context: &Context,
) -> Result<(BTreeMap<Digest, Option<LeafIndex>>, bool), Failure> {
    let of = asked(ledger, thing, at, context).await?;
    let answer = ask(ledger, &of, (None, None), at, context).await?;
    let typed = thing.to_string_lossy().into_owned();
    let impact = check(ledger, typed, of, answer, Some(Verify::Full), context).await?;
    let own = impact.answer.reach.same.iter().map(|node| (node, None));
    let reached = impact
        .answer
        .reach
        .reached
        .iter()
        .filter_map(|reached| Some((&reached.node, Some(reached.entries.first().copied()?))));
    let artifacts = own.chain(reached).filter(|(node, _)| node.kind() == NodeKind::Artifact);
    let artifacts = artifacts.filter_map(|(node, entry)| Some((node.id().parse().ok()?, entry))).collect();
    Ok((artifacts, impact.answer.truncated))
}

/// Reads what the THING is. A package may have a range of versions, which no other command takes as a THING.
async fn asked(
    ledger: &mut Ledger,
    thing: &OsString,
    at: At,
    context: &Context,
) -> Result<ImpactOf, Failure> {
    let text = thing.to_str().unwrap_or_default();
    if Purl::is_written(text) {
        return find::package(text).map(ImpactOf::Package);
    }
    let nodes = match resolve(ledger, thing, at, context).await? {
        Target::Nodes(nodes) => nodes,
        Target::Entry(index) => vec![super::trace::subject_of(ledger, index).await?],
    };
    if let [node] = nodes.as_slice()
        && node.kind() == NodeKind::Environment
    {
        let message = format!("{text} is an environment: things run there, and nothing comes from it");
        return Err(Failure::usage("bad_thing", message)
            .hint(format!("`custody env show {text}` lists what runs there")));
    }
    Ok(ImpactOf::Nodes(nodes))
}

/// Asks, and shows how much was found: what everything is built with leads to tens of thousands of artifacts.
async fn ask(
    ledger: &mut Ledger,
    of: &ImpactOf,
    window: (Option<Timestamp>, Option<Timestamp>),
    at: At,
    context: &Context,
) -> Result<Impacted, LedgerError> {
    let count = context.output.open_count("found");
    let answer = ledger.impact(of, window, at, &|parts| count.set_position(parts)).await;
    count.finish_and_clear();
    answer
}

async fn check(
    ledger: &mut Ledger,
    thing: String,
    of: ImpactOf,
    answer: Impacted,
    asked: Option<Verify>,
    context: &Context,
) -> Result<Impact, Failure> {
    let named =
        answer.edges.iter().map(|edge| edge.entry).chain(answer.signed.iter().map(|(entry, _)| *entry));
    let indexes: BTreeSet<LeafIndex> = named.collect();
    let indexes: Vec<LeafIndex> = indexes.into_iter().collect();
    let (checked, level) = find::check(ledger, &indexes, asked, context).await?;
    let entries: BTreeMap<LeafIndex, Checked> = indexes.into_iter().zip(checked).collect();
    for edge in &answer.edges {
        let verified = entries.get(&edge.entry).and_then(Checked::verified);
        if verified.is_some_and(|verified| !verified.facts().edges.contains(&edge.edge)) {
            return Err(LedgerError::ForgedEdge {
                from: edge.edge.from.to_string(),
                kind: edge.edge.kind.to_string(),
                to: edge.edge.to.to_string(),
                entry: edge.entry,
            }
            .into());
        }
    }
    for (entry, subject) in &answer.signed {
        if let Some(checked) = entries.get(entry) {
            check_signed(checked, subject, &of)?;
        }
    }
    for entry in ledger.entries(&answer.redacted, Level::Logged, &|_| {}).await? {
        if entry.redacted().is_none() {
            return Err(LedgerError::NotRedacted { entry: entry.entry().index }.into());
        }
    }
    let edges = answer.edges.iter().map(|edge| &edge.edge);
    let environments = Environments::of(ledger, edges, answer.as_of.size).await?;
    let doubts = doubts(&of, &entries);
    Ok(Impact { thing, of, answer, entries, level, environments, doubts })
}

/// Checks that the identity asked about signed or submitted the entry, and that it is about the subject: its admission record says so.
fn check_signed(checked: &Checked, subject: &Node, of: &ImpactOf) -> Result<(), Failure> {
    let Some(record) = checked.record() else { return Ok(()) };
    // Nobody signs as a package.
    let asked = match of {
        ImpactOf::Nodes(asked) => asked.as_slice(),
        ImpactOf::Package(_) => &[],
    };
    let submitter =
        record.submitter.as_ref().map(|claims| format!("{}#{}", claims.issuer, claims.token_subject));
    let by = record.verified_identities().into_iter().map(|identity| identity.to_string()).chain(submitter);
    let by: BTreeSet<String> = by.collect();
    let is_by = asked.iter().any(|node| node.kind() == NodeKind::Identity && by.contains(node.id()));
    let hex = subject.id().rsplit(['@', ':']).next().unwrap_or_default();
    let is_about = record.subjects.iter().any(|listed| {
        *listed == subject.id() || subject.kind() == NodeKind::Commit && *listed == format!("gitCommit:{hex}")
    });
    if is_by && is_about {
        return Ok(());
    }
    let condition = if is_by { format!("subject {}", subject.id()) } else { format!("signer {of}") };
    Err(LedgerError::NotAsked { entry: checked.entry().index, condition }.into())
}

/// Returns the packages for which entries are listed though it cannot be said that they are in the range.
fn doubts(of: &ImpactOf, entries: &BTreeMap<LeafIndex, Checked>) -> Vec<(LeafIndex, Doubt)> {
    let ImpactOf::Package(package) = of else { return Vec::new() };
    let doubts = |(index, entry): (&LeafIndex, &Checked)| {
        let facts = entry.verified().map(Verified::facts);
        let doubts = facts.map(|facts| package.doubts(facts)).unwrap_or_default();
        doubts.into_iter().map(|doubt| (*index, doubt)).collect::<Vec<_>>()
    };
    entries.iter().flat_map(doubts).collect()
}

impl Impact {
    /// Returns how far what says that it was reached was checked: the best of its entries.
    fn word(&self, reached: &Reached, trust: &TrustState) -> &'static str {
        let words: BTreeSet<&str> = reached
            .entries
            .iter()
            .filter_map(|index| self.entries.get(index))
            .map(|entry| super::entry_view::word(entry, trust))
            .collect();
        ["verified", "logged", "distrusted"]
            .into_iter()
            .find(|word| words.contains(word))
            .unwrap_or("redacted")
    }

    /// Returns the name that a verified statement gives a node.
    fn label(&self, node: &Node) -> Option<&str> {
        let verified = self.entries.values().filter_map(Checked::verified);
        let mut labels = verified.filter_map(|verified| verified.facts().labels.get(node));
        labels.next().map(String::as_str)
    }

    fn is_unsure(&self) -> bool {
        self.answer.truncated || self.environments.truncated()
    }
}

fn document(impact: &Impact, ledger: &Ledger, trust: &TrustState) -> Value {
    let answer = &impact.answer;
    let reached = answer.reach.reached.iter().map(|reached| {
        json!({
            "id": reached.node.id(),
            "kind": reached.node.kind().as_str(),
            "label": impact.label(&reached.node),
            "depth": reached.depth,
            "via": reached.via.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "entries": reached.entries.iter().map(|entry| entry.get()).collect::<Vec<_>>(),
            "check": impact.word(reached, trust),
            "live": live_json(&impact.environments.live(&reached.node)),
        })
    });
    let own: Vec<Live<'_>> =
        answer.reach.same.iter().flat_map(|node| impact.environments.live(node)).collect();
    json!({
        "thing": impact.thing,
        "resolved": resolved(&impact.of),
        "same": answer.reach.same.iter().map(node_json).collect::<Vec<_>>(),
        "live": live_json(&own),
        "at": {
            "size": answer.as_of.size.get(),
            "root": answer.as_of.root.to_string(),
            "reader": answer.as_of.reader,
        },
        "trust": session::trust_view(ledger.trust()),
        "reached": reached.collect::<Vec<_>>(),
        "not_comparable": impact.doubts.iter().map(|(entry, Doubt { package, why })| {
            json!({ "entry": entry.get(), "component": package, "why": why.to_string() })
        }).collect::<Vec<_>>(),
        "redacted": answer.redacted.iter().map(|entry| entry.get()).collect::<Vec<_>>(),
        "complete": "claimed",
        "truncated": impact.is_unsure(),
    })
}

/// The answer as a graph: each edge that leads on, with the entry that says it.
fn graph(impact: &Impact, trust: &TrustState) -> Graph {
    let mut graph = Graph::default();
    let word = |entry: &LeafIndex| {
        impact.entries.get(entry).map_or("redacted", |entry| super::entry_view::word(entry, trust))
    };
    for node in &impact.answer.reach.same {
        graph.asked(node);
    }
    for edge in &impact.answer.edges {
        let doubtful = matches!(word(&edge.entry), "distrusted" | "redacted");
        let label = format!("{} {}", edge.edge.kind, edge.entry);
        graph.edge(&edge.edge.from, &edge.edge.to, label, doubtful);
    }
    let by = match &impact.of {
        ImpactOf::Nodes(nodes) => nodes.first(),
        ImpactOf::Package(_) => None,
    };
    for (entry, subject) in &impact.answer.signed {
        if let Some(by) = by {
            graph.edge(by, subject, format!("signed {entry}"), word(entry) == "distrusted");
        }
    }
    let reached = impact.answer.reach.reached.iter().map(|reached| &reached.node);
    for node in reached.chain(&impact.answer.reach.same) {
        graph.label(node, impact.label(node).unwrap_or_default());
        for live in impact.environments.live(node) {
            let workload = live.running.workload.as_ref().map_or_else(String::new, |name| format!(" {name}"));
            graph.note(node, format!("LIVE {}{workload} since {}", live.environment, live.running.since));
        }
    }
    graph
}

fn resolved(of: &ImpactOf) -> Value {
    match of {
        ImpactOf::Nodes(nodes) => nodes.first().map_or(Value::Null, node_json),
        ImpactOf::Package(package) => json!({ "kind": "component", "id": package.to_string() }),
    }
}

fn node_json(node: &Node) -> Value {
    json!({ "kind": node.kind().as_str(), "id": node.id() })
}

/// Tells what the answer lacks, and returns how the command ends.
fn told(impact: &Impact, context: &Context) -> Outcome {
    let (output, answer) = (context.output, &impact.answer);
    for (entry, Doubt { package, why }) in impact.doubts.iter().take(find::DOUBTS_SHOWN) {
        let package = super::output::escape_line(package);
        output.note(format!("entry {entry} is followed for {package}, which may be in the range: {why}"));
    }
    if !answer.redacted.is_empty() {
        let many = super::output::counted(answer.redacted.len(), "entry", "entries");
        output
            .note(format!("{many} that named what was reached was erased: what came from that is not known"));
    }
    if impact.is_unsure() {
        output.warn("there is more than is read for one question: something may be missing; narrow it with --since and --until");
    }
    let word = if impact.level == Level::Verified { "verified" } else { "logged" };
    let what = if impact.level == Level::Verified {
        ""
    } else {
        "; what they say is claimed by the server (--verify full checks it)"
    };
    output.note(format!(
        "every entry {word} here, as of tree size {}{what}; that nothing was left out is claimed by the server",
        answer.as_of.size
    ));
    match (answer.reach.reached.is_empty(), impact.is_unsure()) {
        (false, _) => Outcome::Yes,
        (true, true) => Outcome::Unknown,
        (true, false) => Outcome::NoRecord,
    }
}
