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

/// How often an answer is asked from the start because its pages did not fit each other.
const TRIES: usize = 3;

/// Empty pages in a row, of an answer: 8. A server that looks for a minute and finds nothing more is at the end, or does not want to be.
const EMPTY_MAX: usize = 8;

/// Answers, to one question, that a page was not reached yet: 16, so two minutes of a server's work, and less where it has much to do. Behind them
/// the answer is `truncated`.
const AHEAD_MAX: usize = 16;

/// Pages of one answer: 64, of at most 4 MiB each. Behind them it is `truncated`.
const PAGES_MAX: usize = 64;

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
    /// Asks what came from a thing; with a stretch of time, only by what happened in it. `tell` gets how many parts the server named so
    /// far, where there is another page.
    pub async fn impact(
        &mut self,
        of: &ImpactOf,
        (since, until): (Option<Timestamp>, Option<Timestamp>),
        at: At,
        tell: &(dyn Fn(u64) + Sync),
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
            after: 0,
        };
        let (answer, as_of) = self.pages(message, at, tell).await?;
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

impl Ledger {
    /// Asks for all pages of an answer, as of the tree that the first is about. They are parts of one answer if each begins with what the one
    /// before ends with; else it is asked again from the start, and in the end what there is is not all.
    async fn pages(
        &mut self,
        message: v1::ImpactRequest,
        at: At,
        tell: &(dyn Fn(u64) + Sync),
    ) -> Result<(v1::ImpactResponse, AsOf), LedgerError> {
        let (mut tries, mut ahead) = (0, 0);
        loop {
            tries += 1;
            let (mut all, as_of) = self.page(&message, at).await?;
            self.check_time(at, &as_of).await?;
            let (mut pages, mut same, mut empty) = (1, true, 0);
            while same && all.next > 0 && pages < PAGES_MAX && ahead < AHEAD_MAX {
                tell(all.next);
                let message = v1::ImpactRequest {
                    at: as_of.size.get(),
                    at_micros: None,
                    after: all.next,
                    ..message.clone()
                };
                let (page, _) = self.page(&message, At::Size(as_of.size)).await?;
                if page.ahead {
                    ahead += 1;
                    continue;
                }
                same = page.begins == all.ends;
                empty = if page.next == all.next { empty + 1 } else { 0 };
                if empty > EMPTY_MAX {
                    return Err(ProtocolError::Unexpected { found: "pages with nothing on them" }.into());
                }
                if same {
                    all.edges.extend(page.edges);
                    all.signed.extend(page.signed);
                    all.redacted.extend(page.redacted);
                    // A page that is not the last is truncated in any case, and the last one tells of all.
                    (all.next, all.truncated, all.ends) = (page.next, page.truncated, page.ends);
                    pages += 1;
                }
            }
            if same || tries >= TRIES {
                all.truncated |= !same || all.next > 0;
                all.redacted.sort_unstable();
                return Ok((all, as_of));
            }
        }
    }

    async fn page(
        &mut self,
        message: &v1::ImpactRequest,
        at: At,
    ) -> Result<(v1::ImpactResponse, AsOf), LedgerError> {
        let call = |left| self.connection.one(request(message.clone(), left));
        let page = self.connection.call(call).await?.into_inner();
        let as_of = self.check_as_of(page.as_of.clone(), at).await?;
        too_many("redacted", page.redacted.len(), limits::IMPACT_PAGE_MAX)?;
        let parts = page.edges.len() + page.signed.len() + page.redacted.len();
        let end = usize::try_from(message.after).ok().and_then(|after| after.checked_add(parts));
        let next = usize::try_from(page.next).ok();
        // A page behind the first may be empty: the server looked for as long as it does for one. Else there would be parts between them.
        let follows = next == end && end.is_some_and(|end| end <= limits::IMPACT_PARTS_MAX);
        if page.next > 0 && !follows || page.ahead && (page.next == 0 || parts > 0) {
            return Err(ProtocolError::Unexpected {
                found: "a page that does not begin where the last ends",
            }
            .into());
        }
        Ok((page, as_of))
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
