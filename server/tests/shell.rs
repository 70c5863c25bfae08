//! Completions are read by a real shell, and there is a manual page for each command.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a test says what went wrong by panicking"
)]

use std::process::{Command, Output};

const COMMANDS: [&str; 9] =
    ["backup", "completions", "fsck", "init", "log-key", "man", "rebuild-index", "restore", "run"];

const LOG_KEY_COMMANDS: [&str; 4] = ["log-key-new", "log-key-show", "log-key-sign", "log-key-switch"];

fn custodyd(arguments: &[&str]) -> Output {
    // Settings of the environment have no place in what is printed.
    let mut command = Command::new(env!("CARGO_BIN_EXE_custodyd"));
    command.env_clear().env("CUSTODYD_LISTEN", "127.0.0.1:17171").args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = custodyd(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("17171"), "{arguments:?}");
    text
}

#[test]
fn shells_read_their_completions_which_name_every_command() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
        let file = dir.path().join(shell);
        std::fs::write(&file, script).unwrap();
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(output) => {
                assert!(output.status.success(), "{shell}: {}", String::from_utf8_lossy(&output.stderr));
            }
            Err(error) => println!("skipped: no {shell}: {error}"),
        }
    }
    assert_eq!(custodyd(&["completions", "tcsh"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_page() {
    let dir = tempfile::tempdir().unwrap();
    printed(&["man", "--out", dir.path().to_str().unwrap()]);
    let commands: Vec<&str> = COMMANDS.into_iter().chain(LOG_KEY_COMMANDS).collect();
    for name in &commands {
        let page = std::fs::read_to_string(dir.path().join(format!("custodyd-{name}.1"))).unwrap();
        assert!(page.contains(".TH ") && page.contains(".SH SYNOPSIS"), "{name}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), commands.len() + 1, "and one of all");
    assert!(printed(&["man"]).contains(".TH custodyd 1"));
}
