//! The chain as people read it: one line a step, at most 80 columns.

mod deployments;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use custody_client::freshness::Freshness;
use custody_client::{Ledger, Level};
use custody_evidence::admission::{Binding, SignerStatus};
use custody_evidence::fact::{EdgeKind, Node, NodeKind, Stage};
use custody_log::{LeafIndex, Timestamp};

use super::{Chain, CheckedEdge};
use crate::cli::entry_view::{predicate_name, short};
use crate::cli::output::escape_line;
use crate::cli::session::age_text;

/// The width of what the line is about, and of who or when. With the stage (11) and two spaces they leave 9
/// columns of 80 for the entries: `1012 1015`.
const WHAT: usize = 38;
const WHO: usize = 20;

/// The most lines of one stage; what is beyond is counted. `-o json` has all.
const LINES_MAX: usize = 20;

/// Draws the chain.
pub(super) fn draw(chain: &Chain, ledger: &Ledger, now: Timestamp) -> String {
    let mut out = header(chain, ledger, now);
    out.push('\n');
    let mut or_earlier = false;
    for stage in Stage::ALL {
        let lines = lines(chain, stage, now);
        draw_stage(&mut out, heading(stage), &lines, chain);
        or_earlier |= lines.iter().take(LINES_MAX).any(|line| line.runs == Runs::OrEarlier);
    }
    if or_earlier {
        out.push_str("\n  * or earlier: older records were not read\n");
    }
    draw_redacted(&mut out, chain);
    let missing: Vec<&str> = chain.missing().into_iter().map(Stage::as_str).collect();
    if !missing.is_empty() {
        let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
        let _ = writeln!(out, "  {style}missing{style:#}  {}", missing.join(", "));
    }
    let _ = writeln!(out, "\n{}", footer(chain, ledger));
    out
}

/// What was erased: how it was connected is not known any more, only that it was.
fn draw_redacted(out: &mut String, chain: &Chain) {
    let style = Style::new().fg_color(Some(AnsiColor::Yellow.into()));
    for entry in chain.redacted.iter().take(LINES_MAX) {
        let Some(said) = entry.redacted() else { continue };
        let reason = fit(&said.redaction.reason, WHAT);
        let by = format!("by entry {}", said.by);
        let index = entry.entry().index;
        let _ = writeln!(out, "  {style}redacted{style:#} {reason:<WHAT$} {by:<WHO$} {index}");
    }
    if chain.redacted.len() > LINES_MAX {
        let _ = writeln!(out, "           and {} more (-o json has all)", chain.redacted.len() - LINES_MAX);
    }
}

/// The word before the lines of a stage; two are shortened to fit their column.
const fn heading(stage: Stage) -> &'static str {
    match stage {
        Stage::Promotion => "promote",
        Stage::Deployment => "deploy",
        other => other.as_str(),
    }
}

fn lines(chain: &Chain, stage: Stage, now: Timestamp) -> Vec<Line> {
    match stage {
        Stage::Source => sources(chain),
        // A review stands in the line of its commit.
        Stage::Review => Vec::new(),
        Stage::Build => builds(chain),
        Stage::Sbom | Stage::Scan => documents(chain, stage, now),
        Stage::Approval => approvals(chain),
        Stage::Promotion => promotions(chain),
        Stage::Deployment => deployments::deployments(chain),
        Stage::Other => others(chain),
    }
}

/// One line: what, who or when, by which entries, and whether it needs attention.
struct Line {
    what: String,
    who: String,
    entries: BTreeSet<LeafIndex>,
    /// The places of the starts in whose chains it is.
    starts: BTreeSet<usize>,
    conflict: Option<&'static str>,
    /// Whether nothing of it is evidence.
    distrusted: bool,
    /// Whether all of it was erased.
    redacted: bool,
    runs: Runs,
}

/// Whether a line is about something that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    No,
    Yes,
    /// It does, and maybe for longer than the line says.
    OrEarlier,
}

impl Line {
    fn new(what: String, who: String, edges: &[&CheckedEdge]) -> Self {
        Self {
            what,
            who,
            entries: edges.iter().map(|edge| edge.entry).collect(),
            starts: edges.iter().flat_map(|edge| edge.starts.iter().copied()).collect(),
            conflict: conflict(edges),
            distrusted: !edges.is_empty() && edges.iter().all(|edge| edge.distrusted),
            redacted: !edges.is_empty() && edges.iter().all(|edge| edge.redacted),
            runs: Runs::No,
        }
    }
}

fn draw_stage(out: &mut String, name: &str, lines: &[Line], chain: &Chain) {
    let (bold, red, green) = (
        Style::new().bold(),
        Style::new().fg_color(Some(AnsiColor::Red.into())),
        Style::new().fg_color(Some(AnsiColor::Green.into())),
    );
    for (at, line) in lines.iter().take(LINES_MAX).enumerate() {
        let stage = if at == 0 { name } else { "" };
        let pad = " ".repeat(9_usize.saturating_sub(stage.len()));
        let what = fit(&line.what, WHAT);
        let who = if line.redacted {
            "REDACTED".to_owned()
        } else if line.distrusted {
            "DISTRUSTED".to_owned()
        } else if let Some(conflict) = line.conflict {
            conflict.to_owned()
        } else {
            fit(&line.who, WHO)
        };
        let style = if line.conflict.is_some() || line.distrusted || line.redacted {
            red
        } else if line.runs != Runs::No {
            green
        } else {
            Style::new()
        };
        let gap = " ".repeat(WHO.saturating_sub(who.chars().count()));
        let _ = writeln!(
            out,
            "  {bold}{stage}{bold:#}{pad}{what:<WHAT$} {style}{who}{style:#}{gap} {}{}",
            entries_text(&line.entries),
            basis(chain, line)
        );
    }
    if lines.len() > LINES_MAX {
        let _ = writeln!(out, "           and {} more (-o json has all)", lines.len() - LINES_MAX);
    }
}

/// Says that other evidence contradicts it: whose build it is was found here, that digests are paired with others is the server's
/// word.
fn conflict(edges: &[&CheckedEdge]) -> Option<&'static str> {
    let claimed = |edge: &&CheckedEdge| edge.edge.kind == EdgeKind::SameAs;
    let found: Vec<&CheckedEdge> = edges.iter().copied().filter(|edge| edge.conflict).collect();
    match found.as_slice() {
        [] => None,
        found if found.iter().all(claimed) => Some("CONFLICT (claimed)"),
        _ => Some("CONFLICT"),
    }
}

/// Says what a line rests on, if that is not what stands in the header.
fn basis(chain: &Chain, line: &Line) -> String {
    let first = line.starts.first().filter(|place| **place > 0).and_then(|place| chain.starts.get(*place));
    first.map_or_else(String::new, |node| format!("  by {}", start_text(node)))
}

/// Another digest of the bytes that were traced, or the document that they are.
fn start_text(node: &Node) -> String {
    match node.kind() {
        NodeKind::Document => format!("document {}", node_text(node)),
        _ => node_text(node),
    }
}

fn entries_text(entries: &BTreeSet<LeafIndex>) -> String {
    let shown: Vec<String> = entries.iter().take(2).map(ToString::to_string).collect();
    let more = entries.len().saturating_sub(2);
    if more == 0 { shown.join(" ") } else { format!("{} +{more}", shown.join(" ")) }
}

/// Makes text safe for one line and cuts it to a width.
fn fit(text: &str, width: usize) -> String {
    let safe = escape_line(text);
    if safe.chars().count() <= width { safe } else { short(&safe, width.saturating_sub(2)) }
}

fn header(chain: &Chain, ledger: &Ledger, now: Timestamp) -> String {
    let node = chain.start();
    let id = node_text(node);
    let name = if chain.thing == node.id() {
        chain.labels.get(node).map_or_else(String::new, |label| format!("{}  ", fit(label, WHAT)))
    } else {
        let name = chain.thing.rsplit('/').next().unwrap_or(&chain.thing);
        if id.contains(name) { String::new() } else { format!("{}  ", fit(name, WHAT)) }
    };
    let state = &ledger.trust().current().state;
    let witnesses = ledger.checkpoint().cosignatures(&state.document().members().witnesses).len();
    let by = match witnesses {
        0 => String::new(),
        1 => " by 1 witness".to_owned(),
        several => format!(" by {several} witnesses"),
    };
    let cosigned = match Freshness::of(ledger.checkpoint(), ledger.trust(), now) {
        Freshness::Fresh { age } | Freshness::Stale { age } => {
            let comma = if by.is_empty() { "" } else { "," };
            format!("cosigned{by}{comma} {} ago", age_text(age))
        }
        Freshness::Unknown | Freshness::Ahead { .. } => format!("age not known{by}"),
    };
    // The cosignature is over the newest tree, which the one asked about is part of.
    let (size, newest) = (chain.answer.as_of.size, ledger.checkpoint().checkpoint().size());
    let part = if size == newest { String::new() } else { format!("part of tree size {newest}, ") };
    let mut out = format!("{name}{}  at tree size {size} ({part}{cosigned})\n", fit(&id, 60));
    for also in chain.starts.iter().skip(1) {
        let _ = writeln!(out, "and {}", fit(&start_text(also), 60));
    }
    out
}

fn footer(chain: &Chain, ledger: &Ledger) -> String {
    let cut = [
        (chain.answer.truncated, "there is more than is shown: narrow it with --depth or --at\n"),
        (
            chain.environments.truncated(),
            "not all was read of what runs where: `custody env show` tells it of each\n",
        ),
    ];
    let truncated: String = cut.into_iter().filter_map(|(is_cut, line)| is_cut.then_some(line)).collect();
    if chain.edges.is_empty() {
        return format!(
            "{truncated}no record: no entry connects it with anything (as claimed by the server)"
        );
    }
    let checks = match chain.level {
        Level::Verified => format!(
            "every entry verified here: signature, inclusion, no distrust withheld up to size {}",
            ledger.trust().complete_to()
        ),
        Level::Logged => {
            let read =
                if chain.environments.is_empty() { "what" } else { "what runs was read here; what else" };
            format!(
                "every entry logged here: inclusion, admission record, no distrust withheld up to size {}\n\
                 {read} they say is claimed by the server (--verify full checks it)",
                ledger.trust().complete_to()
            )
        }
    };
    let distrusted: BTreeSet<LeafIndex> =
        chain.edges.iter().filter(|edge| edge.distrusted).map(|edge| edge.entry).collect();
    let checks = if distrusted.is_empty() {
        checks
    } else {
        format!(
            "{checks}\nauthentic records from a distrusted period, and no evidence: {}",
            entries_text(&distrusted)
        )
    };
    // Nothing proves yet that an answer is whole: what a server leaves out, nobody misses.
    format!("{truncated}{checks}\nno entry left out: claimed by the server, not proven")
}

/// Returns the edges of a stage, grouped by a key, in the order of the first entry of each group.
fn groups<'a, K: Ord>(
    chain: &'a Chain,
    keep: impl Fn(&CheckedEdge) -> bool,
    key: impl Fn(&'a CheckedEdge) -> K,
) -> Vec<(K, Vec<&'a CheckedEdge>)> {
    let mut groups: BTreeMap<K, Vec<&CheckedEdge>> = BTreeMap::new();
    for edge in chain.edges.iter().filter(|edge| keep(edge)) {
        groups.entry(key(edge)).or_default().push(edge);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, edges)| edges.iter().map(|edge| edge.entry).min());
    groups
}

fn targets<'a>(edges: &[&'a CheckedEdge], kind: EdgeKind) -> BTreeSet<&'a Node> {
    edges.iter().filter(|edge| edge.edge.kind == kind).map(|edge| &edge.edge.to).collect()
}

fn sources(chain: &Chain) -> Vec<Line> {
    let about_commit = |edge: &CheckedEdge| {
        matches!(edge.stage, Stage::Source | Stage::Review) && edge.edge.from.kind() == NodeKind::Commit
    };
    let mut lines = Vec::new();
    let mut known = BTreeSet::new();
    for (commit, edges) in groups(chain, about_commit, |edge| edge.edge.from.clone()) {
        let references: Vec<String> = targets(&edges, EdgeKind::OnRef).into_iter().map(node_text).collect();
        let reviewers = targets(&edges, EdgeKind::Reviewed).len();
        let who = if reviewers == 0 { "not reviewed".to_owned() } else { format!("reviewed by {reviewers}") };
        let what = format!("{}  {}", node_text(&commit), references.join(" "));
        lines.push(Line::new(what.trim_end().to_owned(), who, &edges));
        known.insert(commit);
    }
    // A commit that only a build names: its own record is missing.
    let named = |edge: &CheckedEdge| edge.edge.kind == EdgeKind::BuiltFrom && !known.contains(&edge.edge.to);
    for (commit, edges) in groups(chain, named, |edge| edge.edge.to.clone()) {
        lines.push(Line::new(node_text(&commit), "named by the build".to_owned(), &edges));
    }
    lines
}

fn builds(chain: &Chain) -> Vec<Line> {
    let built = |edge: &CheckedEdge| edge.edge.kind == EdgeKind::BuiltBy;
    let line = |(run, mut edges): (Node, Vec<&CheckedEdge>)| {
        let of_run = |edge: &&CheckedEdge| edge.edge.from == run && edge.edge.kind == EdgeKind::RanOn;
        let label = chain.labels.get(&run).map_or_else(String::new, |label| format!("{label} "));
        let what = format!("{label}{}", node_text(&run));
        let who = edges.first().map_or_else(String::new, |edge| {
            format!("{}{}", signer(chain, edge.entry), bound(chain, edge.entry))
        });
        // Where the run ran is said of other artifacts of it, too: what counts is what is said of this one.
        let distrusted = edges.iter().all(|edge| edge.distrusted);
        edges.extend(chain.edges.iter().filter(of_run));
        Line { distrusted, ..Line::new(what, who, &edges) }
    };
    groups(chain, built, |edge| edge.edge.to.clone()).into_iter().map(line).collect()
}

fn documents(chain: &Chain, stage: Stage, now: Timestamp) -> Vec<Line> {
    let builders: BTreeSet<String> = chain
        .edges
        .iter()
        .filter(|edge| edge.edge.kind == EdgeKind::BuiltBy)
        .map(|edge| signer(chain, edge.entry))
        .collect();
    let line = |(entry, edges): (LeafIndex, Vec<&CheckedEdge>)| {
        let documents = targets(&edges, EdgeKind::DescribedBy);
        let label = documents.into_iter().find_map(|node| chain.labels.get(node).cloned());
        let predicate =
            chain.entries.get(&entry).and_then(|entry| Some(predicate_name(&entry.record()?.predicate_type)));
        let by = signer(chain, entry);
        let who = if stage == Stage::Scan {
            let time = edges.first().map_or(now, |edge| edge.time);
            format!("{} ago", age_text(now.as_seconds().saturating_sub(time.as_seconds())))
        } else if builders.contains(&by) {
            "same signer as build".to_owned()
        } else {
            by
        };
        Line::new(label.or(predicate).unwrap_or_default(), who, &edges)
    };
    let of_stage = |edge: &CheckedEdge| edge.stage == stage && edge.edge.kind != EdgeKind::HasBytes;
    groups(chain, of_stage, |edge| edge.entry).into_iter().map(line).collect()
}

fn approvals(chain: &Chain) -> Vec<Line> {
    // One entry names an approver and what it is for; approvals for the same thing are one line.
    let purpose = |entry: LeafIndex| {
        let of_entry = |edge: &&CheckedEdge| {
            edge.entry == entry
                && edge.stage == Stage::Approval
                && edge.edge.to.kind() == NodeKind::Environment
        };
        chain.edges.iter().find(of_entry).map_or_else(String::new, |edge| edge.edge.to.id().to_owned())
    };
    let of_stage = |edge: &CheckedEdge| edge.stage == Stage::Approval;
    let line = |(purpose, edges): (String, Vec<&CheckedEdge>)| {
        let people: BTreeSet<&str> = edges
            .iter()
            .filter(|edge| edge.edge.to.kind() == NodeKind::Identity)
            .map(|edge| edge.edge.to.id())
            .collect();
        let people: Vec<&str> = people.into_iter().collect();
        let what = if people.is_empty() { purpose } else { format!("{purpose} by {}", people.join(", ")) };
        let who = edges.first().map_or_else(String::new, |edge| signer(chain, edge.entry));
        Line::new(what, who, &edges)
    };
    groups(chain, of_stage, |edge| purpose(edge.entry)).into_iter().map(line).collect()
}

fn promotions(chain: &Chain) -> Vec<Line> {
    let of_stage = |edge: &CheckedEdge| edge.stage == Stage::Promotion;
    let line = |(entry, edges): (LeafIndex, Vec<&CheckedEdge>)| {
        let to: Vec<&str> = targets(&edges, EdgeKind::Promoted).into_iter().map(Node::id).collect();
        let time = edges.first().map_or_else(String::new, |edge| minute(edge.time));
        Line::new(format!("to {}  {time}", to.join(", ")), signer(chain, entry), &edges)
    };
    groups(chain, of_stage, |edge| edge.entry).into_iter().map(line).collect()
}

fn others(chain: &Chain) -> Vec<Line> {
    // Other digests of the same bytes say nothing new to a reader.
    let of_stage = |edge: &CheckedEdge| {
        edge.conflict && edge.edge.kind == EdgeKind::SameAs
            || edge.stage == Stage::Other && edge.edge.kind != EdgeKind::SameAs
    };
    let line = |((kind, to), edges): ((EdgeKind, Node), Vec<&CheckedEdge>)| {
        let who = edges.first().map_or_else(String::new, |edge| signer(chain, edge.entry));
        Line::new(format!("{kind} {}", node_text(&to)), who, &edges)
    };
    groups(chain, of_stage, |edge| (edge.edge.kind, edge.edge.to.clone())).into_iter().map(line).collect()
}

/// Names who signed an entry by the writer rule that let them.
fn signer(chain: &Chain, entry: LeafIndex) -> String {
    let signers = chain.entries.get(&entry).and_then(|entry| Some(entry.record()?.signers.as_slice()));
    let counts = signers.unwrap_or_default().iter().find(|signer| signer.status == SignerStatus::Verified);
    counts.and_then(|signer| signer.rule.clone()).map_or_else(String::new, |rule| format!("by {rule}"))
}

/// Says whether the statement of an entry is bound to the job that signed it; nothing where there was nothing to compare.
fn bound(chain: &Chain, entry: LeafIndex) -> &'static str {
    match chain.entries.get(&entry).and_then(|entry| entry.logged()?.record().binding) {
        Some(Binding::Bound) => ", bound",
        Some(Binding::Conflict) => ", not its job",
        Some(Binding::Unbound) | None => "",
    }
}

/// A node in few characters: a repository by its last two parts, a digest by its first eight digits.
fn node_text(node: &Node) -> String {
    let id = node.id();
    match node.kind() {
        NodeKind::Commit => match id.rsplit_once('@') {
            Some((repository, hex)) => {
                format!("{}@{}", tail(repository, 2), hex.chars().take(7).collect::<String>())
            }
            None => short(id, 17),
        },
        NodeKind::Ref => {
            id.split_once("@refs/").map_or_else(|| id.to_owned(), |(_, name)| format!("refs/{name}"))
        }
        NodeKind::Artifact | NodeKind::Document => id
            .split_once(':')
            .map_or_else(|| id.to_owned(), |(name, hex)| format!("{name}:{}", short(hex, 8))),
        NodeKind::Run => run_text(id),
        _ => id.to_owned(),
    }
}

/// `https://github.com/acme/api/actions/runs/4711/attempts/1` is `run 4711 attempt 1`.
fn run_text(id: &str) -> String {
    let Some((_, rest)) = id.split_once("/actions/runs/") else { return tail(id, 3) };
    match rest.split_once("/attempts/") {
        Some((run, attempt)) => format!("run {run} attempt {attempt}"),
        None => format!("run {rest}"),
    }
}

/// The last parts of a path.
fn tail(text: &str, parts: usize) -> String {
    let all: Vec<&str> = text.trim_end_matches('/').split('/').filter(|part| !part.is_empty()).collect();
    all.iter().skip(all.len().saturating_sub(parts)).copied().collect::<Vec<_>>().join("/")
}

/// `2026-11-20 14:02`
fn minute(time: Timestamp) -> String {
    time.to_string().chars().take(16).collect::<String>().replace('T', " ")
}
