//! The form of a declarative Jenkinsfile, checked everywhere: the linter for Groovy needs Java, which CI does not install.

use custody_tests::workspace;

/// What may stand where in a declarative pipeline (<https://www.jenkins.io/doc/book/pipeline/syntax/>), of what the template uses.
const SECTIONS: [(&str, &[&str]); 6] = [
    ("", &["pipeline"]),
    ("pipeline", &["agent", "options", "environment", "stages", "post"]),
    ("stages", &["stage"]),
    ("stage", &["steps"]),
    ("post", &["always"]),
    ("agent", &[]),
];

/// Returns what is wrong with it: braces that do not match, a section in a place that it may not be in, a stage without steps.
fn problems(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<String> = vec![String::new()];
    let mut stages_without_steps = 0_i32;
    for (number, line) in code(text).iter().enumerate() {
        let words: String = line.chars().take_while(char::is_ascii_alphanumeric).collect();
        for (at, brace) in line.match_indices(['{', '}']) {
            if brace == "}" {
                if open.len() == 1 {
                    found.push(format!("line {}: a brace too many", number + 1));
                } else {
                    open.pop();
                }
                continue;
            }
            let name = if line[..at].contains('{') { "inner".to_owned() } else { words.clone() };
            let outer = open.last().cloned().unwrap_or_default();
            let allowed = SECTIONS.iter().find(|(section, _)| *section == outer);
            if allowed.is_some_and(|(_, names)| !names.contains(&name.as_str())) {
                found.push(format!("line {}: {name:?} may not be in {outer:?}", number + 1));
            }
            stages_without_steps += i32::from(name == "stage") - i32::from(name == "steps");
            open.push(name);
        }
    }
    if open.len() > 1 {
        found.push(format!("not closed: {open:?}"));
    }
    if stages_without_steps != 0 {
        found.push("a stage has no steps, or steps have no stage".to_owned());
    }
    found
}

/// Returns the lines without comments, and without what stands in quotes.
fn code(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut quoted = false;
    for line in text.lines() {
        let mut kept = String::new();
        for (at, part) in line.split("'''").enumerate() {
            quoted ^= at > 0;
            if !quoted {
                let unquoted: String = part.split('\'').step_by(2).collect::<Vec<_>>().join("''");
                kept += unquoted.split("//").next().unwrap_or_default();
            }
        }
        lines.push(kept.trim().to_owned());
    }
    lines
}

#[test]
fn the_jenkinsfile_is_a_declarative_pipeline() {
    let text = workspace::read("examples/ci/Jenkinsfile");
    assert_eq!(problems(&text), Vec::<String>::new());
    for (what, right, wrong) in [
        (
            "a brace is missing",
            "            steps {\n                sh '''\n                    ./build.sh",
            "            steps \n                sh '''\n                    ./build.sh",
        ),
        ("a brace too many", "    post {", "    }\n    post {"),
        ("a section has another name", "    stages {", "    stage {"),
        ("a step is in no stage", "    environment {", "    steps {"),
    ] {
        let broken = text.replacen(right, wrong, 1);
        assert_ne!(broken, text, "{what}");
        assert!(!problems(&broken).is_empty(), "{what}");
    }
}
