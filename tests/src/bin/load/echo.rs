//! The bare echo: the same messages over the same transport, with nothing behind it.
//!
//! It is served by a process of its own, like the ledger, with the defaults of tonic and tokio.

use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use custody_tests::server::free_port;
use custody_wire::v1::record_bulk_request::Part;
use custody_wire::v1::record_bulk_response::Answer;
use custody_wire::v1::recorder_server::{Recorder, RecorderServer};
use custody_wire::v1::{
    BulkEnvelope, RecordBulkRequest, RecordBulkResponse, RecordRequest, RecordResponse, RecordStreamRequest,
};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

/// An echo that runs until it is dropped.
pub(crate) struct Echo {
    process: Child,
    port: u16,
}

impl Echo {
    pub(crate) fn start() -> Self {
        let port = free_port();
        let this = std::env::current_exe().expect("this program has a path");
        let process = Command::new(this)
            .args(["--echo", &port.to_string()])
            .stdin(Stdio::null())
            .spawn()
            .expect("the echo can be started");
        let echo = Self { process, port };
        let limit = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < limit, "the echo does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        echo
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Serves the echo, in the process that [`Echo::start`] makes.
pub(crate) fn serve(port: u16) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let service = RecorderServer::new(Bare).max_decoding_message_size(4 << 20);
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let served = tonic::transport::Server::builder().add_service(service).serve(address);
    runtime.block_on(served).expect("the echo serves");
}

struct Bare;

#[tonic::async_trait]
impl Recorder for Bare {
    async fn record(&self, request: Request<RecordRequest>) -> Result<Response<RecordResponse>, Status> {
        let receipt = request.into_inner().envelope;
        Ok(Response::new(RecordResponse { receipt, ..RecordResponse::default() }))
    }

    async fn record_stream(
        &self,
        _: Request<Streaming<RecordStreamRequest>>,
    ) -> Result<Response<RecordResponse>, Status> {
        Err(Status::unimplemented("the echo takes whole messages"))
    }

    type RecordBulkStream = Pin<Box<dyn Stream<Item = Result<RecordBulkResponse, Status>> + Send>>;

    async fn record_bulk(
        &self,
        request: Request<Streaming<RecordBulkRequest>>,
    ) -> Result<Response<Self::RecordBulkStream>, Status> {
        let answers = request.into_inner().filter_map(|message| match message {
            Ok(RecordBulkRequest { part: Some(Part::Envelope(BulkEnvelope { tag, envelope })) }) => {
                let recorded = RecordResponse { receipt: envelope, ..RecordResponse::default() };
                Some(Ok(RecordBulkResponse { tag, answer: Some(Answer::Recorded(recorded)) }))
            }
            Ok(_) => None,
            Err(status) => Some(Err(status)),
        });
        Ok(Response::new(Box::pin(answers)))
    }
}
