//! Large envelopes: files named by their digest.

use std::io;

use custody_log::{EnvelopeDigest, LeafIndex, Measured};
use sha2::{Digest as _, Sha256};

use super::Damage;
use super::damage::DamageKind;
use super::fields::{narrow, wide};
use super::files::{Files, fault};
use super::layout::{Layout, unfinished};
use super::scan::Broken;
use super::writer::JournalFault;

/// How much is hashed at a time.
const CHUNK: usize = 1 << 20;

/// Writes an envelope to its file: when this returns, file and name are on disk. A file of that name is
/// written again, because nobody knows whether what the page cache holds of it ever reached the disk.
pub(super) fn store(
    files: &dyn Files,
    layout: &Layout,
    digest: &EnvelopeDigest,
    bytes: &[u8],
) -> Result<(), JournalFault> {
    let (folder, path) = (layout.blob_folder(digest), layout.blob(digest));
    let new = unfinished(&layout.blobs().join(digest.to_hex()));
    files.create_dir(&folder).map_err(fault("create", &folder))?;
    files.sync_dir(&layout.blobs()).map_err(fault("sync", &layout.blobs()))?;
    let file = files.create(&new).map_err(fault("create", &new))?;
    file.write_all_at(bytes, 0).map_err(fault("write", &new))?;
    file.sync().map_err(fault("sync", &new))?;
    files.rename(&new, &path).map_err(fault("rename", &new))?;
    files.sync_dir(&folder).map_err(fault("sync", &folder))
}

/// Returns a large envelope; it has this digest and length.
pub(super) fn read(
    files: &dyn Files,
    layout: &Layout,
    envelope: &Measured<EnvelopeDigest>,
    entry: LeafIndex,
) -> Result<Vec<u8>, Broken> {
    // Grown as bytes come: only a file of the length that the entry says gives any.
    let mut bytes = Vec::new();
    for_each_chunk(files, layout, envelope, entry, |chunk| bytes.extend(chunk))?;
    Ok(bytes)
}

/// Checks a large envelope without keeping it in memory.
pub(super) fn check(
    files: &dyn Files,
    layout: &Layout,
    envelope: &Measured<EnvelopeDigest>,
    entry: LeafIndex,
) -> Result<(), Broken> {
    for_each_chunk(files, layout, envelope, entry, |_| ())
}

fn for_each_chunk(
    files: &dyn Files,
    layout: &Layout,
    envelope: &Measured<EnvelopeDigest>,
    entry: LeafIndex,
    mut each: impl FnMut(&[u8]),
) -> Result<(), Broken> {
    let path = layout.blob(&envelope.digest);
    let damage = |kind| Broken::from(Damage { file: path.clone(), offset: 0, entry, kind });
    let file = match files.open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(damage(DamageKind::BlobMissing { expected: envelope.digest }));
        }
        result => result.map_err(fault("open", &path))?,
    };
    let found = file.length().map_err(fault("read the length of", &path))?;
    if found != envelope.length {
        let what = "the length of the envelope";
        return Err(damage(DamageKind::Number { what, expected: envelope.length, found }));
    }
    let (mut hasher, mut offset) = (Sha256::new(), 0);
    while offset < found {
        let mut chunk = vec![0; narrow(found - offset).min(CHUNK)];
        file.read_exact_at(&mut chunk, offset).map_err(fault("read", &path))?;
        hasher.update(&chunk);
        each(&chunk);
        offset += wide(chunk.len());
    }
    let found = EnvelopeDigest::from_bytes(hasher.finalize().into());
    if found == envelope.digest {
        Ok(())
    } else {
        Err(damage(DamageKind::Envelope { expected: envelope.digest, found }))
    }
}
