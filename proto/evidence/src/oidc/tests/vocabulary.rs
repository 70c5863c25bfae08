//! What the claims of each CI system become.

use std::path::PathBuf;

use super::*;
use crate::admission::SubmitterClaims;
use crate::oidc::vocabulary::{Said, read};

fn said(kind: IssuerKind, claims: &Value) -> Result<Said, TokenError> {
    read(&Token::parse(&issuer().sign(&header("EdDSA"), claims)).unwrap(), kind)
}

fn named(kind: IssuerKind, claims: &Value) -> (String, SubmitterClaims) {
    let Said { identity, claims } = said(kind, claims).unwrap();
    assert_eq!(identity.issuer(), claims.issuer);
    (identity.subject().to_owned(), claims)
}

#[test]
fn a_job_of_github_is_the_file_that_ran_with_ids_that_never_change() {
    let (name, found) = named(IssuerKind::GitHub, &claims());
    assert_eq!(name, "https://github.com/acme/workflows/.github/workflows/release.yml@refs/heads/main");
    let expected = SubmitterClaims {
        issuer: ISSUER.to_owned(),
        token_subject: "repo:acme/api:ref:refs/heads/main".to_owned(),
        build_signer_uri: Some(name),
        runner_environment: Some("github-hosted".to_owned()),
        source_repository_uri: Some("https://github.com/acme/api".to_owned()),
        source_repository_digest: Some("16d9990c2f5b7a0d8e4f1b3c6a9d2e5f80714263".to_owned()),
        source_repository_ref: Some("refs/heads/main".to_owned()),
        source_repository_identifier: Some("74".to_owned()),
        source_repository_owner_uri: Some("https://github.com/acme".to_owned()),
        source_repository_owner_identifier: Some("65".to_owned()),
        build_config_uri: Some(
            "https://github.com/acme/api/.github/workflows/ci.yml@refs/heads/main".to_owned(),
        ),
        build_trigger: Some("push".to_owned()),
        run_invocation_uri: Some("https://github.com/acme/api/actions/runs/4711/attempts/2".to_owned()),
        source_repository_visibility_at_signing: Some("public".to_owned()),
        ..SubmitterClaims::default()
    };
    assert_eq!(found, expected);
}

#[test]
fn repositories_of_an_own_server_are_on_that_server() {
    for (issuer, repository) in [
        ("https://github.example/_services/token", "https://github.example/acme/api"),
        ("https://token.actions.acme.ghe.com", "https://acme.ghe.com/acme/api"),
        ("https://token.actions.githubusercontent.com/acme-corp", "https://github.com/acme/api"),
    ] {
        let mut claims = claims();
        claims["iss"] = json!(issuer);
        let (_, found) = named(IssuerKind::GitHub, &claims);
        assert_eq!(found.source_repository_uri.as_deref(), Some(repository), "{issuer}");
    }
}

#[test]
fn a_job_of_gitlab_is_its_configuration_and_of_a_fork_the_forks() {
    let claims = json!({
        "iss": "https://gitlab.com", "sub": "project_path:acme/api:ref_type:branch:ref:main",
        "namespace_id": "72", "namespace_path": "acme", "project_id": 20, "project_path": "acme/api",
        "job_project_id": "1", "job_project_path": "victim/api", "user_email": "ann@acme.example",
        "pipeline_source": "merge_request_event", "job_id": "302", "ref": "v1", "ref_type": "tag",
        "ci_config_ref_uri": "gitlab.com/acme/api//.gitlab-ci.yml@refs/heads/main", "ci_config_sha": "ab",
        "runner_environment": "gitlab-hosted", "sha": "cd", "runner_id": 1, "groups_direct": ["acme"],
    });
    let (name, found) = named(IssuerKind::GitLab, &claims);
    assert_eq!(name, "https://gitlab.com/acme/api//.gitlab-ci.yml@refs/heads/main");
    assert_eq!(found.source_repository_uri.as_deref(), Some("https://gitlab.com/acme/api"));
    assert_eq!(found.source_repository_identifier.as_deref(), Some("20"), "a number is an id too");
    assert_eq!(found.source_repository_ref.as_deref(), Some("refs/tags/v1"));
    assert_eq!(found.run_invocation_uri.as_deref(), Some("https://gitlab.com/acme/api/-/jobs/302"));
    let all = serde_json::to_string(&found).unwrap();
    assert!(!all.contains("victim") && !all.contains("ann@"), "{all}");
}

#[test]
fn jobs_of_the_other_systems() {
    let buildkite = json!({
        "iss": "https://agent.buildkite.com", "sub": "organization:acme:pipeline:api:ref:refs/heads/main:commit:cd:step:x",
        "organization_slug": "acme", "pipeline_slug": "api", "build_number": 7, "build_branch": "main",
        "build_tag": "", "build_commit": "cd", "job_id": "0184", "build_source": "webhook", "pipeline_id": "p-1",
    });
    let (name, found) = named(IssuerKind::Buildkite, &buildkite);
    assert_eq!(name, "https://buildkite.com/acme/api");
    assert_eq!(found.source_repository_identifier.as_deref(), Some("p-1"));
    assert_eq!(found.source_repository_ref.as_deref(), Some("refs/heads/main"));
    assert_eq!(found.run_invocation_uri.as_deref(), Some("https://buildkite.com/acme/api/builds/7#0184"));

    let circle = json!({
        "iss": "https://oidc.circleci.com/org/1111", "sub": "org/1111/project/2222/user/3333",
        "oidc.circleci.com/project-id": "2222", "oidc.circleci.com/org-id": "1111",
        "oidc.circleci.com/pipeline-definition-id": "4444", "oidc.circleci.com/workflow-id": "5555",
        "oidc.circleci.com/vcs-origin": "github.com/acme/api", "oidc.circleci.com/vcs-ref": "refs/heads/main",
        "oidc.circleci.com/ssh-rerun": false,
    });
    let (name, found) = named(IssuerKind::CircleCi, &circle);
    assert_eq!(name, "https://circleci.com/api/v2/projects/2222/pipeline-definitions/4444");
    assert_eq!(found.source_repository_uri.as_deref(), Some("https://github.com/acme/api"));
    assert_eq!(found.source_repository_identifier.as_deref(), Some("2222"));
    for rerun in [json!(true), json!("true"), json!("yes")] {
        let mut circle = circle.clone();
        circle["oidc.circleci.com/ssh-rerun"] = rerun;
        assert_eq!(said(IssuerKind::CircleCi, &circle).map(|_| ()).unwrap_err().word(), "token_trigger");
    }

    let jenkins =
        json!({"iss": "https://ci.example/oidc", "sub": "https://ci.example/job/api/", "build_number": "7"});
    let (name, found) = named(IssuerKind::Jenkins, &jenkins);
    assert_eq!(name, "https://ci.example/job/api/");
    assert_eq!(found.run_invocation_uri.as_deref(), Some("https://ci.example/job/api/7/"));

    let spiffe = json!({"iss": "https://spire.example", "sub": "spiffe://example.org/ci/api"});
    assert_eq!(named(IssuerKind::Spiffe, &spiffe).0, "spiffe://example.org/ci/api");
    let other = json!({"iss": "https://spire.example", "sub": "example.org/ci/api"});
    assert_eq!(said(IssuerKind::Spiffe, &other).map(|_| ()).unwrap_err().word(), "token_claim");

    let pod = json!({
        "iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:ci:builder",
        "kubernetes.io": {"namespace": "ci", "serviceaccount": {"name": "builder", "uid": "u-1"}},
    });
    let (name, found) = named(IssuerKind::Kubernetes, &pod);
    assert_eq!(name, "https://kubernetes.io/namespaces/ci/serviceaccounts/builder");
    assert_eq!(found.token_subject, "system:serviceaccount:ci:builder");
    let bare =
        json!({"iss": "https://kubernetes.default.svc", "sub": "x", "kubernetes.io": {"namespace": "ci"}});
    assert!(said(IssuerKind::Kubernetes, &bare).is_err());
}

#[test]
fn the_url_of_a_public_issuer_says_what_it_is_and_nothing_that_looks_like_it() {
    for (url, kind) in [
        (ISSUER, IssuerKind::GitHub),
        ("https://token.actions.githubusercontent.com/acme", IssuerKind::GitHub),
        ("https://gitlab.com", IssuerKind::GitLab),
        ("https://agent.buildkite.com", IssuerKind::Buildkite),
        ("https://oidc.circleci.com/org/1111", IssuerKind::CircleCi),
        ("https://token.actions.acme.ghe.com", IssuerKind::GitHub),
        ("https://token.actions.acme.ghe.com/x", IssuerKind::GitHub),
        ("https://token.actions.ghe.com", IssuerKind::Generic),
        ("https://token.actions.a.b.ghe.com", IssuerKind::Generic),
        ("https://token.actions.acme.ghe.com.evil.example", IssuerKind::Generic),
        ("https://token.actions.acme.ghe.com:8443", IssuerKind::Generic),
        ("https://gitlab.com.evil.example", IssuerKind::Generic),
        ("https://gitlab.example.com", IssuerKind::Generic),
        ("http://gitlab.com", IssuerKind::Generic),
    ] {
        assert_eq!(IssuerKind::of_url(url), kind, "{url}");
    }
    for kind in IssuerKind::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
    }
}

#[test]
fn a_job_for_a_strangers_change_is_nobody_whatever_its_issuer_is_listed_as() {
    let mut claims = claims();
    claims["event_name"] = json!("pull_request_target");
    claims["kubernetes.io"] = json!({"namespace": "ci", "serviceaccount": {"name": "builder"}});
    for kind in IssuerKind::ALL {
        assert!(matches!(said(kind, &claims), Err(TokenError::Trigger { .. })), "{kind}");
    }
    claims["event_name"] = json!("push");
    assert!(said(IssuerKind::Generic, &claims).is_ok());
}

/// Claims of real tokens, and of the vendors' documentation.
#[test]
fn the_samples_of_the_corpus_are_read() {
    let folder = std::env::var_os("CUSTODY_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus")),
        PathBuf::from,
    );
    let folder = folder.join("k8s-oidc");
    if !folder.exists() {
        let asked = ["CI", "CUSTODY_CORPUS"].iter().all(|name| std::env::var_os(name).is_some());
        assert!(!asked, "no corpus at {}: CUSTODY_CORPUS names it, and CI skips nothing", folder.display());
        println!("skipped: no corpus at {} (set CUSTODY_CORPUS)", folder.display());
        return;
    }
    let sample =
        |name: &str| -> Value { serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap() };
    let (name, found) = named(IssuerKind::GitHub, &sample("oidc-github-actions-real.claims.json")["claims"]);
    assert_eq!(
        name,
        "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/\
         extremely-dangerous-oidc-beacon.yml@refs/heads/main"
    );
    assert_eq!(found.source_repository_identifier.as_deref(), Some("632596897"));
    let (_, found) = named(IssuerKind::GitLab, &sample("oidc-gitlab-com-real.claims.json")["claims"]);
    assert_eq!(found.source_repository_identifier.as_deref(), Some("56004559"));
    assert_eq!(found.source_repository_ref.as_deref(), Some("refs/heads/main"));
    let (name, found) =
        named(IssuerKind::GitLab, &sample("oidc-gitlab-self-managed-docs.claims.json")["claims"]);
    assert_eq!(
        name, "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1",
        "an old server"
    );
    assert_eq!(found.deployment_environment.as_deref(), Some("test-environment2"));
    let docs = sample("oidc-github-docs-environment.claims.json");
    let (name, found) = named(IssuerKind::GitHub, &docs["claims"]);
    assert_eq!(
        name,
        "https://github.com/octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main"
    );
    assert_eq!(found.deployment_environment.as_deref(), Some("prod"));
    // The subject has many forms, and none of them changes who it is.
    for subject in sample("oidc-github-subject-forms.json")["claims_sub_examples"].as_array().unwrap() {
        let mut claims = docs["claims"].clone();
        claims["sub"] = subject.clone();
        let (_, of_subject) = named(IssuerKind::GitHub, &claims);
        assert_eq!(SubmitterClaims { token_subject: found.token_subject.clone(), ..of_subject }, found);
    }
}
