//! Signed notes (c2sp.org/signed-note): a text, a blank line, and one line for each signature.
//!
//! ```text
//! <text, ends in a line feed>
//!                                        (a blank line; the last one in the note separates)
//! \u{2014} <name> <base64(key hash, 4 bytes big-endian || signature)>
//! ...
//! ```

mod key;
mod line;
mod name;
mod signer;

use std::collections::HashSet;

pub use key::{KeyAlgorithm, KeyHash, VerifierKey, VerifierKeyError};
pub use line::{LineError, SignatureLine};
pub use name::{KeyName, KeyNameError, Origin};
pub use signer::{Cosigner, NoteSigner, SecretKeyError};

/// A text with signatures that nobody has checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

/// A signature that its key verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedSignature {
    key: VerifierKey,
    seconds: Option<u64>,
}

/// Why bytes are not a signed note, or not one to believe.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than any note we read.
    #[error("a signed note is at most {max} bytes, found {found}")]
    TooLong {
        /// [`Note::MAX_LEN`].
        max: usize,
        /// The length given.
        found: usize,
    },
    /// Not UTF-8.
    #[error("a signed note is UTF-8; byte {position} is not")]
    NotText {
        /// Where the first wrong byte is.
        position: usize,
    },
    /// A control character, such as a carriage return.
    #[error("a signed note has no control characters; byte {position} is one")]
    Control {
        /// Where the first one is.
        position: usize,
    },
    /// No blank line, no line after it, or no final line feed.
    #[error("expected a text, a blank line, and signature lines that each end in a line feed")]
    Unsigned,
    /// The text to sign does not end in a line feed.
    #[error("the text of a note ends in a line feed")]
    TextUnfinished,
    /// A signature line that does not parse.
    #[error("signature line {number}: {why}")]
    Line {
        /// 1-based, counted from the blank line.
        number: usize,
        /// Why.
        why: LineError,
    },
    /// More signatures than we read.
    #[error("a note has at most {max} signatures, found {found}")]
    TooManySignatures {
        /// [`Note::MAX_SIGNATURES`].
        max: usize,
        /// How many there are.
        found: usize,
    },
    /// Two of the keys to check with have the same name and hash: the caller's mistake.
    #[error("the key {name}+{hash} is listed twice")]
    DuplicateKey {
        /// The keys' name.
        name: KeyName,
        /// The keys' hash.
        hash: KeyHash,
    },
    /// A signature in the name of a known key does not verify: the note is forged or damaged.
    #[error("the signature by {name}+{hash} does not verify")]
    BadSignature {
        /// The key's name.
        name: KeyName,
        /// The key's hash.
        hash: KeyHash,
    },
    /// No signature is by a key that was given.
    #[error("no signature is by a known key; the note is signed by {}", listed(.found))]
    NoKnownSignature {
        /// Name and key hash of the first signatures there are, at most eight, names cut to 80 characters.
        found: Vec<String>,
    },
}

impl Note {
    /// The most signatures a note may have. The specification asks for at least 16.
    pub const MAX_SIGNATURES: usize = 64;

    /// The most bytes a note may have: 64 signatures of 5,000 bytes (the largest post-quantum ones) with names
    /// of 255 bytes are 64 * (4 + 255 + 1 + 4 * 1,668 + 1) = 443,712 bytes; the rest is for the text.
    pub const MAX_LEN: usize = 512 * 1024;

    /// Parses the bytes of a note; signatures are only read, not checked.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let all = check_characters(bytes)?;
        // Only the last blank line separates: the text itself may have blank lines, a signature line cannot.
        let (text, lines) = all.rsplit_once("\n\n").ok_or(NoteError::Unsigned)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Unsigned)?;
        let found = lines.split('\n').count();
        if found > Self::MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures { max: Self::MAX_SIGNATURES, found });
        }
        let parse =
            |(at, line): (usize, &str)| line.parse().map_err(|why| NoteError::Line { number: at + 1, why });
        let signatures = lines.split('\n').enumerate().map(parse).collect::<Result<_, _>>()?;
        Ok(Self { text: format!("{text}\n"), signatures })
    }

    /// Puts a text and its signatures together.
    pub fn new(text: String, signatures: Vec<SignatureLine>) -> Result<Self, NoteError> {
        if !text.ends_with('\n') {
            return Err(NoteError::TextUnfinished);
        }
        // What is written must read back as the same note.
        Self::parse(&Self { text, signatures }.encode())
    }

    /// Returns the bytes of the note.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = format!("{}\n", self.text);
        for line in &self.signatures {
            out.push_str(&line.to_string());
            out.push('\n');
        }
        out.into_bytes()
    }

    /// Returns what is signed: all before the last blank line, with its final line feed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the signature lines in their order, checked by nobody.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Returns the signatures that verify under the given keys: at least one, each key once.
    ///
    /// Signatures by other keys are ignored. One that carries a known key's name and hash but does not verify
    /// refuses the note (c2sp.org/signed-note, "Verifying"). A key that signed twice counts with the latest time.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<Vec<VerifiedSignature>, NoteError> {
        check_distinct(keys)?;
        let mut verified = Vec::new();
        for key in keys {
            let mut newest = None;
            for line in self.signatures.iter().filter(|line| line.is_by(key)) {
                let seconds = key.verify(&self.text, line).map_err(|_| NoteError::BadSignature {
                    name: key.name().clone(),
                    hash: key.key_hash(),
                })?;
                newest = newest.max(Some(seconds));
            }
            verified.extend(newest.map(|seconds| VerifiedSignature { key: key.clone(), seconds }));
        }
        if verified.is_empty() {
            let found = self.signatures.iter().take(8).map(SignatureLine::signer).collect();
            return Err(NoteError::NoKnownSignature { found });
        }
        Ok(verified)
    }
}

impl VerifiedSignature {
    /// Returns the key that verified it.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Returns the time of a cosignature in seconds since 1970; none for a plain signature.
    #[must_use]
    pub const fn seconds(&self) -> Option<u64> {
        self.seconds
    }
}

fn check_characters(bytes: &[u8]) -> Result<&str, NoteError> {
    if bytes.len() > Note::MAX_LEN {
        return Err(NoteError::TooLong { max: Note::MAX_LEN, found: bytes.len() });
    }
    let text =
        std::str::from_utf8(bytes).map_err(|error| NoteError::NotText { position: error.valid_up_to() })?;
    match bytes.iter().position(|byte| *byte < 0x20 && *byte != b'\n') {
        Some(position) => Err(NoteError::Control { position }),
        None => Ok(text),
    }
}

fn check_distinct(keys: &[VerifierKey]) -> Result<(), NoteError> {
    let mut seen = HashSet::new();
    match keys.iter().find(|key| !seen.insert((key.name(), key.key_hash()))) {
        Some(key) => Err(NoteError::DuplicateKey { name: key.name().clone(), hash: key.key_hash() }),
        None => Ok(()),
    }
}

/// Returns the names of keys as they are told; what a note says of itself is quoted.
fn listed(keys: &[String]) -> String {
    if keys.is_empty() {
        return "none".to_owned();
    }
    keys.iter().map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
