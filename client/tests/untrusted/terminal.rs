//! What a person is shown and asked at a terminal, and what their answer does. `script(1)` makes the terminal.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::double::Server;
use crate::double::log::{administrator, writer};
use crate::lies::log;

/// Runs the command line at a terminal, with this typed. Returns the exit code and everything that the terminal showed.
async fn typed(server: &Server, dir: &Path, args: &str, answer: &'static str) -> (i32, String) {
    let (dir, url, pin) = (dir.to_owned(), server.url(), server.pin().to_string());
    let line = format!("{} {args}", env!("CARGO_BIN_EXE_custody"));
    let run = move || {
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(&dir);
        command.env("HOME", &dir).env("CUSTODY_STATE_DIR", dir.join("state")).env("CUSTODY_SERVER", url);
        if !line.contains(" init") {
            command.env("CUSTODY_TRUST", pin);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("these tests need script(1), of util-linux");
        child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
    (output.status.code().unwrap(), shown)
}

fn kept(dir: &Path, folder: &str) -> usize {
    std::fs::read_dir(dir.join(folder)).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_log_that_is_not_confirmed_leaves_nothing_behind() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    for answer in ["no\n", "\n", "yess\n"] {
        let (code, shown) = typed(&server, dir.path(), "init", answer).await;
        assert_eq!(code, 1, "{shown}");
        assert!(shown.contains("the log was not pinned"), "{shown}");
        assert_eq!((kept(dir.path(), "state"), kept(dir.path(), ".config/custody")), (0, 0), "{shown}");
    }
}

#[tokio::test]
async fn who_pins_a_log_is_shown_the_pin_and_the_keys_before_also_when_quiet() {
    for args in ["init", "init -q", "init --quiet -o json"] {
        let server = Server::start(log()).await;
        let dir = tempfile::tempdir().unwrap();
        let (code, shown) = typed(&server, dir.path(), args, "yes\n").await;
        assert_eq!(code, 0, "{args}: {shown}");
        let (before, after) = shown.split_once("[y/N]").unwrap();
        assert!(before.contains(&format!("pin    {}\n", server.pin())), "{args}: {shown}");
        assert!(before.contains(&format!("key:{}\n", administrator().id())), "{args}: {shown}");
        assert!(after.contains(&server.pin().to_string()), "{args}: {shown}");
        assert_eq!((kept(dir.path(), "state"), kept(dir.path(), ".config/custody")), (1, 1));
    }
}

#[tokio::test]
async fn who_signs_a_trust_document_is_shown_each_change_before_also_when_quiet() {
    let server = Server::start(log()).await;
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("admin.pem"), administrator().to_pem().as_bytes()).unwrap();
    std::fs::set_permissions(path("admin.pem"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let shown = server.custody(dir.path(), &["trust", "show", "-o", "json"]).await;
    let mut document = serde_json::from_str::<serde_json::Value>(&shown.stdout).unwrap()["document"].take();
    let expires = document["expires"].as_str().unwrap().to_owned();
    document["expires"] = "2090-01-01T00:00:00.000000Z".into();
    document["issuers"] = serde_json::json!([{ "url": "https://id.example", "audience": "log" }]);
    document["people"] = serde_json::json!([{ "name": "alice", "keys": [administrator().id().to_string()] }]);
    document["writers"] = serde_json::json!([]);
    std::fs::write(path("document.json"), document.to_string()).unwrap();
    let propose = ["trust", "propose", "--document", "document.json", "--out", "next.json"];
    let proposed = server.custody(dir.path(), &propose).await;
    assert_eq!(proposed.code, 0, "{proposed:?}");
    let unsigned = std::fs::read(path("next.json")).unwrap();
    let expected = [
        format!("expires: {expires} -> 2090-01-01T00:00:00.000000Z\n"),
        format!("- writer pipeline  *  about anything, own  key:{}\n", writer().id()),
        format!("+ person alice  key:{}\n", administrator().id()),
        "+ issuer https://id.example  audience log, RS256, at most 3600 s\n".to_owned(),
    ];
    let sign = |flags: &str| format!("trust sign next.json --key ./admin.pem {flags}");
    for (flags, answer) in [("", "no\n"), ("-q", "no\n"), ("-q -o json", "\n"), ("-q", "yes please\n")] {
        let (code, shown) = typed(&server, dir.path(), &sign(flags), answer).await;
        let (before, _) = shown.split_once("Sign this? [y/N]").unwrap();
        for change in &expected {
            assert!(before.contains(change), "{flags}: {change:?} is not in:\n{shown}");
        }
        assert_eq!(code, 1, "{flags}: {shown}");
        assert!(shown.contains("not confirmed: the document was not signed"), "{flags}: {shown}");
        assert_eq!(std::fs::read(path("next.json")).unwrap(), unsigned, "{flags}: nothing is signed");
    }
    let (code, shown) = typed(&server, dir.path(), &sign("-q"), "yes\n").await;
    assert_eq!(code, 0, "{shown}");
    let (before, after) = shown.split_once("Sign this? [y/N]").unwrap();
    assert!(expected.iter().all(|change| before.contains(change)), "{shown}");
    assert!(after.contains("signed version 3 with key:"), "{shown}");
    let recorded = server.custody(dir.path(), &["record", "envelope", "next.json", "-o", "json"]).await;
    assert_eq!(recorded.code, 0, "what was confirmed is what the log takes: {recorded:?}");
}
