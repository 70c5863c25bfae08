//! The service that answers questions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use custody_evidence::digest_set::{Digest, DigestError};
use custody_evidence::fact::{READER_VERSION, UnknownWord};
use custody_evidence::finding::bounds::FOUND_MAX;
use custody_evidence::finding::{self, FindingKind};
use custody_evidence::thing::Thing;
use custody_log::{LeafIndex, Timestamp, TreeSize};
use custody_wire::convert::{hashes_to_wire, leaf_index, node, node_to_wire, optional_size, root_hash};
use custody_wire::limits::{
    FIND_LIMIT_MAX, FINDINGS_ABOUT_MAX, FINDINGS_MAX, MESSAGE_BYTES_MAX, TRACE_EDGES_MAX,
};
use custody_wire::v1;
use custody_wire::v1::query_server::Query;
use custody_wire::{Reason, Refusal};
use prost::bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::bounds::Shape;
use super::evaluate::{Judging, refusal, to_asked};
use super::places::Desk;
use super::walks::Walks;
use super::{PATIENCE, attended, behind, head, live, status};
use crate::clock::Clock;
use crate::gate;
use crate::index::{Index, LOOK_MAX};
use crate::ledger::{Head, Ledger};
use crate::query::find::CONDITIONS_MAX;
use crate::query::findings::FINDINGS_MAX as PAGE_FULL;
use crate::query::resolve::THINGS_MAX;
use crate::query::trace::{ANSWER_BYTES_MAX, EDGES_MAX};
use crate::query::{
    self, At, Attended, Condition, Find, Findings, QueryError, Trace, find, findings, resolve, size_at, trace,
};

// Beside the nodes and edges of a trace there is room for the checkpoint and the proof of the tree.
const _: () = assert!(ANSWER_BYTES_MAX < MESSAGE_BYTES_MAX / 2);
// A client counts the edges before it reads them.
const _: () = assert!(EDGES_MAX == TRACE_EDGES_MAX);
// A page is full before the last entry that it looks at, in which as many as in one are found.
const _: () = assert!(PAGE_FULL + FOUND_MAX <= FINDINGS_MAX);

/// How long an answer may take, with the wait for a place: 90 s. A look into the index that does not end is given up after
/// [`LOOK_MAX`]; what takes longer without one ends with its next look.
const ANSWER_MAX: Duration = Duration::from_secs(LOOK_MAX.as_secs() + 30);

/// Returns what a call takes and gives. The largest answer is a trace.
pub(super) const fn shape(_path: &str) -> Shape {
    Shape::Messages(|_| MESSAGE_BYTES_MAX / 2)
}

/// The evidence that a question is asked about.
type Evidence<'a> = Attended<'a, query::Ledger>;

/// Answers questions from the index, as of one size.
pub(super) struct QueryService {
    ledger: Arc<Ledger>,
    evidence: Arc<query::Ledger>,
    /// Kept by the work on a question, which may go on for a moment when the asker has left.
    places: Arc<Semaphore>,
    judging: Judging,
    /// What pages of an answer to `Impact` behind the first go on from.
    walks: Walks,
    clock: Arc<dyn Clock>,
}

impl QueryService {
    pub(super) fn new(ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Self {
        let evidence = Arc::new(query::Ledger::new(Arc::clone(ledger.index())));
        let places = Arc::new(Semaphore::new(Desk::Query.places()));
        Self { ledger, evidence, places, judging: Judging::new(), walks: Walks::default(), clock }
    }

    /// Returns the newest state once it is indexed: whoever asks after recording finds what was recorded.
    async fn indexed(&self, log: Option<&v1::Log>) -> Result<Arc<Head>, Refusal> {
        let head = head(&self.ledger, log).await?;
        let reached = self.ledger.index().indexed_or_still(head.size);
        let _in_time = tokio::time::timeout(PATIENCE, reached).await;
        // Asked in any case: what was reached is taken back while a part of it is made again.
        far_enough(log, self.ledger.index().indexed_to()).map(|()| head)
    }

    /// Answers one question as of one size, or says that it takes too long.
    async fn answer<T: Send + 'static>(
        &self,
        log: Option<&v1::Log>,
        at: At,
        question: impl FnOnce(&Evidence<'_>, TreeSize) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, v1::AsOf), Refusal> {
        self.answer_of(log, at, move |evidence, size, _| question(evidence, size)).await
    }

    /// The same for a question to which the state of the log belongs.
    async fn answer_of<T: Send + 'static>(
        &self,
        log: Option<&v1::Log>,
        at: At,
        question: impl FnOnce(&Evidence<'_>, TreeSize, &Head) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, v1::AsOf), Refusal> {
        in_time(ANSWER_MAX, self.answer_some_time(log, at, question)).await
    }

    async fn answer_some_time<T: Send + 'static>(
        &self,
        log: Option<&v1::Log>,
        at: At,
        question: impl FnOnce(&Evidence<'_>, TreeSize, &Head) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<(T, v1::AsOf), Refusal> {
        let head = self.indexed(log).await?;
        let evidence = Arc::clone(&self.evidence);
        let place = Arc::clone(&self.places).acquire_owned().await;
        asking(self.ledger.index(), place, move |left| {
            let timeline = head.timeline().map_err(|error| status::ledger(&error))?;
            let evidence = Attended::new(evidence.as_ref(), left, timeline);
            let tree = size_at(&evidence, at, head.size).map_err(|error| status::query(&error))?;
            let answer = question(&evidence, tree.size, &head)?;
            Ok((answer, as_of(&head, tree)?))
        })
        .await
    }
}

impl QueryService {
    /// Judges a digest, away from the threads that serve. Who comes when as many are judged as may be waits for as long as gathering
    /// may take, and is told then.
    async fn judge(&self, request: v1::EvaluateRequest) -> Result<v1::EvaluateResponse, Refusal> {
        let at = at(request.at, request.at_micros)?;
        let reading = self.clock.read();
        let now = reading.map_err(|error| Refusal::new(Reason::ClockUnsteady, error.to_string()))?.wall;
        let (asked, until) = to_asked(&request, at, now)?;
        let head = self.indexed(request.log.as_ref()).await?;
        let places = Arc::clone(&self.judging.places);
        let place = tokio::time::timeout_at(until.into(), places.acquire_owned()).await;
        let busy = || Refusal::new(Reason::Busy, "as many digests are judged as may be at once");
        let place = place.map_err(|_| busy())?.map_err(|_| busy())?;
        let (entries, policies) = (Arc::clone(&self.evidence), Arc::clone(&self.judging.policies));
        asking(self.ledger.index(), place, move |left| {
            let timeline = head.timeline().map_err(|error| status::ledger(&error))?;
            let evidence = Attended::new(entries.as_ref(), left, timeline);
            let tree = size_at(&evidence, at, head.size).map_err(|error| status::query(&error))?;
            let as_of = as_of(&head, tree)?;
            let root = root_hash("as_of.root", &as_of.root).map_err(status::field)?;
            let log =
                gate::Log { evidence: &evidence, entries: &entries, head: &head, size: tree.size, root };
            let verdict = gate::evaluate(&log, &policies, &asked, until);
            let verdict = verdict.map_err(|error| refusal(&error))?;
            Ok(v1::EvaluateResponse { verdict: verdict.encode().into(), as_of: Some(as_of) })
        })
        .await
    }
}

#[tonic::async_trait]
impl Query for QueryService {
    async fn evaluate(
        &self,
        request: Request<v1::EvaluateRequest>,
    ) -> Result<Response<v1::EvaluateResponse>, Status> {
        Ok(Response::new(self.judge(request.into_inner()).await?))
    }

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
        let at = at(request.at, request.at_micros)?;
        let question = move |evidence: &Evidence<'_>, size| {
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
        let ask = move |evidence: &Evidence<'_>, size| {
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
        let ask = move |evidence: &Evidence<'_>, size| {
            let traced = trace(evidence, &start, depth, size).map_err(|error| status::query(&error))?;
            Ok((traced, start))
        };
        let ((traced, start), as_of) = self.answer(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(from_trace(&traced, &start, as_of)))
    }

    async fn findings(
        &self,
        request: Request<v1::FindingsRequest>,
    ) -> Result<Response<v1::FindingsResponse>, Status> {
        let request = request.into_inner();
        let at = at(request.at, request.at_micros)?;
        let index = |field, value| leaf_index(field, value).map_err(status::field);
        let mut question = Findings {
            since: request.since_index.map(|value| index("since_index", value)).transpose()?,
            since_time: request.since_micros.map(|micros| time("since_micros", micros)).transpose()?,
            next: Some(index("next", request.next)?),
            about: about(&request.about)?,
            kinds: kinds(&request.kinds)?,
            ..Findings::default()
        };
        let ask = move |evidence: &Evidence<'_>, size, head: &Head| {
            question.people = head.people_at(size).map_err(|error| status::ledger(&error))?;
            findings(evidence, &question, size).map_err(|error| status::query(&error))
        };
        let (page, as_of) = self.answer_of(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(from_findings(&page, as_of)))
    }

    async fn environments(
        &self,
        request: Request<v1::EnvironmentsRequest>,
    ) -> Result<Response<v1::EnvironmentsResponse>, Status> {
        let request = request.into_inner();
        let at = at(request.at, request.at_micros)?;
        let ask = move |evidence: &Evidence<'_>, size| {
            query::environments(evidence, size).map_err(|error| status::query(&error))
        };
        let (known, as_of) = self.answer(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(live::from_environments(&known, as_of)))
    }

    async fn environment(
        &self,
        request: Request<v1::EnvironmentRequest>,
    ) -> Result<Response<v1::EnvironmentResponse>, Status> {
        let request = request.into_inner();
        let at = at(request.at, request.at_micros)?;
        let (name, window) = live::to_window(&request)?;
        let ask = move |evidence: &Evidence<'_>, size| {
            query::environment(evidence, &name, window, size).map_err(|error| status::query(&error))
        };
        let (found, as_of) = self.answer(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(live::from_environment(&found, as_of)))
    }

    async fn evidence(
        &self,
        request: Request<v1::EvidenceRequest>,
    ) -> Result<Response<v1::EvidenceResponse>, Status> {
        let request = request.into_inner();
        let at = at(request.at, request.at_micros)?;
        let artifacts = live::to_artifacts(&request)?;
        let limit = usize::try_from(request.limit).ok().filter(|limit| *limit > 0);
        let ask = move |evidence: &Evidence<'_>, size| {
            query::about(evidence, &artifacts, limit, size).map_err(|error| status::query(&error))
        };
        let (about, as_of) = self.answer(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(live::from_about(&about, as_of)))
    }

    async fn impact(
        &self,
        request: Request<v1::ImpactRequest>,
    ) -> Result<Response<v1::ImpactResponse>, Status> {
        let request = request.into_inner();
        let at = at(request.at, request.at_micros)?;
        let question = live::to_impact(&request)?;
        let (walks, runtime) = (self.walks.clone(), Handle::current());
        let ask = move |evidence: &Evidence<'_>, size| {
            walks.page(evidence, &question, size, &runtime).map_err(|error| status::query(&error))
        };
        let (impacted, as_of) = self.answer(request.log.as_ref(), at, ask).await?;
        Ok(Response::new(live::from_impact(&impacted, as_of)))
    }
}

/// Works on a question where it looks into the index, and tells it when nobody waits for the answer any more. `place` is kept until it
/// ends, and not by work that is left behind because a look does not end.
async fn asking<T: Send + 'static>(
    index: &Arc<Index>,
    place: impl Send + 'static,
    work: impl FnOnce(&AtomicBool) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let index = Arc::clone(index);
    attended(move |left| {
        let worked = index.asking(move || work(&left));
        drop(place);
        worked.unwrap_or_else(|error| Err(status::query(&QueryError::from(error))))
    })
    .await
}

/// Waits for an answer, but not for ever: who asks is told to ask again.
async fn in_time<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    tokio::time::timeout(patience, answer).await.unwrap_or_else(|_| {
        let message = format!("the answer took longer than {} s", patience.as_secs());
        Err(Refusal::new(Reason::Busy, message))
    })
}

/// What is indexed so far may answer, and says how far that is, unless the asker knows a larger tree. That the log has
/// grown further meanwhile is no reason to refuse.
fn far_enough(log: Option<&v1::Log>, indexed_to: TreeSize) -> Result<(), Refusal> {
    let min_size = log.map_or(0, |log| log.min_size);
    let min_size = optional_size("log.min_size", min_size).map_err(status::field)?;
    min_size.filter(|size| *size > indexed_to).map_or(Ok(()), |size| Err(behind(size, indexed_to)))
}

/// Says which tree an answer is about, and proves that it is the beginning of the signed one.
fn as_of(head: &Head, query::AsOf { size, indexed_to }: query::AsOf) -> Result<v1::AsOf, Refusal> {
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

pub(super) fn time(field: &str, micros: i64) -> Result<Timestamp, Refusal> {
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
    if request.conditions.len() > CONDITIONS_MAX {
        let message = format!("conditions: at most {CONDITIONS_MAX}, found {}", request.conditions.len());
        return Err(Refusal::new(Reason::InvalidField, message));
    }
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
        redacted: traced.redacted.iter().map(|index| index.get()).collect(),
    }
}

fn about(digests: &[String]) -> Result<Vec<Digest>, Refusal> {
    if digests.len() > FINDINGS_ABOUT_MAX {
        let message = format!("about: at most {FINDINGS_ABOUT_MAX}, found {}", digests.len());
        return Err(Refusal::new(Reason::InvalidField, message));
    }
    let read = |digest: &String| digest.parse();
    let digests: Result<_, DigestError> = digests.iter().map(read).collect();
    digests.map_err(|error| Refusal::new(Reason::InvalidField, format!("about: {error}")))
}

fn kinds(words: &[String]) -> Result<BTreeSet<FindingKind>, Refusal> {
    if words.len() > FindingKind::ALL.len() {
        let message = format!("kinds: at most {}, found {}", FindingKind::ALL.len(), words.len());
        return Err(Refusal::new(Reason::InvalidField, message));
    }
    let kinds: Result<_, UnknownWord> = words.iter().map(|word| word.parse()).collect();
    kinds.map_err(|error| Refusal::new(Reason::InvalidField, format!("kinds: {error}")))
}

fn from_findings(page: &query::FindingsPage, as_of: v1::AsOf) -> v1::FindingsResponse {
    let one = |(found, counted): &(finding::Finding, Option<finding::Counted>)| v1::Finding {
        kind: found.kind.as_str().to_owned(),
        thing: Some(node_to_wire(&found.thing, None)),
        entries: found.entries.iter().map(|index| index.get()).collect(),
        counted: counted.map(|counted| counted.records),
    };
    v1::FindingsResponse {
        findings: page.findings.iter().map(one).collect(),
        as_of: Some(as_of),
        next: page.next.map_or(0, LeafIndex::get),
        uncounted: page.uncounted.iter().map(|index| index.get()).collect(),
        erased: page.erased.iter().map(|index| index.get()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use custody_evidence::fact::{EdgeKind, NodeKind};
    use prost::Message as _;

    use super::*;
    use crate::query::tests::memory::{Memory, node, size};

    fn log(min_size: u64) -> v1::Log {
        v1::Log { origin: "example.com/log".to_owned(), min_size }
    }

    #[test]
    fn an_index_at_min_size_is_far_enough_however_large_the_log_is() {
        for min_size in [0, 1, 7] {
            far_enough(Some(&log(min_size)), size(7)).unwrap();
        }
        far_enough(None, TreeSize::ZERO).unwrap();
        let refused = far_enough(Some(&log(8)), size(7)).unwrap_err();
        assert_eq!((refused.word(), refused.metadata("size")), (Reason::Behind.word(), Some("7")));
    }

    #[tokio::test]
    async fn an_answer_that_takes_too_long_is_a_refusal_that_is_tried_again() {
        assert_eq!(in_time(ANSWER_MAX, async { Ok(7) }).await.unwrap(), 7);
        let refused = in_time::<()>(Duration::ZERO, std::future::pending()).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::Busy));
        assert!(refused.message().contains("longer than 0 s"), "{}", refused.message());
        // A look that does not end is given up first, and what is wrong is said.
        assert!(ANSWER_MAX > LOOK_MAX);
    }

    #[test]
    fn a_question_has_at_most_so_many_conditions() {
        let condition = v1::Condition { field: "signer".to_owned(), value: "s".to_owned() };
        let request = |count| v1::FindRequest {
            conditions: vec![condition.clone(); count],
            ..v1::FindRequest::default()
        };
        assert_eq!(to_find(&request(CONDITIONS_MAX)).unwrap().conditions.len(), CONDITIONS_MAX);
        assert_eq!(to_find(&request(CONDITIONS_MAX + 1)).unwrap_err().reason(), Some(Reason::InvalidField));
    }

    #[test]
    fn the_largest_trace_fits_half_a_message_with_room_for_its_proof() {
        // Long ids and numbers: the runs of a commit, and more secrets that they could read than fit.
        let mut memory = Memory::new();
        let id = |number: u32| format!("{number:02000}");
        let runs: Vec<_> = (0..8).map(|number| node(NodeKind::Run, &id(number))).collect();
        let commit =
            node(NodeKind::Commit, &format!("https://a.test/{}@{}", "r".repeat(900), "c".repeat(40)));
        for (number, run) in (0_u32..).zip(&runs) {
            memory.record(
                i64::MAX / 2_000,
                Some(i64::MAX / 2_000),
                &[(run.clone(), EdgeKind::BuiltFrom, commit.clone())],
                &[],
            );
            for other in 0..250 {
                let secret = node(NodeKind::Secret, &id(number * 1_000 + other));
                memory.record(
                    i64::MAX / 2_000,
                    Some(i64::MAX / 2_000),
                    &[(run.clone(), EdgeKind::CouldRead, secret)],
                    &[],
                );
            }
        }
        let traced = trace(&memory, &commit, None, memory.indexed_to).unwrap();
        assert!(traced.truncated);
        let bytes = from_trace(&traced, &commit, v1::AsOf::default()).encoded_len();
        assert!(bytes <= ANSWER_BYTES_MAX, "{bytes}");
        assert!(bytes > ANSWER_BYTES_MAX * 9 / 10, "the bound is used: {bytes}");
    }
}
