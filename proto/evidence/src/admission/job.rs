//! Whether what a statement says of the job that it comes from is what the job's issuer says of it.
//!
//! Three things are compared, each where both sides say it: the repository, the commit of it, the run. Provenance says them in
//! the parameters that its build type calls the source, where its configuration or checkout came from, and else by the one git
//! repository among what was resolved; of
//! Custody's own statements `source`, `review` and `run` say some of them.

use std::collections::BTreeSet;

use super::claims::SubmitterClaims;
use super::record::Binding;
use crate::envelope::Said;
use crate::predicate::{
    CustodyPredicate as _, Provenance, Review, Run, Source, one_run, slsa_v1, slsa_v02, source_provenance,
};
use crate::repository::Repository;
use crate::statement::{Descriptor, Statement};

/// What a statement says of the job that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Job {
    repositories: BTreeSet<Repository>,
    /// Of these repositories: hex in lower case.
    commits: BTreeSet<String>,
    run: Option<String>,
}

/// Puts the bindings of all whose word counts together: one that contradicts is told, whatever the others say.
pub(super) fn together(bindings: impl IntoIterator<Item = Binding>) -> Option<Binding> {
    let rank = |binding: &Binding| match binding {
        Binding::Unbound => 0,
        Binding::Bound => 1,
        Binding::Conflict => 2,
    };
    bindings.into_iter().max_by_key(rank)
}

impl Job {
    /// Reads what is said of a job; nothing of a file that was signed.
    pub(super) fn of(said: &Said<'_>) -> Self {
        said.statement().and_then(Self::read).unwrap_or_default()
    }

    /// Compares it with what an issuer says of whoever signed or submitted the statement.
    pub(super) fn binding(&self, claims: &SubmitterClaims) -> Binding {
        let repository = self.same_repository(claims);
        let compared = [repository, self.same_commit(claims), self.same_run(claims)];
        if compared.contains(&Some(false)) {
            Binding::Conflict
        } else if repository == Some(true) && !self.names_other_commits(claims) {
            Binding::Bound
        } else {
            // A commit or a run without its repository is somebody else's as well.
            Binding::Unbound
        }
    }

    /// None where the statement says nothing of a job, or cannot be read.
    fn read(statement: &Statement<'_>) -> Option<Self> {
        let bytes = statement.predicate_bytes()?;
        let in_repository =
            |repository: Repository| Self { repositories: [repository].into(), ..Self::default() };
        Some(match statement.predicate_type() {
            slsa_v1::TYPE => Self::of_provenance(&slsa_v1::decode(bytes).ok()?),
            slsa_v02::TYPE => Self::of_provenance(&slsa_v02::decode(bytes).ok()?),
            Source::TYPE => {
                let source = Source::decode(bytes).ok()?;
                Self { commits: [source.commit.to_string()].into(), ..in_repository(source.repo) }
            }
            // What is reviewed is not the commit that the job runs at.
            Review::TYPE => in_repository(Review::decode(bytes).ok()?.repo),
            Run::TYPE => {
                let run = url(Run::decode(bytes).ok()?.run.as_str())?;
                Self {
                    repositories: repository_of_run(&run).into_iter().collect(),
                    run: Some(run),
                    ..Self::default()
                }
            }
            source_provenance::SOURCE_TYPE => {
                in_repository(source_provenance::decode_source(bytes).ok()?.repository)
            }
            source_provenance::TAG_TYPE => {
                in_repository(source_provenance::decode_tag(bytes).ok()?.repository)
            }
            _ => return None,
        })
    }

    fn of_provenance(provenance: &Provenance) -> Self {
        let dependencies = || provenance.dependencies.iter().map(|(_, dependency)| dependency);
        let config = || provenance.config.iter().chain(&provenance.checkout).map(|(_, config)| config);
        let named = provenance.repository.iter().chain(&provenance.sources);
        let named = named.filter_map(|text| Repository::parse(text));
        let mut repositories: BTreeSet<Repository> =
            named.chain(config().filter_map(repository_of)).collect();
        if repositories.is_empty() {
            // Of several, nothing says which is the source: the job's own could be any submodule.
            let resolved: BTreeSet<Repository> = dependencies().filter_map(repository_of).collect();
            repositories = if resolved.len() == 1 { resolved } else { BTreeSet::new() };
        }
        let descriptors = config().chain(dependencies());
        let of_source = descriptors.filter(|descriptor| {
            repository_of(descriptor).is_some_and(|found| repositories.contains(&found))
        });
        let commits = of_source.flat_map(commits_of).collect();
        Self { repositories, commits, run: provenance.run_url() }
    }

    /// Whether every repository that the statement names as its source is the issuer's; none if either names none.
    fn same_repository(&self, claims: &SubmitterClaims) -> Option<bool> {
        let issued = claims.source_repository_uri.as_deref().and_then(Repository::parse)?;
        (!self.repositories.is_empty()).then(|| self.repositories.iter().all(|named| *named == issued))
    }

    fn same_commit(&self, claims: &SubmitterClaims) -> Option<bool> {
        let issued = claims.source_repository_digest.as_deref()?.to_ascii_lowercase();
        (!self.commits.is_empty()).then(|| self.commits.contains(&issued))
    }

    /// Whether the statement names further commits of its repository beside the job's: then nothing says which one was built, and
    /// a job at a commit that nobody reviewed could pass for one at a reviewed commit.
    fn names_other_commits(&self, claims: &SubmitterClaims) -> bool {
        let issued = claims.source_repository_digest.as_deref().map(str::to_ascii_lowercase);
        issued.is_some_and(|issued| self.commits.iter().any(|named| *named != issued))
    }

    /// Whether both name the same run. A run on another host is one of another system, and says nothing of this job.
    fn same_run(&self, claims: &SubmitterClaims) -> Option<bool> {
        let (named, issued) = (self.run.as_deref()?, url(claims.run_invocation_uri.as_deref()?)?);
        (host(named) == host(&issued)).then(|| {
            // One of them may leave the attempt out.
            let whole = named.eq_ignore_ascii_case(&issued);
            let of_run = |text: &str| text.split("/attempts/").next().unwrap_or(text).to_ascii_lowercase();
            let attempts = [named, &issued].into_iter().filter(|text| text.contains("/attempts/")).count();
            whole || attempts == 1 && of_run(named) == of_run(&issued)
        })
    }
}

fn repository_of(descriptor: &Descriptor) -> Option<Repository> {
    descriptor.git_uri().map(|uri| uri.repository().clone())
}

/// GitHub and GitLab name a run behind its repository.
fn repository_of_run(run: &str) -> Option<Repository> {
    let (repository, _) = run.split_once("/actions/runs/").or_else(|| run.split_once("/-/"))?;
    Repository::parse(repository)
}

/// Returns the commits that a descriptor names: by its digests, or in its URI.
fn commits_of(descriptor: &Descriptor) -> Vec<String> {
    let by_digest =
        descriptor.usable().iter().filter_map(|digest| digest.commit_hex().map(str::to_ascii_lowercase));
    let in_uri = descriptor.git_uri().and_then(|uri| uri.commit().map(str::to_owned));
    by_digest.chain(in_uri).collect()
}

/// Returns the one form of a URL of a run; none if the text is no URL.
fn url(text: &str) -> Option<String> {
    text.starts_with("https://").then(|| one_run(text.trim()).to_owned())
}

fn host(url: &str) -> &str {
    url.trim_start_matches("https://").split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const COMMIT: &str = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";
    const OTHER: &str = "ffffffffffffffffffffffffffffffffffffffff";
    const RUN: &str = "https://github.com/acme/api/actions/runs/4711/attempts/1";

    fn claims() -> SubmitterClaims {
        SubmitterClaims {
            issuer: "https://token.actions.githubusercontent.com".to_owned(),
            source_repository_uri: Some("https://github.com/acme/api".to_owned()),
            source_repository_digest: Some(COMMIT.to_owned()),
            run_invocation_uri: Some(RUN.to_owned()),
            ..SubmitterClaims::default()
        }
    }

    fn binding(predicate_type: &str, predicate: &Value, claims: &SubmitterClaims) -> Binding {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": "ab".repeat(32) } }],
            "predicateType": predicate_type, "predicate": predicate,
        });
        Job::of(&Said::Statement(Statement::parse(statement.to_string().as_bytes()).unwrap())).binding(claims)
    }

    /// What GitHub writes.
    fn github() -> Value {
        json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": { "workflow": {
                    "ref": "refs/heads/main", "repository": "https://github.com/acme/api", "path": ".github/workflows/r.yml",
                } },
                "resolvedDependencies": [
                    { "uri": "git+https://github.com/acme/api@refs/heads/main", "digest": { "gitCommit": COMMIT } },
                    { "uri": "git+https://github.com/other/submodule", "digest": { "gitCommit": OTHER } },
                ],
            },
            "runDetails": { "builder": { "id": "https://github.com/x" }, "metadata": { "invocationId": RUN } },
        })
    }

    fn changed(mut value: Value, pointer: &str, to: &Value) -> Value {
        let place = value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there"));
        *place = to.clone();
        value
    }

    #[test]
    fn githubs_provenance_is_bound_to_its_job_and_contradicts_every_other() {
        assert_eq!(binding(slsa_v1::TYPE, &github(), &claims()), Binding::Bound);
        let repository = "/buildDefinition/externalParameters/workflow/repository";
        let commit = "/buildDefinition/resolvedDependencies/0/digest/gitCommit";
        let run = "/runDetails/metadata/invocationId";
        for (pointer, to, expected) in [
            (repository, "https://github.com/acme/api.git", Binding::Bound),
            (repository, "https://github.com/ACME/Api", Binding::Bound),
            (repository, "https://github.com/acme/api2", Binding::Conflict),
            (repository, "https://gitlab.com/acme/api", Binding::Conflict),
            (commit, OTHER, Binding::Conflict),
            (run, "https://github.com/acme/api/actions/runs/4711/attempts/1/", Binding::Bound),
            (run, "https://github.com/acme/api/actions/runs/4711", Binding::Bound),
            (run, "https://github.com/acme/api/actions/runs/4711/attempts/2", Binding::Conflict),
            (run, "https://github.com/acme/api/actions/runs/47112/attempts/1", Binding::Conflict),
            (run, "https://ci.acme.example/build/7", Binding::Bound),
        ] {
            let found = binding(slsa_v1::TYPE, &changed(github(), pointer, &to.into()), &claims());
            assert_eq!(found, expected, "{pointer}: {to}");
        }
    }

    #[test]
    fn what_the_issuer_does_not_say_binds_nothing() {
        let nobody =
            SubmitterClaims { issuer: "https://accounts.example".to_owned(), ..SubmitterClaims::default() };
        assert_eq!(binding(slsa_v1::TYPE, &github(), &nobody), Binding::Unbound);
        let run_only = SubmitterClaims { run_invocation_uri: Some(RUN.to_owned()), ..nobody.clone() };
        assert_eq!(binding(slsa_v1::TYPE, &github(), &run_only), Binding::Unbound, "a run alone");
        let other_run = SubmitterClaims { run_invocation_uri: Some(format!("{RUN}1")), ..nobody };
        assert_eq!(binding(slsa_v1::TYPE, &github(), &other_run), Binding::Conflict);
        let no_commit = SubmitterClaims { source_repository_digest: None, ..claims() };
        assert_eq!(binding(slsa_v1::TYPE, &github(), &no_commit), Binding::Bound);
        assert_eq!(binding("https://example.com/x", &json!({}), &claims()), Binding::Unbound);
        assert_eq!(binding(slsa_v1::TYPE, &json!({ "buildDefinition": 7 }), &claims()), Binding::Unbound);
    }

    #[test]
    fn every_build_type_names_its_source() {
        let git =
            json!({ "uri": "git+https://github.com/acme/api@refs/tags/v1", "digest": { "sha1": COMMIT } });
        let v1 = |parameters: Value, dependencies: Value| json!({ "buildDefinition": { "externalParameters": parameters, "resolvedDependencies": dependencies } });
        let v02 = |config: Value, materials: Value| json!({ "invocation": { "configSource": config }, "materials": materials });
        let other = json!({ "uri": "git+https://github.com/evil/api", "digest": { "sha1": COMMIT } });
        let stale = json!({ "uri": "git+https://github.com/acme/api", "digest": { "sha1": OTHER } });
        let checkout = |repository: &str, commit: &str| {
            let vcs = json!({ "source": format!("https://github.com/{repository}.git"), "revision": commit });
            let at = "https://mobyproject.org/buildkit@v1#metadata";
            json!({ "metadata": { at: { "vcs": vcs } }, "materials": [other] })
        };
        let ours = json!({ "source": { "repository": "https://github.com/acme/api" } });
        let theirs = json!({ "source": { "repository": "https://github.com/evil/api" } });
        for (what, predicate_type, predicate, expected) in [
            ("a container's source", slsa_v1::TYPE, v1(json!({ "source": git }), json!([])), Binding::Bound),
            ("another's", slsa_v1::TYPE, v1(json!({ "source": other }), json!([git])), Binding::Conflict),
            ("BuildKit's", slsa_v1::TYPE, v1(json!({ "configSource": git }), json!([])), Binding::Bound),
            ("our own", slsa_v1::TYPE, v1(ours.clone(), json!([git])), Binding::Bound),
            ("our own, stale", slsa_v1::TYPE, v1(ours, json!([stale])), Binding::Conflict),
            ("another's", slsa_v1::TYPE, v1(theirs, json!([git])), Binding::Conflict),
            (
                "GitLab's",
                slsa_v1::TYPE,
                v1(json!({ "source": "https://github.com/acme/api" }), json!([])),
                Binding::Bound,
            ),
            ("the one that was resolved", slsa_v1::TYPE, v1(json!({}), json!([git])), Binding::Bound),
            ("one of two", slsa_v1::TYPE, v1(json!({}), json!([git, other])), Binding::Unbound),
            ("none", slsa_v1::TYPE, v1(json!({}), json!([])), Binding::Unbound),
            (
                "another commit of it beside the job's",
                slsa_v1::TYPE,
                v1(json!({ "source": git }), json!([git, stale])),
                Binding::Unbound,
            ),
            (
                "the same, where the other one is called the source",
                slsa_v1::TYPE,
                v1(json!({ "source": stale }), json!([git])),
                Binding::Unbound,
            ),
            ("two of v0.2", slsa_v02::TYPE, v02(git.clone(), json!([git, stale])), Binding::Unbound),
            ("v0.2", slsa_v02::TYPE, v02(git.clone(), json!([git])), Binding::Bound),
            ("v0.2 of another", slsa_v02::TYPE, v02(other.clone(), json!([git])), Binding::Conflict),
            ("v0.2 of another commit", slsa_v02::TYPE, v02(stale, json!([])), Binding::Conflict),
            ("v0.2 by its material", slsa_v02::TYPE, v02(json!({}), json!([git])), Binding::Bound),
            ("BuildKit's checkout", slsa_v02::TYPE, checkout("acme/api", COMMIT), Binding::Bound),
            ("BuildKit's of another", slsa_v02::TYPE, checkout("evil/api", COMMIT), Binding::Conflict),
            ("BuildKit's of another commit", slsa_v02::TYPE, checkout("acme/api", OTHER), Binding::Conflict),
        ] {
            assert_eq!(binding(predicate_type, &predicate, &claims()), expected, "{what}");
        }
    }

    #[test]
    fn our_own_statements_say_some_of_it() {
        let source = json!({
            "repo": "https://github.com/acme/api", "commit": COMMIT, "author": "Ann", "author_date": "2026-11-20T09:30:00Z",
        });
        assert_eq!(binding(Source::TYPE, &source, &claims()), Binding::Bound);
        assert_eq!(
            binding(Source::TYPE, &changed(source.clone(), "/commit", &OTHER.into()), &claims()),
            Binding::Conflict
        );
        let evil = changed(source, "/repo", &"https://github.com/evil/api".into());
        assert_eq!(binding(Source::TYPE, &evil, &claims()), Binding::Conflict);
        let review = json!({
            "repo": "https://github.com/acme/api", "commit": OTHER, "reviewers": ["bob"], "approved_at": "2026-11-20T10:05:00Z",
        });
        assert_eq!(binding(Review::TYPE, &review, &claims()), Binding::Bound);
        let run = |run: &str| json!({ "run": run });
        assert_eq!(binding(Run::TYPE, &run(RUN), &claims()), Binding::Bound);
        assert_eq!(binding(Run::TYPE, &run(&format!("{RUN}7")), &claims()), Binding::Conflict);
        assert_eq!(binding(Run::TYPE, &run(&RUN.replace("api", "web")), &claims()), Binding::Conflict);
        assert_eq!(binding(Run::TYPE, &run("https://ci.acme.example/7"), &claims()), Binding::Unbound);
    }

    #[test]
    fn one_who_contradicts_is_told_whatever_the_others_say() {
        use Binding::{Bound, Conflict, Unbound};
        assert_eq!(together([]), None);
        assert_eq!(together([Unbound, Bound]), Some(Bound));
        assert_eq!(together([Bound, Conflict, Unbound]), Some(Conflict));
    }
}
