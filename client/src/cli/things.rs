//! From what the user typed to a node or entry of the ledger.
//!
//! The server says what a text stands for, but it does not get to say that a digest stands for another
//! digest: what can be compared here is compared here.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use custody_client::Ledger;
use custody_client::file_digest::FileDigests;
use custody_client::ledger::{At, Labelled};
use custody_evidence::digest_set::Digest;
use custody_evidence::fact::{Node, NodeKind};
use custody_evidence::json;
use custody_evidence::purl::Purl;
use custody_evidence::repository::Repository;
use custody_evidence::thing::Thing;
use custody_log::{LeafIndex, TreeSize};

use super::Context;
use super::failure::Failure;
use super::output::escape_line;

/// What a THING turned out to be.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// An entry.
    Entry(LeafIndex),
    /// Nodes of the graph of facts, the best fit first: one, or all that the same bytes can be, an artifact or a
    /// document by either digest.
    Nodes(Vec<Node>),
}

/// What was typed, ready to be asked for.
struct Asked {
    thing: Thing,
    /// The texts to ask for: one, or the digests of a file.
    texts: Vec<String>,
    /// That one of them which leaves out the white space around a file. Only a document may have it: a file with more
    /// or less around it is another artifact.
    trimmed: Option<String>,
    /// The file that was hashed.
    file: Option<PathBuf>,
}

/// The largest file that is also looked up without the white space around it, as `record` embeds documents:
/// the largest envelope there is.
const DOCUMENT_BYTES_MAX: u64 = custody_wire::limits::ENVELOPE_BYTES_MAX;

/// Finds out what a THING is, and says so on stderr when that is not plain from the text. What is not UTF-8 can only
/// be the name of a file.
pub(crate) async fn resolve(
    ledger: &mut Ledger,
    typed: &OsStr,
    at: At,
    context: &Context,
) -> Result<Target, Failure> {
    let asked = read(typed, context)?;
    let text: &str = &typed.to_string_lossy();
    if let Thing::Entry(index) = asked.thing {
        return Ok(Target::Entry(index));
    }
    let resolved = ledger.resolve(&asked.texts, at).await?;
    let mut fitting: Vec<Labelled> =
        resolved.nodes.into_iter().filter(|found| asked.fits(&found.node)).collect();
    fitting.sort_by_key(|found| asked.rank(&found.node));
    fitting.dedup_by(|one, other| one.node == other.node);
    let size = Some(resolved.as_of.size).filter(|_| at != At::Newest);
    let Some(best) = fitting.first() else { return Err(no_record(text, &asked, size)) };
    if asked.file.is_none() && fitting.iter().any(|found| !same_thing(&found.node, &best.node)) {
        return Err(ambiguous(text, &fitting));
    }
    for (place, found) in fitting.iter().enumerate().filter(|(_, found)| found.node.id() != text) {
        let also = if place == 0 { "" } else { "also " };
        context.output.note(format!("{text} is {also}{}", found.node));
    }
    Ok(Target::Nodes(fitting.into_iter().map(|found| found.node).collect()))
}

/// Returns the digests of what was typed, if it is a file: what it will be found by, whether or not it was recorded.
pub(crate) fn file_digests(typed: &OsStr, context: &Context) -> Result<Option<Vec<String>>, Failure> {
    let asked = read(typed, context)?;
    Ok(asked.file.is_some().then_some(asked.texts))
}

fn read(typed: &OsStr, context: &Context) -> Result<Asked, Failure> {
    let Some(text) = typed.to_str() else {
        let thing = Thing::Path(typed.to_string_lossy().into_owned());
        return asked(thing, String::new(), Some(PathBuf::from(typed)), context);
    };
    let thing = Thing::parse(text).map_err(|error| {
        Failure::usage("bad_thing", error.to_string())
            .hint("correct it; a file of that name is meant by its path, such as ./NAME")
    })?;
    let file = match &thing {
        Thing::Path(path) => Some(PathBuf::from(path)),
        Thing::Name(name) if Path::new(name).exists() => Some(PathBuf::from(name)),
        _ => None,
    };
    asked(thing, text.to_owned(), file, context)
}

fn asked(thing: Thing, text: String, file: Option<PathBuf>, context: &Context) -> Result<Asked, Failure> {
    let (mut texts, trimmed) = match &file {
        Some(path) => hash(path, context)?,
        None => (vec![text], None),
    };
    texts.extend(trimmed.clone());
    Ok(Asked { thing, texts, trimmed, file })
}

/// Hashes a file: SHA-256 and SHA-512, and SHA-256 without white space and a byte order mark around it where that differs.
fn hash(path: &Path, context: &Context) -> Result<(Vec<String>, Option<String>), Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::usage("unreadable", format!("cannot read {}: {why}", path.display())).hint(
            "a THING is a digest (sha256:<hex>), an entry (index:N), a commit, purl, image with digest, run URL, key id, or a \
             file",
        )
    };
    // Opened and read once: a pipe gives its bytes no second time, and a file may be replaced meanwhile.
    let mut file = File::open(path).map_err(|error| unreadable(&error))?;
    let length = file.metadata().map_err(|error| unreadable(&error))?.len();
    let bar = context.output.bytes_bar("hashing", length);
    let mut start = Vec::new();
    let most = DOCUMENT_BYTES_MAX.saturating_add(1);
    file.by_ref().take(most).read_to_end(&mut start).map_err(|error| unreadable(&error))?;
    let digests = FileDigests::of_reader(&start, &mut file, &mut |read| bar.inc(read));
    let digests = digests.map_err(|error| unreadable(&error))?;
    bar.finish_and_clear();
    let trimmed = json::without_mark(&start).trim_ascii();
    let document =
        digests.length <= DOCUMENT_BYTES_MAX && trimmed.len() != start.len() && !trimmed.is_empty();
    let without = document.then(|| Digest::sha256_of(trimmed).to_string());
    Ok((vec![digests.sha256.to_string(), digests.sha512.to_string()], without))
}

/// Whether two nodes are one thing. The same bytes can be an artifact and a document; nothing else is of two kinds:
/// an environment and a branch may have one name.
fn same_thing(one: &Node, other: &Node) -> bool {
    let bytes = |node: &Node| matches!(node.kind(), NodeKind::Artifact | NodeKind::Document);
    let same_text = one.id() == other.id() && (one.kind() == other.kind() || (bytes(one) && bytes(other)));
    let digits = |node: &Node| node.id().rsplit(['@', ':']).next().unwrap_or_default().to_owned();
    same_text
        || one.kind() == other.kind()
            && match one.kind() {
                // The digits of a commit say which it is, whatever repositories have it.
                NodeKind::Commit => digits(one) == digits(other),
                // Attempts of one run, and spellings of one reference: that they are what was typed was asked before.
                NodeKind::Run => true,
                NodeKind::Ref => one.shares_place(other),
                _ => false,
            }
}

/// Whether a component is the package asked for: the same text, or of that package and, if one is named, version.
/// Qualifiers that are asked for must be there as they are.
fn is_package(id: &str, asked: &Purl) -> bool {
    let Ok(found) = id.parse::<Purl>() else { return false };
    let qualified = asked.as_str().contains(['?', '#']);
    found == *asked || (!qualified && asked.includes(&found))
}

impl Asked {
    /// Whether the node can be what was typed. Its kind counts as well: what has the text of a digest may be the name
    /// of an environment, which anyone who may deploy can choose.
    fn fits(&self, node: &Node) -> bool {
        let kind = node.kind();
        let bytes = matches!(kind, NodeKind::Artifact | NodeKind::Document);
        let hex = node.id().rsplit(['@', ':']).next().unwrap_or_default();
        if self.file.is_some() {
            if self.trimmed.as_deref() == Some(node.id()) {
                return kind == NodeKind::Document;
            }
            return bytes && self.texts.iter().any(|text| text == node.id());
        }
        match &self.thing {
            Thing::Digest(digest) | Thing::Image { digest, .. } => match digest.commit_hex() {
                Some(commit) => kind == NodeKind::Commit && commit == hex,
                None => bytes && node.id() == digest.to_string(),
            },
            Thing::Prefix(prefix) => {
                let key = kind == NodeKind::Identity && node.id().starts_with("key:");
                (bytes || key || kind == NodeKind::Commit) && hex.starts_with(prefix.as_str())
            }
            Thing::Commit { repository: Some(repository), hex } => {
                let named = node.id().strip_suffix(hex.as_str()).unwrap_or_default();
                let is = |spelling: Repository| named == format!("{spelling}@");
                kind == NodeKind::Commit && (named == "gitCommit:" || repository.spellings().any(is))
            }
            Thing::Commit { repository: None, hex: commit } => kind == NodeKind::Commit && hex == commit,
            Thing::KeyId(key) => kind == NodeKind::Identity && node.id() == format!("key:{key}"),
            Thing::Purl(purl) => kind == NodeKind::Component && is_package(node.id(), purl),
            Thing::Name(text) | Thing::Url(text) => {
                let asked = Node::named(kind, text);
                let spelled = || node.terms().into_iter().collect::<BTreeSet<_>>();
                !bytes
                    && asked.is_some_and(|asked| {
                        asked == *node || asked.asked_by().is_some_and(|term| spelled().contains(&term))
                    })
            }
            // An entry is asked for by its index, without the server's word; a path is a file.
            Thing::Entry(_) | Thing::Path(_) => false,
        }
    }

    /// Orders what fits: by the order in which a file's digests were asked, then artifacts before documents.
    fn rank(&self, node: &Node) -> (usize, usize) {
        let asked = self.texts.iter().position(|text| text == node.id()).unwrap_or(self.texts.len());
        let kind = match node.kind() {
            NodeKind::Artifact => 0,
            // One whose repository is known says more.
            NodeKind::Commit if node.id().contains('@') => 1,
            NodeKind::Commit => 2,
            NodeKind::Document => 3,
            _ => 4,
        };
        (asked, kind)
    }
}

fn no_record(text: &str, asked: &Asked, at: Option<TreeSize>) -> Failure {
    let at = at.map_or_else(String::new, |size| format!(" at tree size {size}"));
    let failure = match (&asked.file, &asked.thing) {
        (Some(path), _) => Failure::no_record(format!(
            "no record of {} ({}){at}",
            path.display(),
            asked.texts.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(", ")
        )),
        (None, Thing::Name(_)) => {
            let shapes = "a THING is a digest, an entry (index:N), a commit, purl, image with digest, run URL, key id, \
                          or a file";
            return Failure::no_record(format!("no record of {text}{at}, and no file of that name"))
                .hint(shapes);
        }
        (None, _) => Failure::no_record(format!("no record of {text}{at}")),
    };
    failure.hint("that no entry names it is claimed by the server")
}

fn ambiguous(text: &str, candidates: &[Labelled]) -> Failure {
    let lines = candidates.iter().map(|one| {
        let label =
            if one.label.is_empty() { String::new() } else { format!("  {}", escape_line(&one.label)) };
        format!("\n  {}{label}", one.node)
    });
    let same_text = candidates.iter().all(|one| one.node.id() == text);
    Failure::usage("ambiguous", format!("{text} may be any of:{}", lines.collect::<String>()))
        .hint(if same_text {
            "things of several kinds have this name: `custody find` takes one kind, such as --environment or --ref"
        } else {
            "give more digits, or one of these in full"
        })
}

#[cfg(test)]
mod tests;
