//! The list of a backup's files, written last: `manifest.json` (`docs/format.md`, section "Backup").

use std::io;
use std::path::{Path, PathBuf};

use custody_evidence::json::{self, JsonError};
use custody_log::tree::Frontier;
use custody_log::{EntryDigest, NodeHash, RootHash, SignedCheckpoint, TreeSize};
use serde::{Deserialize, Serialize};

use super::fields::narrow;
use super::files::{Files, fault, make_whole};
use super::writer::JournalFault;
use super::{KeptCheckpoint, layout};

/// The file's name in a backup.
pub(super) const FILE: &str = "manifest.json";

const FORMAT: &str = "custody/backup/v1";

/// The longest list that is read: 256 MiB, some 1,500,000 files of 64 MiB segments and large envelopes.
const BYTES_MAX: u64 = 256 << 20;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: String,
    crit: Vec<String>,
    /// The log's name.
    pub(super) origin: String,
    log: String,
    size: u64,
    root: String,
    checkpoint: String,
    /// Where the sealed segments end, and the right edge of the tree there: the next backup goes on from it.
    sealed: Edge,
    /// All other files, in the order of their paths.
    pub(super) files: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Edge {
    size: u64,
    nodes: Vec<String>,
}

/// One file of a backup: its first `length` bytes have this digest. A segment may be longer, when a later backup was
/// interrupted: segments only grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) path: String,
    pub(super) length: u64,
    pub(super) sha256: String,
}

/// Why a backup's list of files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error(transparent)]
    Disk(#[from] JournalFault),
    /// It is no such list.
    #[error("{} is not the list of a backup's files: {why}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A newer format.
    #[error("{}: expected format {FORMAT}, found {found:?}: use a newer custodyd", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format found, cut to 80 characters.
        found: String,
    },
}

impl Manifest {
    /// Describes a backup.
    pub(super) fn new(
        log: EntryDigest,
        kept: &KeptCheckpoint,
        sealed: &Frontier,
        files: Vec<Line>,
    ) -> Result<Self, ManifestError> {
        let content = |why: String| ManifestError::Content { path: FILE.into(), why };
        let signed = SignedCheckpoint::parse(&kept.signed).map_err(|error| content(error.to_string()))?;
        Ok(Self {
            format: FORMAT.to_owned(),
            crit: Vec::new(),
            origin: signed.unverified().origin().to_string(),
            log: log.to_string(),
            size: kept.size.get(),
            root: kept.root.to_string(),
            checkpoint: String::from_utf8_lossy(&kept.signed).into_owned(),
            sealed: Edge {
                size: sealed.size().get(),
                nodes: sealed.nodes().iter().map(|node| hex::encode(node.as_bytes())).collect(),
            },
            files,
        })
    }

    /// Reads the list of the backup in `dir`; none if the directory holds none.
    pub(super) fn of(dir: &Path, files: &dyn Files) -> Result<Option<Self>, ManifestError> {
        let path = dir.join(FILE);
        let file = match files.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
            result => result.map_err(fault("open", &path))?,
        };
        let length = file.length().map_err(fault("read the length of", &path))?;
        let content = |why: String| ManifestError::Content { path: path.clone(), why };
        if length > BYTES_MAX {
            return Err(content(format!("it has {length} bytes, at most {BYTES_MAX} are read")));
        }
        let mut bytes = vec![0; narrow(length)];
        file.read_exact_at(&mut bytes, 0).map_err(fault("read", &path))?;
        let manifest: Self =
            json::from_slice(&bytes).map_err(|error: JsonError| content(error.to_string()))?;
        if manifest.format != FORMAT || !manifest.crit.is_empty() {
            let found = manifest.format.chars().take(80).collect();
            return Err(ManifestError::Format { path, found });
        }
        manifest.log()?;
        manifest.kept()?;
        manifest.edge()?;
        Ok(Some(manifest))
    }

    /// Digest of entry 0.
    pub(super) fn log(&self) -> Result<EntryDigest, ManifestError> {
        self.log.parse().map_err(|_| self.malformed("log"))
    }

    /// The checkpoint that covers all of it.
    pub(super) fn kept(&self) -> Result<KeptCheckpoint, ManifestError> {
        let size = TreeSize::new(self.size).map_err(|_| self.malformed("size"))?;
        let root: RootHash = self.root.parse().map_err(|_| self.malformed("root"))?;
        let signed = self.checkpoint.clone().into_bytes();
        let note = SignedCheckpoint::parse(&signed).map_err(|_| self.malformed("checkpoint"))?;
        if note.unverified().size() != size || *note.unverified().root() != root {
            return Err(self.malformed("checkpoint"));
        }
        Ok(KeptCheckpoint { size, root, signed })
    }

    /// The right edge of the tree where the sealed segments end.
    pub(super) fn edge(&self) -> Result<Frontier, ManifestError> {
        let malformed = || self.malformed("sealed");
        let node = |text: &String| {
            let mut bytes = [0; NodeHash::LEN];
            hex::decode_to_slice(text, &mut bytes).map_err(|_| malformed())?;
            Ok(NodeHash::from_bytes(bytes))
        };
        let nodes = self.sealed.nodes.iter().map(node).collect::<Result<Vec<_>, ManifestError>>()?;
        let size = TreeSize::new(self.sealed.size).map_err(|_| malformed())?;
        Frontier::from_nodes(size, nodes).map_err(|_| malformed())
    }

    /// Returns the line of a file; `path` is relative to the backup.
    pub(super) fn line(&self, path: &str) -> Option<&Line> {
        self.files.iter().find(|line| line.path == path)
    }

    /// Replaces the list: from now on the backup is what it says.
    pub(super) fn write(&self, dir: &Path, files: &dyn Files) -> Result<(), JournalFault> {
        let path = dir.join(FILE);
        let unfit = |error: serde_json::Error| fault("lay out", &path)(io::Error::other(error));
        let mut bytes = serde_json::to_vec_pretty(self).map_err(unfit)?;
        bytes.push(b'\n');
        // What an interrupted backup left of its list.
        match files.remove_file(&layout::unfinished(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(fault("remove", &path)(error));
            }
            Ok(()) | Err(_) => {}
        }
        make_whole(files, &path, |file| file.write_all_at(&bytes, 0).map_err(fault("write", &path)))?;
        Ok(())
    }

    fn malformed(&self, member: &str) -> ManifestError {
        ManifestError::Content { path: FILE.into(), why: format!("the member {member:?} of {}", self.origin) }
    }
}
