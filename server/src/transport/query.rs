//! The service that answers questions.

use std::sync::Arc;

use custody_evidence::fact::READER_VERSION;
use custody_evidence::thing::Thing;
use custody_log::{Timestamp, TreeSize};
use custody_wire::convert::{hashes_to_wire, leaf_index, node, node_to_wire, optional_size};
use custody_wire::limits::FIND_LIMIT_MAX;
use custody_wire::v1;
use custody_wire::v1::query_server::Query;
use custody_wire::{Reason, Refusal};
use prost::bytes::Bytes;
use tonic::{Request, Response, Status};

use super::{PATIENCE, behind, blocking, head, status};
use crate::ledger::{Head, Ledger};
use crate::query::resolve::THINGS_MAX;
use crate::query::{self, At, Condition, Find, Trace, find, resolve, size_at, trace};

/// Answers questions from the index, as of one size.
pub(super) struct QueryService {
    ledger: Arc<Ledger>,
    evidence: Arc<query::Ledger>,
}

impl QueryService {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        let evidence = Arc::new(query::Ledger::new(Arc::clone(ledger.index())));
        Self { ledger, evidence }
    }

    /// Returns the newest state once it is indexed: whoever asks after recording finds what was recorded.
    async fn indexed(&self, log: Option<&v1::Log>) -> Result<Arc<Head>, Refusal> {
        let head = head(&self.ledger, log).await?;
        let mut indexed_to = self.ledger.index().watch_indexed_to();
        let reached = indexed_to.wait_for(|size| *size >= head.size);
        if let Ok(Ok(_)) = tokio::time::timeout(PATIENCE, reached).await {
            return Ok(head);
        }
        // Without a size asked for, what is indexed so far may answer, and says how far that is.
        let asked = log.is_some_and(|log| log.min_size > 0);
        let size = self.ledger.index().indexed_to();
        if asked { Err(behind(head.size, size)) } else { Ok(head) }
    }

    /// Answers one question as of one size.
    async fn answer<T: Send + 'static>(
        &self,
        log: Option<&v1::Log>,
        at: At,
        question: impl FnOnce(&query::Ledger, TreeSize) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, v1::AsOf), Refusal> {
        let head = self.indexed(log).await?;
        let evidence = Arc::clone(&self.evidence);
        let indexed_to = self.ledger.index().indexed_to();
        blocking(move || {
            let size = size_at(evidence.as_ref(), at, head.size).map_err(|error| status::query(&error))?;
            let answer = question(evidence.as_ref(), size)?;
            Ok((answer, as_of(&head, size, indexed_to)?))
        })
        .await
    }
}

#[tonic::async_trait]
impl Query for QueryService {
    async fn resolve(
        &self,
        request: Request<v1::ResolveRequest>,
    ) -> Result<Response<v1::ResolveResponse>, Status> {
        let request = request.into_inner();
        if request.things.is_empty() || request.things.len() > THINGS_MAX {
            let message = format!("things: 1 to {THINGS_MAX} values");
            return Err(Refusal::new(Reason::InvalidField, message).into());
        }
        let things = request.things.iter().map(|thing| Thing::parse(thing));
        let things: Vec<Thing> = things
            .collect::<Result<_, _>>()
            .map_err(|error| Refusal::new(Reason::InvalidField, format!("things: {error}")))?;
        let at = at(request.at, None)?;
        let question = move |evidence: &query::Ledger, size| {
            resolve(evidence, &things, size).map_err(|error| status::query(&error))
        };
        let (nodes, as_of) = self.answer(request.log.as_ref(), at, question).await?;
        let nodes = nodes.iter().map(|node| node_to_wire(node, None)).collect();
        Ok(Response::new(v1::ResolveResponse { nodes, as_of: Some(as_of) }))
    }

    async fn find(&self, request: Request<v1::FindRequest>) -> Result<Response<v1::FindResponse>, Status> {
        let request = request.into_inner();
        let at = at(request.at, request.at_micros)?;
        let question = to_find(&request)?;
        let ask = move |evidence: &query::Ledger, size| {
            find(evidence, &question, size).map_err(|error| status::query(&error))
        };
        let (found, as_of) = self.answer(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(v1::FindResponse {
            indexes: found.indexes.iter().map(|index| index.get()).collect(),
            as_of: Some(as_of),
            next: found.next.map_or(0, TreeSize::get),
        }))
    }

    async fn trace(&self, request: Request<v1::TraceRequest>) -> Result<Response<v1::TraceResponse>, Status> {
        let request = request.into_inner();
        let wire =
            request.node.as_ref().ok_or_else(|| Refusal::new(Reason::InvalidField, "node is missing"))?;
        let start = node("node", wire).map_err(status::field)?;
        let at = at(request.at, request.at_micros)?;
        let depth = (request.depth > 0).then_some(request.depth);
        let ask = move |evidence: &query::Ledger, size| {
            let traced = trace(evidence, &start, depth, size).map_err(|error| status::query(&error))?;
            Ok((traced, start))
        };
        let ((traced, start), as_of) = self.answer(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(from_trace(&traced, &start, as_of)))
    }
}

/// Says which tree an answer is about, and proves that it is the beginning of the signed one.
fn as_of(head: &Head, size: TreeSize, indexed_to: TreeSize) -> Result<v1::AsOf, Refusal> {
    let (root, proof) = head
        .tree
        .consistency(size, head.size, &head.root, &head.journal)
        .map_err(|error| status::tree(&error))?;
    let consistency = proof.filter(|_| size < head.size).map(|proof| hashes_to_wire(proof.hashes()));
    Ok(v1::AsOf {
        size: size.get(),
        root: root.as_bytes().to_vec().into(),
        checkpoint: Bytes::copy_from_slice(head.checkpoint_bytes()),
        consistency: consistency.unwrap_or_default(),
        indexed_to: indexed_to.get(),
        reader: READER_VERSION.to_owned(),
    })
}

fn at(size: u64, micros: Option<i64>) -> Result<At, Refusal> {
    match (optional_size("at", size).map_err(status::field)?, micros) {
        (None, None) => Ok(At::Newest),
        (Some(size), None) => Ok(At::Size(size)),
        (None, Some(micros)) => time("at_micros", micros).map(At::Time),
        (Some(_), Some(_)) => Err(Refusal::new(Reason::InvalidField, "give at or at_micros, not both")),
    }
}

fn time(field: &str, micros: i64) -> Result<Timestamp, Refusal> {
    Timestamp::from_micros(micros)
        .map_err(|error| Refusal::new(Reason::InvalidField, format!("{field}: {error}")))
}

fn to_find(request: &v1::FindRequest) -> Result<Find, Refusal> {
    let condition = |wire: &v1::Condition| {
        Condition::parse(&wire.field, &wire.value).map_err(|error| status::query(&error))
    };
    let index = |field, value: Option<u64>| {
        value.map(|value| leaf_index(field, value).map_err(status::field)).transpose()
    };
    let moment = |field, value: Option<i64>| value.map(|value| time(field, value)).transpose();
    if request.limit > FIND_LIMIT_MAX {
        let message = format!("limit: at most {FIND_LIMIT_MAX}, found {}", request.limit);
        return Err(Refusal::new(Reason::InvalidField, message));
    }
    Ok(Find {
        conditions: request.conditions.iter().map(condition).collect::<Result<_, _>>()?,
        since: moment("since_micros", request.since_micros)?,
        until: moment("until_micros", request.until_micros)?,
        recorded_since: index("recorded_since_index", request.recorded_since_index)?,
        recorded_until: index("recorded_until_index", request.recorded_until_index)?,
        recorded_since_time: moment("recorded_since_micros", request.recorded_since_micros)?,
        recorded_until_time: moment("recorded_until_micros", request.recorded_until_micros)?,
        limit: usize::try_from(request.limit).ok().filter(|limit| *limit > 0),
        next: optional_size("next", request.next).map_err(status::field)?,
    })
}

fn from_trace(traced: &Trace, start: &custody_evidence::Node, as_of: v1::AsOf) -> v1::TraceResponse {
    let edge = |edge: &query::TracedEdge| v1::Edge {
        from: Some(node_to_wire(&edge.from, None)),
        to: Some(node_to_wire(&edge.to, None)),
        kind: edge.kind.as_str().to_owned(),
        entry: edge.entry.get(),
        status: edge.status.as_str().to_owned(),
        claimed_micros: edge.claimed.map_or(0, Timestamp::as_micros),
    };
    v1::TraceResponse {
        resolved: Some(node_to_wire(start, None)),
        nodes: traced.nodes.iter().map(|found| node_to_wire(&found.node, Some(&found.label))).collect(),
        edges: traced.edges.iter().map(edge).collect(),
        missing: traced.missing.iter().map(ToString::to_string).collect(),
        as_of: Some(as_of),
        truncated: traced.truncated,
    }
}
