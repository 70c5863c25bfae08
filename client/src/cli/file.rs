//! Files that commands read whole.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::Path;

use custody_client::layout::{Layout, is_archive};

use super::failure::Failure;

/// A file that holds documents.
pub(crate) enum Documents {
    /// One or several, in these bytes.
    Bytes(Vec<u8>),
    /// A folder or archive of images and what was said about them.
    Layout(Layout),
}

/// Reads a whole file of at most `max` bytes; `-` is standard input. A folder, and a tar archive of any length, is a layout
/// of images that is not read yet.
pub(crate) fn documents(path: &Path, max: u64) -> Result<Documents, Failure> {
    if path.is_dir() {
        // Whoever gave a folder by mistake is told so, and not that something in it failed.
        if !path.join("oci-layout").exists() {
            let message =
                format!("{} is a folder without a file oci-layout, so no OCI image layout", path.display());
            return Err(Failure::usage("not_a_layout", message)
                .hint("cosign save --dir DIR IMAGE writes a layout, and crane pull --format=oci IMAGE DIR"));
        }
        return Ok(Documents::Layout(Layout::in_folder(path.to_owned())));
    }
    // A pipe can be read once only, and not from any place: so only a file is looked into first.
    if path.is_file() && starts_as_archive(path) {
        let archive = File::open(path).map_err(|error| unreadable(path, &error))?;
        return Ok(Documents::Layout(Layout::in_archive(Box::new(archive))));
    }
    let bytes = read(path, max)?;
    Ok(if is_archive(&bytes) {
        Documents::Layout(Layout::in_archive(Box::new(Cursor::new(bytes))))
    } else {
        Documents::Bytes(bytes)
    })
}

/// A file that cannot be read is no archive: who reads it whole is told why.
fn starts_as_archive(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(512).read_to_end(&mut start));
    read.is_ok() && is_archive(&start)
}

/// Reads a whole file of at most `max` bytes; `-` is standard input.
pub(crate) fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| unreadable(path, &error);
    let mut bytes = Vec::new();
    // What grows as it is read may have room for twice as much in the end.
    if path == Path::new("-") {
        std::io::stdin().lock().take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        // A length that is known is checked before anything is read.
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length > max {
            return Err(too_large(path, max));
        }
        bytes.reserve_exact(usize::try_from(length.saturating_add(1)).unwrap_or_default());
        file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(too_large(path, max));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage("no_file", format!("cannot read {}: {error}", path.display())).hint("check the path")
}

fn too_large(path: &Path, max: u64) -> Failure {
    Failure::usage("too_large", format!("{} is larger than {max} bytes", path.display()))
        .hint("check the path: nothing of this kind is so large")
}
