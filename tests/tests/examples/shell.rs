//! The shell lines of a template, as its CI system would hand them to a shell.

/// Returns the steps of a file in YAML: every literal block behind `run:`, `script:`, or in the list of a `script:`.
///
/// Templates write all their shell lines so, which [`all_are_steps`] holds them to.
pub(crate) fn of_yaml(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let opens = |line: &&str| {
        let line = line.trim_start().trim_start_matches("- ");
        ["run: |", "script: |", "|"].contains(&line)
    };
    let starts = lines.iter().enumerate().filter(|(_, line)| opens(line)).map(|(at, _)| at);
    starts.map(|at| block(&lines[at + 1..], indent(lines[at]))).collect()
}

/// Returns the steps of a Jenkinsfile: every `sh '''..'''`.
pub(crate) fn of_groovy(text: &str) -> Vec<String> {
    let behind = text.split("sh '''\n").skip(1);
    behind
        .map(|rest| rest.split("'''").next().unwrap())
        .map(|lines| block(&lines.lines().collect::<Vec<_>>(), 0))
        .collect()
}

/// Takes a block's lines, which are deeper than the line that opens it, without what they have in common.
fn block(lines: &[&str], opened: usize) -> String {
    let of_block = lines.iter().take_while(|line| line.trim().is_empty() || indent(line) > opened);
    let of_block: Vec<&str> = of_block.copied().collect();
    let depth =
        of_block.iter().filter(|line| !line.trim().is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    let cut: Vec<&str> = of_block.iter().map(|line| line.get(depth..).unwrap_or_default()).collect();
    format!("{}\n", cut.join("\n").trim_end())
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether every line that calls `custody` is in one of the steps: what is not taken out of a template is not tried.
pub(crate) fn all_are_steps(text: &str, steps: &[String]) -> bool {
    let calls = |text: &str| {
        let code = text
            .lines()
            .map(str::trim_start)
            .filter(|line| !line.starts_with('#') && !line.starts_with("//"));
        code.filter(|line| line.starts_with("custody ")).count()
    };
    let told = text.matches("custody record ").count() + text.matches("custody gate ").count();
    calls(text) == calls(&steps.concat()) && calls(text) <= told && calls(text) > 0
}

#[test]
fn steps_are_what_a_shell_gets() {
    let yaml = "jobs:\n  a:\n    - name: x\n      run: |\n        one\n          two\n\n        three\n    - run: |\n        four\n";
    assert_eq!(of_yaml(yaml), ["one\n  two\n\nthree\n", "four\n"]);
    assert_eq!(of_yaml("script:\n  - |\n    one\n  - |\n    two\nother: 1\n"), ["one\n", "two\n"]);
    let groovy = "steps {\n    sh '''\n        one\n        two\n    '''\n}\n";
    assert_eq!(of_groovy(groovy), ["one\ntwo\n"]);
    assert!(all_are_steps("run: |\n  custody record x\n", &["custody record x\n".to_owned()]));
    assert!(!all_are_steps(
        "custody record y\nrun: |\n  custody record x\n",
        &["custody record x\n".to_owned()]
    ));
}
