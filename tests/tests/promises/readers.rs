//! Who may read: every method of every service, asked by every kind of caller.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use custody_tests::certificates::{Authority, Issued, Wanted};
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ledger, Server};
use custody_tests::wire::{Caller, word};
use custody_tests::words::hold;
use custody_tests::workspace;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::{Code, Status};

const READER: &str = "spiffe://example.com/ns/ci/sa/gate";

/// A server with TLS that asks callers for certificates, and those who issue them.
pub(crate) struct House {
    pub(crate) ledger: Ledger,
    pub(crate) servers: Authority,
    pub(crate) clients: Authority,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with_writers(1)
    }

    pub(crate) fn with_writers(writers: u8) -> Self {
        Self {
            ledger: Ledger::new(writers),
            servers: Authority::new("servers"),
            clients: Authority::new("clients"),
        }
    }

    /// Serves, with this list of readers if there is one.
    pub(crate) fn serve(&self, readers: Option<&str>, more: &[&str]) -> Server {
        let home = self.ledger.home();
        let (cert, key) = self.servers.server().write(home, "server");
        let write = |name: &str, text: &str| {
            let path = home.join(name);
            fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let ca = write("clients.crt", self.clients.pem());
        let (cert, key) = (cert.display().to_string(), key.display().to_string());
        let mut flags = vec!["--tls-cert", &cert, "--tls-key", &key, "--client-ca", &ca];
        let list = readers.map(|text| write("readers", text));
        if let Some(list) = &list {
            flags.extend(["--readers", list]);
        }
        flags.extend(more);
        Server::start_with(&self.ledger.data(), &flags)
    }

    pub(crate) fn caller(&self, server: &Server, own: Option<&Issued>) -> Caller {
        Caller::inside_tls(server, self.servers.pem(), own)
    }
}

/// Every method of every service, as the `.proto` files say, and health.
fn methods() -> Vec<String> {
    let files = FileDescriptorSet::decode(custody_wire::DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for file in &files.file {
        for service in &file.service {
            for method in &service.method {
                methods.push(format!("/{}.{}/{}", file.package(), service.name(), method.name()));
            }
        }
    }
    methods.push("/grpc.health.v1.Health/Check".to_owned());
    methods
}

/// What an answer means for who asked: `served`, also if the empty request was refused for what it holds.
fn meaning(answer: Result<(), Status>) -> String {
    let Err(status) = answer else { return "served".to_owned() };
    match status.code() {
        code @ (Code::Unauthenticated | Code::PermissionDenied) => format!("{code:?} {}", word(&status)),
        Code::InvalidArgument => "served".to_owned(),
        code => panic!("{code:?}: {status:?}"),
    }
}

fn kinds(house: &House) -> [(&'static str, Option<Issued>); 5] {
    let stranger = Authority::new("clients");
    [
        ("no certificate", None),
        ("unknown CA", Some(stranger.issue(Wanted::named("gate").uri(READER)))),
        ("expired", Some(house.clients.issue(Wanted::named("gate").uri(READER).expired()))),
        (
            "not a reader",
            Some(house.clients.issue(Wanted::named("gate").uri("spiffe://example.com/ns/ci/sa/other"))),
        ),
        ("reader", Some(house.clients.issue(Wanted::named("gate").uri(READER)))),
    ]
}

fn table(house: &House, server: &Server) -> String {
    let kinds = kinds(house);
    let mut text = format!("{:<36}", "");
    for (name, _) in &kinds {
        write!(text, "{name:<33}").unwrap();
    }
    let mut lines = vec![text.trim_end().to_owned()];
    let callers = kinds.map(|(_, own)| house.caller(server, own.as_ref()));
    for method in methods() {
        let mut line = format!("{method:<36}");
        for caller in &callers {
            write!(line, "{:<33}", meaning(caller.empty(&method))).unwrap();
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n") + "\n"
}

#[test]
fn every_method_says_to_every_caller_what_the_table_says() {
    let house = House::new();
    let server = house.serve(Some(&format!("# the gate\nuri:{READER}\n")), &[]);
    let found = table(&house, &server);
    hold(&workspace::root().join("tests/tests/promises/readers/restricted.txt"), &found);
    server.stop();
    let server = house.serve(None, &[]);
    let found = table(&house, &server);
    hold(&workspace::root().join("tests/tests/promises/readers/open.txt"), &found);
}

#[test]
fn a_certificate_lets_nobody_sign_and_none_is_needed_to_record() {
    let house = House::new();
    let server = house.serve(Some(&format!("uri:{READER}\n")), &[]);
    let reader = house.clients.issue(Wanted::named("gate").uri(READER));
    let stranger = custody_evidence::key::SigningKey::from_seed(&[99; 32]);
    let by_stranger = house.caller(&server, Some(&reader)).record(&envelope(&statement("a"), &[&stranger]));
    assert_eq!(word(&by_stranger.unwrap_err()), "unknown_key");
    let by_writer =
        house.caller(&server, None).record(&envelope(&statement("a"), &[&house.ledger.writers[0]]));
    assert_eq!(by_writer.unwrap().index, 1);
    // One with a certificate that says nothing may record just as well.
    let expired = house.clients.issue(Wanted::named("gate").uri(READER).expired());
    let again =
        house.caller(&server, Some(&expired)).record(&envelope(&statement("b"), &[&house.ledger.writers[0]]));
    assert_eq!(again.unwrap().index, 2);
}

#[test]
fn each_kind_of_name_is_an_identity_and_the_weaker_ones_beside_it_are_none() {
    let house = House::new();
    let server = house.serve(
        Some("dns:*.ci.example.com\nemail:ann@example.com\nsubject:CN=by subject\nuri:spiffe://example.com/ns/ci/**\n"),
        &[],
    );
    let may = |wanted: Wanted| house.caller(&server, Some(&house.clients.issue(wanted))).checkpoint().is_ok();
    let named = || Wanted::named("by subject");
    assert!(may(named()));
    assert!(may(Wanted::named("x").dns("Runner.ci.example.com")));
    assert!(may(Wanted::named("x").dns("other.example.com").dns("runner.ci.example.com")), "one of two");
    assert!(may(Wanted::named("x").email("ann@example.com")));
    assert!(may(Wanted::named("x").uri(READER)));
    assert!(!may(named().dns("other.example.com")), "its DNS name speaks, not its subject");
    assert!(
        !may(named().dns("runner.ci.example.com").uri("spiffe://example.com/ns/prod/x")),
        "its URI speaks"
    );
    assert!(!may(Wanted::named("x").uri("spiffe://example.com/ns/ci/../prod/x")));
    assert!(!may(Wanted::named("by subject,O=x")));
}

#[test]
fn the_list_of_readers_and_the_authorities_are_read_again() {
    let house = House::new();
    let server = house.serve(Some("uri:spiffe://example.com/nobody\n"), &[]);
    let reader = house.clients.issue(Wanted::named("gate").uri(READER));
    let caller = house.caller(&server, Some(&reader));
    assert_eq!(word(&caller.checkpoint().unwrap_err()), "not_a_reader");
    let list = house.ledger.home().join("readers");
    fs::write(&list, "uri:*\n").unwrap();
    server.comes_to_say("the TLS files cannot be used");
    assert_eq!(word(&caller.checkpoint().unwrap_err()), "not_a_reader", "a bad list lets nobody in");
    assert!(server.said().contains("line 1: expected a star only as"), "{}", server.said());
    fs::write(&list, format!("uri:{READER}\n")).unwrap();
    server.comes_to_say("the TLS files were read again");
    caller.checkpoint().expect("it is a reader, on the connection that it has");
}

#[test]
fn an_authority_that_is_taken_out_lets_nobody_read_on() {
    let house = House::new();
    let server = house.serve(Some(&format!("uri:{READER}\n")), &[]);
    let (stolen, kept) = (Authority::new("others"), house.clients.pem().to_owned());
    let file = house.ledger.home().join("clients.crt");
    let read_again = |pem: String, times: usize| {
        fs::write(&file, pem).unwrap();
        let begun = std::time::Instant::now();
        while server.said().matches("the TLS files were read again").count() < times {
            assert!(begun.elapsed() < Duration::from_mins(1), "the authorities are not read again");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    read_again(format!("{kept}{}", stolen.pem()), 1);
    let [of_stolen, of_kept] = [&stolen, &house.clients]
        .map(|issuer| house.caller(&server, Some(&issuer.issue(Wanted::named("gate").uri(READER)))));
    assert!(of_stolen.checkpoint().is_ok() && of_kept.checkpoint().is_ok());
    read_again(kept, 2);
    let refused = of_stolen.checkpoint().unwrap_err();
    assert_eq!((refused.code(), word(&refused).as_str()), (Code::Unauthenticated, "bad_certificate"));
    assert!(refused.message().contains("leads to no authority"), "{refused:?}");
    of_kept.checkpoint().expect("its authority is still there, on the connection that it has");
}

#[test]
fn an_answer_under_way_ends_when_its_caller_is_no_reader_any_more() {
    let house = House::new();
    let server = house.serve(Some(&format!("uri:{READER}\n")), &[]);
    let large = custody_tests::evidence::envelope_of_length("large", 48 << 20, &house.ledger.writers[0]);
    let index = house.caller(&server, None).record(&large).unwrap().index;
    let reader = house.clients.issue(Wanted::named("gate").uri(READER));
    let caller = house.caller(&server, Some(&reader));
    let mut pieces = caller.envelope_in_pieces(index).unwrap();
    assert!(pieces.next().unwrap().is_some());
    fs::write(house.ledger.home().join("readers"), "uri:spiffe://example.com/nobody\n").unwrap();
    server.comes_to_say("the TLS files were read again");
    let ended = loop {
        match pieces.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("all of it came"),
            Err(status) => break status,
        }
    };
    assert_eq!(word(&ended), "not_a_reader");
}

#[test]
fn a_certificate_that_ends_while_it_is_in_use_ends_reading() {
    let house = House::new();
    let server = house.serve(Some(&format!("uri:{READER}\n")), &[]);
    let short = Wanted::named("gate").uri(READER).ends_in(Duration::from_secs(4));
    let caller = house.caller(&server, Some(&house.clients.issue(short)));
    let begun = std::time::Instant::now();
    let refused = loop {
        match caller.checkpoint() {
            Ok(_) => std::thread::sleep(Duration::from_millis(50)),
            Err(status) => break status,
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "it is read on");
    };
    assert_eq!((refused.code(), word(&refused).as_str()), (Code::Unauthenticated, "bad_certificate"));
}

#[test]
fn the_command_line_shows_its_certificate_and_says_what_lacks() {
    let house = House::new();
    let server = house.serve(Some(&format!("uri:{READER}\n")), &[]);
    let reader = house.clients.issue(Wanted::named("gate").uri(READER));
    let other = house.clients.issue(Wanted::named("gate").dns("other.example.com"));
    let user = User::new();
    let ca = user.file("ca.crt", house.servers.pem());
    let pin = house.caller(&server, Some(&reader)).pin();
    let ask = |own: Option<(&Issued, &str)>| {
        let mut words = vec!["init".to_owned(), "--server".to_owned(), server.url()];
        words.extend(["--trust".to_owned(), pin.clone(), "--ca".to_owned(), ca.display().to_string()]);
        if let Some((own, name)) = own {
            let (cert, key) = own.write(user.home(), name);
            words.extend(["--client-cert".to_owned(), cert.display().to_string()]);
            words.extend(["--client-key".to_owned(), key.display().to_string()]);
        }
        user.custody(&words)
    };
    let none = ask(None);
    assert_eq!(none.code, Some(3), "{}", none.stderr);
    assert!(
        none.stderr.contains("hint: give your certificate and its key: --client-cert FILE"),
        "{}",
        none.stderr
    );
    let wrong = ask(Some((&other, "other")));
    assert_eq!(wrong.code, Some(3), "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("dns:other.example.com is not on this log's list of readers"),
        "{}",
        wrong.stderr
    );
    let right = ask(Some((&reader, "reader")));
    assert_eq!(right.code, Some(0), "{}", right.stderr);
    let mixed = Issued { cert: reader.cert.clone(), key: other.key.clone() };
    let mixed = ask(Some((&mixed, "mixed")));
    assert_eq!(mixed.code, Some(2), "{}", mixed.stderr);
    assert!(mixed.stderr.contains("is not that of the first certificate in"), "{}", mixed.stderr);
}
