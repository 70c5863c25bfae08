//! `custody findings`: what looks wrong, one finding a line.

use custody_client::Ledger;
use custody_client::ledger::{At, CheckedFinding, FindingsPage, FindingsQuery};
use custody_log::LeafIndex;
use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::find::short_time;
use super::output::{counted, escape_line};
use super::session;
use super::times;

/// Show what looks wrong: one finding a line, the oldest first.
///
/// Each finding names the entries that show it. They are verified here, and the rule is applied to them again. A quiet week
/// prints nothing, and exits with 0 like any other. The rules and their numbers are in docs/findings.md.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Look at what the ledger learned at or after this time or entry; it is compared with everything before [default: the whole log].
    #[arg(long, value_name = "TIME|index:N", value_parser = times::moment)]
    since: Option<times::Bound>,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
}

/// Shows findings, page by page.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut ledger = session::open(context).await?;
    let mut question = FindingsQuery {
        since: args.since.map(|bound| bound.moment(context.clock)),
        at: args.at.map(|point| point.at(context.clock)).unwrap_or_default(),
        next: None,
        about: Vec::new(),
        kinds: std::collections::BTreeSet::new(),
    };
    let (mut found, mut uncounted) = (0_usize, Vec::new());
    let size = loop {
        let page = ledger.findings(&question).await?;
        found = found.saturating_add(page.findings.len());
        uncounted.extend_from_slice(&page.uncounted);
        let (size, next) = (page.as_of.size, page.next);
        show(&mut ledger, &question, page, context).await?;
        // All pages are of one tree.
        question.at = At::Size(size);
        match next {
            Some(next) => question.next = Some(next),
            None => break size,
        }
    };
    context.output.note(format!(
        "{} as of tree size {size}; that there is no other is claimed by the server",
        counted(found, "finding", "findings")
    ));
    for index in &uncounted {
        context.output.warn(format!(
            "entry {index} says how many records there should be, and there are too many to count"
        ));
    }
    Ok(if uncounted.is_empty() { Outcome::Yes } else { Outcome::Unknown })
}

async fn show(
    ledger: &mut Ledger,
    question: &FindingsQuery,
    page: FindingsPage,
    context: &Context,
) -> Result<(), Failure> {
    let bar = context.output.count_bar("checking", u64::try_from(page.findings.len()).unwrap_or(u64::MAX));
    let tell = |done| bar.set_position(u64::try_from(done).unwrap_or(0));
    let checked = ledger.check_findings(question, page.as_of.size, page.findings, &tell).await?;
    bar.finish_and_clear();
    for finding in &checked {
        if context.output.is_json() {
            let claimed = &finding.claimed;
            context.output.print_json(&json!({
                "kind": claimed.kind.as_str(),
                "thing": claimed.thing.id(),
                "thing_kind": claimed.thing.kind().as_str(),
                "message": message(finding),
                "entries": claimed.entries.iter().map(|index| index.get()).collect::<Vec<_>>(),
                "time": finding.time.to_string(),
                "check": word(finding),
                "at": { "size": page.as_of.size.get(), "root": page.as_of.root.to_string() },
            }))?;
        } else {
            context.output.print(lines(finding))?;
        }
    }
    Ok(())
}

/// Returns how far a finding was checked.
pub(super) fn word(finding: &CheckedFinding) -> &'static str {
    if finding.shown.is_some() { "verified" } else { "claimed" }
}

/// What its entries say; of those that are erased nobody knows what they said.
fn message(finding: &CheckedFinding) -> String {
    match &finding.shown {
        Some(shown) => shown.message.clone(),
        None => "as the server claims; its entries cannot be read here".to_owned(),
    }
}

fn lines(finding: &CheckedFinding) -> String {
    let claimed = &finding.claimed;
    let entries: Vec<String> = claimed.entries.iter().map(LeafIndex::to_string).collect();
    let unchecked = if finding.shown.is_some() { "" } else { ", claimed" };
    format!(
        "{:>8}  {}  {}{unchecked}  {}\n          {}\n          shown by {}\n",
        claimed.entries.last().map_or_else(String::new, LeafIndex::to_string),
        short_time(&finding.time.to_string()),
        claimed.kind,
        escape_line(&message(finding)),
        escape_line(&claimed.thing.to_string()),
        entries.join(" "),
    )
}
