//! Copies of segments and large envelopes: written beside, synced, checked, and only then given their names.

use std::io;
use std::path::{Path, PathBuf};

use custody_log::{Entry, EnvelopeDigest};
use sha2::{Digest as _, Sha256};

use super::blobs;
use super::fields::{narrow, wide};
use super::files::{Files, fault};
use super::layout::{self, Layout};
use super::scan::{Broken, SegmentFile};
use super::writer::JournalFault;

/// How much is copied at a time.
const CHUNK: u64 = 1 << 20;

/// A file that is written and synced, and has no name of its own yet.
#[derive(Debug)]
pub(super) struct Aside {
    /// The name it is to have.
    pub(super) path: PathBuf,
    /// SHA-256 of its bytes.
    pub(super) sha256: [u8; 32],
}

impl Aside {
    /// Where it is until then.
    pub(super) fn unfinished(&self) -> PathBuf {
        layout::unfinished(&self.path)
    }

    /// Gives the file its name, replacing a file of that name. The folder is to be synced by the caller.
    pub(super) fn name(self, files: &dyn Files) -> Result<(), JournalFault> {
        let unfinished = self.unfinished();
        files.rename(&unfinished, &self.path).map_err(fault("rename", &unfinished))
    }
}

/// Copies the first `length` bytes of a segment beside `path`. `told` hears how many bytes each step copied.
pub(super) fn copy_aside(
    files: &dyn Files,
    from: &SegmentFile,
    length: u64,
    path: PathBuf,
    told: &mut dyn FnMut(u64),
) -> Result<Aside, JournalFault> {
    let unfinished = layout::unfinished(&path);
    remove_if_there(files, &unfinished)?;
    let to = files.create(&unfinished).map_err(fault("create", &unfinished))?;
    let (mut hasher, mut offset) = (Sha256::new(), 0);
    while offset < length {
        let mut chunk = vec![0; narrow(CHUNK.min(length - offset))];
        from.file.read_exact_at(&mut chunk, offset).map_err(fault("read", &from.path))?;
        to.write_all_at(&chunk, offset).map_err(fault("write", &unfinished))?;
        hasher.update(&chunk);
        offset += wide(chunk.len());
        told(wide(chunk.len()));
    }
    to.sync().map_err(fault("sync", &unfinished))?;
    Ok(Aside { path, sha256: hasher.finalize().into() })
}

/// Copies the file of a large envelope, which must have the digest that its entry says, unless it is there.
/// Returns whether it was copied.
pub(super) fn copy_blob(
    files: &dyn Files,
    from: &Layout,
    to: &Layout,
    entry: &Entry,
) -> Result<bool, Broken> {
    let digest: &EnvelopeDigest = &entry.envelope.digest;
    // Files get their names only when they are whole, so the length tells.
    if let Ok(file) = files.open(&to.blob(digest))
        && file.length().ok() == Some(entry.envelope.length)
    {
        // It may be of a run that ended before its name was synced.
        let folder = to.blob_folder(digest);
        files.sync_dir(&folder).map_err(fault("sync", &folder))?;
        return Ok(false);
    }
    let bytes = blobs::read(files, from, &entry.envelope, entry.index)?;
    let new = layout::unfinished(&to.blobs().join(digest.to_hex()));
    remove_if_there(files, &new)?;
    blobs::store(files, to, digest, &bytes)?;
    Ok(true)
}

/// Removes a file; that there is none is fine.
pub(super) fn remove_if_there(files: &dyn Files, path: &Path) -> Result<(), JournalFault> {
    match files.remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(fault("remove", path)),
    }
}

/// Refuses two directories of which one is, or is in, the other. A directory that does not exist yet is looked up by its
/// parent.
pub(super) fn apart(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| {
        let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
        match (std::fs::canonicalize(path), std::fs::canonicalize(parent), path.file_name()) {
            (Ok(path), _, _) => path,
            (Err(_), Ok(parent), Some(name)) => parent.join(name),
            _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        }
    };
    let (one, other) = (absolute(one), absolute(other));
    !one.starts_with(&other) && !other.starts_with(&one)
}
