//! Results of tests: in-toto's test-result v0.1 (in-toto/attestation `spec/predicates/test-result.md`).

use std::collections::BTreeMap;

use custody_evidence::predicate::report::TEST_RESULT_TYPE;
use custody_evidence::scan::junit::TestReport;
use serde::Serialize;

use super::{Made, MakeError, Subject, statement};
use crate::ci::Job;
use crate::git::{CommitId, RepositoryUrl};

/// What came of the tests of the subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// The outcome of the whole.
    pub outcome: TestOutcome,
    /// What the tests ran with.
    pub configuration: Vec<Configuration>,
    /// Where the results can be read: it stands for whoever ran them.
    pub url: Option<String>,
    /// Names of tests that passed.
    pub passed: Vec<String>,
    /// Names of those that passed with warnings.
    pub warned: Vec<String>,
    /// Names of those that failed.
    pub failed: Vec<String>,
}

/// The outcome of tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TestOutcome {
    /// All passed.
    Passed,
    /// All passed, some with warnings.
    Warned,
    /// One failed.
    Failed,
}

/// Something that tests ran with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Configuration {
    /// A file, or what else is named by a digest.
    Thing(Subject),
    /// A commit, with the definition of the job in it if that is known.
    Commit {
        /// The repository.
        repository: RepositoryUrl,
        /// The commit.
        commit: CommitId,
        /// The file that defines the job.
        definition: Option<String>,
    },
}

/// What the results of tests say when they contradict themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TestResultError {
    /// Nothing ran, so nothing passed.
    #[error("expected at least one test that ran, found none: {skipped} skipped")]
    NoTests {
        /// How many were skipped.
        skipped: u64,
    },
    /// A result that the tests do not have.
    #[error("the result is {outcome}, but {count} of the tests {what}")]
    Contradiction {
        /// The result that was given.
        outcome: TestOutcome,
        /// How many tests say something else.
        count: usize,
        /// What they say.
        what: &'static str,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Predicate<'a> {
    result: TestOutcome,
    configuration: Vec<Descriptor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    passed_tests: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warned_tests: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    failed_tests: &'a [String],
}

#[derive(Serialize)]
struct Descriptor<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    digest: BTreeMap<String, String>,
}

impl std::fmt::Display for TestOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
        })
    }
}

impl TestResult {
    /// Returns the result of reports, in whatever order they come. Skipped tests are in none of the lists of in-toto.
    pub fn of_reports(reports: &[TestReport]) -> Result<Self, TestResultError> {
        let names = |of: fn(&TestReport) -> &[String]| {
            let mut names: Vec<String> = reports.iter().flat_map(of).cloned().collect();
            names.sort();
            names
        };
        let (passed, failed) = (names(|report| &report.passed_names), names(|report| &report.failed_names));
        let outcome = match (passed.is_empty(), failed.is_empty()) {
            (true, true) => {
                return Err(TestResultError::NoTests {
                    skipped: reports.iter().map(|report| report.skipped).sum(),
                });
            }
            (_, false) => TestOutcome::Failed,
            (false, true) => TestOutcome::Passed,
        };
        Ok(Self { outcome, configuration: Vec::new(), url: None, passed, warned: Vec::new(), failed })
    }

    /// Checks that the outcome is the one that the named tests have.
    pub fn check(&self) -> Result<(), TestResultError> {
        let contradicted = |count: usize, what| match count {
            0 => Ok(()),
            count => Err(TestResultError::Contradiction { outcome: self.outcome, count, what }),
        };
        if self.outcome != TestOutcome::Failed {
            contradicted(self.failed.len(), "failed")?;
        }
        if self.outcome == TestOutcome::Passed {
            contradicted(self.warned.len(), "passed with warnings")?;
        }
        Ok(())
    }

    /// Makes the statement about what was tested.
    ///
    /// # Panics
    ///
    /// Never: names and digests have a JSON form.
    pub fn make(&self, subjects: &[Subject]) -> Result<Made, MakeError> {
        let predicate = Predicate {
            result: self.outcome,
            configuration: self.configuration.iter().map(Configuration::descriptor).collect(),
            url: self.url.as_deref(),
            passed_tests: &self.passed,
            warned_tests: &self.warned,
            failed_tests: &self.failed,
        };
        let bytes = serde_json::to_vec(&predicate).expect("names and digests have a JSON form");
        statement(TEST_RESULT_TYPE, subjects, &bytes)
    }
}

impl Configuration {
    /// Returns the commit that a job of a CI system builds, with the file that defines the job; none if the system does
    /// not name it.
    #[must_use]
    pub fn of_job(job: &Job) -> Option<Self> {
        let definition = job.definition.as_ref().map(|found| found.value.clone());
        let (repository, commit) = (job.repository.as_ref()?, job.commit.as_ref()?);
        Some(Self::Commit { repository: repository.value.clone(), commit: commit.value.clone(), definition })
    }

    fn descriptor(&self) -> Descriptor<'_> {
        match self {
            Self::Thing(subject) => {
                let digests = subject.digests.iter();
                let digest = digests.map(|digest| (digest.algorithm().to_owned(), digest.value().to_owned()));
                Descriptor { name: &subject.name, uri: None, digest: digest.collect() }
            }
            Self::Commit { repository, commit, definition } => Descriptor {
                name: definition.as_deref().unwrap_or_default(),
                uri: Some(format!("git+{repository}")),
                digest: BTreeMap::from([("gitCommit".to_owned(), commit.to_string())]),
            },
        }
    }
}
