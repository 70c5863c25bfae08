//! A verdict for people, at 80 columns: the decision first, then each rule, then what to do next.

use std::fmt::Write as _;

use custody_gate::verdict::RuleResult;
use custody_gate::{Policy, Status, Verdict, explain};

use super::judged::Judged;
use super::next::next;
use crate::cli::entry_view::short;
use crate::cli::find::short_time;

/// How wide a line is at most, where words allow.
const COLUMNS: usize = 80;
/// How far what is said of a rule is set in.
const INDENT: usize = 12;
/// The most candidates that are shown of a rule; `-o json` has all.
const SHOWN_MAX: usize = 4;

/// Returns what people read.
pub(super) fn verdict(policy: &Policy, judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let mut text = head(verdict, policy, &judged.called);
    for rule in verdict.rules() {
        text.push_str(&of_rule(rule, policy));
    }
    for exception in verdict.exceptions() {
        let said = format!(
            "excepted from {} by entry {} of {} until {}, owner {}: {}",
            exception.rule,
            exception.index,
            exception.signer,
            short_time(&exception.until.to_string()),
            exception.owner,
            exception.reason
        );
        text.push_str(&wrapped("  ", "    ", &said));
    }
    for line in next(verdict, policy) {
        text.push_str(&wrapped("next: ", "      ", &line));
    }
    text
}

fn head(verdict: &Verdict, policy: &Policy, called: &str) -> String {
    let mut text = format!("{}  {}\n", verdict.decision(), verdict.subject());
    if !called.is_empty() && called != verdict.subject() {
        text.push_str(&wrapped("  ", "  ", called));
    }
    let place = verdict.environment().map_or_else(String::new, |name| format!(" for {name}"));
    let (name, version) = (verdict.policy(), policy.version());
    let digest = short(verdict.policy_digest(), 19);
    let _ = writeln!(text, "  policy {name} version {version} ({digest}){place}");
    if !verdict.given().is_empty() {
        let names: Vec<&str> = verdict.given().iter().map(String::as_str).collect();
        let said = format!("with other values than the policy's own for {}", names.join(", "));
        text.push_str(&wrapped("  ", "  ", &said));
    }
    let _ = writeln!(
        text,
        "  as of tree size {}, {}; holds until {}",
        verdict.size(),
        short_time(&verdict.evaluated_at().to_string()),
        short_time(&verdict.valid_until().to_string())
    );
    text.push('\n');
    text
}

fn of_rule(rule: &RuleResult, policy: &Policy) -> String {
    let title = policy.rules().iter().find(|known| known.id() == rule.id).and_then(|known| known.title());
    let said = match title {
        Some(title) => format!("{}: {title}", rule.id),
        None => rule.id.clone(),
    };
    let first = format!("  {:<9} ", rule.status.as_str());
    let inner = " ".repeat(INDENT);
    let mut text = wrapped(&first, &inner, &said);
    if rule.status.as_str() != "PASS" {
        text.push_str(&wrapped(&inner, &inner, &rule.message));
    }
    let under = format!("{inner}  ");
    for counted in rule.evidence.iter().take(SHOWN_MAX) {
        let line = format!(
            "entry {} of {}, {}",
            counted.index,
            short_signer(&counted.signer),
            short_time(&counted.time.to_string())
        );
        text.push_str(&wrapped(&inner, &under, &line));
    }
    text.push_str(&more(rule.evidence.len(), &inner, "count"));
    for rejected in rule.rejected.iter().take(SHOWN_MAX) {
        let line = format!("entry {} does not count: {}", rejected.index, rejected.why);
        text.push_str(&wrapped(&inner, &under, &line));
    }
    text.push_str(&more(rule.rejected.len(), &inner, "do not count"));
    text.push_str(&looked_for(rule, policy, &inner));
    text
}

/// Where a rule looked that found nothing at all: whoever recorded something knows then that it is not there.
fn looked_for(rule: &RuleResult, policy: &Policy, inner: &str) -> String {
    if rule.status == Status::Pass || !(rule.evidence.is_empty() && rule.rejected.is_empty()) {
        return String::new();
    }
    let explained = explain::rules(policy).into_iter().find(|known| known.id == rule.id);
    explained.filter(|_| rule.message.contains("no_evidence")).map_or_else(String::new, |known| {
        let looks = known.looks_at.join("; ");
        wrapped(inner, inner, &format!("looked for {looks}: the log has none at this size"))
    })
}

fn more(found: usize, inner: &str, what: &str) -> String {
    match found.checked_sub(SHOWN_MAX) {
        Some(more @ 1..) => format!("{inner}and {more} more {what}: -o json lists all\n"),
        _ => String::new(),
    }
}

/// A key by its beginning; an identity as it is.
fn short_signer(signer: &str) -> String {
    match signer.strip_prefix("key:") {
        Some(hex) => format!("key:{}..", hex.chars().take(12).collect::<String>()),
        None => signer.to_owned(),
    }
}

/// Breaks a line between words. A word that is longer than a line, such as a digest, stays whole: it is copied.
pub(super) fn wrapped(first: &str, inner: &str, text: &str) -> String {
    let mut lines = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        let length = line.chars().count() + usize::from(!empty) + word.chars().count();
        if !empty && length > COLUMNS {
            let _ = writeln!(lines, "{line}");
            inner.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(lines, "{}", line.trim_end());
    lines
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_break_between_words_and_a_digest_stays_whole() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let text =
            wrapped("next: ", "      ", &format!("{} {digest} {}", "word ".repeat(20), "word ".repeat(3)));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.lines().any(|line| line.contains(&digest)), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("      ")), "{text}");
        assert_eq!(wrapped("  ", "  ", &"b".repeat(100)).lines().count(), 1);
    }
}
