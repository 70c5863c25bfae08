//! The files of a layout, in a folder or in an archive.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use custody_evidence::registry::BlobDigest;

use super::LayoutProblem;
use super::archive::{ARCHIVE_FILES_MAX, Archive};

/// Bytes that can be read from any place.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// Where files are read from, by their names within the layout.
pub(super) enum Files {
    /// A folder.
    Folder(PathBuf),
    /// An archive whose table of contents is not known yet.
    Unread(Box<dyn Source>),
    /// An archive.
    Archive(Archive),
}

/// Returns the name of a blob's file. The digest has hexadecimal digits only, so it leads nowhere else.
pub(super) fn blob(digest: &BlobDigest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

impl Files {
    /// Makes the files known by their names.
    pub(super) fn open(&mut self) -> Result<(), LayoutProblem> {
        if let Self::Unread(source) = self {
            let source = std::mem::replace(source, Box::new(std::io::empty()));
            *self = Self::Archive(Archive::read(source)?);
        }
        Ok(())
    }

    /// Reads a whole file of at most `max` bytes; none if there is no such file.
    pub(super) fn read(&mut self, name: &str, max: u64) -> Result<Option<Vec<u8>>, LayoutProblem> {
        let bytes = self.up_to(name, max)?;
        let found = bytes.as_ref().map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if found > max {
            return Err(LayoutProblem::TooLarge { name: name.to_owned(), max, found });
        }
        Ok(bytes)
    }

    /// Returns the blobs that are there, whether anything names them or not, in the order of their digests.
    pub(super) fn blobs(&self) -> BTreeSet<BlobDigest> {
        let digest = |hex: &str| BlobDigest::parse(&format!("sha256:{hex}"));
        match self {
            Self::Folder(folder) => {
                let listed = std::fs::read_dir(folder.join("blobs/sha256")).into_iter().flatten();
                let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                names.take(ARCHIVE_FILES_MAX).filter_map(|name| digest(&name)).collect()
            }
            Self::Unread(_) => BTreeSet::new(),
            Self::Archive(archive) => {
                archive.names().filter_map(|name| digest(name.strip_prefix("blobs/sha256/")?)).collect()
            }
        }
    }

    /// Whether a file begins as a JSON object: so that not every part of a file system is read.
    pub(super) fn starts_as_object(&mut self, name: &str) -> bool {
        self.up_to(name, 0).is_ok_and(|start| start.is_some_and(|start| start == b"{"))
    }

    /// Reads at most one byte more than `max`.
    fn up_to(&mut self, name: &str, max: u64) -> Result<Option<Vec<u8>>, LayoutProblem> {
        match self {
            Self::Folder(folder) => in_folder(&folder.join(name), name, max),
            Self::Unread(_) => Ok(None),
            Self::Archive(archive) => Ok(archive.file(name, max)?),
        }
    }
}

/// Reads at most one byte more than `max`.
fn in_folder(path: &Path, name: &str, max: u64) -> Result<Option<Vec<u8>>, LayoutProblem> {
    let failed = |why: ErrorKind| LayoutProblem::Unreadable { name: name.to_owned(), why };
    // Asked before it is opened: a pipe would let us wait for whoever writes to it.
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(LayoutProblem::NoFile { name: name.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.kind())),
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| failed(error.kind()))?;
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| failed(error.kind()))?;
    Ok(Some(bytes))
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => f.debug_tuple("Folder").field(folder).finish(),
            Self::Unread(_) | Self::Archive(_) => f.write_str("Archive"),
        }
    }
}
