//! Percent-encoding of package URLs (ECMA-427 clause 5.4).

use std::fmt::Write as _;

use super::PurlFault;

/// Returns the text of an encoded part.
pub(crate) fn decode(encoded: &str) -> Result<String, PurlFault> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let (high, low) = (hex(rest.next())?, hex(rest.next())?);
            bytes.push(high << 4 | low);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| PurlFault::Encoding)
}

/// Appends a part, encoded: all but ASCII letters, digits, `.`, `-`, `_`, `~` and the colon.
pub(super) fn encode(part: &str, to: &mut String) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            to.push(char::from(byte));
        } else {
            write!(to, "%{byte:02X}").expect("a text takes every character");
        }
    }
}

fn hex(digit: Option<u8>) -> Result<u8, PurlFault> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16));
    value.and_then(|value| u8::try_from(value).ok()).ok_or(PurlFault::Encoding)
}
