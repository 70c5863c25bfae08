//! `custody record snapshot`: all that runs in an environment at a time.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use custody_client::make::{Seen, Subject, snapshot};
use custody_client::pods;
use custody_evidence::predicate::{CustodyPredicate as _, Name, Snapshot};

use super::flags::{Common, When, thing, time, unmade};
use super::send;
use crate::cli::Context;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::file;
use crate::cli::output::{counted, escape_line};

/// All that runs in an environment at a time. The subjects are what runs, so `--subject` says that something runs, too;
/// where nothing runs, the subject is the environment.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where, such as `prod` or `prod/eu-1`.
    #[arg(long, value_name = "NAME")]
    environment: Option<Name>,
    /// What runs: anything that `--subject` takes, with `,workload=NAME` and `,count=N` behind it if they are known. Can be
    /// given several times.
    #[arg(long = "running", value_name = "THING", value_parser = running)]
    running: Vec<Given>,
    /// Pods of a Kubernetes cluster, as `kubectl get pods --all-namespaces --output json` prints them; `-` is standard
    /// input.
    #[arg(long, value_name = "FILE")]
    pods: Option<PathBuf>,
    /// Records also when it is not known of some pods what they run. The statement says how many.
    #[arg(long, requires = "pods")]
    partial: bool,
    /// Nothing runs there.
    #[arg(long, conflicts_with_all = ["running", "pods", "subjects"])]
    empty: bool,
    /// When it was looked at [default: now]. A step that may run again gives it, so that it records the same content.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<When>,
    #[command(flatten)]
    common: Common,
}

/// `--running`.
#[derive(Debug, Clone)]
struct Given {
    thing: String,
    workload: Option<Name>,
    count: Option<NonZeroU32>,
}

/// Runs `custody record snapshot`.
pub(super) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let subjects = args.common.subjects(&[], context)?;
    let made = match (args.common.given(Snapshot::TYPE, &subjects)?, &args.environment) {
        (Some(made), _) => made,
        (None, None) => {
            return Err(Failure::usage("missing_flag", "a snapshot needs --environment NAME")
                .hint("give --environment, or the whole predicate with --predicate FILE"));
        }
        (None, Some(environment)) => {
            let (seen, unknown) = seen(&args, subjects, context)?;
            let at = args.at.map_or_else(|| context.clock.now(), |at| at.before(context.clock));
            snapshot(environment.clone(), at, &seen, unknown).map_err(|error| unmade(&error, None))?
        }
    };
    send::statement(&made, &args.common.sending, context).await
}

/// What runs, and how many more things do of which it is not known what they are.
type Found = (Vec<Seen>, Option<NonZeroU32>);

/// Returns what runs. That nothing does must be said: a forgotten flag is no empty environment.
fn seen(args: &Args, subjects: Vec<Subject>, context: &Context) -> Result<Found, Failure> {
    let mut seen: Vec<Seen> =
        subjects.into_iter().map(|subject| Seen { subject, workload: None, count: None }).collect();
    for given in &args.running {
        let subject = thing("--running", given.thing.as_ref(), context)?;
        seen.push(Seen { subject, workload: given.workload.clone(), count: given.count });
    }
    let mut unknown = None;
    if let Some(path) = &args.pods {
        let (containers, more) = of_pods(path, args.partial, context)?;
        seen.extend(containers);
        unknown = more;
    } else if seen.is_empty() && !args.empty {
        return Err(Failure::usage("missing_flag", "nothing says what runs")
            .hint("give --running THING or --pods FILE; --empty if nothing runs there"));
    }
    Ok((seen, unknown))
}

fn of_pods(path: &Path, partial: bool, context: &Context) -> Result<Found, Failure> {
    let bytes = file::read(path, pods::FILE_MAX)?;
    let pods = pods::read(&bytes).map_err(|error| {
        Failure::usage("not_pods", format!("{}: {error}", path.display()))
            .hint("kubectl get pods --all-namespaces --output json prints them")
    })?;
    let place = path.display();
    for unknown in &pods.unknown {
        context.output.warn(format!("{place}: not known what runs: {}", escape_line(unknown)));
    }
    let containers = counted(pods.containers.len(), "container", "containers");
    let unknown = counted(pods.unknown.len(), "container or pod", "containers or pods");
    if pods.containers.is_empty() && !pods.unknown.is_empty() {
        return Err(Failure::usage(
            "nothing_known",
            format!("{place}: expected containers that run, found {unknown} of which nobody knows what runs"),
        )
        .hint("an empty snapshot would say that nothing runs: take it again when the nodes have reported"));
    }
    if !pods.unknown.is_empty() && !partial {
        return Err(not_whole(&place.to_string(), &pods.unknown));
    }
    context.output.note(if pods.unknown.is_empty() {
        format!("{place}: {containers}")
    } else {
        format!("{place}: {containers}, without {unknown} of which nobody knows what runs")
    });
    let seen = pods.containers.into_iter().map(|container| {
        let workload = container.workload.parse().map_err(|error| {
            Failure::usage("bad_name", format!("{place}: {error}")).hint("correct the name of the workload")
        })?;
        let subject = Subject { name: container.image, digests: vec![container.digest] };
        Ok(Seen { subject, workload: Some(workload), count: Some(NonZeroU32::MIN) })
    });
    let more = u32::try_from(pods.unknown.len()).unwrap_or(u32::MAX);
    Ok((seen.collect::<Result<_, Failure>>()?, NonZeroU32::new(more)))
}

/// The most of what is not known that the refusal names; a warning names each.
const NAMED_MAX: usize = 3;

/// A snapshot says what all runs, and what it leaves out would look as if it did not run.
fn not_whole(place: &str, unknown: &[String]) -> Failure {
    let named = unknown.iter().take(NAMED_MAX).map(|line| escape_line(line));
    let more = unknown.len().saturating_sub(NAMED_MAX);
    let more = (more > 0).then(|| format!("{more} more"));
    let named = named.chain(more).collect::<Vec<_>>().join("; ");
    let found = counted(unknown.len(), "container or pod", "containers or pods");
    Failure::usage(
        "not_whole",
        format!("{place}: expected all that runs, found {found} of which nobody knows what runs: {named}"),
    )
    .hint("take it again when the nodes have reported, or give --partial: the statement says then how many are not known")
}

/// `ghcr.io/acme/api@sha256:<hex>,workload=shop/api,count=3`.
fn running(text: &str) -> Result<Given, String> {
    let mut given = Given { thing: text.to_owned(), workload: None, count: None };
    while let Some((thing, last)) = given.thing.rsplit_once(',') {
        if let Some(name) = last.strip_prefix("workload=") {
            given.workload = Some(name.parse().map_err(|error| format!("workload: {error}"))?);
        } else if let Some(count) = last.strip_prefix("count=") {
            let count =
                count.parse().map_err(|_| format!("expected count=1 or more, found count={count}"))?;
            given.count = Some(count);
        } else {
            // A file may have a comma in its name.
            break;
        }
        given.thing = thing.to_owned();
    }
    Ok(given)
}
