//! A verdict as Markdown, for the summary of a CI job.

use std::fmt::Write as _;

use custody_gate::{Policy, Status};

use super::judged::Judged;
use super::next::next;
use crate::cli::output;

/// Returns the summary.
pub(super) fn verdict(policy: &Policy, judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let mut text = format!("## {}: policy {}", verdict.decision(), code(verdict.policy()));
    let _ = writeln!(text, " version {}\n", policy.version());
    let place = verdict.environment().map_or_else(String::new, |name| format!(" for {}", code(name)));
    let _ = writeln!(
        text,
        "{}{place}, as of tree size {}, {}; holds until {}.\n",
        code(verdict.subject()),
        verdict.size(),
        verdict.evaluated_at(),
        verdict.valid_until()
    );
    text.push_str("| | rule | why | entries |\n|---|---|---|---|\n");
    for rule in verdict.rules() {
        let entries = rule.evidence.iter().map(|counted| counted.index.to_string());
        let rejected = rule.rejected.iter().map(|rejected| format!("~{}~", rejected.index));
        let entries: Vec<String> = entries.chain(rejected).collect();
        let why = if rule.status == Status::Pass { String::new() } else { code(&rule.message) };
        let _ = writeln!(text, "| {} | {} | {why} | {} |", rule.status, code(&rule.id), entries.join(" "));
    }
    text.push('\n');
    for line in next(verdict, policy) {
        let _ = writeln!(text, "- next: {}", code(&line));
    }
    text
}

/// Text as it is: within a code span nothing is markup, and nothing ends the span or the cell.
fn code(text: &str) -> String {
    let shown = output::escape_line(text).replace('|', "\\|").replace('`', "'");
    format!("`{shown}`")
}
