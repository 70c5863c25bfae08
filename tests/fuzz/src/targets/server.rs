//! What an operator gives the server.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use custody_server::config::{Config, ConfigError, Environment, Layer};
use custody_server::journal::{DiskFiles, Files, backup, restore};
use tempfile::TempDir;

use super::{Target, texts};
use crate::claim::{Outcome, bounded, refused};

pub(super) const TARGETS: &[Target] = &[
    Target {
        name: "server.config",
        max: 2 << 10,
        rounds: 1000,
        words: &[
            "data = ",
            "listen = ",
            "log-key = ",
            "freshness-key = ",
            "disk-reserve = ",
            "log-format = ",
            "\"json\"",
            "'",
            "[a]",
            "\"127.0.0.1:4600\"",
        ],
        seeds: |_| {
            texts(&[
                "data = '/var/lib/custody'\nlisten = '127.0.0.1:4600'\nlog-format = 'json'\ndisk-reserve = 1000\n",
                "data = \"d\"\nlog-key = \"k\" # why\nfreshness-key = \"\"\"f\"\"\"\n",
                "",
            ])
        },
        run: config,
    },
    Target {
        name: "server.backup_list",
        max: 16 << 10,
        rounds: 200,
        words: &[
            "\"format\":",
            "\"crit\":",
            "\"sealed\":",
            "\"nodes\":",
            "\"files\":",
            "\"path\":",
            "\"length\":",
            "../",
            "/etc/",
            "journal/segments/",
        ],
        seeds: |_| {
            vec![fs::read(backed_up().path().join("backup/manifest.json")).expect("a backup has a list")]
        },
        run: backup_list,
    },
];

/// A folder with a backup of the log of the worked example, made once.
fn backed_up() -> &'static TempDir {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    MADE.get_or_init(|| {
        let (log, dir) = (super::journal::written(), tempfile::tempdir().expect("a temporary folder"));
        let files: Arc<dyn Files> = Arc::new(DiskFiles);
        backup(log.path(), &dir.path().join("backup"), &files, &mut |_| {}).expect("a backup is made");
        dir
    })
}

/// What is restored from a changed list is the log that was backed up; nothing is written beside it.
fn backup_list(bytes: &[u8]) -> Outcome {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (from, data) = (dir.path().join("backup"), dir.path().join("data"));
    copy(&backed_up().path().join("backup"), &from);
    fs::write(from.join("manifest.json"), bytes).expect("the list can be written");
    let files: Arc<dyn Files> = Arc::new(DiskFiles);
    let restored = restore(&from, &data, &files, &|_, _| true, &mut |_| {});
    let names: Vec<_> =
        fs::read_dir(dir.path()).expect("the folder").map(|file| file.unwrap().file_name()).collect();
    assert!(
        names.iter().all(|name| name.to_string_lossy().starts_with("data") || name == "backup"),
        "{names:?}"
    );
    match restored {
        Ok(size) => {
            assert_eq!(size.get(), 3, "another log than was backed up");
            Outcome::Accepted
        }
        Err(error) => match refused(&error) {
            Outcome::Refused(text) => Outcome::Refused(text.replace(&*dir.path().to_string_lossy(), "")),
            Outcome::Accepted => Outcome::Accepted,
        },
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("a folder can be listed") {
        let entry = entry.expect("a folder can be listed");
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("a file can be copied");
        }
    }
}

fn config(bytes: &[u8]) -> Outcome {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), bytes).expect("the file can be written");
    match Config::resolve(Layer::default(), &Environment::default(), Some(file.path()), true) {
        Ok(config) => {
            bounded(bytes.len(), &config, 12, 2048);
            Outcome::Accepted
        }
        // The library shows the place with the line that is wrong, on lines of their own.
        Err(error @ ConfigError::Content { .. }) => Outcome::Refused(error.to_string()),
        Err(error) => refused(&error),
    }
}
