//! Files that commands read whole.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::failure::Failure;

/// Reads a whole file of at most `max` bytes; `-` is standard input.
pub(crate) fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage("no_file", format!("cannot read {}: {error}", path.display())).hint("check the path")
    };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        // A length that is known is checked before anything is read.
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        if length > max {
            return Err(too_large(path, max));
        }
        file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    }
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > max {
        return Err(too_large(path, max));
    }
    Ok(bytes)
}

fn too_large(path: &Path, max: u64) -> Failure {
    Failure::usage("too_large", format!("{} is larger than {max} bytes", path.display()))
        .hint("check the path: nothing of this kind is so large")
}
