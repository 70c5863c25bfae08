//! Breaks one byte on purpose, in a copy.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::stage::TourError;

/// Copies a folder with all that is in it.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> Result<(), TourError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| TourError::File { path, source }
    };
    fs::create_dir_all(to).map_err(failed(to))?;
    for entry in fs::read_dir(from).map_err(failed(from))? {
        let entry = entry.map_err(failed(from))?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed(&entry.path()))?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).map_err(failed(&target))?;
        }
    }
    Ok(())
}

/// Flips one bit in the middle of the place where `bytes` are kept below a folder; returns file and offset.
pub(crate) fn flip_one_bit(folder: &Path, bytes: &[u8]) -> Result<(PathBuf, usize), TourError> {
    for file in files(folder).map_err(|source| TourError::File { path: folder.to_path_buf(), source })? {
        let failed = |source| TourError::File { path: file.clone(), source };
        let mut kept = fs::read(&file).map_err(failed)?;
        let Some(start) = kept.windows(bytes.len().max(1)).position(|window| window == bytes) else {
            continue;
        };
        let offset = start + bytes.len() / 2;
        if let Some(byte) = kept.get_mut(offset) {
            *byte ^= 1;
        }
        fs::write(&file, kept).map_err(failed)?;
        return Ok((file, offset));
    }
    Err(TourError::NothingToBreak { folder: folder.to_path_buf() })
}

/// Returns all files below a folder, in order.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
