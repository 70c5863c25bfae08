//! `custody export`: an evidence pack, one file that an auditor checks alone.

mod packing;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use custody_client::Ledger;
use custody_client::ledger::{About, At, Condition, Query};
use custody_client::pack::{Answer, PACK_ENTRIES_MAX, PackedEdge};
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Field, Node, Term};
use custody_evidence::predicate::{CustodyPredicate as _, Deployment};
use custody_evidence::thing::Thing;
use custody_log::{LeafIndex, TreeSize};
use custody_wire::limits::{EVIDENCE_LIMIT_MAX, FIND_LIMIT_MAX};
use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::output::{counted, escape_line};
use super::session;
use super::things::{Target, resolve};
use super::times;
use packing::Packed;

/// Write an evidence pack about a THING: its chain of custody, every entry with its proof, envelope and admission record, and the
/// log's administrative entries.
///
/// `custody verify FILE` checks it without a network, with nothing but the log's pin.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A whole digest, an entry (`index:N`), a commit, purl, image with digest, run URL, key id, or a file.
    thing: OsString,
    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Answer as of this tree size or time.
    #[arg(long, value_name = "SIZE|TIME", value_parser = times::at)]
    at: Option<times::Point>,
}

/// What goes into a pack.
struct Gathered {
    answer: Answer,
    indexes: BTreeSet<LeafIndex>,
    /// What the pack lacks of what is said about the thing.
    left_out: Vec<String>,
}

/// Writes a pack.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    refuse_prefix(&args.thing)?;
    let mut ledger = session::open(context).await?;
    let at = args.at.map(|point| point.at(context.clock)).unwrap_or_default();
    let gathered = gather(&mut ledger, &args.thing, at, context).await?;
    if gathered.indexes.is_empty() {
        let (thing, size) = (args.thing.display(), gathered.answer.size);
        return Err(Failure::no_record(format!("no entry names {thing} at tree size {size}")));
    }
    let Packed { answer, entries, bytes, left_out } =
        packing::write(&mut ledger, gathered, &args.out, context).await?;
    let size = answer.size;
    if context.output.is_json() {
        context.output.print_json(&json!({
            "file": args.out.display().to_string(), "bytes": bytes, "entries": entries, "thing": answer.thing,
            "at": { "size": size }, "missing": answer.missing, "truncated": answer.truncated,
            "complete": answer.complete, "left_out": left_out,
        }))?;
    } else {
        context.output.print(format!(
            "{}  {} about {}, as of tree size {size}\n",
            escape_line(&args.out.display().to_string()),
            counted(entries, "entry", "entries"),
            escape_line(&answer.thing),
        ))?;
    }
    for why in &left_out {
        context.output.note(why);
    }
    if answer.truncated {
        context.output.warn("the chain is larger than one answer: edges are missing in it");
    }
    context.output.note(
        "that nothing was left out is claimed by the server; `custody verify` checks the rest without it",
    );
    Ok(Outcome::Yes)
}

/// The pack decides what somebody else sees: what was meant must be plain.
fn refuse_prefix(typed: &OsStr) -> Result<(), Failure> {
    let parsed = typed.to_str().map(Thing::parse);
    match parsed {
        Some(Ok(Thing::Prefix(prefix)))
            if prefix.commit().is_none() && !std::path::Path::new(typed).exists() =>
        {
            Err(Failure::usage("bad_thing", format!("{} is the start of a digest", typed.display()))
                .hint("give the whole digest, such as sha256:<64 digits>; `custody show` resolves a prefix"))
        }
        _ => Ok(()),
    }
}

/// Asks for the chain of custody, and for what is said about the thing beside it.
async fn gather(ledger: &mut Ledger, typed: &OsStr, at: At, context: &Context) -> Result<Gathered, Failure> {
    let thing = typed.to_string_lossy().into_owned();
    let nodes = match resolve(ledger, typed, at, context).await? {
        Target::Nodes(nodes) => nodes,
        Target::Entry(index) => return one_entry(ledger, thing, index, at).await,
    };
    let first = nodes.first().ok_or_else(|| Failure::no_record(format!("no record of {thing}")))?;
    let traced = ledger.trace(first, at, 0).await?;
    let size = traced.as_of.size;
    if size == TreeSize::ZERO {
        return Err(Failure::no_record(format!("no record of {thing}: the log was empty then")));
    }
    let mut answer = Answer::new(thing, &nodes, size, traced.as_of.reader.clone());
    let mut indexes = BTreeSet::new();
    let mut edges: BTreeMap<PackedEdge, bool> = BTreeMap::new();
    let mut chains = vec![traced];
    for node in nodes.iter().skip(1) {
        chains.push(ledger.trace(node, At::Size(size), 0).await?);
    }
    for chain in chains {
        answer.truncated |= chain.truncated;
        indexes.extend(chain.redacted);
        for traced in chain.edges {
            indexes.insert(traced.entry);
            // What one answer knows to be contradicted is, also where another does not see by what.
            let edge = PackedEdge::of(&traced.edge, traced.entry, false);
            *edges.entry(edge).or_default() |= traced.conflict;
        }
    }
    answer.edges = edges.into_iter().map(|(edge, conflict)| PackedEdge { conflict, ..edge }).collect();
    let mut left_out = Vec::new();
    for node in &nodes {
        if let Some(all) = about(ledger, node, size).await? {
            indexes.extend(all);
        } else {
            indexes.extend(beside_snapshots(ledger, node, size).await?);
            left_out.push(format!("{node}: of the snapshots that saw it the newest are there"));
        }
    }
    Ok(Gathered { answer, indexes, left_out })
}

/// A pack of one entry proves it, and tells no chain.
async fn one_entry(
    ledger: &mut Ledger,
    thing: String,
    index: LeafIndex,
    at: At,
) -> Result<Gathered, Failure> {
    let size = match at {
        At::Newest => {
            ledger.entry(index).await?;
            ledger.checkpoint().checkpoint().size().max(index.size_through())
        }
        At::Size(_) | At::Time(_) => tree(ledger, at).await?,
    };
    if !size.contains(index) {
        return Err(Failure::no_record(format!("entry {index} is not in the tree of size {size}"))
            .hint("without --at the pack is of the newest tree"));
    }
    let reader = custody_evidence::fact::READER_VERSION.to_owned();
    let (answer, indexes) = (Answer::new(thing, &[], size, reader), BTreeSet::from([index]));
    Ok(Gathered { answer, indexes, left_out: Vec::new() })
}

/// Returns the size of the tree of a time. Whatever is asked for, the answer says of which tree it is.
async fn tree(ledger: &mut Ledger, at: At) -> Result<TreeSize, Failure> {
    let any = Term::parse(Field::Predicate, Deployment::TYPE).map(Condition::from);
    let any = any.map_err(|error| Failure::usage("bad_thing", error.to_string()))?;
    let question = Query { conditions: vec![any], at, limit: 1, ..Query::default() };
    Ok(ledger.find(&question).await?.as_of.size)
}

/// Returns the entries that name a node, whether or not an edge says what they say of it; none if no pack holds so many.
async fn about(ledger: &mut Ledger, node: &Node, size: TreeSize) -> Result<Option<Vec<LeafIndex>>, Failure> {
    let condition = Condition::about(node).map_err(|error| Failure::usage("bad_thing", error.to_string()))?;
    let mut question =
        Query { conditions: vec![condition], at: At::Size(size), limit: FIND_LIMIT_MAX, ..Query::default() };
    let mut indexes = Vec::new();
    loop {
        let found = ledger.find(&question).await?;
        indexes.extend(found.indexes);
        match found.next {
            Some(_) if indexes.len() > PACK_ENTRIES_MAX => return Ok(None),
            Some(next) => question.next = Some(next),
            None => return Ok(Some(indexes)),
        }
    }
}

/// Returns the entries about an artifact that are more than a record of where it runs: what runs for weeks is in thousands of snapshots.
async fn beside_snapshots(
    ledger: &mut Ledger,
    node: &Node,
    size: TreeSize,
) -> Result<Vec<LeafIndex>, Failure> {
    let digest = node.id().parse::<Digest>().map_err(|_| too_many())?;
    let about = ledger.about(&[digest], EVIDENCE_LIMIT_MAX, At::Size(size)).await?;
    match about.into_iter().next() {
        Some(About { indexes, more: false }) => Ok(indexes),
        Some(About { more: true, .. }) | None => Err(too_many()),
    }
}

fn too_many() -> Failure {
    Failure::usage("too_much", format!("more than {PACK_ENTRIES_MAX} entries name it: no pack holds so many"))
        .hint("export a single artifact or entry of it")
}
