//! What came from a thing, as people read it: nearest first, at most 80 columns.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use custody_evidence::fact::NodeKind;
use custody_evidence::fact::reach::Reached;
use custody_evidence::trust::TrustState;

use super::{Impact, Live};
use crate::cli::entry_view::short;
use crate::cli::env::minute;
use crate::cli::output::{counted, escape_line};

/// The most lines; what is beyond is counted. `-o json` has all.
const LINES_MAX: usize = 200;
/// The width of how it came, and of what it is.
const VIA: usize = 12;
const WHAT: usize = 46;

/// Draws what was reached.
pub(super) fn draw(impact: &Impact, trust: &TrustState) -> String {
    let mut out = String::new();
    let thing = escape_line(&impact.thing);
    let _ = writeln!(out, "{thing}  at tree size {}", impact.answer.as_of.size);
    for node in &impact.answer.reach.same {
        draw_live(&mut out, &impact.environments.live(node));
    }
    out.push('\n');
    let reached = &impact.answer.reach.reached;
    for found in reached.iter().take(LINES_MAX) {
        draw_one(&mut out, impact, found, trust);
    }
    if let Some(more @ 1..) = reached.len().checked_sub(LINES_MAX) {
        let _ = writeln!(out, "  and {more} more (-o json has all)");
    }
    if reached.is_empty() {
        out.push_str("  nothing came from it\n");
    }
    let artifacts: Vec<&Reached> =
        reached.iter().filter(|found| found.node.kind() == NodeKind::Artifact).collect();
    let live = artifacts.iter().filter(|found| !impact.environments.live(&found.node).is_empty()).count();
    let artifacts = counted(artifacts.len(), "artifact", "artifacts");
    let _ = writeln!(out, "\n{artifacts}, {live} of them live");
    out
}

fn draw_one(out: &mut String, impact: &Impact, found: &Reached, trust: &TrustState) {
    let red = Style::new().fg_color(Some(AnsiColor::Red.into()));
    let via: Vec<String> = found.via.iter().map(ToString::to_string).collect();
    let indent = "  ".repeat(usize::try_from(found.depth.min(4)).unwrap_or(4));
    let id = match found.node.kind() {
        NodeKind::Artifact | NodeKind::Document => short(found.node.id(), 17),
        // What differs between runs is at the end of their URLs, and must not be cut.
        NodeKind::Builder | NodeKind::Run => escape_line(found.node.id().trim_start_matches("https://")),
        _ => escape_line(found.node.id()),
    };
    let label =
        impact.label(&found.node).map_or_else(String::new, |label| format!("{} ", escape_line(label)));
    let what = cut(&format!("{label}{id}"), WHAT.saturating_sub(indent.len()));
    let width = WHAT.saturating_sub(indent.len());
    let entries: Vec<String> = found.entries.iter().take(2).map(ToString::to_string).collect();
    let more = found.entries.len().saturating_sub(2);
    let more = if more == 0 { String::new() } else { format!(" +{more}") };
    let mark = match impact.word(found, trust) {
        "distrusted" => format!("  {red}DISTRUSTED{red:#}"),
        "redacted" => format!("  {red}REDACTED{red:#}"),
        _ => String::new(),
    };
    let _ = writeln!(
        out,
        "{indent}{what:<width$} {:<VIA$} {}{more}{mark}",
        cut(&via.join("+"), VIA),
        entries.join(" ")
    );
    draw_live(out, &impact.environments.live(&found.node));
}

fn draw_live(out: &mut String, live: &[Live<'_>]) {
    let green = Style::new().fg_color(Some(AnsiColor::Green.into()));
    for live in live {
        let cluster = live.running.cluster.as_ref().map_or_else(String::new, |name| format!("/{name}"));
        let workload = live.running.workload.as_ref().map_or_else(String::new, |name| format!(" {name}"));
        let place = escape_line(&format!("{}{cluster}{workload}", live.environment));
        let mark = if live.since_known { "" } else { " or earlier" };
        let distrusted = if live.running.counts { "" } else { "  DISTRUSTED" };
        let _ = writeln!(
            out,
            "            {green}LIVE{green:#} {} since {}{mark}{distrusted}",
            cut(&place, 32),
            minute(live.running.since)
        );
    }
}

/// The start of a text, so that the columns stay where they are.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width { text.to_owned() } else { short(text, width.saturating_sub(2)) }
}
