//! The services of a server, called one by one, without the checks that the client makes.

mod recording;

use std::collections::BTreeMap;

use custody_log::VerifierKey;
use custody_wire::v1::query_client::QueryClient;
use custody_wire::v1::reader_client::ReaderClient;
use custody_wire::v1::record_bulk_request::Part as BulkPart;
use custody_wire::v1::record_bulk_response::Answer;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::recorder_client::RecorderClient;
use custody_wire::v1::{
    BulkEnvelope, BulkHeader, Condition, EntryEvidence, EvaluateRequest, EvaluateResponse, FindRequest,
    GetCheckpointRequest, GetEntriesRequest, GetEntriesResponse, GetEnvelopeRequest, GetEnvelopeResponse,
    GetLogRequest, GetLogResponse, GetRangeRequest, GetRangeResponse, GetReceiptRequest, GetTileRequest, Log,
    RecordBulkRequest, RecordBulkResponse, RecordHeader, RecordRequest, RecordResponse, RecordStreamRequest,
    get_entries_response,
};
use custody_wire::{Refusal, limits};
use tokio::runtime::Runtime;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::certificates::Issued;
use crate::evidence::payload;
use crate::oracle::sha256;
use crate::secure;
use crate::server::{ORIGIN, Server};
pub use recording::credential;

/// An answer that is not read.
#[derive(Debug)]
pub struct Unread<T>(#[expect(dead_code, reason = "kept so that the stream stays open")] tonic::Streaming<T>);

/// An envelope that comes in pieces.
#[derive(Debug)]
pub struct Pieces<'a> {
    caller: &'a Caller,
    pieces: tonic::Streaming<GetEnvelopeResponse>,
}

impl Pieces<'_> {
    /// Waits for the next piece, and returns its length; none after the last.
    #[expect(clippy::should_implement_trait, reason = "it fails, which an iterator does not")]
    pub fn next(&mut self) -> Result<Option<usize>, Status> {
        let piece = self.caller.runtime.block_on(self.pieces.message())?;
        Ok(piece.map(|piece| piece.data.len()))
    }
}

/// An upload that stands still.
#[derive(Debug)]
pub struct Stalled {
    _sender: tokio::sync::mpsc::Sender<RecordStreamRequest>,
}

/// A stream of many envelopes.
#[derive(Debug)]
pub struct BulkStream<'a> {
    caller: &'a Caller,
    /// None once all is sent.
    requests: Option<tokio::sync::mpsc::Sender<RecordBulkRequest>>,
    answers: tonic::Streaming<RecordBulkResponse>,
}

/// The answers by their tags, and why the stream ended, if not because all was said.
pub type BulkAnswers = (BTreeMap<u64, Answer>, Option<Status>);

impl BulkStream<'_> {
    /// Sends the header.
    ///
    /// # Panics
    ///
    /// When the stream has ended.
    pub fn header(&mut self) {
        let header = BulkHeader { log: Some(self.caller.log.clone()), credential: None };
        self.send(BulkPart::Header(header));
    }

    /// Sends one envelope.
    ///
    /// # Panics
    ///
    /// When the stream has ended.
    pub fn envelope(&mut self, tag: u64, envelope: Vec<u8>) {
        self.send(BulkPart::Envelope(BulkEnvelope { tag, envelope: envelope.into() }));
    }

    /// Waits for the next answer; none when the server has said all.
    ///
    /// # Panics
    ///
    /// When it does not come within a minute, or holds nothing.
    #[expect(clippy::should_implement_trait, reason = "it fails, which an iterator does not")]
    pub fn next(&mut self) -> Result<Option<(u64, Answer)>, Status> {
        let answer = self.answers.message();
        let answer = self.caller.runtime.block_on(async {
            tokio::time::timeout(std::time::Duration::from_mins(1), answer).await.expect("an answer in time")
        })?;
        Ok(answer.map(|answer| (answer.tag, answer.answer.expect("an answer holds its result"))))
    }

    /// Sends nothing more, and returns the answers that come.
    #[must_use]
    pub fn finish(mut self) -> BulkAnswers {
        self.requests = None;
        self.rest()
    }

    /// Sends these envelopes while it reads the answers.
    ///
    /// # Panics
    ///
    /// When an envelope is answered twice.
    #[must_use]
    pub fn exchange(mut self, envelopes: &BTreeMap<u64, Vec<u8>>) -> BulkAnswers {
        let requests = self.requests.take().expect("the stream is open");
        let sent: Vec<_> = envelopes.iter().map(|(tag, bytes)| (*tag, bytes.clone())).collect();
        self.caller.runtime.spawn(async move {
            for (tag, bytes) in sent {
                let part = BulkPart::Envelope(BulkEnvelope { tag, envelope: bytes.into() });
                if requests.send(RecordBulkRequest { part: Some(part) }).await.is_err() {
                    return;
                }
            }
        });
        self.rest()
    }

    /// Sends envelopes without reading an answer, until the server takes no more for this long; returns how many it
    /// took.
    ///
    /// # Panics
    ///
    /// When the stream has ended.
    pub fn offer(&mut self, envelopes: &[Vec<u8>], patience: std::time::Duration) -> usize {
        let requests = self.requests.as_ref().expect("the stream is open");
        self.caller.runtime.block_on(async {
            for (at, bytes) in envelopes.iter().enumerate() {
                let part = BulkPart::Envelope(BulkEnvelope { tag: 0, envelope: bytes.clone().into() });
                let send = requests.send(RecordBulkRequest { part: Some(part) });
                if tokio::time::timeout(patience, send).await.is_err() {
                    return at;
                }
            }
            envelopes.len()
        })
    }

    fn send(&self, part: BulkPart) {
        let requests = self.requests.as_ref().expect("the stream is open");
        let sent = requests.blocking_send(RecordBulkRequest { part: Some(part) });
        sent.expect("the stream goes on");
    }

    fn rest(mut self) -> BulkAnswers {
        let mut answers = BTreeMap::new();
        loop {
            match self.next() {
                Ok(Some((tag, answer))) => {
                    assert!(answers.insert(tag, answer).is_none(), "tag {tag} is answered twice");
                }
                Ok(None) => return (answers, None),
                Err(status) => return (answers, Some(status)),
            }
        }
    }
}

/// Returns the reason word of an answer in a bulk stream, or `recorded`.
#[must_use]
pub fn answer_word(answer: &Answer) -> String {
    match answer {
        Answer::Recorded(_) => "recorded".to_owned(),
        Answer::Refused(refused) => refused.word.clone(),
    }
}

/// How long a call may take; far more than any needs, for busy machines.
const ANSWER_LIMIT: std::time::Duration = std::time::Duration::from_mins(2);

/// A caller of one server.
#[derive(Debug)]
pub struct Caller {
    runtime: Runtime,
    channel: Channel,
    log: Log,
}

impl Caller {
    /// Connects to a server that keeps the log [`ORIGIN`].
    ///
    /// # Panics
    ///
    /// When it cannot be reached.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self::to(server, ORIGIN)
    }

    /// Connects to a server, and names this log in every request.
    ///
    /// # Panics
    ///
    /// When it cannot be reached.
    #[must_use]
    pub fn to(server: &Server, origin: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let endpoint = Channel::from_shared(server.url()).expect("the server's URL is one");
        let channel = runtime.block_on(endpoint.connect()).expect("the server can be reached");
        Self { runtime, channel, log: Log { origin: origin.to_owned(), min_size: 0 } }
    }

    /// Connects inside TLS to a server whose certificate this authority issued, and shows this certificate of its own.
    ///
    /// # Panics
    ///
    /// When it cannot be reached.
    #[must_use]
    pub fn inside_tls(server: &Server, authority: &str, own: Option<&Issued>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime can be made");
        let channel = runtime.block_on(secure::channel(server, authority, own));
        Self { runtime, channel, log: Log { origin: ORIGIN.to_owned(), min_size: 0 } }
    }

    /// Calls any method with an empty request, and returns its first answer's status.
    ///
    /// # Panics
    ///
    /// When there is no answer within a minute.
    pub fn empty(&self, path: &str) -> Result<(), Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        let path = path.parse().expect("a path of a method");
        self.runtime.block_on(async {
            let answer = async {
                client.ready().await.expect("the server is there");
                let codec = tonic_prost::ProstCodec::<(), ()>::default();
                let mut answers = client.server_streaming(Request::new(()), path, codec).await?.into_inner();
                answers.message().await.map(drop)
            };
            tokio::time::timeout(std::time::Duration::from_mins(1), answer).await.expect("an answer in time")
        })
    }

    /// Calls any method of one message with a request that cannot be decoded: its first member holds no message.
    ///
    /// # Panics
    ///
    /// When there is no answer within a minute.
    pub fn garbage(&self, path: &str) -> Result<(), Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        let path = path.parse().expect("a path of a method");
        let garbage = GetLogResponse { origin: "zzzz".to_owned(), ..GetLogResponse::default() };
        self.runtime.block_on(async {
            let answer = async {
                client.ready().await.expect("the server is there");
                let codec = tonic_prost::ProstCodec::<GetLogResponse, ()>::default();
                client.unary(Request::new(garbage), path, codec).await.map(drop)
            };
            tokio::time::timeout(std::time::Duration::from_mins(1), answer).await.expect("an answer in time")
        })
    }

    /// Returns the same caller, asking for a tree of at least this size.
    #[must_use]
    pub fn at_least(mut self, min_size: u64) -> Self {
        self.log.min_size = min_size;
        self
    }

    /// Records an envelope, in one message or as a stream, as its length demands.
    pub fn record(&self, envelope: &[u8]) -> Result<RecordResponse, Status> {
        if envelope.len() <= limits::UNARY_ENVELOPE_BYTES_MAX {
            self.record_unary(envelope)
        } else {
            self.record_stream(sha256(envelope), envelope.len() as u64, envelope)
        }
    }

    /// Records an envelope in one message, whatever its length.
    pub fn record_unary(&self, envelope: &[u8]) -> Result<RecordResponse, Status> {
        let request = RecordRequest {
            log: Some(self.log.clone()),
            envelope: envelope.to_vec().into(),
            credential: None,
        };
        let mut recorder = self.recorder();
        self.within(recorder.record(request)).map(tonic::Response::into_inner)
    }

    /// Records an envelope as a stream whose header says this digest and length.
    pub fn record_stream(
        &self,
        digest: [u8; 32],
        length: u64,
        envelope: &[u8],
    ) -> Result<RecordResponse, Status> {
        let pieces: Vec<&[u8]> = envelope.chunks(limits::PIECE_BYTES_MAX).collect();
        self.record_pieces(digest, length, &pieces)
    }

    /// Records an envelope as a stream of these pieces, whose header says this digest and length.
    pub fn record_pieces(
        &self,
        digest: [u8; 32],
        length: u64,
        pieces: &[&[u8]],
    ) -> Result<RecordResponse, Status> {
        let header = RecordHeader {
            log: Some(self.log.clone()),
            digest: digest.to_vec().into(),
            length,
            credential: None,
        };
        let mut messages = vec![RecordStreamRequest { part: Some(Part::Header(header)) }];
        for piece in pieces {
            messages.push(RecordStreamRequest { part: Some(Part::Data(piece.to_vec().into())) });
        }
        self.record_messages(messages)
    }

    /// Sends these messages as one stream.
    pub fn record_messages(&self, messages: Vec<RecordStreamRequest>) -> Result<RecordResponse, Status> {
        let mut recorder = self.recorder();
        let stream = Request::new(tokio_stream::iter(messages));
        self.within(recorder.record_stream(stream)).map(tonic::Response::into_inner)
    }

    /// Returns which log the server keeps.
    pub fn log(&self) -> Result<GetLogResponse, Status> {
        let mut reader = self.reader();
        self.within(reader.get_log(GetLogRequest {})).map(tonic::Response::into_inner)
    }

    /// Returns what clients pin: `ORIGIN+sha256:<digest of entry 0>`.
    ///
    /// # Panics
    ///
    /// When the server does not say.
    #[must_use]
    pub fn pin(&self) -> String {
        let log = self.log().expect("a server says which log it keeps");
        let hex = log.genesis.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        format!("{}+sha256:{hex}", log.origin)
    }

    /// Returns the key that the log signs its checkpoints with, as the first trust document says.
    ///
    /// # Panics
    ///
    /// When the server does not give that document.
    #[must_use]
    pub fn log_key(&self) -> VerifierKey {
        let document = payload(&self.envelope(0));
        let key = document["predicate"]["log_keys"][0]["vkey"].as_str().expect("a trust document names keys");
        key.parse().expect("a key of the C2SP form")
    }

    /// Returns the newest checkpoint.
    pub fn checkpoint(&self) -> Result<Vec<u8>, Status> {
        let request = GetCheckpointRequest { log: Some(self.log.clone()) };
        let mut reader = self.reader();
        let answer = self.within(reader.get_checkpoint(request))?;
        Ok(answer.into_inner().checkpoint.to_vec())
    }

    /// Returns the bytes of a tile.
    pub fn tile(&self, path: &str) -> Result<Vec<u8>, Status> {
        let request = GetTileRequest { log: Some(self.log.clone()), path: path.to_owned() };
        let mut reader = self.reader();
        let answer = self.within(reader.get_tile(request))?;
        Ok(answer.into_inner().data.to_vec())
    }

    /// Returns all messages of a range.
    pub fn range(&self, first: u64, end: u64) -> Result<Vec<GetRangeResponse>, Status> {
        let request = GetRangeRequest { log: Some(self.log.clone()), first, end };
        let mut reader = self.reader();
        self.within(async {
            let (mut stream, mut messages) = (reader.get_range(request).await?.into_inner(), Vec::new());
            while let Some(message) = stream.message().await? {
                messages.push(message);
            }
            Ok(messages)
        })
    }

    /// Returns the size and root that the newest checkpoint says.
    ///
    /// # Panics
    ///
    /// When there is no checkpoint, or it does not have the form of one.
    #[must_use]
    pub fn tree(&self) -> (u64, [u8; 32]) {
        use base64::Engine as _;
        let checkpoint = self.checkpoint().expect("a server gives its checkpoint");
        let text = String::from_utf8(checkpoint).expect("a checkpoint is text");
        let mut lines = text.lines().skip(1);
        let size = lines.next().and_then(|line| line.parse().ok()).expect("line 2 is the size");
        let root = lines.next().expect("line 3 is the root");
        let root = base64::engine::general_purpose::STANDARD.decode(root).expect("a root is base64");
        (size, root.try_into().expect("a root is 32 bytes"))
    }

    /// Returns the bytes of all entries below a size.
    ///
    /// # Panics
    ///
    /// When the server does not give them.
    #[must_use]
    pub fn entries(&self, size: u64) -> Vec<Vec<u8>> {
        let indexes: Vec<u64> = (0..size).collect();
        let chunks = indexes.chunks(limits::ENTRIES_MAX);
        chunks.flat_map(|some| self.some_entries(some).expect("entries can be read")).collect()
    }

    /// Returns the bytes of these entries, at most [`limits::ENTRIES_MAX`].
    ///
    /// # Panics
    ///
    /// When the server gives others.
    pub fn some_entries(&self, indexes: &[u64]) -> Result<Vec<Vec<u8>>, Status> {
        let request =
            GetEntriesRequest { log: Some(self.log.clone()), indexes: indexes.to_vec(), envelopes: false };
        let mut reader = self.reader();
        self.within(async {
            let (mut parts, mut entries) = (reader.get_entries(request).await?.into_inner(), Vec::new());
            while let Some(message) = parts.message().await? {
                if let Some(get_entries_response::Part::Entry(evidence)) = message.part {
                    assert_eq!(
                        Some(&evidence.index),
                        indexes.get(entries.len()),
                        "entries come in the order asked for"
                    );
                    entries.push(evidence.entry.to_vec());
                }
            }
            Ok(entries)
        })
    }

    /// Returns the exact bytes of an envelope.
    ///
    /// # Panics
    ///
    /// When the server does not give them.
    #[must_use]
    pub fn envelope(&self, index: u64) -> Vec<u8> {
        self.some_envelope(index).expect("an envelope can be read")
    }

    /// Returns the exact bytes of an envelope, or why the server does not give them.
    pub fn some_envelope(&self, index: u64) -> Result<Vec<u8>, Status> {
        let request = GetEnvelopeRequest { log: Some(self.log.clone()), index };
        let mut reader = self.reader();
        self.within(async {
            let (mut pieces, mut bytes) = (reader.get_envelope(request).await?.into_inner(), Vec::new());
            while let Some(piece) = pieces.message().await? {
                bytes.extend_from_slice(&piece.data);
            }
            Ok(bytes)
        })
    }

    /// Asks for the envelope of an entry, whose pieces come one by one.
    pub fn envelope_in_pieces(&self, index: u64) -> Result<Pieces<'_>, Status> {
        let request = GetEnvelopeRequest { log: Some(self.log.clone()), index };
        let mut reader = self.reader();
        let pieces = self.runtime.block_on(reader.get_envelope(request))?.into_inner();
        Ok(Pieces { caller: self, pieces })
    }

    /// Returns the receipt of an entry.
    pub fn receipt(&self, index: u64) -> Result<Vec<u8>, Status> {
        let request = GetReceiptRequest { log: Some(self.log.clone()), index };
        let mut reader = self.reader();
        Ok(self.runtime.block_on(reader.get_receipt(request))?.into_inner().receipt.to_vec())
    }

    /// Returns what the server says of an entry, with its envelope.
    ///
    /// # Panics
    ///
    /// When it says nothing.
    pub fn evidence(&self, index: u64) -> Result<EntryEvidence, Status> {
        let request =
            GetEntriesRequest { log: Some(self.log.clone()), indexes: vec![index], envelopes: true };
        let mut reader = self.reader();
        self.runtime.block_on(async {
            let mut parts = reader.get_entries(request).await?.into_inner();
            while let Some(message) = parts.message().await? {
                if let Some(get_entries_response::Part::Entry(evidence)) = message.part {
                    return Ok(evidence);
                }
            }
            panic!("an answer without the entry")
        })
    }

    /// Asks for the envelope of an entry, and reads none of the answer while the value is kept.
    pub fn unread_envelope(&self, index: u64) -> Result<Unread<GetEnvelopeResponse>, Status> {
        let request = GetEnvelopeRequest { log: Some(self.log.clone()), index };
        let mut reader = self.reader();
        self.within(reader.get_envelope(request)).map(|answer| Unread(answer.into_inner()))
    }

    /// Asks for one entry as often as a request may, and reads none of the answer while the value is kept.
    pub fn unread_entries(&self, index: u64) -> Result<Unread<GetEntriesResponse>, Status> {
        let indexes = vec![index; limits::ENTRIES_MAX];
        let request = GetEntriesRequest { log: Some(self.log.clone()), indexes, envelopes: true };
        let mut reader = self.reader();
        self.within(reader.get_entries(request)).map(|answer| Unread(answer.into_inner()))
    }

    /// Opens a stream for many envelopes.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    #[must_use]
    pub fn bulk(&self) -> BulkStream<'_> {
        let (requests, messages) = tokio::sync::mpsc::channel(4);
        let messages = tokio_stream::wrappers::ReceiverStream::new(messages);
        let mut recorder = self.recorder();
        let answers = self.within(recorder.record_bulk(messages));
        let answers = answers.expect("a stream is taken").into_inner();
        BulkStream { caller: self, requests: Some(requests), answers }
    }

    /// Sends the header of an upload and nothing after it while the value is kept.
    ///
    /// # Panics
    ///
    /// When the server's answer comes before a tenth of a second has passed.
    #[must_use]
    pub fn stalled_upload(&self, number: u8) -> Stalled {
        let (sender, messages) = tokio::sync::mpsc::channel(4);
        let digest = vec![number; 32].into();
        let header = RecordHeader {
            log: Some(self.log.clone()),
            digest,
            length: limits::ENVELOPE_BYTES_MAX,
            credential: None,
        };
        let first = RecordStreamRequest { part: Some(Part::Header(header)) };
        sender.try_send(first).expect("there is room for the header");
        let mut recorder = self.recorder();
        let stream = tokio_stream::wrappers::ReceiverStream::new(messages);
        let answer = self.runtime.spawn(async move { recorder.record_stream(stream).await });
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!answer.is_finished(), "the upload was answered before it was sent");
        Stalled { _sender: sender }
    }

    /// Sends the header of an upload and so many bytes of it, and returns why the server does not wait for the rest.
    ///
    /// # Panics
    ///
    /// When it waits for more than a minute, or is content.
    #[must_use]
    pub fn unfinished_upload(&self, number: u8, length: usize) -> Status {
        let (sender, messages) = tokio::sync::mpsc::channel(4);
        let digest = vec![number; 32].into();
        let header = RecordHeader {
            log: Some(self.log.clone()),
            digest,
            length: limits::ENVELOPE_BYTES_MAX,
            credential: None,
        };
        for part in [Part::Header(header), Part::Data(vec![number; length].into())] {
            sender.try_send(RecordStreamRequest { part: Some(part) }).expect("there is room for two");
        }
        let mut recorder = self.recorder();
        let stream = tokio_stream::wrappers::ReceiverStream::new(messages);
        let answer = self.runtime.block_on(async {
            let answer = recorder.record_stream(stream);
            tokio::time::timeout(std::time::Duration::from_mins(1), answer).await.expect("an answer in time")
        });
        drop(sender);
        answer.expect_err("a part of an upload is none")
    }

    /// Returns the entries that a search by one condition finds.
    pub fn find(&self, field: &str, value: &str) -> Result<Vec<u64>, Status> {
        self.find_as_of(field, value).map(|(indexes, _)| indexes)
    }

    /// Returns the entries that a search by one condition finds, and the tree size as of which the server answered.
    pub fn find_as_of(&self, field: &str, value: &str) -> Result<(Vec<u64>, u64), Status> {
        let condition = Condition { field: field.to_owned(), value: value.to_owned() };
        let log = Some(self.log.clone());
        let request = FindRequest { log, conditions: vec![condition], ..FindRequest::default() };
        let mut query = QueryClient::new(self.channel.clone());
        let answer = self.within(query.find(request))?.into_inner();
        Ok((answer.indexes, answer.as_of.unwrap_or_default().size))
    }

    /// Asks the server for a verdict; the log of the request is this caller's.
    pub fn evaluate(&self, request: EvaluateRequest) -> Result<EvaluateResponse, Status> {
        let request = EvaluateRequest { log: Some(self.log.clone()), ..request };
        let mut query = QueryClient::new(self.channel.clone());
        self.within(query.evaluate(request)).map(tonic::Response::into_inner)
    }

    /// Returns whether the health service says that the server serves.
    pub fn health(&self, service: &str) -> Result<bool, Status> {
        use tonic_health::pb::health_check_response::ServingStatus;
        use tonic_health::pb::health_client::HealthClient;
        let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        let mut health = HealthClient::new(self.channel.clone());
        let answer = self.within(health.check(request))?.into_inner();
        Ok(answer.status() == ServingStatus::Serving)
    }

    /// Waits for an answer. A server that says nothing fails the test, and does not hold it up for ever.
    fn within<A>(&self, answer: impl Future<Output = A>) -> A {
        self.runtime.block_on(async {
            tokio::time::timeout(ANSWER_LIMIT, answer).await.expect("the server answers in time")
        })
    }

    fn recorder(&self) -> RecorderClient<Channel> {
        RecorderClient::new(self.channel.clone())
    }

    fn reader(&self) -> ReaderClient<Channel> {
        ReaderClient::new(self.channel.clone())
    }
}

/// Returns the stable reason word of a refusal.
///
/// # Panics
///
/// When the status carries none.
#[must_use]
pub fn word(status: &Status) -> String {
    let refusal = Refusal::from_status(status);
    refusal.unwrap_or_else(|| panic!("a refusal without a reason word: {status:?}")).word().to_owned()
}
