//! What `cargo bench` found, as a table: criterion keeps its estimates below `target/criterion`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::report::Table;

/// Under which name the time of a bench stands that depends on no size.
const ANY: &str = "any size";

/// Reads the estimates in this folder.
pub(crate) fn table(folder: &Path) -> Table {
    let mut times: BTreeMap<(String, String), BTreeMap<String, f64>> = BTreeMap::new();
    for estimates in found(folder) {
        let beside = estimates.with_file_name("benchmark.json");
        let (bench, estimates) = (document(&beside), document(&estimates));
        let text = |member: &str| bench[member].as_str().map(ToOwned::to_owned);
        let name = (text("group_id").unwrap_or_default(), text("function_id").unwrap_or_default());
        let size = text("value_str").unwrap_or_else(|| ANY.to_owned());
        let nanoseconds =
            estimates["median"]["point_estimate"].as_f64().expect("criterion estimates a median");
        times.entry(name).or_default().insert(size, nanoseconds);
    }
    assert!(!times.is_empty(), "{} has no estimates: run `cargo bench` first", folder.display());
    let sizes: BTreeSet<&String> = times.values().flat_map(BTreeMap::keys).collect();
    // 2^10 before 2^16, and what depends on no size at the end.
    let header = std::iter::once("one core".to_owned()).chain(sizes.iter().copied().cloned());
    let row = |name: &str, found: &BTreeMap<String, f64>| {
        let cells =
            sizes.iter().map(|size| found.get(*size).map_or_else(String::new, |time| duration(*time)));
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    Table {
        name: "benches",
        header: header.collect(),
        rows: times.iter().map(|((_, name), found)| row(name, found)).collect(),
        notes: vec![
            "median time of one call, by criterion; sizes are leaves of the tree, less three".to_owned(),
            "trees are in memory; envelopes have 4 KB".to_owned(),
        ],
    }
}

/// Returns the newest estimates of each bench: `<group>/<bench>/[<size>/]new/estimates.json`.
fn found(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with("new/estimates.json") {
                files.push(path);
            }
        }
    }
    files
}

fn document(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn duration(nanoseconds: f64) -> String {
    if nanoseconds < 1e3 { format!("{nanoseconds:.0} ns") } else { format!("{:.1} us", nanoseconds / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, place: &str, bench: &str, nanoseconds: f64) {
        let place = folder.join(place).join("new");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("benchmark.json"), bench).unwrap();
        let estimates = format!(r#"{{"median":{{"point_estimate":{nanoseconds}}}}}"#);
        fs::write(place.join("estimates.json"), estimates).unwrap();
    }

    #[test]
    fn each_bench_has_a_row_and_each_size_a_column() {
        let dir = tempfile::tempdir().unwrap();
        for (size, nanoseconds) in [("2^16", 2_500.0), ("2^10", 900.0)] {
            let bench = format!(r#"{{"group_id":"g","function_id":"make","value_str":"{size}"}}"#);
            write(dir.path(), &format!("g/make/{size}"), &bench, nanoseconds);
        }
        write(dir.path(), "h/sign", r#"{"group_id":"h","function_id":"sign","value_str":null}"#, 31_000.0);
        let table = table(dir.path());
        assert_eq!(table.header, ["one core", "2^10", "2^16", "any size"]);
        assert_eq!(table.rows, [["make", "900 ns", "2.5 us", ""], ["sign", "", "", "31.0 us"]]);
    }
}
