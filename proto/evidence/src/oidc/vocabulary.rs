//! What the claims of the CI systems are called in the one vocabulary of identities: that of Fulcio's certificates
//! (sigstore/fulcio, `docs/oid-info.md`), so that one writer rule holds for tokens and certificates.
//!
//! Names of repositories are URLs; ids that never change are kept beside them. Nothing is read out of `sub`.

use serde_json::Value;

use super::{IssuerKind, Token, TokenError};
use crate::admission::SubmitterClaims;
use crate::identity::OidcIdentity;

/// The longest claim that is kept, in bytes; the record has room for 17 of them.
const CLAIM_MAX: usize = 1024;

/// A trigger under which a job of a stranger's change has the identity of the project.
const STRANGERS_TRIGGER: &str = "pull_request_target";

/// Who a token says it is.
pub(super) struct Said {
    pub(super) identity: OidcIdentity,
    pub(super) claims: SubmitterClaims,
}

/// Reads who the token says it is, as tokens of this kind do.
pub(super) fn read(token: &Token, kind: IssuerKind) -> Result<Said, TokenError> {
    let reader = Reader { token };
    // Whatever the issuer is listed as: others name their events as GitHub does.
    if token.text_claim("event_name") == Some(STRANGERS_TRIGGER) {
        return Err(TokenError::Trigger { found: STRANGERS_TRIGGER.to_owned() });
    }
    let issuer = reader.must("iss")?;
    let subject = reader.must("sub")?;
    let (name, claims) = match kind {
        IssuerKind::GitHub => reader.github(&issuer)?,
        IssuerKind::GitLab => reader.gitlab(&issuer)?,
        IssuerKind::Buildkite => reader.buildkite()?,
        IssuerKind::CircleCi => reader.circleci()?,
        IssuerKind::Jenkins => (None, reader.jenkins(&subject)?),
        IssuerKind::Kubernetes => (Some(reader.kubernetes()?), SubmitterClaims::default()),
        IssuerKind::Spiffe if !subject.starts_with("spiffe://") => {
            return Err(TokenError::Claim {
                claim: "sub".to_owned(),
                expected: "a SPIFFE ID (spiffe://...)",
            });
        }
        IssuerKind::Spiffe | IssuerKind::Generic => (None, SubmitterClaims::default()),
    };
    let name = name.unwrap_or_else(|| subject.clone());
    let identity = OidcIdentity::new(&issuer, &name)
        .map_err(|_| TokenError::Claim { claim: "iss".to_owned(), expected: "the URL of an issuer" })?;
    Ok(Said { identity, claims: SubmitterClaims { issuer, token_subject: subject, ..claims } })
}

type Named = (Option<String>, SubmitterClaims);

struct Reader<'a> {
    token: &'a Token,
}

impl Reader<'_> {
    /// <https://docs.github.com/actions/reference/openid-connect-reference>
    fn github(&self, issuer: &str) -> Result<Named, TokenError> {
        let host = github_host(issuer);
        let url = |path: &str| format!("https://{host}/{path}");
        let trigger = self.must("event_name")?;
        let repository = self.must("repository")?;
        let (run, attempt) = (self.must("run_id")?, self.must("run_attempt")?);
        let signer = url(&self.must("job_workflow_ref")?);
        let claims = SubmitterClaims {
            build_signer_uri: Some(signer.clone()),
            build_signer_digest: self.may("job_workflow_sha")?,
            runner_environment: self.may("runner_environment")?,
            source_repository_digest: Some(self.must("sha")?),
            source_repository_ref: self.may("ref")?,
            source_repository_identifier: Some(self.must("repository_id")?),
            source_repository_owner_uri: Some(url(&self.must("repository_owner")?)),
            source_repository_owner_identifier: Some(self.must("repository_owner_id")?),
            build_config_uri: self.may("workflow_ref")?.map(|path| url(&path)),
            build_config_digest: self.may("workflow_sha")?,
            build_trigger: Some(trigger),
            run_invocation_uri: Some(url(&format!("{repository}/actions/runs/{run}/attempts/{attempt}"))),
            source_repository_visibility_at_signing: self.may("repository_visibility")?,
            deployment_environment: self.may("environment")?,
            source_repository_uri: Some(url(&repository)),
            ..SubmitterClaims::default()
        };
        Ok((Some(signer), claims))
    }

    /// <https://docs.gitlab.com/ci/secrets/id_token_authentication/>. In a fork's merge request `project_*` name the fork, so a
    /// job of a stranger's change is the stranger's; `job_project_*`, which name the project that it ran in, are not read.
    fn gitlab(&self, issuer: &str) -> Result<Named, TokenError> {
        let base = issuer.trim_end_matches('/');
        let project = self.must("project_path")?;
        let config = self.may("ci_config_ref_uri")?.map(|path| format!("https://{path}"));
        let config_digest = self.may("ci_config_sha")?;
        let reference = match (self.may("ref_path")?, self.may("ref_type")?.as_deref(), self.may("ref")?) {
            (Some(path), ..) => Some(path),
            (None, Some("branch"), Some(name)) => Some(format!("refs/heads/{name}")),
            (None, Some("tag"), Some(name)) => Some(format!("refs/tags/{name}")),
            (None, ..) => None,
        };
        let claims = SubmitterClaims {
            build_signer_uri: config.clone(),
            build_signer_digest: config_digest.clone(),
            runner_environment: self.may("runner_environment")?,
            source_repository_uri: Some(format!("{base}/{project}")),
            source_repository_digest: self.may("sha")?,
            source_repository_ref: reference,
            source_repository_identifier: Some(self.must("project_id")?),
            source_repository_owner_uri: Some(format!("{base}/{}", self.must("namespace_path")?)),
            source_repository_owner_identifier: Some(self.must("namespace_id")?),
            build_config_uri: config.clone(),
            build_config_digest: config_digest,
            build_trigger: self.may("pipeline_source")?,
            run_invocation_uri: self.may("job_id")?.map(|job| format!("{base}/{project}/-/jobs/{job}")),
            source_repository_visibility_at_signing: self.may("project_visibility")?,
            deployment_environment: self.may("environment")?,
            ..SubmitterClaims::default()
        };
        Ok((config, claims))
    }

    /// <https://buildkite.com/docs/agent/cli/reference/oidc>
    fn buildkite(&self) -> Result<Named, TokenError> {
        let (organization, pipeline) = (self.must("organization_slug")?, self.must("pipeline_slug")?);
        let owner = format!("https://buildkite.com/{organization}");
        let name = format!("{owner}/{pipeline}");
        let reference = match (self.may("build_tag")?, self.may("build_branch")?) {
            (Some(tag), _) => Some(format!("refs/tags/{tag}")),
            (None, branch) => branch.map(|branch| format!("refs/heads/{branch}")),
        };
        let run = self.must("build_number")?;
        let job = self.may("job_id")?.map_or_else(String::new, |job| format!("#{job}"));
        let claims = SubmitterClaims {
            runner_environment: self.may("runner_environment")?,
            // `HEAD` until the agent has looked.
            source_repository_digest: self.may("build_commit")?.filter(|commit| commit != "HEAD"),
            source_repository_ref: reference,
            source_repository_identifier: self.may("pipeline_id")?,
            source_repository_owner_uri: Some(owner),
            source_repository_owner_identifier: self.may("organization_id")?,
            build_config_uri: Some(name.clone()),
            build_trigger: self.may("build_source")?,
            run_invocation_uri: Some(format!("{name}/builds/{run}{job}")),
            ..SubmitterClaims::default()
        };
        Ok((Some(name), claims))
    }

    /// <https://circleci.com/docs/guides/permissions-authentication/openid-connect-tokens/>
    fn circleci(&self) -> Result<Named, TokenError> {
        let claim = |name: &str| format!("oidc.circleci.com/{name}");
        // Somebody is logged in to the machine of such a job, and may do what they like.
        if self.may(&claim("ssh-rerun"))?.is_some_and(|rerun| rerun != "false") {
            return Err(TokenError::Trigger { found: "ssh-rerun".to_owned() });
        }
        let project = self.must(&claim("project-id"))?;
        let definition = self.may(&claim("pipeline-definition-id"))?;
        let base = format!("https://circleci.com/api/v2/projects/{project}");
        let name = definition.map(|definition| format!("{base}/pipeline-definitions/{definition}"));
        let workflow = self.may(&claim("workflow-id"))?;
        let claims = SubmitterClaims {
            build_signer_uri: name.clone(),
            source_repository_uri: self.may(&claim("vcs-origin"))?.map(|origin| format!("https://{origin}")),
            source_repository_ref: self.may(&claim("vcs-ref"))?,
            source_repository_identifier: Some(project),
            source_repository_owner_identifier: self.may(&claim("org-id"))?,
            build_config_uri: name.clone(),
            run_invocation_uri: workflow
                .map(|workflow| format!("https://app.circleci.com/pipelines/workflows/{workflow}")),
            ..SubmitterClaims::default()
        };
        Ok((name, claims))
    }

    /// <https://plugins.jenkins.io/oidc-provider/>: `sub` is the job's URL, unless its administrator chose another.
    fn jenkins(&self, subject: &str) -> Result<SubmitterClaims, TokenError> {
        let build =
            self.may("build_number")?.filter(|_| subject.starts_with("http") && subject.ends_with('/'));
        let run_invocation_uri = build.map(|build| format!("{subject}{build}/"));
        Ok(SubmitterClaims { run_invocation_uri, ..SubmitterClaims::default() })
    }

    /// <https://kubernetes.io/docs/concepts/security/service-accounts/>, named as Fulcio names them.
    fn kubernetes(&self) -> Result<String, TokenError> {
        let wrong = || TokenError::Claim {
            claim: "kubernetes.io".to_owned(),
            expected: "an object with `namespace` and `serviceaccount.name`",
        };
        let account = self.token.claim("kubernetes.io").ok_or_else(wrong)?;
        let part = |path: &str| account.pointer(path).and_then(Value::as_str).filter(|text| is_plain(text));
        let (Some(namespace), Some(name)) = (part("/namespace"), part("/serviceaccount/name")) else {
            return Err(wrong());
        };
        Ok(format!("https://kubernetes.io/namespaces/{namespace}/serviceaccounts/{name}"))
    }

    /// Returns a claim that must be there.
    fn must(&self, name: &str) -> Result<String, TokenError> {
        self.may(name)?.ok_or_else(|| unfit(name))
    }

    /// Returns a claim that may be there; empty means that it is not. Ids are numbers with some issuers.
    fn may(&self, name: &str) -> Result<Option<String>, TokenError> {
        let text = match self.token.claim(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) if number.is_u64() => number.to_string(),
            Some(Value::Bool(truth)) => truth.to_string(),
            Some(_) => return Err(unfit(name)),
        };
        if text.is_empty() {
            return Ok(None);
        }
        if is_plain(&text) { Ok(Some(text)) } else { Err(unfit(name)) }
    }
}

fn unfit(name: &str) -> TokenError {
    TokenError::Claim {
        claim: name.to_owned(),
        expected: "a text of at most 1,024 bytes without control characters",
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= CLAIM_MAX && !text.chars().any(char::is_control)
}

/// Returns the host of the repositories of a GitHub issuer: github.com (also for an enterprise's own path), `NAME.ghe.com`, or
/// the host of an own server, whose issuer is `https://HOST/_services/token`.
fn github_host(issuer: &str) -> &str {
    let host =
        issuer.split_once("://").map_or(issuer, |(_, rest)| rest).split('/').next().unwrap_or_default();
    match host.strip_prefix("token.actions.") {
        Some("githubusercontent.com") => "github.com",
        Some(rest) => rest,
        None => host,
    }
}
