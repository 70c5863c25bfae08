//! What came from a thing.
//!
//! The server names edges, each with the entry that says so. That each leads on from what was asked about is checked here, by the rules
//! that the server follows them by ([`custody_evidence::fact::reach`]); that its entry says so is for [`Ledger::entries`] to check. What
//! the server leaves out nobody notices: that nothing is left out stays its claim.

use std::collections::BTreeSet;

use custody_evidence::fact::reach::Reach;
use custody_evidence::fact::{Node, Package};
use custody_log::{LeafIndex, Timestamp};
use custody_wire::convert::{FieldError, leaf_index, node, node_to_wire};
use custody_wire::{limits, v1};

use super::query::{at_fields, too_many, traced_edge};
use super::{AsOf, At, Ledger, LedgerError, ProtocolError, TracedEdge};
use crate::connection::request;

/// What impact is asked of.
#[derive(Debug, Clone)]
pub enum ImpactOf {
    /// Nodes that are one thing: at most 16.
    Nodes(Vec<Node>),
    /// A package, in a version, a range of them, or any.
    Package(Package),
}

/// Everything that came from a thing, as the server claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impacted {
    /// What came from it, nearest first, by the edges below.
    pub reach: Reach,
    /// The edges that lead there.
    pub edges: Vec<TracedEdge>,
    /// Subjects of entries that the identity asked about signed or submitted.
    pub signed: Vec<(LeafIndex, Node)>,
    /// The tree that the answer is about.
    pub as_of: AsOf,
    /// Whether a bound was hit, and something may be missing.
    pub truncated: bool,
    /// Entries that named what was reached, and were erased since, in order.
    pub redacted: Vec<LeafIndex>,
}

impl Ledger {
    /// Asks what came from a thing; with a stretch of time, only by what happened in it.
    pub async fn impact(
        &mut self,
        of: &ImpactOf,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
        at: At,
    ) -> Result<Impacted, LedgerError> {
        self.check_at(at).await?;
        let (size, micros) = at_fields(at);
        let (nodes, component) = match of {
            ImpactOf::Nodes(nodes) => {
                (nodes.iter().map(|node| node_to_wire(node, None)).collect(), String::new())
            }
            ImpactOf::Package(package) => (Vec::new(), package.to_string()),
        };
        let message = v1::ImpactRequest {
            log: Some(self.log()),
            nodes,
            component,
            since_micros: since.map(Timestamp::as_micros),
            until_micros: until.map(Timestamp::as_micros),
            at: size,
            at_micros: micros,
        };
        let call = |left| self.connection.one(request(message.clone(), left));
        let answer = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(answer.as_of, at).await?;
        self.check_time(at, &as_of).await?;
        too_many("redacted", answer.redacted.len(), limits::IMPACT_ENTRIES_MAX)?;
        let edges = answer.edges.into_iter().map(|edge| {
            // The status of an edge is for who asked to find out.
            traced_edge(v1::Edge { status: "claimed".to_owned(), ..edge })
        });
        let edges: Vec<TracedEdge> = edges.collect::<Result<_, _>>().map_err(ProtocolError::Field)?;
        let signed = answer.signed.into_iter().map(signed).collect::<Result<Vec<_>, _>>();
        let signed = signed.map_err(ProtocolError::Field)?;
        let redacted = answer.redacted.iter().map(|index| leaf_index("redacted", *index));
        let redacted: Vec<LeafIndex> = redacted.collect::<Result<_, _>>().map_err(ProtocolError::Field)?;
        let entries = edges.iter().map(|edge| edge.entry).chain(signed.iter().map(|(entry, _)| *entry));
        if entries.chain(redacted.iter().copied()).any(|entry| !as_of.size.contains(entry)) {
            return Err(ProtocolError::Unexpected { found: "an entry beyond the tree asked about" }.into());
        }
        let reach = reach(of, &edges, &signed)?;
        Ok(Impacted { reach, edges, signed, as_of, truncated: answer.truncated, redacted })
    }
}

/// Follows the edges from what was asked about; one that does not come from there belongs to another question.
fn reach(of: &ImpactOf, edges: &[TracedEdge], signed: &[(LeafIndex, Node)]) -> Result<Reach, LedgerError> {
    let asked: BTreeSet<Node> = match of {
        ImpactOf::Nodes(nodes) => nodes.iter().cloned().collect(),
        ImpactOf::Package(package) => {
            let ends = edges.iter().flat_map(|traced| [&traced.edge.from, &traced.edge.to]);
            ends.filter(|node| package.may_be(node)).cloned().collect()
        }
    };
    let claimed: Vec<_> = edges.iter().map(|traced| (traced.edge.clone(), traced.entry)).collect();
    let subjects: Vec<_> = signed.iter().map(|(entry, node)| (node.clone(), *entry)).collect();
    Reach::of(asked, &claimed, &subjects).map_err(|unrelated| LedgerError::UnrelatedEdge {
        asked: of.to_string(),
        edge: unrelated.step,
        entry: unrelated.entry,
    })
}

fn signed(wire: v1::SignedSubject) -> Result<(LeafIndex, Node), FieldError> {
    let subject = wire.subject.ok_or(FieldError::Missing { field: "signed.subject" })?;
    Ok((leaf_index("signed.entry", wire.entry)?, node("signed.subject", &subject)?))
}

/// Writes what was asked about.
impl std::fmt::Display for ImpactOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nodes(nodes) => match nodes.first() {
                Some(node) => node.fmt(f),
                None => f.write_str("nothing"),
            },
            Self::Package(package) => write!(f, "component {package}"),
        }
    }
}
