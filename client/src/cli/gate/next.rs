//! What to do next, by what came out.

use custody_gate::verdict::RuleResult;
use custody_gate::{Decision, Policy, Status, Verdict};

use crate::cli::find::short_time;

/// Returns what to do next, a line each; at least one.
pub(super) fn next(verdict: &Verdict, policy: &Policy) -> Vec<String> {
    let of = |status: Status| verdict.rules().iter().filter(move |rule| rule.status == status);
    let lines: Vec<String> = match verdict.decision() {
        Decision::Allow => {
            let until = short_time(&verdict.valid_until().to_string());
            let mut lines =
                vec![format!("let it pass by this digest; the verdict may be used again until {until}")];
            lines.extend(
                of(Status::SoftFail).map(|rule| format!("{} only warns: {}", rule.id, fix(rule, policy))),
            );
            lines
        }
        Decision::Deny => {
            of(Status::Fail).map(|rule| format!("{}: {}", rule.id, fix(rule, policy))).collect()
        }
        Decision::Indeterminate => {
            of(Status::Error).map(|rule| format!("{}: {}", rule.id, found_out(rule))).collect()
        }
    };
    let mut distinct = Vec::new();
    for line in lines {
        if !distinct.contains(&line) {
            distinct.push(line);
        }
    }
    distinct
}

/// What makes a rule hold: as the policy says, else by why it does not.
fn fix(rule: &RuleResult, policy: &Policy) -> String {
    if let Some(fix) = &rule.fix {
        return fix.clone();
    }
    if rule.is_own() {
        return if rule.message.contains("not_for_environment") {
            "ask for the environment that the policy is for, or by another policy".to_owned()
        } else {
            "ask by the policy of the repository that it was built from".to_owned()
        };
    }
    match rule.message.as_str() {
        said if said.contains("no_evidence") && rule.rejected.is_empty() => format!(
            "record what it asks for about this digest; `custody policy explain {}` says what that is",
            policy.name()
        ),
        said if said.contains("finding:") => {
            "look into the entries that show it; `custody findings` tells more".to_owned()
        }
        _ => "see above why what there is does not count, and record what does".to_owned(),
    }
}

/// What lets a rule be decided.
fn found_out(rule: &RuleResult) -> &'static str {
    const TABLE: &[(&str, &str)] = &[
        ("clock_behind", "set this machine's clock: it trails the log"),
        ("trust_expired", "ask the log's administrators to sign a next trust document"),
        (
            "checkpoint_too_old",
            "ask the log's operator why nothing is signed: it may be frozen, and newer entries hidden",
        ),
        (
            "checkpoint_not_cosigned",
            "ask the log's operator for freshness: the age of what it shows is not known",
        ),
        ("deadline_passed", "ask again, with a longer --timeout"),
        ("caller_supplied", "ask the log: what a pack leaves out nobody knows, so leave out --pack"),
        ("index_lagging", "ask again in a moment: the index is behind the log"),
        ("not_gathered", "ask again, with a longer --timeout"),
        ("capped", "ask by a policy that looks at less: there is more than one verdict is made of"),
        (
            "redacted",
            "record again what was erased, or have an exception recorded: what it said nobody knows",
        ),
        (
            "completeness_claimed",
            "have the policy say `complete: claimed`: no answer proves yet that nothing was left out",
        ),
        ("assert", "mend the policy's expression"),
    ];
    let known = TABLE.iter().find(|(word, _)| rule.message.contains(word));
    known.map_or("ask again", |(_, what)| what)
}
