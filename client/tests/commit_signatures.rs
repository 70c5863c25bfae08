//! `custody record source` over commits that real git signed with real ssh-keygen and gpg: what holds is verified, as git itself
//! says, and with any one thing changed it is not.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what went wrong by panicking"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Desk {
    home: tempfile::TempDir,
    work: tempfile::TempDir,
}

/// Whether the program is there; says so when it is not.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdin(Stdio::null()).output().is_ok();
    if !found {
        println!("skipped: no {program} here");
    }
    found
}

const COMMITTED: &str = "2026-11-20T12:30:00+01:00";

impl Desk {
    /// A home with a key that signs statements, and an empty repository.
    fn new(format: &str) -> Self {
        let desk = Self { home: tempfile::tempdir().unwrap(), work: tempfile::tempdir().unwrap() };
        desk.git(&["init", "-q", "-b", "main", &format!("--object-format={format}")]);
        desk.git(&["remote", "add", "origin", "https://github.com/acme/api.git"]);
        for (name, value) in [("user.name", "Ann"), ("user.email", "ann@example.com"), ("gpg.format", "ssh")]
        {
            desk.git(&["config", name, value]);
        }
        assert!(desk.custody(&["key", "new"]).status.success());
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.work.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("GNUPGHOME", self.path("gnupg"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_DATE", COMMITTED)
            .env("GIT_COMMITTER_DATE", COMMITTED);
        command
    }

    fn custody(&self, arguments: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_custody")).args(arguments).output().unwrap()
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.run("git", arguments, b"")
    }

    fn run(&self, program: &str, arguments: &[&str], input: &[u8]) -> String {
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Makes a key pair; returns its public line.
    fn key(&self, name: &str, kind: &[&str]) -> String {
        let path = self.path(name);
        let arguments = [&["-q", "-N", "", "-C", "", "-f", path.to_str().unwrap()], kind].concat();
        self.run("ssh-keygen", &arguments, b"");
        std::fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    /// Makes a commit that the key signs; returns its id.
    fn commit(&self, key: &str, message: &str) -> String {
        let key = format!("user.signingKey={}", self.path(key).display());
        self.git(&["-c", &key, "commit", "-q", "-S", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn object(&self, id: &str) -> String {
        self.git(&["cat-file", "commit", id])
    }

    /// Writes an object as a commit of its own; returns its id.
    fn write(&self, object: &str) -> String {
        self.run("git", &["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], object.as_bytes())
            .trim()
            .to_owned()
    }

    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    /// What is recorded of a commit's signature, and what is said.
    fn source(&self, id: &str, flags: &[&str]) -> (Value, String) {
        let arguments =
            [&["record", "source", "--dry-run", "--ref", "refs/heads/main", "--commit", id], flags].concat();
        let output = self.custody(&arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {said}");
        let statement: Value = serde_json::from_slice(&output.stdout).unwrap();
        (statement["predicate"]["signature"].clone(), said)
    }

    fn fingerprint(&self, key: &str) -> String {
        let path = self.path(key);
        let line = self.run("ssh-keygen", &["-l", "-E", "sha256", "-f", path.to_str().unwrap()], b"");
        line.split(' ').nth(1).unwrap().to_owned()
    }
}

/// A commit's signature header.
fn header(object: &str) -> &str {
    let start = object.find("gpgsig").unwrap();
    let end = "-----END SSH SIGNATURE-----\n";
    &object[start..start + object[start..].find(end).unwrap() + end.len()]
}

const KINDS: &[(&str, &[&str])] = &[
    ("ed25519", &["-t", "ed25519"]),
    ("p256", &["-t", "ecdsa", "-b", "256"]),
    ("p384", &["-t", "ecdsa", "-b", "384"]),
    ("p521", &["-t", "ecdsa", "-b", "521"]),
    ("rsa", &["-t", "rsa", "-b", "2048"]),
];

#[test]
fn commits_signed_by_allowed_keys_are_verified_as_git_says() {
    if !has("ssh-keygen") {
        return;
    }
    for format in ["sha1", "sha256"] {
        let desk = Desk::new(format);
        for (name, kind) in KINDS {
            let line = desk.key(name, kind);
            let id = desk.commit(name, name);
            let file = desk.file("allowed", &format!("ann@example.com namespaces=\"git\" {line}\n"));
            let (signature, said) = desk.source(&id, &["--allowed-signers", &file]);
            let key = desk.fingerprint(name);
            assert_eq!(
                signature,
                serde_json::json!({ "kind": "ssh", "key": key, "verified": true }),
                "{name}: {said}"
            );
            assert!(said.contains(&format!("by {key} is verified: ann@example.com")), "{said}");
            let setting = format!("gpg.ssh.allowedSignersFile={file}");
            desk.git(&["-c", &setting, "verify-commit", &id]);
            // The same by git's own setting.
            desk.git(&["config", "gpg.ssh.allowedSignersFile", &file]);
            assert_eq!(desk.source(&id, &[]).0, signature, "{name}");
            desk.git(&["config", "--unset", "gpg.ssh.allowedSignersFile"]);
            // Whatever is changed in what was signed.
            let object = desk.object(&id);
            for changed in [
                object.replace(&format!("\n\n{name}"), "\n\nanother message"),
                object.replace("author Ann", "author Bob"),
                object.replacen("12", "13", 1).replacen("tree 4b", "tree 4c", 1),
                object.replace("\ngpgsig", "\nencoding UTF-8\ngpgsig"),
            ] {
                assert_ne!(changed, object);
                let (signature, said) = desk.source(&desk.write(&changed), &["--allowed-signers", &file]);
                assert_eq!(signature["verified"], false, "{changed}");
                assert!(
                    said.contains("warning: the commit's ssh signature") && said.contains("DOES NOT HOLD"),
                    "{said}"
                );
            }
        }
    }
}

/// Returns what was recorded and said about a good commit and about each commit or file with one thing changed.
#[test]
fn one_thing_changed_is_not_verified_and_said() {
    if !has("ssh-keygen") {
        return;
    }
    let desk = Desk::new("sha1");
    let (line, other) = (desk.key("key", &["-t", "ed25519"]), desk.key("other", &["-t", "ed25519"]));
    let (id, second) = (desk.commit("key", "first"), desk.commit("key", "second"));
    let by_other = desk.commit("other", "third");
    let object = desk.object(&id);
    let good = desk.file("good", &format!("ann@example.com {line}\n"));
    let swapped = object.replace(header(&object), header(&desk.object(&second)));
    let twice = object.replace("gpgsig", "gpgsig none\ngpgsig");
    // The same bytes, signed for another use.
    let payload = object.replace(header(&object), "");
    let for_file = {
        let path = desk.path("key");
        let armour = desk.run(
            "ssh-keygen",
            &["-Y", "sign", "-n", "file", "-f", path.to_str().unwrap()],
            payload.as_bytes(),
        );
        object.replace(header(&object), &format!("gpgsig {}\n", armour.trim_end().replace('\n', "\n ")))
    };
    let commit = |object: &str| desk.write(object);
    let (not_checked, failed) = ("is NOT CHECKED: ", "DOES NOT HOLD, and is recorded as not verified: ");
    let line_with = |options: &str| format!("ann@example.com {options} {line}\n");
    assert_eq!(desk.source(&id, &["--allowed-signers", &good]).0["verified"], true);
    for (what, commit, allowed, came, why) in [
        (
            "another message",
            commit(&object.replace("first", "fist")),
            line.clone(),
            failed,
            "its key did not make it",
        ),
        ("signature of another commit", commit(&swapped), line.clone(), failed, "its key did not make it"),
        (
            "another namespace",
            commit(&for_file),
            line.clone(),
            failed,
            "it was made for \"file\", expected \"git\"",
        ),
        ("two signatures", commit(&twice), line.clone(), failed, "more than one signature"),
        ("another key", by_other, line.clone(), not_checked, "none of the allowed signers"),
        ("another signer", id.clone(), other, not_checked, "none of the allowed signers"),
        ("nobody", id.clone(), String::new(), not_checked, "none of the allowed signers"),
        ("an authority", id.clone(), line_with("cert-authority"), not_checked, "none of the allowed signers"),
        (
            "for files only",
            id.clone(),
            line_with("namespaces=\"file\""),
            failed,
            "may sign for \"file\" only",
        ),
        ("not for git", id.clone(), line_with("namespaces=\"*,!git\""), failed, "only"),
        (
            "expired",
            id.clone(),
            line_with("valid-before=\"20261120Z\""),
            failed,
            "may sign to 20261120Z, not at 2026-11-20T11:30",
        ),
        (
            "not yet",
            id.clone(),
            line_with("valid-after=\"20261121Z\""),
            failed,
            "may sign from 20261121Z, not at",
        ),
        (
            "in no known zone",
            id.clone(),
            line_with("valid-before=\"20261120\""),
            not_checked,
            "write the times with Z",
        ),
    ] {
        let allowed =
            if allowed.starts_with("ssh-") { format!("ann@example.com {allowed}\n") } else { allowed };
        let file = desk.file("changed", &allowed);
        let (signature, said) = desk.source(&commit, &["--allowed-signers", &file]);
        assert_eq!((&signature["kind"], &signature["verified"]), (&"ssh".into(), &false.into()), "{what}");
        assert!(said.contains(came) && said.contains(why), "{what}: {said}");
        assert!(
            what == "two signatures" || signature["key"].as_str().unwrap().starts_with("SHA256:"),
            "{what}"
        );
    }
}

#[test]
fn without_allowed_signers_a_signature_is_not_checked_and_a_broken_one_still_fails() {
    if !has("ssh-keygen") {
        return;
    }
    let desk = Desk::new("sha1");
    let line = desk.key("key", &["-t", "ed25519"]);
    let id = desk.commit("key", "first");
    let (signature, said) = desk.source(&id, &[]);
    let key = desk.fingerprint("key");
    assert_eq!(signature, serde_json::json!({ "kind": "ssh", "key": key, "verified": false }));
    assert!(said.contains("is NOT CHECKED: ") && said.contains("--allowed-signers FILE"), "{said}");
    let changed = desk.write(&desk.object(&id).replace("first", "other"));
    assert!(desk.source(&changed, &[]).1.contains("DOES NOT HOLD"));
    // What git's settings name may be away or broken; what the flag names may not.
    let broken = desk.file("broken", "ann@example.com\n");
    for (file, why) in [("/absent", "cannot read /absent"), (broken.as_str(), "cannot be used: line 1")] {
        desk.git(&["config", "gpg.ssh.allowedSignersFile", file]);
        let (signature, said) = desk.source(&id, &[]);
        assert_eq!(signature["verified"], false);
        assert!(said.contains("is NOT CHECKED: ") && said.contains(why), "{said}");
        let output = desk.custody(&["record", "source", "--dry-run", "--allowed-signers", file]);
        assert_eq!(output.status.code(), Some(2));
    }
    // A key that was revoked is none of the allowed, and a list that cannot be read could name any.
    let good = desk.file("good", &format!("ann@example.com {line}\n"));
    desk.git(&["config", "gpg.ssh.allowedSignersFile", &good]);
    assert_eq!(desk.source(&id, &[]).0["verified"], true);
    let revoked = desk.file("revoked", &format!("{line}\n"));
    let binary = desk.path("krl").display().to_string();
    desk.run("ssh-keygen", &["-q", "-k", "-f", &binary, &revoked], b"");
    for (file, why) in [
        (
            revoked.as_str(),
            "DOES NOT HOLD, and is recorded as not verified: its key made it, and was revoked",
        ),
        (binary.as_str(), "is NOT CHECKED: the file of revoked keys cannot be used"),
        ("/absent", "is NOT CHECKED: cannot read /absent"),
    ] {
        desk.git(&["config", "gpg.ssh.revocationFile", file]);
        let (signature, said) = desk.source(&id, &[]);
        assert_eq!(signature["verified"], false);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn an_unsigned_commit_has_no_signature_and_one_by_gpg_is_verified_with_the_keys_that_count() {
    let desk = Desk::new("sha1");
    desk.git(&["commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "plain"]);
    let plain = desk.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let (signature, said) = desk.source(&plain, &[]);
    assert!(signature.is_null() && !said.contains("signature"), "{signature} {said}");
    if !has("gpg") {
        return;
    }
    let home = desk.path("gnupg");
    std::fs::create_dir(&home).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&home, private).unwrap();
    let new = [
        "--batch",
        "--quiet",
        "--passphrase",
        "",
        "--quick-gen-key",
        "ann@example.com",
        "ed25519",
        "sign",
        "never",
    ];
    desk.run("gpg", &new, b"");
    let listed = desk.run("gpg", &["--batch", "--with-colons", "--list-keys"], b"");
    let fingerprint =
        listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
    desk.git(&["config", "gpg.format", "openpgp"]);
    let key = format!("user.signingKey={fingerprint}");
    desk.git(&["-c", &key, "commit", "-q", "-S", "--allow-empty", "-m", "signed"]);
    let id = desk.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let (signature, said) = desk.source(&id, &[]);
    // The agent was started for this home alone.
    drop(desk.command("gpgconf").args(["--kill", "gpg-agent"]).output());
    assert_eq!(
        signature,
        serde_json::json!({ "kind": "gpg", "key": fingerprint, "verified": false }),
        "{said}"
    );
    assert!(said.contains("is NOT CHECKED: nothing says whose OpenPGP keys count"), "{said}");

    // With the key it is verified, in either form of it; with any one thing changed it is not.
    let keys = desk.run("gpg", &["--batch", "--export", "--armor", &fingerprint], b"");
    let keys = desk.file("keys.asc", &keys);
    let verified = serde_json::json!({ "kind": "gpg", "key": fingerprint, "verified": true });
    let (signature, said) = desk.source(&id, &["--openpgp-keys", &keys]);
    assert_eq!(signature, verified, "{said}");
    assert!(said.contains("is verified: "), "{said}");
    let object = desk.object(&id);
    let changed = desk.write(&object.replace("signed\n", "another message\n"));
    let (signature, said) = desk.source(&changed, &["--openpgp-keys", &keys]);
    assert_eq!(signature["verified"], false, "{said}");
    assert!(said.contains("DOES NOT HOLD"), "{said}");

    let other = [
        "--batch",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
        "--quick-generate-key",
        "bob@example.com",
        "ed25519",
    ];
    desk.run("gpg", &other, b"");
    let others = desk.run("gpg", &["--batch", "--export", "--armor", "bob@example.com"], b"");
    let others = desk.file("others.asc", &others);
    let (signature, said) = desk.source(&id, &["--openpgp-keys", &others]);
    assert_eq!(signature["verified"], false, "{said}");
    assert!(said.contains("by none of the OpenPGP keys that were given"), "{said}");
    let noise = desk.file("noise", "no keys");
    let (signature, said) = desk.source(&id, &["--openpgp-keys", &noise]);
    assert_eq!(signature["verified"], false, "{said}");
    assert!(said.contains("is NOT CHECKED"), "{said}");

    // gpg calls a signature over SHA-1 good.
    let rsa = [
        "--batch",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
        "--quick-gen-key",
        "eve@example.com",
        "rsa2048",
        "sign",
    ];
    desk.run("gpg", &rsa, b"");
    desk.file("gnupg/gpg.conf", "digest-algo SHA1\nweak-digest MD5\n");
    desk.git(&["-c", "user.signingKey=eve@example.com", "commit", "-q", "-S", "--allow-empty", "-m", "weak"]);
    let weak = desk.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let eves = desk.run("gpg", &["--batch", "--export", "--armor", "eve@example.com"], b"");
    let eves = desk.file("eves.asc", &eves);
    let (signature, said) = desk.source(&weak, &["--openpgp-keys", &eves]);
    assert_eq!(signature["verified"], false, "{said}");
    assert!(said.contains("is NOT CHECKED: it is over SHA-1, which counts no longer"), "{said}");
    drop(desk.command("gpgconf").args(["--kill", "gpg-agent"]).output());
}

#[test]
fn an_object_under_another_name_is_refused() {
    let desk = Desk::new("sha1");
    for message in ["one", "two"] {
        desk.git(&["commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", message]);
    }
    let ids = ["HEAD", "HEAD~1"].map(|revision| desk.git(&["rev-parse", revision]).trim().to_owned());
    let file = |id: &str| Path::new(".git/objects").join(&id[..2]).join(&id[2..]);
    let [from, to] = [&ids[1], &ids[0]].map(|id| desk.work.path().join(file(id)));
    std::fs::remove_file(&to).unwrap();
    std::fs::copy(from, to).unwrap();
    let output = desk.custody(&["record", "source", "--dry-run", "--commit", &ids[0]]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
}
