//! gRPC: the only place that knows tonic.
//!
//! A service checks the shape of a request, names the log and waits for the size asked for, calls the layers
//! below, and turns what comes back into messages. `status.rs` turns every error into a refusal.

mod address;
mod answer;
mod arriving;
mod bounds;
mod budget;
mod bulk;
mod door;
mod evaluate;
mod incoming;
mod link;
mod live;
mod messages;
mod opening;
mod outgoing;
mod patience;
mod peer;
mod places;
mod portion;
mod query;
mod range;
mod reader;
mod readers;
mod recorder;
mod sight;
mod status;
mod tls;
mod turns;
mod walks;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use custody_log::TreeSize;
use custody_wire::convert::optional_size;
use custody_wire::limits::MESSAGE_BYTES_MAX;
use custody_wire::v1;
use custody_wire::v1::query_server::QueryServer;
use custody_wire::v1::reader_server::ReaderServer;
use custody_wire::v1::recorder_server::RecorderServer;
use custody_wire::{Reason, Refusal};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::service::LayerExt as _;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use self::bounds::{Shape, Shared};
use self::budget::Budgets;
use self::bulk::Bulk;
use self::door::{Door, Way};
use self::places::Desk;
use self::query::QueryService;
use self::reader::ReaderService;
use self::recorder::RecorderService;
use crate::admission::Recording;
use crate::index::Able;
use crate::ledger::{Head, Ledger};
use crate::service::Uploads;

pub use self::budget::{BYTES_DEFAULT, Budget, CALLS_DEFAULT};
pub use self::readers::ReadersError;
pub use self::tls::{Tls, TlsFileError, TlsFiles};

/// How long a request waits for the size it asks for: 5 s.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long a peer may stand still when nothing else is said: 30 s. Then it gives its place to others.
pub const STALL_DEFAULT: Duration = Duration::from_secs(30);

/// The most requests that one connection has open: 256.
const STREAMS_PER_CONNECTION_MAX: u32 = 256;

/// The headers of one request: 8 KiB.
const HEADER_BYTES_MAX: u32 = 8 << 10;

/// What a peer may send that nobody has read yet: 256 KiB of a request, 512 KiB of a connection, so 512 MiB of all.
const REQUEST_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 512 << 10;

/// The name under which the health service tells whether the disk has room.
const DISK_HEALTH: &str = "custody.disk";

/// How often a silent connection is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The server could not go on serving: the system's network failed it.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve")]
pub struct ServeError(#[source] tonic::transport::Error);

/// What peers are given.
#[derive(Debug, Clone, Copy)]
pub struct Hospitality {
    /// How many connections there are at once. One more waits until another ends.
    pub connections: usize,
    /// How long a peer may stand still.
    pub stall: Duration,
    /// What each caller may ask in a minute.
    pub budget: Budget,
}

/// Serves until `stop` resolves, then finishes what was accepted.
pub async fn serve(
    listener: TcpListener,
    (hospitality, tls): (Hospitality, Option<Tls>),
    ledger: Arc<Ledger>,
    recording: Recording,
    uploads: Uploads,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let (writing, able) = (ledger.writing(), ledger.index().watch_able());
    set_able(&health_reporter, *writing.borrow(), *able.borrow()).await;
    health_reporter.set_serving::<ReaderServer<ReaderService>>().await;
    let (stopping, asked_to_stop) = watch::channel(false);
    let Uploads { spool, disk } = uploads;
    let Hospitality { connections, stall, budget } = hospitality;
    let bulk = Bulk::new(asked_to_stop, stall);
    let reader = ReaderService::new(Arc::clone(&ledger), recording.clock());
    let clock = recording.clock();
    let recorder = RecorderService::new(Arc::clone(&ledger), recording, spool, bulk);
    let ledger_sound = ledger.sound();
    let query = QueryService::new(ledger, clock);
    let reports = tokio::spawn(report_able(health_reporter.clone(), writing, able));
    let disk_reports = tokio::spawn(report_disk(health_reporter.clone(), disk.low()));
    let sound_reports = tokio::spawn(report_sound(health_reporter.clone(), ledger_sound));
    let stop = async move {
        stop.await;
        // A stream of many envelopes has no end of its own.
        stopping.send_replace(true);
        health_reporter.set_not_serving::<RecorderServer<RecorderService>>().await;
        health_reporter.set_not_serving::<ReaderServer<ReaderService>>().await;
        health_reporter.set_not_serving::<QueryServer<QueryService>>().await;
    };
    let shared = Shared::new();
    let recorder = RecorderServer::new(recorder).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let reader = ReaderServer::new(reader).max_encoding_message_size(MESSAGE_BYTES_MAX);
    let query = QueryServer::new(query).max_encoding_message_size(MESSAGE_BYTES_MAX);
    let of_recorder = shared.bounds(Desk::Recorder, recorder::shape);
    let budgets = Arc::new(Budgets::new(budget));
    let door = |way| Door::new(way, &budgets, tls.as_ref());
    let (to_record, to_read) = (door(Way::Record), door(Way::Read));
    let files = tls.clone().map(|tls| tokio::spawn(tls.watch()));
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_max_header_list_size(Some(HEADER_BYTES_MAX))
        .initial_stream_window_size(Some(REQUEST_WINDOW))
        .initial_connection_window_size(Some(CONNECTION_WINDOW))
        .max_concurrent_streams(Some(STREAMS_PER_CONNECTION_MAX))
        .add_service(Shared::for_health().bounds(Desk::Health, health_shape).named_layer(health))
        .add_service(to_record.named_layer(of_recorder.named_layer(recorder)))
        .add_service(to_read.named_layer(shared.bounds(Desk::Reader, reader::shape).named_layer(reader)))
        .add_service(to_read.named_layer(shared.bounds(Desk::Query, query::shape).named_layer(query)))
        .serve_with_incoming_shutdown(incoming::accept(listener, connections, stall, tls), stop)
        .await
        .map_err(ServeError);
    reports.abort();
    disk_reports.abort();
    sound_reports.abort();
    if let Some(files) = files {
        files.abort();
    }
    served
}

/// Returns what a health check takes and gives: a word.
fn health_shape(path: &str) -> Shape {
    if path == "/grpc.health.v1.Health/Watch" { Shape::Download } else { Shape::Messages(|_| 1) }
}

/// Tells health probes when envelopes cannot be recorded, or questions not be answered.
async fn report_able(
    reporter: HealthReporter,
    mut writing: watch::Receiver<bool>,
    mut able: watch::Receiver<Able>,
) {
    loop {
        let changed = tokio::select! {
            changed = writing.changed() => changed,
            changed = able.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        let (writing, able) = (*writing.borrow_and_update(), *able.borrow_and_update());
        set_able(&reporter, writing, able).await;
    }
}

async fn set_able(reporter: &HealthReporter, writing: bool, able: Able) {
    if writing && able.recording {
        reporter.set_serving::<RecorderServer<RecorderService>>().await;
    } else {
        reporter.set_not_serving::<RecorderServer<RecorderService>>().await;
    }
    if able.questions {
        reporter.set_serving::<QueryServer<QueryService>>().await;
    } else {
        reporter.set_not_serving::<QueryServer<QueryService>>().await;
    }
}

/// Tells health probes under a name of its own when the disk is nearly full: recording may still work.
async fn report_disk(reporter: HealthReporter, mut low: watch::Receiver<bool>) {
    loop {
        let status =
            if *low.borrow_and_update() { ServingStatus::NotServing } else { ServingStatus::Serving };
        reporter.set_service_status(DISK_HEALTH, status).await;
        if low.changed().await.is_err() {
            return;
        }
    }
}

/// Tells health probes under the name [`STORAGE`] when what was written is no longer what is on disk.
async fn report_sound(reporter: HealthReporter, mut sound: watch::Receiver<bool>) {
    loop {
        let status =
            if *sound.borrow_and_update() { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status(STORAGE, status).await;
        if sound.changed().await.is_err() {
            return;
        }
    }
}

/// The health of what is on disk, as the scrub saw it: the server goes on serving what is sound.
pub const STORAGE: &str = "custody.storage";

/// Binds the address to listen on.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Checks that a request is for this log and returns the newest state, at least as large as the request
/// demands.
async fn head(ledger: &Ledger, log: Option<&v1::Log>) -> Result<Arc<Head>, Refusal> {
    let log = log.ok_or_else(|| Refusal::new(Reason::InvalidField, "log is missing"))?;
    check_origin(ledger, &log.origin)?;
    let Some(size) = optional_size("log.min_size", log.min_size).map_err(status::field)? else {
        return Ok(ledger.head());
    };
    ledger.at_least(size, PATIENCE).await.map_err(|behind| self::behind(size, behind.size))
}

fn check_origin(ledger: &Ledger, origin: &str) -> Result<(), Refusal> {
    if origin == ledger.origin().as_str() {
        return Ok(());
    }
    let message = format!("this server keeps the log {}, not {origin:?}", ledger.origin());
    Err(Refusal::new(Reason::WrongOrigin, message).value("origin", ledger.origin()))
}

fn behind(wanted: TreeSize, size: TreeSize) -> Refusal {
    let message = format!("the log has {size} entries, {wanted} were asked for");
    Refusal::new(Reason::Behind, message).value("size", size)
}

/// Runs work that may be long, and tells it when nobody waits for it any more: the flag is set once the request is
/// dropped, because its connection closed, the caller cancelled it, or its deadline passed.
async fn attended<T, F>(work: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce(Arc<AtomicBool>) -> Result<T, Refusal> + Send + 'static,
{
    let left = Arc::new(AtomicBool::new(false));
    let _dropped = SetOnDrop(Arc::clone(&left));
    blocking(move || work(left)).await
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is worked on at once, away from the threads that serve: 64. The work keeps its place when its caller leaves.
static WORK: Semaphore = Semaphore::const_new(64);

/// Runs what reads files or computes away from the threads that serve.
async fn blocking<T, F>(work: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Refusal> + Send + 'static,
{
    let place = WORK.acquire().await;
    let worked = tokio::task::spawn_blocking(move || {
        let worked = work();
        drop(place);
        worked
    });
    match worked.await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a request's work ended badly");
            Err(Refusal::new(Reason::Internal, "the server met a state that it excludes"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_is_told_when_its_request_is_dropped() {
        let (started, begun) = tokio::sync::oneshot::channel();
        let (ended, end) = mpsc::channel();
        let request = tokio::spawn(attended(move |left| {
            started.send(()).unwrap();
            while !left.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            ended.send(()).unwrap();
            Ok(())
        }));
        begun.await.unwrap();
        request.abort();
        tokio::task::spawn_blocking(move || end.recv_timeout(Duration::from_secs(10)).unwrap())
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn work_whose_request_waits_is_left_alone() {
        assert!(!attended(|left| Ok(left.load(Ordering::Relaxed))).await.unwrap());
    }
}
