//! What a token proves of itself, where its issuer says how: a text that only looks like one does not hold.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How to tell a token from a text of the same shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// The shape is enough.
    Shape,
    /// The last six characters are the CRC-32 of those between the prefix and them, in base 62 (GitHub, "Behind GitHub's new
    /// authentication token formats"; npm has the same).
    Crc32Base62 {
        /// The length of the prefix.
        prefix: usize,
    },
    /// The first part is the header of a JSON web token: an object that names its algorithm (RFC 7515 section 4.1.1).
    JwtHeader,
}

/// How long the checksum in base 62 is.
const CHECKSUM: usize = 6;

impl Proof {
    pub(super) fn holds(self, token: &[u8]) -> bool {
        match self {
            Self::Shape => true,
            Self::Crc32Base62 { prefix } => has_checksum(token.get(prefix..).unwrap_or_default()),
            Self::JwtHeader => has_header(token),
        }
    }
}

fn has_checksum(body: &[u8]) -> bool {
    let Some((text, checksum)) = body.split_last_chunk::<CHECKSUM>() else { return false };
    base62(crc32(text)) == *checksum
}

fn has_header(token: &[u8]) -> bool {
    let header = token.split(|byte| *byte == b'.').next().unwrap_or_default();
    let Ok(header) = URL_SAFE_NO_PAD.decode(header) else { return false };
    let Ok(header) = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&header) else {
        return false;
    };
    header.get("alg").is_some_and(serde_json::Value::is_string)
}

/// Returns the CRC-32 of IEEE 802.3.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 0 { crc >> 1 } else { (crc >> 1) ^ 0xedb8_8320 }
            },
        )
    }) ^ !0
}

/// Returns a number in base 62, with leading zeros. 62^6 is above 2^32.
pub(super) fn base62(mut number: u32) -> [u8; CHECKSUM] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; CHECKSUM];
    for digit in text.iter_mut().rev() {
        let at = usize::try_from(number % 62).unwrap_or_default();
        *digit = DIGITS.get(at).copied().unwrap_or(b'0');
        number /= 62;
    }
    text
}
