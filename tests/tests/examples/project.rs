//! A log whose administrator has done what examples/ci/README.md says, and a project whose CI uses a template.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use custody_tests::client::User;
use custody_tests::issuer::{Algorithm, Issuer};
use custody_tests::server::{Ended, Ledger, Server, run};
use custody_tests::wire::Caller;
use tempfile::TempDir;

/// The audience of tokens that a CI system fixes, as in the templates.
pub(crate) const AUDIENCE: &str = "custody:example.com/releases";

/// A log that knows one issuer and one rule for its jobs, and a checkout.
pub(crate) struct Project {
    pub(crate) issuer: Issuer,
    pub(crate) pin: String,
    pub(crate) commit: String,
    pub(crate) administrator: User,
    folder: TempDir,
    server: Server,
    ledger: Ledger,
}

impl Project {
    /// Makes the log, and lets the jobs with this claim record; `fixed` if jobs cannot choose the audience of their tokens.
    pub(crate) fn new(kind: &str, fixed: bool, claim: &str) -> Self {
        let ledger = Ledger::new(0);
        let server = ledger.serve();
        let pin = Caller::of(&server).pin();
        let administrator = User::of(&server.url(), &pin, &ledger.home().join("admin.key"));
        let folder = tempfile::tempdir().unwrap();
        let commit = checkout(&folder.path().join("project"));
        let issuer = Issuer::start(Algorithm::Rs256);
        let project = Self { issuer, pin, commit, administrator, folder, server, ledger };
        project.trust_issuer(kind, fixed, claim);
        project
    }

    fn trust_issuer(&self, kind: &str, fixed: bool, claim: &str) {
        let url = self.issuer.url();
        let keys = self.administrator.file("jwks.json", self.issuer.jwks().to_string());
        let mut propose =
            vec!["trust", "propose", "--out", "trust.json", "--add-issuer", &url, "--issuer-kind", kind];
        propose.extend(["--issuer-jwks", keys.to_str().unwrap()]);
        if fixed {
            propose.extend(["--issuer-audience", AUDIENCE]);
        }
        let rule = format!("ci={url}");
        propose.extend(["--add-identity", &rule, "--claim", claim]);
        self.administer(&propose);
        self.administer(&["trust", "sign", "trust.json", "--key", &self.admin_key(), "--yes"]);
        self.administer(&["record", "envelope", "trust.json"]);
    }

    fn admin_key(&self) -> String {
        self.ledger.home().join("admin.key").to_str().unwrap().to_owned()
    }

    fn administer(&self, words: &[&str]) {
        let ended = self.administrator.custody(words);
        assert_eq!(ended.code, Some(0), "{words:?}: {}{}", ended.stdout, ended.stderr);
    }

    /// Puts a policy with this text.
    pub(crate) fn policy(&self, text: &str) {
        let file = self.administrator.file("policy.yaml", text);
        self.administer(&["policy", "put", file.to_str().unwrap(), "--key", &self.admin_key()]);
    }

    /// Returns the address of the log.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the path of a file beside the checkout.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the checkout, in which steps run.
    pub(crate) fn checkout(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// Runs a step: a file with its lines, by a shell as the CI system calls it; none: the file itself is a program.
    pub(crate) fn step(
        &self,
        shell: Option<&[&str]>,
        lines: &str,
        home: &str,
        variables: &[(String, String)],
    ) -> Ended {
        let file = self.beside("step");
        write_program(&file, lines);
        let home = self.beside(home);
        fs::create_dir_all(&home).unwrap();
        let mut command = match shell {
            Some([program, flags @ ..]) => {
                let mut command = Command::new(program);
                command.args(flags).arg(&file);
                command
            }
            _ => Command::new(&file),
        };
        command.env_clear().env("HOME", home).current_dir(self.checkout());
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        run(command)
    }
}

/// A repository with one commit, and what builds and deploys it; returns the commit.
fn checkout(folder: &Path) -> String {
    fs::create_dir_all(folder).unwrap();
    write_program(&folder.join("build.sh"), BUILD);
    write_program(&folder.join("deploy.sh"), "#!/bin/sh\nset -eu\ntest -f \"$1\"\ntouch deployed\n");
    fs::write(folder.join(".gitignore"), "dist/\ndeployed\ngate.xml\n").unwrap();
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args([
            "-c",
            "user.name=Carol",
            "-c",
            "user.email=carol@acme.example",
            "-c",
            "commit.gpgsign=false",
        ]);
        git.args(words)
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let ended = run(git);
        assert_eq!(ended.code, Some(0), "git {words:?}: {}", ended.stderr);
        ended.stdout.trim().to_owned()
    };
    git(&["init", "--quiet", "--initial-branch", "main"]);
    git(&["remote", "add", "origin", "https://github.com/acme/api"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "Answer greetings"]);
    git(&["rev-parse", "HEAD"])
}

/// What a project's own build leaves: an artifact, and reports beside it.
const BUILD: &str = r#"#!/bin/sh
set -eu
mkdir -p dist
echo 'the app' > dist/app.tar.gz
echo '<testsuite name="app" tests="1"><testcase name="adds" classname="app"/></testsuite>' > dist/junit.xml
echo '{"bomFormat":"CycloneDX","specVersion":"1.6","components":[]}' > dist/app.cdx.json
echo '{"matches":[],"descriptor":{"name":"grype","version":"0.111.0"}}' > dist/grype.json
"#;

fn write_program(file: &Path, lines: &str) {
    fs::write(file, lines).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}
