//! Dependencies run one way, as ARCHITECTURE.md draws them: this test reads the sources and the manifests.

#![allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets the unexpected has failed, and a panic says so"
)]

use std::collections::BTreeSet;
use std::path::Path;

use custody_tests::source::{UsedPath, belongs, is_test_file, used_paths};
use custody_tests::workspace;

/// What one folder of sources must not name. The first rule whose folder holds a file is not the only one: all
/// rules that fit apply.
struct Rule {
    folder: &'static str,
    except: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::os",
    "std::time::SystemTime",
    "std::time::Instant",
    "tokio",
    "tonic",
    "prost",
    "prost_types",
    "sled",
    "getrandom",
    "rustix",
    "tracing",
];

const RULES: &[Rule] = &[
    Rule { folder: "proto/log/src", except: &[], never: IMPURE, because: "custody-log is pure" },
    Rule { folder: "proto/evidence/src", except: &[], never: IMPURE, because: "custody-evidence is pure" },
    Rule { folder: "proto/gate/src", except: &[], never: IMPURE, because: "custody-gate is pure" },
    Rule {
        folder: "proto/log/src",
        except: &[],
        never: &["custody_evidence", "custody_gate", "custody_wire", "custody_server", "custody_client"],
        because: "nothing is below custody-log",
    },
    Rule {
        folder: "proto/evidence/src",
        except: &[],
        never: &["custody_gate", "custody_wire", "custody_server", "custody_client"],
        because: "custody-evidence knows custody-log only",
    },
    Rule {
        folder: "proto/gate/src",
        except: &[],
        never: &["custody_wire", "custody_server", "custody_client"],
        because: "custody-gate knows custody-evidence and custody-log only",
    },
    Rule {
        folder: "proto/gate/src/policy",
        except: &[],
        never: &["crate::evaluate", "crate::evidence", "crate::verdict"],
        because: "a policy is read before anything is judged",
    },
    Rule {
        folder: "proto/gate/src/cel",
        except: &[],
        never: &["crate::evaluate", "crate::evidence", "crate::verdict"],
        because: "expressions know nothing of entries",
    },
    Rule {
        folder: "proto/wire/src",
        except: &[],
        never: &["custody_server", "custody_client", "sled", "std::fs", "std::net"],
        because: "custody-wire holds types, not programs",
    },
    Rule {
        folder: "client/src",
        except: &[],
        never: &["custody_server", "sled"],
        because: "the client believes nothing that only the server knows",
    },
    Rule {
        folder: "server/src",
        except: &["server/src/transport"],
        never: &[
            "tonic",
            "tonic_types",
            "tonic_health",
            "tonic_prost",
            "prost",
            "prost_types",
            "custody_wire",
        ],
        because: "transport is the only place that knows tonic",
    },
    Rule {
        folder: "server/src",
        except: &["server/src/index"],
        never: &["sled"],
        because: "index is the only place that knows sled",
    },
    Rule {
        folder: "server/src",
        except: &[],
        never: &["custody_client"],
        because: "the server has no client",
    },
    Rule {
        folder: "server/src/journal",
        except: &[],
        never: &[
            "crate::transport",
            "crate::admission",
            "crate::sequencer",
            "crate::index",
            "crate::query",
            "crate::publish",
        ],
        because: "the journal is the truth and stands on nothing",
    },
    Rule {
        folder: "server/src/index",
        except: &[],
        never: &["crate::transport", "crate::admission", "crate::sequencer", "crate::publish"],
        because: "the index is derived from the journal alone",
    },
    Rule {
        folder: "server/src/query",
        except: &[],
        never: &["crate::transport", "crate::admission", "crate::sequencer", "crate::publish", "std::fs"],
        because: "query reads, through a trait",
    },
    Rule {
        folder: "server/src/publish",
        except: &[],
        never: &["crate::transport", "crate::sequencer", "crate::query"],
        because: "publish comes after the commit point",
    },
    Rule {
        folder: "server/src/admission",
        except: &[],
        never: &["crate::transport", "crate::publish", "crate::query"],
        because: "admission hands on to the sequencer and to nobody else",
    },
    Rule {
        folder: "server/src/ledger",
        except: &[],
        never: &["crate::transport", "crate::admission", "crate::sequencer", "crate::query"],
        because: "the open log does not know who writes to it or asks it",
    },
    Rule {
        folder: "server/src/sequencer",
        except: &[],
        never: &["crate::transport", "crate::query"],
        because: "the sequencer does not know who called",
    },
];

/// Which crates of this workspace each manifest may name outside `dev-dependencies`.
const MANIFESTS: &[(&str, &[&str])] = &[
    ("proto/log", &[]),
    ("proto/evidence", &["custody-log"]),
    ("proto/gate", &["custody-evidence", "custody-log"]),
    ("proto/wire", &["custody-evidence", "custody-gate", "custody-log"]),
    ("server", &["custody-evidence", "custody-gate", "custody-log", "custody-wire"]),
    ("client", &["custody-evidence", "custody-gate", "custody-log", "custody-wire"]),
    ("examples", &["custody-client", "custody-evidence", "custody-log"]),
    ("tests", &["custody-client", "custody-evidence", "custody-gate", "custody-log", "custody-wire"]),
    (
        "tests/fuzz",
        &[
            "custody-client",
            "custody-evidence",
            "custody-gate",
            "custody-log",
            "custody-server",
            "custody-tests",
            "custody-wire",
        ],
    ),
];

/// What the pure crates must not depend on at all.
const IMPURE_CRATES: &[&str] =
    &["getrandom", "prost", "prost-types", "rustix", "sled", "tokio", "tonic", "tracing", "tempfile"];

/// Returns one line for each path that breaks a rule.
fn broken(file: &Path, source: &str) -> Vec<String> {
    if is_test_file(file) {
        return Vec::new();
    }
    let used = used_paths(source);
    let mut found = Vec::new();
    for rule in RULES.iter().filter(|rule| belongs(file, rule.folder)) {
        if rule.except.iter().any(|folder| belongs(file, folder)) {
            continue;
        }
        let breaks = |path: &&UsedPath| rule.never.iter().any(|never| path.starts_with(never));
        for path in used.iter().filter(breaks) {
            found.push(format!(
                "{}:{}: {} ({})",
                file.display(),
                path.line,
                path.parts.join("::"),
                rule.because
            ));
        }
    }
    found
}

/// Returns the names in the tables of dependencies that end up in what is built.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = manifest.parse().expect("a manifest is TOML");
    let mut names = BTreeSet::new();
    for table in ["dependencies", "build-dependencies"] {
        if let Some(table) = manifest.get(table).and_then(toml::Value::as_table) {
            names.extend(table.keys().cloned());
        }
    }
    names
}

fn undrawn(allowed: &[&str], manifest: &str) -> Vec<String> {
    dependencies(manifest)
        .into_iter()
        .filter(|name| name.starts_with("custody-") && !allowed.contains(&name.as_str()))
        .collect()
}

#[test]
fn no_source_points_up() {
    let found: Vec<String> =
        workspace::rust_sources().iter().flat_map(|(file, source)| broken(file, source)).collect();
    assert!(found.is_empty(), "arrows that ARCHITECTURE.md does not draw:\n{}", found.join("\n"));
}

#[test]
fn no_manifest_points_up() {
    for (folder, allowed) in MANIFESTS {
        let undrawn = undrawn(allowed, &workspace::read(&format!("{folder}/Cargo.toml")));
        assert!(undrawn.is_empty(), "{folder}/Cargo.toml: {undrawn:?} (ARCHITECTURE.md allows {allowed:?})");
    }
}

#[test]
fn pure_crates_depend_on_nothing_that_acts() {
    for folder in ["proto/log", "proto/evidence", "proto/gate"] {
        let dependencies = dependencies(&workspace::read(&format!("{folder}/Cargo.toml")));
        let acting: Vec<_> = IMPURE_CRATES.iter().filter(|name| dependencies.contains(**name)).collect();
        assert!(acting.is_empty(), "{folder}/Cargo.toml: {acting:?}");
    }
}

#[test]
fn every_rule_is_about_sources_that_exist() {
    let sources = workspace::rust_sources();
    for rule in RULES {
        for folder in rule.except.iter().chain([&rule.folder]) {
            assert!(sources.iter().any(|(file, _)| belongs(file, folder)), "no source in {folder}");
        }
    }
}

#[test]
fn a_planted_violation_of_each_rule_is_found() {
    for rule in RULES {
        for never in rule.never {
            let file = Path::new(rule.folder).join("planted.rs");
            let used = format!("use {never}::planted;\n");
            assert!(!broken(&file, &used).is_empty(), "{never} in {}", rule.folder);
            let in_braces = match never.rsplit_once("::") {
                Some((start, end)) => format!("use {start}::{{other, {end}::planted}};\n"),
                None => format!("fn f() {{ {never}::planted(); }}\n"),
            };
            assert!(!broken(&file, &in_braces).is_empty(), "{in_braces} in {}", rule.folder);
        }
    }
}

#[test]
fn a_planted_dependency_is_found() {
    let manifest = "[dependencies]\ncustody-log.workspace = true\ncustody-server.workspace = true\n";
    assert_eq!(undrawn(&["custody-log"], manifest), ["custody-server"]);
}

#[test]
fn allowed_places_are_not_reported() {
    assert!(broken(Path::new("server/src/transport/status.rs"), "use tonic::Status;").is_empty());
    assert!(broken(Path::new("server/src/index/facts.rs"), "use sled::Db;").is_empty());
    assert!(broken(Path::new("proto/log/src/tree/tests.rs"), "use std::fs;").is_empty());
    assert_eq!(broken(Path::new("server/src/sequencer.rs"), "use tonic::Status;").len(), 1);
}
