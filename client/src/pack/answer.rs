//! The question of a pack and its answer, in one JSON document.

use custody_evidence::fact::{Edge, EdgeKind, Node, NodeKind};
use custody_evidence::json::{self, JsonError};
use custody_log::{LeafIndex, PositionError, TreeSize};
use serde::{Deserialize, Serialize};

/// The most edges of an answer: 16,384, so a trace of each of the 5 digests and documents that a file is has room.
const EDGES_MAX: usize = 16_384;

/// The most nodes that a THING stands for, and twice that.
const NODES_MAX: usize = 32;

const FORMAT: &str = "custody/pack-answer/v1";

/// What was asked, and what the log answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    format: String,
    crit: Vec<String>,
    /// The THING as it was typed. It proves nothing.
    pub thing: String,
    /// What it stands for.
    pub nodes: Vec<PackedNode>,
    /// The size of the tree that the answer is about.
    pub size: u64,
    /// The version of the reader that made the edges.
    pub reader: String,
    /// The chain of custody: every edge, with the entry that asserts it.
    pub edges: Vec<PackedEdge>,
    /// The entries that the answer names.
    pub entries: Vec<u64>,
    /// The stages of evidence that the chain lacks.
    pub missing: Vec<String>,
    /// Whether edges are missing because there are too many.
    pub truncated: bool,
    /// Whether nothing was left out: `claimed` by the server.
    pub complete: String,
}

/// A node of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackedNode {
    /// Its kind, as in facts.
    pub kind: String,
    /// The text that identifies it.
    pub id: String,
}

/// An edge of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackedEdge {
    /// The entry that asserts it.
    pub entry: u64,
    /// Where it starts.
    pub from: PackedNode,
    /// What it says.
    pub kind: String,
    /// Where it leads to.
    pub to: PackedNode,
    /// Whether other evidence contradicts it.
    pub conflict: bool,
}

/// Why bytes are no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not the JSON of an answer.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Another format or version.
    #[error("expected format {FORMAT}, found {found:?}")]
    Format {
        /// The format found, cut to 80 characters.
        found: String,
    },
    /// A member that a reader must understand, and this one does not.
    #[error("it needs a reader that understands {name:?}")]
    Critical {
        /// The member's name, cut to 80 characters.
        name: String,
    },
    /// More of something than there may be.
    #[error("at most {max} {what}, found {found}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The limit.
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// A kind of node or edge that is not known, or a text that identifies none.
    #[error("{place}: no node or edge: {found:?}")]
    Word {
        /// The member.
        place: String,
        /// The text, cut to 80 characters.
        found: String,
    },
    /// A position above 2^63-1.
    #[error("{place}: {source}")]
    Position {
        /// The member.
        place: String,
        /// Why.
        source: PositionError,
    },
}

impl Answer {
    /// Makes an answer about these nodes, as of a tree.
    #[must_use]
    pub fn new(thing: String, nodes: &[Node], size: TreeSize, reader: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            crit: Vec::new(),
            thing,
            nodes: nodes.iter().map(PackedNode::of).collect(),
            size: size.get(),
            reader,
            edges: Vec::new(),
            entries: Vec::new(),
            missing: Vec::new(),
            truncated: false,
            complete: "claimed".to_owned(),
        }
    }

    /// Returns the document's bytes: members in one order, no white space.
    ///
    /// # Panics
    ///
    /// Never: texts, numbers and lists are always JSON.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts, numbers and lists are JSON")
    }

    /// Reads an answer. Unknown members are ignored unless `crit` names them.
    pub fn decode(bytes: &[u8]) -> Result<Self, AnswerError> {
        let answer: Self = json::from_slice(bytes)?;
        let cut = |text: &str| text.chars().take(80).collect();
        if answer.format != FORMAT {
            return Err(AnswerError::Format { found: cut(&answer.format) });
        }
        if let Some(name) = answer.crit.first() {
            return Err(AnswerError::Critical { name: cut(name) });
        }
        let counts = [
            ("nodes", answer.nodes.len(), NODES_MAX),
            ("edges", answer.edges.len(), EDGES_MAX),
            ("entries", answer.entries.len(), super::PACK_ENTRIES_MAX),
        ];
        if let Some((what, found, max)) = counts.into_iter().find(|(_, found, max)| found > max) {
            return Err(AnswerError::TooMany { what, max, found });
        }
        answer.nodes()?;
        answer.edges()?;
        answer.indexes()?;
        answer.tree_size()?;
        Ok(answer)
    }

    /// Returns the size of the tree that the answer is about.
    pub fn tree_size(&self) -> Result<TreeSize, AnswerError> {
        let size = TreeSize::new(self.size);
        size.map_err(|source| AnswerError::Position { place: "size".to_owned(), source })
    }

    /// Returns the nodes that were asked about.
    pub fn nodes(&self) -> Result<Vec<Node>, AnswerError> {
        self.nodes.iter().enumerate().map(|(at, node)| node.node(&format!("nodes[{at}]"))).collect()
    }

    /// Returns the edges with their entries, and whether they are in conflict.
    pub fn edges(&self) -> Result<Vec<(LeafIndex, Edge, bool)>, AnswerError> {
        self.edges.iter().enumerate().map(|(at, edge)| edge.edge(&format!("edges[{at}]"))).collect()
    }

    /// Returns the entries that the answer names.
    pub fn indexes(&self) -> Result<Vec<LeafIndex>, AnswerError> {
        let entries = self.entries.iter().enumerate();
        entries.map(|(at, index)| position(&format!("entries[{at}]"), *index)).collect()
    }
}

impl PackedNode {
    /// Returns a node as it stands in an answer.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        Self { kind: node.kind().as_str().to_owned(), id: node.id().to_owned() }
    }

    fn node(&self, place: &str) -> Result<Node, AnswerError> {
        let word = |found: &str| AnswerError::Word {
            place: place.to_owned(),
            found: found.chars().take(80).collect(),
        };
        let kind: NodeKind = self.kind.parse().map_err(|_| word(&self.kind))?;
        Node::named(kind, &self.id).filter(|node| node.id() == self.id).ok_or_else(|| word(&self.id))
    }
}

impl PackedEdge {
    /// Returns an edge as it stands in an answer.
    #[must_use]
    pub fn of(edge: &Edge, entry: LeafIndex, conflict: bool) -> Self {
        let (from, to) = (PackedNode::of(&edge.from), PackedNode::of(&edge.to));
        Self { entry: entry.get(), from, kind: edge.kind.as_str().to_owned(), to, conflict }
    }

    fn edge(&self, place: &str) -> Result<(LeafIndex, Edge, bool), AnswerError> {
        let kind: EdgeKind = self.kind.parse().map_err(|_| AnswerError::Word {
            place: format!("{place}.kind"),
            found: self.kind.chars().take(80).collect(),
        })?;
        let (from, to) = (self.from.node(&format!("{place}.from"))?, self.to.node(&format!("{place}.to"))?);
        Ok((position(&format!("{place}.entry"), self.entry)?, Edge { from, kind, to }, self.conflict))
    }
}

fn position(place: &str, index: u64) -> Result<LeafIndex, AnswerError> {
    LeafIndex::new(index).map_err(|source| AnswerError::Position { place: place.to_owned(), source })
}
