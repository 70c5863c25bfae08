//! Peers who stand still below what a client library does: half a request, an answer never read, a silent connection.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::Ipv4Addr;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use custody_tests::evidence::{artifact_hex, envelope, envelope_of_length, statement};
use custody_tests::peer::Peer;
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::{Caller, answer_word, word};
use custody_wire::limits::{ENVELOPE_BYTES_MAX, UNARY_ENVELOPE_BYTES_MAX};
use custody_wire::v1::record_bulk_request::Part as BulkPart;
use custody_wire::v1::record_stream_request::Part;
use custody_wire::v1::{
    BulkHeader, FindRequest, GetEntriesRequest, GetEnvelopeRequest, GetReceiptRequest, Log,
    RecordBulkRequest, RecordHeader, RecordRequest, RecordStreamRequest,
};
use tonic_health::pb::HealthCheckRequest;

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
fn connections_that_read_no_answer_hold_no_place_that_others_need() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let writer = &ledger.writers[0];
    let large = caller.record(&envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX, writer)).unwrap();
    let small = envelope(&statement("small"), &[writer]);
    // Two of them: each service has as many places as the shares of two.
    let mut peers = [Peer::of(&server), Peer::of(&server)];
    for peer in &mut peers {
        // More answers than may wait for one connection.
        for _ in 0..40 {
            let request = GetEnvelopeRequest { log: Peer::log(), index: large.index };
            peer.ask("/custody.v1.Reader/GetEnvelope", &request, 0);
        }
        assert_eq!(peer.answered(Duration::from_secs(10)), 40, "their answers have begun");
        std::thread::sleep(Duration::from_millis(500));
        // More than the share of a connection.
        for _ in 0..17 {
            let request = FindRequest { log: Peer::log(), ..FindRequest::default() };
            peer.ask("/custody.v1.Query/Find", &request, 0);
        }
        for _ in 0..66 {
            peer.ask("/custody.v1.Reader/GetReceipt", &GetReceiptRequest { log: Peer::log(), index: 0 }, 0);
        }
        for _ in 0..132 {
            let request =
                RecordRequest { log: Peer::log(), envelope: small.clone().into(), credential: None };
            peer.ask("/custody.v1.Recorder/Record", &request, 0);
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    let started = Instant::now();
    caller.checkpoint().unwrap();
    caller.record(&envelope(&statement("meanwhile"), &[writer])).unwrap();
    caller.find("subject", &format!("sha256:{}", artifact_hex("meanwhile"))).unwrap();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(!peers.iter().any(Peer::is_cut_off), "all that was while the peers stood still");
    drop(peers);
    server.stop();
}

/// Asks something about this log.
type Ask = fn(&mut Peer, Option<Log>);

#[test]
fn a_connection_that_waits_for_a_size_leaves_places_to_others() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let subject = format!("sha256:{}", artifact_hex("x"));
    // As many requests as a connection may have open, for a log that nobody will see.
    let record: Ask = |peer, log| {
        let request = RecordRequest { log, envelope: b"{}".to_vec().into(), credential: None };
        peer.ask("/custody.v1.Recorder/Record", &request, 0);
    };
    let receipt: Ask = |peer, log| {
        peer.ask("/custody.v1.Reader/GetReceipt", &GetReceiptRequest { log, index: 0 }, 0);
    };
    let find: Ask = |peer, log| {
        peer.ask("/custody.v1.Query/Find", &FindRequest { log, ..FindRequest::default() }, 0);
    };
    for (service, ask) in [("to record", record), ("to read", receipt), ("questions", find)] {
        // Others are served before the first of them is refused, which takes 5 s. A machine under load gets more tries.
        let served_first = (0..4).any(|attempt| {
            let mut peer = Peer::of(&server);
            for _ in 0..256 {
                let log = Peer::log().map(|log| Log { min_size: 1_000_000, ..log });
                ask(&mut peer, log);
            }
            std::thread::sleep(Duration::from_millis(500));
            let name = format!("{service} {attempt}");
            caller.record(&envelope(&statement(&name), &[&ledger.writers[0]])).unwrap();
            caller.checkpoint().unwrap();
            caller.find("subject", &subject).unwrap();
            peer.answered(Duration::ZERO) == 0
        });
        assert!(served_first, "places {service} were held");
    }
    server.stop();
}

#[test]
fn a_request_whose_answer_has_no_room_on_its_connection_is_refused_soon() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let writer = &ledger.writers[0];
    let large = caller.record(&envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX, writer)).unwrap();
    let mut peer = Peer::of(&server);
    for _ in 0..40 {
        let request = GetEnvelopeRequest { log: Peer::log(), index: large.index };
        peer.ask("/custody.v1.Reader/GetEnvelope", &request, 0);
    }
    assert_eq!(peer.answered(Duration::from_secs(10)), 40, "their answers have begun");
    std::thread::sleep(Duration::from_millis(500));
    let header =
        RecordHeader { log: Peer::log(), digest: vec![7; 32].into(), length: 64 << 20, credential: None };
    peer.begin(
        "/custody.v1.Recorder/RecordStream",
        &RecordStreamRequest { part: Some(Part::Header(header)) },
    );
    let request = RecordRequest { log: Peer::log(), envelope: vec![b' '; 500_000].into(), credential: None };
    peer.ask("/custody.v1.Recorder/Record", &request, 0);
    // Before the connection is cut off, since its answers are not read.
    assert_eq!(peer.answered(Duration::from_secs(20)), 42);
    assert!(!peer.is_cut_off());
    drop(peer);
    server.stop();
}

#[test]
fn a_connection_that_watches_the_health_leaves_checks_to_others() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let request = HealthCheckRequest { service: String::new() };
    for (path, missing) in [("/grpc.health.v1.Health/Watch", 0), ("/grpc.health.v1.Health/Check", 1)] {
        let mut peer = Peer::of(&server);
        for _ in 0..256 {
            peer.ask(path, &request, missing);
        }
        // 4 stay open: who watches is answered as well, who sends half a request is not yet.
        let answered = if missing == 0 { 256 } else { 252 };
        assert!(
            (0..10).any(|_| peer.answered(Duration::from_secs(2)) == answered),
            "{path}: all others are refused"
        );
        assert!(Caller::of(&server).health("").unwrap(), "{path}");
        assert!(!peer.is_cut_off());
    }
    server.stop();
}

#[test]
fn a_connection_that_reads_no_stream_leaves_memory_to_others() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let mut peer = Peer::of(&server);
    let request = GetEntriesRequest { log: Peer::log(), indexes: vec![0; 3], envelopes: true };
    for _ in 0..200 {
        peer.ask("/custody.v1.Reader/GetEntries", &request, 0);
    }
    // Who got no memory in time is told so; who did keeps it.
    assert_eq!(peer.answered(Duration::from_secs(20)), 200);
    assert_eq!(caller.some_entries(&[0]).unwrap().len(), 1);
    assert!(!peer.is_cut_off());
    drop(peer);
    server.stop();
}

#[test]
fn uploads_that_stand_still_leave_places_to_others() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let header =
        RecordHeader { log: Peer::log(), digest: vec![7; 32].into(), length: 64 << 20, credential: None };
    let header = RecordStreamRequest { part: Some(Part::Header(header)) };
    let bulk_header = BulkHeader { log: Peer::log(), credential: None };
    let bulk_header = RecordBulkRequest { part: Some(BulkPart::Header(bulk_header)) };
    let (one, many) = ("/custody.v1.Recorder/RecordStream", "/custody.v1.Recorder/RecordBulk");
    // One connection with whole headers, and many that never send theirs in whole.
    let mut eager = Peer::of(&server);
    for _ in 0..70 {
        eager.begin(one, &header);
    }
    let mut peers: Vec<Peer> = (0..40).map(|_| Peer::of(&server)).collect();
    for peer in &mut peers {
        for _ in 0..2 {
            peer.ask(one, &header, usize::MAX);
            peer.ask(many, &bulk_header, 1);
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    let large = envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX + 1, &ledger.writers[0]);
    let started = Instant::now();
    assert!(!caller.record(&large).unwrap().duplicate);
    assert_eq!(recorded_over_stream(&caller, "meanwhile", &ledger), "recorded");
    let mut eager_bulk = Peer::of(&server);
    for _ in 0..70 {
        eager_bulk.begin(many, &bulk_header);
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(recorded_over_stream(&caller, "later", &ledger), "recorded");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert!(!eager.is_cut_off() && !eager_bulk.is_cut_off());
    drop((eager, eager_bulk, peers));
    server.stop();
}

#[test]
fn streams_and_uploads_of_one_address_leave_places_to_others() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let neighbour = Ipv4Addr::new(127, 0, 0, 2);
    let header =
        RecordHeader { log: Peer::log(), digest: vec![7; 32].into(), length: 64 << 20, credential: None };
    let header = RecordStreamRequest { part: Some(Part::Header(header)) };
    let bulk_header =
        RecordBulkRequest { part: Some(BulkPart::Header(BulkHeader { log: Peer::log(), credential: None })) };
    // Four of each connection, so all 16 streams of many envelopes, and all 8 uploads.
    let opened = |path: &str, message: &dyn Fn(&mut Peer, &str), connections: usize| -> Vec<Peer> {
        let mut peers: Vec<Peer> = (0..connections).map(|_| Peer::from(neighbour, &server)).collect();
        for peer in &mut peers {
            (0..4).for_each(|_| message(peer, path));
        }
        std::thread::sleep(Duration::from_millis(500));
        peers
    };
    let streams = opened("/custody.v1.Recorder/RecordBulk", &|peer, path| peer.begin(path, &bulk_header), 4);
    assert_eq!(recorded_over_stream(&caller, "meanwhile", &ledger), "recorded");
    drop(streams);
    let uploads = opened("/custody.v1.Recorder/RecordStream", &|peer, path| peer.begin(path, &header), 2);
    let large = envelope_of_length("large", UNARY_ENVELOPE_BYTES_MAX + 1, &ledger.writers[0]);
    assert!(!caller.record(&large).unwrap().duplicate);
    drop(uploads);
    server.stop();
}

#[test]
fn many_callers_on_one_connection_record_large_envelopes_at_once() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let caller = Caller::of(&server);
    let writer = &ledger.writers[0];
    // Together they are more than the windows of the connection, and every one is sent in pieces.
    let lengths = [UNARY_ENVELOPE_BYTES_MAX / 5; 128];
    std::thread::scope(|scope| {
        for (number, length) in lengths.into_iter().enumerate() {
            let caller = &caller;
            scope.spawn(move || {
                let bytes = envelope_of_length(&format!("many-{number}"), length, writer);
                // A machine under load may be slow to check them all, and says so; none of them stands still.
                while let Err(status) = caller.record(&bytes) {
                    assert_eq!(word(&status), "busy", "{status}");
                }
            });
        }
    });
    assert_eq!(caller.tree().0, 129);
    server.stop();
}

/// Records an envelope over a stream for many, and returns what came of it.
fn recorded_over_stream(caller: &Caller, name: &str, ledger: &Ledger) -> String {
    let mut stream = caller.bulk();
    stream.header();
    let (answers, ended) =
        stream.exchange(&BTreeMap::from([(7, envelope(&statement(name), &[&ledger.writers[0]]))]));
    ended.map_or_else(|| answer_word(&answers[&7]), |status| word(&status))
}

#[test]
fn a_small_envelope_now_and_then_does_not_keep_a_stream_alive() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, 3);
    let caller = Caller::of(&server);
    let mut stream = caller.bulk();
    stream.header();
    let started = Instant::now();
    let ended = loop {
        assert!(started.elapsed() < Duration::from_secs(20), "the stream is still there");
        // Each pause is shorter than a peer may stand still, and all of them are not.
        std::thread::sleep(Duration::from_millis(600));
        stream.offer(&[b"{}".to_vec()], Duration::from_secs(1));
        match stream.next() {
            Ok(answer) => assert_ne!(answer, None),
            Err(status) => break status,
        }
    };
    assert_eq!(word(&ended), "stalled");
    server.stop();
}

#[test]
fn a_stream_may_wait_for_its_answers_and_is_alive_while_it_sends() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, 10);
    let caller = Caller::of(&server);
    let mut stream = caller.bulk();
    stream.header();
    // 64 KiB buy back two seconds.
    let large = envelope_of_length("x", 64 << 10, &ledger.writers[0]);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(13) {
        stream.offer(std::slice::from_ref(&large), Duration::from_secs(1));
        assert!(stream.next().unwrap().is_some());
        std::thread::sleep(Duration::from_millis(500));
    }
    let (_, ended) = stream.finish();
    assert!(ended.is_none(), "{ended:?}");
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
    // Their time is over.
    std::thread::sleep(Duration::from_secs(9));
    let answered: Vec<usize> =
        peers.iter_mut().map(|peer| peer.answered(Duration::from_millis(200))).collect();
    assert_eq!(answered, [26; 10]);
    server.stop();
}

#[test]
fn a_byte_now_and_then_does_not_keep_an_upload_alive() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, 2);
    let mut peer = Peer::of(&server);
    let header =
        RecordHeader { log: Peer::log(), digest: vec![7; 32].into(), length: 64 << 20, credential: None };
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
