//! What a signed commit is made of: the bytes that were signed, and the signature in them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use super::CommitId;

/// A commit object taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCommit {
    /// The object without its signature headers: what was signed.
    pub payload: Vec<u8>,
    /// The signature in its armour.
    pub armour: String,
}

/// Why the signature of a commit cannot be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignedCommitError {
    /// More than one, of which readers could take either.
    #[error("the commit carries more than one signature")]
    Several,
    /// One that is not text.
    #[error("the signature of the commit is not text")]
    NotText,
}

impl SignedCommit {
    /// Takes the object apart; none if it carries no signature over the form that the id names: `gpgsig` is over the object
    /// with SHA-1 ids, `gpgsig-sha256` over the one with SHA-256 ids, and neither header is part of what either signs.
    pub(super) fn of(id: &CommitId, object: &[u8]) -> Result<Option<Self>, SignedCommitError> {
        let ours: &[u8] = if is_sha256(id) { b"gpgsig-sha256 " } else { b"gpgsig " };
        let (mut payload, mut armour) = (Vec::with_capacity(object.len()), Vec::new());
        let (mut found, mut kept, mut in_ours) = (0, true, false);
        let mut rest = object;
        while !rest.is_empty() {
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            let (line, behind) = rest.split_at(length);
            if line == b"\n" {
                // The headers end here; the message can hold anything.
                payload.extend(rest);
                break;
            }
            if let Some(continued) = line.strip_prefix(b" ") {
                if in_ours {
                    armour.extend(continued);
                }
            } else {
                kept = !line.starts_with(b"gpgsig");
                in_ours = false;
                if let Some(first) = line.strip_prefix(ours) {
                    (in_ours, found) = (true, found + 1);
                    armour.extend(first);
                }
            }
            if kept {
                payload.extend(line);
            }
            rest = behind;
        }
        match found {
            0 => Ok(None),
            1 => {
                let armour = String::from_utf8(armour).map_err(|_| SignedCommitError::NotText)?;
                Ok(Some(Self { payload, armour }))
            }
            _ => Err(SignedCommitError::Several),
        }
    }
}

/// Shows sizes only: commits are long and hostile.
impl std::fmt::Debug for SignedCommit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (payload, armour) = (self.payload.len(), self.armour.len());
        f.debug_struct("SignedCommit").field("payload", &payload).field("armour", &armour).finish()
    }
}

/// Returns the id of a commit object, by the hash that the id given is made with.
pub(super) fn object_id(like: &CommitId, object: &[u8]) -> String {
    let named = [format!("commit {}\0", object.len()).as_bytes(), object].concat();
    let hash = if is_sha256(like) { &SHA256 } else { &SHA1_FOR_LEGACY_USE_ONLY };
    hex::encode(digest(hash, &named))
}

fn is_sha256(id: &CommitId) -> bool {
    id.as_str().len() == 64
}
