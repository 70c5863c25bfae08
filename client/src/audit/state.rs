//! What an audit keeps, so that the next one goes on where it ended.
//!
//! The file lies in the log's own memory (`crate::memory`), so it belongs to origin and first entry, and to no server.

use custody_evidence::json;
use custody_log::checkpoint::SignedCheckpoint;
use custody_log::{EntryDigest, Frontier, LeafIndex, NodeHash, TreeSize};
use serde::{Deserialize, Serialize};

use super::builds::Builds;
use super::chain::Chain;
use super::contents::Contents;
use super::tree::Tree;
use super::{AuditError, FINDINGS_MAX, Finding};
use crate::memory::{Memory, replace};
use crate::pin::Pin;

const FORMAT: &str = "custody/audit/v2";

/// Everything that an audit knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) chain: Chain,
    pub(super) tree: Tree,
    pub(super) contents: Contents,
    pub(super) builds: Builds,
    pub(super) erased: u64,
    pub(super) undecided: u64,
    pub(super) builds_undecided: u64,
    pub(super) findings: Vec<Finding>,
    pub(super) more: u64,
    /// The checkpoint that the last audit was to reach: a signed note.
    pub(super) target: Option<Vec<u8>>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: String,
    pin: String,
    size: u64,
    previous: Option<String>,
    time: Option<String>,
    admin: Option<u64>,
    administrative: u64,
    /// The right edge, largest first; and the hashes of the last tile of each level. As hex.
    frontier: Vec<String>,
    tiles: Vec<String>,
    /// How many pairs the file of builds has.
    builds: u64,
    erased: u64,
    undecided: u64,
    builds_undecided: u64,
    findings: Vec<Finding>,
    more: u64,
    target: Option<String>,
}

impl State {
    /// Returns the size of the tree that the last audit was to reach: what it saw erased, it counted.
    pub(super) fn aimed_at(&self) -> TreeSize {
        let target = self.target.as_ref().and_then(|note| SignedCheckpoint::parse(note).ok());
        target.map_or(TreeSize::ZERO, |target| target.unverified().size())
    }

    /// Starts before entry 0.
    pub(super) fn empty(memory: &Memory) -> Self {
        Self {
            chain: Chain::default(),
            tree: Tree::empty(),
            contents: Contents::empty(memory.audit_contents_path()),
            builds: Builds::empty(memory.audit_builds_path()),
            erased: 0,
            undecided: 0,
            builds_undecided: 0,
            findings: Vec::new(),
            more: 0,
            target: None,
        }
    }

    /// Reads what the last audit saved; none if there is none of this log.
    pub(super) fn load(memory: &Memory, pin: &Pin) -> Result<Option<Self>, AuditError> {
        let path = memory.audit_path();
        let Some(bytes) = memory.audit()? else { return Ok(None) };
        let unusable = |why: String| AuditError::State { path: path.clone(), why };
        let document: Document = json::from_slice(&bytes).map_err(|error| unusable(error.to_string()))?;
        if document.format != FORMAT {
            let found: String = document.format.chars().take(80).collect();
            return Err(unusable(format!("expected the format {FORMAT}, found {found:?}")));
        }
        // The directory's name holds only a part of the pin.
        if document.pin != pin.to_string() {
            return Ok(None);
        }
        let (size, builds) = (document.size, document.builds);
        let Some(mut state) = Self::of(document, memory) else {
            return Err(unusable("its parts do not fit together".to_owned()));
        };
        let contents = Contents::load(memory.audit_contents_path(), state.tree.size())?;
        let missing = || {
            let file = memory.audit_contents_path();
            unusable(format!("{} does not reach to tree size {size}", file.display()))
        };
        state.contents = contents.ok_or_else(missing)?;
        let builds = Builds::load(memory.audit_builds_path(), builds, state.tree.size())?;
        let missing = || {
            let file = memory.audit_builds_path();
            unusable(format!("{} does not fit to tree size {size}", file.display()))
        };
        state.builds = builds.ok_or_else(missing)?;
        Ok(Some(state))
    }

    fn of(document: Document, memory: &Memory) -> Option<Self> {
        let frontier = document.frontier.iter().map(|hex| hash(hex)).collect::<Option<Vec<_>>>()?;
        let frontier = Frontier::from_nodes(TreeSize::new(document.size).ok()?, frontier).ok()?;
        let tiles = document.tiles.iter().map(|hex| hashes(hex)).collect::<Option<Vec<_>>>()?;
        let previous = document.previous.map(|digest| digest.parse::<EntryDigest>()).transpose().ok()?;
        let chain = Chain {
            last: previous,
            time: document.time.map(|time| time.parse()).transpose().ok()?,
            admin: document.admin.map(LeafIndex::new).transpose().ok()?,
            administrative: document.administrative,
        };
        if chain.last.is_some() != (document.size > 0) {
            return None;
        }
        Some(Self {
            chain,
            tree: Tree::from_parts(frontier, tiles)?,
            erased: document.erased,
            undecided: document.undecided,
            builds_undecided: document.builds_undecided,
            findings: document.findings,
            more: document.more,
            target: document.target.map(String::into_bytes),
            ..Self::empty(memory)
        })
    }

    /// Writes it so that a crash leaves the old state or the new one.
    pub(super) fn save(&mut self, memory: &Memory, pin: &Pin) -> Result<(), AuditError> {
        self.contents.save()?;
        self.builds.save()?;
        let joined =
            |hashes: &Vec<NodeHash>| hashes.iter().map(|hash| hex::encode(hash.as_bytes())).collect();
        let frontier = self.tree.frontier();
        let document = Document {
            format: FORMAT.to_owned(),
            pin: pin.to_string(),
            size: frontier.size().get(),
            previous: self.chain.last.map(|digest| digest.to_string()),
            time: self.chain.time.map(|time| time.to_string()),
            admin: self.chain.admin.map(LeafIndex::get),
            administrative: self.chain.administrative,
            frontier: frontier.nodes().iter().map(|hash| hex::encode(hash.as_bytes())).collect(),
            tiles: self.tree.partial().iter().map(joined).collect(),
            builds: self.builds.known(),
            erased: self.erased,
            undecided: self.undecided,
            builds_undecided: self.builds_undecided,
            findings: self.findings.clone(),
            more: self.more,
            target: self.target.as_ref().map(|note| String::from_utf8_lossy(note).into_owned()),
        };
        let why = |error: serde_json::Error| AuditError::State {
            path: memory.audit_path(),
            why: error.to_string(),
        };
        let bytes = serde_json::to_vec_pretty(&document).map_err(why)?;
        Ok(replace(&memory.audit_path(), &bytes)?)
    }

    /// Lists a finding, or counts it.
    pub(super) fn found(&mut self, finding: Finding) {
        if self.findings.contains(&finding) {
            return;
        }
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }
}

fn hash(text: &str) -> Option<NodeHash> {
    NodeHash::try_from(hex::decode(text).ok()?.as_slice()).ok()
}

fn hashes(text: &str) -> Option<Vec<NodeHash>> {
    let bytes = hex::decode(text).ok()?;
    let (hashes, rest) = bytes.as_chunks::<{ NodeHash::LEN }>();
    rest.is_empty().then(|| hashes.iter().copied().map(NodeHash::from_bytes).collect())
}
