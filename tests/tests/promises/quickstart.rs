//! The tour for newcomers works, and README.md shows what it prints.

use std::process::Command;

use custody_tests::binaries::Binaries;
use custody_tests::server::run;
use custody_tests::workspace;

const BEGIN: &str = "<!-- quickstart:begin -->\n```console\n";
const END: &str = "```\n<!-- quickstart:end -->";

/// Returns README.md cut in three: before the transcript, the transcript, and behind it.
fn readme() -> (String, String, String) {
    let text = workspace::read("README.md");
    let (before, rest) = text.split_once(BEGIN).expect("README.md has a place for the transcript");
    let (transcript, behind) = rest.split_once(END).expect("the transcript has an end");
    (before.to_owned(), transcript.to_owned(), behind.to_owned())
}

/// Replaces what is different each time: digests, times, numbers, and who cloned this from where.
fn shape(transcript: &str) -> Vec<String> {
    transcript.lines().map(|line| without_numbers(&without_clone(line))).collect()
}

/// A clone that has an address of its own needs no `--repo`. The rows of a trace are cut to fit in their line, which
/// depends on the names of repository and branch: what a row is about and its last entry stay.
fn without_clone(line: &str) -> String {
    const ROWS: [&str; 5] = ["  source ", "  build ", "  sbom ", "  approval ", "  deploy "];
    match ROWS.iter().find(|row| line.starts_with(**row)) {
        Some(row) => format!("{row}{}", line.rsplit(' ').next().unwrap_or_default()),
        None => line.replace(" --repo https://github.com/custody-ledger/custody", ""),
    }
}

/// Every word that has a digit in it becomes `0`, and blanks become one: columns move with the width of numbers.
fn without_numbers(line: &str) -> String {
    let is_word = |character: char| {
        character.is_alphanumeric() || character == '.' || character == ':' || character == '-'
    };
    let mut shape = String::new();
    let mut word = String::new();
    for character in line.chars().chain(['\n']) {
        if is_word(character) {
            word.push(character);
            continue;
        }
        let varies = word.contains(|character: char| character.is_ascii_digit()) || is_hex(&word);
        shape += if varies { "0" } else { &word };
        word.clear();
        if character != ' ' || !shape.ends_with(' ') {
            shape.push(character);
        }
    }
    shape.trim_end().to_owned()
}

/// A short digest may happen to have no digit in it.
fn is_hex(word: &str) -> bool {
    word.len() >= 7 && word.chars().all(|character| character.is_ascii_hexdigit())
}

/// Runs the tour in a folder of its own; returns what it prints, as if it had run in its usual folder.
fn transcript() -> String {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("tour");
    let mut tour = Command::new(Binaries::quickstart());
    tour.arg(&folder);
    let ended = run(tour);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let binaries = Binaries::built().custody();
    let binaries = binaries.parent().unwrap().to_str().unwrap();
    let root = workspace::root();
    ended
        .stdout
        .replace(folder.to_str().unwrap(), "target/quickstart")
        .replace(binaries, "target/debug")
        .replace(&format!("{}/", root.display()), "")
}

/// `CUSTODY_WRITE_TRANSCRIPT=1 cargo test -p custody-tests quickstart` writes the transcript into README.md.
#[test]
fn the_tour_prints_what_the_readme_shows() {
    let printed = transcript();
    let (before, shown, behind) = readme();
    if std::env::var_os("CUSTODY_WRITE_TRANSCRIPT").is_some() {
        let text = format!("{before}{BEGIN}{}{END}{behind}", printed.trim_start());
        std::fs::write(workspace::root().join("README.md"), text).unwrap();
        return;
    }
    let (printed_shape, shown_shape) = (shape(printed.trim_start()), shape(&shown));
    for (printed, shown) in printed_shape.iter().zip(&shown_shape) {
        assert_eq!(printed, shown, "the whole transcript:\n{}", transcript_of(&printed_shape));
    }
    assert_eq!(printed_shape.len(), shown_shape.len(), "{}", transcript_of(&printed_shape));
}

fn transcript_of(lines: &[String]) -> String {
    lines.join("\n")
}

#[test]
fn the_tour_touches_no_folder_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let mut tour = Command::new(Binaries::quickstart());
    tour.arg(folder.path());
    let ended = run(tour);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    assert!(folder.path().join("thesis.txt").exists());
}

#[test]
fn shapes_forget_what_varies_and_nothing_else() {
    assert_eq!(without_numbers("entry  12   sha256:00ff.. at 2026-11-20T14:02:00Z"), "entry 0 0 at 0");
    assert_eq!(without_numbers("segment deadbee, offset"), "segment 0, offset");
    assert_eq!(without_numbers("verified here"), "verified here");
    assert_eq!(without_clone("  source   me/custody@16d9990  refs..  reviewed by 2   1 2"), "  source 2");
}
