//! Percent-encoding of package URLs (ECMA-427 clause 5.4).

use std::borrow::Cow;

use super::PurlFault;

/// Returns the text of an encoded part: the part itself where nothing in it is encoded.
pub(crate) fn decode(encoded: &str) -> Result<Cow<'_, str>, PurlFault> {
    if !encoded.contains('%') {
        return Ok(Cow::Borrowed(encoded));
    }
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
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| PurlFault::Encoding)
}

/// Appends a part, encoded: all but ASCII letters, digits, `.`, `-`, `_`, `~` and the colon.
pub(super) fn encode(part: &str, to: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            to.push(char::from(byte));
        } else {
            to.extend(['%', digit(byte >> 4), digit(byte & 0xf)]);
        }
    }
}

fn hex(digit: Option<u8>) -> Result<u8, PurlFault> {
    let value = digit.and_then(|digit| char::from(digit).to_digit(16));
    value.and_then(|value| u8::try_from(value).ok()).ok_or(PurlFault::Encoding)
}
