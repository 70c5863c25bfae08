//! Keys that may sign no longer: the file that git calls `gpg.ssh.revocationFile`, as a list of public keys.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::allowed::ALLOWED_MAX;

/// Keys that were revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevokedKeys(Vec<Vec<u8>>);

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokedKeysError {
    /// A list in OpenSSH's binary form.
    #[error(
        "revocation lists in OpenSSH's binary form (KRL) are not read here: list the public keys, one a line"
    )]
    Binary,
    /// Longer than [`ALLOWED_MAX`].
    #[error("a file of revoked keys is at most {ALLOWED_MAX} bytes, found {found}")]
    TooLong {
        /// The length given.
        found: usize,
    },
    /// A line that is no public key.
    #[error("line {line}: expected a key type and a key in base64")]
    Line {
        /// 1-based.
        line: usize,
    },
}

impl RevokedKeys {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, RevokedKeysError> {
        if bytes.starts_with(b"SSHKRL\n\0") {
            return Err(RevokedKeysError::Binary);
        }
        if bytes.len() > ALLOWED_MAX {
            return Err(RevokedKeysError::TooLong { found: bytes.len() });
        }
        let text = String::from_utf8_lossy(bytes);
        let lines = text.lines().map(str::trim).zip(1..);
        let filled = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
        let key = |(text, line): (&str, usize)| {
            let base64 = text.split_ascii_whitespace().nth(1);
            base64.and_then(|base64| STANDARD.decode(base64).ok()).ok_or(RevokedKeysError::Line { line })
        };
        filled.map(key).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a key, by its bytes, was revoked.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        self.0.iter().any(|revoked| revoked == key)
    }
}
