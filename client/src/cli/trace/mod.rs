//! `custody trace`: the chain of custody of a THING.

mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use custody_client::ledger::{At, Traced, TracedEdge};
use custody_client::{Checked, Ledger, LedgerError, Level, Trust, Verified};
use custody_evidence::admission::SignerStatus;
use custody_evidence::fact::{Edge, EdgeKind, Node, NodeKind, Stage};
use custody_evidence::trust::TrustState;
use custody_log::{LeafIndex, Timestamp};
use serde_json::{Value, json};

use super::Context;
use super::disputed::Disputed;
use super::entry_view::{binding, redacted as redacted_json};
use super::failure::{Failure, Outcome};
use super::find::{self, Verify};
use super::graph::Graph;
use super::live::{Environments, Live, live_json};
use super::output::counted;
use super::session;
use super::things::{Target, resolve};
use super::times;

/// Show the chain of custody of a THING: source, build, SBOM, scans, approvals, promotions, deployments.
///
/// Every entry is checked here. With full verification (the default for up to 50 entries) each edge must follow
/// from the statement of its entry; otherwise the whole answer is refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A digest, an entry (`index:N`), a commit, purl, image with digest, run URL, key id, hex prefix, or a file.
    thing: OsString,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
    /// How many edges away from the THING [default: as far as the server's bounds allow].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    depth: Option<u32>,
    /// How far entries are checked [default: full for up to 50 entries, else logged].
    #[arg(long, value_enum, value_name = "LEVEL")]
    verify: Option<Verify>,
}

/// A chain whose entries were checked.
struct Chain {
    thing: String,
    /// What was traced, the best fit first: one node, or all that the same bytes can be.
    starts: Vec<Node>,
    edges: Vec<CheckedEdge>,
    labels: BTreeMap<Node, String>,
    entries: BTreeMap<LeafIndex, Checked>,
    /// Entries that the server says named a node of the chain, and of which redactions left nothing else.
    redacted: Vec<Checked>,
    /// What runs wherever something of it is said to have started or stopped.
    environments: Environments,
    level: Level,
    answer: Traced,
}

impl Chain {
    /// Returns what the chain lacks, by the edges that were checked here: a server must not be able to hide a gap by
    /// not naming it.
    fn missing(&self) -> Vec<Stage> {
        // What is distrusted or erased is no evidence.
        let counts = self.edges.iter().filter(|edge| !edge.distrusted && !edge.redacted);
        let edges = counts.map(|edge| (edge.stage, edge.edge.kind));
        Stage::missing(self.start().kind(), edges)
    }

    /// Returns the node that stands for the THING.
    fn start(&self) -> &Node {
        &self.answer.resolved.node
    }
}

/// An edge, with what is known about it.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and any combination is possible"
)]
struct CheckedEdge {
    edge: Edge,
    entry: LeafIndex,
    /// Whether its statement was read here.
    verified: bool,
    /// Whether its entry is no evidence, by what administrators said up to the tree that is asked about.
    distrusted: bool,
    /// Whether its entry was erased, so that nobody can tell any more whether it said so.
    redacted: bool,
    /// Whether other evidence contradicts it: of two digests the server says so, whose build it is was found here.
    conflict: bool,
    /// The places of the starts in whose chains it is.
    starts: BTreeSet<usize>,
    /// When it happened: claimed, and never later than the ledger learned it.
    time: Timestamp,
    stage: Stage,
}

/// Traces a THING.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let nodes = match resolve(&mut ledger, &args.thing, at, context).await? {
        Target::Nodes(nodes) => nodes,
        Target::Entry(index) => vec![subject_of(&mut ledger, index).await?],
    };
    let chain = trace(&mut ledger, args, nodes, at, context).await?;
    if context.output.is_json() {
        context.output.print_json(&document(&chain, ledger.trust()))?;
    } else if let Some(graph) = graph(&chain).draw(context.output.format()) {
        context.output.print(graph)?;
    } else {
        context.output.print(tree::draw(&chain, &ledger, context.clock.now()))?;
    }
    let known = !chain.edges.is_empty() || !chain.redacted.is_empty();
    Ok(if known { Outcome::Yes } else { Outcome::NoRecord })
}

/// Traces each of the nodes, all in one tree, and checks the answers together.
async fn trace(
    ledger: &mut Ledger,
    args: Args,
    nodes: Vec<Node>,
    asked: At,
    context: &Context,
) -> Result<Chain, Failure> {
    let mut answers: Vec<Traced> = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let at = answers.first().map_or(asked, |first| At::Size(first.as_of.size));
        answers.push(ledger.trace(node, at, args.depth.unwrap_or(0)).await?);
    }
    // What names the best fit comes first; what nothing names says nothing.
    let mut chain: BTreeMap<(LeafIndex, Edge), (TracedEdge, BTreeSet<usize>)> = BTreeMap::new();
    let mut starts = Vec::new();
    let mut whole: Option<Traced> = None;
    for (node, answer) in nodes.into_iter().zip(answers) {
        if whole.is_some() && answer.edges.is_empty() && answer.redacted.is_empty() {
            continue;
        }
        for edge in &answer.edges {
            let place = (edge.entry, edge.edge.clone());
            let (known, of) = chain.entry(place).or_insert_with(|| (edge.clone(), BTreeSet::new()));
            // What one answer knows to be contradicted is, also where the other does not see by what.
            known.conflict |= edge.conflict;
            of.insert(starts.len());
        }
        starts.push(node);
        whole = Some(match whole {
            None => answer,
            Some(mut whole) => {
                whole.nodes.extend(answer.nodes);
                whole.truncated |= answer.truncated;
                whole.redacted.extend(answer.redacted);
                whole.redacted.sort_unstable();
                whole.redacted.dedup();
                whole
            }
        });
    }
    let thing = args.thing.to_string_lossy().into_owned();
    let answer = whole.ok_or_else(|| Failure::no_record(format!("no record of {thing}")))?;
    let edges = chain.into_values().collect();
    check(ledger, Asked { thing, verify: args.verify }, starts, answer, edges, context).await
}

/// An entry is traced by its subject, if it has one.
pub(super) async fn subject_of(ledger: &mut Ledger, index: LeafIndex) -> Result<Node, Failure> {
    let entry = ledger.entry(index).await?;
    let Some(verified) = entry.verified() else {
        let message = format!("entry {index} was redacted: what it was about is not known any more");
        return Err(
            Failure::no_record(message).hint(format!("`custody show index:{index}` says who erased it"))
        );
    };
    let subjects = verified.statement().map_or(1, |statement| statement.subjects().len());
    let digests: BTreeSet<_> = verified.said().digests().into_iter().collect();
    let mut edges = verified.facts().edges.iter().map(|edge| &edge.from);
    if subjects == 1 {
        // The first node that an edge starts at is the subject, a commit with its repository.
        let named = edges.find(|node| digests.iter().any(|digest| node.id().ends_with(digest.value())));
        let plain = digests.first().map(|digest| Node::of_digest(digest, None));
        if let Some(node) = named.cloned().or(plain) {
            return Ok(node);
        }
    }
    let list: Vec<String> = digests.iter().take(16).map(|digest| format!("\n  {digest}")).collect();
    Err(Failure::usage("ambiguous", format!("entry {index} is about {subjects} subjects:{}", list.concat()))
        .hint("trace one of them"))
}

/// What was asked for, as it was typed.
struct Asked {
    thing: String,
    verify: Option<Verify>,
}

async fn check(
    ledger: &mut Ledger,
    asked: Asked,
    starts: Vec<Node>,
    answer: Traced,
    claimed: Vec<(TracedEdge, BTreeSet<usize>)>,
    context: &Context,
) -> Result<Chain, Failure> {
    let indexes: BTreeSet<LeafIndex> = claimed.iter().map(|(edge, _)| edge.entry).collect();
    let indexes: Vec<LeafIndex> = indexes.into_iter().collect();
    let (checked, level) = find::check(ledger, &indexes, asked.verify, context).await?;
    let entries: BTreeMap<LeafIndex, Checked> = indexes.into_iter().zip(checked).collect();
    let redacted = redacted(ledger, &answer.redacted).await?;
    let drawn = claimed.iter().map(|(edge, _)| &edge.edge);
    let environments = Environments::of(ledger, drawn, answer.as_of.size).await?;
    let trust = &ledger.trust().as_of(answer.as_of.size).state;
    let disputed = Disputed::among(&entries, trust);
    let mut edges = Vec::with_capacity(claimed.len());
    for (mut edge, starts) in claimed {
        if matches!(edge.edge.kind, EdgeKind::BuiltBy | EdgeKind::BuiltFrom) {
            edge.conflict = disputed.has(edge.edge.from.id(), edge.entry);
        }
        if let Some(entry) = entries.get(&edge.entry) {
            edges.push(check_edge(edge, starts, entry, trust)?);
        }
    }
    edges.sort_by(|one, two| (one.stage, one.entry, &one.edge).cmp(&(two.stage, two.entry, &two.edge)));
    let labels = labels(&answer, &entries, level);
    Ok(Chain { thing: asked.thing, starts, edges, labels, entries, redacted, environments, level, answer })
}

/// Checks that entries were erased of which the server says so: that one is, must not hide what it says.
async fn redacted(ledger: &mut Ledger, indexes: &[LeafIndex]) -> Result<Vec<Checked>, Failure> {
    let checked = ledger.entries(indexes, Level::Logged, &|_| {}).await?;
    match checked.iter().find(|entry| entry.redacted().is_none()) {
        None => Ok(checked),
        Some(entry) => Err(LedgerError::NotRedacted { entry: entry.entry().index }.into()),
    }
}

/// Checks that the statement of the entry asserts the edge. An entry that is only logged had its statement not
/// read, so what it says stays the server's claim.
fn check_edge(
    claimed: TracedEdge,
    starts: BTreeSet<usize>,
    entry: &Checked,
    trust: &TrustState,
) -> Result<CheckedEdge, Failure> {
    let ledger_time = entry.entry().time;
    let (verified, happened) = match entry.verified() {
        Some(verified) if verified.facts().edges.contains(&claimed.edge) => (true, verified.facts().happened),
        Some(_) => {
            return Err(LedgerError::ForgedEdge {
                from: claimed.edge.from.to_string(),
                kind: claimed.edge.kind.to_string(),
                to: claimed.edge.to.to_string(),
                entry: claimed.entry,
            }
            .into());
        }
        None => (false, claimed.claimed),
    };
    let predicate = entry.record().map_or("", |record| record.predicate_type.as_str());
    Ok(CheckedEdge {
        entry: claimed.entry,
        verified,
        distrusted: entry.distrust(trust).is_some(),
        redacted: entry.redacted().is_some(),
        conflict: claimed.conflict,
        starts,
        time: happened.map_or(ledger_time, |happened| happened.min(ledger_time)),
        stage: Stage::of(claimed.edge.kind, predicate),
        edge: claimed.edge,
    })
}

/// Returns the names of nodes: those that checked statements give, and the server's only where nothing was read.
fn labels(answer: &Traced, entries: &BTreeMap<LeafIndex, Checked>, level: Level) -> BTreeMap<Node, String> {
    if level == Level::Logged {
        let named = answer.nodes.iter().filter(|node| !node.label.is_empty());
        return named.map(|node| (node.node.clone(), node.label.clone())).collect();
    }
    let mut labels = BTreeMap::new();
    for verified in entries.values().filter_map(Checked::verified) {
        for (node, label) in &verified.facts().labels {
            let components = verified.facts().components.filter(|_| node.kind().as_str() == "document");
            let label = match components {
                Some(count) => format!("{label}, {}", counted(count, "component", "components")),
                None => label.clone(),
            };
            labels.insert(node.clone(), label);
        }
    }
    labels
}

fn document(chain: &Chain, trust: &Trust) -> Value {
    let answer = &chain.answer;
    let mut listed = BTreeSet::new();
    // The node asked about and the ends of edges that were checked: not what else the server names.
    let ends = chain.edges.iter().flat_map(|edge| [&edge.edge.from, &edge.edge.to]);
    let nodes: Vec<Value> = chain
        .starts
        .iter()
        .chain(ends)
        .filter(|node| listed.insert(*node))
        .map(|node| {
            let label = chain.labels.get(node).map_or("", String::as_str);
            json!({ "id": node.id(), "kind": node.kind().as_str(), "label": label })
        })
        .collect();
    let mut edges: Vec<Value> = chain.edges.iter().map(|edge| edge_json(edge, chain)).collect();
    edges.extend(chain.redacted.iter().map(|entry| erased_edge_json(entry, chain)));
    json!({
        "thing": chain.thing,
        "resolved": node_json(chain.start()),
        "also": chain.starts.iter().skip(1).map(node_json).collect::<Vec<_>>(),
        "at": {
            "size": answer.as_of.size.get(),
            "root": answer.as_of.root.to_string(),
            "reader": answer.as_of.reader,
        },
        "trust": session::trust_view(trust),
        "nodes": nodes,
        "edges": edges,
        "live": live_json(&live(chain)),
        "missing": chain.missing().into_iter().map(Stage::as_str).collect::<Vec<_>>(),
        "truncated": answer.truncated || chain.environments.truncated(),
        "complete": "claimed",
    })
}

/// Returns what of the chain runs, each thing in each place once, whichever of its digests it is known by.
fn live(chain: &Chain) -> Vec<Live<'_>> {
    if chain.start().kind() == NodeKind::Environment {
        let name = chain.start().id().parse();
        return name.map(|name| chain.environments.live_in(&name)).unwrap_or_default();
    }
    let deployed = chain.edges.iter().filter(|edge| edge.stage == Stage::Deployment);
    let artifacts: BTreeSet<&Node> =
        chain.starts.iter().chain(deployed.map(|edge| &edge.edge.from)).collect();
    let mut all: Vec<Live<'_>> = Vec::new();
    for live in artifacts.into_iter().flat_map(|artifact| chain.environments.live(artifact)) {
        if !all.contains(&live) {
            all.push(live);
        }
    }
    all
}

/// The chain as a graph.
fn graph(chain: &Chain) -> Graph {
    let mut graph = Graph::default();
    for start in &chain.starts {
        graph.asked(start);
    }
    for edge in &chain.edges {
        let doubtful = edge.distrusted || edge.redacted || edge.conflict;
        let label = format!("{} {}", edge.edge.kind, edge.entry);
        graph.edge(&edge.edge.from, &edge.edge.to, label, doubtful);
        for node in [&edge.edge.from, &edge.edge.to] {
            graph.label(node, chain.labels.get(node).map_or("", String::as_str));
        }
    }
    graph
}

/// What a reference meant, by the entry that names it: in a run, where it was pushed, when somebody looked. Nothing of what was not read
/// here.
fn meant(edge: &CheckedEdge, chain: &Chain) -> Vec<String> {
    let facts = chain.entries.get(&edge.entry).and_then(Checked::verified).map(Verified::facts);
    let meant = facts.map(|facts| facts.told.meant.iter()).into_iter().flatten();
    let of_it = meant.filter(|meant| [&edge.edge.from, &edge.edge.to].contains(&&meant.reference));
    of_it.map(|meant| meant.bytes.id().to_owned()).collect()
}

/// How a verification went, by the summary that says so: its result, and the levels that it found. None of what was not read here.
fn verdict(edge: &CheckedEdge, chain: &Chain) -> Option<Value> {
    if edge.edge.kind != EdgeKind::Judged {
        return None;
    }
    let verified = chain.entries.get(&edge.entry)?.verified()?;
    let predicate: Value = serde_json::from_slice(verified.statement()?.predicate_bytes()?).ok()?;
    let texts = |name: &str| {
        let list = predicate.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    // A summary of in-toto lists what holds, and has no other result.
    let result = predicate.get("verificationResult").and_then(Value::as_str).unwrap_or("PASSED");
    let levels: Vec<String> = texts("verifiedLevels").into_iter().chain(texts("properties")).collect();
    Some(json!({ "result": result, "levels": levels }))
}

fn node_json(node: &Node) -> Value {
    json!({ "kind": node.kind().as_str(), "id": node.id() })
}

/// Some edge there was; where it led is not known any more.
fn erased_edge_json(entry: &Checked, chain: &Chain) -> Value {
    json!({
        "from": chain.start().id(),
        "to": null,
        "kind": null,
        "from_kind": chain.start().kind().as_str(),
        "to_kind": null,
        "entry": entry.entry().index.get(),
        "status": "redacted",
        "check": "redacted",
        "redacted": entry.redacted().map(redacted_json),
        "signer": null,
        "binding": null,
        "verdict": null,
        "meant": [],
        "time": entry.entry().time.to_string(),
    })
}

fn edge_json(edge: &CheckedEdge, chain: &Chain) -> Value {
    let signer = chain.entries.get(&edge.entry).and_then(|entry| {
        let signers = &entry.record()?.signers;
        let signer = signers.iter().find(|signer| signer.status == SignerStatus::Verified)?;
        Some(json!({
            "key": signer.key.map(|key| format!("key:{key}")),
            "identity": signer.identity().map(|identity| identity.to_string()),
            "rule": signer.rule,
        }))
    });
    let check = match (edge.redacted, edge.verified) {
        (true, _) => "redacted",
        (false, true) => "verified",
        (false, false) => "logged",
    };
    let status = if edge.redacted {
        "redacted"
    } else if edge.distrusted {
        "distrusted"
    } else if edge.conflict {
        // A conflict does not hide how far the edge itself was checked.
        "conflict"
    } else {
        check
    };
    let bound = chain.entries.get(&edge.entry).and_then(|entry| entry.logged()?.record().binding);
    json!({
        "from": edge.edge.from.id(),
        "to": edge.edge.to.id(),
        "kind": edge.edge.kind.as_str(),
        "from_kind": edge.edge.from.kind().as_str(),
        "to_kind": edge.edge.to.kind().as_str(),
        "entry": edge.entry.get(),
        "status": status,
        "check": check,
        "signer": signer,
        "binding": bound.map(binding),
        "verdict": verdict(edge, chain),
        "meant": meant(edge, chain),
        "time": edge.time.to_string(),
    })
}
