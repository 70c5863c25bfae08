//! `custody find`: the entries that meet every condition.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;

use custody_client::ledger::{Condition, Query, check_any};
use custody_client::{Checked, Ledger, LedgerError, Level};
use custody_evidence::fact::Doubt;
use custody_evidence::trust::TrustState;
use custody_log::LeafIndex;
use custody_wire::limits::{FIND_LIMIT_DEFAULT, FIND_LIMIT_MAX};
use serde_json::json;

mod clean;
mod condition;
mod filter;

use super::Context;
use super::entry_view::{EntryView, binding, predicate_name, short, signers_text, word};
use super::failure::{Failure, Outcome};
use super::identity::{Token, tokens};
use super::output::{counted, escape_line};
use super::session;
use super::times;
pub(crate) use condition::package;
pub(crate) use filter::Filter;

/// Lists over this many entries are `logged` by default: verifying fetches every envelope.
pub(crate) const VERIFIED_BY_DEFAULT: usize = 50;

/// The most packages that are told one by one as not comparable; `-o json` has all.
pub(crate) const DOUBTS_SHOWN: usize = 10;

/// Find the entries that meet every condition, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// What happened at or after this time (as claimed, capped by ledger time).
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    since: Option<times::When>,
    /// What happened before this time.
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    until: Option<times::When>,
    /// What the ledger learned at or after this time or entry.
    #[arg(long, value_name = "TIME|index:N", value_parser = times::moment)]
    recorded_since: Option<times::Bound>,
    /// What the ledger learned before this time or entry.
    #[arg(long, value_name = "TIME|index:N", value_parser = times::moment)]
    recorded_until: Option<times::Bound>,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
    /// The most entries to list.
    #[arg(long, default_value_t = FIND_LIMIT_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(FIND_LIMIT_MAX)))]
    limit: u32,
    /// Start where the page before ended: its `next`.
    #[arg(long, value_name = "NEXT")]
    next: Option<u64>,
    /// Only clean artifacts, each with the newest entry about it: no finding, no distrust, and nothing that --except, --except-component
    /// and --except-signer name.
    #[arg(long)]
    clean: bool,
    /// Not what ships or was built with this package, in a version or range as for --component.
    #[arg(long, value_name = "PURL", requires = "clean")]
    except_component: Vec<String>,
    /// Not what this key or identity signed something about.
    #[arg(long, value_name = "KEY|IDENTITY", requires = "clean")]
    except_signer: Vec<String>,
    /// Not what came from this THING, as `custody impact` finds it: a commit, a tag, an image, a secret, a builder, a key.
    #[arg(long, value_name = "THING", requires = "clean")]
    except: Vec<OsString>,
    /// How far entries are checked [default: full for up to 50 entries, else logged].
    #[arg(long, value_enum, value_name = "LEVEL")]
    verify: Option<Verify>,
}

/// `--verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Verify {
    /// Inclusion and admission record.
    Logged,
    /// Signatures, statement and admission too.
    Full,
}

/// Returns the level for a list of this length.
fn level(asked: Option<Verify>, entries: usize) -> Level {
    let logged = asked.map_or(entries > VERIFIED_BY_DEFAULT, |asked| asked == Verify::Logged);
    if logged { Level::Logged } else { Level::Verified }
}

/// Checks entries as far as was asked for. Who asked for nothing gets what there is memory for, and is told.
pub(crate) async fn check(
    ledger: &mut Ledger,
    indexes: &[LeafIndex],
    asked: Option<Verify>,
    context: &Context,
) -> Result<(Vec<Checked>, Level), Failure> {
    let bar = context.output.count_bar("checking", u64::try_from(indexes.len()).unwrap_or(u64::MAX));
    let tell = |done| bar.set_position(u64::try_from(done).unwrap_or(0));
    let mut level = level(asked, indexes.len());
    let mut checked = ledger.entries(indexes, level, &tell).await;
    if let (Err(error @ LedgerError::TooMuch { .. }), Level::Verified, None) = (&checked, level, asked) {
        context.output.note(format!("{error}: they are logged here, and what they say is not checked"));
        level = Level::Logged;
        checked = ledger.entries(indexes, level, &tell).await;
    }
    bar.finish_and_clear();
    let mut checked = checked?;
    ledger.find_first_signed(&mut checked).await?;
    Ok((checked, level))
}

/// Finds entries.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    args.filter.check()?;
    clean::excepted(&args)?;
    let mut ledger = session::open(context).await?;
    let questions = questions(&mut ledger, &args, context).await?;
    if args.clean {
        return Box::pin(clean::run(&mut ledger, questions, &args, context)).await;
    }
    let found = ledger.find_any(&questions).await?;
    let (entries, level) = check(&mut ledger, &found.indexes, args.verify, context).await?;
    for entry in &entries {
        let recorded = ledger.trust().looked_up_by(entry.entry(), found.as_of.size);
        check_any(&questions, entry, recorded)?;
    }
    let doubts = doubts(&questions, &entries);
    let claimed: BTreeSet<&str> = questions.iter().flat_map(|question| question.claimed(level)).collect();
    let trust = &ledger.trust().as_of(found.as_of.size).state;
    if context.output.is_json() {
        let entries = views(&entries, trust, &tokens(&ledger, &entries).await?);
        let (size, root) = (found.as_of.size.get(), found.as_of.root.to_string());
        context.output.print_json(&json!({
            "entries": entries,
            "at": { "size": size, "root": root, "reader": found.as_of.reader },
            "trust": session::trust_view(ledger.trust()),
            "complete": "claimed",
            "conditions_claimed": claimed,
            "not_comparable": doubts.iter().map(|(entry, Doubt { package, why })| {
                json!({ "entry": entry.get(), "component": package, "why": why.to_string() })
            }).collect::<Vec<_>>(),
            "next": found.next,
        }))?;
    } else {
        if let (true, Some(below)) = (entries.is_empty(), found.next) {
            return Err(LedgerError::Unsearched { below }.into());
        }
        context.output.print(table(&entries, trust))?;
        for (entry, Doubt { package, why }) in doubts.iter().take(DOUBTS_SHOWN) {
            let package = escape_line(package);
            context
                .output
                .note(format!("entry {entry} is listed for {package}, which may be in the range: {why}"));
        }
        if let Some(more @ 1..) = doubts.len().checked_sub(DOUBTS_SHOWN) {
            context.output.note(format!("{more} more may be in the range: -o json lists all"));
        }
        let word = if level == Level::Verified { "verified" } else { "logged" };
        // The server claims nothing about what it did not search.
        let rest = found.next.map_or_else(
            || "that no other entry fits is claimed by the server".to_owned(),
            |next| format!("that no other one from {next} on fits is claimed by the server"),
        );
        context.output.note(format!(
            "{} {word} here, as of tree size {}; {rest}",
            counted(entries.len(), "entry", "entries"),
            found.as_of.size
        ));
        if !claimed.is_empty() && !entries.is_empty() {
            let list: Vec<String> = claimed.iter().map(|word| format!("--{word}")).collect();
            context.output.note(format!(
                "that they meet {} is claimed by the server too: --verify full checks it",
                list.join(" and ")
            ));
        }
        if let Some(next) = found.next {
            context.output.note(format!("there may be more below {next}: --next {next}"));
        }
    }
    Ok(match (entries.is_empty(), found.next) {
        (false, _) => Outcome::Yes,
        (true, None) => Outcome::NoRecord,
        // What was not searched may hold one.
        (true, Some(_)) => Outcome::Unknown,
    })
}

/// Returns what is printed of entries, with what there is of the tokens of some of them.
fn views(entries: &[Checked], trust: &TrustState, tokens: &BTreeMap<LeafIndex, Token>) -> Vec<EntryView> {
    let token = |entry: &Checked| tokens.get(&entry.entry().index).copied().unwrap_or(Token::NotAsked);
    entries.iter().map(|entry| EntryView::of(entry, trust, token(entry))).collect()
}

/// Returns the packages for which entries are listed though it cannot be said that they are in the range.
fn doubts(questions: &[Query], entries: &[Checked]) -> Vec<(LeafIndex, Doubt)> {
    // Every question asks for the same packages.
    let conditions = questions.first().map(|question| question.conditions.as_slice()).unwrap_or_default();
    let of = |entry: &Checked, condition: &Condition| {
        let index = entry.entry().index;
        condition.doubts(entry).into_iter().map(move |doubt| (index, doubt)).collect::<Vec<_>>()
    };
    entries
        .iter()
        .flat_map(|entry| conditions.iter().flat_map(move |condition| of(entry, condition)))
        .collect()
}

/// Returns the questions whose answers together are asked for.
async fn questions(ledger: &mut Ledger, args: &Args, context: &Context) -> Result<Vec<Query>, Failure> {
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let ways = args.filter.ways(ledger, at, context).await?;
    let question = |conditions| Query {
        conditions,
        since: args.since.map(|when| when.before(context.clock)),
        until: args.until.map(|when| when.before(context.clock)),
        recorded_since: args.recorded_since.map(|bound| bound.moment(context.clock)),
        recorded_until: args.recorded_until.map(|bound| bound.moment(context.clock)),
        at,
        limit: args.limit,
        next: args.next,
    };
    Ok(ways.into_iter().map(question).collect())
}

pub(crate) fn table(entries: &[Checked], trust: &TrustState) -> String {
    let mut text = String::new();
    for entry in entries {
        let Some(logged) = entry.logged() else {
            text += &redacted_line(entry);
            continue;
        };
        let record = logged.record();
        let subject =
            record.subjects.first().map_or_else(String::new, |subject| escape_line(&short(subject, 19)));
        let more = record.subjects.len().saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(" +{more}") };
        let _ = writeln!(
            text,
            "{:>8}  {}  {:<10}  {}  {subject}{more}  {}{}",
            logged.entry().index,
            &short_time(&logged.entry().time.to_string()),
            word(entry, trust),
            escape_line(&predicate_name(&record.predicate_type)),
            escape_line(&signers_text(logged)),
            record.binding.map(|found| format!("  {}", binding(found))).unwrap_or_default(),
        );
    }
    text
}

/// An entry of which nothing else is left.
fn redacted_line(entry: &Checked) -> String {
    let time = short_time(&entry.entry().time.to_string());
    let by = entry.redacted().map_or_else(String::new, |said| {
        format!("by entry {}: {}", said.by, escape_line(&said.redaction.reason))
    });
    format!("{:>8}  {time}  {:<10}  {by}\n", entry.entry().index, entry.word())
}

/// Returns a ledger time without its fraction.
pub(crate) fn short_time(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}
