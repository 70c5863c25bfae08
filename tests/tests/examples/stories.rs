//! The stories come out as they are told, over the real binaries, and each can fail.

use std::fs;
use std::process::Command;

use custody_tests::binaries::Binaries;
use custody_tests::server::{Ended, copy_folder, run};
use custody_tests::tools::CRANE;
use custody_tests::workspace;

/// A story, and how it is broken to see it fail.
struct Story {
    name: &'static str,
    /// What it prints, in this order.
    tells: &'static [&'static str],
    /// A text of the script, and what stands there instead.
    broken: (&'static str, &'static str),
}

impl Story {
    /// Runs the story, or the story with one thing broken.
    fn run(&self, broken: bool) -> Ended {
        let home = tempfile::tempdir().unwrap();
        let examples = home.path().join("examples");
        for part in ["policies", "stories"] {
            copy_folder(&workspace::root().join("examples").join(part), &examples.join(part));
        }
        let script = examples.join("stories").join(self.name).join("story.sh");
        if broken {
            let text = fs::read_to_string(&script).unwrap();
            let (right, wrong) = self.broken;
            assert_eq!(text.matches(right).count(), 1, "{}: {right}", self.name);
            fs::write(&script, text.replacen(right, wrong, 1)).unwrap();
        }
        let mut folders = vec![Binaries::built().custody().parent().unwrap().to_path_buf()];
        folders.extend(CRANE.path().and_then(|crane| Some(crane.parent()?.to_path_buf())));
        folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut bash = Command::new("bash");
        bash.arg(&script).env_clear().env("HOME", home.path()).env("TMPDIR", home.path());
        bash.env("PATH", std::env::join_paths(folders).unwrap());
        let ended = run(bash);
        let left: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["examples"], "a story takes its folder away");
        ended
    }

    fn comes_out_as_told(&self) {
        let ended = self.run(false);
        assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
        let mut rest = ended.stdout.as_str();
        for line in self.tells {
            let (_, behind) = rest.split_once(line).unwrap_or_else(|| {
                panic!("{line:?} is not there, or not behind the others:\n{}", ended.stdout)
            });
            rest = behind;
        }
        assert!(rest.lines().any(|line| line.starts_with("== as told: ")), "{}", ended.stdout);
        let readme = workspace::read(&format!("examples/stories/{}/README.md", self.name));
        let told = readme.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(told <= 14, "a story is told in ten lines, besides its title and its command: {told}");
        assert!(readme.contains(&format!("examples/stories/{}/story.sh", self.name)), "{readme}");
    }

    fn fails_when_one_thing_is_broken(&self) {
        let ended = self.run(true);
        assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("NOT AS TOLD: "), "{}", ended.stderr);
        assert!(!ended.stdout.contains("== as told"), "{}", ended.stdout);
    }
}

/// Whether programs are there that CI installs; where they are not, says so.
fn there(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let mut which = Command::new("sh");
        which.args(["-c", "command -v \"$0\"", program]);
        run(which).code != Some(0)
    });
    if let Some(missing) = missing {
        assert!(std::env::var_os("CI").is_none(), "this story needs {missing}");
        println!("skipped: needs {missing}");
    }
    missing.is_none()
}

/// What every story uses.
const PROGRAMS: [&str; 5] = ["basenc", "git", "jq", "openssl", "ssh-keygen"];

fn tell(story: &Story) {
    if there(&PROGRAMS) {
        story.comes_out_as_told();
        story.fails_when_one_thing_is_broken();
    }
}

#[test]
fn the_leaked_token() {
    if !there(&["curl"]) {
        return;
    }
    tell(&Story {
        name: "leaked-token",
        tells: &[
            "release.yml$ custody record build --artifact app-1.4.0.tar.gz\n  recorded  https://slsa.dev/provenance/v1",
            "thief$ custody record build --artifact evil.tar.gz\n  error: the token from CUSTODY_ID_TOKEN: expected the audience",
            "found \"sts.amazonaws.com\"",
            "thief$ curl http://127.0.0.1:",
            "expected the identity token for the audience \"custody:example.com/releases\" alone, found \"sts.amazonaws.com\"",
            "thief$ custody record build --artifact evil.tar.gz\n  error: not recorded: the identity token was used with another key",
            "the trust document has no writer rule for it",
            "if this job did not use the token before, somebody else did, and has it",
            "distrusted  identity https://token.actions.githubusercontent.com#",
            "LIVE prod api since",
            "runs/4712/attempts/1 could read DEPLOY_KEY, NPM_TOKEN",
            "ALLOW  sha256:",
            "DENY  sha256:",
            "entry 6 does not count: distrusted",
        ],
        // The thief sits in the job, where the key is.
        broken: ("perform thief \"${release[@]}\"", "perform release.yml \"${release[@]}\""),
    });
}

#[test]
fn the_harmless_internal_image() {
    if !there(&["docker-registry", "htpasswd"]) || CRANE.path().is_none() {
        return;
    }
    tell(&Story {
        name: "internal-image",
        tells: &[
            "Without the password the registry takes nothing.",
            "ALLOW  sha256:",
            "thief$ crane append",
            "DENY  sha256:",
            "(no_evidence)",
            "default/tool-7d9f  sha256:",
            "NONE",
            "prod default/tool-7d9f\n      no source, review, provenance",
        ],
        // Somebody records a build of the thief's image.
        broken: (
            "job deploy.yml custody gate ci-only \"$evil\"",
            "job release.yml custody record build --subject \"$tool@$evil\"; job deploy.yml custody gate ci-only \"$evil\"",
        ),
    });
}

#[test]
fn the_overwritten_latest() {
    tell(&Story {
        name: "overwritten-latest",
        tells: &[
            "ALLOW  sha256:",
            "provenance_regression  debug: sha256:",
            "provenance_regression  latest: sha256:",
            "of ghcr.io/acme/api went out without provenance, published by dora@acme.example",
            "; ghcr.io/acme/api:latest meant sha256:",
            "DENY  sha256:",
            "FAIL      staging.passed",
            "FAIL      staging.ran",
            "error: ",
            "ALLOW  sha256:",
            "recorded  urn:custody:promotion:v1",
        ],
        // The debug build has provenance.
        broken: (
            "chapter \"The finding names",
            "job release.yml custody record build --subject \"$image@$debug\"; chapter \"The finding names",
        ),
    });
}

#[test]
fn limited_budget() {
    tell(&Story {
        name: "limited-budget",
        tells: &[
            "FAIL      source.protected",
            "PASS      source.protected",
            "FAIL      source.reviewed",
            "PASS      source.reviewed",
            "FAIL      sast.clean",
            "PASS      sast.clean",
            "FAIL      sbom.listed",
            "PASS      sbom.listed",
            "FAIL      scan.fresh",
            "ALLOW  sha256:",
            "PASS      scan.fresh",
        ],
        // The review is of the author's own.
        broken: ("--reviewer alice@acme.example", "--reviewer carol@acme.example"),
    });
}

#[test]
fn full_continuous_deployment() {
    tell(&Story {
        name: "continuous-deployment",
        tells: &[
            "ALLOW  sha256:",
            "SKIP      release.approved",
            "Drill 1",
            "a JSON web token in the payload at \"/predicate/log\"",
            "Drill 2",
            "(not_reviewed: 0 of",
            "Drill 3",
            "(no_evidence)",
            "Drill 4",
            "no known key made a signature",
            "wrong_signer",
            "Drill 5",
            "too_old: ",
            "finding: backdated",
            "Drill 6",
            "no known key made a signature",
            "FAIL      build.provenance",
            "ALLOW  sha256:",
        ],
        // Nobody looks at the change.
        broken: ("protected\nreviewed\nbuilt app-1.4.0.tar.gz", "protected\nbuilt app-1.4.0.tar.gz"),
    });
}
