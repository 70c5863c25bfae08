//! The files of TLS: what cannot be used is refused at the start, and changes nothing while the server runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use custody_tests::certificates::{Authority, Issued, Wanted};
use custody_tests::server::{Ledger, Server, custodyd, run};
use custody_tests::wire::Caller;

/// Returns the subject of the certificate that a server shows to new connections.
fn shown(server: &Server) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-alpn", "h2", "-connect", &format!("127.0.0.1:{}", server.port())]);
    let shaken = run(command);
    let line = shaken.stdout.lines().find_map(|line| line.strip_prefix("subject="));
    line.unwrap_or_else(|| panic!("{}{}", shaken.stdout, shaken.stderr)).trim().to_owned()
}

fn comes_to_show(server: &Server, subject: &str) {
    let begun = Instant::now();
    while shown(server) != subject {
        assert!(begun.elapsed() < Duration::from_mins(1), "{subject} is not shown:\n{}", server.said());
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn named(authority: &Authority, name: &str) -> Issued {
    authority.issue(Wanted::named(name).dns("localhost").loopback())
}

fn start(ledger: &Ledger, folder: &Path) -> Server {
    let (cert, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    Server::start_with(
        &ledger.data(),
        &["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()],
    )
}

#[test]
fn what_cannot_be_used_is_refused_at_the_start() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let home = ledger.home();
    let (good, other) = (authority.server(), authority.server());
    let expired = authority.issue(Wanted::named("custody").dns("localhost").expired());
    let half = good.cert[..good.cert.len() / 2].to_owned();
    let broken = good.cert.replacen("MII", "M*I", 1);
    let cases: [(&str, &str, &str); 7] = [
        (&good.cert, &other.key, "is not that of the first certificate in"),
        (&half, &good.key, "expected a certificate in PEM"),
        (&broken, &good.key, "expected a certificate in PEM"),
        ("", &good.key, "expected a certificate in PEM, found none"),
        (&good.cert, &good.cert, "expected a private key in PEM, found none"),
        (&good.key, &good.key, "expected a certificate in PEM, found none"),
        (&expired.cert, &expired.key, "the certificate of dns:localhost ended at 20"),
    ];
    let (cert, key) = (home.join("tls.crt"), home.join("tls.key"));
    let data = ledger.data();
    let run = |more: &[&str]| {
        let mut words = vec!["run", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        words.extend(["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]);
        words.extend(more);
        custodyd(&words)
    };
    let refused = |more: &[&str], expected: &str| {
        let ended = run(more);
        assert_eq!(ended.code, Some(2), "{expected}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(expected) && ended.stderr.contains("hint: "),
            "{expected}: {}",
            ended.stderr
        );
        assert!(!ended.stderr.contains(good.key.lines().nth(1).unwrap()), "{}", ended.stderr);
    };
    refused(&[], "cannot read");
    for (cert_text, key_text, expected) in cases {
        fs::write(&cert, cert_text).unwrap();
        fs::write(&key, key_text).unwrap();
        refused(&[], expected);
    }
    fs::write(&cert, &good.cert).unwrap();
    fs::write(&key, &good.key).unwrap();
    refused(&["--readers", "x"], "readers is given without client-ca");
    let ca = home.join("ca.crt");
    fs::write(&ca, "").unwrap();
    refused(&["--client-ca", ca.to_str().unwrap()], "ca.crt: expected a certificate in PEM, found none");
    // Whoever held the key of that one could issue certificates for any name.
    fs::write(&ca, format!("{}{}", authority.pem(), good.cert)).unwrap();
    refused(&["--client-ca", ca.to_str().unwrap()], "does not say that its holder may issue others (CA)");
    fs::write(&ca, authority.pem()).unwrap();
    let readers = home.join("readers");
    fs::write(&readers, "# nobody\n").unwrap();
    refused(
        &["--client-ca", ca.to_str().unwrap(), "--readers", readers.to_str().unwrap()],
        "expected at least one identity, found none",
    );
}

#[test]
fn a_secret_that_kubernetes_exchanges_is_used_without_a_restart() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let folder = ledger.home().join("tls");
    let version = |name: &str| {
        let dir = folder.join(name);
        fs::create_dir_all(&dir).unwrap();
        let issued = named(&authority, name);
        fs::write(dir.join("tls.crt"), issued.cert).unwrap();
        fs::write(dir.join("tls.key"), issued.key).unwrap();
    };
    version("..first");
    version("..second");
    symlink("..first", folder.join("..data")).unwrap();
    for file in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(file), folder.join(file)).unwrap();
    }
    let server = start(&ledger, &folder);
    assert_eq!(shown(&server), "CN = ..first");
    let old = Caller::inside_tls(&server, authority.pem(), None);
    symlink("..second", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join("..first")).unwrap();
    comes_to_show(&server, "CN = ..second");
    old.checkpoint().expect("a connection goes on with what it began with");
    assert!(!server.said().contains("cannot be used"), "{}", server.said());
    server.stop();
}

#[test]
fn what_is_half_written_or_does_not_fit_changes_nothing_and_is_told_once() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let folder = ledger.home();
    let put = |issued: &Issued| {
        fs::write(folder.join("tls.crt"), &issued.cert).unwrap();
        fs::write(folder.join("tls.key"), &issued.key).unwrap();
    };
    let (first, second) = (named(&authority, "first"), named(&authority, "second"));
    put(&first);
    let server = start(&ledger, folder);
    let told = || server.said().matches("the TLS files cannot be used").count();
    let bad = [
        Issued { cert: second.cert[..second.cert.len() / 2].to_owned(), key: first.key.clone() },
        Issued { cert: second.cert.clone(), key: first.key.clone() },
        Issued { cert: String::new(), key: String::new() },
        authority.issue(Wanted::named("expired").dns("localhost").expired()),
    ];
    for (number, issued) in bad.iter().enumerate() {
        put(issued);
        let begun = Instant::now();
        while told() <= number {
            assert!(begun.elapsed() < Duration::from_mins(1), "{number}: {}", server.said());
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(shown(&server), "CN = first");
    }
    // Two looks more: it is not said again.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(told(), bad.len(), "{}", server.said());
    put(&first);
    server.comes_to_say("are again those in use");
    put(&second);
    comes_to_show(&server, "CN = second");
    Caller::inside_tls(&server, authority.pem(), None).checkpoint().unwrap();
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() {
    let (ledger, authority) = (Ledger::new(1), Authority::new("Example CA"));
    let folder = ledger.home();
    let ends_in = |days: u64| {
        let wanted = Wanted::named("custody").dns("localhost").ends_in(Duration::from_hours(24 * days));
        let issued = authority.issue(wanted);
        fs::write(folder.join("tls.crt"), issued.cert).unwrap();
        fs::write(folder.join("tls.key"), issued.key).unwrap();
    };
    ends_in(15);
    let server = start(&ledger, folder);
    assert!(!server.said().contains("ends within 14 days"), "{}", server.said());
    ends_in(13);
    server.comes_to_say("the TLS certificate ends within 14 days");
}
