//! The worked example of `docs/format.md` is true: its files are what the code makes, and the commands that it shows
//! print what it says.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use custody_log::{Receipt, VerifierKey};
use custody_tests::server::run;
use custody_tests::{example, workspace};

fn folder() -> PathBuf {
    workspace::root().join("docs/example")
}

/// `CUSTODY_WRITE_EXAMPLE=1 cargo test -p custody-tests --test worked_example` writes the files again.
#[test]
fn the_files_are_what_the_code_makes() {
    let files = example::files();
    if std::env::var_os("CUSTODY_WRITE_EXAMPLE").is_some() {
        fs::create_dir_all(folder()).unwrap();
        for (name, bytes) in &files {
            fs::write(folder().join(name), bytes).unwrap();
        }
    }
    for (name, bytes) in &files {
        let kept = fs::read(folder().join(name)).unwrap_or_default();
        assert_eq!(
            String::from_utf8_lossy(&kept),
            String::from_utf8_lossy(bytes),
            "docs/example/{name} (CUSTODY_WRITE_EXAMPLE=1 writes it again)"
        );
    }
    let mut kept: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    kept.sort();
    assert_eq!(kept, files.keys().cloned().collect::<Vec<_>>(), "nothing else is in docs/example");
}

#[test]
fn the_receipt_verifies() {
    let files = example::files();
    let receipt = Receipt::decode(&files["entry-1.tlog-proof"]).unwrap();
    let key: VerifierKey = String::from_utf8(files["log.vkey"].clone()).unwrap().trim().parse().unwrap();
    let verified = receipt.verify(&"example.com/log".parse().unwrap(), &[key]).unwrap();
    assert_eq!(verified.entry_bytes(), files["entry-1"]);
}

/// A command of the section, and what the section says it prints.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    command: String,
    output: String,
}

/// Returns what the `sh` blocks of the section show: lines that start with `$ ` are typed, the others printed.
fn shown(section: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut inside = false;
    for line in section.lines() {
        match (inside, line) {
            (false, "```sh") => inside = true,
            (true, "```") => inside = false,
            (true, line) => match (line.strip_prefix("$ "), all.last_mut()) {
                (Some(command), _) => all.push(Shown { command: command.to_owned(), output: String::new() }),
                (None, Some(last)) => last.output.extend([line, "\n"]),
                (None, None) => panic!("output before any command: {line}"),
            },
            (false, _) => {}
        }
    }
    all
}

#[test]
fn the_commands_print_what_the_section_says() {
    let text = workspace::read("docs/format.md");
    let section = text.split("\n## Worked example\n").nth(1).expect("format.md has a worked example");
    let shown = shown(section.split("\n## ").next().unwrap());
    assert!(shown.len() >= 8, "the section shows how to follow it");
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in example::files() {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    // One shell for all, since later commands use what earlier ones defined; a mark between their outputs.
    let mark = "== next ==";
    let commands: Vec<&str> = shown.iter().map(|shown| shown.command.as_str()).collect();
    let script = commands.join(&format!("\necho '{mark}'\n"));
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &script]).current_dir(copy.path()).env("LC_ALL", "C");
    let ended = run(bash);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let printed: Vec<&str> = ended.stdout.split(&format!("{mark}\n")).collect();
    for (shown, printed) in shown.iter().zip(printed) {
        assert_eq!(printed, shown.output, "$ {}", shown.command);
    }
}

#[test]
fn blocks_are_cut_into_commands_and_output() {
    let section = "text\n```sh\n$ a\n1\n2\n$ b\n```\n```\n$ not this\n```\n";
    let expected = [("a", "1\n2\n"), ("b", "")];
    let expected = expected.map(|(command, output)| Shown { command: command.into(), output: output.into() });
    assert_eq!(shown(section), expected);
}
