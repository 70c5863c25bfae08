//! What `custody record` refuses before anything is sent: git, CI, subjects, statements.

use custody_client::git::{CommitError, CommitId, GitError, RemoteError, RepositoryUrl};
use custody_client::make::{
    Dependency, Given, MakeError, Missing, SubjectError, TestOutcome, TestResultError,
};
use custody_client::pods::PodsError;
use custody_client::workflow::{WorkflowError, YamlFault};
use custody_evidence::statement::{StatementBuildError, StatementError};
use custody_evidence::thing::ThingError;

use super::*;
use crate::cli::record::{bad_subject, git_failure, missing, unmade};

#[test]
fn every_statement_that_cannot_be_made_has_its_words() {
    let dir = || PathBuf::from("/srv/api");
    let id = || -> CommitId { "16d9990000000000000000000000000000000000".parse().unwrap() };
    let git = every!(GitError {
        NotInstalled(std::io::Error::new(std::io::ErrorKind::NotFound, "No such file or directory")),
        NotARepository { dir: dir(), said: "fatal: not a git repository".to_owned() },
        NotARepository { dir: dir(), said: "fatal: detected dubious ownership".to_owned() },
        Shallow { dir: dir(), revision: "v1".to_owned() },
        NoSuchCommit { dir: dir(), revision: "v1".to_owned() },
        Commit { id: id(), source: CommitError::Missing { header: "author" } },
        Commit { id: id(), source: CommitError::Form { header: "author", found: "x".to_owned() } },
        OtherObject { id: id(), found: "a".repeat(40) },
        Failed { command: "rev-parse", said: "fatal: bad object".to_owned() },
    });
    let subject = every!(SubjectError {
        Thing(ThingError::Index { found: "index:x".to_owned() }),
        NoDigest { found: "index:7".to_owned(), what: "an entry" },
        Unusable { found: "md5:d41d8cd98f00b204e9800998ecf8427e".parse().unwrap() },
    });
    let made = every!(MakeError {
        NoSubject,
        Json(custody_evidence::json::check(b"{").unwrap_err()),
        NotAnSbom { why: "it has no bomFormat".to_owned() },
        NotAScan { why: "it is JSON with the members [\"bomFormat\"]".to_owned() },
        NotWhole { why: "predicate: runs[0]: the scan failed".to_owned() },
        TooMany { what: "secrets", max: 1024, found: 1025 },
        Relayed(StatementError::NoType),
        Administrative { predicate_type: "urn:custody:trust:v1".to_owned() },
        Statement(StatementBuildError::Statement(StatementError::TooManySubjects { max: 1024, found: 1025 })),
    });
    let nothing = Missing {
        what: "repository",
        flag: "--repo URL",
        variables: "GITHUB_REPOSITORY, CI_PROJECT_URL".to_owned(),
        git: ", and the git remote".to_owned(),
    };
    let text = [
        texts("GitError", git, |error| git_failure(&error)),
        texts("SubjectError", subject, |error| bad_subject("--subject", "THING", &error)),
        texts("MakeError", made, |error| unmade(&error, Some(Path::new("predicate.json")))),
        texts("Missing", vec![("Missing", nothing)], |error| missing(&error)),
    ];
    golden("record", &text.concat());
}

/// The command line puts the file before these and a hint after them.
#[test]
fn every_file_that_nothing_is_recorded_from_has_its_words() {
    let workflow = every!(WorkflowError {
        Yaml { fault: YamlFault::Duplicate, line: 3, column: 1 },
        Unknown { found: "the keys [\"services\"]".to_owned() },
    });
    let yaml = every!(YamlFault { Utf8, Form, Duplicate, TooMuch });
    let pods = every!(PodsError {
        Json(custody_evidence::json::check(b"{").unwrap_err()),
        Kind { found: "kind \"ServiceList\"".to_owned() },
        Page,
    });
    let result = every!(TestResultError {
        NoTests { skipped: 7 },
        Contradiction { outcome: TestOutcome::Passed, count: 2, what: "failed" },
    });
    let lines = [
        custody_tests::words::lines("WorkflowError", &workflow),
        custody_tests::words::lines("YamlFault", &yaml),
        custody_tests::words::lines("PodsError", &pods),
        custody_tests::words::lines("TestResultError", &result),
    ];
    golden("inputs", &lines.concat());
}

/// clap puts the flag before these and a hint after them.
#[test]
fn every_value_of_a_flag_that_is_refused_has_its_words() {
    let remote = every!(RemoteError {
        LocalPath { found: "/srv/api".to_owned() },
        Form { found: "found".to_owned() },
    });
    let lines = [
        custody_tests::words::lines("RemoteError", &remote),
        format!("# --repo\n{}\n\n", "../api".parse::<RepositoryUrl>().unwrap_err()),
        format!("# --dependency\n{}\n\n", "sha256".parse::<Dependency>().unwrap_err()),
        format!("# --subject\n{}\n\n", Given::parse("sha256:00").unwrap_err()),
        format!("# --timeout\n{}\n", crate::cli::settings::duration("soon").unwrap_err()),
        format!("{}\n", crate::cli::settings::duration("0s").unwrap_err()),
    ];
    golden("flags", &lines.concat());
}
