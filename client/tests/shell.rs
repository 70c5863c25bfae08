//! Completions are sourced by a real shell, and manual pages read by a real formatter, where they are installed.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

use std::path::Path;
use std::process::{Command, Output};

fn custody(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_custody"));
    // Settings of the environment have no place in what is printed.
    command.env_clear().env("HOME", "/nonexistent").env("CUSTODY_RETRY_FOR", "17m");
    command.args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = custody(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("17m"), "{arguments:?}");
    text
}

/// Runs a program; none if it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<Output> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("skipped: no {program}: {error}");
            None
        }
    }
}

/// Writes a script that completes a line, and returns what the shell offers.
fn bash_offers(dir: &Path, words: &[&str]) -> Vec<String> {
    let file = dir.join("custody.bash");
    std::fs::write(&file, printed(&["completions", "bash"])).unwrap();
    let line = words.join(" ");
    let script = format!(
        "set -eu\nsource {}\nCOMP_WORDS=({})\nCOMP_CWORD={}\nCOMP_LINE='{line}'\nCOMP_POINT={}\n_custody custody '{}' '{}'\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        file.display(),
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" "),
        words.len() - 1,
        line.len(),
        words.last().unwrap(),
        words[words.len() - 2],
    );
    let output = run("bash", &["--norc", "-c", &script]).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    if run("bash", &["--version"]).is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(bash_offers(dir.path(), &["custody", "aud"]), ["audit"]);
    let flags = bash_offers(dir.path(), &["custody", "record", "build", "--s"]);
    for flag in ["--spool", "--subject", "--server"] {
        assert!(flags.iter().any(|found| found == flag), "{flag} in {flags:?}");
    }
    assert_eq!(bash_offers(dir.path(), &["custody", "show", "--color", "al"]), ["always"]);
}

#[test]
fn zsh_and_fish_read_their_completions() {
    let dir = tempfile::tempdir().unwrap();
    for (shell, arguments) in [("zsh", vec!["-f", "-n"]), ("fish", vec!["--no-config", "--no-execute"])] {
        let script = printed(&["completions", shell]);
        assert!(script.contains("audit") && script.contains("spool"), "{shell}");
        let file = dir.path().join(shell);
        std::fs::write(&file, script).unwrap();
        let arguments: Vec<&str> = arguments.into_iter().chain([file.to_str().unwrap()]).collect();
        if let Some(output) = run(shell, &arguments) {
            assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert_eq!(custody(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_page_that_formatters_read_without_a_word() {
    let dir = tempfile::tempdir().unwrap();
    printed(&["man", "--out", dir.path().to_str().unwrap()]);
    let pages: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|page| page.unwrap().path()).collect();
    let has = |name: &str| pages.iter().any(|page| page.file_name().unwrap().to_str() == Some(name));
    for name in ["custody.1", "custody-audit.1", "custody-record-build.1", "custody-spool-flush.1"] {
        assert!(has(name), "{name} in {pages:?}");
    }
    assert!(!pages.iter().any(|page| page.to_string_lossy().contains("help")), "{pages:?}");
    let top = printed(&["man"]);
    assert!(top.starts_with(".ie") || top.contains(".TH custody 1"), "{top}");
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH SYNOPSIS"), "{}", page.display());
        let path = page.to_str().unwrap();
        for (formatter, arguments) in [
            ("mandoc", vec!["-T", "lint", "-W", "error", path]),
            ("groff", vec!["-man", "-ww", "-z", "-Tutf8", path]),
        ] {
            let Some(output) = run(formatter, &arguments) else { continue };
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{formatter} {path}: {said}");
        }
    }
}
