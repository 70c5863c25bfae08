//! `custody watch`: new entries that meet every condition, as they are recorded.

use std::time::Duration;

use custody_client::ledger::{Query, Watched, check_any};
use custody_client::{Checked, Ledger};
use custody_log::LeafIndex;
use serde_json::Value;

use super::Context;
use super::entry_view::EntryView;
use super::failure::{Exit, Failure, Outcome};
use super::find::{self, Filter, Verify};
use super::identity::Token;
use super::session;

/// Follow new entries that meet every condition, in the order of the log.
///
/// Each entry is printed once it is checked. With `-o json` each is one line, as `find` prints it, with a `cursor`: `--cursor` goes on behind it,
/// however long after, without a gap and without a repeat. A server that is away is waited for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// Begin at this entry: the `cursor` of the last one that was seen [default: what is recorded from now on].
    #[arg(long, value_name = "INDEX")]
    cursor: Option<LeafIndex>,
    /// End after so many entries.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// How far entries are checked.
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Verify::Full)]
    verify: Verify,
}

/// How long a watch that has seen everything waits: a second, which costs a server one small answer.
const PAUSE: Duration = Duration::from_secs(1);

/// How many entries are checked, and then printed, at once.
const AT_ONCE: usize = 32;

/// Watches until it has enough, nobody reads any more, or the log is not to be believed.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    args.filter.check()?;
    let mut ledger = session::open(context).await?;
    let ways = args.filter.ways_to_come(&mut ledger, context).await?;
    let newest = ledger.checkpoint().checkpoint().size().next_index();
    let mut cursor = args.cursor.unwrap_or(newest);
    context.output.note(format!("watching from entry {cursor} on; --cursor {cursor} begins here again"));
    let questions: Vec<Query> =
        ways.iter().map(|conditions| Query { conditions: conditions.clone(), ..Query::default() }).collect();
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut away = false;
    loop {
        let stepped = match ledger.watch(&ways, cursor).await {
            Ok(Some(watched)) => {
                let mut told = Told { context, questions: &questions, cursor: &mut cursor, left: &mut left };
                told.show(&mut ledger, &watched, args.verify).await
            }
            Ok(None) => Ok(Next::Wait),
            Err(error) => Err(error.into()),
        };
        match stepped {
            Ok(Next::End) => return Ok(Outcome::Yes),
            Ok(Next::GoOn) => away = false,
            Ok(Next::Wait) => {
                away = false;
                tokio::time::sleep(PAUSE).await;
            }
            // It could not be found out: that may pass. The cursor is where it was.
            Err(failure) if failure.exit == Exit::Unknown => {
                if !away {
                    context.output.note(format!("{}; trying again from entry {cursor} on", failure.message));
                }
                away = true;
                tokio::time::sleep(PAUSE).await;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// What comes after a step.
enum Next {
    /// Enough was printed, or nobody reads it.
    End,
    /// There is more already.
    GoOn,
    /// All was seen.
    Wait,
}

/// What a watch has told so far.
struct Told<'a> {
    context: &'a Context,
    questions: &'a [Query],
    cursor: &'a mut LeafIndex,
    left: &'a mut u64,
}

impl Told<'_> {
    /// Checks and prints what a step found. The cursor goes behind each entry that was printed, so that one which could not be
    /// checked is next again.
    async fn show(
        &mut self,
        ledger: &mut Ledger,
        watched: &Watched,
        verify: Verify,
    ) -> Result<Next, Failure> {
        for some in watched.indexes.chunks(AT_ONCE) {
            let checked = find::check(ledger, some, Some(verify), self.context).await;
            let ends = match checked {
                Ok((entries, _)) => self.print(ledger, watched, &entries)?,
                // Each of them has room alone.
                Err(failure) if failure.code == "too_much" && some.len() > 1 => {
                    let mut ends = false;
                    for one in some {
                        let (entries, _) =
                            find::check(ledger, std::slice::from_ref(one), Some(verify), self.context)
                                .await?;
                        ends = ends || self.print(ledger, watched, &entries)?;
                    }
                    ends
                }
                Err(failure) => return Err(failure),
            };
            if ends {
                return Ok(Next::End);
            }
        }
        *self.cursor = watched.cursor;
        Ok(if watched.more { Next::GoOn } else { Next::Wait })
    }

    /// Prints entries; true when that was enough.
    fn print(&mut self, ledger: &Ledger, watched: &Watched, entries: &[Checked]) -> Result<bool, Failure> {
        let state = &ledger.trust().as_of(watched.as_of.size).state;
        for entry in entries {
            let recorded = ledger.trust().looked_up_by(entry.entry(), watched.as_of.size);
            check_any(self.questions, entry, recorded)?;
            let index = entry.entry().index;
            let next = LeafIndex::new(index.get().saturating_add(1)).unwrap_or(index);
            let output = self.context.output;
            let read = if output.is_json() {
                output.print_line(&line(&EntryView::of(entry, state, Token::NotAsked), next)?)?
            } else {
                output.print_text(&find::table(std::slice::from_ref(entry), state))?
            };
            *self.cursor = next;
            *self.left = self.left.saturating_sub(1);
            if !read || *self.left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn line(view: &EntryView, cursor: LeafIndex) -> Result<Value, Failure> {
    let mut line = serde_json::to_value(view)
        .map_err(|error| Failure::unknown("output", format!("cannot write the result as JSON: {error}")))?;
    if let Some(members) = line.as_object_mut() {
        members.insert("cursor".to_owned(), cursor.get().into());
    }
    Ok(line)
}
