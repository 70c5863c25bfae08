//! Questions: what a text stands for, the chain of custody around a node.
//!
//! What a server leaves out of an answer cannot be proven yet: completeness is `claimed`. What it puts in
//! is checked.

use custody_evidence::fact::{Edge, EdgeKind, Node, chain};
use custody_log::tree::ConsistencyProof;
use custody_log::{LeafIndex, RootHash, Timestamp, TreeSize};
use custody_wire::convert::{FieldError, hashes, leaf_index, node, node_to_wire, root_hash, tree_size};
use custody_wire::{limits, v1};

use super::{Ledger, LedgerError, ProtocolError, parse_checkpoint};
use crate::check::Level;
use crate::connection::request;

/// As of when a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum At {
    /// The newest tree.
    #[default]
    Newest,
    /// The tree of this size.
    Size(TreeSize),
    /// The largest tree whose entries are not later than this, by the times they are looked up by
    /// ([`custody_evidence::trust::Timeline`]).
    Time(Timestamp),
}

/// The tree that an answer is about, proven to be part of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AsOf {
    /// Its size.
    pub size: TreeSize,
    /// Its root.
    pub root: RootHash,
    /// The version of the reader that made the facts; text from outside.
    pub reader: String,
    /// The size of the signed tree that the server had when it answered.
    pub signed: TreeSize,
}

/// The nodes that a text stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// All that fit, with the names that statements give them.
    pub nodes: Vec<Labelled>,
    /// The tree that the answer is about.
    pub as_of: AsOf,
}

/// A node with a name for people, as some statement gave it: text from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The node.
    pub node: Node,
    /// The name; may be empty.
    pub label: String,
}

/// A chain of custody, as the server claims; its entries are checked with [`Ledger::entries`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The node that it is about.
    pub resolved: Labelled,
    /// All nodes of the edges.
    pub nodes: Vec<Labelled>,
    /// The edges.
    pub edges: Vec<TracedEdge>,
    /// Kinds of evidence that the chain lacks.
    pub missing: Vec<String>,
    /// The tree that the answer is about.
    pub as_of: AsOf,
    /// True when edges are missing because there are too many.
    pub truncated: bool,
    /// Entries that named a node of the chain, and were erased since, in order.
    pub redacted: Vec<LeafIndex>,
}

/// One edge of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedEdge {
    /// What it says.
    pub edge: Edge,
    /// The entry that asserts it.
    pub entry: LeafIndex,
    /// Whether other evidence contradicts it.
    pub conflict: bool,
    /// When it happened, as claimed.
    pub claimed: Option<Timestamp>,
}

impl Ledger {
    /// Asks what any of these texts stands for.
    pub async fn resolve(&mut self, things: &[String], at: At) -> Result<Resolved, LedgerError> {
        self.check_at(at).await?;
        let (size, micros) = at_fields(at);
        let message = v1::ResolveRequest {
            log: Some(self.log()),
            things: things.to_vec(),
            at: size,
            at_micros: micros,
        };
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(answer.as_of, at).await?;
        self.check_time(at, &as_of).await?;
        too_many("nodes", answer.nodes.len(), limits::RESOLVE_NODES_MAX)?;
        let nodes = answer.nodes.into_iter().map(|node| labelled("nodes", node)).collect::<Result<_, _>>();
        Ok(Resolved { nodes: nodes.map_err(ProtocolError::Field)?, as_of })
    }

    /// Asks for the chain of custody around a node, as far as `depth` edges away; 0: as far as the server's bounds allow.
    ///
    /// Every edge is one that leads to the node: the server's way to it is walked again here. That its entry says
    /// so is for [`Ledger::entries`] to check.
    pub async fn trace(&mut self, about: &Node, at: At, depth: u32) -> Result<Traced, LedgerError> {
        self.check_at(at).await?;
        let (size, micros) = at_fields(at);
        let message = v1::TraceRequest {
            log: Some(self.log()),
            node: Some(node_to_wire(about, None)),
            at: size,
            at_micros: micros,
            depth,
        };
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(answer.as_of, at).await?;
        self.check_time(at, &as_of).await?;
        let resolved = answer.resolved.ok_or(FieldError::Missing { field: "resolved" });
        let resolved = resolved.and_then(|node| labelled("resolved", node)).map_err(ProtocolError::Field)?;
        let nodes = answer.nodes.into_iter().map(|node| labelled("nodes", node)).collect::<Result<_, _>>();
        let edges: Vec<TracedEdge> = answer
            .edges
            .into_iter()
            .map(traced_edge)
            .collect::<Result<_, _>>()
            .map_err(ProtocolError::Field)?;
        if edges.iter().any(|edge| !as_of.size.contains(edge.entry)) {
            return Err(ProtocolError::Unexpected { found: "an entry beyond the tree asked about" }.into());
        }
        check_chain(about, &resolved.node, depth, &edges)?;
        let redacted = answer.redacted.iter().map(|index| leaf_index("redacted", *index));
        let redacted: Vec<LeafIndex> = redacted.collect::<Result<_, _>>().map_err(ProtocolError::Field)?;
        let ordered = redacted.windows(2).all(|pair| matches!(pair, [one, other] if one < other));
        if !ordered || redacted.iter().any(|index| !as_of.size.contains(*index)) {
            return Err(ProtocolError::Unexpected { found: "redacted entries out of order" }.into());
        }
        Ok(Traced {
            resolved,
            nodes: nodes.map_err(ProtocolError::Field)?,
            edges,
            missing: answer.missing,
            as_of,
            truncated: answer.truncated,
            redacted,
        })
    }

    /// Checks that there is a tree of the size asked about: a server would wait for it.
    pub(super) async fn check_at(&mut self, at: At) -> Result<(), LedgerError> {
        let At::Size(asked) = at else { return Ok(()) };
        if asked > self.newest.checkpoint().size() {
            self.refresh().await?;
        }
        let newest = self.newest.checkpoint().size();
        if asked > newest { Err(LedgerError::NoSuchTree { asked, newest }) } else { Ok(()) }
    }

    /// Checks that a tree is the one of the time asked about: its last entry is not later, and the entry behind it is, by the times
    /// that they are looked up by in the tree which the server had.
    pub(super) async fn check_time(&mut self, at: At, as_of: &AsOf) -> Result<(), LedgerError> {
        let At::Time(time) = at else { return Ok(()) };
        let (size, signed) = (as_of.size, as_of.signed);
        let last = size.last_index();
        let behind = Some(size.next_index()).filter(|index| signed.contains(*index));
        let indexes: Vec<LeafIndex> = last.into_iter().chain(behind).collect();
        for checked in self.entries(&indexes, Level::Logged, &|_| {}).await? {
            let entry = checked.entry();
            let looked_up = self.trust.looked_up_by(entry, signed);
            if (looked_up <= time) != size.contains(entry.index) {
                let (asked, index, found) = (time, entry.index, looked_up);
                return Err(ProtocolError::WrongTime { asked, size, index, found }.into());
            }
        }
        Ok(())
    }

    /// Checks that the tree of an answer is part of what the log signed, that it is the one asked about, and
    /// that all of it was searched.
    pub(super) async fn check_as_of(&mut self, as_of: Option<v1::AsOf>, at: At) -> Result<AsOf, LedgerError> {
        let as_of = as_of.ok_or(ProtocolError::Field(FieldError::Missing { field: "as_of" }))?;
        let size = tree_size("as_of.size", as_of.size).map_err(ProtocolError::Field)?;
        let root = root_hash("as_of.root", &as_of.root).map_err(ProtocolError::Field)?;
        let found = tree_size("as_of.indexed_to", as_of.indexed_to).map_err(ProtocolError::Field)?;
        let known = self.newest.checkpoint().size();
        let checkpoint = self.accept(&parse_checkpoint(&as_of.checkpoint)?).await?;
        let signed = checkpoint.checkpoint();
        let proof = hashes("as_of.consistency", &as_of.consistency).map_err(ProtocolError::Field)?;
        let part = if size == signed.size() {
            root == *signed.root()
        } else if size == TreeSize::ZERO {
            root == RootHash::empty()
        } else {
            ConsistencyProof::from_hashes(size, signed.size(), proof)
                .is_ok_and(|proof| proof.verify(&root, signed.root()).is_ok())
        };
        if !part {
            return Err(ProtocolError::AsOf { size, checkpoint: signed.size() }.into());
        }
        let expected = match at {
            At::Newest => known,
            At::Size(asked) => asked,
            At::Time(_) => size,
        };
        // As of a size is exactly that size; the newest is at least what was known when asking.
        let other_tree = matches!(at, At::Size(asked) if size != asked);
        if size < expected || other_tree {
            return Err(ProtocolError::AsOf { size, checkpoint: expected }.into());
        }
        if found < size {
            return Err(ProtocolError::NotCovered { expected: size, found }.into());
        }
        Ok(AsOf { size, root, reader: as_of.reader, signed: signed.size() })
    }
}

/// Checks that the answer is about the node asked about, and that all its edges belong to the chain of that node.
fn check_chain(asked: &Node, found: &Node, depth: u32, edges: &[TracedEdge]) -> Result<(), LedgerError> {
    if found != asked {
        return Err(LedgerError::OtherNode { asked: asked.to_string(), found: found.to_string() });
    }
    let depth = if depth == 0 { u32::MAX } else { depth };
    let walked = edges.iter().map(|traced| (&traced.edge, traced.conflict));
    let unrelated = chain::unreached(asked, depth, walked);
    match edges.iter().find(|traced| unrelated.is_some_and(|unrelated| traced.edge == *unrelated)) {
        None => Ok(()),
        Some(traced) => Err(LedgerError::UnrelatedEdge {
            asked: asked.to_string(),
            edge: traced.edge.to_string(),
            entry: traced.entry,
        }),
    }
}

/// Writes as of when a question is. Of the empty tree no size can be sent, which 0 is not: it is the tree of the first time there is.
pub(super) const fn at_fields(at: At) -> (u64, Option<i64>) {
    match at {
        At::Newest => (0, None),
        At::Size(TreeSize::ZERO) => (0, Some(0)),
        At::Size(size) => (size.get(), None),
        At::Time(time) => (0, Some(time.as_micros())),
    }
}

pub(super) fn too_many(field: &'static str, found: usize, max: usize) -> Result<(), ProtocolError> {
    if found > max { Err(FieldError::TooMany { field, max, found }.into()) } else { Ok(()) }
}

fn labelled(field: &'static str, wire: v1::Node) -> Result<Labelled, FieldError> {
    Ok(Labelled { node: node(field, &wire)?, label: wire.label })
}

pub(super) fn traced_edge(wire: v1::Edge) -> Result<TracedEdge, FieldError> {
    let unknown = |field, text: &str| FieldError::Word { field, found: text.chars().take(80).collect() };
    let end = |field, node: Option<v1::Node>| labelled(field, node.ok_or(FieldError::Missing { field })?);
    let kind: EdgeKind = wire.kind.parse().map_err(|_| unknown("edges.kind", &wire.kind))?;
    let conflict = match wire.status.as_str() {
        "claimed" => false,
        "conflict" => true,
        other => return Err(unknown("edges.status", other)),
    };
    let (from, to) = (end("edges.from", wire.from)?.node, end("edges.to", wire.to)?.node);
    Ok(TracedEdge {
        edge: Edge { from, kind, to },
        entry: leaf_index("edges.entry", wire.entry)?,
        conflict,
        claimed: Timestamp::from_micros(wire.claimed_micros).ok().filter(|time| time.as_micros() != 0),
    })
}
