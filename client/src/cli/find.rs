//! `custody find`: the entries that meet every condition.

use std::fmt::Write as _;

use custody_client::ledger::{At, Moment, Query};
use custody_client::{Checked, Ledger, Level};
use custody_evidence::fact::{Field, Node, Term};
use custody_log::Timestamp;
use custody_wire::limits::{FIND_LIMIT_DEFAULT, FIND_LIMIT_MAX};
use serde_json::json;

mod condition;

use super::Context;
use super::entry_view::{EntryView, predicate_name, short, signers_text};
use super::failure::{Failure, Outcome};
use super::output::escape_line;
use super::session;
use super::things::{Target, resolve};
use super::times;
use condition::condition;

/// Lists over this many entries are `logged` by default: verifying fetches every envelope.
pub(crate) const VERIFIED_BY_DEFAULT: usize = 50;

/// Find the entries that meet every condition, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Statements about this THING: a digest, or a file.
    #[arg(long, value_name = "THING")]
    subject: Vec<String>,
    /// Statements that name this commit: its hex, or REPOSITORY@HEX.
    #[arg(long)]
    commit: Vec<String>,
    /// Statements that name this repository.
    #[arg(long)]
    repo: Vec<String>,
    /// Statements that name this CI run, by URL.
    #[arg(long, value_name = "URL")]
    run: Vec<String>,
    /// Statements that name this builder.
    #[arg(long)]
    builder: Vec<String>,
    /// Entries that this key or identity signed: `key:<hex>`, or `<issuer>#<subject>`.
    #[arg(long, value_name = "KEY|IDENTITY")]
    signer: Vec<String>,
    /// Entries that this identity submitted.
    #[arg(long, value_name = "IDENTITY")]
    submitter: Vec<String>,
    /// Statements of this predicate type: its URI, or a short name such as `approval`.
    #[arg(long, value_name = "URI")]
    predicate: Vec<String>,
    /// Statements that name this package, such as `pkg:npm/axios@1.14.1`; without a version, any version.
    #[arg(long, value_name = "PURL")]
    component: Vec<String>,
    /// Statements that name this vulnerability.
    #[arg(long, value_name = "ID")]
    vulnerability: Vec<String>,
    /// Statements that name this environment.
    #[arg(long)]
    environment: Vec<String>,
    /// Statements that name this branch, tag or other mutable name.
    #[arg(long)]
    r#ref: Vec<String>,
    /// Statements that name this secret.
    #[arg(long)]
    secret: Vec<String>,
    /// What happened at or after this time (as claimed, capped by ledger time).
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    since: Option<Timestamp>,
    /// What happened before this time.
    #[arg(long, value_name = "TIME", value_parser = times::time)]
    until: Option<Timestamp>,
    /// What the ledger learned at or after this time or entry.
    #[arg(long, value_name = "TIME|index:N", value_parser = times::moment)]
    recorded_since: Option<Moment>,
    /// What the ledger learned before this time or entry.
    #[arg(long, value_name = "TIME|index:N", value_parser = times::moment)]
    recorded_until: Option<Moment>,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<At>,
    /// The most entries to list.
    #[arg(long, default_value_t = FIND_LIMIT_DEFAULT, value_parser = clap::value_parser!(u32).range(1..=i64::from(FIND_LIMIT_MAX)))]
    limit: u32,
    /// Start where the page before ended: its `next`.
    #[arg(long, value_name = "NEXT")]
    next: Option<u64>,
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
pub(crate) fn level(asked: Option<Verify>, entries: usize) -> Level {
    let logged = asked.map_or(entries > VERIFIED_BY_DEFAULT, |asked| asked == Verify::Logged);
    if logged { Level::Logged } else { Level::Verified }
}

/// Finds entries.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    let mut terms = terms(&args)?;
    let mut ledger = session::open(context).await?;
    terms.extend(subjects(&mut ledger, &args, context).await?);
    let query = Query {
        conditions: terms.iter().map(|(term, value)| (term.field().to_string(), value.clone())).collect(),
        since: args.since,
        until: args.until,
        recorded_since: args.recorded_since,
        recorded_until: args.recorded_until,
        at: args.at.unwrap_or_default(),
        limit: args.limit,
        next: args.next,
    };
    let found = ledger.find(&query).await?;
    let level = level(args.verify, found.indexes.len());
    let bar = context.output.count_bar("checking", u64::try_from(found.indexes.len()).unwrap_or(u64::MAX));
    let entries = ledger
        .entries(&found.indexes, level, &|done| bar.set_position(u64::try_from(done).unwrap_or(0)))
        .await?;
    bar.finish_and_clear();
    for entry in &entries {
        check_conditions(entry, &terms)?;
        check_times(entry, &query)?;
    }
    if context.output.is_json() {
        let entries: Vec<EntryView> = entries.iter().map(EntryView::of).collect();
        let (size, root) = (found.as_of.size.get(), found.as_of.root.to_string());
        context.output.print_json(&json!({
            "entries": entries,
            "at": { "size": size, "root": root, "reader": found.as_of.reader },
            "trust": session::trust_view(ledger.trust()),
            "complete": "claimed",
            "next": found.next,
        }))?;
    } else {
        context.output.print(table(&entries))?;
        let word = if level == Level::Verified { "verified" } else { "logged" };
        context.output.note(format!(
            "{} entries {word} here, as of tree size {}; that no other entry fits is claimed by the server",
            entries.len(),
            found.as_of.size
        ));
        if let Some(next) = found.next {
            context.output.note(format!("there are more: --next {next}"));
        }
    }
    Ok(if entries.is_empty() { Outcome::NoRecord } else { Outcome::Yes })
}

/// Reads the conditions; the second member is what the server is asked for.
fn terms(args: &Args) -> Result<Vec<(Term, String)>, Failure> {
    let fields = [
        (Field::Commit, &args.commit),
        (Field::Repository, &args.repo),
        (Field::Run, &args.run),
        (Field::Builder, &args.builder),
        (Field::Signer, &args.signer),
        (Field::Submitter, &args.submitter),
        (Field::Predicate, &args.predicate),
        (Field::Component, &args.component),
        (Field::Vulnerability, &args.vulnerability),
        (Field::Environment, &args.environment),
        (Field::Ref, &args.r#ref),
        (Field::Secret, &args.secret),
    ];
    let mut terms = Vec::new();
    for (field, values) in fields {
        for value in values {
            terms.push(condition(field, value)?);
        }
    }
    Ok(terms)
}

/// A subject may be a file, so it is resolved like any THING; what the log does not know is still searched
/// for by its digest.
async fn subjects(
    ledger: &mut Ledger,
    args: &Args,
    context: &Context,
) -> Result<Vec<(Term, String)>, Failure> {
    let mut terms = Vec::new();
    for subject in &args.subject {
        if let Ok(term) = condition(Field::Subject, subject) {
            terms.push(term);
            continue;
        }
        match resolve(ledger, subject, None, context).await? {
            Target::Node(found) => terms.push(condition(Field::Subject, found.node.id())?),
            Target::Entry(index) => {
                return Err(Failure::usage(
                    "bad_condition",
                    format!("--subject: entry {index} is no subject"),
                )
                .hint(format!("`custody show index:{index}` lists its subjects")));
            }
        }
    }
    Ok(terms)
}

/// Checks what can be checked of the server's claim that the entry meets the conditions.
fn check_conditions(entry: &Checked, terms: &[(Term, String)]) -> Result<(), Failure> {
    let record = entry.logged().record();
    let index = entry.logged().entry().index;
    for (term, sent) in terms {
        let meets = match (term.field(), entry.verified()) {
            (Field::Predicate, _) => record.predicate_type == term.value(),
            (Field::Subject, _) => record.subjects.iter().any(|subject| subject == term.value()),
            (Field::Signer, _) => {
                record.verified_identities().iter().any(|id| id.to_string() == term.value())
            }
            (Field::Submitter, _) => {
                let submitter = record
                    .submitter
                    .as_ref()
                    .map(|submitter| format!("{}#{}", submitter.issuer, submitter.token_subject));
                submitter.is_some_and(|submitter| submitter == term.value())
            }
            (_, None) => true,
            (Field::Component, Some(verified)) if sent != term.value() => {
                let nodes = verified.facts().edges.iter().flat_map(|edge| [&edge.from, &edge.to]);
                nodes.map(Node::id).any(|id| id == sent || id.starts_with(&format!("{sent}?")))
            }
            (_, Some(verified)) => verified.facts().terms().contains(term),
        };
        if !meets {
            let condition = format!("{} {sent}", term.field());
            return Err(custody_client::LedgerError::NotAsked { entry: index, condition }.into());
        }
    }
    Ok(())
}

/// Checks the bounds in time. When something happened is known of verified entries; of the others, that it was not
/// later than the ledger learned it.
fn check_times(checked: &Checked, query: &Query) -> Result<(), Failure> {
    let entry = checked.logged().entry();
    let claimed = checked.verified().map(|verified| verified.facts().happened);
    let happened = claimed.map(|claimed| claimed.map_or(entry.time, |time| time.min(entry.time)));
    let not_before = |moment| match moment {
        Moment::Index(index) => entry.index >= index,
        Moment::Time(time) => entry.time >= time,
    };
    let bounds = [
        ("since", query.since.is_none_or(|since| happened.unwrap_or(entry.time) >= since)),
        ("until", query.until.is_none_or(|until| happened.is_none_or(|happened| happened < until))),
        ("recorded-since", query.recorded_since.is_none_or(not_before)),
        ("recorded-until", query.recorded_until.is_none_or(|until| !not_before(until))),
        ("at", !matches!(query.at, At::Time(time) if entry.time > time)),
    ];
    match bounds.into_iter().find(|(_, meets)| !meets) {
        Some((bound, _)) => {
            let condition = format!("--{bound}");
            Err(custody_client::LedgerError::NotAsked { entry: entry.index, condition }.into())
        }
        None => Ok(()),
    }
}

fn table(entries: &[Checked]) -> String {
    let mut text = String::new();
    for entry in entries {
        let logged = entry.logged();
        let record = logged.record();
        let subject =
            record.subjects.first().map_or_else(String::new, |subject| escape_line(&short(subject, 19)));
        let more = record.subjects.len().saturating_sub(1);
        let more = if more == 0 { String::new() } else { format!(" +{more}") };
        let _ = writeln!(
            text,
            "{:>8}  {}  {:<8}  {}  {subject}{more}  {}",
            logged.entry().index,
            &short_time(&logged.entry().time.to_string()),
            entry.word(),
            escape_line(&predicate_name(&record.predicate_type)),
            escape_line(&signers_text(logged)),
        );
    }
    text
}

/// Returns a ledger time without its fraction.
pub(crate) fn short_time(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}
