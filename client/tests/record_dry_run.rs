//! `custody key` and `custody record` up to the point of sending, over the real binary and real git repositories.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

use std::path::Path;
use std::process::{Command, Output};

struct Desk {
    home: tempfile::TempDir,
    work: tempfile::TempDir,
}

impl Desk {
    /// A home with one key, and a repository with one commit and a remote.
    fn new() -> Self {
        let desk = Self { home: tempfile::tempdir().unwrap(), work: tempfile::tempdir().unwrap() };
        desk.git(&["init", "-q", "-b", "main"]);
        std::fs::write(desk.work.path().join("app"), "abc").unwrap();
        desk.git(&["add", "."]);
        desk.git(&["commit", "-q", "-m", "one"]);
        desk.git(&["remote", "add", "origin", "https://token@github.com/acme/api.git"]);
        assert!(desk.custody(&["key", "new"], &[]).status.success());
        desk
    }

    fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .current_dir(self.work.path())
            .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn custody(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_custody"))
            .current_dir(self.work.path())
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    fn bytes(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<u8> {
        let output = self.custody(arguments, environment);
        assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
        output.stdout
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const GITHUB: &[(&str, &str)] = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "acme/api"),
    ("GITHUB_RUN_ID", "4711"),
    ("GITHUB_WORKFLOW_REF", "acme/api/.github/workflows/release.yml@refs/heads/main"),
];

#[test]
fn a_step_that_runs_again_signs_the_same_bytes() {
    let desk = Desk::new();
    let source = ["record", "source", "--dry-run", "-o", "json"];
    let build = ["record", "build", "--artifact", "app", "--dry-run", "-o", "json"];
    let approval = [
        "record",
        "approval",
        "--subject",
        "app",
        "--for",
        "prod",
        "--at",
        "2026-11-20T13:00:05Z",
        "--dry-run",
        "-o",
        "json",
    ];
    for arguments in [&source[..], &build, &approval] {
        let first = desk.bytes(arguments, GITHUB);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(first, desk.bytes(arguments, GITHUB), "{arguments:?}");
    }
}

#[test]
fn a_dry_run_prints_the_statement_and_no_token_of_the_remote() {
    let desk = Desk::new();
    let output = desk.custody(&["record", "source", "--dry-run"], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"repo\":\"https://github.com/acme/api\"") && !text.contains("token"), "{text}");
    assert!(text.contains("\"ref\":\"refs/heads/main\"") && text.contains("Ann <ann@example.com>"), "{text}");
}

#[test]
fn what_ci_says_is_told_with_its_variables() {
    let desk = Desk::new();
    let output = desk.custody(&["record", "build", "--artifact", "app", "--dry-run"], GITHUB);
    assert_eq!(
        stderr(&output),
        "detected GitHub Actions\n\
         \u{20}\u{20}repo https://github.com/acme/api (GITHUB_REPOSITORY)\n\
         \u{20}\u{20}run https://github.com/acme/api/actions/runs/4711/attempts/1 (GITHUB_RUN_ID)\n\
         \u{20}\u{20}builder https://github.com/acme/api/.github/workflows/release.yml@refs/heads/main (GITHUB_WORKFLOW_REF)\n\
         dry run: nothing was signed, nothing was sent\n"
    );
}

#[test]
fn each_mistake_has_its_message_and_exit_code_2() {
    let desk = Desk::new();
    std::fs::write(desk.work.path().join("twice.json"), "{\"a\":1,\"a\":2}").unwrap();
    std::fs::write(desk.work.path().join("bundle.json"), "{\"verificationMaterial\":{},\"dsseEnvelope\":{}}")
        .unwrap();
    for (arguments, expected) in [
        (
            &["record", "build", "--artifact", "app"][..],
            "error: no builder: it is neither given, nor set by a CI system, nor known to git\nhint: give --builder-id (looked for GITHUB_WORKFLOW_REF,",
        ),
        (
            &["record", "sbom", "twice.json", "--subject", "app"],
            "error: twice.json: the predicate cannot be signed as it is: ",
        ),
        (
            &["record", "generic", "--type", "https://a.example/x", "--predicate", "app"],
            "error: app: the predicate cannot be signed as it is: ",
        ),
        (
            &["record", "deploy", "--environment", "prod"],
            "error: the statement has no subject\nhint: name what it is about: --subject FILE, or --subject sha256:<hex>\n",
        ),
        (
            &["record", "deploy", "--environment", "prod", "--subject", "absent"],
            "error: cannot read absent: No such file",
        ),
        (
            &["record", "deploy", "--environment", "prod", "--subject", "pkg:npm/axios@1.14.1"],
            "error: --subject pkg:npm/axios@1.14.1: \"pkg:npm/axios@1.14.1\" is a package without a digest, which no \
             statement can be about\n",
        ),
        (
            &["record", "deploy", "--environment", "prod", "--subject", "app", "--key", "other"],
            "error: no key \"other\": ",
        ),
        (&["record", "envelope", "bundle.json"], "error: a Sigstore bundle is not supported yet\nhint: "),
        (&["record", "envelope", "app"], "error: this is a file of no known kind, not an envelope\nhint: "),
        (
            &["inspect", "app", "--issuer", "https://a.example"],
            "error: --issuer is an expectation of Sigstore bundles, ",
        ),
    ] {
        let output = desk.custody(arguments, &[]);
        assert!(stderr(&output).starts_with(expected), "{arguments:?}:\n{}", stderr(&output));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_dry_run_gives_an_envelope_that_inspect_verifies() {
    let desk = Desk::new();
    let path = |name: &str| desk.work.path().join(name);
    let envelope = desk.bytes(
        &["record", "deploy", "--environment", "prod", "--subject", "app", "--dry-run", "-o", "json"],
        &[],
    );
    std::fs::write(path("envelope.json"), envelope).unwrap();
    std::fs::write(path("key.pub"), desk.bytes(&["key", "show", "--pem"], &[])).unwrap();
    let with = desk.custody(&["inspect", "envelope.json", "--key", "key.pub", "--artifact", "app"], &[]);
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stdout));
    let without = desk.custody(&["inspect", "envelope.json"], &[]);
    assert_eq!(without.status.code(), Some(3));
    std::fs::write(path("other"), "other").unwrap();
    let other = desk.custody(&["inspect", "envelope.json", "--key", "key.pub", "--artifact", "other"], &[]);
    assert_eq!(other.status.code(), Some(1));
    assert!(desk.custody(&["record", "envelope", "envelope.json", "--dry-run"], &[]).status.success());
}

#[test]
fn text_of_a_file_cannot_move_the_cursor() {
    let desk = Desk::new();
    let statement = "{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"foo\":\"bar\"}}],\
                     \"predicateType\":\"x\\u001b[2Jy\"}";
    std::fs::write(desk.work.path().join("hostile.json"), statement).unwrap();
    let output = desk.custody(&["inspect", "hostile.json"], &[]);
    assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b));
    let missing: &Path = Path::new("absent\u{1b}[2J");
    let output = desk.custody(&["inspect", missing.to_str().unwrap()], &[]);
    assert!(!output.stderr.contains(&0x1b));
}
