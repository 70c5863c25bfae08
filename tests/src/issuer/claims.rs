//! What the issuers of CI systems say of a job.

use serde_json::{Value, json};

/// A CI system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Buildkite.
    Buildkite,
    /// `CircleCI`.
    CircleCi,
    /// GitHub Actions.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// Jenkins, with its `OpenID` Connect provider plugin.
    Jenkins,
}

/// A job, and the claims that differ from those of the usual one.
#[derive(Debug, Clone)]
pub struct Job {
    system: System,
    changed: Vec<(String, Option<Value>)>,
}

/// The commit that the usual job builds.
pub const COMMIT: &str = "16d9990a7c1b6a3f1e9d2c4b5a69788f9e0d1c2b";

impl Job {
    /// The usual job: it builds the branch main of acme/api after a push, with the pipeline that releases.
    #[must_use]
    pub const fn of(system: System) -> Self {
        Self { system, changed: Vec::new() }
    }

    /// Says another thing about the job.
    #[must_use]
    pub fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.changed.push((claim.to_owned(), Some(value.into())));
        self
    }

    /// Leaves a claim out.
    #[must_use]
    pub fn without(mut self, claim: &str) -> Self {
        self.changed.push((claim.to_owned(), None));
        self
    }

    /// Returns the claims but for issuer, audience and times. `number` tells tokens apart.
    pub(super) fn claims(&self, now: u64, number: u64) -> Value {
        let id = format!("token-{now}-{number}");
        let mut claims = match self.system {
            System::Buildkite => buildkite(),
            System::CircleCi => circleci(),
            System::GitHub => github(),
            System::GitLab => gitlab(),
            System::Jenkins => jenkins(),
        };
        if matches!(self.system, System::GitHub | System::GitLab) {
            claims["jti"] = json!(id);
        } else {
            // Tokens of one second would be the same without it.
            claims["test_number"] = json!(number);
        }
        for (claim, value) in &self.changed {
            match (value, claims.as_object_mut()) {
                (Some(value), Some(members)) => drop(members.insert(claim.clone(), value.clone())),
                (None, Some(members)) => drop(members.remove(claim)),
                (_, None) => {}
            }
        }
        claims
    }
}

fn github() -> Value {
    json!({
        "sub": "repo:acme/api:ref:refs/heads/main",
        "actor": "alice", "actor_id": "101", "base_ref": "", "head_ref": "", "event_name": "push",
        "job_workflow_ref": "acme/api/.github/workflows/release.yml@refs/heads/main", "job_workflow_sha": COMMIT,
        "ref": "refs/heads/main", "ref_protected": "true", "ref_type": "branch",
        "repository": "acme/api", "repository_id": "123456",
        "repository_owner": "acme", "repository_owner_id": "654321", "repository_visibility": "private",
        "run_attempt": "1", "run_id": "4711", "run_number": "12", "runner_environment": "github-hosted",
        "sha": COMMIT, "workflow": "release",
        "workflow_ref": "acme/api/.github/workflows/release.yml@refs/heads/main", "workflow_sha": COMMIT,
    })
}

fn gitlab() -> Value {
    json!({
        "sub": "project_path:acme/api:ref_type:branch:ref:main",
        "namespace_id": "7", "namespace_path": "acme", "project_id": "77", "project_path": "acme/api",
        "project_visibility": "private", "user_id": "5", "user_login": "alice", "user_email": "alice@example.com",
        "pipeline_id": "80", "pipeline_source": "push", "job_id": "81",
        "ref": "main", "ref_type": "branch", "ref_path": "refs/heads/main", "ref_protected": "true",
        "runner_id": 12, "runner_environment": "gitlab-hosted", "sha": COMMIT,
        "ci_config_ref_uri": "gitlab.com/acme/api//.gitlab-ci.yml@refs/heads/main", "ci_config_sha": COMMIT,
    })
}

fn buildkite() -> Value {
    json!({
        "sub": format!("organization:acme:pipeline:api:ref:refs/heads/main:commit:{COMMIT}:step:build"),
        "organization_slug": "acme", "organization_id": "0184990a-477b-4fa8-9968-496074483cee",
        "pipeline_slug": "api", "pipeline_id": "0184990a-477b-4fa8-9968-496074483c77",
        "build_number": 9, "build_id": "0184990a-477b-4fa8-9968-496074483c09", "build_branch": "main",
        "build_tag": null, "build_commit": COMMIT, "build_source": "webhook", "step_key": "build",
        "job_id": "0184990a-4782-42b5-afc1-16715b10b8ff", "agent_id": "0184990a-4784-42b5-afc1-16715b10b8aa",
        "cluster_id": "0184990a-4782-42b5-afc1-16715b10b8cc", "queue_key": "default", "runner_environment": "buildkite-hosted",
    })
}

fn circleci() -> Value {
    let (org, project) = ("7ce1ab3b-6b8c-4b1c-9a2b-1b2c3d4e5f60", "1cd2bc4c-7c9d-4c2d-8b3c-2c3d4e5f6071");
    json!({
        "sub": format!("org/{org}/project/{project}/user/11111111-2222-4333-8444-555555555555/vcs-origin/github.com/acme/api/vcs-ref/refs/heads/main"),
        "oidc.circleci.com/org-id": org, "oidc.circleci.com/project-id": project,
        "oidc.circleci.com/vcs-origin": "github.com/acme/api", "oidc.circleci.com/vcs-ref": "refs/heads/main",
        "oidc.circleci.com/pipeline-id": "22222222-2222-4333-8444-555555555555",
        "oidc.circleci.com/pipeline-definition-id": "33333333-2222-4333-8444-555555555555",
        "oidc.circleci.com/workflow-id": "44444444-2222-4333-8444-555555555555",
        "oidc.circleci.com/job-id": "55555555-2222-4333-8444-555555555555",
        "oidc.circleci.com/context-ids": [], "oidc.circleci.com/ssh-rerun": false,
    })
}

fn jenkins() -> Value {
    json!({"sub": "https://ci.example.com/job/api/job/main/", "build_number": 42})
}
