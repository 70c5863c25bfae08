//! The mark of a restored log: an old backup must never sign a fork, so until the newest known checkpoint is reached,
//! the log is served and not written (`docs/durability.md`, section "Restoring").

use std::io;
use std::path::{Path, PathBuf};

use custody_evidence::json;
use custody_log::SignedCheckpoint;
use serde::{Deserialize, Serialize};

use super::KeptCheckpoint;
use super::copying::remove_if_there;
use super::fields::narrow;
use super::files::{Files, fault, make_whole};
use super::layout::{self, Layout};
use super::writer::JournalFault;

const FILE: &str = "restored.json";
const FORMAT: &str = "custody/restored/v1";
/// Two signed notes of at most 64 KiB, escaped.
const BYTES_MAX: u64 = 1 << 20;

/// What a restored log must show before it is written again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The checkpoint of the backup: what everyone who holds the backup knows.
    pub backup: SignedCheckpoint,
    /// The newest checkpoint that the log is known to have had; none while nobody has said.
    pub needed: Option<SignedCheckpoint>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: String,
    crit: Vec<String>,
    backup: String,
    needed: Option<String>,
}

impl Restored {
    /// Marks what is restored from a backup with this checkpoint.
    pub(super) fn from_backup(kept: &KeptCheckpoint) -> Option<Self> {
        Some(Self { backup: SignedCheckpoint::parse(&kept.signed).ok()?, needed: None })
    }

    /// Returns the mark of the log in `dir`; none if it is not restored, or was released. A mark that cannot be read
    /// is an error, and never none.
    pub fn of(dir: &Path, files: &dyn Files) -> Result<Option<Self>, JournalFault> {
        let path = path(&Layout::of(dir));
        let file = match files.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result.map_err(fault("open", &path))?,
        };
        let length = file.length().map_err(fault("read the length of", &path))?;
        let mut bytes = vec![0; narrow(length.min(BYTES_MAX))];
        file.read_exact_at(&mut bytes, 0).map_err(fault("read", &path))?;
        match Self::decode(&bytes) {
            Some(mark) => Ok(Some(mark)),
            None => Err(fault("understand", &path)(io::ErrorKind::InvalidData.into())),
        }
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let document: Document = json::from_slice(bytes).ok()?;
        if document.format != FORMAT || !document.crit.is_empty() {
            return None;
        }
        let note = |text: &String| SignedCheckpoint::parse(text.as_bytes()).ok();
        let needed = match &document.needed {
            Some(text) => Some(note(text)?),
            None => None,
        };
        Some(Self { backup: note(&document.backup)?, needed })
    }

    /// Replaces the mark of the log in `dir`.
    pub fn write(&self, dir: &Path, files: &dyn Files) -> Result<(), JournalFault> {
        self.write_to(&Layout::of(dir), files)
    }

    pub(super) fn write_to(&self, layout: &Layout, files: &dyn Files) -> Result<(), JournalFault> {
        let path = path(layout);
        let text = |signed: &SignedCheckpoint| String::from_utf8_lossy(signed.bytes()).into_owned();
        let document = Document {
            format: FORMAT.to_owned(),
            crit: Vec::new(),
            backup: text(&self.backup),
            needed: self.needed.as_ref().map(text),
        };
        let unfit = |error: serde_json::Error| fault("lay out", &path)(io::Error::other(error));
        let mut bytes = serde_json::to_vec_pretty(&document).map_err(unfit)?;
        bytes.push(b'\n');
        remove_if_there(files, &layout::unfinished(&path))?;
        make_whole(files, &path, |file| file.write_all_at(&bytes, 0).map_err(fault("write", &path)))?;
        Ok(())
    }

    /// Removes the mark: from now on the log is written like any other. The caller has seen that the log holds all
    /// that is known of it.
    pub fn release(dir: &Path, files: &dyn Files) -> Result<(), JournalFault> {
        let layout = Layout::of(dir);
        remove_if_there(files, &path(&layout))?;
        files.sync_dir(layout.root()).map_err(fault("sync", layout.root()))
    }
}

fn path(layout: &Layout) -> PathBuf {
    layout.root().join(FILE)
}
