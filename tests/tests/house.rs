//! House rules that a compiler does not check: names, sizes, letters, and that every test is built and run.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use custody_tests::server::run;
use custody_tests::source::{
    code_lines, declared_modules, is_crate_root, is_test_file, may_declare, module_name,
};
use custody_tests::workspace;

/// A file longer than this holds more than one idea.
const CODE_LINES_MAX: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "manager", "misc"];

/// Files that must show a letter of others: signature lines of notes start with an em dash.
const FOREIGN_TEXT: &[&str] = &["docs/format.md"];

fn too_long(file: &Path, source: &str) -> Option<String> {
    let lines = code_lines(source);
    (!is_test_file(file) && lines > CODE_LINES_MAX)
        .then(|| format!("{}: {lines} lines of code", file.display()))
}

fn named_emptily(file: &Path) -> bool {
    file.iter().any(|part| {
        let part = part.to_string_lossy();
        let stem = part.split('.').next().unwrap_or_default();
        EMPTY_NAMES.contains(&stem)
    })
}

/// Returns the line of the first character that is not ASCII.
fn first_foreign_line(text: &[u8]) -> Option<usize> {
    text.split(|byte| *byte == b'\n').position(|line| !line.is_ascii()).map(|line| line + 1)
}

fn tracked(extension: &str) -> Vec<PathBuf> {
    let has = |file: &PathBuf| file.extension().is_some_and(|found| found == extension);
    workspace::files().into_iter().filter(has).collect()
}

#[test]
fn no_file_holds_more_than_one_idea() {
    let long: Vec<String> =
        workspace::rust_sources().iter().filter_map(|(file, source)| too_long(file, source)).collect();
    assert!(long.is_empty(), "above {CODE_LINES_MAX} lines of code outside tests:\n{}", long.join("\n"));
}

#[test]
fn a_file_that_is_too_long_is_found() {
    let source = "fn f() {}\n".repeat(CODE_LINES_MAX + 1);
    assert!(too_long(Path::new("server/src/long.rs"), &source).is_some());
    assert!(too_long(Path::new("server/src/long/tests.rs"), &source).is_none());
    assert!(too_long(Path::new("server/src/long.rs"), &"// why\n".repeat(CODE_LINES_MAX + 1)).is_none());
}

#[test]
fn every_name_says_what_is_inside() {
    let empty: Vec<PathBuf> = workspace::files().into_iter().filter(|file| named_emptily(file)).collect();
    assert!(empty.is_empty(), "names that say nothing: {empty:?}");
    assert!(named_emptily(Path::new("client/src/utils/mod.rs")));
    assert!(named_emptily(Path::new("client/src/helper.rs")));
}

#[test]
fn sources_are_ascii() {
    let mut found = Vec::new();
    for extension in ["rs", "proto", "toml", "md", "sh", "yml"] {
        for file in tracked(extension) {
            let bytes = std::fs::read(workspace::root().join(&file)).expect("a listed file can be read");
            if let Some(line) = first_foreign_line(&bytes) {
                found.push(format!("{}:{line}", file.display()));
            }
        }
    }
    found.retain(|place| !FOREIGN_TEXT.iter().any(|foreign| place.starts_with(foreign)));
    assert!(found.is_empty(), "not ASCII:\n{}", found.join("\n"));
    assert_eq!(first_foreign_line("plain\nna\u{ef}ve\n".as_bytes()), Some(2));
}

#[test]
fn architecture_fits_in_150_lines() {
    let lines = workspace::read("ARCHITECTURE.md").lines().count();
    assert!(lines <= 150, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn places_named_in_architecture_exist() {
    let text = workspace::read("ARCHITECTURE.md");
    for place in named_places(&text) {
        assert!(
            workspace::root().join(&place).exists(),
            "ARCHITECTURE.md names `{place}`, which does not exist"
        );
    }
    assert_eq!(
        named_places("see `server/src/` and `cargo test` and `docs/format.md`"),
        ["server/src/".to_owned(), "docs/format.md".to_owned()]
    );
}

/// Returns what stands in backquotes and looks like a path of this project.
fn named_places(text: &str) -> Vec<String> {
    let tops = ["proto/", "server/", "client/", "tests/", "examples/", "docs/", ".ci/"];
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|place| tops.iter().any(|top| place.starts_with(top))).map(ToOwned::to_owned).collect()
}

#[test]
fn every_crate_is_a_member_and_inherits_the_lints() {
    let top: toml::Table = workspace::read("Cargo.toml").parse().expect("a manifest is TOML");
    let members: BTreeSet<String> = top["workspace"]["members"]
        .as_array()
        .expect("members is a list")
        .iter()
        .filter_map(|member| member.as_str().map(ToOwned::to_owned))
        .collect();
    let is_manifest = |file: &PathBuf| file.ends_with("Cargo.toml") && file != Path::new("Cargo.toml");
    let mut crates = BTreeSet::new();
    for file in workspace::files().into_iter().filter(is_manifest) {
        let manifest: toml::Table =
            workspace::read(&file.to_string_lossy()).parse().expect("a manifest is TOML");
        assert_eq!(manifest["lints"]["workspace"].as_bool(), Some(true), "{}", file.display());
        crates.insert(file.parent().expect("a manifest is in a folder").to_string_lossy().into_owned());
    }
    assert_eq!(crates, members, "a crate that is no member of the workspace is never built or tested");
}

#[test]
fn no_target_switches_its_tests_off() {
    for file in tracked("toml") {
        let off = switched_off(&workspace::read(&file.to_string_lossy()));
        assert!(off.is_empty(), "{}: {off:?}", file.display());
    }
    for (file, source) in workspace::rust_sources() {
        let mark = concat!("#[", "ignore");
        assert!(!source.contains(mark), "{}: an ignored test protects nothing", file.display());
    }
}

#[test]
fn a_target_that_switches_its_tests_off_is_found() {
    assert_eq!(
        switched_off("[lib]\ntest = false\n\n[[test]]\nharness = false\n"),
        ["test = false", "harness = false"]
    );
    assert!(
        switched_off("[[bench]]\nharness = false\n\n[lib]\ndoctest = false\n").contains(&"doctest = false")
    );
    assert!(switched_off("[lib]\nbench = false\n\n[[bench]]\nharness = false\n").is_empty());
}

/// Returns what a manifest switches off. A bench holds no tests: criterion brings a harness of its own.
fn switched_off(manifest: &str) -> Vec<&'static str> {
    let tables = manifest.split("\n[").filter(|table| !table.trim_start_matches('[').starts_with("bench]]"));
    let text: String = tables.collect();
    let switches = ["test = false", "autotests = false", "harness = false", "doctest = false"];
    switches.into_iter().filter(|switch| text.contains(*switch)).collect()
}

/// `mod tests;` is easily forgotten, and then a file of tests is never built.
#[test]
fn every_source_is_built() {
    let sources = workspace::rust_sources();
    let forgotten: Vec<String> = sources
        .iter()
        .filter(|(file, _)| !is_crate_root(file))
        .filter(|(file, _)| {
            let name = module_name(file);
            !sources
                .iter()
                .any(|(other, text)| may_declare(other, file) && declared_modules(text).contains(&name))
        })
        .map(|(file, _)| file.display().to_string())
        .collect();
    assert!(forgotten.is_empty(), "no `mod` names these:\n{}", forgotten.join("\n"));
}

#[test]
fn what_the_readme_says_to_run_is_what_is_run_before_a_change_is_accepted() {
    let readme = workspace::read("README.md");
    let block = readme.split("Run all tests:\n\n```sh\n").nth(1).expect("README.md shows the test command");
    let shown = block.split("```").next().unwrap().trim();
    assert_eq!(shown, "cargo test --workspace");
    let script = workspace::read(".ci/run");
    let function = &script[script.find("readme_test_command() {").expect("the script reads README.md")..];
    let function = &function[..function.find("\n}\n").expect("a function ends") + 3];
    let mut bash = Command::new("bash");
    bash.args(["-c", &format!("{function}readme_test_command")]).current_dir(workspace::root());
    assert_eq!(run(bash).stdout.trim(), shown);
    assert!(script.contains("tests=$(readme_test_command)") && script.contains("bash -c \"$tests\""));
    assert!(readme.contains("```sh\ncargo run -p custody-examples --bin quickstart\n```"));
}

/// The rows of the tables of a document, each as its cells.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    text.lines().filter(|line| line.starts_with("| ")).map(cells).collect()
}

/// Every name in the last column that is in the form of a test's: lower-case words in backticks.
fn tests_named(row: &[String]) -> Vec<String> {
    let last = row.last().map(String::as_str).unwrap_or_default();
    let quoted = last.split('`').skip(1).step_by(2);
    quoted
        .filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_threat_that_is_met_names_tests_that_are_there() {
    let text = std::fs::read_to_string(workspace::root().join("SECURITY.md")).unwrap();
    let (threats, shown) = text.split_once("\n## Which test shows it\n").unwrap();
    let shown = rows(shown.split("\n## ").next().unwrap());
    let tests: BTreeSet<String> = workspace::rust_sources()
        .iter()
        .flat_map(|(_, source)| source.lines())
        .filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "))
        .filter_map(|rest| rest.split('(').next().map(str::to_owned))
        .collect();
    let is_heading = |row: &[String]| row.first().is_some_and(|cell| cell == "threat");
    let mut missing = Vec::new();
    for row in shown.iter().filter(|row| !is_heading(row)) {
        let named = tests_named(row);
        assert!(!named.is_empty(), "no test: {row:?}");
        missing.extend(named.into_iter().filter(|name| !tests.contains(name)));
    }
    assert!(missing.is_empty(), "tests that are not there: {missing:?}");
    let met: BTreeSet<&String> = shown.iter().filter_map(|row| row.first()).collect();
    let threats = rows(threats);
    let unmet: Vec<&Vec<String>> =
        threats.iter().filter(|row| row.first().is_some_and(|threat| !met.contains(threat))).collect();
    assert!(threats.len() > 30 && unmet.is_empty(), "threats without a test: {unmet:?}");
}
