//! `custody gate`: may this digest go there? The verdict, with its reasons and what to do next.
//!
//! Everything is verified here: the server only says where to look. Exit codes are the authority: 0 is an ALLOW, 1 a DENY, 3 that it could
//! not be found out.

mod asked;
mod github;
mod input;
mod judged;
mod live;
mod markdown;
mod next;
mod packed;
mod record;
mod replay;
mod report;
mod text;
mod without;

use std::ffi::OsString;
use std::path::PathBuf;

use custody_client::ledger::{Circumstances, Gathered};
use custody_client::{Ledger, Trust};
use custody_evidence::Digest;
use custody_evidence::predicate::Name;
use custody_gate::{Given, Policy, judge};
use custody_log::{LeafIndex, TreeSize};
use tokio::time::Instant;

use super::Context;
use super::failure::{Exit, Failure, Outcome};
use super::policy::{Text, in_log};
use super::record::Sending;
use super::session;
use super::times::{self, Bound, Point, When};

use asked::Subject;
use judged::Judged;

pub(super) use live::verdicts as of_all_live;

/// Judge digests by a policy: ALLOW, DENY or INDETERMINATE, with the reason for each rule.
///
/// POLICY is a policy of the log: NAME, the newest version at the judged size, or NAME@sha256:DIGEST. A THING is a digest, an image or
/// package with its digest, or a file, which is judged by its SHA-256, or by its SHA-512 if only that is named by evidence. With
/// --environment and no THING, all that is live there is judged. What a policy may say is in docs/policy.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The policy, then what is judged; with --policy-file, all of it is judged.
    #[arg(value_name = "POLICY|THING", conflicts_with = "replay")]
    words: Vec<OsString>,
    /// Judge by the policy in this file.
    #[arg(long, value_name = "FILE")]
    policy_file: Option<PathBuf>,
    /// Where it is to go; without a THING, judge all that is live there.
    #[arg(long, value_name = "ENV")]
    environment: Option<Name>,
    /// Another value for a parameter that the policy declares; the verdict names it.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter, conflicts_with = "replay")]
    parameters: Vec<(String, String)>,
    /// Judge as of this tree size or time [default: the newest].
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at, conflicts_with = "replay")]
    at: Option<Point>,
    /// Count ages to this time [default: now; with --at, the time of the tree's last entry].
    #[arg(long, value_name = "TIME", value_parser = times::time, conflicts_with = "replay")]
    effective_time: Option<When>,
    /// Judge offline by the entries of an evidence pack. Rules that need all evidence cannot be decided by one.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["at", "replay", "without", "record"])]
    pack: Option<PathBuf>,
    /// Say what would flip without a key, identity, builder, artifact or commit, as if it were distrusted.
    #[arg(long, value_name = "THING", conflicts_with_all = ["replay", "record"])]
    without: Option<OsString>,
    /// With --without: from this entry or time on.
    #[arg(long, value_name = "TIME|index:N", value_parser = times::moment, requires = "without")]
    since: Option<Bound>,
    /// Print what the rules look at, as JSON, and judge nothing.
    #[arg(long, conflicts_with_all = ["record", "replay"])]
    show_input: bool,
    /// Sign the verdict and record it, as a SLSA verification summary. An INDETERMINATE is not recorded.
    #[arg(long, conflicts_with = "replay")]
    record: bool,
    /// What the recorded verdict says was judged [default: the policy's `resource_uri`].
    #[arg(long, value_name = "URI", requires = "record")]
    resource_uri: Option<String>,
    /// Judge again as the verdict in this entry was: 0 if the same bytes come out, 3 with the differences.
    #[arg(long, value_name = "INDEX", value_parser = index)]
    replay: Option<LeafIndex>,
    /// Exit with 0 instead of 1 and 3: the verdict is printed, and nothing is stopped by it.
    #[arg(long)]
    no_assert: bool,
    #[command(flatten)]
    sending: Sending,
}

/// Reads `NAME=VALUE`.
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn index(text: &str) -> Result<LeafIndex, String> {
    let digits = text.strip_prefix("index:").unwrap_or(text);
    digits.parse().map_err(|error| format!("{error}"))
}

/// Judges, prints, and returns how it ended.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let outcome = Box::pin(judged(&args, context)).await?;
    Ok(if args.no_assert && matches!(outcome, Outcome::No | Outcome::Unknown) {
        Outcome::Yes
    } else {
        outcome
    })
}

async fn judged(args: &Args, context: &Context) -> Result<Outcome, Failure> {
    if let Some(index) = args.replay {
        return Box::pin(replay::run(index, args, context)).await;
    }
    let (named, things) = args.words()?;
    let subjects = asked::subjects(things, context)?;
    if subjects.is_empty() && args.environment.is_none() {
        return Err(Failure::usage("missing_thing", "nothing is named that could be judged")
            .hint("name a digest or a file, or with --environment ENV judge all that is live there"));
    }
    if let Some(path) = &args.pack {
        return packed::run(path, &subjects, args, context);
    }
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let effective = args.effective_time.map(|time| time.before(context.clock));
    let circumstances = ledger.circumstances(at, effective, context.clock.now()).await?;
    let policy = args.policy(named, ledger.trust(), circumstances.at.size)?;
    let (subjects, whole) = match (&args.environment, subjects.is_empty()) {
        (Some(environment), true) => live::subjects(&mut ledger, environment, circumstances.at.size).await?,
        _ => (subjects, true),
    };
    let environment = args.environment.as_ref();
    if let (Some(environment), true) = (environment, subjects.is_empty()) {
        context.output.warn(format!("nothing runs in {environment}: nothing was judged"));
    }
    let mut gate = Gate { ledger: &mut ledger, policy: &policy, circumstances: &circumstances, environment };
    if args.show_input {
        return input::run(&mut gate, &subjects, context).await;
    }
    if let Some(thing) = &args.without {
        if !whole {
            context.output.warn("not all that runs there is known: something else may be live");
        }
        return without::run(&mut gate, &subjects, thing, args, context).await;
    }
    let mut verdicts = Vec::with_capacity(subjects.len());
    let bar = context.output.count_bar("judging", u64::try_from(subjects.len()).unwrap_or(u64::MAX));
    for subject in subjects {
        verdicts.push(gate.judge(subject, context).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let several = args.environment.is_some() && args.words.len() <= 1 || verdicts.len() != 1;
    report::print(&policy, &verdicts, several, context)?;
    if args.record {
        record::all(&policy, &verdicts, args, context).await?;
    }
    report::tell(&verdicts, context);
    context
        .output
        .note("every piece of evidence was verified here; that the server left nothing out is its claim");
    Ok(report::outcome(&verdicts, whole, context))
}

impl Args {
    /// Returns the policy that is named, if it is one of the log, and what is judged.
    fn words(&self) -> Result<(Option<&str>, &[OsString]), Failure> {
        if self.policy_file.is_some() {
            return Ok((None, &self.words));
        }
        let missing = || {
            Failure::usage("missing_policy", "no policy is named")
                .hint("name a policy of the log, `custody gate POLICY THING`, or give --policy-file FILE")
        };
        let (policy, things) = self.words.split_first().ok_or_else(missing)?;
        let named = policy.to_str().ok_or_else(missing)?;
        Ok((Some(named), things))
    }

    fn given(&self) -> Given {
        let mut given = Given::default();
        for (name, value) in &self.parameters {
            given.typed(name, value);
        }
        given
    }

    /// Reads the policy: of the log, as administrators had put it by the judged tree.
    fn policy(&self, named: Option<&str>, trust: &Trust, size: TreeSize) -> Result<Policy, Failure> {
        let Some(named) = named else { return self.policy_of_file() };
        let state = &trust.as_of(size).state;
        let (found, text) = in_log(trust, state, named).map_err(misspelt)?;
        let text = Text { called: format!("{}@{}", found.name, found.version), text };
        let policy = text.load(&self.given())?;
        if policy.name() == found.name {
            return Ok(policy);
        }
        let message = format!("the log's policy {} says that it is {}", text.called, policy.name());
        Err(Failure::usage("bad_policy", message)
            .hint("put it again under its own name: `custody policy put FILE`"))
    }

    fn policy_of_file(&self) -> Result<Policy, Failure> {
        let path = self.policy_file.as_deref().ok_or_else(|| {
            Failure::usage("missing_policy", "no policy is named").hint("give --policy-file FILE")
        })?;
        Text::of_file(path)?.load(&self.given())
    }
}

/// A gate whose policy has no such name is set up wrongly: that is no answer about the digest.
fn misspelt(failure: Failure) -> Failure {
    if failure.exit == Exit::NoRecord {
        let Failure { message, hint, .. } = failure;
        return Failure { hint, ..Failure::usage("no_such_policy", message) };
    }
    failure
}

/// What digests are judged by.
struct Gate<'a> {
    ledger: &'a mut Ledger,
    policy: &'a Policy,
    circumstances: &'a Circumstances,
    environment: Option<&'a Name>,
}

impl Gate<'_> {
    /// Judges a thing by the first of its digests that entries name; by the first of all if they name none.
    async fn judge(&mut self, subject: Subject, context: &Context) -> Result<Judged, Failure> {
        let gathered = self.gather(&subject, context).await?;
        Ok(Judged::of(subject.called, self.policy, gathered))
    }

    /// Gathers the evidence of a thing.
    async fn gather(&mut self, subject: &Subject, context: &Context) -> Result<Gathered, Failure> {
        let mut first = None;
        for digest in &subject.digests {
            let gathered = self.gather_of(digest, context).await?;
            if subject.digests.len() == 1 || asked::is_named(digest, &gathered.evidence) {
                return Ok(gathered);
            }
            first = first.or(Some(gathered));
        }
        first.ok_or_else(|| {
            let what = format!(
                "{} stands for no digest: no file here is called so, and no entry names one",
                subject.called
            );
            Failure::usage("bad_thing", what)
                .hint("name the file, or its digest as sha256:<hex>; nothing was judged")
        })
    }

    async fn gather_of(&mut self, digest: &Digest, context: &Context) -> Result<Gathered, Failure> {
        let environment = self.environment.map(ToString::to_string);
        let question = self.circumstances.question(digest.clone(), environment);
        let until = Instant::now() + context.settings.deadline();
        Ok(Box::pin(self.ledger.gather(self.policy, question, until)).await?)
    }

    /// Judges what was gathered, as it is.
    fn verdict(&self, gathered: &Gathered) -> custody_gate::Verdict {
        judge(self.policy, &gathered.evidence, &gathered.question)
    }
}
