//! `custody record exception`: a rule of a policy does not hold for a subject, for a while.

use std::time::Duration;

use custody_client::Patience;
use custody_client::make::custody;
use custody_evidence::Digest;
use custody_evidence::predicate::{CustodyPredicate as _, Exception, Name, UsableDigest};
use custody_gate::policy::nearest_name;
use custody_gate::{Given, Rule};
use custody_log::Timestamp;

use super::flags::{Common, Sending, When, time, unmade};
use super::send;
use super::signer::Signer;
use crate::cli::failure::{Exit, Failure, Outcome};
use crate::cli::policy::{Text, in_log};
use crate::cli::{Context, session};

/// A rule of a policy does not hold for a subject, for a while.
///
/// It counts only if the policy names its signer for exceptions, and every verdict that uses it says so. The rule `*` is every rule of the
/// policy (breakglass): for one digest, for 24 hours at most, by as many people as the policy says, and always a finding.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy.
    #[arg(long, value_name = "NAME")]
    policy: Option<Name>,
    /// The rule's id, or `*` for every rule.
    #[arg(long, value_name = "ID")]
    rule: Option<Name>,
    /// Who answers for it [default: the key that signs].
    #[arg(long, value_name = "WHO")]
    owner: Option<Name>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// When it ends; a duration such as `2d` counts from --at.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<When>,
    /// When it was given [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

/// The rule that means all of them.
const EVERY_RULE: &str = "*";
/// The longest that an exception from all rules lasts: 24 hours, in microseconds.
const BREAKGLASS_MICROS_MAX: i64 = 24 * 3_600 * 1_000_000;

/// Runs `custody record exception`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    if let Some(made) = args.common.given(Exception::TYPE, &subjects)? {
        return send::statement(&made, &args.common.sending, context).await;
    }
    let missing = |flag: &str| {
        Failure::usage("missing_flag", format!("an exception needs {flag}"))
            .hint("give it, or the whole predicate with --predicate FILE")
    };
    let policy = args.policy.ok_or_else(|| missing("--policy NAME"))?;
    let rule = args.rule.ok_or_else(|| missing("--rule ID"))?;
    let reason =
        args.reason.filter(|text| !text.trim().is_empty()).ok_or_else(|| missing("--reason TEXT"))?;
    let at = args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock));
    let until = args.until.ok_or_else(|| missing("--until TIME"))?.behind(at, context.clock);
    check_times(&rule, at, until)?;
    if !args.common.sending.dry_run {
        Box::pin(check_names(&policy, &rule, &args.common.sending, context)).await?;
    }
    let [subject] = subjects.as_slice() else {
        return Err(Failure::usage(
            "bad_subject",
            format!("an exception is for one subject, found {}", subjects.len()),
        )
        .hint("give one --subject; record an exception for each"));
    };
    // A file is known by two digests, and an exception is for one: the one that a gate judges first.
    let digest = subject.digests.first().cloned().ok_or_else(|| missing("--subject THING"))?;
    let owner = match args.owner {
        Some(owner) => owner,
        None => Signer::author("--owner", &args.common.sending, context)?,
    };
    let predicate = Exception { policy, rule, subject: usable(&digest)?, owner, reason, at, until };
    let made = custody(&predicate, &subjects).map_err(|error| unmade(&error, None))?;
    send::statement(&made, &args.common.sending, context).await
}

/// An exception that no gate would use is not made.
fn check_times(rule: &Name, at: Timestamp, until: Timestamp) -> Result<(), Failure> {
    let lasts = until.as_micros().saturating_sub(at.as_micros());
    if lasts <= 0 {
        return Err(Failure::usage(
            "bad_time",
            "--until is not later than --at: the exception would never hold",
        )
        .hint("give a later --until"));
    }
    if rule.as_str() == EVERY_RULE && lasts > BREAKGLASS_MICROS_MAX {
        return Err(Failure::usage(
            "bad_time",
            "an exception from every rule lasts 24 hours at most, and no gate would use this one",
        )
        .hint("give an earlier --until, or name one rule"));
    }
    Ok(())
}

/// An exception from a rule that the policy does not have, or from a policy that takes none, would be used by no gate. Of a log that cannot
/// be read just then nothing is known: sending says why, or the gate does.
async fn check_names(
    policy: &Name,
    rule: &Name,
    sending: &Sending,
    context: &Context,
) -> Result<(), Failure> {
    let patience = Patience { retry_for: Duration::ZERO, ..sending.delivery.patience(context) };
    let Ok(ledger) = session::open_silently(context, patience).await else { return Ok(()) };
    let state = &ledger.trust().current().state;
    let (found, text) = match in_log(ledger.trust(), state, policy.as_str()) {
        Ok(found) => found,
        Err(unknown) if unknown.exit == Exit::NoRecord => {
            let hint = unknown.hint.unwrap_or_default();
            let why = "no gate that asks for it by name uses this exception";
            context.output.warn(format!("the log has no policy {policy}, so {why}; {hint}"));
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    let called = format!("{}@{}", found.name, found.version);
    let read = Text { called: called.clone(), text }.load(&Given::default())?;
    let every = rule.as_str() == EVERY_RULE;
    let ids = || read.rules().iter().map(Rule::id);
    if !every && !ids().any(|id| id == rule.as_str()) {
        let nearest = nearest_name(rule.as_str(), ids());
        let hint = nearest.map_or_else(
            || format!("`custody policy explain {}` lists its rules", found.name),
            |nearest| {
                format!("did you mean {nearest}? `custody policy explain {}` lists its rules", found.name)
            },
        );
        return Err(
            Failure::usage("no_such_rule", format!("the policy {called} has no rule {rule}")).hint(hint)
        );
    }
    if read.takes_exceptions(every) {
        return Ok(());
    }
    let from = if every { "every rule" } else { "single rules" };
    Err(Failure::usage(
        "no_exceptions",
        format!("the policy {called} names nobody for exceptions from {from}"),
    )
    .hint("no gate would use it; administrators put a policy that names who may give exceptions"))
}

fn usable(digest: &Digest) -> Result<UsableDigest, Failure> {
    UsableDigest::try_from(digest.clone()).map_err(|error| {
        Failure::usage("bad_subject", error.to_string()).hint("name the subject by its sha256 or sha512")
    })
}
