//! Verdicts in the form that was asked for, and the exit code that follows from them.

use custody_gate::{Decision, Policy, Status};

use super::judged::Judged;
use super::{github, markdown, text};
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::junit;
use crate::cli::output::{Format, counted, escape};

/// Prints verdicts; several as one document.
pub(super) fn print(
    policy: &Policy,
    verdicts: &[Judged],
    several: bool,
    context: &Context,
) -> Result<(), Failure> {
    let output = context.output;
    match output.format() {
        Format::Text | Format::Dot | Format::Mermaid => {
            let text: Vec<String> = verdicts.iter().map(|judged| text::verdict(policy, judged)).collect();
            output.print(escape(&text.join("\n")))
        }
        Format::Json => output.print_bytes(&json(verdicts, several)),
        Format::Markdown => {
            let text: Vec<String> = verdicts.iter().map(|judged| markdown::verdict(policy, judged)).collect();
            output.print_bytes(text.join("\n").as_bytes())
        }
        Format::Junit => {
            let suites: Vec<junit::Suite> = verdicts.iter().map(suite).collect();
            output.print_bytes(junit::document(&suites).as_bytes())
        }
        Format::Github => {
            let text: String = verdicts.iter().map(|judged| github::verdict(policy, judged)).collect();
            output.print_bytes(text.as_bytes())
        }
    }
}

/// The exact bytes of a verdict on a line; several of them in a list.
fn json(verdicts: &[Judged], several: bool) -> Vec<u8> {
    let encoded: Vec<Vec<u8>> = verdicts.iter().map(|judged| judged.verdict.encode()).collect();
    let all = encoded.join(&b","[..]);
    let mut bytes = if several { [b"{\"verdicts\":[", &all[..], b"]}"].concat() } else { all };
    bytes.push(b'\n');
    bytes
}

fn suite(judged: &Judged) -> junit::Suite {
    let verdict = &judged.verdict;
    let case = |rule: &custody_gate::verdict::RuleResult| {
        let message = rule.message.clone();
        let result = match rule.status {
            Status::Pass => junit::Result::Passed,
            Status::Fail => junit::Result::Failed { message },
            Status::Error => junit::Result::Error { message },
            Status::Skip | Status::SoftFail => junit::Result::Skipped { message },
        };
        let rejected =
            rule.rejected.iter().map(|rejected| format!("entry {}: {}", rejected.index, rejected.why));
        junit::Case { name: rule.id.clone(), result, said: rejected.collect::<Vec<_>>().join("\n") }
    };
    junit::Suite {
        name: format!("custody gate {} {}", verdict.policy(), verdict.subject()),
        cases: verdict.rules().iter().map(case).collect(),
    }
}

/// Tells on stderr what no verdict says.
pub(super) fn tell(verdicts: &[Judged], context: &Context) {
    let waiting = verdicts.iter().flat_map(|judged| &judged.not_yet).max_by_key(|(_, until)| **until);
    if let Some((index, until)) = waiting {
        let count: usize = verdicts.iter().map(|judged| judged.not_yet.len()).sum();
        context.output.note(format!(
            "who submitted {} (such as {index}) is the log's word until {until}: a job's token is given out when it has ended",
            counted(count, "entry", "entries")
        ));
    }
    for judged in verdicts.iter().filter(|judged| judged.has_ended(context.clock.now())) {
        context.output.warn(format!(
            "the ALLOW of {} held until {}: it is no answer for today",
            judged.verdict.subject(),
            judged.verdict.valid_until()
        ));
    }
}

/// Returns how it ended: any DENY is a no; else anything that could not be found out is that.
pub(super) fn outcome(verdicts: &[Judged], whole: bool, context: &Context) -> Outcome {
    let now = context.clock.now();
    let any = |decision| verdicts.iter().any(|judged| judged.verdict.decision() == decision);
    if !whole {
        context.output.warn("not all that runs there is known: something else may be live");
    }
    if any(Decision::Deny) {
        Outcome::No
    } else if !whole || any(Decision::Indeterminate) || verdicts.iter().any(|judged| judged.has_ended(now)) {
        Outcome::Unknown
    } else {
        Outcome::Yes
    }
}
