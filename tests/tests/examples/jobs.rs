//! The shell lines of each template record a release in a real log and let its gate decide, with the variables and the token that
//! the CI system gives its jobs.

use std::fs;
use std::process::Command;

use custody_tests::binaries::Binaries;
use custody_tests::issuer::{Job, System};
use custody_tests::server::Ended;
use custody_tests::workspace;
use serde_json::json;

use crate::project::{AUDIENCE, Project};
use crate::shell;

type Variables = Vec<(String, String)>;

/// Runs the steps of a job, which has this number, until one fails; says how many were run, and how the last one ended.
type RunJob<'a> = dyn Fn(&[String], usize) -> (usize, Ended) + 'a;

/// The jobs of a template, each with its steps.
struct Template {
    jobs: [Vec<String>; 2],
}

impl Template {
    /// Reads a template, whose second job begins where this text stands.
    fn read(file: &str, second: &str) -> Self {
        let text = workspace::read(&format!("examples/ci/{file}"));
        let steps = if file == "Jenkinsfile" { shell::of_groovy } else { shell::of_yaml };
        assert!(shell::all_are_steps(&text, &steps(&text)), "{file} has calls that are not tried");
        let (first, rest) = text.split_once(second).expect("the template has two jobs");
        let jobs = [steps(first), steps(rest)];
        assert!(jobs.iter().all(|job| job.len() >= 2 || file == "tekton.yml"), "{file}");
        Self { jobs }
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn search_path() -> String {
    std::env::var_os("PATH").unwrap().into_string().unwrap()
}

/// A search path with the real binaries first, as in an image that has them.
fn with_binaries() -> String {
    let custody = Binaries::built().custody();
    format!("{}:{}", custody.parent().unwrap().display(), search_path())
}

fn connection(project: &Project) -> Variables {
    pairs(&[("CUSTODY_SERVER", &project.url()), ("CUSTODY_TRUST", &project.pin)])
}

/// Runs the steps of a job until one fails; returns how many were run, and how the last one ended.
fn job(
    project: &Project,
    steps: &[String],
    home: &str,
    shell: Option<&[&str]>,
    variables: &Variables,
) -> (usize, Ended) {
    let mut last = None;
    for (at, lines) in steps.iter().enumerate() {
        let ended = project.step(shell, lines, home, variables);
        println!("{lines}{}{}", ended.stdout, ended.stderr);
        let failed = ended.code != Some(0);
        last = Some((at + 1, ended));
        if failed {
            break;
        }
    }
    last.expect("a job has steps")
}

/// What the gate of a log asks of a job that fits this pattern.
fn policy(signer: &str, binding: &str) -> String {
    format!(
        "policy: release\nversion: 1\napplies_to: {{environments: [prod]}}\nrules:\n  - id: build\n    require: {{predicate: provenance, count: any{binding}}}\n    \
         signer: {signer}\n  - id: tests\n    require: {{predicate: test-result, count: latest}}\n    signer: {signer}\n    assert: \"att.predicate.result == 'PASSED'\"\n  \
         - id: sbom\n    require: {{predicate: cyclonedx, count: any}}\n    signer: {signer}\n  - id: scan\n    require: {{predicate: scan, count: latest}}\n    \
         signer: {signer}\n    vulnerabilities: {{below: high}}\n"
    )
}

/// What must be true after both jobs, and what when the artifact was replaced between them.
fn released_and_refused(project: &Project, template: &Template, run_job: &RunJob<'_>) {
    let [build, release] = &template.jobs;
    let (ran, ended) = run_job(build, 1);
    assert_eq!((ran, ended.code), (build.len(), Some(0)), "{}", ended.stderr);
    let artifact = project.checkout().join("dist/app.tar.gz");
    let bytes = fs::read(&artifact).unwrap();
    fs::write(&artifact, "something else").unwrap();
    let (_, refused) = run_job(release, 2);
    assert_eq!(refused.code, Some(1), "{}{}", refused.stdout, refused.stderr);
    assert!(!project.checkout().join("deployed").exists(), "what the gate refuses is not deployed");
    fs::write(&artifact, bytes).unwrap();
    let (ran, ended) = run_job(release, 3);
    assert_eq!((ran, ended.code), (release.len(), Some(0)), "{}", ended.stderr);
    assert!(project.checkout().join("deployed").exists());
    // What was recorded: the chain, the verdict that let it pass, and where it runs.
    let artifact = artifact.to_str().unwrap();
    let types = |predicate: &str| {
        let (_, found) =
            project.administrator.json(&["find", "--subject", artifact, "--predicate", predicate]);
        found["entries"].as_array().map_or(0, Vec::len)
    };
    for predicate in ["provenance", "test-result", "cyclonedx", "scan", "vsa", "deployment"] {
        assert_eq!(types(predicate), 1, "{predicate}");
    }
    let (_, shown) = project.administrator.json(&["env", "show", "prod"]);
    assert_eq!(shown["running"][0]["evidence"], "trusted", "{shown}");
    assert!(project.checkout().join("dist/app.tlog-proof").exists(), "the receipt travels with the artifact");
}

/// Returns what GitHub says of a job of the repository that was checked out.
fn github(project: &Project) -> Job {
    ["sha", "workflow_sha", "job_workflow_sha"]
        .into_iter()
        .fold(Job::of(System::GitHub), |job, claim| job.with(claim, project.commit.as_str()))
}

#[test]
fn the_lines_for_github_actions_record_and_let_the_gate_decide() {
    let template = Template::read("github-actions.yml", "\n  release:\n");
    let project = Project::new("github", false, "source_repository_identifier=123456");
    let host = project.issuer.url().replace("http://", "https://");
    // The starter policy, with this issuer and its host in place of GitHub's.
    let starter = workspace::read("examples/policies/ci-only.yaml");
    let issuer = "https://token.actions.githubusercontent.com";
    project.policy(
        &starter
            .replace("policy: ci-only", "policy: release")
            .replace(issuer, &project.issuer.url())
            .replace("https://github.com", &host)
            .replace("repository: acme/api", &format!("repository: {host}/acme/api")),
    );
    let custody = Binaries::built().custody();
    let mut sum = Command::new("sha256sum");
    sum.arg(&custody);
    let sum = custody_tests::server::run(sum).stdout.split(' ').next().unwrap().to_owned();
    let run_job = |steps: &[String], number: usize| {
        let (path, summary, temp) =
            (project.beside(&format!("path-{number}")), project.beside("summary.md"), project.beside("temp"));
        fs::write(&path, "").unwrap();
        fs::create_dir_all(&temp).unwrap();
        let mut variables = pairs(&[
            ("CI", "true"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", &host),
            ("GITHUB_REPOSITORY", "acme/api"),
            ("GITHUB_SHA", &project.commit),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_RUN_ID", "4711"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_WORKFLOW_REF", "acme/api/.github/workflows/release.yml@refs/heads/main"),
            ("GITHUB_PATH", path.to_str().unwrap()),
            ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
            ("RUNNER_TEMP", temp.to_str().unwrap()),
            ("TOOL_URL", &format!("file://{}", custody.display())),
            ("TOOL_SHA256", &sum),
        ]);
        variables.extend(connection(&project));
        variables.extend(project.issuer.github_variables(&github(&project)));
        let mut ran = 0;
        let mut last = None;
        for lines in steps {
            // What a step adds to the search path, those after it have.
            let added = fs::read_to_string(&path).unwrap().lines().collect::<Vec<_>>().join(":");
            let with_path =
                [&variables[..], &pairs(&[("PATH", &format!("{added}:{}", search_path()))])].concat();
            let (_, ended) = job(
                &project,
                std::slice::from_ref(lines),
                &format!("home-{number}"),
                Some(&["bash", "-e"]),
                &with_path,
            );
            ran += 1;
            let failed = ended.code != Some(0);
            last = Some(ended);
            if failed {
                break;
            }
        }
        (ran, last.unwrap())
    };
    released_and_refused(&project, &template, &run_job);
    let summary = fs::read_to_string(project.beside("summary.md")).unwrap();
    assert!(summary.contains("DENY") && summary.contains("ALLOW"), "{summary}");
}

#[test]
fn the_lines_for_gitlab_record_and_let_the_gate_decide() {
    let template = Template::read("gitlab-ci.yml", "\nrelease:\n");
    let project = Project::new("gitlab", true, "source_repository_identifier=77");
    let issuer = project.issuer.url();
    let signer = format!("{{issuer: \"{issuer}\", claims: {{source_repository_identifier: \"77\"}}}}");
    project.policy(&policy(&signer, ", binding: bound"));
    let host = issuer.replace("http://", "https://");
    let run_job = |steps: &[String], number: usize| {
        let claims =
            Job::of(System::GitLab).with("sha", project.commit.as_str()).with("job_id", format!("8{number}"));
        let mut variables = pairs(&[
            ("CI", "true"),
            ("GITLAB_CI", "true"),
            ("CI_PROJECT_URL", &format!("{host}/acme/api")),
            ("CI_COMMIT_SHA", &project.commit),
            ("CI_COMMIT_BRANCH", "main"),
            ("CI_JOB_URL", &format!("{host}/acme/api/-/jobs/8{number}")),
            ("CI_RUNNER_ID", "12"),
            ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
            ("CUSTODY_ID_TOKEN", &project.issuer.token(&claims, AUDIENCE)),
            ("PATH", &with_binaries()),
        ]);
        variables.extend(connection(&project));
        job(&project, steps, &format!("home-{number}"), Some(&["bash", "-eo", "pipefail"]), &variables)
    };
    released_and_refused(&project, &template, &run_job);
    assert!(fs::read_to_string(project.checkout().join("gate.xml")).unwrap().contains("<testsuite"));
}

#[test]
fn the_lines_for_jenkins_record_and_let_the_gate_decide() {
    let template = Template::read("Jenkinsfile", "stage('Gate')");
    let subject = "https://ci.example.com/job/api/job/main/";
    let project = Project::new("jenkins", true, &format!("token_subject={subject}"));
    project.policy(&policy(
        &format!("{{issuer: \"{}\", claims: {{token_subject: \"{subject}\"}}}}", project.issuer.url()),
        "",
    ));
    let run_job = |steps: &[String], number: usize| {
        let mut variables = pairs(&[
            ("JENKINS_URL", "https://ci.example.com/"),
            ("BUILD_URL", "https://ci.example.com/job/api/job/main/42/"),
            ("JOB_NAME", "api/main"),
            ("BUILD_NUMBER", "42"),
            ("NODE_NAME", "release-1"),
            ("GIT_URL", "https://github.com/acme/api.git"),
            ("GIT_COMMIT", &project.commit),
            ("BRANCH_NAME", "main"),
            ("CUSTODY_ID_TOKEN", &project.issuer.token(&Job::of(System::Jenkins), AUDIENCE)),
            ("PATH", &with_binaries()),
        ]);
        variables.extend(connection(&project));
        job(&project, steps, &format!("home-{number}"), Some(&["sh", "-xe"]), &variables)
    };
    released_and_refused(&project, &template, &run_job);
    assert!(fs::read_to_string(project.checkout().join("gate.xml")).unwrap().contains("<testsuite"));
}

#[test]
fn the_lines_for_tekton_record_and_let_the_gate_decide() {
    let template = Template::read("tekton.yml", "name: custody-gate\n");
    let subject = "system:serviceaccount:ci:release";
    let project = Project::new("kubernetes", true, &format!("token_subject={subject}"));
    project.policy(&policy(
        &format!("{{issuer: \"{}\", claims: {{token_subject: \"{subject}\"}}}}", project.issuer.url()),
        "",
    ));
    let account = json!({"namespace": "ci", "serviceaccount": {"name": "release", "uid": "0f6a0b0c-1d2e-4f3a-8b4c-5d6e7f8a9b0c"}});
    let claims =
        Job::of(System::Jenkins).with("sub", subject).with("kubernetes.io", account).without("build_number");
    let run_job = |steps: &[String], number: usize| {
        let token = project.beside(&format!("token-{number}"));
        fs::write(&token, project.issuer.token(&claims, AUDIENCE)).unwrap();
        // As the step's `env` has it, with what the pipeline's parameters say.
        let mut variables = pairs(&[
            ("CUSTODY_ID_TOKEN_FILE", token.to_str().unwrap()),
            ("CUSTODY_REPO", "https://github.com/acme/api"),
            ("CUSTODY_COMMIT", &project.commit),
            ("CUSTODY_REF", "refs/heads/main"),
            ("CUSTODY_RUN_URL", "https://tekton.example.com/pipelineruns/0a1b2c3d"),
            ("CUSTODY_BUILDER_ID", "https://tekton.example.com/tasks/custody-record"),
            ("CUSTODY_BUILD_TYPE", "https://tekton.dev/chains/v2/slsa"),
            ("POLICY", "release"),
            ("ENVIRONMENT", "prod"),
            ("PATH", &with_binaries()),
        ]);
        variables.extend(connection(&project));
        job(&project, steps, &format!("home-{number}"), None, &variables)
    };
    released_and_refused(&project, &template, &run_job);
}
