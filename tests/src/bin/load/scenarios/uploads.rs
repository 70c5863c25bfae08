//! Four uploads of 64 MiB at once: the memory that they need.

use std::sync::Arc;
use std::time::Instant;

use custody_tests::evidence::envelope_of_length;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::{RecordHeader, RecordStreamRequest};
use prost::bytes::Bytes;

use crate::process::Process;
use crate::report::{Table, header};
use crate::scenarios::{Bench, Effort};
use crate::target::{Target, log};

const UPLOADS: usize = 4;
/// The most memory above that of an idle server, in MiB.
const MEMORY_MAX: f64 = 256.0;
const PIECE: usize = 1 << 20;

/// Sends them and looks at the peak.
pub(crate) fn measure(effort: &Effort) -> Table {
    let bench = Bench::new(effort);
    let length = if effort.quick { 2 << 20 } else { 64 << 20 };
    let key = &bench.log.writers[0];
    let large: Vec<Bytes> = (0..UPLOADS)
        .map(|number| Bytes::from(envelope_of_length(&format!("large-{number}"), length, key)))
        .collect();
    let server = Process(bench.server.id());
    let idle = server.resident();
    server.forget_peak();
    let begun = Instant::now();
    let tasks: Vec<_> = large
        .into_iter()
        .map(|envelope| bench.runtime.spawn(upload(bench.ledger.clone(), envelope)))
        .collect();
    for task in tasks {
        bench.runtime.block_on(task).expect("an upload ends");
    }
    let took = begun.elapsed().as_secs_f64();
    let above = server.peak() - idle;
    let miss = if above < MEMORY_MAX { "" } else { ", missed" };
    let mib = length as f64 / f64::from(1 << 20);
    Table {
        name: "uploads",
        header: header(["uploads at once", "idle", "peak above idle", "took", "rate"]),
        rows: vec![vec![
            format!("{UPLOADS} of {mib:.0} MiB"),
            format!("{idle:.0} MiB"),
            format!("{above:.0} MiB (target < {MEMORY_MAX:.0} MiB{miss})"),
            format!("{took:.2} s"),
            format!("{:.0} MiB/s", UPLOADS as f64 * mib / took),
        ]],
        notes: vec!["the peak is the kernel's (VmHWM), and includes the facts of the statements".to_owned()],
    }
}

async fn upload(target: Arc<Target>, envelope: Bytes) {
    let digest = Bytes::copy_from_slice(&custody_tests::oracle::sha256(&envelope));
    let header = RecordHeader { log: Some(log()), digest, length: envelope.len() as u64, credential: None };
    let first = std::iter::once(RecordStreamRequest { part: Some(Part::Header(header)) });
    let pieces = (0..envelope.len()).step_by(PIECE).map(move |from| {
        let data = envelope.slice(from..envelope.len().min(from + PIECE));
        RecordStreamRequest { part: Some(Part::Data(data)) }
    });
    let messages = tokio_stream::iter(first.chain(pieces));
    let answer = target.recorder().record_stream(messages).await.expect("an upload is recorded").into_inner();
    assert!(!answer.duplicate, "every upload is new");
}
