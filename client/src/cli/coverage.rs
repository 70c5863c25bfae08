//! `custody coverage`: what runs or was released without which evidence.

mod checks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use custody_client::ledger::{At, Condition, Query, Traced, TracedEdge, check_any};
use custody_client::{Checked, Ledger, Level, Verified};
use custody_evidence::digest_set::Digest;
use custody_evidence::environment::{Until, Window};
use custody_evidence::fact::{EdgeKind, Field, Node, NodeKind, Stage, Term};
use custody_evidence::predicate::Name;
use custody_evidence::predicate::short_name::types_of;
use custody_evidence::purl::Purl;
use custody_evidence::trust::{Target, TrustState};
use custody_log::{LeafIndex, TreeSize};
use custody_wire::limits::FIND_LIMIT_MAX;
use serde_json::{Value, json};

use super::Context;
use super::disputed::Disputed;
use super::distrust;
use super::entry_view::short;
use super::env::counts;
use super::failure::{Failure, Outcome};
use super::output::{counted, escape_line};
use super::session;
use super::times;
use checks::Checks;

/// How far from an artifact its evidence lies: a review is of the commit that it was built from.
const DEPTH: u32 = 3;
/// Entries of one kind of evidence that are checked at once, newest first, until one is evidence.
const AT_ONCE: usize = 2;
/// Artifacts whose first entries are checked together: two of each of some eight kinds of evidence, so below 256.
const PAGE: usize = 16;
/// Released artifacts that are looked at, the newest: each is a call for its chain, and a few for each page of them. 16,384 take
/// some minutes.
const RELEASED_MAX: usize = 16_384;

/// Show what runs or was released without which evidence.
///
/// Without an environment: what runs in any of them, and what was published or released.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only what runs in this environment.
    #[arg(long, value_name = "ENV")]
    environment: Option<String>,
    /// Only what would lose evidence if this key, identity, builder, artifact or commit were distrusted, and what it would lose.
    #[arg(long, value_name = "THING")]
    without: Option<String>,
    /// Distrusted from this time or entry on [default: all that it ever signed].
    #[arg(long, value_name = "TIME|index:N", value_parser = times::moment, requires = "without")]
    since: Option<times::Bound>,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
}

/// A distrust that nobody said, to see what it would do.
struct Supposed {
    target: Target,
    since: LeafIndex,
}

/// What there is of an artifact.
struct Covered {
    artifact: Digest,
    /// Where it runs; none: it was released.
    environment: Option<Name>,
    workloads: BTreeSet<String>,
    evidence: Evidence,
    /// What is supposed to be distrusted takes this away.
    lost: Vec<Stage>,
}

/// The evidence of an artifact, by stages.
#[derive(Debug, Clone, Default)]
struct Evidence {
    have: Vec<Stage>,
    missing: Vec<Stage>,
    blind: Vec<Blind>,
    /// Whether something may be missing in what was looked at.
    partial: bool,
}

/// Something that evidence does not tell though it should.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Blind {
    /// A bill of materials lists packages without a version.
    UnknownVersions { entry: LeafIndex, components: usize },
    /// A provenance names nothing that was used.
    NoMaterials { entry: LeafIndex },
}

/// The word for a stage: what a build leaves is its provenance.
const fn word(stage: Stage) -> &'static str {
    match stage {
        Stage::Build => "provenance",
        other => other.as_str(),
    }
}

/// What is to be looked at.
struct Wanted {
    /// By artifact and environment, with the workloads.
    artifacts: BTreeMap<(Digest, Option<Name>), BTreeSet<String>>,
    size: TreeSize,
    truncated: bool,
}

/// Shows what evidence is missing.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let wanted = wanted(&mut ledger, args.environment.as_deref(), at).await?;
    let bar = context.output.count_bar("looking", u64::try_from(wanted.artifacts.len()).unwrap_or(u64::MAX));
    let supposed = supposed(&mut ledger, &args, context).await?;
    let mut known: BTreeMap<Digest, (Evidence, Vec<Stage>)> = BTreeMap::new();
    let mut root = None;
    let artifacts: BTreeSet<&Digest> = wanted.artifacts.keys().map(|(artifact, _)| artifact).collect();
    let artifacts: Vec<&Digest> = artifacts.into_iter().collect();
    for page in artifacts.chunks(PAGE) {
        let mut chains = Vec::with_capacity(page.len());
        for artifact in page {
            let node = Node::of_digest(artifact, None);
            chains.push(ledger.trace(&node, At::Size(wanted.size), DEPTH).await?);
            bar.inc(1);
        }
        root = root.or(chains.first().map(as_of));
        let mut checks = Checks::ahead(&mut ledger, &chains).await?;
        for (artifact, chain) in page.iter().zip(&chains) {
            let found = evidence(&mut ledger, chain, &mut checks, None).await?;
            let mut lost = Vec::new();
            if supposed.is_some() {
                let rest = evidence(&mut ledger, chain, &mut checks, supposed.as_ref()).await?;
                lost.clone_from(&found.have);
                lost.retain(|stage| !rest.have.contains(stage));
            }
            known.insert((*artifact).clone(), (found, lost));
        }
    }
    bar.finish_and_clear();
    let of = |((artifact, environment), workloads): ((Digest, Option<Name>), BTreeSet<String>)| {
        let (evidence, lost) = known.get(&artifact).cloned().unwrap_or_default();
        Covered { artifact, environment, workloads, evidence, lost }
    };
    let mut covered: Vec<Covered> = wanted.artifacts.into_iter().map(of).collect();
    let looked_at = !covered.is_empty();
    let truncated = wanted.truncated || covered.iter().any(|covered| covered.evidence.partial);
    if supposed.is_some() {
        covered.retain(|covered| !covered.lost.is_empty());
    }
    if context.output.is_json() {
        let at = root.unwrap_or_else(|| json!({ "size": wanted.size.get() }));
        context.output.print_json(&json!({
            "at": at,
            "artifacts": covered.iter().map(covered_json).collect::<Vec<_>>(),
            "trust": session::trust_view(ledger.trust()),
            "complete": "claimed",
            "truncated": truncated,
        }))?;
    } else {
        context.output.print(table(&covered))?;
    }
    if truncated {
        context.output.warn("not all was read: there may be other artifacts, and other evidence of these");
    }
    context.output.note(format!(
        "every entry verified here, as of tree size {}; that there is no other evidence is claimed by the server",
        wanted.size
    ));
    Ok(match (covered.is_empty(), truncated) {
        (false, _) => Outcome::Yes,
        (true, true) => Outcome::Unknown,
        // Nothing loses anything: that is known.
        (true, false) if looked_at => Outcome::Yes,
        (true, false) => Outcome::NoRecord,
    })
}

/// Reads what is supposed to be distrusted.
async fn supposed(ledger: &mut Ledger, args: &Args, context: &Context) -> Result<Option<Supposed>, Failure> {
    let Some(thing) = &args.without else { return Ok(None) };
    let target = distrust::target(thing)?;
    let since = match args.since {
        None => LeafIndex::ZERO,
        Some(times::Bound::Index(index)) => index,
        Some(times::Bound::When(when)) => distrust::first_at(ledger, when.before(context.clock)).await?,
    };
    Ok(Some(Supposed { target, since }))
}

/// Finds what runs, and without an environment what was released.
async fn wanted(ledger: &mut Ledger, environment: Option<&str>, at: At) -> Result<Wanted, Failure> {
    let (names, mut truncated, mut size) = if let Some(name) = environment {
        let name = name.parse::<Name>();
        let name = name.map_err(|error| Failure::usage("bad_environment", error.to_string()))?;
        (vec![name], false, None)
    } else {
        let found = ledger.environments(at).await?;
        let names = found.known.into_iter().map(|known| known.name).collect();
        (names, found.truncated, Some(found.as_of.size))
    };
    let mut artifacts: BTreeMap<(Digest, Option<Name>), BTreeSet<String>> = BTreeMap::new();
    for name in names {
        let at = size.map_or(at, At::Size);
        let found = Box::pin(ledger.environment(&name, Window::default(), at)).await?;
        if environment.is_some() && found.timeline.events().is_empty() && found.redacted.is_empty() {
            return Err(Failure::no_record(format!("no record of what runs in {name}"))
                .hint("`custody env list` lists the environments"));
        }
        truncated |= found.truncated;
        size = Some(found.as_of.size);
        for running in found.timeline.replay(Until::Newest).picture.running {
            let place = (running.artifact.digest().clone(), Some(name.clone()));
            artifacts.entry(place).or_default().extend(running.workload.map(|workload| workload.to_string()));
        }
    }
    let Some(size) = size else {
        return Err(Failure::no_record("nothing runs anywhere, and nothing was released"));
    };
    if environment.is_none() {
        let (released, more) = released(ledger, size).await?;
        truncated |= more;
        for digest in released {
            let runs = artifacts.keys().any(|(running, _)| *running == digest);
            if !runs {
                artifacts.entry((digest, None)).or_default();
            }
        }
    }
    Ok(Wanted { artifacts, size, truncated })
}

/// Returns the newest artifacts that were published or released, and whether there are others.
async fn released(ledger: &mut Ledger, size: TreeSize) -> Result<(BTreeSet<Digest>, bool), Failure> {
    let types = ["publication", "release"].into_iter().filter_map(types_of).flatten();
    let terms = types.filter_map(|of| Term::parse(Field::Predicate, of).ok());
    let questions: Vec<Query> = terms
        .map(|term| Query {
            conditions: vec![Condition::from(term)],
            at: At::Size(size),
            limit: FIND_LIMIT_MAX,
            ..Query::default()
        })
        .collect();
    let mut digests = BTreeSet::new();
    let mut page = questions.clone();
    loop {
        let found = ledger.find_any(&page).await?;
        for some in found.indexes.chunks(64) {
            for entry in ledger.entries(some, Level::Logged, &|_| {}).await? {
                let recorded = ledger.trust().looked_up_by(entry.entry(), size);
                check_any(&questions, &entry, recorded)?;
                digests.extend(artifacts(&entry));
            }
        }
        let Some(next) = found.next else { return Ok((digests, false)) };
        if digests.len() >= RELEASED_MAX {
            return Ok((digests, true));
        }
        for question in &mut page {
            question.next = Some(next);
        }
    }
}

/// Returns what an entry says was released.
fn artifacts(entry: &Checked) -> Vec<Digest> {
    let subjects = entry.record().map(|record| record.subjects.clone()).unwrap_or_default();
    let usable = subjects.iter().filter_map(|subject| subject.parse::<Digest>().ok());
    // Several digests of one thing: the one that it is shown by elsewhere.
    let artifact = custody_evidence::environment::Artifact::new(usable.filter(Digest::usable));
    let single = subjects.len() <= 2;
    match artifact {
        Some(artifact) if single => vec![artifact.digest().clone()],
        Some(artifact) => artifact.digests().cloned().collect(),
        None => Vec::new(),
    }
}

/// The tree that a chain is of.
fn as_of(chain: &Traced) -> Value {
    json!({
        "size": chain.as_of.size.get(),
        "root": chain.as_of.root.to_string(),
        "reader": chain.as_of.reader,
    })
}

/// Finds out what evidence there is of an artifact with this chain, or would be if something were distrusted.
async fn evidence(
    ledger: &mut Ledger,
    traced: &Traced,
    checks: &mut Checks,
    supposed: Option<&Supposed>,
) -> Result<Evidence, Failure> {
    let mut evidence = Evidence { partial: traced.truncated, ..Evidence::default() };
    let mut found: Vec<(Stage, EdgeKind)> = Vec::new();
    // What is said of a commit counts for the artifact only where evidence says that it was built from it.
    let mut built_from: BTreeSet<&Node> = BTreeSet::new();
    for (kind, by_entry) in candidates(traced) {
        for some in by_entry.chunks(AT_ONCE) {
            let some: Vec<(LeafIndex, Vec<&TracedEdge>)> = some
                .iter()
                .map(|(entry, edges)| (*entry, relevant(edges, &built_from)))
                .filter(|(_, edges)| !edges.is_empty())
                .collect();
            let indexes: Vec<LeafIndex> = some.iter().map(|(entry, _)| *entry).collect();
            let entries = checks.of(ledger, &indexes).await?;
            let state = &ledger.trust().as_of(traced.as_of.size).state;
            let other = supposed.map(|supposed| state.supposing(supposed.target.clone(), supposed.since));
            let state = other.as_ref().unwrap_or(state);
            let disputed = Disputed::among(entries.iter().map(|(index, entry)| (*index, *entry)), state);
            let edges = some.iter().flat_map(|(_, edges)| edges.iter().copied());
            let counting = edges.filter(|edge| !disputed.has(edge.edge.from.id(), edge.entry));
            let counting = counting.filter_map(|edge| {
                let entry = *entries.get(&edge.entry)?;
                says(entry, edge, state).then_some((edge, entry))
            });
            let counting: Vec<(&TracedEdge, &Checked)> = counting.collect();
            for (edge, entry) in &counting {
                let predicate = entry.record().map_or("", |record| record.predicate_type.as_str());
                found.push((Stage::of(edge.edge.kind, predicate), edge.edge.kind));
                evidence.blind.extend(blind(edge, entry));
            }
            // Bills and scans are told apart by their statements, so it is looked at these until there is one of both.
            let has = |wanted: Stage| found.iter().any(|(stage, _)| *stage == wanted);
            let enough = match kind {
                EdgeKind::DescribedBy => has(Stage::Sbom) && has(Stage::Scan),
                EdgeKind::BuiltFrom => {
                    built_from.extend(counting.iter().map(|(edge, _)| &edge.edge.to));
                    false
                }
                _ => !counting.is_empty(),
            };
            if enough {
                break;
            }
        }
    }
    evidence.blind.dedup();
    let of_stage = |stage: &Stage| !matches!(stage, Stage::Deployment | Stage::Other);
    evidence.missing = Stage::missing(NodeKind::Artifact, found);
    evidence.missing.retain(of_stage);
    let has = |stage: &Stage| of_stage(stage) && !evidence.missing.contains(stage);
    evidence.have = Stage::ALL.into_iter().filter(has).collect();
    Ok(evidence)
}

/// Leaves out what is said of commits that no evidence says the artifact was built from, and what runs were built from: that the
/// artifact was is said of itself too.
fn relevant<'t>(edges: &[&'t TracedEdge], built_from: &BTreeSet<&Node>) -> Vec<&'t TracedEdge> {
    let counts = |edge: &&&TracedEdge| match edge.edge.from.kind() {
        NodeKind::Commit => built_from.contains(&edge.edge.from),
        NodeKind::Run => edge.edge.kind != EdgeKind::BuiltFrom,
        _ => true,
    };
    edges.iter().filter(counts).copied().collect()
}

/// Edges of one kind, with the entries that say them, the newest first.
type ByEntry<'t> = Vec<(LeafIndex, Vec<&'t TracedEdge>)>;

/// The edges that may be evidence, by kind: first what it was built from, which says of which commits more is asked. Where something
/// runs is known.
fn candidates(traced: &Traced) -> Vec<(EdgeKind, ByEntry<'_>)> {
    let mut candidates: BTreeMap<EdgeKind, BTreeMap<LeafIndex, Vec<&TracedEdge>>> = BTreeMap::new();
    let stage = |edge: &TracedEdge| Stage::of(edge.edge.kind, "");
    for edge in traced.edges.iter().filter(|edge| stage(edge) != Stage::Deployment) {
        candidates.entry(edge.edge.kind).or_default().entry(edge.entry).or_default().push(edge);
    }
    let mut all: Vec<(EdgeKind, ByEntry<'_>)> =
        candidates.into_iter().map(|(kind, edges)| (kind, edges.into_iter().rev().collect())).collect();
    all.sort_by_key(|(kind, _)| *kind != EdgeKind::BuiltFrom);
    all
}

/// Whether an entry is evidence of an edge: it says so, and counts. One whose statement could not be read does not.
fn says(entry: &Checked, edge: &TracedEdge, state: &TrustState) -> bool {
    let said = entry.verified().is_some_and(|verified| verified.facts().edges.contains(&edge.edge));
    said && counts(entry, state)
}

/// What evidence does not tell though it should.
fn blind(edge: &TracedEdge, entry: &Checked) -> Option<Blind> {
    let facts = entry.verified().map(Verified::facts)?;
    match edge.edge.kind {
        EdgeKind::DescribedBy => {
            let contained = facts.edges.iter().filter(|edge| edge.kind == EdgeKind::Contains);
            let components: BTreeSet<&Node> = contained.map(|edge| &edge.to).collect();
            let unversioned =
                |node: &&&Node| node.id().parse::<Purl>().is_ok_and(|purl| purl.version().is_none());
            let components = components.iter().filter(unversioned).count();
            (components > 0).then_some(Blind::UnknownVersions { entry: edge.entry, components })
        }
        EdgeKind::BuiltBy => {
            let used = |kind| matches!(kind, EdgeKind::Resolved | EdgeKind::BuiltFrom);
            let any = facts.edges.iter().any(|other| other.from == edge.edge.to && used(other.kind));
            (!any).then_some(Blind::NoMaterials { entry: edge.entry })
        }
        _ => None,
    }
}

fn covered_json(covered: &Covered) -> Value {
    let words = |stages: &[Stage]| stages.iter().map(|stage| word(*stage)).collect::<Vec<_>>();
    let blind = covered.evidence.blind.iter().map(|blind| match blind {
        Blind::UnknownVersions { entry, components } => {
            json!({ "what": "unknown_versions", "entry": entry.get(), "components": components })
        }
        Blind::NoMaterials { entry } => json!({ "what": "no_materials", "entry": entry.get() }),
    });
    json!({
        "id": covered.artifact.to_string(),
        "environment": covered.environment.as_ref().map(Name::as_str),
        "workloads": covered.workloads,
        "have": words(&covered.evidence.have),
        "missing": words(&covered.evidence.missing),
        "blind": blind.collect::<Vec<_>>(),
        "lost": words(&covered.lost),
    })
}

fn table(covered: &[Covered]) -> String {
    let mut out = String::new();
    for covered in covered {
        let place = covered.environment.as_ref().map_or("released", |name| name.as_str());
        let workloads: Vec<&str> = covered.workloads.iter().map(String::as_str).collect();
        let place = escape_line(format!("{place} {}", workloads.join(",")).trim_end());
        let missing: Vec<&str> = covered.evidence.missing.iter().map(|stage| word(*stage)).collect();
        let missing = if missing.is_empty() {
            "nothing missing".to_owned()
        } else {
            format!("no {}", missing.join(", "))
        };
        let _ = writeln!(out, "{:<19}  {place}", short(&covered.artifact.to_string(), 17));
        if !covered.lost.is_empty() {
            let lost: Vec<&str> = covered.lost.iter().map(|stage| word(*stage)).collect();
            let _ = writeln!(out, "    loses {}", lost.join(", "));
        }
        let _ = writeln!(out, "    {missing}");
        for blind in &covered.evidence.blind {
            let _ = match blind {
                Blind::UnknownVersions { entry, components } => {
                    let many = counted(*components, "package", "packages");
                    writeln!(out, "    SBOM of entry {entry}: {many} without a version")
                }
                Blind::NoMaterials { entry } => {
                    writeln!(out, "    provenance of entry {entry} names nothing that was used")
                }
            };
        }
    }
    out
}
