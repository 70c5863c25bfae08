//! Digests of local files: what makes a file the same artifact here and in the ledger.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use custody_evidence::digest_set::Digest;
use sha2::{Digest as _, Sha256, Sha512};

/// The digests of a file. Both are made, because producers disagree: npm lists SHA-512 only, most others SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigests {
    /// SHA-256.
    pub sha256: Digest,
    /// SHA-512.
    pub sha512: Digest,
    /// Length in bytes.
    pub length: u64,
}

/// The file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}", path.display())]
pub struct FileDigestError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

/// How much is read at once: enough that the calls do not count beside the hashing.
const BUFFER: usize = 256 * 1024;

impl FileDigests {
    /// Reads the file once and makes both digests; `progress` is told how many bytes were read each time.
    pub fn of(path: &Path, mut progress: impl FnMut(u64)) -> Result<Self, FileDigestError> {
        let failed = |source| FileDigestError { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        Self::of_reader(&[], &mut file, &mut progress).map_err(failed)
    }

    /// Makes both digests of bytes that were read already and of what follows them.
    pub fn of_reader(
        start: &[u8],
        rest: &mut dyn Read,
        progress: &mut dyn FnMut(u64),
    ) -> std::io::Result<Self> {
        let (mut sha256, mut sha512) = (Sha256::new_with_prefix(start), Sha512::new_with_prefix(start));
        let mut length = u64::try_from(start.len()).unwrap_or(u64::MAX);
        let mut buffer = vec![0; BUFFER];
        loop {
            let read = match rest.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            sha256.update(bytes);
            sha512.update(bytes);
            let read = u64::try_from(read).unwrap_or(u64::MAX);
            length = length.saturating_add(read);
            progress(read);
        }
        Ok(Self::new(sha256.finalize().into(), &hex::encode(sha512.finalize()), length))
    }

    /// Returns the digests of bytes in memory.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Self::new(Sha256::digest(bytes).into(), &hex::encode(Sha512::digest(bytes)), length)
    }

    fn new(sha256: [u8; 32], sha512_hex: &str, length: u64) -> Self {
        let sha512 = Digest::read("sha512", sha512_hex).expect("128 hex digits are a sha512");
        Self { sha256: Digest::sha256(sha256), sha512, length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf abc | sha256sum` and `printf abc | sha512sum` (FIPS 180-4, appendices B.1 and C.1).
    #[test]
    fn a_file_has_the_digests_of_its_bytes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let mut read = 0;
        let digests = FileDigests::of(file.path(), |bytes| read += bytes).unwrap();
        assert_eq!(
            digests.sha256.to_string(),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(digests.sha512.to_string().starts_with("sha512:ddaf35a193617abacc417349ae204131"));
        assert_eq!((digests.length, read), (3, 3));
        assert_eq!(digests, FileDigests::of_bytes(b"abc"));
    }

    #[test]
    fn a_file_larger_than_the_buffer_is_read_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..=255_u8).cycle().take(3 * BUFFER + 17).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        assert_eq!(FileDigests::of(file.path(), |_| {}).unwrap(), FileDigests::of_bytes(&bytes));
    }

    #[test]
    fn a_folder_or_an_absent_file_is_an_error_that_names_it() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("absent")] {
            let error = FileDigests::of(&path, |_| {}).unwrap_err();
            assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
        }
    }
}
