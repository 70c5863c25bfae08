//! The services of a server, called one by one, without the checks that the client makes.

use custody_wire::v1::reader_client::ReaderClient;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::recorder_client::RecorderClient;
use custody_wire::v1::{
    GetCheckpointRequest, GetEntriesRequest, GetEntriesResponse, GetEnvelopeRequest, GetEnvelopeResponse,
    GetLogRequest, GetLogResponse, GetRangeRequest, GetRangeResponse, GetTileRequest, Log, RecordHeader,
    RecordRequest, RecordResponse, RecordStreamRequest, get_entries_response,
};
use custody_wire::{Refusal, limits};
use tokio::runtime::Runtime;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::oracle::sha256;
use crate::server::{ORIGIN, Server};

/// An answer that is not read.
#[derive(Debug)]
pub struct Unread<T>(#[expect(dead_code, reason = "kept so that the stream stays open")] tonic::Streaming<T>);

/// An upload that stands still.
#[derive(Debug)]
pub struct Stalled {
    _sender: tokio::sync::mpsc::Sender<RecordStreamRequest>,
}

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
        let request = RecordRequest { log: Some(self.log.clone()), envelope: envelope.to_vec().into() };
        let mut recorder = self.recorder();
        self.runtime.block_on(recorder.record(request)).map(tonic::Response::into_inner)
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
        let header = RecordHeader { log: Some(self.log.clone()), digest: digest.to_vec().into(), length };
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
        self.runtime.block_on(recorder.record_stream(stream)).map(tonic::Response::into_inner)
    }

    /// Returns which log the server keeps.
    pub fn log(&self) -> Result<GetLogResponse, Status> {
        let mut reader = self.reader();
        self.runtime.block_on(reader.get_log(GetLogRequest {})).map(tonic::Response::into_inner)
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

    /// Returns the newest checkpoint.
    pub fn checkpoint(&self) -> Result<Vec<u8>, Status> {
        let request = GetCheckpointRequest { log: Some(self.log.clone()) };
        let mut reader = self.reader();
        let answer = self.runtime.block_on(reader.get_checkpoint(request))?;
        Ok(answer.into_inner().checkpoint.to_vec())
    }

    /// Returns the bytes of a tile.
    pub fn tile(&self, path: &str) -> Result<Vec<u8>, Status> {
        let request = GetTileRequest { log: Some(self.log.clone()), path: path.to_owned() };
        let mut reader = self.reader();
        let answer = self.runtime.block_on(reader.get_tile(request))?;
        Ok(answer.into_inner().data.to_vec())
    }

    /// Returns all messages of a range.
    pub fn range(&self, first: u64, end: u64) -> Result<Vec<GetRangeResponse>, Status> {
        let request = GetRangeRequest { log: Some(self.log.clone()), first, end };
        let mut reader = self.reader();
        self.runtime.block_on(async {
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
        let mut entries = Vec::new();
        for some in indexes.chunks(limits::ENTRIES_MAX) {
            let request =
                GetEntriesRequest { log: Some(self.log.clone()), indexes: some.to_vec(), envelopes: false };
            let mut reader = self.reader();
            self.runtime.block_on(async {
                let mut parts = reader.get_entries(request).await.expect("entries can be read").into_inner();
                while let Some(message) = parts.message().await.expect("entries can be read") {
                    if let Some(get_entries_response::Part::Entry(evidence)) = message.part {
                        assert_eq!(
                            usize::try_from(evidence.index).unwrap_or(usize::MAX),
                            entries.len(),
                            "entries come in the order asked for"
                        );
                        entries.push(evidence.entry.to_vec());
                    }
                }
            });
        }
        entries
    }

    /// Returns the exact bytes of an envelope.
    ///
    /// # Panics
    ///
    /// When the server does not give them.
    #[must_use]
    pub fn envelope(&self, index: u64) -> Vec<u8> {
        let request = GetEnvelopeRequest { log: Some(self.log.clone()), index };
        let mut reader = self.reader();
        self.runtime.block_on(async {
            let mut pieces =
                reader.get_envelope(request).await.expect("an envelope can be read").into_inner();
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.message().await.expect("an envelope can be read") {
                bytes.extend_from_slice(&piece.data);
            }
            bytes
        })
    }

    /// Asks for the envelope of an entry, and reads none of the answer while the value is kept.
    pub fn unread_envelope(&self, index: u64) -> Result<Unread<GetEnvelopeResponse>, Status> {
        let request = GetEnvelopeRequest { log: Some(self.log.clone()), index };
        let mut reader = self.reader();
        self.runtime.block_on(reader.get_envelope(request)).map(|answer| Unread(answer.into_inner()))
    }

    /// Asks for one entry as often as a request may, and reads none of the answer while the value is kept.
    pub fn unread_entries(&self, index: u64) -> Result<Unread<GetEntriesResponse>, Status> {
        let indexes = vec![index; limits::ENTRIES_MAX];
        let request = GetEntriesRequest { log: Some(self.log.clone()), indexes, envelopes: true };
        let mut reader = self.reader();
        self.runtime.block_on(reader.get_entries(request)).map(|answer| Unread(answer.into_inner()))
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
        let header = RecordHeader { log: Some(self.log.clone()), digest, length: limits::ENVELOPE_BYTES_MAX };
        let first = RecordStreamRequest { part: Some(Part::Header(header)) };
        sender.try_send(first).expect("there is room for the header");
        let mut recorder = self.recorder();
        let stream = tokio_stream::wrappers::ReceiverStream::new(messages);
        let answer = self.runtime.spawn(async move { recorder.record_stream(stream).await });
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!answer.is_finished(), "the upload was answered before it was sent");
        Stalled { _sender: sender }
    }

    /// Returns whether the health service says that the server serves.
    pub fn health(&self, service: &str) -> Result<bool, Status> {
        use tonic_health::pb::health_check_response::ServingStatus;
        use tonic_health::pb::health_client::HealthClient;
        let request = tonic_health::pb::HealthCheckRequest { service: service.to_owned() };
        let mut health = HealthClient::new(self.channel.clone());
        let answer = self.runtime.block_on(health.check(request))?.into_inner();
        Ok(answer.status() == ServingStatus::Serving)
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
