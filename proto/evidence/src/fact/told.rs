//! What a statement tells that no edge holds: what things are called, what references meant, how a run went. Findings compare it.

use std::collections::BTreeSet;

use super::Node;
use super::called::Called;
use super::node::whole_run;
use super::word::words;
use crate::predicate::Period;

/// The most names of one statement, and the most references with what they meant: as many as a list of our predicates has.
pub const TOLD_MAX: usize = crate::predicate::LIST_MAX;

/// What a statement tells beside its edges. Empty for most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// What the subjects are called: at most [`TOLD_MAX`], in the order of the statement.
    pub called: Vec<Called>,
    /// What references meant: at most [`TOLD_MAX`].
    pub meant: BTreeSet<Meant>,
    /// The repository whose build it is about.
    pub repository: Option<String>,
    /// How a run went.
    pub run: Option<RunTold>,
    /// How many records there should be.
    pub expected: Option<ExpectedTold>,
    /// The policy of which an exception waives every rule.
    pub waived: Option<String>,
}

/// A reference, and what it meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Meant {
    /// The reference: a ref.
    pub reference: Node,
    /// What it meant: an artifact, or a commit without its repository.
    pub bytes: Node,
}

/// How a run went, as a `run` statement or a provenance says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTold {
    /// The run.
    pub run: Node,
    /// How it ended; none if that is not said, or in a word that is not known.
    pub outcome: Option<Conclusion>,
    /// Whether a pull or merge request started it.
    pub by_request: bool,
    /// What started it, as written.
    pub trigger: Option<String>,
    /// The machine that ran it.
    pub runner: Option<RunnerTold>,
    /// The runs that it is counted among, and its number there.
    pub series: Option<Series>,
}

/// The machine that ran a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunnerTold {
    /// Its name.
    pub name: String,
    /// Whether the CI system provides it. One of which that is not known is not.
    pub hosted: bool,
}

/// A place in the runs of one pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The run's id without its number.
    pub name: String,
    /// The number.
    pub number: u64,
}

/// How many records a source should have produced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedTold {
    /// What makes them.
    pub source: String,
    /// In which time.
    pub period: Period,
    /// How many.
    pub count: u64,
}

words! {
    /// How a run ended.
    pub enum Conclusion {
        /// Somebody stopped it.
        Cancelled = "cancelled",
        /// It failed, or ran out of time.
        Failed = "failed",
        /// It did what it should.
        Succeeded = "succeeded",
    }
}

impl RunTold {
    /// Returns what the run is counted as: its attempts are one run.
    #[must_use]
    pub fn counted_as(&self) -> &str {
        whole_run(self.run.id()).unwrap_or(self.run.id())
    }
}

impl Conclusion {
    /// Reads the word of a CI system; none if it is not known.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "aborted" | "canceled" | "cancelled" | "pipelineruncancelled" | "taskruncancelled" => {
                Self::Cancelled
            }
            "error"
            | "errored"
            | "expired"
            | "failed"
            | "failure"
            | "infrastructure_fail"
            | "internal_error"
            | "pipelineruntimeout"
            | "startup_failure"
            | "taskruntimeout"
            | "timed_out"
            | "timedout"
            | "timeout" => Self::Failed,
            "completed" | "passed" | "succeeded" | "success" | "successful" => Self::Succeeded,
            _ => return None,
        })
    }
}

/// Whether what started a run was a request to merge a change, from a fork perhaps: GitHub's `pull_request` and
/// `pull_request_target`, GitLab's `merge_request_event` and `external_pull_request_event`, `pr` of others.
#[must_use]
pub fn is_request(trigger: &str) -> bool {
    let mut word = trigger.to_ascii_lowercase();
    word.retain(|c| c.is_ascii_alphanumeric());
    ["mr", "pr"].contains(&word.as_str()) || word.contains("pullrequest") || word.contains("mergerequest")
}

impl Series {
    /// Reads the number of a run from its id: the last part of its path that is one, without an attempt behind it. None if there
    /// is none.
    #[must_use]
    pub fn of(run: &str) -> Option<Self> {
        let run = match run.split_once("/attempts/") {
            Some((before, _)) => before,
            None => run,
        };
        let (name, number) = run.trim_end_matches('/').rsplit_once(['/', '#'])?;
        Some(Self { name: name.to_owned(), number: number.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_its_number_in_its_path_and_an_attempt_is_none() {
        let of = |run: &str| Series::of(run).map(|series| (series.name, series.number));
        let api = || "https://github.com/acme/api/actions/runs".to_owned();
        assert_eq!(of("https://github.com/acme/api/actions/runs/4711/attempts/2"), Some((api(), 4711)));
        assert_eq!(of("https://github.com/acme/api/actions/runs/4711/"), Some((api(), 4711)));
        assert_eq!(of("https://ci.test/job/api/12"), Some(("https://ci.test/job/api".to_owned(), 12)));
        assert_eq!(of("https://builder.test#12"), Some(("https://builder.test".to_owned(), 12)));
        for none in ["", "12", "https://ci.test/job/api", "https://ci.test/18446744073709551616"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn words_of_ci_systems_are_read_whatever_their_case_and_others_say_nothing() {
        for (word, outcome) in [
            ("SUCCESS", Some(Conclusion::Succeeded)),
            ("failure", Some(Conclusion::Failed)),
            ("timed_out", Some(Conclusion::Failed)),
            ("canceled", Some(Conclusion::Cancelled)),
            ("ABORTED", Some(Conclusion::Cancelled)),
            ("TaskRunCancelled", Some(Conclusion::Cancelled)),
            ("PipelineRunTimeout", Some(Conclusion::Failed)),
            ("Completed", Some(Conclusion::Succeeded)),
            ("skipped", None),
            ("neutral", None),
            ("", None),
        ] {
            assert_eq!(Conclusion::read(word), outcome, "{word}");
        }
        for request in [
            "pull_request",
            "pull_request_target",
            "merge_request_event",
            "external_pull_request_event",
            "Merge Request",
            "pullrequest:created",
            "pull-request",
            "PR",
        ] {
            assert!(is_request(request), "{request}");
        }
        for other in ["push", "schedule", "prod", "workflow_dispatch", ""] {
            assert!(!is_request(other), "{other}");
        }
    }
}
