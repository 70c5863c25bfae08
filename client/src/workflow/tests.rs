//! Workflow files, whole, and what must not come out of them.

use std::collections::BTreeSet;

use super::*;

const COMMIT: &str = "b4ffde65f46336ab88eb53be808477a3936bae11";

const RELEASE: &str = r#"
name: release
on:
  push: {tags: ['v*']}
  workflow_dispatch:
permissions: read-all
env:
  TOKEN_FOR_ALL: ${{ secrets.SHARED }}
  PLAIN: hunter2-in-clear
jobs:
  build:
    runs-on: ubuntu-24.04
    permissions: {contents: write, id-token: write, packages: none}
    container: {image: 'ghcr.io/acme/build:1.2', credentials: {username: x, password: '${{ secrets.REGISTRY_PASSWORD }}'}}
    services:
      db: {image: 'postgres:17'}
      cache: redis@sha256:IMAGE
    steps:
      - uses: actions/checkout@COMMIT # v4.1.1
      - uses: actions/setup-node@v4
      - uses: docker://alpine:3.20
      - uses: ./.github/actions/sign
      - uses: ${{ matrix.action }}@v1
      - uses: aws-actions/configure-aws-credentials@v4
        with: {audience: sts.amazonaws.com, role-to-assume: 'arn:aws:iam::1:role/x'}
      - if: secrets.MAYBE != ''
        run: |
          echo "${{ secrets.npm_token }}" > ~/.npmrc  # and ${{ secrets['IN-COMMENT'] }}
  call:
    uses: acme/shared/.github/workflows/deploy.yml@main
    secrets: inherit
    permissions: {deployments: write}
  plain:
    runs-on: x
    steps: []
"#;

fn texts(set: &BTreeSet<String>) -> Vec<&str> {
    set.iter().map(String::as_str).collect()
}

fn references(workflow: &Workflow) -> Vec<String> {
    let show = |reference: &Reference| match &reference.digest {
        Some(digest) => format!("{} = {digest}", reference.text),
        None => reference.text.clone(),
    };
    workflow.references.iter().map(show).collect()
}

fn of(text: &str) -> Workflow {
    read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_github_workflow_names_what_its_jobs_use_and_can_read() {
    let image = "a".repeat(64);
    let workflow = of(&RELEASE.replace("COMMIT", COMMIT).replace("IMAGE", &image));
    assert_eq!(workflow.format, Format::GitHubWorkflow);
    assert_eq!(
        references(&workflow),
        [
            "acme/shared/.github/workflows/deploy.yml@main".to_owned(),
            format!("actions/checkout@{COMMIT} = gitCommit:{COMMIT}"),
            "actions/setup-node@v4".to_owned(),
            "alpine:3.20".to_owned(),
            "aws-actions/configure-aws-credentials@v4".to_owned(),
            "ghcr.io/acme/build:1.2".to_owned(),
            "postgres:17".to_owned(),
            format!("redis@sha256:{image} = sha256:{image}"),
        ]
    );
    assert_eq!(texts(&workflow.secrets), ["IN-COMMENT", "MAYBE", "NPM_TOKEN", "REGISTRY_PASSWORD", "SHARED"]);
    assert_eq!(
        texts(&workflow.permissions),
        ["contents: write", "deployments: write", "id-token: write", "read-all"]
    );
    assert_eq!(texts(&workflow.audiences), ["sts.amazonaws.com"]);
    assert_eq!(
        texts(&workflow.unknown),
        [
            "what \"${{ matrix.action }}@v1\" is: a variable is part of it",
            "what \"./.github/actions/sign\" does, of the same repository: give its file, too",
            "what \"acme/shared/.github/workflows/deploy.yml@main\" does: a reusable workflow is not followed",
            "what actions use themselves: they are not followed",
            "which secrets job \"call\" passes on: it inherits all of the repository and its organization",
        ]
    );
}

#[test]
fn an_action_names_what_its_steps_use() {
    let action =
        of("name: sign\nruns:\n  using: composite\n  steps:\n    - uses: sigstore/cosign-installer@v3\n    \
                     - run: cosign sign --key ${{ inputs.key }} ${{ github.token }}\n");
    assert_eq!(action.format, Format::GitHubAction);
    assert_eq!(references(&action), ["sigstore/cosign-installer@v3"]);
    assert_eq!(texts(&action.secrets), ["GITHUB_TOKEN"]);
    assert!(action.permissions.is_empty());
    let docker = of("runs: {using: docker, image: 'docker://ghcr.io/acme/x:1'}");
    assert_eq!(references(&docker), ["ghcr.io/acme/x:1"]);
    assert_eq!(references(&of("runs: {using: docker, image: Dockerfile}")), [""; 0]);
}

#[test]
fn permissions_are_those_of_each_job_else_of_the_workflow() {
    let permissions = |text: &str| texts(&of(text).permissions).join(", ");
    let job = "jobs: {a: {steps: []";
    assert_eq!(permissions(&format!("permissions: write-all\n{job}}}}}")), "write-all");
    assert_eq!(permissions(&format!("permissions: {{}}\n{job}}}}}")), "");
    assert_eq!(permissions(&format!("permissions: write-all\n{job}, permissions: {{}}}}}}")), "");
    assert_eq!(permissions(&format!("permissions: {{a: none, b: read}}\n{job}}}}}")), "b: read");
    // What is no word of GitHub's is not recorded: whatever it is, it is no permission.
    let odd = of(&format!("permissions: {{a: hunter2}}\n{job}}}, b: {{permissions: hunter2}}}}"));
    assert!(odd.permissions.is_empty() && !format!("{odd:?}").contains("hunter2"), "{odd:?}");
    assert_eq!(odd.unknown.len(), 1, "{odd:?}");
    let unset = of(&format!("{job}}}}}"));
    assert!(texts(&unset.unknown)[0].starts_with("the permissions of job \"a\""), "{:?}", unset.unknown);
}

const PIPELINE: &str = r"
spec: {inputs: {stage: {default: test}}}
---
include:
  - local: /ci/build.yml
  - /ci/test.yml
  - https://user:glpat-secret@ci.example/x.yml?private_token=glpat-secret
  - {project: acme/shared, ref: v3, file: [/a.yml, /b.yml]}
  - component: gitlab.example/components/sast@1.0
  - component: $CI_SERVER_FQDN/components/sast@1.0
  - template: Jobs/SAST.gitlab-ci.yml
variables: {DEPLOY_ENV: prod, PASSWORD: hunter2-in-clear}
default: {image: 'node:22', id_tokens: {AWS_TOKEN: {aud: [sts.amazonaws.com, $AUDIENCE]}}}
.template: &template
  services: [docker:dind, {name: 'postgres:17', alias: db}]
build:
  <<: *template
  image: {name: 'ghcr.io/acme/build:1', entrypoint: ['']}
  secrets: {DATABASE_PASSWORD: {vault: production/db/password@ops}}
  script: [!reference [.template, script], 'docker login -p $REGISTRY_TOKEN $CI_REGISTRY', 'x $DEPLOY_ENV $PASSWORD']
sign:
  id_tokens: {SIGSTORE_ID_TOKEN: {aud: sigstore}}
  image: $BUILD_IMAGE:latest
downstream: {trigger: {project: acme/deploy, branch: main}}
trigger: {script: 'echo a job of this name'}
secrets: {script: 'and of this'}
";

#[test]
fn a_gitlab_pipeline_names_what_its_jobs_use_and_can_read() {
    let pipeline = of(PIPELINE);
    assert_eq!(pipeline.format, Format::GitLab);
    assert_eq!(
        references(&pipeline),
        [
            "Jobs/SAST.gitlab-ci.yml",
            "acme/shared@v3",
            "docker:dind",
            "ghcr.io/acme/build:1",
            "gitlab.example/components/sast@1.0",
            "https://ci.example/x.yml",
            "node:22",
            "postgres:17",
        ]
    );
    assert_eq!(
        texts(&pipeline.secrets),
        ["AUDIENCE", "AWS_TOKEN", "BUILD_IMAGE", "DATABASE_PASSWORD", "REGISTRY_TOKEN", "SIGSTORE_ID_TOKEN"]
    );
    assert_eq!(texts(&pipeline.audiences), ["sigstore", "sts.amazonaws.com"]);
    assert!(pipeline.permissions.is_empty());
    let unknown = texts(&pipeline.unknown).join("\n");
    for said in [
        "what \"$CI_SERVER_FQDN/components/sast@1.0\" is",
        "what \"/ci/build.yml\" does, of the same repository",
        "what \"/ci/test.yml\" does",
        "what \"$BUILD_IMAGE:latest\" is",
        "the audience \"$AUDIENCE\"",
        "what the pipeline of \"acme/deploy\" does",
        "what includes do",
        "which variables of the project a job reads",
    ] {
        assert!(unknown.contains(said), "{said}: {unknown}");
    }
}

#[test]
fn no_value_of_a_file_comes_out() {
    for text in [PIPELINE, RELEASE] {
        let all = format!("{:?}", of(text));
        for value in ["hunter2", "glpat", "private_token", "production/db", "arn:aws"] {
            assert!(!all.contains(value), "{value}: {all}");
        }
    }
    // Nor out of what is refused.
    for text in
        ["hunter2", "hunter2: [hunter2", "a: hunter2\na: hunter2", "a: !!int hunter2", "- hunter2\n- b"]
    {
        let error = read(text.as_bytes()).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

fn fault(text: &str) -> Option<(YamlFault, u64)> {
    match read(text.as_bytes()) {
        Err(WorkflowError::Yaml { fault, line, .. }) => Some((fault, line)),
        Ok(_) | Err(WorkflowError::Unknown { .. }) => None,
    }
}

#[test]
fn what_is_no_workflow_is_refused_with_what_it_is() {
    for (text, found) in [
        ("", "nothing"),
        ("# a comment\n", "a text"),
        ("just text", "a text"),
        ("[1, 2]", "a list"),
        ("services: {db: {image: x}}\nversion: '3'", "the keys [\"services\", \"version\"]"),
        ("jobs: []", "the keys [\"jobs\"]"),
        ("runs: {image: x}", "the keys [\"runs\"]"),
        ("{\"bomFormat\": \"CycloneDX\"}", "the keys [\"bomFormat\"]"),
    ] {
        let error = read(text.as_bytes()).unwrap_err();
        let is_unknown = matches!(&error, WorkflowError::Unknown { .. });
        let nothing = found == "a text" && text.starts_with('#');
        assert!(
            is_unknown && (error.to_string().ends_with(&format!("found {found}")) || nothing),
            "{text}: {error}"
        );
    }
    assert_eq!(fault("a: [1, 2\n"), Some((YamlFault::Form, 1)));
    assert_eq!(fault("a: 1\nb: 2\na: 3"), Some((YamlFault::Duplicate, 3)));
    assert_eq!(fault("? [a]\n: b"), Some((YamlFault::Form, 1)));
    let error = read(b"jobs: {}\n\xff").unwrap_err();
    assert_eq!(error, WorkflowError::Yaml { fault: YamlFault::Utf8, line: 2, column: 1 });
}

#[test]
fn depth_size_and_aliases_are_bounded() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        fault(&format!("jobs: {{a: {{x: {open}{close}}}}}"))
    };
    assert_eq!(nested(DEPTH_MAX - 3), None);
    assert_eq!(nested(DEPTH_MAX - 2).map(|(fault, _)| fault), Some(YamlFault::TooMuch));
    let deep_blocks: String =
        (0..=DEPTH_MAX).flat_map(|depth| [" ".repeat(depth), "a:\n".to_owned()]).collect();
    assert_eq!(fault(&deep_blocks).map(|(fault, _)| fault), Some(YamlFault::TooMuch));

    let list = |values: usize| fault(&format!("jobs: {{a: {{x: [{}]}}}}", "1,".repeat(values)));
    assert_eq!(list(NODES_MAX - 20), None);
    assert_eq!(list(NODES_MAX).map(|(fault, _)| fault), Some(YamlFault::TooMuch));

    let laughs: Vec<String> = (1..9)
        .map(|level| format!("a{level}: &a{level} [{}]", format!("*a{},", level - 1).repeat(10)))
        .collect();
    let laughs = format!("a0: &a0 x\n{}\n", laughs.join("\n"));
    assert_eq!(fault(&laughs).map(|(fault, _)| fault), Some(YamlFault::TooMuch));
    let copies = format!("a: &a \"{}\"\nb: [{}]", "x".repeat(1 << 19), "*a,".repeat(16));
    assert_eq!(fault(&copies).map(|(fault, _)| fault), Some(YamlFault::TooMuch));
    assert!(fault(&"[".repeat(1 << 20)).is_some(), "refused before it is read");
    assert_eq!(fault("a: &a [*a]").map(|(fault, _)| fault), Some(YamlFault::Form), "an alias of itself");
    assert_eq!(fault(&"---\na: 1\n".repeat(5)).map(|(fault, _)| fault), Some(YamlFault::TooMuch));
}

#[test]
fn yaml_is_read_as_the_systems_read_it() {
    // `on`, `y` and `no` are keys and texts, and anchors and merges are followed.
    let workflow =
        of("x: &step {uses: a/b@v1}\non: push\njobs: {y: {steps: [*step, {<<: *step, name: n}], no: on}}");
    assert_eq!(references(&workflow), ["a/b@v1"]);
    assert!(texts(&workflow.unknown).iter().any(|text| text.contains("job \"y\"")), "{:?}", workflow.unknown);
}

#[test]
fn files_of_one_run_are_put_together() {
    let mut workflow = of("jobs: {a: {permissions: {}, steps: [{uses: ./x}, {run: '${{ secrets.A }}'}]}}");
    workflow.extend(of("runs: {using: composite, steps: [{uses: a/b@v1}, {run: '${{ secrets.B }}'}]}"));
    assert_eq!((workflow.format, references(&workflow)), (Format::GitHubWorkflow, vec!["a/b@v1".to_owned()]));
    assert_eq!(texts(&workflow.secrets), ["A", "B"]);
}
