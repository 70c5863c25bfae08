//! What is said over TLS is what is said without, and each way in which TLS can fail has its words.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use custody_tests::certificates::{Authority, Issued, Wanted};
use custody_tests::client::User;
use custody_tests::evidence::{envelope, statement};
use custody_tests::server::{Ended, Ledger, Server, run};
use custody_tests::wire::Caller;

fn serve(ledger: &Ledger, issued: &Issued, more: &[&str]) -> Server {
    let (cert, key) = issued.write(ledger.home(), "server");
    let mut flags = vec!["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    flags.extend(more);
    Server::start_with(&ledger.data(), &flags)
}

/// Shakes hands with a server, and returns what `openssl s_client` printed.
fn s_client(server: &Server, flags: &[&str]) -> Ended {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &format!("127.0.0.1:{}", server.port())]).args(flags);
    run(command)
}

/// A server of OpenSSL, which is none of Custody.
struct Foreign {
    process: Child,
    port: u16,
}

impl Foreign {
    fn start(issued: &Issued, folder: &Path, flags: &[&str]) -> Self {
        let (cert, key) = issued.write(folder, "foreign");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")])
            .args(["-cert", cert.to_str().unwrap(), "-key", key.to_str().unwrap()])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is there");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "openssl s_server does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, port }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Asks a server which log it keeps, with a pin that no log has.
fn ask(user: &User, url: &str, ca: Option<&Path>) -> Ended {
    let pin = format!("example.com/tests+sha256:{}", "00".repeat(32));
    let mut words = vec!["init", "--server", url, "--trust", &pin, "--timeout", "10s"];
    if let Some(ca) = ca {
        words.extend(["--ca", ca.to_str().unwrap()]);
    }
    user.custody(&words)
}

fn refused(ended: &Ended, expected: &[&str]) {
    assert_eq!(ended.code, Some(3), "{}{}", ended.stdout, ended.stderr);
    for text in expected {
        assert!(ended.stderr.contains(text), "{text:?} is not in: {}", ended.stderr);
    }
    assert!(ended.stderr.contains("\nhint: "), "{}", ended.stderr);
}

fn ca(user: &User, authority: &Authority) -> PathBuf {
    user.file("ca.crt", authority.pem())
}

#[test]
fn recording_and_reading_work_inside_tls() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let server = serve(&ledger, &authority.server(), &[]);
    let caller = Caller::inside_tls(&server, authority.pem(), None);
    caller.record(&envelope(&statement("a"), &[&ledger.writers[0]])).unwrap();
    let user = User::new();
    let (pin, key, ca) = (caller.pin(), ledger.writer_key_file(0), ca(&user, &authority));
    let config = format!("ca = {:?}\n", ca.display().to_string());
    let config = user.file("custody.toml", config);
    let config = config.to_str().unwrap();
    let key = key.to_str().unwrap();
    let made =
        user.custody(&["init", "--config", config, "--server", &server.url(), "--trust", &pin, "--key", key]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert!(!made.stderr.contains("nothing hides"), "{}", made.stderr);
    let file = user.file("a.json", envelope(&statement("b"), &[&ledger.writers[0]]));
    let recorded = user.custody(&["record", "envelope", file.to_str().unwrap(), "--config", config]);
    assert_eq!(recorded.code, Some(0), "{}", recorded.stderr);
    let shown = user.custody(&["show", "2", "--config", config]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    server.stop();
}

#[test]
fn versions_and_protocols_are_those_that_are_named() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let server = serve(&ledger, &authority.server(), &[]);
    for version in ["-tls1_2", "-tls1_3"] {
        let shaken = s_client(&server, &[version, "-alpn", "h2"]);
        assert!(shaken.stdout.contains("ALPN protocol: h2"), "{version}: {}{}", shaken.stdout, shaken.stderr);
    }
    let old = s_client(&server, &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-alpn", "h2"]);
    assert!(old.stdout.contains("no peer certificate available"), "{}", old.stdout);
    let other = s_client(&server, &["-alpn", "http/1.1"]);
    assert!(other.stderr.contains("no application protocol"), "{}", other.stderr);
    server.comes_to_say("a TLS handshake failed");
    let none = s_client(&server, &[]);
    assert!(none.stdout.contains("No ALPN negotiated"), "{}", none.stdout);
    Caller::inside_tls(&server, authority.pem(), None).checkpoint().expect("others are served meanwhile");
}

#[test]
fn a_server_that_is_not_the_one_meant_is_told_by_what_was_expected_and_found() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let user = User::new();
    let ca = ca(&user, &authority);
    let server = serve(&ledger, &authority.server(), &[]);
    refused(
        &ask(&user, &server.url(), None),
        &[
            "expected a certificate from an authority that this system trusts",
            "issued by \"CN=Example CA\"",
            "--ca FILE",
        ],
    );
    let other = user.file("other.crt", Authority::new("Other CA").pem());
    refused(
        &ask(&user, &server.url(), Some(&other)),
        &["expected a certificate from an authority in", "other.crt"],
    );
    server.stop();
    let named = authority.issue(Wanted::named("custody").dns("ledger.example.com"));
    let server = serve(&ledger, &named, &[]);
    refused(
        &ask(&user, &server.url(), Some(&ca)),
        &["expected a certificate for 127.0.0.1, found one for ledger.example.com", "valid until 20"],
    );
    server.stop();
    let early = serve(&ledger, &authority.issue(Wanted::named("custody").loopback().not_yet()), &[]);
    assert!(early.said().contains("is not valid yet"), "{}", early.said());
    refused(&ask(&user, &early.url(), Some(&ca)), &["expected a certificate that is valid at 20"]);
    let expired = authority.issue(Wanted::named("custody").loopback().expired());
    let foreign = Foreign::start(&expired, user.home(), &["-alpn", "h2"]);
    let url = format!("https://127.0.0.1:{}", foreign.port);
    refused(
        &ask(&user, &url, Some(&ca)),
        &["expected a certificate that is valid at 20", "issued by \"CN=Example CA\""],
    );
}

#[test]
fn a_server_that_speaks_something_else_is_told_by_what_it_speaks() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let user = User::new();
    let ca = ca(&user, &authority);
    let foreign = Foreign::start(&authority.server(), user.home(), &[]);
    let url = format!("https://127.0.0.1:{}", foreign.port);
    refused(&ask(&user, &url, Some(&ca)), &["expected HTTP/2 inside TLS (ALPN h2)"]);
    let plain = ledger.serve();
    let url = plain.url().replace("http://", "https://");
    refused(&ask(&user, &url, Some(&ca)), &["expected TLS, found a server that does not speak it"]);
    plain.stop();
    let server = serve(&ledger, &authority.server(), &[]);
    let url = server.url().replace("https://", "http://");
    refused(&ask(&user, &url, None), &["expected a server without TLS", "write https://"]);
    server.comes_to_say("a TLS handshake failed");
}

#[test]
fn a_handshake_that_does_not_come_to_its_end_is_cut_off_and_counted() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let server = serve(&ledger, &authority.server(), &["--stall-timeout", "3"]);
    // Nothing, a byte now and then, and the beginning of a handshake that never goes on.
    let connect = || TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let (silent, mut begun, mut slow) = (connect(), connect(), connect());
    begun.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).unwrap();
    let started = Instant::now();
    let mut bytes = [22_u8, 3, 1, 2, 0].iter().cycle();
    while slow.write_all(&[*bytes.next().unwrap()]).is_ok() {
        assert!(started.elapsed() < Duration::from_mins(1), "a byte now and then keeps a place");
        std::thread::sleep(Duration::from_millis(100));
    }
    for mut stream in [silent, begun] {
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        // Closed, with or without an alert before.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).ok();
    }
    server.comes_to_say("a TLS handshake failed; count is since the last such line");
    assert!(server.said().contains("it did not come to its end in time"), "{}", server.said());
    Caller::inside_tls(&server, authority.pem(), None).checkpoint().expect("others are served");
}

#[test]
fn who_shook_hands_and_then_says_nothing_has_no_more_time() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let server = serve(&ledger, &authority.server(), &["--stall-timeout", "3"]);
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-alpn", "h2", "-connect", &format!("127.0.0.1:{}", server.port())])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while client.try_wait().unwrap().is_none() {
        // Without the bound it would be an idle connection, which has ten times as long as anyone may stand still.
        assert!(started.elapsed() < Duration::from_secs(25), "the connection stays open");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn plaintext_that_others_could_read_is_refused_by_the_server_and_told_of_by_the_client() {
    let ledger = Ledger::new(1);
    let mut command = Command::new(custody_tests::binaries::Binaries::built().custodyd());
    command.args(["run", "--listen", "0.0.0.0:0", "--data"]).arg(ledger.data()).env_clear();
    let ended = run(command);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("0.0.0.0:0 can be reached from other machines"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--allow-plaintext"), "{}", ended.stderr);
    let user = User::new();
    let pin = format!("example.com/tests+sha256:{}", "00".repeat(32));
    // Nothing answers at the discard prefix (RFC 6666).
    let asked = ["init", "--server", "http://[100::1]:1", "--trust", &pin, "--timeout", "100ms"];
    let told = user.custody(&asked);
    assert!(told.stderr.contains("nothing hides what is sent to"), "{}", told.stderr);
    let quiet = user.custody(&[&asked[..], &["--allow-plaintext"]].concat());
    assert!(!quiet.stderr.contains("nothing hides"), "{}", quiet.stderr);
}

#[test]
fn a_file_that_is_large_comes_over_tls_in_whole() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let server = serve(&ledger, &authority.server(), &[]);
    let caller = Caller::inside_tls(&server, authority.pem(), None);
    let large = custody_tests::evidence::envelope_of_length("large", 8 << 20, &ledger.writers[0]);
    let index = caller.record(&large).unwrap().index;
    assert!(caller.envelope(index) == large);
    let log = ledger.data().with_extension("log");
    assert!(
        File::open(log).is_ok()
            && !fs::read_to_string(ledger.data().with_extension("log")).unwrap().contains("PRIVATE")
    );
}
