//! What `custodyd` and `custody` refuse to start with: each has its message and exit code.

use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use custody_tests::binaries::Binaries;
use custody_tests::client::User;
use custody_tests::server::{Ended, Ledger, Server, custodyd, free_port, run};
use custody_tests::wire::Caller;

fn serve(data: &Path, port: u16) -> Ended {
    let listen = format!("127.0.0.1:{port}");
    custodyd(&["run".as_ref(), "--data".as_ref(), data.as_os_str(), "--listen".as_ref(), listen.as_ref()])
}

/// Refused with exit code 2, `error:` and `hint:` on stderr, nothing on stdout, and these words in it.
fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    for word in ["error: ", "hint: "].iter().chain(words) {
        assert!(ended.stderr.contains(word), "{word:?} is missing:\n{}", ended.stderr);
    }
}

#[test]
fn an_empty_directory_does_not_become_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let ended = serve(folder.path(), free_port());
    refused(&ended, &[folder.path().to_str().unwrap(), "custodyd init"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    refused(&serve(&missing, free_port()), &[missing.to_str().unwrap()]);
    assert!(!missing.exists());
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("photo.jpg"), b"not a log").unwrap();
    refused(&serve(folder.path(), free_port()), &[folder.path().to_str().unwrap()]);
    let data = folder.path().to_str().unwrap();
    let key = folder.path().with_extension("key");
    fs::write(&key, custody_evidence::key::SigningKey::from_seed(&[1; 32]).to_pem().as_bytes()).unwrap();
    let ended =
        custodyd(&["init", "--data", data, "--origin", "example.com/x", "--admin", key.to_str().unwrap()]);
    fs::remove_file(&key).unwrap();
    refused(&ended, &[data]);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["photo.jpg"]);
}

#[test]
fn a_port_in_use_is_named() {
    let ledger = Ledger::new(1);
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    refused(&serve(&ledger.data(), port), &[&format!("127.0.0.1:{port}"), "in use"]);
}

#[test]
fn two_servers_on_one_directory_are_refused() {
    let ledger = Ledger::new(1);
    let _first = ledger.serve();
    refused(&serve(&ledger.data(), free_port()), &[ledger.data().to_str().unwrap()]);
}

#[test]
fn a_log_key_of_another_log_is_refused() {
    let ledger = Ledger::new(1);
    let other = Ledger::new(1);
    let key_of = |ledger: &Ledger| ledger.data().with_extension("log-key");
    fs::copy(key_of(&other), key_of(&ledger)).unwrap();
    refused(&serve(&ledger.data(), free_port()), &["log key"]);
}

#[test]
fn a_missing_log_key_is_named() {
    let ledger = Ledger::new(1);
    let key = ledger.data().with_extension("log-key");
    fs::remove_file(&key).unwrap();
    refused(&serve(&ledger.data(), free_port()), &[key.to_str().unwrap()]);
    assert!(!key.exists(), "no new key is made for an old log");
}

#[test]
fn the_log_key_is_not_in_the_data_directory() {
    let ledger = Ledger::new(1);
    ledger.serve().stop();
    let mut folders = vec![ledger.data()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                let holds_a_key =
                    bytes.windows(12).any(|window| window == b"PRIVATE+KEY+" || window == b"PRIVATE KEY-");
                assert!(!holds_a_key, "{} holds a private key", path.display());
            }
        }
    }
}

/// A file system that refuses writes: a mount point of its own, since root may write anywhere else.
#[test]
fn a_read_only_disk_is_named() {
    let ledger = Ledger::new(1);
    let data = ledger.data();
    let script = format!(
        "mount --bind {data} {data} && mount -o remount,bind,ro {data} && exec {custodyd} run --data {data} --listen 127.0.0.1:{port}",
        data = data.display(),
        custodyd = Binaries::built().custodyd().display(),
        port = free_port(),
    );
    // An own mount name space, with rights in it for everyone where the kernel allows that.
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", &script]);
    let ended = run(command);
    if ended.stderr.contains("unshare") || ended.stderr.contains("mount:") {
        assert!(std::env::var_os("CI").is_none(), "unshare is needed: {}", ended.stderr);
        println!("skipped: needs unshare with mount name spaces: {}", ended.stderr.trim());
        return;
    }
    refused(&ended, &[data.to_str().unwrap(), "Read-only"]);
}

#[test]
fn without_a_pin_nothing_is_believed() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let user = User::new();
    let init = user.custody(&["init", "--server", &server.url()]);
    refused(&init, &[&Caller::of(&server).pin(), "--trust"]);
    let show = user.custody(&["show", "index:0", "--server", &server.url()]);
    refused(&show, &["custody init"]);
    let verify = user.custody(&["verify", "receipt"]);
    assert_eq!(verify.code, Some(2), "{verify:?}");
}

#[test]
fn a_pin_of_another_log_is_refused() {
    let ledger = Ledger::new(1);
    let server = ledger.serve();
    let pin = Caller::of(&server).pin();
    let other_digest =
        format!("{}{}", &pin[..pin.len() - 4], if pin.ends_with("0000") { "1111" } else { "0000" });
    let other_origin = pin.replace("example.com/tests", "example.com/other");
    for other in [other_digest, other_origin] {
        let ended = User::new().custody(&["init", "--server", &server.url(), "--trust", &other]);
        assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
        assert!(
            ended.stderr.contains(&pin) && ended.stderr.contains(&other),
            "both are named: {}",
            ended.stderr
        );
    }
}

#[test]
fn the_log_holds_what_was_asked_for_and_says_when_that_cannot_be_read() {
    let ledger = Ledger::new(1);
    let mut before = 0;
    let mut said = |wanted: &str| {
        let wanted = format!("RUST_LOG={wanted}");
        let program: [&OsStr; 2] = ["env".as_ref(), wanted.as_ref()];
        let mut server = Server::start_under(&program, &ledger.data(), &["--log-format", "json"]);
        server.ask_to_stop();
        assert!(server.wait().success(), "{}", server.said());
        // What the servers before said is kept.
        let all = server.said();
        all[std::mem::replace(&mut before, all.len())..].to_owned()
    };
    let is_told = |said: &str| said.contains("asked to stop");
    for wanted in [
        "",
        ",",
        "info",
        "debug",
        "custody_server=info",
        "warn,custody_server=info",
        "warn, custody_server=info",
        " info,",
    ] {
        let said = said(wanted);
        assert!(is_told(&said) && !said.contains("RUST_LOG"), "{wanted:?}: {said}");
    }
    for wanted in ["warn", "error", "off", "custody_server=warn", "other=info"] {
        assert!(!is_told(&said(wanted)), "{wanted:?}");
    }
    for wanted in
        ["custody_server=loud", "a=b=c", "custody_server=", "custody_server[span]=warn", "warn or so"]
    {
        let said = said(wanted);
        assert!(is_told(&said) && said.contains("RUST_LOG is not read"), "{wanted:?}: {said}");
    }
}
