//! Erasing what an entry holds: zeros in the frame, no file of a large envelope.
//!
//! Each step can be repeated, in whatever state the one before left the disk: an erasure that did not end is done again.
//! Nothing that a checksum or the tree covers is touched.

use std::io;

use custody_log::Entry;

use super::fields::{narrow, wide};
use super::files::{File, Files, fault};
use super::frame::Parts;
use super::layout::Layout;
use super::scan::{Broken, SegmentFile};
use super::writer::JournalFault;

/// How much is read or zeroed at a time.
const CHUNK: u64 = 1 << 20;

/// Whether nothing is left of what was kept beside an entry in a frame at `frame`.
pub(super) fn is_erased(
    files: &dyn Files,
    layout: &Layout,
    file: &SegmentFile,
    frame: u64,
    parts: &Parts,
    entry: &Entry,
) -> Result<bool, Broken> {
    Ok(is_zero(file, frame, parts, entry)? && (parts.envelope.is_some() || is_gone(files, layout, entry)?))
}

/// Erases what is left of what was kept beside an entry in a frame at `frame`; `writable` is the same file. When this returns,
/// it is gone from the disk.
pub(super) fn erase(
    files: &dyn Files,
    layout: &Layout,
    (file, writable): (&SegmentFile, &dyn File),
    frame: u64,
    parts: &Parts,
    entry: &Entry,
) -> Result<(), Broken> {
    if !is_zero(file, frame, parts, entry)? {
        let kept = parts.kept();
        let (mut offset, end) = (frame + kept.start, frame + kept.end);
        while offset < end {
            let length = CHUNK.min(end - offset);
            writable.write_all_at(&vec![0; narrow(length)], offset).map_err(fault("erase", &file.path))?;
            offset += length;
        }
        writable.sync().map_err(fault("sync", &file.path))?;
    }
    if parts.envelope.is_none() {
        erase_file(files, layout, entry)?;
    }
    Ok(())
}

/// The bytes are overwritten before the name goes, so that they are not left in the free blocks of the disk.
fn erase_file(files: &dyn Files, layout: &Layout, entry: &Entry) -> Result<(), JournalFault> {
    let (folder, path) = (layout.blob_folder(&entry.envelope.digest), layout.blob(&entry.envelope.digest));
    match files.open_writable(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // It may be gone for those that read, and come back with the power.
            return match files.sync_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result.map_err(fault("sync", &folder)),
            };
        }
        result => {
            let file = result.map_err(fault("open", &path))?;
            let (mut offset, end) = (0, file.length().map_err(fault("read the length of", &path))?);
            while offset < end {
                let length = CHUNK.min(end - offset);
                file.write_all_at(&vec![0; narrow(length)], offset).map_err(fault("erase", &path))?;
                offset += length;
            }
            file.sync().map_err(fault("sync", &path))?;
        }
    }
    files.remove_file(&path).map_err(fault("remove", &path))?;
    files.sync_dir(&folder).map_err(fault("sync", &folder))
}

fn is_zero(file: &SegmentFile, frame: u64, parts: &Parts, entry: &Entry) -> Result<bool, Broken> {
    let kept = parts.kept();
    let (mut offset, end) = (frame + kept.start, frame + kept.end);
    while offset < end {
        let bytes = file.read(offset, CHUNK.min(end - offset), entry.index)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        offset += wide(bytes.len());
    }
    Ok(true)
}

fn is_gone(files: &dyn Files, layout: &Layout, entry: &Entry) -> Result<bool, JournalFault> {
    let path = layout.blob(&entry.envelope.digest);
    match files.open(&path) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(fault("open", &path)(error)),
    }
}
