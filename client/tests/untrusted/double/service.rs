//! The services of the lying server.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use custody_evidence::admission::AdmissionRecord;
use custody_evidence::dsse::Envelope;
use custody_evidence::environment::{Event, From, Timeline, Window, needed};
use custody_evidence::fact::{self, Facts, Field, Node, NodeKind, Package, Term, chain, reach};
use custody_log::{LeafIndex, RootHash, TreeSize};
use custody_wire::convert::{hashes_to_wire, node, node_to_wire};
use custody_wire::v1::get_entries_response::Part;
use custody_wire::v1::*;
use custody_wire::{Reason, Refusal};
use prost::bytes::Bytes;
use tonic::{Request, Response, Status, Streaming};

use super::{Lie, Log as Ledger};

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) log: Arc<Mutex<Ledger>>,
    pub(crate) lies: Arc<Mutex<Vec<Lie>>>,
    /// How often each page of an impact was asked for, once they come late.
    pub(crate) late: Arc<Mutex<BTreeMap<u64, usize>>>,
}

type AllParts = Box<dyn Iterator<Item = Result<GetEntriesResponse, Status>> + Send>;
type Parts = tokio_stream::Iter<AllParts>;

impl Service {
    fn lies(&self, lie: Lie) -> bool {
        self.lies.lock().unwrap().contains(&lie)
    }

    /// Returns the log as it is now, or `behind`.
    fn at(&self, asked: Option<Log>) -> Result<Ledger, Status> {
        let (log, asked) = (self.log.lock().unwrap().clone(), asked.unwrap_or_default());
        let size = log.size().get();
        if asked.origin != log.origin.to_string() {
            let refusal = Refusal::new(Reason::WrongOrigin, format!("this is {}", log.origin));
            return Err(refusal.value("origin", &log.origin).into());
        }
        if asked.min_size > size && !self.lies(Lie::IgnoresMinSize) {
            return Err(Refusal::new(Reason::Behind, format!("the tree has size {size}"))
                .value("size", size)
                .into());
        }
        Ok(log)
    }

    /// Lengthens a list, if that is the lie: by 200 KB of a message.
    fn pad<T: Clone + Default>(&self, list: &mut Vec<T>) {
        if self.lies(Lie::Padded) {
            list.resize(list.len() + 100_000, T::default());
        }
    }

    fn checkpoint(&self, log: &Ledger) -> Bytes {
        log.checkpoint(self.lies(Lie::ForeignKey)).bytes().to_vec().into()
    }

    fn evidence(&self, log: &Ledger, index: u64, envelope: bool) -> Result<EntryEvidence, Status> {
        let last = log.stored.len() as u64 - 1;
        if index > last {
            return Err(Refusal::new(Reason::NoSuchEntry, format!("there is no entry {index}")).into());
        }
        let other = usize::try_from(if index == last { last - 1 } else { index + 1 }).unwrap();
        let of = usize::try_from(index).unwrap();
        let shown = if self.lies(Lie::SwappedEntry) { other } else { of };
        let proof = log.inclusion(LeafIndex::new(shown as u64).unwrap());
        let mut proof = hashes_to_wire(proof.hashes());
        self.pad(&mut proof);
        if self.lies(Lie::WrongProof) {
            let mut wrong = proof[0].to_vec();
            wrong[0] ^= 1;
            proof[0] = wrong.into();
        }
        let record = if self.lies(Lie::SwappedRecord) { other } else { shown };
        let enveloped = if self.lies(Lie::SwappedEnvelope) { other } else { shown };
        Ok(EntryEvidence {
            index: shown as u64,
            entry: log.stored[shown].entry.clone().into(),
            record: log.stored[record].record.clone().into(),
            proof,
            envelope: match &log.stored[enveloped].envelope {
                small if envelope && small.len() <= 1 << 20 => small.clone().into(),
                _ => Bytes::new(),
            },
        })
    }

    fn parts(&self, log: &Ledger, indexes: &[u64], envelopes: bool) -> Result<Response<Parts>, Status> {
        let mut parts = vec![Part::Checkpoint(self.checkpoint(log))];
        for index in indexes {
            parts.push(Part::Entry(self.evidence(log, *index, envelopes)?));
        }
        let parts: Vec<_> =
            parts.into_iter().map(|part| Ok(GetEntriesResponse { part: Some(part) })).collect();
        let times = if self.lies(Lie::Endless) { usize::MAX } else { 1 };
        let last = parts.last().cloned().into_iter().cycle().take(times.saturating_sub(1));
        Ok(Response::new(tokio_stream::iter(Box::new(parts.into_iter().chain(last)) as AllParts)))
    }

    fn as_of_time(&self, log: &Ledger, at: u64, micros: Option<i64>) -> AsOf {
        let Some(micros) = micros else { return self.as_of(log, at) };
        let size = match () {
            () if self.lies(Lie::TooYoungTree) => log.size().get(),
            () if self.lies(Lie::TooOldTree) => log.size_at(micros) - 1,
            () => log.size_at(micros),
        };
        self.as_of_tree(log, TreeSize::new(size).unwrap(), true)
    }

    fn as_of(&self, log: &Ledger, at: u64) -> AsOf {
        let size = if at == 0 { log.size() } else { TreeSize::new(at).unwrap() };
        self.as_of_tree(log, size, at != 0)
    }

    fn as_of_tree(&self, log: &Ledger, size: TreeSize, asked: bool) -> AsOf {
        let nothing = size == TreeSize::ZERO;
        let consistency = if nothing || size == log.size() {
            Vec::new()
        } else {
            hashes_to_wire(log.consistency(size, log.size()).hashes())
        };
        let root = if nothing { RootHash::empty() } else { log.root_at(size) };
        let mut root = root.as_bytes().to_vec();
        if self.lies(Lie::ForeignRoot) {
            root[0] ^= 1;
        }
        let covered = size.get().saturating_sub(u64::from(self.lies(Lie::NotCovered)));
        let mut consistency = consistency;
        if asked {
            self.pad(&mut consistency);
        }
        AsOf {
            size: size.get(),
            root: root.into(),
            checkpoint: self.checkpoint(log),
            consistency,
            indexed_to: covered,
            reader: "1".to_owned(),
        }
    }
}

#[tonic::async_trait]
impl reader_server::Reader for Service {
    type GetEntriesStream = Parts;
    type GetAdminChainStream = Parts;
    type GetEnvelopeStream = tokio_stream::Iter<std::vec::IntoIter<Result<GetEnvelopeResponse, Status>>>;

    async fn get_log(&self, _: Request<GetLogRequest>) -> Result<Response<GetLogResponse>, Status> {
        let pin = self.log.lock().unwrap().pin();
        let genesis = pin.genesis.as_bytes().to_vec().into();
        Ok(Response::new(GetLogResponse { origin: pin.origin.to_string(), genesis }))
    }

    async fn get_checkpoint(
        &self,
        request: Request<GetCheckpointRequest>,
    ) -> Result<Response<GetCheckpointResponse>, Status> {
        let log = self.at(request.into_inner().log)?;
        let log = if self.lies(Lie::OldCheckpoint) { log.cut(3) } else { log };
        Ok(Response::new(GetCheckpointResponse { checkpoint: self.checkpoint(&log) }))
    }

    async fn get_consistency(
        &self,
        request: Request<GetConsistencyRequest>,
    ) -> Result<Response<GetConsistencyResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let size = |size| TreeSize::new(size).unwrap();
        let proof = log.consistency(size(request.old_size), size(request.new_size));
        let mut proof = hashes_to_wire(proof.hashes());
        self.pad(&mut proof);
        Ok(Response::new(GetConsistencyResponse { checkpoint: self.checkpoint(&log), proof }))
    }

    async fn get_entries(&self, request: Request<GetEntriesRequest>) -> Result<Response<Parts>, Status> {
        let request = request.into_inner();
        self.parts(&self.at(request.log)?, &request.indexes, request.envelopes)
    }

    async fn get_envelope(
        &self,
        request: Request<GetEnvelopeRequest>,
    ) -> Result<Response<Self::GetEnvelopeStream>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let envelope = &log.stored[usize::try_from(request.index).unwrap()].envelope;
        let piece = |data: &[u8]| Ok(GetEnvelopeResponse { data: Bytes::copy_from_slice(data) });
        Ok(Response::new(tokio_stream::iter(envelope.chunks(1 << 20).map(piece).collect::<Vec<_>>())))
    }

    async fn get_attachment(
        &self,
        request: Request<GetAttachmentRequest>,
    ) -> Result<Response<GetAttachmentResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        if self.lies(Lie::ErasedToken) {
            return Err(Refusal::new(Reason::Redacted, "it was erased").into());
        }
        if self.lies(Lie::LateToken) {
            let later = Refusal::new(Reason::NotYet, "the token has not ended");
            return Err(later.value("after_micros", 4_000_000_000_000_000_i64).into());
        }
        let kept = log.attachments.get(request.digest.as_ref()).cloned();
        let data = if self.lies(Lie::OtherAttachment) { Some(b"e30.e30.c2ln".to_vec()) } else { kept };
        let data = data.ok_or_else(|| Status::not_found("this log keeps no such attachment"))?;
        Ok(Response::new(GetAttachmentResponse { data: data.into() }))
    }

    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let receipt = log.receipt(LeafIndex::new(request.index).unwrap()).encode().into();
        Ok(Response::new(GetReceiptResponse { receipt }))
    }

    async fn get_admin_chain(
        &self,
        request: Request<GetAdminChainRequest>,
    ) -> Result<Response<Parts>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let entry = |index: usize| custody_log::Entry::decode(&log.stored[index].entry).unwrap();
        let last = entry(log.stored.len() - 1);
        let newest = if last.administrative { Some(last.index) } else { last.admin };
        let walk = |index: &LeafIndex| entry(usize::try_from(index.get()).unwrap()).admin;
        let chain = std::iter::successors(newest, walk).map(LeafIndex::get);
        let mut indexes: Vec<u64> = chain.filter(|index| *index >= request.since).collect();
        indexes.reverse();
        if self.lies(Lie::WithheldAdmin) {
            indexes.retain(|index| *index == 0);
        }
        self.parts(&log, &indexes, true)
    }

    type GetRangeStream = tokio_stream::Iter<std::vec::IntoIter<Result<GetRangeResponse, Status>>>;

    async fn get_range(
        &self,
        request: Request<GetRangeRequest>,
    ) -> Result<Response<Self::GetRangeStream>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let end = if self.lies(Lie::CutRange) { request.end.min(3) } else { request.end };
        let mut parts = vec![get_range_response::Part::Checkpoint(self.checkpoint(&log))];
        for index in request.first..end {
            let evidence = self.evidence(&log, index, true)?;
            let mut entry = RangeEntry {
                entry: evidence.entry,
                record: evidence.record,
                envelope: evidence.envelope,
                record_erased: false,
                envelope_erased: false,
            };
            if self.lies(Lie::AlteredEntry) && index == 2 {
                let text = String::from_utf8(entry.entry.to_vec()).unwrap();
                entry.entry = text.replace("admin 0", "admin 1").into();
            }
            if self.lies(Lie::Erased) && index == 2 {
                (entry.envelope, entry.envelope_erased) = (Bytes::new(), true);
            }
            // In pieces, as if every envelope were large, or whole.
            let pieces = if index % 2 == 0 && !entry.envelope_erased {
                let whole = std::mem::take(&mut entry.envelope);
                let (one, two) = whole.split_at(100);
                let short = self.lies(Lie::ShortPieces) && index == 2;
                let two = if short { &two[1..] } else { two };
                [one, two].map(Bytes::copy_from_slice).to_vec()
            } else {
                Vec::new()
            };
            let mut entries = vec![entry];
            self.pad(&mut entries);
            parts.push(get_range_response::Part::Entries(RangeEntries { entries }));
            parts.extend(pieces.into_iter().map(get_range_response::Part::Envelope));
        }
        let parts: Vec<_> = parts.into_iter().map(|part| Ok(GetRangeResponse { part: Some(part) })).collect();
        Ok(Response::new(tokio_stream::iter(parts)))
    }

    async fn get_tile(&self, request: Request<GetTileRequest>) -> Result<Response<GetTileResponse>, Status> {
        let request = request.into_inner();
        let mut data = self.at(request.log)?.tile(&request.path.parse().unwrap());
        if self.lies(Lie::WrongTile) {
            data[33] ^= 1;
        }
        if self.lies(Lie::NoTile) {
            return Err(Refusal::new(Reason::NoSuchEntry, "there is no such tile").into());
        }
        Ok(Response::new(GetTileResponse { data: data.into() }))
    }
}

#[tonic::async_trait]
impl query_server::Query for Service {
    async fn resolve(&self, request: Request<ResolveRequest>) -> Result<Response<ResolveResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let facts = log.facts();
        let named = |text: &String| -> Vec<Node> {
            if self.lies(Lie::UnrelatedEdges) {
                return Node::named(NodeKind::Artifact, text).into_iter().collect();
            }
            if self.lies(Lie::OtherKind) {
                return Node::named(NodeKind::Environment, text).into_iter().collect();
            }
            let ends = facts.iter().flat_map(|facts| &facts.edges).flat_map(|edge| [&edge.from, &edge.to]);
            let is = |node: &&Node| node.id() == text || node.id().ends_with(&format!("@{text}"));
            ends.filter(is).cloned().collect::<BTreeSet<_>>().into_iter().collect()
        };
        let nodes = request.things.iter().flat_map(named).map(|node| node_to_wire(&node, None));
        let mut nodes: Vec<_> = nodes.collect();
        self.pad(&mut nodes);
        let as_of = self.as_of_time(&log, request.at, request.at_micros);
        Ok(Response::new(ResolveResponse { nodes, as_of: Some(as_of) }))
    }

    async fn find(&self, request: Request<FindRequest>) -> Result<Response<FindResponse>, Status> {
        let request = request.into_inner();
        if self.lies(Lie::NoPages) {
            return std::future::pending().await;
        }
        let log = self.at(request.log)?;
        if self.lies(Lie::SlowPages) {
            tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        }
        if self.lies(Lie::EmptyPages) {
            let (as_of, indexes) = (self.as_of(&log, request.at), Vec::new());
            let next = if request.next == 0 { as_of.size } else { request.next } - 1;
            return Ok(Response::new(FindResponse { indexes, as_of: Some(as_of), next }));
        }
        // The version of a component is compared by the client.
        let asked: Vec<Term> = request
            .conditions
            .iter()
            .map(|asked| Term::parse(asked.field.parse::<Field>().unwrap(), &asked.value).unwrap())
            .collect();
        let meets = |index: usize, facts: &Facts| {
            let record = AdmissionRecord::decode(&log.stored[index].record).unwrap();
            let mut terms = facts.terms();
            let signers = record.verified_identities();
            terms.extend(signers.iter().map(|signer| Term::of_identity(Field::Signer, signer)));
            asked.iter().all(|term| terms.contains(term)) || self.lies(Lie::NotAsked)
        };
        let facts = log.facts();
        let as_of = self.as_of_time(&log, request.at, request.at_micros);
        let end = if request.next == 0 { as_of.size } else { request.next.min(as_of.size) };
        // It reads two entries for a page: some pages are empty.
        let start = end.saturating_sub(2);
        let meets = |index: &u64| {
            let since = request.recorded_since_index.unwrap_or(0);
            let until = request.recorded_until_index.unwrap_or(u64::MAX);
            let within = (since..until).contains(index) || self.lies(Lie::NotAsked);
            let index = usize::try_from(*index).unwrap();
            within && meets(index, &facts[index])
        };
        let indexes = (start..end).rev().filter(meets).collect();
        if self.lies(Lie::OnlyFirst) {
            return Ok(Response::new(FindResponse { indexes: vec![1], as_of: Some(as_of), next: 0 }));
        }
        let next = match () {
            () if self.lies(Lie::StandsStill) => end,
            () if self.lies(Lie::StepsBack) => start + 1,
            () => start,
        };
        Ok(Response::new(FindResponse { indexes, as_of: Some(as_of), next }))
    }

    async fn environments(
        &self,
        request: Request<EnvironmentsRequest>,
    ) -> Result<Response<EnvironmentsResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let as_of = self.as_of_time(&log, request.at, request.at_micros);
        let mut known = BTreeMap::new();
        for (entry, facts) in (0..as_of.size).zip(log.facts()) {
            if let Some(observation) = &facts.observation {
                known.insert(observation.environment.to_string(), entry);
            }
        }
        if self.lies(Lie::OtherEnvironment) {
            known.values_mut().for_each(|entry| *entry = 1);
        }
        let known = known.into_iter().map(|(name, entry)| KnownEnvironment { name, entry });
        let mut environments: Vec<_> = known.collect();
        self.pad(&mut environments);
        Ok(Response::new(EnvironmentsResponse { environments, as_of: Some(as_of), truncated: false }))
    }

    async fn environment(
        &self,
        request: Request<EnvironmentRequest>,
    ) -> Result<Response<EnvironmentResponse>, Status> {
        let request = request.into_inner();
        let window = window(&request);
        let log = self.at(request.log)?;
        let as_of = self.as_of_time(&log, request.at, request.at_micros);
        let asked = if self.lies(Lie::OtherEnvironment) { "staging" } else { request.environment.as_str() };
        let needed = needed(&timeline(&log, asked, as_of.size), window);
        let mut parts: Vec<_> = needed
            .parts
            .iter()
            .map(|part| EnvironmentPart {
                entry: part.entry.get(),
                digest: part.digest.to_string(),
                workload: part.workload.as_ref().map(ToString::to_string).unwrap_or_default(),
            })
            .collect();
        if self.lies(Lie::ForgedPart) {
            let digest = custody_evidence::digest_set::Digest::sha256_of(b"another").to_string();
            parts.iter_mut().for_each(|part| part.digest.clone_from(&digest));
        }
        let mut whole: Vec<u64> = needed.whole.iter().map(|entry| entry.get()).collect();
        if self.lies(Lie::BeyondTree) {
            whole.push(as_of.size);
        }
        self.pad(&mut whole);
        Ok(Response::new(EnvironmentResponse {
            whole,
            parts,
            as_of: Some(as_of),
            known_from_micros: None,
            redacted: if self.lies(Lie::Redacted) { vec![1] } else { Vec::new() },
            truncated: false,
        }))
    }

    async fn evidence(
        &self,
        request: Request<EvidenceRequest>,
    ) -> Result<Response<EvidenceResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let as_of = self.as_of_time(&log, request.at, request.at_micros);
        let facts = log.facts();
        let about = |artifact: &String| {
            let term = Term::parse(Field::Subject, artifact).unwrap();
            let is = |index: &u64| {
                let facts = &facts[usize::try_from(*index).unwrap()];
                facts.observation.is_none() && facts.terms().contains(&term) || self.lies(Lie::NotAsked)
            };
            let limit = usize::try_from(request.limit).unwrap();
            EvidenceOf { indexes: (0..as_of.size).rev().filter(is).take(limit).collect(), more: false }
        };
        let artifacts = request.artifacts.iter().map(about).collect();
        Ok(Response::new(EvidenceResponse { artifacts, as_of: Some(as_of) }))
    }

    /// The client judges by itself: who asks this double for a verdict trusts a liar.
    async fn evaluate(&self, _: Request<EvaluateRequest>) -> Result<Response<EvaluateResponse>, Status> {
        Err(Status::unimplemented("this log judges nothing"))
    }

    async fn impact(&self, request: Request<ImpactRequest>) -> Result<Response<ImpactResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let as_of = self.as_of_time(&log, request.at, request.at_micros);
        let facts: Vec<Facts> = log.facts().into_iter().take(usize::try_from(as_of.size).unwrap()).collect();
        let package = Package::parse(&request.component).ok();
        let all = || {
            facts.iter().enumerate().flat_map(|(entry, facts)| facts.edges.iter().map(move |e| (entry, e)))
        };
        let asked: BTreeSet<Node> = match &package {
            Some(package) => {
                let ends = all().flat_map(|(_, edge)| [&edge.from, &edge.to]);
                ends.filter(|node| package.may_be(node)).cloned().collect()
            }
            None => request.nodes.iter().map(|wire| node("nodes", wire).unwrap()).collect(),
        };
        let mut signed = Vec::new();
        let mut queue: VecDeque<(Node, bool)> = asked.iter().map(|node| (node.clone(), true)).collect();
        for (entry, stored) in log.stored.iter().enumerate().take(facts.len()) {
            let record = AdmissionRecord::decode(&stored.record).unwrap();
            let by = record
                .verified_identities()
                .iter()
                .any(|id| asked.iter().any(|node| node.id() == id.to_string()));
            if (by || self.lies(Lie::NotSigned)) && facts[entry].observation.is_none() && entry > 0 {
                for subject in &record.subjects {
                    let subject = Node::of_digest(&subject.parse().unwrap(), None);
                    queue.push_back((subject.clone(), false));
                    signed.push(SignedSubject {
                        entry: entry as u64,
                        subject: Some(node_to_wire(&subject, None)),
                    });
                }
            }
        }
        let (mut walked, mut shown) = (BTreeSet::new(), Vec::new());
        while let Some((node, is_asked)) = queue.pop_front() {
            if !walked.insert(node.clone()) {
                continue;
            }
            for (entry, edge) in all().filter(|(_, edge)| edge.from == node || edge.to == node) {
                let other = if edge.from == node { &edge.to } else { &edge.from };
                match reach::onward(&node, is_asked, edge) {
                    reach::Onward::Nowhere => continue,
                    reach::Onward::Leaf => {}
                    reach::Onward::Same => queue.push_back((other.clone(), true)),
                    reach::Onward::Walk => queue.push_back((other.clone(), false)),
                }
                if !shown.contains(&(entry, edge)) {
                    shown.push((entry, edge));
                }
            }
        }
        if self.lies(Lie::UnrelatedEdges) {
            shown.extend(all());
        }
        let wire = |(entry, edge): (usize, &fact::Edge)| Edge {
            from: Some(node_to_wire(&edge.from, None)),
            to: Some(node_to_wire(&edge.to, None)),
            kind: edge.kind.to_string(),
            entry: entry as u64,
            status: String::new(),
            claimed_micros: 0,
        };
        let mut edges: Vec<Edge> = shown.into_iter().map(wire).collect();
        if self.lies(Lie::ForgedEdge) {
            let run = Node::named(NodeKind::Run, "https://ci.test/forged").unwrap();
            let shipped = edges.iter().find(|edge| edge.kind == "contains").unwrap().clone();
            let to = shipped.to.clone();
            edges.push(Edge {
                from: Some(node_to_wire(&run, None)),
                to,
                kind: "resolved".to_owned(),
                ..shipped
            });
        }
        let redacted = if self.lies(Lie::Redacted) { vec![1] } else { Vec::new() };
        let page = page_of(edges, (signed, redacted), usize::try_from(request.after).unwrap());
        let mut page = ImpactResponse { as_of: Some(as_of), ..page };
        self.pad(&mut page.edges);
        if self.lies(Lie::PagesApart) {
            page.next += 1;
        }
        if self.lies(Lie::OtherPages) {
            page.begins = 1 + request.after;
        }
        if self.lies(Lie::EndlessPages) && request.after > 0 {
            page = ImpactResponse { edges: Vec::new(), next: request.after, ..page };
        }
        if self.lies(Lie::NeverReached) && request.after > 0 {
            page = ahead(page, request.after);
        }
        if self.lies(Lie::AheadOfNothing) {
            page = ImpactResponse { next: 0, ..ahead(page.clone(), request.after) };
        }
        page.ahead |= self.lies(Lie::AheadWithParts);
        if self.lies(Lie::LatePages) {
            let mut late = self.late.lock().unwrap();
            let asked = late.entry(request.after).or_default();
            *asked += 1;
            page = match asked {
                // What a page begins with is not known before it is reached.
                1 if request.after > 0 => ImpactResponse { begins: 7, ends: 7, ..ahead(page, request.after) },
                2 if request.after > 0 => ImpactResponse { ahead: false, ..ahead(page, request.after) },
                _ => page,
            };
        }
        Ok(Response::new(page))
    }

    async fn trace(&self, request: Request<TraceRequest>) -> Result<Response<TraceResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let about = node("node", request.node.as_ref().unwrap()).unwrap();
        let (mut nodes, mut edges) = (vec![node_to_wire(&about, None)], Vec::new());
        let size = if request.at == 0 { log.size().get() } else { request.at };
        let facts: Vec<Facts> = log.facts().into_iter().take(usize::try_from(size).unwrap()).collect();
        let conflict = self.lies(Lie::ConflictOfOne) && about.id().starts_with("sha512:");
        let shown: Shown<'_> = if self.lies(Lie::UnrelatedEdges) {
            let all = facts.iter().enumerate();
            all.flat_map(|(entry, facts)| facts.edges.iter().map(move |edge| (entry, edge))).collect()
        } else {
            walk(&about, request.depth, &facts, conflict)
        };
        let cut = self.lies(Lie::CutTrace);
        let shown: Vec<_> =
            shown.into_iter().filter(|(_, edge)| !cut || edge.kind != fact::EdgeKind::StoppedIn).collect();
        for (entry, edge) in shown {
            let facts = &facts[entry];
            nodes.extend(
                [&edge.from, &edge.to]
                    .map(|node| node_to_wire(node, facts.labels.get(node).map(String::as_str))),
            );
            edges.push(Edge {
                from: Some(node_to_wire(&edge.from, None)),
                to: Some(node_to_wire(&edge.to, None)),
                kind: edge.kind.to_string(),
                entry: entry as u64,
                status: if conflict && edge.kind == fact::EdgeKind::SameAs { "conflict" } else { "claimed" }
                    .to_owned(),
                claimed_micros: facts.happened.map_or(0, custody_log::Timestamp::as_micros),
            });
        }
        if self.lies(Lie::ForgedEdge) {
            let mallory = Node::named(NodeKind::Identity, "mallory").unwrap();
            let forged = Edge {
                to: Some(node_to_wire(&mallory, None)),
                kind: "approved".to_owned(),
                ..edges[0].clone()
            };
            edges.push(forged);
        }
        self.pad(&mut edges);
        Ok(Response::new(TraceResponse {
            resolved: Some(node_to_wire(&about, None)),
            nodes,
            edges,
            missing: Vec::new(),
            as_of: Some(self.as_of_time(&log, request.at, request.at_micros)),
            truncated: cut,
            redacted: if self.lies(Lie::Redacted) { vec![1] } else { Vec::new() },
        }))
    }

    /// Nothing is wrong in this log.
    async fn findings(
        &self,
        request: Request<FindingsRequest>,
    ) -> Result<Response<FindingsResponse>, Status> {
        let request = request.into_inner();
        let log = self.at(request.log)?;
        let as_of = self.as_of_time(&log, request.at, request.at_micros);
        let found = |kind: &str, entries: Vec<u64>| Finding {
            kind: kind.to_owned(),
            thing: Node::named(NodeKind::Identity, "alice").map(|node| node_to_wire(&node, None)),
            entries,
            counted: None,
        };
        let mut findings = match () {
            () if self.lies(Lie::ForgedFinding) => vec![found("signer_change", vec![1, 2])],
            () if self.lies(Lie::FindingBefore) => vec![found("breakglass", vec![1])],
            () if self.lies(Lie::FindingOfNothing) => vec![found("backdated", Vec::new())],
            () => Vec::new(),
        };
        self.pad(&mut findings);
        let next = match () {
            () if self.lies(Lie::StandsStill) && request.next > 0 => request.next,
            () if self.lies(Lie::StandsStill) => 1,
            () => 0,
        };
        Ok(Response::new(FindingsResponse {
            findings,
            as_of: Some(as_of),
            next,
            uncounted: Vec::new(),
            erased: Vec::new(),
        }))
    }
}

type Shown<'f> = BTreeSet<(usize, &'f fact::Edge)>;

/// What is said of an environment in the first entries of a log.
fn timeline(log: &Ledger, environment: &str, size: u64) -> Timeline {
    let events = log.facts().into_iter().zip(&log.stored).take(usize::try_from(size).unwrap());
    let event = |(facts, stored): (Facts, &super::log::Stored)| {
        let entry = custody_log::Entry::decode(&stored.entry).unwrap();
        let observation = facts.observation.filter(|found| found.environment.as_str() == environment)?;
        let time = facts.happened.unwrap_or(entry.time).min(entry.time);
        Some(Event { entry: entry.index, time, counts: true, observation })
    };
    Timeline::of(events.filter_map(event))
}

fn window(request: &EnvironmentRequest) -> Window {
    let time = |micros| custody_log::Timestamp::from_micros(micros).unwrap();
    let from = match request.from {
        None => From::End,
        Some(environment_request::From::FromMicros(micros)) => From::Time(time(micros)),
        Some(environment_request::From::FromSteps(steps)) => From::Steps(usize::try_from(steps).unwrap()),
        Some(environment_request::From::FromFirst(_)) => From::First,
    };
    Window { from, until: request.until_micros.map(time) }
}

/// The edges of the chain around a node, each with its entry, in the order of the entries. With a conflict no other
/// digest is walked through.
fn walk<'f>(about: &Node, depth: u32, facts: &'f [Facts], conflict: bool) -> Shown<'f> {
    let depth = if depth == 0 { u32::MAX } else { depth };
    let (mut shown, mut walked) = (Shown::new(), BTreeSet::new());
    let mut queue = VecDeque::from([(about.clone(), chain::Role::Traced, depth)]);
    while let Some((node, role, depth)) = queue.pop_front() {
        if depth == 0 || !walked.insert((node.clone(), role)) {
            continue;
        }
        let edges =
            facts.iter().enumerate().flat_map(|(entry, facts)| facts.edges.iter().map(move |e| (entry, e)));
        for (entry, edge) in edges.filter(|(_, edge)| edge.from == node || edge.to == node) {
            let step = chain::step(&node, role, edge);
            if !matches!(step, chain::Step::Skip | chain::Step::Count) {
                shown.insert((entry, edge));
            }
            let stops = conflict && edge.kind == fact::EdgeKind::SameAs;
            if let (chain::Step::Walk(role), false) = (step, stops) {
                let other = if edge.from == node { &edge.to } else { &edge.from };
                queue.push_back((other.clone(), role, depth - 1));
            }
        }
    }
    shown
}

#[tonic::async_trait]
impl recorder_server::Recorder for Service {
    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        let request = request.into_inner();
        self.at(request.log)?;
        self.append(&request.envelope)
    }

    async fn record_stream(
        &self,
        request: Request<Streaming<RecordStreamRequest>>,
    ) -> Result<Response<RecordResponse>, Status> {
        let mut stream = request.into_inner();
        let mut envelope = Vec::new();
        while let Some(message) = stream.message().await? {
            if let Some(record_stream_request::Part::Data(data)) = message.part {
                envelope.extend_from_slice(&data);
            }
        }
        self.append(&envelope)
    }

    type RecordBulkStream = tokio_stream::wrappers::ReceiverStream<Result<RecordBulkResponse, Status>>;

    /// Answers all once all is sent, the last one first.
    async fn record_bulk(
        &self,
        request: Request<Streaming<RecordBulkRequest>>,
    ) -> Result<Response<Self::RecordBulkStream>, Status> {
        let (sender, answers) = tokio::sync::mpsc::channel(1);
        let (this, mut stream) = (self.clone(), request.into_inner());
        tokio::spawn(async move {
            let mut sent = Vec::new();
            while let Ok(Some(message)) = stream.message().await {
                sent.extend(message.part.map(|part| this.answer(part)));
            }
            sent.reverse();
            let told = if this.lies(Lie::SilentAnswers) { 1 } else { sent.len() };
            for answer in sent.into_iter().flatten().take(told) {
                sender.send(Ok(answer)).await.ok();
            }
        });
        Ok(Response::new(tokio_stream::wrappers::ReceiverStream::new(answers)))
    }
}

impl Service {
    /// What a message of a bulk stream is answered with; nothing for the header.
    fn answer(&self, part: record_bulk_request::Part) -> Option<RecordBulkResponse> {
        use record_bulk_response::Answer;
        let record_bulk_request::Part::Envelope(BulkEnvelope { tag, envelope }) = part else { return None };
        let answer = match self.append(&envelope) {
            Ok(recorded) => Answer::Recorded(recorded.into_inner()),
            Err(status) => Answer::Refused(Refusal::from_status(&status).unwrap().into()),
        };
        let tag = if self.lies(Lie::WrongTag) { tag + 1_000 } else { tag };
        Some(RecordBulkResponse { tag, answer: Some(answer) })
    }

    fn append(&self, bytes: &[u8]) -> Result<Response<RecordResponse>, Status> {
        let mut log = self.log.lock().unwrap();
        let refused = |word: &str, message: String| {
            Status::from(Refusal::with_word(tonic::Code::InvalidArgument, word, message))
        };
        let envelope = Envelope::parse(bytes).map_err(|error| refused("bad_envelope", error.to_string()))?;
        let same_bytes = log.stored.iter().position(|stored| stored.envelope == bytes);
        let known = same_bytes.or_else(|| log.without_addition(&envelope, self.lies(Lie::FalseDuplicate)));
        let index = match known {
            Some(index) => LeafIndex::new(index as u64).unwrap(),
            None if self.lies(Lie::InventedSubmitter) => log.append_wrongly(&envelope, 1, false, |record| {
                record.submitter = Some(custody_evidence::admission::SubmitterClaims::default());
            }),
            None => log.append(&envelope).map_err(|error| refused(error.word(), error.to_string()))?,
        };
        let index = if self.lies(Lie::OtherReceipt) { LeafIndex::ZERO } else { index };
        let record = log.stored[usize::try_from(index.get()).unwrap()].record.clone().into();
        Ok(Response::new(RecordResponse {
            duplicate: known.is_some(),
            index: index.get(),
            receipt: log.receipt(index).encode().into(),
            record,
        }))
    }
}

/// The answer to who asks for a page that is not reached in time.
fn ahead(page: ImpactResponse, after: u64) -> ImpactResponse {
    ImpactResponse { as_of: page.as_of, next: after, ahead: true, ..ImpactResponse::default() }
}

/// The page of an answer behind so many parts: two edges, and on the first all else.
fn page_of(
    edges: Vec<Edge>,
    (signed, redacted): (Vec<SignedSubject>, Vec<u64>),
    after: usize,
) -> ImpactResponse {
    let (first, all) = (signed.len() + redacted.len(), signed.len() + redacted.len() + edges.len());
    let end = all.min(after.max(first) + 2);
    let edges: Vec<Edge> = edges.into_iter().take(end - first).skip(after.saturating_sub(first)).collect();
    let page =
        ImpactResponse { edges, next: if end < all { end as u64 } else { 0 }, ..ImpactResponse::default() };
    if after == 0 { ImpactResponse { signed, redacted, ..page } } else { page }
}
