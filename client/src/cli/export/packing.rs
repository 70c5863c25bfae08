//! Fetches the entries of a pack, and writes it: entries to a file beside it as they come, and all of it at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use custody_client::Ledger;
use custody_client::check::{Checked, Level};
use custody_client::ledger::Kept;
use custody_client::pack::{Answer, Making, MakingError, PACK_ENTRIES_MAX, PackedEntry, evidence, missing};
use custody_evidence::admission::{AdmissionRecord, TOKEN_MEDIA_TYPE};
use custody_evidence::fact::Edge;
use custody_log::{LeafIndex, TreeSize};

use super::{Gathered, too_many};
use crate::cli::Context;
use crate::cli::failure::Failure;

/// How many entries are fetched at once: their envelopes are held until they are written, 256 MiB of them at most.
const AT_ONCE: usize = 32;

/// A pack that was written.
pub(super) struct Packed {
    pub(super) answer: Answer,
    pub(super) entries: usize,
    pub(super) bytes: u64,
    /// What is not in it, in words.
    pub(super) left_out: Vec<String>,
}

/// Fetches the entries, with all that they rest on, and writes the pack.
pub(super) async fn write(
    ledger: &mut Ledger,
    gathered: Gathered,
    out: &Path,
    context: &Context,
) -> Result<Packed, Failure> {
    let Gathered { mut answer, mut indexes, mut left_out } = gathered;
    if indexes.len() > PACK_ENTRIES_MAX {
        return Err(too_many());
    }
    answer.entries = indexes.iter().map(|index| index.get()).collect();
    let edges = edges(&answer);
    let size = answer.tree_size().unwrap_or(TreeSize::ZERO);
    let unwritten = |error| unwritten(out, error);
    let mut making = Making::new(beside(out).map_err(|error| unwritten(MakingError::Entries(error)))?);
    let (mut found, mut done) = (Vec::new(), BTreeSet::new());
    let bar = context.output.count_bar("exporting", u64::try_from(indexes.len()).unwrap_or(u64::MAX));
    while let Some(some) = next_ones(&indexes, &done) {
        for checked in ledger.entries(&some, Level::Verified, &|_| {}).await? {
            let index = checked.entry().index;
            done.insert(index);
            // Those that it rests on must be there, too.
            let rests_on = checked.record().map(AdmissionRecord::builds);
            indexes.extend(rests_on.into_iter().flatten().filter_map(|on| LeafIndex::new(on).ok()));
            making.add(&entry(ledger, &checked, &mut left_out).await?).map_err(unwritten)?;
            let state = &ledger.trust().as_of(size).state;
            let said = edges.get(&index).into_iter().flatten();
            found.extend(said.filter_map(|edge| evidence(edge, &checked, state)));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    answer.missing = missing(&answer, found);
    let entries = making.count();
    let file = File::create(out).map_err(|error| unwritten(MakingError::Write(error)))?;
    let bytes = making.write(&answer, ledger.trust().file(), &mut BufWriter::new(file)).map_err(unwritten)?;
    Ok(Packed { answer, entries, bytes, left_out })
}

/// The edges of an answer, by their entries.
fn edges(answer: &Answer) -> BTreeMap<LeafIndex, Vec<Edge>> {
    let mut edges: BTreeMap<LeafIndex, Vec<Edge>> = BTreeMap::new();
    for (entry, edge, _) in answer.edges().unwrap_or_default() {
        edges.entry(entry).or_default().push(edge);
    }
    edges
}

/// Makes a file without a name on the disk of the pack; where that is no folder for files, in that of the system for such.
fn beside(out: &Path) -> io::Result<File> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::tempfile_in(folder).or_else(|_| tempfile::tempfile())
}

fn unwritten(out: &Path, error: MakingError) -> Failure {
    match error {
        MakingError::Pack(error) => Failure::usage("too_much", format!("there is no pack of this: {error}"))
            .hint("export a single artifact or entry of it"),
        error @ (MakingError::Entries(_) | MakingError::Write(_)) => {
            Failure::unwritable(format!("cannot write {}: {error}", out.display()))
        }
    }
}

fn next_ones(indexes: &BTreeSet<LeafIndex>, done: &BTreeSet<LeafIndex>) -> Option<Vec<LeafIndex>> {
    let some: Vec<LeafIndex> = indexes.difference(done).take(AT_ONCE).copied().collect();
    (!some.is_empty()).then_some(some)
}

/// Makes what the pack holds of an entry.
async fn entry(
    ledger: &Ledger,
    checked: &Checked,
    left_out: &mut Vec<String>,
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
    Ok(packed)
}
