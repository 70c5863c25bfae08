//! Escapes: single characters that are written as several.

use super::{digit, pieces};

/// Decodes `%2d` of URLs. Returns false if it was ended early.
pub(super) fn percent(text: &[u8], found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    resolved(text, found, |rest, bytes| match rest {
        [b'%', high, low, ..] => {
            let byte = digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low)?;
            bytes.push(byte);
            Some(3)
        }
        _ => None,
    })
}

/// Resolves the escapes of JSON (RFC 8259 section 7): a document of JSON may be a string in another one, or be there in base64.
/// Without this the `n` of `\n` would be part of the word behind it. Returns false if it was ended early.
pub(super) fn json(text: &[u8], found: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    resolved(text, found, |rest, bytes| {
        let (byte, length) = match rest {
            [b'\\', b'u', a, b, c, d, ..] => {
                let digits = [a, b, c, d].map(|byte| digit(*byte));
                let number = digits
                    .into_iter()
                    .try_fold(0_u32, |number, digit| Some(number << 4 | u32::from(digit?)))?;
                // No token has another character than those of ASCII.
                (u8::try_from(number).unwrap_or(b' '), 6)
            }
            [b'\\', b'n' | b'r' | b't' | b'b' | b'f', ..] => (b'\n', 2),
            [b'\\', itself @ (b'"' | b'\\' | b'/'), ..] => (*itself, 2),
            _ => return None,
        };
        bytes.push(byte);
        Some(length)
    })
}

/// Hands on the text with its escapes resolved, piece by piece, where there are any. `escape` adds what an escape at the start
/// stands for and returns its length, or does nothing. One that is cut in two by the end of a piece is whole in the next.
fn resolved(
    text: &[u8],
    found: &mut dyn FnMut(&[u8]) -> bool,
    escape: impl Fn(&[u8], &mut Vec<u8>) -> Option<usize>,
) -> bool {
    pieces(text, |piece| {
        let mut bytes = Vec::with_capacity(piece.len());
        let mut rest = piece;
        while let [first, behind @ ..] = rest {
            let escaped = escape(rest, &mut bytes).and_then(|length| rest.get(length..));
            rest = escaped.unwrap_or_else(|| {
                bytes.push(*first);
                behind
            });
        }
        bytes.len() == piece.len() || found(&bytes)
    })
}
