//! Peers who stand still below what a client library does: half a request, an answer never read, a silent connection.

use std::io::Read as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use custody_tests::evidence::{artifact_hex, envelope, envelope_of_length, statement};
use custody_tests::peer::Peer;
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::Caller;
use custody_wire::limits::{ENVELOPE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::{GetEntriesRequest, GetReceiptRequest, RecordHeader, RecordStreamRequest};

fn serve(ledger: &Ledger, stall_seconds: u8) -> Server {
    Server::start_with(&ledger.data(), &["--stall-timeout", &stall_seconds.to_string()])
}

/// Waits until something holds; false if it does not in time.
fn within(limit: Duration, holds: impl Fn() -> bool) -> bool {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}

#[test]
fn answers_that_nobody_reads_cost_bounded_memory_and_then_the_connection() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, 3);
    let caller = Caller::of(&server);
    let large = |name| caller.record(&envelope_of_length(name, UNARY_ENVELOPE_BYTES_MAX, &ledger.writers[0]));
    let indexes = vec![large("one").unwrap().index, large("two").unwrap().index];
    let before = server.resident_bytes();
    let request = GetEntriesRequest { log: Peer::log(), indexes: indexes.clone(), envelopes: true };
    let mut peers: Vec<Peer> = (0..4).map(|_| Peer::of(&server)).collect();
    for peer in &mut peers {
        for _ in 0..200 {
            peer.ask("/custody.v1.Reader/GetEntries", &request, 0);
        }
    }
    let most = std::cell::Cell::new(0);
    let all_cut = within(Duration::from_secs(15), || {
        most.set(most.get().max(server.resident_bytes().saturating_sub(before)));
        peers.iter().all(Peer::is_cut_off)
    });
    let most = most.get();
    assert!(all_cut, "{} of 4 are cut off", peers.iter().filter(|peer| peer.is_cut_off()).count());
    // 512 MiB for streams and 256 MiB for answers that wait.
    assert!(most < 768 << 20, "{} MiB", most >> 20);
    assert_eq!(caller.entries(2).len(), 2, "readers who read are served");
    server.stop();
}

#[test]
fn the_same_question_from_many_at_once_is_read_once() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let length = usize::try_from(ENVELOPE_BYTES_MAX).unwrap();
    let index = caller.record(&envelope_of_length("large", length, &ledger.writers[0])).unwrap().index;
    let subject = format!("sha256:{}", artifact_hex("large"));
    assert!(within(Duration::from_secs(30), || caller
        .find("subject", &subject)
        .is_ok_and(|found| found == [index])));
    server.stop();
    // A server that has read nothing yet.
    let server = ledger.serve();
    let before = server.resident_bytes();
    let callers: Vec<Caller> = (0..24).map(|_| Caller::of(&server)).collect();
    let asked = AtomicUsize::new(0);
    let most = std::thread::scope(|scope| {
        for caller in &callers {
            let (asked, subject) = (&asked, &subject);
            scope.spawn(move || {
                assert_eq!(caller.find("subject", subject).unwrap(), [index]);
                asked.fetch_add(1, Ordering::SeqCst);
            });
        }
        let mut most = 0;
        while asked.load(Ordering::SeqCst) < callers.len() {
            most = most.max(server.resident_bytes().saturating_sub(before));
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    });
    // Once 64 MiB as stored and twice less as signed, and what the allocator keeps.
    assert!(most < 6 * ENVELOPE_BYTES_MAX, "{} MiB", most >> 20);
    server.stop();
}

#[test]
fn half_sent_requests_hold_up_nobody_else_and_are_refused() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, 8);
    let caller = Caller::of(&server);
    let mut peers: Vec<Peer> = (0..10).map(|_| Peer::of(&server)).collect();
    for peer in &mut peers {
        for _ in 0..26 {
            peer.ask("/custody.v1.Reader/GetReceipt", &GetReceiptRequest { log: Peer::log(), index: 0 }, 1);
        }
    }
    let started = Instant::now();
    caller.record(&envelope(&statement("meanwhile"), &[&ledger.writers[0]])).unwrap();
    caller.checkpoint().unwrap();
    assert!(caller.health("").unwrap());
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    // Sixteen of each connection had their turn to arrive, and it ended.
    std::thread::sleep(Duration::from_secs(9));
    let answered: Vec<usize> =
        peers.iter_mut().map(|peer| peer.answered(Duration::from_millis(200))).collect();
    assert_eq!(answered, [16; 10]);
    server.stop();
}

#[test]
fn a_byte_now_and_then_does_not_keep_an_upload_alive() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, 2);
    let mut peer = Peer::of(&server);
    let header = RecordHeader { log: Peer::log(), digest: vec![7; 32].into(), length: 64 << 20 };
    let header = RecordStreamRequest { part: Some(Part::Header(header)) };
    peer.ask("/custody.v1.Recorder/RecordStream", &header, 1);
    // The last byte of the header, then a message of which a byte comes at a time.
    let mut bytes = [0x20, 0, 0, 0x10, 0, 0].into_iter();
    let started = Instant::now();
    while peer.answered(Duration::from_millis(400)) == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "the upload is still there");
        if started.elapsed() > Duration::from_millis(600) {
            peer.send_more(&[bytes.next().unwrap_or_default()]);
        }
    }
    assert!(started.elapsed() >= Duration::from_millis(1_500), "{:?}", started.elapsed());
    server.stop();
}

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, 3);
    let mut silent = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let started = Instant::now();
    // HTTP/2 settings of the server, then the end.
    let ended = silent.read_to_end(&mut Vec::new());
    assert!(!matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock), "{ended:?}");
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    server.stop();
}
