//! A verdict as workflow commands of GitHub Actions: an annotation for each rule that does not hold.

use std::fmt::Write as _;

use custody_gate::verdict::RuleResult;
use custody_gate::{Decision, Policy, Status};

use super::judged::Judged;
use super::next::next;
use crate::cli::output;

/// Returns the commands, a line each.
pub(super) fn verdict(policy: &Policy, judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let mut text = String::new();
    for rule in verdict.rules() {
        let level = match rule.status {
            Status::Fail | Status::Error => "error",
            Status::SoftFail => "warning",
            Status::Skip => "notice",
            Status::Pass => continue,
        };
        let title = format!("{} {}: {}", verdict.policy(), rule.id, rule.status);
        let _ = writeln!(text, "::{level} title={}::{}", property(&title), data(&said(rule)));
    }
    let level = if verdict.decision() == Decision::Allow { "notice" } else { "error" };
    let title = format!("{}: policy {}", verdict.decision(), verdict.policy());
    let message = format!("{}\n{}", verdict.subject(), next(verdict, policy).join("\n"));
    let _ = writeln!(text, "::{level} title={}::{}", property(&title), data(&message));
    text
}

fn said(rule: &RuleResult) -> String {
    let rejected = rule.rejected.iter().map(|rejected| format!("entry {}: {}", rejected.index, rejected.why));
    let fix = rule.fix.iter().map(|fix| format!("to fix: {fix}"));
    std::iter::once(rule.message.clone()).chain(rejected).chain(fix).collect::<Vec<_>>().join("\n")
}

/// What follows `::`: nothing in it starts another command.
fn data(text: &str) -> String {
    output::escape(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property: nothing in it ends it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{data, property};

    #[test]
    fn what_a_statement_says_starts_no_command() {
        let hostile = "x\n::error::y\r\n::add-mask::z%0A,title=a";
        assert!(!data(hostile).contains(['\n', '\r']));
        assert!(!property(hostile).contains([':', ',', '\n']));
        assert_eq!(data("100%"), "100%25");
    }
}
