//! `custody export`: an evidence pack, one file that an auditor checks alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use custody_client::Ledger;
use custody_client::check::{Checked, Level};
use custody_client::ledger::{At, Condition, Kept, Query};
use custody_client::pack::{
    Answer, PACK_BYTES_MAX, PACK_ENTRIES_MAX, Pack, PackError, PackedEdge, PackedEntry, missing,
};
use custody_evidence::admission::TOKEN_MEDIA_TYPE;
use custody_evidence::fact::Node;
use custody_evidence::thing::Thing;
use custody_log::LeafIndex;
use custody_wire::limits::FIND_LIMIT_MAX;
use serde_json::json;

use super::Context;
use super::failure::{Failure, Outcome};
use super::output::{counted, escape_line};
use super::session;
use super::things::{Target, resolve};

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
}

/// What goes into a pack.
struct Gathered {
    answer: Answer,
    indexes: BTreeSet<LeafIndex>,
}

/// How many entries are fetched at once: their envelopes are held until they are in the pack.
const AT_ONCE: usize = 32;

/// Writes a pack.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    refuse_prefix(&args.thing)?;
    let mut ledger = session::open(context).await?;
    let gathered = gather(&mut ledger, &args.thing, context).await?;
    if gathered.indexes.is_empty() {
        return Err(Failure::no_record(format!("no entry names {}", args.thing.display())));
    }
    let (pack, left_out) = pack(&mut ledger, gathered, context).await?;
    let bytes = pack.encode();
    std::fs::write(&args.out, &bytes)
        .map_err(|error| Failure::unwritable(format!("cannot write {}: {error}", args.out.display())))?;
    let (entries, size) = (pack.entries().len(), pack.answer().size);
    if context.output.is_json() {
        context.output.print_json(&json!({
            "file": args.out.display().to_string(), "bytes": bytes.len(), "entries": entries, "thing": pack.answer().thing,
            "at": { "size": size }, "missing": pack.answer().missing, "truncated": pack.answer().truncated,
            "complete": pack.answer().complete, "left_out": left_out,
        }))?;
    } else {
        context.output.print(format!(
            "{}  {} about {}, as of tree size {size}\n",
            escape_line(&args.out.display().to_string()),
            counted(entries, "entry", "entries"),
            escape_line(&pack.answer().thing),
        ))?;
    }
    for why in &left_out {
        context.output.note(why);
    }
    if pack.answer().truncated {
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
async fn gather(ledger: &mut Ledger, typed: &OsStr, context: &Context) -> Result<Gathered, Failure> {
    let thing = typed.to_string_lossy().into_owned();
    let nodes = match resolve(ledger, typed, None, context).await? {
        Target::Nodes(nodes) => nodes,
        Target::Entry(index) => return one_entry(ledger, thing, index).await,
    };
    let first = nodes.first().ok_or_else(|| Failure::no_record(format!("no record of {thing}")))?;
    let traced = ledger.trace(first, At::Newest, 0).await?;
    let size = traced.as_of.size;
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
    for node in &nodes {
        indexes.extend(about(ledger, node, size).await?);
    }
    Ok(Gathered { answer, indexes })
}

/// A pack of one entry proves it, and tells no chain.
async fn one_entry(ledger: &mut Ledger, thing: String, index: LeafIndex) -> Result<Gathered, Failure> {
    let entry = ledger.entry(index).await?;
    let size = ledger.checkpoint().checkpoint().size().max(entry.entry().index.size_through());
    let reader = custody_evidence::fact::READER_VERSION.to_owned();
    Ok(Gathered { answer: Answer::new(thing, &[], size, reader), indexes: BTreeSet::from([index]) })
}

/// Returns the entries that name a node, whether or not an edge says what they say of it.
async fn about(
    ledger: &mut Ledger,
    node: &Node,
    size: custody_log::TreeSize,
) -> Result<Vec<LeafIndex>, Failure> {
    let condition = Condition::about(node).map_err(|error| Failure::usage("bad_thing", error.to_string()))?;
    let mut question =
        Query { conditions: vec![condition], at: At::Size(size), limit: FIND_LIMIT_MAX, ..Query::default() };
    let mut indexes = Vec::new();
    loop {
        let found = ledger.find(&question).await?;
        indexes.extend(found.indexes);
        match found.next {
            Some(_) if indexes.len() > PACK_ENTRIES_MAX => return Err(too_many()),
            Some(next) => question.next = Some(next),
            None => return Ok(indexes),
        }
    }
}

fn too_many() -> Failure {
    Failure::usage("too_much", format!("more than {PACK_ENTRIES_MAX} entries name it: no pack holds so many"))
        .hint("export a single artifact or entry of it")
}

/// Fetches the entries, with all that they rest on, and puts the pack together. Returns what is not in it, in words, too.
async fn pack(
    ledger: &mut Ledger,
    gathered: Gathered,
    context: &Context,
) -> Result<(Pack, Vec<String>), Failure> {
    let Gathered { mut answer, mut indexes } = gathered;
    if indexes.len() > PACK_ENTRIES_MAX {
        return Err(too_many());
    }
    answer.entries = indexes.iter().map(|index| index.get()).collect();
    let (mut packed, mut left_out, mut taken) = (Vec::new(), Vec::new(), 0_u64);
    let mut held: BTreeMap<LeafIndex, Checked> = BTreeMap::new();
    let mut done = BTreeSet::new();
    let bar = context.output.count_bar("exporting", u64::try_from(indexes.len()).unwrap_or(u64::MAX));
    while let Some(some) = next_ones(&indexes, &done) {
        for checked in ledger.entries(&some, Level::Verified, &|_| {}).await? {
            let index = checked.entry().index;
            done.insert(index);
            // Those that it rests on must be there, too.
            let rests_on = checked.record().map(custody_evidence::admission::AdmissionRecord::builds);
            indexes.extend(rests_on.into_iter().flatten().filter_map(|on| LeafIndex::new(on).ok()));
            packed.push(entry(ledger, &checked, &mut left_out, &mut taken).await?);
            held.insert(index, checked);
            bar.inc(1);
        }
        if taken > PACK_BYTES_MAX {
            let found = taken;
            return Err(unpackable(&PackError::TooLarge { at: 0, name: "pack", max: PACK_BYTES_MAX, found }));
        }
    }
    bar.finish_and_clear();
    answer.missing =
        missing(&answer, &held.iter().map(|(index, checked)| (*index, checked)).collect(), ledger.trust());
    let pack = Pack::new(&answer, ledger.trust().file(), packed).map_err(|error| unpackable(&error))?;
    Ok((pack, left_out))
}

fn next_ones(indexes: &BTreeSet<LeafIndex>, done: &BTreeSet<LeafIndex>) -> Option<Vec<LeafIndex>> {
    let some: Vec<LeafIndex> = indexes.difference(done).take(AT_ONCE).copied().collect();
    (!some.is_empty()).then_some(some)
}

fn unpackable(error: &PackError) -> Failure {
    Failure::usage("too_much", format!("there is no pack of this: {error}"))
        .hint("export a single artifact or entry of it")
}

/// Makes what the pack holds of an entry.
async fn entry(
    ledger: &Ledger,
    checked: &Checked,
    left_out: &mut Vec<String>,
    taken: &mut u64,
) -> Result<PackedEntry, Failure> {
    let index = checked.entry().index;
    let receipt = match checked {
        Checked::Redacted(erased) => erased.receipt(),
        Checked::Logged(logged) => logged.receipt(),
        Checked::Verified(verified) => verified.logged().receipt(),
    };
    let mut packed = PackedEntry {
        receipt: receipt.receipt().clone(),
        record: None,
        envelope: None,
        attachments: Vec::new(),
    };
    let Some(logged) = checked.logged() else {
        left_out.push(format!("entry {index} was erased: its receipt is there, and nothing else"));
        return Ok(packed);
    };
    packed.record = Some(logged.record_bytes().to_vec());
    match checked.verified() {
        Some(verified) => packed.envelope = Some(verified.envelope().bytes().to_vec()),
        None => {
            left_out.push(format!("entry {index} rests on one that was erased: its envelope is left out"));
        }
    }
    for named in logged.record().attachments.iter().filter(|named| named.media_type == TOKEN_MEDIA_TYPE) {
        match ledger.attachment(index, named).await? {
            Kept::Bytes(bytes) if packed.envelope.is_some() => packed.attachments.push(bytes),
            Kept::Bytes(_) | Kept::Erased => left_out.push(format!("entry {index}: its token is left out")),
            Kept::NotYet(after) => {
                left_out.push(format!("entry {index}: its token is given out from {after} on, and left out"));
            }
        }
    }
    let lengths = [packed.record.as_ref(), packed.envelope.as_ref()].into_iter().flatten().map(Vec::len);
    *taken = taken.saturating_add(u64::try_from(lengths.sum::<usize>()).unwrap_or(u64::MAX));
    Ok(packed)
}
