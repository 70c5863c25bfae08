//! Files that are written while the same file takes the output: nothing of either is lost.

use std::fs::File;

use crate::double::{Server, bare};
use crate::lies::{APPROVAL, APPROVED, log};

/// Opened again under another name, the file would be written from its start by both.
#[tokio::test]
async fn a_receipt_written_to_the_output_keeps_receipt_and_output() {
    let server = Server::start(log()).await;
    let names = [
        "/dev/stdout",
        "/dev/fd/1",
        "/proc/self/fd/1",
        "/proc/thread-self/fd/1",
        "/proc/self/task/../fd/1",
        "output",
        "./link",
    ];
    for (number, name) in names.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let predicate = APPROVED.replace("alice", &format!("person {number}"));
        let envelope = crate::double::log::envelope(APPROVAL, b"bytes", &predicate);
        std::fs::write(dir.path().join("envelope"), envelope.bytes()).unwrap();
        let output = File::create(dir.path().join("output")).unwrap();
        std::os::unix::fs::symlink("output", dir.path().join("link")).unwrap();
        let mut command = bare(dir.path());
        command.env("CUSTODY_SERVER", server.url()).env("CUSTODY_TRUST", server.pin().to_string());
        command.args(["record", "envelope", "envelope", "--receipt", name]).stdout(output);
        let run = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(run.status.success(), "{name}: {}", String::from_utf8_lossy(&run.stderr));
        let written = std::fs::read_to_string(dir.path().join("output")).unwrap();
        let index = server.log.lock().unwrap().size().get() - 1;
        assert_eq!(written.matches("\nextra ").count(), 1, "{name}: no receipt: {written}");
        assert!(written.contains(&format!("entry    index:{index}  in")), "{name}: no output: {written}");
    }
}
