//! No caller takes what all need: so many calls and bytes a minute for each, and no address has everything.

use std::io::Read as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use custody_tests::certificates::{Authority, Issued, Wanted};
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::{Caller, word};
use custody_wire::Refusal;
use tonic::Code;
use tonic_types::StatusExt as _;

fn serve(ledger: &Ledger, flags: &[&str]) -> Server {
    Server::start_with(&ledger.data(), flags)
}

#[test]
fn calls_above_the_budget_are_refused_with_the_time_until_the_next() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, &["--calls-per-minute", "3"]);
    let caller = Caller::of(&server);
    for _ in 0..3 {
        caller.checkpoint().unwrap();
    }
    let other_connection = Caller::of(&server);
    for refused in [caller.checkpoint().unwrap_err(), other_connection.checkpoint().unwrap_err()] {
        assert_eq!((refused.code(), word(&refused).as_str()), (Code::ResourceExhausted, "over_budget"));
        let wait = Refusal::from_status(&refused).unwrap().retry_after().unwrap();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(21), "{wait:?}");
        assert_eq!(refused.get_details_retry_info().unwrap().retry_delay, Some(wait));
    }
    // Recording is paid for too; health is not.
    let recorded = caller.record(&envelope(&statement("a"), &[&ledger.writers[0]]));
    assert_eq!(word(&recorded.unwrap_err()), "over_budget");
    for _ in 0..10 {
        assert!(caller.health("").unwrap());
    }
}

#[test]
fn each_certificate_has_a_budget_of_its_own() {
    let ledger = Ledger::new(1);
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let (cert, key) = servers.server().write(ledger.home(), "server");
    let ca = ledger.home().join("clients.crt");
    std::fs::write(&ca, clients.pem()).unwrap();
    let [cert, key, ca] = [&cert, &key, &ca].map(|path| path.to_str().unwrap());
    let flags = ["--tls-cert", cert, "--tls-key", key, "--client-ca", ca, "--calls-per-minute", "1"];
    let server = serve(&ledger, &flags);
    let named = |name: &str| clients.issue(Wanted::named("x").dns(name));
    let is_served =
        |own: Option<&Issued>| Caller::inside_tls(&server, servers.pem(), own).checkpoint().is_ok();
    let (one, other) = (named("one.example.com"), named("other.example.com"));
    assert!(is_served(Some(&one)) && is_served(Some(&other)) && is_served(None));
    assert!(!is_served(Some(&one)) && !is_served(Some(&other)) && !is_served(None));
    assert!(
        !is_served(Some(&named("one.example.com"))),
        "a new certificate for the same name is the same caller"
    );
    let stranger = Authority::new("clients").issue(Wanted::named("x").dns("third.example.com"));
    assert!(!is_served(Some(&stranger)), "who shows a certificate that says nothing is its address");
}

#[test]
fn what_fails_for_a_fault_of_ours_costs_nothing() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, &["--calls-per-minute", "1"]);
    let caller = Caller::of(&server).at_least(1_000);
    for _ in 0..2 {
        let behind = caller.checkpoint().unwrap_err();
        assert_eq!((behind.code(), word(&behind).as_str()), (Code::Unavailable, "behind"));
    }
    let caller = Caller::of(&server);
    caller.checkpoint().expect("nothing was spent");
    assert_eq!(word(&caller.checkpoint().unwrap_err()), "over_budget");
}

/// INTERNAL and UNAVAILABLE are also what callers bring about: were that free, they would have no budget at all.
#[test]
fn what_fails_for_a_fault_of_the_caller_is_paid_for() {
    let ledger = Ledger::new(1);
    let server = serve(&ledger, &["--calls-per-minute", "3"]);
    let caller = Caller::of(&server);
    for method in
        ["/custody.v1.Recorder/Record", "/custody.v1.Reader/GetCheckpoint", "/custody.v1.Query/Find"]
    {
        let refused = caller.garbage(method).unwrap_err();
        assert_eq!(refused.code(), Code::Internal, "{refused:?}");
    }
    assert_eq!(word(&caller.checkpoint().unwrap_err()), "over_budget");
    server.stop();

    // Each upload of many bytes that is never ended.
    let server = serve(&ledger, &["--bytes-per-minute", "1000000", "--stall-timeout", "1"]);
    let caller = Caller::of(&server);
    let refused: Vec<String> =
        (0..3).map(|number| word(&caller.unfinished_upload(number, 900_000))).collect();
    assert_eq!(refused[0], "stalled");
    assert_eq!(refused[2], "over_budget", "{refused:?}");
}

#[test]
fn bytes_are_paid_for_both_ways_and_a_stream_that_owes_too_much_ends() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let large = custody_tests::evidence::envelope_of_length("large", 8 << 20, &ledger.writers[0]);
    let index = Caller::of(&server).record(&large).unwrap().index;
    server.stop();
    let server = serve(&ledger, &["--bytes-per-minute", "1000000"]);
    let ended = Caller::of(&server).some_envelope(index).unwrap_err();
    assert_eq!(word(&ended), "over_budget");
    let refused = Caller::of(&server).checkpoint().unwrap_err();
    assert_eq!(word(&refused), "over_budget");
    let wait = Refusal::from_status(&refused).unwrap().retry_after().unwrap();
    assert!(wait > Duration::from_secs(30) && wait <= Duration::from_secs(61), "{wait:?}");
    server.stop();
    let server = serve(&ledger, &["--bytes-per-minute", "1000000"]);
    let upload = custody_tests::evidence::envelope_of_length("other", 8 << 20, &ledger.writers[0]);
    assert_eq!(word(&Caller::of(&server).record(&upload).unwrap_err()), "over_budget");
}

#[test]
fn one_address_leaves_connections_to_others() {
    let ledger = Ledger::new(1);
    // 300 files leave room for 16 connections, of which one address has 12.
    let limit: [&std::ffi::OsStr; 2] = ["prlimit".as_ref(), "--nofile=300:300".as_ref()];
    let server = Server::start_under(&limit, &ledger.data(), &[]);
    let connect = || TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let kept: Vec<TcpStream> = (0..12).map(|_| connect()).collect();
    let begun = Instant::now();
    // One that only looked whether the server answers may not be gone yet.
    loop {
        let mut one_more = connect();
        one_more.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        if matches!(one_more.read(&mut [0; 1]), Ok(0)) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "a 13th connection is served");
    }
    server.comes_to_say("closed connections of an address that has its part");
    drop(kept);
    let begun = Instant::now();
    while Caller::of(&server).checkpoint().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "its connections do not come back");
    }
}
