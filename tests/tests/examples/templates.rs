//! Templates for CI systems are what those systems take: by actionlint, GitLab's schema, Tekton's schemas, and a linter for Groovy.

use std::path::{Path, PathBuf};
use std::process::Command;

use custody_tests::server::{Ended, run};
use custody_tests::tools::{ACTIONLINT, CHECK_JSONSCHEMA, GROOVY_LINT, TEKTON};
use custody_tests::workspace;

/// Checks a template, and then that what is wrong is found: the template with one text replaced.
fn checked(template: &str, check: impl Fn(&Path) -> Ended, wrong: &[(&str, &str)]) {
    let file = workspace::root().join("examples/ci").join(template);
    let ended = check(&file);
    assert_eq!(ended.code, Some(0), "{template}: {}{}", ended.stdout, ended.stderr);
    let text = workspace::read(&format!("examples/ci/{template}"));
    let folder = tempfile::tempdir().unwrap();
    for (right, other) in wrong {
        let broken = folder.path().join(template);
        let replaced = text.replacen(right, other, 1);
        assert_ne!(replaced, text, "{right} is not in {template}");
        std::fs::write(&broken, replaced).unwrap();
        let ended = check(&broken);
        assert_eq!(ended.code, Some(1), "{other}: {}{}", ended.stdout, ended.stderr);
    }
}

/// Runs a Python program that sees the packages of check-jsonschema.
pub(crate) fn python(packages: &Path, arguments: &[&str]) -> Ended {
    let mut python = Command::new("python3");
    python.args(arguments).env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
    run(python)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_workflow_for_github_actions_is_one_by_actionlint() {
    let Some(actionlint) = ACTIONLINT.path() else { return };
    let check = |file: &Path| {
        let mut command = Command::new(&actionlint);
        // Other linters are taken in where they are installed: here it is the same everywhere.
        command.args(["-shellcheck=", "-pyflakes=", text(file)]);
        run(command)
    };
    let wrong = [
        ("runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04"),
        ("id-token: write", "id-token: sign"),
        ("needs: build", "needs: built"),
        ("${{ vars.CUSTODY_SERVER }}", "${{ var.CUSTODY_SERVER }}"),
    ];
    checked("github-actions.yml", check, &wrong);
}

#[test]
fn the_pipeline_for_gitlab_fits_gitlabs_schema() {
    let Some(packages) = CHECK_JSONSCHEMA.path() else { return };
    let check = |file: &Path| {
        python(&packages, &["-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", text(file)])
    };
    let wrong = [
        ("id_tokens:", "id_token:"),
        ("when: always", "when: ever"),
        ("aud: ", "audience: "),
        ("reports:", "report:"),
    ];
    checked("gitlab-ci.yml", check, &wrong);
}

#[test]
fn the_tasks_for_tekton_fit_tektons_schemas() {
    let (Some(packages), Some(definitions)) = (CHECK_JSONSCHEMA.path(), TEKTON.path()) else { return };
    let program: PathBuf = workspace::root().join("tests/tests/examples/tekton.py");
    let check = |file: &Path| python(&packages, &[text(&program), text(&definitions), text(file)]);
    let wrong = [
        ("workingDir:", "workingDirectory:"),
        ("mountPath: /var/run/custody", "mountPath: 7"),
        ("kind: Pipeline", "kind: Pipelines"),
        ("runAfter: [build]", "runAfter: build"),
        ("- name: commit\n", "- named: commit\n"),
    ];
    checked("tekton.yml", check, &wrong);
}

#[test]
fn the_jenkinsfile_passes_the_linter_for_groovy() {
    let Some(linter) = GROOVY_LINT.path() else { return };
    let check = |file: &Path| {
        let rules = workspace::root().join("tests/tests/examples/groovylintrc.json");
        let mut command = Command::new(&linter);
        // A server that stays would outlive the test, and "insight" is a call home.
        command
            .args(["--noserver", "--no-insight", "--failon", "info", "--loglevel", "info", "--config"])
            .arg(rules)
            .arg(file);
        run(command)
    };
    checked(
        "Jenkinsfile",
        check,
        &[(
            "            steps {\n                sh '''\n                    ./build.sh",
            "            steps (\n                sh '''\n                    ./build.sh",
        )],
    );
}
