//! The load generator runs, and writes what it found: its shape is checked, never its figures.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::process::Command;

use custody_tests::binaries::Binaries;
use custody_tests::server::run;
use custody_tests::workspace;

/// Everything that is measured.
const SCENARIOS: &[&str] = &[
    "lone",
    "callers64",
    "callers128",
    "bulk",
    "uploads",
    "distrust",
    "rebuild",
    "size",
    "open",
    "audit",
    "gate",
    "answers",
    "readers",
];

/// The names in the markers, as `docs/benchmarks.md` has them.
const TABLES: &[&str] = &[
    "lone",
    "callers-64",
    "callers-128",
    "bulk",
    "uploads",
    "distrust",
    "rebuild",
    "size",
    "open",
    "audit",
    "gate",
    "answers",
    "readers",
];

#[test]
fn a_quick_run_writes_a_table_for_each_scenario() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("benchmarks.md");
    std::fs::write(&report, "# Benchmarks\n\n<!-- load: lone -->\nold\n<!-- end: lone -->\n\nby hand\n")
        .unwrap();
    let mut load = Command::new(env!("CARGO_BIN_EXE_load"));
    // Built here: the generator is not given the time for it.
    let binaries = Binaries::built().custodyd();
    load.env("CUSTODY_BINARIES", binaries.parent().unwrap());
    load.arg("--quick").arg("--dir").arg(dir.path()).arg("--write").arg(&report);
    for scenario in SCENARIOS {
        load.args(["--scenario", scenario]);
    }
    let ended = run(load);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let text = std::fs::read_to_string(&report).unwrap();
    assert!(text.starts_with("# Benchmarks\n") && text.contains("\nby hand\n") && !text.contains("old"));
    for table in TABLES {
        measured(table, between(&text, table));
    }
}

#[test]
fn the_published_tables_are_those_that_the_generator_writes() {
    let text = workspace::read("docs/benchmarks.md");
    for table in TABLES.iter().chain(&["benches"]) {
        measured(table, between(&text, table));
    }
}

/// Fails unless this was written by the generator: a machine, and a table with a row.
fn measured(table: &str, inside: &str) {
    assert!(inside.starts_with("Machine: ") && !inside.contains("not measured"), "{table}: {inside}");
    let rows: Vec<&str> = inside.lines().filter(|line| line.starts_with("| ")).collect();
    assert!(rows.len() >= 3, "{table} has a header and rows:\n{inside}");
    let columns = |row: &str| row.matches(" |").count();
    assert!(rows.iter().all(|row| columns(row) == columns(rows[0])), "{inside}");
    assert!(!inside.contains("NaN") && !inside.contains("inf"), "{inside}");
}

fn between<'a>(text: &'a str, table: &str) -> &'a str {
    let begin = format!("<!-- load: {table} -->\n");
    let rest = text.split_once(&begin).unwrap_or_else(|| panic!("no table {table}")).1;
    rest.split_once(&format!("<!-- end: {table} -->")).expect("a table has an end").0
}
